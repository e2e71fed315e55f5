/**
 * Our HTTP reader beside Node's own, on the same bytes. What we take, Node must take too and read the same: a
 * difference there is how requests are smuggled. Where Node takes what we refuse, the reason must be one that we are
 * strict about on purpose.
 */

import { readFileSync } from 'node:fs'
import { createServer, METHODS } from 'node:http'
import { Duplex } from 'node:stream'
import { afterAll, describe, expect, test } from 'vitest'
import type { Content } from '../../src/base/text.ts'
import type { HttpEvent, HttpRequest } from '../../src/wire/http.ts'
import { RequestReader } from '../../src/wire/http.ts'
import { recordedRequests } from '../support/http-requests.ts'
import { seeds as hard } from './http.ts'
import type { Random } from './mutate.ts'
import { mutated, random } from './mutate.ts'
import { RUNS, SEED as seed } from './rounds.ts'

interface Taken {
  readonly method: string
  readonly target: string
  readonly version: string
  readonly fields: readonly (readonly [string, string])[]
  readonly body: string
}

interface Verdict {
  readonly taken: readonly Taken[]
  /** Where the last request that was taken ends. */
  readonly used: number
  /** Why reading stopped, if it did. */
  readonly fault: string | undefined
}

/** What we refuse and Node takes, each with its reason to be strict. */
const STRICT: Readonly<Record<string, string>> = {
  'exactly one Host is needed': 'RFC 9112 §3.2; Node checks it above its parser, and takes the first of two',
  'the target is no path': 'a fragment or another scheme has no business here (RFC 9112 §3.2)',
  'no request line': 'more than one blank, bytes above ASCII, a method that is too long, empty lines before it',
  'HTTP/2.0 is not spoken here': 'Node takes the version at its word and reads on as 1.1',
  'HTTP/0.9 is not spoken here': 'the same',
  'conflicting lengths': 'a transfer coding from HTTP/1.0 is a sign of smuggling (RFC 9112 §6.1)',
  'unknown transfer coding': 'only chunked is read here',
  'an unknown expectation': 'RFC 9110 §10.1.1',
  'no proper content length': 'a length that is said twice',
  'no proper chunk size': 'more than eight digits',
  'a control character': 'in a chunk extension or a trailer',
  'a header field without a proper name': 'in a trailer',
  'a trailer about the framing': 'what routes or frames a message is no trailer (RFC 9110 §6.5.1)',
  'a bare line feed': 'RFC 9112 §2.2 leaves the choice to the reader; smuggling lives on such choices',
  'a bare carriage return': 'the same',
  'the body is too long': 'our limit',
  'a line is too long': 'our limit',
  'the trailers are too long': 'our limit',
  'the head is too long': 'our limit',
  'the request line is too long': 'our limit',
}

const runs = RUNS / 2

let report: ((verdict: Taken | string) => void) | undefined
const node = createServer({ requireHostHeader: false, keepAliveTimeout: 0 }, (request, response) => {
  const parts: Buffer[] = []
  request.on('data', part => parts.push(part))
  request.on('error', () => {})
  request.on('end', () => {
    const raw = request.rawHeaders
    report?.({
      method: request.method ?? '',
      target: request.url ?? '',
      version: request.httpVersion,
      fields: raw.flatMap((name, i) => (i % 2 === 0 ? [[name.toLowerCase(), raw[i + 1] ?? ''] as const] : [])),
      body: Buffer.concat(parts).toString('latin1'),
    })
    response.end()
  })
})
node.on('clientError', (error: Error & { code?: string }, socket) => {
  report?.(error.code ?? error.message)
  socket.destroy()
})
node.on('checkContinue', (request, response) => node.emit('request', request, response))
node.on('checkExpectation', (request, response) => node.emit('request', request, response))
// With a listener Node would hand the rest of the connection over; without one it closes it.
node.on('connect', (_, socket) => socket.destroy())

afterAll(() => node.close())

