/** The connection, its link and the call itself: checks 1 to 12, 61 to 65 and 67 to 71 of the IGD sheet. */
import { describe, expect, test } from 'vitest'
import type { Ip, Mac } from '../../../../src/base/ip.ts'
import { CONTROL } from '../../../../src/protocol/igd/call.ts'
import { documentAt } from '../../../../src/protocol/igd/description.ts'
import { errorText } from '../../../../src/protocol/igd/errors.ts'
import { currentValues, networkValues } from '../../../../src/protocol/igd/gateway-events.ts'
import type { ServiceTable } from '../../../../src/protocol/igd/service.ts'
import { typeOf } from '../../../../src/protocol/igd/service.ts'
import { COMMON1 } from '../../../../src/protocol/igd/services/common.ts'
import { LAYER3 } from '../../../../src/protocol/igd/services/layer3.ts'
import { PINHOLE } from '../../../../src/protocol/igd/services/pinhole.ts'
import { WANIP1, WANIP2, WANPPP1 } from '../../../../src/protocol/igd/services/wanip.ts'
import { Igd, POLICY, redirect, UUIDS } from '../../../support/gateway.ts'
import { envelope, TABLES } from '../../../support/igd.ts'
import { A, A6, DOWN, up } from '../../../support/router.ts'

const DEVICE = {
  texts: { friendlyName: 'Router', manufacturer: 'Portico', modelName: 'Portico' },
  uuids: UUIDS,
  firewallControl: true,
  configId: 1,
}
const document = (path: string, agent?: string) => documentAt(path, agent, DEVICE) ?? ''
const types = (text: string) => [...new Set([...text.matchAll(/urn:schemas-upnp-org:[a-z]+:(\w+:\d)/g)].map(m => m[1]))]
const V1 = [
  'InternetGatewayDevice:1',
  'Layer3Forwarding:1',
  'WANDevice:1',
  'WANCommonInterfaceConfig:1',
  'WANConnectionDevice:1',
  'WANIPConnection:1',
]

describe('descriptions', () => {
  test('check 1: version 1 lists only version 1', () => expect(types(document('/igd1.xml'))).toEqual(V1))
  test('check 2: version 2 lists the firewall control', () => {
    const shown = types(document('/rootDesc.xml'))
    expect(shown).toContain('InternetGatewayDevice:2')
    expect(shown).toContain('WANIPConnection:2')
    expect(shown).toContain('WANIPv6FirewallControl:1')
  })
  test('check 3: the SCPD of version 1 has nothing of version 2', () => {
    expect(document('/WANIPCn1.xml')).not.toMatch(/AddAny|Range|GetListOf|SystemUpdateID/)
  })
  test('check 4: the SCPD of version 2 has all 14 required actions', () => {
    expect(document('/WANIPCn.xml').match(/<action>/g)).toHaveLength(14)
  })
  test('check 5: the evented variables are those of the standard', () => {
    const evented = [...document('/WANIPCn.xml').matchAll(/sendEvents="yes"><name>(\w+)/g)].map(m => m[1])
    expect(evented.sort()).toEqual([
      'ConnectionStatus',
      'ExternalIPAddress',
      'PortMappingNumberOfEntries',
      'PossibleConnectionTypes',
      'SystemUpdateID',
    ])
  })
  test('check 71: Windows gets version 1', () => {
    expect(types(document('/rootDesc.xml', 'Microsoft-Windows/10.0 UPnP/1.0'))).toEqual(V1)
  })
})

