/** Reading of calls, with the numbers of the checks of the IGD sheet ("check") and of the UDA sheet ("UDA check"). */
import { describe, expect, test } from 'vitest'
import { utf8Encode } from '../../../../src/base/text.ts'
import { bitRate, CONTROL, counter32, encodeError, encodeResult, readCall } from '../../../../src/protocol/igd/call.ts'
import { errorText } from '../../../../src/protocol/igd/errors.ts'
import { typeOf } from '../../../../src/protocol/igd/service.ts'
import { PINHOLE } from '../../../../src/protocol/igd/services/pinhole.ts'
import { WANIP1, WANIP2, WANPPP1 } from '../../../../src/protocol/igd/services/wanip.ts'
import {
  answerOf,
  argumentsFor,
  ask,
  callOf,
  child,
  envelope,
  outcome,
  post,
  TABLES,
  texts,
} from '../../../support/igd.ts'

const everyAction = TABLES.flatMap(([table, path]) =>
  Object.keys(table.actions).map(
    action => [typeOf(table).slice('urn:schemas-upnp-org:service:'.length), action, table, path] as const,
  ),
)
const everyArgument = everyAction.flatMap(([service, action, table]) =>
  Object.keys(table.actions[action]?.in ?? {}).map(name => [service, action, name, table] as const),
)

describe('every action', () => {
  test.each(everyAction)('%s %s is read when it is asked properly (check 6)', (_service, action, table) => {
    expect(callOf(ask(table, action))).toMatchObject({ service: table.name, version: table.version, action })
  })

  test.each(everyArgument)('%s %s: without %s it is 402 (UDA check 40)', (_service, action, name, table) => {
    expect(outcome(ask(table, action, { [name]: undefined }))).toBe(402)
  })

  test.each(everyArgument)('%s %s: with %s twice it is 402', (_service, action, name, table) => {
    const args = argumentsFor(table, action)
    const doubled = [...args, ...args.filter(([each]) => each === name)]
    const path = TABLES.find(([each]) => each === table)?.[1] as string
    expect(outcome(post(path, typeOf(table), action, doubled))).toBe(402)
  })

  const numbers = everyArgument.filter(([, action, name, table]) =>
    table.variables[table.actions[action]?.in[name] as string]?.type.startsWith('ui'),
  )
  const notNumbers = [
    '',
    ' ',
    '-1',
    '+80',
    ' 80',
    '80 ',
    '0x50',
    '1e3',
    '1.0',
    '080',
    'abc',
    '٣',
    '4294967296',
    '99999999999',
    '1,000',
    '80\n',
  ]
  test.each(numbers)('%s %s: %s is a decimal number or 402 (S7, checks 23, 40)', (_service, action, name, table) => {
    for (const text of notNumbers) expect([text, outcome(ask(table, action, { [name]: text }))]).toEqual([text, 402])
  })

  const ports = numbers.filter(
    ([, action, name, table]) => table.variables[table.actions[action]?.in[name] as string]?.type === 'ui2',
  )
  test.each(ports)(
    '%s %s: %s above 65535 is 402, not another number (S7, check 26)',
    (_service, action, name, table) => {
      for (const text of ['65536', '70000', '70610', '131072']) {
        expect(outcome(ask(table, action, { [name]: text }))).toBe(402)
      }
      expect(callOf(ask(table, action, { [name]: '65535' })).args).toMatchObject({ [name]: 65535 })
    },
  )

  const strings = everyArgument.filter(
    ([, action, name, table]) => table.variables[table.actions[action]?.in[name] as string]?.type === 'string',
  )
  test.each(strings)('%s %s: %s of 5,000 characters is 605 (check 38)', (_service, action, name, table) => {
    expect(outcome(ask(table, action, { [name]: 'x'.repeat(5000) }))).toBe(605)
    expect(outcome(ask(table, action, { [name]: 'ü'.repeat(1000) }))).toBe(605)
  })
})

