/**
 * The table `inet portico`: chains and rules, written once, and the sets and maps that they look things up in.
 * Mappings are elements (`elements.ts`), so a packet costs the same with one mapping and with fifty thousand.
 *
 *   prerouting   dstnat + 5, so that the owner's own redirects win: external endpoint -> internal endpoint, for the
 *                world and, hairpin, for the internal networks; other zones see nothing.
 *   postrouting  srcnat - 5, before the firewall's masquerade: what an internal endpoint sends leaves under its
 *                external endpoint (RFC 6886 §3.9); other hosts may not leave by a port that belongs to a mapping.
 *                Hairpin: the source becomes the external endpoint, as seen from outside (RFC 4787 REQ-9).
 *   forward      filter - 1: a mark bit on new flows of our mappings, for the one rule of the firewall that accepts it:
 *                what was translated (ct status dnat) towards an endpoint of a mapping, and, IPv6, what finds a pinhole.
 *   input        filter - 1: our own ports take nothing that did not come in by an internal device, under an address
 *                of that device.
 */
import { joined } from '../base/bytes.ts'
import type { Port } from '../base/ip.ts'
import { utf8Encode } from '../base/text.ts'
import type { Transport } from '../core/mapping.ts'
import { FLAG } from '../wire/netlink.ts'
import type { Batch } from '../wire/nftables.ts'
import { FAMILY, HOOK, SET_FLAG } from '../wire/nftables.ts'

export const TABLE = 'portico'
/** Raised when rules or chains change: a daemon that finds another version rebuilds them around the mappings. */
export const RULES_VERSION = 4

export interface Settings {
  /** Devices whose hosts may ask for mappings and reach them by hairpin. */
  readonly internal: readonly string[]
  /** Device of the active uplink of IPv4; several only if they carry the same external address. */
  readonly external: readonly string[]
  /** Devices by which IPv6 reaches the world: pinholes are for what comes in there. */
  readonly external6: readonly string[]
  /** One bit, for the rule that lets the firewall accept our flows. */
  readonly markBit: number
  /** Our own ports: whatever comes to them by a device that is not internal is dropped. */
  readonly guarded: readonly { readonly transport: Transport; readonly port: Port }[]
  /** How many mappings the kernel may hold at most; a bound beyond the quotas of the core. */
  readonly capacity: number | 'unbounded'
}

/** Which kernels can do what; found out by `probe.ts`. */
export interface Features {
  /** Adding an element again sets its timeout anew (from 6.12); older kernels ignore it silently. */
  readonly updatesTimeouts: boolean
  /** Deleting what is not there is no error: NFT_MSG_DESTROYSETELEM. */
  readonly destroysElements: boolean
  /** A map can be asked like a set; older kernels want a register for what they find. */
  readonly looksUpMapsAsSets: boolean
}

/** Those whose elements carry mappings whole: every mapping is in one of them (`kinds.ts`). */
export type BodySet = 'dnat4' | 'dnat4from' | 'idle4' | 'pinhole6' | 'idle6'
export const BODY_SETS: readonly BodySet[] = ['dnat4', 'dnat4from', 'idle4', 'pinhole6', 'idle6']
/** Those that hold mappings, or what serves them on the way out. */
export type MappingSet = BodySet | 'snat4' | 'taken'
export type SetName = MappingSet | 'internal' | 'external' | 'external6' | 'guarded' | 'state'
export type ChainName = 'prerouting' | 'postrouting' | 'hairpin' | 'pinholes' | 'forward' | 'input'

/** IPPROTO_TCP, IPPROTO_UDP (linux/in.h) */
export const PROTOCOL: Record<Transport, number> = { tcp: 6, udp: 17 }

