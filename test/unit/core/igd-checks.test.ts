/** The numbered checks of UPnP IGD that the core decides, and the rows of the security sheet. */
import { describe, expect, test } from 'vitest'
import type { Ip, Mac, Port } from '../../../src/base/ip.ts'
import { seconds } from '../../../src/base/time.ts'
import { defaultsOf } from '../../../src/config/options.ts'
import { holderOf } from '../../../src/core/holder.ts'
import type { Answer, Mapping, Wish } from '../../../src/core/mapping.ts'
import { DANGEROUS } from '../../../src/core/permission.ts'
import type { Limits } from '../../../src/core/policy.ts'
import { add, addAny, change, map, pinholeWish, revoke, unmap } from '../../support/mappings.ts'
import { A, A6, B, B6, DOWN, LAN_ADDRESS, policy, ports, Router, WAN_ADDRESS } from '../../support/router.ts'

const MAC_A = '02:00:00:00:00:0a'
const MAC_B = '02:00:00:00:00:0b'
const REMOTE = '198.51.100.1'

/** As an owner has them who has set nothing. */
const shipped = defaultsOf('limits')
const SHIPPED: Partial<Limits> = {
  perHost: shipped.per_host as number,
  total: shipped.total as number,
  minLease: shipped.min_lease ?? seconds(0),
  maxLease: shipped.max_lease ?? seconds(0),
}

/** `200`, `200 8080` with the port or pinhole that was granted, or the refusal. */
function short(answer: Answer): string {
  if (!answer.ok) return answer.why
  if (answer.mapping === undefined) return '200'
  return `200 ${answer.mapping.pinhole ?? answer.mapping.external.port}`
}

const ask = async (router: Router, wish: Wish) => short(await router.engine.submit(wish))

/** One line a mapping, as its readers see it. */
const listed = ({ engine }: Router): readonly string[] =>
  [...engine.mappings.all()].map(({ transport, external, internal, remote, state, pinhole, owner }) => {
    const where = pinhole === undefined ? `${external.port}` : `pinhole ${pinhole}`
    const from = remote.ip === 'any' ? '' : ` from ${remote.ip}`
    return `${owner.via} ${transport} ${where}${from} -> ${internal.ip}:${internal.port}${state === 'on' ? '' : ` ${state}`}`
  })

const remaining = ({ engine, clock }: Router, external: number): number | undefined => {
  const lease = engine.mappings.at('udp', external as Port)?.lease
  return lease === undefined || lease === 'forever' ? undefined : (lease.expires - clock.now()) / 1000
}

const SSH = { transport: 'tcp' as const, external: 2222 as Port, internal: { ip: A, port: 22 as Port }, label: 'ssh' }

