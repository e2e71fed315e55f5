/** Descriptions and SCPDs, with the numbers of the checks of the IGD sheet ("check") and the UDA sheet ("UDA check"). */
import { describe, expect, test } from 'vitest'
import { utf8Encode } from '../../../../src/base/text.ts'
import { CONTROL } from '../../../../src/protocol/igd/call.ts'
import type { Device } from '../../../../src/protocol/igd/description.ts'
import {
  configIdOf,
  defaultConnection,
  documentAt,
  EVENTS,
  rootDescription,
  uuidsOf,
} from '../../../../src/protocol/igd/description.ts'
import { EVENTED } from '../../../../src/protocol/igd/evented.ts'
import { DESCRIPTION, personalityOf } from '../../../../src/protocol/igd/personality.ts'
import { eventedOf, typeOf } from '../../../../src/protocol/igd/service.ts'
import { parseXml, type XmlElement } from '../../../../src/wire/xml.ts'
import { ask, callOf, child, TABLES, texts } from '../../../support/igd.ts'

const LONG = { bytes: 65536, depth: 12, nodes: 4096, attributes: 16 }
const read = (text: string | undefined): XmlElement => parseXml(utf8Encode(text ?? ''), LONG)

const device: Device = {
  texts: {
    friendlyName: 'Router <1> & "friends"',
    manufacturer: 'Portico',
    manufacturerUrl: 'http://example.org/?a=1&b=2',
    modelDescription: 'd'.repeat(500),
    modelName: 'Portico',
    modelNumber: '0.1.0',
    serialNumber: '1',
    presentationUrl: '/',
  },
  uuids: uuidsOf('02:00:00:00:00:01'),
  firewallControl: true,
  configId: 77,
}
const versions: readonly (1 | 2)[] = [1, 2]

const root = (version: 1 | 2) => read(rootDescription(version, device))

/** Every device, outer before inner. */
function devices(of: XmlElement): XmlElement[] {
  const inner = of.children.find(({ name }) => name === 'deviceList')?.children ?? []
  return [of, ...inner.flatMap(devices)]
}

const services = (version: 1 | 2) =>
  devices(child(root(version), 'device')).flatMap(each => child(each, 'serviceList').children.map(texts))

