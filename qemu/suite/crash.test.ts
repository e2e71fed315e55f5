/** The daemon dies, the router is switched off: what becomes of the mappings. */
import { expect, test } from 'vitest'
import { until } from '../../test/support/process.ts'
import { SERVES } from '../ready.ts'
import { startStream } from './stream.ts'
import { expectReach, figure, map, natpmpc, router, serving, WAN } from './support.ts'

const it = router('ready')

test('killed, it is started again by procd; no packet is lost and no mapping', async () => {
  const { a, b, world } = it.lab
  await map(a, 'udp', 6300)
  await map(b, 'tcp', 6301)
  await serving(a, 'udp', 6300, async () => {
    const stream = await startStream(world, WAN, 6300, 10)
    const pid = Number(await it.vm.must('pidof portico'))
    await it.vm.must(`kill -9 ${pid}`)
    await expectReach(world, 'udp', 6300, a)
    const began = Date.now()
    await until('it answers again', async () => ((await natpmpc(a)).status === 0 ? true : undefined), 30_000, 200)
    figure('kill -9 to the next answer (procd waits 5 s)', (Date.now() - began) / 1000, 's')
    expect(Number(await it.vm.must('pidof portico'))).not.toBe(pid)
    const { sent, lost } = await stream.done()
    figure(`kill -9: lost of ${sent} datagrams`, lost)
    expect(lost).toBeLessThan(sent / 100)
  })
  await serving(b, 'tcp', 6301, () => expectReach(world, 'tcp', 6301, b))
  const table = await it.vm.must('portico /ip/upnp/mappings/print')
  expect(table).toContain('6300')
  expect(table).toContain('6301')
})

test('stopped, what it granted goes on; started again, it takes that over', async () => {
  await it.vm.must(SERVES, 60_000)
  const { a, world } = it.lab
  await map(a, 'udp', 6302)
  await it.vm.must('/etc/init.d/portico stop')
  await serving(a, 'udp', 6302, () => expectReach(world, 'udp', 6302, a))
  await it.vm.must('/etc/init.d/portico start')
  await it.vm.must(SERVES, 60_000)
  await serving(a, 'udp', 6302, () => expectReach(world, 'udp', 6302, a))
})
