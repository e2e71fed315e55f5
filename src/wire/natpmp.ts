/**
 * NAT-PMP on the wire (RFC 6886 §3). Requests may be longer than their format, what follows is ignored; `decode` of a
 * shorter one throws `Malformed`. Encoding cannot fail.
 */
import type { Ip, Port } from '../base/ip.ts'
import { ipv4, layout, secondsField, u8, u16 } from '../base/layout.ts'

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

/** What every reply begins with, and all there is of one to a version we do not speak (§3.5). */
export const replyHead = layout('NAT-PMP reply', { version: u8, opcode: u8, result: u16, epoch: secondsField })

/** One line a field of whatever a datagram turns out to be, for people; never throws. */
export function dump(bytes: Uint8Array): string {
  const opcode = bytes[1] ?? 0
  if (opcode >= RESPONSE) return (opcode === RESPONSE ? addressReply : mapReply).dump(bytes)
  return (opcode === OPCODE.address ? request : mapRequest).dump(bytes)
}
