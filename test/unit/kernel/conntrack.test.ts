import { describe, expect, test } from 'vitest'
import type { Endpoint, Ip, Port } from '../../../src/base/ip.ts'
import type { Remote } from '../../../src/core/mapping.ts'
import { ANYBODY } from '../../../src/core/mapping.ts'
import type { Way } from '../../../src/kernel/conntrack.ts'
import { requestsFor, wayKey, wayOf } from '../../../src/kernel/conntrack.ts'
import type { Flow } from '../../../src/wire/conntrack.ts'
import { conntrackFormat, IPS } from '../../../src/wire/conntrack.ts'

const at = (ip: string, port: number): Endpoint => ({ ip: ip as Ip, port: port as Port })
const WAN = '11.22.33.44'
const way = (internal: Endpoint, external = 4001): Way => ({ transport: 'udp', external: at(WAN, external), internal })
const mapped = way(at('192.168.1.10', 4000))
const ways = new Map([[wayKey(mapped), mapped]])

function flow(from: Endpoint, to: Endpoint, replyFrom: Endpoint, replyTo: Endpoint, status: number): Flow {
  return {
    transport: 'udp',
    original: { source: from, destination: to, zone: undefined },
    reply: { source: replyFrom, destination: replyTo, zone: undefined },
    status,
    id: 1,
    zone: undefined,
    timeout: 30,
    counters: undefined,
  }
}

const world = at('198.51.100.9', 5555)
const external = at(WAN, 4001)
const internal = at('192.168.1.10', 4000)
const { sourceTranslated, destinationTranslated } = IPS

describe('wayOf()', () => {
  test.each([
    ['inbound through the mapping', flow(world, external, internal, world, destinationTranslated), true],
    [
      'hairpin: inbound, and the source is translated as well',
      flow(at('192.168.1.20', 7), external, internal, at('192.168.1.1', 7), destinationTranslated | sourceTranslated),
      true,
    ],
    ['outbound under the mapped port', flow(internal, world, world, external, sourceTranslated), true],
    ['outbound under another port', flow(internal, world, world, at(WAN, 4002), sourceTranslated), false],
    ['inbound by another external port', flow(world, at(WAN, 4002), internal, world, destinationTranslated), false],
    ['inbound to another host', flow(world, external, at('192.168.1.11', 4000), world, destinationTranslated), false],
    ['the same addresses, not translated', flow(world, external, internal, world, 0), false],
    ['outbound, but marked as inbound', flow(internal, world, world, external, destinationTranslated), false],
  ])('%s: %s', (_name, it, belongs) => {
    expect(wayOf(it, ways)).toBe(belongs ? wayKey(mapped) : undefined)
  })

  test('another transport is another way', () => {
    const tcp: Flow = { ...flow(world, external, internal, world, destinationTranslated), transport: 'tcp' }
    expect(wayOf(tcp, ways)).toBeUndefined()
  })
})

describe('pinholes', () => {
  const inside = at('2001:db8::10', 4000)
  const outside = at('2001:db8:f::1', 5555)
  const pinhole = (remote: Remote): Way => ({
    transport: 'udp',
    external: inside,
    internal: inside,
    pinhole: 1,
    remote,
  })
  const inbound = flow(outside, inside, inside, outside, 0)
  test.each([
    ['any remote endpoint', ANYBODY, true],
    ['this host', { ip: outside.ip, port: 'any' }, true],
    ['this port', { ip: 'any', port: outside.port }, true],
    ['this endpoint', outside, true],
    ['another host', { ip: '2001:db8:f::2' as Ip, port: 'any' }, false],
    ['another port', { ip: 'any', port: 5556 as Port }, false],
    ['another endpoint', at('2001:db8:f::1', 5556), false],
  ] as const)('%s: %s', (_name, remote, belongs) => {
    const way = pinhole(remote)
    expect(wayOf(inbound, new Map([[wayKey(way), way]]))).toBe(belongs ? wayKey(way) : undefined)
  })
  test('what the endpoint began itself does not go through it', () => {
    const way = pinhole(ANYBODY)
    expect(wayOf(flow(inside, outside, outside, inside, 0), new Map([[wayKey(way), way]]))).toBeUndefined()
  })
  test('of several the narrowest counts', () => {
    const [wide, narrow] = [pinhole(ANYBODY), pinhole(outside)]
    const both = new Map([wide, narrow].map(way => [wayKey(way), way]))
    expect(wayOf(inbound, both)).toBe(wayKey(narrow))
  })
})

describe('requestsFor()', () => {
  const asked = (wanted: readonly Way[]) =>
    requestsFor(wanted, true).map(({ payload }) => {
      const { head, attributes } = conntrackFormat.decode(payload, true)
      const side = attributes.original ?? attributes.reply
      return [
        head.family,
        attributes.filter?.original ?? 0,
        attributes.filter?.reply ?? 0,
        side?.ip?.source ?? side?.ip?.source6,
        side?.protocol?.sourcePort,
      ]
    })

  test.each([
    [
      'one mapping: by host, protocol and port, in either direction',
      [mapped],
      [
        [2, 0, 0x19, '192.168.1.10', 4000],
        [2, 0x19, 0, '192.168.1.10', 4000],
      ],
    ],
    [
      'several mappings of one host: by host',
      [mapped, way(at('192.168.1.10', 5000), 4002)],
      [
        [2, 0, 1, '192.168.1.10', undefined],
        [2, 1, 0, '192.168.1.10', undefined],
      ],
    ],
    [
      'many hosts: everything once',
      [mapped, way(at('192.168.1.11', 4000)), way(at('192.168.1.12', 4000))],
      [[2, 0, 0, undefined, undefined]],
    ],
    [
      'many hosts, IPv6 among them: everything of both families',
      [mapped, way(at('192.168.1.11', 4000)), way(at('2001:db8::1', 4000))],
      [[0, 0, 0, undefined, undefined]],
    ],
    [
      'one host of IPv6',
      [way(at('2001:db8::1', 4000))],
      [
        [10, 0, 0x18, undefined, 4000],
        [10, 0x18, 0, undefined, 4000],
      ],
    ],
  ])('%s', (_name, wanted, expected) => {
    expect(asked(wanted)).toEqual(expected)
  })
})
