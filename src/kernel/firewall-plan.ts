/**
 * From changes to operations on elements, and from operations to the messages of a batch. What counts is the net
 * effect of all changes together: an element that goes and comes back in one turn is replaced in one step.
 */
import type { Instant } from '../base/time.ts'
import type { Change, Lease, Mapping } from '../core/mapping.ts'
import { sameEndpoint, sameOwner } from '../core/mapping.ts'
import { FLAG } from '../wire/netlink.ts'
import { Batch, FAMILY, request } from '../wire/nftables.ts'
import { ElementWriter, endpointKey, portKey } from './elements.ts'
import type { MappingIndex } from './firewall-index.ts'
import { keyOf, longest, replaced, withMapping, without } from './firewall-index.ts'
import type { Features, MappingSet } from './ruleset.ts'
import { TABLE } from './ruleset.ts'

/**
 * `delete` an element; `create` one that is not there; `refresh` gives one that is there a new timeout, on kernels
 * that do so.
 */
export type Act = 'delete' | 'create' | 'refresh'

export interface Operation {
  readonly act: Act
  readonly set: MappingSet
  readonly mapping: Mapping
  /** May outlast the mapping's own, where several share an element. */
  readonly lease: Lease
  /** Number of the change that is to blame if the kernel refuses. */
  readonly change: number
}

/** An element before and after all changes. */
interface Touched<T> {
  readonly before: T
  after: T
  change: number
}

export function plan(changes: readonly Change[], index: MappingIndex, features: Features): Operation[] {
  const { inbound, ports, endpoints } = touch(changes, index)
  const operations: Operation[] = []
  for (const { before, after, change } of inbound.values()) {
    const keep = before !== undefined && after !== undefined && sameBody(before, after)
    operations.push(...step('dnat4', wanted(before), wanted(after), keep, change, features))
  }
  for (const { before, after, change } of endpoints.values()) {
    const [was, now] = [outbound(before), outbound(after)]
    const keep = was !== undefined && now !== undefined && sameEndpoint(was.mapping.external, now.mapping.external)
    operations.push(...step('snat4', was, now, keep, change, features))
  }
  for (const { before, after, change } of ports.values()) {
    operations.push(...step('taken', wanted(before), wanted(after), true, change, features))
  }
  return operations
}

/** Every element that the changes concern, by key. */
function touch(changes: readonly Change[], index: MappingIndex) {
  const inbound = new Map<number, Touched<Mapping | undefined>>()
  const ports = new Map<number, Touched<Mapping | undefined>>()
  const endpoints = new Map<number, Touched<readonly Mapping[]>>()
  const one = (key: number, of: typeof inbound, before: Mapping | undefined, after: Mapping | undefined, n: number) => {
    const known = of.get(key)
    if (known === undefined) of.set(key, { before, after, change: n })
    else Object.assign(known, { after, change: n })
  }
  const list = (key: number, n: number, edit: (list: readonly Mapping[]) => readonly Mapping[]) => {
    const known = endpoints.get(key)
    const before = known === undefined ? index.leadingTo(key) : known.after
    if (known === undefined) endpoints.set(key, { before, after: edit(before), change: n })
    else Object.assign(known, { after: edit(before), change: n })
  }
  const external = ({ transport, external }: Mapping) => endpointKey(transport, external)
  const port = ({ transport, external }: Mapping) => portKey(transport, external.port)
  for (const [n, change] of changes.entries()) {
    const { mapping } = change
    const was = change.act === 'replace' ? change.was : change.act === 'remove' ? mapping : undefined
    if (was !== undefined) {
      one(external(was), inbound, was, undefined, n)
      one(port(was), ports, was, undefined, n)
    }
    if (change.act !== 'remove') {
      one(external(mapping), inbound, undefined, mapping, n)
      one(port(mapping), ports, undefined, mapping, n)
    }
    if (change.act === 'replace' && keyOf(change.was) === keyOf(mapping)) {
      list(keyOf(mapping), n, all => replaced(all, change.was, mapping))
    } else {
      if (was !== undefined) list(keyOf(was), n, all => without(all, was))
      if (change.act !== 'remove') list(keyOf(mapping), n, all => withMapping(all, mapping))
    }
  }
  return { inbound, ports, endpoints }
}

interface Wanted {
  readonly mapping: Mapping
  readonly lease: Lease
}

const wanted = (mapping: Mapping | undefined): Wanted | undefined =>
  mapping === undefined ? undefined : { mapping, lease: mapping.lease }

/** What `snat4` holds for an endpoint with these mappings. */
export function outbound(list: readonly Mapping[]): Wanted | undefined {
  const mapping = list[0]
  return mapping === undefined ? undefined : { mapping, lease: longest(list) }
}

