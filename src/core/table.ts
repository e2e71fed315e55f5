/**
 * The mappings that exist. Reading (`TableView`, `Mappings`) and writing (`Table.commit`) are two things, and only
 * the engine holds the second: it commits what the kernel has confirmed and nothing else.
 *
 * No two mappings share an external port of one transport, whatever their remote hosts; several may lead to one
 * internal endpoint. Pinholes are found by their number, by host and by internal endpoint, and have no external port
 * of the router: they stand beside the others (`places.ts`).
 */
import type { Endpoint, Ip, Port } from '../base/ip.ts'
import type { Instant } from '../base/time.ts'
import { Deadlines } from './deadlines.ts'
import { type Holder, holderOf } from './holder.ts'
import { type Change, type Mapping, sameEndpoint, type Transport } from './mapping.ts'
import { type Held, listed, oldest, pinholeKey, placeKey, portKey, withHeld, withoutHeld } from './places.ts'
import { PortSet } from './portset.ts'

export { portKey } from './places.ts'

/** What a decision needs to know. */
export interface TableView {
  /** How many belong to clients; the operator's are not counted, here and in `heldBy`. */
  readonly held: number
  /** By what the world dials; never a pinhole. */
  at(transport: Transport, external: Port): Mapping | undefined
  /** By the number that its client knows. */
  pinhole(id: number): Mapping | undefined
  /** By who answers: the oldest, under whose port the endpoint's own packets leave. */
  of(transport: Transport, internal: Endpoint): Mapping | undefined
  /** All that lead there, oldest first. */
  allOf(transport: Transport, internal: Endpoint): readonly Mapping[]
  ofHost(host: Ip): readonly Mapping[]
  /** Pinholes and translated mappings together. */
  heldBy(holder: Holder): number
  /** The lowest port of `first..last` that no mapping of either transport uses and that is not in `except`. */
  unused(except: PortSet, first: number, last: number): Port | undefined
  /** For the next pinhole, 1..65535; one that was given back comes round last. `undefined` when all are in use. */
  freePinhole(): number | undefined
}

/** What people and other parts may see. */
export interface Mappings extends TableView {
  /** All, pinholes too. */
  readonly size: number
  /** Those that translate: as many as `listed` shows. */
  readonly translated: number
  /**
   * Goes up with each set of changes to mappings that translate: once for a wish, whether it adds, renews or removes
   * one mapping or many (SystemUpdateID, WANIPConnection:2 §2.3.23). From 0 at the start of the process.
   */
  readonly version: number
  /** The same for all mappings, pinholes too: who polls sees by it that nothing has happened. */
  readonly revision: number
  /** When the next lease ends. */
  readonly nextExpiry: Instant | undefined
  /** Up to `most` mappings whose lease has ended. */
  due(now: Instant, most: number): readonly Mapping[]
  /** In the order in which they were granted, pinholes too. */
  all(): Iterable<Mapping>
  /**
   * Those that translate, in the order in which they were granted; a renewal keeps its place. Kept between calls, so
   * that walking it by index costs no more than its length; to be read at once, since it follows the table.
   */
  listed(): readonly Mapping[]
}

export const otherTransport = (transport: Transport): Transport => (transport === 'tcp' ? 'udp' : 'tcp')

const LAST_PINHOLE = 0xffff

/** `portKey` of the internal side -> what leads there. */
type Host = Map<number, Held>

export class Table implements Mappings {
  /** `placeKey` -> slot. */
  readonly #slots = new Map<number, number>()
  readonly #bySlot: (Mapping | undefined)[] = []
  readonly #emptySlots: number[] = []
  readonly #hosts = new Map<Ip, Host>()
  readonly #used = new PortSet()
  readonly #deadlines = new Deadlines()
  readonly #heldBy = new Map<Holder, number>()
  #held = 0
  #pinholes = 0
  #lastPinhole = 0
  #version = 0
  #revision = 0
  /** Made when somebody asks, and then kept up to date until a mapping goes; with it the place of each slot in it. */
  #listed: Mapping[] | undefined
  #places = new Int32Array(0)

