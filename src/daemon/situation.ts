/**
 * What holds at this moment: the owner's configuration, joined with what netifd and the kernel say about interfaces.
 * Pure: the same inputs give the same situation, and the daemon only carries the differences to the parts.
 */
import type { Ip } from '../base/ip.ts'
import { isIpv4 } from '../base/ip.ts'
import type { Config } from '../config/config.ts'
import { isEnabled } from '../config/config.ts'
import type { NetifdInterface } from '../config/netifd.ts'
import type { Problem } from '../config/problems.ts'
import type { StaticRedirects } from '../config/redirects.ts'
import { staticRedirects, zonesOf } from '../config/redirects.ts'
import { resolvePolicy, staticMappings } from '../config/resolve.ts'
import type { Role, Roles } from '../config/roles.ts'
import { resolveRoles } from '../config/roles.ts'
import type { Policy, StaticMapping } from '../core/policy.ts'
import type { Uplink } from '../core/uplink.ts'
import type { LinkView } from '../kernel/link-table.ts'
import type { Settings } from '../kernel/ruleset.ts'
import { uplinkOf } from '../kernel/uplink.ts'
import { SERVER_PORT } from '../wire/natpmp.ts'

export interface Situation {
  readonly config: Config
  readonly roles: Roles
  readonly uplink: Uplink
  readonly policy: Policy
  readonly statics: readonly StaticMapping[]
  readonly redirects: StaticRedirects
  /** Where NAT-PMP answers: every IPv4 address of every internal device that it serves. */
  readonly doors: readonly Door[]
  /** What the kernel's rules must know. */
  readonly settings: Settings
  readonly problems: readonly Problem[]
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
  const defaultRoute = links.defaultRoutes(4).flatMap(({ index }) => links.device(index) ?? [])
  const up = links.links().filter(link => link.up && link.carrier)
  const usable = new Set(up.map(({ name }) => name))
  const roles = resolveRoles(config, { netifd, defaultRoute, usable })
  const { policy, problems } = resolvePolicy(config, roles, netifd)
  const { external } = roles
  const uplink = uplinkOf({ device: external?.device, forced: external?.forcedIp }, links)
  const address = uplink.is === 'up' ? uplink.address : undefined
  const redirects = staticRedirects(
    config.firewall,
    external === undefined ? new Set() : zonesOf(config.firewall, netifd, external),
    address,
  )
  const served = isEnabled(config, 'nat-pmp') ? roles.internal.filter(serves) : []
  return {
    config,
    roles,
    uplink,
    policy,
    statics: staticMappings(config),
    redirects,
    doors: served.flatMap(({ device }) => doorsOf(device, links)),
    settings: {
      internal: roles.internal.map(({ device }) => device),
      external: external === undefined ? [] : [external.device],
      markBit: config.system.mark,
      guarded: isEnabled(config, 'nat-pmp') ? [{ transport: 'udp', port: SERVER_PORT }] : [],
      capacity: 'unbounded',
    },
    problems: [...found, ...roles.problems, ...problems],
  }
}

const serves = ({ services }: Role): boolean => services.includes('nat-pmp')

const doorsOf = (device: string, links: LinkView): readonly Door[] =>
  links
    .addresses(device)
    .filter(({ ip }) => isIpv4(ip))
    .map(({ ip }) => ({ device, index: links.index(device) ?? 0, address: ip }))
