/**
 * A table as it will be when the changes decided so far are made: wishes that wait together are decided one after the
 * other on a draft, and the table itself learns nothing before the kernel has agreed.
 */
import type { Endpoint, Ip, Port } from '../base/ip.ts'
import type { Change, Mapping, Transport } from './mapping.ts'
import type { PortSet } from './portset.ts'
import { otherTransport, portKey, type Table, type TableView } from './table.ts'

/** `undefined`: there was one, and it is gone. */
type Overlay = Map<number, Mapping | undefined>

export class Draft implements TableView {
  readonly #base: Table
  readonly #external: Overlay = new Map()
  readonly #hosts = new Map<Ip, Overlay>()
  readonly #heldBy = new Map<Ip, number>()
  #held: number
  /** Copied when the first port must be searched for; most turns never need it. */
  #used: PortSet | undefined

  constructor(base: Table) {
    this.#base = base
    this.#held = base.held
  }

  get held(): number {
    return this.#held
  }

  at(transport: Transport, external: Port): Mapping | undefined {
    const key = portKey(transport, external)
    return this.#external.has(key) ? this.#external.get(key) : this.#base.at(transport, external)
  }

  of(transport: Transport, internal: Endpoint): Mapping | undefined {
    const host = this.#hosts.get(internal.ip)
    const key = portKey(transport, internal.port)
    return host?.has(key) ? host.get(key) : this.#base.of(transport, internal)
  }

  ofHost(host: Ip): readonly Mapping[] {
    const changed = this.#hosts.get(host)
    const base = this.#base.ofHost(host)
    if (changed === undefined) return base
    const kept = base.filter(mapping => !changed.has(portKey(mapping.transport, mapping.internal.port)))
    for (const mapping of changed.values()) if (mapping !== undefined) kept.push(mapping)
    return kept
  }

  heldBy(host: Ip): number {
    return this.#heldBy.get(host) ?? this.#base.heldBy(host)
  }

  unused(except: PortSet, first: number, last: number): Port | undefined {
    if (this.#used === undefined) {
      this.#used = this.#base.usedPorts()
      for (const key of this.#external.keys()) this.#mark(this.#used, (key & 0xffff) as Port)
    }
    return this.#used.firstAbsent(except, first, last)
  }

  commit(changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.act === 'replace') this.#count(change.was, -1)
      if (change.act === 'remove') this.#set(change.mapping, undefined)
      else this.#set(change.mapping, change.mapping)
      this.#count(change.mapping, change.act === 'remove' ? -1 : 1)
      if (this.#used !== undefined) this.#mark(this.#used, change.mapping.external.port)
    }
  }

  #set(where: Mapping, mapping: Mapping | undefined): void {
    this.#external.set(portKey(where.transport, where.external.port), mapping)
    const host = this.#hosts.get(where.internal.ip) ?? new Map()
    this.#hosts.set(where.internal.ip, host.set(portKey(where.transport, where.internal.port), mapping))
  }

  #count(mapping: Mapping, by: 1 | -1): void {
    if (mapping.owner.via === 'operator') return
    const host = mapping.internal.ip
    this.#heldBy.set(host, this.heldBy(host) + by)
    this.#held += by
  }

  #mark(used: PortSet, port: Port): void {
    const held = this.at('udp', port) ?? this.at(otherTransport('udp'), port)
    if (held === undefined) used.delete(port)
    else used.add(port)
  }
}
