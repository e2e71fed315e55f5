/** How much one host may ask: a bucket of tokens for each, refilled with time (RFC 6886 §9.5 names the need). */
import type { Instant } from '../base/time.ts'
import type { Holder } from './holder.ts'

/** Hosts remembered at once; a flood of invented addresses pushes out the oldest, which then starts with a full bucket. */
const HOSTS = 1024

interface Bucket {
  tokens: number
  filled: Instant
}

export class Rate {
  readonly #buckets = new Map<Holder, Bucket>()
  readonly #leastBurst: number

  /** `leastBurst`: so much at once is nobody's flood, however low the limit is. */
  constructor(leastBurst = 0) {
    this.#leastBurst = leastBurst
  }

  /** Takes one token; false when there is none. `perSecond` 0 is no limit; a burst may be twice as large. */
  allows(host: Holder, perSecond: number, now: Instant): boolean {
    if (perSecond === 0) return true
    const most = Math.max(this.#leastBurst, perSecond * 2)
    let bucket = this.#buckets.get(host)
    if (bucket === undefined) {
      bucket = { tokens: most, filled: now }
      this.#remember(host, bucket)
    }
    bucket.tokens = Math.min(most, bucket.tokens + ((now - bucket.filled) * perSecond) / 1000)
    bucket.filled = now
    if (bucket.tokens < 1) return false
    bucket.tokens--
    return true
  }

  get hosts(): number {
    return this.#buckets.size
  }

  #remember(host: Holder, bucket: Bucket): void {
    if (this.#buckets.size >= HOSTS) {
      for (const oldest of this.#buckets.keys()) {
        this.#buckets.delete(oldest)
        break
      }
    }
    this.#buckets.set(host, bucket)
  }
}
