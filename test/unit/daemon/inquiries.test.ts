import { describe, expect, test } from 'vitest'
import type { Ip, Mac } from '../../../src/base/ip.ts'
import type { Instant } from '../../../src/base/time.ts'
import { Inquiries } from '../../../src/daemon/inquiries.ts'

const A = 'fe80::a' as Ip
const B = 'fe80::b' as Ip
const LAN = 3
const mac = (last: number) => `02:00:00:00:00:${last.toString(16).padStart(2, '0')}` as Mac
const host = (last: number) => `2001:db8:1::${last}` as Ip
const tick = async () => {
  for (let i = 0; i < 10; i++) await undefined
}

function film(ask: () => Promise<void> = async () => undefined) {
  let now = 1000
  let armed = 0
  const asked: string[] = []
  const found: string[] = []
  const inquiries = new Inquiries({
    clock: { now: () => now as Instant },
    ask: (ip, index) => {
      asked.push(`${index} ${ip}`)
      return ask()
    },
    rearm: () => armed++,
  })
  return {
    inquiries,
    asked,
    found,
    armed: () => armed,
    find(ip: Ip, asker: Mac): void {
      void inquiries.find(ip, LAN, asker).then(each => found.push(`${ip} ${each ?? 'nobody'}`))
    },
    async pass(ms: number): Promise<void> {
      now += ms
      inquiries.wake(now as Instant)
      await tick()
    },
  }
}

describe('Inquiries', () => {
  test('whoever waits hears what the link answers, and only then', async () => {
    const { inquiries, asked, found, find, armed } = film()
    find(A, mac(1))
    find(B, mac(1))
    await tick()
    expect([asked, found, armed()]).toEqual([['3 fe80::a', '3 fe80::b'], [], 2])
    inquiries.heard(A, mac(9), LAN + 1)
    inquiries.heard(host(7), mac(9), LAN)
    await tick()
    expect(found).toEqual([])
    inquiries.heard(A, mac(1), LAN)
    await tick()
    expect(found).toEqual([`fe80::a ${mac(1)}`])
  })

  test('one question for all that wait for the same answer', async () => {
    const { inquiries, asked, found, find } = film()
    find(A, mac(1))
    find(A, mac(2))
    inquiries.heard(A, mac(2), LAN)
    await tick()
    expect([asked, found]).toEqual([['3 fe80::a'], [`fe80::a ${mac(2)}`, `fe80::a ${mac(2)}`]])
  })

  test('after half a second nobody is there, for each in its time', async () => {
    const { inquiries, found, find, pass } = film()
    expect(inquiries.wakeAt).toBeUndefined()
    find(A, mac(1))
    await pass(300)
    find(B, mac(1))
    expect(inquiries.wakeAt).toBe(1500)
    await pass(199)
    expect(found).toEqual([])
    await pass(1)
    expect([found, inquiries.wakeAt]).toEqual([['fe80::a nobody'], 1800])
    await pass(300)
    expect([found, inquiries.wakeAt]).toEqual([['fe80::a nobody', 'fe80::b nobody'], undefined])
  })

  test('one device waits for four at a time, and keeps nobody else from waiting', async () => {
    const { asked, found, find, pass } = film()
    for (let n = 1; n <= 6; n++) find(host(n), mac(1))
    find(host(7), mac(2))
    await tick()
    expect(found).toEqual([`${host(5)} nobody`, `${host(6)} nobody`])
    expect(asked).toHaveLength(5)
    await pass(500)
    find(host(8), mac(1))
    await tick()
    expect(found).toHaveLength(7)
    expect(asked).toHaveLength(6)
  })

  test('all together wait for 32', async () => {
    const { asked, found, find } = film()
    for (let n = 1; n <= 40; n++) find(host(n), mac(n))
    await tick()
    expect([asked.length, found.length]).toEqual([32, 8])
  })

  test('a question that the kernel does not take is answered at once', async () => {
    const { inquiries, found, find } = film(async () => {
      throw new Error('ENODEV')
    })
    find(A, mac(1))
    await tick()
    expect([found, inquiries.wakeAt]).toEqual([['fe80::a nobody'], undefined])
  })

  test('nobody waits after the end', async () => {
    const { inquiries, found, find } = film()
    find(A, mac(1))
    inquiries.close()
    await tick()
    expect([found, inquiries.wakeAt]).toEqual([['fe80::a nobody'], undefined])
  })
})
