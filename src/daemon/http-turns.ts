/** Who waits for a turn: one of each address after the other, in the order of coming, so a crowd waits behind itself. */
import type { Ip } from '../base/ip.ts'
import type { Stream } from '../platform/platform.ts'

interface Waiting {
  readonly peer: Stream['peer']
}

export class Turns<T extends Waiting> {
  /** The address whose turn is next stands first. `undefined`: unix sockets. */
  readonly #waiting = new Map<Ip | undefined, Set<T>>()

  get isEmpty(): boolean {
    return this.#waiting.size === 0
  }

  /** Twice is once. */
  add(each: T): void {
    const ip = each.peer?.ip
    const others = this.#waiting.get(ip)
    if (others === undefined) this.#waiting.set(ip, new Set([each]))
    else others.add(each)
  }

  delete(each: T): void {
    const ip = each.peer?.ip
    const others = this.#waiting.get(ip)
    if (others?.delete(each) === true && others.size === 0) this.#waiting.delete(ip)
  }

  /** Takes the next one out. */
  next(): T | undefined {
    for (const [ip, waiting] of this.#waiting) {
      this.#waiting.delete(ip)
      for (const first of waiting) {
        waiting.delete(first)
        if (waiting.size > 0) this.#waiting.set(ip, waiting)
        return first
      }
    }
    return undefined
  }

  clear(): void {
    this.#waiting.clear()
  }
}
