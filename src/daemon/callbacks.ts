/**
 * Carries events to their subscribers: one connection each, from our own address on the subscriber's network, by the
 * device that it subscribed from. `Eventing` decides when a connection has lasted long enough.
 */
import type { Ip } from '../base/ip.ts'
import type { Dialing, Platform, Stream } from '../platform/platform.ts'
import { SystemError } from '../platform/platform.ts'
import type { Delivery, Outcome } from '../protocol/igd/eventing.ts'

export interface CallbacksParts {
  readonly platform: Platform
  /** Our address on that network of the device; `undefined` when there is none any more. */
  readonly addressFor: (host: Ip, device: string) => Ip | undefined
  readonly connected: (id: number) => void
  readonly finished: (id: number, outcome: Outcome) => void
}

/** The first line of an answer is all that is wanted, and all that is kept of it. */
const LONGEST_LINE = 1024
const BROKEN: Outcome = { is: 'broken' }

export class Callbacks {
  readonly #parts: CallbacksParts
  readonly #open = new Map<number, { close(): void }>()

  constructor(parts: CallbacksParts) {
    this.#parts = parts
  }

  get size(): number {
    return this.#open.size
  }

  /** Returns at once; the outcome comes later, also of what cannot be delivered. */
  deliver({ id, device, to, bytes }: Delivery): void {
    const { platform, addressFor, connected } = this.#parts
    const from = addressFor(to.ip, device)
    const where = { address: to.ip, port: to.port, device }
    const dialing: Dialing = platform.dial(from === undefined ? where : { ...where, from }, outcome => {
      if (outcome instanceof SystemError) {
        this.#finish(id, BROKEN)
        return
      }
      this.#open.set(id, outcome)
      connected(id)
      this.#listen(id, outcome)
      outcome.write(bytes)
    })
    this.#open.set(id, dialing)
  }

  /** Closes it; nothing is heard of it any more. */
  abandon(id: number): void {
    this.#open.get(id)?.close()
    this.#open.delete(id)
  }

  close(): void {
    for (const id of [...this.#open.keys()]) this.abandon(id)
  }

  #listen(id: number, stream: Stream): void {
    let line = ''
    stream.take(
      bytes => {
        line += String.fromCharCode(...bytes.subarray(0, LONGEST_LINE - line.length))
        const outcome = outcomeOf(line)
        if (outcome !== undefined) this.#finish(id, outcome)
      },
      () => this.#finish(id, BROKEN),
    )
  }

  #finish(id: number, outcome: Outcome): void {
    if (!this.#open.has(id)) return
    this.abandon(id)
    this.#parts.finished(id, outcome)
  }
}

/** Of what has come so far; `undefined` while the first line has no end (RFC 9112 §4). */
export function outcomeOf(text: string): Outcome | undefined {
  const end = text.indexOf('\n')
  if (end < 0) return text.length < LONGEST_LINE ? undefined : BROKEN
  const status = /^HTTP\/1\.[0-9] ([0-9]{3})(?: |\r?$)/.exec(text.slice(0, end))?.[1]
  return status === undefined ? BROKEN : { is: 'answered', status: Number(status) }
}
