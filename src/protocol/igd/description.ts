/**
 * The documents that a client fetches: the description of the device, once for each personality (UDA 1.1 §2.3), and
 * those of its services. Without indentation: clients with small buffers read them too.
 */
import { oneLine } from '../../base/text.ts'
import { element } from '../../wire/xml.ts'
import { CONTROL } from './call.ts'
import { DESCRIPTION, personalityOf } from './personality.ts'
import { rootAttributes, scpd, specVersion } from './scpd.ts'
import type { ServiceTable } from './service.ts'
import { eventedOf, typeOf } from './service.ts'
import { COMMON1 } from './services/common.ts'
import { LAYER3 } from './services/layer3.ts'
import { PINHOLE } from './services/pinhole.ts'
import { WANIP1, WANIP2 } from './services/wanip.ts'
import type { DeviceNode, IgdVersion, Uuids } from './tree.ts'
import { gatewayTree, typeName } from './tree.ts'

/** For people, each cut to what the schema allows it. */
export interface DeviceTexts {
  readonly friendlyName: string
  readonly manufacturer: string
  readonly manufacturerUrl?: string
  readonly modelDescription?: string
  readonly modelName: string
  readonly modelNumber?: string
  readonly modelUrl?: string
  readonly serialNumber?: string
  readonly presentationUrl?: string
}

export interface Device {
  readonly texts: DeviceTexts
  readonly uuids: Uuids
  /** IPv6 pinholes are offered. */
  readonly firewallControl: boolean
  /** CONFIGID.UPNP.ORG, see `configIdOf`. */
  readonly configId: number
}

/** Event URLs; what the control URLs are is said in `call.ts`. */
export const EVENTS: Readonly<Record<keyof typeof CONTROL, string>> = {
  connection: '/evt/IPConn',
  common: '/evt/CmnIfCfg',
  layer3: '/evt/L3F',
  pinhole: '/evt/IP6FCtl',
}

/**
 * The document at a path, `undefined` when there is none: the body of an answer with `SOAP_TYPE` as its content type.
 * `userAgent` decides between the personalities.
 */
export function documentAt(path: string, userAgent: string | undefined, device: Device): string | undefined {
  if (path === DESCRIPTION[1]) return rootDescription(personalityOf(1, userAgent), device)
  if (path === DESCRIPTION[2]) return rootDescription(personalityOf(2, userAgent), device)
  const listed = LISTED.find(({ document }) => document === path)
  if (listed === undefined || (listed.table === PINHOLE && !device.firewallControl)) return undefined
  return scpd(listed.table, listed.spec, device.configId)
}

/**
 * UUIDs that stay the same as long as the id does (a serial number, a link address): RFC 9562 §5.8, an algorithm of our
 * own.
 */
export const uuidsOf = (id: string): Uuids => ({
  root: uuid(id, 'InternetGatewayDevice'),
  wan: uuid(id, 'WANDevice'),
  connection: uuid(id, 'WANConnectionDevice'),
})

/** 0..2^24-1, another one when any description differs (UDA 1.1 §1.2). */
export function configIdOf(device: Omit<Device, 'configId'>): number {
  const whole = { ...device, configId: 0 }
  const paths = [DESCRIPTION[1], DESCRIPTION[2], ...LISTED.map(({ document }) => document)]
  return fnv1a(paths.map(path => documentAt(path, undefined, whole) ?? '').join(''), 0) & 0xffffff
}

/**
 * The value of Layer3Forwarding's only variable. Its service is the same in both descriptions, and who sees version 2
 * may use the device as one of version 1 (docs/decisions/051).
 */
export const defaultConnection = (uuids: Uuids): string => `uuid:${uuids.connection}:WANConnectionDevice:1,${WANIP1.id}`

export function rootDescription(version: IgdVersion, device: Device): string {
  const { configId, uuids, firewallControl } = device
  const root = `<root xmlns="urn:schemas-upnp-org:device-1-0"${rootAttributes(version, configId)}>`
  const tree = gatewayTree(version, uuids, firewallControl)
  return `<?xml version="1.0"?>\n${root}${specVersion(version)}${deviceElement(tree, device.texts)}</root>\n`
}

