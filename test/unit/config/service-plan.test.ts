import { describe, expect, test } from 'vitest'
import { utf8Encode } from '../../../src/base/text.ts'
import { defaultConfig } from '../../../src/config/config.ts'
import { load } from '../../../src/config/load.ts'
import { planText, servicePlan } from '../../../src/config/service-plan.ts'
import { parseUci } from '../../../src/wire/uci.ts'

const NETWORK =
  "config interface 'lan'\n\toption device 'br-lan'\nconfig interface 'guest'\n\toption device 'br-guest'\n"
const zone = (name: string, network: string, input?: string) =>
  `config zone\n\toption name '${name}'\n\tlist network '${network}'\n${input === undefined ? '' : `\toption input '${input}'\n`}`
const role = (name: string, service = '') =>
  `config interface\n\toption interface '${name}'\n\toption type 'internal'\n${service}`
const NAT_PMP = "config portico 'nat_pmp'\n\toption enabled '1'\n"
const UPNP = "config portico 'upnp'\n\toption enabled '1'\n\toption http_port '5555'\n"

function plan(portico: string, firewall: string): string {
  const bytes = { portico: utf8Encode(portico), network: utf8Encode(NETWORK), firewall: utf8Encode(firewall) }
  const { config } = load(bytes, { portico: 'portico', network: 'network', firewall: 'firewall' })
  return planText(servicePlan(config ?? defaultConfig(), parseUci(bytes.firewall, 'firewall'), undefined))
}

const IPV6 = "\toption family 'ipv6'\n"
const MARK = 'mark 0x40000000\n'

describe('servicePlan()', () => {
  test.each([
    ['a zone that lets all in needs nothing', NAT_PMP, zone('lan', 'lan', 'ACCEPT'), ''],
    ['as fw4 reads it: any beginning, either case', NAT_PMP, zone('lan', 'lan', 'acc'), ''],
    ['NAT-PMP', NAT_PMP, zone('lan', 'lan', 'REJECT'), 'input lan udp 5351\n'],
    [
      'UPnP: searches and the description',
      UPNP,
      zone('lan', 'lan', 'DROP'),
      'input lan udp 1900\ninput lan tcp 5555\n',
    ],
    [
      'without a word the defaults hold',
      NAT_PMP,
      `config defaults\n\toption input 'ACCEPT'\n${zone('lan', 'lan')}`,
      '',
    ],
    ['without defaults fw4 drops', NAT_PMP, zone('lan', 'lan'), 'input lan udp 5351\n'],
    [
      'only zones of internal interfaces',
      NAT_PMP + role('guest'),
      zone('lan', 'lan', 'REJECT') + zone('guests', 'guest', 'REJECT'),
      'input guests udp 5351\n',
    ],
    [
      'only services of the interface',
      NAT_PMP + UPNP + role('guest', "\tlist service 'nat_pmp'\n"),
      zone('guests', 'guest', 'REJECT'),
      'input guests udp 5351\n',
    ],
    [
      'two networks of one zone once',
      NAT_PMP + role('guest') + role('lan'),
      zone('all', "lan'\n\tlist network 'guest", 'REJECT'),
      'input all udp 5351\n',
    ],
    [
      'a zone that names its devices by their beginning',
      NAT_PMP,
      "config zone\n\toption name 'bridges'\n\tlist device 'br-+'\n\toption input 'REJECT'\n",
      'input bridges udp 5351\n',
    ],
    [
      'a device that no zone names, beside one that is in a zone',
      NAT_PMP + role('guest') + role('lan'),
      zone('lan', 'lan', 'ACCEPT'),
      'input * udp 5351 br-guest\n',
    ],
    [
      'a zone by subnets is asked by its device',
      NAT_PMP + UPNP,
      "config zone\n\toption name 'lan'\n\tlist subnet '192.168.1.0/24'\n\toption input 'REJECT'\n",
      'input * udp 1900 br-lan\ninput * tcp 5555 br-lan\ninput * udp 5351 br-lan\n',
    ],
    [
      'a zone that is off is none',
      NAT_PMP,
      `${zone('lan', 'lan', 'REJECT')}\toption enabled '0'\n`,
      'input * udp 5351 br-lan\n',
    ],
    [
      'a zone of IPv6 has no IPv4, whatever its policy: NAT-PMP comes in by the device',
      NAT_PMP,
      zone('lan', 'lan', 'ACCEPT') + IPV6,
      'input * udp 5351 br-lan ipv4\n',
    ],
    [
      'UPnP speaks both: by the zone for its family, by the device for the other one',
      UPNP,
      zone('lan', 'lan', 'REJECT') + IPV6,
      'input lan udp 1900\ninput * udp 1900 br-lan ipv4\ninput lan tcp 5555\ninput * tcp 5555 br-lan ipv4\n',
    ],
    [
      'a zone of IPv4 that lets all in: only what UPnP hears by IPv6',
      NAT_PMP + UPNP,
      `${zone('lan', 'lan', 'ACCEPT')}\toption family 'ipv4'\n`,
      'input * udp 1900 br-lan ipv6\ninput * tcp 5555 br-lan ipv6\n',
    ],
    [
      'a zone for each family of one device: nothing by the device',
      NAT_PMP + UPNP,
      `${zone('lan4', 'lan', 'ACCEPT')}\toption family 'ipv4'\n${zone('lan6', 'lan', 'REJECT')}${IPV6}`,
      'input lan6 udp 1900\ninput lan6 tcp 5555\n',
    ],
    [
      'subnets of one family are the family of the zone',
      NAT_PMP + UPNP,
      `${zone('lan', 'lan', 'ACCEPT')}\tlist subnet 'fd00::/8'\n`,
      'input * udp 1900 br-lan ipv4\ninput * tcp 5555 br-lan ipv4\ninput * udp 5351 br-lan ipv4\n',
    ],
    [
      'subnets of the other family: fw4 leaves the zone out',
      NAT_PMP,
      `${zone('lan', 'lan', 'ACCEPT')}${IPV6}\tlist subnet '192.168.1.0/24'\n`,
      'input * udp 5351 br-lan\n',
    ],
    ['a name that is no word is not handed to a shell', NAT_PMP, zone('a b', 'lan', 'REJECT'), ''],
    ['without a firewall', NAT_PMP, '', ''],
  ])('%s', (_, portico, firewall, expected) => {
    expect(plan(portico, firewall)).toBe(MARK + expected)
  })

  test.each([
    ['/etc/portico/leases', 'writes /etc/portico\n'],
    ['/mnt/usb-1/a.b/leases', 'writes /mnt/usb-1/a.b\n'],
    ['none', ''],
  ])('a lease file %s', (path, expected) => {
    expect(plan(`${NAT_PMP}config portico 'system'\n\toption lease_file '${path}'\n`, '')).toBe(expected + MARK)
  })

  test('the mark is the owner’s', () => {
    expect(plan(`${NAT_PMP}config portico 'system'\n\toption mark '0x100'\n`, '')).toBe('mark 0x100\n')
  })
})
