import { describe, expect, test } from 'vitest'
import { Malformed } from '../../../src/base/fail.ts'
import type { Ip } from '../../../src/base/ip.ts'
import { dump, FLAG, message, messages, soleAcknowledgement, TYPE, verdict } from '../../../src/wire/netlink.ts'
import type { Kind } from '../../../src/wire/netlink-attributes.ts'
import {
  address,
  attributes,
  be16,
  be32,
  be64,
  beS32,
  flag,
  host16,
  host32,
  list,
  raw,
  string,
  u8,
  Writer,
} from '../../../src/wire/netlink-attributes.ts'
import { hexBytes, hexOf, vector, vectorsOf } from '../../support/vectors.ts'
import errorText from '../../vectors/nft/delete-missing-rule-error.hex?raw'

const LITTLE = true
const BIG = false

const inner = attributes('inner', { number: [1, be16], text: [2, string] })
const sample = attributes('sample', {
  byte: [1, u8],
  port: [2, be16],
  count: [3, be32],
  priority: [4, beS32],
  time: [5, be64],
  index: [6, host32],
  kind: [7, host16],
  name: [8, string],
  data: [9, raw],
  ip: [10, address],
  on: [11, flag],
  nest: [12, inner],
  many: [13, list(inner)],
  counted: [14, list(be32, 'counted')],
})

const full = {
  byte: 0xa1,
  port: 0xb1b2,
  count: 0xc1c2c3c4,
  priority: -101,
  time: 0x1f_d1d2_d3d4,
  index: 0x01020304,
  kind: 0x0506,
  name: 'br-län',
  data: Uint8Array.of(1, 2, 3, 4, 5),
  ip: '192.168.88.10' as Ip,
  on: true,
  nest: { text: 'in', number: 7 },
  many: [{ number: 1 }, { number: 2, text: '' }],
  counted: [10, 20, 30],
} as const

describe('attributes', () => {
  test.each([
    ['little endian', LITTLE],
    ['big endian', BIG],
  ])('come back as they went, %s', (_order, littleEndian) => {
    expect(sample.decode(sample.encode(full, littleEndian), littleEndian)).toEqual(full)
  })

  test.each<[string, Kind<unknown>, unknown, string, string]>([
    ['u8', u8, 0xa1, '05000700a1000000', '00050007a1000000'],
    ['be16', be16, 0xb1b2, '06000700b1b20000', '00060007b1b20000'],
    ['be32', be32, 0xc1c2c3c4, '08000700c1c2c3c4', '00080007c1c2c3c4'],
    ['a negative be32', beS32, -101, '08000700ffffff9b', '00080007ffffff9b'],
    ['be64', be64, 0x1f_d1d2_d3d4, '0c0007000000001fd1d2d3d4', '000c00070000001fd1d2d3d4'],
    ['host16', host16, 0x0506, '0600070006050000', '0006000705060000'],
    ['host32', host32, 0x01020304, '0800070004030201', '0008000701020304'],
    ['a string', string, 'wan0', '0900070077616e3000000000', '0009000777616e3000000000'],
    ['an IPv4 address', address, '192.168.88.10', '08000700c0a8580a', '00080007c0a8580a'],
    ['a flag', flag, true, '04000700', '00040007'],
    ['a nest', inner, { number: 0x1234 }, '0c0007800600010012340000', '000c80070006000112340000'],
  ])('%s lies in the bytes as the kernel has it', (_name, kind, value, little, big) => {
    for (const [littleEndian, expected] of [
      [LITTLE, little],
      [BIG, big],
    ] as const) {
      const to = new Writer(littleEndian, 4)
      to.attribute(7, kind, value)
      expect(hexOf(to.done())).toBe(expected)
    }
  })

  test('unknown attributes and undefined values are left out', () => {
    expect(inner.decode(hexBytes('0600010000070000' + '08006300ffffffff'), LITTLE)).toEqual({ number: 7 })
    expect(hexOf(inner.encode({ number: undefined, text: undefined }, LITTLE))).toBe('')
  })

  test('NLA_F_NESTED may be missing, and padding behind the last attribute', () => {
    const table = attributes('table', { nest: [1, inner] })
    expect(table.decode(hexBytes('0a000100' + '060001000007'), LITTLE)).toEqual({ nest: { number: 7 } })
  })

  test.each([
    ['a length of 3', '03000100'],
    ['a length beyond the end', '0900010000070000'],
    ['stray bytes', '060001000007000001'],
    ['half a header', '060001000007000008'],
    ['a number that is too short', '0500020007000000'],
    ['a nest that lies about its length', '0c000c8020000100000700ff'],
    ['an address of three bytes', '07000a00c0a85800'],
  ])('%s is malformed', (_what, hex) => {
    expect(() => sample.decode(hexBytes(hex), LITTLE)).toThrow(Malformed)
    expect(sample.dump(hexBytes(hex), LITTLE)).toContain('malformed')
  })

  test('an attribute of more than 65535 bytes is a mistake of the writer', () => {
    const to = new Writer(LITTLE)
    expect(() => to.attribute(1, raw, new Uint8Array(65532))).toThrow(RangeError)
  })

  test('a writer that is used again leaves nothing of before behind', () => {
    const to = new Writer(LITTLE, 8)
    to.put(new Uint8Array(64).fill(0xff))
    to.length = 0
    to.attribute(8, string, 'abcd')
    expect(hexOf(to.done())).toBe('090008006162636400000000')
  })

  test('the dump names every field', () => {
    const lines = sample.dump(sample.encode(full, LITTLE), LITTLE)
    for (const key of Object.keys(full)) expect(lines).toContain(` ${key} `)
    expect(lines).toContain('"192.168.88.10"')
  })
})

