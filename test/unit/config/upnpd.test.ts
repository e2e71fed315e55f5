import { describe, expect, test } from 'vitest'
import { utf8Encode } from '../../../src/base/text.ts'
import { firewallFile } from '../../../src/config/firewall-file.ts'
import { load } from '../../../src/config/load.ts'
import { migrateUpnpd } from '../../../src/config/upnpd.ts'
import { parseUci } from '../../../src/wire/uci.ts'

const uci = (text: string) => parseUci(utf8Encode(text), '/etc/config/x')

/** As OpenWrt ships it, switched on. */
const SHIPPED = `
config upnpd config
	option enabled		1
	option enable_natpmp	1
	option enable_upnp	1
	option secure_mode	1
	option log_output	0
	option download		1024
	option upload		512
	option internal_iface	lan
	option port		5000
	option upnp_lease_file	/var/run/miniupnpd.leases
	option igdv1		1

config perm_rule
	option action		allow
	option ext_ports	1024-65535
	option int_addr		0.0.0.0/0
	option int_ports	1024-65535
	option comment		"Allow high ports"

config perm_rule
	option action		deny
	option ext_ports	0-65535
	option int_addr		0.0.0.0/0
	option int_ports	0-65535
	option comment		"Default deny"
`

const ZONES = firewallFile(
  uci("config zone\n\toption name 'wan'\n\tlist network 'wan'\n\tlist network 'wan6'\n\toption masq '1'\n"),
)

const migrate = (text: string, enable = false) => migrateUpnpd(uci(text), { firewall: ZONES, enable })

/** One option of `config upnpd`, and what is reported beside the sentence about the missing last rule. */
const about = (option: string) => {
  const { config, report } = migrate(`config upnpd 'config'\n\t${option}\nconfig perm_rule\n\toption action deny\n`)
  return { config, report }
}

describe('migrateUpnpd()', () => {
  test('what OpenWrt ships', () => {
    const { config, services, report } = migrate(SHIPPED)
    expect(config).toBe(`# Made from /etc/config/upnpd by \`portico migrate upnpd\`; that file is as it was.

config portico 'nat_pmp'
	option enabled '0'

config portico 'upnp'
	option enabled '0'

config interface
	option interface 'lan'
	option type 'internal'

config permission
	option action 'allow'
	option dst_port '1024-65535'
	option internal_port '1024-65535'
	option comment 'Allow high ports'

config permission
	option action 'deny'
	option comment 'Default deny'
`)
    expect(services).toEqual(['nat_pmp', 'upnp'])
    expect(report).toEqual([
      "option download '1024' is not carried over: clients are told the speed of the link itself",
      "option upload '512' is not carried over: clients are told the speed of the link itself",
    ])
  })

  test('what comes out is a configuration without a problem', () => {
    const { config } = migrate(SHIPPED, true)
    const { config: loaded, problems } = load(
      { portico: utf8Encode(config) },
      { portico: 'portico', network: '', firewall: '' },
    )
    expect(problems.filter(({ weight }) => weight !== 'note')).toEqual([])
    expect(loaded?.nat_pmp.enabled).toBe(true)
    expect(loaded?.permissions.map(({ action }) => action)).toEqual(['allow', 'deny'])
  })

  test('an empty file is miniupnpd as it starts by itself, switched off', () => {
    const { config, services, report } = migrate('')
    expect(services).toEqual(['nat_pmp', 'upnp'])
    expect(config).toContain("config portico 'upnp'\n\toption enabled '0'\n")
    expect(report).toHaveLength(1)
    expect(report[0]).toContain('default_action allow')
  })
})

describe('switches', () => {
  test.each([
    ['', ['nat_pmp', 'upnp']],
    ["option enabled '0'", []],
    ["option enabled 'off'", []],
    ["option enable_natpmp '0'", ['upnp']],
    ["option enable_upnp '0'", ['nat_pmp']],
    ["option enable_upnp 'FALSE'", ['nat_pmp', 'upnp']],
    ["option enable_upnp 'disabled'", ['nat_pmp']],
    ["option enabled 'perhaps'", ['nat_pmp', 'upnp']],
  ])('%s', (option, services) => {
    const text = `config upnpd 'config'\n\t${option}\n`
    expect(migrate(text).services).toEqual(services)
    const on = migrate(text, true).config
    expect(on.includes("'nat_pmp'\n\toption enabled '1'")).toBe(services.includes('nat_pmp'))
    expect(on.includes("'upnp'\n\toption enabled '1'")).toBe(services.includes('upnp'))
  })
})

