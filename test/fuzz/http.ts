/**
 * HTTP requests: the reader throws nothing; however the bytes are cut, it says the same; what it accepts reads the
 * same when it is written again; and it never holds more than its limits.
 */

import { readFileSync } from 'node:fs'
import type { Content } from '../../src/base/text.ts'
import { bytesOf } from '../../src/base/text.ts'
import type { HttpEvent, HttpRequest } from '../../src/wire/http.ts'
import { encodeRequest, HTTP_LIMITS, RequestReader, ResponseReader } from '../../src/wire/http.ts'
import { recordedRequests } from '../support/http-requests.ts'

const HARD = [
  'GET / HTTP/1.1\r\nHost: a\r\nX:  b \t\r\n\r\nGET /2 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x="y"\r\nabc\r\n00A\r\n0123456789\r\n0\r\nT: u\r\n\r\n',
  'POST http://h/p?q HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc\r\nGET * HTTP/1.1\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\nTransfer-Encoding: gzip, chunked\r\n\r\nabc',
  'GET / HTTP/1.1\nHost: a\r\n folded\r\nX : y\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n',
].map(text => Uint8Array.from(text, char => char.charCodeAt(0)))

export const seeds: readonly Uint8Array[] = [
  ...recordedRequests(readFileSync('test/vectors/http/requests.txt', 'utf8')).map(({ bytes }) => bytes),
  ...HARD,
]

export function target(bytes: Uint8Array): void {
  const whole = events(bytes, [bytes.length])
  for (const cuts of [[1], [7, 3, 64], [bytes.length >> 1, 1]]) {
    if (JSON.stringify(events(bytes, cuts)) !== JSON.stringify(whole))
      throw new Error(`cut by ${cuts}, read differently`)
  }
  // As text where an engine has it, now that the heads are known.
  for (const cuts of [[bytes.length], [bytes.length >> 1, 1]]) {
    if (JSON.stringify(events(bytes, cuts, plainText)) !== JSON.stringify(whole))
      throw new Error('as text, read differently')
  }
  for (const event of whole) if (event.is === 'request') checkAgain(event.request)
  const responses = new ResponseReader({ ...HTTP_LIMITS, body: 256 })
  if (responses.push(bytes) === undefined) responses.ended()
}

/** All that the reader says to bytes that come in pieces of these sizes, in turn; but for what depends on the cuts. */
function events(
  bytes: Uint8Array,
  sizes: readonly number[],
  form: (piece: Uint8Array) => Content = piece => piece,
): HttpEvent[] {
  const reader = new RequestReader()
  const said: HttpEvent[] = []
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = Math.max(1, sizes[turn % sizes.length] as number)
    reader.push(form(bytes.subarray(at, at + size)))
    for (let event = reader.next(); event !== undefined; event = reader.next()) {
      if (event.is === 'request') {
        const { request } = event
        said.push({ is: 'request', request: { ...request, body: bytesOf(request.body) } })
      } else if (event.is !== 'continue') said.push(event)
    }
    at += size
  }
  if (reader.buffered > HTTP_LIMITS.head + HTTP_LIMITS.body) throw new Error(`holds ${reader.buffered} bytes`)
  return said
}

/** As a stream hands it over on QuickJS. */
function plainText(piece: Uint8Array): Content {
  const text = String.fromCharCode(...piece)
  return /^[\t\r\n -~]*$/.test(text) ? text : piece
}

function checkAgain(request: HttpRequest): void {
  if (request.body.length > HTTP_LIMITS.body) throw new Error('a body above the limit')
  const dropped = ['content-length', 'transfer-encoding', 'host', 'expect']
  const fields = request.fields.filter(([name, value]) => !dropped.includes(name) && /^[\t -~]*$/.test(value))
  const [again] = events(
    encodeRequest(request.method, request.target, [['Host', 'a'], ...fields], bytesOf(request.body)),
    [99],
  )
  if (again?.is !== 'request') throw new Error('written again, it is refused')
  const { method, target, body } = again.request
  const isSame = method === request.method && target === request.target && String(body) === String(request.body)
  if (!isSame) throw new Error('written, then read differently')
}
