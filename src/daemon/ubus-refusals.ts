/**
 * What ubusd refuses us on a connection: a daemon of before may still have our name, or an ACL is not loaded yet. It is
 * said once, and asked for again, later each time, until we have it.
 */
import { Backoff } from '../base/backoff.ts'
import type { Log } from '../base/log.ts'
import { type Instant, milliseconds } from '../base/time.ts'
import type { Timed } from './timers.ts'

export interface UbusRefusalsParts {
  readonly now: () => Instant
  readonly log: Log
  /** `wakeAt` may have changed. */
  readonly rearm: () => void
}

/** procd gives a daemon five seconds to end. */
const FIRST_PAUSE = milliseconds(500)
/** Who never gets a right asks seldom. */
const LONGEST_PAUSE = milliseconds(60_000)

interface Refusal {
  /** For people. */
  readonly trouble: string
  readonly ask: () => void
  /** Asked for again, and not answered yet. */
  isAsked: boolean
}

export class UbusRefusals implements Timed {
  readonly #parts: UbusRefusalsParts
  readonly #backoff = new Backoff(FIRST_PAUSE, LONGEST_PAUSE)
  readonly #refusals = new Map<string, Refusal>()

  constructor(parts: UbusRefusalsParts) {
    this.#parts = parts
  }

  /** All of them, for people; `undefined` when there is none. */
  get trouble(): string | undefined {
    return this.#refusals.size === 0 ? undefined : Array.from(this.#refusals.values(), each => each.trouble).join('; ')
  }

  get wakeAt(): Instant | undefined {
    return this.#backoff.wakeAt
  }

  wake(now: Instant): void {
    if (this.#backoff.isDue(now)) this.again()
  }

  /** `ask` asks for it again; the answer is told here. */
  refused(what: string, trouble: string, ask: () => void): void {
    const { now, log, rearm } = this.#parts
    if (!this.#refusals.has(what)) log('warning', 'ubus', `${trouble}; asking again`)
    this.#refusals.set(what, { trouble, ask, isAsked: false })
    this.#backoff.failed(now())
    rearm()
  }

  granted(what: string): void {
    if (!this.#refusals.delete(what)) return
    this.#parts.log('info', 'ubus', `ubusd gives us ${what} now`)
    if (this.#refusals.size === 0) this.#backoff.reset()
  }

  /** Asks for all of it now. */
  again(): void {
    this.#backoff.begin()
    for (const refusal of [...this.#refusals.values()]) {
      if (refusal.isAsked) continue
      refusal.isAsked = true
      refusal.ask()
    }
  }

  /** The connection has ended: on the next one everything is asked for anyway. */
  clear(): void {
    this.#refusals.clear()
    this.#backoff.reset()
  }
}
