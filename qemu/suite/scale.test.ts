/** A thousand and ten thousand mappings: they are granted, packets flow through the last one, and what it costs. */
import { beforeAll, expect, test } from 'vitest'
import { SERVES } from '../ready.ts'
import { askMany } from './many.ts'
import { expectReach, figure, map, router, serving } from './support.ts'

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

test('with no mapping', async () => {
  const { daemon } = await memory('no mapping')
  expect(daemon).toBeLessThan(12_000)
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

test('a thousand mappings', () => ask(1000, 10_000, 0))

test('ten thousand mappings', () => ask(9000, 11_000, 1000), 300_000)

test('killed with ten thousand, it takes all of them over', async () => {
  const { a, world } = it.lab
  await it.vm.must('kill -9 $(pidof portico)')
  const began = Date.now()
  await serving(a, 'udp', 15_000, () => expectReach(world, 'udp', 15_000, a))
  // Not by its console, which would need the processor that the daemon is short of.
  await it.vm.must(`until logread | tail -n 20 | grep -q 'ready:.* 10000 mappings'; do sleep 1; done`, 150_000)
  figure('killed with 10000 mappings: until it is ready again (procd waits 5 s)', (Date.now() - began) / 1000, 's')
  await memory('10000 mappings taken over')
  const known = await it.vm.must('portico --json /ip/upnp/mappings/print count-only', 60_000)
  expect(known).toContain('10000')
  expect(await map(a, 'udp', 15_000)).toBe(15_000)
}, 240_000)
