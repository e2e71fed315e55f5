/** Which flows are taken for those of a network that is cut off: conntrack names no devices. */
import { expect, test } from 'vitest'
import type { Endpoint, Ip, Port } from '../../../src/base/ip.ts'
import { inRange, parseIpRange } from '../../../src/base/ip.ts'
import { mayBeClosed } from '../../../src/kernel/closed-table.ts'
import type { Flow } from '../../../src/wire/conntrack.ts'

const NETWORKS: Readonly<Record<string, readonly string[]>> = {
  'br-lan': ['192.168.1.0/24', '2001:db8:1::/64'],
  'br-guest': ['192.168.9.0/24', '2001:db8:9::/64'],
  'br-iot': ['10.0.0.0/24'],
}
const links = {
  isOnLink: (ip: Ip, device: string) =>
    (NETWORKS[device] ?? []).some(text => {
      const range = parseIpRange(text)
      return range !== undefined && inRange(ip, range)
    }),
}
const end = (ip: string): Endpoint => ({ ip: ip as Ip, port: 4000 as Port })

/** As conntrack sees it: who began it, whom he called, who replies to whom. */
function flow(from: string, to: string, replyFrom = to, replyTo = from): Flow {
  return {
    transport: 'udp',
    original: { source: end(from), destination: end(to), zone: undefined },
    reply: { source: end(replyFrom), destination: end(replyTo), zone: undefined },
    status: 0,
    id: 1,
    zone: undefined,
    timeout: 30,
    counters: undefined,
  }
}

const WAN = '203.0.113.5'
const WORLD = '198.51.100.9'

test.each([
  ['out, translated', flow('192.168.1.10', WORLD, WORLD, WAN), true],
  ['in by a mapping', flow(WORLD, WAN, '192.168.1.10', WORLD), true],
  ['out by IPv6', flow('2001:db8:1::10', '2a01:488::1'), true],
  ['in by a pinhole', flow('2a01:488::1', '2001:db8:1::10'), true],
  ['of a network behind the closed one', flow('172.16.5.5', WORLD, WORLD, WAN), true],
  ['to a network nearby', flow('192.168.1.10', '10.0.0.7'), false],
  ['from a network nearby', flow('10.0.0.7', '192.168.1.10'), false],
  ['out of another network', flow('192.168.9.10', WORLD, WORLD, WAN), false],
  ['into another network', flow(WORLD, WAN, '10.0.0.7', WORLD), false],
  ['out of another network by IPv6', flow('2001:db8:9::10', '2a01:488::1'), false],
])('with br-lan closed, %s: %s', (_name, it, expected) => {
  const near = ['br-lan', 'br-guest', 'br-iot']
  expect(mayBeClosed({ closed: ['br-lan'], near }, links)(it)).toBe(expected)
})
