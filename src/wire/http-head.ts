/**
 * The head of an HTTP message (RFC 9112 §2-§5): start line and fields. As strict as the grammar: what two programs
 * could read in two ways (folded lines, blanks before the colon, bare line ends, control characters) is a fault,
 * because request smuggling lives on such differences. Nothing here throws.
 */

/** Names in lower case, values without the blanks around them; in the order in which they came. */
export type Fields = readonly (readonly [name: string, value: string])[]

/** What a server answers to bytes that are no request it can serve, in the words of RFC 9110 §15. */
export type FaultStatus = 400 | 413 | 414 | 417 | 431 | 501 | 505

export interface Fault {
  readonly is: 'fault'
  readonly status: FaultStatus
  readonly why: string
}

export interface RequestLine {
  readonly is: 'request-line'
  readonly method: string
  readonly target: string
  /** HTTP/1.0 or HTTP/1.1. */
  readonly minor: 0 | 1
}

/** How long the body is, decided by the fields alone (RFC 9112 §6.3). */
export type Framing = { readonly is: 'length'; readonly length: number } | { readonly is: 'chunked' }

export const fault = (status: FaultStatus, why: string): Fault => ({ is: 'fault', status, why })

/** The value of a field; several fields of one name are one list (RFC 9110 §5.3). `name` in lower case. */
export function fieldOf(fields: Fields, name: string): string | undefined {
  let found: string | undefined
  // By index: taking pairs apart costs QuickJS four times as much, and a request is asked for many names.
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i] as Fields[number]
    if (field[0] === name) found = found === undefined ? field[1] : `${found}, ${field[1]}`
  }
  return found
}

/** RFC 9112 §3: one blank between the three parts and none elsewhere. */
export function parseRequestLine(line: string): RequestLine | Fault {
  const parts = REQUEST_LINE.exec(line)
  if (parts === null) return fault(400, 'no request line')
  const [, method, target, major, minor] = parts as unknown as [string, string, string, string, string]
  if (major !== '1' || (minor !== '0' && minor !== '1')) return fault(505, `HTTP/${major}.${minor} is not spoken here`)
  if (!isTarget(target)) return fault(400, 'the target is no path')
  return { is: 'request-line', method, target, minor: minor === '0' ? 0 : 1 }
}

/** Status of a response line (RFC 9112 §4); the reason may be missing. */
export function parseStatusLine(line: string): { readonly status: number; readonly minor: 0 | 1 } | undefined {
  const parts = /^HTTP\/1\.([01]) ([1-5][0-9]{2})(?: [^\r\n]*)?$/.exec(line)
  return parts === null ? undefined : { status: Number(parts[2]), minor: parts[1] === '0' ? 0 : 1 }
}

/** RFC 9112 §5; `most` bounds their number. */
export function parseFields(lines: readonly string[], most: number): Fields | Fault {
  if (lines.length > most) return fault(431, `more than ${most} header fields`)
  const fields: (readonly [string, string])[] = []
  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = line.slice(0, Math.max(0, colon))
    if (!TOKEN.test(name)) return fault(400, 'a header field without a proper name')
    fields.push([name.toLowerCase(), trimBlanks(line.slice(colon + 1))])
  }
  return fields
}

/**
 * RFC 9112 §6.3, and stricter: a length that is said twice, or beside a transfer coding, is refused even where both
 * agree, and so is a transfer coding from an HTTP/1.0 sender (§6.1).
 */
export function framingOf(fields: Fields, minor: 0 | 1): Framing | Fault | undefined {
  const lengths = fields.filter(([name]) => name === 'content-length')
  const coding = fieldOf(fields, 'transfer-encoding')
  if (coding !== undefined) {
    if (lengths.length > 0 || minor === 0) return fault(400, 'conflicting lengths')
    return coding.toLowerCase() === 'chunked' ? { is: 'chunked' } : fault(501, 'unknown transfer coding')
  }
  if (lengths.length === 0) return undefined
  const text = (lengths[0] as readonly [string, string])[1]
  if (lengths.length > 1 || !/^[0-9]+$/.test(text)) return fault(400, 'no proper content length')
  if (text.length > 15) return fault(413, 'the body is too long')
  return { is: 'length', length: Number(text) }
}

/** Whether a list such as `Connection: keep-alive, Upgrade` holds this word (in lower case). */
export function listHolds(value: string | undefined, word: string): boolean {
  if (value === undefined) return false
  return value.split(',').some(each => trimBlanks(each).toLowerCase() === word)
}

/** RFC 9110 §5.6.2 */
export const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

const REQUEST_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}) ([!-~]+) HTTP\/([0-9])\.([0-9])$/

/**
 * Origin form, absolute form of http, or `*` (RFC 9112 §3.2); a fragment never travels. An authority is a host and
 * perhaps a port: nobody should send a user's name here.
 */
const isTarget = (target: string): boolean =>
  /^(?:\/[^#]*|http:\/\/(?:[\w.-]+|\[[\dA-Fa-f:.]+\])(?::\d*)?(?:[/?][^#]*)?|\*)$/.test(target)

/** Space and tab only (RFC 9110 §5.6.3 OWS); `trim()` would take more. */
function trimBlanks(text: string): string {
  let first = 0
  let last = text.length
  while (first < last && isBlank(text.charCodeAt(first))) first++
  while (last > first && isBlank(text.charCodeAt(last - 1))) last--
  return text.slice(first, last)
}

const isBlank = (code: number): boolean => code === 0x20 || code === 0x09
