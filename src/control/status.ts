/** `portico status`: what the daemon does, what it cannot do, and why; for people, and as JSON. */
import { oneLine } from '../base/text.ts'
import type { Problem } from '../config/problems.ts'
import { describe } from '../config/problems.ts'
import type { Ipv6Uplink, Uplink } from '../core/uplink.ts'
import { showDuration } from './value.ts'
import type { ServiceStatus, Status } from './world.ts'

export function statusText(status: Status): string {
  const out = [
    ...facts([
      ['version', `${status.version} on ${status.engine}`],
      ['uptime', showDuration(status.uptime)],
      ...status.services.map(service => [service.service, serviceText(service)] as const),
      ['external', uplinkText(status.uplink)],
      ['IPv6', uplink6Text(status.uplink6)],
      ['internal', internalText(status)],
      ['mappings', `${status.held} of ${status.limits.total} (one host may hold ${status.limits.perHost})`],
      ...leasesFacts(status),
      ['ubus', ubusText(status)],
      ['kernel', kernelText(status)],
    ]),
    ...section(
      'Refused lately',
      status.refused.map(({ why, count, last }) => `${count} x ${why}, last: ${last}`),
    ),
    ...section('Configuration', status.problems.map(problemText)),
    ...section('Kernel', lackText(status)),
    ...section('What to do', adviceOf(status)),
  ]
  return out.map(line => `${oneLine(line, LONGEST)}\n`).join('')
}

/** Keys are stable; `advice` holds the sentences of the text form. */
export function statusJson(status: Status): unknown {
  const { uplink, uplink6 } = status
  return {
    version: status.version,
    engine: status.engine,
    uptime: status.uptime,
    services: status.services.map(({ service, enabled, listening, trouble }) => ({
      service,
      enabled,
      listening,
      trouble,
    })),
    uplink:
      uplink.is === 'down'
        ? { state: 'down', device: uplink.device, why: uplink.why }
        : { state: 'up', device: uplink.device, address: uplink.address, told: uplink.told, reach: uplink.reach },
    uplink6:
      uplink6.is === 'down'
        ? { state: 'down', device: uplink6.device, why: uplink6.why }
        : { state: 'up', device: uplink6.device, address: uplink6.address },
    internal: status.internal,
    closed: status.closed,
    mappings: { held: status.held, total: status.limits.total, 'per-host': status.limits.perHost },
    refused: status.refused,
    problems: status.problems,
    kernel: status.kernel,
    ubus: status.ubus,
    leases: leasesJson(status),
    advice: adviceOf(status),
  }
}

const LONGEST = 512

/** Facts an owner can act on, the gravest first; empty when all is well. */
function adviceOf(status: Status): readonly string[] {
  return [
    ...uplinkAdvice(status.uplink),
    ...closedAdvice(status),
    ...serviceAdvice(status),
    ...quotaAdvice(status),
    ...(status.problems.some(({ weight }) => weight === 'error') ? [BROKEN_CONFIG] : []),
  ]
}

const BROKEN_CONFIG = 'Mend the configuration errors above, then run: /etc/init.d/portico reload'

function uplinkAdvice(uplink: Uplink): readonly string[] {
  if (uplink.is === 'down') return [`No mapping can be made: ${uplink.why}.`]
  if (uplink.reach === 'public' || uplink.told !== uplink.address) return []
  const where =
    uplink.reach === 'shared'
      ? 'your provider keeps you behind carrier-grade NAT; ask for a public IPv4 address'
      : 'another router stands between this one and the internet; forward ports there, put it into bridge mode, or ask your provider for a public address'
  return [`The world cannot reach ${uplink.address}: ${where}.`]
}

const closedAdvice = ({ closed }: Status): readonly string[] =>
  closed.map(
    ({ device, by }) =>
      `${device} is cut off from the Internet, as ${by} asked by UPnP. To open it: uci set portico.upnp.allow_disable_internal_interface=0 && uci commit portico && /etc/init.d/portico reload`,
  )

