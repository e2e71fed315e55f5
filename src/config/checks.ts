/** Rules between options and between sections, which no schema can say. */
import type { Ip, PortRange } from '../base/ip.ts'
import { ipv4Number } from '../base/ip.ts'
import type { Transport } from '../core/mapping.ts'
import type { UciSection } from '../wire/uci.ts'
import type { Config } from './config.ts'
import { portRange } from './kinds.ts'
import type { SectionValues } from './options.ts'
import type { Problem } from './problems.ts'
import { quoted } from './problems.ts'
import { lineOf } from './section.ts'

/** A section and what was read of it. */
export interface Read<V> {
  readonly values: V
  readonly section: UciSection
}

export function checkLimits(limits: Config['limits'], section: UciSection, file: string): readonly Problem[] {
  if (limits.min_lease <= limits.max_lease) return []
  const message = `option min_lease '${limits.min_lease}': expected no more than max_lease, which is ${limits.max_lease}`
  return [{ weight: 'error', file, line: lineOf(section, 'min_lease'), message }]
}

export function checkInterfaces(rows: readonly Read<SectionValues<'interface'>>[], file: string): readonly Problem[] {
  const problems: Problem[] = []
  const seen = new Map<string, Read<SectionValues<'interface'>>>()
  for (const row of rows) {
    const { values, section } = row
    problems.push(...checkForcedIp(values, section, file))
    if (values.disabled) continue
    const before = seen.get(values.interface)
    if (before === undefined) seen.set(values.interface, row)
    else if (before.values.type !== values.type) {
      const other = `${before.values.type} on line ${before.section.place.line}`
      const message = `interface ${quoted(values.interface)} is ${values.type} here and ${other}: expected one role`
      problems.push({ weight: 'error', file, line: section.place.line, message })
    }
  }
  return problems
}

function checkForcedIp(values: SectionValues<'interface'>, section: UciSection, file: string): readonly Problem[] {
  if (values.forced_ip === undefined) return []
  const line = lineOf(section, 'forced_ip')
  if (!isHostAddress(values.forced_ip)) {
    const message = `option forced_ip '${values.forced_ip}': expected an address that a host can have`
    return [{ weight: 'error', file, line, message }]
  }
  if (values.type === 'external') return []
  return [{ weight: 'warning', file, line, message: 'option forced_ip is ignored: the interface is not external' }]
}

export function checkPermissions(rows: readonly Read<SectionValues<'permission'>>[], file: string): readonly Problem[] {
  return rows.flatMap(({ values, section }) => [
    ...checkOrder('dst_port', values.dst_port, section, file),
    ...checkOrder('internal_port', values.internal_port, section, file),
  ])
}

function checkOrder(name: string, range: PortRange | undefined, section: UciSection, file: string): readonly Problem[] {
  if (range === undefined || range.first <= range.last) return []
  const turned = portRange.print({ first: range.last, last: range.first })
  const message = `option ${name} '${portRange.print(range)}': the range runs backwards`
  return [{ weight: 'error', file, line: lineOf(section, name), message, hint: `write ${turned}` }]
}

export function checkMappings(rows: readonly Read<SectionValues<'mapping'>>[], file: string): readonly Problem[] {
  const problems: Problem[] = []
  const holders = new Map<string, number>()
  for (const { values, section } of rows) {
    if (!isHostAddress(values.internal_address)) {
      const message = `option internal_address '${values.internal_address}': expected an address that a host can have`
      problems.push({ weight: 'error', file, line: lineOf(section, 'internal_address'), message })
    }
    if (values.disabled) continue
    for (const transport of transportsOf(values.protocol)) {
      const key = `${transport} ${values.external_port}`
      const before = holders.get(key)
      if (before === undefined) holders.set(key, section.place.line)
      else {
        const message = `external port ${key} belongs to the mapping on line ${before} already`
        problems.push({ weight: 'error', file, line: lineOf(section, 'external_port'), message })
      }
    }
  }
  return problems
}

export const transportsOf = (protocol: Transport | 'both'): readonly Transport[] =>
  protocol === 'both' ? ['tcp', 'udp'] : [protocol]

/** Not 0/8, loopback, multicast, class E or broadcast (RFC 6890 §2.2.2). */
function isHostAddress(ip: Ip): boolean {
  const first = Math.floor(ipv4Number(ip) / 2 ** 24)
  return first !== 0 && first !== 127 && first < 224
}