/** `keep`: old and new element differ in nothing but perhaps the lease. */
function step(
  set: MappingSet,
  was: Wanted | undefined,
  now: Wanted | undefined,
  keep: boolean,
  change: number,
  features: Features,
): Operation[] {
  if (was === undefined) return now === undefined ? [] : [{ act: 'create', set, ...now, change }]
  if (now === undefined) return [{ act: 'delete', set, ...was, change }]
  if (keep && sameLease(was.lease, now.lease)) return []
  if (keep && features.updatesTimeouts && was.lease !== 'forever' && now.lease !== 'forever') {
    return [{ act: 'refresh', set, ...now, change }]
  }
  return [
    { act: 'delete', set, ...was, change },
    { act: 'create', set, ...now, change },
  ]
}

/** Whether two mappings have the same `dnat4` element, the lease apart. */
const sameBody = (a: Mapping, b: Mapping): boolean =>
  sameEndpoint(a.internal, b.internal) && sameOwner(a.owner, b.owner) && a.label === b.label && a.mac === b.mac

function sameLease(a: Lease, b: Lease): boolean {
  if (a === 'forever' || b === 'forever') return a === b
  return a.lifetime === b.lifetime && a.expires === b.expires
}

/** One message of a batch: which operation lies where in it. */
export interface Sent {
  readonly operations: readonly Operation[]
  /** Where the element of each operation begins, counted from the header of the message. */
  readonly starts: readonly number[]
}

const ACTS = ['delete', 'create', 'refresh'] as const
const MAPPING_SETS = ['dnat4', 'snat4', 'taken'] as const
/** A list of elements is one attribute, of at most 65535 bytes; no element is longer than 300. */
const LIST_BYTES = 0xffff - 300

/** Writes operations as messages, deletions first. */
export class OperationWriter {
  readonly #littleEndian: boolean
  readonly #elements: ElementWriter
  readonly #heads: Record<MappingSet, Record<Act, Uint8Array>>

  constructor(littleEndian: boolean, features: Features) {
    this.#littleEndian = littleEndian
    this.#elements = new ElementWriter(littleEndian)
    const heads = (set: MappingSet) => ({
      delete: head(features.destroysElements ? 'destroyElements' : 'deleteElements', 0, set, littleEndian),
      create: head('newElements', FLAG.create | FLAG.exclusive, set, littleEndian),
      refresh: head('newElements', FLAG.create, set, littleEndian),
    })
    this.#heads = { dnat4: heads('dnat4'), snat4: heads('snat4'), taken: heads('taken') }
  }

  /** `each: 'alone'`: a message for every element, so that each gets an answer of its own. */
  write(operations: readonly Operation[], now: Instant, each: 'together' | 'alone'): { batch: Batch; sent: Sent[] } {
    const batch = new Batch(this.#littleEndian, 'any', 256 + operations.length * 160)
    const sent: Sent[] = []
    for (const act of ACTS) {
      for (const set of MAPPING_SETS) {
        const due = operations.length === 1 ? operations : operations.filter(o => o.act === act && o.set === set)
        if (due[0]?.act === act && due[0].set === set) this.add(batch, sent, act, set, due, now, each)
      }
    }
    return { batch, sent }
  }

  /** Adds operations of one kind on one set, in as many messages as they need. */
  add(
    batch: Batch,
    sent: Sent[],
    act: Act,
    set: MappingSet,
    operations: readonly Operation[],
    now: Instant,
    each: 'together' | 'alone',
  ): void {
    const to = batch.writer
    for (let next = 0; next < operations.length; ) {
      const first = next
      const start = to.length
      batch.mark()
      to.put(this.#heads[set][act])
      const list = to.length - 4
      const starts: number[] = []
      while (next < operations.length && to.length - list < LIST_BYTES && (each === 'together' || next === first)) {
        const { mapping, lease } = operations[next] as Operation
        starts.push(to.length - start)
        if (act === 'delete') this.#elements.key(to, starts.length, set, mapping)
        else this.#elements.put(to, starts.length, set, mapping, lease, now)
        next++
      }
      to.view.setUint16(list, to.length - list, this.#littleEndian)
      to.view.setUint32(start, to.length - start, this.#littleEndian)
      sent.push({ operations: operations.slice(first, next), starts })
    }
  }
}

/** Everything of a message up to its elements: it ends with the header of their list. */
function head(
  name: 'newElements' | 'deleteElements' | 'destroyElements',
  flags: number,
  set: MappingSet,
  littleEndian: boolean,
): Uint8Array {
  return request(name, flags, 0, FAMILY.inet, { table: TABLE, set, elements: [] }, littleEndian)
}
