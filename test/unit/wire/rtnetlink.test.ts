import { describe, expect, test } from 'vitest'
import type { Ip } from '../../../src/base/ip.ts'
import { message, messages } from '../../../src/wire/netlink.ts'
import {
  addressFormat,
  countersRequest,
  dumpRequest,
  dumpRtnetlink,
  linkFormat,
  neighbourFormat,
  RTM,
  readAddress,
  readCounters,
  readDefaultRoutes,
  readLink,
  readNeighbour,
  readWideRoute,
  resolveRequest,
  routeFormat,
  statisticsFormat,
  switchRequest,
} from '../../../src/wire/rtnetlink.ts'
import { hexOf, vector, vectorsOf } from '../../support/vectors.ts'
import bigText from '../../vectors/rtnetlink/big-endian.txt?raw'
import repliesText from '../../vectors/rtnetlink/replies.txt?raw'
import requestsText from '../../vectors/rtnetlink/requests.txt?raw'

const replies = vectorsOf(repliesText)
const big = vectorsOf(bigText)
const requests = vectorsOf(requestsText)

function only(bytes: Uint8Array, littleEndian: boolean) {
  const [first, ...rest] = messages(bytes, littleEndian)
  if (first === undefined || rest.length > 0) throw new Error('a vector holds one message')
  return first
}
const reply = (name: string) => only(vector(replies, name), true)
const bigReply = (name: string) => only(vector(big, name), false)

const plainAddress = { peer: undefined, broadcast: undefined, scope: 'universe', secondary: false, deprecated: false }

describe('readAddress()', () => {
  test.each([
    [
      'address wan0 203.0.113.5/24, permanent',
      { ...plainAddress, index: 3, ip: '203.0.113.5', bits: 24, usable: true },
    ],
    [
      'address 2001:db8:1::1/64, tentative, dynamic',
      { ...plainAddress, index: 3, ip: '2001:db8:1::1', bits: 64, usable: false },
    ],
    [
      'address lan0 192.168.1.1/24 with broadcast',
      { ...plainAddress, index: 3, ip: '192.168.1.1', bits: 24, usable: true, broadcast: '192.168.1.255' },
    ],
    [
      'address lan0 192.168.1.2/24, secondary',
      { ...plainAddress, index: 3, ip: '192.168.1.2', bits: 24, usable: true, secondary: true },
    ],
    [
      'address pppoe-wan 11.22.33.44 peer 11.22.33.1',
      { ...plainAddress, index: 4, ip: '11.22.33.44', bits: 32, usable: true, peer: '11.22.33.1' },
    ],
    [
      'address lo 127.0.0.1/8, scope host',
      { ...plainAddress, index: 1, ip: '127.0.0.1', bits: 8, usable: true, scope: 'host' },
    ],
  ])('%s', (name, value) => {
    expect(readAddress(reply(name), true)).toEqual(value)
  })

  test('on a big-endian machine', () => {
    expect(readAddress(bigReply('address pppoe-wan 11.22.33.44 peer 11.22.33.1'), false)).toEqual({
      ...plainAddress,
      index: 9,
      ip: '11.22.33.44',
      bits: 32,
      usable: true,
      peer: '11.22.33.1',
    })
    expect(readAddress(bigReply('address 2001:db8::1/64, deprecated'), false)).toEqual({
      ...plainAddress,
      index: 7,
      ip: '2001:db8::1',
      bits: 64,
      usable: true,
      deprecated: true,
    })
  })

  test('optimistic addresses are usable while tentative, failed ones are not', () => {
    const withFlags = (flags: number) =>
      readAddress(
        {
          ...reply('address wan0 203.0.113.5/24, permanent'),
          payload: addressFormat.encode({ family: 10, bits: 64, index: 3 }, { address: IPV6, flags }, true),
        },
        true,
      )?.usable
    expect(withFlags(0x44)).toBe(true) // IFA_F_TENTATIVE | IFA_F_OPTIMISTIC
    expect(withFlags(0x40)).toBe(false)
    expect(withFlags(0x08)).toBe(false) // IFA_F_DADFAILED
  })

  test('an address of another family than the message says is Malformed', () => {
    const payload = addressFormat.encode({ family: 10, bits: 64, index: 3 }, { address: IPV4 }, true)
    expect(failure(() => readAddress(framed(RTM.newAddress, payload), true))).toBe('Malformed')
  })
})

