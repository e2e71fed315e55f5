import { describe, expect, test } from 'vitest'
import { compilePattern } from '../../../src/control/pattern.ts'

const rows: readonly (readonly [pattern: string, text: string, matches: boolean])[] = [
  ['', 'anything', true],
  ['nat', 'x-nat-y', true],
  ['nat', 'NAT', false],
  ['^nat', 'nat-pmp', true],
  ['^nat', 'x nat', false],
  ['pmp$', 'nat-pmp', true],
  ['pmp$', 'pmp x', false],
  ['^$', '', true],
  ['^$', 'a', false],
  ['a.c', 'xabcx', true],
  ['a.c', 'ac', false],
  ['ab*c', 'ac', true],
  ['ab*c', 'abbbc', true],
  ['ab+c', 'ac', false],
  ['ab+c', 'abbc', true],
  ['^ab?c$', 'abbc', false],
  ['^ab?c$', 'ac', true],
  ['cat|dog', 'a dog', true],
  ['cat|dog', 'a cow', false],
  ['^(tcp|udp)$', 'udp', true],
  ['^(tcp|udp)$', 'udplite', false],
  ['^(a|b)*c$', 'ababc', true],
  ['^(a*)*$', 'aaaa', true],
  ['()', '', true],
  ['[a-c]x', 'bx', true],
  ['[a-c]x', 'dx', false],
  ['[^a-c]x', 'dx', true],
  ['[^a-c]x', 'ax', false],
  ['[]x]', ']', true],
  ['[a-]', '-', true],
  ['1\\.2', '1.2', true],
  ['1\\.2', '112', false],
  ['\\\\', 'a\\b', true],
  ['é', 'café', true],
]

describe('compilePattern()', () => {
  for (const [pattern, text, matches] of rows) {
    test(`${pattern} ${matches ? 'matches' : 'does not match'} ${text}`, () => {
      expect(compilePattern(pattern)?.matches(text)).toBe(matches)
    })
  }

  for (const pattern of ['(', ')', 'a)', '(a', '[', '[]', '[z-a]', '*', '+a', '?', 'a{2}', '\\', '\\d', 'a|*']) {
    test(`refuses ${pattern}`, () => {
      expect(compilePattern(pattern)).toBeUndefined()
    })
  }
  test('refuses what is too long or too deep', () => {
    expect(compilePattern('a'.repeat(129))).toBeUndefined()
    expect(compilePattern('('.repeat(17) + ')'.repeat(17))).toBeUndefined()
  })

  test('answers where backtracking would never end', () => {
    const text = 'a'.repeat(2000)
    for (const pattern of ['^(a+)+$', '^(a|a)*$', '^(a*)*b', '(a?)*(a?)*(a?)*b']) {
      expect(compilePattern(pattern)?.matches(`${text}!`)).toBe(false)
    }
  })
})
