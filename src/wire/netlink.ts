/**
 * Netlink messages (linux/netlink.h): a header of 16 bytes in the byte order of the machine, then the family's own
 * fixed header, then attributes (`netlink-attributes.ts`). A datagram from the kernel holds one message or several.
 */
import { Malformed } from '../base/fail.ts'
import type { Source } from './netlink-attributes.ts'
import { attempt, attributes, hex, host32, source, string, Writer } from './netlink-attributes.ts'

/** `nlmsg_flags`, linux/netlink.h. */
export const FLAG = {
  request: 0x1, // NLM_F_REQUEST
  multi: 0x2, // NLM_F_MULTI
  ack: 0x4, // NLM_F_ACK
  echo: 0x8, // NLM_F_ECHO
  interrupted: 0x10, // NLM_F_DUMP_INTR
  filtered: 0x20, // NLM_F_DUMP_FILTERED
  dump: 0x300, // NLM_F_ROOT | NLM_F_MATCH, of GET requests
  replace: 0x100, // NLM_F_REPLACE, of NEW requests
  exclusive: 0x200, // NLM_F_EXCL
  create: 0x400, // NLM_F_CREATE
  append: 0x800, // NLM_F_APPEND
  capped: 0x100, // NLM_F_CAPPED, of acknowledgements: only the header of the request is echoed
  ackAttributes: 0x200, // NLM_F_ACK_TLVS
} as const

export const TYPE = {
  noop: 1, // NLMSG_NOOP
  error: 2, // NLMSG_ERROR; error 0 is an acknowledgement
  done: 3, // NLMSG_DONE
  overrun: 4, // NLMSG_OVERRUN
} as const

/** Bytes before the payload: `struct nlmsghdr`. */
export const HEADER_SIZE = 16

export interface MessageHead {
  readonly type: number
  readonly flags: number
  readonly sequence: number
}

export interface Message extends MessageHead {
  /** `nlmsg_pid`: of a reply or event, the port id of the socket that caused it; 0 for the kernel itself. */
  readonly portId: number
  /** What follows the header, a view into the datagram. */
  readonly payload: Uint8Array
}

/** What NLMSG_ERROR says about one request, or NLMSG_DONE about a dump. */
export interface Verdict {
  /** 0 is success; otherwise a positive errno, whose meaning depends on the processor (`platform` knows it). */
  readonly errno: number
  /** NLMSGERR_ATTR_MSG: the kernel's own words, empty when it had none. */
  readonly said: string
  /** NLMSGERR_ATTR_OFFS: where in the request the offending attribute begins, counted from its header. */
  readonly offset: number | undefined
  /** `nlmsg_type` of the request; NLMSG_DONE has none. */
  readonly about: number | undefined
}

/** enum nlmsgerr_attrs, linux/netlink.h */
const extendedAck = attributes('extended ack', {
  message: [1, string], // NLMSGERR_ATTR_MSG
  offset: [2, host32], // NLMSGERR_ATTR_OFFS
  missingType: [5, host32], // NLMSGERR_ATTR_MISS_TYPE
  missingNest: [6, host32], // NLMSGERR_ATTR_MISS_NEST
})

/** Splits a datagram into its messages. Throws `Malformed` when a length lies or bytes are left over. */
export function messages(datagram: Uint8Array, littleEndian: boolean): Message[] {
  const found: Message[] = []
  const from = source(datagram, littleEndian)
  let at = 0
  while (at < datagram.length) {
    const message = messageAt(from, at)
    found.push(message)
    at += (HEADER_SIZE + message.payload.length + 3) & ~3
  }
  return found
}

function messageAt(from: Source, at: number): Message {
  const { bytes, view, littleEndian } = from
  const left = bytes.length - at
  if (left < HEADER_SIZE) throw new Malformed(`netlink message: ${left} stray bytes at ${at}`)
  const length = view.getUint32(at, littleEndian)
  if (length < HEADER_SIZE || length > left) {
    throw new Malformed(`netlink message at ${at}: length ${length}, ${left} bytes are left`)
  }
  return {
    type: view.getUint16(at + 4, littleEndian),
    flags: view.getUint16(at + 6, littleEndian),
    sequence: view.getUint32(at + 8, littleEndian),
    portId: view.getUint32(at + 12, littleEndian),
    payload: bytes.subarray(at + HEADER_SIZE, at + length),
  }
}

/** One message: header, the family's fixed header and attributes (both may be empty), padded to four bytes. */
export function message(
  head: MessageHead,
  fixed: Uint8Array,
  attributeBytes: Uint8Array,
  littleEndian: boolean,
): Uint8Array {
  const to = new Writer(littleEndian, HEADER_SIZE + fixed.length + attributeBytes.length + 8)
  const start = beginMessage(to, head)
  to.put(fixed)
  to.align()
  to.put(attributeBytes)
  endMessage(to, start)
  return to.done()
}

