/** A host that asks for many mappings at once (many.py). */
import { join } from 'node:path'
import type { Host } from '../../test/support/host.ts'
import { root } from '../../test/support/root.ts'

export interface Asked {
  readonly granted: number
  readonly refused: Readonly<Record<string, number>>
  readonly repeated: number
  readonly seconds: number
  /** Answers per second. */
  readonly rate: number
  /** Milliseconds from the first asking to the answer. */
  readonly median: number
  readonly p99: number
}

/** `seconds` ends it before `count` is reached: then the rate is that of what was answered until then. */
export async function askMany(host: Host, count: number, first: number, window = 32, seconds = 700): Promise<Asked> {
  const program = join(root, 'qemu/many.py')
  const words = ['192.168.88.1', count, first, window, seconds].map(String)
  return JSON.parse(await host.must(['python3', program, ...words], { timeout: 720_000 }))
}