/** Node's verdict; the stream ends after the bytes, and a turn of the event loop later all is said. */
async function nodeReads(bytes: Uint8Array): Promise<Verdict> {
  const taken: Taken[] = []
  let fault: string | undefined
  report = said => {
    if (typeof said === 'string') fault ??= said
    else taken.push(said)
  }
  const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
  node.emit('connection', socket)
  socket.push(Buffer.from(bytes))
  for (let i = 0; i < 4 + 2 * taken.length; i++) await new Promise(resolve => setImmediate(resolve))
  report = undefined
  socket.destroy()
  return { taken, used: bytes.length, fault }
}

function weRead(bytes: Uint8Array, content: Content = bytes): Verdict {
  const reader = new RequestReader()
  reader.push(content)
  const taken: Taken[] = []
  let used = 0
  for (let event: HttpEvent | undefined = reader.next(); event !== undefined; event = reader.next()) {
    if (event.is === 'fault') return { taken, used, fault: event.why }
    if (event.is !== 'request') continue
    taken.push(takenFrom(event.request))
    used = bytes.length - reader.buffered
    if (!event.request.keepAlive) break
  }
  return { taken, used, fault: undefined }
}

const takenFrom = ({ method, target, minor, fields, body }: HttpRequest): Taken => ({
  method,
  target,
  version: `1.${minor}`,
  fields,
  body: Buffer.from(body).toString('latin1'),
})

/** Node keeps the authority of an absolute target; we drop it. */
const withoutAuthority = (target: string) =>
  target.startsWith('http://') ? target.replace(/^http:\/\/[^/?]*/, '').replace(/^(?!\/)/, '/') : target

/** Node refuses a tab behind the digits of a length, which RFC 9110 §5.5 lets a sender put there: a blank for it. */
const withoutTabs = (bytes: Uint8Array): Uint8Array =>
  Buffer.from(
    Buffer.from(bytes)
      .toString('latin1')
      .replace(/^content-length:[ \t]*\d+[ \t]+$/gim, line => line.replaceAll('\t', ' ')),
    'latin1',
  )

const text = (bytes: Uint8Array) => JSON.stringify(Buffer.from(bytes).toString('latin1'))

interface Tally {
  same: number
  refusedByBoth: number
  strict: Map<string, number>
}

async function compare(bytes: Uint8Array, tally: Tally): Promise<void> {
  const ours = weRead(bytes)
  const where = `seed ${seed}, ${text(bytes)}`
  // As QuickJS hands it over, with heads that were read before.
  const plain = Buffer.from(bytes).toString('latin1')
  if (/^[\t\r\n -~]*$/.test(plain)) expect(weRead(bytes, plain), `as text: ${where}`).toEqual(ours)
  // Node knows a fixed list of methods; we leave that to who answers.
  if (ours.taken.some(({ method }) => !METHODS.includes(method))) return
  if (ours.taken.length > 0) {
    // Exactly the bytes that we think these requests have: ends that differ show as a fault or as a missing request.
    const theirs = await nodeReads(withoutTabs(bytes.subarray(0, ours.used)))
    const taken = theirs.taken.map(each => ({ ...each, target: withoutAuthority(each.target) }))
    expect({ taken, fault: theirs.fault }, `read differently: ${where}`).toEqual({
      taken: ours.taken,
      fault: undefined,
    })
    tally.same += taken.length
  }
  if (ours.fault === undefined) return
  const theirs = await nodeReads(bytes)
  if (theirs.taken.length <= ours.taken.length) tally.refusedByBoth++
  else {
    if (STRICT[ours.fault] === undefined) throw new Error(`strict without a reason: ${ours.fault}: ${where}`)
    tally.strict.set(ours.fault, (tally.strict.get(ours.fault) ?? 0) + 1)
  }
}

