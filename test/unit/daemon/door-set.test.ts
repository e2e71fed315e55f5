/** Doors that should be open: opened, kept, tried again. */
import { describe, expect, test } from 'vitest'
import type { Instant } from '../../../src/base/time.ts'
import { DoorSet } from '../../../src/daemon/door-set.ts'
import { SystemError } from '../../../src/platform/platform.ts'
import { FakeClock, quiet } from '../../support/router.ts'

class Street {
  readonly clock = new FakeClock()
  readonly said: string[] = []
  readonly logged: string[] = []
  readonly shut = new Set<string>()
  code = 'EADDRINUSE'
  opened = 0
  readonly set = new DoorSet<string, { close(): void }>({
    clock: this.clock,
    log: (severity, topic, message) => this.logged.push(`${severity} ${topic} ${message}`),
    topic: 'upnp',
    keyOf: door => door,
    open: async door => {
      if (this.shut.has(door)) throw new SystemError(`opening ${door}`, this.code)
      this.said.push(`open ${door}`)
      return { close: () => this.said.push(`close ${door}`) }
    },
    explain: (door, reason) => `${door} stays shut: ${reason}`,
    whenTaken: 'who has it?',
    opened: () => this.opened++,
    rearm: () => undefined,
  })

  async wake(at: number): Promise<void> {
    this.clock.set(at)
    this.set.wake(at as Instant)
    await quiet()
  }
}

describe('DoorSet', () => {
  test('opens what is wanted, leaves what is open, and closes the rest', async () => {
    const { set, said } = new Street()
    await set.set(['a', 'b'])
    await set.set(['b', 'c'])
    expect(said).toEqual(['open a', 'open b', 'close a', 'open c'])
    expect(set.doors).toEqual(['b', 'c'])
  })

  test('add() closes nothing', async () => {
    const { set, said } = new Street()
    await set.set(['a'])
    await set.add(['b'])
    expect(set.doors).toEqual(['a', 'b'])
    set.keep(['b'])
    expect(said).toEqual(['open a', 'open b', 'close a'])
  })

  test('a door that stays shut is tried again, later each time, and told once', async () => {
    const street = new Street()
    street.shut.add('b')
    await street.set.set(['a', 'b'])
    expect([street.set.doors, street.set.trouble, street.set.wakeAt]).toEqual([
      ['a'],
      'b stays shut: opening b: EADDRINUSE; who has it?',
      1000,
    ])
    await street.wake(1000)
    expect(street.set.wakeAt).toBe(3000)
    expect(street.logged).toEqual(['error upnp b stays shut: opening b: EADDRINUSE; who has it?'])
    street.shut.clear()
    await street.wake(3000)
    expect([street.set.doors, street.set.trouble, street.set.wakeAt]).toEqual([['a', 'b'], undefined, undefined])
    expect(street.opened).toBe(1)
  })

  test.each([
    ['EADDRNOTAVAIL', 'info upnp b stays shut: opening b: EADDRNOTAVAIL'],
    ['ENODEV', 'info upnp b stays shut: opening b: ENODEV'],
    ['EACCES', 'error upnp b stays shut: opening b: EACCES'],
  ])('an address that is coming or going is nobody’s fault: %s', async (code, line) => {
    const street = new Street()
    street.code = code
    street.shut.add('b')
    await street.set.set(['b'])
    expect(street.logged).toEqual([line])
  })

  test('what opens when it is wanted no more is closed again', async () => {
    const { set, said } = new Street()
    const opening = set.set(['a'])
    set.keep([])
    await opening
    expect([set.doors, said]).toEqual([[], ['open a', 'close a']])
  })

  test('a door that fails when it is wanted no more is nobody’s trouble', async () => {
    const street = new Street()
    street.shut.add('a')
    const opening = street.set.set(['a'])
    street.set.keep([])
    await opening
    expect([street.set.trouble, street.set.wakeAt, street.logged]).toEqual([undefined, undefined, []])
  })

  test('close() ends it', async () => {
    const street = new Street()
    street.shut.add('b')
    await street.set.set(['a', 'b'])
    street.set.close()
    expect([street.set.doors, street.set.wakeAt]).toEqual([[], undefined])
  })
})
