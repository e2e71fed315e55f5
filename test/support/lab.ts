/**
 * A router with a LAN, a guest network and the world, in network namespaces of our own. Nothing of it is visible to
 * the machine's own network, so labs run side by side.
 *
 *     a 192.168.88.10 ─┐                    ┌──────────────┐
 *                      ├─ br-lan 192.168.88.1│              │
 *     b 192.168.88.11 ─┘                    │    router    │ wan0 11.22.33.44 ── 11.22.33.1 world
 *     guest 192.168.99.10 ── br-guest 192.168.99.1         │
 *                                           └──────────────┘
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Host } from './host.ts'
import { addNamespaces, newLabName, removeNamespace } from './netns.ts'
import { must, until } from './process.ts'
import { supportFile } from './root.ts'

/** The router's addresses; the WAN address looks public, since clients distrust a private one. */
export const LAN = '192.168.88.1'
export const GUEST = '192.168.99.1'
export const WAN = '11.22.33.44'
export const WORLD = '11.22.33.1'

/** The mark that opens fw4 for our traffic (the init script publishes the rule as procd data). */
export const MARK = 0x40000000

export interface Firewall {
  /** What the zones do with packets for the router itself. As OpenWrt ships it: reject. */
  readonly wanInput?: 'accept' | 'reject'
  readonly guestInput?: 'accept' | 'reject'
}

export interface Lab {
  readonly name: string
  /** A private directory, removed with the lab. */
  readonly directory: string
  readonly a: Host
  readonly b: Host
  readonly guest: Host
  readonly router: Host
  readonly world: Host
  /** The stand-in for `fw4 reload`: flushes and refills its table in one transaction. */
  reloadFirewall(firewall?: Firewall): Promise<void>
  close(): Promise<void>
}

export async function makeLab(firewall: Firewall = {}): Promise<Lab> {
  const name = newLabName()
  const directory = mkdtempSync(join(tmpdir(), `${name}-`))
  const forget = () => rmSync(directory, { recursive: true, force: true })
  process.once('exit', forget)
  const agent = supportFile('agent.py')
  const host = (who: string, ip: string) => new Host(who, `${name}-${who}`, ip, agent)
  const hosts = {
    a: host('a', '192.168.88.10'),
    b: host('b', '192.168.88.11'),
    guest: host('guest', '192.168.99.10'),
    router: host('router', LAN),
    world: host('world', WORLD),
  }
  const all = Object.values(hosts)
  await addNamespaces(all.map(({ netns }) => netns))
  await connect(hosts)
  await Promise.all(all.map(carrier))
  const lab: Lab = {
    name,
    directory,
    ...hosts,
    async reloadFirewall(changed = firewall) {
      await hosts.router.must(['nft', '-f', '-'], { input: rules(changed) })
    },
    async close() {
      await Promise.all(all.map(each => each.close()))
      for (const { netns } of all) removeNamespace(netns)
      process.removeListener('exit', forget)
      forget()
    },
  }
  await lab.reloadFirewall()
  return lab
}

/** Another WAN address, as a new DHCP lease brings it: the old one goes, the new one comes, then the route. */
export async function moveWan({ router }: Lab, from: string, to: string): Promise<void> {
  await router.must(['ip', '-batch', '-'], {
    input: `address delete ${from}/24 dev wan0\naddress add ${to}/24 brd + dev wan0\nroute add default via ${WORLD} dev wan0 onlink\n`,
  })
}

type Hosts = Pick<Lab, 'a' | 'b' | 'guest' | 'router' | 'world'>

async function connect({ a, b, guest, router, world }: Hosts): Promise<void> {
  const cable = (from: Host, to: string) =>
    `link add eth0 netns ${from.netns} type veth peer name ${to} netns ${router.netns}\n`
  await must(['ip', '-batch', '-'], {
    input: cable(a, 'lan-a') + cable(b, 'lan-b') + cable(guest, 'guest-g') + cable(world, 'wan0'),
  })
  await Promise.all([
    batch(router, [
      'link set lo up',
      'link add br-lan address 02:00:00:00:88:01 type bridge forward_delay 0 mcast_snooping 0',
      'link add br-guest address 02:00:00:00:99:01 type bridge forward_delay 0 mcast_snooping 0',
      'link set lan-a master br-lan up',
      'link set lan-b master br-lan up',
      'link set guest-g master br-guest up',
      'link set br-lan up',
      'link set br-guest up',
      'link set wan0 up',
      `address add ${LAN}/24 brd + dev br-lan`,
      `address add ${GUEST}/24 brd + dev br-guest`,
      `address add ${WAN}/24 brd + dev wan0`,
      `route add default via ${WORLD}`,
    ])
      .then(() => router.must(['sysctl', '-q', ...ROUTER_SYSCTLS]))
      // As on OpenWrt: flows are counted, and what stays within the bridge is not the firewall's (absent where
      // br_netfilter is).
      .then(() => router.must(['sysctl', '-q', '-e', ...OPENWRT_SYSCTLS])),
    batch(a, station(a.ip, LAN)),
    batch(b, station(b.ip, LAN)),
    batch(guest, station(guest.ip, GUEST)),
    // The world knows the way to the private networks: what keeps it out is the router, not a missing route.
    batch(world, [
      ...station(world.ip),
      `route add 192.168.88.0/24 via ${WAN}`,
      `route add 192.168.99.0/24 via ${WAN}`,
    ]),
  ])
}

/** A bridge forwards only some moments after its ports have been set up. */
async function carrier({ netns }: Host): Promise<void> {
  await until(`links up in ${netns}`, async () => {
    const links = JSON.parse(await must(['ip', '-n', netns, '-json', 'link', 'show'])) as Link[]
    return links.every(({ ifname, operstate }) => ifname === 'lo' || operstate === 'UP') || undefined
  })
}

interface Link {
  readonly ifname: string
  readonly operstate: string
}

/** rp_filter off, as OpenWrt ships it, so that a spoofed source meets our own checks and not the kernel's; every refusal heard. */
const ROUTER_SYSCTLS = [
  'net.ipv4.ip_forward=1',
  'net.ipv4.icmp_ratelimit=0',
  'net.ipv4.conf.all.rp_filter=0',
  'net.ipv4.conf.default.rp_filter=0',
  'net.ipv4.conf.br-lan.rp_filter=0',
  'net.ipv4.conf.br-guest.rp_filter=0',
  'net.ipv4.conf.wan0.rp_filter=0',
]

const OPENWRT_SYSCTLS = ['net.netfilter.nf_conntrack_acct=1', 'net.bridge.bridge-nf-call-iptables=0']

const station = (ip: string, gateway?: string): string[] => [
  'link set lo up',
  'link set eth0 up',
  `address add ${ip}/24 brd + dev eth0`,
  ...(gateway === undefined ? [] : [`route add default via ${gateway}`]),
]

async function batch(host: Host, lines: readonly string[]): Promise<void> {
  await must(['ip', '-n', host.netns, '-batch', '-'], { input: `${lines.join('\n')}\n` })
}

function rules({ wanInput = 'reject', guestInput = 'reject' }: Firewall): string {
  const mark = `0x${MARK.toString(16)}`
  const fill: Readonly<Record<string, string>> = {
    WAN_INPUT: wanInput,
    GUEST_INPUT: guestInput,
    MARK_RULE: `meta mark & ${mark} == ${mark} counter accept comment "!fw4: ubus:portico[instance1] rule 0"`,
  }
  return readFileSync(supportFile('fw4.nft'), 'utf8').replace(/@(\w+)@/g, (_, word: string) => fill[word] ?? '')
}
