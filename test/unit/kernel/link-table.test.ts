import { describe, expect, test } from 'vitest'
import type { Ip, IpRange } from '../../../src/base/ip.ts'
import { parseIpRange } from '../../../src/base/ip.ts'
import { LinkTable } from '../../../src/kernel/link-table.ts'
import type { DefaultRoute, Link, WideRoute } from '../../../src/wire/rtnetlink.ts'
import { linkAddress as address } from '../../support/links.ts'

const ip = (text: string) => text as Ip

const link = (index: number, name: string, more: Partial<Link> = {}): Link => ({
  index,
  name,
  up: true,
  carrier: true,
  loopback: false,
  pointToPoint: false,
  mac: undefined,
  ...more,
})

const route = (index: number, metric: number, family: 4 | 6 = 4): DefaultRoute => ({
  family,
  index,
  gateway: undefined,
  metric,
})

const wide = (text: string, ...devices: number[]): WideRoute => ({
  destination: parseIpRange(text) as IpRange,
  devices,
})

function home(): LinkTable {
  const table = new LinkTable()
  table.setAll(
    [
      link(1, 'lo', { loopback: true }),
      link(2, 'br-lan'),
      link(3, 'pppoe-wan', { pointToPoint: true }),
      link(5, 'guest'),
    ],
    [
      address(1, '127.0.0.1', 8, { scope: 'host' }),
      address(2, '192.168.1.1', 24, { broadcast: ip('192.168.1.255') }),
      address(2, 'fd00:1::1', 64),
      address(2, 'fe80::1', 64, { scope: 'link', usable: false }),
      address(3, '11.22.33.44', 32, { peer: ip('11.22.33.1') }),
      address(5, '10.0.0.1', 31),
    ],
  )
  table.setRoutes([route(3, 10), route(3, 512, 6)], [wide('0.0.0.0/0', 3), wide('::/0', 3)])
  return table
}

describe('LinkTable: on-link', () => {
  test.each([
    ['192.168.1.7', 'br-lan', true, 'a host of the subnet'],
    ['192.168.2.7', 'br-lan', false, 'a host of another subnet'],
    ['192.168.1.7', 'guest', false, 'a host of another device'],
    ['192.168.1.7', 'eth9', false, 'a device that does not exist'],
    ['11.22.33.1', 'pppoe-wan', true, 'the far end of a point-to-point link'],
    ['11.22.33.44', 'pppoe-wan', false, 'our end of a point-to-point link is not on the link'],
    ['fd00:1::7', 'br-lan', true, 'an IPv6 host'],
    ['fe80::7', 'br-lan', false, 'a subnet whose address is still tentative'],
    ['10.0.0.0', 'guest', true, 'the other end of a /31'],
  ])('%s on %s: %s (%s)', (text, device, expected) => {
    expect(home().isOnLink(ip(text), device)).toBe(expected)
  })
})

describe('LinkTable: could be a host', () => {
  test.each([
    ['192.168.1.7', 'br-lan', true, 'a host'],
    ['192.168.1.1', 'br-lan', false, 'the router itself'],
    ['192.168.1.0', 'br-lan', false, 'the network'],
    ['192.168.1.255', 'br-lan', false, 'the broadcast address'],
    ['192.168.2.7', 'br-lan', false, 'not on the link'],
    ['10.0.0.0', 'guest', true, 'a /31 has no network address (RFC 3021)'],
    ['127.0.0.2', 'lo', false, 'loopback'],
    ['0.0.0.0', 'br-lan', false, 'unspecified'],
    ['224.0.0.1', 'br-lan', false, 'multicast'],
    ['255.255.255.255', 'br-lan', false, 'limited broadcast'],
  ])('%s on %s: %s (%s)', (text, device, expected) => {
    expect(home().isHost(ip(text), device)).toBe(expected)
  })
})

