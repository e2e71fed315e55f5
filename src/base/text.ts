/** Text and bytes, without the engine's help: QuickJS has no TextEncoder. */

/** What came from somebody: bytes, or at once the text that they would be, where they are ASCII. */
export type Content = Uint8Array | string

export const textOf = (content: Content): string => (typeof content === 'string' ? content : utf8Decode(content))
export const bytesOf = (content: Content): Uint8Array => (typeof content === 'string' ? utf8Encode(content) : content)

/** UTF-8 of a string; a lone surrogate becomes U+FFFD. */
export function utf8Encode(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code >= 0x80) return encodeFrom(text, i, bytes)
    bytes[i] = code
  }
  return bytes
}

/** Strict UTF-8 (no overlong forms, no surrogates); every byte that does not fit becomes U+FFFD. */
export function utf8Decode(bytes: Uint8Array): string {
  let text = ''
  let at = 0
  while (at < bytes.length) {
    const part = bytes.subarray(at, at + CHUNK)
    const latin1 = String.fromCharCode.apply(null, part as unknown as number[])
    if (!ASCII.test(latin1)) return text + decodeFrom(bytes, at)
    text += latin1
    at += part.length
  }
  return text
}

/** Whether the bytes are strict UTF-8, so that decoding them replaces nothing. */
export function isUtf8(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes, at)
    if (length === 0) return false
    at += length
  }
  return true
}

/**
 * Makes text from strangers fit for one line of a log, a table or an nft comment: control characters (C0, DEL, C1,
 * line and paragraph separators, direction overrides) become spaces, and the result has at most `bytes` bytes of
 * UTF-8, cut between characters.
 */
export function oneLine(text: string, bytes: number): string {
  let out = ''
  let used = 0
  for (const char of text) {
    const code = char.codePointAt(0) as number
    const shown = isControl(code) ? ' ' : code >= 0xd800 && code <= 0xdfff ? '\ufffd' : char
    const size = code < 0x80 || shown === ' ' ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4
    if (used + size > bytes) break
    out += shown
    used += size
  }
  return out
}

/** Bytes that become arguments of one call. */
const CHUNK = 4096
// One look of the regular expression costs QuickJS an eighth of a loop over the bytes.
const ASCII = /^[\0-\x7f]*$/

/** The text of the bytes from `at` on, byte by byte. */
function decodeFrom(bytes: Uint8Array, start: number): string {
  let text = ''
  let at = start
  while (at < bytes.length) {
    const plain = asciiEnd(bytes, at)
    if (plain > at) text += String.fromCharCode.apply(null, bytes.subarray(at, plain) as unknown as number[])
    at = plain
    if (at === bytes.length || (bytes[at] as number) < 0x80) continue
    const length = sequenceLength(bytes, at)
    text += length === 0 ? '\ufffd' : String.fromCodePoint(codePoint(bytes, at, length))
    at += Math.max(1, length)
  }
  return text
}

/** The whole of `text`, whose first `plain` characters are ASCII and stand in `start` already. */
function encodeFrom(text: string, plain: number, start: Uint8Array): Uint8Array {
  const out = new Uint8Array(plain + 3 * (text.length - plain))
  out.set(start.subarray(0, plain))
  let at = plain
  for (const char of text.slice(plain)) {
    let code = char.codePointAt(0) as number
    if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd
    if (code < 0x80) out[at++] = code
    else {
      if (code < 0x800) out[at++] = 0xc0 | (code >> 6)
      else {
        if (code < 0x10000) out[at++] = 0xe0 | (code >> 12)
        else {
          out[at++] = 0xf0 | (code >> 18)
          out[at++] = 0x80 | ((code >> 12) & 63)
        }
        out[at++] = 0x80 | ((code >> 6) & 63)
      }
      out[at++] = 0x80 | (code & 63)
    }
  }
  return out.slice(0, at)
}

/** Where the ASCII characters from `at` end; at most a chunk of them. */
function asciiEnd(bytes: Uint8Array, at: number): number {
  const most = Math.min(bytes.length, at + CHUNK)
  let end = at
  while (end < most && (bytes[end] as number) < 0x80) end++
  return end
}

function isControl(code: number): boolean {
  if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return true
  return code === 0x2028 || code === 0x2029 || (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069)
}

/** Length of the well-formed sequence at `at` (RFC 3629 §4), 0 when there is none. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] as number
  if (first < 0x80) return 1
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2
  if (first < 0xc2 || first > 0xf4 || at + length > bytes.length) return 0
  for (let i = 1; i < length; i++) if (((bytes[at + i] as number) & 0xc0) !== 0x80) return 0
  const second = bytes[at + 1] as number
  if (first === 0xe0 && second < 0xa0) return 0
  if (first === 0xed && second > 0x9f) return 0
  if (first === 0xf0 && second < 0x90) return 0
  if (first === 0xf4 && second > 0x8f) return 0
  return length
}

function codePoint(bytes: Uint8Array, at: number, length: number): number {
  const first = bytes[at] as number
  if (length === 1) return first
  let code = first & (0xff >> (length + 1))
  for (let i = 1; i < length; i++) code = (code << 6) | ((bytes[at + i] as number) & 63)
  return code
}
