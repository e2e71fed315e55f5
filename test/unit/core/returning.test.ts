/** Leases of before a reboot that wait for their uplink, and what their clients ask meanwhile. */
import { describe, expect, test } from 'vitest'
import type { Instant } from '../../../src/base/time.ts'
import type { LeaseRecord } from '../../../src/core/leases.ts'
import { recordsOf, wishOf } from '../../../src/core/leases.ts'
import type { Answer, Mapping, Wish } from '../../../src/core/mapping.ts'
import { add, addAny, change, map, mapping, pinhole, pinholeWish, revoke, unmap } from '../../support/mappings.ts'
import { A6, B, B6, DOWN, quiet, Router, up, WAN_ADDRESS } from '../../support/router.ts'

const LINK_LOCAL = 'fe80::10' as typeof A6

const recordOf = (held: Mapping): LeaseRecord => recordsOf([held], 0 as Instant)[0] as LeaseRecord

/** A router after a reboot, and what is still to come back to it. */
async function rebooted(held: readonly Mapping[], uplink = DOWN): Promise<Router> {
  const router = await Router.start({ uplink })
  for (const each of held) router.returning.add(recordOf(each))
  return router
}

const left = (router: Router) => router.returning.all().map(({ transport, external }) => `${transport} ${external}`)

const short = (answer: Answer): string => {
  if (!answer.ok) return answer.why
  return answer.mapping === undefined ? 'gone' : `${answer.mapping.transport} ${answer.mapping.external.port}`
}

describe('a client removes what waits', () => {
  const natPmp = mapping({ external: 5000, internal: 5000 })
  const tcp = mapping({ transport: 'tcp', external: 5000, internal: 5000 })
  const upnp = mapping({ external: 6000, internal: 5001, via: 'upnp' })
  const forOne = mapping({ external: 6001, internal: 5002, via: 'upnp', remote: '198.51.100.9' })
  const other = mapping({ external: 6002, internal: 5000, host: B })
  const hole = pinhole({ id: 7, internal: 4000 })
  const all = [natPmp, tcp, upnp, forOne, other, hole]

  test.each<[what: string, wish: Wish, answer: string, gone: readonly string[]]>([
    ['NAT-PMP, one port', unmap(), 'gone', ['udp 5000']],
    [
      'NAT-PMP, all of a transport, those of UPnP too',
      unmap({ internal: 'all' }),
      'gone',
      ['udp 5000', 'udp 6000', 'udp 6001'],
    ],
    ['NAT-PMP, what is not there', unmap({ internal: 9 }), 'gone', []],
    ['UPnP, by the external port', revoke({ external: 6000 }), 'gone', ['udp 6000']],
    ['UPnP, also what came by NAT-PMP', revoke({ external: 5000 }), 'gone', ['udp 5000']],
    ['UPnP, the other transport', revoke({ external: 5000, transport: 'tcp' }), 'gone', ['tcp 5000']],
    ['UPnP, for its remote host', revoke({ external: 6001, remote: '198.51.100.9' }), 'gone', ['udp 6001']],
    ['UPnP, for anybody where it is for one', revoke({ external: 6001 }), 'absent', []],
    ['UPnP, a range', revoke({ range: [5000, 6000] }), 'gone', ['udp 5000', 'udp 6000']],
    ['UPnP, a range without any', revoke({ range: [1, 4999] }), 'absent', []],
    ['UPnP, a pinhole', change('close', 7), 'gone', ['udp 4000']],
    ['UPnP, a pinhole of another number', change('close', 8), 'absent', []],
    ['another host, by NAT-PMP', unmap({ host: B, internal: 5002 }), 'gone', []],
    ['another host, by the external port', revoke({ external: 6000, host: B }), 'absent', []],
    ['another host, a range', revoke({ range: [1, 65535], host: B }), 'gone', ['udp 6002']],
    ['another host, a pinhole', change('close', 7, { host: B6 }), 'absent', []],
    ['nobody: a lease that is only prolonged', change('extend', 7), 'absent', []],
    ['nobody: a mapping that is refused without an uplink', map(), 'no-uplink', []],
  ])('%s', async (_what, wish, answer, gone) => {
    const router = await rebooted(all)
    expect(short(await router.engine.submit(wish))).toBe(answer)
    expect(router.ended).toEqual(gone.map(each => `${each} withdrawn`))
    expect(router.returning.size).toBe(all.length - gone.length)
    expect(short(await router.engine.submit(wish))).toBe(
      wish.ask === 'unmap' ? 'gone' : answer.replace('gone', 'absent'),
    )
  })

  test('what it asked for from another address of its own is its own', async () => {
    const asked = { via: 'upnp', client: LINK_LOCAL } as const
    const router = await rebooted([{ ...hole, owner: asked }])
    expect(short(await router.engine.submit(change('close', 7, { client: LINK_LOCAL })))).toBe('gone')
    expect(router.returning.size).toBe(0)
  })

  test('a removal for which there was no place removes nothing', async () => {
    const router = await rebooted([mapping({ external: 5000, internal: 5000 })])
    const flood = Array.from({ length: 300 }, (_, n) => router.engine.submit(unmap({ internal: 2000 + n })).then(short))
    const last = router.engine.submit(unmap()).then(short)
    expect(await last).toBe('busy')
    expect(await Promise.all(flood)).toContain('busy')
    expect(left(router)).toEqual(['udp 5000'])
  })

  test('the port that somebody else has meanwhile is not touched, nor does the own one come back to it', async () => {
    const router = await rebooted([mapping({ external: 5000, internal: 5000 })], up(WAN_ADDRESS))
    await router.engine.submit(map({ host: B, internal: 5000, external: 5000 }))
    expect(short(await router.engine.submit(revoke({ external: 5000 })))).toBe('not-owner')
    expect(left(router)).toEqual([])
    expect(router.kernel.shown).toEqual([`udp 5000 -> ${B}:5000`])
  })
})

