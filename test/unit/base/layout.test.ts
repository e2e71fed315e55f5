import { describe, expect, test } from 'vitest'
import type { Ip } from '../../../src/base/ip.ts'
import { ipv4, layout, secondsField, u8, u16, u32 } from '../../../src/base/layout.ts'
import { seconds } from '../../../src/base/time.ts'

const sample = layout('sample', { kind: u8, flags: u8, port: u16, time: secondsField, address: ipv4, mark: u32 })
const value = { kind: 1, flags: 0x82, port: 0x1388, time: seconds(0xffffffff), address: '203.0.113.7' as Ip, mark: 7 }
const bytes = Uint8Array.from([1, 0x82, 0x13, 0x88, 255, 255, 255, 255, 203, 0, 113, 7, 0, 0, 0, 7])

describe('layout()', () => {
  test('encodes and decodes by one list of fields', () => {
    expect(Array.from(sample.encode(value))).toEqual(Array.from(bytes))
    expect(sample.decode(bytes)).toEqual(value)
    expect(sample.size).toBe(16)
  })

  test('reads a view that does not start at its buffer’s beginning, and ignores what follows', () => {
    const wide = new Uint8Array(24)
    wide.set(bytes, 3)
    expect(sample.decode(wide.subarray(3))).toEqual(value)
  })

  test('says what is missing', () => {
    expect(() => sample.decode(bytes.subarray(0, 15))).toThrow('sample: 15 bytes, 16 are needed')
  })

  test('dump() names every field and stops where the bytes end', () => {
    expect(sample.dump(bytes)).toContain('8 address 203.0.113.7')
    expect(sample.dump(bytes.subarray(0, 5))).toBe('0 kind 1\n1 flags 130\n2 port 5000\n4 time cut off')
  })
})
