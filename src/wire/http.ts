/**
 * HTTP/1.1 and 1.0 between bytes and values, incremental and bounded (RFC 9110, RFC 9112). Both engines use it:
 * QuickJS has no HTTP. Reading never throws; what is wrong with a request comes out as a `fault` with the status to
 * answer, and nothing is read after it.
 *
 * Stricter than the RFC asks, on purpose: line ends are CRLF only, folded lines, repeated or conflicting lengths,
 * repeated or missing `Host` (HTTP/1.1), and blanks around names are refused.
 */
import { Memo } from '../base/memo.ts'
import type { Content } from '../base/text.ts'
import { bytesOf, utf8Encode } from '../base/text.ts'
import type { BodyReader } from './http-body.ts'
import { bodyReader } from './http-body.ts'
import type { Fault, Fields, Framing } from './http-head.ts'
import { fault, fieldOf, framingOf, listHolds, parseFields, parseRequestLine, parseStatusLine } from './http-head.ts'
import { Inbox } from './http-inbox.ts'
import { HeadScanner } from './http-scanner.ts'

export type { Fault, Fields } from './http-head.ts'
export { fieldOf } from './http-head.ts'

export interface HttpRequest {
  /** As sent: methods are case-sensitive. */
  readonly method: string
  /** Path and query as sent, `/rest/ip/upnp?x=1`, or `*`; of an absolute target too, its authority is dropped. */
  readonly target: string
  readonly minor: 0 | 1
  /** The same array for the same head, as long as that is remembered. */
  readonly fields: Fields
  readonly body: Content
  /** Whether the sender means to send more on this connection (RFC 9112 §9.3). */
  readonly keepAlive: boolean
}

export interface HttpResponse {
  readonly status: number
  /** Without the fields of the framing (Content-Length, Connection), which `encodeResponse` writes. */
  readonly fields: Fields
  readonly body: Uint8Array
}

/** An answer of ours. Text is sent as UTF-8; as long as it is ASCII nobody has to make bytes of it here. */
export type HttpReply = Omit<HttpResponse, 'body'> & { readonly body: Content }

/** The same, made while it is sent: a body that would be long to make and large to hold. */
export interface HttpPieces {
  readonly status: number
  readonly fields: Fields
  /** Asked for one at a time; an empty one only takes time. */
  readonly pieces: Iterable<Uint8Array>
}

export interface HttpLimits {
  /** Bytes of start line and fields together. */
  readonly head: number
  readonly fields: number
  readonly body: number
}

export const HTTP_LIMITS: HttpLimits = { head: 8192, fields: 64, body: 65536 }

export type HttpEvent =
  | { readonly is: 'request'; readonly request: HttpRequest }
  /** The sender waits for `100 Continue` before it sends the body (RFC 9110 §10.1.1). */
  | { readonly is: 'continue' }
  | Fault

/** Where a connection stands, for its deadlines: nothing of a request has come, or only a part. */
export type ReaderState = 'between' | 'head' | 'body' | 'faulty'

/** Reads requests one after the other: `push` what came, then `next` until `undefined` (needs more bytes). */
export class RequestReader {
  readonly #limits: HttpLimits
  readonly #head: HeadScanner
  readonly #inbox = new Inbox()
  /** What came as text where a request may begin; nothing stands before it. */
  #text = ''
  #body: { readonly reader: BodyReader; readonly head: RequestHead } | undefined
  #faulty = false

  constructor(limits: HttpLimits = HTTP_LIMITS) {
    this.#limits = limits
    this.#head = new HeadScanner(limits.head)
  }

  /** Bytes that wait for `next`: whoever does not call it must not push for ever. */
  get buffered(): number {
    return this.#inbox.length + this.#text.length
  }

