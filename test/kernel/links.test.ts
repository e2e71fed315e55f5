/** The live table of links against the real kernel, in a namespace of its own. */
import { execFileSync } from 'node:child_process'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Ip } from '../../src/base/ip.ts'
import { barredPinhole } from '../../src/kernel/hosts.ts'
import type { Links } from '../../src/kernel/links.ts'
import { openLinks } from '../../src/kernel/links.ts'
import { ipv6Uplink, uplinkOf } from '../../src/kernel/uplink.ts'
import { createNodePlatform } from '../../src/platform/node.ts'
import type { Platform } from '../../src/platform/platform.ts'
import { must, until } from '../support/process.ts'

const ip = (text: string) => text as Ip
const sh = (line: string) => execFileSync('ip', line.split(' '), { stdio: ['ignore', 'pipe', 'pipe'] })
const batch = (lines: readonly string[]) => execFileSync('ip', ['-batch', '-'], { input: lines.join('\n') })

let real: Platform
let changes = 0
let complaints: string[] = []
let links: Links

const eventually = (what: string, holds: () => boolean, ms = 10_000) =>
  until(what, async () => (holds() ? true : undefined), ms, 5)

const addresses = (device: string) => links.view.addresses(device).map(each => each.ip)

beforeAll(async () => {
  real = await createNodePlatform()
  sh('link set lo up')
})

beforeEach(async () => {
  sh('link add wan0 type veth peer name world0')
  sh('link set world0 up')
  sh('link set wan0 up')
  changes = 0
  complaints = []
  links = await openLinks(real, {
    log: (_severity, topic, message, detail) => complaints.push(`${topic}: ${message} ${detail?.['why']}`),
    changed: () => {
      changes++
    },
  })
})

afterEach(() => {
  links.close()
  sh('link del wan0')
  expect(complaints).toEqual([])
})

test('the table is complete when it opens', () => {
  expect(links.view.links().map(({ name }) => name)).toEqual(expect.arrayContaining(['lo', 'wan0', 'world0']))
  expect(links.view.link('wan0')).toMatchObject({ up: true, loopback: false, pointToPoint: false })
  expect(links.view.link('wan0')?.mac).toMatch(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/)
  expect(addresses('lo')).toContain('127.0.0.1')
  expect(links.view.isOwn(ip('127.0.0.1'))).toBe(true)
})

test('an address is added, changed and deleted', async () => {
  sh('addr add 11.22.33.44/24 brd + dev wan0')
  await eventually('added', () => addresses('wan0').includes(ip('11.22.33.44')) && changes > 0)
  expect(links.view.isOnLink(ip('11.22.33.1'), 'wan0')).toBe(true)
  expect(links.view.isBroadcast(ip('11.22.33.255'))).toBe(true)
  expect(links.view.isHost(ip('11.22.33.1'), 'wan0')).toBe(true)

  const before = changes
  batch(['addr del 11.22.33.44/24 dev wan0', 'addr add 11.22.99.44/24 dev wan0'])
  await eventually('changed', () => addresses('wan0').includes(ip('11.22.99.44')) && changes > before)
  expect(links.view.isOwn(ip('11.22.33.44'))).toBe(false)
  expect(links.view.isOnLink(ip('11.22.33.1'), 'wan0')).toBe(false)

  sh('addr del 11.22.99.44/24 dev wan0')
  await eventually('deleted', () => !links.view.isOwn(ip('11.22.99.44')))
})

test('a secondary address is told from a primary, also when it takes its place', async () => {
  execFileSync('sysctl', ['-q', '-w', 'net.ipv4.conf.wan0.promote_secondaries=1'])
  batch(['addr add 11.22.33.44/24 dev wan0', 'addr add 11.22.33.45/24 dev wan0'])
  const secondary = () => links.view.addresses('wan0').find(each => each.ip === '11.22.33.45')?.secondary
  await eventually('both are there', () => secondary() === true)
  sh('addr del 11.22.33.44/24 dev wan0')
  await eventually('promoted', () => secondary() === false)
  expect(uplinkOf({ device: 'wan0', forced: undefined }, links.view)).toMatchObject({
    is: 'up',
    address: '11.22.33.45',
  })
})

