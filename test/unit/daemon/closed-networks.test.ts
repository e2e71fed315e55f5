/** Networks that clients cut off: what the kernel is told, and what is said of them before and after. */
import { describe, expect, test } from 'vitest'
import { KernelError } from '../../../src/base/fail.ts'
import type { Ip, Mac } from '../../../src/base/ip.ts'
import type { Event } from '../../../src/core/record.ts'
import { textOf } from '../../../src/core/record.ts'
import { ClosedNetworks } from '../../../src/daemon/closed-networks.ts'
import type { ClosingPlan } from '../../../src/daemon/situation.ts'
import type { Closing } from '../../../src/kernel/closed-table.ts'
import { FakeClock } from '../../support/router.ts'

const A = { ip: '192.168.88.10' as Ip, mac: '02:00:00:00:00:0a' as Mac }
const GUEST = { ip: '192.168.99.10' as Ip, mac: undefined }
const PLAN: ClosingPlan = { closable: ['br-lan', 'br-guest'], near: ['br-lan', 'br-guest', 'br-iot'] }

class Networks {
  /** What the kernel was told, in order. */
  readonly told: string[] = []
  readonly lines: string[] = []
  changes = 0
  doubts = 0
  leftOver = false
  /** The kernel's next answer. */
  refusal: Error | undefined
  /** Until then nothing is confirmed. */
  confirmed: Promise<void> = Promise.resolve()
  readonly networks = new ClosedNetworks({
    clock: new FakeClock(),
    log: (severity, _topic, message) => this.lines.push(`${severity} ${message}`),
    journal: { record: (event: Event) => this.lines.push(textOf(event)) },
    table: {
      begin: async () => this.leftOver,
      set: closing => this.#set(closing),
      restore: async () => [],
    },
    doubt: () => this.doubts++,
    changed: () => this.changes++,
  })

  static async start(plan = PLAN): Promise<Networks> {
    const made = new Networks()
    await made.networks.begin()
    await made.networks.follow(plan)
    made.told.length = 0
    return made
  }

  get closed(): string {
    return Array.from(this.networks.closed, ([device, by]) => `${device} by ${by}`).join()
  }

  async #set({ closed, near }: Closing): Promise<void> {
    this.told.push(`${closed.join(' ')} | ${near.join(' ')}`)
    await this.confirmed
    const { refusal } = this
    this.refusal = undefined
    if (refusal !== undefined) throw refusal
  }
}

describe('a network', () => {
  test('is closed for all but what is near, and no other is', async () => {
    const router = await Networks.start()
    expect(await router.networks.switch('br-lan', false, A)).toBe('done')
    expect([router.told, router.closed]).toEqual([['br-lan | br-lan br-guest br-iot'], 'br-lan by 192.168.88.10'])
    expect(await router.networks.switch('br-guest', false, GUEST)).toBe('done')
    expect(router.told.at(-1)).toBe('br-lan br-guest | br-lan br-guest br-iot')
    expect(await router.networks.switch('br-lan', true, A)).toBe('done')
    expect([router.told.at(-1), router.closed]).toEqual([
      'br-guest | br-lan br-guest br-iot',
      'br-guest by 192.168.99.10',
    ])
    expect(router.lines).toEqual([
      'network br-lan is cut off from the Internet: asked by 192.168.88.10 (02:00:00:00:00:0a)',
      'network br-guest is cut off from the Internet: asked by 192.168.99.10',
      'network br-lan reaches the Internet again: asked by 192.168.88.10 (02:00:00:00:00:0a)',
    ])
    expect(router.changes).toBe(3)
  })

  test('that is so already costs the kernel nothing, and is said once', async () => {
    const router = await Networks.start()
    expect(await router.networks.switch('br-lan', true, A)).toBe('done')
    expect(router.told).toEqual([])
    const both = [router.networks.switch('br-lan', false, A), router.networks.switch('br-lan', false, A)]
    expect(await Promise.all(both)).toEqual(['done', 'done'])
    expect([router.told.length, router.lines.length, router.changes]).toEqual([1, 1, 1])
  })

  test('is not said to be closed before the kernel has confirmed', async () => {
    const router = await Networks.start()
    let confirm = () => {}
    router.confirmed = new Promise(resolve => {
      confirm = resolve
    })
    const asked = router.networks.switch('br-lan', false, A)
    await Promise.resolve()
    await Promise.resolve()
    expect([router.told.length, router.closed, router.lines]).toEqual([1, '', []])
    confirm()
    expect([await asked, router.closed]).toEqual(['done', 'br-lan by 192.168.88.10'])
  })

  test('that the kernel does not close is not closed, and somebody is to look', async () => {
    const router = await Networks.start()
    router.refusal = new KernelError('closing networks', 'ENOMEM', 'no memory')
    expect(await router.networks.switch('br-lan', false, A)).toBe('failed')
    expect([router.closed, router.changes, router.doubts]).toEqual(['', 0, 1])
    expect(router.lines).toHaveLength(1)
    expect(router.lines[0]).toContain('error network br-lan could not be cut off, as 192.168.88.10 asked')
    expect(await router.networks.switch('br-lan', false, A)).toBe('done')
  })

  test('that nobody may close is not closed', async () => {
    const router = await Networks.start({ ...PLAN, closable: ['br-guest'] })
    expect([await router.networks.switch('br-lan', false, A), router.told]).toEqual(['failed', []])
  })
})

