/**
 * Flows that the firewall has handed to a flow table, as firewall4 does it with `flow_offloading`: their packets come by
 * the forward hook no more, and yet they end with their mapping, and when their network is cut off.
 */
import { beforeAll, describe, expect, test } from 'vitest'
import type { Heard } from '../../test/support/agent.ts'
import type { Host } from '../../test/support/host.ts'
import { until } from '../../test/support/process.ts'
import { httpRaw, networkSoap, upnpCode } from '../../test/support/upnp.ts'
import { WORLD } from '../lab.ts'
import { LAN, map, natpmpc, router, serving, type Transport, WAN } from './support.ts'

const it = router('ready')

/** The bridge and its port: kernels before 5.13 know a flow by the one, later ones by the other. */
const OFFLOADING = `nft -f - <<'.'
table inet fw4 {
  flowtable lab {
    hook ingress priority filter
    devices = { br-lan, eth0, eth1 }
  }
}
insert rule inet fw4 forward meta l4proto { tcp, udp } flow add @lab
insert rule inet fw4 input meta l4proto 58 accept
.`
beforeAll(() => it.vm.must(OFFLOADING))

type Ask = (text: string, ms?: number) => Promise<Heard>

/** A flow that is answered, and that the flow table carries. */
async function carried(from: Host, transport: Transport, to: readonly [string, number]): Promise<Ask> {
  const ask = await flowOf(from, transport, to)
  await until(
    `${transport} to ${to.join(':')} is carried by the flow table`,
    async () => {
      await ask('on')
      const found = await it.vm.must(`grep "${transport}.*port=${to[1]} " /proc/net/nf_conntrack || true`)
      return found.includes('OFFLOAD') || undefined
    },
    PATIENCE,
  )
  await goesOn(`${transport} to ${to.join(':')}`, ask)
  return ask
}

async function flowOf(from: Host, transport: Transport, to: readonly [string, number]): Promise<Ask> {
  if (transport === 'tcp') return (await from.tcpFlow(to)).ask
  const flow = await from.udpFlow()
  return (text, ms) => flow.ask(to, text, ms)
}

const PATIENCE = 60_000
const answers = async (ask: Ask) => (await ask('there?', 1000)).got === 'reply'
const goesOn = (what: string, ask: Ask) =>
  until(`${what} goes on`, async () => (await answers(ask)) || undefined, PATIENCE)
/** Twice, since an emulated machine that others keep waiting may lose a datagram. */
const ends = (what: string, ask: Ask) =>
  until(`${what} has ended`, async () => !((await answers(ask)) || (await answers(ask))) || undefined, PATIENCE)

describe.each<Transport>(['udp', 'tcp'])('a flow table carries %s', transport => {
  test('a flow ends with its mapping, and no other does', async () => {
    const { a, b, world } = it.lab
    await serving(a, transport, 6801, () =>
      serving(b, transport, 6802, async () => {
        await map(a, transport, 6801)
        await map(b, transport, 6802)
        const ended = await carried(world, transport, [WAN, 6801])
        const other = await carried(world, transport, [WAN, 6802])
        await natpmpc(a, '-a', '0', '6801', transport, '0')
        await ends('the flow of the mapping that was given up', ended)
        await goesOn('the flow of the other mapping', other)
      }),
    )
  })
})

test('flows end when their network is cut off, and go on when it is not', async () => {
  const { a, world } = it.lab
  await it.vm.must(
    'uci set portico.upnp.allow_disable_internal_interface=1; uci commit portico; /etc/init.d/portico reload',
  )
  await until('it may be cut off', async () => (await switched(a, 1)) === 0 || undefined)
  const echoes = [world.udpEcho(6803), world.tcpEcho(6803), a.udpEcho(6804), a.tcpEcho(6804)]
  await Promise.all(echoes)
  await addIpv6()
  const echo6 = await world.tcpEcho(6805, WORLD6)
  const asked = () => a.tcpAsk([WORLD6, 6805], 'there?', 1000)
  await until('the world answers by IPv6', async () => (await asked()).got === 'reply' || undefined, 30_000)
  const flows = [await carried(a, 'tcp', [WORLD6, 6805])]
  for (const transport of ['udp', 'tcp'] as const) {
    await map(a, transport, 6804)
    flows.push(await carried(a, transport, [WORLD, 6803]), await carried(world, transport, [WAN, 6804]))
  }
  expect(await switched(a, 0)).toBe(0)
  for (const [index, flow] of flows.entries()) await ends(`flow ${index}`, flow)
  expect(await switched(a, 1)).toBe(0)
  for (const [index, flow] of flows.entries()) await goesOn(`flow ${index}`, flow)
  for (const echo of [...echoes, echo6]) await (await echo).close()
})

const [LAN6, A6] = ['2a01:488:88::1', '2a01:488:88::10']
const [WAN6, WORLD6] = ['2a01:488:ff::44', '2a01:488:ff::1']

/** The provider routes a prefix to the router, which has given its first network to the LAN. */
async function addIpv6(): Promise<void> {
  const { a, world } = it.lab
  await it.vm.must(`sysctl -w net.ipv6.conf.all.forwarding=1
ip -6 address add ${LAN6}/64 dev br-lan
ip -6 address add ${WAN6}/64 dev eth1
ip -6 route add default via ${WORLD6} dev eth1`)
  for (const [host, address, gateway, prefix] of [
    [a, A6, LAN6, 'default'],
    [world, WORLD6, WAN6, '2a01:488:88::/48'],
  ] as const) {
    await host.must(['ip', '-6', 'address', 'add', `${address}/64`, 'dev', 'eth0', 'nodad'])
    await host.must(['ip', '-6', 'route', 'add', prefix, 'via', gateway, 'dev', 'eth0'])
  }
}

/** SetEnabledForInternet: the code of the error, 0 for done. */
async function switched(host: Host, to: 0 | 1): Promise<number> {
  const text = networkSoap('SetEnabledForInternet', { NewEnabledForInternet: to }, LAN)
  return upnpCode(await httpRaw(host, LAN, text))
}
