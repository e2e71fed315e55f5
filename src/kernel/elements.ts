/**
 * A mapping as elements of the kernel's sets: one of them carries it whole (lease, owner, label; which one: `kinds.ts`),
 * `snat4` and `taken` serve the way out. Elements are written from prepared templates, since this is the path of every
 * request; the tests hold them against the tables of `wire/nftables.ts`. `elements-read.ts` reads them back.
 */
import type { Endpoint, Ip, Port } from '../base/ip.ts'
import { ipBytes, ipv4Number } from '../base/ip.ts'
import type { Instant } from '../base/time.ts'
import { inMilliseconds } from '../base/time.ts'
import type { Lease, Mapping, Transport } from '../core/mapping.ts'
import { Writer } from '../wire/netlink-attributes.ts'
import { element } from '../wire/nftables.ts'
import type { MappingSet } from './ruleset.ts'
import { PROTOCOL, SETS } from './ruleset.ts'
import { putUserdata, UserdataWriter } from './userdata.ts'

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
export type RareSet = Exclude<MappingSet, PlainSet>

export const isRare = (set: MappingSet): set is RareSet => set !== 'dnat4' && set !== 'snat4' && set !== 'taken'

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
  put(to: Writer, index: number, set: PlainSet, mapping: Mapping, lease: Lease, now: Instant): void {
    this.#numbers.endpoints(mapping)
    this.#numbers.lease(lease, now)
    this.putNumbers(to, index, set, this.#numbers, mapping)
  }

  /** The same in the sets that few mappings need. */
  putRare(to: Writer, index: number, set: RareSet, mapping: Mapping, lease: Lease, now: Instant): void {
    this.#numbers.lease(lease, now)
    const from = this.#templates[set][lease === 'forever' ? 'forever' : 'timed']
    this.#putRare(to, index, from, set, mapping)
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
  key(to: Writer, index: number, set: PlainSet, mapping: Mapping): void {
    this.#numbers.endpoints(mapping)
    this.keyNumbers(to, index, set, this.#numbers)
  }

  keyRare(to: Writer, index: number, set: RareSet, mapping: Mapping): void {
    this.#putRare(to, index, this.#templates[set].key, set, mapping)
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

  /** Bytes of a key and of an element with a timeout in each of these sets, the userdata apart. */
  plainSize(sets: readonly PlainSet[]): number {
    return sets.reduce(
      (sum, set) => sum + this.#templates[set].key.bytes.length + this.#templates[set].timed.bytes.length,
      0,
    )
  }

  /** NFTA_SET_ELEM_USERDATA of the `dnat4` element, padded; the same bytes for the same owner and label. */
  userdata(mapping: Mapping): Uint8Array {
    return this.#userdata.of(mapping)
  }

  /** An element of the sets that few mappings need; the lease is in the numbers. */
  #putRare(to: Writer, index: number, from: Template, set: RareSet, mapping: Mapping): void {
    const at = to.length
    to.put(from.bytes)
    if (set === 'pinhole6' || set === 'idle6') {
      if (from.timed) fillTimes(to.view, at, this.#numbers)
      fillPinhole(to, at + from.key, mapping)
    } else {
      this.#numbers.endpoints(mapping)
      fill(to.view, at, from, 'dnat4', this.#numbers)
      if (set === 'dnat4from') to.view.setUint32(at + from.key - 4, addressNumber(mapping.remote.ip as Ip))
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
  // From there on a key of `dnat4from` is one of `dnat4`.
  return { bytes, timed, key: set === 'dnat4from' ? keyAt + 4 : keyAt, data: dataAt }
}

function fill(view: DataView, at: number, from: Template, set: PlainSet, numbers: Numbers): void {
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

function fillTimes(view: DataView, at: number, numbers: Numbers): void {
  putHigh(view, at, numbers)
  view.setUint32(at + TIMEOUT_AT + 4, numbers.timeout)
  view.setUint32(at + EXPIRATION_AT + 4, numbers.left)
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

const NUMBERS = 1024
const numbers = new Map<Ip, number>()

/** The four bytes of an address as one number; remembered, since the same few addresses come again and again. */
function addressNumber(ip: Ip): number {
  const known = numbers.get(ip)
  if (known !== undefined) return known
  if (numbers.size >= NUMBERS) numbers.clear()
  const number = ipv4Number(ip)
  numbers.set(ip, number)
  return number
}
