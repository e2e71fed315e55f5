/**
 * Which external port. No chance is involved: the search starts at a place that follows from the client and its
 * internal port, so a client that reboots, or a router that does, comes back to the same port.
 */
import type { Endpoint, Ip, Port, PortRange } from '../base/ip.ts'
import type { Instant } from '../base/time.ts'
import type { Mapping, Transport } from './mapping.ts'
import { PortSet } from './portset.ts'
import type { Surroundings } from './surroundings.ts'
import { otherTransport, type TableView } from './table.ts'

/** RFC 6886 §3.2.1: 5351 is ours, 5350 the clients'. */
const OWN_PORTS: readonly number[] = [5350, 5351]

/** What is taken outside the table is asked anew after this long, ms. */
const REMEMBER = 10_000

/**
 * External ports that are taken outside the table. What a search has met is remembered for a while, so that a redirect
 * of a whole range is not asked port by port for every request.
 */
export class Reserved {
  readonly #surroundings: Surroundings
  readonly #met: Record<Transport, PortSet> = { tcp: new PortSet(), udp: new PortSet() }
  #since: Instant | undefined

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings
  }

  /** In words, `undefined` when nothing stands in the way. */
  why(transport: Transport, port: Port): string | undefined {
    if (OWN_PORTS.includes(port)) return 'port mapping protocols'
    const by = this.#surroundings.taken(transport, port)
    return by === undefined ? undefined : TAKEN_BY[by]
  }

  /** The lowest port of `first..last` that neither the table nor anything outside it uses. */
  free(table: TableView, transport: Transport, first: number, last: number, now: Instant): Port | undefined {
    if (this.#since !== undefined && now - this.#since > REMEMBER) this.forget()
    for (;;) {
      const port = table.unused(this.#met[transport], first, last)
      if (port === undefined || this.why(transport, port) === undefined) return port
      this.#since ??= now
      this.#met[transport].add(port)
    }
  }

  /** After a change of configuration: ask everything anew. */
  forget(): void {
    if (this.#since === undefined) return
    this.#met.tcp.clear()
    this.#met.udp.clear()
    this.#since = undefined
  }
}

const TAKEN_BY: Record<'router' | 'redirect', string> = {
  router: 'a program of the router',
  redirect: 'a redirect of the firewall',
}

/** Why a port cannot be had. */
export interface Taken {
  readonly why: 'conflict' | 'reserved'
  readonly because: string
}

/**
 * Whether the mapping with this external port would be the client's: nobody has it, and the same port of the other
 * transport is nobody else's (RFC 6886 §3.3: the companion port is reserved for the same client). The reason if not.
 */
export function occupied(
  table: TableView,
  reserved: Reserved,
  transport: Transport,
  external: Port,
  host: Ip,
): Taken | undefined {
  const holder = table.at(transport, external)
  if (holder !== undefined) return takenBy(holder, `${transport} port ${external} is mapped to ${holder.internal.ip}`)
  const companion = table.at(otherTransport(transport), external)
  if (companion !== undefined && companion.internal.ip !== host) {
    return takenBy(companion, `${transport} port ${external} is reserved for ${companion.internal.ip}`)
  }
  const by = reserved.why(transport, external)
  return by === undefined ? undefined : { why: 'reserved', because: `${transport} port ${external} is used by ${by}` }
}

const takenBy = ({ owner }: Mapping, because: string): Taken => ({
  why: owner.via === 'operator' ? 'reserved' : 'conflict',
  because,
})

/** Any port of `allowed` that the client can have; ports below 1024 only when no other is left. */
export function choose(
  table: TableView,
  reserved: Reserved,
  transport: Transport,
  internal: Endpoint,
  allowed: readonly PortRange[],
  now: Instant,
): Port | undefined {
  const mine = (port: Port) => occupied(table, reserved, transport, port, internal.ip) === undefined
  const permitted = (port: Port) => allowed.some(range => port >= range.first && port <= range.last)
  // A game that asks for TCP and UDP expects one number for both.
  const sibling = table.of(otherTransport(transport), internal)?.external.port
  if (sibling !== undefined && permitted(sibling) && mine(sibling)) return sibling
  const start = place(internal)
  const look = (from: number, to: number) =>
    search((first, last) => reserved.free(table, transport, first, last, now), allowed, from, to, start)
  // All that is left may be companions of the client's own ports.
  const companion = () => table.ofHost(internal.ip).find(({ external: { port } }) => permitted(port) && mine(port))
  return look(1024, 65535) ?? look(1, 1023) ?? companion()?.external.port
}

/** From a place in the allowed ports between `from` and `to` to their end, then from their beginning to that place. */
function search(
  free: (first: number, last: number) => Port | undefined,
  allowed: readonly PortRange[],
  from: number,
  to: number,
  start: number,
): Port | undefined {
  let total = 0
  for (const range of allowed) total += Math.max(0, Math.min(range.last, to) - Math.max(range.first, from) + 1)
  if (total === 0) return undefined
  const begin = start % total
  for (const part of ['behind', 'before'] as const) {
    let skip = begin
    for (const range of allowed) {
      const first = Math.max(range.first, from)
      const last = Math.min(range.last, to)
      const size = last - first + 1
      if (size <= 0) continue
      const there = first + Math.min(skip, size)
      skip -= Math.min(skip, size)
      const port = part === 'behind' ? free(there, last) : free(first, there - 1)
      if (port !== undefined) return port
      if (part === 'before' && skip === 0) break
    }
  }
  return undefined
}

/** FNV-1a (Fowler, Noll, Vo) over the internal endpoint; the transport is left out, so that both start at one place. */
function place({ ip, port }: Endpoint): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < ip.length; i++) hash = Math.imul(hash ^ ip.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (port & 255), 0x01000193)
  hash = Math.imul(hash ^ (port >> 8), 0x01000193)
  return hash >>> 0
}
