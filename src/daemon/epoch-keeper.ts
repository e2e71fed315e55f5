/**
 * The start of the epoch, kept where a restarted daemon finds it: in the kernel, beside the mappings. A kernel that
 * does not take it at this moment is asked again; a client that saw the epoch fall back would renew for nothing.
 */

import { Backoff } from '../base/backoff.ts'
import { reasonOf } from '../base/fail.ts'
import type { Log } from '../base/log.ts'
import type { Clock, Instant } from '../base/time.ts'
import { milliseconds } from '../base/time.ts'
import type { Timed } from './timers.ts'

export interface EpochKeeperParts {
  readonly clock: Clock
  readonly log: Log
  /** Rejects when the kernel refuses. */
  readonly store: (start: Instant) => Promise<void>
  /** `wakeAt` may have changed. */
  readonly rearm: () => void
}

const FIRST_RETRY = milliseconds(500)
const LAST_RETRY = milliseconds(30_000)

export class EpochKeeper implements Timed {
  readonly #parts: EpochKeeperParts
  readonly #backoff = new Backoff(FIRST_RETRY, LAST_RETRY)
  #start: Instant | undefined

  constructor(parts: EpochKeeperParts) {
    this.#parts = parts
  }

  get wakeAt(): Instant | undefined {
    return this.#backoff.wakeAt
  }

  wake(now: Instant): void {
    if (this.#start !== undefined && this.#backoff.isDue(now)) this.keep(this.#start)
  }

  /** Returns at once. */
  keep(start: Instant): void {
    const { clock, log, store, rearm } = this.#parts
    this.#start = start
    this.#backoff.begin()
    store(start).then(
      () => this.#backoff.reset(),
      (error: unknown) => {
        if (this.#start !== start) return
        log('error', 'kernel', `the epoch's start cannot be stored, trying again: ${reasonOf(error)}`)
        this.#backoff.failed(clock.now())
        rearm()
      },
    )
  }
}
