/**
 * CLOCK_BOOTTIME on Node. `process.hrtime` is CLOCK_MONOTONIC, which stands still while the machine sleeps, and the
 * only exact clock there is; /proc/uptime is CLOCK_BOOTTIME in steps of 10 ms. So time is the first plus a distance
 * to the second, looked up at most once a second and corrected when they have drifted apart by more than a step.
 */
import type { Clock, Instant } from '../base/time.ts'

const LOOK_AGAIN = 1000
const STEP = 10

/** `uptime` gives seconds as /proc/uptime does, `monotonic` gives milliseconds; both from the same start. */
export function bootClock(uptime: () => number, monotonic: () => number): Clock {
  let lookedAt = monotonic()
  let distance = uptime() * 1000 - lookedAt
  let latest = 0
  return {
    now() {
      const now = monotonic()
      if (now - lookedAt >= LOOK_AGAIN) {
        lookedAt = now
        // The file's figure is rounded down: the truth lies between it and one step more.
        const seen = uptime() * 1000 - now
        if (seen > distance || seen + STEP < distance) distance = seen
      }
      latest = Math.max(latest, Math.floor(now + distance))
      return latest as Instant
    },
  }
}
