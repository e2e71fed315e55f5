/**
 * The owner's rules: in file order, first match wins; without a match the default policy decides. Both questions, "is
 * this port allowed" and "which ports are", read the same rules in the same order.
 */
import { type Endpoint, inRange, type Mac, type PortRange } from '../base/ip.ts'
import { oneLine } from '../base/text.ts'
import type { Service, Transport } from './mapping.ts'
import type { Policy, Rule } from './policy.ts'

/** What a rule looks at, except the external port. */
export interface Ask {
  readonly service: Service
  readonly transport: Transport
  readonly internal: Endpoint
  readonly mac: Mac | undefined
  /** The internal and the external device; `undefined` is not known. */
  readonly devices: readonly (string | undefined)[]
}

/** Why this external port is refused, for the journal; `undefined` when it is allowed. */
export function refused(policy: Policy, ask: Ask, external: number): string | undefined {
  const rule = deciding(policy, ask, external)
  if (rule === undefined) return refusedByDefault(policy, ask.internal.port, external)
  return rule.action === 'allow' ? undefined : nameOf(rule)
}

/** What decides, and how; `rule` is absent when it is the default policy. */
export interface Verdict {
  readonly allowed: boolean
  readonly because: string
  readonly rule: number | undefined
}

/** For people who want to know beforehand. */
export function verdict(policy: Policy, ask: Ask, external: number): Verdict {
  const rule = deciding(policy, ask, external)
  if (rule !== undefined) return { allowed: rule.action === 'allow', because: nameOf(rule), rule: rule.number }
  const said = refusedByDefault(policy, ask.internal.port, external)
  return { allowed: said === undefined, because: said ?? 'default policy: no permission speaks of it', rule: undefined }
}

/** The same where no rule matches. */
export const refusedByDefault = (policy: Policy, internal: number, external: number): string | undefined =>
  DEFAULTS[policy.limits.defaultAction](internal, external)

/** Every external port that `refused` would let pass, as ranges; those that earlier rules allow come first. */
export function allowedPorts(policy: Policy, ask: Ask): readonly PortRange[] {
  const { rules } = policy
  const byDefault = defaultPorts(policy.limits.defaultAction, ask)
  if (rules.length === 0) return byDefault
  const allowed: PortRange[] = []
  let open: readonly PortRange[] = ALL_PORTS
  for (const rule of rules) {
    if (open.length === 0) break
    if (!covers(rule, ask)) continue
    const range = rule.external ?? ALL
    if (rule.action === 'allow') allowed.push(...common(open, range))
    open = without(open, range)
  }
  for (const range of byDefault) allowed.push(...common(open, range))
  return allowed
}

/**
 * Services that no stranger should reach because an application asked for it: the list of OpenWrt's own proposal
 * (luci pull request 8415) and the ports that worms and hijackers of port mappings went for (Eternal Silence: 139 and
 * 445; Rapid7 R7-2014-17). Both sides of a mapping are looked at: an external port of this list draws the scanners.
 */
export const DANGEROUS: readonly { readonly ports: readonly [number, number]; readonly what: string }[] = [
  { ports: [21, 21], what: 'FTP' },
  { ports: [22, 22], what: 'SSH' },
  { ports: [23, 23], what: 'Telnet' },
  { ports: [53, 53], what: 'DNS' },
  { ports: [80, 80], what: 'a web interface' },
  { ports: [135, 139], what: 'Windows RPC and NetBIOS' },
  { ports: [443, 443], what: 'a web interface' },
  { ports: [445, 445], what: 'Windows file sharing' },
  { ports: [3389, 3389], what: 'Windows remote desktop' },
]

type DefaultAction = Policy['limits']['defaultAction']

const ports = (first: number, last: number) => ({ first, last }) as PortRange
const ALL = ports(1, 65535)
const ALL_PORTS: readonly PortRange[] = [ALL]

const DEFAULTS: Record<DefaultAction, (internal: number, external: number) => string | undefined> = {
  allow: () => undefined,
  deny: () => 'default policy: deny',
  'high-ports': (internal, external) => unsafe('internal', internal) ?? unsafe('external', external),
}

/** The external ports that the default allows to an internal port that it allows. */
const DEFAULT_PORTS: Record<DefaultAction, readonly PortRange[]> = {
  allow: ALL_PORTS,
  deny: [],
  'high-ports': DANGEROUS.reduce<readonly PortRange[]>(
    (open, { ports: [first, last] }) => without(open, ports(first, last)),
    [ports(1024, 65535)],
  ),
}

function defaultPorts(action: DefaultAction, { internal }: Ask): readonly PortRange[] {
  const allowed = DEFAULT_PORTS[action]
  const example = allowed[0]
  return example === undefined || DEFAULTS[action](internal.port, example.first) === undefined ? allowed : []
}

const DANGEROUS_HIGH = new Set(
  DANGEROUS.flatMap(({ ports: [first, last] }) => Array.from({ length: last - first + 1 }, (_, n) => first + n)).filter(
    port => port >= 1024,
  ),
)

function unsafe(side: string, port: number): string | undefined {
  if (port >= 1024 && !DANGEROUS_HIGH.has(port)) return undefined
  const known = DANGEROUS.find(({ ports }) => port >= ports[0] && port <= ports[1])
  return `default policy: ${side} port ${port} is ${known === undefined ? 'below 1024' : known.what}`
}

/** The first rule that fits. */
function deciding(policy: Policy, ask: Ask, external: number): Rule | undefined {
  for (const rule of policy.rules) {
    if (rule.external !== undefined && !within(external, rule.external)) continue
    if (covers(rule, ask)) return rule
  }
  return undefined
}

function covers(rule: Rule, ask: Ask): boolean {
  if (rule.transport !== 'both' && rule.transport !== ask.transport) return false
  if (rule.internal !== undefined && !within(ask.internal.port, rule.internal)) return false
  if (rule.services !== undefined && !rule.services.includes(ask.service)) return false
  if (rule.device !== undefined && !ask.devices.includes(rule.device)) return false
  // A device that is not known by its link address may be the one that is denied, and need not be the one allowed.
  if (rule.mac !== undefined && (ask.mac === undefined ? rule.action === 'allow' : rule.mac !== ask.mac)) return false
  return rule.internalAddress === undefined || inRange(ask.internal.ip, rule.internalAddress)
}

const nameOf = (rule: Rule) =>
  `permission ${rule.number}${rule.comment === '' ? '' : ` (${oneLine(rule.comment, 64)})`}`

const within = (port: number, range: PortRange) => port >= range.first && port <= range.last

function common(ranges: readonly PortRange[], { first, last }: PortRange): PortRange[] {
  const parts: PortRange[] = []
  for (const range of ranges) {
    const part = ports(Math.max(range.first, first), Math.min(range.last, last))
    if (part.first <= part.last) parts.push(part)
  }
  return parts
}

function without(ranges: readonly PortRange[], { first, last }: PortRange): PortRange[] {
  return [...common(ranges, ports(1, first - 1)), ...common(ranges, ports(last + 1, 65535))]
}
