/**
 * From changes to operations on elements, and from operations to the messages of a batch. What counts is the net
 * effect of all changes together: an element that goes and comes back in one turn is replaced in one step.
 */
import type { Instant } from '../base/time.ts'
import type { Change, Lease, Mapping } from '../core/mapping.ts'
import { sameEndpoint, sameOwner } from '../core/mapping.ts'
import { FLAG } from '../wire/netlink.ts'
import { Writer } from '../wire/netlink-attributes.ts'
import { Batch, FAMILY, request } from '../wire/nftables.ts'
import type { PlainSet } from './elements.ts'
import { ElementWriter, isRare, portKey } from './elements.ts'
import type { MappingIndex } from './firewall-index.ts'
import { keyOf, longest, replaced, withMapping, without } from './firewall-index.ts'
import type { Move } from './firewall-move.ts'
import { bodyKeyOf, bodySetOf, leadsOut, sameKind } from './kinds.ts'
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

/** The operations that turn what the kernel has into what it should have. */
export function plan(changes: readonly Change[], index: MappingIndex, features: Features): Operation[] {
  const operations: Operation[] = []
  const [only] = changes
  if (changes.length === 1 && only !== undefined) planOne(only, index, features, operations)
  else planAll(changes, index, features, operations)
  return operations
}

/** The usual turn: a single request, for which no element needs to be found again. */
function planOne(change: Change, index: MappingIndex, features: Features, to: Operation[]): void {
  const was = change.act === 'add' ? undefined : change.act === 'remove' ? change.mapping : change.was
  const now = change.act === 'remove' ? undefined : change.mapping
  if (was === undefined || now === undefined || bodyKeyOf(was) === bodyKeyOf(now)) {
    inboundStep(was, now, 0, features, to)
  } else {
    inboundStep(was, undefined, 0, features, to)
    inboundStep(undefined, now, 0, features, to)
  }
  planOut(leading(was), leading(now), index, features, to)
}

/** The way out of a single change. */
function planOut(was: Maybe, now: Maybe, index: MappingIndex, features: Features, to: Operation[]): void {
  const one = now ?? was
  if (one === undefined) return
  const before = index.leadingTo(keyOf(one))
  if (was === undefined) outboundStep(before, withMapping(before, one), 0, features, to)
  else if (now === undefined) outboundStep(before, without(before, was), 0, features, to)
  else if (keyOf(was) === keyOf(now)) outboundStep(before, replaced(before, was, now), 0, features, to)
  else {
    const left = index.leadingTo(keyOf(was))
    outboundStep(left, without(left, was), 0, features, to)
    outboundStep(before, withMapping(before, now), 0, features, to)
  }
  if (was === undefined || now === undefined || externalPort(was) === externalPort(now)) {
    portStep(was, now, 0, features, to)
  } else {
    portStep(was, undefined, 0, features, to)
    portStep(undefined, now, 0, features, to)
  }
}

function planAll(changes: readonly Change[], index: MappingIndex, features: Features, to: Operation[]): void {
  const { inbound, ports, endpoints } = touch(changes, index)
  for (const { before, after, change } of inbound.values()) inboundStep(before, after, change, features, to)
  for (const { before, after, change } of endpoints.values()) outboundStep(before, after, change, features, to)
  for (const { before, after, change } of ports.values()) portStep(before, after, change, features, to)
}

type Maybe = Mapping | undefined

/** The mapping if it has a way out. */
const leading = (mapping: Maybe): Maybe => (mapping !== undefined && leadsOut(mapping) ? mapping : undefined)

function inboundStep(was: Maybe, now: Maybe, change: number, features: Features, to: Operation[]): void {
  const one = now ?? was
  if (one === undefined) return
  const keep = was !== undefined && now !== undefined && sameBody(was, now) && sameKind(was, now)
  step(bodySetOf(one), was, was?.lease, now, now?.lease, keep, change, features, to)
}

function outboundStep(
  before: readonly Mapping[],
  after: readonly Mapping[],
  change: number,
  features: Features,
  to: Operation[],
): void {
  const [was, now] = [before[0], after[0]] // the oldest: the one under whose port the endpoint's packets leave
  const keep = was !== undefined && now !== undefined && sameEndpoint(was.external, now.external)
  step('snat4', was, longest(before), now, longest(after), keep, change, features, to)
}

const portStep = (was: Maybe, now: Maybe, change: number, features: Features, to: Operation[]): void =>
  step('taken', was, was?.lease, now, now?.lease, true, change, features, to)

