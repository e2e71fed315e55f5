/**
 * Reads the elements of a set without making an object of each attribute: a dump of ten thousand mappings is read at
 * every start. Says the same as `elements` in `nftables.ts`, which the tests hold it against.
 */
import { Malformed } from '../base/fail.ts'
import type { Source } from './netlink-attributes.ts'
import { source } from './netlink-attributes.ts'
import { GENERIC_SIZE } from './nftables.ts'

/** An element as it lies in a message: where its parts begin in `bytes`; 0 stands for "not there". */
export interface SeenElement extends Source {
  readonly key: number
  readonly keyLength: number
  readonly data: number
  readonly dataLength: number
  readonly userdata: number
  readonly userdataLength: number
  /** Milliseconds. */
  readonly timeout: number
  /** Milliseconds that are left. */
  readonly expiration: number
}
type Draft = { -readonly [K in keyof SeenElement]: SeenElement[K] }

const NLA_TYPE_MASK = 0x3fff // linux/netlink.h
const NFTA_SET_ELEM_LIST_ELEMENTS = 3 // enum nft_set_elem_list_attributes
const NFTA_DATA_VALUE = 1 // enum nft_data_attributes
/** enum nft_set_elem_attributes */
const ELEMENT = { key: 1, data: 2, timeout: 4, expiration: 5, userdata: 6 } as const

/**
 * Calls `each` for every element of a NEWSETELEM message. The object is the same each time: take what is needed.
 * `keyLength`, `dataLength`: those of the set; an element with others is `Malformed`.
 */
export function eachElement(
  payload: Uint8Array,
  littleEndian: boolean,
  keyLength: number,
  dataLength: number,
  each: (seen: SeenElement) => void,
): void {
  const seen: Draft = { ...source(payload, littleEndian), ...NOTHING }
  for (let at = GENERIC_SIZE; at < payload.length; ) {
    const end = attributeEnd(seen, at, payload.length)
    if (typeAt(seen, at) === NFTA_SET_ELEM_LIST_ELEMENTS) {
      for (let item = at + 4; item < end; ) {
        const itemEnd = attributeEnd(seen, item, end)
        readElement(seen, item + 4, itemEnd)
        if (seen.keyLength !== keyLength || seen.dataLength !== dataLength) {
          throw new Malformed(`element of ${seen.keyLength} and ${seen.dataLength} bytes`)
        }
        each(seen)
        item = (itemEnd + 3) & ~3
      }
    }
    at = (end + 3) & ~3
  }
}

const NOTHING = {
  key: 0,
  keyLength: 0,
  data: 0,
  dataLength: 0,
  userdata: 0,
  userdataLength: 0,
  timeout: 0,
  expiration: 0,
} as const

function readElement(seen: Draft, start: number, end: number): void {
  forget(seen)
  for (let at = start; at < end; ) {
    const last = attributeEnd(seen, at, end)
    readPart(seen, typeAt(seen, at), at + 4, last)
    at = (last + 3) & ~3
  }
}

/** Field by field: `Object.assign` would list the names of the fields anew for each element. */
function forget(seen: Draft): void {
  seen.key = seen.keyLength = seen.data = seen.dataLength = 0
  seen.userdata = seen.userdataLength = 0
  seen.timeout = seen.expiration = 0
}

function readPart(seen: Draft, type: number, start: number, end: number): void {
  if (type === ELEMENT.key || type === ELEMENT.data) {
    if (end - start < 4 || typeAt(seen, start) !== NFTA_DATA_VALUE) return
    const length = attributeEnd(seen, start, end) - start - 4
    if (type === ELEMENT.key) {
      seen.key = start + 4
      seen.keyLength = length
    } else {
      seen.data = start + 4
      seen.dataLength = length
    }
  } else if (type === ELEMENT.timeout) seen.timeout = u64At(seen, start, end)
  else if (type === ELEMENT.expiration) seen.expiration = u64At(seen, start, end)
  else if (type === ELEMENT.userdata) {
    seen.userdata = start
    seen.userdataLength = end - start
  }
}

const typeAt = (from: Source, at: number): number => from.view.getUint16(at + 2, from.littleEndian) & NLA_TYPE_MASK

/** Where the attribute at `at` ends, without padding. */
function attributeEnd(from: Source, at: number, limit: number): number {
  if (at + 4 > limit) throw new Malformed(`netlink attribute: ${limit - at} stray bytes at ${at}`)
  const length = from.view.getUint16(at, from.littleEndian)
  if (length < 4 || at + length > limit) throw new Malformed(`netlink attribute at ${at}: length ${length}`)
  return at + length
}

function u64At(from: Source, start: number, end: number): number {
  if (end - start < 8) throw new Malformed(`be64 of ${end - start} bytes at ${start}`)
  return from.view.getUint32(start) * 0x1_0000_0000 + from.view.getUint32(start + 4)
}
