/**
 * Userdata of the element that carries a mapping: a comment that nft prints (`nat-pmp 192.168.88.10: label`) and, in a TLV
 * of a private type that nft skips, what else must survive a restart. `elements-read.ts` reads it.
 */
import type { Ip, Mac } from '../base/ip.ts'
import { ipBytes, isIpv4 } from '../base/ip.ts'
import { oneLine, utf8Encode } from '../base/text.ts'
import type { Mapping, MappingState, Owner } from '../core/mapping.ts'
import { sameOwner } from '../core/mapping.ts'
import { Writer } from '../wire/netlink-attributes.ts'
import type { MappingSet } from './ruleset.ts'
import { UDATA_COMMENT } from './ruleset.ts'

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

const NFTA_SET_ELEM_USERDATA = 6 // enum nft_set_elem_attributes
const KNOWN = 512

type About = Pick<Mapping, 'owner' | 'label' | 'mac'> & { readonly bytes: Uint8Array }

/**
 * NFTA_SET_ELEM_USERDATA, remembered for each host: one that asks for a port asks for more, and again for each renewal,
 * and text costs more than all the rest of an element.
 */
export class UserdataWriter {
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

export function putUserdata(to: Writer, mapping: Mapping, set: MappingSet): void {
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
