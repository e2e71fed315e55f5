/**
 * Seconds since the mapping table began (RFC 6886 §3.6). A client that sees the epoch fall behind its own clock
 * believes that all mappings are lost and renews every one at once, so it restarts only when that is true, or when the
 * external address changed (RFC 6887 §8.5: one epoch serves both protocols). A daemon that was restarted and adopted
 * its mappings goes on counting: the start is kept in the kernel beside them.
 */
import { type Instant, type Seconds, secondsBetween } from '../base/time.ts'

export class Epoch {
  #start: Instant
  readonly #onReset: (start: Instant) => void

  /** `onReset` stores the new start where a restarted daemon will find it. */
  constructor(start: Instant, onReset: (start: Instant) => void) {
    this.#start = start
    this.#onReset = onReset
  }

  get start(): Instant {
    return this.#start
  }

  /** To be asked for each packet as it leaves. */
  seconds(now: Instant): Seconds {
    return secondsBetween(this.#start, now)
  }

  reset(now: Instant): void {
    this.#start = now
    this.#onReset(now)
  }

  /** The mappings were adopted, so their epoch goes on. */
  resume(start: Instant): void {
    this.#start = start
  }
}