describe('a client is granted something new', () => {
  const natPmp = mapping({ external: 5000, internal: 5000 })
  const upnp = mapping({ external: 6000, internal: 5000, via: 'upnp' })
  const hole = pinhole({ id: 7, internal: 5000 })
  const all = [natPmp, upnp, hole]

  test.each<[what: string, wish: Wish, gone: readonly string[]]>([
    ['NAT-PMP for the same internal port, under another', map({ external: 5005 }), ['udp 5000']],
    ['NAT-PMP for another internal port', map({ internal: 5001, external: 5001 }), []],
    ['NAT-PMP of another host', map({ host: B, external: 5005 }), []],
    ['UPnP under the same external port', add({ external: 6000, internal: 7000 }), ['udp 6000']],
    ['UPnP under another: that is another mapping', addAny({ external: 6005 }), []],
    ['UPnP under the port of NAT-PMP', add({ external: 5000 }), ['udp 5000']],
    ['the same of the other transport', add({ external: 6000, transport: 'tcp' }), []],
    ['a pinhole for the same flow', pinholeWish({ internal: 5000 }), ['udp 5000']],
    ['a pinhole for one remote host only', pinholeWish({ internal: 5000, remote: '2001:db8::9' }), []],
  ])('%s', async (_what, wish, gone) => {
    const router = await rebooted(all, up(WAN_ADDRESS))
    expect(await router.engine.submit(wish)).toMatchObject({ ok: true })
    expect(router.ended).toEqual(gone.map(each => `${each} replaced`))
  })

  test('what the kernel does not take replaces nothing', async () => {
    const router = await rebooted(all, up(WAN_ADDRESS))
    router.kernel.refuse = () => 'ENOSPC'
    expect(short(await router.engine.submit(map({ external: 5005 })))).toBe('kernel')
    expect(router.returning.size).toBe(3)
  })

  test('and the operator takes it away: neither comes back', async () => {
    const router = await Router.start()
    await router.engine.submit(map())
    router.returning.add(recordOf(natPmp))
    expect(await router.engine.remove(mapping(), 'by the operator')).toBe('removed')
    expect(router.ended).toEqual(['udp 5000 replaced'])
  })
})

describe('what comes back while its client asks', () => {
  const bringBack = (router: Router, heard: string[]) =>
    router.engine.bringBack(() =>
      router.returning.all().map(record => ({
        wish: wishOf(record, 'br-lan'),
        answer: answer => void heard.push(short(answer)),
      })),
    )

  test('a removal that was asked first is not overtaken by it', async () => {
    const router = await rebooted([mapping()], up(WAN_ADDRESS))
    const removed = router.engine.submit(unmap())
    const heard: string[] = []
    await bringBack(router, heard)
    expect([short(await removed), heard, router.kernel.shown]).toEqual(['gone', [], []])
  })

  test('a removal that comes while it is in the kernel removes it', async () => {
    const router = await rebooted([mapping()], up(WAN_ADDRESS))
    let open = () => {}
    router.kernel.gate = new Promise(resolve => {
      open = resolve
    })
    const heard: string[] = []
    const back = bringBack(router, heard)
    await quiet()
    const removed = router.engine.submit(unmap())
    open()
    await back
    expect([short(await removed), heard, router.kernel.shown]).toEqual(['gone', ['udp 5000'], []])
  })

  test('a new mapping that waits for its turn is the one that stays: with its lease, and its port', async () => {
    const router = await rebooted([mapping({ until: 600 })], up(WAN_ADDRESS))
    const again = router.engine.submit(map({ external: 5005, lifetime: 3600 }))
    await bringBack(router, [])
    expect(short(await again)).toBe('udp 5000')
    expect(router.kernel.elements.map(({ lease }) => lease)).toMatchObject([{ lifetime: 3600 }])
  })

  test('one that comes back replaces no other that waits', async () => {
    const router = await rebooted([mapping(), mapping({ external: 6000, via: 'upnp' })], up(WAN_ADDRESS))
    const [first] = router.returning.all()
    await router.engine.bringBack(() => [{ wish: wishOf(first as LeaseRecord, 'br-lan'), answer: () => undefined }])
    expect(left(router)).toEqual(['udp 6000'])
  })
})

test('where a pinhole leads that waits', async () => {
  const router = await rebooted([pinhole({ id: 7, internal: 4000 })])
  expect([router.returning.hostOfPinhole(7), router.returning.hostOfPinhole(8)]).toEqual([A6, undefined])
  router.returning.drop(router.returning.all()[0] as LeaseRecord)
  expect(router.returning.hostOfPinhole(7)).toBeUndefined()
})
