import { describe, expect, test } from 'vitest'
import { readDuration, readValue, showDuration, showQuoted, showValue } from '../../../src/control/value.ts'

describe('showDuration()', () => {
  const rows: readonly (readonly [seconds: number, text: string])[] = [
    [0, '0s'],
    [59, '59s'],
    [60, '1m'],
    [7199, '1h59m59s'],
    [7170, '1h59m30s'],
    [86_400, '1d'],
    [1_048_575, '1w5d3h16m15s'],
    [-5, '0s'],
  ]
  for (const [seconds, text] of rows) {
    test(`${seconds} s is ${text}`, () => {
      expect(showDuration(seconds)).toBe(text)
      if (seconds >= 0) expect(readDuration(text)).toBe(seconds)
    })
  }
})

describe('readDuration()', () => {
  test('takes seconds and clock time too', () => {
    expect(['90', '01:30:00', '1:30', '2d12h'].map(readDuration)).toEqual([90, 5400, 5400, 216_000])
  })
  test('refuses the rest', () => {
    expect(['', 'x', '1h2', '-1', '1s1m', '1:60', '99999999999'].map(readDuration)).toEqual(Array(7).fill(undefined))
  })
})

describe('readValue()', () => {
  test('takes all words for yes and no', () => {
    expect(['yes', 'true', 'no', 'false', 'maybe'].map(text => readValue('yes-no', text))).toEqual([
      true,
      true,
      false,
      false,
      undefined,
    ])
  })
  test('takes whole decimal numbers only', () => {
    expect(['80', '0x50', '-1', '8e1', ''].map(text => readValue('number', text))).toEqual([
      80,
      ...Array(4).fill(undefined),
    ])
  })
  test('knows no inherited names', () => {
    expect(readValue('yes-no', 'constructor')).toBeUndefined()
  })
})

describe('showValue(), showQuoted()', () => {
  test('keep text on one line', () => {
    expect(showValue('text', 'a\r\nb\u202ec\x1b[2J')).toBe('a  b c [2J')
  })
  test('cut what is too long', () => {
    expect(showValue('text', 'é'.repeat(600)).length).toBe(256)
  })
  test('quote what is no plain word', () => {
    expect(['br-lan', '', 'a b', 'a"b\\$', 'x=y'].map(text => showQuoted('text', text))).toEqual([
      'br-lan',
      '""',
      '"a b"',
      '"a\\"b\\\\\\$"',
      '"x=y"',
    ])
  })
})
