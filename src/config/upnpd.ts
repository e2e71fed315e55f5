/**
 * miniupnpd's configuration on OpenWrt (`/etc/config/upnpd`, read by its init script) as a configuration of ours, with
 * a sentence about everything that could not be carried over. Pure; nothing is switched on that was not asked for.
 */
import { parseIpRange, parseIpv4 } from '../base/ip.ts'
import { oneLine } from '../base/text.ts'
import type { Place, UciFile, UciOption, UciSection } from '../wire/uci.ts'
import { writeUci } from '../wire/uci.ts'
import type { FirewallFile } from './firewall-file.ts'
import { flag } from './kinds.ts'
import { isDeviceName, single, words } from './network-file.ts'

export interface Migration {
  /** The text of a `/etc/config/portico`. */
  readonly config: string
  /** A sentence each. */
  readonly report: readonly string[]
  /** Services that miniupnpd had switched on. */
  readonly services: readonly ('nat_pmp' | 'upnp')[]
}

export interface MigrationContext {
  /** The zones that `external_zone` may name. */
  readonly firewall: FirewallFile | undefined
  /** Switch the services on that miniupnpd had on; otherwise they stay off. */
  readonly enable: boolean
}

type NewSection = Pick<UciSection, 'type' | 'name' | 'anonymous' | 'options'>
type Report = (sentence: string) => void

export function migrateUpnpd(file: UciFile, { firewall, enable }: MigrationContext): Migration {
  const report: string[] = []
  const say: Report = sentence => report.push(oneLine(sentence, 400))
  const settings = file.sections.find(({ type }) => type === 'upnpd') ?? EMPTY
  const services = servicesOf(settings)
  const rules = file.sections.filter(({ type }) => type === 'perm_rule')
  const sections = [
    named('nat_pmp', { enabled: yesNo(enable && services.includes('nat_pmp')) }),
    named('upnp', {
      enabled: yesNo(enable && services.includes('upnp')),
      ...httpPort(settings, say),
      ...shownAs(settings),
    }),
    ...interfaces(settings, firewall, say),
    ...rules.flatMap((rule, number) => permission(rule, number, say) ?? []),
  ]
  if (!rules.some(isCatchAll)) say(NO_LAST_RULE)
  notCarried(settings, say)
  for (const { type, place } of file.sections) {
    if (type !== 'upnpd' && type !== 'perm_rule') say(`line ${place.line}: section '${type}' is not known`)
  }
  return { config: `${HEAD}\n${writeUci(sections)}`, report, services }
}

const HEAD = '# Made from /etc/config/upnpd by `portico migrate upnpd`; that file is as it was.\n'
const NO_LAST_RULE =
  'miniupnpd allows what no perm_rule matches; Portico then allows ports from 1024 up only, without the known dangerous ones. To have it as before, set option default_action allow in config portico limits'
const NOWHERE: Place = { line: 0, column: 0, byte: 0 }
const EMPTY: UciSection = { type: 'upnpd', name: 'config', anonymous: false, place: NOWHERE, options: new Map() }

/**
 * miniupnpd.init (openwrt/packages net/miniupnpd): `config_get_bool` with 1 for all three, so they are on where nothing
 * is said; the shipped file sets `enabled 0`.
 */
function servicesOf(settings: UciSection): readonly ('nat_pmp' | 'upnp')[] {
  if (!isOn(settings, 'enabled', true)) return []
  return [
    ...(isOn(settings, 'enable_natpmp', true) ? (['nat_pmp'] as const) : []),
    ...(isOn(settings, 'enable_upnp', true) ? (['upnp'] as const) : []),
  ]
}

function httpPort(settings: UciSection, say: Report): Readonly<Record<string, string>> {
  const text = single(settings, 'port')
  if (text === undefined || text === '5000') return {}
  if (isPort(text)) return { http_port: text }
  say(`option port '${text}' is no port and is left out`)
  return {}
}

/** How the gateway presents itself: the options have the names that they had. */
function shownAs(settings: UciSection): Readonly<Record<string, string>> {
  const found = ['serial_number', 'presentation_url'].flatMap(name => {
    const text = single(settings, name)
    return text === undefined || text === '' ? [] : [[name, oneLine(text, 256)] as const]
  })
  return Object.fromEntries(found)
}

