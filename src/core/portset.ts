/**
 * Ports as bits, so that finding a free one costs the same in an empty and in an exhausted range: 64 summary words
 * lead to the first word that has a gap.
 */
import type { Port } from '../base/ip.ts'

const WORDS = 65536 / 32
const GROUPS = WORDS / 32
const FULL = -1

export class PortSet {
  readonly #words = new Int32Array(WORDS)
  /** One bit a word, set when that word has no gap. */
  readonly #full = new Int32Array(GROUPS)

  has(port: number): boolean {
    return (((this.#words[port >> 5] as number) >>> (port & 31)) & 1) === 1
  }

  add(port: number): void {
    const at = port >> 5
    const word = (this.#words[at] as number) | (1 << (port & 31))
    this.#words[at] = word
    if (word === FULL) this.#full[at >> 5] = (this.#full[at >> 5] as number) | (1 << (at & 31))
  }

  delete(port: number): void {
    const at = port >> 5
    this.#words[at] = (this.#words[at] as number) & ~(1 << (port & 31))
    this.#full[at >> 5] = (this.#full[at >> 5] as number) & ~(1 << (at & 31))
  }

  clear(): void {
    this.#words.fill(0)
    this.#full.fill(0)
  }

  copy(): PortSet {
    const copy = new PortSet()
    copy.#words.set(this.#words)
    copy.#full.set(this.#full)
    return copy
  }

  /** The lowest port of `first..last` that is neither in this set nor in `other`. */
  firstAbsent(other: PortSet, first: number, last: number): Port | undefined {
    const end = last >> 5
    for (let at = first >> 5; at <= end; at++) {
      const full = (this.#full[at >> 5] as number) | (other.#full[at >> 5] as number)
      const open = ~full & (-1 << (at & 31))
      // On to the next word that may have a gap, or past the last word of this group.
      at = open === 0 ? at | 31 : (at & ~31) + lowestBit(open)
      if (open === 0 || at > end) continue
      let gaps = ~((this.#words[at] as number) | (other.#words[at] as number))
      if (at === first >> 5) gaps &= -1 << (first & 31)
      if (gaps === 0) continue
      const port = at * 32 + lowestBit(gaps)
      return port <= last ? (port as Port) : undefined
    }
    return undefined
  }
}

/** 0..31 of a number that is not 0. */
const lowestBit = (bits: number): number => 31 - Math.clz32(bits & -bits)
