/**
 * Links, addresses, routes and neighbours as the kernel tells them (NETLINK_ROUTE; linux/rtnetlink.h, if_link.h,
 * if_addr.h, neighbour.h). Everything is in the byte order of the machine except addresses.
 *
 * `read*` turn a message into a value, or into `undefined` when it is about something else (a bridge's own table, a
 * wireless event); they throw `Malformed` and nothing else.
 */
import { Malformed } from '../base/fail.ts'
import type { Ip, IpRange, Mac } from '../base/ip.ts'
import { ANY_IPV4, isIpv4, macFrom, prefixRange } from '../base/ip.ts'
import type { Message } from './netlink.ts'
import { dump, FLAG } from './netlink.ts'
import { address, attributes, host32, raw, string, u8 } from './netlink-attributes.ts'
import { format } from './netlink-format.ts'
import type { NextHop } from './rtnetlink-nexthop.ts'
import { nextHops } from './rtnetlink-nexthop.ts'

/** `nlmsg_type`, linux/rtnetlink.h. */
export const RTM = {
  newLink: 16, // RTM_NEWLINK
  delLink: 17,
  getLink: 18,
  newAddress: 20, // RTM_NEWADDR
  delAddress: 21,
  getAddress: 22,
  newRoute: 24, // RTM_NEWROUTE
  delRoute: 25,
  getRoute: 26,
  newNeighbour: 28, // RTM_NEWNEIGH
  delNeighbour: 29,
  getNeighbour: 30,
  newStatistics: 92, // RTM_NEWSTATS, from Linux 4.7
  getStatistics: 94, // RTM_GETSTATS
} as const

/** enum rtnetlink_groups, linux/rtnetlink.h: numbers, not masks. */
export const RTNLGRP = {
  link: 1, // RTNLGRP_LINK
  neighbour: 3, // RTNLGRP_NEIGH
  ipv4Address: 5, // RTNLGRP_IPV4_IFADDR
  ipv4Route: 7, // RTNLGRP_IPV4_ROUTE
  ipv6Address: 9, // RTNLGRP_IPV6_IFADDR
  ipv6Route: 11, // RTNLGRP_IPV6_ROUTE
} as const

const AF_UNSPEC = 0 // sys/socket.h; the same number on every processor
const AF_INET = 2
const AF_INET6 = 10

const IFF_UP = 0x1 // linux/if.h
const IFF_LOOPBACK = 0x8
const IFF_POINTOPOINT = 0x10
const IFF_LOWER_UP = 0x10000
const IF_OPER_UNKNOWN = 0 // RFC 2863; what drivers say that do not know
const IF_OPER_UP = 6
const RTEXT_FILTER_SKIP_STATS = 0x8 // linux/rtnetlink.h; leaves out the counters of IPv6

const IFLA_STATS_FILTER_LINK_64 = 0x1 // IFLA_STATS_FILTER_BIT(IFLA_STATS_LINK_64)

const IFA_F_SECONDARY = 0x1 // linux/if_addr.h
const IFA_F_OPTIMISTIC = 0x4
const IFA_F_DADFAILED = 0x8
const IFA_F_DEPRECATED = 0x20
const IFA_F_TENTATIVE = 0x40

const RT_TABLE_UNSPEC = 0 // linux/rtnetlink.h
const RT_TABLE_MAIN = 254
const RTN_UNICAST = 1
const RT_SCOPE_LINK = 253

const NUD_INCOMPLETE = 0x1 // linux/neighbour.h
const NUD_FAILED = 0x20
const NUD_NOARP = 0x40
const NTF_USE = 0x1

export interface Link {
  readonly index: number
  readonly name: string
  /** Switched on by the administrator. */
  readonly up: boolean
  /** The lower layer works, or the driver cannot tell (tun). */
  readonly carrier: boolean
  readonly loopback: boolean
  readonly pointToPoint: boolean
  readonly mac: Mac | undefined
}

export interface LinkAddress {
  readonly index: number
  /** The router's own address. */
  readonly ip: Ip
  /** Length of the prefix of `ip`, or of `peer` where there is one. */
  readonly bits: number
  /** The other end of a point-to-point link; the on-link network is then its network. */
  readonly peer: Ip | undefined
  readonly broadcast: Ip | undefined
  readonly scope: 'universe' | 'link' | 'host'
  /** In a subnet that already has an address on this link (IPv6: temporary). */
  readonly secondary: boolean
  readonly deprecated: boolean
  /** False while duplicate address detection runs or has failed. */
  readonly usable: boolean
}

