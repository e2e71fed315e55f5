/**
 * The messages of ubus (ubus `ubusmsg.h`), as they travel on ubusd's stream: a header of eight bytes, then one
 * attribute that holds the others.
 *
 *     u8 version 0 · u8 type · be16 seq · be32 peer · be32 length of what follows, with itself · attributes
 */
import { joined } from '../base/bytes.ts'
import { Malformed } from '../base/fail.ts'
import { layout, u8, u16, u32 } from '../base/layout.ts'
import type { BlobTable } from './blobmsg.ts'
import { attribute, attributesOf, readString, readTable, writeString, writeTable } from './blobmsg.ts'

/** enum ubus_msg_type */
export const UBUS = {
  hello: 0,
  status: 1,
  data: 2,
  ping: 3,
  lookup: 4,
  invoke: 5,
  addObject: 6,
  removeObject: 7,
  subscribe: 8,
  unsubscribe: 9,
  notify: 10,
  monitor: 11,
} as const

/** enum ubus_msg_status */
export const UBUS_STATUS = {
  ok: 0,
  invalidCommand: 1,
  invalidArgument: 2,
  methodNotFound: 3,
  notFound: 4,
  noData: 5,
  permissionDenied: 6,
  timeout: 7,
  notSupported: 8,
  unknownError: 9,
  connectionFailed: 10,
  noMemory: 11,
} as const

/** UBUS_SYSTEM_OBJECT_EVENT: takes `register` and `send`. */
export const EVENT_OBJECT = 1

/** UBUS_MAX_MSGLEN */
export const UBUS_MOST_BYTES = 1 << 20

/** What a message may carry; what is absent is `undefined`. */
export interface UbusAttributes {
  readonly status?: number | undefined
  readonly path?: string | undefined
  readonly object?: number | undefined
  readonly method?: string | undefined
  readonly signature?: BlobTable | undefined
  readonly data?: BlobTable | undefined
  /** What is subscribed to. */
  readonly target?: number | undefined
  /** Nobody waits for an answer. */
  readonly noReply?: boolean | undefined
}

export interface UbusMessage extends UbusAttributes {
  readonly type: number
  readonly seq: number
  readonly peer: number
  /** It had a table that is none, or more than we read. */
  readonly unreadable?: true
}

/**
 * Throws `Malformed`; takes one whole message as `UbusReader` cuts it. Attributes that we do not know are skipped. ubusd
 * looks at every attribute but hands on what a caller put into a table, whatever it is: that must not cost the connection.
 */
export function decodeUbus(bytes: Uint8Array): UbusMessage {
  const { version, type, seq, peer } = header.decode(bytes)
  if (version !== 0) throw new Malformed(`ubus: version ${version}`)
  const body = attributesOf(bytes.subarray(header.size))[0]
  if (body === undefined) throw new Malformed('ubus: a message without a body')
  const found: Record<string, unknown> = { type, seq, peer }
  for (const { id, data } of attributesOf(body.data)) {
    const known = KNOWN[id]
    if (known === undefined) continue
    const value = known.form === 'table' ? tableOrNone(data) : READ[known.form](data)
    if (value === undefined) found['unreadable'] = true
    else found[known.name] = value
  }
  return found as unknown as UbusMessage
}

/** Cannot fail; a message of more than `UBUS_MOST_BYTES` would cost the connection. */
export function encodeUbus({ type, seq, peer, ...attributes }: UbusMessage): Uint8Array {
  const parts: Uint8Array[] = []
  for (const [id, known] of Object.entries(KNOWN)) {
    const value: unknown = attributes[known.name]
    if (value !== undefined) parts.push(attribute(Number(id), WRITE[known.form](value as never)))
  }
  return joined([header.encode({ version: 0, type, seq, peer }), attribute(0, joined(parts))])
}

/** Cuts the stream into messages. After `Malformed` the stream cannot be read any further. */
export class UbusReader {
  #parts: Uint8Array[] = []
  #held = 0
  /** Bytes that make the next message whole, as far as they are known. */
  #wanted = HEAD

  /** The messages that are whole now. */
  push(bytes: Uint8Array): readonly Uint8Array[] {
    this.#parts.push(bytes)
    this.#held += bytes.length
    if (this.#held < this.#wanted) return []
    const all = joined(this.#parts)
    const whole: Uint8Array[] = []
    let at = 0
    let length = HEAD
    while (all.length - at >= HEAD) {
      length = lengthOf(all, at)
      if (length > all.length - at) break
      whole.push(all.slice(at, at + length))
      at += length
      length = HEAD
    }
    this.#parts = at === all.length ? [] : [all.slice(at)]
    this.#held = all.length - at
    this.#wanted = length
    return whole
  }
}

/** struct ubus_msghdr */
const header = layout('ubus header', { version: u8, type: u8, seq: u16, peer: u32 })
const HEAD = header.size + 4

type Form = 'number' | 'byte' | 'text' | 'table'

/** enum ubus_msg_attr; the others (object type, active, subscribers, user, group) tell us nothing. */
const KNOWN: Readonly<Record<number, { readonly name: keyof UbusAttributes; readonly form: Form }>> = {
  1: { name: 'status', form: 'number' },
  2: { name: 'path', form: 'text' },
  3: { name: 'object', form: 'number' },
  4: { name: 'method', form: 'text' },
  6: { name: 'signature', form: 'table' },
  7: { name: 'data', form: 'table' },
  8: { name: 'target', form: 'number' },
  10: { name: 'noReply', form: 'byte' },
}

function tableOrNone(data: Uint8Array): BlobTable | undefined {
  try {
    return readTable(data)
  } catch (error) {
    if (error instanceof Malformed) return undefined
    throw error
  }
}

const READ: Readonly<Record<Exclude<Form, 'table'>, (data: Uint8Array) => unknown>> = {
  number: data => {
    if (data.length !== 4) throw new Malformed(`ubus: a number of ${data.length} bytes`)
    return new DataView(data.buffer, data.byteOffset, 4).getUint32(0)
  },
  byte: data => {
    if (data.length !== 1) throw new Malformed(`ubus: a flag of ${data.length} bytes`)
    return data[0] !== 0
  },
  text: readString,
}

const WRITE: { readonly [F in Form]: (value: never) => Uint8Array } = {
  number: (value: number) => {
    const data = new Uint8Array(4)
    new DataView(data.buffer).setUint32(0, value)
    return data
  },
  byte: (value: boolean) => Uint8Array.of(value ? 1 : 0),
  text: (value: string) => writeString(value),
  table: (value: BlobTable) => writeTable(value),
}

/** Of the message that begins at `at`; bodies are multiples of four, so no padding follows. */
function lengthOf(bytes: Uint8Array, at: number): number {
  const head = new DataView(bytes.buffer, bytes.byteOffset + at, HEAD).getUint32(header.size)
  const length = head & 0xffffff
  if (length < 4 || length > UBUS_MOST_BYTES) throw new Malformed(`ubus: a message of ${length} bytes`)
  return header.size + length
}
