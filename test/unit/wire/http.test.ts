import { describe, expect, test } from 'vitest'
import { textOf, utf8Decode, utf8Encode } from '../../../src/base/text.ts'
import type { HttpEvent, HttpRequest } from '../../../src/wire/http.ts'
import {
  encodeRequest,
  encodeResponse,
  fieldOf,
  RequestReader,
  ResponseReader,
  splitTarget,
} from '../../../src/wire/http.ts'

/** All events of a message, given at once or byte by byte. */
function read(text: string, piece = text.length): HttpEvent[] {
  const reader = new RequestReader()
  const bytes = Uint8Array.from(text, char => char.charCodeAt(0))
  const events: HttpEvent[] = []
  for (let at = 0; at < bytes.length; at += piece) {
    reader.push(bytes.subarray(at, at + piece))
    for (let event = reader.next(); event !== undefined; event = reader.next()) events.push(event)
  }
  return events
}

/** `GET /x 1.1 body` for a request, `400 why` for a fault. */
function said(event: HttpEvent | undefined): string {
  if (event === undefined) return 'nothing'
  if (event.is === 'continue') return 'continue'
  if (event.is === 'fault') return `${event.status} ${event.why}`
  const { method, target, minor, body, keepAlive } = event.request
  return `${method} ${target} 1.${minor} [${textOf(body)}] ${keepAlive ? 'keep-alive' : 'close'}`
}

const HOST = 'Host: a\r\n'