export interface DefaultRoute {
  readonly family: 4 | 6
  /** Device index. */
  readonly index: number
  readonly gateway: Ip | undefined
  /** The smallest wins; 0 is the kernel's own default. */
  readonly metric: number
}

/** A route to so many addresses that they are not those of one site: a default route, or a part of what it leads to. */
export interface WideRoute {
  readonly destination: IpRange
  /** Device indices, one a next hop. */
  readonly devices: readonly number[]
}

/** What a device has received and sent since it was made. Exact up to 2^53. */
export interface LinkCounters {
  readonly packetsIn: number
  readonly bytesIn: number
  readonly packetsOut: number
  readonly bytesOut: number
}

export interface Neighbour {
  readonly index: number
  readonly ip: Ip
  /** `undefined` while the kernel is still asking or has given up. */
  readonly mac: Mac | undefined
}

const IFLA = attributes('link', {
  mac: [1, raw], // IFLA_ADDRESS; six bytes on Ethernet, four on IP tunnels
  broadcast: [2, raw], // IFLA_BROADCAST
  name: [3, string], // IFLA_IFNAME
  mtu: [4, host32], // IFLA_MTU
  wireless: [11, raw], // IFLA_WIRELESS: an event of the driver, not a change of the link
  operstate: [16, u8], // IFLA_OPERSTATE
  extMask: [29, host32], // IFLA_EXT_MASK
})

const IFA = attributes('address', {
  address: [1, address], // IFA_ADDRESS: on point-to-point links the peer
  local: [2, address], // IFA_LOCAL: IPv4 only
  label: [3, string], // IFA_LABEL
  broadcast: [4, address], // IFA_BROADCAST
  cacheinfo: [6, raw], // IFA_CACHEINFO
  flags: [8, host32], // IFA_FLAGS: supersedes ifa_flags, which has only eight bits
})

const RTA = attributes('route', {
  destination: [1, address], // RTA_DST
  device: [4, host32], // RTA_OIF
  gateway: [5, address], // RTA_GATEWAY
  metric: [6, host32], // RTA_PRIORITY
  preferredSource: [7, address], // RTA_PREFSRC
  hops: [9, nextHops], // RTA_MULTIPATH
  table: [15, host32], // RTA_TABLE: supersedes rtm_table, which has only eight bits
})

const NDA = attributes('neighbour', {
  ip: [1, address], // NDA_DST
  mac: [2, raw], // NDA_LLADDR
})

const IFLA_STATS = attributes('statistics', {
  link: [1, raw], // IFLA_STATS_LINK_64: struct rtnl_link_stats64
})

/** struct ifinfomsg */
export const linkFormat = format(
  'ifinfomsg',
  { family: 'u8', pad: 'u8', type: 'host16', index: 'host32', flags: 'host32', change: 'host32' },
  IFLA,
)
/** struct ifaddrmsg */
export const addressFormat = format(
  'ifaddrmsg',
  { family: 'u8', bits: 'u8', flags: 'u8', scope: 'u8', index: 'host32' },
  IFA,
)
/** struct rtmsg */
export const routeFormat = format(
  'rtmsg',
  {
    family: 'u8',
    bits: 'u8',
    sourceBits: 'u8',
    tos: 'u8',
    table: 'u8',
    protocol: 'u8',
    scope: 'u8',
    type: 'u8',
    flags: 'host32',
  },
  RTA,
)
/** struct ndmsg */
export const neighbourFormat = format(
  'ndmsg',
  { family: 'u8', pad: 'u8', pad2: 'host16', index: 'host32', state: 'host16', flags: 'u8', type: 'u8' },
  NDA,
)

/** struct if_stats_msg */
export const statisticsFormat = format(
  'if_stats_msg',
  { family: 'u8', pad: 'u8', pad2: 'host16', index: 'host32', filter: 'host32' },
  IFLA_STATS,
)

/** What to send with NLM_F_DUMP: whole fixed headers, as NETLINK_GET_STRICT_CHK wants them. */
export const dumpRequest = {
  links: (littleEndian: boolean) => ({
    type: RTM.getLink,
    payload: linkFormat.encode({}, { extMask: RTEXT_FILTER_SKIP_STATS }, littleEndian),
  }),
  /** IPv4 and IPv6. */
  addresses: (littleEndian: boolean) => ({
    type: RTM.getAddress,
    payload: addressFormat.encode({}, {}, littleEndian),
  }),
  /** All tables of one family; kernels without strict checking (before 4.20) send routes of all types. */
  routes: (family: 4 | 6, littleEndian: boolean) => ({
    type: RTM.getRoute,
    payload: routeFormat.encode(
      { family: family === 4 ? AF_INET : AF_INET6, table: RT_TABLE_UNSPEC, type: RTN_UNICAST },
      {},
      littleEndian,
    ),
  }),
  neighbours: (family: 4 | 6, littleEndian: boolean) => ({
    type: RTM.getNeighbour,
    payload: neighbourFormat.encode({ family: family === 4 ? AF_INET : AF_INET6 }, {}, littleEndian),
  }),
} as const