describe('calls', () => {
  test('check 6: every action that is listed is answered', async () => {
    for (const [table] of TABLES) {
      for (const action of Object.keys(table.actions)) {
        const options = { allowDisableExternalInterface: true, allowDisableInternalInterface: true }
        const igd = await Igd.start({ options })
        const { status, code } = await igd.from(table === PINHOLE ? A6 : A).call(table, action)
        expect([
          action,
          status === 200 || (code !== undefined && code !== 401 && code !== 501 && code !== 602),
        ]).toEqual([action, true])
      }
    }
  })

  const unknown: readonly (readonly [what: string, path: string, action: string])[] = [
    ['an action that no service has', CONTROL.connection, `${typeOf(WANIP2)}#RequestTermination`],
    ['an action of version 2, asked as version 1', CONTROL.connection, `${typeOf(WANIP1)}#AddAnyPortMapping`],
    ['a service of another URL', CONTROL.layer3, `${typeOf(WANIP1)}#GetStatusInfo`],
  ]
  test.each(unknown)('check 7: %s is 401', async (_what, path, action) => {
    const igd = await Igd.start()
    const [service = '', name = ''] = action.split('#')
    const request = { path, soapAction: `"${action}"`, contentType: 'text/xml', body: envelope(service, name, []) }
    expect(await igd.post(request, A)).toMatchObject({ status: 500, code: 401 })
  })

  const none: readonly (readonly [what: string, status: number, changes: object])[] = [
    ['another path is 404', 404, { path: '/ctl/None' }],
    ['another content type is 415', 415, { contentType: 'text/plain' }],
    ['no SOAPAction is 400', 400, { soapAction: undefined }],
    ['a DTD is 400', 400, { body: Uint8Array.from('<!DOCTYPE a []><a/>', c => c.charCodeAt(0)) }],
  ]
  test.each(none)('%s, and the connection ends', async (_what, status, changes) => {
    const igd = await Igd.start()
    const body = envelope(typeOf(WANIP2), 'GetStatusInfo', [])
    const request = {
      path: CONTROL.connection,
      soapAction: `"${typeOf(WANIP2)}#GetStatusInfo"`,
      contentType: 'text/xml',
    }
    expect(await igd.post({ ...request, body, ...changes }, A)).toMatchObject({ status, close: true })
  })

  test('what is no XML is 402, and the connection ends', async () => {
    const igd = await Igd.start()
    const soapAction = `"${typeOf(WANIP2)}#GetStatusInfo"`
    const request = { path: CONTROL.connection, soapAction, contentType: 'text/xml', body: Uint8Array.of(1, 2, 3) }
    expect(await igd.post(request, A)).toMatchObject({ status: 500, code: 402, close: true })
  })

  test('more than requests_per_second of one host are 503, and others are served (S23)', async () => {
    const limits = { ...POLICY.limits, requestsPerSecond: 2 }
    const igd = await Igd.start({ policy: { ...POLICY, limits } })
    const codes: number[] = []
    for (let i = 0; i < 6; i++) codes.push((await igd.from(A).call(WANIP2, 'GetStatusInfo')).status)
    expect(codes).toEqual([200, 200, 200, 200, 503, 503])
    expect((await igd.from('192.168.1.101' as Ip).call(WANIP2, 'GetStatusInfo')).status).toBe(200)
  })

  test('whatever addresses it calls from, where its link address is known', async () => {
    const limits = { ...POLICY.limits, requestsPerSecond: 2 }
    const igd = await Igd.start({ policy: { ...POLICY, limits } })
    const mac = '02:00:00:00:00:0a' as Mac
    const codes: number[] = []
    for (let i = 0; i < 6; i++)
      codes.push((await igd.from(`fe80::${i}` as Ip, mac).call(WANIP2, 'GetStatusInfo')).status)
    expect(codes).toEqual([200, 200, 200, 200, 503, 503])
    expect((await igd.from('fe80::1' as Ip, '02:00:00:00:00:0b' as Mac).call(WANIP2, 'GetStatusInfo')).status).toBe(200)
  })

  test('a host that comes as IPv4 in IPv6 is the same host', async () => {
    const igd = await Igd.start()
    expect(await igd.from(`::ffff:${A}` as Ip).code(WANIP2, 'AddPortMapping', { NewInternalClient: A })).toBe(0)
  })

  // The numbers that mean the same nonsense to either version.
  const ODD = [
    '',
    '0',
    '1',
    '80',
    '4001',
    '65535',
    '65536',
    '70000',
    '-1',
    'abc',
    '*',
    'a.example',
    '192.168.1.1',
    'UDP',
  ]
  const versions: readonly (readonly [table: ServiceTable, never: readonly number[]])[] = [
    [WANIP2, [724, 725, 726, 727]],
    [WANIP1, [724, 725, 728, 729, 730, 731, 732, 733]],
    [WANPPP1, [724, 725, 728, 729, 730, 731, 732, 733]],
  ]
  test.each(versions)('check 61: whatever is asked, no code of the other version: %#', async (table, never) => {
    const igd = await Igd.start()
    for (const [action, { in: given }] of Object.entries(table.actions)) {
      for (const name of Object.keys(given)) {
        for (const value of ODD) {
          const { status, code } = await igd.from(A).call(table, action, { [name]: value })
          if (code === undefined) expect(status).toBe(200)
          else
            expect([code, never.includes(code), errorText(table.name, table.version, code) === undefined]).toEqual([
              code,
              false,
              false,
            ])
        }
      }
    }
  })
})

