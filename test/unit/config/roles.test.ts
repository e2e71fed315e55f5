import { describe, expect, test } from 'vitest'
import { utf8Encode } from '../../../src/base/text.ts'
import type { Config } from '../../../src/config/config.ts'
import { fileNames, load } from '../../../src/config/load.ts'
import { parseNetifd } from '../../../src/config/netifd.ts'
import { describe as inWords } from '../../../src/config/problems.ts'
import { type RoleFacts, resolveRoles } from '../../../src/config/roles.ts'
import firewallText from '../../vectors/uci/firewall.txt?raw'
import dump from '../../vectors/uci/netifd.txt?raw'
import networkText from '../../vectors/uci/network.txt?raw'

const ON = "config portico 'nat_pmp'\n\toption enabled '1'\n"
const netifd = parseNetifd(utf8Encode(dump))
const NOTHING: RoleFacts = { netifd: undefined, defaultRoute: [], defaultRoute6: [], usable: undefined }

function config(portico: string, network?: string, firewall?: string): Config {
  const files = {
    portico: utf8Encode(portico),
    network: network === undefined ? undefined : utf8Encode(network),
    firewall: firewall === undefined ? undefined : utf8Encode(firewall),
  }
  const { config: good, problems } = load(files, fileNames('/etc/config'))
  if (good === undefined) throw new Error(problems.map(inWords).join('\n'))
  return good
}

/** `lan=br-lan` for each internal interface, and the external one. */
function roles(from: Config, facts: Partial<RoleFacts> = {}) {
  const { internal, external, problems } = resolveRoles(from, { ...NOTHING, ...facts })
  return {
    internal: internal.map(({ name, device }) => `${name}=${device}`),
    external: external && `${external.name}=${external.device}`,
    problems: problems.map(inWords),
  }
}

/** The external interfaces of IPv4 and of IPv6, and whether somebody complains. */
function outward(from: Config, facts: Partial<RoleFacts>) {
  const { external, external6, problems } = resolveRoles(from, { ...NOTHING, ...facts })
  return [external?.device, external6 && `${external6.name}=${external6.device}`, problems.length]
}

const role = (name: string, type: string, more = '') =>
  `config interface\n\toption interface '${name}'\n\toption type '${type}'\n${more}`
const BOTH = `${ON}${role('lan', 'internal')}${role('wan', 'external')}`

describe('resolveRoles() with roles of the owner', () => {
  test('takes the devices of netifd', () => {
    expect(roles(config(BOTH, networkText), { netifd })).toEqual({
      internal: ['lan=br-lan'],
      external: 'wan=pppoe-wan',
      problems: [],
    })
  })
  test('takes the devices of the network file without netifd', () => {
    expect(roles(config(BOTH, networkText))).toEqual({
      internal: ['lan=br-lan'],
      external: 'wan=pppoe-wan',
      problems: [],
    })
  })
  test('takes devices by their own names, without netifd and network file', () => {
    const text = `${ON}${role('veth-lan', 'internal')}${role('veth-wan', 'external')}`
    expect(roles(config(text))).toEqual({
      internal: ['veth-lan=veth-lan'],
      external: 'veth-wan=veth-wan',
      problems: [],
    })
  })
  test('takes devices by their own names beside netifd', () => {
    const text = `${ON}${role('br-iot', 'internal')}${role('wan', 'external')}`
    expect(roles(config(text), { netifd }).internal).toEqual(['br-iot=br-iot'])
  })
  test('has several internal interfaces', () => {
    const text = `${BOTH}${role('br-guest', 'internal')}`
    expect(roles(config(text), { netifd }).internal).toEqual(['lan=br-lan', 'br-guest=br-guest'])
  })
  test('makes one role of two names of one device, with the services of both', () => {
    const text = `${ON}${role('lan', 'internal', "\tlist service 'upnp'\n")}${role('br-lan', 'internal', "\tlist service 'nat_pmp'\n")}`
    const { internal } = resolveRoles(config(text), { ...NOTHING, netifd })
    expect(internal).toEqual([{ name: 'lan', device: 'br-lan', services: ['upnp', 'nat-pmp'] }])
  })
  test('tells whether all of the internal interfaces are there', () => {
    const down = netifd.map(each => (each.name === 'lan' ? { ...each, up: false, device: undefined } : each))
    const isComplete = (facts: typeof netifd, more = '') =>
      resolveRoles(config(`${BOTH}${more}`, networkText), { ...NOTHING, netifd: facts }).isComplete
    expect(isComplete(netifd)).toBe(true)
    expect(isComplete(down)).toBe(false)
    expect(isComplete(netifd, role('pppoe-wan', 'internal'))).toBe(true) // refused, and there
  })
  test('hands the forced address on', () => {
    const text = `${ON}${role('wan', 'external', "\toption forced_ip '198.51.100.7'\n")}`
    expect(resolveRoles(config(text), { ...NOTHING, netifd }).external?.forcedIp).toBe('198.51.100.7')
  })
  test('passes over a disabled one, and guesses nothing in its place', () => {
    const text = `${ON}${role('lan', 'internal', "\toption disabled '1'\n")}${role('wan', 'external')}`
    expect(roles(config(text, networkText, firewallText), { netifd })).toEqual({
      internal: [],
      external: 'wan=pppoe-wan',
      problems: [
        "NAT-PMP is enabled, but no internal interface can be served (add config interface with option interface 'lan' and option type 'internal')",
      ],
    })
  })
})

