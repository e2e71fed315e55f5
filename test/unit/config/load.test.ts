import { describe, expect, test } from 'vitest'
import { utf8Encode } from '../../../src/base/text.ts'
import { defaultConfig } from '../../../src/config/config.ts'
import { fileNames, load } from '../../../src/config/load.ts'
import { describe as inWords } from '../../../src/config/problems.ts'
import firewallText from '../../vectors/uci/firewall.txt?raw'
import networkText from '../../vectors/uci/network.txt?raw'
import porticoText from '../../vectors/uci/portico.txt?raw'

const BOTH = ['ipv4', 'ipv6']
const NAMES = fileNames('/etc/config')
const loaded = (text: string) => load({ portico: utf8Encode(text) }, NAMES)
const told = (text: string) => loaded(text).problems.map(inWords)

describe('load() of a whole file', () => {
  const { config, problems } = loaded(porticoText)

  test('finds nothing wrong with it', () => {
    expect(problems).toEqual([])
  })
  test('reads the settings', () => {
    expect(config?.nat_pmp).toEqual({ enabled: true, allow_port_forwarding: true })
    expect(config?.upnp.enabled).toBe(false)
    expect(config?.limits).toEqual({
      per_host: 32,
      total: 4096,
      min_lease: 60,
      max_lease: 7200,
      default_action: 'deny',
      requests_per_second: 50,
    })
    expect(config?.system).toEqual({
      mark: 0x20000000,
      log_level: 'debug',
      lease_file: undefined,
      lease_file_interval: 30,
    })
  })
  test('keeps the interfaces in order, also the disabled one', () => {
    expect(
      config?.interfaces.map(({ interface: name, type, service, disabled }) => [name, type, service, disabled]),
    ).toEqual([
      ['lan', 'internal', ['upnp', 'nat-pmp'], false],
      ['br-guest', 'internal', ['nat-pmp'], true],
      ['wan', 'external', ['upnp', 'nat-pmp'], false],
    ])
    expect(config?.interfaces[2]?.forced_ip).toBe('198.51.100.7')
    expect(config?.interfaces[1]?.id).toBe('guest')
  })
  test('numbers the permissions and remembers their lines', () => {
    expect(config?.permissions.map(({ number, origin }) => [number, origin.line])).toEqual([
      [0, 37],
      [1, 45],
      [2, 49],
    ])
  })
  test('reads low ports from 0 as from 1, since there is no port 0', () => {
    expect(config?.permissions[1]?.dst_port).toEqual({ first: 1, last: 1023 })
  })
  test('reads every field of a permission', () => {
    const { action, interface: name, protocol, dst_port, internal_port, mac, service } = config?.permissions[2] ?? {}
    expect({ action, name, protocol, dst_port, internal_port, mac, service }).toEqual({
      action: 'allow',
      name: 'lan',
      protocol: 'both',
      dst_port: { first: 1024, last: 65535 },
      internal_port: { first: 1024, last: 65535 },
      mac: '00:11:22:aa:bb:cc',
      service: ['upnp', 'nat-pmp'],
    })
    expect(config?.permissions[0]?.internal_address).toEqual({ first: '192.168.1.10', last: '192.168.1.10' })
    expect(config?.permissions[0]?.comment).toBe('Plex server')
  })
  test('reads the mappings', () => {
    expect(
      config?.mappings.map(({ external_port, internal_port, disabled }) => [external_port, internal_port, disabled]),
    ).toEqual([
      [8443, 443, false],
      [2222, undefined, true],
    ])
  })
})

describe('load() without a file', () => {
  test('has every service off, and says so', () => {
    const { config, problems } = load({ portico: undefined }, NAMES)
    expect(config).toEqual(defaultConfig())
    expect(config?.nat_pmp.enabled).toBe(false)
    expect(problems.map(inWords)).toEqual(['/etc/config/portico: there is no such file: every service is off'])
  })
  test('does not take a file that cannot be read for one that is not there', () => {
    const { config, problems } = load({ portico: 'unreadable' }, NAMES)
    expect(config).toBeUndefined()
    expect(problems.map(inWords)).toEqual(['/etc/config/portico: the file is there, but cannot be read'])
  })
  test('takes an empty file for one', () => {
    expect(loaded('')).toEqual({ config: defaultConfig(), problems: [] })
  })
})

