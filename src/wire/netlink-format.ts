/**
 * A netlink family's own part of a message: a fixed header (`struct ifinfomsg`, `struct nfgenmsg`) and attributes
 * behind it. Said once; decoding, encoding and the dump follow.
 */
import { Malformed } from '../base/fail.ts'
import type { Attributes, Fields, Values } from './netlink-attributes.ts'
import { source, Writer } from './netlink-attributes.ts'

/** One field of a fixed header; only what names `be` is in network order. */
type HeadKind = 'u8' | 'host16' | 'host32' | 'be16'
type HeadFields = Readonly<Record<string, HeadKind>>
type Head<H> = { readonly [K in keyof H]: number }

export interface Format<H, A> {
  readonly name: string
  /** Bytes of the fixed header. */
  readonly size: number
  /** `payload` is what follows `struct nlmsghdr`. Throws `Malformed`. */
  decode(payload: Uint8Array, littleEndian: boolean): { readonly head: Head<H>; readonly attributes: Values<A> }
  /** The fixed header alone: enough to see whether the rest is of interest. Throws `Malformed`. */
  head(payload: Uint8Array, littleEndian: boolean): Head<H>
  /** Header fields that are left out are zero, as strict dumps demand. */
  encode(head: Partial<Head<H>>, attributes: Values<A>, littleEndian: boolean): Uint8Array
  /** For people and for fuzzing; never throws. */
  dump(payload: Uint8Array, littleEndian: boolean): readonly string[]
}

const SIZE: Record<HeadKind, number> = { u8: 1, host16: 2, host32: 4, be16: 2 }

export function format<const H extends HeadFields, const A extends Fields>(
  name: string,
  headFields: H,
  attributes: Attributes<A>,
): Format<H, A> {
  const entries = Object.entries(headFields)
  const size = entries.reduce((sum, [, kind]) => sum + SIZE[kind], 0)

  function head(payload: Uint8Array, littleEndian: boolean): Head<H> {
    if (payload.length < size) throw new Malformed(`${name}: ${payload.length} bytes, ${size} are needed`)
    const { view } = source(payload, littleEndian)
    const value: Record<string, number> = {}
    let at = 0
    for (const [key, kind] of entries) {
      value[key] = read(view, at, kind, littleEndian)
      at += SIZE[kind]
    }
    return value as Head<H>
  }

  return {
    name,
    size,
    head,
    decode: (payload, littleEndian) => ({
      head: head(payload, littleEndian),
      attributes: attributes.decode(payload, littleEndian, size),
    }),
    encode(value, attributeValues, littleEndian) {
      const to = new Writer(littleEndian, 128)
      let at = to.reserve(size)
      for (const [key, kind] of entries) {
        write(to.view, at, kind, (value as Record<string, number>)[key] ?? 0, littleEndian)
        at += SIZE[kind]
      }
      attributes.write(to, attributeValues)
      return to.done()
    },
    dump(payload, littleEndian) {
      if (payload.length < size) return [`  ${name} cut off: ${payload.length} of ${size} bytes`]
      const fields = Object.entries(head(payload, littleEndian)).map(([key, value]) => `${key}=${value}`)
      return [`  ${name} ${fields.join(' ')}`, attributes.dump(payload, littleEndian, size)]
    },
  }
}

function read(view: DataView, at: number, kind: HeadKind, littleEndian: boolean): number {
  if (kind === 'u8') return view.getUint8(at)
  if (kind === 'host32') return view.getUint32(at, littleEndian)
  return view.getUint16(at, kind === 'host16' && littleEndian)
}

function write(view: DataView, at: number, kind: HeadKind, value: number, littleEndian: boolean): void {
  if (kind === 'u8') view.setUint8(at, value)
  else if (kind === 'host32') view.setUint32(at, value, littleEndian)
  else view.setUint16(at, value, kind === 'host16' && littleEndian)
}
