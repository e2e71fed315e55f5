/** miniupnpd's "v2.0" configuration, in the words of its drafts; where they come from is said in upnpd-rules.ts. */
import { describe, expect, test } from 'vitest'
import { utf8Encode } from '../../../src/base/text.ts'
import { load } from '../../../src/config/load.ts'
import { migrateUpnpd } from '../../../src/config/upnpd.ts'
import { parseUci } from '../../../src/wire/uci.ts'

const migrate = (text: string, enable = false) =>
  migrateUpnpd(parseUci(utf8Encode(text), '/etc/config/upnpd'), { firewall: undefined, enable })

/** Each permission as `action ports>ports address @network #comment`. */
function permissions(text: string): { readonly rows: readonly string[]; readonly report: readonly string[] } {
  const { config, report } = migrate(text)
  const { config: loaded, problems } = load(
    { portico: utf8Encode(config) },
    { portico: 'portico', network: '', firewall: '' },
  )
  expect(problems.filter(({ weight }) => weight !== 'note')).toEqual([])
  const rows = parseUci(utf8Encode(config), 'portico')
    .sections.filter(({ type }) => type === 'permission')
    .map(({ options }) => {
      const of = (name: string) => String(options.get(name)?.value ?? '')
      const ports =
        options.has('dst_port') || options.has('internal_port') ? `${of('dst_port')}>${of('internal_port')}` : '*'
      const words = [of('action'), ports, of('internal_address'), options.has('interface') ? `@${of('interface')}` : '']
      return words.filter(word => word !== '').join(' ')
    })
  expect(loaded?.permissions).toHaveLength(rows.length)
  return { rows, report }
}

const UNSAFE = ['21', '23', '135', '137-139', '445', '3389']
const denied = (where = '') => UNSAFE.map(port => `deny ${port}>${port}${where}`)

/** The package's file of pull request 28765, switched on. */
const NEWEST = `
config upnpd 'settings'
	option enabled '1'
	option enable_protocols 'all'
	option internal_iface 'lan'
	option access_defaults 'accept-high-ports'
	option check_acl '0'
	option allow_third_party_mapping '0'
	option log_output 'default'
	option upnp_igd_compat 'igdv1'

config acl_entry
	option comment 'High ports'
	option int_addr '0.0.0.0/0'
	option int_port '1024-65535'
	option ext_port '1024-65535'
	option action 'ignore'

config acl_entry
	option comment 'Low/system ports'
	option int_addr '0.0.0.0/0'
	option int_port '1-1023'
	option ext_port '1-1023'
	option action 'ignore'
`

/** The package's file of pull request 24988. */
const BY_NETWORK = `
config upnpd 'settings'
	option enabled '1'
	option enable_protocols 'upnp-igd'

config internal_network
	option interface 'lan'
	option access_preset 'accept-high-ports'
	option ignore_acl '1'

config internal_network
	option interface 'guest'
	option accept_ports '80 8000-8100'
	option reject_ports '22'

config acl_entry
	option int_addr '192.168.9.7'
	option int_port '443'
	option ext_port '443'
	option action 'accept'
`

/** The first draft of it. */
const FIRST_DRAFT = `
config upnpd 'config'
	option enabled '0'
	option enabled_protocols 'pcp+nat-pmp'

config internal_network
	option interface 'lan'
	option acl_preset 'accept-high-ports+web'
	option acl_custom_first '1'

config perm_rule
	option comment 'mine'
	option int_addr '192.168.1.7/32'
	option int_ports '22'
	option ext_ports '2222'
	option action 'allow'
`

