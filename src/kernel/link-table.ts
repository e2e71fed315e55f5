/**
 * What the router's links, addresses and routes to the world are, as far as the notices told: a value store without
 * sockets. `links.ts` keeps it true; everybody else asks through `LinkView`, which costs no system call.
 */
import type { Ip, IpRange } from '../base/ip.ts'
import { inRange, isIpv4, prefixRange } from '../base/ip.ts'
import { Memo } from '../base/memo.ts'
import type { DefaultRoute, Link, LinkAddress, WideRoute } from '../wire/rtnetlink.ts'
import { isUnicast, reachesWorld } from './special.ts'

export interface LinkView {
  /** All links, in the order of their index. */
  links(): readonly Link[]
  /** By device name, `br-lan`; `undefined` when there is none of that name now. */
  link(device: string): Link | undefined
  index(device: string): number | undefined
  /** Name of the device with this index. */
  device(index: number): string | undefined
  /** Usable addresses of a device, in the kernel's order; empty when the device does not exist. */
  addresses(device: string): readonly LinkAddress[]
  /** Whether the address lies in a subnet of the device (its far end, on a point-to-point link). */
  isOnLink(ip: Ip, device: string): boolean
  /** Whether the address could be a host on the device: on its link, and neither ours nor network nor broadcast. */
  isHost(ip: Ip, device: string): boolean
  /** Whether the address is one of the router's own, on any device, tentative ones included. */
  isOwn(ip: Ip): boolean
  /** Whether the address is the network or broadcast address of a subnet that the router is in. */
  isBroadcast(ip: Ip): boolean
  /** Default routes of the main table, best (smallest metric) first. */
  defaultRoutes(family: 4 | 6): readonly DefaultRoute[]
  carriesDefaultRoute(device: string, family: 4 | 6): boolean
  /**
   * Whether a route of any table, of either family, leads by the device to the world, or to a part of it as large as no
   * single network is: an uplink, and a VPN that takes the place of one.
   */
  leadsToWorld(device: string): boolean
}

/** Bounds what a flood of events could make us keep; a router with more links or addresses than this is not one. */
const MOST = 65_536

export class LinkTable implements LinkView {
  #links = new Map<number, Link>()
  #addresses = new Map<string, LinkAddress>()
  #routes: readonly DefaultRoute[] = []
  /** Indices of the devices that lead to the world, sorted. */
  #outward: readonly number[] = []
  /** Built when asked after a change. */
  #asked: Answers | undefined

