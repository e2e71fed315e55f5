/** The start of the epoch is stored, if not at once then later. */
import { describe, expect, test } from 'vitest'
import type { Instant } from '../../../src/base/time.ts'
import { EpochKeeper } from '../../../src/daemon/epoch-keeper.ts'
import { FakeClock, quiet } from '../../support/router.ts'

class Kernel {
  readonly clock = new FakeClock()
  readonly stored: number[] = []
  readonly logged: string[] = []
  refuses = 0
  readonly keeper = new EpochKeeper({
    clock: this.clock,
    log: (_severity, _topic, message) => this.logged.push(message),
    store: async start => {
      if (this.refuses-- > 0) throw new Error('EBUSY')
      this.stored.push(start)
    },
    rearm: () => undefined,
  })
  async wake(at: number): Promise<void> {
    this.clock.set(at)
    this.keeper.wake(at as Instant)
    await quiet()
  }
}

describe('EpochKeeper', () => {
  test('stores at once', async () => {
    const { keeper, stored, logged } = new Kernel()
    keeper.keep(5 as Instant)
    await quiet()
    expect([stored, logged, keeper.wakeAt]).toEqual([[5], [], undefined])
  })

  test('tries again, later each time, until the kernel takes it', async () => {
    const kernel = new Kernel()
    kernel.refuses = 2
    kernel.keeper.keep(5 as Instant)
    await quiet()
    expect(kernel.keeper.wakeAt).toBe(500)
    await kernel.wake(500)
    expect(kernel.keeper.wakeAt).toBe(1500)
    await kernel.wake(1500)
    expect([kernel.stored, kernel.keeper.wakeAt, kernel.logged.length]).toEqual([[5], undefined, 2])
  })

  test('a newer start goes before the old one', async () => {
    const kernel = new Kernel()
    kernel.refuses = 1
    kernel.keeper.keep(5 as Instant)
    kernel.keeper.keep(9 as Instant)
    await quiet()
    expect([kernel.stored, kernel.keeper.wakeAt, kernel.logged]).toEqual([[9], undefined, []])
  })
})
