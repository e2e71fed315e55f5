/**
 * What a port mapping's arguments mean (WANIPConnection:2 §2.3, §2.5): foreign sentinels become our words, and what
 * means nothing becomes the code of the standard. What the client may have is not decided here.
 */
import type { Endpoint, Ip, Port } from '../../base/ip.ts'
import { parseIpv4, port } from '../../base/ip.ts'
import type { Seconds } from '../../base/time.ts'
import { seconds } from '../../base/time.ts'
import type { Transport } from '../../core/mapping.ts'
import { element } from '../../wire/xml.ts'
import { writeValue } from './arguments.ts'
import type { Call } from './call.ts'

export type AddCall = Extract<Call, { action: 'AddPortMapping' | 'AddAnyPortMapping' }>
export type KeyCall = Extract<Call, { action: 'DeletePortMapping' | 'GetSpecificPortMappingEntry' }>
export type RangeCall = Extract<Call, { action: 'DeletePortMappingRange' | 'GetListOfPortMappings' }>

export interface PortMapping {
  readonly transport: Transport
  readonly remote: Ip | 'any'
  readonly external: Port | 'any'
  readonly internal: Endpoint
  readonly enabled: boolean
  /** As the client wrote it: for `oneLine`. */
  readonly label: string
  readonly lifetime: Seconds | 'forever'
}

/** The triple that names a mapping; it may well be none that exists. */
export interface PortMappingKey {
  readonly transport: Transport
  readonly remote: Ip | 'any'
  readonly external: Port
}

export interface PortRangeAsked {
  readonly transport: Transport
  readonly first: number
  readonly last: number
  /** All clients' mappings, not only the caller's; means nothing from a caller that is not authorised (§2.5.19). */
  readonly manage: boolean
}

/** An argument that means nothing, as the error to answer. */
export interface Senseless<Code extends number> {
  readonly is: 'senseless'
  readonly code: Code
}

/**
 * Version 2 grants a week for "for ever" (§2.3.16), version 1 means it. A port of 0 is "any" to AddAnyPortMapping, and
 * all ports to AddPortMapping, which nobody gets here.
 */
export function portMappingOf(call: AddCall): PortMapping | Senseless<402 | 600 | 715 | 716 | 726 | 732> {
  const { args, version } = call
  const remote = remoteOf(args.NewRemoteHost)
  if (remote === undefined) return senseless(noRemote(version))
  const external = port(args.NewExternalPort)
  if (external === undefined && call.action === 'AddPortMapping') return senseless(716)
  if (args.NewInternalClient === '') return senseless(715)
  const ip = parseIpv4(args.NewInternalClient)
  if (ip === undefined) return senseless(402)
  const internalPort = port(args.NewInternalPort)
  if (internalPort === undefined) return senseless(version === 2 ? 732 : 402)
  return {
    transport: transportOf(args.NewProtocol),
    remote,
    external: external ?? 'any',
    internal: { ip, port: internalPort },
    enabled: args.NewEnabled,
    label: args.NewPortMappingDescription,
    lifetime: lifetimeOf(version, args.NewLeaseDuration),
  }
}

/** There is no mapping of port 0, so it is no such entry (714). */
export function portMappingKeyOf({ args, version }: KeyCall): PortMappingKey | Senseless<600 | 714 | 726> {
  const remote = remoteOf(args.NewRemoteHost)
  const external = port(args.NewExternalPort)
  if (remote === undefined) return senseless(noRemote(version))
  return external === undefined ? senseless(714) : { transport: transportOf(args.NewProtocol), remote, external }
}

export function portRangeOf({ args }: RangeCall): PortRangeAsked | Senseless<733> {
  const { NewStartPort: first, NewEndPort: last } = args
  if (first > last) return senseless(733)
  return { transport: transportOf(args.NewProtocol), first, last, manage: args.NewManage }
}

export const isSenseless = <T extends object>(value: T): value is Extract<T, Senseless<number>> =>
  'is' in value && value.is === 'senseless'

export const senseless = <Code extends number>(code: Code): Senseless<Code> => ({ is: 'senseless', code })

/** '' is any; `*` and `0.0.0.0` are what some programs write for it. No names: asking for one would wait (S16). */
function remoteOf(text: string): Ip | 'any' | undefined {
  return text === '' || text === '*' || text === '0.0.0.0' ? 'any' : parseIpv4(text)
}

const noRemote = (version: 1 | 2): 600 | 726 => (version === 2 ? 600 : 726)

const transportOf = (protocol: 'TCP' | 'UDP'): Transport => (protocol === 'TCP' ? 'tcp' : 'udp')

const WEEK = seconds(604_800)

function lifetimeOf(version: 1 | 2, asked: number): Seconds | 'forever' {
  if (asked > 0) return seconds(asked)
  return version === 2 ? WEEK : 'forever'
}

/** A mapping as a reading client hears of it: names and order as in GetGenericPortMappingEntry. */
export interface PortMappingEntry {
  readonly NewRemoteHost: string
  readonly NewExternalPort: number
  readonly NewProtocol: 'TCP' | 'UDP'
  readonly NewInternalPort: number
  readonly NewInternalClient: string
  readonly NewEnabled: boolean
  readonly NewPortMappingDescription: string
  readonly NewLeaseDuration: number
}

/** A_ARG_TYPE_PortListing (§2.3.25): the value of NewPortListing. Two names differ from those of the arguments. */
export function portListing(entries: readonly PortMappingEntry[]): string {
  const listed = entries.map(entry => {
    const parts = LISTING.map(([name, key]) => element(`p:${name}`, writeValue(entry[key])))
    return `<p:PortMappingEntry>${parts.join('')}</p:PortMappingEntry>`
  })
  return `<p:PortMappingList xmlns:p="${LISTING_URI}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="${LISTING_URI} http://www.upnp.org/schemas/gw/WANIPConnection-v2.xsd">${listed.join('')}</p:PortMappingList>`
}

const LISTING_URI = 'urn:schemas-upnp-org:gw:WANIPConnection'

const LISTING: readonly (readonly [name: string, key: keyof PortMappingEntry])[] = [
  ['NewRemoteHost', 'NewRemoteHost'],
  ['NewExternalPort', 'NewExternalPort'],
  ['NewProtocol', 'NewProtocol'],
  ['NewInternalPort', 'NewInternalPort'],
  ['NewInternalClient', 'NewInternalClient'],
  ['NewEnabled', 'NewEnabled'],
  ['NewDescription', 'NewPortMappingDescription'],
  ['NewLeaseTime', 'NewLeaseDuration'],
]
