/**
 * The devices and services of the gateway as data, in its two personalities (InternetGatewayDevice:1 and :2 of the UPnP
 * Forum), and what a search finds among them. Both personalities are one device: the same UDNs, one mapping table.
 */
import type { Advertised, Target } from '../../wire/ssdp.ts'

export type IgdVersion = 1 | 2

/** The three devices of a gateway; each must have its own UUID. */
export type Unit = 'root' | 'wan' | 'connection'

/** Without `uuid:`; stable over restarts and changes of address. */
export type Uuids = Readonly<Record<Unit, string>>

export interface ServiceNode {
  /** `WANIPConnection` */
  readonly type: string
  readonly version: number
  /** `urn:upnp-org:serviceId:` and this. */
  readonly id: string
  /** Found by a search for exactly this, for clients that know no other; in no announcement and no description. */
  readonly alias?: true
}

export interface DeviceNode {
  readonly unit: Unit
  readonly uuid: string
  /** `WANDevice` */
  readonly type: string
  readonly version: number
  readonly services: readonly ServiceNode[]
  readonly devices: readonly DeviceNode[]
}

export interface Personality {
  readonly version: IgdVersion
  readonly root: DeviceNode
  /** Path of its root description. */
  readonly path: string
}

/** Something to advertise, and the personality whose description says more. */
export interface Row extends Advertised {
  readonly personality: Personality
}

/** `firewallControl`: IPv6 pinholes are offered (version 2 only). */
export function gatewayTree(version: IgdVersion, uuids: Uuids, firewallControl: boolean): DeviceNode {
  const ip: ServiceNode = { type: 'WANIPConnection', version, id: 'WANIPConn1' }
  // A client that knows only PPP is a version-1 client.
  const ppp: ServiceNode = { type: 'WANPPPConnection', version: 1, id: 'WANPPPConn1', alias: true }
  const pinholes: ServiceNode = { type: 'WANIPv6FirewallControl', version: 1, id: 'WANIPv6Firewall1' }
  const connection: DeviceNode = {
    unit: 'connection',
    uuid: uuids.connection,
    type: 'WANConnectionDevice',
    version,
    services: version === 1 ? [ip, ppp] : firewallControl ? [ip, pinholes] : [ip],
    devices: [],
  }
  const wan: DeviceNode = {
    unit: 'wan',
    uuid: uuids.wan,
    type: 'WANDevice',
    version,
    services: [{ type: 'WANCommonInterfaceConfig', version: 1, id: 'WANCommonIFC1' }],
    devices: [connection],
  }
  return {
    unit: 'root',
    uuid: uuids.root,
    type: 'InternetGatewayDevice',
    version,
    services: [{ type: 'Layer3Forwarding', version: 1, id: 'L3Forwarding1' }],
    devices: [wan],
  }
}

/**
 * Clients that give up on a version-2 description although they could ignore what is new in it: Windows and Xbox
 * (`Microsoft-Windows/10.0 UPnP/1.0`, `FDSSDP`), PlayStation, and the library of many games (Demonware).
 */
export const wantsVersionOne = (userAgent: string | undefined): boolean =>
  userAgent !== undefined && /microsoft|fdssdp|xbox|playstation|demonware/i.test(userAgent)

/**
 * All that is announced (UDA 2.0 §1.2.2, tables 1-1 to 1-3): three for the root, two for each further device, one for
 * each type of service of a device. The root comes first: clients exist that take the first answer and no other.
 */
export function rowsOf(personality: Personality): Row[] {
  const devices = flat(personality.root)
  const rows: Row[] = [rowFor(personality, personality.root.uuid, 'upnp:rootdevice')]
  for (const device of devices) {
    rows.push({ nt: `uuid:${device.uuid}`, usn: `uuid:${device.uuid}`, personality })
    rows.push(rowFor(personality, device.uuid, typeName('device', device)))
  }
  for (const device of devices) {
    const types = device.services.filter(({ alias }) => alias === undefined).map(each => typeName('service', each))
    for (const type of new Set(types)) rows.push(rowFor(personality, device.uuid, type))
  }
  return rows
}

/**
 * What a search finds (UDA 2.0 §1.3.2). `personalities`: what is offered, the one for who does not say a version first.
 * A type is answered in the version that was asked, and leads to the personality that has exactly this version; so one
 * USN always leads to one description, whoever asks.
 */
export function found(target: Target, personalities: readonly Personality[]): Row[] {
  const [first] = personalities
  if (first === undefined || target.is === 'other') return []
  if (target.is === 'type') return ofType(target.kind, target.type, target.version, personalities)
  const rows = rowsOf(first)
  if (target.is === 'all') return rows
  if (target.is === 'root') return rows.slice(0, 1)
  return rows.filter(({ nt }) => nt === `uuid:${target.uuid}`)
}

/** A device and all in it, outer before inner. */
const flat = (device: DeviceNode): DeviceNode[] => [device, ...device.devices.flatMap(flat)]

/** `urn:schemas-upnp-org:service:WANIPConnection:1` */
export const typeName = (kind: 'device' | 'service', { type, version }: { type: string; version: number }): string =>
  `urn:schemas-upnp-org:${kind}:${type}:${version}`

function ofType(
  kind: 'device' | 'service',
  type: string,
  version: number,
  personalities: readonly Personality[],
): Row[] {
  const tests: readonly ((offered: number) => boolean)[] = [each => each === version, each => each >= version]
  for (const serves of tests) {
    for (const personality of personalities) {
      const owners = flat(personality.root).filter(device => {
        const nodes: readonly { type: string; version: number }[] = kind === 'device' ? [device] : device.services
        return nodes.some(node => node.type === type && serves(node.version))
      })
      const name = typeName(kind, { type, version })
      if (owners.length > 0) return owners.map(({ uuid }) => rowFor(personality, uuid, name))
    }
  }
  return []
}

const rowFor = (personality: Personality, uuid: string, nt: string): Row => ({
  nt,
  usn: `uuid:${uuid}::${nt}`,
  personality,
})
