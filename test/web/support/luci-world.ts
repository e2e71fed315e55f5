/** A household as the daemon would tell of it (docs/ubus.md), for states that a lab does not reach. */
import type { Ubus } from './luci-router.ts'

export const CONFIGS = {
  portico: `config portico 'nat_pmp'
	option enabled '1'

config portico 'upnp'
	option enabled '1'

config portico 'limits'

config portico 'system'

config permission
	option action 'deny'
	option dst_port '22'
	option comment 'no ssh'

config permission
	option action 'allow'
	option mac '02:00:00:00:00:0b'
	option dst_port '32400'
	option comment 'Plex'
`,
  firewall: `config zone
	option name 'lan'
	list network 'lan'

config zone
	option name 'wan'
	option masq '1'
	list network 'wan'
	list network 'wan6'
`,
}

export interface Mapping {
  readonly id: string
  readonly protocol: string
  readonly dst_port: number
  readonly [field: string]: unknown
}

const mapping = (
  id: string,
  protocol: string,
  dst_port: number,
  client: string,
  comment: string,
  rest: Readonly<Record<string, unknown>> = {},
): Mapping => ({
  id,
  protocol,
  dst_address: '11.22.33.44',
  dst_port,
  internal_address: client,
  internal_port: dst_port,
  state: 'on',
  service: 'upnp',
  client,
  comment,
  dynamic: true,
  timeout: 3540,
  lifetime: 3600,
  packets: 12,
  bytes: 3400,
  ...rest,
})

export const MAPPINGS: readonly Mapping[] = [
  mapping('*20FB', 'tcp', 8443, '192.168.1.20', 'camera', {
    service: 'static',
    dynamic: false,
    client: undefined,
    timeout: undefined,
    lifetime: undefined,
    internal_port: 443,
    bytes: 18_400_000,
  }),
  mapping('*C02', 'udp', 3074, '192.168.1.30', 'Xbox Live', { mac: '02:00:00:00:00:0c', bytes: 52_300_000 }),
  mapping('*1A2B', 'tcp', 51413, '192.168.1.10', 'Transmission', {
    service: 'nat-pmp',
    mac: '02:00:00:00:00:0a',
    timeout: 6900,
    bytes: 734_000_000,
  }),
  mapping('*7E90', 'tcp', 32400, '192.168.1.11', 'Plex', {
    mac: '02:00:00:00:00:0b',
    timeout: undefined,
    lifetime: undefined,
    bytes: 2_100_000_000,
  }),
  mapping('*P7', 'udp', 50000, '2001:db8:1::30', '', {
    pinhole: 7,
    dst_address: '2001:db8:1::30',
    mac: '02:00:00:00:00:0c',
    timeout: 540,
    bytes: 120_000,
  }),
]

export const HOSTS = {
  '02:00:00:00:00:0A': { ipaddrs: ['192.168.1.10'], ip6addrs: [], name: 'nas.lan' },
  '02:00:00:00:00:0B': { ipaddrs: ['192.168.1.11'], ip6addrs: ['2001:db8:1::11'], name: 'mediacenter.lan' },
  '02:00:00:00:00:0C': { ipaddrs: ['192.168.1.30'], ip6addrs: ['2001:db8:1::30'], name: 'xbox.lan' },
  '02:00:00:00:00:14': { ipaddrs: ['192.168.1.20'], ip6addrs: [], name: 'camera.lan' },
  '02:00:00:00:00:15': { ipaddrs: ['192.168.1.21'], ip6addrs: [], name: 'laptop.lan' },
}

export const LEASES = {
  dhcp_leases: [
    { expires: 40_000, hostname: 'phone', macaddr: '02:00:00:00:00:16', ipaddr: '192.168.1.22' },
    { expires: 40_000, hostname: 'laptop', macaddr: '02:00:00:00:00:15', ipaddr: '192.168.1.21' },
  ],
  dhcp6_leases: [],
}

export const STATUS = {
  version: '0.2.0',
  engine: 'QuickJS 2025-04-26',
  uptime: 93_784,
  services: [
    { service: 'nat-pmp', enabled: true, listening: ['192.168.1.1:5351'] },
    { service: 'upnp', enabled: true, listening: ['192.168.1.1:5000'] },
  ],
  uplink: { state: 'up', device: 'eth1', address: '11.22.33.44', told: '11.22.33.44', reach: 'public' },
  internal: [{ device: 'br-lan', address: '192.168.1.1' }],
  closed: [],
  mappings: { held: 5, total: 2048, 'per-host': 64 },
  refused: [],
  problems: [],
  kernel: { release: '6.12.5', features: [] },
  ubus: { connected: true },
  advice: [],
}

const journal = (number: number, age: number, what: string, rest: Readonly<Record<string, unknown>>) => ({
  number,
  age,
  severity: 'info',
  what,
  text: '',
  ...rest,
})

