import { describe, expect, test } from 'vitest'
import type { Ip } from '../../../src/base/ip.ts'
import { NeighbourTable } from '../../../src/kernel/neighbours.ts'
import type { Message } from '../../../src/wire/netlink.ts'
import { neighbourFormat, RTM } from '../../../src/wire/rtnetlink.ts'

const NUD_REACHABLE = 0x2
const NUD_FAILED = 0x20

function notice(last: number, state = NUD_REACHABLE, type: number = RTM.newNeighbour, mac = last): Message {
  const payload = neighbourFormat.encode(
    { family: 2, index: 3, state },
    { ip: ip(last), mac: Uint8Array.of(2, 0, 0, 0, 0, mac) },
    true,
  )
  return { type, flags: 0, sequence: 0, portId: 0, payload }
}
const ip = (last: number) => `192.168.1.${last}` as Ip

describe('NeighbourTable', () => {
  test('learns, relearns and forgets', () => {
    const table = new NeighbourTable(true)
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

  test('a complete reading takes the place of all', () => {
    const table = new NeighbourTable(true)
    table.apply(notice(10))
    table.adopt([notice(11), notice(12)])
    expect([10, 11, 12].map(last => table.mac(ip(last), 3) !== undefined)).toEqual([false, true, true])
  })

  test('forgets the oldest when there are too many', () => {
    const table = new NeighbourTable(true, 3)
    for (const last of [1, 2, 3, 4, 5]) table.apply(notice(last))
    expect(table.size).toBe(3)
    expect([1, 2, 3, 4, 5].map(last => table.mac(ip(last), 3) !== undefined)).toEqual([false, false, true, true, true])
  })
})
