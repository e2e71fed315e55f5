import { describe, expect, test } from 'vitest'
import { Malformed } from '../../../src/base/fail.ts'
import type { Ip, Port } from '../../../src/base/ip.ts'
import { utf8Decode } from '../../../src/base/text.ts'
import { seconds } from '../../../src/base/time.ts'
import { httpDate } from '../../../src/wire/http-date.ts'
import type { Bearings, Notice, Search, Target } from '../../../src/wire/ssdp.ts'
import {
  decodeSsdp,
  encodeAlive,
  encodeAnswer,
  encodeByebye,
  encodeUpdate,
  groupOf,
  hostOf,
  looksLikeSearch,
  targetOf,
} from '../../../src/wire/ssdp.ts'
import { bytesFrom, search } from '../../support/ssdp.ts'
import recorded from '../../vectors/ssdp/searches.txt?raw'

const decode = (text: string) => decodeSsdp(bytesFrom(text))
const IGD1 = 'urn:schemas-upnp-org:device:InternetGatewayDevice:1'
const line = (more: string) => `M-SEARCH * HTTP/1.1\r\nMAN: "ssdp:discover"\r\n${more}\r\n`

const BEARINGS: Bearings = {
  location: 'http://192.168.1.1:5000/igd2.xml',
  server: 'OpenWrt/24.10 UPnP/1.1 Portico/0.1.0',
  maxAge: seconds(1800),
  bootId: 1234,
  configId: 4711,
  searchPort: undefined,
}
const ROW = { nt: 'upnp:rootdevice', usn: 'uuid:x::upnp:rootdevice' }

describe('decodeSsdp() reads', () => {
  const all: Search = { is: 'search', target: { is: 'all' }, st: 'ssdp:all', mx: seconds(3), userAgent: undefined }
  test.each<[why: string, text: string, search: Search]>([
    ['a search', line('MX: 3\r\nST: ssdp:all\r\n'), all],
    ['check 24: lower-case names', line('mx: 3\r\nst: ssdp:all\r\n').replace('MAN', 'man'), all],
    ['check 24: blanks and tabs around values', line('MX:\t 3 \t\r\nST:ssdp:all  \r\n'), all],
    ['check 24: line feeds only', line('MX: 3\r\nST: ssdp:all\r\n').replaceAll('\r', ''), all],
    ['a start line with wide blanks', line('MX: 3\r\nST: ssdp:all\r\n').replace(' * ', '  *\t'), all],
    ['no empty line at the end', line('MX: 3\r\nST: ssdp:all').replace(/\r\n$/, '\r\n'), all],
    ['a body, unread', `${line('MX: 3\r\nST: ssdp:all\r\n')}\u0000\u0001 anything`, all],
    ['unknown fields, twice', line('X: 1\r\nX: 2\r\nMX: 3\r\nST: ssdp:all\r\nCPFN.UPNP.ORG: me\r\n'), all],
    ['no MX', line('ST: ssdp:all\r\n'), { ...all, mx: undefined }],
    ['MX 0', line('MX: 0\r\nST: ssdp:all\r\n'), { ...all, mx: seconds(0) }],
    ['check 22: MX 120, as sent', line('MX: 120\r\nST: ssdp:all\r\n'), { ...all, mx: seconds(120) }],
    ['who asks', line('MX: 3\r\nST: ssdp:all\r\nUSER-AGENT: a b/1\r\n'), { ...all, userAgent: 'a b/1' }],
  ])('%s', (_why, text, expected) => {
    expect(decode(text)).toEqual(expected)
  })
})

