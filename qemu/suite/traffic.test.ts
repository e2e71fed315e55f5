/** NAT-PMP by a stranger's client, and packets through what it was given: in, out, and from the neighbour. */
import { describe, expect, test } from 'vitest'
import type { Heard } from '../../test/support/agent.ts'
import { until } from '../../test/support/process.ts'
import { expectNoReach, expectReach, map, natpmpc, router, serving, type Transport, WAN } from './support.ts'

const it = router('ready')

describe.each<Transport>(['udp', 'tcp'])('NAT-PMP, %s', transport => {
  test('the world gets in where a host asked, and nowhere else', async () => {
    const { a, world } = it.lab
    await serving(a, transport, 6001, async () => {
      await expectNoReach(world, transport, 6001)
      expect(await map(a, transport, 6001)).toBe(6001)
      await expectReach(world, transport, 6001, a)
      await expectNoReach(world, transport, 6002)
    })
  })

  test('a neighbour gets in by the external address (hairpin)', async () => {
    const { a, b } = it.lab
    await serving(a, transport, 6003, async () => {
      await map(a, transport, 6003)
      await expectReach(b, transport, 6003, a)
    })
  })

  test('what was given up is closed', async () => {
    const { a, world } = it.lab
    await serving(a, transport, 6004, async () => {
      await map(a, transport, 6004)
      await expectReach(world, transport, 6004, a)
      await natpmpc(a, '-a', '0', '6004', transport, '0')
      await expectNoReach(world, transport, 6004)
    })
  })
})

test('the external address is told', async () => {
  const { stdout } = await natpmpc(it.lab.a)
  expect(stdout).toContain(`Public IP address : ${WAN}`)
})

test('the log tells of nothing that the package should have brought', async () => {
  // Node without its addon says so, and why.
  expect(await it.vm.must("logread | grep -E 'runs without|does not load' || true")).toBe('')
})

test('datagrams from the mapped port leave with the external port', async () => {
  const { a, b, world } = it.lab
  const echo = await world.udpEcho(7000)
  await map(a, 'udp', 6005)
  // The neighbour asks for the same port and is given another.
  const other = await map(b, 'udp', 6005)
  expect(other).not.toBe(6005)
  for (const [host, external] of [
    [a, 6005],
    [b, other],
  ] as const) {
    const ask = () => host.udpAsk(['11.22.33.1', 7000], 'hello', 3000, { from_port: 6005 })
    const heard = await until('an answer', async () => answered(await ask()), 30_000)
    expect(heard.text).toBe(`world saw ${WAN}:${external} hello`)
  }
  await echo.close()
})

const answered = (heard: Heard) => (heard.got === 'reply' ? heard : undefined)
