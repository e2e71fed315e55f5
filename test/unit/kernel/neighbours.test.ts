import { describe, expect, test } from 'vitest'
import type { Ip, Mac } from '../../../src/base/ip.ts'
import { NeighbourTable } from '../../../src/kernel/neighbours.ts'
import type { Message } from '../../../src/wire/netlink.ts'
import { neighbourFormat, RTM } from '../../../src/wire/rtnetlink.ts'

const NUD_REACHABLE = 0x2
const NUD_STALE = 0x4
const NUD_FAILED = 0x20

function notice(last: number, state = NUD_REACHABLE, type: number = RTM.newNeighbour, mac = last): Message {
  const payload = neighbourFormat.encode(
    { family: 2, index: 3, state },
    { ip: ip(last), mac: Uint8Array.of(2, 0, 0, 0, 0, mac) },
    true,
  )
  return { type, flags: 0, sequence: 0, portId: 0, payload }
}
const told: string[] = []
const seen = (host: Ip, mac: Mac, index: number) => void told.push(`${host} ${mac.slice(-2)} ${index}`)
const ip = (last: number) => `192.168.1.${last}` as Ip

describe('NeighbourTable', () => {
  test('learns, relearns and forgets', () => {
    const table = new NeighbourTable(true, seen)
    table.apply(notice(10))
    expect(table.mac(ip(10), 3)).toBe('02:00:00:00:00:0a')
    expect(table.mac(ip(10), 4)).toBeUndefined()
    table.apply(notice(10, NUD_REACHABLE, RTM.newNeighbour, 99))
    expect(table.mac(ip(10), 3)).toBe('02:00:00:00:00:63')
    table.apply(notice(10, NUD_FAILED))
    expect(table.mac(ip(10), 3)).toBeUndefined()
    table.apply(notice(10))
    table.apply(notice(10, NUD_REACHABLE, RTM.delNeighbour))
    expect(table.size).toBe(0)
  })

  test('tells of what is new or differs, and of nothing else', () => {
    told.length = 0
    const table = new NeighbourTable(true, seen)
    table.adopt([notice(10), notice(11)])
    table.apply(notice(10))
    table.apply(notice(10, NUD_STALE))
    expect(told).toEqual(['192.168.1.10 0a 3', '192.168.1.11 0b 3'])
    table.apply(notice(10, NUD_STALE, RTM.newNeighbour, 99))
    table.adopt([notice(10, NUD_REACHABLE, RTM.newNeighbour, 99), notice(11, NUD_REACHABLE, RTM.newNeighbour, 12)])
    expect(told.splice(0)).toEqual(['192.168.1.10 0a 3', '192.168.1.11 0b 3', '192.168.1.10 63 3', '192.168.1.11 0c 3'])
    table.apply(notice(11, NUD_FAILED))
    table.apply(notice(11))
    expect(told).toEqual(['192.168.1.11 0b 3'])
  })

  test('hosts of IPv6', () => {
    told.length = 0
    const table = new NeighbourTable(true, seen)
    const host = '2001:db8::7' as Ip
    const payload = neighbourFormat.encode(
      { family: 10, index: 3, state: NUD_REACHABLE },
      { ip: host, mac: Uint8Array.of(2, 0, 0, 0, 0, 7) },
      true,
    )
    table.apply({ type: RTM.newNeighbour, flags: 0, sequence: 0, portId: 0, payload })
    expect(table.mac(host, 3)).toBe('02:00:00:00:00:07')
    expect(told).toEqual(['2001:db8::7 07 3'])
  })

  test('a complete reading takes the place of all', () => {
    const table = new NeighbourTable(true, seen)
    table.apply(notice(10))
    table.adopt([notice(11), notice(12)])
    expect([10, 11, 12].map(last => table.mac(ip(last), 3) !== undefined)).toEqual([false, true, true])
  })

  test('forgets the oldest when there are too many', () => {
    const table = new NeighbourTable(true, seen, 3)
    for (const last of [1, 2, 3, 4, 5]) table.apply(notice(last))
    expect(table.size).toBe(3)
    expect([1, 2, 3, 4, 5].map(last => table.mac(ip(last), 3) !== undefined)).toEqual([false, false, true, true, true])
  })
})
