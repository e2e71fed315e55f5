/** The suite's hand in the router: scripts go in, status and output come out. */
import type { Socket } from 'node:net'
import { type Finished, until } from '../test/support/process.ts'
import { tryConnect } from './qmp.ts'

export interface Hand {
  /** Runs a shell script in the router; 124 when the time (ms) is up. */
  sh(script: string, timeout: number): Promise<Finished>
  close(): void
}

/** Over a virtio-serial port, where rootfs/usr/sbin/agent listens. */
export class Agent implements Hand {
  readonly #socket: Socket
  readonly #pending = new Map<string, (done: Finished) => void>()
  #parts: string[] = []
  #count = 0

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setEncoding('latin1').on('data', (text: string) => this.#listen(text))
    socket.on('error', () => {})
    socket.on('close', () => {
      for (const settle of this.#pending.values()) settle({ status: 255, stdout: '', stderr: 'the router is gone' })
      this.#pending.clear()
    })
  }

  static async connect(path: string): Promise<Agent> {
    return new Agent(await until(`a socket at ${path}`, () => tryConnect(path), 60_000, 20))
  }

  /** Runs a shell script in the router; 124 when the time (ms) is up. */
  sh(script: string, timeout: number): Promise<Finished> {
    const id = `${process.pid}-${++this.#count}`
    this.#socket.write(`${id} ${Buffer.from(script).toString('base64')}\n`)
    return new Promise(resolve => {
      const settle = (done: Finished) => {
        clearTimeout(alarm)
        this.#pending.delete(id)
        resolve(done)
      }
      const alarm = setTimeout(() => settle({ status: 124, stdout: '', stderr: `no answer in ${timeout} ms` }), timeout)
      this.#pending.set(id, settle)
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #listen(text: string): void {
    const [first = '', ...rest] = text.split('\n')
    this.#parts.push(first)
    for (const next of rest) {
      this.#take(this.#parts.join(''))
      this.#parts = [next]
    }
  }

  #take(line: string): void {
    const [id = '', status, stdout = '', stderr = ''] = line.trim().split(' ')
    this.#pending.get(id)?.({ status: Number(status), stdout: decoded(stdout), stderr: decoded(stderr) })
  }
}

const decoded = (text: string): string => Buffer.from(text, 'base64').toString('utf8')