describe('the root description', () => {
  test('version 1 has :1 throughout and nothing of version 2 (check 1)', () => {
    const text = rootDescription(1, device)
    expect(text).not.toMatch(/:2</)
    expect(text).not.toMatch(/IPv6|configId/)
    expect(services(1).map(({ serviceType }) => serviceType)).toEqual([
      'urn:schemas-upnp-org:service:Layer3Forwarding:1',
      'urn:schemas-upnp-org:service:WANCommonInterfaceConfig:1',
      'urn:schemas-upnp-org:service:WANIPConnection:1',
    ])
  })

  test('version 2 has :2 devices, WANIPConnection:2 and the firewall (check 2)', () => {
    expect(devices(child(root(2), 'device')).map(each => texts(each)['deviceType'])).toEqual([
      'urn:schemas-upnp-org:device:InternetGatewayDevice:2',
      'urn:schemas-upnp-org:device:WANDevice:2',
      'urn:schemas-upnp-org:device:WANConnectionDevice:2',
    ])
    expect(services(2).map(({ serviceType }) => serviceType)).toEqual([
      'urn:schemas-upnp-org:service:Layer3Forwarding:1',
      'urn:schemas-upnp-org:service:WANCommonInterfaceConfig:1',
      'urn:schemas-upnp-org:service:WANIPConnection:2',
      'urn:schemas-upnp-org:service:WANIPv6FirewallControl:1',
    ])
  })

  test('without IPv6 pinholes there is no such service and no such document', () => {
    const without = { ...device, firewallControl: false }
    expect(rootDescription(2, without)).not.toMatch(/IPv6/)
    expect(documentAt('/WANIP6FC.xml', undefined, without)).toBeUndefined()
  })

  test.each(versions)('version %s has the order of the schema (UDA check 31)', version => {
    const [first, ...inner] = devices(child(root(version), 'device'))
    expect(first?.children.map(({ name }) => name)).toEqual([
      'deviceType',
      'friendlyName',
      'manufacturer',
      'manufacturerURL',
      'modelDescription',
      'modelName',
      'modelNumber',
      'serialNumber',
      'UDN',
      'serviceList',
      'deviceList',
      'presentationURL',
    ])
    for (const each of inner) {
      expect(each.children.map(({ name }) => name).slice(0, 6)).toEqual([
        'deviceType',
        'friendlyName',
        'manufacturer',
        'modelName',
        'UDN',
        'serviceList',
      ])
    }
  })

  test('texts are escaped, and cut to what the schema allows', () => {
    const said = texts(child(root(1), 'device'))
    expect(said['friendlyName']).toBe('Router <1> & "friends"')
    expect(said['manufacturerURL']).toBe('http://example.org/?a=1&b=2')
    expect(said['modelDescription']).toBe('d'.repeat(127))
  })

  test.each(versions)('every URL of version %s leads somewhere (UDA check 33)', version => {
    for (const { SCPDURL, controlURL, eventSubURL, serviceType } of services(version)) {
      expect(read(documentAt(SCPDURL as string, undefined, device)).name).toBe('scpd')
      expect(TABLES.find(([table]) => typeOf(table) === serviceType)?.[1]).toBe(controlURL)
      expect(Object.values(EVENTS)).toContain(eventSubURL)
    }
    expect(new Set(services(version).map(({ controlURL }) => controlURL)).size).toBe(services(version).length)
  })

  test('the three UDNs differ, are UUIDs, and are the same in both versions (UDA check 32)', () => {
    const of = (version: 1 | 2) => devices(child(root(version), 'device')).map(each => texts(each)['UDN'] as string)
    expect(of(1)).toEqual(of(2))
    expect(new Set(of(1)).size).toBe(3)
    for (const udn of of(1))
      expect(udn).toMatch(/^uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  })

  test('uuidsOf() is the same tomorrow, and another for a neighbour', () => {
    expect(uuidsOf('02:00:00:00:00:01')).toEqual(device.uuids)
    const all = Array.from({ length: 200 }, (_, i) => Object.values(uuidsOf(`02:00:00:00:00:${i}`))).flat()
    expect(new Set(all).size).toBe(600)
  })

  test('the default connection names the UDN of the connection device (check 69)', () => {
    const udn = texts(devices(child(root(2), 'device'))[2] as XmlElement)['UDN']
    const id = services(2).find(({ controlURL }) => controlURL === CONTROL.connection)?.['serviceId']
    expect(defaultConnection(device.uuids)).toBe(`${udn}:WANConnectionDevice:1,${id}`)
  })

  test('is short: within 4 kB, and version 1 within 3', () => {
    const plain = { ...device, texts: { friendlyName: 'Portico', manufacturer: 'Portico', modelName: 'Portico' } }
    expect(rootDescription(2, plain).length).toBeLessThan(4096)
    expect(rootDescription(1, plain).length).toBeLessThan(3072)
  })
})

describe('configIdOf()', () => {
  test('follows every text, and nothing else (UDA check 12)', () => {
    const changed = { ...device, texts: { ...device.texts, friendlyName: 'Other' } }
    expect(configIdOf(device)).toBe(configIdOf({ ...device }))
    expect(configIdOf(changed)).not.toBe(configIdOf(device))
    expect(configIdOf({ ...device, firewallControl: false })).not.toBe(configIdOf(device))
    expect(configIdOf(device)).toBeLessThan(2 ** 24)
  })
})

describe('the service descriptions', () => {
  const scpd = (path: string) => read(documentAt(path, undefined, device))
  const actions = (path: string) => child(scpd(path), 'actionList').children.map(each => texts(each)['name'])

  test('version 1 lists what it has (check 3)', () => {
    expect(actions('/WANIPCn1.xml')).toHaveLength(11)
    expect(documentAt('/WANIPCn1.xml', undefined, device)).not.toMatch(/AddAny|Range|ListOf|SystemUpdateID|A_ARG/)
  })

  test('version 2 lists all 14 that are required (check 4)', () => {
    expect(actions('/WANIPCn.xml')).toEqual([
      ...actions('/WANIPCn1.xml'),
      'AddAnyPortMapping',
      'DeletePortMappingRange',
      'GetListOfPortMappings',
    ])
  })

  const evented: readonly (readonly [path: string, variables: readonly string[]])[] = [
    [
      '/WANIPCn1.xml',
      ['PossibleConnectionTypes', 'ConnectionStatus', 'ExternalIPAddress', 'PortMappingNumberOfEntries'],
    ],
    [
      '/WANIPCn.xml',
      [
        'PossibleConnectionTypes',
        'ConnectionStatus',
        'ExternalIPAddress',
        'PortMappingNumberOfEntries',
        'SystemUpdateID',
      ],
    ],
    ['/WANCfg.xml', ['PhysicalLinkStatus', 'EnabledForInternet']],
    ['/L3F.xml', ['DefaultConnectionService']],
    ['/WANIP6FC.xml', ['FirewallEnabled', 'InboundPinholeAllowed']],
  ]
  test.each(evented)('%s says which variables are evented (check 5)', (path, variables) => {
    const states = child(scpd(path), 'serviceStateTable').children
    const yes = states.filter(({ attributes }) => attributes.find(({ name }) => name === 'sendEvents')?.value === 'yes')
    expect(yes.map(each => texts(each)['name'])).toEqual(variables)
  })

  test('what is evented is what the events carry', () => {
    for (const [table] of TABLES) {
      const groups = EVENTED[`${table.name}:${table.version}` as keyof typeof EVENTED]
      // The alias has no event URL of its own.
      if (table.name === 'WANPPPConnection') continue
      expect(groups.flatMap(({ variables }) => variables)).toEqual(eventedOf(table))
    }
  })

  test.each(['/WANIPCn1.xml', '/WANIPCn.xml', '/WANCfg.xml', '/L3F.xml', '/WANIP6FC.xml'])(
    '%s: every argument has a variable, what goes in comes first, and every action is one that can be called (check 6)',
    path => {
      const document = scpd(path)
      const known = child(document, 'serviceStateTable').children.map(each => texts(each)['name'])
      const listed = [...services(2), ...services(1)].find(({ SCPDURL }) => SCPDURL === path)
      const [table] = TABLES.find(([each]) => typeOf(each) === listed?.['serviceType']) as (typeof TABLES)[number]
      for (const action of child(document, 'actionList').children) {
        const args = action.children.find(({ name }) => name === 'argumentList')?.children.map(texts) ?? []
        for (const { relatedStateVariable } of args) expect(known).toContain(relatedStateVariable)
        const directions = args.map(({ direction }) => direction)
        expect(directions).toEqual([...directions].sort())
        expect(callOf(ask(table, texts(action)['name'] as string)).action).toBe(texts(action)['name'])
      }
    },
  )

  test('the lease of version 2 has its range, the protocols their list', () => {
    const text = documentAt('/WANIPCn.xml', undefined, device) as string
    expect(text).toContain('<allowedValueRange><minimum>0</minimum><maximum>604800</maximum></allowedValueRange>')
    expect(text).toContain(
      '<allowedValueList><allowedValue>TCP</allowedValue><allowedValue>UDP</allowedValue></allowedValueList>',
    )
    expect(text).toContain('configId="77"')
  })
})

describe('who sees which description', () => {
  const MINIUPNPC = 'Debian/bookworm/sid, UPnP/1.1, MiniUPnPc/2.2.4'
  const rows: readonly (readonly [agent: string | undefined, of1: 1 | 2, of2: 1 | 2])[] = [
    [undefined, 1, 2],
    ['node', 1, 2],
    ['Microsoft-Windows/10.0 UPnP/1.0', 1, 1],
    ['FDSSDP', 1, 1],
    ['Xbox/2.0 UPnP/1.0', 1, 1],
    ['PlayStation 4', 1, 1],
    ['DEMONWARE', 1, 1],
    [MINIUPNPC, 2, 2],
  ]
  test.each(rows)('%s', (agent, of1, of2) => {
    expect([personalityOf(1, agent), personalityOf(2, agent)]).toEqual([of1, of2])
  })

  test('Windows gets version 1 wherever it looks (check 71)', () => {
    const agent = 'Microsoft-Windows/10.0 UPnP/1.0'
    expect(documentAt(DESCRIPTION[2], agent, device)).toBe(rootDescription(1, device))
    expect(documentAt(DESCRIPTION[1], undefined, device)).toBe(rootDescription(1, device))
    expect(documentAt(DESCRIPTION[2], undefined, device)).toBe(rootDescription(2, device))
  })

  test('there is nothing at other paths (UDA check 35)', () => {
    for (const path of ['/', '/igd1.xml/', '/ctl/IPConn', 'constructor', '*']) {
      expect(documentAt(path, undefined, device)).toBeUndefined()
    }
  })
})