describe('values', () => {
  test('protocols are TCP and UDP, in any case, and nothing else (check 27, S8)', () => {
    for (const [text, read] of [
      ['TCP', 'TCP'],
      ['UDP', 'UDP'],
      ['tcp', 'TCP'],
      ['Udp', 'UDP'],
    ] as const) {
      expect(callOf(ask(WANIP2, 'DeletePortMapping', { NewProtocol: text })).args).toMatchObject({ NewProtocol: read })
    }
    for (const text of ['ICMP', 'SCTP', 'tcp ', ' TCP', 'TCPX', '', 'BOTH', '6', 'TCP\nUDP']) {
      for (const table of [WANIP1, WANIP2, WANPPP1]) {
        expect([text, outcome(ask(table, 'AddPortMapping', { NewProtocol: text }))]).toEqual([text, 601])
      }
    }
  })

  test('booleans are 0, 1 and the old words', () => {
    for (const [text, read] of [
      ['0', false],
      ['1', true],
      ['true', true],
      ['False', false],
      ['yes', true],
      ['no', false],
    ] as const) {
      expect(callOf(ask(WANIP1, 'AddPortMapping', { NewEnabled: text })).args).toMatchObject({ NewEnabled: read })
    }
    for (const text of ['', '2', 'on', ' 1', 'TRUE!'])
      expect(outcome(ask(WANIP1, 'AddPortMapping', { NewEnabled: text }))).toBe(402)
  })

  test('a type of connection that the list does not have is 601', () => {
    expect(outcome(ask(WANIP2, 'SetConnectionType', { NewConnectionType: 'PPPoE_Bridged' }))).toBe(601)
    expect(outcome(ask(WANPPP1, 'SetConnectionType', { NewConnectionType: 'PPPoE_Bridged' }))).not.toBe(601)
  })

  test('blanks around an address mean nothing', () => {
    expect(callOf(ask(WANIP1, 'AddPortMapping', { NewInternalClient: ' 192.168.88.10\n' })).args).toMatchObject({
      NewInternalClient: '192.168.88.10',
    })
  })

  test('a lease above a week is a week in version 2 and itself in version 1 (check 22)', () => {
    const lease = { NewLeaseDuration: '700000' }
    expect(callOf(ask(WANIP2, 'AddPortMapping', lease)).args).toMatchObject({ NewLeaseDuration: 604_800 })
    expect(callOf(ask(WANIP1, 'AddPortMapping', lease)).args).toMatchObject({ NewLeaseDuration: 700_000 })
  })

  test('the lease of a pinhole is 1..86400 (check 79)', () => {
    for (const [text, result] of [
      ['0', 402],
      ['86401', 402],
      ['4294967295', 402],
    ] as const) {
      expect(outcome(ask(PINHOLE, 'AddPinhole', { LeaseTime: text }))).toBe(result)
      expect(outcome(ask(PINHOLE, 'UpdatePinhole', { NewLeaseTime: text }))).toBe(result)
    }
    expect(callOf(ask(PINHOLE, 'AddPinhole', { LeaseTime: '86400' })).args).toMatchObject({ LeaseTime: 86_400 })
  })

  test('a description comes as it is, markup and all (check 37, S9)', () => {
    for (const text of [
      `<>&"'`,
      ']]>',
      '<![CDATA[<img src=x onerror=alert(1)>]]>',
      'grün \u{1f600}',
      '*/ } flush ruleset',
      '`reboot`',
    ]) {
      expect(callOf(ask(WANIP1, 'AddPortMapping', { NewPortMappingDescription: text })).args).toMatchObject({
        NewPortMappingDescription: text,
      })
    }
  })

  test('arguments count by their name: any order, and strangers among them', () => {
    const args = [...argumentsFor(WANIP1, 'AddPortMapping')].reverse()
    const reading = post(CONTROL.connection, typeOf(WANIP1), 'AddPortMapping', [['NewStatusURL', '`reboot`'], ...args])
    expect(callOf(reading)).toEqual(callOf(ask(WANIP1, 'AddPortMapping')))
  })
})

