import { describe, expect, test } from 'vitest'
import { Malformed } from '../../../src/base/fail.ts'
import { utf8Encode } from '../../../src/base/text.ts'
import { parseNetifd } from '../../../src/config/netifd.ts'
import dump from '../../vectors/uci/netifd.txt?raw'

const parse = (value: unknown) => parseNetifd(utf8Encode(typeof value === 'string' ? value : JSON.stringify(value)))

describe('parseNetifd()', () => {
  const all = parse(dump)
  const named = (name: string) => all.find(each => each.name === name)

  test('reads a network that is up', () => {
    expect(named('wan')).toEqual({
      name: 'wan',
      up: true,
      device: 'pppoe-wan',
      addresses: ['203.0.113.5'],
      hasDefaultRoute: true,
      zone: undefined,
    })
  })
  test('reads one that is down, without device and addresses', () => {
    expect(named('guest')).toEqual({
      name: 'guest',
      up: false,
      device: undefined,
      addresses: [],
      hasDefaultRoute: false,
      zone: undefined,
    })
  })
  test('reads the zone that a protocol asks for', () => {
    expect(named('wan_6')?.zone).toBe('wan')
  })
  test('does not take a default route of IPv6 or of another table for one', () => {
    expect(named('wan_6')?.hasDefaultRoute).toBe(false)
    expect(named('lte')?.hasDefaultRoute).toBe(false)
  })
  test('has no device for a name that no device can have', () => {
    const [hostile] = parse({ interface: [{ interface: 'x', up: true, l3_device: 'eth0;reboot' }] })
    expect(hostile?.device).toBeUndefined()
  })
  test('passes over an address that is none', () => {
    const [odd] = parse({ interface: [{ interface: 'x', up: true, 'ipv4-address': [{ address: '1.2.3', mask: 8 }] }] })
    expect(odd?.addresses).toEqual([])
  })

  const rows: readonly (readonly [what: string, value: unknown, message: string])[] = [
    ['nothing', '', 'interface dump is no JSON'],
    ['half of it', dump.slice(0, 200), 'interface dump is no JSON'],
    ['an error text of ubus', 'Command failed: Not found', 'interface dump is no JSON'],
    ['a list', [], 'interface dump: unexpected type at the top'],
    ['no member interface', {}, 'interface dump: unexpected required at the top'],
    ['interface as an object', { interface: {} }, 'interface dump: unexpected type at /interface'],
    [
      'an interface without a name',
      { interface: [{ up: true }] },
      'interface dump: unexpected required at /interface/0',
    ],
    [
      'a name that is a number',
      { interface: [{ interface: 1, up: true }] },
      'interface dump: unexpected type at /interface/0/interface',
    ],
    [
      'up as a text',
      { interface: [{ interface: 'x', up: 'yes' }] },
      'interface dump: unexpected type at /interface/0/up',
    ],
    [
      'a device that is null',
      { interface: [{ interface: 'x', up: true, l3_device: null }] },
      'interface dump: unexpected type at /interface/0/l3_device',
    ],
    [
      'a mask beyond 128',
      { interface: [{ interface: 'x', up: true, route: [{ target: '::', mask: 129 }] }] },
      'interface dump: unexpected maximum at /interface/0/route/0/mask',
    ],
  ]
  test.each(rows)('refuses %s', (_what, value, message) => {
    expect(() => parse(value)).toThrow(Malformed)
    expect(() => parse(value)).toThrow(message)
  })
  test('refuses a dump above the limit', () => {
    expect(() => parseNetifd(new Uint8Array((1 << 20) + 1))).toThrow('interface dump has 1048577 bytes')
  })
  test('refuses lists nested a hundred thousand deep', () => {
    expect(() => parse('['.repeat(100_000))).toThrow(Malformed)
  })
})