test('an IPv6 address is usable when duplicate address detection is done, and deprecated when its time is over', async () => {
  sh('addr add 2001:db8::1/64 dev wan0')
  await eventually('own at once', () => links.view.isOwn(ip('2001:db8::1')))
  await eventually('usable', () => addresses('wan0').includes(ip('2001:db8::1')))
  sh('addr change 2001:db8::1/64 dev wan0 preferred_lft 0 valid_lft 3600')
  await eventually('deprecated', () =>
    links.view.addresses('wan0').some(each => each.ip === '2001:db8::1' && each.deprecated),
  )
})

test('a link goes down and up, and loses its carrier', async () => {
  sh('addr add 11.22.33.44/24 dev wan0')
  const uplink = () => uplinkOf({ device: 'wan0', forced: undefined }, links.view)
  await eventually('up', () => uplink().is === 'up')
  sh('link set wan0 down')
  await eventually('down', () => links.view.link('wan0')?.up === false)
  expect(uplink()).toEqual({ is: 'down', device: 'wan0', why: 'wan0 is switched off' })
  sh('link set wan0 up')
  await eventually('up again', () => uplink().is === 'up')
  sh('link set world0 down')
  await eventually('no carrier', () => links.view.link('wan0')?.carrier === false)
  expect(uplink()).toEqual({ is: 'down', device: 'wan0', why: 'wan0 has no carrier' })
  sh('link set world0 up')
  await eventually('carrier again', () => uplink().is === 'up')
})

test('a link is renamed', async () => {
  sh('addr add 11.22.33.44/24 dev wan0')
  await eventually('added', () => addresses('wan0').includes(ip('11.22.33.44')))
  sh('link set wan0 name internet')
  await eventually('renamed', () => links.view.index('internet') !== undefined)
  expect(links.view.index('wan0')).toBeUndefined()
  expect(addresses('internet')).toContain('11.22.33.44')
  sh('link set internet name wan0')
  await eventually('renamed back', () => links.view.index('wan0') !== undefined)
})

test('a link is deleted and made anew under another index', async () => {
  batch(['addr add 11.22.33.44/24 dev wan0', 'route add default via 11.22.33.1 dev wan0'])
  await eventually('there', () => links.view.carriesDefaultRoute('wan0', 4))
  const index = links.view.index('wan0')
  sh('link del wan0')
  await eventually('gone', () => links.view.link('wan0') === undefined)
  expect(links.view.isOwn(ip('11.22.33.44'))).toBe(false)
  await eventually('its route too', () => links.view.defaultRoutes(4).length === 0)
  batch(['link add wan0 type veth peer name world0', 'link set world0 up', 'link set wan0 up'])
  sh('addr add 11.22.33.55/24 dev wan0')
  await eventually('back', () => addresses('wan0').includes(ip('11.22.33.55')))
  expect(links.view.index('wan0')).not.toBe(index)
})

test('a point-to-point link: our end is own, the far end on-link', async () => {
  batch([
    'tuntap add pppoe-wan mode tun',
    'addr add 11.22.33.44 peer 11.22.33.1/32 dev pppoe-wan',
    'link set pppoe-wan up',
  ])
  await eventually('there', () => addresses('pppoe-wan').includes(ip('11.22.33.44')))
  expect(links.view.addresses('pppoe-wan')[0]).toMatchObject({ peer: '11.22.33.1', bits: 32 })
  expect(links.view.link('pppoe-wan')).toMatchObject({ pointToPoint: true, mac: undefined })
  expect(links.view.isOwn(ip('11.22.33.44'))).toBe(true)
  expect(links.view.isOwn(ip('11.22.33.1'))).toBe(false)
  expect(links.view.isOnLink(ip('11.22.33.1'), 'pppoe-wan')).toBe(true)
  expect(links.view.isBroadcast(ip('11.22.33.1'))).toBe(false)
  sh('link del pppoe-wan')
  await eventually('gone', () => links.view.link('pppoe-wan') === undefined)
})

test('the bridge loses a port, and the port is still a device', async () => {
  batch(['link add br0 type bridge', 'link set wan0 master br0'])
  await eventually('bridge', () => links.view.index('br0') !== undefined)
  sh('link set wan0 nomaster')
  sh('link del br0')
  await eventually('no bridge', () => links.view.index('br0') === undefined)
  expect(links.view.index('wan0')).toBeDefined()
})

