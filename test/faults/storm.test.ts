/**
 * Everything at once, by chance: clients of both protocols, the owner, the line, the firewall, kills and restarts. What
 * was drawn can be drawn again by its seed; what interleaves how is the machine's. Waits for states and watches no clock,
 * so it may run beside others. For long: `make storm SEED=… ROUNDS=… SERVER=…`.
 */
import { describe, expect, test } from 'vitest'
import { storm } from '../support/storm/storm.ts'
import { ENGINES } from './agreement.ts'

const SEED = Number(process.env['STORM_SEED'] ?? 7)
const ROUNDS = Number(process.env['STORM_ROUNDS'] ?? 12)
const ONLY = process.env['STORM_ONLY']?.split(',')

/** KB resident; by far more than any round has shown, and less than what leaks for long. */
const MOST_RESIDENT = { quickjs: 16_000, qjs: 16_000, node: 250_000 } as const
/** Doors come and go with the addresses of IPv6; nothing else does under one configuration. */
const DOORS = 8

describe.each(ENGINES)('on %s', engine => {
  test(`${ROUNDS} rounds of everything: list, kernel, clients and traffic agree`, {
    timeout: ROUNDS * 120_000,
  }, async () => {
    const course = await storm({ engine, seed: SEED, rounds: ROUNDS, ...(ONLY === undefined ? {} : { only: ONLY }) })
    console.log(`${engine}, seed ${SEED}: ${JSON.stringify(course)}`)
    expect(course.answered).toBeGreaterThan(ROUNDS)
    expect(course.knocks).toBeGreaterThan(0)
    expect(course.logBytes).toBeLessThan(1000 * (course.asked + course.deeds))
    const [first = 0] = course.descriptors
    for (const count of course.descriptors) expect(Math.abs(count - first)).toBeLessThanOrEqual(DOORS)
    expect(Math.max(...course.kilobytes)).toBeLessThan(MOST_RESIDENT[engine])
  })
})
