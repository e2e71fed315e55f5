import { describe, expect, test } from 'vitest'
import type { Ip } from '../../../src/base/ip.ts'
import { seconds } from '../../../src/base/time.ts'
import {
  addressReply,
  dump,
  mapReply,
  mapRequest,
  readMapRequest,
  replyHead,
  request,
  writeMapReply,
} from '../../../src/wire/natpmp.ts'
import { bytesOf, hexOf } from '../../support/router.ts'

describe('NAT-PMP on the wire', () => {
  test('sizes are those of RFC 6886 §3', () => {
    expect([request, addressReply, mapRequest, mapReply, replyHead].map(({ size }) => size)).toEqual([2, 12, 12, 16, 8])
  })

  test('a mapping request, no field of it zero', () => {
    const bytes = bytesOf('00 02 abcd 1234 5678 9abcdef0')
    const fields = {
      version: 0,
      opcode: 2,
      reserved: 0xabcd,
      internalPort: 0x1234,
      externalPort: 0x5678,
      lifetime: seconds(0x9abcdef0),
    }
    expect(mapRequest.decode(bytes)).toEqual(fields)
    expect(hexOf(mapRequest.encode(fields))).toBe(hexOf(bytes))
  })

  test('a mapping reply, no field of it zero', () => {
    const bytes = bytesOf('00 82 0004 00000e10 1234 5678 9abcdef0')
    const fields = {
      version: 0,
      opcode: 130,
      result: 4,
      epoch: seconds(3600),
      internalPort: 0x1234,
      externalPort: 0x5678,
      lifetime: seconds(0x9abcdef0),
    }
    expect(mapReply.decode(bytes)).toEqual(fields)
    expect(hexOf(mapReply.encode(fields))).toBe(hexOf(bytes))
  })

  test('an address reply, no field of it zero', () => {
    const bytes = bytesOf('00 80 0003 ffffffff cb007107')
    const fields = { version: 0, opcode: 128, result: 3, epoch: seconds(0xffffffff), address: '203.0.113.7' as Ip }
    expect(addressReply.decode(bytes)).toEqual(fields)
    expect(hexOf(addressReply.encode(fields))).toBe(hexOf(bytes))
  })

  test.each([
    ['small numbers', '00 01 0000 0001 0002 00000003'],
    ['every bit set', '00 02 ffff ffff ffff ffffffff'],
    ['every byte its own', '00 01 0203 0405 0607 9abcdef0'],
  ])('by hand a map request says what the format says: %s', (_what, hex) => {
    const bytes = bytesOf(hex)
    const { opcode, internalPort, externalPort, lifetime } = mapRequest.decode(bytes)
    expect(readMapRequest(bytes)).toEqual({ opcode, internalPort, externalPort, lifetime })
  })

  test.each([
    [1, 0, 1, 2, 3, 4],
    [2, 4, 0x9abcdef0, 0x1234, 0x5678, 0xfedcba98],
    [1, 5, 0xffffffff, 65535, 65535, 0xffffffff],
  ])('by hand a map reply is what the format makes of it: %d %d %d', (opcode, result, epoch, inside, outside, life) => {
    const [at, lifetime] = [seconds(epoch), seconds(life)]
    const fields = { version: 0, opcode: 128 + opcode, result, epoch: at, internalPort: inside, externalPort: outside }
    const written = writeMapReply(opcode, result, at, inside, outside, lifetime)
    expect(hexOf(written)).toBe(hexOf(mapReply.encode({ ...fields, lifetime })))
  })

  test('a request that is too short says so', () => {
    expect(() => mapRequest.decode(bytesOf('00 01 0000 1388 1388 00001c'))).toThrow('11 bytes, 12 are needed')
  })

  test.each([
    ['a mapping request', '00 01 0000 1388 1770 00001c20', '6 externalPort 6000'],
    ['a mapping reply', '00 81 0000 00000e10 1388 1770 00001c20', '10 externalPort 6000'],
    ['an address reply', '00 80 0000 00000e10 cb007107', '8 address 203.0.113.7'],
    ['an address request', '00 00', '1 opcode 0'],
    ['what was cut off', '00 01 0000 13', '4 internalPort cut off'],
    ['nothing', '', '0 version cut off'],
  ])('dump() shows %s', (_what, hex, line) => {
    expect(dump(bytesOf(hex)).split('\n')).toContain(line)
  })
})
