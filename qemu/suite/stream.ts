/** A steady stream of datagrams from a host, and its account at the end. */
import { join } from 'node:path'
import type { Host } from '../../test/support/host.ts'
import { root } from '../../test/support/root.ts'

export interface Account {
  readonly sent: number
  readonly back: number
  readonly lost: number
  readonly refused: number
  /** Longest time without an answer, seconds. */
  readonly gap: number
  /** Whether packets flowed at the end. */
  readonly alive: boolean
}

/** Starts it and waits for its first answer. */
export async function startStream(from: Host, ip: string, port: number, seconds: number, interval = 0.005) {
  const program = join(root, 'qemu/stream.py')
  const stream = from.start(['python3', program, ip, String(port), String(seconds), String(interval)])
  await stream.waitFor('started', 20_000)
  return {
    async done(): Promise<Account> {
      await stream.waitFor(/^\{.*\}$/m, (seconds + 60) * 1000)
      return JSON.parse(/^\{.*\}$/m.exec(stream.output)?.[0] ?? '{}')
    },
  }
}
