/**
 * A mapping as elements of the kernel's sets: `dnat4` carries it whole (lease, owner, label), `snat4` and `taken` serve
 * the way out. Elements are written from prepared templates, since this is the path of every request; the tests hold
 * them against the tables of `wire/nftables.ts`.
 *
 * Userdata of a `dnat4` element: a comment that nft prints (`nat-pmp 192.168.88.10: label`) and, in a TLV of a private
 * type that nft skips, what else must survive a restart.
 */
import { Malformed } from '../base/fail.ts'
import type { Endpoint, Ip, Mac, Port } from '../base/ip.ts'
import { ipBytes, ipFrom, ipv4Number, isIpv4, macFrom } from '../base/ip.ts'
import { oneLine, utf8Decode, utf8Encode } from '../base/text.ts'
import type { Instant } from '../base/time.ts'
import { after, afterMs, inMilliseconds, milliseconds, seconds } from '../base/time.ts'
import type { Lease, Mapping, Owner, Transport } from '../core/mapping.ts'
import { ORDINARY, sameOwner } from '../core/mapping.ts'
import { Writer } from '../wire/netlink-attributes.ts'
import { element } from '../wire/nftables.ts'
import type { SeenElement } from '../wire/nftables-elements.ts'
import type { MappingSet } from './ruleset.ts'
import { PROTOCOL, SETS, UDATA_COMMENT } from './ruleset.ts'

/** First of the types that libnftnl leaves to others (NFTNL_UDATA_SET_ELEM_MAX is far below). */
const PRIVATE_TLV = 0x80
const METADATA_VERSION = 1
/** With it comment and metadata stay below 190 bytes; an element's extensions have 8-bit offsets, 220 still fit. */
const LABEL_BYTES = 64

