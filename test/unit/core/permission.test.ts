import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type IpRange, type Mac, type Port, parseIpRange } from '../../../src/base/ip.ts'
import { type Ask, allowedPorts, DANGEROUS, refused } from '../../../src/core/permission.ts'
import type { Rule } from '../../../src/core/policy.ts'
import { A, policy, ports } from '../../support/router.ts'

const MAC = '02:00:00:00:00:0a' as Mac
const range = (text: string): IpRange => parseIpRange(text) ?? { first: A, last: A }

const ask = (words: Partial<Ask> & { readonly port?: number } = {}): Ask => ({
  service: 'nat-pmp',
  transport: 'udp',
  internal: { ip: A, port: (words.port ?? 5000) as Port },
  mac: MAC,
  devices: ['br-lan', 'wan'],
  ...words,
})

/** A rule that allows on top of "deny everything": only a match lets the request pass. */
const onlyIf = (rule: Partial<Rule>) => policy([rule, { action: 'deny', comment: 'the rest' }])

describe('a rule matches by', () => {
  test.each<[string, Partial<Rule>, Ask, number, boolean]>([
    ['nothing at all, so everything', {}, ask(), 5000, true],
    ['transport', { transport: 'udp' }, ask(), 5000, true],
    ['transport, and not the other', { transport: 'tcp' }, ask(), 5000, false],
    ['external port, first', { external: ports(5000, 5010) }, ask(), 5000, true],
    ['external port, last', { external: ports(5000, 5010) }, ask(), 5010, true],
    ['external port, not beyond', { external: ports(5000, 5010) }, ask(), 5011, false],
    ['internal port', { internal: ports(5000) }, ask(), 9, true],
    ['internal port, not another', { internal: ports(5001) }, ask(), 9, false],
    ['internal address in a prefix', { internalAddress: range('192.168.1.0/24') }, ask(), 9, true],
    ['internal address in a range', { internalAddress: range('192.168.1.99-192.168.1.100') }, ask(), 9, true],
    ['internal address, not outside', { internalAddress: range('192.168.2.0/24') }, ask(), 9, false],
    ['internal device', { device: 'br-lan' }, ask(), 9, true],
    ['external device, as the seeds write it', { device: 'wan' }, ask(), 9, true],
    ['device, not another', { device: 'br-iot' }, ask(), 9, false],
    ['link address', { mac: MAC }, ask(), 9, true],
    ['link address, not another', { mac: '02:00:00:00:00:0b' as Mac }, ask(), 9, false],
    ['link address, not an unknown one', { mac: MAC }, ask({ mac: undefined }), 9, false],
    ['service', { services: ['nat-pmp'] }, ask(), 9, true],
    ['service, not another', { services: ['upnp'] }, ask(), 9, false],
  ])('%s', (_what, rule, asked, external, expected) => {
    expect(refused(onlyIf(rule), asked, external) === undefined).toBe(expected)
  })

  test('a device that is denied by its link address may be the one that cannot be seen', () => {
    const denied = policy([{ action: 'deny', mac: MAC }, {}])
    expect(refused(denied, ask({ mac: undefined }), 5000)).toBe('permission 0')
    expect(refused(denied, ask({ mac: '02:00:00:00:00:0b' as Mac }), 5000)).toBeUndefined()
  })
})

describe('refused()', () => {
  test('the first match wins', () => {
    const rules: readonly Partial<Rule>[] = [{ action: 'deny', external: ports(80) }, { external: ports(1, 1023) }]
    expect(refused(policy(rules), ask(), 80)).toBe('permission 0')
    expect(refused(policy(rules), ask(), 81)).toBeUndefined()
  })

  test('names the rule with its comment, on one line', () => {
    const rules = policy([{}, {}, {}].map((_, n) => ({ action: 'deny', external: ports(n + 1), comment: 'no\nway' })))
    expect(refused(rules, ask(), 3)).toBe('permission 2 (no way)')
  })

  test('with the list of the seeds, low ports are refused and high ones allowed', () => {
    const seeds = policy([
      { device: 'wan', transport: 'tcp', external: ports(1024, 65535) },
      { device: 'wan', transport: 'udp', external: ports(1024, 65535) },
      { action: 'deny', device: 'wan', transport: 'tcp', external: ports(1, 1023) },
      { action: 'deny', device: 'wan', transport: 'udp', external: ports(1, 1023) },
    ])
    expect([80, 1023, 1024, 65535].map(external => refused(seeds, ask(), external) === undefined)).toEqual([
      false,
      false,
      true,
      true,
    ])
  })

  test('by default, all ports below 1024 and the dangerous ones are refused on both sides, and no others', () => {
    const allowed = (port: number, external: number) => refused(policy(), ask({ port }), external) === undefined
    const refusedPorts: number[] = []
    for (let port = 1; port < 65536; port++) {
      if (allowed(5000, port) !== allowed(port, 5000)) throw new Error(`port ${port} differs by side`)
      if (!allowed(5000, port)) refusedPorts.push(port)
    }
    expect(refusedPorts).toEqual([...Array.from({ length: 1023 }, (_, n) => n + 1), 3389])
  })

  test.each(DANGEROUS.map(({ ports: [first, last], what }) => [first, last, what] as const))(
    'the default names port %i to %i as %s',
    (first, last, what) => {
      for (const port of [first, last]) {
        expect(refused(policy(), ask({ port }), 5000)).toBe(`default policy: internal port ${port} is ${what}`)
        expect(refused(policy(), ask(), port)).toBe(`default policy: external port ${port} is ${what}`)
      }
    },
  )

  test('the default may also be to allow, or to deny', () => {
    expect(refused(policy([], { defaultAction: 'allow' }), ask({ port: 22 }), 22)).toBeUndefined()
    expect(refused(policy([], { defaultAction: 'deny' }), ask(), 5000)).toBe('default policy: deny')
  })
})

describe('allowedPorts()', () => {
  test('is the default without rules', () => {
    expect(allowedPorts(policy(), ask())).toEqual([ports(1024, 3388), ports(3390, 65535)])
    expect(allowedPorts(policy(), ask({ port: 22 }))).toEqual([])
  })

  test('lets exactly the ports pass that refused() does', () => {
    const edge = fc.integer({ min: 1, max: 40 })
    const rule = fc.record({
      action: fc.constantFrom('allow' as const, 'deny' as const),
      transport: fc.constantFrom('both' as const, 'udp' as const, 'tcp' as const),
      external: fc.tuple(edge, edge).map(([x, y]) => ports(Math.min(x, y), Math.max(x, y))),
    })
    fc.assert(
      fc.property(
        fc.array(rule, { maxLength: 8 }),
        fc.constantFrom('allow' as const, 'deny' as const, 'high-ports' as const),
        (rules, defaultAction) => {
          const rulesInForce = policy(rules, { defaultAction })
          const ranges = allowedPorts(rulesInForce, ask())
          for (const port of [...Array.from({ length: 42 }, (_, n) => n + 1), 1023, 1024, 3389, 65535]) {
            const inside = ranges.filter(({ first, last }) => port >= first && port <= last).length
            expect(inside).toBe(refused(rulesInForce, ask(), port) === undefined ? 1 : 0)
          }
        },
      ),
      { numRuns: 200 },
    )
  })
})
