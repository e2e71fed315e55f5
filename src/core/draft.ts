/**
 * A table as it will be when the changes decided so far are made: wishes that wait together are decided one after the
 * other on a draft, and the table itself learns nothing before the kernel has agreed.
 */
import type { Endpoint, Ip, Port } from '../base/ip.ts'
import { type Holder, holderOf } from './holder.ts'
import { type Change, type Mapping, sameEndpoint, type Transport } from './mapping.ts'
import { type Held, listed, oldest, pinholeKey, placeKey, portKey, withHeld, withoutHeld } from './places.ts'
import type { PortSet } from './portset.ts'
import { nextPinhole, otherTransport, type Table, type TableView } from './table.ts'

/** `undefined`: there was one, and it is gone. */
type Overlay<T> = Map<number, T | undefined>

export class Draft implements TableView {
  readonly #base: Table
  /** By `placeKey`. */
  readonly #places: Overlay<Mapping> = new Map()
  /** By host and `portKey` of the internal side. */
  readonly #hosts = new Map<Ip, Overlay<Held>>()
  readonly #heldBy = new Map<Holder, number>()
  #held: number
  #lastPinhole: number
  /** How many more or fewer than the table has. */
  #pinholes = 0
  /** Copied when the first port must be searched for; most turns never need it. */
  #used: PortSet | undefined

  constructor(base: Table) {
    this.#base = base
    this.#held = base.held
    this.#lastPinhole = base.lastPinhole
  }

  get held(): number {
    return this.#held
  }

  at(transport: Transport, external: Port): Mapping | undefined {
    const key = portKey(transport, external)
    return this.#places.has(key) ? this.#places.get(key) : this.#base.at(transport, external)
  }

  pinhole(id: number): Mapping | undefined {
    const key = pinholeKey(id)
    return this.#places.has(key) ? this.#places.get(key) : this.#base.pinhole(id)
  }

  of(transport: Transport, internal: Endpoint): Mapping | undefined {
    return oldest(this.#leadingTo(internal.ip, portKey(transport, internal.port)))
  }

  allOf(transport: Transport, internal: Endpoint): readonly Mapping[] {
    return listed(this.#leadingTo(internal.ip, portKey(transport, internal.port)))
  }

  ofHost(host: Ip): readonly Mapping[] {
    const changed = this.#hosts.get(host)
    const base = this.#base.ofHost(host)
    if (changed === undefined) return base
    const kept = base.filter(mapping => !changed.has(portKey(mapping.transport, mapping.internal.port)))
    for (const held of changed.values()) kept.push(...listed(held))
    return kept
  }

  heldBy(holder: Holder): number {
    return this.#heldBy.get(holder) ?? this.#base.heldBy(holder)
  }

  unused(except: PortSet, first: number, last: number): Port | undefined {
    if (this.#used === undefined) {
      this.#used = this.#base.usedPorts()
      for (const key of this.#places.keys()) if (key < PORTS) this.#mark(this.#used, (key & 0xffff) as Port)
    }
    return this.#used.firstAbsent(except, first, last)
  }

  freePinhole(): number | undefined {
    const all = this.#base.pinholes + this.#pinholes
    return all >= 0xffff ? undefined : nextPinhole(this.#lastPinhole, id => this.pinhole(id))
  }

  commit(changes: readonly Change[]): void {
    for (const change of changes) {
      const { act, mapping } = change
      if (act === 'replace' && !sameEndpoint(change.was.internal, mapping.internal)) this.#leave(change.was)
      if (act === 'replace') this.#count(change.was, -1)
      if (act === 'remove') this.#leave(mapping)
      else this.#lead(mapping)
      this.#places.set(placeKey(mapping), act === 'remove' ? undefined : mapping)
      this.#count(mapping, act === 'remove' ? -1 : 1)
      if (mapping.pinhole === undefined) {
        if (this.#used !== undefined) this.#mark(this.#used, mapping.external.port)
      } else if (act !== 'replace') {
        this.#pinholes += act === 'add' ? 1 : -1
        if (act === 'add') this.#lastPinhole = mapping.pinhole
      }
    }
  }

  #leadingTo(host: Ip, key: number): Held | undefined {
    const changed = this.#hosts.get(host)
    return changed?.has(key) ? changed.get(key) : this.#base.leadingTo(host, key)
  }

  #lead(mapping: Mapping): void {
    const key = portKey(mapping.transport, mapping.internal.port)
    this.#set(mapping.internal.ip, key, withHeld(this.#leadingTo(mapping.internal.ip, key), mapping))
  }

  #leave(mapping: Mapping): void {
    const key = portKey(mapping.transport, mapping.internal.port)
    this.#set(mapping.internal.ip, key, withoutHeld(this.#leadingTo(mapping.internal.ip, key), mapping))
  }

  #set(ip: Ip, key: number, held: Held | undefined): void {
    let host = this.#hosts.get(ip)
    if (host === undefined) {
      host = new Map()
      this.#hosts.set(ip, host)
    }
    host.set(key, held)
  }

  #count({ owner, mac, internal }: Mapping, by: 1 | -1): void {
    if (owner.via === 'operator') return
    const holder = holderOf(mac, internal.ip)
    this.#heldBy.set(holder, this.heldBy(holder) + by)
    this.#held += by
  }

  #mark(used: PortSet, port: Port): void {
    const held = this.at('udp', port) ?? this.at(otherTransport('udp'), port)
    if (held === undefined) used.delete(port)
    else used.add(port)
  }
}

/** All of `portKey` lie below. */
const PORTS = 0x20000