const accepted: readonly (readonly [name: string, sent: string, events: readonly string[]])[] = [
  ['a plain request', `GET / HTTP/1.1\r\n${HOST}\r\n`, ['GET / 1.1 [] keep-alive']],
  ['HTTP/1.0 without Host, which closes', 'GET /x HTTP/1.0\r\n\r\n', ['GET /x 1.0 [] close']],
  ['HTTP/1.0 that asks to go on', 'GET /x HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n', ['GET /x 1.0 [] keep-alive']],
  ['a list that holds close', `GET / HTTP/1.1\r\n${HOST}Connection: x, Close\r\n\r\n`, ['GET / 1.1 [] close']],
  ['one empty line before the request', `\r\nGET / HTTP/1.1\r\n${HOST}\r\n`, ['GET / 1.1 [] keep-alive']],
  ['an absolute target', `GET http://r:80/a?b HTTP/1.1\r\n${HOST}\r\n`, ['GET /a?b 1.1 [] keep-alive']],
  ['an absolute target without a path', `GET http://r HTTP/1.1\r\n${HOST}\r\n`, ['GET / 1.1 [] keep-alive']],
  ['an absolute target on IPv6', `GET http://[fe80::1]:5000/ HTTP/1.1\r\n${HOST}\r\n`, ['GET / 1.1 [] keep-alive']],
  ['methods of UPnP', `M-SEARCH * HTTP/1.1\r\n${HOST}\r\n`, ['M-SEARCH * 1.1 [] keep-alive']],
  ['a body by its length', `POST / HTTP/1.1\r\n${HOST}Content-Length: 3\r\n\r\nabc`, ['POST / 1.1 [abc] keep-alive']],
  ['an empty body', `POST / HTTP/1.1\r\n${HOST}Content-Length: 0\r\n\r\n`, ['POST / 1.1 [] keep-alive']],
  [
    'a body in chunks, with an extension and a trailer',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: Chunked\r\n\r\n3;x=y\r\nabc\r\n0A\r\n0123456789\r\n0\r\nT: u\r\n\r\n`,
    ['POST / 1.1 [abc0123456789] keep-alive'],
  ],
  [
    'two requests in a row',
    `POST /1 HTTP/1.1\r\n${HOST}Content-Length: 2\r\n\r\nhiGET /2 HTTP/1.1\r\n${HOST}\r\n`,
    ['POST /1 1.1 [hi] keep-alive', 'GET /2 1.1 [] keep-alive'],
  ],
  ['values with blanks and tabs around', 'GET / HTTP/1.1\r\nHost: \t a \t\r\n\r\n', ['GET / 1.1 [] keep-alive']],
  ['a field without a value', `GET / HTTP/1.1\r\n${HOST}X:\r\n\r\n`, ['GET / 1.1 [] keep-alive']],
]

const refused: readonly (readonly [name: string, sent: string, status: number])[] = [
  ['a folded field', `GET / HTTP/1.1\r\n${HOST}X: a\r\n b\r\n\r\n`, 400],
  ['a blank before the colon', 'GET / HTTP/1.1\r\nHost : a\r\n\r\n', 400],
  ['a field without a colon', `GET / HTTP/1.1\r\n${HOST}X\r\n\r\n`, 400],
  ['a field without a name', `GET / HTTP/1.1\r\n${HOST}: x\r\n\r\n`, 400],
  ['a bare line feed after the request line', `GET / HTTP/1.1\n${HOST}\r\n`, 400],
  ['a bare line feed after a field', 'GET / HTTP/1.1\r\nHost: a\n\r\n', 400],
  ['a bare carriage return in a value', 'GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n', 400],
  ['a NUL in a value', 'GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n', 400],
  ['DEL in a value', 'GET / HTTP/1.1\r\nHost: a\x7f\r\n\r\n', 400],
  ['two blanks in the request line', `GET  / HTTP/1.1\r\n${HOST}\r\n`, 400],
  ['a blank in the target', `GET /a b HTTP/1.1\r\n${HOST}\r\n`, 400],
  ['a target without a slash', `GET a HTTP/1.1\r\n${HOST}\r\n`, 400],
  ['bytes above ASCII in the target', `GET /\xe9 HTTP/1.1\r\n${HOST}\r\n`, 400],
  ['a quotation mark in the authority', `GET http://h"p/ HTTP/1.1\r\n${HOST}\r\n`, 400],
  ['a user in the authority', `GET http://u@h/ HTTP/1.1\r\n${HOST}\r\n`, 400],
  ['a fragment in the target', `GET /a#b HTTP/1.1\r\n${HOST}\r\n`, 400],
  ['HTTP/0.9', 'GET /\r\n\r\n', 400],
  ['HTTP/2.0', `GET / HTTP/2.0\r\n${HOST}\r\n`, 505],
  ['HTTP/1.2', `GET / HTTP/1.2\r\n${HOST}\r\n`, 505],
  ['HTTP/1.10', `GET / HTTP/1.10\r\n${HOST}\r\n`, 400],
  ['a lower case http', `GET / http/1.1\r\n${HOST}\r\n`, 400],
  ['no Host in HTTP/1.1', 'GET / HTTP/1.1\r\n\r\n', 400],
  ['two Hosts', `GET / HTTP/1.1\r\n${HOST}${HOST}\r\n`, 400],
  ['two empty lines before the request', `\r\n\r\nGET / HTTP/1.1\r\n${HOST}\r\n`, 400],
  ['length and chunks', `POST / HTTP/1.1\r\n${HOST}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n`, 400],
  ['two lengths that differ', `POST / HTTP/1.1\r\n${HOST}Content-Length: 3\r\nContent-Length: 4\r\n\r\n`, 400],
  ['two lengths that agree', `POST / HTTP/1.1\r\n${HOST}Content-Length: 3\r\nContent-Length: 3\r\n\r\n`, 400],
  ['a list of lengths', `POST / HTTP/1.1\r\n${HOST}Content-Length: 3, 3\r\n\r\n`, 400],
  ['a length with a sign', `POST / HTTP/1.1\r\n${HOST}Content-Length: +3\r\n\r\n`, 400],
  ['a negative length', `POST / HTTP/1.1\r\n${HOST}Content-Length: -1\r\n\r\n`, 400],
  ['a length in hexadecimal', `POST / HTTP/1.1\r\n${HOST}Content-Length: 0x10\r\n\r\n`, 400],
  ['an empty length', `POST / HTTP/1.1\r\n${HOST}Content-Length:\r\n\r\n`, 400],
  ['a length above the limit, before the body comes', `POST / HTTP/1.1\r\n${HOST}Content-Length: 65537\r\n\r\n`, 413],
  ['2 GB', `POST / HTTP/1.1\r\n${HOST}Content-Length: 2147483648\r\n\r\n`, 413],
  ['a length that no number holds', `POST / HTTP/1.1\r\n${HOST}Content-Length: 99999999999999999999\r\n\r\n`, 413],
  ['chunks from HTTP/1.0', 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n', 400],
  ['another transfer coding', `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: gzip\r\n\r\n`, 501],
  ['a coding before chunked', `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: gzip, chunked\r\n\r\n`, 501],
  ['chunked twice', `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n`, 501],
  ['an unknown expectation', `POST / HTTP/1.1\r\n${HOST}Expect: cake\r\nContent-Length: 1\r\n\r\n`, 417],
  ['a head above the limit', `GET / HTTP/1.1\r\n${HOST}X: ${'a'.repeat(8192)}\r\n\r\n`, 431],
  ['a head above the limit that does not end', `GET / HTTP/1.1\r\n${HOST}X: ${'a'.repeat(9000)}`, 431],
  ['more fields than allowed', `GET / HTTP/1.1\r\n${HOST}${'X: a\r\n'.repeat(64)}\r\n`, 431],
  ['a request line above the limit', `GET /${'a'.repeat(9000)}`, 414],
  ['a method above 32 characters', `${'A'.repeat(33)} / HTTP/1.1\r\n${HOST}\r\n`, 400],
  ['a TLS hello', '\x16\x03\x01\x02\x00\x01\x00', 400],
]

const CHUNKED = `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`

const badChunks: readonly (readonly [name: string, chunks: string, status: number])[] = [
  ['no size', '\r\n', 400],
  ['a size that is no number', 'x\r\n', 400],
  ['a size with a sign', '+3\r\nabc\r\n', 400],
  ['a size with 0x', '0x3\r\nabc\r\n', 400],
  ['a blank before the size', ' 3\r\nabc\r\n', 400],
  ['a blank after the size', '3 \r\nabc\r\n', 400],
  ['a bare line feed after the size', '3\nabc\r\n', 400],
  ['a chunk longer than it says', '3\r\nabcd\r\n', 400],
  ['nine digits', '000000003\r\nabc\r\n', 400],
  ['a body above the limit', '10001\r\n', 413],
  ['sizes that add up above the limit', `8000\r\n${'a'.repeat(0x8000)}\r\n8001\r\n`, 413],
  ['an extension without a name', '3;\r\nabc\r\n', 400],
  ['an extension with an open quote', '3;a="b\r\nabc\r\n', 400],
  ['a blank in an extension', '3; a=b\r\nabc\r\n', 400],
  ['an extension without end', `3;${'x'.repeat(300)}`, 431],
  ['a control character in an extension', '3;\x01\r\nabc\r\n', 400],
  ['a trailer without a colon', '0\r\nT\r\n\r\n', 400],
  ['a length as a trailer', '0\r\nContent-Length: 5\r\n\r\n', 400],
  ['trailers without end', `0\r\n${'T: u\r\n'.repeat(17)}`, 431],
  ['one-byte chunks with long extensions', `1;${'x'.repeat(200)}\r\na\r\n`.repeat(1400), 413],
]

describe('RequestReader', () => {
  for (const [name, sent, events] of accepted) {
    test(`takes ${name}`, () => {
      expect(read(sent).map(said)).toEqual(events)
    })
    test(`takes ${name}, byte by byte`, () => {
      expect(read(sent, 1).map(said)).toEqual(events)
    })
  }
  for (const [name, sent, status] of [
    ...refused,
    ...badChunks.map(([n, s, c]) => [`chunks: ${n}`, CHUNKED + s, c] as const),
  ]) {
    test(`refuses ${name}`, () => {
      const events = read(sent)
      expect(events).toHaveLength(1)
      expect(events[0]?.is === 'fault' ? events[0].status : said(events[0])).toBe(status)
    })
    test(`refuses ${name}, in small pieces, with the same words`, () => {
      expect(read(sent, sent.length > 1000 ? 61 : 1)).toEqual(read(sent))
    })
  }

  test('keeps fields in order, names in lower case, bytes above ASCII as they are', () => {
    const [event] = read('GET / HTTP/1.1\r\nHOST: a\r\nX-Y: \xe9 b\r\nx-y: c\r\n\r\n')
    const request = (event as { request: HttpRequest }).request
    expect(request.fields).toEqual([
      ['host', 'a'],
      ['x-y', '\xe9 b'],
      ['x-y', 'c'],
    ])
    expect(fieldOf(request.fields, 'x-y')).toBe('\xe9 b, c')
    expect(fieldOf(request.fields, 'constructor')).toBeUndefined()
  })

  test('asks to continue only while the body is awaited', () => {
    const head = `POST / HTTP/1.1\r\n${HOST}Expect: 100-Continue\r\nContent-Length: 2\r\n\r\n`
    expect(read(`${head}ok`).map(said)).toEqual(['POST / 1.1 [ok] keep-alive'])
    expect(read(`${head}ok`, head.length).map(said)).toEqual(['continue', 'POST / 1.1 [ok] keep-alive'])
    const old = 'POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n'
    expect(read(`${old}ok`, old.length).map(said)).toEqual(['POST / 1.0 [ok] close'])
  })

  test('reads nothing after a fault, whatever is pushed', () => {
    const reader = new RequestReader()
    reader.push(utf8Encode('bad\r\n\r\n'))
    expect(reader.next()?.is).toBe('fault')
    reader.push(utf8Encode(`GET / HTTP/1.1\r\n${HOST}\r\n`))
    expect(reader.next()).toBeUndefined()
    expect(reader.buffered).toBe(0)
    expect(reader.state).toBe('faulty')
  })

  test('says where it stands', () => {
    const reader = new RequestReader()
    const states = ['', 'POST / HT', `TP/1.1\r\n${HOST}Content-Length: 2\r\n\r\n`, 'o', 'k'].map(text => {
      reader.push(utf8Encode(text))
      const event = reader.next()
      return event === undefined ? reader.state : `${event.is}, ${reader.state}`
    })
    expect(states).toEqual(['between', 'head', 'body', 'body', 'request, between'])
  })
})

describe('encodeResponse()', () => {
  const request = (method: string) =>
    ({ method, target: '/', minor: 1, fields: [], body: new Uint8Array(0), keepAlive: true }) as const
  const ok = { status: 200, fields: [['X', 'y']] as const, body: utf8Encode('hi') }

  const sent = (...args: Parameters<typeof encodeResponse>) => {
    const content = encodeResponse(...args)
    return typeof content === 'string' ? content : utf8Decode(content)
  }

  test('writes length and connection', () => {
    expect(sent(ok, request('GET'), true)).toBe(
      'HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nhi',
    )
  })
  test('sends no body to HEAD, but its length', () => {
    expect(sent(ok, request('HEAD'), false)).toBe(
      'HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 2\r\nConnection: close\r\n\r\n',
    )
  })
  test('sends neither body nor length with 204', () => {
    const text = sent({ ...ok, status: 204 }, request('DELETE'), true)
    expect(text).toBe('HTTP/1.1 204 No Content\r\nX: y\r\nConnection: keep-alive\r\n\r\n')
  })
  test('lets no value end the line', () => {
    const text = sent({ ...ok, fields: [['X', 'a\r\nSet-Cookie: b\u2028']] }, request('GET'), true)
    expect(text).toContain('X: a  Set-Cookie: b \r\n')
  })
  test('leaves ASCII as it is, and counts the bytes of other text', () => {
    expect(encodeResponse({ ...ok, body: 'hi' }, request('GET'), true)).toBe(sent(ok, request('GET'), true))
    const bytes = encodeResponse({ ...ok, body: 'Müller' }, request('GET'), true)
    expect(typeof bytes === 'string' ? bytes : utf8Decode(bytes)).toBe(
      'HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 7\r\nConnection: keep-alive\r\n\r\nMüller',
    )
    expect(typeof bytes).toBe('object')
  })
})

describe('ResponseReader', () => {
  const limits = { head: 1024, fields: 16, body: 32 }
  const parse = (text: string, piece = text.length) => {
    const reader = new ResponseReader(limits)
    const bytes = utf8Encode(text)
    for (let at = 0; at < bytes.length; at += piece) {
      const response = reader.push(bytes.subarray(at, at + piece))
      if (response !== undefined) return response
    }
    return reader.ended()
  }
  const shown = (text: string, piece?: number) => {
    const response = parse(text, piece)
    return 'is' in response ? response.why : `${response.status} ${utf8Decode(response.body)}`
  }
  const rows: readonly (readonly [name: string, text: string, outcome: string])[] = [
    ['by length', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi', '200 hi'],
    ['in chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n', '200 hi'],
    ['up to the end of the connection', 'HTTP/1.0 200 OK\r\n\r\nhi', '200 hi'],
    ['after 100 Continue', 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', '200 '],
    ['without a body, 204', 'HTTP/1.1 204 No Content\r\n\r\n', '204 '],
    ['not when it breaks off', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi', 'the answer broke off'],
    ['not when nothing came', '', 'the answer broke off'],
    ['not above the limit', `HTTP/1.0 200 OK\r\n\r\n${'a'.repeat(33)}`, 'the answer is too long'],
    ['not without a status line', 'SSH-2.0-x\r\n\r\n', 'no status line'],
  ]
  for (const [name, text, outcome] of rows) {
    test(`reads an answer ${name}`, () => {
      expect(shown(text)).toBe(outcome)
      expect(shown(text, 1)).toBe(outcome)
    })
  }
})

describe('encodeRequest()', () => {
  test('is read by RequestReader as it was meant', () => {
    const reader = new RequestReader()
    reader.push(encodeRequest('POST', '/console', [['Host', 'portico']], utf8Encode('{"words":["é"]}')))
    expect(said(reader.next())).toBe('POST /console 1.1 [{"words":["é"]}] keep-alive')
  })
})

describe('splitTarget()', () => {
  test('parts path and query at the first question mark', () => {
    expect(splitTarget('/a?b=c?d')).toEqual({ path: '/a', query: 'b=c?d' })
    expect(splitTarget('/a')).toEqual({ path: '/a', query: '' })
  })
})