describe('resolveRoles() has one active external interface', () => {
  const two = `${ON}${role('lan', 'internal')}${role('eth1', 'external')}${role('eth2', 'external')}`
  const idle = (line: number, name: string, active: string) =>
    `/etc/config/portico:${line}: external interface '${name}' (${name}) is not active: '${active}' is, and there can be one`

  test('the first of the file', () => {
    const { external, problems } = roles(config(two), { netifd })
    expect(external).toBe('eth1=eth1')
    expect(problems).toEqual([idle(9, 'eth2', 'eth1')])
  })
  test('the first that is usable', () => {
    const { external, problems } = roles(config(two), { netifd, usable: new Set(['br-lan', 'eth2']) })
    expect(external).toBe('eth2=eth2')
    expect(problems).toEqual([idle(6, 'eth1', 'eth2')])
  })
  test('the first where none is usable, so that its return is noticed', () => {
    expect(roles(config(two), { netifd, usable: new Set() }).external).toBe('eth1=eth1')
  })
  test('the one that is up, after one that netifd has down', () => {
    const text = `${ON}${role('guest', 'external')}${role('wan', 'external')}`
    const { external, problems } = roles(config(text), { netifd })
    expect(external).toBe('wan=pppoe-wan')
    expect(problems[0]).toBe("/etc/config/portico:3: interface 'guest' is down: it is used once it is up")
  })
  test('the device of the network file while netifd has the network down', () => {
    const down = netifd.map(each => (each.name === 'wan' ? { ...each, up: false, device: undefined } : each))
    const { external, problems } = roles(config(BOTH, networkText), { netifd: down })
    expect(external).toBe('wan=pppoe-wan')
    expect(problems).toEqual(["/etc/config/portico:6: interface 'wan' is down: it is used once it is up"])
  })
  test('none, where its network is down and its device unknown', () => {
    const text = `${ON}${role('lan', 'internal')}${role('guest', 'external')}`
    expect(roles(config(text), { netifd }).external).toBeUndefined()
  })
})

