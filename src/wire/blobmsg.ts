/**
 * blobmsg, the values of ubus (libubox `blob.h`, `blobmsg.h`): a tree of typed attributes in network byte order.
 *
 *     attribute   be32: bit 31 extended, bits 30..24 id, bits 23..0 length with this header; data; padded to 4
 *     field       an extended attribute whose id is the type: be16 length of the name, name, NUL, padded to 4, value
 *
 * Reading is strict and bounded; writing cannot fail. JSON is what both are spoken of in: `ubus call` shows the same.
 */
import { joined } from '../base/bytes.ts'
import { Malformed } from '../base/fail.ts'
import { utf8Decode, utf8Encode } from '../base/text.ts'

/** What a field holds. Whole numbers of 64 bits beyond 2^53 lose their last digits, as they do in JSON. */
export type Blob = string | number | boolean | readonly Blob[] | BlobTable
export interface BlobTable {
  readonly [name: string]: Blob
}

/** libubox/blobmsg.h */
export const BLOBMSG = {
  array: 1,
  table: 2,
  string: 3,
  int64: 4,
  int32: 5,
  int16: 6,
  /** `BLOBMSG_TYPE_BOOL` */
  int8: 7,
  double: 8,
} as const

/** An attribute as it stands in the bytes. */
export interface Attribute {
  readonly id: number
  readonly extended: boolean
  readonly data: Uint8Array
}

const HEADER = 4
const EXTENDED = 0x80000000
const LENGTH = 0xffffff
/** Deeper than any sane answer, and far from the end of any engine's stack. */
const DEEPEST = 16
/** A dump of some hundred interfaces has a few thousand. */
const MOST_FIELDS = 32_768

/** The attributes one after the other. Throws `Malformed` when a length leads outside. */
export function attributesOf(bytes: Uint8Array): readonly Attribute[] {
  const found: Attribute[] = []
  const view = viewOf(bytes)
  for (let at = 0; at < bytes.length; ) {
    if (bytes.length - at < HEADER) throw new Malformed('blob: an attribute is cut off')
    const head = view.getUint32(at)
    const length = head & LENGTH
    if (length < HEADER || length > bytes.length - at) throw new Malformed(`blob: an attribute of ${length} bytes`)
    const data = bytes.subarray(at + HEADER, at + length)
    found.push({ id: (head >>> 24) & 0x7f, extended: head >= EXTENDED, data })
    if (found.length > MOST_FIELDS) throw new Malformed('blob: too many attributes')
    at += padded(length)
  }
  return found
}

/** Header, data, and padding. */
export function attribute(id: number, data: Uint8Array, extended = false): Uint8Array {
  const length = HEADER + data.length
  const bytes = new Uint8Array(padded(length))
  viewOf(bytes).setUint32(0, (extended ? EXTENDED : 0) + id * 0x1000000 + length)
  bytes.set(data, HEADER)
  return bytes
}

/** The fields of a table. Throws `Malformed`. */
export function readTable(bytes: Uint8Array): BlobTable {
  return table(bytes, { fields: 0 }, 0)
}

/** The fields of a table; `undefined` and `null` are left out, and so is whatever JSON does not know. */
export function writeTable(values: Readonly<Record<string, unknown>>): Uint8Array {
  return fields(Object.entries(values), 0)
}

/** Names that a table of ours would not give back: they mean something to the engine. */
const FORBIDDEN = '__proto__'

interface Count {
  fields: number
}

function table(bytes: Uint8Array, count: Count, depth: number): BlobTable {
  const values: Record<string, Blob> = {}
  for (const { name, value } of readFields(bytes, count, depth)) if (name !== FORBIDDEN) values[name] = value
  return values
}

