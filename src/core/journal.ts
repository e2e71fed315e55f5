/**
 * What happened to mappings: the latest events in a ring for people who ask, and a line for each to the log. A flood
 * of grants must not flood the log: beyond a burst the lines are counted, and the ring still has the events.
 */
import type { Severity } from '../base/log.ts'
import { afterMs, type Instant, milliseconds } from '../base/time.ts'
import { type Event, severityOf, textOf } from './record.ts'

export interface Entry {
  /** Counts from 1 without gaps; a reader sees by it what it missed. */
  readonly number: number
  readonly at: Instant
  readonly event: Event
}

export type Sink = (severity: Severity, line: string, event: Event) => void

/** Log lines in one go, and lines a second in the long run. Warnings and errors are always written. */
const BURST = 200
const PER_SECOND = 20
/** After this long the log hears how many lines were left out, though none follows. */
const PATIENCE = milliseconds(10_000)

export class Journal {
  readonly #sink: Sink
  readonly #capacity: number
  readonly #ring: Entry[] = []
  #number = 0
  #lines = BURST
  #filled: Instant | undefined
  #left = 0
  /** Since when lines have been left out that the log has not heard of. */
  #leftSince: Instant | undefined

  constructor(sink: Sink, capacity = 500) {
    this.#sink = sink
    this.#capacity = capacity
  }

  record(event: Event, now: Instant): void {
    const entry = { number: ++this.#number, at: now, event }
    // A ring by number: entry n stands at (n - 1) % capacity.
    this.#ring[(entry.number - 1) % this.#capacity] = entry
    const severity = severityOf(event)
    if (severity !== 'info' || this.#mayWrite(now)) this.#sink(severity, textOf(event), event)
    else {
      this.#left++
      this.#leftSince ??= now
    }
  }

  get wakeAt(): Instant | undefined {
    return this.#leftSince === undefined ? undefined : afterMs(this.#leftSince, PATIENCE)
  }

  wake(now: Instant): void {
    const at = this.wakeAt
    if (at !== undefined && at <= now) this.#tellLeft()
  }

  /** The latest events, oldest first; `after` leaves out what a reader already has. */
  entries(after = 0): readonly Entry[] {
    const first = Math.max(after + 1, this.#number - this.#ring.length + 1)
    const found: Entry[] = []
    for (let n = first; n <= this.#number; n++) found.push(this.#ring[(n - 1) % this.#capacity] as Entry)
    return found
  }

  #mayWrite(now: Instant): boolean {
    const elapsed = now - (this.#filled ?? now)
    this.#filled = now
    this.#lines = Math.min(BURST, this.#lines + (elapsed * PER_SECOND) / 1000)
    if (this.#lines < 1) return false
    this.#lines--
    this.#tellLeft()
    return true
  }

  #tellLeft(): void {
    if (this.#left === 0) return
    const event = { what: 'quiet', count: this.#left } as const
    this.#left = 0
    this.#leftSince = undefined
    this.#sink(severityOf(event), textOf(event), event)
  }
}
