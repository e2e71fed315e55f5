/** The test's side of agent.py: one per namespace, started at the first question. */
import { Background } from './process.ts'

export type Address = readonly [ip: string, port: number]

/** What came back: a reply, a plain no (ICMP unreachable, TCP reset), or nothing in the given time. */
export type Heard =
  | { readonly got: 'reply'; readonly hex: string; readonly text: string; readonly from: Address; readonly ms?: number }
  | { readonly got: 'refused'; readonly why: string }
  | { readonly got: 'nothing' }

export interface Seen {
  /** CLOCK_MONOTONIC, seconds. */
  readonly at: number
  readonly from: Address
  readonly to: Address
  readonly ttl: number
  readonly hex: string
}

/** What a client that was answered (or not) knows of one of its keys. */
export interface Known {
  readonly transport: 'udp' | 'tcp'
  readonly port: number
  readonly external: number | null
  readonly lifetime: number
  readonly answered: number
  /** The request under way when the load stopped: it may have taken effect or not. */
  readonly asking: 'map' | 'unmap' | null
}

export interface LoadCounts {
  readonly sent: number
  readonly repeated: number
  readonly granted: number
  readonly deleted: number
  readonly refused: Readonly<Record<string, number>>
  /** Times a client would have concluded from the epoch that the server lost its table (RFC 6886 §3.6). */
  readonly epochLosses: number
  /** Datagrams that are no answer to anything. */
  readonly odd: readonly string[]
}

export interface LoadOptions {
  readonly server: Address
  /** First and last internal port. */
  readonly ports: readonly [number, number]
  readonly transports?: readonly ('udp' | 'tcp')[]
  readonly lifetime?: number
  readonly window?: number
  /** Requests per second at most. */
  readonly rate?: number
  readonly deletes?: number
  readonly seed?: number
}

interface Pending {
  resolve(value: unknown): void
  reject(error: Error): void
}

export class Agent {
  readonly #process: Background
  readonly #pending = new Map<number, Pending>()
  #count = 0
  /** What has come of a line that has not ended yet. */
  #parts: string[] = []

  constructor(script: string, name: string, netns: string) {
    this.#process = new Background(['/usr/bin/python3', '-u', script, name], { netns }, text => this.#listen(text))
    void this.#process.ended.then(() => this.#fail())
  }

  call(request: { readonly do: string; readonly [key: string]: unknown }): Promise<unknown> {
    const id = ++this.#count
    if (this.#process.status !== undefined) return Promise.reject(new Error('the agent has ended'))
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject })
      this.#process.write(`${JSON.stringify({ id, ...request })}\n`)
    })
  }

  async stop(): Promise<void> {
    await this.#process.kill()
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
    if (!line.startsWith('{')) return
    const { id, ok, error } = JSON.parse(line) as { id: number; ok?: unknown; error?: string }
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    if (error === undefined) pending?.resolve(ok)
    else pending?.reject(new Error(error))
  }

  #fail(): void {
    for (const pending of this.#pending.values()) pending.reject(new Error(`agent ended: ${this.#process.output}`))
    this.#pending.clear()
  }
}