/** Roles in the order in which miniupnpd names them; where it names none, Portico finds them itself, as it does. */
function interfaces(settings: UciSection, firewall: FirewallFile | undefined, say: Report): readonly NewSection[] {
  const internal = words(settings, 'internal_iface')
  const chosen = single(settings, 'external_iface')
  const zone = single(settings, 'external_zone')
  const external = chosen === undefined ? networksOf(zone, firewall, say) : [chosen]
  const sixth = single(settings, 'external_iface6')
  if (sixth !== undefined && !external.includes(sixth) && sixth !== 'wan6') {
    say(`option external_iface6 '${sixth}': pinholes use the device of the external interface, so it is not needed`)
  }
  const address = single(settings, 'external_ip')
  const forced = address === undefined ? undefined : parseIpv4(address)
  if (address !== undefined && (forced === undefined || external.length === 0)) {
    say(
      forced === undefined
        ? `option external_ip '${address}' is no IPv4 address and is left out`
        : `option external_ip '${address}': set option forced_ip in a config interface of type external`,
    )
  }
  return [
    ...internal.map(name => role(name, 'internal', {}, say)),
    ...external.map(name => role(name, 'external', forced === undefined ? {} : { forced_ip: forced }, say)),
  ].flatMap(section => section ?? [])
}

function networksOf(zone: string | undefined, firewall: FirewallFile | undefined, say: Report): readonly string[] {
  if (zone === undefined) return []
  const found = firewall?.zones.find(({ name }) => name === zone)
  if (found !== undefined) return [...found.networks, ...found.devices]
  say(`option external_zone '${zone}': the firewall has no such zone; Portico takes the masqueraded zones`)
  return []
}

function role(
  name: string,
  type: 'internal' | 'external',
  more: Readonly<Record<string, string>>,
  say: Report,
): NewSection | undefined {
  if (isDeviceName(name)) return anonymous('interface', { interface: name, type, ...more })
  say(`'${name}' is no name of a network or device and is left out of the ${type} interfaces`)
  return undefined
}

/**
 * `allow 1024-65535 0.0.0.0/0 1024-65535`: miniupnpd's words in ours; what matches everything is left out. A rule
 * without an action denies (miniupnpd.init), and `ALLOW` is no action (upnppermissions.c).
 */
function permission(rule: UciSection, number: number, say: Report): NewSection | undefined {
  const action = single(rule, 'action') ?? 'deny'
  const external = portRange(single(rule, 'ext_ports'))
  const internal = portRange(single(rule, 'int_ports'))
  const address = addressRange(single(rule, 'int_addr'))
  const comment = single(rule, 'comment')
  const title = `perm_rule ${number + 1}${comment === undefined ? '' : ` (${comment})`}, line ${rule.place.line}`
  const wrong = [
    action !== 'allow' && action !== 'deny' ? 'action' : undefined,
    external === 'wrong' ? 'ext_ports' : undefined,
    internal === 'wrong' ? 'int_ports' : undefined,
    address === 'wrong' ? 'int_addr' : undefined,
  ].filter(each => each !== undefined)
  if (wrong.length > 0) {
    say(`${title}: ${wrong.join(' and ')} cannot be read, the rule is left out; miniupnpd left it out too`)
    return undefined
  }
  for (const { name } of unknown(rule, ['action', 'ext_ports', 'int_addr', 'int_ports', 'comment'])) {
    say(`${title}: option ${name} is not known and is left out`)
  }
  return anonymous('permission', {
    action,
    ...(external === 'any' ? {} : { dst_port: external }),
    ...(internal === 'any' ? {} : { internal_port: internal }),
    ...(address === 'any' ? {} : { internal_address: address }),
    ...(comment === undefined ? {} : { comment: oneLine(comment, 128) }),
  })
}

const isCatchAll = (rule: UciSection): boolean =>
  portRange(single(rule, 'ext_ports')) === 'any' &&
  portRange(single(rule, 'int_ports')) === 'any' &&
  addressRange(single(rule, 'int_addr')) === 'any'