describe('decodeSsdp() refuses', () => {
  const good = 'MX: 3\r\nST: ssdp:all\r\n'
  test.each<[why: string, text: string]>([
    ['nothing', ''],
    ['another method', line(good).replace('M-SEARCH', 'GET')],
    ['a method in lower case', line(good).replace('M-SEARCH', 'm-search')],
    ['another target', line(good).replace(' * ', ' / ')],
    ['another version', line(good).replace('HTTP/1.1', 'HTTP/2.0')],
    ['an answer', 'HTTP/1.1 200 OK\r\nST: ssdp:all\r\n\r\n'],
    ['check 23: no MAN', `M-SEARCH * HTTP/1.1\r\n${good}\r\n`],
    ['check 23: MAN without quotes', line(good).replaceAll('"', '')],
    ['another MAN', line(good).replace('discover', 'alive')],
    ['no ST', line('MX: 3\r\n')],
    ['an empty ST', line('MX: 3\r\nST:\r\n')],
    ['ST twice', line(`${good}ST: ssdp:all\r\n`)],
    ['ST twice, once in lower case', line(`${good}st: upnp:rootdevice\r\n`)],
    ['MX twice', line(`${good}MX: 3\r\n`)],
    ['MAN twice', line(`${good}MAN: "ssdp:discover"\r\n`)],
    ['MX that is no number', line('MX: three\r\nST: ssdp:all\r\n')],
    ['a negative MX', line('MX: -1\r\nST: ssdp:all\r\n')],
    ['a fraction as MX', line('MX: 1.5\r\nST: ssdp:all\r\n')],
    ['an exponent as MX', line('MX: 1e3\r\nST: ssdp:all\r\n')],
    ['a sign before MX', line('MX: +3\r\nST: ssdp:all\r\n')],
    ['an empty MX', line('MX:\r\nST: ssdp:all\r\n')],
    ['a folded line', line(`${good} folded\r\n`)],
    ['a blank before the colon', line('MX : 3\r\nST: ssdp:all\r\n')],
    ['a line without a colon', line(`${good}nothing\r\n`)],
    ['a bare carriage return', line(`${good}X: a\rb\r\n`)],
    ['a NUL', line(`${good}X: a\u0000b\r\n`)],
    ['a last line without an end', 'M-SEARCH * HTTP/1.1\r\nMAN: "ssdp:discover"\r\nMX: 3\r\nST: ssdp:a'],
    ['33 fields', line(good + 'X: 1\r\n'.repeat(30))],
    ['S30: 4 kB of ST', line(`MX: 3\r\nST: uuid:${'a'.repeat(4096)}\r\n`)],
    ['an ST that fits the datagram and nothing else', line(`MX: 3\r\nST: uuid:${'a'.repeat(300)}\r\n`)],
    ['check 29: 65 KiB', line(`${good}X: ${'a'.repeat(65_000)}\r\n`)],
    ['check 29: bytes of no text', '\u0080\u0081\u00ff\u0000'.repeat(100)],
    ['a notice without USN', 'NOTIFY * HTTP/1.1\r\nNTS: ssdp:byebye\r\nNT: a\r\n\r\n'],
    ['a notice of no known kind', 'NOTIFY * HTTP/1.1\r\nNTS: ssdp:hello\r\nNT: a\r\nUSN: b\r\n\r\n'],
    ['alive without LOCATION', 'NOTIFY * HTTP/1.1\r\nNTS: ssdp:alive\r\nNT: a\r\nUSN: b\r\n\r\n'],
    [
      'a BOOTID of 32 bits',
      'NOTIFY * HTTP/1.1\r\nNTS: ssdp:byebye\r\nNT: a\r\nUSN: b\r\nBOOTID.UPNP.ORG: 2147483648\r\n',
    ],
  ])('%s', (_why, text) => {
    expect(() => decode(text)).toThrow(Malformed)
  })

  test('64 bytes of control characters at any place', () => {
    const bytes = search('ssdp:all')
    for (const byte of [0, 1, 8, 11, 12, 13, 27, 31, 127]) {
      const broken = Uint8Array.from([...bytes.subarray(0, 30), byte, ...bytes.subarray(30)])
      expect(() => decodeSsdp(broken)).toThrow(Malformed)
    }
  })
})

describe('targetOf()', () => {
  test.each<[st: string, target: Target]>([
    ['ssdp:all', { is: 'all' }],
    ['upnp:rootdevice', { is: 'root' }],
    ['uuid:abc', { is: 'uuid', uuid: 'abc' }],
    [IGD1, { is: 'type', kind: 'device', type: 'InternetGatewayDevice', version: 1 }],
    [
      'urn:schemas-upnp-org:service:WANIPConnection:12',
      { is: 'type', kind: 'service', type: 'WANIPConnection', version: 12 },
    ],
    ['SSDP:ALL', { is: 'other' }],
    ['uuid:', { is: 'other' }],
    ['uuid:a b', { is: 'other' }],
    ['urn:dial-multiscreen-org:service:dial:1', { is: 'other' }],
    ['urn:schemas-upnp-org:device:InternetGatewayDevice', { is: 'other' }],
    ['urn:schemas-upnp-org:device:InternetGatewayDevice:0', { is: 'other' }],
    ['urn:schemas-upnp-org:device:InternetGatewayDevice:01', { is: 'other' }],
    ['urn:schemas-upnp-org:device:InternetGatewayDevice:-1', { is: 'other' }],
    ['urn:schemas-upnp-org:device:InternetGatewayDevice:1 ', { is: 'other' }],
    ['urn:schemas-upnp-org:device:InternetGatewayDevice:99999', { is: 'other' }],
    ['urn:schemas-upnp-org:widget:InternetGatewayDevice:1', { is: 'other' }],
  ])('%s', (st, target) => {
    expect(targetOf(st)).toEqual(target)
  })
})

