/** IPv6 in the lab: the provider routes a prefix to the router, which gives its first network to the LAN. */
import { expect } from 'vitest'
import type { Host } from './host.ts'
import type { Lab } from './lab.ts'
import { must, until } from './process.ts'

/** Global addresses that look public; the last part is that of IPv4. */
export const LAN6 = '2a01:488:88::1'
export const A6 = '2a01:488:88::10'
export const B6 = '2a01:488:88::11'
export const WAN6 = '2a01:488:ff::44'
export const WORLD6 = '2a01:488:ff::1'
export const GUEST6 = '2a01:488:99::1'

/** `nodad`: a lab has no doubles, and tentative addresses would cost two seconds. */
export async function addIpv6({ a, b, guest, router, world }: Lab): Promise<void> {
  await router.must(['sysctl', '-q', 'net.ipv6.conf.all.forwarding=1'])
  const ip = (host: Host, lines: readonly string[]) =>
    must(['ip', '-n', host.netns, '-batch', '-'], { input: `${lines.join('\n')}\n` })
  await ip(router, [
    `address add ${LAN6}/64 dev br-lan nodad`,
    `address add ${GUEST6}/64 dev br-guest nodad`,
    `address add ${WAN6}/64 dev wan0 nodad`,
    `route add default via ${WORLD6} dev wan0`,
  ])
  await ip(a, [`address add ${A6}/64 dev eth0 nodad`, `route add default via ${LAN6} dev eth0`])
  await ip(b, [`address add ${B6}/64 dev eth0 nodad`, `route add default via ${LAN6} dev eth0`])
  await ip(guest, ['address add 2a01:488:99::10/64 dev eth0 nodad', `route add default via ${GUEST6} dev eth0`])
  await ip(world, [`address add ${WORLD6}/64 dev eth0 nodad`, `route add 2a01:488:88::/48 via ${WAN6} dev eth0`])
  await until('IPv6 link-local addresses', async () => {
    const shown = await Promise.all(
      [a, b, router, world].map(host => must(['ip', '-n', host.netns, '-6', 'address', 'show', 'tentative'])),
    )
    return shown.every(text => text.trim() === '') || undefined
  })
}

/** The world's word reaches the host's echo server, which listens on `::`, and the answer comes back. */
export async function expectReach6(lab: Lab, transport: 'tcp' | 'udp', ip: string, port: number): Promise<void> {
  const heard = await knock(lab, transport, ip, port, 1500)
  expect(heard).toMatchObject({ got: 'reply' })
  expect(heard.got === 'reply' && heard.text).toMatch(new RegExp(`saw ${WORLD6}:\\d+ knock$`))
}

export async function expectNoReach6(lab: Lab, transport: 'tcp' | 'udp', ip: string, port: number): Promise<void> {
  expect((await knock(lab, transport, ip, port, 300)).got).not.toBe('reply')
}

const knock = (lab: Lab, transport: 'tcp' | 'udp', ip: string, port: number, ms: number) =>
  transport === 'udp' ? lab.world.udpAsk([ip, port], 'knock', ms) : lab.world.tcpAsk([ip, port], 'knock', ms)
