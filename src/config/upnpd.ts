/**
 * miniupnpd's configuration on OpenWrt (`/etc/config/upnpd`, read by its init script) as a configuration of ours, with
 * a sentence about everything that could not be carried over. Pure; nothing is switched on that was not asked for.
 */
import { parseIpv4 } from '../base/ip.ts'
import { oneLine } from '../base/text.ts'
import type { UciFile, UciSection } from '../wire/uci.ts'
import { writeUci } from '../wire/uci.ts'
import type { FirewallFile } from './firewall-file.ts'
import { flag } from './kinds.ts'
import { isDeviceName, single, words } from './network-file.ts'
import type { NewSection, Report } from './upnpd-parts.ts'
import { anonymous, NOWHERE, named } from './upnpd-parts.ts'
import { isCatchAll, isListed, listedPermissions, permRule } from './upnpd-rules.ts'

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

export function migrateUpnpd(file: UciFile, { firewall, enable }: MigrationContext): Migration {
  const report: string[] = []
  const say: Report = sentence => report.push(oneLine(sentence, 400))
  const settings = file.sections.find(({ type }) => type === 'upnpd') ?? EMPTY
  const isNew = isListed(settings, file.sections)
  const services = isNew ? newServices(settings, say) : servicesOf(settings)
  const sections = [
    named('nat_pmp', { enabled: yesNo(enable && services.includes('nat_pmp')) }),
    named('upnp', {
      enabled: yesNo(enable && services.includes('upnp')),
      ...httpPort(settings, say),
      ...shownAs(settings),
    }),
    ...interfaces(file, settings, firewall, say),
    ...(isNew ? listedPermissions(settings, file.sections, say) : oldPermissions(file, say)),
  ]
  notCarried(settings, say)
  for (const { type, place } of file.sections) {
    if (!KNOWN.includes(type)) say(`line ${place.line}: section '${type}' is not known`)
  }
  return { config: `${HEAD}\n${writeUci(sections)}`, report, services }
}

const KNOWN = ['upnpd', 'perm_rule', 'internal_network', 'acl_entry']
const HEAD = '# Made from /etc/config/upnpd by `portico migrate upnpd`; that file is as it was.\n'
const NO_LAST_RULE =
  'miniupnpd allows what no perm_rule matches; Portico then allows ports from 1024 up only, without the known dangerous ones. To have it as before, set option default_action allow in config portico limits'
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

/** v2.0: off where nothing is said, and one word for both (`enabled_protocols` in the drafts). */
function newServices(settings: UciSection, say: Report): readonly ('nat_pmp' | 'upnp')[] {
  if (!isOn(settings, 'enabled', false)) return []
  const word = single(settings, 'enable_protocols') ?? single(settings, 'enabled_protocols') ?? 'all'
  const services = Object.hasOwn(PROTOCOLS, word) ? PROTOCOLS[word] : undefined
  if (services === undefined) say(`enable_protocols '${word}' is not known: both services are taken`)
  return services ?? BOTH
}

const BOTH = ['nat_pmp', 'upnp'] as const
const PROTOCOLS: Readonly<Record<string, readonly ('nat_pmp' | 'upnp')[]>> = {
  all: BOTH,
  'upnp-igd': ['upnp'],
  'pcp+nat-pmp': ['nat_pmp'],
}

function oldPermissions(file: UciFile, say: Report): readonly NewSection[] {
  const rules = file.sections.filter(({ type }) => type === 'perm_rule')
  const permissions = rules.flatMap((rule, number) => permRule(rule, number, say) ?? [])
  if (!rules.some(isCatchAll)) say(NO_LAST_RULE)
  return permissions
}

function httpPort(settings: UciSection, say: Report): Readonly<Record<string, string>> {
  const name = ['http_port', 'upnp_igd_http_port', 'port'].find(each => settings.options.has(each)) ?? 'port'
  const text = single(settings, name)
  if (text === undefined || text === '5000') return {}
  if (isPort(text)) return { http_port: text }
  say(`option ${name} '${text}' is no port and is left out`)
  return {}
}

