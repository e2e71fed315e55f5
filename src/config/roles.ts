/**
 * Which devices are internal and which one is external: from the owner's `config interface`, else from the router's
 * own network and firewall. Pure: what netifd and the kernel say comes as an argument.
 */
import type { Ip } from '../base/ip.ts'
import type { Service } from '../core/mapping.ts'
import type { Config } from './config.ts'
import { isEnabled } from './config.ts'
import type { NameFacts } from './names.ts'
import { isNetwork, resolveName } from './names.ts'
import type { NetifdInterface } from './netifd.ts'
import type { Origin, Problem } from './problems.ts'
import { zonesOf } from './redirects.ts'

export interface RoleFacts {
  /** `parseNetifd` of `ubus call network.interface dump`; `undefined` where there is no netifd. */
  readonly netifd: readonly NetifdInterface[] | undefined
  /** Devices that carry an IPv4 default route of the main table, the best first. */
  readonly defaultRoute: readonly string[]
  /** The same of IPv6. */
  readonly defaultRoute6: readonly string[]
  /** Devices that exist and are up; `undefined`: not known, so that each counts as usable. */
  readonly usable: ReadonlySet<string> | undefined
  /** Devices that carry a default route of IPv6 and have no IPv4 address: a tunnel (6in4), as a rule. */
  readonly onlyIpv6?: ReadonlySet<string>
}

export interface Role {
  /** As the owner or the firewall names it: a network or a device. */
  readonly name: string
  /** Where its packets come in: `br-lan`, `pppoe-wan`. */
  readonly device: string
  readonly services: readonly Service[]
}

export interface ExternalRole extends Role {
  /** The address that clients are told instead of the device's own. */
  readonly forcedIp: Ip | undefined
}

export interface Roles {
  /** One entry a device. None of them carries a default route, of IPv4 or IPv6; none is external. */
  readonly internal: readonly Role[]
  /** Whether every internal interface that is wanted has its device and is up, as far as netifd and the files know. */
  readonly isComplete: boolean
  /** The first usable one; where none is usable, the first whose device is known, so that its return is noticed. */
  readonly external: ExternalRole | undefined
  /**
   * By which IPv6 reaches the world: of the usable external interfaces the active one, where it carries a default
   * route of IPv6, else the first that does; where none does, the active one.
   */
  readonly external6: ExternalRole | undefined
  /** Every external interface that was named, the active one among them: a permission may name any. */
  readonly externals: readonly ExternalRole[]
  readonly problems: readonly Problem[]
}

export function resolveRoles(config: Config, facts: RoleFacts): Roles {
  const problems: Problem[] = []
  const names: NameFacts = { netifd: facts.netifd, network: config.network }
  const externals = merged(placed(externalCandidates(config, facts, names), names, problems), mergeExternal)
  const usable = externals.filter(role => isUsable(role, facts))
  const external = usable.find(({ device }) => facts.onlyIpv6?.has(device) !== true) ?? usable[0] ?? externals[0]
  const external6 = outwardBy6(external, usable, facts)
  const candidates = internalCandidates(config, names)
  const found = placed(candidates, names, problems)
  const wanted = merged(
    found.filter(({ isUp }) => isUp),
    mergeInternal,
  )
  const internal = wanted.filter(role => {
    const danger = dangerOf(role, externals, facts)
    if (danger !== undefined) problems.push({ ...role.origin, ...danger })
    return danger === undefined
  })
  problems.push(...doubtful(internal, config, facts), ...idle(externals, external, external6))
  problems.push(...missing(config, internal, external))
  return {
    internal: internal.map(plain),
    isComplete: found.length === candidates.length && found.every(({ isUp }) => isUp),
    external: external && plainExternal(external),
    external6: external6 && plainExternal(external6),
    externals: externals.map(plainExternal),
    problems,
  }
}

const ALL: readonly Service[] = ['upnp', 'nat-pmp']

interface Candidate {
  readonly name: string
  readonly services: readonly Service[]
  readonly forcedIp: Ip | undefined
  /** The section that asks for it; absent where the router's own files do. */
  readonly origin: Origin | undefined
}