describe('the files as the package has them', () => {
  test('the newest: what all may open, and entries that do nothing', () => {
    const { rows, report } = permissions(NEWEST)
    expect(rows).toEqual([...denied(), 'allow 1024-65535>1024-65535', 'deny *'])
    expect(report).toEqual([])
    const { config, services } = migrate(NEWEST, true)
    expect(services).toEqual(['nat_pmp', 'upnp'])
    expect(config).toContain("config interface\n\toption interface 'lan'\n\toption type 'internal'\n")
    expect(config).toContain(
      "\toption action 'deny'\n\toption dst_port '21'\n\toption internal_port '21'\n\toption comment 'Reject port 21'\n",
    )
  })

  test('by network: refused first, then each network in its way, then nothing more', () => {
    const { rows, report } = permissions(BY_NETWORK)
    expect(rows).toEqual([
      ...denied(' @lan'),
      'allow 1024-65535>1024-65535 @lan',
      'deny * @lan',
      'deny 22>22 @guest',
      'allow 443>443 192.168.9.7',
      'allow 80>80 @guest',
      'allow 8000-8100>8000-8100 @guest',
      'deny *',
    ])
    expect(report).toEqual([])
    expect(migrate(BY_NETWORK).services).toEqual(['upnp'])
    expect(migrate(BY_NETWORK).config.match(/option type 'internal'/g)).toHaveLength(2)
  })

  test('the first draft: other names, and the owner’s rules in between', () => {
    const { rows } = permissions(FIRST_DRAFT)
    expect(rows).toEqual([
      ...denied(' @lan'),
      'allow 2222>22 192.168.1.7',
      'allow 1024-65535>1024-65535 @lan',
      'allow 80>80 @lan',
      'allow 443>443 @lan',
      'deny *',
    ])
    expect(migrate(FIRST_DRAFT).services).toEqual([])
    expect(migrate(FIRST_DRAFT.replace("enabled '0'", "enabled '1'")).services).toEqual(['nat_pmp'])
  })
})

describe('who is asked, and in which order', () => {
  const common = (options: string, entry = '') => permissions(`config upnpd 'settings'\n${options}${entry}`)
  const ENTRY = "config acl_entry\n\toption action 'reject'\n\toption ext_port '5000-6000'\n"

  test.each([
    ['nothing is said: all is refused', '', [...denied(), 'deny *']],
    [
      'high ports',
      "\toption access_defaults 'accept-high-ports'\n",
      [...denied(), 'allow 1024-65535>1024-65535', 'deny *'],
    ],
    [
      'the web too',
      "\toption access_defaults 'accept-web+high-ports'\n",
      [...denied(), 'allow 80>80', 'allow 443>443', 'allow 1024-65535>1024-65535', 'deny *'],
    ],
    ['everything', "\toption access_defaults 'accept-all-ports'\n", [...denied(), 'allow *', 'deny *']],
    ['other refused ports', "\toption reject_ports '25'\n", ['deny 25>25', 'deny *']],
    ['none refused', "\toption reject_ports '70000'\n", ['deny *']],
  ])('%s', (_, options, rows) => {
    expect(common(options).rows).toEqual(rows)
  })

  test('entries before what all may open', () => {
    expect(common("\toption access_defaults 'accept-high-ports'\n", ENTRY).rows).toEqual([
      ...denied(),
      'deny 5000-6000>',
      'allow 1024-65535>1024-65535',
      'deny *',
    ])
  })

  test('entries that nobody asks are left out, and that is told', () => {
    const { rows, report } = common("\toption check_acl '0'\n", ENTRY)
    expect(rows).toEqual([...denied(), 'deny *'])
    expect(report).toEqual(['the entries of the access control list are left out: miniupnpd was told not to ask them'])
  })

  test.each([
    ["\toption access_preset '0'\n\toption custom_acl_before '0'\n", ['deny 5000-6000>', 'deny *']],
    ["\toption custom_acl_before '1'\n", ['deny 5000-6000>', 'allow 1024-65535>1024-65535 @lan', 'deny *']],
    ["\toption acl_preset 'none'\n", ['deny 5000-6000>', 'deny *']],
    ["\toption acl_preset 'accept-high-ports'\n", ['allow 1024-65535>1024-65535 @lan', 'deny * @lan', 'deny *']],
    ["\toption access_preset 'accept-high-ports'\n", ['deny 5000-6000>', 'allow 1024-65535>1024-65535 @lan', 'deny *']],
  ])('a network with %j', (options, rest) => {
    const { rows } = permissions(`config internal_network\n\toption interface 'lan'\n${options}${ENTRY}`)
    expect(rows).toEqual([...denied(' @lan'), ...rest])
  })
})

