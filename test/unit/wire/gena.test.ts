import { describe, expect, test } from 'vitest'
import type { Ip } from '../../../src/base/ip.ts'
import { utf8Decode } from '../../../src/base/text.ts'
import { seconds } from '../../../src/base/time.ts'
import {
  callbackUrls,
  encodeEvent,
  encodePropertySet,
  genaFields,
  nextSeq,
  parseCallback,
  parseTimeout,
  subscribed,
  unmapped,
} from '../../../src/wire/gena.ts'

describe('parseCallback() reads', () => {
  test.each<[url: string, ip: string, port: number, target: string]>([
    ['http://192.168.1.7:49152/evt', '192.168.1.7', 49152, '/evt'],
    ['HTTP://192.168.1.7:49152/evt', '192.168.1.7', 49152, '/evt'],
    ['http://192.168.1.7:49152', '192.168.1.7', 49152, '/'],
    ['http://192.168.1.7', '192.168.1.7', 80, '/'],
    ['http://192.168.1.7:49152?x=1', '192.168.1.7', 49152, '/?x=1'],
    ['http://192.168.1.7:2869/upnp/eventing/a;b=c,(d)&%20~*', '192.168.1.7', 2869, '/upnp/eventing/a;b=c,(d)&%20~*'],
    ['http://[fe80::7]:49152/evt', 'fe80::7', 49152, '/evt'],
    ['http://[FE80:0:0::7]:49152/evt', 'fe80::7', 49152, '/evt'],
    ['http://[::ffff:192.168.1.7]:49152/evt', '192.168.1.7', 49152, '/evt'],
    ['http://[::ffff:c0a8:107]:49152/evt', '192.168.1.7', 49152, '/evt'],
  ])('%s', (url, ip, port, target) => {
    expect(parseCallback(url)).toEqual({ ip, port, target })
  })
})

describe('parseCallback() refuses', () => {
  test.each([
    ['another scheme', 'https://192.168.1.7:49152/evt'],
    ['a name', 'http://host.example:49152/evt'],
    ['a name that begins like an address', 'http://192.168.1.7.example:49152/evt'],
    ['a zone (S12)', 'http://[fe80::7%eth0]:49152/evt'],
    ['an escaped zone', 'http://[fe80::7%25eth0]:49152/evt'],
    ['a user', 'http://user@192.168.1.7:49152/evt'],
    ['a user that looks like an address', 'http://192.168.1.7:49152@10.0.0.1/evt'],
    ['a fragment', 'http://192.168.1.7:49152/evt#x'],
    ['a number for an address', 'http://3232235783:49152/evt'],
    ['a short address', 'http://192.168.263:49152/evt'],
    ['octal digits', 'http://192.168.01.7:49152/evt'],
    ['IPv4 in brackets', 'http://[192.168.1.7]:49152/evt'],
    ['IPv6 without brackets', 'http://fe80::7:49152/evt'],
    ['port 0', 'http://192.168.1.7:0/evt'],
    ['port 65536', 'http://192.168.1.7:65536/evt'],
    ['port 070', 'http://192.168.1.7:070/evt'],
    ['an empty port', 'http://192.168.1.7:/evt'],
    ['a blank', 'http://192.168.1.7:49152/e vt'],
    ['a line end', 'http://192.168.1.7:49152/evt\r\nX: y'],
    ['a letter of another alphabet', 'http://192.168.1.7:49152/\u00e9'],
    ['a backslash', 'http://192.168.1.7:49152\\evt'],
    ['a path without slash', 'http://192.168.1.7:49152evt'],
    ['no host', 'http://:49152/evt'],
    ['nothing', ''],
    ['257 characters', `http://192.168.1.7:49152/${'a'.repeat(232)}`],
  ])('%s', (_why, url) => expect(parseCallback(url)).toBeUndefined())
  test('256 characters are not too many', () => {
    const url = `http://192.168.1.7:49152/${'a'.repeat(231)}`
    expect([url.length, parseCallback(url)?.port]).toEqual([256, 49152])
  })
})

test.each<[text: string, urls: readonly string[]]>([
  ['<http://a/><http://b/>', ['http://a/', 'http://b/']],
  [' <http://a/> \t<http://b/> ', ['http://a/', 'http://b/']],
  ['http://a/', []],
  ['<http://a/', []],
  ['<http://a/>, <http://b/>', []],
  ['<<http://a/>>', []],
  ['<>', ['']],
  ['', []],
  ['<u>'.repeat(20), new Array<string>(8).fill('u')],
])('callbackUrls() of %s', (text, urls) => expect(callbackUrls(text)).toEqual(urls))

