import { describe, expect, test } from 'vitest'
import type { Instant } from '../../../src/base/time.ts'
import {
  after,
  afterMs,
  between,
  earliest,
  inMilliseconds,
  milliseconds,
  seconds,
  secondsBetween,
  shorter,
} from '../../../src/base/time.ts'

const at = (ms: number) => ms as Instant

describe('time', () => {
  test('a lease of 2^32-1 s does not overflow', () => {
    expect(after(at(5), seconds(0xffffffff))).toBe(4294967295005)
  })

  test('afterMs() and inMilliseconds() keep the unit', () => {
    expect(afterMs(at(100), milliseconds(250))).toBe(350)
    expect(inMilliseconds(seconds(7200))).toBe(7_200_000)
  })

  test('secondsBetween() rounds down and is never negative', () => {
    expect(secondsBetween(at(1000), at(3999))).toBe(2)
    expect(secondsBetween(at(5000), at(1000))).toBe(0)
    expect(between(at(5000), at(1000))).toBe(0)
  })

  test('earliest() passes over those who have no wish', () => {
    expect(earliest([undefined, at(9), at(3), undefined])).toBe(3)
    expect(earliest([undefined])).toBeUndefined()
  })

  test('shorter()', () => {
    expect(shorter(seconds(3), seconds(2))).toBe(2)
  })
})