describe('the connection', () => {
  test('check 8: the external address, and an empty element while there is none', async () => {
    const igd = await Igd.start({ uplink: up('203.0.113.7', '198.51.100.1') })
    const asked = () => igd.from(A).call(WANIP1, 'GetExternalIPAddress')
    expect(await asked()).toMatchObject({ status: 200, values: { NewExternalIPAddress: '198.51.100.1' } })
    await igd.router.engine.move(DOWN)
    expect(await asked()).toMatchObject({ status: 200, values: { NewExternalIPAddress: '' } })
  })

  test('check 9: connected, and the uptime grows', async () => {
    const igd = await Igd.start()
    igd.router.clock.set(5000)
    const info = (uptime: string) => ({
      NewConnectionStatus: 'Connected',
      NewLastConnectionError: 'ERROR_NONE',
      NewUptime: uptime,
    })
    expect((await igd.from(A).call(WANIP2, 'GetStatusInfo')).values).toEqual(info('5'))
    igd.router.clock.set(65_999)
    expect((await igd.from(A).call(WANIP2, 'GetStatusInfo')).values).toEqual(info('65'))
  })

  test('check 10: without an uplink it is disconnected, and the event says so', async () => {
    const igd = await Igd.start({ uplink: DOWN })
    igd.connectedSince = undefined
    const { values } = await igd.from(A).call(WANIP2, 'GetStatusInfo')
    expect([values['NewConnectionStatus'], values['NewUptime']]).toEqual(['Disconnected', '0'])
    expect(currentValues(igd.world, false)['WANIPConnection:1']).toMatchObject({
      ConnectionStatus: 'Disconnected',
      ExternalIPAddress: '',
    })
  })

  test('without an external interface it is unconfigured', async () => {
    const igd = await Igd.start({ uplink: { is: 'down', device: undefined, why: 'none' } })
    const { values } = await igd.from(A).call(WANIP1, 'GetStatusInfo')
    expect(values['NewConnectionStatus']).toBe('Unconfigured')
  })

  test('check 11: NAT is on, RSIP is not there', async () => {
    const { values } = await (await Igd.start()).from(A).call(WANIP2, 'GetNATRSIPStatus')
    expect(values).toEqual({ NewRSIPAvailable: '0', NewNATEnabled: '1' })
  })

  test('check 12: the connection is routed and can be nothing else', async () => {
    const { values } = await (await Igd.start()).from(A).call(WANIP2, 'GetConnectionTypeInfo')
    expect(values).toEqual({ NewConnectionType: 'IP_Routed', NewPossibleConnectionTypes: 'IP_Routed' })
  })

  const types: readonly (readonly [table: ServiceTable, type: string, code: number])[] = [
    [WANIP2, 'IP_Routed', 731],
    [WANIP2, 'IP_Bridged', 731],
    [WANIP2, 'Nonsense', 601],
    [WANIP1, 'IP_Routed', 703],
    [WANPPP1, 'PPPoE_Relay', 703],
  ]
  test.each(types)('check 62: SetConnectionType is refused: %#', async (table, type, code) => {
    expect(await (await Igd.start()).from(A).code(table, 'SetConnectionType', { NewConnectionType: type })).toBe(code)
  })

  test('check 63: as shipped nobody takes the uplink down or up', async () => {
    const igd = await Igd.start()
    expect(await igd.from(A).code(WANIP2, 'ForceTermination')).toBe(606)
    expect(await igd.from(A).code(WANIP2, 'RequestConnection')).toBe(606)
    expect(igd.told).toEqual([])
  })

  test('check 64: where it is allowed the uplink goes down, and the second call is 711', async () => {
    const igd = await Igd.start({ options: { allowDisableExternalInterface: true } })
    igd.router.clock.set(5000)
    expect(await igd.from(A).code(WANIP2, 'ForceTermination')).toBe(0)
    // The kernel's notice has not come yet.
    expect(await igd.from(A).code(WANIP2, 'ForceTermination')).toBe(711)
    await igd.router.engine.move(DOWN)
    expect(await igd.from(A).code(WANIP1, 'ForceTermination')).toBe(711)
    expect((await igd.from(A).call(WANIP1, 'GetStatusInfo')).values['NewLastConnectionError']).toBe(
      'ERROR_FORCED_DISCONNECT',
    )
    expect(igd.told).toEqual(['down'])
    expect(await igd.from(A).code(WANIP1, 'RequestConnection')).toBe(0)
    expect(igd.told).toEqual(['down', 'up'])
  })

  test('what never went down is connected again after a while', async () => {
    const igd = await Igd.start({ options: { allowDisableExternalInterface: true } })
    igd.router.clock.set(5000)
    expect(await igd.from(A).code(WANIP2, 'ForceTermination')).toBe(0)
    igd.router.clock.set(16_000)
    const { values } = await igd.from(A).call(WANIP2, 'GetStatusInfo')
    expect(values['NewConnectionStatus']).toBe('Connected')
  })

  test('while it changes, 707 and 705', async () => {
    const igd = await Igd.start({ options: { allowDisableExternalInterface: true } })
    let release: (outcome: 'done') => void = () => undefined
    igd.uplinkAnswers = () => new Promise(resolve => (release = resolve))
    const body = envelope(typeOf(WANIP2), 'ForceTermination', [])
    const request = {
      path: CONTROL.connection,
      soapAction: `"${typeOf(WANIP2)}#ForceTermination"`,
      contentType: 'text/xml',
    }
    let answered = 0
    igd.gateway.control({ ...request, body }, { ip: A, device: 'br-lan', mac: undefined }, () => answered++)
    expect(await igd.from(A).code(WANIP2, 'RequestConnection')).toBe(707)
    expect(await igd.from(A).code(WANIP2, 'ForceTermination')).toBe(707)
    release('done')
    await igd.router.engine.move(DOWN)
    expect(answered).toBe(1)
    const again = envelope(typeOf(WANIP2), 'RequestConnection', [])
    const soapAction = `"${typeOf(WANIP2)}#RequestConnection"`
    igd.gateway.control(
      { ...request, soapAction, body: again },
      { ip: A, device: 'br-lan', mac: undefined },
      () => answered++,
    )
    expect(await igd.from(A).code(WANIP2, 'RequestConnection')).toBe(705)
    release('done')
  })

  test('an uplink that does not obey is 501, and 704 on its way up', async () => {
    const igd = await Igd.start({ options: { allowDisableExternalInterface: true } })
    igd.uplinkAnswers = async () => 'failed'
    expect(await igd.from(A).code(WANIP2, 'ForceTermination')).toBe(501)
    igd.uplinkAnswers = () => Promise.reject(new Error('no'))
    expect(await igd.from(A).code(WANIP2, 'ForceTermination')).toBe(501)
    await igd.router.engine.move(DOWN)
    expect(await igd.from(A).code(WANIP2, 'RequestConnection')).toBe(704)
  })

  test('check 65: to connect what is connected succeeds', async () => {
    const igd = await Igd.start({ options: { allowDisableExternalInterface: true } })
    expect(await igd.from(A).code(WANIP2, 'RequestConnection')).toBe(0)
    expect(igd.told).toEqual([])
  })
})

