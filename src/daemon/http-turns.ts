/** Who waits for a turn: one of each device after the other, in the order of coming, so a crowd waits behind itself. */
import type { Holder } from '../core/holder.ts'

interface Waiting {
  /** `undefined`: unix sockets. */
  readonly holder: Holder | undefined
}

export class Turns<T extends Waiting> {
  /** Whose turn is next stands first. */
  readonly #waiting = new Map<Holder | undefined, Set<T>>()
  /** Where each stands: who holds it may become known while it waits. */
  readonly #places = new Map<T, Holder | undefined>()

  get isEmpty(): boolean {
    return this.#waiting.size === 0
  }

  /** Twice is once. */
  add(each: T): void {
    if (this.#places.has(each)) return
    const { holder } = each
    this.#places.set(each, holder)
    const others = this.#waiting.get(holder)
    if (others === undefined) this.#waiting.set(holder, new Set([each]))
    else others.add(each)
  }

  delete(each: T): void {
    if (!this.#places.has(each)) return
    const holder = this.#places.get(each)
    this.#places.delete(each)
    const others = this.#waiting.get(holder)
    if (others?.delete(each) === true && others.size === 0) this.#waiting.delete(holder)
  }

  /** Takes the next one out. */
  next(): T | undefined {
    for (const [holder, waiting] of this.#waiting) {
      this.#waiting.delete(holder)
      for (const first of waiting) {
        waiting.delete(first)
        this.#places.delete(first)
        if (waiting.size > 0) this.#waiting.set(holder, waiting)
        return first
      }
    }
    return undefined
  }
}