describe('who is addressed', () => {
  const status = typeOf(WANIP2)
  const good = {
    path: CONTROL.connection,
    soapAction: `"${status}#GetStatusInfo"`,
    contentType: 'text/xml',
    body: envelope(status, 'GetStatusInfo', []),
  }
  const read = (changes: Partial<Parameters<typeof readCall>[0]>) => outcome(readCall({ ...good, ...changes }))

  const rows: readonly (readonly [
    what: string,
    changes: Partial<Parameters<typeof readCall>[0]>,
    result: number | string,
  ])[] = [
    ['another path', { path: '/ctl/X' }, 'HTTP 404'],
    ['the path of another service', { path: CONTROL.layer3 }, 401],
    ['a path by the name of a method', { path: 'constructor' }, 'HTTP 404'],
    ['no content type', { contentType: undefined }, 'HTTP 415'],
    ['a form (UDA check 46)', { contentType: 'application/x-www-form-urlencoded' }, 'HTTP 415'],
    ['plain text (S11)', { contentType: 'text/plain' }, 'HTTP 415'],
    ['a form that says xml', { contentType: 'multipart/form-data; boundary=text/xml' }, 'HTTP 415'],
    ['a type that begins like XML', { contentType: 'text/xmlfoo' }, 'HTTP 415'],
    ['no SOAPAction', { soapAction: undefined }, 'HTTP 400'],
    ["a SOAPAction of ' (S30)", { soapAction: "'" }, 'HTTP 400'],
    ['an action that is not there (check 7, UDA check 39)', { soapAction: `"${status}#Nothing"` }, 401],
    ['an action by the name of a method', { soapAction: `"${status}#constructor"` }, 401],
    ['an action in another case', { soapAction: `"${status}#getstatusinfo"` }, 401],
    [
      'a version that is not there',
      { soapAction: '"urn:schemas-upnp-org:service:WANIPConnection:3#GetStatusInfo"' },
      401,
    ],
    ['the optional action of UDA 1.0', { soapAction: '"urn:schemas-upnp-org:control-1-0#QueryStateVariable"' }, 401],
    ['another action in the body', { body: envelope(status, 'ForceTermination', []) }, 401],
    ['another version in the body', { body: envelope(typeOf(WANIP1), 'GetStatusInfo', []) }, 401],
    ['a body of nothing', { body: new Uint8Array(0) }, 402],
    ['a body that is no SOAP', { body: utf8Encode('<a/>') }, 402],
    ['a body cut short (UDA check 50)', { body: good.body.subarray(0, 200) }, 402],
    ['a document type (S15, UDA check 51)', { body: utf8Encode('<!DOCTYPE a><a/>') }, 'HTTP 400'],
    ['a hundred thousand levels (S15)', { body: utf8Encode('<a>'.repeat(20_000)) }, 'HTTP 400'],
    ['64 kB', { body: utf8Encode(' '.repeat(70_000)) }, 'HTTP 400'],
  ]
  test.each(rows)('%s', (_what, changes, result) => expect(read(changes)).toBe(result))

  test.each([
    'text/xml',
    'TEXT/XML',
    'text/xml;charset=utf-8',
    'text/xml ; charset="utf-8"',
    'application/xml',
    'application/soap+xml',
  ])('%s is XML', contentType => expect(read({ contentType })).toMatchObject({ action: 'GetStatusInfo' }))

  test('SOAPAction may come without quotes (UDA check 38)', () => {
    expect(read({ soapAction: `${status}#GetStatusInfo` })).toMatchObject({ action: 'GetStatusInfo' })
  })

  test('the actions of version 2 are not there in version 1', () => {
    for (const action of ['AddAnyPortMapping', 'DeletePortMappingRange', 'GetListOfPortMappings']) {
      const args = argumentsFor(WANIP2, action)
      expect(outcome(post(CONTROL.connection, typeOf(WANIP1), action, args))).toBe(401)
      expect(outcome(post(CONTROL.connection, typeOf(WANPPP1), action, args))).toBe(401)
    }
  })

  test('what is no SOAP ends the connection, a wrong argument does not', () => {
    expect(readCall({ ...good, body: utf8Encode('<a') })).toMatchObject({ is: 'fault', close: true })
    expect(ask(WANIP1, 'AddPortMapping', { NewExternalPort: 'x' })).toMatchObject({ is: 'fault', close: false })
  })
})

