/** When something that failed is tried again: after a while, and after twice as long each time, up to a longest. */
import { afterMs, type Instant, type Milliseconds, milliseconds } from './time.ts'

export class Backoff {
  readonly #first: Milliseconds
  readonly #longest: Milliseconds
  #next: Milliseconds
  #at: Instant | undefined

  constructor(first: Milliseconds, longest: Milliseconds) {
    this.#first = first
    this.#longest = longest
    this.#next = first
  }

  /** When the next attempt is due; `undefined` while none waits. */
  get wakeAt(): Instant | undefined {
    return this.#at
  }

  isDue(now: Instant): boolean {
    return this.#at !== undefined && this.#at <= now
  }

  /** An attempt has failed. While another one waits already, this changes nothing. */
  failed(now: Instant): void {
    if (this.#at !== undefined) return
    this.#at = afterMs(now, this.#next)
    this.#next = milliseconds(Math.min(this.#next * 2, this.#longest))
  }

  /** An attempt begins: none waits any more, and should it fail, the pause is the longer one. */
  begin(): void {
    this.#at = undefined
  }

  /** It went well, or what is tried is another thing now. */
  reset(): void {
    this.#at = undefined
    this.#next = this.#first
  }
}
