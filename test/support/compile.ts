/** Small C programs of the tests, compiled when they are needed and kept in build/test-support. */
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { must } from './process.ts'
import { root, supportFile } from './root.ts'

/** Path of the program or, for `shared`, of the library to preload. */
export async function compiled(name: string, kind: 'program' | 'shared' = 'program'): Promise<string> {
  const source = supportFile(`${name}.c`)
  const directory = join(root, 'build/test-support')
  const target = join(directory, kind === 'shared' ? `${name}.so` : name)
  if (existsSync(target) && statSync(target).mtimeMs > statSync(source).mtimeMs) return target
  mkdirSync(directory, { recursive: true })
  const flags = kind === 'shared' ? ['-shared', '-fPIC'] : []
  await must(['gcc', '-O2', '-Wall', '-Wextra', ...flags, '-o', target, source], { timeout: 60_000 })
  return target
}