/** miniupnpd.init takes `x`, `x-y` and `x:y`, and `0-65535` where nothing is said; port 0 is none. */
function portRange(text: string | undefined): string | 'any' | 'wrong' {
  if (text === undefined) return 'any'
  const match = /^([0-9]{1,5})(?:[-:]([0-9]{1,5}))?$/.exec(text.trim())
  if (match === null) return 'wrong'
  const first = Number(match[1])
  const last = Number(match[2] ?? match[1])
  if (first > last || last > 65535 || last === 0) return 'wrong'
  const low = Math.max(first, 1)
  if (low === 1 && last === 65535) return 'any'
  return low === last ? String(low) : `${low}-${last}`
}

/** An IPv4 address or prefix; the mask may be dotted, as upnppermissions.c takes it. */
function addressRange(text: string | undefined): string | 'any' | 'wrong' {
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

/** What became of every other option of miniupnpd.init; `undefined` where there is nothing to say of it. */
const OTHERS: Readonly<Record<string, ((value: string) => string | undefined) | undefined>> = {
  enabled: undefined,
  enable_natpmp: undefined,
  enable_upnp: undefined,
  internal_iface: undefined,
  external_iface: undefined,
  external_iface6: undefined,
  external_zone: undefined,
  external_ip: undefined,
  port: undefined,
  serial_number: undefined,
  presentation_url: undefined,
  secure_mode: text =>
    flag.read(text) === false ? 'a host can open ports for itself only in Portico, always' : undefined,
  system_uptime: () => undefined,
  igdv1: () => undefined,
  log_output: () => undefined,
  use_stun: text =>
    flag.read(text) === true
      ? 'Portico asks no server outside for its address; behind another router, set option forced_ip'
      : undefined,
  stun_host: () => undefined,
  stun_port: () => undefined,
  ipv6_disable: text =>
    flag.read(text) === true ? 'IPv6 hosts open pinholes by the same permissions as IPv4 hosts' : undefined,
  ext_allow_private_ipv4: text =>
    flag.read(text) === true
      ? 'Portico maps on a private address too, and `portico status` says that it is one'
      : undefined,
  upload: () => 'clients are told the speed of the link itself',
  download: () => 'clients are told the speed of the link itself',
  config_file: path => `miniupnpd read ${path} instead of this file; what stands there was not read`,
  model_number: () => 'Portico shows clients its own',
  uuid: () => 'Portico makes its own, which stays the same',
  notify_interval: () => 'Portico announces itself as the standard asks',
  upnp_lease_file: () => undefined,
  upnp_lease_file6: () => undefined,
  clean_ruleset_threshold: () => 'mappings end with their leases',
  clean_ruleset_interval: () => undefined,
}

function notCarried(settings: UciSection, say: Report): void {
  for (const option of settings.options.values()) {
    const text = typeof option.value === 'string' ? option.value : option.value.join(' ')
    if (!Object.hasOwn(OTHERS, option.name)) {
      say(`option ${option.name} '${text}' is not known and is left out`)
      continue
    }
    const sentence = OTHERS[option.name]?.(text)
    if (sentence !== undefined) say(`option ${option.name} '${text}' is not carried over: ${sentence}`)
  }
}

const unknown = (section: UciSection, known: readonly string[]): readonly UciOption[] =>
  [...section.options.values()].filter(({ name }) => !known.includes(name))

/** As `config_get_bool` reads it: any other word, `FALSE` too, leaves what holds otherwise. */
const isOn = (section: UciSection, name: string, otherwise: boolean): boolean =>
  flag.read(single(section, name) ?? '') ?? otherwise
const isPort = (text: string): boolean => /^[0-9]{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65535
const yesNo = (on: boolean): string => (on ? '1' : '0')

const named = (name: string, values: Readonly<Record<string, string>>): NewSection => ({
  type: 'portico',
  name,
  anonymous: false,
  options: optionsOf(values),
})

const anonymous = (type: string, values: Readonly<Record<string, string>>): NewSection => ({
  type,
  name: '',
  anonymous: true,
  options: optionsOf(values),
})

const optionsOf = (values: Readonly<Record<string, string>>): ReadonlyMap<string, UciOption> =>
  new Map(Object.entries(values).map(([name, text]) => [name, { name, value: text, places: [NOWHERE] }]))