describe('port mappings', () => {
  test('13, 14, 45: new, identical again, and gone once', async () => {
    const router = await Router.start()
    expect(await ask(router, add({ external: 8080 }))).toBe('200 8080')
    expect(await ask(router, add({ external: 8080 }))).toBe('200 8080')
    expect(listed(router)).toEqual([`upnp udp 8080 -> ${A}:5000`])
    expect(await ask(router, revoke({ external: 8080 }))).toBe('200')
    expect(await ask(router, revoke({ external: 8080 }))).toBe('absent')
    expect(router.kernel.elements).toEqual([])
  })

  test('15: the same triple with another internal port of the same client is overwritten', async () => {
    const router = await Router.start()
    await ask(router, add({ external: 8080, internal: 5000, label: 'old' }))
    await ask(router, add({ external: 8081, internal: 5000 }))
    expect(await ask(router, add({ external: 8080, internal: 6000, label: 'new' }))).toBe('200 8080')
    expect(listed(router)).toEqual([`upnp udp 8080 -> ${A}:6000`, `upnp udp 8081 -> ${A}:5000`])
    expect(router.engine.mappings.at('udp', 8080 as Port)?.label).toBe('new')
    expect(router.kernel.batches.at(-1)?.map(({ act }) => act)).toEqual(['replace'])
    expect(router.engine.mappings.of('udp', { ip: A, port: 5000 as Port })?.external.port).toBe(8081)
  })

  test('16: the same triple of another client is a conflict, and nothing changes', async () => {
    const router = await Router.start()
    await ask(router, add())
    expect(await ask(router, add({ host: B }))).toBe('conflict')
    expect(listed(router)).toEqual([`upnp udp 5000 -> ${A}:5000`])
  })

  test('17: the other protocol of a port that another client has is its companion', async () => {
    const router = await Router.start()
    await ask(router, map())
    expect(await ask(router, add({ host: B, transport: 'tcp' }))).toBe('conflict')
    expect(await ask(router, add({ transport: 'tcp' }))).toBe('200 5000')
  })

  test('18: another remote host on the same port is in the way of its own client too', async () => {
    const router = await Router.start()
    await ask(router, add())
    expect(await ask(router, add({ remote: REMOTE }))).toBe('conflict')
    expect(await ask(router, addAny({ remote: REMOTE }))).not.toBe('200 5000')
    expect(router.engine.mappings.size).toBe(2)
  })

  test('35: a remote host is part of the mapping, and an overwrite keeps it', async () => {
    const router = await Router.start()
    await ask(router, add({ remote: REMOTE }))
    expect(await ask(router, add({ remote: REMOTE, internal: 6000 }))).toBe('200 5000')
    expect(listed(router)).toEqual([`upnp udp 5000 from ${REMOTE} -> ${A}:6000`])
    expect(router.kernel.elements[0]?.remote).toEqual({ ip: REMOTE, port: 'any' })
  })

  test('19: lease 0 reads back as a week', async () => {
    const router = await Router.start({ policy: policy([], SHIPPED) })
    for (const lifetime of ['forever', 604_800] as const) {
      await ask(router, add({ lifetime }))
      await router.pass(5)
      expect(remaining(router, 5000)).toBe(604_795)
    }
  })

  test('22: a lease of 700000 is a week', async () => {
    const router = await Router.start({ policy: policy([], SHIPPED) })
    await ask(router, add({ lifetime: 700_000 }))
    expect(remaining(router, 5000)).toBe(604_800)
  })

  test('20, 21: a lease of a minute counts down and ends after a minute', async () => {
    const router = await Router.start({ policy: policy([], SHIPPED) })
    await ask(router, add({ lifetime: 60 }))
    await router.pass(10)
    expect(remaining(router, 5000)).toBe(50)
    await router.pass(49)
    expect(router.engine.mappings.translated).toBe(1)
    const { version } = router.engine.mappings
    await router.pass(1)
    expect([router.engine.mappings.translated, router.engine.mappings.version]).toEqual([0, version + 1])
  })

  test('33: a port that NAT-PMP of another host holds is a conflict', async () => {
    const router = await Router.start()
    await router.from(B).map('udp', 5000, 5000)
    expect(await ask(router, add())).toBe('conflict')
  })

  test('34: a port that NAT-PMP of the same host and internal port holds is one mapping', async () => {
    const router = await Router.start()
    await router.from(A).map('udp', 5000, 5000, 60)
    expect(await ask(router, add({ lifetime: 3600 }))).toBe('200 5000')
    expect(listed(router)).toEqual([`upnp udp 5000 -> ${A}:5000`])
    expect(remaining(router, 5000)).toBe(3600)
  })

  test('34: what NAT-PMP was promised for longer is kept, whatever UPnP changes', async () => {
    const router = await Router.start()
    await router.from(A).map('udp', 5000, 5000, 7200)
    const answer = await router.engine.submit(add({ lifetime: 600, remote: REMOTE }))
    expect(short(answer)).toBe('conflict')
    expect(await ask(router, add({ lifetime: 600, enabled: false }))).toBe('200 5000')
    expect(listed(router)).toEqual([`upnp udp 5000 -> ${A}:5000 disabled`])
    expect(remaining(router, 5000)).toBe(7200)
  })

  test('36: a disabled mapping is listed, holds its port, counts, ends on time, and can be turned on', async () => {
    const router = await Router.start({ policy: policy([], { ...SHIPPED, perHost: 1 }) })
    expect(await ask(router, add({ enabled: false, lifetime: 60 }))).toBe('200 5000')
    expect(listed(router)).toEqual([`upnp udp 5000 -> ${A}:5000 disabled`])
    expect(router.kernel.elements[0]?.state).toBe('disabled')
    expect(await ask(router, add({ host: B }))).toBe('conflict')
    expect(await ask(router, add({ external: 8080, internal: 8080 }))).toBe('quota')
    expect(await ask(router, add({ lifetime: 60 }))).toBe('200 5000')
    expect(listed(router)).toEqual([`upnp udp 5000 -> ${A}:5000`])
    await ask(router, add({ enabled: false, lifetime: 60 }))
    await router.pass(60)
    expect(router.engine.mappings.size).toBe(0)
  })

  test('43, 44: only the mapping with exactly this remote host is deleted', async () => {
    const router = await Router.start()
    await ask(router, add({ remote: REMOTE }))
    expect(await ask(router, revoke())).toBe('absent')
    expect(await ask(router, revoke({ remote: '198.51.100.2' }))).toBe('absent')
    expect(await ask(router, revoke({ remote: REMOTE }))).toBe('200')
    expect(router.engine.mappings.size).toBe(0)
  })

  test("46: another client's is not deleted", async () => {
    const router = await Router.start()
    await ask(router, add())
    expect(await ask(router, revoke({ host: B }))).toBe('not-owner')
    expect(listed(router)).toEqual([`upnp udp 5000 -> ${A}:5000`])
  })

  test('47: neither a static mapping nor a redirect is deleted', async () => {
    const hasRedirect = (_: unknown, port: Port) => port === 9000
    const router = await Router.start({ statics: [SSH], surroundings: { hasRedirect } })
    expect(await ask(router, revoke({ transport: 'tcp', external: 2222 }))).toBe('not-owner')
    expect(await ask(router, revoke({ transport: 'tcp', external: 9000 }))).toBe('not-owner')
    expect(router.kernel.shown).toEqual([`tcp 2222 -> ${A}:22`])
  })

  test('what the same host made by NAT-PMP may be deleted by UPnP', async () => {
    const router = await Router.start()
    await router.from(A).map('udp', 5000, 6000)
    expect(await ask(router, revoke({ external: 6000 }))).toBe('200')
  })

  test('an exact wish for what a static mapping or a redirect does already changes nothing', async () => {
    const redirected = (_: unknown, { port }: { port: Port }) => (port === 8081 ? (9081 as Port) : undefined)
    const router = await Router.start({
      statics: [{ ...SSH, internal: { ip: A, port: 8022 as Port } }],
      surroundings: { redirected },
    })
    const before = router.kernel.batches.length
    const ssh = { transport: 'tcp', external: 2222 } as const
    expect(await ask(router, add({ ...ssh, internal: 8022 }))).toBe('200 2222')
    expect(await ask(router, add({ ...ssh, internal: 8023 }))).toBe('reserved')
    expect(await ask(router, add({ ...ssh, internal: 8022, remote: REMOTE }))).toBe('reserved')
    expect(await ask(router, add({ ...ssh, internal: 8022, enabled: false }))).toBe('reserved')
    expect(await ask(router, add({ ...ssh, host: B }))).toBe('reserved')
    expect(await ask(router, add({ transport: 'tcp', external: 9081, internal: 8081 }))).toBe('200 9081')
    expect(router.kernel.batches.length).toBe(before)
  })

  test('several external ports lead to one internal port; NAT-PMP hears of the oldest', async () => {
    const router = await Router.start()
    for (const external of [8080, 8081, 8082]) await ask(router, add({ external, internal: 8000 }))
    expect((await router.from(A).map('udp', 8000, 9000)).external).toBe(8080)
    expect(router.engine.mappings.size).toBe(3)
    await ask(router, revoke({ external: 8080 }))
    expect((await router.from(A).map('udp', 8000, 9000)).external).toBe(8081)
    expect(await ask(router, unmap({ internal: 8000 }))).toBe('200')
    expect(router.engine.mappings.size).toBe(0)
  })

  test('NAT-PMP opens nothing wider that is for one remote host', async () => {
    const router = await Router.start()
    await ask(router, add({ external: 8080, internal: 8000, remote: REMOTE }))
    expect((await router.from(A).map('udp', 8000, 9000)).external).toBe(9000)
    expect(listed(router)).toEqual([`upnp udp 8080 from ${REMOTE} -> ${A}:8000`, `nat-pmp udp 9000 -> ${A}:8000`])
  })
})