describe('what the configuration and the links say', () => {
  test('what is near no more is closed too', async () => {
    const router = await Networks.start()
    await router.networks.switch('br-lan', false, A)
    await router.networks.follow({ ...PLAN, near: ['br-lan', 'br-guest'] })
    expect([router.told.at(-1), router.closed]).toEqual(['br-lan | br-lan br-guest', 'br-lan by 192.168.88.10'])
  })

  test('who may be closed no more is open again', async () => {
    const router = await Networks.start()
    await router.networks.switch('br-lan', false, A)
    await router.networks.switch('br-guest', false, GUEST)
    await router.networks.follow({ ...PLAN, closable: ['br-guest'] })
    expect([router.told.at(-1), router.closed]).toEqual([
      'br-guest | br-lan br-guest br-iot',
      'br-guest by 192.168.99.10',
    ])
    await router.networks.follow({ ...PLAN, closable: [] })
    expect([router.told.at(-1), router.closed]).toEqual([' | br-lan br-guest br-iot', ''])
    expect(router.lines.slice(2)).toEqual([
      'network br-lan reaches the Internet again: no device may cut it off any more',
      'network br-guest reaches the Internet again: no device may cut it off any more',
    ])
  })

  test('is said of a network when the kernel has confirmed, at the next try if not at this one', async () => {
    const router = await Networks.start()
    await router.networks.switch('br-lan', false, A)
    router.refusal = new KernelError('closing networks', 'EBUSY', 'busy')
    await expect(router.networks.follow({ ...PLAN, closable: [] })).rejects.toThrow('busy')
    expect([router.closed, router.lines.length]).toEqual(['br-lan by 192.168.88.10', 1])
    await router.networks.follow({ ...PLAN, closable: [] })
    expect([router.closed, router.lines.length]).toEqual(['', 2])
  })
})

describe('the ends of the service', () => {
  test('what an earlier one left is open, and the log says so', async () => {
    const router = new Networks()
    router.leftOver = true
    await router.networks.begin()
    expect(router.lines).toEqual(['info networks that were cut off from the Internet reach it again'])
  })

  test('it opens what is closed, and closes nothing any more', async () => {
    const router = await Networks.start()
    await router.networks.switch('br-lan', false, A)
    await router.networks.end()
    expect([router.told.at(-1), router.closed]).toEqual([' | ', ''])
    expect(router.lines.at(-1)).toBe('network br-lan reaches the Internet again: the service ends')
    expect(await router.networks.switch('br-lan', false, A)).toBe('failed')
  })

  test('a kernel that refuses does not hold it up', async () => {
    const router = await Networks.start()
    await router.networks.switch('br-lan', false, A)
    router.refusal = new KernelError('closing networks', 'EPERM', 'no')
    await router.networks.end()
    expect(router.lines.at(-1)).toContain('error networks stay cut off')
  })
})
