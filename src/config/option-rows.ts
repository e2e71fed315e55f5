/** The options of the rows: sections that the owner writes as often as he likes (`options.ts` joins them). */
import type { Service } from '../core/mapping.ts'
import { address, addressRange, choice, flag, mac, networkName, port, portRange, service, text } from './kinds.ts'
import { FIRST, listOf, optional, required, withDefault } from './option.ts'

const PROTOCOL = choice<'tcp' | 'udp' | 'both'>({ tcp: 'tcp', udp: 'udp', both: 'both' })
const ALL_SERVICES: readonly Service[] = ['upnp', 'nat-pmp']

export const interfaceOptions = {
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

export const permission = {
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

export const mapping = {
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