describe('any port', () => {
  test('48, 52: the wished port when it is free; any for 0, the same one again', async () => {
    const router = await Router.start()
    expect(await ask(router, addAny({ external: 8080 }))).toBe('200 8080')
    const any = await ask(router, addAny({ external: 'any', internal: 6000 }))
    expect(any).toMatch(/^200 \d{4,5}$/)
    expect(await ask(router, addAny({ external: 'any', internal: 6000 }))).toBe(any)
    expect(router.engine.mappings.size).toBe(2)
  })

  test('49: another port, above 1023, when it is taken; the same one when the client repeats its wish', async () => {
    const router = await Router.start()
    await ask(router, add())
    const other = await ask(router, addAny({ host: B }))
    expect(Number(other.slice(4))).toBeGreaterThan(1023)
    expect(other).not.toBe('200 5000')
    expect(await ask(router, addAny({ host: B }))).toBe(other)
    expect(router.engine.mappings.heldBy(B)).toBe(1)
  })

  test('50: the port that the client has itself is overwritten', async () => {
    const router = await Router.start()
    await ask(router, addAny({ external: 8080, internal: 5000 }))
    expect(await ask(router, addAny({ external: 8080, internal: 6000 }))).toBe('200 8080')
    expect(listed(router)).toEqual([`upnp udp 8080 -> ${A}:6000`])
  })

  test('another free port makes a second mapping', async () => {
    const router = await Router.start()
    await ask(router, addAny({ external: 8080 }))
    expect(await ask(router, addAny({ external: 8081 }))).toBe('200 8081')
    expect(router.engine.mappings.size).toBe(2)
  })

  test('51: no port when every allowed one is taken', async () => {
    const router = await Router.start({ policy: policy([{ external: ports(5000) }, { action: 'deny' }]) })
    await ask(router, add())
    expect(await ask(router, addAny({ host: B }))).toBe('no-port')
  })
})

