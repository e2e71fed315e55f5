/** A stream whose other side is the test: what the code under test wrote, and what the "network" does to it. */
import { utf8Decode, utf8Encode } from '../../src/base/text.ts'
import type { Stream } from '../../src/platform/platform.ts'

export class MemoryStream implements Stream {
  readonly peer: Stream['peer']
  /** Bytes that the other side has not taken, as the code under test sees it. */
  pending = 0
  /** The other side stops taking: what is written stays pending. */
  isStuck = false
  state: 'open' | 'ended' | 'closed' = 'open'
  #written: Uint8Array[] = []
  #each: (bytes: Uint8Array) => void = () => {}
  #ended: () => void = () => {}
  #plain: ((text: string) => void) | undefined

  constructor(peer?: Stream['peer']) {
    this.peer = peer
  }

  take(each: (bytes: Uint8Array) => void, ended: () => void, plain?: (text: string) => void): void {
    this.#each = each
    this.#ended = ended
    this.#plain = plain
  }

  write(content: Uint8Array | string): void {
    if (this.state !== 'open') return
    const bytes = typeof content === 'string' ? utf8Encode(content) : content
    this.#written.push(bytes)
    if (this.isStuck) this.pending += bytes.length
  }

  end(): void {
    if (this.state === 'open') this.state = 'ended'
  }

  close(): void {
    this.state = 'closed'
  }

  /** From the other side. */
  send(text: string | Uint8Array): void {
    if (this.state === 'open') this.#each(typeof text === 'string' ? utf8Encode(text) : text)
  }

  /** Plain text, as an engine hands it over that can. */
  sendText(text: string): void {
    if (this.state === 'open' && this.#plain !== undefined) this.#plain(text)
    else this.send(text)
  }

  finish(): void {
    if (this.state === 'open') this.#ended()
  }

  /** All that was written since the last look. */
  read(): string {
    const text = this.#written.map(utf8Decode).join('')
    this.#written = []
    return text
  }
}

/** Lets promises that are due run: enough rounds for any chain in these tests. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await undefined
}

/** Two ends of one connection; what one writes reaches the other a moment later, in order. */
export function linkedStreams(): readonly [Stream, Stream] {
  const ends = [new LinkedStream(), new LinkedStream()] as const
  ends[0].other = ends[1]
  ends[1].other = ends[0]
  return ends
}

class LinkedStream implements Stream {
  readonly pending = 0
  readonly peer = undefined
  other: LinkedStream | undefined
  #isOpen = true
  #waiting: (Uint8Array | 'end')[] = []
  #handlers: { each: (bytes: Uint8Array) => void; ended: () => void } | undefined

  take(each: (bytes: Uint8Array) => void, ended: () => void): void {
    this.#handlers = { each, ended }
    void this.#deliver()
  }

  write(bytes: Uint8Array): void {
    if (this.#isOpen) this.other?.arrive(bytes)
  }

  end(): void {
    if (this.#isOpen) this.other?.arrive('end')
    this.#isOpen = false
  }

  close(): void {
    this.end()
    this.#handlers = undefined
  }

  arrive(what: Uint8Array | 'end'): void {
    this.#waiting.push(what)
    void this.#deliver()
  }

  async #deliver(): Promise<void> {
    await undefined
    while (this.#handlers !== undefined && this.#waiting.length > 0) {
      const next = this.#waiting.shift() as Uint8Array | 'end'
      if (next === 'end') this.#handlers.ended()
      else this.#handlers.each(next)
    }
  }
}
