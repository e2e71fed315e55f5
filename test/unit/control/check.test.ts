import { describe, expect, test } from 'vitest'
import type { Ip } from '../../../src/base/ip.ts'
import type { Facts } from '../../../src/control/check.ts'
import { checksOf, checksText } from '../../../src/control/check.ts'
import { healthy } from '../../support/control-world.ts'

const fine: Facts = {
  status: healthy,
  firewall: { is: 'accepts' },
  mark: '0x40000000',
  accounting: true,
  rivals: [],
}

const state = (over: Partial<Facts['status']>): Partial<Facts> => ({ status: { ...healthy, ...over } })
const up = (reach: 'private' | 'shared', told = '10.0.0.2') =>
  ({ is: 'up', device: 'wan', address: '10.0.0.2' as Ip, told: told as Ip, reach }) as const
const found = (over: Partial<Facts>, name: string) => checksOf({ ...fine, ...over }).find(each => each.name === name)

describe('checksOf()', () => {
  test('of a healthy router are all green, and there is nothing to mend', () => {
    const checks = checksOf(fine)
    expect(checks.map(({ name }) => name)).toEqual([
      'service',
      'configuration',
      'roles',
      'uplink',
      'ports',
      'firewall',
      'accounting',
      'rival',
      'capacity',
    ])
    expect(checks.filter(each => each.state !== 'green' || each.mend !== undefined)).toEqual([])
  })

  const problem = { file: '/etc/config/portico', line: 3, message: 'option x' }
  const natPmp = { service: 'nat-pmp', enabled: true, listening: [], trouble: undefined } as const
  test.each<[what: string, name: string, state: string, over: Partial<Facts>]>([
    ['no service', 'service', 'red', state({ services: [] })],
    ['an error in a file', 'configuration', 'red', state({ problems: [{ weight: 'error', ...problem }] })],
    ['a warning', 'configuration', 'amber', state({ problems: [{ weight: 'warning', ...problem }] })],
    ['a note', 'configuration', 'green', state({ problems: [{ weight: 'note', ...problem }] })],
    ['no LAN', 'roles', 'red', state({ internal: [] })],
    ['no WAN', 'roles', 'red', state({ uplink: { is: 'down', device: undefined, why: 'none' } })],
    ['a network that is cut off', 'roles', 'amber', state({ closed: [{ device: 'br-lan', by: '10.0.0.2' as Ip }] })],
    ['WAN without an address', 'uplink', 'red', state({ uplink: { is: 'down', device: 'wan', why: 'no address' } })],
    ['a private address', 'uplink', 'amber', state({ uplink: up('private') })],
    ['carrier-grade NAT', 'uplink', 'amber', state({ uplink: up('shared') })],
    ['a private address with a forced one', 'uplink', 'green', state({ uplink: up('private', '11.22.33.44') })],
    ['a port that is taken', 'ports', 'red', state({ services: [{ ...natPmp, trouble: 'is taken' }] })],
    ['a service that answers nowhere', 'ports', 'red', state({ services: [natPmp] })],
    ['a firewall that refuses', 'firewall', 'red', { firewall: { is: 'refuses' } }],
    ['no firewall4', 'firewall', 'green', { firewall: { is: 'absent' } }],
    [
      'a firewall that nobody can look at',
      'firewall',
      'amber',
      { firewall: { is: 'unknown', why: 'there is no nft' } },
    ],
    ['no accounting', 'accounting', 'amber', { accounting: false }],
    ['a rival', 'rival', 'red', { rivals: ['miniupnpd'] }],
    ['a table that is nearly full', 'capacity', 'amber', state({ held: 1900 })],
    ['a full table', 'capacity', 'red', state({ held: 2048 })],
  ])('%s: %s is %s', (_what, name, expected, over) => {
    const check = found(over, name)
    expect(check?.state).toBe(expected)
    expect(check?.mend === undefined).toBe(expected === 'green')
  })

  test('what others said is one line', () => {
    const check = found({ firewall: { is: 'unknown', why: 'nft failed:\nline 2\u001b[2J' } }, 'firewall')
    expect(check?.what).not.toContain('\n')
    expect(check?.what).not.toContain('\u001b')
  })
})

test('the console shows the mending step below what was found', () => {
  expect(
    checksText([
      { name: 'roles', state: 'green', what: 'internal br-lan' },
      { name: 'rival', state: 'red', what: 'miniupnpd runs too', mend: 'Run: stop' },
    ]),
  ).toBe(` green roles  internal br-lan
   red rival  miniupnpd runs too
              Run: stop
`)
})