describe('the link', () => {
  test('check 68: counters have 32 bits and wrap', async () => {
    const igd = await Igd.start()
    const asked = async (action: string) => Object.values((await igd.from(A).call(COMMON1, action)).values)[0]
    expect(await asked('GetTotalBytesSent')).toBe('5')
    expect(await asked('GetTotalBytesReceived')).toBe('7')
    expect(await asked('GetTotalPacketsSent')).toBe('11')
    expect(await asked('GetTotalPacketsReceived')).toBe('13')
  })

  test('a rate that does not fit is the highest that does, and an unknown one is not 0', async () => {
    const igd = await Igd.start()
    const asked = async () => (await igd.from(A).call(COMMON1, 'GetCommonLinkProperties')).values
    expect(await asked()).toEqual({
      NewWANAccessType: 'Ethernet',
      NewLayer1UpstreamMaxBitRate: '40000000',
      NewLayer1DownstreamMaxBitRate: '4294967295',
      NewPhysicalLinkStatus: 'Up',
    })
    igd.link = { ...igd.link, upstream: undefined, isUp: false }
    expect(await asked()).toMatchObject({ NewLayer1UpstreamMaxBitRate: '1000000000', NewPhysicalLinkStatus: 'Down' })
    const ppp = await igd.from(A).call(WANPPP1, 'GetLinkLayerMaxBitRates')
    expect(ppp.values).toEqual({ NewUpstreamMaxBitRate: '1000000000', NewDownstreamMaxBitRate: '4294967295' })
  })

  test('check 69: the default connection is ours', async () => {
    const igd = await Igd.start()
    const { values } = await igd.from(A).call(LAYER3, 'GetDefaultConnectionService')
    const current = `uuid:${UUIDS.connection}:WANConnectionDevice:1,urn:upnp-org:serviceId:WANIPConn1`
    expect(values).toEqual({ NewDefaultConnectionService: current })
    const set = (to: string) =>
      igd.from(A).code(LAYER3, 'SetDefaultConnectionService', { NewDefaultConnectionService: to })
    expect(await set(current)).toBe(0)
    expect(await set(current.replace('Device:1', 'Device:2'))).toBe(0)
    expect(await set(current.replace(UUIDS.connection, UUIDS.root))).toBe(720)
    expect(await set(current.replace('WANIPConn1', 'WANPPPConn1'))).toBe(721)
    expect(await set('')).toBe(720)
  })

  test('check 70: WANPPPConnection:1 is the same connection, and the answer is in its name', async () => {
    const igd = await Igd.start()
    expect(await igd.from(A).call(WANPPP1, 'AddPortMapping')).toMatchObject({
      status: 200,
      service: 'urn:schemas-upnp-org:service:WANPPPConnection:1',
    })
    expect(await igd.from(A).code(WANIP2, 'GetSpecificPortMappingEntry')).toBe(0)
  })
})

