import { describe, expect, test } from 'vitest'
import type { Ip, Port } from '../../../src/base/ip.ts'
import { ipv4Number } from '../../../src/base/ip.ts'
import type { Flow } from '../../../src/wire/conntrack.ts'
import {
  conntrackDump,
  conntrackFormat,
  conntrackStats,
  deleteRequest,
  dumpConntrack,
  ends,
  IPS,
  readFlow,
} from '../../../src/wire/conntrack.ts'
import { message, messages } from '../../../src/wire/netlink.ts'
import { hexOf, vector, vectorsOf } from '../../support/vectors.ts'
import entriesText from '../../vectors/ctnetlink/entries.txt?raw'
import packedText from '../../vectors/ctnetlink/packed.txt?raw'
import requestsText from '../../vectors/ctnetlink/requests.txt?raw'

const entries = vectorsOf(entriesText)
const packed = vectorsOf(packedText)
const requests = vectorsOf(requestsText)

function only(bytes: Uint8Array, littleEndian: boolean) {
  const [first, ...rest] = messages(bytes, littleEndian)
  if (first === undefined || rest.length > 0) throw new Error('a vector holds one message')
  return first
}
const flowOf = (bytes: Uint8Array, littleEndian: boolean) => readFlow(only(bytes, littleEndian), littleEndian)

const NONE = new Uint8Array(0)
const host = '192.168.1.10' as Ip
const at = (ip: string, port: number) => ({ ip: ip as Ip, port: port as Port })

const packedFlow: Flow = {
  transport: 'tcp',
  original: { source: at('198.51.100.9', 0xc001), destination: at('11.22.33.44', 0x1234), zone: undefined },
  reply: { source: at('192.168.1.10', 8080), destination: at('198.51.100.9', 0xc001), zone: undefined },
  status: 0x1ae,
  id: 0xa61a9e48,
  zone: 5,
  timeout: 431_999,
  counters: { original: { packets: 5, bytes: 0x1_2345_6789 }, reply: { packets: 4, bytes: 777 } },
}

describe('readFlow()', () => {
  test('of an unreplied UDP entry', () => {
    expect(flowOf(vector(entries, 'udp, unreplied, without counters'), true)).toEqual({
      transport: 'udp',
      original: { source: at('10.0.0.1', 1111), destination: at('10.0.0.2', 2222), zone: undefined },
      reply: { source: at('10.0.0.2', 2222), destination: at('10.0.0.1', 1111), zone: undefined },
      status: IPS.confirmed,
      id: 0xa61a9e48,
      zone: undefined,
      timeout: 119,
      counters: undefined,
    })
  })

  test('of a translated TCP entry with counters', () => {
    const flow = flowOf(vector(entries, 'tcp, destination translated, established'), true)
    expect(flow?.original.destination).toEqual(at('127.0.0.5', 4001))
    expect(flow?.reply.source).toEqual(at('127.0.0.1', 4000))
    expect((flow?.status ?? 0) & IPS.destinationTranslated).toBe(IPS.destinationTranslated)
    expect(flow?.counters).toEqual({ original: { packets: 4, bytes: 1216 }, reply: { packets: 3, bytes: 214 } })
  })

  test('of an entry in a zone', () => {
    expect(flowOf(vector(entries, 'udp in zone 5, with counters'), true)?.zone).toBe(5)
  })

  test('is the same on machines of either byte order', () => {
    expect(flowOf(vector(packed, 'entry with every attribute, big-endian headers'), false)).toEqual(packedFlow)
    expect(flowOf(vector(packed, 'entry with every attribute, little-endian headers'), true)).toEqual(packedFlow)
  })

  test('of IPv6', () => {
    const flow = flowOf(vector(packed, 'udp over IPv6, little-endian headers'), true)
    expect(flow?.original.source).toEqual(at('2001:db8::9', 40_000))
    expect(flow?.reply.source).toEqual(at('2001:db8:1::10', 5000))
  })

  test('not of ICMP, and not of half an entry', () => {
    const icmp = {
      ip: { source: host, destination: host },
      protocol: { number: 1, icmpId: 7, icmpType: 8, icmpCode: 0 },
    }
    const payload = (value: object) => ({
      ...only(vector(entries, 'udp, unreplied, without counters'), true),
      payload: conntrackFormat.encode({ family: 2 }, value, true),
    })
    expect(readFlow(payload({ original: icmp, reply: icmp }), true)).toBeUndefined()
    expect(readFlow(payload({ status: 8 }), true)).toBeUndefined()
  })
})

