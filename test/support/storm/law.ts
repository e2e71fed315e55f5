/** What the owner has configured, as UCI and as an independent judge of what it allows. */
import { defaultUci, type Uci } from '../server.ts'
import type { Dice } from './dice.ts'
import type { Row } from './view.ts'

export interface LawRule {
  readonly action: 'allow' | 'deny'
  readonly transport: 'tcp' | 'udp' | 'both'
  readonly ports: readonly [number, number] | undefined
  readonly internal: readonly [number, number] | undefined
  readonly host: string | undefined
  readonly service: 'upnp' | 'nat-pmp' | undefined
}

export interface LawStatic {
  readonly transport: 'tcp' | 'udp'
  readonly external: number
  readonly ip: string
  readonly internal: number
}

export interface Law {
  readonly natPmp: readonly [enabled: boolean, mayMap: boolean]
  readonly upnp: readonly [enabled: boolean, mayMap: boolean]
  readonly rules: readonly LawRule[]
  readonly statics: readonly LawStatic[]
  /** A redirect of the firewall. */
  readonly redirect: LawStatic | undefined
  readonly defaultAction: 'high_ports' | 'allow' | 'deny'
  readonly perHost: number
  readonly total: number
  readonly minLease: number
  readonly maxLease: number
  readonly forcedIp: string | undefined
  readonly httpPort: 5000 | 5001
  /** Roles written down, and what the LAN is served with. */
  readonly roles: 'none' | 'both' | 'nat_pmp' | 'upnp'
  /** Whether clients may cut their network off (`allow_disable_internal_interface`). */
  readonly mayClose: boolean
}

export const CALM: Law = {
  natPmp: [true, true],
  upnp: [true, true],
  rules: [],
  statics: [],
  redirect: undefined,
  defaultAction: 'high_ports',
  perHost: 200,
  total: 1000,
  minLease: 1,
  maxLease: 604_800,
  forcedIp: undefined,
  httpPort: 5000,
  roles: 'none',
  mayClose: true,
}

export const FORCED = '11.22.33.99'

export function someLaw(dice: Dice, before: Law): Law {
  const port = () => dice.between(4000, 4007)
  const range = (): readonly [number, number] => {
    const first = port()
    return [first, Math.min(4007, first + dice.between(0, 3))]
  }
  const maybe = <T>(share: number, make: () => T): T | undefined => (dice.chance(share) ? make() : undefined)
  const rule = (): LawRule => ({
    action: dice.pick([
      [2, 'deny'],
      [1, 'allow'],
    ]),
    transport: dice.one(['tcp', 'udp', 'both']),
    ports: maybe(0.6, range),
    internal: maybe(0.3, range),
    host: maybe(0.4, () => dice.one(['192.168.88.10', '192.168.88.11', '192.168.88.0/24'])),
    service: maybe(0.3, () => dice.one(['upnp', 'nat-pmp'])),
  })
  const fixed = (): LawStatic => ({
    transport: dice.one(['tcp', 'udp']),
    external: port(),
    ip: dice.one(['192.168.88.10', '192.168.88.11']),
    internal: dice.between(4000, 4005),
  })
  const list = <T>(most: number, make: () => T): T[] => Array.from({ length: dice.between(0, most) }, make)
  const key = ({ transport, external }: LawStatic) => `${transport} ${external}`
  const statics = [...new Map(list(2, fixed).map(each => [key(each), each])).values()]
  const drawn: Law = {
    natPmp: [dice.chance(0.9), dice.chance(0.9)],
    upnp: [dice.chance(0.9), dice.chance(0.9)],
    rules: list(3, rule),
    statics,
    redirect: maybe(0.2, fixed),
    defaultAction: dice.pick([
      [6, 'high_ports'],
      [3, 'allow'],
      [1, 'deny'],
    ]),
    perHost: dice.one([3, 6, 200]),
    total: dice.one([8, 1000, 1000]),
    minLease: dice.one([1, 1, 30]),
    maxLease: dice.one([60, 3600, 604_800]),
    forcedIp: maybe(0.15, () => FORCED),
    httpPort: dice.one([5000, 5000, 5001]),
    roles: dice.one(['none', 'none', 'both', 'nat_pmp', 'upnp']),
    mayClose: dice.chance(0.8),
  }
  // Mostly a part of it changes, as owners do it.
  const names = Object.keys(drawn) as (keyof Law)[]
  const taken = names.filter(() => dice.chance(0.35))
  const mixed = { ...before, ...Object.fromEntries(taken.map(name => [name, drawn[name]])) } as Law
  // The firewall's own redirect takes a port from everybody; two owners of one port are the owner's own mistake.
  const clash = mixed.statics.some(each => mixed.redirect !== undefined && key(each) === key(mixed.redirect))
  return clash ? { ...mixed, redirect: undefined } : mixed
}

