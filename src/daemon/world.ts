/** What the console sees of the daemon (`control/world.ts`). */

import type { Port } from '../base/ip.ts'
import { isIpv4 } from '../base/ip.ts'
import { RELEASE } from '../base/release.ts'
import { utf8Decode } from '../base/text.ts'
import { secondsBetween } from '../base/time.ts'
import { isEnabled } from '../config/config.ts'
import type { OldLease } from '../control/leases-file.ts'
import type { Check, ControlWorld, InterfaceRole, Question, RefusedLately, Status, Traffic } from '../control/world.ts'
import type { Engine } from '../core/engine.ts'
import type { Answer, Mapping, Refusal, Service } from '../core/mapping.ts'
import { ANYBODY } from '../core/mapping.ts'
import type { Verdict } from '../core/permission.ts'
import { verdict } from '../core/permission.ts'
import { textOf } from '../core/record.ts'
import type { Features } from '../kernel/ruleset.ts'
import type { Platform } from '../platform/platform.ts'
import { SERVER_PORT } from '../wire/natpmp.ts'
import { runChecks } from './checks.ts'
import type { Diary } from './diary.ts'
import { pinTo } from './pin.ts'
import type { Running } from './running.ts'
import type { Situation } from './situation.ts'

export function controlWorld(running: Running): ControlWorld {
  const { engine } = running
  const { platform, diary } = running.daemon
  let checking: Promise<readonly Check[]> | undefined
  return {
    now: () => platform.clock.now(),
    status: () => statusOf(running),
    settings: section => ({ ...running.situation.config[section] }),
    interfaces: () => interfacesOf(running),
    permissions: () => running.situation.config.permissions,
    mappings: () => engine.mappings.all(),
    journal: () => diary.lines(platform.clock.now()),
    remove: mapping => removeBy(engine, mapping),
    version: () => engine.mappings.version,
    traffic: mappings => trafficOf(running, mappings),
    happened: after => diary.journal.entries(after),
    permits: (question, external) => permits(running, question, external),
    pin: async (mapping, comment) => {
      const pinned = pinTo(platform, running.daemon.configuration.path, mapping, comment)
      if (pinned.ok) running.reload()
      return pinned
    },
    take: lease => take(running, lease),
    checks: () => {
      // They start programs: who asks often waits for the same answer.
      checking ??= runChecks(platform, statusOf(running), running.situation.config.system.mark).finally(() => {
        checking = undefined
      })
      return checking
    },
  }
}

function statusOf(running: Running): Status {
  const { daemon, engine, situation, doors, upnp, leases, links, features, closedNetworks } = running
  const { platform, diary, started } = daemon
  const { config, roles, uplink, uplink6, problems } = situation
  const { limits } = engine.policy
  return {
    version: RELEASE,
    engine: platform.engine,
    uptime: secondsBetween(started, platform.clock.now()),
    services: [
      {
        service: 'nat-pmp',
        enabled: isEnabled(config, 'nat-pmp'),
        listening: doors.listening.map(({ address }) => `${address}:${SERVER_PORT}`),
        trouble: doors.trouble,
      },
      { service: 'upnp', enabled: isEnabled(config, 'upnp'), listening: upnp.listening, trouble: upnp.trouble },
    ],
    uplink,
    uplink6,
    internal: roles.internal.flatMap(({ device }) =>
      links
        .addresses(device)
        .filter(({ ip }) => isIpv4(ip))
        .map(({ ip }) => ({ device, address: ip })),
    ),
    closed: Array.from(closedNetworks.closed, ([device, by]) => ({ device, by })),
    held: engine.mappings.size,
    limits: { total: limits.total, perHost: limits.perHost },
    refused: refusedLately(diary),
    problems,
    kernel: { release: releaseOf(platform), features: featuresOf(features) },
    ubus: daemon.bus.state,
    leaseFile: leases.status,
  }
}

/** Both directions together; nothing where the kernel does not count. */
async function trafficOf(
  { traffic }: Running,
  mappings: readonly Mapping[],
): Promise<readonly (Traffic | undefined)[]> {
  if (!traffic.accounting()) return mappings.map(() => undefined)
  const totals = await traffic.read(mappings)
  return mappings.map(mapping => {
    const counted = totals.get(mapping)
    if (counted === undefined) return undefined
    const { packetsIn, packetsOut, bytesIn, bytesOut } = counted
    return { packets: packetsIn + packetsOut, bytes: bytesIn + bytesOut, bytesOut }
  })
}

/** The options by which a service may map. */
const MAY_MAP: Readonly<Record<Service, string>> = { 'nat-pmp': 'allow_port_forwarding', upnp: 'nat_traversal' }