describe('ranges', () => {
  async function held() {
    const router = await Router.start()
    for (const external of [5000, 5001, 5002, 5003, 5009]) await ask(router, add({ external, internal: external }))
    await ask(router, add({ external: 5004, internal: 5004, transport: 'tcp' }))
    await ask(router, add({ host: B, external: 5005, internal: 5005 }))
    return router
  }

  test("55, 57: the client's own of this protocol go at once: one batch, one version", async () => {
    const router = await held()
    await ask(router, add({ external: 5008, internal: 5008 }))
    const { version, translated } = router.engine.mappings
    const batches = router.kernel.batches.length
    expect(await ask(router, revoke({ range: [5000, 5008] }))).toBe('200')
    expect([router.engine.mappings.version, router.engine.mappings.translated]).toEqual([version + 1, translated - 5])
    expect(router.kernel.batches.slice(batches).map(batch => batch.length)).toEqual([5])
    expect(listed(router)).toEqual([
      `upnp udp 5009 -> ${A}:5009`,
      `upnp tcp 5004 -> ${A}:5004`,
      `upnp udp 5005 -> ${B}:5005`,
    ])
  })

  test("54, 56: a range without any of the client's own is absent, though others have some", async () => {
    const router = await held()
    expect(await ask(router, revoke({ range: [5004, 5008] }))).toBe('absent')
    expect(await ask(router, revoke({ range: [1, 65_535], host: '192.168.1.99' as Ip }))).toBe('absent')
    expect(router.engine.mappings.size).toBe(7)
  })

  test('a range is atomic: if the kernel refuses, all stay', async () => {
    const router = await held()
    router.kernel.refuse = () => 'EBUSY'
    expect(await ask(router, revoke({ range: [5000, 5008] }))).toBe('kernel')
    expect(router.engine.mappings.size).toBe(7)
  })
})

