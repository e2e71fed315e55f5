/**
 * Links, addresses, routes, neighbours and conntrack entries, in both byte orders. What stands behind the header is
 * read whatever the header says, or nearly every change would end at a length that is wrong; and what is read must
 * hold what its type promises.
 */
import { Malformed } from '../../src/base/fail.ts'
import { isIpv4 } from '../../src/base/ip.ts'
import { dumpConntrack, readFlow } from '../../src/wire/conntrack.ts'
import type { Message } from '../../src/wire/netlink.ts'
import { messages } from '../../src/wire/netlink.ts'
import {
  dumpRtnetlink,
  readAddress,
  readCounters,
  readDefaultRoutes,
  readLink,
  readNeighbour,
  readWideRoute,
} from '../../src/wire/rtnetlink.ts'

export function target(bytes: Uint8Array): void {
  for (const littleEndian of [true, false]) {
    dumpRtnetlink(bytes, littleEndian) // these two never throw
    dumpConntrack(bytes, littleEndian)
    readAll({ type: 0, flags: 0, sequence: 0, portId: 0, payload: bytes.subarray(16) }, littleEndian)
  }
  for (const message of messages(bytes, bytes[0] !== 0)) readAll(message, bytes[0] !== 0)
}

function readAll(message: Message, littleEndian: boolean): void {
  const address = tried(() => readAddress(message, littleEndian))
  if (address !== undefined && address.bits > (isIpv4(address.ip) ? 32 : 128)) throw new Error('prefix too long')
  const neighbour = tried(() => readNeighbour(message, littleEndian))
  if (neighbour !== undefined && neighbour.ip.length < 2) throw new Error('a neighbour without an address')
  const flow = tried(() => readFlow(message, littleEndian))
  for (const { ip, port } of flow === undefined ? [] : [flow.original.source, flow.reply.destination]) {
    if (ip.length < 2 || port < 1 || port > 65_535) throw new Error('a flow without an end')
  }
  tried(() => readCounters(message, littleEndian))
  tried(() => readLink(message, littleEndian))
  tried(() => readDefaultRoutes(message, littleEndian))
  tried(() => readWideRoute(message, littleEndian))
}

function tried<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof Malformed) return undefined
    throw error
  }
}
