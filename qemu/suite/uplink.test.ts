/** The WAN comes late, changes its address, changes its name. */
import { expect, test } from 'vitest'
import { until } from '../../test/support/process.ts'
import { SERVES } from '../ready.ts'
import { expectReach, figure, map, natpmpc, router, serving } from './support.ts'

const it = router('ready')

const told = async () => /Public IP address : (\S+)/.exec((await natpmpc(it.lab.a)).stdout)?.[1]

test('booted without a WAN it refuses politely; the WAN comes and ports open', async () => {
  await it.vm.must('uci set network.wan.auto=0; uci commit network; ip addr flush dev eth1')
  await it.vm.reboot()
  await it.vm.must(SERVES, 60_000)
  const { a, world } = it.lab
  // Result 3, network failure (RFC 6886 §3.5), is a word of natpmpc's too.
  expect(await told()).toBeUndefined()
  await it.vm.must('/sbin/ifup wan')
  await until('the address is told', async () => ((await told()) === '11.22.33.44' ? true : undefined), 90_000, 200)
  await map(a, 'udp', 6400)
  await serving(a, 'udp', 6400, () => expectReach(world, 'udp', 6400, a))
})

test('the cable out and in again: the mapping is still there', async () => {
  const { a, world } = it.lab
  await map(a, 'udp', 6401)
  await it.vm.plug('wan', false)
  await it.vm.must('until [ "$(cat /sys/class/net/eth1/carrier)" = 0 ]; do usleep 50000; done; sleep 1')
  await it.vm.plug('wan', true)
  await serving(a, 'udp', 6401, async () => {
    await until('packets flow', async () => ((await reaches(6401)) ? true : undefined), 90_000, 200)
    await expectReach(world, 'udp', 6401, a)
  })
})

test('a new WAN address: every mapping moves with it', async () => {
  const { a, world } = it.lab
  await map(a, 'tcp', 6402)
  const began = Date.now()
  await it.vm.must('uci set network.wan.ipaddr=11.22.33.55; uci commit network; /sbin/ifup wan')
  await until('the new address is told', async () => ((await told()) === '11.22.33.55' ? true : undefined), 90_000, 50)
  figure('new WAN address: ifup to the answer that tells it', (Date.now() - began) / 1000, 's')
  await serving(a, 'tcp', 6402, () => expectReach(world, 'tcp', 6402, a, '11.22.33.55'))
})

test('a device of another name, as PPPoE makes one: the mapping moves there', async () => {
  const { a, world } = it.lab
  await map(a, 'udp', 6403)
  await it.vm.must(`/sbin/ifdown wan
ip link set eth1 down
ip link set eth1 name pppoe-wan
uci set network.wan.device=pppoe-wan
uci commit network
/sbin/ifup wan`)
  await until('the address is told', async () => ((await told()) === '11.22.33.55' ? true : undefined), 90_000, 200)
  await serving(a, 'udp', 6403, async () => {
    await until('packets flow', async () => ((await reaches(6403, '11.22.33.55')) ? true : undefined), 90_000, 200)
    await expectReach(world, 'udp', 6403, a, '11.22.33.55')
  })
})

const reaches = async (port: number, address = '11.22.33.44') =>
  (await it.lab.world.udpAsk([address, port], 'knock', 500)).got === 'reply'
