/**
 * One refresh at a time. Wishes that come during one become one more after it, and a refresh that fails is tried
 * again, later each time: what the owner or the network changed must not be forgotten because the kernel was busy.
 */

import { Backoff } from '../base/backoff.ts'
import { reasonOf } from '../base/fail.ts'
import type { Log } from '../base/log.ts'
import type { Clock, Instant } from '../base/time.ts'
import { milliseconds } from '../base/time.ts'
import type { Timed } from './timers.ts'

/** `files`: the owner's files are to be read again; `links`: what the kernel and netifd say has changed. */
export type Refresh = 'links' | 'files'

export interface RefresherParts {
  readonly clock: Clock
  readonly log: Log
  readonly carryOut: (what: Refresh) => Promise<void>
  /** `wakeAt` may have changed. */
  readonly rearm: () => void
}

const FIRST_RETRY = milliseconds(500)
const LAST_RETRY = milliseconds(30_000)

export class Refresher implements Timed {
  readonly #parts: RefresherParts
  #started = false
  #running = false
  #wanted: Refresh | undefined
  readonly #backoff = new Backoff(FIRST_RETRY, LAST_RETRY)

  constructor(parts: RefresherParts) {
    this.#parts = parts
  }

  get wakeAt(): Instant | undefined {
    return this.#running ? undefined : this.#backoff.wakeAt
  }

  wake(now: Instant): void {
    if (this.#backoff.isDue(now) && !this.#running) this.#run()
  }

  /** The first refresh, whose failure is the caller's; what was wanted before it is part of it or follows. */
  async start(): Promise<void> {
    this.#running = true
    this.#wanted = undefined
    try {
      await this.#parts.carryOut('links')
    } finally {
      this.#started = true
      this.#running = false
    }
    if (this.#wanted !== undefined) this.#run()
  }

  /** Returns at once. */
  want(what: Refresh): void {
    this.#wanted = what === 'files' || this.#wanted === 'files' ? 'files' : 'links'
    if (this.#started && !this.#running) this.#run()
  }

  #run(): void {
    this.#running = true
    this.#work().then(() => {
      this.#running = false
      if (this.#wanted !== undefined && this.#backoff.wakeAt === undefined) this.#run()
      this.#parts.rearm()
    })
  }

  /** Never rejects. */
  async #work(): Promise<void> {
    const { carryOut, clock, log } = this.#parts
    this.#backoff.begin()
    const what = this.#wanted ?? 'links'
    this.#wanted = undefined
    try {
      await carryOut(what)
      this.#backoff.reset()
    } catch (error) {
      log('error', 'system', `a change could not be carried out, trying again: ${reasonOf(error)}`)
      this.#wanted ??= 'links' // the files have been read; what they said is compared again
      this.#backoff.failed(clock.now())
    }
  }
}
