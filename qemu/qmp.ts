/** QEMU's control socket: one command at a time, JSON lines. */
import { createConnection, type Socket } from 'node:net'
import { until } from '../test/support/process.ts'

interface Reply {
  readonly return?: unknown
  readonly error?: { readonly desc: string }
  readonly event?: string
}

export class Qmp {
  readonly #socket: Socket
  readonly #waiting: ((reply: Reply) => void)[] = []
  #rest = ''

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setEncoding('utf8').on('data', (text: string) => this.#take(text))
    socket.on('error', () => {})
    socket.on('close', () => {
      for (const answer of this.#waiting.splice(0)) answer({ error: { desc: 'QEMU has ended' } })
    })
  }

  static async connect(path: string): Promise<Qmp> {
    const socket = await until(`QEMU listens at ${path}`, () => tryConnect(path), 60_000, 20)
    const qmp = new Qmp(socket)
    await qmp.run('qmp_capabilities')
    return qmp
  }

  run(execute: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    this.#socket.write(`${JSON.stringify({ execute, arguments: args })}\n`)
    return new Promise((resolve, reject) => {
      this.#waiting.push(({ error, return: result }) =>
        error === undefined ? resolve(result) : reject(new Error(`${execute}: ${error.desc}`)),
      )
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      const reply = JSON.parse(line) as Reply
      if ('return' in reply || 'error' in reply) this.#waiting.shift()?.(reply)
    }
  }
}

export const tryConnect = (path: string): Promise<Socket | undefined> =>
  new Promise(resolve => {
    const socket = createConnection(path)
    socket.once('connect', () => resolve(socket))
    socket.once('error', () => resolve(undefined))
  })