describe('the network of the caller', () => {
  const set = (igd: Igd, to: string) =>
    igd.from(A).code(COMMON1, 'SetEnabledForInternet', { NewEnabledForInternet: to })
  const get = async (igd: Igd) =>
    (await igd.from(A).call(COMMON1, 'GetEnabledForInternet')).values['NewEnabledForInternet']
  const ALLOWED = { options: { allowDisableInternalInterface: true } }

  test.each(['0', '1'])('asked for %s, stays as it is unless the owner allows it', async to => {
    const igd = await Igd.start({ options: { allowDisableExternalInterface: true } })
    expect([await set(igd, to), igd.switched]).toEqual([606, []])
    expect(await get(igd)).toBe('1')
  })

  test('is cut off, and no longer: the one that the call came in by', async () => {
    const igd = await Igd.start(ALLOWED)
    expect([await set(igd, '0'), await set(igd, 'true')]).toEqual([0, 0])
    expect(igd.switched).toEqual([`${A} br-lan false`, `${A} br-lan true`])
  })

  test('is answered when the kernel has spoken: its refusal is 501', async () => {
    const igd = await Igd.start(ALLOWED)
    igd.networkAnswers = async () => 'failed'
    expect(await set(igd, '0')).toBe(501)
    igd.networkAnswers = () => Promise.reject(new Error('gone'))
    expect(await set(igd, '0')).toBe(501)
  })

  test.each(['', '2', 'no way'])('is not what %j says: 402', async to => {
    const igd = await Igd.start(ALLOWED)
    expect([await set(igd, to), igd.switched]).toEqual([402, []])
  })

  test('is told without the option too, each its own, and in its event', async () => {
    const igd = await Igd.start()
    const told = (device: string) => networkValues(igd.world, device)['WANCommonInterfaceConfig:1'].EnabledForInternet
    igd.closed = new Map([['br-guest', A]])
    expect([await get(igd), told('br-lan'), told('br-guest')]).toEqual(['1', '1', '0'])
    igd.closed = new Map([['br-lan', A]])
    expect([await get(igd), told('br-lan'), told('br-guest')]).toEqual(['0', '0', '1'])
  })

  test.each([true, false])('while it is cut off, no connection may be asked for: 709', async allow => {
    const igd = await Igd.start({ options: { allowDisableExternalInterface: allow }, uplink: DOWN })
    igd.closed = new Map([['br-guest', A]])
    expect(await igd.from(A).code(WANIP2, 'RequestConnection')).toBe(allow ? 0 : 606)
    igd.closed = new Map([['br-lan', A]])
    for (const table of [WANIP1, WANIP2, WANPPP1]) expect(await igd.from(A).code(table, 'RequestConnection')).toBe(709)
  })

  test('keeps its mappings, and may ask for more', async () => {
    const igd = await Igd.start()
    igd.closed = new Map([['br-lan', A]])
    expect(await igd.from(A).code(WANIP2, 'AddPortMapping')).toBe(0)
  })

  test('the description shows both actions and the event, to version 1 too', () => {
    const shown = document('/WANCfg.xml', 'Microsoft-Windows/10.0 UPnP/1.0')
    for (const name of ['SetEnabledForInternet', 'GetEnabledForInternet'])
      expect(shown).toContain(`<action><name>${name}</name>`)
    expect(shown).toContain(
      '<stateVariable sendEvents="yes"><name>EnabledForInternet</name><dataType>boolean</dataType>',
    )
  })
})

