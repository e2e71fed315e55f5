/**
 * A format is said once: decoding, encoding, size and dump all follow from one list of fields.
 * Numbers are in network byte order; formats in host order (netlink) live in `wire/netlink.ts`.
 */
import { Malformed } from './fail.ts'
import type { Ip } from './ip.ts'
import { ipBytes, ipFrom } from './ip.ts'
import type { Seconds } from './time.ts'

export interface Field<T> {
  readonly size: number
  get(view: DataView, at: number): T
  put(view: DataView, at: number, value: T): void
}

// biome-ignore lint/suspicious/noExplicitAny: a record of fields of different types can be said in no other way.
type Fields = Readonly<Record<string, Field<any>>>
type Values<F> = { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never }

export interface Layout<F> {
  readonly name: string
  readonly size: number
  /** Reads the fields from the start of `bytes`; more bytes may follow. Throws `Malformed` when there are too few. */
  decode(bytes: Uint8Array): Values<F>
  /** Cannot fail: the types admit only what can be written. */
  encode(value: Values<F>): Uint8Array
  /** One line a field, `offset name value`, as far as the bytes go; never throws. For people and for fuzzing. */
  dump(bytes: Uint8Array): string
}

export const u8: Field<number> = { size: 1, get: (v, at) => v.getUint8(at), put: (v, at, n) => v.setUint8(at, n) }
export const u16: Field<number> = { size: 2, get: (v, at) => v.getUint16(at), put: (v, at, n) => v.setUint16(at, n) }
export const u32: Field<number> = { size: 4, get: (v, at) => v.getUint32(at), put: (v, at, n) => v.setUint32(at, n) }
export const secondsField = u32 as Field<Seconds>

/** Four bytes in the order of an IP header. */
export const ipv4: Field<Ip> = {
  size: 4,
  get: (v, at) => ipFrom(new Uint8Array(v.buffer, v.byteOffset, v.byteLength), at, 4),
  put: (v, at, ip) => new Uint8Array(v.buffer, v.byteOffset, v.byteLength).set(ipBytes(ip), at),
}

export function layout<F extends Fields>(name: string, fields: F): Layout<F> {
  const entries = Object.entries(fields)
  const size = entries.reduce((sum, [, field]) => sum + field.size, 0)
  // Plain lists: on QuickJS taking pairs apart for each packet costs more than reading it.
  const keys = entries.map(([key]) => key)
  const parts = entries.map(([, field]) => field)
  const count = entries.length
  return {
    name,
    size,
    decode(bytes) {
      if (bytes.length < size) throw new Malformed(`${name}: ${bytes.length} bytes, ${size} are needed`)
      const view = new DataView(bytes.buffer, bytes.byteOffset, size)
      const value: Record<string, unknown> = {}
      let at = 0
      for (let i = 0; i < count; i++) {
        const field = parts[i] as Field<unknown>
        value[keys[i] as string] = field.get(view, at)
        at += field.size
      }
      return value as Values<F>
    },
    encode(value) {
      const bytes = new Uint8Array(size)
      const view = new DataView(bytes.buffer)
      let at = 0
      for (let i = 0; i < count; i++) {
        const field = parts[i] as Field<unknown>
        field.put(view, at, value[keys[i] as string])
        at += field.size
      }
      return bytes
    },
    dump(bytes) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      const lines: string[] = []
      let at = 0
      for (const [key, field] of entries) {
        if (at + field.size > bytes.length) return [...lines, `${at} ${key} cut off`].join('\n')
        lines.push(`${at} ${key} ${field.get(view, at)}`)
        at += field.size
      }
      return lines.join('\n')
    },
  }
}
