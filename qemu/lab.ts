/**
 * The router's surroundings, in a private network namespace that ends with the process: nothing to clean up, nothing
 * that others see. Run within `unshare -nm` (root) or `unshare -Urnm` (anybody), as main.ts does.
 *
 *     a 192.168.88.10 ──┐                             ┌── world 11.22.33.1, 55.66.77.1
 *     b 192.168.88.11 ──┼─ brl ─ tapl ═ router ═ tapw ─ brw
 *     iot 192.168.20.10 (VLAN 20) ──┤
 *     guest 192.168.99.10 (VLAN 99) ┘
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Host } from '../test/support/host.ts'
import { Background, must } from '../test/support/process.ts'
import { root, supportFile } from '../test/support/root.ts'

export const LAN = '192.168.88.1'
export const WAN = '11.22.33.44'
export const WORLD = '11.22.33.1'

export interface Surroundings {
  readonly a: Host
  readonly b: Host
  /** On VLAN 20 of the LAN's cable. */
  readonly iot: Host
  /** On VLAN 99. */
  readonly guest: Host
  readonly world: Host
  readonly taps: readonly [string, string]
  close(): Promise<void>
}

export async function makeSurroundings(): Promise<Surroundings> {
  await prepareNamespace()
  const agent = supportFile('agent.py')
  const host = (name: string, ip: string) => new Host(name, name, ip, agent)
  const hosts = {
    a: host('a', '192.168.88.10'),
    b: host('b', '192.168.88.11'),
    iot: host('iot', '192.168.20.10'),
    guest: host('guest', '192.168.99.10'),
    world: host('world', WORLD),
  }
  await must(['ip', '-batch', '-'], {
    input: [
      ...bridge('brl', 'tapl'),
      ...bridge('brw', 'tapw'),
      ...['a', 'b'].flatMap(name => cable(name, 'brl')),
      ...cable('world', 'brw'),
      'link add trunk type veth peer name brl-trunk',
      'link set brl-trunk master brl up',
      'link set trunk up',
      'netns add iot',
      'netns add guest',
      '',
    ].join('\n'),
  })
  const untagging = new Background(['python3', join(root, 'qemu/vlans.py'), 'trunk', 'brl-trunk', '20', '99'])
  await untagging.waitFor('ready')
  await must(['ip', 'link', 'set', 'vlan20', 'netns', 'iot', 'name', 'eth0'])
  await must(['ip', 'link', 'set', 'vlan99', 'netns', 'guest', 'name', 'eth0'])
  await Promise.all([
    station(hosts.a, LAN),
    station(hosts.b, LAN),
    station(hosts.iot, '192.168.20.1'),
    station(hosts.guest, '192.168.99.1'),
    // The world knows the way to the private networks: what keeps it out is the router, not a missing route.
    station(hosts.world, WAN),
  ])
  return {
    ...hosts,
    taps: ['tapl', 'tapw'],
    async close() {
      await Promise.all(Object.values(hosts).map(each => each.close()))
      await untagging.kill()
      await tearDown()
    },
  }
}

/** Private /run for names of namespaces; the mount namespace is ours. */
async function prepareNamespace(): Promise<void> {
  await must([
    'sh',
    '-c',
    'mountpoint -q /run/portico-qemu || { mount -t tmpfs t /run && mkdir -p /run/netns /run/portico-qemu && mount -t tmpfs t /run/portico-qemu; }',
  ])
  await must(['ip', 'link', 'set', 'lo', 'up'])
  mkdirSync('/run/netns', { recursive: true })
  await tearDown()
}

async function tearDown(): Promise<void> {
  const commands = [
    ...['a', 'b', 'iot', 'guest', 'world'].map(name => `ip netns delete ${name}`),
    ...['brl-a', 'brl-b', 'brw-world', 'trunk', 'brl', 'brw', 'tapl', 'tapw'].map(name => `ip link delete ${name}`),
  ]
  await must(['sh', '-c', `${commands.map(each => `${each} 2>/dev/null`).join('; ')}; true`])
}

const bridge = (name: string, tap: string): readonly string[] => [
  `link add ${name} type bridge forward_delay 0 mcast_snooping 0`,
  `link set ${name} up`,
  `tuntap add ${tap} mode tap`,
  `link set ${tap} master ${name} up`,
]

const cable = (host: string, to: string): readonly string[] => [
  `netns add ${host}`,
  `link add eth0 netns ${host} type veth peer name ${to}-${host}`,
  `link set ${to}-${host} master ${to} up`,
]

async function station(host: Host, gateway: string): Promise<void> {
  const commands = [
    'link set lo up',
    'link set eth0 up',
    `address add ${host.ip}/24 brd + dev eth0`,
    ...(host.name === 'world' ? ['address add 55.66.77.1/24 dev eth0'] : []),
    ...(host.name === 'world' ? [`route add 192.168.0.0/16 via ${gateway}`] : [`route add default via ${gateway}`]),
  ]
  await must(['ip', '-n', host.netns, '-batch', '-'], { input: `${commands.join('\n')}\n` })
}
