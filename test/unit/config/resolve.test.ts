import { describe, expect, test } from 'vitest'
import { utf8Encode } from '../../../src/base/text.ts'
import { fileNames, load } from '../../../src/config/load.ts'
import { parseNetifd } from '../../../src/config/netifd.ts'
import { describe as inWords } from '../../../src/config/problems.ts'
import { resolvePolicy, staticMappings } from '../../../src/config/resolve.ts'
import { resolveRoles } from '../../../src/config/roles.ts'
import dump from '../../vectors/uci/netifd.txt?raw'
import networkText from '../../vectors/uci/network.txt?raw'
import porticoText from '../../vectors/uci/portico.txt?raw'

const netifd = parseNetifd(utf8Encode(dump))

function resolved(portico: string, dumped = netifd) {
  const files = { portico: utf8Encode(portico), network: utf8Encode(networkText) }
  const { config, problems } = load(files, fileNames('/etc/config'))
  if (config === undefined) throw new Error(problems.map(inWords).join('\n'))
  const roles = resolveRoles(config, { netifd: dumped, defaultRoute: [], defaultRoute6: [], usable: undefined })
  return { config, ...resolvePolicy(config, roles, dumped) }
}

const allow = (more: string) => `config permission\n\toption action 'allow'\n${more}`

describe('resolvePolicy()', () => {
  const { policy, problems } = resolved(porticoText)

  test('hands the limits on', () => {
    expect(policy.limits).toEqual({
      perHost: 32,
      total: 4096,
      minLease: 60,
      maxLease: 7200,
      requestsPerSecond: 50,
      defaultAction: 'deny',
    })
    expect(policy.forwarding).toEqual({ 'nat-pmp': true, upnp: false })
  })
  test('names the device of the external interface, as RouterOS scripts write it', () => {
    expect(policy.rules[0]).toEqual({
      action: 'allow',
      number: 0,
      device: 'pppoe-wan',
      transport: 'tcp',
      external: { first: 32400, last: 32400 },
      internalAddress: { first: '192.168.1.10', last: '192.168.1.10' },
      services: ['upnp', 'nat-pmp'],
      comment: 'Plex server',
    })
  })
  test('names the device of an internal one', () => {
    expect(policy.rules[2]?.device).toBe('br-lan')
    expect(policy.rules[2]?.mac).toBe('00:11:22:aa:bb:cc')
  })
  test('has no device where none is named', () => {
    expect(Object.keys(policy.rules[1] ?? {})).toEqual([
      'action',
      'number',
      'transport',
      'external',
      'services',
      'comment',
    ])
  })
  test('finds nothing to remark', () => {
    expect(problems).toEqual([])
  })
  test('leaves disabled permissions out and keeps the numbers of the others', () => {
    const rules = resolved(`${allow("\toption disabled '1'\n")}${allow('')}`).policy.rules
    expect(rules.map(({ number }) => number)).toEqual([1])
  })
  test('leaves out, with a note, what names an interface that is nothing now', () => {
    const { policy, problems } = resolved(allow("\toption interface 'guest'\n"))
    expect(policy.rules).toEqual([])
    expect(problems.map(inWords)).toEqual([
      "/etc/config/portico:1: permission 0 matches nothing now: interface 'guest' is neither internal nor external",
    ])
  })
  test('notes a device that has no role, whose rule matches nothing', () => {
    const { policy, problems } = resolved(allow("\toption interface 'eth9'\n"))
    expect(policy.rules[0]?.device).toBe('eth9')
    expect(problems).toHaveLength(1)
  })
  test('keeps the device of an uplink that is down for a while', () => {
    const down = netifd.map(each => (each.name === 'wan' ? { ...each, up: false, device: undefined } : each))
    expect(resolved(porticoText, down).policy.rules[0]?.device).toBe('pppoe-wan')
  })
  test.each([
    ['is on', "\toption enabled '1'\n", true],
    ['is on, but may not forward', "\toption enabled '1'\n\toption allow_port_forwarding '0'\n", false],
    ['is off: what it made goes', "\toption enabled '0'\n", false],
  ])('a service forwards when it %s', (_what, options, forwards) => {
    const { forwarding } = resolved(
      `config portico 'nat_pmp'\n${options}config portico 'upnp'\n\toption enabled '1'\n`,
    ).policy
    expect(forwarding).toEqual({ 'nat-pmp': forwards, upnp: true })
  })
  test('makes a comment fit for one line', () => {
    const { rules } = resolved(allow(`\toption comment 'a\nb${'c'.repeat(200)}'\n`)).policy
    expect(rules[0]?.comment).toBe(`a b${'c'.repeat(125)}`)
  })
})

describe('staticMappings()', () => {
  test('has one for each transport, and none that is disabled', () => {
    expect(staticMappings(resolved(porticoText).config)).toEqual([
      { transport: 'tcp', external: 8443, internal: { ip: '192.168.1.20', port: 443 }, label: 'web server' },
      { transport: 'udp', external: 8443, internal: { ip: '192.168.1.20', port: 443 }, label: 'web server' },
    ])
  })
  test('keeps the port where no internal one is set', () => {
    const text =
      "config mapping\n\toption protocol 'udp'\n\toption external_port '53'\n\toption internal_address '10.0.0.2'\n"
    expect(staticMappings(resolved(text).config)).toEqual([
      { transport: 'udp', external: 53, internal: { ip: '10.0.0.2', port: 53 }, label: '' },
    ])
  })
})
