/**
 * S13: what a forged search earns. Factors are bytes of answers for each byte of searches, counted, not computed; the
 * victim of a forged search can only be a host of the same link, since no other source is answered.
 */
import { describe, expect, test } from 'vitest'
import type { Ip } from '../../../../src/base/ip.ts'
import { ANSWERS, ANSWERS_PER_SOURCE } from '../../../../src/protocol/igd/answers.ts'
import { BUDGET, Budget } from '../../../../src/protocol/igd/budget.ts'
import { bytesFrom, CLIENT, type Finder, LINK, search, settled, UUIDS } from '../../../support/ssdp.ts'

const bytesOf = (sent: readonly { readonly bytes: Uint8Array }[]) =>
  sent.reduce((sum, { bytes }) => sum + bytes.length, 0)

/** The most that the smallest search of a kind may earn when nothing came before it. */
const MOST_FOR_ONE: Readonly<Record<string, number>> = {
  'ssdp:all': 77,
  'upnp:rootdevice': 5.5,
  [`uuid:${UUIDS.wan}`]: 3.9,
  'urn:schemas-upnp-org:device:InternetGatewayDevice:1': 4.1,
  'urn:schemas-upnp-org:device:InternetGatewayDevice:2': 4.1,
  'urn:schemas-upnp-org:device:WANDevice:1': 4.4,
  'urn:schemas-upnp-org:device:WANConnectionDevice:2': 4.2,
  'urn:schemas-upnp-org:service:WANIPConnection:1': 4.2,
  'urn:schemas-upnp-org:service:WANIPConnection:2': 4.2,
  'urn:schemas-upnp-org:service:WANPPPConnection:1': 4.2,
  'urn:schemas-upnp-org:service:WANCommonInterfaceConfig:1': 4.1,
  'urn:schemas-upnp-org:service:Layer3Forwarding:1': 4.2,
  'urn:schemas-upnp-org:service:WANIPv6FirewallControl:1': 4.1,
  'urn:schemas-upnp-org:device:MediaServer:1': 0,
}

/** Searches at a steady pace, as small as they can be; gives what went in and what came out. */
function flood(finder: Finder, st: string, perSecond: number, length: number, sourceOf: (n: number) => Ip) {
  const bytes = smallest(st, 'MX:1\n')
  let bytesIn = 0
  for (let n = 0; n < perSecond * length; n++) {
    finder.multicast(bytes, sourceOf(n), sourceOf(n).includes(':') ? LINK : undefined, groupFor(sourceOf(n)))
    bytesIn += bytes.length
    finder.pass(1 / perSecond)
  }
  finder.pass(2)
  const answers = finder.take().filter(({ port }) => port !== 1900)
  return { bytesIn, bytesOut: bytesOf(answers) }
}

/** As few bytes as are still a search; a proper one is half as long again. */
const smallest = (st: string, more = '') => bytesFrom(`M-SEARCH * HTTP/1.1\nMAN:"ssdp:discover"\n${more}ST:${st}\n`)

const groupFor = (source: Ip) => (source.includes(':') ? 'ff02::c' : '239.255.255.250')
const anybody = (n: number) => `fe80::${(n % 65_535).toString(16)}:7` as Ip

describe('one search earns', () => {
  test.each(Object.entries(MOST_FOR_ONE))('for %s at most %d bytes a byte', (st, most) => {
    const finder = settled()
    const bytes = smallest(st)
    finder.unicast(bytes)
    const factor = bytesOf(finder.take()) / bytes.length
    expect(factor).toBeLessThanOrEqual(most)
    // The table is no guess: a tenth less would not do.
    expect(factor).toBeGreaterThanOrEqual(most * 0.9)
  })
  test('for everything, asked as programs ask, less than miniupnpd 2.3.11 gives (48.6, measured)', () => {
    const finder = settled()
    const bytes = search('ssdp:all')
    finder.multicast(bytes)
    finder.pass(2)
    expect(bytesOf(finder.take()) / bytes.length).toBeLessThan(43)
  })
})

