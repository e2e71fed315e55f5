/**
 * NAT-PMP on the wire (RFC 6886 §3). Requests may be longer than their format, what follows is ignored; `decode` of a
 * shorter one throws `Malformed`. Encoding cannot fail.
 */
import type { Ip, Port } from '../base/ip.ts'
import { ipv4, layout, secondsField, u8, u16 } from '../base/layout.ts'
import type { Seconds } from '../base/time.ts'

export const VERSION = 0
/** UDP; requests arrive here and replies leave from here (§3.1). */
export const SERVER_PORT = 5351 as Port
/** Announcements go to this group and port (§3.2.1), one hop far. */
export const ANNOUNCE_GROUP = '224.0.0.1' as Ip
export const ANNOUNCE_PORT = 5350 as Port
export const ANNOUNCE_TTL = 1

/** Set in the opcode of everything that a server sends (§3.5). */
export const RESPONSE = 0x80

/** Opcodes of requests (§3.2, §3.3). */
export const OPCODE = { address: 0, udp: 1, tcp: 2 } as const

/** Result codes (§3.5). */
export const RESULT = {
  success: 0,
  unsupportedVersion: 1,
  notAuthorized: 2,
  networkFailure: 3,
  outOfResources: 4,
  unsupportedOpcode: 5,
} as const

/** What every datagram to the server begins with. */
export const request = layout('NAT-PMP request', { version: u8, opcode: u8 })

/** §3.2; the address is zero when the result is not. */
export const addressReply = layout('NAT-PMP address reply', {
  version: u8,
  opcode: u8,
  result: u16,
  epoch: secondsField,
  address: ipv4,
})

/** §3.3; the reserved field is ignored. */
export const mapRequest = layout('NAT-PMP map request', {
  version: u8,
  opcode: u8,
  reserved: u16,
  internalPort: u16,
  externalPort: u16,
  lifetime: secondsField,
})

export const mapReply = layout('NAT-PMP map reply', {
  version: u8,
  opcode: u8,
  result: u16,
  epoch: secondsField,
  internalPort: u16,
  externalPort: u16,
  lifetime: secondsField,
})

/** What a map request says. */
export interface MapRequest {
  readonly opcode: number
  readonly internalPort: number
  readonly externalPort: number
  readonly lifetime: Seconds
}

/** `mapRequest.decode` by hand, for the path of every request: `bytes` has at least its size. */
export function readMapRequest(bytes: Uint8Array): MapRequest {
  return {
    opcode: bytes[1] as number,
    internalPort: word(bytes, 4),
    externalPort: word(bytes, 6),
    lifetime: (word(bytes, 8) * 0x1_0000 + word(bytes, 10)) as Seconds,
  }
}

/** `mapReply.encode` by hand; `opcode` is that of the request. */
export function writeMapReply(
  opcode: number,
  result: number,
  epoch: Seconds,
  internalPort: number,
  externalPort: number,
  lifetime: Seconds,
): Uint8Array {
  const bytes = new Uint8Array(mapReply.size)
  bytes[0] = VERSION
  bytes[1] = RESPONSE | opcode
  bytes[3] = result
  putLong(bytes, 4, epoch)
  bytes[8] = internalPort >> 8
  bytes[9] = internalPort
  bytes[10] = externalPort >> 8
  bytes[11] = externalPort
  putLong(bytes, 12, lifetime)
  return bytes
}

const word = (bytes: Uint8Array, at: number): number => ((bytes[at] as number) << 8) | (bytes[at + 1] as number)

function putLong(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

/** What every reply begins with, and all there is of one to a version we do not speak (§3.5). */
export const replyHead = layout('NAT-PMP reply', { version: u8, opcode: u8, result: u16, epoch: secondsField })

/** One line a field of whatever a datagram turns out to be, for people; never throws. */
export function dump(bytes: Uint8Array): string {
  const opcode = bytes[1] ?? 0
  if (opcode >= RESPONSE) return (opcode === RESPONSE ? addressReply : mapReply).dump(bytes)
  return (opcode === OPCODE.address ? request : mapRequest).dump(bytes)
}
