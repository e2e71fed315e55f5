/** BOOTID grows with every start. */
import { describe, expect, test } from 'vitest'
import { utf8Decode } from '../../../src/base/text.ts'
import { nextBootId, noteBootId } from '../../../src/daemon/bootid.ts'
import type { Platform } from '../../../src/platform/platform.ts'

/** A machine with a clock and one directory. */
function machine(seconds: number, files: Record<string, Uint8Array> = {}, isFull = false): Platform {
  return {
    wallTime: () => seconds * 1000 + 999,
    readFile: (path: string) => files[path],
    writeFile(path: string, bytes: Uint8Array) {
      if (isFull) throw new Error('ENOSPC')
      files[path] = bytes
    },
  } as unknown as Platform
}

describe('nextBootId()', () => {
  test('is the wall clock in seconds', () => {
    expect(nextBootId(machine(1_800_000_000), '/run')).toBe(1_800_000_000)
  })

  test.each([
    ['in the same second', 1_800_000_000, 1_800_000_001],
    ['after the clock was put back', 1_000, 1_800_000_001],
    ['later', 1_800_000_009, 1_800_000_009],
  ])('is greater than the last one: %s', (_, seconds, expected) => {
    const files: Record<string, Uint8Array> = {}
    noteBootId(machine(0, files), '/run', 1_800_000_000)
    expect(utf8Decode(files['/run/bootid'] as Uint8Array)).toBe('1800000000\n')
    expect(nextBootId(machine(seconds, files), '/run')).toBe(expected)
  })

  test('stays below 2^31', () => {
    expect(nextBootId(machine(2 ** 31 + 5), '/run')).toBe(5)
  })

  test.each(['', 'x', '-1', '1e9', '99999999999'])('a file that says %o is no file', text => {
    const files = { '/run/bootid': Uint8Array.from(text, char => char.charCodeAt(0)) }
    expect(nextBootId(machine(1000, files), '/run')).toBe(1000)
  })

  test('a directory that is full is no reason to stop', () => {
    expect(() => noteBootId(machine(0, {}, true), '/run', 1)).not.toThrow()
  })
})