/** `keep`: old and new element differ in nothing but perhaps the lease. */
function step(
  set: MappingSet,
  was: Maybe,
  wasLease: Lease | undefined,
  now: Maybe,
  nowLease: Lease | undefined,
  keep: boolean,
  change: number,
  features: Features,
  to: Operation[],
): void {
  const both = was !== undefined && wasLease !== undefined && now !== undefined && nowLease !== undefined
  if (both && keep) {
    if (sameLease(wasLease, nowLease)) return
    if (features.updatesTimeouts && wasLease !== 'forever' && nowLease !== 'forever') {
      to.push({ act: 'refresh', set, mapping: now, lease: nowLease, change })
      return
    }
  }
  if (was !== undefined && wasLease !== undefined)
    to.push({ act: 'delete', set, mapping: was, lease: wasLease, change })
  if (now !== undefined && nowLease !== undefined)
    to.push({ act: 'create', set, mapping: now, lease: nowLease, change })
}

const externalPort = ({ transport, external }: Mapping): number => portKey(transport, external.port)

/** An element before and after all changes. */
interface Touched<T> {
  readonly before: T
  after: T
  change: number
}

/** Every element that the changes concern, by key. */
function touch(changes: readonly Change[], index: MappingIndex) {
  const inbound = new Map<number | string, Touched<Maybe>>()
  const ports = new Map<number, Touched<Maybe>>()
  const endpoints = new Map<number, Touched<readonly Mapping[]>>()
  const list = (key: number, change: number, edit: (list: readonly Mapping[]) => readonly Mapping[]) => {
    const before = endpoints.get(key)?.after ?? index.leadingTo(key)
    note(endpoints, key, before, edit(before), change)
  }
  for (let n = 0; n < changes.length; n++) {
    const change = changes[n] as Change
    const { mapping } = change
    const was = change.act === 'replace' ? change.was : change.act === 'remove' ? mapping : undefined
    const now = change.act === 'remove' ? undefined : mapping
    if (was !== undefined) note(inbound, bodyKeyOf(was), was, undefined, n)
    if (now !== undefined) note(inbound, bodyKeyOf(now), undefined, now, n)
    const [out, into] = [leading(was), leading(now)]
    if (out !== undefined) note(ports, externalPort(out), out, undefined, n)
    if (into !== undefined) note(ports, externalPort(into), undefined, into, n)
    if (out !== undefined && into !== undefined && keyOf(out) === keyOf(into)) {
      list(keyOf(into), n, all => replaced(all, out, into))
      continue
    }
    if (out !== undefined) list(keyOf(out), n, all => without(all, out))
    if (into !== undefined) list(keyOf(into), n, all => withMapping(all, into))
  }
  return { inbound, ports, endpoints }
}

/** `before` counts when the element is touched for the first time, `after` always. */
function note<K, T>(of: Map<K, Touched<T>>, key: K, before: T, after: T, change: number): void {
  const known = of.get(key)
  if (known === undefined) of.set(key, { before, after, change })
  else {
    known.after = after
    known.change = change
  }
}

/** Whether two mappings of one kind and external endpoint have the same element, the lease apart. */
export const sameBody = (a: Mapping, b: Mapping): boolean =>
  sameEndpoint(a.internal, b.internal) && sameOwner(a.owner, b.owner) && a.label === b.label && a.mac === b.mac

