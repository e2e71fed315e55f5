/** What Portico needs of `/etc/config/firewall`: zones, what is forwarded, and port redirects, read as firewall4 does. */
import type { Ip, IpRange, Port, PortRange } from '../base/ip.ts'
import { isIpv4, parseIpRange } from '../base/ip.ts'
import { oneLine } from '../base/text.ts'
import type { Transport } from '../core/mapping.ts'
import type { UciFile, UciSection } from '../wire/uci.ts'
import { flag } from './kinds.ts'
import { single, words } from './network-file.ts'

export type Family = 'ipv4' | 'ipv6'
export const FAMILIES: readonly Family[] = ['ipv4', 'ipv6']

export interface Zone {
  readonly name: string
  /** What it is about; packets of the other family are in no zone. One at least. */
  readonly families: readonly Family[]
  /** Whether it translates IPv4. */
  readonly masq: boolean
  readonly networks: readonly string[]
  readonly devices: readonly string[]
}

/** A `config redirect` with target DNAT that translates IPv4. */
export interface Redirect {
  readonly name: string
  /** The zone its traffic comes from, or `*`. */
  readonly from: string
  readonly transports: readonly Transport[]
  /** External ports, in order, without overlap. */
  readonly external: readonly PortRange[]
  /** `src_dip`: only packets to these addresses; absent for all. */
  readonly destination: IpRange | undefined
  /** `undefined`: the router itself. */
  readonly internal: Ip | undefined
  /** `undefined`: the port stays as it is. */
  readonly internalPorts: PortRange | undefined
  /** Only some senders, or only some of the time. */
  readonly restricted: boolean
}

/** A `config forwarding` that lets IPv6 pass: from one zone to another, or `*`. */
export interface Forwarding {
  readonly from: string
  readonly to: string
}

export interface FirewallFile {
  /** What becomes of a forwarded packet that nothing else decides about: `config defaults`, `option forward`. */
  readonly forward: 'accept' | 'reject' | 'drop'
  readonly forwardings: readonly Forwarding[]
  readonly zones: readonly Zone[]
  readonly redirects: readonly Redirect[]
}

export function firewallFile(file: UciFile): FirewallFile {
  const enabled = file.sections.filter(section => isTrue(section, 'enabled', '1'))
  const zones = enabled.filter(({ type }) => type === 'zone').flatMap(section => zone(section) ?? [])
  // fw4.uc infer_family: whatever names a zone is about no more than the zone.
  const isAbout = (family: Family, name: string): boolean =>
    zones.find(each => each.name === name)?.families.includes(family) ?? true
  return {
    forward: policy(file.sections.find(({ type }) => type === 'defaults')),
    forwardings: enabled
      .filter(({ type }) => type === 'forwarding')
      .flatMap(section => forwarding(section) ?? [])
      .filter(({ from, to }) => isAbout('ipv6', from) && isAbout('ipv6', to)),
    zones,
    redirects: enabled
      .filter(({ type }) => type === 'redirect')
      .flatMap(section => redirect(section) ?? [])
      .filter(({ from }) => isAbout('ipv4', from)),
  }
}

const isTrue = (section: UciSection, name: string, otherwise: string): boolean =>
  flag.read((single(section, name) ?? otherwise).toLowerCase()) === true

function zone(section: UciSection): Zone | undefined {
  const name = single(section, 'name')
  const families = zoneFamilies(section)
  if (name === undefined || families === undefined) return undefined
  return {
    name,
    families,
    masq: isTrue(section, 'masq', '0') && families.includes('ipv4'),
    networks: words(section, 'network'),
    devices: words(section, 'device'),
  }
}

/** fw4.uc parse_family; `undefined` for a word that it does not know: it leaves the whole section out. */
function familiesOf(section: UciSection): readonly Family[] | undefined {
  const word = single(section, 'family') ?? 'any'
  if (['any', 'all', '*'].includes(word)) return FAMILIES
  if (word === 'inet' || word.includes('4')) return ['ipv4']
  return word.includes('6') ? ['ipv6'] : undefined
}

/** fw4.uc parse_zone: subnets of one family alone make it the zone's; a family that contradicts them leaves no zone. */
function zoneFamilies(section: UciSection): readonly Family[] | undefined {
  const subnets = words(section, 'subnet').map(text => text.replace(/^!/, ''))
  const named = FAMILIES.filter(family => subnets.length === 0 || subnets.some(text => mayBe(family, text)))
  const families = familiesOf(section)?.filter(family => named.includes(family))
  return families?.length === 0 ? undefined : families
}