test('default routes come and go, also those that the kernel takes away silently', async () => {
  batch(['addr add 11.22.33.44/24 dev wan0', 'route add default via 11.22.33.1 dev wan0 metric 10'])
  await eventually('there', () => links.view.carriesDefaultRoute('wan0', 4))
  expect(links.view.defaultRoutes(4)).toEqual([
    { family: 4, index: links.view.index('wan0'), gateway: '11.22.33.1', metric: 10 },
  ])
  sh('link set wan0 down')
  await eventually('gone with the link', () => !links.view.carriesDefaultRoute('wan0', 4))
  batch(['link set wan0 up', 'route add default via 11.22.33.1 dev wan0'])
  await eventually('there again', () => links.view.carriesDefaultRoute('wan0', 4))
  sh('addr del 11.22.33.44/24 dev wan0')
  await eventually('gone with the last address', () => !links.view.carriesDefaultRoute('wan0', 4))
  sh('-6 route add default via fe80::1 dev wan0 metric 512')
  await eventually('IPv6', () => links.view.carriesDefaultRoute('wan0', 6))
  expect(links.view.carriesDefaultRoute('wan0', 4)).toBe(false)
})

test('routes of other tables and other destinations change nothing', async () => {
  sh('addr add 11.22.33.44/24 dev wan0')
  await eventually('added', () => addresses('wan0').includes(ip('11.22.33.44')))
  batch(['route add default via 11.22.33.1 dev wan0 table 100', 'route add 10.9.0.0/16 via 11.22.33.1 dev wan0'])
  sh('addr add 11.99.0.1/32 dev wan0')
  await eventually('a later notice has arrived', () => addresses('wan0').includes(ip('11.99.0.1')))
  expect(links.view.defaultRoutes(4)).toEqual([])
})

test.each([
  ['a default route of another table', 'route add default via 11.22.33.1 dev wan0 table 100'],
  ['a half of the world', 'route add 128.0.0.0/1 via 11.22.33.1 dev wan0 metric 5'],
  ['a rest of the world', 'route add 11.0.0.0/8 via 11.22.33.1 dev wan0'],
  ['the world of IPv6, in another table', '-6 route add 2000::/3 dev wan0 table 100'],
])('the way to the world: %s', async (_what, add) => {
  sh('addr add 11.22.33.44/24 dev wan0')
  batch(['route add 10.0.0.0/8 via 11.22.33.1 dev wan0', 'route add unreachable 12.0.0.0/8 table 100'])
  await eventually('added', () => addresses('wan0').includes(ip('11.22.33.44')))
  expect(links.view.leadsToWorld('wan0')).toBe(false)
  sh(add)
  await eventually('there', () => links.view.leadsToWorld('wan0'))
  sh(add.replace(' add ', ' del ').replace(/ via \S+/, ''))
  await eventually('gone', () => !links.view.leadsToWorld('wan0'))
  sh('route del unreachable 12.0.0.0/8 table 100')
})

test('a burst of changes is told in few calls', async () => {
  const hosts = Array.from({ length: 200 }, (_, i) => `11.50.0.${i + 1}`)
  batch(hosts.map(host => `addr add ${host}/32 dev wan0`))
  await eventually('all are there', () => addresses('wan0').filter(each => each.startsWith('11.50.')).length === 200)
  await eventually('told', () => changes > 0)
  console.log(`200 addresses added in a burst: changed() called ${changes} times`)
  expect(changes).toBeLessThan(50)
})

test('20,000 notices in a stream are followed', async () => {
  const lines: string[] = []
  for (let i = 0; i < 10_000; i++) lines.push('addr add 11.60.0.1/32 dev wan0', 'addr del 11.60.0.1/32 dev wan0')
  lines.push('addr add 11.60.0.2/24 dev wan0', 'route add default via 11.60.0.3 dev wan0')
  const start = process.hrtime.bigint()
  await must(['ip', '-batch', '-'], { input: lines.join('\n'), timeout: 60_000 })
  const flooded = process.hrtime.bigint()
  await eventually(
    'right',
    () => addresses('wan0').includes(ip('11.60.0.2')) && links.view.carriesDefaultRoute('wan0', 4),
  )
  const right = process.hrtime.bigint()
  const ms = (from: bigint, to: bigint) => Number((to - from) / 1_000_000n)
  console.log(
    `20,002 changes in ${ms(start, flooded)} ms: right ${ms(flooded, right)} ms after the last, ` +
      `changed() called ${changes} times`,
  )
  expect(links.view.isOwn(ip('11.60.0.1'))).toBe(false)
})