  /** Whether the table is different now; so for all changes. */
  setLink(link: Link): boolean {
    const old = this.#links.get(link.index)
    if (old !== undefined && sameValues(old, link)) return false
    if (old === undefined && this.#links.size >= MOST) return false
    this.#links.set(link.index, link)
    return this.#changed()
  }

  /** Its addresses and routes go with it: the kernel does not tell of all of them. */
  dropLink(index: number): boolean {
    if (!this.#links.delete(index)) return false
    for (const [key, address] of this.#addresses) if (address.index === index) this.#addresses.delete(key)
    this.#routes = this.#routes.filter(route => route.index !== index)
    this.#outward = this.#outward.filter(each => each !== index)
    return this.#changed()
  }

  setAddress(address: LinkAddress): boolean {
    const key = keyOf(address)
    const old = this.#addresses.get(key)
    if (old !== undefined && sameValues(old, address)) return false
    if (old === undefined && this.#addresses.size >= MOST) return false
    this.#addresses.set(key, address)
    return this.#changed()
  }

  dropAddress(address: LinkAddress): boolean {
    return this.#addresses.delete(keyOf(address)) && this.#changed()
  }

  setRoutes(routes: readonly DefaultRoute[], wide: readonly WideRoute[]): boolean {
    const sorted = [...routes].sort((a, b) => a.metric - b.metric)
    const same = sorted.length === this.#routes.length && sorted.every((route, i) => sameValues(route, this.#routes[i]))
    const leading = wide.filter(({ destination }) => reachesWorld(destination)).flatMap(({ devices }) => devices)
    const outward = [...new Set(leading)].sort((a, b) => a - b)
    if (same && outward.join() === this.#outward.join()) return false
    this.#routes = sorted
    this.#outward = outward
    return this.#changed()
  }

  /** Takes over what a complete dump said. */
  setAll(links: readonly Link[], addresses: readonly LinkAddress[]): boolean {
    const old = { links: this.#links, addresses: this.#addresses }
    this.#links = new Map(links.slice(0, MOST).map(link => [link.index, link]))
    this.#addresses = new Map(addresses.slice(0, MOST).map(address => [keyOf(address), address]))
    const same = sameEntries(old.links, this.#links) && sameEntries(old.addresses, this.#addresses)
    return same ? false : this.#changed()
  }

  links(): readonly Link[] {
    return [...this.#links.values()].sort((a, b) => a.index - b.index)
  }

  link(device: string): Link | undefined {
    return this.#answers().byName.get(device)?.link
  }

  index(device: string): number | undefined {
    return this.link(device)?.index
  }

  device(index: number): string | undefined {
    return this.#links.get(index)?.name
  }

  addresses(device: string): readonly LinkAddress[] {
    return this.#answers().byName.get(device)?.addresses ?? []
  }

  isOnLink(ip: Ip, device: string): boolean {
    return (
      this.#answers()
        .byName.get(device)
        ?.networks.some(network => inRange(ip, network)) ?? false
    )
  }

  isHost(ip: Ip, device: string): boolean {
    const hosts = this.#answers().byName.get(device)?.hosts
    const known = hosts?.get(ip)
    if (known !== undefined) return known
    const is = this.#couldBeHost(ip, device)
    hosts?.set(ip, is)
    return is
  }

  #couldBeHost(ip: Ip, device: string): boolean {
    return isUnicast(ip) && this.isOnLink(ip, device) && !this.isOwn(ip) && !this.isBroadcast(ip)
  }

  isOwn(ip: Ip): boolean {
    return this.#answers().own.has(ip)
  }

  isBroadcast(ip: Ip): boolean {
    return this.#answers().broadcast.has(ip)
  }

  defaultRoutes(family: 4 | 6): readonly DefaultRoute[] {
    return this.#routes.filter(route => route.family === family)
  }

  carriesDefaultRoute(device: string, family: 4 | 6): boolean {
    const index = this.index(device)
    return this.#routes.some(route => route.family === family && route.index === index)
  }

  leadsToWorld(device: string): boolean {
    const index = this.index(device)
    return index !== undefined && this.#outward.includes(index)
  }

  #answers(): Answers {
    this.#asked ??= answers(this.#links.values(), this.#addresses.values())
    return this.#asked
  }

  #changed(): true {
    this.#asked = undefined
    return true
  }
}

interface Device {
  readonly link: Link
  readonly addresses: readonly LinkAddress[]
  readonly networks: readonly IpRange[]
  /** Whether an address could be a host here: asked for each request. */
  readonly hosts: Memo<Ip, boolean>
}

/** Addresses of one device of which it is remembered; a LAN has fewer hosts. */
const HOSTS = 512

interface Answers {
  readonly byName: ReadonlyMap<string, Device>
  readonly own: ReadonlySet<Ip>
  readonly broadcast: ReadonlySet<Ip>
}

function answers(links: Iterable<Link>, addresses: Iterable<LinkAddress>): Answers {
  const byIndex = new Map<number, LinkAddress[]>()
  const own = new Set<Ip>()
  const broadcast = new Set<Ip>()
  for (const address of addresses) {
    own.add(address.ip)
    for (const ip of broadcastsOf(address)) broadcast.add(ip)
    if (!address.usable) continue
    const found = byIndex.get(address.index)
    if (found === undefined) byIndex.set(address.index, [address])
    else found.push(address)
  }
  const byName = new Map<string, Device>()
  for (const link of links) {
    const found = byIndex.get(link.index) ?? []
    byName.set(link.name, { link, addresses: found, networks: found.map(networkOf), hosts: new Memo(HOSTS) })
  }
  return { byName, own, broadcast }
}

/** On a point-to-point link the prefix belongs to the far end. */
const networkOf = (address: LinkAddress): IpRange => prefixRange(address.peer ?? address.ip, address.bits)

/**
 * RFC 3021: a network of two or one has neither network nor broadcast address. The first address of an IPv6 network is
 * that of its routers (RFC 4291 §2.6.1).
 */
function broadcastsOf(address: LinkAddress): readonly Ip[] {
  if (!isIpv4(address.ip)) return address.bits < 127 ? [networkOf(address).first] : []
  const given = address.broadcast === undefined ? [] : [address.broadcast]
  if (address.bits >= 31) return given
  const { first, last } = networkOf(address)
  return [first, last, ...given]
}

/** As the kernel tells addresses apart: IPv4 may have the same one with several prefixes or peers, IPv6 not. */
const keyOf = ({ index, ip, bits, peer }: LinkAddress): string =>
  isIpv4(ip) ? `${index} ${ip}/${bits} ${peer ?? ''}` : `${index} ${ip}`

function sameValues<T extends object>(a: T, b: T | undefined): boolean {
  if (b === undefined) return false
  for (const key in a) if (a[key] !== b[key]) return false
  return true
}

/** Order counts: the kernel's order decides which of several addresses is used. */
function sameEntries<K, V extends object>(a: ReadonlyMap<K, V>, b: ReadonlyMap<K, V>): boolean {
  if (a.size !== b.size) return false
  const others = b.entries()
  for (const [key, value] of a) {
    const other = others.next().value
    if (other === undefined || other[0] !== key || !sameValues(value, other[1])) return false
  }
  return true
}