describe('load() refuses, with a line and what was expected', () => {
  const at = '/etc/config/portico'
  const host = "config mapping\n\toption protocol 'tcp'\n\toption external_port '80'\n\toption internal_address"
  const rows: readonly (readonly [what: string, text: string, messages: readonly string[]])[] = [
    [
      'a file that does not parse',
      "config portico 'nat_pmp'\n\toption enabled '1\n",
      [`${at}:2:17: found the end of the file, expected the ' that ends this text (the whole file is refused)`],
    ],
    [
      'a port beyond its range, with a hand for the owner',
      "config permission\n\toption action 'allow'\n\toption dst_port '70000'\n",
      [`${at}:3: option dst_port '70000': expected a port 1..65535 or a range such as 5000-5010`],
    ],
    [
      'a range that runs backwards',
      "config permission\n\toption action 'allow'\n\toption dst_port '90-80'\n",
      [`${at}:3: option dst_port '90-80': the range runs backwards (write 80-90)`],
    ],
    [
      'internal ports that run backwards',
      "config permission\n\toption action 'allow'\n\toption internal_port '2-1'\n",
      [`${at}:3: option internal_port '2-1': the range runs backwards (write 1-2)`],
    ],
    [
      'one interface in both roles',
      "config interface\n\toption interface 'lan'\n\toption type 'internal'\nconfig interface\n\toption interface 'lan'\n\toption type 'external'\n",
      [`${at}:4: interface 'lan' is external here and internal on line 1: expected one role`],
    ],
    [
      'a shortest lease above the longest',
      "config portico 'limits'\n\toption max_lease '60'\n\toption min_lease '61'\n",
      [`${at}:3: option min_lease '61': expected no more than max_lease, which is 60`],
    ],
    [
      'two mappings of one external port',
      `${host} '192.168.1.2'\nconfig mapping\n\toption protocol 'both'\n\toption external_port '80'\n\toption internal_address '192.168.1.3'\n`,
      [`${at}:7: external port tcp 80 belongs to the mapping on line 1 already`],
    ],
    [
      'a mapping to the loopback',
      `${host} '127.0.0.1'\n`,
      [`${at}:4: option internal_address '127.0.0.1': expected an address that a host can have`],
    ],
    [
      'a mapping to a group',
      `${host} '224.0.0.1'\n`,
      [`${at}:4: option internal_address '224.0.0.1': expected an address that a host can have`],
    ],
    [
      'a mapping to broadcast',
      `${host} '255.255.255.255'\n`,
      [`${at}:4: option internal_address '255.255.255.255': expected an address that a host can have`],
    ],
    [
      'a forced address that is none',
      "config interface\n\toption interface 'wan'\n\toption type 'external'\n\toption forced_ip '0.0.0.0'\n",
      [`${at}:4: option forced_ip '0.0.0.0': expected an address that a host can have`],
    ],
    [
      'a wrong word in a list, at the line of that word',
      "config interface\n\toption interface 'wan'\n\toption type 'external'\n\tlist service 'upnp'\n\tlist service 'pcp'\n",
      [`${at}:5: list service 'pcp': expected upnp or nat_pmp`],
    ],
    [
      'a list of nothing',
      "config interface\n\toption interface 'wan'\n\toption type 'external'\n\tlist service ''\n",
      [`${at}:4: list service '': expected upnp or nat_pmp`],
    ],
    [
      'every mistake at once',
      "config portico 'nat_pmp'\n\toption enabled 'maybe'\nconfig permission\n\toption dst_port 'x'\n",
      [
        `${at}:4: option dst_port 'x': expected a port 1..65535 or a range such as 5000-5010`,
        `${at}:3: section permission has no option action: expected allow or deny`,
        `${at}:2: option enabled 'maybe': expected yes or no (also 1, on, true, enabled, 0, off, false, disabled)`,
      ],
    ],
    [
      'a text that would forge a log line',
      "config permission\n\toption action 'x\ny\u001b[2J'\n",
      [`${at}:2: option action 'x y [2J': expected allow or deny`],
    ],
    [
      'more sections than are held',
      "config interface\n\toption interface 'e'\n\toption type 'external'\n".repeat(65),
      [`${at}:193: section interface number 65: expected at most 64`],
    ],
  ]
  test.each(rows)('%s', (_what, text, messages) => {
    const { config, problems } = loaded(text)
    expect([...problems.map(inWords)].sort()).toEqual([...messages].sort())
    expect(config).toBeUndefined()
  })
})

