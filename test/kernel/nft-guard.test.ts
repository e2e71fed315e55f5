/** The guard of our own ports: HTTP and SSDP, from inside, from outside, and by multicast. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Port } from '../../src/base/ip.ts'
import type { Settings } from '../../src/kernel/ruleset.ts'
import type { Host } from '../support/host.ts'
import type { Lab } from '../support/lab.ts'
import { GUEST, LAN, MARK, makeLab, WAN } from '../support/lab.ts'
import { startWorker } from '../support/nft-lab.ts'
import type { Background } from '../support/process.ts'
import { sleep } from '../support/process.ts'

const SETTINGS: Settings = {
  internal: ['br-lan'],
  external: ['wan0'],
  external6: ['wan0'],
  markBit: MARK,
  guarded: [
    { transport: 'udp', port: 5351 as Port },
    { transport: 'udp', port: 1900 as Port },
    { transport: 'tcp', port: 5000 as Port },
  ],
  capacity: 'unbounded',
}

let lab: Lab
let listener: Background
beforeAll(async () => {
  lab = await makeLab({ wanInput: 'accept', guestInput: 'accept' }) // what the firewall lets in is ours to refuse
  const worker = await startWorker(lab, 'Node')
  await worker.ask({ do: 'build', settings: SETTINGS, mappings: [] })
  listener = lab.router.start(['python3', '-u', '-c', LISTEN])
  await listener.waitFor('listening')
  await lab.router.tcpEcho(5000)
})
afterAll(() => lab.close())

const hello = async (host: Host, to: string, text: string) => {
  await host.must(['python3', '-c', SEND, to, text])
  await sleep(150)
  return listener.output.includes(`got ${text}\n`)
}

test('SSDP by multicast: from an internal device it is delivered, from others not', async () => {
  expect(await hello(lab.a, '239.255.255.250', 'multicast-a')).toBe(true)
  expect(await hello(lab.world, '239.255.255.250', 'multicast-world')).toBe(false)
  expect(await hello(lab.guest, '239.255.255.250', 'multicast-guest')).toBe(false)
})

test('SSDP to an address: from inside to the address of that network, and to no other', async () => {
  expect(await hello(lab.a, LAN, 'unicast-a')).toBe(true)
  expect(await hello(lab.a, WAN, 'unicast-a-wan')).toBe(false)
  expect(await hello(lab.world, WAN, 'unicast-world')).toBe(false)
  expect(await hello(lab.world, LAN, 'unicast-world-lan')).toBe(false)
  expect(await hello(lab.guest, GUEST, 'unicast-guest')).toBe(false)
})

test('HTTP: from inside to the address of that network, and to no other', async () => {
  expect((await lab.a.tcpAsk([LAN, 5000], 'x')).got).toBe('reply')
  expect((await lab.a.tcpAsk([WAN, 5000], 'x', 400)).got).not.toBe('reply')
  expect((await lab.world.tcpAsk([WAN, 5000], 'x', 400)).got).not.toBe('reply')
  expect((await lab.guest.tcpAsk([GUEST, 5000], 'x', 400)).got).not.toBe('reply')
  expect((await lab.guest.tcpAsk([LAN, 5000], 'x', 400)).got).not.toBe('reply')
})

test('HTTP over IPv6: by global and link-local address of the device, from inside alone', async () => {
  const ip = (host: Host, line: string) => host.must(['ip', ...line.split(' ')])
  await ip(lab.router, 'address add 2001:db8:1::1/64 dev br-lan nodad')
  await ip(lab.router, 'address add 2001:db8:f::44/64 dev wan0 nodad')
  await ip(lab.a, 'address add 2001:db8:1::10/64 dev eth0 nodad')
  await ip(lab.a, 'route add default via 2001:db8:1::1')
  await ip(lab.world, 'address add 2001:db8:f::1/64 dev eth0 nodad')
  await lab.router.tcpEcho(5000, '2001:db8:1::1')
  await lab.router.tcpEcho(5000, '2001:db8:f::44')
  const ask = async (host: Host, to: string) => (await host.tcpAsk([to, 5000], 'x', 2000)).got
  expect(await ask(lab.a, '2001:db8:1::1')).toBe('reply')
  expect(await ask(lab.a, '2001:db8:f::44')).not.toBe('reply')
  expect(await ask(lab.world, '2001:db8:f::44')).not.toBe('reply')
})

/** Joins the group of SSDP on every device, so that what keeps a datagram out is the guard. */
const LISTEN = `
import socket
it = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
it.bind(('', 1900))
for own in ('${LAN}', '${GUEST}', '${WAN}'):
    it.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton('239.255.255.250') + socket.inet_aton(own))
print('listening')
while True:
    print('got ' + it.recvfrom(100)[0].decode())
`
const SEND = `
import socket, sys
it = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
it.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 4)
it.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'eth0')
it.sendto(sys.argv[2].encode(), (sys.argv[1], 1900))
`
