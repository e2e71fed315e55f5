/** The daemon dies, the router is switched off: what becomes of the mappings. */
import { expect, test } from 'vitest'
import { until } from '../../test/support/process.ts'
import { SERVES } from '../ready.ts'
import { startStream } from './stream.ts'
import { DAEMON, expectNoReach, expectReach, figure, map, natpmpc, router, serving, WAN } from './support.ts'

const it = router('ready')

test('killed, it is started again by procd; no packet is lost and no mapping', async () => {
  const { a, b, world } = it.lab
  await map(a, 'udp', 6300)
  await map(b, 'tcp', 6301)
  await serving(a, 'udp', 6300, async () => {
    const stream = await startStream(world, WAN, 6300, 10)
    const pid = Number(await it.vm.must(`echo ${DAEMON}`))
    await it.vm.must(`kill -9 ${pid}`)
    await expectReach(world, 'udp', 6300, a)
    const began = Date.now()
    await until('it answers again', async () => ((await natpmpc(a)).status === 0 ? true : undefined), 120_000, 200)
    figure('kill -9 to the next answer (procd waits 5 s)', (Date.now() - began) / 1000, 's')
    expect(Number(await it.vm.must(`echo ${DAEMON}`))).not.toBe(pid)
    const { sent, lost } = await stream.done()
    figure(`kill -9: lost of ${sent} datagrams`, lost)
    expect(lost).toBeLessThan(sent / 100)
  })
  await serving(b, 'tcp', 6301, () => expectReach(world, 'tcp', 6301, b))
  const table = await it.vm.must('portico /ip/upnp/mappings/print')
  expect(table).toContain('6300')
  expect(table).toContain('6301')
})

test('stopped, flows go on, and the firewall lets no new ones in; started again, it takes all over', async () => {
  await it.vm.must(SERVES, 60_000)
  const { a, world } = it.lab
  await map(a, 'udp', 6302)
  await serving(a, 'udp', 6302, async () => {
    const stream = await startStream(world, WAN, 6302, 15)
    await it.vm.must('/etc/init.d/portico stop')
    await it.vm.must(`while nft list table inet fw4 | grep -q ubus:portico; do sleep 1; done`, 60_000)
    await expectNoReach(world, 'udp', 6302)
    await it.vm.must('/etc/init.d/portico start')
    await it.vm.must(SERVES, 60_000)
    const { sent, lost } = await stream.done()
    figure(`stop and start: lost of ${sent} datagrams`, lost)
    expect(lost).toBeLessThan(sent / 100)
  })
  await it.vm.must(`until nft list table inet fw4 | grep -q ubus:portico; do sleep 1; done`, 60_000)
  await serving(a, 'udp', 6302, () => expectReach(world, 'udp', 6302, a))
})

test('with a lease file, mappings outlive a reboot; nobody has to ask again', async () => {
  const { a, b, world } = it.lab
  await it.vm.must(`uci -q batch <<'END'
set portico.system=portico
set portico.system.lease_file=/etc/portico/leases
commit portico
END
mkdir -p /etc/portico
/etc/init.d/portico reload`)
  await it.vm.must(SERVES, 60_000)
  await map(a, 'udp', 6310)
  await map(b, 'tcp', 6311)
  await it.vm.reboot()
  await it.vm.must(SERVES, 60_000)
  await serving(a, 'udp', 6310, () => expectReach(world, 'udp', 6310, a))
  await serving(b, 'tcp', 6311, () => expectReach(world, 'tcp', 6311, b))
  const left = /6310.*timeout 1h expires (\S+)/.exec(await it.vm.must('nft list map inet portico dnat4'))?.[1] ?? ''
  expect(left === '' || /^5\dm/.test(left)).toBe(true)
})

test('without one, a reboot ends them, and clients are told by the epoch', async () => {
  const { a, world } = it.lab
  await it.vm.must(
    'uci set portico.system.lease_file=none; uci commit portico; /etc/init.d/portico reload; rm -f /etc/portico/leases',
  )
  await it.vm.must(SERVES, 60_000)
  await map(a, 'udp', 6312)
  const before = await epoch()
  const began = Date.now()
  await it.vm.reboot()
  await it.vm.must(SERVES, 60_000)
  await serving(a, 'udp', 6312, () => expectNoReach(world, 'udp', 6312))
  // A client's conservative estimate, RFC 6886 §3.6.
  const told = await epoch()
  expect(told).toBeLessThan(before + ((Date.now() - began) / 1000) * (7 / 8) - 2)
})

/** Seconds since the epoch began, RFC 6886 §3.6. */
async function epoch(): Promise<number> {
  return until('an answer', async () => {
    const heard = await it.lab.a.udpAsk(['192.168.88.1', 5351], Uint8Array.of(0, 0), 1000)
    return heard.got === 'reply' ? Buffer.from(heard.hex, 'hex').readUInt32BE(4) : undefined
  })
}
