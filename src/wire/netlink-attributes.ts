/**
 * Netlink attributes (`struct nlattr`, linux/netlink.h): u16 length, u16 type, payload, padded to four bytes.
 *
 * A set of attributes is said once, as a table `{ name: [NUMBER, kind] }`; decoding, encoding and the dump follow from
 * it, and a table is itself a kind, so nests are tables within tables. Lengths and types are in the byte order of the
 * machine; what lies in an attribute has the order its kind names.
 *
 * Decoding throws `Malformed` for whatever overruns, never reads beyond its bounds, and ignores attributes that the
 * table does not know (newer kernels add some). Encoding writes attributes in the order in which the value names them
 * and leaves out those that are undefined, so what was decoded encodes to the same bytes.
 */
import { Malformed } from '../base/fail.ts'
import type { Ip } from '../base/ip.ts'
import { ipBytes, ipFrom } from '../base/ip.ts'
import { utf8Decode, utf8Encode } from '../base/text.ts'

const NLA_F_NESTED = 0x8000 // linux/netlink.h; the kernel sets it in some replies only
const NLA_TYPE_MASK = 0x3fff // without NLA_F_NESTED and NLA_F_NET_BYTEORDER
const HEADER = 4

/** Bytes to read, with the machine's byte order. */
export interface Source {
  readonly bytes: Uint8Array
  readonly view: DataView
  readonly littleEndian: boolean
}

/** How the payload of an attribute is read, written and shown. */
export interface Kind<T> {
  /** For the dump: `be32`, `string`. */
  readonly name: string
  /** Holds attributes itself: written with NLA_F_NESTED. */
  readonly nested: boolean
  read(from: Source, start: number, end: number): T
  write(to: Writer, value: T): void
  /** Lines that show the payload, each beginning with `indent`; throws `Malformed` like `read`. */
  show(from: Source, start: number, end: number, indent: string): readonly string[]
}

export type Fields = Readonly<Record<string, readonly [number: number, kind: Kind<unknown>]>>
export type Values<F> = {
  readonly [K in keyof F]?: F[K] extends readonly [number, Kind<infer T>] ? T | undefined : never
}

export interface Attributes<F> extends Kind<Values<F>> {
  /** Reads attributes from `start` (0 when left out) to the end of `bytes`. */
  decode(bytes: Uint8Array, littleEndian: boolean, start?: number): Values<F>
  encode(value: Values<F>, littleEndian: boolean): Uint8Array
  /** One line an attribute, as far as the bytes go; never throws. For people and for fuzzing. */
  dump(bytes: Uint8Array, littleEndian: boolean, start?: number): string
}

export const source = (bytes: Uint8Array, littleEndian: boolean): Source => ({
  bytes,
  view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  littleEndian,
})

/**
 * A buffer that grows; netlink is written front to back, lengths are patched in when a nest or message ends. It may be
 * used again (`length = 0`) once nobody needs what `bytes` holds.
 */
export class Writer {
  readonly littleEndian: boolean
  length = 0
  bytes: Uint8Array
  view: DataView

  constructor(littleEndian: boolean, capacity = 512) {
    this.littleEndian = littleEndian
    this.bytes = new Uint8Array(capacity)
    this.view = new DataView(this.bytes.buffer)
  }

  /** Makes room for `size` more bytes, which the caller must write, and returns where they begin. */
  reserve(size: number): number {
    const at = this.length
    const needed = at + size
    if (needed > this.bytes.length) this.#grow(needed)
    this.length = needed
    return at
  }

  put(bytes: Uint8Array): void {
    const at = this.length
    const needed = at + bytes.length
    if (needed > this.bytes.length) this.#grow(needed) // before `this.bytes` is read: it is replaced
    this.length = needed
    this.bytes.set(bytes, at)
  }

  /** Zero bytes up to the next multiple of four. */
  align(): void {
    while ((this.length & 3) !== 0) this.zero()
  }

  zero(): void {
    const at = this.reserve(1)
    this.bytes[at] = 0
  }

  attribute<T>(type: number, kind: Kind<T>, value: T): void {
    const at = this.reserve(HEADER)
    kind.write(this, value)
    const length = this.length - at
    if (length > 0xffff) throw new RangeError(`netlink attribute ${type} of ${length} bytes; 65535 fit`)
    this.view.setUint16(at, length, this.littleEndian)
    this.view.setUint16(at + 2, kind.nested ? type | NLA_F_NESTED : type, this.littleEndian)
    this.align()
  }

