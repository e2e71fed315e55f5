import { describe, expect, test } from 'vitest'
import type { Instant } from '../../../src/base/time.ts'
import { FlowHearing } from '../../../src/daemon/flow-hearing.ts'

const MINUTE = 60_000

function begin() {
  const told: string[] = []
  const world = { at: 0, now: () => world.at as Instant }
  const hearing = new FlowHearing({
    follow: ({ translated, pinholes }) => void told.push(`${translated ? 'ways' : '-'} ${pinholes ? 'pinholes' : '-'}`),
  })
  return {
    told,
    hearing,
    has: (translated: boolean, pinholes: boolean) => hearing.mappings(translated, pinholes, world),
    pass: (ms: number) => {
      world.at += ms
      hearing.wake(world.now())
    },
  }
}

describe('the end of flows', () => {
  test('is heard from the first mapping on', () => {
    const { told, hearing, has } = begin()
    has(false, false)
    expect(told).toEqual([])
    has(true, false)
    has(true, false)
    expect(told).toEqual(['ways -'])
    expect(hearing.wakeAt).toBeUndefined()
  })

  test('is heard for a minute after the last one', () => {
    const { told, hearing, has, pass } = begin()
    has(true, false)
    has(false, false)
    expect(hearing.wakeAt).toBe(MINUTE)
    pass(MINUTE - 1)
    expect(told).toEqual(['ways -'])
    pass(1)
    expect(told).toEqual(['ways -', '- -'])
    expect(hearing.wakeAt).toBeUndefined()
  })

  test('a mapping that comes and goes opens nothing twice', () => {
    const { told, hearing, has, pass } = begin()
    for (let i = 0; i < 10; i++) {
      has(true, false)
      has(false, false)
      pass(MINUTE / 2)
    }
    has(true, false)
    pass(2 * MINUTE)
    expect(told).toEqual(['ways -'])
    expect(hearing.wakeAt).toBeUndefined()
  })

  test('of one kind ends without the other', () => {
    const { told, has, pass } = begin()
    has(true, true)
    has(false, true)
    pass(MINUTE)
    has(true, true)
    has(true, false)
    pass(MINUTE)
    expect(told).toEqual(['ways pinholes', '- pinholes', 'ways pinholes', 'ways -'])
  })
})
