/** S23: limits are a device's, whatever addresses it takes. */
import { describe, expect, test } from 'vitest'
import type { Ip, Mac } from '../../../src/base/ip.ts'
import { Draft } from '../../../src/core/draft.ts'
import { holderOf } from '../../../src/core/holder.ts'
import type { Wish } from '../../../src/core/mapping.ts'
import { WishQueue } from '../../../src/core/queue.ts'
import { Table } from '../../../src/core/table.ts'
import { map, mapping, pinhole, pinholeWish } from '../../support/mappings.ts'
import { A, A6, B, policy, Router } from '../../support/router.ts'

const PHONE = '02:00:00:00:00:0a' as Mac
const LAPTOP = '02:00:00:00:00:0b' as Mac
const privacy = (n: number) => `2001:db8:1::${(0x1000 + n).toString(16)}` as Ip
const lan = (n: number) => `192.168.1.${100 + n}` as Ip

describe('holderOf()', () => {
  test.each([
    ['a device, by its link address', PHONE, A, PHONE],
    ['a device at an address of IPv6', PHONE, A6, PHONE],
    ['an unknown device, by its IPv4 address', undefined, A, A],
    ['an unknown device, by its network of IPv6', undefined, '2001:db8:1:2::7', '2001:db8:1:2::/64'],
    ['an unknown device on the link alone', undefined, 'fe80::7', 'fe80::/64'],
  ] as const)('%s', (_, mac, ip, holder) => expect(holderOf(mac, ip as Ip)).toBe(holder))
})

describe('per_host', () => {
  const start = () => Router.start({ policy: policy([], { perHost: 4 }) })
  /** `because` of the last refusal, after how many that were granted. */
  const granted = async (router: Router, wishes: readonly Wish[]) => {
    let count = 0
    let because: string | undefined
    for (const wish of wishes) {
      const answer = await router.engine.submit(wish)
      if (answer.ok) count++
      else because = `${answer.why}: ${answer.because}`
    }
    return [count, because]
  }
  const numbers = [0, 1, 2, 3, 4, 5, 6, 7]
  const mapped = (host: (n: number) => Ip, mac?: Mac) =>
    numbers.map(n =>
      map({ host: host(n), external: 5000 + n, internal: 5000 + n, ...(mac === undefined ? {} : { mac }) }),
    )
  const opened = (host: (n: number) => Ip, mac?: Mac) =>
    numbers.map(n => pinholeWish({ host: host(n), internal: 5000 + n, ...(mac === undefined ? {} : { mac }) }))
  const REFUSED = (ip: string) => `quota: ${PHONE} (${ip}) holds 4 mappings (per_host)`

  test('is for a device, with as many addresses of IPv6 as it takes', async () =>
    expect(await granted(await start(), opened(privacy, PHONE))).toEqual([4, REFUSED(privacy(7))]))
  test('is for a device, with as many addresses of IPv4 as it takes', async () =>
    expect(await granted(await start(), mapped(lan, PHONE))).toEqual([4, REFUSED(lan(7))]))
  test('counts its mappings and pinholes together', async () => {
    const both = [...mapped(() => A, PHONE).slice(0, 3), ...opened(privacy, PHONE)]
    expect(await granted(await start(), both)).toEqual([4, REFUSED(privacy(7))])
  })
  test('is one for all addresses of a network of which no device is known', async () => {
    const router = await start()
    expect(await granted(router, opened(privacy))).toEqual([4, 'quota: 2001:db8:1::/64 holds 4 mappings (per_host)'])
    expect(await granted(router, opened(privacy, PHONE))).toEqual([4, REFUSED(privacy(7))])
  })
  test('is one for each IPv4 address of which no device is known', async () =>
    expect(await granted(await start(), mapped(lan))).toEqual([8, undefined]))
  test('counts what the address got while its device was not known', async () => {
    const router = await start()
    expect(await granted(router, mapped(() => A).slice(0, 3))).toEqual([3, undefined])
    expect(await granted(router, mapped(() => A, PHONE).slice(3))).toEqual([1, REFUSED(A)])
  })
  test('of one device leaves others theirs', async () => {
    const router = await start()
    await granted(router, mapped(lan, PHONE))
    expect(await granted(router, [map({ host: B, external: 6000, internal: 6000, mac: LAPTOP })])).toEqual([
      1,
      undefined,
    ])
  })
})

describe('the table', () => {
  const mine = mapping({ external: 5000, mac: PHONE })
  const counts = (table: { heldBy: Table['heldBy'] }) => [PHONE, LAPTOP, A].map(holder => table.heldBy(holder))

  test('counts by device, and a mapping that another device renews for that one', () => {
    const table = new Table()
    table.commit([
      { act: 'add', mapping: mine },
      { act: 'add', mapping: mapping({ external: 5001, internal: 5001 }) },
      { act: 'add', mapping: pinhole({ mac: PHONE }) },
    ])
    expect(counts(table)).toEqual([2, 0, 1])
    const draft = new Draft(table)
    const renewed = mapping({ external: 5000, mac: LAPTOP })
    draft.commit([{ act: 'replace', was: mine, mapping: renewed }])
    expect([counts(draft), counts(table)]).toEqual([
      [1, 1, 1],
      [2, 0, 1],
    ])
    table.commit([{ act: 'replace', was: mine, mapping: renewed }])
    expect(counts(table)).toEqual([1, 1, 1])
    table.commit([{ act: 'remove', mapping: renewed }])
    expect([...counts(table), table.held]).toEqual([1, 0, 1, 2])
  })
})

describe('requests', () => {
  test('of one device are counted together, by NAT-PMP', async () => {
    const router = await Router.start({ policy: policy([], { requestsPerSecond: 2 }) })
    const replies: (string | undefined)[] = []
    for (let n = 0; n < 6; n++) replies.push(await router.from(lan(n), PHONE).send('0000'))
    expect(replies.map(reply => reply !== undefined)).toEqual([true, true, true, true, false, false])
    expect(await router.from(lan(0), LAPTOP).send('0000')).toBeDefined()
  })
  test('that wait have the places of one device', () => {
    const queue = new WishQueue()
    const wait = (n: number, mac: Mac) => ({ wish: map({ host: lan(n % 100), mac }), answer: () => {} })
    for (let n = 0; n < 128; n++) expect(queue.push(wait(n, PHONE))).toBe(true)
    expect([queue.push(wait(7, PHONE)), queue.push(wait(7, LAPTOP))]).toEqual([false, true])
    queue.take(1)
    expect([queue.push(wait(8, PHONE)), queue.push(wait(8, PHONE))]).toEqual([true, false])
  })
})
