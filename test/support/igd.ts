/** Calls for the tests of the IGD services: written as a client would, read by the code under test. */
import { utf8Encode } from '../../src/base/text.ts'
import type { Call, ControlReading } from '../../src/protocol/igd/call.ts'
import { CONTROL, readCall } from '../../src/protocol/igd/call.ts'
import type { ServiceTable } from '../../src/protocol/igd/service.ts'
import { typeOf } from '../../src/protocol/igd/service.ts'
import { COMMON1 } from '../../src/protocol/igd/services/common.ts'
import { LAYER3 } from '../../src/protocol/igd/services/layer3.ts'
import { PINHOLE } from '../../src/protocol/igd/services/pinhole.ts'
import { WANIP1, WANIP2, WANPPP1 } from '../../src/protocol/igd/services/wanip.ts'
import { escapeXml, parseXml, type XmlElement } from '../../src/wire/xml.ts'

export const TABLES: readonly (readonly [table: ServiceTable, path: string])[] = [
  [WANIP1, CONTROL.connection],
  [WANIP2, CONTROL.connection],
  [WANPPP1, CONTROL.connection],
  [COMMON1, CONTROL.common],
  [LAYER3, CONTROL.layer3],
  [PINHOLE, CONTROL.pinhole],
]

export type Given = Readonly<Record<string, string>>

/** What a sensible client writes for each argument. */
export const SENSIBLE: Given = {
  NewRemoteHost: '',
  NewExternalPort: '4001',
  NewProtocol: 'TCP',
  NewInternalPort: '4001',
  NewInternalClient: '192.168.88.10',
  NewEnabled: '1',
  NewPortMappingDescription: 'test',
  NewLeaseDuration: '3600',
  NewPortMappingIndex: '0',
  NewStartPort: '4000',
  NewEndPort: '4010',
  NewManage: '0',
  NewNumberOfPorts: '0',
  NewConnectionType: 'IP_Routed',
  NewEnabledForInternet: '0',
  NewDefaultConnectionService: 'uuid:x:WANConnectionDevice:1,urn:upnp-org:serviceId:WANIPConn1',
  RemoteHost: '2001:db8::1',
  RemotePort: '0',
  InternalClient: 'fd00:88::10',
  InternalPort: '4001',
  Protocol: '6',
  LeaseTime: '600',
  NewLeaseTime: '600',
  UniqueID: '1',
}

export const namesOf = (args: Readonly<Record<string, string>>): readonly string[] => Object.keys(args)

/** The sensible arguments of an action, with changes; `undefined` leaves one out. */
export function argumentsFor(
  table: ServiceTable,
  action: string,
  changes: Readonly<Record<string, string | undefined>> = {},
): readonly (readonly [string, string])[] {
  const wanted = { ...(table.actions[action]?.in ?? {}) }
  const given = namesOf(wanted).map(
    name => [name, name in changes ? changes[name] : (SENSIBLE[name] as string)] as const,
  )
  return given.filter((each): each is readonly [string, string] => each[1] !== undefined)
}

export function envelope(service: string, action: string, args: readonly (readonly [string, string])[]): Uint8Array {
  const inside = args.map(([name, value]) => `<${name}>${escapeXml(value)}</${name}>`).join('')
  return utf8Encode(
    `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><u:${action} xmlns:u="${service}">${inside}</u:${action}></s:Body></s:Envelope>`,
  )
}

export function post(
  path: string,
  service: string,
  action: string,
  args: readonly (readonly [string, string])[],
): ControlReading {
  const body = envelope(service, action, args)
  return readCall({ path, soapAction: `"${service}#${action}"`, contentType: 'text/xml; charset="utf-8"', body })
}

/** A call with sensible arguments, changed. */
export function ask(
  table: ServiceTable,
  action: string,
  changes: Readonly<Record<string, string | undefined>> = {},
): ControlReading {
  const path = TABLES.find(([each]) => each === table)?.[1] as string
  return post(path, typeOf(table), action, argumentsFor(table, action, changes))
}

/** The call, or the code of its fault. */
export function outcome(reading: ControlReading): Call | number | string {
  switch (reading.is) {
    case 'call':
      return reading.call
    case 'fault':
      return reading.code
    case 'status':
      return `HTTP ${reading.status}`
  }
}

export function callOf(reading: ControlReading): Call {
  if (reading.is !== 'call') throw new Error(`no call: ${reading.because}`)
  return reading.call
}

export function child(parent: XmlElement, name: string): XmlElement {
  const found = parent.children.find(each => each.name === name)
  if (found === undefined) throw new Error(`no ${name} in ${parent.name}`)
  return found
}

export const texts = (parent: XmlElement): Given =>
  Object.fromEntries(parent.children.map(({ name, text }) => [name, text]))

/** The element inside the body of a SOAP answer. */
export const answerOf = (text: string): XmlElement =>
  child(parseXml(utf8Encode(text)), 'Body').children[0] as XmlElement
