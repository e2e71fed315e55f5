/** A router in a lab that holds nothing but our table, written by a worker on the engine of choice. */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Port } from '../../src/base/ip.ts'
import type { Settings } from '../../src/kernel/ruleset.ts'
import { type Lab, MARK } from './lab.ts'
import type { Command } from './nft-worker.ts'
import type { Background } from './process.ts'
import { root, supportFile } from './root.ts'

export const ENGINES = ['QuickJS', 'Node'] as const
/** The last one without its addon. */
export type Engine = (typeof ENGINES)[number] | 'Node alone'

export interface Worker {
  /** What the firewall resolved with; rejects with what it rejected with. */
  ask<T = unknown>(command: Command): Promise<T>
  /** The same, with the milliseconds that it took. */
  timed(command: Command): Promise<number>
  readonly process: Background
}

/** What fits the lab's router. */
export const SETTINGS: Settings = {
  internal: ['br-lan'],
  external: ['wan0'],
  external6: ['wan0'],
  markBit: MARK,
  guarded: [{ transport: 'udp', port: 5351 as Port }],
  capacity: 'unbounded',
}

const BUNDLE = join(root, 'build/test-support/nft-worker.mjs')
/** 50,000 elements on a machine with other work. */
const PATIENCE = 120_000
const HOST = join(root, 'build/host/porticod')
const ADDON = join(root, 'build/node/portico.node')
let bundled = false

export async function startWorker(lab: Lab, engine: Engine): Promise<Worker> {
  if (!bundled) {
    execFileSync('node', [join(root, 'tools/build.mjs'), supportFile('nft-worker.ts'), BUNDLE], { cwd: root })
    bundled = true
  }
  for (const file of [HOST, ADDON]) {
    if (!existsSync(file)) throw new Error(`${file} is not built; run make host node`)
  }
  const command = engine === 'QuickJS' ? [HOST, '--bundle', BUNDLE] : ['node', BUNDLE]
  const environment = { PORTICO_ADDON: engine === 'Node' ? ADDON : '/nowhere/portico.node' }
  const process = lab.router.start(command, { environment })
  await process.waitFor(/ready .*\n/)
  const send = async (command: Command) => {
    const start = process.output.length
    process.write(`${JSON.stringify(command)}\n`)
    const [line] = await process.waitFor(/^[^\n]*\n/, PATIENCE, start)
    const { ms, answer } = JSON.parse(line) as { ms: number; answer: unknown }
    const { error } = (answer ?? {}) as { error?: string }
    if (error !== undefined) throw new Error(error)
    return { ms, answer }
  }
  return {
    process,
    ask: async command => (await send(command)).answer as never,
    timed: async command => (await send(command)).ms,
  }
}
