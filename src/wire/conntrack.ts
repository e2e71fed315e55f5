/**
 * Conntrack entries over netlink (linux/netfilter/nfnetlink_conntrack.h, nf_conntrack_common.h). Numbers are
 * big-endian, except the flags of CTA_FILTER, which are in the byte order of the machine.
 *
 * A DELETE without attributes empties the whole table of the router. It cannot be written here: the only delete
 * request takes a `Flow`, whose original tuple is complete.
 */
import { Malformed } from '../base/fail.ts'
import type { Endpoint, Ip, Port } from '../base/ip.ts'
import { isIpv4, port } from '../base/ip.ts'
import type { Message } from './netlink.ts'
import { dump } from './netlink.ts'
import type { Values } from './netlink-attributes.ts'
import { address, attributes, be16, be32, be64, host32, raw, source, u8 } from './netlink-attributes.ts'
import { format } from './netlink-format.ts'

const SUBSYSTEM = 1 << 8 // NFNL_SUBSYS_CTNETLINK, linux/netfilter/nfnetlink.h

/** `nlmsg_type`: subsystem and message. */
export const IPCTNL = {
  new: SUBSYSTEM | 0, // IPCTNL_MSG_CT_NEW: entries of a dump, and events
  get: SUBSYSTEM | 1, // IPCTNL_MSG_CT_GET
  delete: SUBSYSTEM | 2, // IPCTNL_MSG_CT_DELETE
  stats: SUBSYSTEM | 5, // IPCTNL_MSG_CT_GET_STATS
} as const

/** enum ip_conntrack_status, bits. */
export const IPS = {
  seenReply: 0x2, // IPS_SEEN_REPLY
  assured: 0x4, // IPS_ASSURED
  confirmed: 0x8, // IPS_CONFIRMED
  sourceTranslated: 0x10, // IPS_SRC_NAT
  destinationTranslated: 0x20, // IPS_DST_NAT
  offloaded: 0x4000, // IPS_OFFLOAD: in a flow table, so that its packets do not come by the forward hook
} as const

/** Multicast group of entries that end (NFNLGRP_CONNTRACK_DESTROY, linux/netfilter/nfnetlink.h). */
export const CONNTRACK_DESTROY = 3

const AF_UNSPEC = 0
const AF_INET = 2
const AF_INET6 = 10
const IPPROTO_TCP = 6 // netinet/in.h
const IPPROTO_UDP = 17

const CTA_FILTER_F_IP_SRC = 0x1 // net/netfilter/nf_conntrack_netlink.c: CTA_FILTER_FLAG(CTA_IP_SRC) and so on
const CTA_FILTER_F_PROTO_NUM = 0x8
const CTA_FILTER_F_PROTO_SRC_PORT = 0x10

/** One direction of a flow. */
export interface Tuple {
  readonly source: Endpoint
  readonly destination: Endpoint
  /** Zone of this direction alone; `Flow.zone` where both have the same. */
  readonly zone: number | undefined
}

export interface Counters {
  readonly packets: number
  readonly bytes: number
}

/** A TCP or UDP entry. A flow through a mapping has `original.destination` external and `reply.source` internal. */
export interface Flow {
  readonly transport: 'tcp' | 'udp'
  readonly original: Tuple
  readonly reply: Tuple
  /** Bits of `IPS`. */
  readonly status: number
  /** Distinguishes an entry from a later one with the same tuples. */
  readonly id: number | undefined
  readonly zone: number | undefined
  /** Seconds that remain. */
  readonly timeout: number | undefined
  /** Only where net.netfilter.nf_conntrack_acct is on. */
  readonly counters: { readonly original: Counters; readonly reply: Counters } | undefined
}

