/**
 * One clock: milliseconds since boot (CLOCK_BOOTTIME). A router's wall clock starts in the past and jumps when NTP
 * first answers, so no lease, epoch or timer may look at it. Time is always an argument: nothing below `platform/`
 * asks what time it is.
 */

/** A point in time, in milliseconds since boot; a whole number. */
export type Instant = number & { readonly unit: 'ms since boot' }

/** A length of time in whole seconds, as leases and epochs are counted. */
export type Seconds = number & { readonly unit: 's' }

/** A length of time in whole milliseconds, as kernel timeouts and retry gaps are counted. */
export type Milliseconds = number & { readonly unit: 'ms' }

export interface Clock {
  now(): Instant
}

export const seconds = (n: number): Seconds => n as Seconds
export const milliseconds = (n: number): Milliseconds => n as Milliseconds

export const inMilliseconds = (length: Seconds): Milliseconds => (length * 1000) as Milliseconds

/** The instant that lies `length` after `start`. */
export const after = (start: Instant, length: Seconds): Instant => (start + length * 1000) as Instant
export const afterMs = (start: Instant, length: Milliseconds): Instant => (start + length) as Instant

/** Time from `from` to `to`, never negative. */
export const between = (from: Instant, to: Instant): Milliseconds => Math.max(0, to - from) as Milliseconds

/** Whole seconds from `from` to `to`, rounded down, never negative: what an epoch field carries. */
export const secondsBetween = (from: Instant, to: Instant): Seconds => Math.floor(between(from, to) / 1000) as Seconds

export const shorter = (a: Seconds, b: Seconds): Seconds => (a < b ? a : b)

/** The earliest of some deadlines; `undefined` means "no wish to be woken". */
export function earliest(deadlines: Iterable<Instant | undefined>): Instant | undefined {
  let first: Instant | undefined
  for (const at of deadlines) {
    if (at !== undefined && (first === undefined || at < first)) first = at
  }
  return first
}
