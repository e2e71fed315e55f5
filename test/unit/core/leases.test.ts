import { describe, expect, test } from 'vitest'
import type { Ip, Mac, Port } from '../../../src/base/ip.ts'
import { utf8Decode, utf8Encode } from '../../../src/base/text.ts'
import type { Instant } from '../../../src/base/time.ts'
import { seconds } from '../../../src/base/time.ts'
import type { LeaseRecord, Stamp } from '../../../src/core/leases.ts'
import { elapsed, later, readLeases, recordsOf, wishOf, writeLeases } from '../../../src/core/leases.ts'
import type { Mapping } from '../../../src/core/mapping.ts'
import { mapping } from '../../support/control-world.ts'
import { A6 } from '../../support/router.ts'

/** 2026-11-21 */
const WALL = 1_795_219_200_000
const stamp: Stamp = { boot: 'f00d', at: 1_000_000 as Instant, wall: WALL }
const now = 1_000_000 as Instant

const game = mapping({ port: 8080, to: 80, via: 'upnp', label: 'game "1"', mac: '02:00:00:00:00:0a', left: 3540 })
const voice: Mapping = {
  ...mapping({ transport: 'udp', port: 5060, left: 60 }),
  remote: { ip: '203.0.113.5' as Ip, port: 'any' },
  state: 'disabled',
}
const [first, second] = recordsOf([game, voice], now) as [LeaseRecord, LeaseRecord]
const file = writeLeases([first, second], stamp)

describe('what is written', () => {
  test('is read again', () => {
    expect(readLeases(file)).toEqual({ stamp, records: [first, second], damaged: [] })
    expect(first).toEqual({
      transport: 'tcp',
      external: 8080,
      internal: { ip: '192.168.88.10', port: 80 },
      owner: { via: 'upnp', client: '192.168.88.10' },
      mac: '02:00:00:00:00:0a',
      remote: { ip: 'any', port: 'any' },
      enabled: true,
      label: 'game "1"',
      left: 3540,
      pinhole: undefined,
      waits: false,
    })
    expect(second).toMatchObject({ enabled: false, remote: { ip: '203.0.113.5', port: 'any' }, left: 60 })
  })

  test('is under which address it was reached, and no other word in its place', () => {
    const address = '203.0.113.9' as Ip
    expect(readLeases(writeLeases([first], stamp, address))).toMatchObject({ stamp, address, damaged: [] })
    for (const word of ['2001:db8::1', '1.2.3', 7, null]) {
      const read = readLeases(writeLeases([first], stamp, word as Ip))
      expect([read.address, read.damaged, read.records]).toEqual([undefined, [], [first]])
    }
  })

  test('are no static mappings, no suspended ones, and none that have ended', () => {
    const left: readonly Mapping[] = [
      mapping({ port: 1, via: 'operator' }),
      { ...game, state: 'suspended' },
      mapping({ port: 2, left: 0 }),
    ]
    expect(recordsOf(left, now)).toEqual([])
  })

  test('are pinholes too, with their numbers', () => {
    const flow = { ip: A6, port: 8080 as Port }
    const remote = { ip: '2001:db8:f::1' as Ip, port: 4000 as Port }
    const hole: Mapping = { ...game, external: flow, internal: flow, remote, pinhole: 7, state: 'on' }
    const [record] = recordsOf([hole], now) as [LeaseRecord]
    expect(readLeases(writeLeases([record], stamp))).toEqual({ stamp, records: [record], damaged: [] })
    expect(wishOf(record, 'br-lan')).toEqual({
      ask: 'pinhole',
      owner: game.owner,
      device: 'br-lan',
      mac: game.mac,
      transport: 'tcp',
      internal: flow,
      remote,
      lifetime: 3540,
      label: game.label,
      before: 7,
    })
  })

  test('without end stays without end', () => {
    const [forever] = recordsOf([{ ...game, lease: 'forever' }], now) as [LeaseRecord]
    expect(readLeases(writeLeases([forever], stamp)).records[0]?.left).toBe('forever')
    expect(later(forever, seconds(1e9))).toBe(forever)
  })
})

describe('damage costs the line that has it', () => {
  const text = utf8Decode(file)
  const lines = text.trimEnd().split('\n') as [string, string, string]

  test.each([
    ['a digit of a port', lines[1].replace('8080', '8081')],
    ['a digit of the checksum', lines[1].replace(/^./, digit => (digit === '0' ? '1' : '0'))],
    ['a line that ends early', lines[1].slice(0, 60)],
    ['an empty line', ''],
    ['noise', '\u0000\u0001\ufffd'],
    ['a line of a megabyte', 'x'.repeat(1 << 20)],
  ])('%s', (_name, line) => {
    const { records, damaged } = readLeases(utf8Encode([lines[0], line, lines[2], ''].join('\n')))
    expect(records).toEqual([second])
    expect(damaged).toEqual([2])
  })

  test('the first line: the others are there, and when they were written is not known', () => {
    const read = readLeases(utf8Encode(text.slice(1)))
    expect(read).toEqual({ stamp: undefined, records: [first, second], damaged: [1] })
  })

  test('a file that was cut off, at every byte', () => {
    for (let length = 0; length < file.length; length++) {
      const { records } = readLeases(file.subarray(0, length))
      expect(records.length).toBeLessThanOrEqual(2)
      for (const record of records) expect([first, second]).toContainEqual(record)
    }
  })

  test('nothing at all', () => {
    expect(readLeases(new Uint8Array(0))).toEqual({ stamp: undefined, records: [], damaged: [] })
  })
})