/** Datatypes by nft's numbers (libnftables datatype.h), six bits for each part of a concatenation. */
const INET_PROTO_SERVICE = (12 << 6) | 13 // inet_proto . inet_service
const ENDPOINT = (7 << 6) | 13 // ipv4_addr . inet_service
const ENDPOINT_KEY = (7 << 12) | INET_PROTO_SERVICE // ipv4_addr . inet_proto . inet_service
const ENDPOINT_FROM_KEY = (7 << 18) | ENDPOINT_KEY // ipv4_addr . (the above)
const PINHOLE_KEY = (8 << 24) | (13 << 18) | (8 << 12) | INET_PROTO_SERVICE // ipv6_addr . inet_service . ipv6_addr . ...
const PINHOLE_KEY_LENGTH = 16 + 4 + 16 + 4 + 4
const IFNAME = 41
const MARK = 19
/** TLVs in the userdata of a set (libnftnl/udata.h): enum nftnl_udata_set_types; byte orders as nft counts them. */
const UDATA_SET = { keyByteorder: 0, dataByteorder: 1, comment: 7 } as const
const BYTEORDER = { none: 0, host: 1, big: 2 } as const
/** NFTNL_UDATA_TABLE_COMMENT, _CHAIN_COMMENT, _RULE_COMMENT, _SET_ELEM_COMMENT: all 0 */
export const UDATA_COMMENT = 0

interface SetShape {
  readonly id: number
  readonly keyType: number
  readonly keyLength: number
  readonly byteorder: (typeof BYTEORDER)[keyof typeof BYTEORDER]
  /** Type and length of what a map leads to. */
  readonly data?: readonly [type: number, length: number]
  readonly flags: number
  readonly counter: boolean
  readonly comment: string
}

const MAPPED = SET_FLAG.map | SET_FLAG.timeout
const DATA = [ENDPOINT, 8] as const

export const SETS: Readonly<Record<SetName, SetShape>> = {
  internal: { ...plain(1, IFNAME, 16, BYTEORDER.host), comment: 'devices whose hosts may ask for mappings' },
  external: { ...plain(2, IFNAME, 16, BYTEORDER.host), comment: 'device of the uplink, IPv4' },
  guarded: { ...plain(3, INET_PROTO_SERVICE, 8, BYTEORDER.none), comment: 'our own ports, for internal devices only' },
  state: { ...plain(4, MARK, 4, BYTEORDER.host), comment: 'version of these rules and start of the epoch' },
  dnat4: {
    ...plain(5, ENDPOINT_KEY, 12, BYTEORDER.none),
    data: DATA,
    flags: MAPPED,
    counter: true,
    comment: 'mappings: external endpoint to internal endpoint; counts flows',
  },
  snat4: {
    ...plain(6, ENDPOINT_KEY, 12, BYTEORDER.none),
    data: DATA,
    flags: MAPPED,
    comment: 'the way out: internal endpoint to external endpoint',
  },
  taken: {
    ...plain(7, INET_PROTO_SERVICE, 8, BYTEORDER.none),
    flags: SET_FLAG.timeout,
    comment: 'external ports of mappings; no other host may leave by them',
  },
  dnat4from: {
    ...plain(8, ENDPOINT_FROM_KEY, 16, BYTEORDER.none),
    data: DATA,
    flags: MAPPED,
    counter: true,
    comment: 'mappings for one remote host: remote host and external endpoint to internal endpoint',
  },
  idle4: {
    ...plain(9, ENDPOINT_KEY, 12, BYTEORDER.none),
    data: DATA,
    flags: MAPPED,
    comment: 'mappings that are disabled or suspended: no rule looks here',
  },
  pinhole6: {
    ...plain(10, PINHOLE_KEY, PINHOLE_KEY_LENGTH, BYTEORDER.none),
    flags: SET_FLAG.timeout,
    counter: true,
    comment: 'pinholes: remote endpoint, zeros for any, and internal endpoint; counts flows',
  },
  idle6: {
    ...plain(11, PINHOLE_KEY, PINHOLE_KEY_LENGTH, BYTEORDER.none),
    flags: SET_FLAG.timeout,
    comment: 'pinholes that are suspended: no rule looks here',
  },
  external6: { ...plain(12, IFNAME, 16, BYTEORDER.host), comment: 'device of the uplink, IPv6' },
}

