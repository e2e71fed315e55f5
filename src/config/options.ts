/**
 * The option table: everything an owner can set, said once. The UCI loader, the validator
 * (`tools/build-validators.mjs`), the console, REST, export, LuCI's texts and `docs/configuration.md` all read it.
 * To add an option, add a row here, run `node tools/build-validators.mjs` and `node tools/build-docs.mjs`, and use the
 * value where it matters.
 */

import type { Port } from '../base/ip.ts'
import type { Seconds } from '../base/time.ts'
import { seconds } from '../base/time.ts'
import type { Service } from '../core/mapping.ts'
import {
  address,
  addressRange,
  choice,
  count,
  flag,
  mac,
  markBit,
  networkName,
  path,
  port,
  portRange,
  service,
  text,
} from './kinds.ts'
import type { Option, Rows, Settings, Values } from './option.ts'
import { listOf, optional, required, withDefault } from './option.ts'

/** The version whose options are all in force; an option with a later `since` is accepted and does nothing yet. */
export const RELEASE = '0.2'

export type { Option, Rows, Settings, Values } from './option.ts'

const FIRST = '0.1'
const WITH_UPNP = '0.2'
const PROTOCOL = choice<'tcp' | 'udp' | 'both'>({ tcp: 'tcp', udp: 'udp', both: 'both' })
const ALL_SERVICES: readonly Service[] = ['upnp', 'nat-pmp']

const natPmp = {
  enabled: withDefault(flag, false, {
    help: 'Serve NAT-PMP (RFC 6886) to the internal interfaces.',
    since: FIRST,
    routeros: 'enabled',
    example: '1',
  }),
  allow_port_forwarding: withDefault(flag, true, {
    help: 'Open ports on request. With no, clients learn the external address and every request for a port is refused.',
    since: FIRST,
    routeros: 'allow-port-forwarding',
    extension: true,
    example: '1',
  }),
}

const upnp = {
  enabled: withDefault(flag, false, {
    help: 'Serve UPnP IGD to the internal interfaces.',
    since: WITH_UPNP,
    routeros: 'enabled',
    example: '1',
  }),
  allow_disable_external_interface: withDefault(flag, false, {
    help: 'Let a UPnP client take the external interface down.',
    since: WITH_UPNP,
    routeros: 'allow-disable-external-interface',
    example: '0',
  }),
  allow_disable_internal_interface: withDefault(flag, false, {
    help: 'Let a UPnP client take an internal interface down.',
    since: WITH_UPNP,
    routeros: 'allow-disable-internal-interface',
    extension: true,
    example: '0',
  }),
  show_dummy_rule: withDefault(flag, true, {
    help: 'Show clients one placeholder while no mapping exists, as some of them expect.',
    since: WITH_UPNP,
    routeros: 'show-dummy-rule',
    example: '1',
  }),
  show_all_mappings: withDefault(flag, false, {
    help: 'Show every UPnP client the mappings of all hosts. With no, a client sees those that lead to it.',
    since: WITH_UPNP,
    routeros: 'show-all-mappings',
    extension: true,
    example: '0',
  }),
  nat_traversal: withDefault(flag, true, {
    help: 'Open ports on request.',
    since: WITH_UPNP,
    routeros: 'nat-traversal',
    extension: true,
    example: '1',
  }),
  http_port: withDefault(port, 5000 as Port, {
    help: 'TCP port of the UPnP description and control pages, on the internal interfaces only.',
    since: WITH_UPNP,
    routeros: 'http-port',
    extension: true,
    example: '5000',
  }),
  friendly_name: withDefault(text, 'Portico', {
    help: 'Name under which UPnP clients and their users see this gateway; at most 63 bytes are shown.',
    since: WITH_UPNP,
    routeros: 'friendly-name',
    extension: true,
    example: 'Router in the hall',
  }),
  model_name: withDefault(text, 'Portico', {
    help: 'Model that UPnP clients see; at most 31 bytes are shown.',
    since: WITH_UPNP,
    routeros: 'model-name',
    extension: true,
    example: 'OpenWrt One',
  }),
  serial_number: optional(text, {
    help: 'Serial number that UPnP clients see. Unset: none.',
    since: WITH_UPNP,
    routeros: 'serial-number',
    extension: true,
    example: '0123456789',
  }),
  presentation_url: optional(text, {
    help: "Where UPnP clients lead their users. Unset: this gateway's own page, which shows a user what is open to the own device.",
    since: WITH_UPNP,
    routeros: 'presentation-url',
    extension: true,
    example: 'http://192.168.1.1/',
  }),
}