/** With a checksum that fits, as only a hostile hand would write it. */
function forged(value: object): Uint8Array {
  const [head] = utf8Decode(writeLeases([], stamp)).split('\n')
  const json = JSON.stringify(value)
  let hash = 0x811c9dc5
  for (const char of json) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193)
  return utf8Encode(`${head}\n${(hash >>> 0).toString(16).padStart(8, '0')} ${json}\n`)
}

describe('a record that no mapping could be is refused, though its checksum fits', () => {
  const good = {
    protocol: 'tcp',
    port: 8080,
    to: ['192.168.88.10', 80],
    service: 'upnp',
    client: '192.168.88.10',
    comment: '',
    left: 60,
  }
  test('the pattern itself is none of them', () => {
    expect(readLeases(forged(good)).records).toHaveLength(1)
  })

  test.each<[string, object]>([
    ['protocol', { protocol: 'icmp' }],
    ['port 0', { port: 0 }],
    ['port 65536', { port: 65536 }],
    ['half a port', { port: 1.5 }],
    ['a port as text', { port: '80' }],
    ['no internal address', { to: ['host', 80] }],
    ['an IPv6 host without a number', { port: 80, to: ['2001:db8::1', 80] }],
    ['a pinhole of another port', { port: 81, to: ['2001:db8::1', 80], pinhole: 1 }],
    ['a pinhole with number 0', { port: 80, to: ['2001:db8::1', 80], pinhole: 0 }],
    ['a pinhole with number 65536', { port: 80, to: ['2001:db8::1', 80], pinhole: 65536 }],
    ['a pinhole of NAT-PMP', { port: 80, to: ['2001:db8::1', 80], pinhole: 1, service: 'nat-pmp' }],
    ['a pinhole of IPv4', { pinhole: 1 }],
    ['a remote of the other family', { from: ['2001:db8::1', 'any'] }],
    ['three ends', { to: ['192.168.88.10', 80, 1] }],
    ['the operator', { service: 'operator' }],
    ['no client', { client: 5 }],
    ['a link address that is none', { mac: 'zz' }],
    ['a remote that is none', { from: ['any'] }],
    ['a negative lease', { left: -1 }],
    ['no lease', { left: 0 }],
    ['a lease of text', { left: 'long' }],
    ['no comment', { comment: undefined }],
    ['enabled as text', { enabled: 'no' }],
  ])('%s', (_name, over) => {
    expect(readLeases(forged({ ...good, ...over }))).toMatchObject({ records: [], damaged: [2] })
  })

  test('a comment with control characters becomes one line', () => {
    const [record] = readLeases(forged({ ...good, comment: 'a\nb\u001b[2J' })).records
    expect(record?.label).toBe('a b [2J')
  })

  test.each<[string, object]>([
    ['a list', []],
    ['another version', { portico: 2, boot: '', at: 0, wall: 0 }],
  ])('%s', (_name, value) => {
    expect(readLeases(forged(value)).records).toEqual([])
  })
})

describe('elapsed()', () => {
  const at = (ms: number) => (stamp.at + ms) as Instant
  const HOUR = 3_600_000
  test.each<[what: string, written: Stamp | undefined, read: Stamp, expected: number]>([
    ['the same boot: the boot clock, whatever the wall clock says', stamp, { ...stamp, at: at(5000), wall: 0 }, 5],
    ['another boot, the wall clock ran on', stamp, { boot: 'b', at: 30_000 as Instant, wall: WALL + HOUR }, 3600],
    [
      'another boot, no battery: the clock starts where it was',
      stamp,
      { boot: 'b', at: 30_000 as Instant, wall: WALL + 9000 },
      30,
    ],
    ['another boot, the clock went back', stamp, { boot: 'b', at: 30_000 as Instant, wall: WALL - HOUR }, 30],
    ['another boot, it starts in 1970', stamp, { boot: 'b', at: 30_000 as Instant, wall: 30_000 }, 30],
    ['written in 1970, set now', { ...stamp, wall: 60_000 }, { boot: 'b', at: 30_000 as Instant, wall: WALL }, 30],
    ['no boot ids at all', { ...stamp, boot: '' }, { boot: '', at: 40_000 as Instant, wall: 0 }, 40],
    ['the same boot id, but the clock went back: no boot of this machine', stamp, { ...stamp, at: 5000 as Instant }, 5],
    ['nobody knows when it was written', undefined, { boot: 'b', at: 30_000 as Instant, wall: WALL }, 30],
  ])('%s', (_what, written, read, expected) => {
    expect(elapsed(written, read)).toBe(expected)
  })
})

test('what has passed is taken off, and what has ended is gone', () => {
  expect(later(second, seconds(20))?.left).toBe(40)
  expect(later(second, seconds(60))).toBeUndefined()
})

test('the wish asks for the very same, in the name of the client', () => {
  expect(wishOf(first, 'br-lan')).toEqual({
    ask: 'map',
    owner: { via: 'upnp', client: '192.168.88.10' as Ip },
    device: 'br-lan',
    mac: '02:00:00:00:00:0a' as Mac,
    transport: 'tcp',
    internal: { ip: '192.168.88.10' as Ip, port: 80 as Port },
    external: 8080 as Port,
    exact: true,
    lifetime: 3540,
    label: 'game "1"',
    remote: { ip: 'any', port: 'any' },
    enabled: true,
  })
})
