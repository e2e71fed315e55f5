/** What the migration of miniupnpd's configuration is put together from: sections of ours, and how miniupnpd reads words. */
import { parseIpRange, parseIpv4 } from '../base/ip.ts'
import type { Place, UciOption, UciSection } from '../wire/uci.ts'

export type NewSection = Pick<UciSection, 'type' | 'name' | 'anonymous' | 'options'>
/** Takes a sentence about what could not be carried over. */
export type Report = (sentence: string) => void

/** For what stands in no file. */
export const NOWHERE: Place = { line: 0, column: 0, byte: 0 }

/** `config portico 'name'` */
export const named = (name: string, values: Readonly<Record<string, string>>): NewSection => ({
  type: 'portico',
  name,
  anonymous: false,
  options: optionsOf(values),
})

/** `config type` */
export const anonymous = (type: string, values: Readonly<Record<string, string>>): NewSection => ({
  type,
  name: '',
  anonymous: true,
  options: optionsOf(values),
})

const optionsOf = (values: Readonly<Record<string, string>>): ReadonlyMap<string, UciOption> =>
  new Map(Object.entries(values).map(([name, text]) => [name, { name, value: text, places: [NOWHERE] }]))

/** A value of ours; `any` where the option is left out, `wrong` where miniupnpd could not read it either. */
export type Reading = string | 'any' | 'wrong'

/** `x`, `x-y`, and `x:y` where that is a `separator` too; all ports where nothing is said. Port 0 is none. */
export function portRange(text: string | undefined, separator: '-' | '-:' = '-:'): Reading {
  if (text === undefined) return 'any'
  const match = /^([0-9]{1,5})(?:([-:])([0-9]{1,5}))?$/.exec(text.trim())
  if (match === null || !separator.includes(match[2] ?? '-')) return 'wrong'
  const first = Number(match[1])
  const last = Number(match[3] ?? match[1])
  if (first > last || last > 65535 || last === 0) return 'wrong'
  const low = Math.max(first, 1)
  if (low === 1 && last === 65535) return 'any'
  return low === last ? String(low) : `${low}-${last}`
}

/** An IPv4 address or prefix; the mask may be dotted, as upnppermissions.c takes it. */
export function addressRange(text: string | undefined): Reading {
  if (text === undefined) return 'any'
  const [address = '', mask] = text.trim().split('/')
  const bits =
    mask === undefined ? 32 : mask.includes('.') ? bitsOf(mask) : /^[0-9]{1,2}$/.test(mask) ? Number(mask) : 33
  if (parseIpv4(address) === undefined || bits === undefined || bits > 32) return 'wrong'
  if (bits === 0) return 'any'
  const range = bits === 32 ? address : `${address}/${bits}`
  return parseIpRange(range) === undefined ? 'wrong' : range
}

function bitsOf(mask: string): number | undefined {
  const parts = mask.split('.').map(Number)
  const binary = parts.map(part => part.toString(2).padStart(8, '0')).join('')
  return parts.length === 4 && binary.length === 32 && /^1*0*$/.test(binary)
    ? binary.replaceAll('0', '').length
    : undefined
}

/** The ports and addresses of a permission, without those that match everything. */
export function matching(external: Reading, internal: Reading, address: Reading): Readonly<Record<string, string>> {
  return {
    ...(external === 'any' ? {} : { dst_port: external }),
    ...(internal === 'any' ? {} : { internal_port: internal }),
    ...(address === 'any' ? {} : { internal_address: address }),
  }
}