const flag = (is: boolean) => (is ? '1' : '0')
const option = (name: string, value: string | number | undefined) =>
  value === undefined ? '' : `\toption ${name} '${value}'\n`
const span = (range: readonly [number, number] | undefined) => range && `${range[0]}-${range[1]}`

export function uciOf(law: Law): Uci {
  const rules = law.rules.map(
    ({ action, transport, ports, internal, host, service }) =>
      `\nconfig permission\n${option('action', action)}${option('protocol', transport)}${option('dst_port', span(ports))}${option('internal_port', span(internal))}${option('internal_address', host)}${
        service === undefined ? '' : `\tlist service '${service.replace('-', '_')}'\n`
      }`,
  )
  const statics = law.statics.map(
    ({ transport, external, ip, internal }) =>
      `\nconfig mapping\n${option('protocol', transport)}${option('external_port', external)}${option('internal_address', ip)}${option('internal_port', internal)}`,
  )
  const services = (law.roles === 'both' ? ['nat_pmp', 'upnp'] : [law.roles]).map(each => `\tlist service '${each}'\n`)
  const written = law.roles !== 'none'
  const lan = written
    ? `\nconfig interface\n${option('interface', 'lan')}${option('type', 'internal')}${services.join('')}`
    : ''
  const wan =
    law.forcedIp === undefined && !written
      ? ''
      : `\nconfig interface\n${option('interface', 'wan')}${option('type', 'external')}${option('forced_ip', law.forcedIp)}`
  const uci = defaultUci({
    limits: {
      per_host: law.perHost,
      total: law.total,
      min_lease: law.minLease,
      max_lease: law.maxLease,
      default_action: law.defaultAction,
      requests_per_second: 0,
    },
    natPmp: { enabled: flag(law.natPmp[0]), allow_port_forwarding: flag(law.natPmp[1]) },
    upnp: {
      enabled: flag(law.upnp[0]),
      nat_traversal: flag(law.upnp[1]),
      http_port: String(law.httpPort),
      allow_disable_internal_interface: flag(law.mayClose),
    },
    more: [...rules, ...statics, lan, wan].join(''),
  })
  const { redirect } = law
  if (redirect === undefined) return uci
  const section = `\nconfig redirect\n${option('src', 'wan')}${option('proto', redirect.transport)}${option('src_dport', redirect.external)}${option('dest_ip', redirect.ip)}${option('dest_port', redirect.internal)}${option('target', 'DNAT')}`
  return { ...uci, firewall: uci['firewall'] + section }
}

/** Why what a client holds may not be; `undefined` when it may. */
export function denied(law: Law, row: Row): string | undefined {
  if (row.service === 'static') return undefined
  const [enabled, mayMap] = row.service === 'upnp' ? law.upnp : law.natPmp
  if (!enabled || !mayMap) return `${row.service} may not map`
  const { redirect } = law
  if (row.pinhole === undefined && redirect?.transport === row.transport && redirect.external === row.external) {
    return 'a redirect has its port'
  }
  for (const rule of law.rules) if (fits(rule, row)) return rule.action === 'deny' ? JSON.stringify(rule) : undefined
  if (law.defaultAction === 'allow') return undefined
  if (law.defaultAction === 'deny') return 'deny'
  const bad = [row.external, row.internalPort].find(port => port < 1024 || port === 3389)
  return bad === undefined ? undefined : `port ${bad}`
}

const within = (port: number, range: readonly [number, number] | undefined) =>
  range === undefined || (port >= range[0] && port <= range[1])

function fits(rule: LawRule, row: Row): boolean {
  if (rule.transport !== 'both' && rule.transport !== row.transport) return false
  if (rule.service !== undefined && rule.service !== row.service) return false
  if (!within(row.external, rule.ports) || !within(row.internalPort, rule.internal)) return false
  if (rule.host === undefined) return true
  return rule.host === '192.168.88.0/24' ? row.ip.startsWith('192.168.88.') : rule.host === row.ip
}