describe('resolveRoles() finds the way of IPv6', () => {
  const chosen = config(`${ON}${role('lan', 'internal')}${role('eth1', 'external')}${role('6in4-six', 'external')}`)
  const tunnel = networkText.replace("option device '@wan'\n\toption proto 'dhcpv6'", "option proto '6in4'")
  const routes = { defaultRoute: ['eth1'], defaultRoute6: ['6in4-six'] }

  test('by the interface of IPv4, where it carries the default route', () =>
    expect(outward(chosen, { netifd, defaultRoute: ['eth1'], defaultRoute6: ['6in4-six', 'eth1'] })).toEqual([
      'eth1',
      'eth1=eth1',
      1,
    ]))
  test('by another external interface that carries it, which nobody calls idle then', () =>
    expect(outward(chosen, { netifd, ...routes })).toEqual(['eth1', '6in4-six=6in4-six', 0]))
  test('by a tunnel that stands first in the file, and has no IPv4 address to serve mappings', () => {
    const first = config(`${ON}${role('lan', 'internal')}${role('6in4-six', 'external')}${role('eth1', 'external')}`)
    const onlyIpv6 = new Set(['6in4-six'])
    expect(outward(first, { netifd, ...routes, onlyIpv6 })).toEqual(['eth1', '6in4-six=6in4-six', 0])
  })
  test('not by one that is down', () =>
    expect(outward(chosen, { netifd, ...routes, usable: new Set(['br-lan', 'eth1']) })).toEqual([
      'eth1',
      'eth1=eth1',
      1,
    ]))
  test('not by one that is not external, where the owner has named some', () =>
    expect(outward(config(BOTH, networkText), { netifd, defaultRoute6: ['wg0'] })).toEqual([
      'pppoe-wan',
      'wan=pppoe-wan',
      0,
    ]))
  test('by the network of a tunnel in the masqueraded zone', () =>
    expect(
      outward(config(ON, tunnel, firewallText), { defaultRoute: ['pppoe-wan'], defaultRoute6: ['6in4-wan6'] }),
    ).toEqual(['pppoe-wan', 'wan6=6in4-wan6', 0]))
  test('by the default route, where no masqueraded zone has its network', () => {
    const firewall = firewallText.replace("\tlist network 'wan6'\n", '')
    const facts = { defaultRoute: ['pppoe-wan'], defaultRoute6: ['6in4-wan6'] }
    expect(outward(config(ON, tunnel, firewall), facts)).toEqual(['pppoe-wan', '6in4-wan6=6in4-wan6', 0])
  })
  test('not by an interface inside, to which a stranger routes', () => {
    const facts = { netifd, defaultRoute: ['pppoe-wan'], defaultRoute6: ['br-lan'] }
    expect(outward(config(ON, networkText, firewallText), facts).slice(0, 2)).toEqual(['pppoe-wan', 'wan=pppoe-wan'])
    expect(roles(config(ON, networkText, firewallText), facts).internal).toEqual([])
  })
})

describe('resolveRoles() refuses to serve the internet', () => {
  test('on an interface that carries the default route', () => {
    const text = `${ON}${role('wan', 'internal')}${role('lan', 'external')}`
    const { internal, problems } = roles(config(text), { netifd, defaultRoute: ['pppoe-wan'] })
    expect(internal).toEqual([])
    expect(problems[0]).toBe(
      "/etc/config/portico:3: interface 'wan' (pppoe-wan) is not served as internal: it carries the default route (if the internet is there, write option type 'external'; if not, remove its default route)",
    )
  })
  test('on an interface that carries the default route of IPv6 alone', () => {
    const { internal, problems } = roles(config(BOTH), { netifd, defaultRoute6: ['br-lan'] })
    expect(internal).toEqual([])
    expect(problems[0]).toBe(
      "/etc/config/portico:3: interface 'lan' (br-lan) is not served as internal: it carries the default route of IPv6 (if the internet is there, write option type 'external'; if not, remove its default route)",
    )
  })
  test('on the device of the external interface, under another name', () => {
    const text = `${ON}${role('pppoe-wan', 'internal')}${role('wan', 'external')}`
    const { internal, problems } = roles(config(text), { netifd })
    expect(internal).toEqual([])
    expect(problems[0]).toBe(
      "/etc/config/portico:3: interface 'pppoe-wan' (pppoe-wan) is not served as internal: it is the external interface 'wan' (give internal and external interfaces different devices)",
    )
  })
  test('on an external interface that is not active', () => {
    const text = `${ON}${role('eth2', 'internal')}${role('wan', 'external')}${role('wan6', 'external')}`
    const file = networkText.replace("option device '@wan'", "option device 'eth2'")
    expect(roles(config(text, file)).internal).toEqual([])
  })
  test('on lan, where the router is only an access point', () => {
    const { internal, problems } = roles(config(ON, networkText), { defaultRoute: ['br-lan'] })
    expect(internal).toEqual([])
    expect(problems.length).toBeGreaterThan(0)
  })
  test('only where it is sure: a masqueraded zone is a warning', () => {
    const text = `${ON}${role('wg0', 'internal')}${role('wan', 'external')}`
    const { internal, problems } = roles(config(text, networkText, firewallText))
    expect(internal).toEqual(['wg0=wg0'])
    expect(problems).toEqual([
      "/etc/config/portico:3: interface 'wg0' (wg0) is served as internal, but the firewall masquerades its zone 'vpn' (if the internet is there, write option type 'external')",
    ])
  })
  test('and serves the others', () => {
    const text = `${ON}${role('eth9', 'internal')}${role('lan', 'internal')}${role('wan', 'external')}`
    expect(roles(config(text), { netifd, defaultRoute: ['eth9'] }).internal).toEqual(['lan=br-lan'])
  })
})

