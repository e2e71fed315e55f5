import { describe, expect, test } from 'vitest'
import type { Ip, Port } from '../../../src/base/ip.ts'
import { utf8Encode } from '../../../src/base/text.ts'
import { firewallFile } from '../../../src/config/firewall-file.ts'
import { parseNetifd } from '../../../src/config/netifd.ts'
import { staticRedirects, zonesOf } from '../../../src/config/redirects.ts'
import { parseUci } from '../../../src/wire/uci.ts'
import firewallText from '../../vectors/uci/firewall.txt?raw'
import dump from '../../vectors/uci/netifd.txt?raw'

const firewall = (text: string) => firewallFile(parseUci(utf8Encode(text), '/etc/config/firewall'))
const WAN: ReadonlySet<string> = new Set(['wan'])
const OURS = '203.0.113.5' as Ip
const file = firewall(firewallText)
const redirects = staticRedirects(file, WAN, OURS)
const port = (n: number) => n as Port

describe('staticRedirects() takes', () => {
  const rows: readonly (readonly [what: string, transport: 'tcp' | 'udp', port: number, name: string | undefined])[] = [
    ['one port of one transport', 'tcp', 443, 'web server'],
    ['not the other transport', 'udp', 443, undefined],
    ['the first port of a range, both transports as shipped', 'udp', 5000, 'cfg083837'],
    ['the last port of a range', 'tcp', 5010, 'cfg083837'],
    ['not the port after it', 'tcp', 5011, undefined],
    ['a range with a colon', 'udp', 6001, 'colon'],
    ['not one that is disabled', 'tcp', 9000, undefined],
    ['not one of another zone', 'tcp', 9001, undefined],
    ['one of any zone', 'tcp', 9002, 'anywhere'],
    ['not a source translation', 'tcp', 9003, undefined],
    ['one for a single sender, since the port is in use', 'tcp', 9004, 'only one sender'],
    ['not one for another address of the router', 'tcp', 9005, undefined],
    ['not one of IPv6', 'tcp', 9006, undefined],
    ['one that leads to the router itself', 'tcp', 9007, 'to the router'],
    ['nothing by a port that cannot be read', 'tcp', 80, undefined],
  ]
  test.each(rows)('%s', (_what, transport, external, name) => {
    expect(redirects.taken(transport, port(external))).toBe(name)
  })

  test('one for another address while our own is not known', () => {
    expect(staticRedirects(file, WAN, undefined).taken('tcp', port(9005))).toBe('another address')
  })
  test.each([
    ['all families', '', 'host'],
    ['IPv4', "\toption family 'ipv4'\n", 'host'],
    ['IPv6, of which firewall4 makes nothing', "\toption family 'ipv6'\n", undefined],
  ])('one from a zone of %s', (_what, family, name) => {
    const zone = `config zone\n\toption name 'wan'\n${family}`
    const redirect =
      "config redirect\n\toption src 'wan'\n\toption name 'host'\n\toption src_dport '80'\n\toption dest_ip '192.168.1.9'\n"
    expect(staticRedirects(firewall(zone + redirect), WAN, OURS).taken('tcp', port(80))).toBe(name)
  })
  test('every port, by a redirect without ports', () => {
    const all = staticRedirects(
      firewall(
        "config redirect\n\toption src 'wan'\n\toption name 'host'\n\toption proto 'tcp'\n\toption dest_ip '192.168.1.9'\n",
      ),
      WAN,
      OURS,
    )
    expect([1, 1024, 65535].map(n => all.taken('tcp', port(n)))).toEqual(['host', 'host', 'host'])
    expect(all.taken('udp', port(1))).toBeUndefined()
    expect(all.portOf('tcp', { ip: '192.168.1.9' as Ip, port: port(5) })).toBe(5)
  })
  test('every port of both transports, by a redirect of any protocol', () => {
    const all = staticRedirects(
      firewall(
        "config redirect\n\toption src 'wan'\n\toption name 'host'\n\toption proto 'all'\n\toption src_dport '80'\n\toption dest_ip '192.168.1.9'\n",
      ),
      WAN,
      OURS,
    )
    expect([all.taken('tcp', port(7)), all.taken('udp', port(65535))]).toEqual(['host', 'host'])
  })
  test('every port but one, by a negated port', () => {
    const all = staticRedirects(
      firewall(
        "config redirect\n\toption src 'wan'\n\toption name 'x'\n\toption src_dport '!22'\n\toption dest_ip '192.168.1.9'\n",
      ),
      WAN,
      OURS,
    )
    expect([21, 22, 23].map(n => all.taken('tcp', port(n)))).toEqual(['x', undefined, 'x'])
  })
  test('nothing without a firewall', () => {
    const none = staticRedirects(undefined, WAN, OURS)
    expect(none.taken('tcp', port(443))).toBeUndefined()
    expect(none.portOf('tcp', { ip: '192.168.1.20' as Ip, port: port(8443) })).toBeUndefined()
  })
  const targets: readonly (readonly [string, string | undefined])[] = [
    ['DNAT', 'x'],
    ['dnat', 'x'],
    ['d', 'x'],
    ['SNAT', undefined],
    ['s', undefined],
  ]
  test.each(targets)('by target %s: %s', (target, name) => {
    const one = firewall(
      `config redirect\n\toption name 'x'\n\toption src 'wan'\n\toption target '${target}'\n\toption src_dport '1'\n\toption dest_ip '10.0.0.2'\n`,
    )
    expect(staticRedirects(one, WAN, OURS).taken('tcp', port(1))).toBe(name)
  })
})

