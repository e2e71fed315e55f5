import { describe, expect, test } from 'vitest'
import { oneLine, utf8Decode, utf8Encode } from '../../../src/base/text.ts'

describe('UTF-8', () => {
  test.each([
    ['ASCII', 'abc', [0x61, 0x62, 0x63]],
    ['two bytes', 'ü', [0xc3, 0xbc]],
    ['three bytes', '€', [0xe2, 0x82, 0xac]],
    ['four bytes', '🎮', [0xf0, 0x9f, 0x8e, 0xae]],
  ])('%s both ways', (_what, text, bytes) => {
    expect(Array.from(utf8Encode(text))).toEqual(bytes)
    expect(utf8Decode(Uint8Array.from(bytes))).toBe(text)
  })

  test.each([
    ['an overlong slash', [0xc0, 0xaf], '\ufffd\ufffd'],
    ['a surrogate', [0xed, 0xa0, 0x80], '\ufffd\ufffd\ufffd'],
    ['beyond U+10FFFF', [0xf4, 0x90, 0x80, 0x80], '\ufffd\ufffd\ufffd\ufffd'],
    ['a sequence cut short', [0x61, 0xe2, 0x82], 'a\ufffd\ufffd'],
    ['a lone continuation', [0x80, 0x62], '\ufffdb'],
    ['an overlong three-byte form', [0xe0, 0x80, 0xaf], '\ufffd\ufffd\ufffd'],
  ])('%s is not text', (_what, bytes, expected) => {
    expect(utf8Decode(Uint8Array.from(bytes))).toBe(expected)
  })

  test('a lone surrogate is written as U+FFFD', () => {
    expect(Array.from(utf8Encode('\ud800'))).toEqual([0xef, 0xbf, 0xbd])
  })
})

describe('oneLine()', () => {
  test.each([
    ['keeps plain text', 'Xbox 3074', 64, 'Xbox 3074'],
    ['turns line ends and controls into spaces', 'a\r\nb\tc\u0000d\u0085e\u2028f', 64, 'a  b c d e f'],
    ['takes the power from direction overrides', 'a\u202eb\u2066c', 64, 'a b c'],
    ['cuts by bytes, between characters', 'aüü', 4, 'aü'],
    ['never splits a surrogate pair', 'a🎮', 4, 'a'],
    ['writes a lone surrogate as U+FFFD', '\udc00x', 64, '\ufffdx'],
  ])('%s', (_what, text, bytes, expected) => {
    expect(oneLine(text, bytes)).toBe(expected)
    expect(utf8Encode(oneLine(text, bytes)).length <= bytes).toBe(true)
  })
})

describe('utf8Encode(), utf8Decode()', () => {
  test('long text with characters of every length keeps its length and content', () => {
    const text = `${'a'.repeat(5000)}é${'b'.repeat(4095)}€💥${'c'.repeat(9000)}`
    const bytes = utf8Encode(text)
    expect(bytes.length).toBe(5000 + 2 + 4095 + 3 + 4 + 9000)
    expect(utf8Decode(bytes)).toBe(text)
  })
})
