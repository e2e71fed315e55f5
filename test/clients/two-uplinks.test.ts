/** IPv4 leaves by one device and IPv6 by another, as behind a 6in4 tunnel: mappings hold at the one, pinholes at the other. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { A6, addIpv6, expectNoReach6, expectReach6, WAN6, WORLD6 } from '../support/ipv6.ts'
import { type Lab, makeLab, WAN } from '../support/lab.ts'
import { must, until } from '../support/process.ts'
import { expectNoReach, expectReach } from '../support/reach.ts'
import { defaultUci, type Server, startDaemon } from '../support/server.ts'
import { ENGINES } from './under-test.ts'

const TUNNEL = '6in4-wan6'

/** A cable stands in for the tunnel, whose kind of device not every kernel has. */
async function addTunnel({ router, world }: Lab): Promise<void> {
  await must(['ip', '-batch', '-'], {
    input: `link add six0 netns ${world.netns} type veth peer name ${TUNNEL} netns ${router.netns}\n`,
  })
  await ip(router.netns, [`link set ${TUNNEL} up`])
  await ip(world.netns, ['link set six0 up'])
  await moveIpv6({ router, world }, 'wan0', TUNNEL)
  // fw4 has the tunnel in zone wan.
  await router.must(['nft', '-f', '-'], {
    input: `insert rule inet fw4 forward iifname "${TUNNEL}" jump forward_wan
insert rule inet fw4 forward_lan oifname "${TUNNEL}" accept
insert rule inet fw4 input iifname "${TUNNEL}" jump input_wan
insert rule inet fw4 forward ct state established,related accept\n`,
  })
}

/** The provider's addresses and the default route, from one device to another. */
async function moveIpv6({ router, world }: Pick<Lab, 'router' | 'world'>, from: string, to: string): Promise<void> {
  const far = (device: string) => (device === TUNNEL ? 'six0' : 'eth0')
  await ip(router.netns, [
    `address delete ${WAN6}/64 dev ${from}`,
    `address add ${WAN6}/64 dev ${to} nodad`,
    `route replace default via ${WORLD6} dev ${to}`,
  ])
  await ip(world.netns, [
    `address delete ${WORLD6}/64 dev ${far(from)}`,
    `address add ${WORLD6}/64 dev ${far(to)} nodad`,
    `route replace 2a01:488:88::/48 via ${WAN6} dev ${far(to)}`,
  ])
}

const ip = (netns: string, lines: readonly string[]) =>
  must(['ip', '-n', netns, '-batch', '-'], { input: `${lines.join('\n')}\n` })

const { portico, network, firewall } = defaultUci({ upnp: { enabled: '1' } })
const UCI = {
  portico: portico as string,
  network: `${network}\nconfig interface 'wan6'\n\toption proto '6in4'\n`,
  firewall: (firewall as string).replace("\tlist network 'wan'\n", "\tlist network 'wan'\n\tlist network 'wan6'\n"),
}

describe.each(ENGINES)('on %s', engine => {
  let lab: Lab
  let server: Server

  beforeAll(async () => {
    lab = await makeLab()
    await addIpv6(lab)
    await addTunnel(lab)
    server = await startDaemon(lab, { engine, uci: UCI })
    await Promise.all([lab.a.udpEcho(4000), lab.a.udpEcho(4000, A6), lab.a.tcpEcho(4000, A6)])
  })
  afterAll(() => lab?.close())

  const upnpc = (...words: string[]) => lab.a.must(['upnpc', ...words])
  const open = async (number: string) => {
    const said = await upnpc('-6', '-A', '', '0', A6, '4000', number, '600')
    return /Pinhole ID = (\d+)/.exec(said)?.[1] ?? said
  }

  test('status tells both ways out', async () => {
    expect(await server.json('status')).toMatchObject({
      uplink: { state: 'up', device: 'wan0', address: WAN },
      uplink6: { state: 'up', device: TUNNEL, address: WAN6 },
      problems: [],
    })
    const { stdout } = await server.console('status')
    expect(stdout).toMatch(new RegExp(`external: wan0 ${WAN} \\(public\\)\n\\s+IPv6: ${TUNNEL} ${WAN6}\n`))
  })

  test.each([
    ['udp', '17'],
    ['tcp', '6'],
  ] as const)('a %s pinhole lets the world in by the tunnel', async (transport, number) => {
    expect(await upnpc('-6', '-S')).toMatch(/FirewallEnabled: 1 & Inbound Pinhole Allowed: 1/)
    await expectNoReach6(lab, transport, A6, 4000)
    const id = await open(number)
    await expectReach6(lab, transport, A6, 4000)
    await upnpc('-6', '-D', id)
    await expectNoReach6(lab, transport, A6, 4000)
  })

  test('and a mapping by the uplink of IPv4', async () => {
    await upnpc('-a', lab.a.ip, '4000', '4001', 'udp', '600')
    await expectReach(lab, 'udp', 4001, lab.a)
    await upnpc('-d', '4001', 'udp')
    await expectNoReach(lab, 'udp', 4001)
  })

  test('a pinhole counts only where IPv6 comes in, and follows it to another device', async () => {
    const id = await open('6')
    await expectReach6(lab, 'tcp', A6, 4000)
    // The same host of the world, by the cable of IPv4, where no way of IPv6 is any more.
    const [link] = JSON.parse(await must(['ip', '-n', lab.router.netns, '-json', 'link', 'show', 'wan0']))
    await ip(lab.world.netns, [
      `neigh replace fe80::44 lladdr ${link.address} dev eth0`,
      `route replace ${A6}/128 via fe80::44 dev eth0 src ${WORLD6}`,
    ])
    // fw4's reject, so the packet did come to the router.
    expect((await lab.world.tcpAsk([A6, 4000], 'knock', 1500)).got).toBe('refused')
    await ip(lab.world.netns, [`route delete ${A6}/128 dev eth0`])

    await moveIpv6(lab, TUNNEL, 'wan0')
    await until('IPv6 by wan0', async () => {
      const { uplink6 } = (await server.json('status')) as { uplink6: { device: string } }
      return uplink6.device === 'wan0' || undefined
    })
    await expectReach6(lab, 'tcp', A6, 4000)
    await moveIpv6(lab, 'wan0', TUNNEL)
    await until('IPv6 by the tunnel', async () => {
      const { uplink6 } = (await server.json('status')) as { uplink6: { device: string } }
      return uplink6.device === TUNNEL || undefined
    })
    await expectReach6(lab, 'tcp', A6, 4000)
    await upnpc('-6', '-D', id)
  })

  test('without the tunnel there is no pinhole, and the reason is told', async () => {
    await ip(lab.router.netns, [`link set ${TUNNEL} down`])
    await until('no way out for IPv6', async () => {
      const { uplink6 } = (await server.json('status')) as { uplink6: { state: string } }
      return uplink6.state === 'down' || undefined
    })
    expect(await open('17')).toContain('failed with code')
    expect((await server.console('status')).stdout).toContain(
      'IPv6: no pinholes: no default route of IPv6 leaves by wan0',
    )
  })
})
