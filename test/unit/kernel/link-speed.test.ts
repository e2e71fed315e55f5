import { describe, expect, test } from 'vitest'
import { utf8Encode } from '../../../src/base/text.ts'
import { linkSpeed } from '../../../src/kernel/link-speed.ts'
import { SystemError } from '../../../src/platform/platform.ts'

const saying = (text: string | undefined) => ({
  readFile: (path: string) =>
    path === '/sys/class/net/wan0/speed' && text !== undefined ? utf8Encode(text) : undefined,
})

describe('linkSpeed()', () => {
  test.each([
    ['1000\n', 1_000_000_000],
    ['10\n', 10_000_000],
    ['400000\n', 400_000_000_000],
    ['-1\n', undefined],
    ['0\n', undefined],
    ['65535\n', undefined],
    ['', undefined],
    ['fast\n', undefined],
    [undefined, undefined],
  ])('%j: %j', (said, speed) => {
    expect(linkSpeed(saying(said), 'wan0')).toBe(speed)
  })

  test.each(['', '.', '..', '../../etc', 'a b', 'sixteen-letters-'])('%j is no device', device => {
    const never = { readFile: () => utf8Encode('1000') }
    expect(linkSpeed(never, device)).toBeUndefined()
  })

  test('a device that is down: the kernel says EINVAL', () => {
    const readFile = () => {
      throw new SystemError('reading', 'EINVAL')
    }
    expect(linkSpeed({ readFile }, 'wan0')).toBeUndefined()
  })
})