/** A request put together from pieces that are right, nearly right and wrong. */
function composed(pick: Random): Uint8Array {
  const one = <T>(choices: readonly T[]): T => choices[pick(choices.length)] as T
  const often = <T>(usual: T, ...others: T[]): T => (pick(5) > 0 ? usual : one(others))
  const body = one(['', 'a', 'hello', '0\r\n\r\n', 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n'])
  const chunks = `${often(body.length.toString(16), '0x5', '+5', ' 5', '5 ', '00000005', 'G', '-1', '5;x=y', '5;"\t"')}\r\n${body}\r\n0\r\n${often('', 'T: u\r\n', 'T\r\n', ' T: u\r\n')}\r\n`
  const isChunked = pick(3) === 0
  const length = `Content-Length${often(': ', ':', ' : ', ':\t')}${often(String(body.length), '+1', '-1', '0x1', '1, 1', '', '1 1', '99999999999999999999')}`
  const coding = `Transfer-Encoding: ${often('chunked', 'Chunked', ' chunked ', 'gzip, chunked', 'chunked, identity', 'xchunked', 'chunked\x0b', '"chunked"')}`
  const lines = [
    `${often('POST', 'GET', 'post', 'M-SEARCH', 'X', 'PRI', 'G ET')}${often(' ', '  ', '\t')}${often('/a?b=c', '*', 'http://h/x', 'x', '//x', '/a b', '/\xe9', '/#f', '')}${often(' ', '  ')}${often('HTTP/1.1', 'HTTP/1.0', 'HTTP/1.2', 'HTTP/2.0', 'http/1.1', 'HTTP/1.1 ', 'HTTP/01.1')}`,
    often('Host: a', 'host:a', 'Host : a', 'Host: a\r\nHost: b', 'X: y', '\tHost: a'),
    ...(isChunked ? [coding] : [length]),
    ...(pick(12) === 0 ? [one([length, coding])] : []),
    often('X: y', 'X:', ': y', 'X\x00: y', 'X: a\r\n b', 'X: \xe9', 'X: a\x7f', 'X: a\x01', 'X', '"X": y'),
    often(
      'Connection: keep-alive',
      'Connection: close',
      'Connection: x, close',
      'Connection: Keep-Alive, x',
      'Upgrade: h2c',
    ),
  ]
  const end = () => often('\r\n', '\r\n', '\r\n', '\r\n', '\n', '\r', '\r\r\n')
  const head = `${often('', '\r\n', '\n', ' ')}${lines.map(line => `${line}${pick(8) > 0 ? '\r\n' : end()}`).join('')}${pick(8) > 0 ? '\r\n' : end()}`
  const message = `${head}${isChunked ? chunks : body}`
  const next = pick(3) === 0 ? 'GET /next HTTP/1.1\r\nHost: a\r\n\r\n' : ''
  return Uint8Array.from(message + next, char => char.charCodeAt(0) & 255)
}

const recorded = recordedRequests(readFileSync('test/vectors/http/requests.txt', 'utf8')).map(({ bytes }) => bytes)
const fresh = (): Tally => ({ same: 0, refusedByBoth: 0, strict: new Map() })

describe('the HTTP reader and Node agree', () => {
  test('on every recorded request', async () => {
    const tally = fresh()
    for (const bytes of recorded) await compare(bytes, tally)
    expect(tally).toEqual({ same: recorded.length, refusedByBoth: 0, strict: new Map() })
  })

  test('on composed requests', async () => {
    const pick = random(seed)
    const tally = fresh()
    for (let run = 0; run < runs; run++) await compare(composed(pick), tally)
    console.log(`oracle, composed: ${runs} inputs (FUZZ_SEED=${seed})`, tally)
    // A generator that makes nothing but one sort of request would prove nothing.
    expect(tally.same).toBeGreaterThan(runs / 20)
    expect(tally.refusedByBoth).toBeGreaterThan(runs / 20)
  })

  test('on mutated requests', async () => {
    const pick = random(seed)
    const tally = fresh()
    for (let run = 0; run < runs; run++) await compare(mutated(hard, pick), tally)
    console.log(`oracle, mutated: ${runs} inputs (FUZZ_SEED=${seed})`, tally)
    expect(tally.same).toBeGreaterThan(runs / 20)
  })
})