function serviceAdvice({ services, internal }: Status): readonly string[] {
  const enabled = services.filter(service => service.enabled)
  if (enabled.length === 0)
    return [
      'No service is enabled. NAT-PMP: uci set portico.nat_pmp.enabled=1 && uci commit portico && /etc/init.d/portico reload',
    ]
  if (internal.length === 0) return ['No internal interface: no client is served. See /ip nat-pmp interfaces print.']
  return enabled.flatMap(({ service, trouble }) => (trouble === undefined ? [] : [`${service}: ${trouble}`]))
}

function quotaAdvice({ held, limits }: Status): readonly string[] {
  return held >= limits.total
    ? [`All ${limits.total} mappings are taken: raise option total of config portico 'limits'.`]
    : []
}

function serviceText({ enabled, listening, trouble }: ServiceStatus): string {
  if (!enabled) return 'off'
  if (listening.length === 0) return `on, but serves nobody${trouble === undefined ? '' : `: ${trouble}`}`
  return `on, at ${listening.join(', ')}`
}

function uplinkText(uplink: Uplink): string {
  if (uplink.is === 'down') return `${uplink.device ?? 'none'}: down, ${uplink.why}`
  const told = uplink.told === uplink.address ? '' : `, clients are told ${uplink.told}`
  return `${uplink.device} ${uplink.address} (${REACH[uplink.reach]})${told}`
}

const uplink6Text = (uplink: Ipv6Uplink): string =>
  uplink.is === 'down'
    ? `no pinholes: ${uplink.why}`
    : `${uplink.device} ${uplink.address ?? 'without an address of its own'}`

const REACH = {
  public: 'public',
  private: 'private: the world cannot reach this address',
  shared: 'shared by the provider: the world cannot reach this address',
} as const satisfies Record<(Uplink & { is: 'up' })['reach'], string>

function internalText({ internal, closed }: Status): string {
  const state = (device: string) => (closed.some(each => each.device === device) ? ' (cut off from the Internet)' : '')
  const shown = internal.map(({ device, address }) => `${device} ${address}${state(device)}`)
  return shown.length === 0 ? 'none' : shown.join(', ')
}

const ubusText = ({ ubus }: Status): string =>
  `${ubus.connected ? 'connected' : 'not connected'}${ubus.trouble === undefined ? '' : `: ${ubus.trouble}`}`

function leasesFacts({ leaseFile }: Status): readonly (readonly [name: string, text: string])[] {
  if (leaseFile === undefined) return []
  const { path, age, trouble } = leaseFile
  const written = age === undefined ? 'not written yet' : `written ${showDuration(age)} ago`
  return [['leases', `${path}, ${trouble ?? written}`]]
}

const leasesJson = ({ leaseFile }: Status) =>
  leaseFile === undefined
    ? undefined
    : { file: leaseFile.path, interval: leaseFile.interval, age: leaseFile.age, trouble: leaseFile.trouble }

function kernelText({ kernel }: Status): string {
  const features = kernel.features.map(({ name, present }) => `${present ? '' : 'no '}${name}`)
  return [kernel.release ?? 'unknown release', ...features].join(', ')
}

const lackText = ({ kernel }: Status): readonly string[] =>
  kernel.features.filter(({ present }) => !present).map(({ name, meaning }) => `no ${name}; with it, ${meaning}`)

const problemText = (problem: Problem): string => `${problem.weight}: ${describe(problem)}`

function facts(pairs: readonly (readonly [name: string, text: string])[]): readonly string[] {
  const widest = Math.max(...pairs.map(([name]) => name.length))
  return pairs.map(([name, text]) => `  ${name.padStart(widest)}: ${text}`)
}

function section(title: string, items: readonly string[]): readonly string[] {
  return items.length === 0 ? [] : ['', title, ...items.map(item => `  ${item}`)]
}
