/**
 * What the kernel was told: every mapping. Those that translate and are in use are found by their internal endpoint;
 * several may lead to one (under different external ports), and the oldest of them is the one under which the endpoint's
 * own packets leave. The others, which lead nobody out (pinholes, and what is not in use), are found by their element.
 */
import type { Lease, Mapping } from '../core/mapping.ts'
import { endpointKey } from './elements.ts'
import { bodyKeyOf, leadsOut } from './kinds.ts'

/** Nearly every endpoint has one mapping, and needs no list for it. */
type Held = Mapping | readonly Mapping[]

export class MappingIndex {
  readonly #held = new Map<number, Held>()
  readonly #others = new Map<number | string, Mapping>()

  constructor(mappings: Iterable<Mapping> = []) {
    for (const mapping of mappings) this.add(mapping)
  }

  /** Those that lead to the endpoint with this key, oldest first. */
  leadingTo(key: number): readonly Mapping[] {
    return listed(this.#held.get(key))
  }

  /** Whether any mapping leads to the endpoint with this key. */
  holds(key: number): boolean {
    return this.#held.has(key)
  }

  /** Whether this one does, and no other. */
  holdsOnly(key: number, mapping: Mapping): boolean {
    const held = this.#held.get(key)
    return held !== undefined && !Array.isArray(held) && sameExternal(held as Mapping, mapping)
  }

  *all(): Generator<Mapping, void> {
    for (const held of this.#held.values()) yield* listed(held)
    yield* this.#others.values()
  }

  /** Those that lead nobody out: pinholes, and what is disabled or suspended. */
  others(): Iterable<Mapping> {
    return this.#others.values()
  }

  /** One of the others, by its element (`bodyKeyOf`). */
  other(key: number | string): Mapping | undefined {
    return this.#others.get(key)
  }

  /** Each endpoint's mappings that lead out, oldest first. */
  *byEndpoint(): Generator<readonly Mapping[], void> {
    for (const held of this.#held.values()) yield listed(held)
  }

  get endpoints(): number {
    return this.#held.size
  }

  add(mapping: Mapping): void {
    if (mapping.state !== 'on' || mapping.pinhole !== undefined) {
      this.#others.set(bodyKeyOf(mapping), mapping)
      return
    }
    const key = keyOf(mapping)
    const held = this.#held.get(key)
    this.#held.set(key, held === undefined ? mapping : withMapping(listed(held), mapping))
  }

  remove(mapping: Mapping): void {
    if (!leadsOut(mapping)) {
      this.#others.delete(bodyKeyOf(mapping))
      return
    }
    const key = keyOf(mapping)
    if (this.holdsOnly(key, mapping)) {
      this.#held.delete(key)
      return
    }
    const left = without(this.leadingTo(key), mapping)
    if (left.length === 0) this.#held.delete(key)
    else this.#held.set(key, left.length === 1 ? (left[0] as Mapping) : left)
  }

  /** A renewal or a move keeps its place among the mappings of its endpoint. */
  replace(was: Mapping, mapping: Mapping): void {
    if (!sameInternal(was, mapping) || !leadsOut(was) || !leadsOut(mapping)) {
      this.remove(was)
      this.add(mapping)
      return
    }
    const key = keyOf(mapping)
    if (this.holdsOnly(key, was)) {
      this.#held.set(key, mapping)
      return
    }
    const list = replaced(this.leadingTo(key), was, mapping)
    this.#held.set(key, list.length === 1 ? mapping : list)
  }
}

/** Of a mapping that leads out: an IPv4 endpoint. */
export const keyOf = (mapping: Mapping): number => endpointKey(mapping.transport, mapping.internal)

/** Adds at the end, or takes the place of the one with the same external endpoint. */
export function withMapping(list: readonly Mapping[], mapping: Mapping): readonly Mapping[] {
  const known = list.some(each => sameExternal(each, mapping))
  return known ? replaced(list, mapping, mapping) : [...list, mapping]
}

export const without = (list: readonly Mapping[], mapping: Mapping): readonly Mapping[] =>
  list.filter(each => !sameExternal(each, mapping))

export function replaced(list: readonly Mapping[], was: Mapping, mapping: Mapping): readonly Mapping[] {
  if (!list.some(each => sameExternal(each, was))) return withMapping(list, mapping)
  return list.map(each => (sameExternal(each, was) ? mapping : each))
}

/** The lease that outlives the others. */
export function longest(list: readonly Mapping[]): Lease | undefined {
  let lease = list[0]?.lease
  if (lease === undefined || list.length === 1) return lease
  for (const each of list) {
    if (lease === 'forever' || each.lease === 'forever') return 'forever'
    if (each.lease.expires > lease.expires) lease = each.lease
  }
  return lease
}

export const sameInternal = (a: Mapping, b: Mapping): boolean =>
  a.internal.port === b.internal.port && a.internal.ip === b.internal.ip && a.transport === b.transport

const sameExternal = (a: Mapping, b: Mapping): boolean =>
  a.external.port === b.external.port && a.external.ip === b.external.ip && a.transport === b.transport

function listed(held: Held | undefined): readonly Mapping[] {
  if (held === undefined) return []
  return Array.isArray(held) ? held : [held as Mapping]
}
