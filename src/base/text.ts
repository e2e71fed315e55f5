/** Text and bytes, without the engine's help: QuickJS has no TextEncoder. */

/** UTF-8 of a string; a lone surrogate becomes U+FFFD. */
export function utf8Encode(text: string): Uint8Array {
  const out: number[] = []
  for (const char of text) {
    let code = char.codePointAt(0) as number
    if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd
    if (code < 0x80) out.push(code)
    else if (code < 0x800) out.push(0xc0 | (code >> 6), 0x80 | (code & 63))
    else if (code < 0x10000) out.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63))
    else out.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63))
  }
  return Uint8Array.from(out)
}

/** Strict UTF-8 (no overlong forms, no surrogates); every byte that does not fit becomes U+FFFD. */
export function utf8Decode(bytes: Uint8Array): string {
  let text = ''
  let at = 0
  while (at < bytes.length) {
    const length = sequenceLength(bytes, at)
    if (length === 0) {
      text += '\ufffd'
      at++
      continue
    }
    text += String.fromCodePoint(codePoint(bytes, at, length))
    at += length
  }
  return text
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