export function sameLease(a: Lease, b: Lease): boolean {
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
const MAPPING_SETS = ['dnat4', 'snat4', 'taken', 'dnat4from', 'idle4', 'pinhole6', 'idle6'] as const
/** Where a mapping says its external address. */
const MOVED: readonly PlainSet[] = ['dnat4', 'snat4']
/** A list of elements is one attribute, of at most 65535 bytes; no element is longer than 300. */
const LIST_BYTES = 0xffff - 300
/** So few go one after the other; more are sorted, so that many share a message. */
const FEW = 8

/** Writes operations as messages. The batch that it returns is good until the next one is written. */
export class OperationWriter {
  readonly #littleEndian: boolean
  readonly #elements: ElementWriter
  readonly #heads: Record<MappingSet, Record<Act, Uint8Array>>
  readonly #small: Writer

  constructor(littleEndian: boolean, features: Features) {
    this.#littleEndian = littleEndian
    this.#elements = new ElementWriter(littleEndian)
    this.#small = new Writer(littleEndian, 4096)
    const heads = (set: MappingSet) => ({
      delete: head(features.destroysElements ? 'destroyElements' : 'deleteElements', 0, set, littleEndian),
      create: head('newElements', FLAG.create | FLAG.exclusive, set, littleEndian),
      refresh: head('newElements', FLAG.create, set, littleEndian),
    })
    this.#heads = {
      dnat4: heads('dnat4'),
      snat4: heads('snat4'),
      taken: heads('taken'),
      dnat4from: heads('dnat4from'),
      idle4: heads('idle4'),
      pinhole6: heads('pinhole6'),
      idle6: heads('idle6'),
    }
  }

  /**
   * `each: 'alone'`: a message for every element, so that each gets an answer of its own. `moves` go before and after
   * the operations, and are not among what is `sent`.
   */
  write(
    operations: readonly Operation[],
    now: Instant,
    each: 'together' | 'alone',
    moves: readonly Move[] = [],
  ): { batch: Batch; sent: Sent[] } {
    const few = operations.length <= FEW && moves.length === 0
    const room = operations.length * 200 + this.#roomFor(moves)
    const batch = new Batch(few ? this.#small : new Writer(this.#littleEndian, room))
    const sent: Sent[] = []
    if (few) {
      for (const one of operations) this.add(batch, sent, one.act, one.set, [one], now, each)
      return { batch, sent }
    }
    for (const set of MOVED) this.#move(batch, 'delete', set, moves, now)
    const sorted = new Map<string, Operation[]>()
    for (const act of ACTS) for (const set of MAPPING_SETS) sorted.set(act + set, [])
    for (let i = 0; i < operations.length; i++) {
      const operation = operations[i] as Operation
      sorted.get(operation.act + operation.set)?.push(operation)
    }
    for (const due of sorted.values()) {
      const [first] = due
      if (first !== undefined) this.add(batch, sent, first.act, first.set, due, now, each)
    }
    for (const set of MOVED) this.#move(batch, 'create', set, moves, now)
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
    const put = (n: number, place: number) => {
      const { mapping, lease } = operations[n] as Operation
      this.#element(batch.writer, place, act, set, mapping, lease, now)
    }
    for (let next = 0; next < operations.length; ) {
      const first = next
      const starts: number[] = []
      const end = each === 'alone' ? first + 1 : operations.length
      next = this.#message(batch, this.#heads[set][act], first, end, put, starts)
      sent.push({ operations: operations.slice(first, next), starts })
    }
  }

  #move(batch: Batch, act: 'delete' | 'create', set: PlainSet, moves: readonly Move[], now: Instant): void {
    const put = (n: number, place: number) => {
      const { was, mapping } = moves[n] as Move
      if (act === 'delete') this.#elements.key(batch.writer, place, set, was)
      else this.#elements.put(batch.writer, place, set, mapping, mapping.lease, now)
    }
    for (let next = 0; next < moves.length; ) {
      next = this.#message(batch, this.#heads[set][act], next, moves.length, put)
    }
  }

  /** What the messages of these take; a buffer that must grow is there twice for a moment. */
  #roomFor(moves: readonly Move[]): number {
    if (moves.length === 0) return 0
    let bytes = moves.length * this.#elements.plainSize(MOVED)
    for (const { mapping } of moves) bytes += this.#elements.userdata(mapping).length
    return Math.ceil(bytes * 1.01) + 1024 // heads: 64 bytes for 64 KB of elements
  }

  /** A message with element `first` and as many more before `end` as fit; the one that comes next. */
  #message(
    batch: Batch,
    head: Uint8Array,
    first: number,
    end: number,
    put: (n: number, place: number) => void,
    starts?: number[],
  ): number {
    const to = batch.writer
    const start = to.length
    batch.mark()
    to.put(head)
    const list = to.length - 4
    let next = first
    while (next < end && to.length - list < LIST_BYTES) {
      starts?.push(to.length - start)
      put(next, next - first + 1)
      next++
    }
    to.view.setUint16(list, to.length - list, this.#littleEndian)
    to.view.setUint32(start, to.length - start, this.#littleEndian)
    return next
  }

  #element(to: Writer, index: number, act: Act, set: MappingSet, mapping: Mapping, lease: Lease, now: Instant): void {
    const elements = this.#elements
    if (isRare(set)) {
      if (act === 'delete') elements.keyRare(to, index, set, mapping)
      else elements.putRare(to, index, set, mapping, lease, now)
    } else if (act === 'delete') elements.key(to, index, set, mapping)
    else elements.put(to, index, set, mapping, lease, now)
  }
}

/** Everything of a message up to its elements: it ends with the header of their list. */
export function head(
  name: 'newElements' | 'deleteElements' | 'destroyElements',
  flags: number,
  set: MappingSet,
  littleEndian: boolean,
): Uint8Array {
  return request(name, flags, 0, FAMILY.inet, { table: TABLE, set, elements: [] }, littleEndian)
}