/** Writes a header whose length is still open; what `endMessage` wants comes back. */
export function beginMessage(to: Writer, head: MessageHead): number {
  const at = to.reserve(HEADER_SIZE)
  to.view.setUint16(at + 4, head.type, to.littleEndian)
  to.view.setUint16(at + 6, head.flags, to.littleEndian)
  to.view.setUint32(at + 8, head.sequence, to.littleEndian)
  to.view.setUint32(at + 12, 0) // nlmsg_pid: the kernel fills it in
  return at
}

export function endMessage(to: Writer, start: number): void {
  to.view.setUint32(start, to.length - start, to.littleEndian)
  to.align()
}

/** Reads a message of type NLMSG_ERROR or NLMSG_DONE. */
export function verdict(message: Message, littleEndian: boolean): Verdict {
  const { payload, type, flags } = message
  const from = source(payload, littleEndian)
  if (type === TYPE.done && payload.length < 4) return { errno: 0, said: '', offset: undefined, about: undefined }
  if (payload.length < 4) throw new Malformed(`netlink error of ${payload.length} bytes`)
  const errno = -from.view.getInt32(0, littleEndian)
  if (type === TYPE.done) {
    return { errno: Math.max(0, errno), ...spoken(from, flags, 4), about: undefined }
  }
  if (payload.length < 4 + HEADER_SIZE) throw new Malformed(`netlink error of ${payload.length} bytes`)
  const echoed = (flags & FLAG.capped) !== 0 ? HEADER_SIZE : from.view.getUint32(4, littleEndian)
  const about = from.view.getUint16(8, littleEndian)
  return { errno: Math.max(0, errno), ...spoken(from, flags, 4 + ((echoed + 3) & ~3)), about }
}

/** The sequence number, when the datagram is one acknowledgement and nothing else: what nearly every request gets. */
export function soleAcknowledgement(datagram: Uint8Array, littleEndian: boolean): number | undefined {
  if (datagram.length !== 2 * HEADER_SIZE + 4) return undefined
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.length)
  const whole = view.getUint32(0, littleEndian) === datagram.length
  const fine = view.getUint16(4, littleEndian) === TYPE.error && view.getInt32(HEADER_SIZE, littleEndian) === 0
  return whole && fine ? view.getUint32(8, littleEndian) : undefined
}

/** The attributes of an extended acknowledgement, from `start` on. */
function spoken(from: Source, flags: number, start: number): Pick<Verdict, 'said' | 'offset'> {
  if ((flags & FLAG.ackAttributes) === 0) return { said: '', offset: undefined }
  if (start < 0 || start > from.bytes.length)
    throw new Malformed(`netlink error: ${start} bytes echoed of ${from.bytes.length}`)
  const { message, offset } = extendedAck.read(from, start, from.bytes.length)
  return { said: message ?? '', offset }
}

/** Shows what a family's message says: fixed header and attributes, line by line. */
export type Describe = (message: Message, littleEndian: boolean) => readonly string[]

/** Every message of a datagram for a person to read, `describe` for those that are not netlink's own; never throws. */
export function dump(datagram: Uint8Array, littleEndian: boolean, describe: Describe): string {
  const lines: string[] = []
  const from = source(datagram, littleEndian)
  let at = 0
  while (at < datagram.length) {
    const start = at
    lines.push(
      ...attempt(() => {
        at = datagram.length // in case the header is broken: there is no next message then
        const message = messageAt(from, start)
        at = start + ((HEADER_SIZE + message.payload.length + 3) & ~3)
        return [headLine(message, start), ...attempt(() => body(message, littleEndian, describe))]
      }),
    )
  }
  return lines.join('\n')
}

function headLine(message: Message, at: number): string {
  const { type, flags, sequence, portId, payload } = message
  const size = HEADER_SIZE + payload.length
  return `@${at} length=${size} type=0x${type.toString(16)} flags=0x${flags.toString(16)} seq=${sequence} port=${portId}`
}

function body(message: Message, littleEndian: boolean, describe: Describe): readonly string[] {
  if (message.type === TYPE.error || message.type === TYPE.done) {
    const { errno, said, offset, about } = verdict(message, littleEndian)
    return [`  errno ${errno} about=${about} offset=${offset} said=${JSON.stringify(said)}`]
  }
  if (message.type < 16) return [`  ${hex(message.payload)}`] // NLMSG_MIN_TYPE: control messages end below it
  return describe(message, littleEndian)
}