test.each<[text: string | undefined, timeout: number | undefined]>([
  ['Second-300', 300],
  ['second-300', 300],
  ['Second-infinite', undefined],
  ['infinite', undefined],
  ['Second-', undefined],
  ['Second--1', undefined],
  ['Second-1e3', undefined],
  ['Second-99999999999', undefined],
  ['300', undefined],
  [undefined, undefined],
])('parseTimeout() of %s', (text, timeout) => expect(parseTimeout(text)).toBe(timeout))

test('genaFields() takes each field once', () => {
  expect(
    genaFields([
      ['host', 'a'],
      ['nt', 'x'],
      ['sid', ''],
    ]),
  ).toEqual({ callback: undefined, nt: 'x', sid: '', timeout: undefined })
  expect(
    genaFields([
      ['nt', 'x'],
      ['nt', 'x'],
    ]),
  ).toBeUndefined()
  expect(
    genaFields([
      ['x', '1'],
      ['x', '2'],
    ]),
  ).toEqual({ callback: undefined, nt: undefined, sid: undefined, timeout: undefined })
})

test('unmapped() changes nothing but mapped addresses', () => {
  const addresses = ['192.168.1.7', '::ffff:c0a8:107', '::c0a8:107', 'fe80::ffff:c0a8:107'] as Ip[]
  expect(addresses.map(unmapped)).toEqual(['192.168.1.7', '192.168.1.7', '::c0a8:107', 'fe80::ffff:c0a8:107'])
})

describe('nextSeq()', () => {
  test('counts by one', () => expect([nextSeq(0), nextSeq(1), nextSeq(0x7fff_ffff)]).toEqual([1, 2, 0x8000_0000]))
  test('check 65: 2^32-1 is followed by 1', () => expect(nextSeq(0xffff_ffff)).toBe(1))
})

test('check 62: encodePropertySet() escapes what is markup, and drops what is no character of XML', () => {
  const value = `<script>&"'\r\n\t\u0000\u001f\ufffe\ud800x\u{1f600}]]>`
  expect(utf8Decode(encodePropertySet([{ name: 'A', value }]))).toBe(
    '<?xml version="1.0" encoding="utf-8"?>\n<e:propertyset xmlns:e="urn:schemas-upnp-org:event-1-0"><e:property><A>' +
      '&lt;script&gt;&amp;&quot;&apos;&#13;\n\t\ufffd\ufffd\ufffd\ufffdx\u{1f600}]]&gt;' +
      '</A></e:property></e:propertyset>',
  )
})

test('encodeEvent() writes the request of UDA 4.3.2', () => {
  const body = encodePropertySet([
    { name: 'A', value: '1' },
    { name: 'B', value: '' },
  ])
  const to = { ip: 'fe80::7' as Ip, port: 49152 as never, target: '/evt?x' }
  expect(utf8Decode(encodeEvent(to, 'uuid:s', 0, body)).split('\r\n')).toEqual([
    'NOTIFY /evt?x HTTP/1.1',
    'HOST: [fe80::7]:49152',
    'CONTENT-TYPE: text/xml; charset="utf-8"',
    'NT: upnp:event',
    'NTS: upnp:propchange',
    'SID: uuid:s',
    'SEQ: 0',
    'CONNECTION: close',
    `Content-Length: ${body.length}`,
    '',
    '<?xml version="1.0" encoding="utf-8"?>\n<e:propertyset xmlns:e="urn:schemas-upnp-org:event-1-0"><e:property><A>1</A></e:property><e:property><B></B></e:property></e:propertyset>',
  ])
})

test('subscribed() has SID, TIMEOUT, SERVER and DATE', () => {
  expect(subscribed('uuid:s', seconds(1800), 'a/1 UPnP/1.1 b/1', 'now')).toEqual({
    status: 200,
    fields: [
      ['DATE', 'now'],
      ['SERVER', 'a/1 UPnP/1.1 b/1'],
      ['SID', 'uuid:s'],
      ['TIMEOUT', 'Second-1800'],
    ],
    body: new Uint8Array(0),
  })
})
