import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Instant } from '../../../src/base/time.ts'
import { Deadlines } from '../../../src/core/deadlines.ts'

const at = (n: number) => n as Instant

describe('Deadlines', () => {
  test('next is the earliest, also after it was put off or brought forward', () => {
    const deadlines = new Deadlines()
    deadlines.set(0, at(100))
    deadlines.set(1, at(200))
    expect(deadlines.next).toBe(100)
    deadlines.set(0, at(300))
    expect(deadlines.next).toBe(200)
    deadlines.set(0, at(50))
    expect(deadlines.next).toBe(50)
    deadlines.clear(0)
    deadlines.clear(1)
    expect(deadlines.next).toBeUndefined()
  })

  test('due() gives those whose time has come and no more than asked', () => {
    const deadlines = new Deadlines()
    for (let id = 0; id < 100; id++) deadlines.set(id, at(id))
    deadlines.set(3, at(1000))
    expect(deadlines.due(at(5), 100).sort()).toEqual([0, 1, 2, 4, 5])
    expect(deadlines.due(at(99), 7)).toHaveLength(7)
  })

  test('agrees with a plain list after any changes', () => {
    const change = fc.oneof(
      fc.record({ id: fc.nat(40), at: fc.nat(50) }),
      fc.record({ id: fc.nat(200), at: fc.constant(undefined) }),
    )
    fc.assert(
      fc.property(fc.array(change, { maxLength: 200 }), changes => {
        const deadlines = new Deadlines()
        const plain = new Map<number, number>()
        for (const { id, at: time } of changes) {
          if (time === undefined) {
            deadlines.clear(id)
            plain.delete(id)
          } else {
            deadlines.set(id, at(time))
            plain.set(id, time)
          }
          const due = [...plain].filter(([, when]) => when <= 25).map(([each]) => each)
          expect(deadlines.due(at(25), 1000).sort()).toEqual(due.sort())
          expect(deadlines.next).toBe(plain.size === 0 ? undefined : Math.min(...plain.values()))
          expect(deadlines.size).toBe(plain.size)
        }
      }),
      { numRuns: 100 },
    )
  })
})