const limits = {
  per_host: withDefault(count(1, 131070), 64, {
    help: 'Mappings that one host may hold.',
    since: FIRST,
    routeros: 'per-host',
    example: '64',
  }),
  total: withDefault(count(1, 131070), 2048, {
    help: 'Mappings that all hosts together may hold.',
    since: FIRST,
    routeros: 'total',
    example: '2048',
  }),
  min_lease: withDefault(count<Seconds>(1, 86400, 'seconds'), seconds(1), {
    help: 'Shortest lease where the protocol lets the router choose (UPnP): shorter wishes get this. NAT-PMP never grants more than was asked.',
    since: FIRST,
    routeros: 'min-lease',
    example: '120',
  }),
  max_lease: withDefault(count<Seconds>(60, 31536000, 'seconds'), seconds(604800), {
    help: 'Longest lease; a client that asks for more, or for no end at all, gets this. IPv6 pinholes last a day at most.',
    since: FIRST,
    routeros: 'max-lease',
    example: '86400',
  }),
  default_action: withDefault(
    choice<'high-ports' | 'allow' | 'deny'>({ high_ports: 'high-ports', allow: 'allow', deny: 'deny' }),
    'high-ports',
    {
      help: 'What happens to a request that no permission matches. high_ports: ports from 1024 up are allowed, the known dangerous ones excepted.',
      since: FIRST,
      routeros: 'default-action',
      example: 'deny',
    },
  ),
  requests_per_second: withDefault(count(0, 1000000), 100, {
    help: 'Requests a second that one host may send, with a burst of twice as many. What exceeds it is dropped in silence; over HTTP it is answered with 503. 0 is no limit.',
    since: FIRST,
    routeros: 'requests-per-second',
    example: '100',
  }),
}

const system = {
  mark: withDefault(markBit, 0x40000000, {
    help: 'Bit of the packet mark that tells the firewall which forwarded traffic belongs to a mapping.',
    since: FIRST,
    routeros: 'mark',
    example: '0x40000000',
  }),
  log_level: withDefault(
    choice<'error' | 'warning' | 'info' | 'debug'>({
      error: 'error',
      warning: 'warning',
      info: 'info',
      debug: 'debug',
    }),
    'info',
    {
      help: 'Least important message that reaches the system log.',
      since: FIRST,
      routeros: 'log-level',
      example: 'debug',
    },
  ),
  lease_file: optional(path, {
    help: 'Where leases are kept over a reboot. Unset: in RAM, beside the control socket, so over a restart only. On flash: /etc/portico/leases, for instance. none: nowhere.',
    since: WITH_UPNP,
    routeros: 'lease-file',
    extension: true,
    example: '/etc/portico/leases',
  }),
  lease_file_interval: withDefault(count(0, 10080), 30, {
    help: 'Minutes between two writings of a lease file that is named, when something has changed; it is always written when the daemon ends. 0: then only.',
    since: WITH_UPNP,
    routeros: 'lease-file-interval',
    extension: true,
    example: '60',
  }),
}

const interfaceOptions = {
  interface: required(networkName, {
    help: 'A network of /etc/config/network (lan) or a device (br-lan).',
    since: FIRST,
    routeros: 'interface',
    example: 'lan',
  }),
  type: required(choice<'internal' | 'external'>({ internal: 'internal', external: 'external' }), {
    help: 'internal: clients are served here. external: the internet is here; the first usable one is active.',
    since: FIRST,
    routeros: 'type',
    example: 'internal',
  }),
  service: listOf(service, ALL_SERVICES, {
    help: 'The services that use this interface.',
    since: FIRST,
    routeros: 'service',
    extension: true,
    example: 'nat_pmp',
  }),
  forced_ip: optional(address, {
    help: 'External interface only: the address that clients are told, where it is not the one the interface has.',
    since: FIRST,
    routeros: 'forced-ip',
    example: '198.51.100.7',
  }),
  disabled: withDefault(flag, false, {
    help: 'Keep the section and ignore it.',
    since: FIRST,
    routeros: 'disabled',
    example: '1',
  }),
}

const permission = {
  action: required(choice<'allow' | 'deny'>({ allow: 'allow', deny: 'deny' }), {
    help: 'What to do with a request that matches.',
    since: FIRST,
    routeros: 'action',
    example: 'allow',
  }),
  interface: optional(networkName, {
    help: 'Only requests that come in by this internal interface, or that ask for a port on this external one, as RouterOS scripts write it.',
    since: FIRST,
    routeros: 'interface',
    example: 'guest',
  }),
  protocol: withDefault(PROTOCOL, 'both', {
    help: 'Transport protocol of the mapping.',
    since: FIRST,
    routeros: 'protocol',
    example: 'udp',
  }),
  dst_port: optional(portRange, {
    help: 'External ports.',
    since: FIRST,
    routeros: 'dst-port',
    example: '1024-65535',
  }),
  internal_port: optional(portRange, {
    help: 'Ports on the internal host.',
    since: FIRST,
    routeros: 'internal-port',
    example: '32400',
  }),
  internal_address: optional(addressRange, {
    help: 'Internal hosts: an address, a prefix or a range.',
    since: FIRST,
    routeros: 'internal-address',
    example: '192.168.1.0/24',
  }),
  mac: optional(mac, {
    help: 'The host with this MAC address.',
    since: FIRST,
    routeros: 'mac',
    example: '00:11:22:aa:bb:cc',
  }),
  service: listOf(service, ALL_SERVICES, {
    help: 'Services the request may come by.',
    since: FIRST,
    routeros: 'service',
    example: 'upnp',
  }),
  comment: withDefault(text, '', {
    help: 'For people; the journal shows it where this permission decides.',
    since: FIRST,
    routeros: 'comment',
    example: 'Plex server',
  }),
  disabled: withDefault(flag, false, {
    help: 'Keep the section and ignore it.',
    since: FIRST,
    routeros: 'disabled',
    example: '1',
  }),
}