  /** A copy of what was written. */
  done(): Uint8Array {
    return this.bytes.slice(0, this.length)
  }

  #grow(needed: number): void {
    const larger = new Uint8Array(Math.max(needed, this.bytes.length * 2))
    larger.set(this.bytes)
    this.bytes = larger
    this.view = new DataView(larger.buffer)
  }
}

/** Calls `each` with type, start and end of every payload between `start` and `end`. */
export function eachAttribute(
  from: Source,
  start: number,
  end: number,
  each: (type: number, start: number, end: number) => void,
): void {
  let at = start
  while (at < end) {
    if (at + HEADER > end) throw new Malformed(`netlink attribute: ${end - at} stray bytes at ${at}`)
    const length = from.view.getUint16(at, from.littleEndian)
    if (length < HEADER || at + length > end) {
      throw new Malformed(`netlink attribute at ${at}: length ${length}, ${end - at} bytes are left`)
    }
    const type = from.view.getUint16(at + 2, from.littleEndian) & NLA_TYPE_MASK
    each(type, at + HEADER, at + length)
    at += (length + 3) & ~3
  }
}

export function attributes<const F extends Fields>(name: string, fields: F): Attributes<F> {
  const byNumber = new Map<number, { readonly key: string; readonly kind: Kind<unknown> }>()
  for (const [key, [number, kind]] of Object.entries(fields)) byNumber.set(number, { key, kind })
  const table: Attributes<F> = {
    name,
    nested: true,
    read(from, start, end) {
      const value: Record<string, unknown> = {}
      eachAttribute(from, start, end, (type, first, last) => {
        const field = byNumber.get(type)
        if (field !== undefined) value[field.key] = field.kind.read(from, first, last)
      })
      return value as Values<F>
    },
    write(to, value) {
      for (const [key, content] of Object.entries(value)) {
        const field = fields[key]
        if (content !== undefined && field !== undefined) to.attribute(field[0], field[1], content)
      }
    },
    show(from, start, end, indent) {
      const lines: string[] = []
      eachAttribute(from, start, end, (type, first, last) => {
        const field = byNumber.get(type)
        if (field !== undefined) lines.push(...showAttribute(from, first, last, indent, field.key, field.kind))
        else lines.push(`${indent}${first - HEADER} unknown(${type}) ${hex(from.bytes, first, last)}`)
      })
      return lines
    },
    decode: (bytes, littleEndian, start = 0) => table.read(source(bytes, littleEndian), start, bytes.length),
    encode(value, littleEndian) {
      const to = new Writer(littleEndian)
      table.write(to, value)
      return to.done()
    },
    dump: (bytes, littleEndian, start = 0) =>
      attempt(() => table.show(source(bytes, littleEndian), start, bytes.length, '')).join('\n'),
  }
  return table
}

/** A nest of attributes that are all of one kind: type NFTA_LIST_ELEM (1) each, or counted 1, 2, 3... */
export function list<T>(item: Kind<T>, numbering: 'ones' | 'counted' = 'ones'): Kind<readonly T[]> {
  return {
    name: `list of ${item.name}`,
    nested: true,
    read(from, start, end) {
      const items: T[] = []
      eachAttribute(from, start, end, (_type, first, last) => items.push(item.read(from, first, last)))
      return items
    },
    write(to, items) {
      for (const [index, value] of items.entries()) to.attribute(numbering === 'ones' ? 1 : index + 1, item, value)
    },
    show(from, start, end, indent) {
      const lines: string[] = []
      eachAttribute(from, start, end, (type, first, last) => {
        lines.push(...showAttribute(from, first, last, indent, `[${type}]`, item))
      })
      return lines
    },
  }
}