  get size(): number {
    return this.#slots.size
  }

  get translated(): number {
    return this.#slots.size - this.#pinholes
  }

  get held(): number {
    return this.#held
  }

  get version(): number {
    return this.#version
  }

  get revision(): number {
    return this.#revision
  }

  get nextExpiry(): Instant | undefined {
    return this.#deadlines.next
  }

  at(transport: Transport, external: Port): Mapping | undefined {
    return this.#standing(portKey(transport, external))
  }

  pinhole(id: number): Mapping | undefined {
    return this.#standing(pinholeKey(id))
  }

  of(transport: Transport, internal: Endpoint): Mapping | undefined {
    return oldest(this.leadingTo(internal.ip, portKey(transport, internal.port)))
  }

  allOf(transport: Transport, internal: Endpoint): readonly Mapping[] {
    return listed(this.leadingTo(internal.ip, portKey(transport, internal.port)))
  }

  /** For a draft that goes on from here. */
  leadingTo(host: Ip, key: number): Held | undefined {
    return this.#hosts.get(host)?.get(key)
  }

  ofHost(host: Ip): readonly Mapping[] {
    const found: Mapping[] = []
    for (const held of this.#hosts.get(host)?.values() ?? []) {
      for (const mapping of listed(held)) found.push(mapping)
    }
    return found
  }

  heldBy(holder: Holder): number {
    return this.#heldBy.get(holder) ?? 0
  }

  unused(except: PortSet, first: number, last: number): Port | undefined {
    return this.#used.firstAbsent(except, first, last)
  }

  freePinhole(): number | undefined {
    return this.#pinholes >= LAST_PINHOLE ? undefined : nextPinhole(this.#lastPinhole, id => this.pinhole(id))
  }

  get pinholes(): number {
    return this.#pinholes
  }

  /** The number that was given last. */
  get lastPinhole(): number {
    return this.#lastPinhole
  }

  due(now: Instant, most: number): readonly Mapping[] {
    return this.#deadlines.due(now, most).map(slot => this.#bySlot[slot] as Mapping)
  }