  get state(): ReaderState {
    if (this.#faulty) return 'faulty'
    if (this.#body !== undefined) return 'body'
    return this.buffered > 0 ? 'head' : 'between'
  }

  /** Text is printable ASCII, tabs and line ends. */
  push(content: Content): void {
    if (this.#faulty) return
    if (typeof content === 'string' && this.state === 'between') {
      this.#text = content
      return
    }
    this.#textAsBytes()
    this.#inbox.push(bytesOf(content))
  }

  next(): HttpEvent | undefined {
    if (this.#faulty) return undefined
    if (this.#text !== '') {
      const request = this.#readText(this.#text)
      if (request !== undefined) return { is: 'request', request }
      this.#textAsBytes()
    }
    const event = this.#body === undefined ? this.#readHead() : this.#readBody(this.#body)
    if (event?.is === 'fault') {
      this.#faulty = true
      this.#inbox.skip(this.#inbox.length)
    }
    return event
  }

  /** A request as it nearly always comes: whole, alone, and with a head that has been read before. */
  #readText(text: string): HttpRequest | undefined {
    const end = text.indexOf('\r\n\r\n')
    const head = end < 0 ? undefined : HEADS.get(text.slice(0, end))
    if (head === undefined || end > this.#limits.head - 4 || head.fields.length > this.#limits.fields) return undefined
    const length = text.length - end - 4
    if (length > this.#limits.body || length !== lengthOf(head.framing)) return undefined
    this.#text = ''
    return whole(head, length === 0 ? NO_BODY : text.slice(end + 4))
  }

  #textAsBytes(): void {
    if (this.#text === '') return
    this.#inbox.push(utf8Encode(this.#text))
    this.#text = ''
  }

  #readHead(): HttpEvent | undefined {
    const text = this.#head.read(this.#inbox)
    if (text === undefined) return undefined
    if (typeof text !== 'string') return text
    const head = requestHead(text, this.#limits.fields)
    if ('is' in head) return head
    if (head.framing === undefined) return { is: 'request', request: whole(head, NO_BODY) }
    this.#body = { reader: bodyReader(head.framing, this.#limits.body), head }
    const event = this.#readBody(this.#body)
    return event === undefined && head.waits ? { is: 'continue' } : event
  }

  #readBody(body: { readonly reader: BodyReader; readonly head: RequestHead }): HttpEvent | undefined {
    const step = body.reader.read(this.#inbox)
    if (step.is === 'more') return undefined
    if (step.is === 'fault') return step
    this.#body = undefined
    return { is: 'request', request: whole(body.head, step.bytes) }
  }
}

/** Reads one response, as a client; bodies of unknown length end with the connection (`ended`). */
export class ResponseReader {
  readonly #limits: HttpLimits
  readonly #head: HeadScanner
  readonly #inbox = new Inbox()
  #open: { readonly status: number; readonly fields: Fields; readonly reader: BodyReader | undefined } | undefined

  constructor(limits: HttpLimits) {
    this.#limits = limits
    this.#head = new HeadScanner(limits.head)
  }

  /** `undefined` while it is not whole; a fault when it never will be. */
  push(bytes: Uint8Array): HttpResponse | Fault | undefined {
    this.#inbox.push(bytes)
    while (this.#open === undefined) {
      const problem = this.#readHead()
      if (problem !== undefined) return problem === 'more' ? undefined : problem
    }
    if (this.#inbox.length > this.#limits.body) return fault(413, 'the answer is too long')
    const { reader, status, fields } = this.#open
    if (reader === undefined) return undefined
    const step = reader.read(this.#inbox)
    if (step.is === 'more') return undefined
    return step.is === 'fault' ? step : { status, fields, body: step.bytes }
  }

  /** The connection is at its end. */
  ended(): HttpResponse | Fault {
    if (this.#open === undefined || this.#open.reader !== undefined) return fault(400, 'the answer broke off')
    const { status, fields } = this.#open
    return { status, fields, body: this.#inbox.take(this.#inbox.length) }
  }

  #readHead(): Fault | 'more' | undefined {
    const text = this.#head.read(this.#inbox)
    if (text === undefined) return 'more'
    if (typeof text !== 'string') return text
    const lines = text.split('\r\n')
    const line = parseStatusLine(lines[0] as string)
    const fields = parseFields(lines.slice(1), this.#limits.fields)
    if (line === undefined) return fault(400, 'no status line')
    if ('is' in fields) return fields
    if (line.status < 200) return undefined // 100 Continue and the like precede the answer
    const empty = line.status === 204 || line.status === 304
    const framing = empty ? ({ is: 'length', length: 0 } as const) : framingOf(fields, line.minor)
    if (framing?.is === 'fault') return framing
    const reader = framing === undefined ? undefined : bodyReader(framing, this.#limits.body)
    this.#open = { status: line.status, fields, reader }
    return undefined
  }
}

/** Head and body of an answer to `request` (`undefined`: to bytes that were none, and the connection closes). */
export function encodeResponse(
  { status, fields, body: given }: HttpReply,
  request: HttpRequest | undefined,
  keepAlive: boolean,
): Uint8Array | string {
  const empty = status === 204 || status === 304
  const body = typeof given === 'string' && !ASCII.test(given) ? utf8Encode(given) : given
  const length = empty ? '' : `Content-Length: ${body.length}\r\n`
  const head = `${startOf(status, fields)}${length}${keepAlive ? KEEP_ALIVE : CLOSE}\r\n`
  if (empty || request?.method === 'HEAD') return head
  return typeof body === 'string' ? head + body : withBody(head, body)
}

/**
 * Head of an answer in pieces. To HTTP/1.1 each follows by `encodeChunk` and `LAST_CHUNK` ends them; to HTTP/1.0 they
 * follow as they are, and the end of the connection is their end.
 */
export function encodePiecesHead(response: HttpPieces, request: HttpRequest, keepAlive: boolean): Uint8Array {
  const coding = request.minor === 1 ? 'Transfer-Encoding: chunked\r\n' : ''
  const start = linesOf(statusLine(response.status), response.fields)
  return utf8Encode(`${start}${coding}${keepAlive ? KEEP_ALIVE : CLOSE}\r\n`)
}

/** `bytes` must not be empty: that would be the last chunk. */
export function encodeChunk(bytes: Uint8Array): Uint8Array {
  const head = `${bytes.length.toString(16)}\r\n`
  const chunk = new Uint8Array(head.length + bytes.length + 2)
  for (let i = 0; i < head.length; i++) chunk[i] = head.charCodeAt(i)
  chunk.set(bytes, head.length)
  chunk.set([CR, LF], head.length + bytes.length)
  return chunk
}

export const LAST_CHUNK: Uint8Array = utf8Encode('0\r\n\r\n')

export function encodeRequest(method: string, target: string, fields: Fields, body: Uint8Array): Uint8Array {
  const length: Fields = [['Content-Length', String(body.length)]]
  return withBody(headText(`${method} ${target} HTTP/1.1`, [...fields, ...length]), body)
}

/** RFC 9110 §15.2.1 */
export const CONTINUE: Uint8Array = utf8Encode('HTTP/1.1 100 Continue\r\n\r\n')

/** Path and query of a request; percent signs are still in them. */
export function splitTarget(target: string): { readonly path: string; readonly query: string } {
  const mark = target.indexOf('?')
  return mark < 0 ? { path: target, query: '' } : { path: target.slice(0, mark), query: target.slice(mark + 1) }
}

/** All of a request but its body. */
interface RequestHead extends Omit<HttpRequest, 'body'> {
  readonly framing: Framing | undefined
  /** The sender expects `100 Continue`. */
  readonly waits: boolean
}

const REASON: Readonly<Record<number, string>> = {
  200: 'OK',
  201: 'Created',
  204: 'No Content',
  304: 'Not Modified',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  408: 'Request Timeout',
  411: 'Length Required',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  417: 'Expectation Failed',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
  505: 'HTTP Version Not Supported',
}

const CR = 13
const LF = 10

/** A client sends the same head with each call of one kind; so do all clients that use the same library. */
const HEADS = new Memo<string, RequestHead>(32)
const LONGEST_KNOWN = 512

function requestHead(text: string, most: number): RequestHead | Fault {
  const known = HEADS.get(text)
  if (known !== undefined && known.fields.length <= most) return known
  const head = readRequestHead(text.split('\r\n'), most)
  if (!('is' in head) && text.length <= LONGEST_KNOWN) HEADS.set(text, head)
  return head
}

function readRequestHead(lines: readonly string[], most: number): RequestHead | Fault {
  const line = parseRequestLine(lines[0] as string)
  if (line.is === 'fault') return line
  const fields = parseFields(lines.slice(1), most)
  if ('is' in fields) return fields
  const { method, target, minor } = line
  const hosts = fields.filter(([name]) => name === 'host').length
  if (hosts > 1 || (minor === 1 && hosts === 0)) return fault(400, 'exactly one Host is needed')
  const expect = fieldOf(fields, 'expect')
  if (minor === 1 && expect !== undefined && expect.toLowerCase() !== '100-continue') {
    return fault(417, 'an unknown expectation')
  }
  const framing = framingOf(fields, minor)
  if (framing?.is === 'fault') return framing
  const connection = fieldOf(fields, 'connection')
  const keepAlive = minor === 1 ? !listHolds(connection, 'close') : listHolds(connection, 'keep-alive')
  const waits = minor === 1 && expect !== undefined
  return { method, target: withoutAuthority(target), minor, fields, keepAlive, framing, waits }
}

const NO_BODY = new Uint8Array(0)

/** Of the body; `undefined` where only the body itself says. */
const lengthOf = (framing: Framing | undefined): number | undefined =>
  framing === undefined ? 0 : framing.is === 'length' ? framing.length : undefined

function whole({ method, target, minor, fields, keepAlive }: RequestHead, body: Content): HttpRequest {
  return { method, target, minor, fields, body, keepAlive }
}

function withoutAuthority(target: string): string {
  if (!target.startsWith('http://')) return target
  const path = target.slice('http://'.length).replace(/^[^/?]*/, '')
  return path.startsWith('/') ? path : `/${path}`
}

const KEEP_ALIVE = 'Connection: keep-alive\r\n'
const CLOSE = 'Connection: close\r\n'

/** Beginnings of answers that were written before, by their fields: whoever answers much says them with one array. */
const STARTS = new Memo<Fields, { readonly status: number; readonly text: string }>(16)

/** Status line and fields of an answer, without the empty line. */
function startOf(status: number, fields: Fields): string {
  const known = STARTS.get(fields)
  if (known !== undefined && known.status === status) return known.text
  const text = linesOf(statusLine(status), fields)
  STARTS.set(fields, { status, text })
  return text
}

const headText = (line: string, fields: Fields): string => `${linesOf(line, fields)}\r\n`

/** Field values are ours, but may quote a stranger: what would end a line or the head becomes a blank. */
function linesOf(line: string, fields: Fields): string {
  let text = `${line}\r\n`
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i] as Fields[number]
    const value = field[1]
    text += `${field[0]}: ${CLEAN.test(value) ? value : value.replace(UNCLEAN, ' ')}\r\n`
  }
  return text
}

const CLEAN = /^[\t\x20-\x7e]*$/
const UNCLEAN = /[^\t\x20-\x7e]/g
const ASCII = /^[\0-\x7f]*$/

const statusLine = (status: number): string => `HTTP/1.1 ${status} ${REASON[status] ?? 'Unknown'}`

function withBody(head: string, body: Uint8Array): Uint8Array {
  const start = utf8Encode(head)
  const message = new Uint8Array(start.length + body.length)
  message.set(start)
  message.set(body, start.length)
  return message
}
