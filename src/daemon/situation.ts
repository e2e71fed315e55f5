/**
 * What holds at this moment: the owner's configuration, joined with what netifd and the kernel say about interfaces.
 * Pure: the same inputs give the same situation, and the daemon only carries the differences to the parts.
 */
import type { Ip, Port } from '../base/ip.ts'
import { isIpv4, isLinkLocal } from '../base/ip.ts'
import type { Config } from '../config/config.ts'
import { isEnabled } from '../config/config.ts'
import { stopsInbound } from '../config/inbound.ts'
import type { NetifdInterface } from '../config/netifd.ts'
import type { Problem } from '../config/problems.ts'
import type { StaticRedirects } from '../config/redirects.ts'
import { staticRedirects, zonesOf } from '../config/redirects.ts'
import { resolvePolicy, staticMappings } from '../config/resolve.ts'
import type { Role, Roles } from '../config/roles.ts'
import { resolveRoles } from '../config/roles.ts'
import type { Service } from '../core/mapping.ts'
import type { Policy, StaticMapping } from '../core/policy.ts'
import type { Ipv6Uplink, Uplink } from '../core/uplink.ts'
import type { LinkView } from '../kernel/link-table.ts'
import type { Settings } from '../kernel/ruleset.ts'
import { ipv6Uplink, uplinkOf } from '../kernel/uplink.ts'
import { SERVER_PORT } from '../wire/natpmp.ts'
import type { Link, LinkAddress } from '../wire/rtnetlink.ts'
import { SSDP_PORT } from '../wire/ssdp.ts'

export interface Situation {
  readonly config: Config
  readonly roles: Roles
  readonly uplink: Uplink
  readonly uplink6: Ipv6Uplink
  readonly policy: Policy
  readonly statics: readonly StaticMapping[]
  readonly redirects: StaticRedirects
  /** Whether the owner's firewall stops IPv6 from the world, so that pinholes mean something. */
  readonly isFirewallEnabled: boolean
  /** Where NAT-PMP answers: every IPv4 address of every internal device that it serves. */
  readonly doors: readonly Door[]
  /** Where UPnP answers; `undefined` while it is off. */
  readonly upnp: UpnpPlan | undefined
  /** What the kernel's rules must know. */
  readonly settings: Settings
  readonly closing: ClosingPlan
  readonly problems: readonly Problem[]
}

export interface ClosingPlan {
  /** Internal devices that a client of UPnP may cut off from the world (`allow_disable_internal_interface`). */
  readonly closable: readonly string[]
  /** Devices whose networks a closed one reaches all the same; every other device is a way out. */
  readonly near: readonly string[]
}

export interface UpnpPlan {
  /** Every IPv4 address of every internal device that it serves, a link-local one of IPv6, and one that is not. */
  readonly doors: readonly Door[]
  readonly httpPort: Port
  /** What tells this gateway from others, for its UUIDs: the link address of the first internal device. */
  readonly identity: string
}

/** One address of ours on one internal device. A device that went and came back under its name is another one. */
export interface Door {
  readonly device: string
  readonly index: number
  readonly address: Ip
}

