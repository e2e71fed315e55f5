/**
 * Who waits to hear which device answers at an address inside. The kernel asks the link; we wait a moment, and only for
 * few at a time: every question that nobody answers leaves an entry in the kernel's table for a while.
 */
import type { Ip, Mac } from '../base/ip.ts'
import type { Clock, Instant } from '../base/time.ts'
import { afterMs, milliseconds } from '../base/time.ts'
import type { Timed } from './timers.ts'

export interface InquiriesParts {
  readonly clock: Clock
  /** Has the kernel ask who has this address, on the link with this index. May reject. */
  readonly ask: (host: Ip, index: number) => Promise<void>
  /** `wakeAt` may have changed. */
  readonly rearm: () => void
}

/** A host on the link answers within milliseconds; one that sleeps is asked again by the client's next try. */
const PATIENCE = milliseconds(500)
/** Waiting at the same time: for one device, and for all. */
const MOST = { perAsker: 4, total: 32 }

interface Wait {
  readonly host: Ip
  readonly index: number
  readonly asker: Mac
  readonly until: Instant
  readonly done: (mac: Mac | undefined) => void
}

export class Inquiries implements Timed {
  readonly #parts: InquiriesParts
  /** All wait equally long, so the first gives up first. */
  readonly #waits = new Set<Wait>()

  constructor(parts: InquiriesParts) {
    this.#parts = parts
  }

  get wakeAt(): Instant | undefined {
    for (const { until } of this.#waits) return until
    return undefined
  }

  /** The device at `host`; `undefined` when none answers in time, or too many wait. Never rejects. */
  find(host: Ip, index: number, asker: Mac): Promise<Mac | undefined> {
    const waits = [...this.#waits]
    const own = waits.filter(wait => wait.asker === asker).length
    if (waits.length >= MOST.total || own >= MOST.perAsker) return Promise.resolve(undefined)
    const isAsked = waits.some(wait => isAbout(wait, host, index))
    return new Promise(done => {
      this.#waits.add({ host, index, asker, until: afterMs(this.#parts.clock.now(), PATIENCE), done })
      this.#parts.rearm()
      if (isAsked) return
      this.#parts.ask(host, index).catch(() => this.#settle(host, index, undefined))
    })
  }

  heard(host: Ip, mac: Mac, index: number): void {
    if (this.#waits.size > 0) this.#settle(host, index, mac)
  }

  wake(now: Instant): void {
    for (const wait of this.#waits) {
      if (wait.until > now) return
      this.#waits.delete(wait)
      wait.done(undefined)
    }
  }

  /** Nobody is told anything any more. */
  close(): void {
    for (const { done } of this.#waits) done(undefined)
    this.#waits.clear()
  }

  #settle(host: Ip, index: number, mac: Mac | undefined): void {
    for (const wait of this.#waits) {
      if (!isAbout(wait, host, index)) continue
      this.#waits.delete(wait)
      wait.done(mac)
    }
  }
}

const isAbout = (wait: Wait, host: Ip, index: number): boolean => wait.host === host && wait.index === index