describe('what is answered', () => {
  test('the type in the answer is that of the request (UDA check 42, check 70)', () => {
    for (const table of [WANIP1, WANIP2, WANPPP1]) {
      const call = callOf(ask(table, 'GetExternalIPAddress'))
      if (call.action !== 'GetExternalIPAddress') throw new Error('another call')
      const answer = answerOf(encodeResult(call, { NewExternalIPAddress: '11.22.33.44' }))
      expect([answer.namespace, answer.name]).toEqual([typeOf(table), 'GetExternalIPAddressResponse'])
      expect(texts(answer)).toEqual({ NewExternalIPAddress: '11.22.33.44' })
    }
  })

  test('an address that is not known is an empty element (check 8)', () => {
    const call = callOf(ask(WANIP1, 'GetExternalIPAddress'))
    if (call.action !== 'GetExternalIPAddress') throw new Error('another call')
    expect(texts(answerOf(encodeResult(call, { NewExternalIPAddress: '' })))).toEqual({ NewExternalIPAddress: '' })
  })

  test('an action without results is answered by an empty element (check 13)', () => {
    const call = callOf(ask(WANIP1, 'AddPortMapping'))
    if (call.action !== 'AddPortMapping') throw new Error('another call')
    expect(answerOf(encodeResult(call, {})).children).toEqual([])
  })

  test('results come in the order of the description, booleans as 0 and 1', () => {
    const call = callOf(ask(WANIP2, 'GetNATRSIPStatus'))
    if (call.action !== 'GetNATRSIPStatus') throw new Error('another call')
    const answer = answerOf(encodeResult(call, { NewNATEnabled: true, NewRSIPAvailable: false }))
    expect(answer.children.map(({ name, text }) => [name, text])).toEqual([
      ['NewRSIPAvailable', '0'],
      ['NewNATEnabled', '1'],
    ])
  })

  test('the longest answer about one mapping fits into 2 kB', () => {
    const call = callOf(ask(WANIP2, 'GetGenericPortMappingEntry'))
    if (call.action !== 'GetGenericPortMappingEntry') throw new Error('another call')
    const answer = encodeResult(call, {
      NewRemoteHost: '255.255.255.255',
      NewExternalPort: 65535,
      NewProtocol: 'UDP',
      NewInternalPort: 65535,
      NewInternalClient: '255.255.255.255',
      NewEnabled: true,
      NewPortMappingDescription: '"'.repeat(64),
      NewLeaseDuration: 604_800,
    })
    // Head fields need their part: 300 bytes are twice what we send.
    expect(answer.length + 300).toBeLessThan(2048)
  })

  test('a fault carries the code and the text of its service (UDA check 41)', () => {
    const mapping = callOf(ask(WANIP2, 'AddAnyPortMapping'))
    const pinhole = callOf(ask(PINHOLE, 'DeletePinhole'))
    if (mapping.service !== 'WANIPConnection' || pinhole.service !== 'WANIPv6FirewallControl')
      throw new Error('another')
    const said = (body: string) => texts(child(child(answerOf(body), 'detail'), 'UPnPError'))
    expect(said(encodeError(mapping, 705))).toEqual({ errorCode: '705', errorDescription: 'ConnectionSetupInProgress' })
    expect(said(encodeError(pinhole, 705))).toEqual({ errorCode: '705', errorDescription: 'ProtocolNotSupported' })
  })

  test('version 2 has no text for 724..727, and version 1 none for what version 2 brought (check 61)', () => {
    for (const code of [724, 725, 726, 727]) expect(errorText('WANIPConnection', 2, code)).toBeUndefined()
    for (const code of [728, 729, 730, 731, 732, 733]) {
      expect(errorText('WANIPConnection', 1, code)).toBeUndefined()
      expect(errorText('WANIPConnection', 2, code)).not.toBeUndefined()
    }
    expect(errorText('WANIPv6FirewallControl', 1, 718)).toBeUndefined()
  })

  test('counters wrap at 32 bits (check 68), and rates stop there', () => {
    expect([0n, 4_294_967_295n, 4_294_967_296n, 2n ** 63n + 5n].map(counter32)).toEqual([0, 4_294_967_295, 0, 5])
    expect([5, 4_294_967_297].map(counter32)).toEqual([5, 1])
    expect([1e9, 1e10, -1].map(bitRate)).toEqual([1e9, 4_294_967_295, 0])
  })
})
