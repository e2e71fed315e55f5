/**
 * A mapping as elements of the kernel's sets: one of them carries it whole (lease, owner, label; which one: `kinds.ts`),
 * `snat4` and `taken` serve the way out. Elements are written from prepared templates, since this is the path of every
 * request; the tests hold them against the tables of `wire/nftables.ts`. `elements-read.ts` reads them back.
 *
 * Userdata of the element that carries it: a comment that nft prints (`nat-pmp 192.168.88.10: label`) and, in a TLV of
 * a private type that nft skips, what else must survive a restart.
 */
import type { Endpoint, Ip, Mac, Port } from '../base/ip.ts'
import { ipBytes, ipv4Number, isIpv4 } from '../base/ip.ts'
import { oneLine, utf8Encode } from '../base/text.ts'
import type { Instant } from '../base/time.ts'
import { inMilliseconds } from '../base/time.ts'
import type { Lease, Mapping, MappingState, Owner, Transport } from '../core/mapping.ts'
import { sameOwner } from '../core/mapping.ts'
import { Writer } from '../wire/netlink-attributes.ts'
import { element } from '../wire/nftables.ts'
import type { MappingSet } from './ruleset.ts'
import { PROTOCOL, SETS, UDATA_COMMENT } from './ruleset.ts'

/** First of the types that libnftnl leaves to others (NFTNL_UDATA_SET_ELEM_MAX is far below). */
export const PRIVATE_TLV = 0x80
/**
 * Of the metadata. What rules version 3 added follows flags of its own, in sets that rules version 2 did not have: so
 * what either wrote in `dnat4` the other reads.
 */
export const METADATA_VERSION = 1
/** With it comment and metadata stay below 210 bytes; 220 still fit, userdata being the last part of an element. */
const LABEL_BYTES = 64

export const VIA = ['operator', 'nat-pmp', 'upnp'] as const
export const STATES: readonly MappingState[] = ['on', 'disabled', 'suspended']
/**
 * What follows version, via and flags in the metadata, in this order: six bytes of a link address; four or sixteen of
 * the client; one of the state, its place in `STATES`; two of the pinhole's number; four or sixteen of the one remote
 * host, where the key does not tell it; the label, where the comment does not tell it exactly.
 */
export const HAS = {
  mac: 1,
  client: 2,
  client6: 4,
  label: 8,
  state: 16,
  pinhole: 32,
  remote: 64,
  remote6: 128,
} as const

/** The words that begin a comment, as RouterOS has them. */
const SPOKEN: Record<Owner['via'], string> = { 'nat-pmp': 'nat-pmp', upnp: 'upnp', operator: 'static' }

/** A number that names a transport and an IPv4 endpoint: a key that costs no text. */
export const endpointKey = (transport: Transport, { ip, port }: Endpoint): number =>
  addressNumber(ip) * 0x2_0000 + portKey(transport, port)

export const portKey = (transport: Transport, port: Port): number => (transport === 'tcp' ? 0 : 0x1_0000) + port

/**
 * Which shape an element has: without a timeout, or with one and what is left of it. What is left is always said: to
 * an element that is there, the kernel applies an equal timeout by not touching it, so a renewal would not renew.
 */
type Age = 'forever' | 'timed'

/** Those that nearly every mapping has elements of, and the others. */
export type PlainSet = 'dnat4' | 'snat4' | 'taken'
type RareSet = Exclude<MappingSet, PlainSet>

interface Template {
  readonly bytes: Uint8Array
  readonly timed: boolean
  readonly key: number
  readonly data: number
}

const TIMEOUT_AT = 8 // behind the headers of the element and of NFTA_SET_ELEM_TIMEOUT
const EXPIRATION_AT = 20

/** What the elements of a mapping hold, as numbers: worked out once, written into three elements. */
export class Numbers {
  protocol = 0
  external = 0
  externalPort = 0
  internal = 0
  internalPort = 0
  /** Milliseconds; 0 for one that never ends. */
  timeout = 0
  left = 0
  /** Longer than 32 bits can say: seven weeks. */
  long = false

  endpoints({ transport, external, internal }: Mapping): void {
    this.protocol = PROTOCOL[transport]
    this.external = addressNumber(external.ip)
    this.externalPort = external.port
    this.internal = addressNumber(internal.ip)
    this.internalPort = internal.port
  }

  /** What is left is at least a millisecond, and a timeout below it is ERANGE. */
  lease(lease: Lease, now: Instant): void {
    if (lease === 'forever') {
      this.timeout = this.left = 0
      this.long = false
      return
    }
    const length = inMilliseconds(lease.lifetime)
    const left = lease.expires > now ? lease.expires - now : 1
    this.left = left
    this.timeout = Math.max(length, left)
    this.long = this.timeout > 0xffff_ffff
  }
}

