/** The options of the settings: sections that there is one of (`options.ts` joins them). */
import type { Port } from '../base/ip.ts'
import type { Seconds } from '../base/time.ts'
import { seconds } from '../base/time.ts'
import { choice, count, flag, markBit, path, port, text } from './kinds.ts'
import { FIRST, optional, WITH_UPNP, withDefault } from './option.ts'

export const natPmp = {
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

export const upnp = {
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
    help: 'Let a UPnP client cut its own network off from the Internet, both ways and at once, and open it again. The router stays reachable, and no other network is touched.',
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

export const limits = {
  per_host: withDefault(count(1, 131070), 64, {
    help: 'Mappings that one host may hold, under all of its addresses: it is known by its link address (MAC), else by its IPv4 address or its IPv6 network of 64 bits.',
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
    help: 'Requests a second that one host may send, from all of its addresses, with a burst of twice as many. What exceeds it is dropped in silence; over HTTP it is answered with 503. Descriptions and subscriptions of UPnP are counted for themselves, and 64 at once are never too many. 0 is no limit.',
    since: FIRST,
    routeros: 'requests-per-second',
    example: '100',
  }),
}

export const system = {
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
    help: 'Where leases are kept over a reboot. Unset: in RAM, beside the control socket, so over a restart only. On flash: /etc/portico/leases, which sysupgrade keeps. In a folder of its own, since the file is replaced and the daemon may write to all of the folder, and to little else in its jail. none: nowhere.',
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