/** The rules, and before them the switch of the service. */
function permits({ engine, surroundings }: Running, question: Question, external: Port): Verdict {
  const { service, transport, internal, mac } = question
  const { policy, uplink } = engine
  const outward = isIpv4(internal.ip) ? uplink.device : surroundings.outward6()
  if (!policy.forwarding[service]) {
    return { allowed: false, because: `${service} is off, or may not map (${MAY_MAP[service]})`, rule: undefined }
  }
  const devices = [question.device ?? surroundings.deviceOf(internal.ip), outward]
  return verdict(policy, { service, transport, internal, mac, devices }, external)
}

async function take({ engine, surroundings, neighbourhood }: Running, lease: OldLease): Promise<Answer> {
  const { service, ...asked } = lease
  const { ip } = lease.internal
  const device = surroundings.deviceOf(ip)
  if (device === undefined) return { ok: false, why: 'bad-host', because: `${ip} is on no internal network` }
  const by = { owner: { via: service, client: ip }, device, mac: neighbourhood.macOf(ip, device) }
  if (asked.ask === 'pinhole') return engine.submit({ ...by, ...asked })
  return engine.submit({ ...by, ...asked, exact: true, remote: ANYBODY, enabled: true })
}

function releaseOf(platform: Platform): string | undefined {
  const bytes = platform.readFile('/proc/sys/kernel/osrelease')
  return bytes === undefined ? undefined : utf8Decode(bytes).trim()
}

const FEATURES: Record<keyof Features, readonly [name: string, meaning: string]> = {
  updatesTimeouts: ['timeout update', 'a renewal keeps the counter of its mapping'],
  destroysElements: ['destroy', 'a lease that ends during a change costs no second try'],
  looksUpMapsAsSets: ['map as set', 'nft list shows the forward rule as it is'],
}

const featuresOf = (features: Features) =>
  (Object.keys(FEATURES) as (keyof Features)[]).map(feature => {
    const [name, meaning] = FEATURES[feature]
    return { name, present: features[feature], meaning }
  })

function refusedLately({ journal }: Diary): readonly RefusedLately[] {
  const counts = new Map<Refusal, RefusedLately>()
  for (const { event } of journal.entries()) {
    if (event.what !== 'refused') continue
    const count = (counts.get(event.why)?.count ?? 0) + 1
    counts.set(event.why, { why: event.why, count, last: textOf(event) })
  }
  return [...counts.values()].sort((a, b) => b.count - a.count)
}

/** Roles in force, then configured ones that are not. */
function interfacesOf({ situation, closedNetworks }: Running): readonly InterfaceRole[] {
  const { config, roles, problems } = situation
  const configured = new Map(config.interfaces.map(row => [row.interface, row]))
  const shown = new Set<string>()
  const { external, external6 } = roles
  const outward = [external, external6?.device === external?.device ? undefined : external6].flatMap(role => role ?? [])
  const inForce = [
    ...roles.internal.map(role => ({ ...role, type: 'internal' as const, forcedIp: undefined })),
    ...outward.map(role => ({ ...role, type: 'external' as const })),
  ].map(({ name, device, type, services, forcedIp }): InterfaceRole => {
    shown.add(name)
    const dynamic = !configured.has(name)
    const closedBy = closedNetworks.closed.get(device)
    return { interface: name, device, type, services, forcedIp, disabled: false, dynamic, invalid: undefined, closedBy }
  })
  const idle = config.interfaces
    .filter(row => !shown.has(row.interface) || row.disabled)
    .map(
      (row): InterfaceRole => ({
        interface: row.interface,
        device: undefined,
        type: row.type,
        services: row.service,
        forcedIp: row.forced_ip,
        disabled: row.disabled,
        dynamic: false,
        invalid: row.disabled ? undefined : reasonOf(row.interface, problems),
        closedBy: undefined,
      }),
    )
  return [...inForce, ...idle]
}

const reasonOf = (name: string, problems: Situation['problems']): string =>
  problems.find(({ message }) => message.includes(`'${name}'`))?.message ?? 'has no device now'

async function removeBy(engine: Engine, mapping: Mapping): Promise<Answer> {
  const removal = await engine.remove(mapping, 'by the operator')
  switch (removal) {
    case 'removed':
      return { ok: true, mapping }
    case 'none':
      return { ok: true, mapping: undefined } // it has ended meanwhile
    case 'static':
      return { ok: false, why: 'not-owner', because: 'it stands in /etc/config/portico; take it out there' }
    case 'kernel':
      return { ok: false, why: 'kernel', because: 'the kernel refused; see /log print' }
  }
}