/** Writes the elements of one byte order. */
export class ElementWriter {
  readonly #templates: Record<MappingSet, Record<Age | 'key', Template>>
  readonly #littleEndian: boolean
  readonly #userdata: UserdataWriter
  readonly #numbers = new Numbers()

  constructor(littleEndian: boolean) {
    this.#littleEndian = littleEndian
    this.#userdata = new UserdataWriter(littleEndian)
    const ages = (set: MappingSet) => ({
      forever: template(set, {}, littleEndian),
      timed: template(set, { timeout: 1, expiration: 1 }, littleEndian),
      key: template(set, 'key', littleEndian),
    })
    this.#templates = {
      dnat4: ages('dnat4'),
      snat4: ages('snat4'),
      taken: ages('taken'),
      dnat4from: ages('dnat4from'),
      idle4: ages('idle4'),
      pinhole6: ages('pinhole6'),
      idle6: ages('idle6'),
    }
  }

  /**
   * The element of `mapping` in `set`, as number `index` of its list; `lease` may be longer than the mapping's own.
   * What is left of it is always said, also when all is left: an element that is added again with the timeout it has
   * and no expiration keeps the time it had (nft_add_set_elem, 6.12 and later).
   */
  put(to: Writer, index: number, set: MappingSet, mapping: Mapping, lease: Lease, now: Instant): void {
    this.#numbers.lease(lease, now)
    if (set !== 'dnat4' && set !== 'snat4' && set !== 'taken') {
      const from = this.#templates[set][lease === 'forever' ? 'forever' : 'timed']
      this.#putRare(to, index, from, set, mapping)
      return
    }
    this.#numbers.endpoints(mapping)
    this.putNumbers(to, index, set, this.#numbers, mapping)
  }

  /** The same with the numbers known; without a mapping there is no userdata, which a refreshed element keeps. */
  putNumbers(to: Writer, index: number, set: PlainSet, numbers: Numbers, mapping: Mapping | undefined): void {
    const templates = this.#templates[set]
    const from = numbers.timeout === 0 ? templates.forever : templates.timed
    const at = to.length
    to.put(from.bytes)
    fill(to.view, at, from, set, numbers)
    if (set === 'dnat4' && mapping !== undefined) to.put(this.userdata(mapping))
    this.#head(to, at, index)
  }

  /** The key alone, for a deletion. */
  key(to: Writer, index: number, set: MappingSet, mapping: Mapping): void {
    if (set !== 'dnat4' && set !== 'snat4' && set !== 'taken') {
      this.#putRare(to, index, this.#templates[set].key, set, mapping)
      return
    }
    this.#numbers.endpoints(mapping)
    this.keyNumbers(to, index, set, this.#numbers)
  }

  keyNumbers(to: Writer, index: number, set: PlainSet, numbers: Numbers): void {
    const from = this.#templates[set].key
    const at = to.length
    to.put(from.bytes)
    fill(to.view, at, from, set, numbers)
    this.#head(to, at, index)
  }

  /** Writes other numbers into a timed element (or a key) that stands at `at`; neither these nor those `long`. */
  refill(view: DataView, at: number, set: PlainSet, shape: 'timed' | 'key', numbers: Numbers): void {
    fill(view, at, this.#templates[set][shape], set, numbers)
  }

  /** NFTA_SET_ELEM_USERDATA of the `dnat4` element, padded; the same bytes for the same owner and label. */
  userdata(mapping: Mapping): Uint8Array {
    return this.#userdata.of(mapping)
  }

  /** An element of the sets that few mappings need; the lease is in the numbers. */
  #putRare(to: Writer, index: number, from: Template, set: RareSet, mapping: Mapping): void {
    const at = to.length
    to.put(from.bytes)
    if (from.timed) fillTimes(to.view, at, this.#numbers)
    if (set === 'pinhole6' || set === 'idle6') fillPinhole(to, at + from.key, mapping)
    else {
      this.#numbers.endpoints(mapping)
      if (set === 'dnat4from') to.view.setUint32(at + from.key, addressNumber(mapping.remote.ip as Ip))
      fillInbound(to.view, at, from, set === 'dnat4from' ? from.key + 4 : from.key, this.#numbers)
    }
    if (from !== this.#templates[set].key) putUserdata(to, mapping, set)
    this.#head(to, at, index)
  }

  #head(to: Writer, at: number, index: number): void {
    to.view.setUint16(at, to.length - at, this.#littleEndian)
    to.view.setUint16(at + 2, index | NLA_F_NESTED, this.#littleEndian)
  }
}

const NLA_F_NESTED = 0x8000 // linux/netlink.h
const NFTA_SET_ELEM_USERDATA = 6

function template(
  set: MappingSet,
  times: { timeout?: number; expiration?: number } | 'key',
  littleEndian: boolean,
): Template {
  const { keyLength, data } = SETS[set]
  const to = new Writer(littleEndian)
  const key = { value: new Uint8Array(keyLength) }
  const mapped = times === 'key' || data === undefined ? {} : { data: { value: new Uint8Array(data[1]) } }
  to.attribute(1, element, { ...(times === 'key' ? {} : times), key, ...mapped })
  const bytes = to.done()
  const dataAt = bytes.length - (mapped.data?.value.length ?? 0)
  const keyAt = 'data' in mapped ? dataAt - 8 - keyLength : bytes.length - keyLength
  const timed = times !== 'key' && times.timeout !== undefined
  return { bytes, timed, key: keyAt, data: dataAt }
}

function fill(view: DataView, at: number, from: Template, set: PlainSet, numbers: Numbers): void {
  if (from.timed) fillTimes(view, at, numbers)
  const key = at + from.key
  if (set === 'dnat4') {
    fillInbound(view, at, from, from.key, numbers)
    return
  }
  if (set === 'taken') {
    view.setUint8(key, numbers.protocol)
    view.setUint16(key + 4, numbers.externalPort)
    return
  }
  view.setUint32(key, numbers.internal)
  view.setUint8(key + 4, numbers.protocol)
  view.setUint16(key + 8, numbers.internalPort)
  if (from.data === from.bytes.length) return
  const data = at + from.data
  view.setUint32(data, numbers.external)
  view.setUint16(data + 4, numbers.externalPort)
}

function fillTimes(view: DataView, at: number, numbers: Numbers): void {
  if (numbers.long) putHigh(view, at, numbers) // otherwise 0, as in the template
  view.setUint32(at + TIMEOUT_AT + 4, numbers.timeout)
  view.setUint32(at + EXPIRATION_AT + 4, numbers.left)
}

/** External endpoint to internal endpoint; `keyAt`: where in the template the external one begins. */
function fillInbound(view: DataView, at: number, from: Template, keyAt: number, numbers: Numbers): void {
  const key = at + keyAt
  view.setUint32(key, numbers.external)
  view.setUint8(key + 4, numbers.protocol)
  view.setUint16(key + 8, numbers.externalPort)
  if (from.data === from.bytes.length) return
  const data = at + from.data
  view.setUint32(data, numbers.internal)
  view.setUint16(data + 4, numbers.internalPort)
}

/** Remote address and port, zeros for any, then the internal endpoint. */
function fillPinhole({ bytes, view }: Writer, key: number, { remote, internal, transport }: Mapping): void {
  if (remote.ip !== 'any') bytes.set(ipBytes(remote.ip), key)
  if (remote.port !== 'any') view.setUint16(key + 16, remote.port)
  bytes.set(ipBytes(internal.ip), key + 20)
  view.setUint8(key + 36, PROTOCOL[transport])
  view.setUint16(key + 40, internal.port)
}

function putHigh(view: DataView, at: number, { timeout, left }: Numbers): void {
  view.setUint32(at + TIMEOUT_AT, Math.floor(timeout / 0x1_0000_0000))
  view.setUint32(at + EXPIRATION_AT, Math.floor(left / 0x1_0000_0000))
}

const KNOWN = 512

type About = Pick<Mapping, 'owner' | 'label' | 'mac'> & { readonly bytes: Uint8Array }

/**
 * NFTA_SET_ELEM_USERDATA, remembered for each host: one that asks for a port asks for more, and again for each renewal,
 * and text costs more than all the rest of an element.
 */
class UserdataWriter {
  readonly #known = new Map<Ip, About>()
  readonly #writer: Writer

  constructor(littleEndian: boolean) {
    this.#writer = new Writer(littleEndian, 256)
  }

  of(mapping: Mapping): Uint8Array {
    const { owner, internal, mac, label } = mapping
    const known = this.#known.get(internal.ip)
    if (known !== undefined && known.label === label && known.mac === mac && sameOwner(known.owner, owner)) {
      return known.bytes
    }
    this.#writer.length = 0
    putUserdata(this.#writer, mapping, 'dnat4')
    const bytes = this.#writer.done()
    if (known === undefined && this.#known.size >= KNOWN) this.#known.clear()
    this.#known.set(internal.ip, { owner, mac, label, bytes })
    return bytes
  }
}

function putUserdata(to: Writer, mapping: Mapping, set: MappingSet): void {
  const at = to.reserve(6)
  putText(to, commentOf(mapping))
  to.zero()
  to.view.setUint8(at + 4, UDATA_COMMENT)
  to.view.setUint8(at + 5, to.length - at - 6)
  putMetadata(to, mapping, set === 'dnat4' ? NOTHING_MORE : moreOf(mapping, set))
  to.view.setUint16(at, to.length - at, to.littleEndian)
  to.view.setUint16(at + 2, NFTA_SET_ELEM_USERDATA, to.littleEndian)
  to.align()
}

/** UTF-8; nearly all text is plain ASCII and goes without an array of its own. */
function putText(to: Writer, value: string): void {
  const at = to.reserve(value.length)
  const { bytes } = to
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i)
    if (code >= 0x80) {
      to.length = at
      to.put(utf8Encode(value))
      return
    }
    bytes[at + i] = code
  }
}

/** `nat-pmp 192.168.88.10: label`. nft prints it between quotes without escaping, so it may contain none. */
export function commentOf({ owner, internal, label }: Mapping): string {
  const client = owner.via === 'operator' ? internal.ip : owner.client
  const head = `${SPOKEN[owner.via]} ${client}`
  return label === '' ? head : `${head}: ${fitting(label).replaceAll('"', "'")}`
}

/** A UTF-16 unit has at most three bytes of UTF-8, so short labels need no counting. */
const fitting = (label: string): string => (label.length * 3 <= LABEL_BYTES ? label : oneLine(label, LABEL_BYTES))

/** What an element of another set than `dnat4` says beyond. */
interface More {
  readonly flags: number
  readonly bytes: readonly number[]
}
const NOTHING_MORE: More = { flags: 0, bytes: [] }

/** State, number of the pinhole, and the remote host of what is idle: elsewhere the key tells it. */
function moreOf({ state, pinhole, remote }: Mapping, set: MappingSet): More {
  const bytes: number[] = []
  let flags = 0
  if (state !== 'on') {
    flags |= HAS.state
    bytes.push(STATES.indexOf(state))
  }
  if (pinhole !== undefined) {
    flags |= HAS.pinhole
    bytes.push(pinhole >> 8, pinhole & 255)
  }
  if (set === 'idle4' && remote.ip !== 'any') {
    flags |= isIpv4(remote.ip) ? HAS.remote : HAS.remote6
    bytes.push(...ipBytes(remote.ip))
  }
  return { flags, bytes }
}

function putMetadata(to: Writer, { owner, internal, mac, label }: Mapping, more: More): void {
  const client = owner.via === 'operator' || owner.client === internal.ip ? undefined : owner.client
  const quoted = label.includes('"')
  const flags =
    (mac === undefined ? 0 : HAS.mac) |
    (client === undefined ? 0 : isIpv4(client) ? HAS.client : HAS.client6) |
    (quoted ? HAS.label : 0) |
    more.flags
  const at = to.reserve(5)
  to.view.setUint8(at, PRIVATE_TLV)
  to.view.setUint8(at + 2, METADATA_VERSION)
  to.view.setUint8(at + 3, VIA.indexOf(owner.via))
  to.view.setUint8(at + 4, flags)
  if (mac !== undefined) putMac(to, mac)
  if (client !== undefined) to.put(ipBytes(client))
  for (let i = 0; i < more.bytes.length; i++) to.view.setUint8(to.reserve(1), more.bytes[i] as number)
  if (quoted) putText(to, fitting(label))
  to.view.setUint8(at + 1, to.length - at - 2)
}

function putMac(to: Writer, mac: Mac): void {
  const at = to.reserve(6)
  for (let i = 0; i < 6; i++) to.bytes[at + i] = nibble(mac, i * 3) * 16 + nibble(mac, i * 3 + 1)
}

/** The value of a lower-case hexadecimal digit. */
function nibble(text: string, at: number): number {
  const code = text.charCodeAt(at)
  return code < 0x3a ? code - 0x30 : code - 0x57
}

const NUMBERS = 1024
const numbers = new Map<Ip, number>()

/** The four bytes of an address as one number; remembered, since the same few addresses come again and again. */
export function addressNumber(ip: Ip): number {
  const known = numbers.get(ip)
  if (known !== undefined) return known
  if (numbers.size >= NUMBERS) numbers.clear()
  const number = ipv4Number(ip)
  numbers.set(ip, number)
  return number
}
