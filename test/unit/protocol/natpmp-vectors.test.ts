import { describe, expect, test } from 'vitest'
import { type Port, parseIpRange } from '../../../src/base/ip.ts'
import type { Rule, StaticMapping } from '../../../src/core/policy.ts'
import { A, B, bytesOf, DOWN, hexOf, policy, ports, Router, type RouterOptions } from '../../support/router.ts'
import sheet from '../../vectors/natpmp/sheet.txt?raw'

/** Rules that leave exactly one external port where the vector says which one the server chose. */
const CHOICES: readonly Partial<Rule>[] = [
  { transport: 'tcp', internal: ports(80), external: ports(50_000) },
  { action: 'deny', internal: ports(80) },
  { internal: ports(10_000), external: ports(50_001) },
  { action: 'deny', internal: ports(10_000) },
  { internalAddress: only(B), external: ports(5000) },
  { internalAddress: only(B), external: ports(50_002) },
  { action: 'deny', internalAddress: only(B) },
  { external: ports(5000, 5002) },
  { action: 'deny' },
]

const SSH: StaticMapping = {
  transport: 'tcp',
  external: 2222 as Port,
  internal: { ip: A, port: 22 as Port },
  label: 'ssh',
}

const STATES: Readonly<Record<string, RouterOptions>> = {
  fresh: { policy: policy(CHOICES) },
  'after N2': { policy: policy(CHOICES) },
  down: { uplink: DOWN },
  denied: { policy: policy([{ action: 'deny', comment: 'nobody' }]) },
  full: { policy: policy([], { perHost: 0 }) },
  static: { statics: [SSH] },
}

const rows = sheet
  .split('\n')
  .filter(line => line !== '' && !line.startsWith('#'))
  .map(line => line.split('|').map(cell => cell.trim()))

describe('the vectors of the fact sheet', () => {
  test.each(rows.map(row => [row[0], row[6], row] as const))('%s: %s', async (_name, _what, row) => {
    const [, from, state, epoch, request, reply] = row as [string, string, string, string, string, string]
    const router = await Router.start({ ...STATES[state], epoch: Number(epoch) })
    if (state === 'after N2') await router.from(A).send('00 01 0000 1388 1388 00001c20')
    const answer = await router.from(from === 'A' ? A : B).send(request)
    expect(answer).toBe(reply === '-' ? undefined : hexOf(bytesOf(reply)))
  })

  test('N10: UDP of A and everything of B survive', async () => {
    const router = await Router.start()
    await router.from(A).map('udp', 5000, 5000)
    await router.from(A).map('tcp', 6000, 6000)
    await router.from(B).map('tcp', 7000, 7000)
    await router.from(A).send('00 02 0000 0000 0000 00000000')
    expect(router.kernel.shown).toEqual(['udp 5000 -> 192.168.1.100:5000', 'tcp 7000 -> 192.168.1.101:7000'])
  })

  test('N21, N22: the first announcement after a start and the tenth', async () => {
    const router = await Router.start()
    router.announcer.begin(router.clock.now())
    await router.pass(200)
    expect(router.announced.map(({ hex }) => hex).at(0)).toBe('008000000000' + '0000' + 'cb007107')
    expect(router.announced.map(({ hex }) => hex).at(9)).toBe('00800000' + '0000007f' + 'cb007107')
  })

  test('N23 is for a server that also speaks PCP: ours answers version 3 as a NAT-PMP server', async () => {
    const router = await Router.start({ epoch: 3600 })
    const request = '03 00 0000 00000000 00000000000000000000ffffc0a80164'
    expect(await router.from(A).send(request)).toBe('0080000100000e10')
  })

  test('every vector N1 to N20 is a row', () => {
    expect(rows.map(row => row[0])).toEqual(Array.from({ length: 20 }, (_, index) => `N${index + 1}`))
  })
})

function only(ip: string) {
  const range = parseIpRange(ip)
  if (range === undefined) throw new Error(ip)
  return range
}