describe('pinholes', () => {
  test('75: the same flow again extends its pinhole; another flow is another one', async () => {
    const router = await Router.start()
    expect(await ask(router, pinholeWish({ lifetime: 60 }))).toBe('200 1')
    expect(await ask(router, pinholeWish({ lifetime: 600 }))).toBe('200 1')
    expect(await ask(router, pinholeWish({ transport: 'tcp' }))).toBe('200 2')
    expect(await ask(router, pinholeWish({ remote: '2001:db8:2::1' }))).toBe('200 3')
    expect(await ask(router, pinholeWish({ remote: '2001:db8:2::1', remotePort: 53 }))).toBe('200 4')
    expect(await ask(router, pinholeWish({ remotePort: 53 }))).toBe('200 5')
    expect(await ask(router, pinholeWish({ host: B6 }))).toBe('200 6')
    expect(await ask(router, pinholeWish({ remotePort: 53 }))).toBe('200 5')
    await router.pass(599)
    expect(router.engine.mappings.pinhole(1)?.internal).toEqual({ ip: A6, port: 5000 })
    await router.pass(1)
    expect(router.engine.mappings.pinhole(1)).toBeUndefined()
    expect(router.kernel.elements.map(each => each.pinhole)).toEqual([2, 3, 4, 5, 6])
  })

  test('its external endpoint is the internal one, and it is no port mapping', async () => {
    const router = await Router.start()
    await ask(router, pinholeWish())
    const made = router.engine.mappings.pinhole(1) as Mapping
    expect(made.external).toEqual(made.internal)
    const { mappings } = router.engine
    expect([mappings.size, mappings.translated, mappings.version, mappings.listed()]).toEqual([1, 0, 0, []])
    expect(mappings.at('udp', 5000 as Port)).toBeUndefined()
    expect(await ask(router, add())).toBe('200 5000')
    expect(await ask(router, revoke({ host: A6 }))).toBe('not-owner')
    expect(await ask(router, revoke({ host: A6, range: [1, 65_535] }))).toBe('absent')
  })

  test('79: a lease is a day at most', async () => {
    const router = await Router.start({ policy: policy([], SHIPPED) })
    await ask(router, pinholeWish({ lifetime: 604_800 }))
    expect(router.engine.mappings.pinhole(1)?.lease).toEqual({ lifetime: 86_400, expires: 86_400_000 })
  })

  test('80: an unknown number is absent', async () => {
    const router = await Router.start()
    expect(await ask(router, change('extend', 1))).toBe('absent')
    expect(await ask(router, change('close', 1))).toBe('absent')
  })

  test('81: nobody else extends or closes it; its client does', async () => {
    const router = await Router.start()
    await ask(router, pinholeWish({ lifetime: 60 }))
    for (const what of ['extend', 'close'] as const) {
      expect(await ask(router, change(what, 1, { host: B6 }))).toBe('not-owner')
    }
    expect(await ask(router, change('extend', 1, { lifetime: 600 }))).toBe('200 1')
    expect(router.engine.mappings.pinhole(1)?.lease).toEqual({ lifetime: 600, expires: 600_000 })
    expect(await ask(router, change('close', 1))).toBe('200')
    expect(router.kernel.elements).toEqual([])
  })

  test.each<[string, Wish, string]>([
    ['77: below 1024', pinholeWish({ internal: 80 }), 'not-allowed'],
    ['78: to the gateway', pinholeWish({ host: '2001:db8:1::1' as Ip }), 'bad-host'],
    ['78: to another host', pinholeWish({ client: B6 }), 'not-allowed'],
    ['to an address of no internal network', pinholeWish({ host: '2001:db8:9::1' as Ip }), 'bad-host'],
    ['of IPv4 for IPv6', pinholeWish({ client: A }), 'not-allowed'],
  ])('none %s', async (_what, wish, why) => {
    const router = await Router.start()
    expect(await ask(router, wish)).toBe(why)
    expect(router.engine.mappings.size).toBe(0)
  })

  test('they need a way out for IPv6 and none for IPv4, and stay where they are when that changes', async () => {
    let outward: string | undefined = 'wan6'
    const router = await Router.start({ uplink: DOWN, surroundings: { outward6: () => outward } })
    expect(await ask(router, pinholeWish())).toBe('200 1')
    expect(await ask(router, add())).toBe('no-uplink')
    const batches = router.kernel.batches.length
    await router.engine.move({ is: 'up', device: 'wan', address: WAN_ADDRESS, told: WAN_ADDRESS, reach: 'public' })
    await router.engine.move({ is: 'up', device: 'wan', address: B, told: B, reach: 'private' })
    expect(router.kernel.batches.length).toBe(batches)
    outward = undefined
    expect(await ask(router, pinholeWish({ internal: 6000 }))).toBe('no-uplink')
    expect(await ask(router, change('extend', 1))).toBe('no-uplink')
    expect(await ask(router, change('close', 1))).toBe('200')
  })

  test('rules decide about them, by the internal port and the IPv6 device', async () => {
    const rules = policy([
      { action: 'deny', external: ports(6000), comment: 'ports' },
      { action: 'allow', device: 'wan6' },
      { action: 'deny' },
    ])
    const router = await Router.start({ policy: rules, surroundings: { outward6: () => 'wan6' } })
    expect(await ask(router, pinholeWish({ internal: 80 }))).toBe('200 1')
    expect(await ask(router, pinholeWish({ internal: 6000 }))).toBe('not-allowed')
    expect(await ask(router, add())).toBe('not-allowed')
  })

  test('after a reboot they come back under their numbers, or under another when somebody has that', async () => {
    const router = await Router.start()
    expect(await ask(router, { ...pinholeWish({ internal: 6000 }), before: 700 })).toBe('200 700')
    expect(await ask(router, { ...pinholeWish({ internal: 6001 }), before: 700 })).toBe('200 701')
    expect(await ask(router, pinholeWish({ internal: 6002 }))).toBe('200 702')
    expect(await ask(router, change('extend', 700))).toBe('200 700')
  })

  test('numbers go round and are not given again soon', async () => {
    const router = await Router.start()
    for (const expected of ['200 1', '200 2', '200 3']) {
      expect(await ask(router, pinholeWish())).toBe(expected)
      await ask(router, change('close', Number(expected.slice(4))))
    }
    await router.engine.adopt([{ ...(await pinholeOf(router)), pinhole: 65_535 }], undefined)
    expect(await ask(router, pinholeWish({ internal: 7000 }))).toBe('200 1')
  })

  async function pinholeOf(router: Router): Promise<Mapping> {
    await ask(router, pinholeWish({ internal: 6000 }))
    const made = router.engine.mappings.pinhole(4) as Mapping
    await ask(router, change('close', 4))
    await router.kernel.apply([{ act: 'add', mapping: { ...made, pinhole: 65_535 } }])
    return made
  }

  test('many in one turn have different numbers, and the quota holds among them', async () => {
    const router = await Router.start({ policy: policy([], { perHost: 5 }) })
    const wishes = Array.from({ length: 8 }, (_, n) => ask(router, pinholeWish({ internal: 5000 + n })))
    expect(await Promise.all(wishes)).toEqual(['200 1', '200 2', '200 3', '200 4', '200 5', 'quota', 'quota', 'quota'])
    expect(router.kernel.batches.map(batch => batch.length)).toEqual([5])
  })

  test('port mappings and pinholes share the total', async () => {
    const router = await Router.start({ policy: policy([], { total: 2 }) })
    expect(await ask(router, add())).toBe('200 5000')
    expect(await ask(router, pinholeWish())).toBe('200 1')
    expect(await ask(router, pinholeWish({ internal: 6000 }))).toBe('quota')
    expect(await ask(router, add({ host: B, external: 6000 }))).toBe('quota')
  })

  test('one is removed by the operator as it was listed', async () => {
    const router = await Router.start()
    await ask(router, pinholeWish())
    const made = router.engine.mappings.pinhole(1) as Mapping
    expect(await router.engine.remove(made, 'by the operator')).toBe('removed')
    expect(await router.engine.remove(made, 'by the operator')).toBe('none')
    expect(router.lines.at(-1)).toBe(`info removed pinhole 1 udp [${A6}]:5000 of upnp ${A6} (UPnP): by the operator`)
  })
})

