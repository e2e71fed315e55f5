/** The firewall's owner at work while packets flow through a mapping: what is lost is counted. */
import { describe, expect, test } from 'vitest'
import { until } from '../../test/support/process.ts'
import { startStream } from './stream.ts'
import { expectReach, figure, map, router, serving, WAN } from './support.ts'

const it = router('ready')

/** What happens to the ruleset. How long packets stay away is measured, not judged: that is the processor's doing. */
const EVENTS = [
  { what: 'fw4 reload', command: 'fw4 reload' },
  { what: 'five reloads in a row', command: 'for i in 1 2 3 4 5; do fw4 reload; done' },
  { what: 'fw4 restart', command: 'fw4 restart' },
  {
    what: 'firewall stopped (every table flushed) and started',
    command: '/etc/init.d/firewall stop; /etc/init.d/firewall start',
  },
  { what: 'our own table deleted by somebody', command: 'nft delete table inet portico' },
]

describe.each(EVENTS)('$what', ({ what, command }) => {
  test('a flow through a mapping survives', async () => {
    const { a, world } = it.lab
    await serving(a, 'udp', 6200, async () => {
      await map(a, 'udp', 6200)
      const stream = await startStream(world, WAN, 6200, 4)
      const took = await it.vm.must(`cut -d' ' -f1 /proc/uptime; ${command}; cut -d' ' -f1 /proc/uptime`)
      const { sent, lost, gap, alive } = await stream.done()
      const [from = 0, to = 0] = took.trim().split('\n').map(Number)
      figure(`${what}: lost of ${sent} datagrams (5 ms apart); took ${(to - from).toFixed(2)} s`, lost)
      figure(`${what}: longest silence`, gap, 's')
      expect(sent).toBeGreaterThan(100)
      expect(alive).toBe(true)
    })
  })

  test('a flow that begins afterwards gets in', async () => {
    const { a, world } = it.lab
    await serving(a, 'tcp', 6201, async () => {
      await map(a, 'tcp', 6201)
      await it.vm.must(command)
      const began = Date.now()
      await until(
        'a new flow gets in',
        async () => {
          const heard = await world.tcpAsk([WAN, 6201], 'knock', 500)
          return heard.got === 'reply' ? true : undefined
        },
        30_000,
      )
      figure(`${what}: until a new flow gets in`, (Date.now() - began) / 1000, 's')
      await expectReach(world, 'tcp', 6201, a)
    })
  })
})