const VIA = ['operator', 'nat-pmp', 'upnp'] as const
/** What follows version, via and flags in the metadata, in this order. */
const HAS = { mac: 1, client: 2, client6: 4, label: 8 } as const

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
    this.#templates = { dnat4: ages('dnat4'), snat4: ages('snat4'), taken: ages('taken') }
  }

  /**
   * The element of `mapping` in `set`, as number `index` of its list; `lease` may be longer than the mapping's own.
   * What is left of it is always said, also when all is left: an element that is added again with the timeout it has
   * and no expiration keeps the time it had (nft_add_set_elem, 6.12 and later).
   */
  put(to: Writer, index: number, set: MappingSet, mapping: Mapping, lease: Lease, now: Instant): void {
    this.#numbers.endpoints(mapping)
    this.#numbers.lease(lease, now)
    this.putNumbers(to, index, set, this.#numbers, mapping)
  }

  /** The same with the numbers known; without a mapping there is no userdata, which a refreshed element keeps. */
  putNumbers(to: Writer, index: number, set: MappingSet, numbers: Numbers, mapping: Mapping | undefined): void {
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
    this.#numbers.endpoints(mapping)
    this.keyNumbers(to, index, set, this.#numbers)
  }

  keyNumbers(to: Writer, index: number, set: MappingSet, numbers: Numbers): void {
    const from = this.#templates[set].key
    const at = to.length
    to.put(from.bytes)
    fill(to.view, at, from, set, numbers)
    this.#head(to, at, index)
  }

  /** Writes other numbers into a timed element (or a key) that stands at `at`; neither these nor those `long`. */
  refill(view: DataView, at: number, set: MappingSet, shape: 'timed' | 'key', numbers: Numbers): void {
    fill(view, at, this.#templates[set][shape], set, numbers)
  }

  /** NFTA_SET_ELEM_USERDATA of the `dnat4` element, padded; the same bytes for the same owner and label. */
  userdata(mapping: Mapping): Uint8Array {
    return this.#userdata.of(mapping)
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

function fill(view: DataView, at: number, from: Template, set: MappingSet, numbers: Numbers): void {
  const key = at + from.key
  if (from.timed) {
    if (numbers.long) putHigh(view, at, numbers) // otherwise 0, as in the template
    view.setUint32(at + TIMEOUT_AT + 4, numbers.timeout)
    view.setUint32(at + EXPIRATION_AT + 4, numbers.left)
  }
  if (set === 'taken') {
    view.setUint8(key, numbers.protocol)
    view.setUint16(key + 4, numbers.externalPort)
    return
  }
  const inbound = set === 'dnat4'
  view.setUint32(key, inbound ? numbers.external : numbers.internal)
  view.setUint8(key + 4, numbers.protocol)
  view.setUint16(key + 8, inbound ? numbers.externalPort : numbers.internalPort)
  if (from.data === from.bytes.length) return
  const data = at + from.data
  view.setUint32(data, inbound ? numbers.internal : numbers.external)
  view.setUint16(data + 4, inbound ? numbers.internalPort : numbers.externalPort)
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
    putUserdata(this.#writer, mapping)
    const bytes = this.#writer.done()
    if (known === undefined && this.#known.size >= KNOWN) this.#known.clear()
    this.#known.set(internal.ip, { owner, mac, label, bytes })
    return bytes
  }
}

function putUserdata(to: Writer, mapping: Mapping): void {
  const at = to.reserve(6)
  putText(to, commentOf(mapping))
  to.zero()
  to.view.setUint8(at + 4, UDATA_COMMENT)
  to.view.setUint8(at + 5, to.length - at - 6)
  putMetadata(to, mapping)
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

function putMetadata(to: Writer, { owner, internal, mac, label }: Mapping): void {
  const client = owner.via === 'operator' || owner.client === internal.ip ? undefined : owner.client
  const quoted = label.includes('"')
  const flags =
    (mac === undefined ? 0 : HAS.mac) |
    (client === undefined ? 0 : isIpv4(client) ? HAS.client : HAS.client6) |
    (quoted ? HAS.label : 0)
  const at = to.reserve(5)
  to.view.setUint8(at, PRIVATE_TLV)
  to.view.setUint8(at + 2, METADATA_VERSION)
  to.view.setUint8(at + 3, VIA.indexOf(owner.via))
  to.view.setUint8(at + 4, flags)
  if (mac !== undefined) putMac(to, mac)
  if (client !== undefined) to.put(ipBytes(client))
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

/** The mapping of a `dnat4` element; `undefined` for one that we did not write. */
export function mappingOf(seen: SeenElement, now: Instant): Mapping | undefined {
  const { bytes, view, key, data } = seen
  const transport = transportOf(view.getUint8(key + 4))
  const external = endpointAt(bytes, view, key, key + 8)
  const internal = endpointAt(bytes, view, data, data + 4)
  const about = userdataAt(seen)
  if (transport === undefined || about === undefined) return undefined
  const { comment, metadata } = about
  const via = VIA[metadata[1] as number]
  if (metadata[0] !== METADATA_VERSION || via === undefined || metadata.length < 3) return undefined
  const { mac, client, exact } = readMetadata(metadata)
  const label = exact ?? labelOf(comment)
  const owner: Owner = via === 'operator' ? { via } : { via, client: client ?? internal.ip }
  const lease = leaseOf(seen, now)
  return { transport, external, internal, owner, lease, label, mac, ...ORDINARY }
}

/** Key of an element of `dnat4` or `snat4`, and where it leads, as `endpointKey` counts; `undefined` if not ours. */
export function endpointsOf({ view, key, data }: SeenElement): { from: number; to: number } | undefined {
  const transport = transportOf(view.getUint8(key + 4))
  if (transport === undefined) return undefined
  const from = view.getUint32(key) * 0x2_0000 + portKey(transport, view.getUint16(key + 8) as Port)
  return { from, to: view.getUint32(data) * 0x2_0000 + portKey(transport, view.getUint16(data + 4) as Port) }
}

/** Key of an element of `taken`, as `portKey` counts. */
export function takenOf({ view, key }: SeenElement): number | undefined {
  const transport = transportOf(view.getUint8(key))
  return transport === undefined ? undefined : portKey(transport, view.getUint16(key + 4) as Port)
}

export function leaseOf({ timeout, expiration }: SeenElement, now: Instant): Lease {
  if (timeout === 0) return 'forever'
  const lifetime = seconds(Math.round(timeout / 1000))
  return { lifetime, expires: expiration === 0 ? after(now, lifetime) : afterMs(now, milliseconds(expiration)) }
}

const transportOf = (protocol: number): Transport | undefined =>
  protocol === PROTOCOL.tcp ? 'tcp' : protocol === PROTOCOL.udp ? 'udp' : undefined

const endpointAt = (bytes: Uint8Array, view: DataView, ip: number, port: number): Endpoint => ({
  ip: ipFrom(bytes, ip, 4),
  port: view.getUint16(port) as Port,
})

const labelOf = (comment: string): string => {
  const colon = comment.indexOf(': ')
  return colon < 0 ? '' : comment.slice(colon + 2)
}

/** Our two TLVs of an element's userdata. */
function userdataAt(seen: SeenElement): { comment: string; metadata: Uint8Array } | undefined {
  const { bytes, userdata, userdataLength } = seen
  const end = userdata + userdataLength
  let comment = ''
  let metadata: Uint8Array | undefined
  for (let at = userdata; at + 2 <= end; ) {
    const last = at + 2 + (bytes[at + 1] as number)
    if (last > end) throw new Malformed(`userdata of an element: ${last - end} bytes too long`)
    if (bytes[at] === UDATA_COMMENT) comment = ascii(bytes, at + 2, last - 1)
    if (bytes[at] === PRIVATE_TLV) metadata = bytes.subarray(at + 2, last)
    at = last
  }
  return metadata === undefined ? undefined : { comment, metadata }
}

/** Text between two places; the quick way for what is plain. */
function ascii(bytes: Uint8Array, start: number, end: number): string {
  const codes: number[] = []
  for (let i = start; i < end; i++) {
    const code = bytes[i] as number
    if (code >= 0x80) return utf8Decode(bytes.subarray(start, end))
    codes.push(code)
  }
  return String.fromCharCode(...codes)
}

function readMetadata(metadata: Uint8Array): {
  mac: Mac | undefined
  client: Ip | undefined
  exact: string | undefined
} {
  const flags = metadata[2] as number
  let at = 3
  const take = (length: number): number => {
    if (at + length > metadata.length) throw new Malformed('metadata of an element: too short')
    at += length
    return at - length
  }
  const mac = (flags & HAS.mac) === 0 ? undefined : macFrom(metadata.subarray(take(6), at))
  const size = (flags & HAS.client) !== 0 ? 4 : (flags & HAS.client6) !== 0 ? 16 : undefined
  const client = size === undefined ? undefined : ipFrom(metadata, take(size), size)
  const exact = (flags & HAS.label) === 0 ? undefined : utf8Decode(metadata.subarray(at))
  return { mac, client, exact }
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