/** Asks for the counters of one device; `readCounters` reads the one reply. */
export const countersRequest = (index: number, littleEndian: boolean) => ({
  type: RTM.getStatistics,
  payload: statisticsFormat.encode({ index, filter: IFLA_STATS_FILTER_LINK_64 }, {}, littleEndian),
})

/** Switches a device on or off, and touches nothing else of it. */
export const switchRequest = (index: number, up: boolean, littleEndian: boolean) => ({
  type: RTM.newLink,
  payload: linkFormat.encode({ index, flags: up ? IFF_UP : 0, change: IFF_UP }, {}, littleEndian),
})

/**
 * Has the kernel find out who has an address, as if a packet were to leave for it: NTF_USE sends the first question at
 * once (neighbour.c, neigh_add), and makes the entry where there is none.
 */
export const resolveRequest = (ip: Ip, index: number, littleEndian: boolean) => ({
  type: RTM.newNeighbour,
  flags: FLAG.create,
  payload: neighbourFormat.encode(
    { family: isIpv4(ip) ? AF_INET : AF_INET6, index, flags: NTF_USE },
    { ip },
    littleEndian,
  ),
})

/** Of RTM_NEWSTATS; `undefined` when the kernel said nothing of the link. */
export function readCounters(message: Message, littleEndian: boolean): LinkCounters | undefined {
  const { link } = statisticsFormat.decode(message.payload, littleEndian).attributes
  if (link === undefined) return undefined
  if (link.length < 32) throw new Malformed(`link statistics of ${link.length} bytes`)
  const view = new DataView(link.buffer, link.byteOffset, link.byteLength)
  const [high, low] = littleEndian ? [4, 0] : [0, 4]
  // As two halves: numbers of 64 bits are BigInt, which QuickJS gets wrong here and there.
  const at = (n: number): number =>
    view.getUint32(8 * n + high, littleEndian) * 0x1_0000_0000 + view.getUint32(8 * n + low, littleEndian)
  return { packetsIn: at(0), packetsOut: at(1), bytesIn: at(2), bytesOut: at(3) } // rx_packets, tx_packets, rx_bytes, ...
}

/** Of RTM_NEWLINK and RTM_DELLINK. A bridge speaks of its ports by the same messages, with a family of its own. */
export function readLink(message: Message, littleEndian: boolean): Link | undefined {
  if (linkFormat.head(message.payload, littleEndian).family !== AF_UNSPEC) return undefined
  const { head, attributes } = linkFormat.decode(message.payload, littleEndian)
  if (attributes.wireless !== undefined || attributes.name === undefined) return undefined
  const operstate = attributes.operstate ?? IF_OPER_UP
  return {
    index: head.index,
    name: attributes.name,
    up: (head.flags & IFF_UP) !== 0,
    carrier: (head.flags & IFF_LOWER_UP) !== 0 || operstate === IF_OPER_UNKNOWN,
    loopback: (head.flags & IFF_LOOPBACK) !== 0,
    pointToPoint: (head.flags & IFF_POINTOPOINT) !== 0,
    mac: macOf(attributes.mac),
  }
}

/** Of RTM_NEWADDR and RTM_DELADDR. */
export function readAddress(message: Message, littleEndian: boolean): LinkAddress | undefined {
  const { family } = addressFormat.head(message.payload, littleEndian)
  if (family !== AF_INET && family !== AF_INET6) return undefined
  const { head, attributes } = addressFormat.decode(message.payload, littleEndian)
  const ip = attributes.local ?? attributes.address
  if (ip === undefined) return undefined
  const far = attributes.address
  for (const each of [ip, far, attributes.broadcast]) inFamily(each, family)
  const flags = attributes.flags ?? head.flags
  const tentative = (flags & IFA_F_TENTATIVE) !== 0 && (flags & IFA_F_OPTIMISTIC) === 0
  return {
    index: head.index,
    ip,
    bits: Math.min(head.bits, family === AF_INET ? 32 : 128),
    peer: far === undefined || far === ip || far === ANY_IPV4 ? undefined : far,
    broadcast: attributes.broadcast,
    scope: head.scope > RT_SCOPE_LINK ? 'host' : head.scope === RT_SCOPE_LINK ? 'link' : 'universe',
    secondary: (flags & IFA_F_SECONDARY) !== 0,
    deprecated: (flags & IFA_F_DEPRECATED) !== 0,
    usable: !tentative && (flags & IFA_F_DADFAILED) === 0,
  }
}

