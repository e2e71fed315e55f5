/** More than one network behind the router, as VLANs of the LAN's cable: a second LAN that is served, a guest that is not. */
import { beforeAll, expect, test } from 'vitest'
import { SERVES } from '../ready.ts'
import { expectNoReach, expectReach, map, natpmpc, router, serving } from './support.ts'

const it = router('ready')

const NETWORKS = `uci -q batch <<'END'
set network.dev20=device
set network.dev20.name=br-iot
set network.dev20.type=bridge
add_list network.dev20.ports=eth0.20
set network.iot=interface
set network.iot.device=br-iot
set network.iot.proto=static
set network.iot.ipaddr=192.168.20.1
set network.iot.netmask=255.255.255.0
set network.dev99=device
set network.dev99.name=br-guest
set network.dev99.type=bridge
add_list network.dev99.ports=eth0.99
set network.guest=interface
set network.guest.device=br-guest
set network.guest.proto=static
set network.guest.ipaddr=192.168.99.1
set network.guest.netmask=255.255.255.0
set firewall.iot=zone
set firewall.iot.name=iot
add_list firewall.iot.network=iot
set firewall.iot.input=REJECT
set firewall.iot.forward=REJECT
set firewall.iotwan=forwarding
set firewall.iotwan.src=iot
set firewall.iotwan.dest=wan
set firewall.guest=zone
set firewall.guest.name=guest
add_list firewall.guest.network=guest
set firewall.guest.input=REJECT
set firewall.guest.forward=REJECT
set firewall.guestwan=forwarding
set firewall.guestwan.src=guest
set firewall.guestwan.dest=wan
set portico.in_lan=interface
set portico.in_lan.interface=lan
set portico.in_lan.type=internal
set portico.in_iot=interface
set portico.in_iot.interface=iot
set portico.in_iot.type=internal
commit network
commit firewall
commit portico
END
/etc/init.d/network reload
/etc/init.d/firewall reload
/etc/init.d/portico reload`

beforeAll(async () => {
  await it.vm.must(NETWORKS, 170_000)
  await it.vm.must(SERVES, 60_000)
})

test('the second LAN is served, though its zone lets nothing else in', async () => {
  const { iot, world } = it.lab
  expect((await natpmpc(iot)).stdout).toContain('Public IP address : 11.22.33.44')
  await map(iot, 'udp', 6500)
  await serving(iot, 'udp', 6500, () => expectReach(world, 'udp', 6500, iot))
})

test('the first one still is', async () => {
  const { a, world } = it.lab
  await map(a, 'tcp', 6501)
  await serving(a, 'tcp', 6501, () => expectReach(world, 'tcp', 6501, a))
})

test('a guest reaches the world, gets no answer and no port', async () => {
  const { guest, world } = it.lab
  const echo = await world.udpEcho(7000)
  expect(await guest.udpAsk(['11.22.33.1', 7000], 'hello', 3000)).toMatchObject({ got: 'reply' })
  await echo.close()
  expect((await guest.udpAsk(['192.168.99.1', 5351], Uint8Array.of(0, 0), 1000)).got).not.toBe('reply')
  const ask = Uint8Array.of(0, 1, 0, 0, 0x19, 0x66, 0x19, 0x66, 0, 0, 14, 16)
  expect((await guest.udpAsk(['192.168.99.1', 5351], ask, 1000)).got).not.toBe('reply')
  await serving(guest, 'udp', 6502, () => expectNoReach(world, 'udp', 6502))
  expect(await it.vm.must('portico /ip/upnp/mappings/print')).not.toContain('192.168.99.')
})

test("a guest who asks at the LAN's or the WAN's address gets none either", async () => {
  const { guest } = it.lab
  for (const address of ['192.168.88.1', '11.22.33.44']) {
    expect((await guest.udpAsk([address, 5351], Uint8Array.of(0, 0), 700)).got).not.toBe('reply')
  }
})