test('notices that come while the table is being read are not lost', async () => {
  for (let round = 0; round < 20; round++) {
    const opening = openLinks(real, { log: () => undefined, changed: () => undefined })
    sh(`addr add 11.70.0.${round + 1}/32 dev wan0`)
    const other = await opening
    await eventually('seen', () => other.view.isOwn(ip(`11.70.0.${round + 1}`)), 2000)
    other.close()
  }
})

test('counters of a device count what went by it', async () => {
  const before = await links.counters('wan0')
  expect(await links.counters('wan9')).toBeUndefined()
  batch(['addr add 11.22.33.44/24 dev wan0', 'neigh add 11.22.33.1 lladdr 02:00:00:00:00:01 dev wan0 nud permanent'])
  execFileSync('python3', ['-c', SEND])
  const after = await links.counters('wan0')
  const other = await links.counters('world0')
  if (before === undefined || after === undefined || other === undefined) throw new Error('there are no counters')
  // Other traffic is IPv6 asking for routers and neighbours: a few packets.
  expect(after.packetsOut - before.packetsOut).toBeGreaterThan(99)
  expect(after.packetsOut - before.packetsOut).toBeLessThan(120)
  expect(after.bytesOut - before.bytesOut).toBeGreaterThan(100 * 1042 - 1) // 1000, UDP, IPv4, Ethernet
  expect(after.bytesOut - before.bytesOut).toBeLessThan(100 * 1042 + 20 * 120)
  expect(other.packetsIn).toBeGreaterThan(99)
})

test('a device is switched off and on, and keeps the rest of its flags', async () => {
  sh('link set wan0 multicast off')
  await links.setLinkUp('wan0', false)
  await eventually('off', () => links.view.link('wan0')?.up === false)
  await links.setLinkUp('wan0', true)
  await eventually('on', () => links.view.link('wan0')?.up === true)
  expect(execFileSync('ip', ['link', 'show', 'wan0'], { encoding: 'utf8' })).not.toContain('MULTICAST')
  await expect(links.setLinkUp('wan9', true)).rejects.toThrow('switching wan9 on: ENODEV')
})

test('IPv6 towards the world, and who may be reached', async () => {
  expect(ipv6Uplink('wan0', links.view)).toMatchObject({ is: 'down', why: 'no default route of IPv6 leaves by wan0' })
  batch([
    'addr add 2001:db8:1::1/64 dev world0 nodad',
    'addr add fd00:1::1/64 dev world0 nodad',
    'route add default via fe80::1 dev wan0',
  ])
  await eventually('a route', () => links.view.carriesDefaultRoute('wan0', 6))
  expect(ipv6Uplink('wan0', links.view)).toEqual({ is: 'up', device: 'wan0', address: undefined })
  sh('addr add 2001:db8:f::2/64 dev wan0 nodad')
  await eventually('an address', () => addresses('wan0').includes(ip('2001:db8:f::2')))
  expect(ipv6Uplink('wan0', links.view)).toMatchObject({ is: 'up', address: '2001:db8:f::2' })
  const why6 = 'no default route of IPv6 leaves by world0, but by wan0, which is no external interface'
  expect(ipv6Uplink('world0', links.view)).toEqual({ is: 'down', device: 'world0', why: why6 })
  const why = (host: string) => barredPinhole(ip(host), 'world0', ['world0'], links.view)
  expect(why('2001:db8:1::7')).toBeUndefined()
  expect(why('2001:db8:1::1')).toBe('2001:db8:1::1 is the router itself')
  expect(why('2001:db8:1::')).toBe('2001:db8:1:: is the network or broadcast address of a subnet')
  expect(why('2001:db8:2::7')).toBe('2001:db8:2::7 is not on the network of world0')
  expect(why('fd00:1::7')).toBe('fd00:1::7 is not reachable from outside: it is no global address')
  expect(why('ff02::1')).toBe('ff02::1 is no address of a host')
  expect(why('192.168.1.1')).toBe('192.168.1.1 is no IPv6 address')
})

const SEND = `
import socket
it = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(100): it.sendto(b'x' * 1000, ('11.22.33.1', 9))
`

test('after close nothing is told', async () => {
  links.close()
  sh('addr add 11.80.0.1/24 dev wan0')
  const other = await openLinks(real, { log: () => undefined, changed: () => undefined })
  expect(other.view.isOwn(ip('11.80.0.1'))).toBe(true)
  expect(changes).toBe(0)
  other.close()
})