describe('interfaces', () => {
  const INTERNAL = (name: string) => `config interface\n\toption interface '${name}'\n\toption type 'internal'\n`
  const EXTERNAL = (name: string, more = '') =>
    `config interface\n\toption interface '${name}'\n\toption type 'external'\n${more}`

  test.each([
    ["list internal_iface 'lan'\n\tlist internal_iface 'guest'", [INTERNAL('lan'), INTERNAL('guest')]],
    ["option internal_iface 'lan guest'", [INTERNAL('lan'), INTERNAL('guest')]],
    ["option external_iface 'wan'", [EXTERNAL('wan')]],
    ["option external_zone 'wan'", [EXTERNAL('wan'), EXTERNAL('wan6')]],
    ["option external_iface 'eth1'\n\toption external_zone 'wan'", [EXTERNAL('eth1')]],
    [
      "option external_iface 'wan'\n\toption external_ip '198.51.100.7'",
      [EXTERNAL('wan', "\toption forced_ip '198.51.100.7'\n")],
    ],
  ])('%s', (option, expected) => {
    const { config, report } = about(option)
    for (const section of expected) expect(config).toContain(section)
    expect(config.split('config interface')).toHaveLength(expected.length + 1)
    expect(report).toEqual([])
  })

  test.each([
    ["option external_zone 'other'", "option external_zone 'other': the firewall has no such zone"],
    ["option external_ip '198.51.100.7'", "option external_ip '198.51.100.7': set option forced_ip"],
    ["option external_ip 'x'", "option external_ip 'x' is no IPv4 address"],
    ["option internal_iface '../etc'", "'../etc' is no name of a network or device"],
    ["option external_iface6 'tun0'", "option external_iface6 'tun0': pinholes use"],
  ])('%s is reported', (option, sentence) => {
    const { config, report } = about(option)
    expect(report).toHaveLength(1)
    expect(report[0]).toContain(sentence)
    expect(config).not.toContain('config interface')
  })
})

describe('the port of the description', () => {
  test('another one is carried over, the usual one need not be', () => {
    expect(about("option port '5555'").config).toContain("\toption http_port '5555'\n")
    expect(about("option port '5000'").config).not.toContain('http_port')
  })
  test('what is no port is reported', () => {
    expect(about("option port '70000'").report).toEqual(["option port '70000' is no port and is left out"])
  })
})

describe('what clients see', () => {
  test.each(["option serial_number '0123'", "option presentation_url 'http://192.168.1.1/'"])('%s stays', option => {
    const { config, report } = about(option)
    expect(config).toContain(`config portico 'upnp'\n\toption enabled '0'\n\t${option}\n`)
    expect(report).toEqual([])
  })
})

describe('every other option of miniupnpd.init', () => {
  test.each([
    "option system_uptime '1'",
    "option igdv1 '1'",
    "option log_output '1'",
    "option use_stun '0'",
    "option stun_host 'stun.example.org'",
    "option stun_port '3478'",
    "option ipv6_disable '0'",
    "option ext_allow_private_ipv4 '0'",
    "option secure_mode '1'",
    "option upnp_lease_file '/tmp/a'",
    "option upnp_lease_file6 '/tmp/b'",
    "option external_iface6 'wan6'",
  ])('%s needs no word', option => {
    expect(about(option).report).toEqual([])
  })

  test.each([
    ["option secure_mode '0'", 'a host can open ports for itself only'],
    ["option use_stun '1'", 'asks no server outside'],
    ["option ipv6_disable '1'", 'pinholes'],
    ["option ext_allow_private_ipv4 '1'", 'private address'],
    ["option upload '512'", 'speed of the link'],
    ["option download '512'", 'speed of the link'],
    ["option config_file '/etc/my.conf'", 'miniupnpd read /etc/my.conf'],
    ["option model_number '1'", 'its own'],
    ["option uuid 'abc'", 'makes its own'],
    ["option notify_interval '60'", 'as the standard asks'],
    ["option clean_ruleset_threshold '20'", 'end with their leases'],
    ["option something 'x'", 'is not known'],
  ])('%s is reported', (option, words) => {
    const { report } = about(option)
    expect(report).toHaveLength(1)
    expect(report[0]).toContain(words)
  })

  test('an option with the name of an object’s own is unknown like any other', () => {
    expect(about("option constructor 'x'").report).toEqual(["option constructor 'x' is not known and is left out"])
  })

  test('a section of another type', () => {
    expect(migrate('config perm_rule\n\toption action deny\nconfig other\n').report).toEqual([
      "line 3: section 'other' is not known",
    ])
  })
})