export function situationOf(
  config: Config,
  netifd: readonly NetifdInterface[] | undefined,
  links: LinkView,
  found: readonly Problem[],
): Situation {
  const up = links.links().filter(link => link.up && link.carrier)
  const usable = new Set(up.map(({ name }) => name))
  const roles = resolveRoles(config, {
    netifd,
    defaultRoute: routed(4, links),
    defaultRoute6: routed(6, links),
    usable,
    onlyIpv6: new Set(routed(6, links).filter(device => !links.addresses(device).some(({ ip }) => isIpv4(ip)))),
  })
  const { policy, problems } = resolvePolicy(config, roles, netifd)
  const { external, external6 } = roles
  const uplink = uplinkOf({ device: external?.device, forced: external?.forcedIp }, links)
  const address = uplink.is === 'up' ? uplink.address : undefined
  const zones = (of: readonly Role[]) => new Set(of.flatMap(role => [...zonesOf(config.firewall, netifd, role)]))
  const outside = (role: Role | undefined) => zones(role === undefined ? [] : [role])
  return {
    config,
    roles,
    uplink,
    uplink6: ipv6Uplink(external6?.device, links),
    policy,
    statics: staticMappings(config),
    redirects: staticRedirects(config.firewall, outside(external), address),
    isFirewallEnabled: stopsInbound(config.firewall, outside(external6), zones(roles.internal)),
    doors: isEnabled(config, 'nat-pmp') ? served(roles, 'nat-pmp').flatMap(device => ipv4Doors(device, links)) : [],
    upnp: isEnabled(config, 'upnp') ? upnpPlan(config, roles, links) : undefined,
    settings: {
      internal: roles.internal.map(({ device }) => device),
      external: external === undefined ? [] : [external.device],
      external6: external6 === undefined ? [] : [external6.device],
      markBit: config.system.mark,
      guarded: guardedPorts(config),
      capacity: 'unbounded',
    },
    closing: {
      closable: config.upnp.enabled && config.upnp.allow_disable_internal_interface ? served(roles, 'upnp') : [],
      near: nearDevices(roles, links),
    },
    problems: [...found, ...roles.problems, ...problems],
  }
}

/** Devices that carry a default route, the best first. */
const routed = (family: 4 | 6, links: LinkView): readonly string[] =>
  links.defaultRoutes(family).flatMap(({ index }) => links.device(index) ?? [])

/**
 * Internal devices, and every other that has an address and no way to the world, such as that of a guest network which
 * is not served. A VPN that takes the place of the uplink is none of them, nor is a device that nobody has seen yet: by
 * what comes up nothing leaves before it is known for what it is.
 */
function nearDevices({ internal, externals }: Roles, links: LinkView): readonly string[] {
  const outside = new Set(externals.map(({ device }) => device))
  const isNear = ({ name, loopback }: Link): boolean =>
    !loopback &&
    !outside.has(name) &&
    !links.leadsToWorld(name) &&
    links.addresses(name).some(({ scope }) => scope === 'universe')
  const others = links.links().filter(isNear)
  return [...new Set([...internal.map(({ device }) => device), ...others.map(({ name }) => name)])]
}

const served = ({ internal }: Roles, service: Service): readonly string[] =>
  internal.filter(({ services }) => services.includes(service)).map(({ device }: Role) => device)

function guardedPorts(config: Config): Settings['guarded'] {
  const natPmp: Settings['guarded'] = [{ transport: 'udp', port: SERVER_PORT }]
  const upnp: Settings['guarded'] = [
    { transport: 'udp', port: SSDP_PORT },
    { transport: 'tcp', port: config.upnp.http_port },
  ]
  return [...(isEnabled(config, 'nat-pmp') ? natPmp : []), ...(isEnabled(config, 'upnp') ? upnp : [])]
}

function upnpPlan(config: Config, roles: Roles, links: LinkView): UpnpPlan {
  const devices = served(roles, 'upnp')
  return {
    doors: devices.flatMap(device => [...ipv4Doors(device, links), ...ipv6Doors(device, links)]),
    httpPort: config.upnp.http_port,
    identity: devices.flatMap(device => links.link(device)?.mac ?? [])[0] ?? 'portico',
  }
}

const doorAt =
  (device: string, links: LinkView) =>
  ({ ip }: LinkAddress): Door => ({ device, index: links.index(device) ?? 0, address: ip })

const ipv4Doors = (device: string, links: LinkView): readonly Door[] =>
  links
    .addresses(device)
    .filter(({ ip }) => isIpv4(ip))
    .map(doorAt(device, links))

/** UDA 2.0 annex A: a link-local address, and of the others one that stays (RFC 4193) rather than the provider's. */
function ipv6Doors(device: string, links: LinkView): readonly Door[] {
  const addresses = links.addresses(device).filter(({ ip, deprecated }) => !isIpv4(ip) && !deprecated)
  const wide = addresses.filter(({ ip, secondary }) => !isLinkLocal(ip) && !secondary)
  const chosen = [addresses.find(({ ip }) => isLinkLocal(ip)), wide.find(({ ip }) => /^f[cd]/.test(ip)) ?? wide[0]]
  return chosen.flatMap(address => (address === undefined ? [] : [doorAt(device, links)(address)]))
}