describe('load() accepts, and tells', () => {
  const rows: readonly (readonly [what: string, text: string, messages: readonly string[]])[] = [
    [
      'an option it does not know',
      "config portico 'nat_pmp'\n\toption enabled '1'\n\toption colour 'red'\n",
      [
        "/etc/config/portico:3: option 'colour' is not known here and is ignored (known: enabled, allow_port_forwarding)",
      ],
    ],
    [
      'an option that objects have by birth',
      "config portico 'nat_pmp'\n\toption constructor '1'\n",
      [
        "/etc/config/portico:2: option 'constructor' is not known here and is ignored (known: enabled, allow_port_forwarding)",
      ],
    ],
    [
      'a forced address on an internal interface',
      "config interface\n\toption interface 'lan'\n\toption type 'internal'\n\toption forced_ip '198.51.100.7'\n",
      ['/etc/config/portico:4: option forced_ip is ignored: the interface is not external'],
    ],
    [
      'one interface in both roles, one of them disabled',
      "config interface\n\toption interface 'a'\n\toption type 'internal'\nconfig interface\n\toption interface 'a'\n\toption type 'external'\n\toption disabled '1'\n",
      [],
    ],
    [
      'two mappings of one external port with different transports',
      "config mapping\n\toption protocol 'tcp'\n\toption external_port '80'\n\toption internal_address '10.0.0.2'\nconfig mapping\n\toption protocol 'udp'\n\toption external_port '80'\n\toption internal_address '10.0.0.3'\n",
      [],
    ],
  ]
  test.each(rows)('%s', (_what, text, messages) => {
    expect(told(text)).toEqual(messages)
    expect(loaded(text).config).toBeDefined()
  })

  test.each([
    ['an unknown type', 'config colour red\n', "section 'colour' 'red' is not known"],
    ['an unknown name', 'config portico api\n', "section 'portico' 'api' is not known"],
    ['settings without a name', 'config portico\n', "section 'portico' without a name is not known"],
  ])('a section of %s', (_what, text, message) => {
    expect(told(text)[0]).toContain(message)
    expect(loaded(text).config).toEqual(defaultConfig())
  })

  test('no more problems than a person reads, errors first', () => {
    const lines = Array.from({ length: 5000 }, (_, i) => `\toption x${i} '1'`).join('\n')
    const { problems, config } = loaded(`config permission\n\toption action 'allow'\n${lines}\nconfig permission\n`)
    expect(problems).toHaveLength(51)
    expect(problems[0]?.message).toBe('section permission has no option action: expected allow or deny')
    expect(config).toBeUndefined()
  })
})

describe("load() of the router's own files", () => {
  const files = { portico: utf8Encode(''), network: utf8Encode(networkText), firewall: utf8Encode(firewallText) }
  const good = load(files, NAMES).config

  test('finds the devices of networks', () => {
    expect([...(good?.network?.devices ?? [])]).toEqual([
      ['loopback', 'lo'],
      ['lan', 'br-lan'],
      ['wan', 'pppoe-wan'],
      ['wan6', 'pppoe-wan'],
      ['old', 'br-old'],
      ['plain', 'eth4'],
      ['wg0', 'wg0'],
      ['off', undefined],
      ['none', undefined],
      ['loop1', undefined],
      ['loop2', undefined],
      ['evil', undefined],
    ])
  })
  test('finds the zones that are enabled', () => {
    expect(good?.firewall?.zones).toEqual([
      { name: 'lan', families: BOTH, masq: false, networks: ['lan'], devices: [] },
      { name: 'wan', families: BOTH, masq: true, networks: ['wan', 'wan6'], devices: [] },
      { name: 'vpn', families: BOTH, masq: true, networks: ['wg0', 'other'], devices: ['tun0'] },
    ])
  })
  test('keeps the last good one of a file that does not parse', () => {
    const broken = { portico: utf8Encode(''), network: utf8Encode('x'), firewall: utf8Encode('config zone "') }
    const { config, problems } = load(broken, NAMES, good)
    expect(config?.network).toBe(good?.network)
    expect(config?.firewall).toBe(good?.firewall)
    expect(problems.map(inWords)).toEqual([
      "/etc/config/network:1:1: found 'x', expected config, option, list or package (the whole file is refused)",
      '/etc/config/firewall:1:13: found the end of the file, expected the " that ends this text (the whole file is refused)',
    ])
  })
  test('does without one that is gone', () => {
    const { config } = load({ portico: utf8Encode('') }, NAMES, good)
    expect(config?.network).toBeUndefined()
    expect(config?.firewall).toBeUndefined()
  })
})
