import { describe, expect, test } from 'vitest'
import type { Instant } from '../../../src/base/time.ts'
import { UbusRefusals } from '../../../src/daemon/ubus-refusals.ts'

function world() {
  const said: string[] = []
  const asked: string[] = []
  const at = { now: 0 }
  const refusals = new UbusRefusals({
    now: () => at.now as Instant,
    log: (severity, _topic, text) => said.push(`${severity} ${text}`),
    rearm: () => undefined,
  })
  const refuse = (what: string) => refusals.refused(what, `no ${what}`, () => asked.push(what))
  /** When it was asked, until then. */
  const runTo = (end: number, answer: (what: string) => void) => {
    const times: number[] = []
    for (;;) {
      const due = refusals.wakeAt
      if (due === undefined || due > end) return times
      at.now = due
      refusals.wake(due)
      if (asked.length > 0) times.push(due)
      for (const what of asked.splice(0)) answer(what)
    }
  }
  return { refusals, refuse, runTo, said, asked, at }
}

describe('UbusRefusals', () => {
  test('says a refusal once, and asks later each time, once a minute in the end', () => {
    const { refuse, runTo, said, refusals } = world()
    refuse('name')
    expect(runTo(300_000, refuse)).toEqual([500, 1500, 3500, 7500, 15500, 31500, 63500, 123500, 183500, 243500])
    expect(said).toEqual(['warning no name; asking again'])
    expect(refusals.trouble).toBe('no name')
  })

  test('says when it is granted, has no trouble then, and wakes nobody', () => {
    const { refuse, runTo, said, refusals } = world()
    refuse('name')
    runTo(1500, what => refusals.granted(what))
    expect(said).toEqual(['warning no name; asking again', 'info ubusd gives us name now'])
    expect([refusals.trouble, refusals.wakeAt]).toEqual([undefined, undefined])
  })

  test('says nothing of what was never refused', () => {
    const { refusals, said } = world()
    refusals.granted('name')
    expect(said).toEqual([])
  })

  test('goes on for what is left when one of two is granted', () => {
    const { refuse, runTo, refusals } = world()
    refuse('name')
    refuse('right')
    expect(refusals.trouble).toBe('no name; no right')
    runTo(500, what => (what === 'name' ? refusals.granted(what) : refuse(what)))
    expect([refusals.trouble, refusals.wakeAt]).toEqual(['no right', 1500])
  })

  test('does not ask twice for what is not answered yet', () => {
    const { refuse, asked, refusals } = world()
    refuse('name')
    refusals.again()
    refusals.again()
    expect(asked).toEqual(['name'])
  })

  test('asks for nothing once the connection has ended, and begins anew on the next one', () => {
    const { refuse, runTo, said, refusals } = world()
    refuse('name')
    runTo(3500, refuse)
    refusals.clear()
    expect([refusals.trouble, refusals.wakeAt]).toEqual([undefined, undefined])
    refuse('name')
    expect(refusals.wakeAt).toBe(4000)
    expect(said).toHaveLength(2)
  })
})