describe('resolveRoles() without roles of the owner', () => {
  test('takes the masqueraded zone and lan, by netifd', () => {
    const { internal, external } = roles(config(ON, networkText, firewallText), { netifd, defaultRoute: ['pppoe-wan'] })
    expect(internal).toEqual(['lan=br-lan'])
    expect(external).toBe('wan=pppoe-wan')
  })
  test('takes the masqueraded zone and lan, by the files alone', () => {
    const { internal, external, problems } = roles(config(ON, networkText, firewallText))
    expect(internal).toEqual(['lan=br-lan'])
    expect(external).toBe('wan=pppoe-wan')
    expect(problems).toEqual([])
  })
  test('prefers the masqueraded uplink that traffic leaves by', () => {
    expect(roles(config(ON, networkText, firewallText), { defaultRoute: ['wg0'] }).external).toBe('wg0=wg0')
  })
  test('takes a device of the zone', () => {
    expect(roles(config(ON, networkText, firewallText), { usable: new Set(['tun0']) }).external).toBe('tun0=tun0')
  })
  test('takes a network whose protocol names the zone', () => {
    const firewall = "config zone\n\toption name 'wan'\n\toption masq '1'\n"
    expect(roles(config(ON, undefined, firewall), { netifd }).external).toBe('wan_6=pppoe-wan')
  })
  test('takes the network with the default route where no zone is masqueraded', () => {
    const firewall = "config zone\n\toption name 'wan'\n\tlist network 'wan'\n"
    expect(roles(config(ON, undefined, firewall), { netifd }).external).toBe('wan=pppoe-wan')
  })
  test('takes the device with the default route without netifd and firewall', () => {
    expect(roles(config(ON), { defaultRoute: ['eth7', 'eth8'] }).external).toBe('eth7=eth7')
  })
  test('takes nothing where nothing is known, and says what to do', () => {
    expect(roles(config(ON))).toEqual({
      internal: [],
      external: undefined,
      problems: [
        "NAT-PMP is enabled, but no internal interface can be served (add config interface with option interface 'lan' and option type 'internal')",
        "NAT-PMP is enabled, but there is no external interface for it (add config interface with option interface 'wan' and option type 'external')",
      ],
    })
  })
  test('has no complaint while every service is off', () => {
    expect(roles(config('')).problems).toEqual([])
  })
  test('fills only the role that the owner left open', () => {
    const text = `${ON}${role('br-guest', 'internal')}`
    expect(roles(config(text, networkText, firewallText), { netifd })).toEqual({
      internal: ['br-guest=br-guest'],
      external: 'wan=pppoe-wan',
      problems: [],
    })
  })
  test('keeps an interface for the services that it is for', () => {
    const text = `${ON}${role('lan', 'internal', "\tlist service 'upnp'\n")}${role('wan', 'external')}`
    expect(roles(config(text), { netifd }).problems).toEqual([
      "NAT-PMP is enabled, but no internal interface can be served (add config interface with option interface 'lan' and option type 'internal')",
    ])
  })
  test('does not take a name for a device that no device can have', () => {
    const text = `${ON}${role('a-name-of-more-than-15', 'internal')}${role('wan', 'external')}`
    expect(roles(config(text), { netifd }).problems[0]).toBe(
      "/etc/config/portico:3: interface 'a-name-of-more-than-15' is neither a network nor a device (name a network of /etc/config/network or a device)",
    )
  })
})