const ipTuple = attributes('ip', {
  source: [1, address], // CTA_IP_V4_SRC
  destination: [2, address], // CTA_IP_V4_DST
  source6: [3, address], // CTA_IP_V6_SRC
  destination6: [4, address], // CTA_IP_V6_DST
})
const protocolTuple = attributes('proto', {
  number: [1, u8], // CTA_PROTO_NUM
  sourcePort: [2, be16], // CTA_PROTO_SRC_PORT
  destinationPort: [3, be16], // CTA_PROTO_DST_PORT
  icmpId: [4, be16], // CTA_PROTO_ICMP_ID
  icmpType: [5, u8], // CTA_PROTO_ICMP_TYPE
  icmpCode: [6, u8], // CTA_PROTO_ICMP_CODE
})
const tuple = attributes('tuple', {
  ip: [1, ipTuple], // CTA_TUPLE_IP
  protocol: [2, protocolTuple], // CTA_TUPLE_PROTO
  zone: [3, be16], // CTA_TUPLE_ZONE
})
const counters = attributes('counters', {
  packets: [1, be64], // CTA_COUNTERS_PACKETS
  bytes: [2, be64], // CTA_COUNTERS_BYTES
})
const tcpInfo = attributes('tcp', {
  state: [1, u8], // CTA_PROTOINFO_TCP_STATE
  scaleOriginal: [2, u8], // CTA_PROTOINFO_TCP_WSCALE_ORIGINAL
  scaleReply: [3, u8],
  flagsOriginal: [4, raw], // CTA_PROTOINFO_TCP_FLAGS_ORIGINAL: struct nf_ct_tcp_flags
  flagsReply: [5, raw],
})
const synproxy = attributes('synproxy', {
  isn: [1, be32], // CTA_SYNPROXY_ISN
  its: [2, be32], // CTA_SYNPROXY_ITS
  offset: [3, be32], // CTA_SYNPROXY_TSOFF
})
const filter = attributes('filter', {
  original: [1, host32], // CTA_FILTER_ORIG_FLAGS
  reply: [2, host32], // CTA_FILTER_REPLY_FLAGS
})
const CTA = attributes('conntrack', {
  original: [1, tuple], // CTA_TUPLE_ORIG
  reply: [2, tuple], // CTA_TUPLE_REPLY
  status: [3, be32], // CTA_STATUS
  protocolInfo: [4, attributes('protoinfo', { tcp: [1, tcpInfo] })], // CTA_PROTOINFO, CTA_PROTOINFO_TCP
  timeout: [7, be32], // CTA_TIMEOUT
  mark: [8, be32], // CTA_MARK
  countersOriginal: [9, counters], // CTA_COUNTERS_ORIG
  countersReply: [10, counters], // CTA_COUNTERS_REPLY
  use: [11, be32], // CTA_USE
  id: [12, be32], // CTA_ID
  zone: [18, be16], // CTA_ZONE
  synproxy: [24, synproxy], // CTA_SYNPROXY
  filter: [25, filter], // CTA_FILTER
  statusMask: [26, be32], // CTA_STATUS_MASK
})

/** struct nfgenmsg, linux/netfilter/nfnetlink.h */
export const conntrackFormat = format('nfgenmsg', { family: 'u8', version: 'u8', resource: 'be16' }, CTA)

/** What the inside of a flow looks like from here: who is behind the translation. */
export interface Inside {
  readonly ip: Ip
  /** Absent: every port of the host. */
  readonly only?: { readonly transport: 'tcp' | 'udp'; readonly port: Port }
}

/**
 * What to send with NLM_F_DUMP. Kernels before 5.8 ignore the filter by tuple, those before 5.15 the one by status,
 * so a reader must look at what arrives.
 */
export const conntrackDump = {
  /** Every entry of a family. */
  all: (family: 4 | 6 | 'both', littleEndian: boolean) => ({
    type: IPCTNL.get,
    payload: conntrackFormat.encode({ family: FAMILY[family] }, {}, littleEndian),
  }),
  /** Every entry whose destination was translated. */
  destinationTranslated: (family: 4 | 6 | 'both', littleEndian: boolean) => ({
    type: IPCTNL.get,
    payload: conntrackFormat.encode(
      { family: FAMILY[family] },
      { status: IPS.destinationTranslated, statusMask: IPS.destinationTranslated },
      littleEndian,
    ),
  }),
  /** Every entry that a flow table carries. */
  offloaded: (littleEndian: boolean) => ({
    type: IPCTNL.get,
    payload: conntrackFormat.encode(
      { family: AF_UNSPEC },
      { status: IPS.offloaded, statusMask: IPS.offloaded },
      littleEndian,
    ),
  }),
  /** Flows from outside that reach `inside`: its replies come from there. */
  towards: (inside: Inside, littleEndian: boolean) => filtered('reply', inside, littleEndian),
  /** Flows that `inside` began. */
  from: (inside: Inside, littleEndian: boolean) => filtered('original', inside, littleEndian),
} as const

