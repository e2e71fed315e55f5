import { expect, test } from 'vitest'
import { Backoff } from '../../../src/base/backoff.ts'
import { type Instant, milliseconds } from '../../../src/base/time.ts'

const at = (n: number) => n as Instant
const make = () => new Backoff(milliseconds(1000), milliseconds(5000))

/** When each attempt is due that follows on a failure at 0. */
function pauses(backoff: Backoff, count: number): (number | undefined)[] {
  return Array.from({ length: count }, () => {
    backoff.begin()
    backoff.failed(at(0))
    return backoff.wakeAt
  })
}

test('nothing waits before something failed', () => {
  expect([make().wakeAt, make().isDue(at(1_000_000))]).toEqual([undefined, false])
})

test('each pause is twice as long, up to the longest', () => {
  expect(pauses(make(), 5)).toEqual([1000, 2000, 4000, 5000, 5000])
})

test('due at its time and not before; once begun it waits no more', () => {
  const backoff = make()
  backoff.failed(at(500))
  expect([backoff.isDue(at(1499)), backoff.isDue(at(1500))]).toEqual([false, true])
  backoff.begin()
  expect([backoff.wakeAt, backoff.isDue(at(9000))]).toEqual([undefined, false])
})

test('several failures before the next attempt are one', () => {
  const backoff = make()
  for (const now of [0, 10, 999]) backoff.failed(at(now))
  expect(backoff.wakeAt).toBe(1000)
  backoff.begin()
  backoff.failed(at(1000))
  expect(backoff.wakeAt).toBe(3000)
})

test('after a success the pauses begin anew', () => {
  const backoff = make()
  pauses(backoff, 3)
  backoff.reset()
  expect(backoff.wakeAt).toBeUndefined()
  expect(pauses(backoff, 2)).toEqual([1000, 2000])
})
