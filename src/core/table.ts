/**
 * The mappings that exist. Reading (`TableView`, `Mappings`) and writing (`Table.commit`) are two things, and only
 * the engine holds the second: it commits what the kernel has confirmed and nothing else.
 *
 * No two mappings share an external port of one transport, and none share an internal endpoint: the kernel's reverse
 * map has one external port for an internal endpoint.
 */
import type { Endpoint, Ip, Port } from '../base/ip.ts'
import type { Instant } from '../base/time.ts'
import { Deadlines } from './deadlines.ts'
import type { Change, Mapping, Transport } from './mapping.ts'
import { PortSet } from './portset.ts'

/** What a decision needs to know. */
export interface TableView {
  /** How many belong to clients; the operator's are not counted, here and in `heldBy`. */
  readonly held: number
  /** By what the world dials. */
  at(transport: Transport, external: Port): Mapping | undefined
  /** By who answers. */
  of(transport: Transport, internal: Endpoint): Mapping | undefined
  ofHost(host: Ip): readonly Mapping[]
  heldBy(host: Ip): number
  /** The lowest port of `first..last` that no mapping of either transport uses and that is not in `except`. */
  unused(except: PortSet, first: number, last: number): Port | undefined
}

/** What people and other parts may see. */
export interface Mappings extends TableView {
  readonly size: number
  /** When the next lease ends. */
  readonly nextExpiry: Instant | undefined
  /** Up to `most` mappings whose lease has ended. */
  due(now: Instant, most: number): readonly Mapping[]
  /** In the order in which they were granted. */
  all(): Iterable<Mapping>
}

/** One number for transport and port: the key of every index here. */
export const portKey = (transport: Transport, port: Port): number => (transport === 'tcp' ? 0x10000 + port : port)

export const otherTransport = (transport: Transport): Transport => (transport === 'tcp' ? 'udp' : 'tcp')

interface Host {
  readonly mappings: Map<number, Mapping>
  held: number
}

export class Table implements Mappings {
  /** `portKey` of the external side -> slot. */
  readonly #slots = new Map<number, number>()
  readonly #bySlot: (Mapping | undefined)[] = []
  readonly #emptySlots: number[] = []
  /** Internal address -> `portKey` of the internal side -> mapping. */
  readonly #hosts = new Map<Ip, Host>()
  readonly #used = new PortSet()
  readonly #deadlines = new Deadlines()
  #held = 0

  get size(): number {
    return this.#slots.size
  }

  get held(): number {
    return this.#held
  }

  get nextExpiry(): Instant | undefined {
    return this.#deadlines.next
  }

  at(transport: Transport, external: Port): Mapping | undefined {
    const slot = this.#slots.get(portKey(transport, external))
    return slot === undefined ? undefined : this.#bySlot[slot]
  }

  of(transport: Transport, internal: Endpoint): Mapping | undefined {
    return this.#hosts.get(internal.ip)?.mappings.get(portKey(transport, internal.port))
  }

  ofHost(host: Ip): readonly Mapping[] {
    return [...(this.#hosts.get(host)?.mappings.values() ?? [])]
  }

  heldBy(host: Ip): number {
    return this.#hosts.get(host)?.held ?? 0
  }

  unused(except: PortSet, first: number, last: number): Port | undefined {
    return this.#used.firstAbsent(except, first, last)
  }

  due(now: Instant, most: number): readonly Mapping[] {
    return this.#deadlines.due(now, most).map(slot => this.#bySlot[slot] as Mapping)
  }

  *all(): Iterable<Mapping> {
    for (const slot of this.#slots.values()) yield this.#bySlot[slot] as Mapping
  }

  /** A copy of the used ports, for a draft that goes on from here. */
  usedPorts(): PortSet {
    return this.#used.copy()
  }

  /** Only what the kernel has confirmed. A replaced mapping keeps its ports and its internal endpoint. */
  commit(changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.act === 'add') this.#add(change.mapping)
      else if (change.act === 'remove') this.#remove(change.mapping)
      else this.#replace(change.was, change.mapping)
    }
  }

  #add(mapping: Mapping): void {
    const slot = this.#emptySlots.pop() ?? this.#bySlot.length
    this.#slots.set(portKey(mapping.transport, mapping.external.port), slot)
    this.#bySlot[slot] = mapping
    let host = this.#hosts.get(mapping.internal.ip)
    if (host === undefined) {
      host = { mappings: new Map(), held: 0 }
      this.#hosts.set(mapping.internal.ip, host)
    }
    host.mappings.set(portKey(mapping.transport, mapping.internal.port), mapping)
    this.#count(host, mapping, 1)
    this.#used.add(mapping.external.port)
    this.#schedule(slot, mapping)
  }

  #remove(mapping: Mapping): void {
    const key = portKey(mapping.transport, mapping.external.port)
    const slot = this.#slots.get(key)
    if (slot === undefined) return
    this.#slots.delete(key)
    this.#bySlot[slot] = undefined
    this.#emptySlots.push(slot)
    this.#deadlines.clear(slot)
    const { port } = mapping.external
    if (this.at(otherTransport(mapping.transport), port) === undefined) this.#used.delete(port)
    const host = this.#hosts.get(mapping.internal.ip)
    if (host === undefined) return
    host.mappings.delete(portKey(mapping.transport, mapping.internal.port))
    this.#count(host, mapping, -1)
    if (host.mappings.size === 0) this.#hosts.delete(mapping.internal.ip)
  }

  #replace(was: Mapping, mapping: Mapping): void {
    const slot = this.#slots.get(portKey(mapping.transport, mapping.external.port))
    const host = this.#hosts.get(mapping.internal.ip)
    if (slot === undefined || host === undefined) return
    this.#bySlot[slot] = mapping
    host.mappings.set(portKey(mapping.transport, mapping.internal.port), mapping)
    this.#count(host, was, -1)
    this.#count(host, mapping, 1)
    this.#schedule(slot, mapping)
  }

  #schedule(slot: number, mapping: Mapping): void {
    if (mapping.lease === 'forever') this.#deadlines.clear(slot)
    else this.#deadlines.set(slot, mapping.lease.expires)
  }

  #count(host: Host, mapping: Mapping, by: 1 | -1): void {
    if (mapping.owner.via === 'operator') return
    host.held += by
    this.#held += by
  }
}