describe('a flood earns', () => {
  test.each<[st: string, perSecond: number, seconds: number, most: number]>([
    ['ssdp:all', 1000, 10, 0.06],
    ['ssdp:all', 100, 60, 0.2],
    ['ssdp:all', 10, 600, 1],
    ['upnp:rootdevice', 1000, 10, 0.06],
    ['upnp:rootdevice', 10, 600, 1],
    ['urn:schemas-upnp-org:device:InternetGatewayDevice:1', 1000, 10, 0.06],
    ['urn:schemas-upnp-org:device:InternetGatewayDevice:1', 10, 600, 1],
    ['urn:schemas-upnp-org:device:MediaServer:1', 100, 10, 0],
  ])('of %s, %d/s for %d s: at most %d bytes a byte', (st, perSecond, seconds, most) => {
    const { bytesIn, bytesOut } = flood(settled(), st, perSecond, seconds, () => CLIENT)
    expect(bytesOut / bytesIn).toBeLessThanOrEqual(most)
    const set = 4096 // one answer set may overdraw
    expect(bytesOut).toBeLessThanOrEqual(BUDGET.burst + BUDGET.perSecond * (seconds + 2) + set)
  })

  test('check 28: a thousand searches a second from a thousand invented hosts, no more than the total allows', () => {
    const finder = settled([LINK])
    const { bytesIn, bytesOut } = flood(finder, 'ssdp:all', 1000, 20, anybody)
    expect(bytesOut).toBeLessThanOrEqual(BUDGET.totalBurst + BUDGET.totalPerSecond * 22 + 4096)
    expect(bytesOut / bytesIn).toBeLessThan(1)
    expect(finder.discovery.pending).toBe(0)
  })

  test('no debt is forgiven for inventing more hosts', () => {
    const finder = settled([LINK])
    const victim = 'fe80::bad' as Ip
    let bytesToVictim = 0
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < 20; i++) finder.unicast(search('ssdp:all'), victim, LINK)
      bytesToVictim += bytesOf(finder.take())
      for (let i = 0; i < 2000; i++) finder.unicast(search('upnp:rootdevice'), anybody(i + 1), LINK)
      finder.take()
    }
    expect(bytesToVictim).toBeLessThanOrEqual(BUDGET.burst + 4096)
  })

  test('a host that did not take part is answered meanwhile', () => {
    const finder = settled()
    flood(finder, 'ssdp:all', 1000, 5, () => CLIENT)
    expect(finder.unicast(search('upnp:rootdevice'), '192.168.1.7' as Ip)).toBe('answered')
    expect(finder.take()).toHaveLength(1)
  })

  test('who has asked too much is answered again after a while', () => {
    const finder = settled()
    while (finder.unicast(search('ssdp:all')) === 'answered');
    expect(finder.unicast(search('upnp:rootdevice'))).toBe('too-many')
    finder.pass(10)
    expect(finder.unicast(search('upnp:rootdevice'))).toBe('answered')
  })
})

describe('what waits is bounded', () => {
  test('for one source', () => {
    const finder = settled([LINK])
    for (let i = 0; i < 50; i++) {
      const arrival = {
        device: LINK.device,
        to: 'ff02::c' as Ip,
        from: { ip: 'fe80::9' as Ip, port: (2000 + i) as never },
      }
      finder.discovery.receive(search('ssdp:all', { MX: '5' }), arrival, finder.now)
    }
    expect(finder.discovery.pending).toBeLessThanOrEqual(ANSWERS_PER_SOURCE)
    expect(finder.discovery.pending).toBeGreaterThan(ANSWERS_PER_SOURCE / 2)
  })
  test('for all', () => {
    const finder = settled([LINK])
    for (let i = 0; i < 500; i++) finder.multicast(search('ssdp:all', { MX: '5' }), anybody(i + 1), LINK, 'ff02::c')
    expect(finder.discovery.pending).toBeLessThanOrEqual(ANSWERS)
    expect(finder.discovery.pending).toBeGreaterThan(ANSWERS - 11)
    finder.pass(5)
    expect(finder.discovery.pending).toBe(0)
  })
  test('in sources remembered', () => {
    const budget = new Budget()
    for (let i = 0; i < 5000; i++) budget.spend(anybody(i), 1000, i as never)
    expect(budget.sources).toBe(BUDGET.sources)
    expect(budget.allows('fe80::5:5' as Ip, 5000 as never)).toBe(false)
    budget.spend('fe80::5:6' as Ip, 1, 100_000 as never)
    expect(budget.sources).toBe(1)
  })
})