describe('perm_rule', () => {
  const rule = (options: readonly string[]) => {
    const { config, report } = migrate(
      `config perm_rule\n${options.map(option => `\toption ${option}\n`).join('')}config perm_rule\n\toption action deny\n`,
    )
    const first = config.split('config permission\n')[1]?.trimEnd()
    return { text: config.split('config permission').length === 3 ? first : undefined, report }
  }

  test.each([
    [["action 'allow'"], "\toption action 'allow'"],
    [["comment 'x'"], "\toption action 'deny'\n\toption comment 'x'"],
    [["action 'allow'", "ext_ports '80:90'"], "\toption action 'allow'\n\toption dst_port '80-90'"],
    [["action 'allow'", "ext_ports '80'"], "\toption action 'allow'\n\toption dst_port '80'"],
    [["action 'allow'", "ext_ports '0-1023'"], "\toption action 'allow'\n\toption dst_port '1-1023'"],
    [["action 'deny'", "int_ports '3389-3389'"], "\toption action 'deny'\n\toption internal_port '3389'"],
    [["action 'deny'", "int_addr '192.168.1.7'"], "\toption action 'deny'\n\toption internal_address '192.168.1.7'"],
    [["action 'deny'", "int_addr '192.168.1.7/32'"], "\toption action 'deny'\n\toption internal_address '192.168.1.7'"],
    [["action 'deny'", "int_addr '10.0.0.0/8'"], "\toption action 'deny'\n\toption internal_address '10.0.0.0/8'"],
    [
      ["action 'deny'", "int_addr '10.0.0.0/255.255.0.0'"],
      "\toption action 'deny'\n\toption internal_address '10.0.0.0/16'",
    ],
    [
      ["action 'deny'", "int_addr '1.2.3.4/255.255.255.255'"],
      "\toption action 'deny'\n\toption internal_address '1.2.3.4'",
    ],
    [["action 'deny'", "int_addr '0.0.0.0/0.0.0.0'"], "\toption action 'deny'"],
  ])('%j', (options, expected) => {
    expect(rule(options)).toEqual({ text: expected, report: [] })
  })

  test.each([
    [["action 'ALLOW'"], 'action cannot be read'],
    [["action 'maybe'"], 'action cannot be read'],
    [["action 'allow'", "ext_ports '70000'"], 'ext_ports cannot be read'],
    [["action 'allow'", "ext_ports '20-10'"], 'ext_ports cannot be read'],
    [["action 'allow'", "ext_ports '0'"], 'ext_ports cannot be read'],
    [["action 'allow'", "int_ports 'a'"], 'int_ports cannot be read'],
    [["action 'allow'", "int_addr '::1'"], 'int_addr cannot be read'],
    [["action 'allow'", "int_addr '1.2.3.4/33'"], 'int_addr cannot be read'],
    [["action 'allow'", "int_addr '1.2.3.4/255.0.255.0'"], 'int_addr cannot be read'],
    [["action 'allow'", "int_addr '1.2.3.4/'"], 'int_addr cannot be read'],
  ])('%j is left out and reported', (options, words) => {
    const { text, report } = rule(options)
    expect(text).toBeUndefined()
    expect(report).toHaveLength(1)
    expect(report[0]).toContain('perm_rule 1, line 1')
    expect(report[0]).toContain(words)
  })

  test('rules without a last one that takes all: the difference is told, and nothing is loosened', () => {
    const { config, report } = migrate("config perm_rule\n\toption action 'allow'\n\toption ext_ports '80'\n")
    expect(config).not.toContain('default_action')
    expect(report[0]).toContain('set option default_action allow')
  })

  test('text from the file is one line, whatever it holds', () => {
    const { config, report } = migrate(
      "config upnpd 'config'\n\toption uuid 'a\nb\u001b[31m'\nconfig perm_rule\n\toption action deny\n\toption comment 'it''s\nx'\n",
    )
    expect(report.join('')).not.toContain('\n')
    expect(report.join('')).not.toContain('\u001b')
    expect(config.split('\n').filter(line => line.includes('comment'))).toHaveLength(1)
  })
})
