/**
 * Wishes that wait for their turn. Bounded, and no host may hold more than its share of the places, so a host that
 * floods waits behind itself and not others behind it.
 */
import { type Holder, holderOf } from './holder.ts'
import type { Answer, Wish } from './mapping.ts'

export interface Waiting {
  readonly wish: Wish
  readonly answer: (answer: Answer) => void
  /** How many that had not come back yet went with it (`returning.ts`). */
  withdrawn?: number
}

/** Places in all, and places that one host may take. */
const PLACES = 1024
const SHARE = 128

export class WishQueue {
  #waiting: Waiting[] = []
  readonly #shares = new Map<Holder, number>()

  get length(): number {
    return this.#waiting.length
  }

  /** False when there is no place. */
  push(entry: Waiting): boolean {
    const host = holderIn(entry)
    if (this.#waiting.length >= PLACES) return false
    if (host !== undefined) {
      const share = this.#shares.get(host) ?? 0
      if (share >= SHARE) return false
      this.#shares.set(host, share + 1)
    }
    this.#waiting.push(entry)
    return true
  }

  /** The first `most`, in the order in which they came. */
  take(most: number): readonly Waiting[] {
    if (this.#waiting.length <= most) {
      const all = this.#waiting
      this.#waiting = []
      this.#shares.clear()
      return all
    }
    const taken = this.#waiting.splice(0, most)
    for (const waiting of taken) {
      const host = holderIn(waiting)
      if (host === undefined) continue
      const left = (this.#shares.get(host) ?? 1) - 1
      if (left === 0) this.#shares.delete(host)
      else this.#shares.set(host, left)
    }
    return taken
  }
}

const holderIn = ({ wish: { owner, mac } }: Waiting): Holder | undefined =>
  owner.via === 'operator' ? undefined : holderOf(mac, owner.client)