type Found = Candidate & {
  readonly device: string
  /** As far as netifd knows. */
  readonly isUp: boolean
}

/** A disabled section still says that the owner has chosen: nothing is guessed in its place. */
function configured(config: Config, type: 'internal' | 'external'): readonly Candidate[] | undefined {
  const rows = config.interfaces.filter(row => row.type === type)
  if (rows.length === 0) return undefined
  return rows
    .filter(row => !row.disabled)
    .map(row => ({ name: row.interface, services: row.service, forcedIp: row.forced_ip, origin: row.origin }))
}

const guessed = (name: string): Candidate => ({ name, services: ALL, forcedIp: undefined, origin: undefined })

function externalCandidates(config: Config, facts: RoleFacts, names: NameFacts): readonly Candidate[] {
  const chosen = configured(config, 'external')
  if (chosen !== undefined) return chosen
  const masqueraded = (config.firewall?.zones ?? []).filter(zone => zone.masq)
  const wanted = masqueraded.flatMap(zone => [
    ...zone.networks.filter(name => isNetwork(name, names)),
    ...(facts.netifd ?? []).filter(each => each.zone === zone.name).map(({ name }) => name),
    // `tun+` is a pattern, not a device.
    ...zone.devices.filter(name => !name.endsWith('+')),
  ])
  const fallback = [
    ...(facts.netifd ?? []).filter(each => each.hasDefaultRoute).map(({ name }) => name),
    ...facts.defaultRoute,
  ]
  const all = [...new Set([...(wanted.length > 0 ? wanted : fallback.slice(0, 1)), ...outside6(config, facts, names)])]
  const carriesDefault = (name: string): boolean => {
    const named = resolveName(name, names)
    return named.is === 'device' && facts.defaultRoute.includes(named.device)
  }
  // Of several uplinks the one that traffic leaves by is the one that mappings are of use on.
  return [...all.filter(carriesDefault), ...all.filter(name => !carriesDefault(name))].map(guessed)
}

/**
 * IPv6 is not masqueraded, so its uplink may stand in a zone of its own: the network with the default route, unless it
 * is one inside, which a stranger's router advertisement may have given one.
 */
function outside6(config: Config, { netifd, defaultRoute6 }: RoleFacts, names: NameFacts): readonly string[] {
  const inside = new Set(
    internalCandidates(config, names).flatMap(({ name }) => {
      const named = resolveName(name, names)
      return named.is === 'unknown' ? [] : (named.device ?? [])
    }),
  )
  const device = defaultRoute6[0]
  if (device === undefined || inside.has(device)) return []
  return [netifd?.find(each => each.device === device)?.name ?? device]
}

function outwardBy6(active: Found | undefined, usable: readonly Found[], facts: RoleFacts): Found | undefined {
  const carries = ({ device }: Found): boolean => facts.defaultRoute6.includes(device)
  if (active !== undefined && usable.includes(active) && carries(active)) return active
  return usable.find(carries) ?? active
}

function internalCandidates(config: Config, names: NameFacts): readonly Candidate[] {
  return configured(config, 'internal') ?? (isNetwork('lan', names) ? [guessed('lan')] : [])
}

/** Candidates with a device; of the others the owner hears where he named them himself. */
function placed(candidates: readonly Candidate[], names: NameFacts, problems: Problem[]): readonly Found[] {
  return candidates.flatMap((candidate): readonly Found[] => {
    const named = resolveName(candidate.name, names)
    if (named.is === 'device') return [{ ...candidate, device: named.device, isUp: true }]
    const problem = problemOf(candidate, named.is)
    if (problem !== undefined) problems.push(problem)
    return named.is === 'down' && named.device !== undefined
      ? [{ ...candidate, device: named.device, isUp: false }]
      : []
  })
}

function problemOf({ name, origin }: Candidate, is: 'down' | 'unknown'): Problem | undefined {
  if (origin === undefined) return undefined
  const what = `interface '${name}'`
  if (is === 'down') return { weight: 'note', ...origin, message: `${what} is down: it is used once it is up` }
  const hint = 'name a network of /etc/config/network or a device'
  return { weight: 'error', ...origin, message: `${what} is neither a network nor a device`, hint }
}

