/** The second step of loading: a configuration and the roles of the moment become what the core decides by. */
import { oneLine } from '../base/text.ts'
import type { Policy, Rule, StaticMapping } from '../core/policy.ts'
import { transportsOf } from './checks.ts'
import type { Config, Permission } from './config.ts'
import { isEnabled } from './config.ts'
import type { NameFacts } from './names.ts'
import { resolveName } from './names.ts'
import type { NetifdInterface } from './netifd.ts'
import type { Problem } from './problems.ts'
import type { Roles } from './roles.ts'

export interface Resolved {
  readonly policy: Policy
  readonly problems: readonly Problem[]
}

/** Permissions with devices in place of names; one whose device nobody knows matches nothing and is left out. */
export function resolvePolicy(config: Config, roles: Roles, netifd: readonly NetifdInterface[] | undefined): Resolved {
  const problems: Problem[] = []
  const names: NameFacts = { netifd, network: config.network }
  const known = new Set([...roles.internal, ...roles.externals].map(({ device }) => device))
  const rules = config.permissions.flatMap(permission => {
    if (permission.disabled) return []
    const device = deviceOf(permission, names)
    if (permission.interface !== undefined && (device === undefined || !known.has(device))) {
      problems.push(idleRule(permission, permission.interface))
      if (device === undefined) return []
    }
    return [ruleOf(permission, device)]
  })
  const { per_host, total, min_lease, max_lease, default_action, requests_per_second } = config.limits
  const limits = {
    perHost: per_host,
    total,
    minLease: min_lease,
    maxLease: max_lease,
    requestsPerSecond: requests_per_second,
    defaultAction: default_action,
  }
  // What a service made goes when it is switched off.
  const forwarding = {
    'nat-pmp': isEnabled(config, 'nat-pmp') && config.nat_pmp.allow_port_forwarding,
    upnp: isEnabled(config, 'upnp') && config.upnp.nat_traversal,
  }
  return { policy: { rules, limits, forwarding }, problems }
}

/** The owner's `config mapping` sections that are in force. */
export const staticMappings = (config: Config): readonly StaticMapping[] =>
  config.mappings
    .filter(({ disabled }) => !disabled)
    .flatMap(row =>
      transportsOf(row.protocol).map(transport => ({
        transport,
        external: row.external_port,
        internal: { ip: row.internal_address, port: row.internal_port ?? row.external_port },
        label: oneLine(row.comment, 64),
      })),
    )

/** A network that is down keeps the device of the network file, so that mappings outlast a short loss of the uplink. */
function deviceOf({ interface: name }: Permission, names: NameFacts): string | undefined {
  if (name === undefined) return undefined
  const named = resolveName(name, names)
  return named.is === 'unknown' ? undefined : named.device
}

function idleRule({ number, origin }: Permission, name: string): Problem {
  const message = `permission ${number} matches nothing now: interface '${name}' is neither internal nor external`
  return { weight: 'note', ...origin, message }
}

function ruleOf(permission: Permission, device: string | undefined): Rule {
  const { dst_port, internal_port, internal_address, mac } = permission
  return {
    action: permission.action,
    number: permission.number,
    ...(device === undefined ? {} : { device }),
    transport: permission.protocol,
    ...(dst_port === undefined ? {} : { external: dst_port }),
    ...(internal_port === undefined ? {} : { internal: internal_port }),
    ...(internal_address === undefined ? {} : { internalAddress: internal_address }),
    ...(mac === undefined ? {} : { mac }),
    services: permission.service,
    comment: oneLine(permission.comment, 128),
  }
}
