/** The real miniupnpd grants ports and ends; what its lease files hold becomes ours (`portico import-leases`). */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { A6, addIpv6, expectNoReach6, expectReach6 } from '../support/ipv6.ts'
import { LAN, type Lab, makeLab } from '../support/lab.ts'
import { startMiniupnpd } from '../support/miniupnpd.ts'
import { expectNoReach, expectReach } from '../support/reach.ts'
import { defaultUci, startDaemon } from '../support/server.ts'
import { ENGINES } from './under-test.ts'

// Reading and asking are the same on every engine.
describe.each(ENGINES.slice(0, 1))('on %s', engine => {
  let lab: Lab
  beforeAll(async () => {
    lab = await makeLab()
    await addIpv6(lab)
    await Promise.all([lab.a.udpEcho(4000), lab.a.tcpEcho(4000), lab.a.tcpEcho(4000, A6)])
  })
  afterAll(() => lab?.close())

  test('ports and pinholes of miniupnpd come over with the time that is left', async () => {
    const [leases, leases6] = ['leases', 'leases6'].map(name => join(lab.directory, name)) as [string, string]
    const files = [`lease_file=${leases}`, `lease_file6=${leases6}`, 'ext_ifname6=wan0']
    const old = await startMiniupnpd(lab, 'both', files)
    await lab.a.must(['natpmpc', '-g', LAN, '-a', '4001', '4000', 'udp', '1800'])
    await lab.a.must(['upnpc', '-e', 'a game: level; 2', '-a', lab.a.ip, '4000', '4002', 'tcp', '1200'])
    await lab.a.must(['upnpc', '-6', '-A', '', '0', A6, '4000', 'tcp', '900'])
    await old.stop()
    await lab.router.must(['nft', 'flush', 'ruleset'])
    await lab.reloadFirewall()
    await expectNoReach(lab, 'udp', 4001)
    await expectNoReach6(lab, 'tcp', A6, 4000)

    const server = await startDaemon(lab, { engine, uci: defaultUci({ upnp: { enabled: '1' } }) })
    const { status, stdout, stderr } = await server.console('import-leases', leases, leases6)
    expect([status, stdout, stderr]).toEqual([0, '3 mappings came over, 0 did not\n', ''])
    await expectReach(lab, 'udp', 4001, lab.a)
    await expectReach(lab, 'tcp', 4002, lab.a)
    await expectReach6(lab, 'tcp', A6, 4000)

    const rows = (await server.json('/ip/upnp/mappings/print')) as readonly Readonly<Record<string, unknown>>[]
    expect(rows.map(row => [row['service'], row['comment'], row['pinhole']])).toEqual([
      ['nat-pmp', 'NAT-PMP 4001 udp', undefined],
      ['upnp', 'a game: level; 2', undefined],
      ['upnp', 'IGD2 pinhole', 1],
    ])
    for (const [at, granted] of [1800, 1200, 900].entries()) {
      expect(Number(rows[at]?.['lifetime'])).toBeLessThanOrEqual(granted)
      expect(Number(rows[at]?.['lifetime'])).toBeGreaterThan(granted - 300)
    }
    await server.stop()
  }, 60_000)
})