/** How many flows there are: one short answer, however many. A kernel without ctnetlink refuses it with EINVAL. */
export const conntrackStats = (littleEndian: boolean) => ({
  type: IPCTNL.stats,
  payload: conntrackFormat.encode({ family: AF_UNSPEC }, {}, littleEndian),
})

/** What to send (with NLM_F_ACK) to end one flow: tuple and id, so that a successor with the same tuple survives. */
export function deleteRequest(flow: Flow, littleEndian: boolean): { type: number; payload: Uint8Array } {
  const family = isIpv4(flow.original.source.ip) ? AF_INET : AF_INET6
  const original = writtenTuple(flow)
  const payload = conntrackFormat.encode({ family }, { original, id: flow.id, zone: flow.zone }, littleEndian)
  return { type: IPCTNL.delete, payload }
}

/** Of an entry in a dump or an event; `undefined` for what is neither TCP nor UDP. Throws `Malformed`. */
export function readFlow(message: Message, littleEndian: boolean): Flow | undefined {
  const { attributes } = conntrackFormat.decode(message.payload, littleEndian)
  const number = attributes.original?.protocol?.number
  const transport = number === IPPROTO_TCP ? 'tcp' : number === IPPROTO_UDP ? 'udp' : undefined
  const original = readTuple(attributes.original)
  const reply = readTuple(attributes.reply)
  if (transport === undefined || original === undefined || reply === undefined) return undefined
  return {
    transport,
    original,
    reply,
    status: attributes.status ?? 0,
    id: attributes.id,
    zone: attributes.zone,
    timeout: attributes.timeout,
    counters: readCounters(attributes.countersOriginal, attributes.countersReply),
  }
}

/** An end of a flow as numbers. */
export interface End {
  readonly ip: number
  readonly port: number
}

/**
 * The two ends of an IPv4 entry that may lie inside: who began it, and who replies. For sifting a long dump: reading an
 * entry costs ten times as much. `undefined` when the entry is not laid out as the kernel lays out IPv4 entries with
 * ports (nf_conntrack_netlink.c, ctnetlink_fill_info): `readFlow` tells then.
 */
export function ends(
  message: Message,
  littleEndian: boolean,
): { readonly began: End; readonly replies: End } | undefined {
  const { payload } = message
  if (payload.length < LAYOUT_SIZE) return undefined
  const { view } = source(payload, littleEndian)
  for (let i = 0; i < LAYOUT.length; i++) {
    const { at, length, type } = LAYOUT[i] as Header
    if (view.getUint16(at, littleEndian) !== length || view.getUint16(at + 2, littleEndian) !== type) return undefined
  }
  return { began: endAt(view, ORIGINAL), replies: endAt(view, REPLY) }
}

/** The source of the tuple that begins at `at`. */
const endAt = (view: DataView, at: number): End => ({ ip: view.getUint32(at + 12), port: view.getUint16(at + 40) })

/** A datagram for a person to read; never throws. */
export const dumpConntrack = (datagram: Uint8Array, littleEndian: boolean): string =>
  dump(datagram, littleEndian, ({ payload }) => conntrackFormat.dump(payload, littleEndian))

const NESTED = 0x8000 // NLA_F_NESTED, linux/netlink.h
const SIZE_OF_TUPLE = 52
/** Where in the payload the tuples begin. */
const ORIGINAL = 4
const REPLY = ORIGINAL + SIZE_OF_TUPLE
const LAYOUT_SIZE = REPLY + SIZE_OF_TUPLE