describe('entries', () => {
  const entry = (options: readonly string[]) => {
    const text = options.map(option => `\toption ${option}\n`).join('')
    const { rows, report } = permissions(
      `config upnpd 'settings'\n\toption reject_ports '0'\nconfig acl_entry\n${text}`,
    )
    return { row: rows.length === 2 ? rows[0] : undefined, report: report.filter(each => !each.startsWith("'0'")) }
  }

  test.each([
    [["action 'accept'"], 'allow *'],
    [["action 'reject'", "ext_port '80'"], 'deny 80>'],
    [["action 'accept'", "int_port '0-1023'"], 'allow >1-1023'],
    [["action 'accept'", "int_addr '10.0.0.0/255.255.0.0'"], 'allow * 10.0.0.0/16'],
    [["action 'reject'", "int_port 'x'"], 'deny *'],
  ])('%j', (options, row) => {
    expect(entry(options)).toEqual({ row, report: [] })
  })

  test.each([
    [["action 'accept'", "int_port '80:90'"], 'int_port cannot be read'],
    [["action 'accept'", "ext_port '0'"], 'ext_port cannot be read'],
    [["action 'accept'", "int_addr 'x'"], 'int_addr cannot be read'],
    [["action 'allow'"], "action 'allow' cannot be read"],
    [["comment 'Game'"], "acl_entry 1 (Game), line 3: action '' cannot be read"],
    [["action 'constructor'"], "action 'constructor' cannot be read"],
    [["action 'accept'", "descr_filter '^x'"], 'no filter of descriptions'],
    [["action 'ignore'"], '1 entries with action ignore'],
  ])('%j is left out and reported', (options, words) => {
    const { row, report } = entry(options)
    expect(row).toBeUndefined()
    expect(report).toHaveLength(1)
    expect(report[0]).toContain(words)
  })

  test('an option that nobody knows', () => {
    expect(entry(["action 'accept'", "color 'red'"]).report[0]).toContain('option color is not known')
  })
})

describe('settings of v2.0', () => {
  const about = (option: string) => {
    const { config, report } = migrate(`config upnpd 'settings'\n\toption enabled '1'\n\t${option}\n`)
    return { config, report }
  }

  test.each([
    ["option friendly_name 'Hall'", "\toption friendly_name 'Hall'\n"],
    ["option upnp_igd_friendly_name 'Hall'", "\toption friendly_name 'Hall'\n"],
    ["option http_port '5555'", "\toption http_port '5555'\n"],
    ["option upnp_igd_http_port '5555'", "\toption http_port '5555'\n"],
    ["option serial_number '7'", "\toption serial_number '7'\n"],
    ["option internal_iface 'lan guest'", "\toption interface 'guest'\n\toption type 'internal'\n"],
    ["option external_iface 'wan'", "\toption interface 'wan'\n\toption type 'external'\n"],
  ])('%s stays', (option, text) => {
    const { config, report } = about(option)
    expect(config).toContain(text)
    expect(report).toEqual([])
  })

  test.each([
    "option allow_third_party_mapping '0'",
    "option allow_cgnat '0'",
    "option stun_host 'stun.example.org:3478'",
    "option upnp_igd_compat 'igdv2'",
    "option lease_file '/tmp/x'",
    "option log_output 'info'",
  ])('%s needs no word', option => {
    expect(about(option).report).toEqual([])
  })

  test.each([
    ["option allow_third_party_mapping 'pcp'", 'for itself only'],
    ["option allow_cgnat '1'", 'asks no server outside'],
    ["option allow_cgnat 'allow-filtered'", 'asks no server outside'],
    ["option allow_cgnat_use 'allow-private-ext-ipv4'", 'private address too'],
    ["option force_forwarding '1'", 'private address too'],
    ["option download_kbps '1000'", 'speed of the link'],
    ["option upnp_igd_upload '1000'", 'speed of the link'],
    ["option enable_protocols 'tcp'", "'tcp' is not known: both services"],
    ["option http_port 'x'", "option http_port 'x' is no port"],
  ])('%s is reported', (option, words) => {
    const { report } = about(option)
    expect(report).toHaveLength(1)
    expect(report[0]).toContain(words)
  })

  test.each([
    ["option enabled '0'", []],
    ['', []],
    ["option enabled '1'", ['nat_pmp', 'upnp']],
    ["option enabled '1'\n\toption enabled_protocols 'pcp+nat-pmp'", ['nat_pmp']],
    ["option enabled '1'\n\toption enable_protocols 'constructor'", ['nat_pmp', 'upnp']],
  ])('%j', (options, services) => {
    expect(migrate(`config upnpd 'settings'\n\t${options}\n`).services).toEqual(services)
  })

  test('a network without a name, and a preset that nobody knows', () => {
    const { rows, report } = permissions("config internal_network\n\toption access_preset 'accept-some'\n")
    expect(rows).toEqual([...denied(), 'deny *'])
    expect(report).toEqual([
      "internal_network, line 1: the preset 'accept-some' is not known, nothing is accepted by it",
    ])
  })
})
