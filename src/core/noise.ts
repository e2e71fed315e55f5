/**
 * Hostile or broken traffic, counted instead of logged: one line a minute for each kind and sender, and a bounded
 * number of senders. The first of a kind starts the minute.
 */
import type { Ip } from '../base/ip.ts'
import { afterMs, between, type Instant, milliseconds } from '../base/time.ts'
import type { Journal } from './journal.ts'

export type NoiseKind =
  | 'malformed' // not what the protocol allows
  | 'senseless' // well formed, and means nothing: arguments of UPnP
  | 'reflected' // a response sent to the server
  | 'stranger' // from an address that is no host of an internal network
  | 'too-many' // above the limit of one host
  | 'busy' // the queue was full

const MINUTE = milliseconds(60_000)
/** Senders counted one by one in a minute, all kinds together; the rest are `others`. */
const SENDERS = 64

export class Noise {
  readonly #journal: Journal
  readonly #counts = new Map<NoiseKind, Map<Ip | 'others', number>>()
  #senders = 0
  #since: Instant | undefined

  constructor(journal: Journal) {
    this.#journal = journal
  }

  count(kind: NoiseKind, from: Ip, now: Instant): void {
    this.#since ??= now
    let counts = this.#counts.get(kind)
    if (counts === undefined) {
      counts = new Map()
      this.#counts.set(kind, counts)
    }
    let who: Ip | 'others' = from
    let before = counts.get(from)
    if (before === undefined) {
      if (this.#senders < SENDERS) this.#senders++
      else {
        who = 'others'
        before = counts.get(who)
      }
    }
    counts.set(who, (before ?? 0) + 1)
  }

  get wakeAt(): Instant | undefined {
    return this.#since === undefined ? undefined : afterMs(this.#since, MINUTE)
  }

  wake(now: Instant): void {
    if (this.#since === undefined || between(this.#since, now) < MINUTE) return
    const seconds = Math.round(between(this.#since, now) / 1000)
    for (const [kind, counts] of this.#counts) {
      for (const [from, count] of counts) this.#journal.record({ what: 'noise', kind, from, count, seconds }, now)
    }
    this.#counts.clear()
    this.#senders = 0
    this.#since = undefined
  }
}
