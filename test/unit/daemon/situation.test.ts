/** Where UPnP answers: which addresses of which devices. */
import { describe, expect, test } from 'vitest'
import type { Ip, Mac } from '../../../src/base/ip.ts'
import { prefixRange } from '../../../src/base/ip.ts'
import type { Config } from '../../../src/config/config.ts'
import { fileNames, load } from '../../../src/config/load.ts'
import { situationOf } from '../../../src/daemon/situation.ts'
import { LinkTable } from '../../../src/kernel/link-table.ts'
import type { LinkAddress } from '../../../src/wire/rtnetlink.ts'
import { linkAddress as address } from '../../support/links.ts'

const INTERFACES = `
config interface
	option interface 'br-lan'
	option type 'internal'
config interface
	option interface 'br-guest'
	option type 'internal'
	list service 'nat_pmp'
config interface
	option interface 'wan'
	option type 'external'
`

function configOf(portico: string, firewall?: string): Config {
  const bytes = (text: string) => Uint8Array.from(text, char => char.charCodeAt(0))
  const files = {
    portico: bytes(portico),
    network: undefined,
    firewall: firewall === undefined ? undefined : bytes(firewall),
  }
  const { config } = load(files, fileNames('/etc/config'))
  if (config === undefined) throw new Error('no configuration')
  return config
}

const upnp = (...options: readonly string[]) =>
  configOf(`config portico 'upnp'\n${options.map(each => `\toption ${each}\n`).join('')}${INTERFACES}`)

function links(...addresses: readonly LinkAddress[]): LinkTable {
  const table = new LinkTable()
  for (const [index, name] of [
    [2, 'wan'],
    [3, 'br-lan'],
    [4, 'br-guest'],
  ] as const) {
    const mac = `02:00:00:00:00:0${index}` as Mac
    table.setLink({ index, name, up: true, carrier: true, loopback: false, pointToPoint: false, mac })
  }
  for (const each of addresses) table.setAddress(each)
  return table
}

const doorsOf = (table: LinkTable, config = upnp("enabled '1'")) =>
  situationOf(config, undefined, table, []).upnp?.doors.map(({ device, address: ip }) => `${device} ${ip}`)

describe('situationOf() plans UPnP', () => {
  test('nothing while it is off', () => {
    const situation = situationOf(upnp("enabled '0'"), undefined, links(address(3, '192.168.1.1', 24)), [])
    expect([situation.upnp, situation.settings.guarded]).toEqual([undefined, []])
  })

  test('every IPv4 address of the devices that it serves, and of no other', () => {
    const table = links(
      address(2, '203.0.113.5', 24),
      address(3, '192.168.1.1', 24),
      address(3, '10.0.0.1', 24, { secondary: true }),
      address(4, '192.168.2.1', 24),
    )
    expect(doorsOf(table)).toEqual(['br-lan 192.168.1.1', 'br-lan 10.0.0.1'])
  })

  test('of IPv6 the link-local address, and one that stays', () => {
    const lan = [address(3, 'fe80::1', 64, { scope: 'link' }), address(3, '2001:db8::1', 64)]
    expect(doorsOf(links(...lan))).toEqual(['br-lan fe80::1', 'br-lan 2001:db8::1'])
    expect(doorsOf(links(...lan, address(3, 'fd00:1::1', 64)))).toEqual(['br-lan fe80::1', 'br-lan fd00:1::1'])
  })

  test.each([
    ['tentative', { usable: false }],
    ['deprecated', { deprecated: true }],
    ['temporary', { secondary: true }],
  ])('no %s address of IPv6', (_, change) => {
    expect(doorsOf(links(address(3, '2001:db8::1', 64, change)))).toEqual([])
  })

  test('ports that are guarded, and what tells this gateway from others', () => {
    const { upnp: plan, settings } = situationOf(upnp("enabled '1'", "http_port '8200'"), undefined, links(), [])
    expect(settings.guarded).toEqual([
      { transport: 'udp', port: 1900 },
      { transport: 'tcp', port: 8200 },
    ])
    expect([plan?.httpPort, plan?.identity]).toEqual([8200, '02:00:00:00:00:03'])
  })
})