/** An address, a prefix or a range; or the name of a network, which may have addresses of both. */
const mayBe = (family: Family, subnet: string): boolean =>
  subnet.includes(':') ? family === 'ipv6' : !/^[0-9./-]+$/.test(subnet) || family === 'ipv4'

/** fw4.uc parse_policy: any beginning of the word, in either case; `drop` where there is none. */
function policy(defaults: UciSection | undefined): FirewallFile['forward'] {
  const text = defaults && single(defaults, 'forward')?.toLowerCase()
  return (text ? POLICIES.find(each => each.startsWith(text)) : undefined) ?? 'drop'
}

const POLICIES = ['accept', 'reject', 'drop'] as const

/** fw4.uc parse_forwarding. */
function forwarding(section: UciSection): Forwarding | undefined {
  const from = single(section, 'src')
  const to = single(section, 'dest')
  const isIpv6 = familiesOf(section)?.includes('ipv6') ?? false
  return from === undefined || to === undefined || !isIpv6 ? undefined : { from, to }
}

/** fw4.uc parse_redirect; what it skips with a warning is skipped here too. */
function redirect(section: UciSection): Redirect | undefined {
  const from = single(section, 'src')
  // fw4.uc parse_enum: any beginning of the word, in either case.
  const target = (single(section, 'target') ?? 'dnat').toLowerCase()
  if (from === undefined || 'snat'.startsWith(target) || !familiesOf(section)?.includes('ipv4')) return undefined
  const protocol = transports(words(section, 'proto'))
  const external = externalPorts(single(section, 'src_dport'), protocol.any)
  const internalPorts = ports(single(section, 'dest_port'))
  if (protocol.transports.length === 0 || external === undefined || internalPorts === 'unreadable') return undefined
  const to = single(section, 'dest_ip')
  const internal = to === undefined ? undefined : parseIpRange(to)
  if (to !== undefined && (internal === undefined || !isIpv4(internal.first))) return undefined
  return {
    name: oneLine(single(section, 'name') ?? section.name, 64),
    from,
    transports: protocol.transports,
    external,
    destination: parseIpRange(single(section, 'src_dip') ?? ''),
    internal: internal?.first,
    internalPorts: protocol.any ? undefined : internalPorts?.range,
    restricted: RESTRICTIONS.some(name => section.options.has(name)),
  }
}

const RESTRICTIONS = [
  'src_ip',
  'src_mac',
  'src_port',
  'ipset',
  'mark',
  'limit',
  'start_date',
  'stop_date',
  'start_time',
  'stop_time',
  'weekdays',
  'monthdays',
]

/** fw4.uc parse_protocol; the default of a redirect is both. `any` has no ports: such a redirect takes all of them. */
function transports(names: readonly string[]): { readonly transports: readonly Transport[]; readonly any: boolean } {
  const lower = names.map(name => name.toLowerCase())
  const has = (...wanted: readonly string[]) => wanted.some(name => lower.includes(name))
  if (has('all', 'any', '*')) return { transports: ['tcp', 'udp'], any: true }
  const both = names.length === 0 || has('tcpudp')
  const found: Transport[] = []
  if (both || has('tcp', '6')) found.push('tcp')
  if (both || has('udp', '17')) found.push('udp')
  return { transports: found, any: false }
}

const ALL_PORTS: PortRange = { first: 1 as Port, last: 65535 as Port }

function externalPorts(text: string | undefined, any: boolean): readonly PortRange[] | undefined {
  if (text === undefined || any) return [ALL_PORTS]
  const found = ports(text)
  if (found === 'unreadable' || found === undefined) return undefined
  return found.inverted ? others(found.range) : [found.range]
}

/** fw4.uc parse_port: `80`, `80-90`, `80:90`, each with `!` before it for all others. Port 0 does not exist. */
function ports(text: string | undefined): { range: PortRange; inverted: boolean } | 'unreadable' | undefined {
  if (text === undefined) return undefined
  const match = /^\s*(!?)\s*([0-9]{1,5})(?:[-:]([0-9]{1,5}))?$/.exec(text)
  if (match === null) return 'unreadable'
  const first = Number(match[2])
  const last = match[3] === undefined ? first : Number(match[3])
  if (first > last || last > 65535 || last === 0) return 'unreadable'
  return { range: { first: Math.max(1, first) as Port, last: last as Port }, inverted: match[1] === '!' }
}

function others({ first, last }: PortRange): readonly PortRange[] {
  const ranges: PortRange[] = []
  if (first > 1) ranges.push({ first: 1 as Port, last: (first - 1) as Port })
  if (last < 65535) ranges.push({ first: (last + 1) as Port, last: 65535 as Port })
  return ranges
}
