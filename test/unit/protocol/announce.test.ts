import { describe, expect, test } from 'vitest'
import { GAPS } from '../../../src/protocol/announce.ts'
import { DOWN, Router, up } from '../../support/router.ts'

const begin = (router: Router) => router.announcer.begin(router.clock.now())

describe('Announcer', () => {
  test('the gaps are 250 ms and then each twice the one before', () => {
    expect(GAPS).toHaveLength(9)
    for (const [index, gap] of GAPS.entries()) expect(gap).toBe(250 * 2 ** index)
  })

  test('nothing is due before a beginning, nor after the tenth', async () => {
    const router = await Router.start()
    expect(router.announcer.wakeAt).toBeUndefined()
    begin(router)
    expect(router.announcer.wakeAt).toBe(0)
    await router.pass(128)
    expect(router.announced).toHaveLength(10)
    expect(router.announcer.wakeAt).toBeUndefined()
  })

  test('waking early or twice sends nothing', async () => {
    const router = await Router.start()
    begin(router)
    for (let i = 0; i < 5; i++) router.announcer.wake(router.clock.now())
    expect(router.announced).toHaveLength(1)
  })

  test('waking late does not make up for what was missed: gaps never shrink', async () => {
    const router = await Router.start()
    begin(router)
    router.clock.set(10_000)
    router.announcer.wake(router.clock.now())
    expect([router.announced.length, router.announcer.wakeAt]).toEqual([1, 10_250])
  })

  test('without an address nothing is sent and the series ends', async () => {
    const router = await Router.start({ uplink: DOWN })
    begin(router)
    await router.pass(200)
    expect(router.announced).toEqual([])
    await router.engine.move(up('203.0.113.9'))
    begin(router)
    await router.pass(0)
    expect(router.announced.map(({ hex }) => hex.slice(16))).toEqual(['cb007109'])
  })

  test('an address that is lost during a series ends it', async () => {
    const router = await Router.start()
    begin(router)
    await router.pass(1)
    const before = router.announced.length
    await router.engine.move(DOWN)
    await router.pass(200)
    expect(router.announced).toHaveLength(before)
  })

  test('stop() ends it', async () => {
    const router = await Router.start()
    begin(router)
    await router.pass(1)
    const before = router.announced.length
    router.announcer.stop()
    await router.pass(200)
    expect(router.announced).toHaveLength(before)
  })

  test('devices that come during a series hear the rest of it', async () => {
    const router = await Router.start()
    begin(router)
    await router.pass(1)
    router.devices = ['br-lan', 'br-iot']
    await router.pass(1)
    expect(router.announced.map(({ device }) => device)).toEqual(['br-lan', 'br-lan', 'br-lan', 'br-lan', 'br-iot'])
  })
})