describe('staticRedirects().portOf() answers', () => {
  const rows: readonly (readonly [
    what: string,
    transport: 'tcp' | 'udp',
    ip: string,
    port: number,
    external: number | undefined,
  ])[] = [
    ['the port of a redirect to this endpoint', 'tcp', '192.168.1.20', 8443, 443],
    ['nothing for another port of the host', 'tcp', '192.168.1.20', 443, undefined],
    ['nothing for another host', 'tcp', '192.168.1.19', 8443, undefined],
    ['nothing for the other transport', 'udp', '192.168.1.20', 8443, undefined],
    ['the same port, inside a range that keeps ports', 'udp', '192.168.1.21', 5005, 5005],
    ['nothing outside that range', 'udp', '192.168.1.21', 5011, undefined],
    ['the first port of a range that leads to one port', 'udp', '192.168.1.22', 7000, 6000],
    ['nothing that only one sender can use', 'tcp', '192.168.1.24', 9004, undefined],
  ]
  test.each(rows)('%s', (_what, transport, ip, internal, external) => {
    expect(redirects.portOf(transport, { ip: ip as Ip, port: port(internal) })).toBe(external)
  })

  test('nothing where an earlier redirect takes the packets away', () => {
    const text = ['10.0.0.2', '10.0.0.3'].map(
      ip => `config redirect\n\toption src 'wan'\n\toption src_dport '80'\n\toption dest_ip '${ip}'\n`,
    )
    const two = staticRedirects(firewall(text.join('')), WAN, OURS)
    expect(two.portOf('tcp', { ip: '10.0.0.2' as Ip, port: port(80) })).toBe(80)
    expect(two.portOf('tcp', { ip: '10.0.0.3' as Ip, port: port(80) })).toBeUndefined()
  })
  test('nothing where a range leads to a range of other ports, whose pairing the kernel chooses', () => {
    const text =
      "config redirect\n\toption src 'wan'\n\toption src_dport '80-81'\n\toption dest_ip '10.0.0.2'\n\toption dest_port '90-91'\n"
    expect(
      staticRedirects(firewall(text), WAN, OURS).portOf('tcp', { ip: '10.0.0.2' as Ip, port: port(90) }),
    ).toBeUndefined()
  })
})

describe('zonesOf() the external interface', () => {
  const netifd = parseNetifd(utf8Encode(dump))
  const names = (name: string, device: string, known = netifd) => [...zonesOf(file, known, { name, device })]

  test('by its network', () => {
    expect([...zonesOf(file, undefined, { name: 'wan', device: 'pppoe-wan' })]).toEqual(['wan'])
  })
  test('by its device', () => {
    expect(names('tun0', 'tun0')).toEqual(['vpn'])
  })
  test('by the beginning of its device', () => {
    const wide = firewall("config zone\n\toption name 'any'\n\tlist device 'tun+'\n")
    const of = (device: string) => [...zonesOf(wide, undefined, { name: 'vpn', device })]
    expect(of('tun12')).toEqual(['any'])
    expect(of('tap0')).toEqual([])
  })
  test('by a network of netifd that has the device', () => {
    expect(names('pppoe-wan', 'pppoe-wan')).toEqual(['wan'])
  })
  test('by the zone that its protocol asks for', () => {
    expect(
      names(
        'wan_6',
        'other',
        netifd.filter(({ name }) => name === 'wan_6'),
      ),
    ).toEqual(['wan'])
  })
  test('none, where nobody owns it', () => {
    expect(names('eth9', 'eth9')).toEqual([])
  })
})

describe('staticRedirects() lists', () => {
  const listed = redirects.listed.map(
    ({ transport, external, internal, label }) =>
      `${transport} ${external} -> ${internal.ip}:${internal.port} ${label}`,
  )
  const all = (options: string) =>
    staticRedirects(firewall(`config redirect\n\toption src 'wan'\n${options}`), WAN, OURS).listed

  test('a port that leads to a host', () => {
    expect(listed.filter(row => row.startsWith('tcp 443 '))).toEqual(['tcp 443 -> 192.168.1.20:8443 web server'])
  })
  test('each port of a range, of both transports', () => {
    expect(listed.filter(row => / 50(00|05|10) /.test(row))).toHaveLength(6)
  })
  test('none that leads to the router, and none that is for a single sender', () => {
    expect(listed.filter(row => / 900[47] /.test(row))).toEqual([])
  })
  test('no more of all ports than one can read', () => {
    expect(all("\toption proto 'tcp'\n\toption dest_ip '192.168.1.9'\n")).toHaveLength(64)
  })
})