interface Header {
  readonly at: number
  readonly length: number
  readonly type: number
}

/** Where which attribute header stands: both tuples, in them the addresses and the protocol, in those the source. */
const LAYOUT: readonly Header[] = [ORIGINAL, REPLY].flatMap((at, index) => [
  { at, length: SIZE_OF_TUPLE, type: (index + 1) | NESTED }, // CTA_TUPLE_ORIG, CTA_TUPLE_REPLY
  { at: at + 4, length: 20, type: 1 | NESTED }, // CTA_TUPLE_IP
  { at: at + 8, length: 8, type: 1 }, // CTA_IP_V4_SRC
  { at: at + 24, length: 28, type: 2 | NESTED }, // CTA_TUPLE_PROTO
  { at: at + 36, length: 6, type: 2 }, // CTA_PROTO_SRC_PORT
])

const FAMILY: Record<4 | 6 | 'both', number> = { 4: AF_INET, 6: AF_INET6, both: AF_UNSPEC }

type TupleValues = Values<{
  readonly ip: readonly [1, typeof ipTuple]
  readonly protocol: readonly [2, typeof protocolTuple]
  readonly zone: readonly [3, typeof be16]
}>

/**
 * IPv6 addresses are not asked for: the kernel compares them the wrong way round (ctnetlink_filter_match_tuple, still so
 * in 6.18) and would leave out the very entries that are wanted.
 */
function filtered(side: 'original' | 'reply', inside: Inside, littleEndian: boolean) {
  const four = isIpv4(inside.ip)
  if (!four && inside.only === undefined) return conntrackDump.all(6, littleEndian)
  const value: TupleValues = {
    ip: four ? { source: inside.ip } : undefined,
    protocol:
      inside.only === undefined
        ? undefined
        : { number: protocolNumber(inside.only.transport), sourcePort: inside.only.port },
  }
  const flags =
    (four ? CTA_FILTER_F_IP_SRC : 0) |
    (inside.only === undefined ? 0 : CTA_FILTER_F_PROTO_NUM | CTA_FILTER_F_PROTO_SRC_PORT)
  const payload = conntrackFormat.encode(
    { family: four ? AF_INET : AF_INET6 },
    side === 'original'
      ? { original: value, filter: { original: flags, reply: 0 } }
      : { reply: value, filter: { original: 0, reply: flags } },
    littleEndian,
  )
  return { type: IPCTNL.get, payload }
}

function writtenTuple({ transport, original: { source, destination, zone } }: Flow): TupleValues {
  return {
    ip: isIpv4(source.ip)
      ? { source: source.ip, destination: destination.ip }
      : { source6: source.ip, destination6: destination.ip },
    protocol: { number: protocolNumber(transport), sourcePort: source.port, destinationPort: destination.port },
    zone,
  }
}

function readTuple(value: TupleValues | undefined): Tuple | undefined {
  const from = value?.ip?.source ?? value?.ip?.source6
  const to = value?.ip?.destination ?? value?.ip?.destination6
  const fromPort = port(value?.protocol?.sourcePort ?? 0)
  const toPort = port(value?.protocol?.destinationPort ?? 0)
  if (from === undefined || to === undefined || fromPort === undefined || toPort === undefined) return undefined
  if (isIpv4(from) !== isIpv4(to)) throw new Malformed(`flow from ${from} to ${to}`)
  return { source: { ip: from, port: fromPort }, destination: { ip: to, port: toPort }, zone: value?.zone }
}

type CounterValues = { readonly packets?: number | undefined; readonly bytes?: number | undefined } | undefined

function readCounters(original: CounterValues, reply: CounterValues): Flow['counters'] {
  if (original === undefined || reply === undefined) return undefined
  const side = (values: NonNullable<CounterValues>) => ({ packets: values.packets ?? 0, bytes: values.bytes ?? 0 })
  return { original: side(original), reply: side(reply) }
}

const protocolNumber = (transport: 'tcp' | 'udp'): number => (transport === 'tcp' ? IPPROTO_TCP : IPPROTO_UDP)