describe('ends()', () => {
  const number = (a: number, b: number, c: number, d: number) => ((a * 256 + b) * 256 + c) * 256 + d
  test.each([
    ['little-endian', 'entry with every attribute, little-endian headers', true],
    ['big-endian', 'entry with every attribute, big-endian headers', false],
  ])('tells who began and who replies, %s', (_name, name, littleEndian) => {
    const bytes = vector(packed, name)
    const flow = flowOf(bytes, littleEndian)
    expect(ends(only(bytes, littleEndian), littleEndian)).toEqual({
      began: { ip: number(198, 51, 100, 9), port: flow?.original.source.port },
      replies: { ip: number(192, 168, 1, 10), port: flow?.reply.source.port },
    })
  })

  test('of entries as the kernel sends them', () => {
    for (const bytes of entries.values()) {
      const flow = flowOf(bytes, true)
      const at = ends(only(bytes, true), true)
      for (const [end, tuple] of [
        [at?.began, flow?.original],
        [at?.replies, flow?.reply],
      ] as const) {
        expect(end).toEqual({ ip: ipv4Number(tuple?.source.ip as Ip), port: tuple?.source.port })
      }
    }
  })

  test('of IPv6, of a short one and of another layout: nothing', () => {
    expect(ends(only(vector(packed, 'udp over IPv6, little-endian headers'), true), true)).toBeUndefined()
    const entry = only(vector(entries, 'udp, unreplied, without counters'), true)
    expect(ends({ ...entry, payload: entry.payload.subarray(0, 60) }, true)).toBeUndefined()
    expect(ends(entry, false)).toBeUndefined()
  })
})

describe('conntrackFormat', () => {
  test.each([
    ['udp, unreplied, without counters', vector(entries, 'udp, unreplied, without counters'), true],
    ['every attribute', vector(packed, 'entry with every attribute, little-endian headers'), true],
    ['every attribute, big-endian', vector(packed, 'entry with every attribute, big-endian headers'), false],
    ['IPv6', vector(packed, 'udp over IPv6, little-endian headers'), true],
  ])('%s: decoding and encoding gives the same bytes', (_name, bytes, littleEndian) => {
    const { payload } = only(bytes, littleEndian)
    const { head, attributes } = conntrackFormat.decode(payload, littleEndian)
    expect(hexOf(conntrackFormat.encode(head, attributes, littleEndian))).toBe(hexOf(payload))
  })
})

describe('conntrackDump', () => {
  const framed = (request: { type: number; payload: Uint8Array }, sequence: number, littleEndian: boolean) =>
    hexOf(message({ type: request.type, flags: 0x301, sequence }, request.payload, NONE, littleEndian))

  test.each([
    ['all', conntrackDump.all('both', true), 7],
    ['destination translated', conntrackDump.destinationTranslated(4, true), 7],
    ['towards 192.168.1.10', conntrackDump.towards({ ip: host }, true), 8],
  ])('%s as the kernel took it', (name, request, sequence) => {
    expect(framed(request, sequence, true)).toBe(hexOf(vector(requests, name)))
  })

  test('of one port that a host uses, big-endian: the flags follow the machine, the port does not', () => {
    const request = conntrackDump.from({ ip: host, only: { transport: 'udp', port: 8080 as Port } }, false)
    const name = 'dump of what 192.168.1.10 udp 8080 began, big-endian headers'
    expect(framed(request, 7, false)).toBe(hexOf(vector(packed, name)))
  })
})

describe('conntrackStats()', () => {
  test('a header of nfnetlink and nothing else; Linux 6.18 answered it with its number of flows', () => {
    const { type, payload } = conntrackStats(true)
    expect([type, [...payload]]).toEqual([0x105, [0, 0, 0, 0]])
  })
})

describe('deleteRequest()', () => {
  test('names tuple, id and zone', () => {
    const { type, payload } = deleteRequest(packedFlow, false)
    const whole = message({ type, flags: 0x5, sequence: 7 }, payload, NONE, false)
    expect(hexOf(whole)).toBe(hexOf(vector(packed, 'delete of that entry, big-endian headers')))
  })

  test('always names a complete tuple: without one the kernel would empty the whole table', () => {
    for (const bytes of [...entries.values(), vector(packed, 'udp over IPv6, little-endian headers')]) {
      const flow = flowOf(bytes, true)
      if (flow === undefined) throw new Error('every vector here is a flow')
      const { attributes } = conntrackFormat.decode(deleteRequest(flow, true).payload, true)
      const { ip, protocol } = attributes.original ?? {}
      expect(ip?.source ?? ip?.source6).toBe(flow.original.source.ip)
      expect(ip?.destination ?? ip?.destination6).toBe(flow.original.destination.ip)
      expect(protocol).toEqual({
        number: flow.transport === 'tcp' ? 6 : 17,
        sourcePort: flow.original.source.port,
        destinationPort: flow.original.destination.port,
      })
    }
  })
})

describe('dumpConntrack()', () => {
  test('names what it shows', () => {
    const text = dumpConntrack(vector(entries, 'tcp, destination translated, established'), true)
    expect(text).toContain('"127.0.0.5"')
    expect(text).toContain('sourcePort be16 60128')
  })
})
