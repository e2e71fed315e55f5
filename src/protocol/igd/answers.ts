/** Answers to multicast searches that wait for their time, the earliest first; bounded, for each source and in all. */
import type { Ip } from '../../base/ip.ts'
import type { Instant } from '../../base/time.ts'
import type { Door, Outgoing } from './discovery.ts'

/** At some 400 bytes each, about 100 kB. */
export const ANSWERS = 256
export const ANSWERS_PER_SOURCE = 64

interface Waiting {
  readonly key: string
  readonly datagram: Outgoing
}

export class Answers {
  /** By time. */
  #waiting: Waiting[] = []

  get size(): number {
    return this.#waiting.length
  }

  get next(): Instant | undefined {
    return this.#waiting[0]?.datagram.at
  }

  /** Whether the same search of the same sender still has answers to come. */
  holds(key: string): boolean {
    return this.#waiting.some(each => each.key === key)
  }

  hasRoom(source: Ip, count: number): boolean {
    if (this.#waiting.length + count > ANSWERS) return false
    let held = count
    for (const { datagram } of this.#waiting) if (datagram.to === source) held++
    return held <= ANSWERS_PER_SOURCE
  }

  add(key: string, datagram: Outgoing): void {
    let at = this.#waiting.length
    while (at > 0 && (this.#waiting[at - 1] as Waiting).datagram.at > datagram.at) at--
    this.#waiting.splice(at, 0, { key, datagram })
  }

  /** Takes out what is due. */
  due(now: Instant): Outgoing[] {
    let count = 0
    while (count < this.#waiting.length && (this.#waiting[count] as Waiting).datagram.at <= now) count++
    return count === 0 ? [] : this.#waiting.splice(0, count).map(({ datagram }) => datagram)
  }

  forget(door: Door): void {
    this.#waiting = this.#waiting.filter(
      ({ datagram }) => datagram.device !== door.device || datagram.from !== door.address,
    )
  }
}