describe('readLink()', () => {
  test('of an Ethernet device with carrier', () => {
    expect(
      readLink(
        reply(
          'link lan0, up, with carrier; its first 124 bytes (the rest, statistics, taken off and the length set right)',
        ),
        true,
      ),
    ).toEqual({
      index: 3,
      name: 'lan0',
      up: true,
      carrier: true,
      loopback: false,
      pointToPoint: false,
      mac: '02:00:00:00:00:01',
    })
  })

  test('of a tun device without carrier and without address', () => {
    expect(
      readLink(
        reply('link pppoe-wan, tun that nobody has opened: up, no carrier, no address; shortened likewise'),
        true,
      ),
    ).toEqual({
      index: 4,
      name: 'pppoe-wan',
      up: true,
      carrier: false,
      loopback: false,
      pointToPoint: true,
      mac: undefined,
    })
  })

  test('on a big-endian machine', () => {
    expect(readLink(bigReply('link br-lan, up, with carrier'), false)).toEqual({
      index: 7,
      name: 'br-lan',
      up: true,
      carrier: true,
      loopback: false,
      pointToPoint: false,
      mac: '02:00:00:0a:0b:0c',
    })
  })

  test('a driver that does not know its state counts as having carrier', () => {
    const payload = linkFormat.encode({ index: 4, flags: 0x1 }, { name: 'ppp0', operstate: 0 }, true)
    expect(readLink(framed(RTM.newLink, payload), true)?.carrier).toBe(true)
  })

  test('a bridge that loses a port is not a device that goes away', () => {
    const payload = linkFormat.encode({ family: 7, index: 4, flags: 0x1 }, { name: 'lan1' }, true) // AF_BRIDGE
    expect(readLink(framed(RTM.delLink, payload), true)).toBeUndefined()
  })

  test('an event of a wireless driver says nothing about the link', () => {
    const payload = linkFormat.encode({ index: 4, flags: 0x1 }, { name: 'wlan0', wireless: Uint8Array.of(1, 2) }, true)
    expect(readLink(framed(RTM.newLink, payload), true)).toBeUndefined()
  })
})

describe('readDefaultRoutes()', () => {
  test.each([
    ['route 203.0.113.0/24 of the kernel', []],
    [
      'route default by two next hops, metric 7',
      [
        { family: 4, index: 4, gateway: '11.22.33.1', metric: 7 },
        { family: 4, index: 3, gateway: '192.168.1.254', metric: 7 },
      ],
    ],
    [
      'route default via 192.168.1.253, metric 20, preferred source',
      [{ family: 4, index: 3, gateway: '192.168.1.253', metric: 20 }],
    ],
    ['route default of IPv6 via fe80::1, metric 512', [{ family: 6, index: 3, gateway: 'fe80::1', metric: 512 }]],
  ])('%s', (name, value) => {
    expect(readDefaultRoutes(reply(name), true)).toEqual(value)
  })

  test('on a big-endian machine', () => {
    expect(readDefaultRoutes(bigReply('route default by two next hops, metric 7'), false)).toEqual([
      { family: 4, index: 4, gateway: '11.22.33.1', metric: 7 },
      { family: 4, index: 3, gateway: '192.168.1.254', metric: 7 },
    ])
  })

  test.each([
    ['another table', { family: 2, table: 252, type: 1 }, { table: 1001, device: 3 }],
    ['an unreachable route', { family: 2, table: 254, type: 7 }, { table: 254, device: 3 }],
    ['a family of its own (MPLS)', { family: 28, table: 254, type: 1 }, { table: 254, device: 3 }],
  ])('not of %s', (_name, head, values) => {
    expect(readDefaultRoutes(framed(RTM.newRoute, routeFormat.encode(head, values, true)), true)).toEqual([])
  })
})