  *all(): Iterable<Mapping> {
    for (const slot of this.#slots.values()) yield this.#bySlot[slot] as Mapping
  }

  listed(): readonly Mapping[] {
    if (this.#listed !== undefined) return this.#listed
    const list: Mapping[] = []
    if (this.#places.length < this.#bySlot.length) this.#places = new Int32Array(this.#bySlot.length * 2)
    for (const slot of this.#slots.values()) {
      const mapping = this.#bySlot[slot] as Mapping
      if (mapping.pinhole !== undefined) continue
      this.#places[slot] = list.length
      list.push(mapping)
    }
    this.#listed = list
    return list
  }

  /** A copy of the used ports, for a draft that goes on from here. */
  usedPorts(): PortSet {
    return this.#used.copy()
  }

  /**
   * Only what the kernel has confirmed. A replaced mapping keeps its external port or its number, and so its place in
   * the list. `sets`: how many wishes or jobs these changes are of.
   */
  commit(changes: readonly Change[], sets = 1): void {
    let translated = false
    for (let i = 0; i < changes.length; i++) {
      const change = changes[i] as Change
      translated ||= change.mapping.pinhole === undefined
      if (change.act === 'add') this.#add(change.mapping)
      else if (change.act === 'remove') this.#remove(change.mapping)
      else this.#replace(change.was, change.mapping)
    }
    this.#revision += sets
    if (translated) this.#version += sets
  }

  #standing(key: number): Mapping | undefined {
    const slot = this.#slots.get(key)
    return slot === undefined ? undefined : this.#bySlot[slot]
  }

  #add(mapping: Mapping): void {
    const slot = this.#emptySlots.pop() ?? this.#bySlot.length
    this.#slots.set(placeKey(mapping), slot)
    this.#bySlot[slot] = mapping
    this.#lead(mapping)
    this.#count(mapping, 1)
    this.#schedule(slot, mapping)
    if (mapping.pinhole !== undefined) {
      this.#pinholes++
      this.#lastPinhole = mapping.pinhole
      return
    }
    this.#used.add(mapping.external.port)
    if (this.#listed === undefined) return
    if (slot < this.#places.length) this.#places[slot] = this.#listed.push(mapping) - 1
    else this.#listed = undefined
  }

  #remove(mapping: Mapping): void {
    const key = placeKey(mapping)
    const slot = this.#slots.get(key)
    if (slot === undefined) return
    this.#slots.delete(key)
    this.#bySlot[slot] = undefined
    this.#emptySlots.push(slot)
    this.#deadlines.clear(slot)
    if (mapping.pinhole !== undefined) this.#pinholes--
    else {
      const { port } = mapping.external
      if (this.at(otherTransport(mapping.transport), port) === undefined) this.#used.delete(port)
      this.#listed = undefined
    }
    this.#leave(mapping)
  }

  #replace(was: Mapping, mapping: Mapping): void {
    const slot = this.#slots.get(placeKey(mapping))
    if (slot === undefined) return
    this.#bySlot[slot] = mapping
    if (sameEndpoint(was.internal, mapping.internal)) this.#renew(was, mapping)
    else {
      this.#leave(was)
      this.#lead(mapping)
      this.#count(mapping, 1)
    }
    this.#schedule(slot, mapping)
    if (this.#listed !== undefined && mapping.pinhole === undefined) {
      this.#listed[this.#places[slot] as number] = mapping
    }
  }

  /** Nothing but a write for the usual one, which is alone at its endpoint: this runs for each renewal. */
  #renew(was: Mapping, mapping: Mapping): void {
    const { ip, port } = mapping.internal
    const host = this.#hosts.get(ip)
    if (host === undefined) return
    const key = portKey(mapping.transport, port)
    const held = host.get(key)
    host.set(key, held === was ? mapping : withHeld(held, mapping))
    if (was.owner.via === mapping.owner.via && was.mac === mapping.mac) return
    this.#count(was, -1)
    this.#count(mapping, 1)
  }

  /** Among what leads to its endpoint, in its own place if it stands there already. */
  #lead(mapping: Mapping): void {
    const { ip, port } = mapping.internal
    let host = this.#hosts.get(ip)
    if (host === undefined) {
      host = new Map()
      this.#hosts.set(ip, host)
    }
    const key = portKey(mapping.transport, port)
    host.set(key, withHeld(host.get(key), mapping))
  }

  #leave(mapping: Mapping): void {
    const { ip, port } = mapping.internal
    const host = this.#hosts.get(ip)
    if (host === undefined) return
    const key = portKey(mapping.transport, port)
    const left = withoutHeld(host.get(key), mapping)
    if (left === undefined) host.delete(key)
    else host.set(key, left)
    this.#count(mapping, -1)
    if (host.size === 0) this.#hosts.delete(ip)
  }

  #schedule(slot: number, mapping: Mapping): void {
    if (mapping.lease === 'forever') this.#deadlines.clear(slot)
    else this.#deadlines.set(slot, mapping.lease.expires)
  }

  #count({ owner, mac, internal }: Mapping, by: 1 | -1): void {
    if (owner.via === 'operator') return
    const holder = holderOf(mac, internal.ip)
    const held = this.heldBy(holder) + by
    if (held === 0) this.#heldBy.delete(holder)
    else this.#heldBy.set(holder, held)
    this.#held += by
  }
}

/** The first that is free after the one given last, round the end. Only where not all are in use. */
export function nextPinhole(last: number, inUse: (id: number) => Mapping | undefined): number {
  let id = last
  do id = id >= LAST_PINHOLE ? 1 : id + 1
  while (inUse(id) !== undefined)
  return id
}

/** The mapping that stands where this one stands, or stood. */
export const standing = (table: TableView, { pinhole, transport, external }: Mapping): Mapping | undefined =>
  pinhole === undefined ? table.at(transport, external.port) : table.pinhole(pinhole)