function readFields(bytes: Uint8Array, count: Count, depth: number): { readonly name: string; readonly value: Blob }[] {
  if (depth > DEEPEST) throw new Malformed('blobmsg: nested too deeply')
  const found: { readonly name: string; readonly value: Blob }[] = []
  for (const { id, extended, data } of attributesOf(bytes)) {
    if (++count.fields > MOST_FIELDS) throw new Malformed('blobmsg: too many fields')
    if (!extended || data.length < HEADER) throw new Malformed('blobmsg: a field without a name')
    const length = viewOf(data).getUint16(0)
    const start = padded(2 + length + 1)
    if (start > data.length || data[2 + length] !== 0) throw new Malformed('blobmsg: a name is cut off')
    const value = readValue(id, data.subarray(start), count, depth)
    if (value !== undefined) found.push({ name: utf8Decode(data.subarray(2, 2 + length)), value })
  }
  return found
}

/** `undefined` for the null of `blobmsg_add_field(UNSPEC)`. */
function readValue(type: number, data: Uint8Array, count: Count, depth: number): Blob | undefined {
  const view = viewOf(data)
  switch (type) {
    case 0:
      return undefined
    case BLOBMSG.array:
      return readFields(data, count, depth + 1).map(({ value }) => value)
    case BLOBMSG.table:
      return table(data, count, depth + 1)
    case BLOBMSG.string:
      return readString(data)
    case BLOBMSG.int64:
      return Number(exactly(view, 8).getBigInt64(0))
    case BLOBMSG.int32:
      return exactly(view, 4).getInt32(0)
    case BLOBMSG.int16:
      return exactly(view, 2).getInt16(0)
    case BLOBMSG.int8:
      return exactly(view, 1).getInt8(0) !== 0
    case BLOBMSG.double:
      return exactly(view, 8).getFloat64(0)
    default:
      throw new Malformed(`blobmsg: type ${type} is none`)
  }
}

/** Ends with NUL and has no other; the attribute's text of `ubus.ts` has the same form. */
export function readString(data: Uint8Array): string {
  const end = data.indexOf(0)
  if (end < 0 || end !== data.length - 1) throw new Malformed('blob: a text without its end')
  return utf8Decode(data.subarray(0, end))
}

/** What lies behind a NUL would not arrive, so there is none. */
export const writeString = (text: string): Uint8Array => utf8Encode(`${text.replaceAll('\0', ' ')}\0`)

function exactly(view: DataView, size: number): DataView {
  if (view.byteLength !== size) throw new Malformed(`blobmsg: a number of ${view.byteLength} bytes`)
  return view
}

function fields(entries: readonly (readonly [name: string, value: unknown])[], depth: number): Uint8Array {
  return joined(entries.flatMap(([name, value]) => field(name, value, depth) ?? []))
}

function field(name: string, value: unknown, depth: number): Uint8Array | undefined {
  switch (typeof value) {
    case 'string':
      return named(BLOBMSG.string, name, writeString(value))
    case 'boolean':
      return named(BLOBMSG.int8, name, Uint8Array.of(value ? 1 : 0))
    case 'number':
      return numberField(name, value)
    case 'object':
      if (value === null || depth === DEEPEST) return undefined
      return Array.isArray(value)
        ? named(
            BLOBMSG.array,
            name,
            fields(
              value.map(each => ['', each] as const),
              depth + 1,
            ),
          )
        : named(BLOBMSG.table, name, fields(Object.entries(value), depth + 1))
    default:
      return undefined
  }
}

/** As json_script and `blobmsg_add_json` do: 32 bits where they hold the number, 64 for other whole ones. */
function numberField(name: string, value: number): Uint8Array {
  const data = new Uint8Array(8)
  const view = viewOf(data)
  if ((value | 0) === value) {
    view.setInt32(0, value)
    return named(BLOBMSG.int32, name, data.subarray(0, 4))
  }
  if (Number.isSafeInteger(value)) {
    view.setBigInt64(0, BigInt(value))
    return named(BLOBMSG.int64, name, data)
  }
  view.setFloat64(0, value)
  return named(BLOBMSG.double, name, data)
}

function named(type: number, name: string, value: Uint8Array): Uint8Array {
  const text = utf8Encode(name.replaceAll('\0', ' '))
  const start = padded(2 + text.length + 1)
  const data = new Uint8Array(start + value.length)
  viewOf(data).setUint16(0, text.length)
  data.set(text, 2)
  data.set(value, start)
  return attribute(type, data, true)
}

const padded = (length: number): number => (length + 3) & ~3

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