describe('readWideRoute()', () => {
  const route = (head: object, values: object) => framed(RTM.newRoute, routeFormat.encode(head, values, true))

  test('of a default route, with all its devices', () => {
    const destination = { first: '0.0.0.0', last: '255.255.255.255' }
    const reading = readWideRoute(reply('route default by two next hops, metric 7'), true)
    expect(reading).toEqual({ destination, devices: [4, 3] })
    const six = readWideRoute(reply('route default of IPv6 via fe80::1, metric 512'), true)
    expect([six?.destination.first, six?.devices]).toEqual(['::', [3]])
    expect(readWideRoute(bigReply('route default via 192.168.1.253, metric 20'), false)?.devices).toEqual([3])
  })

  test.each([
    ['a half of IPv4', { family: 2, bits: 1, type: 1 }, { destination: '128.0.0.0' as Ip }, '128.0.0.0'],
    ['of another table', { family: 2, bits: 8, type: 1 }, { destination: '11.0.0.0' as Ip, table: 1001 }, '11.0.0.0'],
    ['the world of IPv6', { family: 10, bits: 3, type: 1 }, { destination: '2000::' as Ip }, '2000::'],
  ])('%s', (_name, head, values, first) => {
    expect(readWideRoute(route(head, { ...values, device: 3 }), true)).toMatchObject({
      destination: { first },
      devices: [3],
    })
  })

  test.each([
    ['a network', { family: 2, bits: 9, type: 1 }, { destination: '11.0.0.0' as Ip }],
    ['a network of IPv6', { family: 10, bits: 13, type: 1 }, { destination: '2a00::' as Ip }],
    ['an unreachable route', { family: 10, type: 7 }, {}],
    ['a family of its own (MPLS)', { family: 28, type: 1 }, {}],
  ])('not of %s', (_name, head, values) => {
    expect(readWideRoute(route(head, { ...values, device: 3 }), true)).toBeUndefined()
  })
})

describe('readNeighbour()', () => {
  test.each([
    ['neighbour 192.168.1.10 reachable', { index: 3, ip: '192.168.1.10', mac: '02:00:00:00:00:0a' }],
    ['neighbour 192.168.1.11 failed', { index: 3, ip: '192.168.1.11', mac: undefined }],
  ])('%s', (name, value) => {
    expect(readNeighbour(reply(name), true)).toEqual(value)
  })

  test('on a big-endian machine', () => {
    expect(readNeighbour(bigReply('neighbour 192.168.1.10 reachable'), false)).toEqual({
      index: 3,
      ip: '192.168.1.10',
      mac: '02:00:00:0a:0b:0c',
    })
  })

  test.each([
    ['the forwarding table of a bridge', { family: 7, index: 3, state: 2 }],
    ['an entry that needs no asking (loopback, multicast)', { family: 2, index: 3, state: 0x40 }],
  ])('not of %s', (_name, head) => {
    const payload = neighbourFormat.encode(head, { ip: IPV4, mac: Uint8Array.of(2, 0, 0, 0, 0, 1) }, true)
    expect(readNeighbour(framed(RTM.newNeighbour, payload), true)).toBeUndefined()
  })
})

test('resolveRequest() is what `ip neigh add 2001:db8::10 dev lan0 use` sends, but for NLM_F_EXCL', () => {
  const { type, flags, payload } = resolveRequest('2001:db8::10' as Ip, 3, true)
  expect([type, flags, hexOf(payload)]).toEqual([
    28,
    0x400,
    '0a0000000300000000000100' + '1400010020010db8000000000000000000000010',
  ])
})

describe('formats', () => {
  test.each([
    ['address wan0 203.0.113.5/24, permanent', addressFormat],
    ['address 2001:db8:1::1/64, tentative, dynamic', addressFormat],
    ['address lan0 192.168.1.1/24 with broadcast', addressFormat],
    ['address pppoe-wan 11.22.33.44 peer 11.22.33.1', addressFormat],
    ['route 203.0.113.0/24 of the kernel', routeFormat],
    ['route default by two next hops, metric 7', routeFormat],
    ['route default via 192.168.1.253, metric 20, preferred source', routeFormat],
  ])('%s: decoding and encoding gives the same bytes', (name, format) => {
    const bytes = vector(replies, name)
    expect(hexOf(again(format, bytes, true))).toBe(hexOf(bytes))
  })

  test.each([
    ['link br-lan, up, with carrier', linkFormat],
    ['address pppoe-wan 11.22.33.44 peer 11.22.33.1', addressFormat],
    ['address 2001:db8::1/64, deprecated', addressFormat],
    ['route default by two next hops, metric 7', routeFormat],
    ['route default via 192.168.1.253, metric 20', routeFormat],
    ['neighbour 192.168.1.10 reachable', neighbourFormat],
  ])('%s, big-endian: decoding and encoding gives the same bytes', (name, format) => {
    const bytes = vector(big, name)
    expect(hexOf(again(format, bytes, false))).toBe(hexOf(bytes))
  })

  test('every length that is cut off is Malformed or nothing, never a crash', () => {
    for (const bytes of replies.values()) {
      const { payload, ...head } = only(bytes, true)
      for (let length = 0; length < payload.length; length++) {
        const cut = { ...head, payload: payload.subarray(0, length) }
        for (const read of [readLink, readAddress, readDefaultRoutes, readWideRoute, readNeighbour]) {
          expect(failure(() => read(cut, true))).toMatch(/^(none|Malformed)$/)
        }
      }
    }
  })
})

