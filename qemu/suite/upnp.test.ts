/** UPnP IGD by miniupnpc's upnpc: it finds the router by multicast, asks, and packets flow. */
import { describe, expect, test } from 'vitest'
import { until } from '../../test/support/process.ts'
import { expectNoReach, expectReach, router, serving, type Transport, upnpc, WAN } from './support.ts'

const it = router('ready')

test('upnpc finds the router and is told its external address', async () => {
  // upnpc asks once and waits two seconds; a router that has just been woken may take longer.
  const stdout = await until(
    'upnpc finds a valid IGD',
    async () => {
      const said = await upnpc(it.lab.a, '-s')
      return said.stdout.includes('Found valid IGD') ? said.stdout : undefined
    },
    120_000,
  )
  expect(stdout).toContain(`ExternalIPAddress = ${WAN}`)
})

describe.each<Transport>(['udp', 'tcp'])('UPnP, %s', transport => {
  const word = transport.toUpperCase()

  test('the world and the neighbour get in; what is listed is what was asked; removed, it is closed', async () => {
    const { a, b, world } = it.lab
    await serving(a, transport, 6700, async () => {
      const { stdout } = await upnpc(a, '-e', 'a game', '-a', a.ip, '6700', '6700', word, '3600')
      expect(stdout).toContain(`external ${WAN}:6700 ${word} is redirected to internal ${a.ip}:6700`)
      await expectReach(world, transport, 6700, a)
      await expectReach(b, transport, 6700, a)
      expect((await upnpc(a, '-l')).stdout).toMatch(new RegExp(`${word}\\s+6700->${a.ip}:6700\\s+'a game'`))
      expect((await upnpc(a, '-d', '6700', word)).stdout).toContain('UPNP_DeletePortMapping() returned : 0')
      await expectNoReach(world, transport, 6700)
    })
  })

  test('nobody maps for another host', async () => {
    const { a, b, world } = it.lab
    await serving(b, transport, 6701, async () => {
      const { stdout } = await upnpc(a, '-a', b.ip, '6701', '6701', word, '3600')
      expect(stdout).not.toContain('is redirected to internal')
      await expectNoReach(world, transport, 6701)
    })
  })
})

test('UPnP and NAT-PMP share one table', async () => {
  const { a } = it.lab
  await upnpc(a, '-a', a.ip, '6702', '6702', 'UDP', '3600')
  const table = await it.vm.must('portico /ip/upnp/mappings/print')
  expect(table).toContain('6702')
})
