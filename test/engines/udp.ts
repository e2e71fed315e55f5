/** A UDP client for the tests. */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'

export interface Answer {
  readonly text: string
  readonly from: RemoteInfo
}

export class Client {
  readonly socket: Socket = createSocket('udp4')
  readonly answers: Answer[] = []
  #waiting: (() => void) | undefined

  constructor() {
    this.socket.on('message', (bytes, from) => {
      this.answers.push({ text: bytes.toString('latin1'), from })
      this.#waiting?.()
    })
  }

  /** Without waiting for the name: everything here is an address. */
  send(text: string, port: number, address = '127.0.0.1'): Promise<void> {
    return new Promise((resolve, reject) => {
      this.socket.send(Buffer.from(text, 'latin1'), port, address, error => (error ? reject(error) : resolve()))
    })
  }

  /** The next answer; undefined when none came in time. */
  async ask(text: string, port: number, address = '127.0.0.1', patience = 3_000): Promise<Answer | undefined> {
    this.answers.length = 0
    await this.send(text, port, address)
    if (this.answers.length === 0) {
      await new Promise<void>(resolve => {
        const alarm = setTimeout(resolve, patience)
        this.#waiting = () => {
          clearTimeout(alarm)
          resolve()
        }
      })
      this.#waiting = undefined
    }
    return this.answers[0]
  }

  close(): void {
    this.socket.close()
  }
}