describe('dumpRequest', () => {
  test.each([
    ['links', dumpRequest.links(true), 18],
    ['addresses', dumpRequest.addresses(true), 22],
    ['routes of IPv4, all tables', dumpRequest.routes(4, true), 26],
    ['routes of IPv6, all tables', dumpRequest.routes(6, true), 26],
    ['neighbours of IPv4', dumpRequest.neighbours(4, true), 30],
  ])('%s as the kernel took it', (name, request, type) => {
    expect(request.type).toBe(type)
    expect(hexOf(request.payload)).toBe(hexOf(vector(requests, name)))
  })

  test('on a big-endian machine', () => {
    expect(hexOf(dumpRequest.links(false).payload)).toBe(`${'00'.repeat(16)}0008001d00000008`)
    expect(hexOf(dumpRequest.routes(4, false).payload)).toBe('020000000000000100000000')
  })
})

describe('dumpRtnetlink()', () => {
  test('names what it shows', () => {
    const text = dumpRtnetlink(vector(replies, 'address pppoe-wan 11.22.33.44 peer 11.22.33.1'), true)
    expect(text).toContain('ifaddrmsg family=2 bits=32')
    expect(text).toContain('"11.22.33.44"')
    expect(dumpRtnetlink(vector(replies, 'route default by two next hops, metric 7'), true)).toContain('192.168.1.254')
  })
})

const IPV4 = '192.168.1.10' as never
const IPV6 = '2001:db8::7' as never

function framed(type: number, payload: Uint8Array) {
  return only(message({ type, flags: 0, sequence: 1 }, payload, new Uint8Array(0), true), true)
}

// biome-ignore lint/suspicious/noExplicitAny: formats of four kinds go through one round trip.
function again(format: any, bytes: Uint8Array, littleEndian: boolean): Uint8Array {
  const { head, attributes } = format.decode(only(bytes, littleEndian).payload, littleEndian)
  const whole = bytes.slice(0, 16)
  const payload = format.encode(head, attributes, littleEndian)
  return Uint8Array.from([...whole, ...payload])
}

function failure(work: () => unknown): string {
  try {
    work()
    return 'none'
  } catch (error) {
    return error instanceof Error ? error.name : 'no error'
  }
}

describe('counters and switching', () => {
  const statistics = (words: readonly (readonly [high: number, low: number])[], littleEndian: boolean) => {
    const link = new Uint8Array(8 * words.length)
    const view = new DataView(link.buffer)
    for (const [n, [high, low]] of words.entries()) {
      view.setUint32(8 * n + (littleEndian ? 4 : 0), high, littleEndian)
      view.setUint32(8 * n + (littleEndian ? 0 : 4), low, littleEndian)
    }
    const payload = statisticsFormat.encode({ index: 3 }, { link }, littleEndian)
    return { type: RTM.newStatistics, flags: 0, sequence: 0, portId: 0, payload }
  }

  test.each([true, false])('64 bits, little endian: %s', littleEndian => {
    const words = [
      [0, 7],
      [0, 0xffff_ffff],
      [5, 1],
      [0x1f_ffff, 0xffff_ffff],
      [9, 9],
    ] as const
    expect(readCounters(statistics(words, littleEndian), littleEndian)).toEqual({
      packetsIn: 7,
      packetsOut: 4_294_967_295,
      bytesIn: 21_474_836_481,
      bytesOut: Number.MAX_SAFE_INTEGER,
    })
  })

  test('cut off, or not there', () => {
    expect(() => readCounters(statistics([[0, 1]], true), true)).toThrow('link statistics of 8 bytes')
    const payload = statisticsFormat.encode({ index: 3 }, {}, true)
    expect(readCounters({ type: 92, flags: 0, sequence: 0, portId: 0, payload }, true)).toBeUndefined()
  })

  test('requests say what they want and nothing else', () => {
    expect(hexOf(countersRequest(3, true).payload)).toBe('000000000300000001000000')
    expect(hexOf(switchRequest(3, true, true).payload)).toBe('00000000030000000100000001000000')
    expect(hexOf(switchRequest(3, false, true).payload)).toBe('00000000030000000000000001000000')
  })
})
