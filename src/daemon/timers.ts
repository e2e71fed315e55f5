/**
 * One alarm clock. Parts say when they want to be woken; the only timer of the process is set here. After anything
 * that may have changed a part's wish, somebody calls `rearm()`; it is cheap and may be called too often.
 */
import type { Instant } from '../base/time.ts'
import type { Platform } from '../platform/platform.ts'

export interface Timed {
  /** When `wake` should be called next; `undefined` while there is nothing to wait for. */
  readonly wakeAt: Instant | undefined
  /** May be called early or late or twice: a part does what is due at `now` and nothing else. */
  wake(now: Instant): void
}

export class Timers {
  readonly #platform: Platform
  readonly #parts: Timed[] = []
  #armed: Instant | undefined

  constructor(platform: Platform) {
    this.#platform = platform
  }

  add(...parts: readonly Timed[]): void {
    this.#parts.push(...parts)
    this.rearm()
  }

  /** The same where only these parts may have another wish: an alarm is not put off, so nobody else needs to be asked. */
  hasten(parts: readonly Timed[]): void {
    for (let i = 0; i < parts.length; i++) {
      const at = (parts[i] as Timed).wakeAt
      if (at !== undefined && (this.#armed === undefined || at < this.#armed)) this.#arm(at)
    }
  }

  rearm(): void {
    let at: Instant | undefined
    for (let i = 0; i < this.#parts.length; i++) {
      const wish = (this.#parts[i] as Timed).wakeAt
      if (wish !== undefined && (at === undefined || wish < at)) at = wish
    }
    // Ringing too early costs one wake-up, putting the alarm off with every renewal a system call each.
    if (at === this.#armed || (at !== undefined && this.#armed !== undefined && this.#armed < at)) return
    this.#arm(at)
  }

  #arm(at: Instant | undefined): void {
    this.#armed = at
    this.#platform.wakeAt(at, () => this.#ring())
  }

  #ring(): void {
    this.#armed = undefined
    const now = this.#platform.clock.now()
    for (const part of this.#parts) {
      const due = part.wakeAt
      if (due !== undefined && due <= now) part.wake(now)
    }
    this.rearm()
  }
}