export const u8: Kind<number> = number(
  'u8',
  1,
  (from, at) => from.view.getUint8(at),
  (to, at, n) => to.view.setUint8(at, n),
)
export const be16: Kind<number> = number(
  'be16',
  2,
  (from, at) => from.view.getUint16(at),
  (to, at, n) => to.view.setUint16(at, n),
)
export const be32: Kind<number> = number(
  'be32',
  4,
  (from, at) => from.view.getUint32(at),
  (to, at, n) => to.view.setUint32(at, n),
)
/** Signed: verdicts and hook priorities. */
export const beS32: Kind<number> = number(
  'beS32',
  4,
  (from, at) => from.view.getInt32(at),
  (to, at, n) => to.view.setInt32(at, n),
)
/** As a number: timeouts in ms, handles and counters stay below 2^53; beyond it the low bits are lost. */
export const be64: Kind<number> = number(
  'be64',
  8,
  (from, at) => from.view.getUint32(at) * 0x1_0000_0000 + from.view.getUint32(at + 4),
  (to, at, n) => {
    to.view.setUint32(at, Math.floor(n / 0x1_0000_0000))
    to.view.setUint32(at + 4, n)
  },
)
/** `host16`, `host32`: in the byte order of the machine, as rtnetlink has them. */
export const host16: Kind<number> = number(
  'host16',
  2,
  (from, at) => from.view.getUint16(at, from.littleEndian),
  (to, at, n) => to.view.setUint16(at, n, to.littleEndian),
)
export const host32: Kind<number> = number(
  'host32',
  4,
  (from, at) => from.view.getUint32(at, from.littleEndian),
  (to, at, n) => to.view.setUint32(at, n, to.littleEndian),
)

/** UTF-8 with a NUL at its end, as nla_put_string writes it; reading stops at the first NUL. */
export const string: Kind<string> = {
  ...leaf('string', (from, start, end) => {
    const nul = from.bytes.subarray(start, end).indexOf(0)
    return utf8Decode(from.bytes.subarray(start, nul < 0 ? end : start + nul))
  }),
  write(to, value) {
    to.put(utf8Encode(value))
    to.zero()
  },
}

/** The payload as it lies there; a copy. */
export const raw: Kind<Uint8Array> = {
  name: 'raw',
  nested: false,
  read: (from, start, end) => from.bytes.slice(start, end),
  write: (to, value) => to.put(value),
  show: (from, start, end, indent) => [`${indent}${hex(from.bytes, start, end)}`],
}

/** IPv4 or IPv6 by its length, network order. */
export const address: Kind<Ip> = {
  ...leaf('address', (from, start, end) => {
    const size = end - start
    if (size !== 4 && size !== 16) throw new Malformed(`address of ${size} bytes at ${start}`)
    return ipFrom(from.bytes, start, size)
  }),
  write: (to, value) => to.put(ipBytes(value)),
}

/** An attribute without payload: it is there or not. */
export const flag: Kind<true> = { ...leaf('flag', () => true as const), write: () => undefined }

/** Lower-case hexadecimal of `bytes` from `start` to `end`. */
export function hex(bytes: Uint8Array, start = 0, end = bytes.length): string {
  let text = ''
  for (let i = start; i < end; i++) text += (bytes[i] as number).toString(16).padStart(2, '0')
  return text
}

/** The lines of a dump; where decoding fails, the reason takes the place of what could not be shown. */
export function attempt(lines: () => readonly string[]): readonly string[] {
  try {
    return lines()
  } catch (error) {
    if (error instanceof Malformed) return [`malformed: ${error.message}`]
    throw error
  }
}

function number(
  name: string,
  size: number,
  get: (from: Source, at: number) => number,
  set: (to: Writer, at: number, value: number) => void,
): Kind<number> {
  return {
    ...leaf(name, (from, start, end) => {
      if (end - start < size) throw new Malformed(`${name} of ${end - start} bytes at ${start}`)
      return get(from, start)
    }),
    write(to, value) {
      const at = to.reserve(size)
      set(to, at, value)
    },
  }
}

function leaf<T>(name: string, read: Kind<T>['read']): Omit<Kind<T>, 'write'> {
  return {
    name,
    nested: false,
    read,
    show: (from, start, end, indent) => [`${indent}${JSON.stringify(read(from, start, end))}`],
  }
}

function showAttribute(
  from: Source,
  start: number,
  end: number,
  indent: string,
  key: string,
  kind: Kind<unknown>,
): readonly string[] {
  const title = `${indent}${start - HEADER} ${key} ${kind.name}`
  if (kind.nested) return [title, ...attempt(() => kind.show(from, start, end, `${indent}  `))]
  return [`${title} ${attempt(() => kind.show(from, start, end, '')).join(' ')}`]
}