interface ChainShape {
  /** A chain without a hook is jumped to. */
  readonly hook?: { readonly number: number; readonly priority: number; readonly type: 'nat' | 'filter' }
  readonly comment: string
}

export const CHAINS: Readonly<Record<ChainName, ChainShape>> = {
  prerouting: {
    hook: { number: HOOK.prerouting, priority: -100 + 5, type: 'nat' }, // NF_IP_PRI_NAT_DST + 5
    comment: 'from the world and, hairpin, from inside',
  },
  postrouting: {
    hook: { number: HOOK.postrouting, priority: 100 - 5, type: 'nat' }, // NF_IP_PRI_NAT_SRC - 5
    comment: 'out under the mapped port',
  },
  hairpin: { comment: 'from inside to inside by an external address: seen as from outside' },
  pinholes: { comment: 'from the world to an endpoint inside, IPv6: any remote host and port, or one' },
  forward: {
    hook: { number: HOOK.forward, priority: -1, type: 'filter' },
    comment: 'marks flows of mappings; the firewall accepts the mark',
  },
  input: {
    hook: { number: HOOK.input, priority: -1, type: 'filter' },
    comment: 'nobody but internal hosts asks for mappings',
  },
}

/** Adds the table with its sets, empty. `anew`: whatever was there goes in the same batch. */
export function addTable(batch: Batch, capacity: Settings['capacity'], littleEndian: boolean): void {
  const userdata = tlv(UDATA_COMMENT, text('Portico: automatic port mappings'))
  batch.add('newTable', 0, FAMILY.inet, { name: TABLE, flags: 0 })
  batch.add('deleteTable', 0, FAMILY.inet, { name: TABLE })
  batch.add('newTable', 0, FAMILY.inet, { name: TABLE, flags: 0, userdata })
  for (const name of Object.keys(SETS) as SetName[]) addSet(batch, name, capacity, littleEndian)
}

function addSet(batch: Batch, name: SetName, capacity: Settings['capacity'], littleEndian: boolean): void {
  const { id, keyType, keyLength, byteorder, data, flags, counter, comment } = SETS[name]
  const order = (value: number) => hostBytes(value, littleEndian)
  const bounded = capacity !== 'unbounded' && (flags & SET_FLAG.timeout) !== 0
  batch.add('newSet', FLAG.create, FAMILY.inet, {
    table: TABLE,
    name,
    flags,
    keyType,
    keyLength,
    ...(data === undefined ? {} : { dataType: data[0], dataLength: data[1] }),
    id,
    ...(bounded ? { description: { size: capacity } } : {}),
    userdata: joined([
      tlv(UDATA_SET.keyByteorder, order(byteorder)),
      data === undefined ? new Uint8Array(0) : tlv(UDATA_SET.dataByteorder, order(BYTEORDER.none)),
      tlv(UDATA_SET.comment, text(comment)),
    ]),
    ...(counter ? { expression: { name: 'counter', data: {} } } : {}),
  })
}

/** What says that a set holds so many names of devices; `id` is its number within the batch. */
export const deviceSet = (id: number, size: number, littleEndian: boolean) => ({
  keyType: IFNAME,
  keyLength: 16,
  id,
  description: { size },
  userdata: tlv(UDATA_SET.keyByteorder, hostBytes(BYTEORDER.host, littleEndian)),
})

/** A TLV of nft's userdata: u8 type, u8 length, value. */
export function tlv(type: number, value: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(2 + value.length)
  bytes[0] = type
  bytes[1] = value.length
  bytes.set(value, 2)
  return bytes
}

/** UTF-8 with a NUL at its end. */
export const text = (value: string): Uint8Array => joined([utf8Encode(value), Uint8Array.of(0)])

/** Four bytes as they lie in a register that holds a number of the machine. */
export function hostBytes(value: number, littleEndian: boolean): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value, littleEndian)
  return bytes
}

function plain(id: number, keyType: number, keyLength: number, byteorder: SetShape['byteorder']) {
  return { id, keyType, keyLength, byteorder, flags: 0, counter: false }
}
