/** RTA_MULTIPATH (linux/rtnetlink.h): several `struct rtnexthop`, each followed by attributes of its own. */
import { Malformed } from '../base/fail.ts'
import type { Ip } from '../base/ip.ts'
import type { Kind, Source } from './netlink-attributes.ts'
import { address, attributes } from './netlink-attributes.ts'

export interface NextHop {
  /** rtnh_ifindex */
  readonly index: number
  readonly gateway: Ip | undefined
  /** rtnh_flags and rtnh_hops (weight less one), as they lie there. */
  readonly flags: number
  readonly weight: number
}

const SIZE = 8 // struct rtnexthop: u16 length, u8 flags, u8 hops, s32 ifindex

const RTA = attributes('next hop', { gateway: [5, address] }) // RTA_GATEWAY

export const nextHops: Kind<readonly NextHop[]> = {
  name: 'next hops',
  nested: false,
  read(from, start, end) {
    const hops: NextHop[] = []
    let at = start
    while (at < end) {
      const next = at + lengthAt(from, at, end)
      hops.push({
        index: from.view.getUint32(at + 4, from.littleEndian),
        gateway: RTA.read(from, at + SIZE, next).gateway,
        flags: from.view.getUint8(at + 2),
        weight: from.view.getUint8(at + 3),
      })
      at = (next + 3) & ~3
    }
    return hops
  },
  write(to, hops) {
    for (const hop of hops) {
      const at = to.reserve(SIZE)
      RTA.write(to, { gateway: hop.gateway })
      to.view.setUint16(at, to.length - at, to.littleEndian)
      to.view.setUint8(at + 2, hop.flags)
      to.view.setUint8(at + 3, hop.weight)
      to.view.setUint32(at + 4, hop.index, to.littleEndian)
    }
  },
  show(from, start, end, indent) {
    return nextHops.read(from, start, end).map(hop => `${indent}device ${hop.index} gateway ${hop.gateway}`)
  },
}

function lengthAt(from: Source, at: number, end: number): number {
  if (at + SIZE > end) throw new Malformed(`next hop: ${end - at} stray bytes at ${at}`)
  const length = from.view.getUint16(at, from.littleEndian)
  if (length < SIZE || at + length > end) throw new Malformed(`next hop at ${at}: length ${length} of ${end - at}`)
  return length
}