describe('the encoders', () => {
  test('an answer has all that check 25 asks for, EXT empty, and an empty line at its end', () => {
    const date = httpDate(784_111_777_000)
    expect(utf8Decode(encodeAnswer(ROW, BEARINGS, date)).split('\r\n')).toEqual([
      'HTTP/1.1 200 OK',
      'CACHE-CONTROL: max-age=1800',
      'DATE: Sun, 06 Nov 1994 08:49:37 GMT',
      'EXT:',
      'LOCATION: http://192.168.1.1:5000/igd2.xml',
      'SERVER: OpenWrt/24.10 UPnP/1.1 Portico/0.1.0',
      'ST: upnp:rootdevice',
      'USN: uuid:x::upnp:rootdevice',
      'BOOTID.UPNP.ORG: 1234',
      'CONFIGID.UPNP.ORG: 4711',
      '',
      '',
    ])
  })

  const told = { is: 'notice', nt: ROW.nt, usn: ROW.usn, bootId: 1234, configId: 4711 } as const
  const group = '239.255.255.250' as Ip
  test.each<[what: string, bytes: Uint8Array, notice: Partial<Notice>]>([
    ['alive', encodeAlive(group, ROW, BEARINGS), { nts: 'alive', location: BEARINGS.location, maxAge: seconds(1800) }],
    [
      'alive with a search port',
      encodeAlive(group, ROW, { ...BEARINGS, searchPort: 50_000 as Port }),
      { nts: 'alive', location: BEARINGS.location, maxAge: seconds(1800), searchPort: 50_000 },
    ],
    [
      'update',
      encodeUpdate(group, ROW, BEARINGS, 1235),
      { nts: 'update', location: BEARINGS.location, nextBootId: 1235 },
    ],
    ['byebye', encodeByebye(group, ROW, BEARINGS), { nts: 'byebye' }],
  ])('%s reads back', (_what, bytes, notice) => {
    const nothing = { location: undefined, maxAge: undefined, nextBootId: undefined, searchPort: undefined }
    expect(decodeSsdp(bytes)).toEqual({ ...told, ...nothing, ...notice })
    expect(utf8Decode(bytes)).toContain('HOST: 239.255.255.250:1900\r\n')
  })

  test('a value from the configuration cannot begin a line', () => {
    const bytes = encodeAlive(group, ROW, { ...BEARINGS, server: 'a\r\nLOCATION: http://evil/\u00e9' })
    expect(decodeSsdp(bytes)).toEqual({
      ...told,
      nts: 'alive',
      location: BEARINGS.location,
      maxAge: seconds(1800),
      nextBootId: undefined,
      searchPort: undefined,
    })
  })
})

test.each<[address: string, group: string, host: string]>([
  ['192.168.1.1', '239.255.255.250', '192.168.1.1'],
  ['fe80::1', 'ff02::c', '[fe80::1]'],
  ['febf::1', 'ff02::c', '[febf::1]'],
  ['fd00::1', 'ff05::c', '[fd00::1]'],
  ['2001:db8::1', 'ff05::c', '[2001:db8::1]'],
  ['fe::1', 'ff05::c', '[fe::1]'],
])('groupOf() and hostOf() of %s', (address, group, host) => {
  expect([groupOf(address as Ip), hostOf(address as Ip)]).toEqual([group, host])
})

describe('decodeSsdp() reads what was recorded of', () => {
  const blocks = recorded.split(/^(?=# )/m).filter(block => block.startsWith('# ') && block.includes('\n> '))
  test('two programs', () => expect(blocks.length).toBe(2))
  for (const block of blocks) {
    const [title = '', ...lines] = block.split('\n')
    test(title.slice(2), () => {
      const hex = lines.filter(each => each.startsWith('> ')).map(each => each.slice(2).replaceAll(' ', ''))
      for (const each of hex) {
        const bytes = Uint8Array.from(each.match(/../g) ?? [], pair => Number.parseInt(pair, 16))
        expect(looksLikeSearch(bytes)).toBe(true)
        const message = decodeSsdp(bytes)
        expect(message.is).toBe('search')
        if (message.is === 'search') expect(message.target.is === 'other').toBe(/bogus/.test(title))
      }
    })
  }
})