describe('messages', () => {
  const head = { type: 0x0a10, flags: FLAG.request, sequence: 7 }

  test.each([
    ['little endian', LITTLE, '1c000000100a01000700000000000000' + '01000000' + '0600010000090000'],
    ['big endian', BIG, '0000001c0a1000010000000700000000' + '01000000' + '0006000100090000'],
  ])('have a header in the order of the machine, %s', (_order, littleEndian, expected) => {
    const bytes = message(head, Uint8Array.of(1, 0, 0, 0), inner.encode({ number: 9 }, littleEndian), littleEndian)
    expect(hexOf(bytes)).toBe(expected)
    const [read] = messages(bytes, littleEndian)
    expect(read).toEqual({ ...head, portId: 0, payload: bytes.subarray(16) })
  })

  test('a datagram holds several, each padded to four bytes', () => {
    const odd = message(head, Uint8Array.of(1), new Uint8Array(0), LITTLE)
    const both = Uint8Array.from([...odd, ...odd])
    expect(messages(both, LITTLE)).toHaveLength(2)
  })

  test.each([
    ['shorter than a header', '1c000000100a0100'],
    ['a length below 16', '0f000000100a01000700000000000000'],
    ['a length beyond the datagram', '20000000100a01000700000000000000'],
    ['bytes left over', '10000000100a010007000000000000000102'],
  ])('%s is malformed', (_what, hex) => {
    expect(() => messages(hexBytes(hex), LITTLE)).toThrow(Malformed)
    expect(dump(hexBytes(hex), LITTLE, () => [])).toContain('malformed')
  })

  test('an error tells number, words and place', () => {
    const [error] = messages(vector(vectorsOf(errorText), 'Its error with extended ACK (RECV)'), LITTLE)
    expect(verdict(error as never, LITTLE)).toEqual({ errno: 2, said: '', offset: 0x2c, about: 0x0a08 })
  })

  test('the words of the kernel follow the header alone when it caps its echo', () => {
    const words = '0d000100' + '6e6f207461626c6500' + '000000' + '0800020018000000'
    const bytes = hexBytes(`3c000000020000030500000063000000${'feffffff'}${'40000000060a010c0500000000000000'}${words}`)
    const [error] = messages(bytes.slice(), LITTLE)
    expect(verdict(error as never, LITTLE)).toEqual({ errno: 2, said: 'no table', offset: 24, about: 0x0a06 })
  })

  test.each([
    ['no error number', TYPE.error, 0, 'feff'],
    ['no echoed header', TYPE.error, 0, 'feffffff'],
    ['an echo beyond the message', TYPE.error, FLAG.ackAttributes, `feffffff${'ff000000060a010c0500000000000000'}`],
  ])('an error with %s is malformed', (_what, type, flags, hex) => {
    expect(() => verdict({ type, flags, sequence: 1, portId: 1, payload: hexBytes(hex) }, LITTLE)).toThrow(Malformed)
  })

  test('a dump ends with NLMSG_DONE, which may carry an error', () => {
    const done = { type: TYPE.done, flags: FLAG.multi, sequence: 1, portId: 1 }
    expect(verdict({ ...done, payload: hexBytes('00000000') }, LITTLE).errno).toBe(0)
    expect(verdict({ ...done, payload: hexBytes('f2ffffff') }, LITTLE).errno).toBe(14)
    expect(verdict({ ...done, payload: new Uint8Array(0) }, LITTLE).errno).toBe(0)
  })

  test.each([
    ['one acknowledgement', '24000000020000010700000063000000' + '00000000' + '14000000110001000700000000000000', 7],
    ['an error', '24000000020000010700000063000000' + 'feffffff' + '14000000110001000700000000000000', undefined],
    ['something else of that size', `24000000030000010700000063000000${'00'.repeat(20)}`, undefined],
    ['a shorter one', '10000000020000010700000063000000', undefined],
  ])('%s is recognised at a glance', (_what, hex, sequence) => {
    expect(soleAcknowledgement(hexBytes(hex), LITTLE)).toBe(sequence)
  })
})
