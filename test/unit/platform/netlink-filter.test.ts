/** Filters as the kernel takes them; what they let through is tried on real sockets (test/engines/netlink.test.ts). */
import { describe, expect, test } from 'vitest'
import { filterBytes } from '../../../src/platform/netlink-filter.ts'
import type { NetlinkOptions } from '../../../src/platform/platform.ts'

const OPTIONS: NetlinkOptions = { family: 'route', groups: [], extendedAck: false }

/** `code jt jf k`, in this machine's byte order. */
function shown(bytes: Uint8Array | undefined): readonly string[] {
  if (bytes === undefined) return []
  const [halves, words] = [new Uint16Array(bytes.buffer), new Uint32Array(bytes.buffer)]
  const hex = (value: number | undefined) => (value ?? 0).toString(16)
  return Array.from({ length: bytes.length / 8 }, (_, n) =>
    [hex(halves[4 * n]), bytes[8 * n + 2], bytes[8 * n + 3], hex(words[2 * n + 1])].join(' '),
  )
}

describe('filterBytes', () => {
  test('is nothing where everything passes', () => {
    expect(filterBytes(OPTIONS)).toBeUndefined()
    expect(filterBytes({ ...OPTIONS, ignoreFrom: [] })).toBeUndefined()
  })

  test('is the program that was given, as struct sock_filter', () => {
    const program = [
      { code: 0x28, jt: 0, jf: 0, k: 4 },
      { code: 0x15, jt: 1, jf: 255, k: 0xfeed_beef },
    ]
    const bytes = filterBytes({ ...OPTIONS, filter: { program, required: true } })
    expect(bytes?.length).toBe(16)
    expect(shown(bytes)).toEqual(['28 0 0 4', '15 1 255 feedbeef'])
  })

  test('drops what names a port id, which is loaded in network order; each match jumps to the last line', () => {
    // What lies in memory as these bytes is the id in the machine's order, and the constant in the network's.
    const [first, second] = new Uint32Array(Uint8Array.of(0x11, 0x22, 0x33, 0x44, 0xf0, 0x01, 0x02, 0x03).buffer)
    expect(shown(filterBytes({ ...OPTIONS, ignoreFrom: [first ?? 0, second ?? 0] }))).toEqual([
      '20 0 0 c',
      '15 2 0 11223344',
      '15 1 0 f0010203',
      '6 0 0 ffffffff',
      '6 0 0 0',
    ])
  })
})
