/**
 * How many bytes a source may be sent for its searches: UDP proves no sender, so whatever answers more than it was sent
 * can be turned on the host whose address was forged. Each source has a bucket of bytes that fills with time, all
 * sources together have another, and neither depends on how much is asked.
 */
import type { Ip } from '../../base/ip.ts'
import type { Instant } from '../../base/time.ts'

export interface BudgetLimits {
  /** Bytes to one source at once, and to one source in each second. */
  readonly burst: number
  readonly perSecond: number
  /** The same to all sources together. */
  readonly totalBurst: number
  readonly totalPerSecond: number
  /** Sources remembered one by one; the rest share one bucket until there is room. */
  readonly sources: number
}

/**
 * Half a kilobyte a second is less than what six searches in a second bring in, and enough for a program that
 * searches for everything every ten seconds; the burst answers five such searches at once.
 */
export const BUDGET: BudgetLimits = {
  burst: 24_576,
  perSecond: 512,
  totalBurst: 262_144,
  totalPerSecond: 32_768,
  sources: 1024,
}

interface Bucket {
  bytes: number
  filled: Instant
}

export class Budget {
  readonly #limits: BudgetLimits
  readonly #buckets = new Map<Ip, Bucket>()
  readonly #total: Bucket
  readonly #others: Bucket
  #swept = 0 as Instant

  constructor(limits: BudgetLimits = BUDGET) {
    this.#limits = limits
    this.#total = { bytes: limits.totalBurst, filled: 0 as Instant }
    this.#others = { bytes: limits.burst, filled: 0 as Instant }
  }

  get sources(): number {
    return this.#buckets.size
  }

  /** Whether the source may be answered now. Looks only; a search that finds nothing costs nothing. */
  allows(source: Ip, now: Instant): boolean {
    return this.#filledTotal(now).bytes > 0 && this.#filled(this.#buckets.get(source), now) > 0
  }

  /** One answer set may overdraw the bucket; the debt is paid off before the next. */
  spend(source: Ip, bytes: number, now: Instant): void {
    this.#filledTotal(now).bytes -= bytes
    const bucket = this.#bucketOf(source, now)
    bucket.bytes = this.#refill(bucket, now) - bytes
    bucket.filled = now
  }

  #filledTotal(now: Instant): Bucket {
    const { totalBurst, totalPerSecond } = this.#limits
    this.#total.bytes = level(this.#total, now, totalPerSecond, totalBurst)
    this.#total.filled = now
    return this.#total
  }

  #filled(bucket: Bucket | undefined, now: Instant): number {
    if (bucket !== undefined) return this.#refill(bucket, now)
    return this.#buckets.size < this.#limits.sources ? this.#limits.burst : this.#refill(this.#others, now)
  }

  /** Forgetting a bucket would fill it, so only full ones are forgotten; looked for at most once a second. */
  #bucketOf(source: Ip, now: Instant): Bucket {
    const known = this.#buckets.get(source)
    if (known !== undefined) return known
    if (this.#buckets.size >= this.#limits.sources && now - this.#swept >= 1000) {
      this.#swept = now
      for (const [ip, bucket] of this.#buckets) {
        if (this.#refill(bucket, now) >= this.#limits.burst) this.#buckets.delete(ip)
      }
    }
    if (this.#buckets.size >= this.#limits.sources) return this.#others
    const fresh = { bytes: this.#limits.burst, filled: now }
    this.#buckets.set(source, fresh)
    return fresh
  }

  #refill(bucket: Bucket, now: Instant): number {
    return level(bucket, now, this.#limits.perSecond, this.#limits.burst)
  }
}

const level = (bucket: Bucket, now: Instant, perSecond: number, most: number): number =>
  Math.min(most, bucket.bytes + (Math.max(0, now - bucket.filled) * perSecond) / 1000)