describe('LinkTable: other questions', () => {
  test('knows devices by name and index', () => {
    expect(home().index('br-lan')).toBe(2)
    expect(home().device(3)).toBe('pppoe-wan')
    expect(home().index('eth9')).toBeUndefined()
    expect(
      home()
        .links()
        .map(({ name }) => name),
    ).toEqual(['lo', 'br-lan', 'pppoe-wan', 'guest'])
  })

  test('lists usable addresses, in the order of the kernel', () => {
    expect(
      home()
        .addresses('br-lan')
        .map(each => each.ip),
    ).toEqual(['192.168.1.1', 'fd00:1::1'])
    expect(home().addresses('eth9')).toEqual([])
  })

  test('knows all own addresses, tentative ones too', () => {
    for (const own of ['127.0.0.1', '192.168.1.1', 'fe80::1', '11.22.33.44', '10.0.0.1']) {
      expect(home().isOwn(ip(own))).toBe(true)
    }
    expect(home().isOwn(ip('11.22.33.1'))).toBe(false)
  })

  test('knows which device carries the default route, by family', () => {
    expect(home().carriesDefaultRoute('pppoe-wan', 4)).toBe(true)
    expect(home().carriesDefaultRoute('br-lan', 4)).toBe(false)
    expect(home().carriesDefaultRoute('eth9', 4)).toBe(false)
  })

  test.each([
    ['a default route', ['0.0.0.0/0'], true],
    ['halves of the address space (OpenVPN)', ['0.0.0.0/1', '128.0.0.0/1'], true],
    ['what is not private (WireGuard)', ['11.0.0.0/8'], true],
    ['the world of IPv6', ['2000::/3'], true],
    ['a half of IPv6', ['::/1'], true],
    ['a provider of IPv6', ['2a00::/12'], true],
    ['private networks', ['10.0.0.0/8', 'fc00::/7'], false],
    ['multicast', ['224.0.0.0/4', 'ff00::/8'], false],
    ['nothing', [], false],
  ])('knows which devices lead to the world: %s', (_name, routes, expected) => {
    const table = home()
    table.setRoutes(
      [],
      routes.map(each => wide(each, 3, 5)),
    )
    expect([table.leadsToWorld('guest'), table.leadsToWorld('br-lan')]).toEqual([expected, false])
  })

  test('sorts default routes by metric', () => {
    const table = home()
    table.setRoutes([route(3, 20), route(2, 5)], [])
    expect(table.defaultRoutes(4).map(({ index }) => index)).toEqual([2, 3])
    expect(table.defaultRoutes(6)).toEqual([])
  })
})

describe('LinkTable: changes', () => {
  test('a device that is renamed answers to the new name only', () => {
    const table = home()
    expect(table.setLink(link(2, 'lan'))).toBe(true)
    expect(table.index('br-lan')).toBeUndefined()
    expect(table.addresses('lan').map(each => each.ip)).toContain('192.168.1.1')
  })

  test('a device that goes takes its addresses and routes along', () => {
    const table = home()
    expect(table.dropLink(3)).toBe(true)
    expect(table.isOwn(ip('11.22.33.44'))).toBe(false)
    expect(table.defaultRoutes(4)).toEqual([])
    table.setLink(link(3, 'pppoe-wan'))
    expect(table.leadsToWorld('pppoe-wan')).toBe(false)
    expect(table.dropLink(3)).toBe(true)
    expect(table.dropLink(3)).toBe(false)
  })

  test('an address that goes and comes', () => {
    const table = home()
    const gone = address(3, '11.22.33.44', 32, { peer: ip('11.22.33.1') })
    expect(table.dropAddress(gone)).toBe(true)
    expect(table.addresses('pppoe-wan')).toEqual([])
    expect(table.isOnLink(ip('11.22.33.1'), 'pppoe-wan')).toBe(false)
    expect(table.setAddress(gone)).toBe(true)
    expect(table.isOnLink(ip('11.22.33.1'), 'pppoe-wan')).toBe(true)
  })

  test('an address that stops being tentative becomes usable', () => {
    const table = home()
    expect(table.setAddress(address(2, 'fe80::1', 64, { scope: 'link' }))).toBe(true)
    expect(table.addresses('br-lan').map(each => each.ip)).toEqual(['192.168.1.1', 'fd00:1::1', 'fe80::1'])
  })

  test('what says nothing new is no change', () => {
    const table = home()
    expect(table.setLink(link(2, 'br-lan'))).toBe(false)
    expect(table.setAddress(address(5, '10.0.0.1', 31))).toBe(false)
    expect(table.setRoutes([route(3, 10), route(3, 512, 6)], [wide('0.0.0.0/0', 3), wide('::/0', 3)])).toBe(false)
    expect(table.dropAddress(address(5, '10.0.0.9', 31))).toBe(false)
    expect(
      table.setAll(
        table.links(),
        home()
          .links()
          .flatMap(({ name }) => [...home().addresses(name)]),
      ),
    ).toBe(true)
  })

  test('a dump that says the same is no change, one in another order is', () => {
    const table = new LinkTable()
    const links = [link(1, 'lo'), link(2, 'wan')]
    const addresses = [address(2, '11.0.0.1', 24), address(2, '11.0.1.1', 24)]
    expect(table.setAll(links, addresses)).toBe(true)
    expect(table.setAll(links, addresses)).toBe(false)
    expect(table.setAll(links, [...addresses].reverse())).toBe(true)
  })

  test('IPv6 has an address once, whatever its prefix; IPv4 once for each prefix', () => {
    const table = home()
    table.setAddress(address(2, 'fd00:1::1', 128))
    expect(table.addresses('br-lan').filter(each => each.ip === 'fd00:1::1')).toHaveLength(1)
    table.setAddress(address(2, '192.168.1.1', 16))
    expect(table.addresses('br-lan').filter(each => each.ip === '192.168.1.1')).toHaveLength(2)
  })
})