interface Listed {
  readonly table: ServiceTable
  readonly at: keyof typeof CONTROL
  readonly document: string
  /** Version of the UDA that its description is written for: 1.0 where Windows reads it too. */
  readonly spec: IgdVersion
}

/** Each version of WANIPConnection has its own document: who sees GetListOfPortMappings there may stop (miniupnp 539). */
const LISTED: readonly Listed[] = [
  { table: LAYER3, at: 'layer3', document: '/L3F.xml', spec: 1 },
  { table: COMMON1, at: 'common', document: '/WANCfg.xml', spec: 1 },
  { table: WANIP1, at: 'connection', document: '/WANIPCn1.xml', spec: 1 },
  { table: WANIP2, at: 'connection', document: '/WANIPCn.xml', spec: 2 },
  { table: PINHOLE, at: 'pinhole', document: '/WANIP6FC.xml', spec: 2 },
]

/** The order is that of the schema. Embedded devices have the least that it asks for. */
function deviceElement(node: DeviceNode, texts: DeviceTexts): string {
  const isRoot = node.unit === 'root'
  const about = isRoot
    ? texts
    : { friendlyName: node.type, manufacturer: texts.manufacturer, modelName: texts.modelName }
  const parts = [
    element('deviceType', typeName('device', node)),
    ...TEXTS.map(([name, key, bytes]) => text(name, about[key], bytes)),
    element('UDN', `uuid:${node.uuid}`),
    `<serviceList>${serviceElements(node)}</serviceList>`,
    node.devices.length === 0
      ? ''
      : `<deviceList>${node.devices.map(each => deviceElement(each, texts)).join('')}</deviceList>`,
    isRoot ? text('presentationURL', texts.presentationUrl, LONGEST_URL) : '',
  ]
  return `<device>${parts.join('')}</device>`
}

/** UDA 1.1 §2.3 recommends these lengths, and clients have buffers of them. */
const LONGEST_URL = 255
const TEXTS: readonly (readonly [name: string, key: Exclude<keyof DeviceTexts, 'presentationUrl'>, bytes: number])[] = [
  ['friendlyName', 'friendlyName', 63],
  ['manufacturer', 'manufacturer', 63],
  ['manufacturerURL', 'manufacturerUrl', LONGEST_URL],
  ['modelDescription', 'modelDescription', 127],
  ['modelName', 'modelName', 31],
  ['modelNumber', 'modelNumber', 31],
  ['modelURL', 'modelUrl', LONGEST_URL],
  ['serialNumber', 'serialNumber', 63],
]

const text = (name: string, value: string | undefined, bytes: number): string =>
  value === undefined ? '' : element(name, oneLine(value, bytes))

/** An alias is found by a search and is not listed. */
function serviceElements({ services }: DeviceNode): string {
  const types = services.filter(({ alias }) => alias === undefined).map(each => typeName('service', each))
  return LISTED.filter(({ table }) => types.includes(typeOf(table)))
    .map(({ table, at, document }) => {
      const parts = [
        element('serviceType', typeOf(table)),
        element('serviceId', table.id),
        element('SCPDURL', document),
        element('controlURL', CONTROL[at]),
        element('eventSubURL', eventedOf(table).length > 0 ? EVENTS[at] : ''),
      ]
      return `<service>${parts.join('')}</service>`
    })
    .join('')
}

/** RFC 9562 §5.8: version 8, variant 10. */
function uuid(id: string, name: string): string {
  const words = [0, 1, 2, 3].map(part => fnv1a(`${name}\n${id}`, part))
  const hex = words.map(word => word.toString(16).padStart(8, '0')).join('')
  const variant = '89ab'[Number.parseInt(hex[16] as string, 16) & 3]
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`
}

/** FNV-1a of 32 bits over UTF-16, with another start for each `part`, mixed at the end: the last letter must count. */
function fnv1a(of: string, part: number): number {
  let hash = (0x811c9dc5 ^ Math.imul(part, 0x9e3779b1)) >>> 0
  for (let i = 0; i < of.length; i++) hash = Math.imul(hash ^ of.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  return (hash ^ (hash >>> 13)) >>> 0
}