describe('events', () => {
  test('check 66: an addition changes the count and the id, in one service', async () => {
    const igd = await Igd.start()
    const values = () => currentValues(igd.world, true)['WANIPConnection:2']
    const before = values()
    await igd.from(A).call(WANIP2, 'AddPortMapping')
    expect(values()).toEqual({ ...before, PortMappingNumberOfEntries: '1', SystemUpdateID: idAfter(before) })
  })

  test('a renewal changes the id, a pinhole changes nothing', async () => {
    const igd = await Igd.start()
    await igd.from(A).call(WANIP2, 'AddPortMapping')
    const before = currentValues(igd.world, true)['WANIPConnection:2']
    await igd.from(A).call(WANIP2, 'AddPortMapping')
    expect(currentValues(igd.world, true)['WANIPConnection:2']).toEqual({ ...before, SystemUpdateID: idAfter(before) })
    const renewed = currentValues(igd.world, true)
    await igd.from(A6).call(PINHOLE, 'AddPinhole')
    expect(currentValues(igd.world, true)).toEqual(renewed)
  })

  test('check 67: another external address', async () => {
    const igd = await Igd.start()
    await igd.router.engine.move(up('198.51.100.9'))
    expect(currentValues(igd.world, true)['WANIPConnection:1']['ExternalIPAddress']).toBe('198.51.100.9')
  })

  test('redirects are counted, and the placeholder where there is nothing else', async () => {
    const count = (igd: Igd) => currentValues(igd.world, true)['WANIPConnection:1']['PortMappingNumberOfEntries']
    expect(count(await Igd.start())).toBe('0')
    expect(count(await Igd.start({ options: { showDummyRule: true } }))).toBe('1')
    expect(count(await Igd.start({ options: { showDummyRule: true }, redirects: [redirect(443, A)] }))).toBe('1')
  })

  test('the link, the default connection and the firewall', async () => {
    const igd = await Igd.start()
    igd.firewallEnabled = false
    expect(currentValues(igd.world, false)).toMatchObject({
      'WANCommonInterfaceConfig:1': { PhysicalLinkStatus: 'Down' },
      'Layer3Forwarding:1': {
        DefaultConnectionService: `uuid:${UUIDS.connection}:WANConnectionDevice:1,urn:upnp-org:serviceId:WANIPConn1`,
      },
      'WANIPv6FirewallControl:1': { FirewallEnabled: '0', InboundPinholeAllowed: '1' },
    })
  })
})

const idAfter = (values: Readonly<Record<string, string>>): string => String(Number(values['SystemUpdateID']) + 1)