export const JOURNAL = [
  journal(1, 7200, 'uplink', { text: 'external interface eth1 has 11.22.33.44' }),
  journal(2, 3600, 'granted', {
    service: 'upnp',
    client: '192.168.1.30',
    protocol: 'udp',
    dst_port: 3074,
    internal_address: '192.168.1.30',
    internal_port: 3074,
    comment: 'Xbox Live',
  }),
  journal(3, 1800, 'granted', {
    service: 'nat-pmp',
    client: '192.168.1.10',
    protocol: 'tcp',
    dst_port: 51413,
    internal_address: '192.168.1.10',
    internal_port: 51413,
    comment: 'Transmission',
  }),
  journal(4, 900, 'refused', {
    service: 'upnp',
    client: '192.168.1.21',
    protocol: 'tcp',
    dst_port: 22,
    internal_port: 22,
    why: 'not-allowed',
    because: 'permission 0 (no ssh)',
    rule: 0,
  }),
  journal(5, 600, 'refused', {
    service: 'upnp',
    client: '192.168.1.20',
    protocol: 'tcp',
    dst_port: 80,
    internal_port: 80,
    why: 'not-allowed',
    because: 'default policy: internal port 80 is a web interface',
  }),
  journal(6, 120, 'expired', {
    service: 'nat-pmp',
    client: '192.168.1.22',
    protocol: 'udp',
    dst_port: 40000,
    internal_address: '192.168.1.22',
    internal_port: 40000,
    comment: 'FaceTime',
  }),
  journal(7, 30, 'removed', {
    service: 'upnp',
    client: '192.168.1.21',
    protocol: 'tcp',
    dst_port: 6881,
    internal_address: '192.168.1.21',
    internal_port: 6881,
    comment: 'qBittorrent',
    because: 'by its client',
  }),
]

/** In the daemon's own words (src/control/check.ts). */
export const CHECKS = [
  { name: 'service', state: 'green', what: 'nat-pmp and upnp are on' },
  { name: 'configuration', state: 'green', what: 'the files have no mistakes' },
  { name: 'roles', state: 'green', what: 'internal br-lan, external eth1' },
  {
    name: 'uplink',
    state: 'amber',
    what: '100.64.7.12 is shared by the provider',
    mend: 'Ask your provider for a public IPv4 address.',
  },
  { name: 'ports', state: 'green', what: 'answers at 192.168.1.1:5351, 192.168.1.1:5000' },
  {
    name: 'firewall',
    state: 'red',
    what: 'firewall4 has no rule that accepts mark 0x40000000: it refuses what comes in by a mapping',
    mend: 'Run: /etc/init.d/portico restart && /etc/init.d/firewall reload',
  },
  { name: 'accounting', state: 'green', what: 'the kernel counts the traffic of flows' },
  { name: 'rival', state: 'green', what: 'no other port-mapping daemon runs' },
  { name: 'capacity', state: 'green', what: '5 of 2048 mappings are in use' },
]

export const NETWORKS = [
  { interface: 'loopback', up: true, l3_device: 'lo', route: [] },
  { interface: 'lan', up: true, l3_device: 'br-lan', route: [] },
  { interface: 'guest', up: true, l3_device: 'br-guest', route: [] },
  { interface: 'wan', up: true, l3_device: 'eth1', route: [{ target: '0.0.0.0', mask: 0, nexthop: '11.22.33.1' }] },
]

/** What a test may change while a page is open. */
export interface World {
  mappings: readonly Mapping[]
  time: number
  status: unknown
  journal: readonly { readonly number: number; readonly [field: string]: unknown }[]
  checks: readonly unknown[]
  hosts: unknown
  leases: unknown
  /** The next answers to `remove` and `pin`. */
  done: unknown
  why: unknown
}

export const household = (): World => ({
  mappings: MAPPINGS,
  time: 93_784,
  status: STATUS,
  journal: JOURNAL,
  checks: CHECKS,
  hosts: HOSTS,
  leases: LEASES,
  done: { ok: true },
  why: { allowed: false, because: 'permission 0 (no ssh)', rule: 0 },
})

/** The daemon's ubus object, answering from `world`. */
export function recorded(world: World): Ubus {
  return (object, method, args) => {
    switch (`${object}.${method}`) {
      case 'portico.status':
        return [0, world.status]
      case 'portico.mappings': {
        const offset = Number(args['offset'] ?? 0)
        const page = world.mappings.slice(offset, offset + Number(args['limit'] ?? 1000))
        return [0, { mappings: page, total: world.mappings.length, version: 1, time: world.time }]
      }
      case 'portico.journal': {
        const after = Number(args['after'] ?? 0)
        const entries = world.journal.filter(({ number }) => number > after)
        return [0, { entries, last: world.journal.at(-1)?.number ?? 0 }]
      }
      case 'portico.check':
        return [0, { checks: world.checks }]
      case 'portico.why':
        return [0, world.why]
      case 'portico.remove':
      case 'portico.pin':
        return [0, world.done]
      case 'luci-rpc.getHostHints':
        return [0, world.hosts]
      case 'luci-rpc.getDHCPLeases':
        return [0, world.leases]
      case 'network.interface.dump':
        return [0, { interface: NETWORKS }]
      default:
        return [4]
    }
  }
}
