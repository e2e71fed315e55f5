/**
 * A thousand and ten thousand mappings: they are granted, packets flow through the last one, they move to a new WAN
 * address, they are taken over; and what each of it costs. A router with 64 MB gets as many as it allows as shipped.
 */
import { beforeAll, expect, test } from 'vitest'
import { until } from '../../test/support/process.ts'
import { SERVES } from '../ready.ts'
import { askMany } from './many.ts'
import { DAEMON, expectReach, figure, given, map, router, serving, WAN } from './support.ts'

const it = router('ready')

/** Ten thousand that move need 27 MB (measured on mipsel), and a router with 64 MB has 14 left by then. */
const MOST = given.image.facts.memory < 96 ? 2048 : 10_000
const LAST = 9_999 + MOST

/** Where the world finds the router: every move gives it another address. */
let outside = WAN

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
  // Node alone needs 50 MB.
  expect(daemon).toBeLessThan(given.image.facts.engine === 'node' ? 90_000 : 12_000)
})

test('a thousand mappings', () => ask(1000, 10_000, 0))

test('a new WAN address moves a thousand', async () => {
  const before = await memory('1000 mappings before they move')
  const least = await move('11.22.33.66', 10_999, 1000)
  // Measured: 6 MB. With an ear on its own batch it was 34, and a router with 64 MB went down.
  expect(before.left - least).toBeLessThan(25_000)
})

test(`${MOST} mappings`, () => ask(MOST - 1000, 11_000, 1000))

test(`a new WAN address moves ${MOST}, with little memory`, async () => {
  const before = await memory(`${MOST} mappings before they move`)
  const least = await move('11.22.33.77', LAST, MOST)
  await memory(`${MOST} mappings moved`)
  // Measured: 27 MB, 8 of them the daemon's. With an ear on its own batch it was 329.
  expect(before.left - least).toBeLessThan(60_000)
})

test(`killed with ${MOST}, it takes all of them over`, async () => {
  const { a, world } = it.lab
  await it.vm.must(`kill -9 ${DAEMON}`)
  const began = Date.now()
  await serving(a, 'udp', LAST, () => expectReach(world, 'udp', LAST, a, outside))
  // Not by its console, which would need the processor that the daemon is short of.
  await it.vm.must(`until logread | tail -n 20 | grep -q 'ready:.* ${MOST} mappings'; do sleep 1; done`, 300_000)
  figure(`killed with ${MOST} mappings: until it is ready again (procd waits 5 s)`, (Date.now() - began) / 1000, 's')
  const [ready, used] = (await it.vm.must(TIMES)).trim().split(/\s+/)
  figure(`${MOST} mappings taken over: start of the daemon to ready`, Number(ready), 's')
  figure(`${MOST} mappings taken over: processor time of the daemon`, Number(used), 's')
  await memory(`${MOST} mappings taken over`)
  const known = await it.vm.must('portico --json /ip/upnp/mappings/print count-only', 60_000)
  expect(known).toContain(`${MOST}`)
  expect(await map(a, 'udp', LAST)).toBe(LAST)
})

/** Kilobytes: the daemon's own, the most it ever held, and what the router has left. */
async function memory(when: string) {
  const text = await it.vm.must(`grep -E "VmHWM|VmRSS" /proc/${DAEMON}/status; grep MemAvailable /proc/meminfo`)
  const [most = 0, daemon = 0, left = 0] = [...text.matchAll(/(\d+) kB/g)].map(([, number]) => Number(number))
  figure(`memory of the daemon, ${when}`, daemon, 'kB')
  figure(`most memory it held, ${when}`, most, 'kB')
  figure(`memory left in the router, ${when}`, left, 'kB')
  return { most, daemon, left }
}

async function ask(count: number, first: number, known: number): Promise<void> {
  const { a, world } = it.lab
  const asked = await askMany(a, count, first)
  expect(asked.granted).toBe(count)
  const total = known + count
  figure(`answers per second, ${known} to ${total} mappings`, asked.rate)
  await memory(`${total} mappings`)
  const last = first + count - 1
  await serving(a, 'udp', last, () => expectReach(world, 'udp', last, a, outside))
}

/** A new address for the WAN; how long until packets flow through the mapping again, and the least memory meanwhile. */
async function move(to: string, port: number, total: number): Promise<number> {
  const { a, world } = it.lab
  const least = await watchMemory()
  const began = Date.now()
  await it.vm.must(`uci set network.wan.ipaddr=${to}; uci commit network; /sbin/ifup wan`, 60_000)
  figure(`${total} mappings: new WAN address until ifup has ended`, (Date.now() - began) / 1000, 's')
  outside = to
  await serving(a, 'udp', port, async () => {
    await until('packets flow at the new address', () => heard(to, port), 300_000, 20)
    figure(`${total} mappings: new WAN address to the first packet`, (Date.now() - began) / 1000, 's')
    await expectReach(world, 'udp', port, a, to)
  })
  const left = await least()
  figure(`least memory left in the router while ${total} mappings moved`, left, 'kB')
  return left
}

/** Looks at what is left, ten times a second, until it is asked for the least it saw. */
async function watchMemory(): Promise<() => Promise<number>> {
  await it.vm.must(`(least=999999999
while :; do
  while read -r key left rest; do
    [ $key = MemAvailable: ] && [ $left -lt $least ] && { least=$left; echo $least >/tmp/least; }
  done </proc/meminfo
  usleep 100000
done) >/dev/null 2>&1 &
echo $! >/tmp/watch`)
  return async () => Number(await it.vm.must('kill $(cat /tmp/watch); cat /tmp/least; rm -f /tmp/watch /tmp/least'))
}

/** Seconds of wall clock from its start to now, and of processor time: /proc counts both in hundredths (USER_HZ). */
const TIMES = `set -- $(cut -d' ' -f14,15,22 /proc/${DAEMON}/stat) $(cut -d' ' -f1 /proc/uptime)
awk -v u=$1 -v s=$2 -v b=$3 -v now=$4 'BEGIN { printf "%.1f %.2f", now - b / 100, (u + s) / 100 }'`

const heard = async (address: string, port: number) =>
  (await it.lab.world.udpAsk([address, port], 'knock', 200)).got === 'reply' || undefined
