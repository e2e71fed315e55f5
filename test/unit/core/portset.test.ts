import { describe, expect, test } from 'vitest'
import { PortSet } from '../../../src/core/portset.ts'

const none = new PortSet()

function filled(first: number, last: number): PortSet {
  const set = new PortSet()
  for (let port = first; port <= last; port++) set.add(port)
  return set
}

describe('PortSet', () => {
  test.each([
    ['in an empty set, the first asked for', new PortSet(), 1024, 65535, 1024],
    ['behind a run of used ones', filled(1024, 1099), 1024, 65535, 1100],
    ['across a word that is full', filled(1024, 1055), 1024, 65535, 1056],
    ['across a whole group of words that is full', filled(1024, 4095), 1024, 65535, 4096],
    ['the last port of all', filled(1, 65534), 1, 65535, 65535],
    ['nothing when all are used', filled(1, 65535), 1, 65535, undefined],
    ['nothing beyond the range', filled(1024, 1030), 1024, 1030, undefined],
    ['not what lies before the range', filled(2000, 2010), 2000, 2010, undefined],
    ['nothing in an empty range', new PortSet(), 2000, 1999, undefined],
    ['port 31, the sign bit of a word', filled(1, 30), 1, 31, 31],
  ])('firstAbsent() finds %s', (_what, set, first, last, expected) => {
    expect(set.firstAbsent(none, first, last)).toBe(expected)
    expect(none.firstAbsent(set, first, last)).toBe(expected)
  })

  test('firstAbsent() needs a gap that both sets have', () => {
    const odd = new PortSet()
    const even = new PortSet()
    for (let port = 0; port < 65536; port++) (port % 2 === 0 ? even : odd).add(port)
    expect(odd.firstAbsent(even, 0, 65535)).toBeUndefined()
    even.delete(40_000)
    expect(odd.firstAbsent(even, 0, 65535)).toBe(40_000)
  })

  test('delete() opens what was full', () => {
    const set = filled(1, 65535)
    set.delete(30_000)
    expect([set.has(30_000), set.has(30_001), set.firstAbsent(none, 1, 65535)]).toEqual([false, true, 30_000])
  })

  test('copy() goes its own way', () => {
    const set = filled(1, 10)
    const copy = set.copy()
    copy.add(11)
    set.delete(1)
    expect([set.has(11), copy.has(11), copy.has(1), set.has(1)]).toEqual([false, true, true, false])
  })
})
