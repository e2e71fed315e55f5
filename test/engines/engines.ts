/** The engines as the tests start them. */
import { execFileSync } from 'node:child_process'
import { afterEach } from 'vitest'
import type { Finished, RunOptions } from '../support/process.ts'
import { Background, run } from '../support/process.ts'

/** `node-alone` is Node without its addon. */
export type Engine = 'porticod' | 'qjs' | 'node' | 'node-alone'
export const ENGINES: readonly Engine[] = ['porticod', 'qjs', 'node']
export const QUICKJS: readonly Engine[] = ['porticod', 'qjs']

const PROGRAM = 'build/engines/program.mjs'
const ALONE = 'build/engines/alone/program.mjs'
const COMMANDS: Record<Engine, readonly string[]> = {
  porticod: ['build/host/porticod', '--bundle', PROGRAM],
  qjs: ['build/host/qjs', PROGRAM],
  node: ['node', PROGRAM],
  'node-alone': ['node', ALONE],
}

export const command = (engine: Engine, ...words: readonly string[]) => [...COMMANDS[engine], ...words]

/** Runs a scene to its end. */
export const play = (engine: Engine, words: readonly string[], options: RunOptions = {}): Promise<Finished> =>
  run(command(engine, ...words), options)

/** Starts a scene and waits until it has set itself up. `prefix` is a program that starts it, `prlimit` for instance. */
export async function start(
  engine: Engine,
  words: readonly string[],
  prefix: readonly string[] = [],
): Promise<Background> {
  const program = new Background([...prefix, ...command(engine, ...words)])
  await program.waitFor(/^ready$/m)
  return program
}

/** `start`, for the length of a test: what it started, or others added to `started`, ends with it. */
export function starter(started: Background[] = []): typeof start {
  afterEach(async () => {
    for (const program of started.splice(0)) await program.kill()
  })
  return async (...values) => {
    const program = await start(...values)
    started.push(program)
    return program
  }
}

/** The namespace of a test file has nothing but `lo`, and that is down. */
export function loopbackUp(): void {
  execFileSync('ip', ['link', 'set', 'lo', 'up'])
}

/** A name in the abstract space as every engine writes it: filled up with NUL. */
export const abstract = (name: string): string => `\0${name}`.padEnd(108, '\0')
