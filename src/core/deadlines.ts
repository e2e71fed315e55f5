/**
 * Deadlines in order. Putting one off, which is what a renewal does, costs nothing: the heap keeps the old time as a
 * lower bound and is corrected only when that time comes to the top. So a renewal is as cheap among 50,000 leases as
 * among ten, and each lease costs 24 bytes.
 */
import type { Instant } from '../base/time.ts'

const NOWHERE = -1

export class Deadlines {
  /** By id: when it is due. */
  #due = new Float64Array(64)
  /** By id: the time under which it stands in the heap; never later than `#due`. */
  #queued = new Float64Array(64)
  /** By id: its place in the heap. */
  #place = new Int32Array(64).fill(NOWHERE)
  /** Ids; no parent is queued later than its children. */
  #heap = new Int32Array(64)
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The earliest deadline. */
  get next(): Instant | undefined {
    while (this.#size > 0) {
      const id = this.#heap[0] as number
      const due = this.#due[id] as number
      if (due <= (this.#queued[id] as number)) return due as Instant
      this.#queued[id] = due
      this.#sink(0)
    }
    return undefined
  }

  /** Ids are small numbers, given out by the caller from 0 up. */
  set(id: number, at: Instant): void {
    if (id >= this.#due.length) this.#grow(id)
    this.#due[id] = at
    const place = this.#place[id] as number
    if (place === NOWHERE) {
      this.#queued[id] = at
      this.#put(id, this.#size++)
      this.#rise(this.#size - 1)
    } else if (at < (this.#queued[id] as number)) {
      this.#queued[id] = at
      this.#rise(place)
    }
  }

  clear(id: number): void {
    const place = id < this.#place.length ? (this.#place[id] as number) : NOWHERE
    if (place === NOWHERE) return
    this.#place[id] = NOWHERE
    const last = this.#heap[--this.#size] as number
    if (last === id) return
    this.#put(last, place)
    this.#rise(place)
    this.#sink(this.#place[last] as number)
  }

  /** Up to `most` ids whose time has come, in no order. */
  due(now: Instant, most: number): number[] {
    const found: number[] = []
    const open = [0]
    for (let at = open.pop(); at !== undefined && found.length < most; at = open.pop()) {
      if (at >= this.#size) continue
      const id = this.#heap[at] as number
      if ((this.#queued[id] as number) > now) continue
      if ((this.#due[id] as number) <= now) found.push(id)
      open.push(2 * at + 1, 2 * at + 2)
    }
    return found
  }

  #rise(from: number): void {
    let at = from
    const id = this.#heap[at] as number
    const time = this.#queued[id] as number
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = this.#heap[parent] as number
      if ((this.#queued[above] as number) <= time) break
      this.#put(above, at)
      at = parent
    }
    this.#put(id, at)
  }

  /** Without small functions: this runs for each renewal of the lease that would have ended first. */
  #sink(from: number): void {
    const heap = this.#heap
    const queued = this.#queued
    const place = this.#place
    const size = this.#size
    const id = heap[from] as number
    const time = queued[id] as number
    let at = from
    for (let child = 2 * at + 1; child < size; child = 2 * at + 1) {
      let below = heap[child] as number
      const other = heap[child + 1] as number
      if (child + 1 < size && (queued[other] as number) < (queued[below] as number)) {
        child++
        below = other
      }
      if ((queued[below] as number) >= time) break
      heap[at] = below
      place[below] = at
      at = child
    }
    heap[at] = id
    place[id] = at
  }

  #put(id: number, place: number): void {
    this.#heap[place] = id
    this.#place[id] = place
  }

  #grow(id: number): void {
    const length = Math.max(id + 1, this.#due.length * 2)
    const wider = <A extends Float64Array | Int32Array>(fresh: A, old: A): A => {
      fresh.set(old)
      return fresh
    }
    this.#due = wider(new Float64Array(length), this.#due)
    this.#queued = wider(new Float64Array(length), this.#queued)
    this.#heap = wider(new Int32Array(length), this.#heap)
    this.#place = wider(new Int32Array(length).fill(NOWHERE), this.#place)
  }
}