/** Several names of one device become one role. */
function merged(found: readonly Found[], join: (a: Found, b: Found) => Found): readonly Found[] {
  const byDevice = new Map<string, Found>()
  for (const each of found) {
    const before = byDevice.get(each.device)
    byDevice.set(each.device, before === undefined ? each : join(before, each))
  }
  return [...byDevice.values()]
}

const mergeInternal = (a: Found, b: Found): Found => ({
  ...a,
  services: [...new Set([...a.services, ...b.services])],
  isUp: a.isUp || b.isUp,
})
const mergeExternal = (a: Found, b: Found): Found => ({ ...mergeInternal(a, b), forcedIp: a.forcedIp ?? b.forcedIp })

const isUsable = ({ device, isUp }: Found, { usable }: RoleFacts): boolean =>
  isUp && (usable === undefined || usable.has(device))

/** Serving clients towards the internet would let strangers open ports: such a role is refused, not only reported. */
function dangerOf(
  role: Found,
  externals: readonly Found[],
  facts: RoleFacts,
): Omit<Problem, 'file' | 'line'> | undefined {
  const what = `interface '${role.name}' (${role.device}) is not served as internal`
  const outside = externals.find(({ device }) => device === role.device)
  if (outside !== undefined) {
    const message = `${what}: it is the external interface '${outside.name}'`
    return { weight: 'error', message, hint: 'give internal and external interfaces different devices' }
  }
  const family = facts.defaultRoute.includes(role.device) ? '' : ' of IPv6'
  if (family !== '' && !facts.defaultRoute6.includes(role.device)) return undefined
  const hint = "if the internet is there, write option type 'external'; if not, remove its default route"
  return { weight: 'error', message: `${what}: it carries the default route${family}`, hint }
}

/** A masqueraded zone is nearly always the outside; some owners masquerade their LAN too, so it is served. */
function doubtful(internal: readonly Found[], config: Config, { netifd }: RoleFacts): readonly Problem[] {
  const masqueraded = new Set((config.firewall?.zones ?? []).filter(({ masq }) => masq).map(({ name }) => name))
  return internal.flatMap(role => {
    const zone = [...zonesOf(config.firewall, netifd, role)].find(name => masqueraded.has(name))
    if (zone === undefined) return []
    const message = `interface '${role.name}' (${role.device}) is served as internal, but the firewall masquerades its zone '${zone}'`
    return [
      { weight: 'warning', ...role.origin, message, hint: "if the internet is there, write option type 'external'" },
    ]
  })
}

function idle(externals: readonly Found[], active: Found | undefined, active6: Found | undefined): readonly Problem[] {
  return externals.flatMap(({ name, device, origin }) => {
    if (origin === undefined || device === active?.device || device === active6?.device) return []
    const message = `external interface '${name}' (${device}) is not active: '${active?.name}' is, and there can be one`
    return [{ weight: 'note', ...origin, message }]
  })
}

function missing(config: Config, internal: readonly Found[], external: Found | undefined): readonly Problem[] {
  return ALL.filter(service => isEnabled(config, service)).flatMap(service => {
    const problems: Problem[] = []
    const title = service === 'upnp' ? 'UPnP' : 'NAT-PMP'
    if (!internal.some(role => role.services.includes(service))) {
      const hint = "add config interface with option interface 'lan' and option type 'internal'"
      problems.push({
        weight: 'warning',
        message: `${title} is enabled, but no internal interface can be served`,
        hint,
      })
    }
    if (external?.services.includes(service) !== true) {
      const hint = "add config interface with option interface 'wan' and option type 'external'"
      problems.push({
        weight: 'warning',
        message: `${title} is enabled, but there is no external interface for it`,
        hint,
      })
    }
    return problems
  })
}

const plain = ({ name, device, services }: Found): Role => ({ name, device, services })
const plainExternal = (found: Found): ExternalRole => ({ ...plain(found), forcedIp: found.forcedIp })