/** Of RTM_NEWROUTE and RTM_DELROUTE: the default routes that it makes, one a next hop; of other routes none. */
export function readDefaultRoutes(message: Message, littleEndian: boolean): readonly DefaultRoute[] {
  const { family, bits, type } = routeFormat.head(message.payload, littleEndian)
  if ((family !== AF_INET && family !== AF_INET6) || bits !== 0 || type !== RTN_UNICAST) return []
  const { head, attributes } = routeFormat.decode(message.payload, littleEndian)
  if ((attributes.table ?? head.table) !== RT_TABLE_MAIN) return []
  return hopsOf(attributes).map(({ index, gateway }) => ({
    family: family === AF_INET ? 4 : 6,
    index,
    gateway,
    metric: attributes.metric ?? 0,
  }))
}

/**
 * Longest prefixes that are wide. Who leaves private networks out of a VPN writes the rest as prefixes of 5 to 8 bits
 * and longer; of IPv6 no site has a prefix as short as this, RFC 4291 §2.4 has 2000::/3 for the world.
 */
const WIDE = { [AF_INET]: 8, [AF_INET6]: 12 } as const

/** Of RTM_NEWROUTE and RTM_DELROUTE, in whatever table; `undefined` for a narrow one, and for what leads nowhere. */
export function readWideRoute(message: Message, littleEndian: boolean): WideRoute | undefined {
  const { family, bits, type } = routeFormat.head(message.payload, littleEndian)
  if ((family !== AF_INET && family !== AF_INET6) || bits > WIDE[family] || type !== RTN_UNICAST) return undefined
  const { attributes } = routeFormat.decode(message.payload, littleEndian)
  inFamily(attributes.destination, family)
  const to = attributes.destination ?? (family === AF_INET ? ANY_IPV4 : ANY_IPV6)
  return { destination: prefixRange(to, bits), devices: hopsOf(attributes).map(({ index }) => index) }
}

const ANY_IPV6 = '::' as Ip

type RouteAttributes = ReturnType<(typeof routeFormat)['decode']>['attributes']

function hopsOf({ device, gateway, hops = [] }: RouteAttributes): readonly Pick<NextHop, 'index' | 'gateway'>[] {
  return device === undefined ? hops : [{ index: device, gateway }, ...hops]
}

/** Of RTM_NEWNEIGH and RTM_DELNEIGH, IPv4 and IPv6. */
export function readNeighbour(message: Message, littleEndian: boolean): Neighbour | undefined {
  const { family } = neighbourFormat.head(message.payload, littleEndian)
  if (family !== AF_INET && family !== AF_INET6) return undefined
  const { head, attributes } = neighbourFormat.decode(message.payload, littleEndian)
  inFamily(attributes.ip, family)
  if (attributes.ip === undefined || (head.state & NUD_NOARP) !== 0) return undefined
  const known = head.state !== 0 && (head.state & (NUD_INCOMPLETE | NUD_FAILED)) === 0
  return { index: head.index, ip: attributes.ip, mac: known ? macOf(attributes.mac) : undefined }
}

/** A datagram for a person to read; never throws. */
export function dumpRtnetlink(datagram: Uint8Array, littleEndian: boolean): string {
  return dump(datagram, littleEndian, ({ type, payload }) => {
    const format = type === RTM.newStatistics ? statisticsFormat : FORMATS[(type - RTM.newLink) >> 2]
    return format === undefined ? [`  type ${type}`] : format.dump(payload, littleEndian)
  })
}

/** In the order of the message types, four apart. */
const FORMATS = [linkFormat, addressFormat, routeFormat, neighbourFormat] as const

function inFamily(ip: Ip | undefined, family: number): void {
  if (ip !== undefined && isIpv4(ip) !== (family === AF_INET)) throw new Malformed(`${ip} in family ${family}`)
}

const macOf = (bytes: Uint8Array | undefined): Mac | undefined => (bytes?.length === 6 ? macFrom(bytes) : undefined)
