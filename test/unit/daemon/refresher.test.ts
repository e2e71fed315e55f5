import { describe, expect, test } from 'vitest'
import type { Instant } from '../../../src/base/time.ts'
import { Refresher } from '../../../src/daemon/refresher.ts'

/** A refresher whose work is ended by hand, and what it was asked to carry out. */
function film() {
  let now = 1000
  const asked: string[] = []
  const logged: string[] = []
  let end: ((error?: Error) => void) | undefined
  const refresher = new Refresher({
    clock: { now: () => now as Instant },
    log: (severity, _topic, message) => logged.push(`${severity} ${message}`),
    carryOut: what => {
      asked.push(what)
      return new Promise((resolve, reject) => {
        end = error => (error === undefined ? resolve() : reject(error))
      })
    },
    rearm: () => {},
  })
  return {
    refresher,
    asked,
    logged,
    async done(error?: Error): Promise<void> {
      end?.(error)
      for (let i = 0; i < 10; i++) await Promise.resolve()
    },
    pass(ms: number): void {
      now += ms
      refresher.wake(now as Instant)
    },
  }
}

describe('Refresher', () => {
  test('does nothing before its start, and what was wanted during the start follows it', async () => {
    const { refresher, asked, done } = film()
    refresher.want('links')
    expect(asked).toEqual([])
    const started = refresher.start()
    expect(asked).toEqual(['links'])
    refresher.want('links')
    expect(asked).toEqual(['links'])
    await done()
    await started
    expect(asked).toEqual(['links', 'links'])
  })

  test('a start that fails is the failure of whoever started it', async () => {
    const { refresher, done } = film()
    const seen = refresher.start().then(
      () => 'started',
      error => String(error),
    )
    await done(new Error('no netlink'))
    expect(await seen).toBe('Error: no netlink')
  })

  test('wishes that come during a refresh become one, and files are not forgotten for links', async () => {
    const { refresher, asked, done } = film()
    const started = refresher.start()
    await done()
    await started
    refresher.want('links')
    for (const what of ['links', 'files', 'links', 'links'] as const) refresher.want(what)
    await done()
    expect(asked).toEqual(['links', 'links', 'files'])
    await done()
    expect(asked).toHaveLength(3)
  })

  test('what failed is tried again, later each time, and said', async () => {
    const { refresher, asked, logged, done, pass } = film()
    const started = refresher.start()
    await done()
    await started
    refresher.want('links')
    await done(new Error('EBUSY'))
    expect(logged).toEqual(['error a change could not be carried out, trying again: Error: EBUSY'])
    expect(asked).toHaveLength(2)
    pass(499)
    expect(asked).toHaveLength(2)
    pass(1)
    expect(asked).toHaveLength(3)
    await done(new Error('EBUSY'))
    pass(999)
    expect(asked).toHaveLength(3)
    pass(1)
    expect(asked).toHaveLength(4)
    await done()
    expect(refresher.wakeAt).toBeUndefined()
  })
})
