/** A new WAN address while many hold mappings: all move with it, and what that costs. */
import { beforeAll, expect, test } from 'vitest'
import { until } from '../../test/support/process.ts'
import { SERVES } from '../ready.ts'
import { askMany } from './many.ts'
import { expectReach, figure, given, router, serving } from './support.ts'

const it = router('ready')

/** Kilobytes: the daemon's own, the most it ever held, and what the router has left. */
async function memory(when: string) {
  const text = await it.vm.must('grep -E "VmHWM|VmRSS" /proc/$(pidof portico)/status; grep MemAvailable /proc/meminfo')
  const [most = 0, daemon = 0, left = 0] = [...text.matchAll(/(\d+) kB/g)].map(([, number]) => Number(number))
  figure(`memory of the daemon, ${when}`, daemon, 'kB')
  figure(`most memory it held, ${when}`, most, 'kB')
  figure(`memory left in the router, ${when}`, left, 'kB')
  return { most, daemon, left }
}

beforeAll(async () => {
  await it.vm.must(`uci -q batch <<'END'
set portico.limits=portico
set portico.limits.per_host=30000
set portico.limits.total=30000
set portico.limits.requests_per_second=0
commit portico
END
/etc/init.d/portico reload`)
  await it.vm.must(SERVES, 60_000)
})

async function ask(count: number, first: number, known: number): Promise<void> {
  const { a, world } = it.lab
  const asked = await askMany(a, count, first)
  expect(asked.granted).toBe(count)
  const total = known + count
  figure(`answers per second, ${known} to ${total} mappings`, asked.rate)
  await memory(`${total} mappings`)
  const last = first + count - 1
  await serving(a, 'udp', last, () => expectReach(world, 'udp', last, a))
}

/** A new address for the WAN, and how long until packets flow through the mapping again. */
async function move(to: string, port: number, total: number): Promise<void> {
  const { a, world } = it.lab
  const began = Date.now()
  await it.vm.must(`uci set network.wan.ipaddr=${to}; uci commit network; /sbin/ifup wan`, 60_000)
  await serving(a, 'udp', port, async () => {
    await until('packets flow at the new address', () => heard(to, port), 60_000, 20)
    figure(`${total} mappings: new WAN address to the first packet`, (Date.now() - began) / 1000, 's')
    await expectReach(world, 'udp', port, a, to)
  })
  await memory(`${total} mappings moved to a new WAN address`)
}

const heard = async (address: string, port: number) =>
  (await it.lab.world.udpAsk([address, port], 'knock', 200)).got === 'reply' || undefined

test('a new WAN address moves a thousand mappings', async () => {
  await ask(1000, 10_000, 0)
  await move('11.22.33.66', 10_999, 1000)
})

// The kernel holds old and new at once: 10,000 took 120 MB in one batch, more than small routers have.
if (given.image.facts.memory >= 256) {
  test('and ten thousand', async () => {
    const asked = await askMany(it.lab.a, 9000, 11_000)
    expect(asked.granted).toBe(9000)
    await move('11.22.33.77', 19_999, 10_000)
  })
}