describe('situationOf() knows both ways out', () => {
  const TUNNEL = "config interface\n\toption interface '6in4-wan6'\n\toption type 'external'\n"
  const seen = (more: string, gateway6: number, firewall?: string) => {
    const table = links(address(2, '11.22.33.44', 24), address(3, '2a01:488:88::1', 64))
    const mac = undefined
    table.setLink({ index: 9, name: '6in4-wan6', up: true, carrier: true, loopback: false, pointToPoint: true, mac })
    table.setRoutes(
      [
        { family: 4, index: 2, metric: 0, gateway: undefined },
        { family: 6, index: gateway6, metric: 1024, gateway: undefined },
      ],
      [],
    )
    const { uplink, uplink6, settings, isFirewallEnabled } = situationOf(
      configOf(INTERFACES + more, firewall),
      undefined,
      table,
      [],
    )
    return [uplink.device, uplink6.is, uplink6.device, settings.external, settings.external6, isFirewallEnabled]
  }
  const OPEN = "config forwarding\n\toption src 'six'\n\toption dest 'lan'\n"
  const zone = (name: string, device: string) => `config zone\n\toption name '${name}'\n\tlist device '${device}'\n`
  const zones = `${zone('lan', 'br-lan')}${zone('wan', 'wan')}${zone('six', '6in4-wan6')}`

  test.each([
    ['one device for both', '', 2, ['wan', 'up', 'wan', ['wan'], ['wan'], true]],
    ['a tunnel for IPv6', TUNNEL, 9, ['wan', 'up', '6in4-wan6', ['wan'], ['6in4-wan6'], true]],
    ['a tunnel that nobody called external', '', 9, ['wan', 'down', 'wan', ['wan'], ['wan'], true]],
  ] as const)('%s', (_, more, gateway, expected) => expect(seen(more, gateway)).toEqual(expected))

  test('and whose zone it is that lets IPv6 in', () => {
    expect(seen(TUNNEL, 9, zones + OPEN).at(-1)).toBe(false)
    expect(seen(TUNNEL, 9, zones + OPEN.replace('six', 'wan')).at(-1)).toBe(true)
  })
})

describe('situationOf() says which networks a client may cut off, and from what', () => {
  const YES = "allow_disable_internal_interface '1'"

  test.each([
    ['those that UPnP serves', ["enabled '1'", YES], ['br-lan']],
    ['none while the owner does not let them', ["enabled '1'"], []],
    ['none while UPnP is off', ["enabled '0'", YES], []],
  ] as const)('%s', (_, options, expected) => {
    expect(situationOf(upnp(...options), undefined, links(), []).closing.closable).toEqual(expected)
  })

  const SECOND = "config interface\n\toption interface 'eth9'\n\toption type 'external'\n"
  const wide = { destination: prefixRange('0.0.0.0' as Ip, 1), devices: [9] }
  test.each([
    ['a network that is not served is near', '', [address(9, '192.168.9.1', 24)], [], true],
    ['one of IPv6', '', [address(9, '2001:db8:9::1', 64)], [], true],
    ['a device without an address is not', '', [], [], false],
    ['one that has only come up is not', '', [address(9, 'fe80::9', 64, { scope: 'link' })], [], false],
    ['a VPN that takes the place of the uplink is not', '', [address(9, '10.9.0.2', 24)], [wide], false],
    ['a second uplink is not, while it is idle too', SECOND, [address(9, '192.168.9.2', 24)], [], false],
  ] as const)('%s', (_, more, addresses, routes, isNear) => {
    const table = links(address(2, '11.22.33.44', 24), ...addresses)
    const [loopback, mac] = [false, undefined]
    table.setLink({ index: 9, name: 'eth9', up: true, carrier: true, loopback, pointToPoint: true, mac })
    table.setLink({ index: 1, name: 'lo', up: true, carrier: true, loopback: true, pointToPoint: false, mac })
    table.setAddress(address(1, '11.22.33.5', 32))
    table.setRoutes([{ family: 4, index: 2, metric: 0, gateway: undefined }], routes)
    const { near } = situationOf(configOf(INTERFACES + more), undefined, table, []).closing
    expect(near).toEqual(['br-lan', 'br-guest', ...(isNear ? ['eth9'] : [])])
  })
})

describe('situationOf() looks at the firewall', () => {
  const zone = (name: string, device: string) =>
    `config zone\n\toption name '${name}'\n\tlist device '${device}'\nconfig forwarding\n\toption src '${name}'\n\toption dest 'lan'\n`
  const isFirewallEnabled = (firewall: string) =>
    situationOf(
      configOf(INTERFACES, `config zone\n\toption name 'lan'\n\tlist device 'br-lan'\n${firewall}`),
      undefined,
      links(),
      [],
    ).isFirewallEnabled

  test('which stops IPv6 from the world', () => expect(isFirewallEnabled(zone('vpn', 'tun0'))).toBe(true))
  test('or lets all of it in', () => expect(isFirewallEnabled(zone('world', 'wan'))).toBe(false))
})