const mapping = {
  protocol: required(PROTOCOL, {
    help: 'Transport protocol; both makes two mappings.',
    since: FIRST,
    routeros: 'protocol',
    example: 'tcp',
  }),
  external_port: required(port, {
    help: 'Port that the world dials.',
    since: FIRST,
    routeros: 'external-port',
    example: '8443',
  }),
  internal_address: required(address, {
    help: 'Host that answers.',
    since: FIRST,
    routeros: 'internal-address',
    example: '192.168.1.10',
  }),
  internal_port: optional(port, {
    help: 'Its port; the external port where it is not set.',
    since: FIRST,
    routeros: 'internal-port',
    example: '443',
  }),
  comment: withDefault(text, '', {
    help: 'For people.',
    since: FIRST,
    routeros: 'comment',
    example: 'web server',
  }),
  disabled: withDefault(flag, false, {
    help: 'Keep the section and ignore it.',
    since: FIRST,
    routeros: 'disabled',
    example: '1',
  }),
}

/** Sections by their id: the name of `config portico 'name'`, or the type of the others. */
export const sections = {
  nat_pmp: {
    is: 'settings',
    type: 'portico',
    help: 'The NAT-PMP service.',
    since: FIRST,
    menus: ['/ip nat-pmp', '/ip upnp natpmp'],
    options: natPmp,
  },
  upnp: {
    is: 'settings',
    type: 'portico',
    help: 'The UPnP service.',
    since: WITH_UPNP,
    menus: ['/ip upnp'],
    options: upnp,
  },
  limits: {
    is: 'settings',
    type: 'portico',
    help: 'Quotas, lease lengths and the default policy.',
    since: FIRST,
    menus: ['/ip upnp limits'],
    extension: true,
    options: limits,
  },
  system: {
    is: 'settings',
    type: 'portico',
    help: 'How Portico fits into the router.',
    since: FIRST,
    menus: ['/ip upnp system'],
    extension: true,
    options: system,
  },
  interface: {
    is: 'rows',
    type: 'interface',
    most: 64,
    help: 'Roles of the interfaces. Where none has the role external, it is taken by the networks of the firewall zones with masq 1 (else by the network that holds the default route); where none is internal, by lan.',
    since: FIRST,
    menus: ['/ip nat-pmp interfaces', '/ip upnp interfaces'],
    options: interfaceOptions,
  },
  permission: {
    is: 'rows',
    type: 'permission',
    most: 1000,
    help: 'Who may open which port. The first permission that matches decides; an option that is not set matches everything.',
    since: FIRST,
    menus: ['/ip upnp permissions'],
    extension: true,
    options: permission,
  },
  mapping: {
    is: 'rows',
    type: 'mapping',
    most: 1000,
    help: 'Static mappings: they never expire, and no client can remove them.',
    since: FIRST,
    menus: ['/ip upnp mappings'],
    extension: true,
    options: mapping,
  },
} as const satisfies Readonly<Record<string, Settings | Rows>>

export type SectionId = keyof typeof sections
export type SectionValues<I extends SectionId> = Values<(typeof sections)[I]>

export const sectionIds = Object.keys(sections) as readonly SectionId[]

/** A table of options that all kinds of section share, without their value types. */
export const optionsOf = (id: SectionId): Readonly<Record<string, Option<unknown>>> => sections[id].options

/** The value a section's option has where the file does not set it. */
export function defaultsOf<I extends SectionId>(id: I): Partial<SectionValues<I>> {
  const values: Record<string, unknown> = {}
  for (const [name, option] of Object.entries(optionsOf(id))) values[name] = option.default
  return values as Partial<SectionValues<I>>
}

/** Whether a version (`0.1`) already has what came with `since`. */
export function isInForce(since: string, release: string = RELEASE): boolean {
  const [major = 0, minor = 0] = since.split('.').map(Number)
  const [ourMajor = 0, ourMinor = 0] = release.split('.').map(Number)
  return ourMajor > major || (ourMajor === major && ourMinor >= minor)
}