/** How the gateway presents itself: the options have the names that they had. */
function shownAs(settings: UciSection): Readonly<Record<string, string>> {
  const names = ['friendly_name', 'upnp_igd_friendly_name', 'serial_number', 'presentation_url']
  const found = names.flatMap(name => {
    const text = single(settings, name)
    return text === undefined || text === '' ? [] : [[name.replace(/^upnp_igd_/, ''), oneLine(text, 256)] as const]
  })
  return Object.fromEntries(found)
}

/** Roles in the order in which miniupnpd names them; where it names none, Portico finds them itself, as it does. */
function interfaces(
  file: UciFile,
  settings: UciSection,
  firewall: FirewallFile | undefined,
  say: Report,
): readonly NewSection[] {
  const networks = file.sections.filter(({ type }) => type === 'internal_network')
  const internal = [...words(settings, 'internal_iface'), ...networks.flatMap(each => words(each, 'interface'))]
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

const SPEED = () => 'clients are told the speed of the link itself'
const SELF_ONLY = 'a host can open ports for itself only in Portico, always'
const NO_STUN = 'Portico asks no server outside for its address; behind another router, set option forced_ip'
const PRIVATE = 'Portico maps on a private address too, and `portico status` says that it is one'

/** `allow_cgnat`, `allow_cgnat_use` in the drafts. */
const cgnat = (text: string): string | undefined =>
  text === '0' ? undefined : text === 'allow-private-ext-ipv4' ? PRIVATE : NO_STUN

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
  enable_protocols: undefined,
  enabled_protocols: undefined,
  access_defaults: undefined,
  accept_ports: undefined,
  reject_ports: undefined,
  check_acl: undefined,
  http_port: undefined,
  upnp_igd_http_port: undefined,
  friendly_name: undefined,
  upnp_igd_friendly_name: undefined,
  secure_mode: text => (flag.read(text) === false ? SELF_ONLY : undefined),
  allow_third_party_mapping: text => (text === '0' ? undefined : SELF_ONLY),
  system_uptime: () => undefined,
  igdv1: () => undefined,
  log_output: () => undefined,
  upnp_igd_compat: () => undefined,
  use_stun: text => (flag.read(text) === true ? NO_STUN : undefined),
  allow_cgnat: cgnat,
  allow_cgnat_use: cgnat,
  force_forwarding: text => (flag.read(text) === true ? PRIVATE : undefined),
  stun_host: () => undefined,
  stun_port: () => undefined,
  ipv6_disable: text =>
    flag.read(text) === true ? 'IPv6 hosts open pinholes by the same permissions as IPv4 hosts' : undefined,
  ext_allow_private_ipv4: text => (flag.read(text) === true ? PRIVATE : undefined),
  upload: SPEED,
  download: SPEED,
  upload_kbps: SPEED,
  download_kbps: SPEED,
  upnp_igd_upload: SPEED,
  upnp_igd_download: SPEED,
  config_file: path => `miniupnpd read ${path} instead of this file; what stands there was not read`,
  model_number: () => 'Portico shows clients its own',
  uuid: () => 'Portico makes its own, which stays the same',
  notify_interval: () => 'Portico announces itself as the standard asks',
  upnp_lease_file: () => undefined,
  upnp_lease_file6: () => undefined,
  lease_file: () => undefined,
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

/** As `config_get_bool` reads it: any other word, `FALSE` too, leaves what holds otherwise. */
const isOn = (section: UciSection, name: string, otherwise: boolean): boolean =>
  flag.read(single(section, name) ?? '') ?? otherwise
const isPort = (text: string): boolean => /^[0-9]{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65535
const yesNo = (on: boolean): string => (on ? '1' : '0')