describe('security', () => {
  test.each<[string, Wish]>([
    ['maps', add({ client: B })],
    ['takes', add({ host: B })],
    ['deletes', revoke({ host: B })],
    ['deletes a range', revoke({ host: B, range: [1, 65_535] })],
    ['deletes by NAT-PMP', { ...unmap({ host: B }), internal: A }],
    ['opens a pinhole', pinholeWish({ client: B6 })],
    ['extends a pinhole', change('extend', 1, { host: B6 })],
    ['closes a pinhole', change('close', 1, { host: B6 })],
  ])('S3: nobody %s for another host', async (_what, wish) => {
    const router = await Router.start()
    await ask(router, add())
    await ask(router, pinholeWish())
    const before = [...router.engine.mappings.all()]
    expect(await ask(router, wish)).not.toMatch(/^200/)
    expect([...router.engine.mappings.all()]).toEqual(before)
  })

  const dangerous = DANGEROUS.flatMap(({ ports: [first, last] }) => [first, last])
  test.each([1, 1023, ...dangerous])('S4: port %i is closed on either side', async port => {
    const router = await Router.start()
    for (const transport of ['tcp', 'udp'] as const) {
      expect(await ask(router, add({ transport, external: port }))).toBe('not-allowed')
      expect(await ask(router, add({ transport, internal: port }))).toBe('not-allowed')
      expect(await ask(router, addAny({ transport, internal: port }))).toBe('not-allowed')
      expect(await ask(router, addAny({ transport, external: port }))).not.toBe(`200 ${port}`)
      expect(await ask(router, pinholeWish({ transport, internal: port }))).toBe('not-allowed')
    }
  })

  test.each([LAN_ADDRESS, '192.168.1.255', '127.0.0.1', '224.0.0.1', '10.0.0.1', '::1', 'ff02::1', '2001:db8:1::1'])(
    'S5: %s is no host',
    async address => {
      const router = await Router.start()
      const host = address as Ip
      const wishes = address.includes(':') ? [pinholeWish({ host })] : [add({ host }), addAny({ host })]
      for (const wish of wishes) expect(await ask(router, wish)).toBe('bad-host')
    },
  )

  test('S6: a port that the router itself uses is reserved, and never chosen', async () => {
    const taken = (_: unknown, port: Port) => (port === 51_820 ? ('router' as const) : undefined)
    const rules = policy([{ external: ports(51_820) }, { action: 'deny' }])
    const router = await Router.start({ policy: rules, surroundings: { taken } })
    expect(await ask(router, add({ external: 51_820 }))).toBe('reserved')
    expect(await ask(router, addAny({ external: 51_820 }))).toBe('no-port')
    expect(await ask(router, addAny({ external: 'any' }))).toBe('no-port')
  })

  test('S23: one host has its quota, and all together theirs', async () => {
    const router = await Router.start({ policy: policy([], { perHost: 64, total: 100 }) })
    const count = async (host: Ip, wish: (n: number) => Wish) => {
      let granted = 0
      for (let n = 0; n < 120; n++) if ((await ask(router, wish(n))).startsWith('200')) granted++
      return [granted, router.engine.mappings.heldBy(holderOf(undefined, host))]
    }
    expect(await count(A, n => add({ external: 5000 + n, internal: 80 + 5000 }))).toEqual([64, 64])
    expect(await count(B6, n => pinholeWish({ host: B6, internal: 5000 + n }))).toEqual([36, 36])
  })

  test('S24: a lease without an end ends after a week', async () => {
    const router = await Router.start({ policy: policy([], SHIPPED) })
    await ask(router, add({ lifetime: 'forever' }))
    await router.pass(604_799)
    expect(router.engine.mappings.size).toBe(1)
    await router.pass(1)
    expect(router.engine.mappings.size).toBe(0)
  })

  test('S25: what a device opened is suspended while another one has its address', async () => {
    const router = await Router.start()
    await ask(router, add({ mac: MAC_A }))
    await ask(router, add({ mac: MAC_A, external: 6000, internal: 6000, enabled: false }))
    await ask(router, add({ external: 7000, internal: 7000 }))
    await ask(router, add({ host: B, external: 8000, mac: MAC_B }))
    const batches = router.kernel.batches.length
    await router.engine.deviceSeen(A, MAC_A as Mac)
    expect(router.kernel.batches.length).toBe(batches)
    await router.engine.deviceSeen(A, MAC_B as Mac)
    const suspended = [
      `upnp udp 5000 -> ${A}:5000 suspended`,
      `upnp udp 6000 -> ${A}:6000 disabled`,
      `upnp udp 7000 -> ${A}:7000`,
      `upnp udp 8000 -> ${B}:5000`,
    ]
    expect(listed(router)).toEqual(suspended)
    expect(router.kernel.elements.map(({ state }) => state)).toEqual(['suspended', 'disabled', 'on', 'on'])
    expect(router.lines.at(-1)).toBe(
      `warning suspended udp ${WAN_ADDRESS}:5000 -> ${A}:5000 of upnp ${A} (${MAC_A}) (UPnP): ${MAC_B} has its address`,
    )
    await router.engine.deviceSeen(A, MAC_A as Mac)
    expect(listed(router)).toEqual([`upnp udp 5000 -> ${A}:5000`, ...suspended.slice(1)])
    expect(router.lines.at(-1)).toBe(
      `info resumed udp ${WAN_ADDRESS}:5000 -> ${A}:5000 of upnp ${A} (UPnP): ${MAC_A} has its address again`,
    )
  })

  test.each<[string, Wish, string | undefined]>([
    ['UPnP', add({ mac: MAC_B }), MAC_B],
    ['NAT-PMP', map({ mac: MAC_B }), MAC_B],
    ['NAT-PMP, before its neighbour is known', map(), undefined],
    ['the device that comes back', add({ mac: MAC_A }), MAC_A],
  ])('S25: a renewal by %s makes a suspended mapping its own', async (_what, wish, mac) => {
    const router = await Router.start()
    await ask(router, add({ mac: MAC_A, lifetime: 7200 }))
    await router.engine.deviceSeen(A, MAC_B as Mac)
    expect(await ask(router, wish)).toBe('200 5000')
    const made = router.engine.mappings.at('udp', 5000 as Port)
    expect([made?.state, made?.mac]).toEqual(['on', mac])
    expect(router.kernel.elements[0]?.state).toBe('on')
  })

  test('S25: pinholes too', async () => {
    const router = await Router.start()
    await ask(router, pinholeWish({ mac: MAC_A }))
    await router.engine.deviceSeen(A6, MAC_B as Mac)
    expect(listed(router)).toEqual([`upnp udp pinhole 1 -> ${A6}:5000 suspended`])
    expect(await ask(router, change('extend', 1, { mac: MAC_B }))).toBe('200 1')
    expect([router.engine.mappings.pinhole(1)?.state, router.engine.mappings.pinhole(1)?.mac]).toEqual(['on', MAC_B])
  })

  test('S25: while the kernel refuses, it is tried again until it holds', async () => {
    const router = await Router.start()
    await ask(router, add({ mac: MAC_A }))
    router.kernel.refuse = () => 'EBUSY'
    await router.engine.deviceSeen(A, MAC_B as Mac)
    expect(listed(router)).toEqual([`upnp udp 5000 -> ${A}:5000`])
    await router.pass(3)
    router.kernel.refuse = () => undefined
    await router.pass(4)
    expect(router.kernel.elements[0]?.state).toBe('suspended')
    expect(router.lines.filter(line => line.includes('suspended'))).toHaveLength(1)
  })

  test('S25: a mapping that is being made while its address passes on is suspended too', async () => {
    const router = await Router.start()
    const granted = router.engine.submit(add({ mac: MAC_A }))
    const seen = router.engine.deviceSeen(A, MAC_B as Mac)
    await Promise.all([granted, seen])
    expect(listed(router)).toEqual([`upnp udp 5000 -> ${A}:5000 suspended`])
  })

  test('adoption keeps states, remote hosts and pinholes', async () => {
    const before = await Router.start()
    await ask(before, add({ mac: MAC_A, remote: REMOTE }))
    await ask(before, add({ external: 6000, internal: 6000, enabled: false }))
    await ask(before, pinholeWish())
    await before.engine.deviceSeen(A, MAC_B as Mac)
    const router = await Router.start({ uplink: DOWN })
    await router.engine.adopt(before.kernel.elements, before.epoch.start)
    expect(listed(router)).toEqual(listed(before))
    expect([...router.engine.mappings.all()]).toEqual([...before.engine.mappings.all()])
  })
})
