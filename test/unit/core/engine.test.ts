import { describe, expect, test } from 'vitest'
import type { Ip, Port } from '../../../src/base/ip.ts'
import { seconds } from '../../../src/base/time.ts'
import type { Answer, Change } from '../../../src/core/mapping.ts'
import type { StaticMapping } from '../../../src/core/policy.ts'
import { ipv4FromNumber } from '../../support/addresses.ts'
import { map, mapping, unmap, type WishWords } from '../../support/mappings.ts'
import { A, B, DOWN, policy, ports, quiet, Router, up, WAN_ADDRESS } from '../../support/router.ts'

const SSH: StaticMapping = {
  transport: 'tcp',
  external: 2222 as Port,
  internal: { ip: A, port: 22 as Port },
  label: 'ssh',
}

const short = (answer: Answer): string => {
  if (!answer.ok) return answer.why
  return answer.mapping === undefined ? 'gone' : `${answer.mapping.transport} ${answer.mapping.external.port}`
}

/** Asks all in one event, so that they wait together. */
const together = (router: Router, ...wishes: readonly WishWords[]) =>
  Promise.all(wishes.map(words => router.engine.submit(map(words)).then(short)))

/** A gate that the kernel waits at until it is opened. */
function gate(router: Router): () => void {
  let open = () => {}
  router.kernel.gate = new Promise(resolve => {
    open = () => {
      router.kernel.gate = undefined
      resolve()
    }
  })
  return open
}

describe('Engine turns', () => {
  test('wishes that wait together are one batch', async () => {
    const router = await Router.start()
    const answers = await together(router, { internal: 1024 }, { internal: 1025 }, { host: B, internal: 1024 })
    expect(answers.every(answer => answer.startsWith('udp '))).toBe(true)
    expect(router.kernel.batches.map(batch => batch.length)).toEqual([3])
  })

  test('each wish sees what the earlier ones leave: one port is given once', async () => {
    const router = await Router.start({ policy: policy([{ external: ports(5000, 5001) }, { action: 'deny' }]) })
    const answers = await together(router, {}, { host: B }, { host: B, internal: 6000 }, { internal: 6001 })
    expect(answers).toEqual(['udp 5000', 'udp 5001', 'no-port', 'no-port'])
  })

  test('a port that one wish frees is there for the next', async () => {
    const router = await Router.start()
    await together(router, {})
    const answers = await Promise.all([router.engine.submit(unmap()), router.engine.submit(map({ host: B }))])
    expect(answers.map(short)).toEqual(['gone', 'udp 5000'])
    expect(router.kernel.batches.at(-1)?.map(({ act }) => act)).toEqual(['remove', 'add'])
  })

  test('the same wish twice in one turn is one element', async () => {
    const router = await Router.start()
    expect(await together(router, {}, {})).toEqual(['udp 5000', 'udp 5000'])
    expect(router.kernel.batches.map(batch => batch.map(({ act }) => act))).toEqual([['add']])
  })

  test('what is made and removed in one turn never reaches the kernel', async () => {
    const router = await Router.start()
    const answers = await Promise.all([router.engine.submit(map()), router.engine.submit(unmap())])
    expect(answers.map(short)).toEqual(['udp 5000', 'gone'])
    expect(router.kernel.batches).toEqual([])
  })

  test('nobody is answered, and nobody can see a mapping, before the kernel has confirmed', async () => {
    const router = await Router.start()
    const open = gate(router)
    let answered = 0
    router.engine.ask(map(), () => answered++)
    await quiet()
    expect([answered, router.engine.mappings.size]).toEqual([0, 0])
    open()
    await quiet()
    expect([answered, router.engine.mappings.size]).toEqual([1, 1])
  })

  test('wishes that arrive meanwhile wait for the next turn, all together', async () => {
    const router = await Router.start()
    const open = gate(router)
    const first = together(router, { internal: 2000 })
    await quiet()
    const rest = together(router, { internal: 2001, host: B, external: 2001 }, { internal: 2002, external: 2002 })
    await quiet()
    open()
    await Promise.all([first, rest])
    expect(router.kernel.batches.map(batch => batch.length)).toEqual([1, 2])
  })

  test('one element that the kernel refuses does not spoil its neighbours', async () => {
    const router = await Router.start()
    router.kernel.refuse = changes =>
      changes.some(change => change.mapping.internal.port === 1025) ? 'ENFILE' : undefined
    const answers = await together(
      router,
      { internal: 1024, external: 1024 },
      { internal: 1025, external: 1025 },
      { internal: 1026, external: 1026 },
    )
    expect(answers).toEqual(['udp 1024', 'kernel', 'udp 1026'])
    expect(router.kernel.shown).toEqual([`udp 1024 -> ${A}:1024`, `udp 1026 -> ${A}:1026`])
    expect([...router.engine.mappings.all()]).toEqual(router.kernel.elements)
  })

  test('a flood of one host leaves room for others, and what has no place hears so at once', async () => {
    const router = await Router.start({ policy: policy([], { perHost: 1000 }) })
    const flood = Array.from({ length: 300 }, (_, n) => router.engine.submit(map({ internal: 2000 + n })).then(short))
    const other = router.engine.submit(map({ host: B })).then(short)
    expect((await Promise.all(flood)).filter(answer => answer === 'busy')).toHaveLength(300 - 128)
    expect(await other).not.toBe('busy')
  })

  test('a fault while deciding is an answer, and the engine goes on', async () => {
    let broken = true
    const taken = () => {
      if (broken) throw new Error('unreadable')
      return undefined
    }
    const router = await Router.start({ surroundings: { taken } })
    expect(await together(router, {}, { host: B, internal: 9000 })).toEqual(['kernel', 'kernel'])
    broken = false
    expect(await together(router, {})).toEqual(['udp 5000'])
  })
})

describe('Engine jobs', () => {
  test('adopt(): what the kernel holds is the table, without a batch', async () => {
    const router = await Router.start({ uplink: DOWN })
    await router.engine.adopt([mapping(), mapping({ host: B, external: 6000 })], router.epoch.start)
    await router.engine.move(up(WAN_ADDRESS))
    expect(router.engine.mappings.size).toBe(2)
    expect(router.kernel.batches).toEqual([])
    expect(router.epochStarts).toEqual([])
  })

  test('adopt(): the epoch goes on where clients are told another address than the mappings carry', async () => {
    const router = await Router.start({ uplink: DOWN })
    await router.engine.adopt([mapping()], router.epoch.start)
    await router.engine.move(up(WAN_ADDRESS, '198.51.100.9'))
    expect(router.epochStarts).toEqual([])
    await router.engine.move(up(WAN_ADDRESS, '198.51.100.10'))
    expect(router.epochStarts).toEqual([0])
  })

  test('adopt(): what contradicts an earlier one is removed from the kernel', async () => {
    const router = await Router.start()
    const surplus = mapping({ host: B, internal: 6000 })
    await router.engine.adopt([mapping(), surplus], router.epoch.start)
    expect(router.engine.mappings.size).toBe(1)
    expect(router.kernel.batches).toEqual([[{ act: 'remove', mapping: surplus }]])
  })

  test('adopt(): a lease that ended meanwhile goes at once', async () => {
    const router = await Router.start({ epoch: 100 })
    await router.engine.adopt([mapping({ until: 50 })], router.epoch.start)
    await router.pass(0)
    expect(router.engine.mappings.size).toBe(0)
  })

  test('move(): all mappings in one batch, with their leases, and a new epoch', async () => {
    const router = await Router.start({ epoch: 100, policy: policy([], { perHost: 1000 }) })
    for (let n = 0; n < 100; n++) await router.from(A).map('udp', 2000 + n, 2000 + n, 600)
    const before = router.kernel.batches.length
    await router.engine.move(up('198.51.100.9'))
    expect(router.kernel.batches.slice(before).map(batch => batch.length)).toEqual([100])
    const made = [...router.engine.mappings.all()]
    expect(made.every(({ external }) => external.ip === '198.51.100.9')).toBe(true)
    expect(made.every(({ lease }) => lease !== 'forever' && lease.expires === 700_000)).toBe(true)
    expect(router.epochStarts).toEqual([100_000])
  })

  test('move(): while the link is down mappings stay and end on time, and the epoch goes on when it is back', async () => {
    const router = await Router.start()
    await router.from(A).map('udp', 5000, 5000, 600)
    await router.from(B).map('udp', 6000, 6000, 60)
    await router.engine.move(DOWN)
    expect((await router.from(A).map('udp', 5000, 5000)).result).toBe(3)
    await router.pass(60)
    expect(router.kernel.shown).toEqual([`udp 5000 -> ${A}:5000`])
    await router.engine.move(up(WAN_ADDRESS))
    expect(router.epochStarts).toEqual([])
    expect(await router.from(A).map('udp', 5000, 5000)).toEqual({
      result: 0,
      epoch: 60,
      internal: 5000,
      external: 5000,
      lifetime: 7200,
    })
  })

  test('move(): another address that clients are told is a new epoch, though the kernel need not change', async () => {
    const router = await Router.start()
    await router.from(A).map('udp', 5000, 5000)
    const before = router.kernel.batches.length
    await router.engine.move(up(WAN_ADDRESS, '198.51.100.9'))
    expect([router.kernel.batches.length, router.epochStarts]).toEqual([before, [0]])
    expect((await router.from(A).send('00 00'))?.slice(16)).toBe('c6336409')
  })

  test('move(): what the kernel refuses keeps its old address and is tried again, ever more rarely', async () => {
    const router = await Router.start()
    await router.from(A).map('udp', 5000, 5000)
    await router.from(B).map('udp', 6000, 6000)
    let tries = 0
    router.kernel.refuse = changes => {
      const hit = changes.some(({ act, mapping: each }) => act === 'replace' && each.internal.ip === B)
      if (hit) tries++
      return hit ? 'EBUSY' : undefined
    }
    await router.engine.move(up('198.51.100.9'))
    const addresses = () => [...router.engine.mappings.all()].map(({ external }) => external.ip)
    expect(addresses()).toEqual(['198.51.100.9', WAN_ADDRESS])
    expect(new Set(router.kernel.elements)).toEqual(new Set(router.engine.mappings.all()))
    tries = 0
    await router.pass(30)
    expect(tries).toBeGreaterThan(3)
    expect(tries).toBeLessThan(20)
    router.kernel.refuse = () => undefined
    await router.pass(64)
    expect(addresses()).toEqual(['198.51.100.9', '198.51.100.9'])
  })

  test('move(): nobody is told of a static mapping at the new address before the kernel has it there', async () => {
    const router = await Router.start({ statics: [SSH] })
    router.kernel.refuse = () => 'EBUSY'
    await router.engine.move(up('198.51.100.9'))
    const ask = map({ host: A, transport: 'tcp', internal: 22 })
    expect(short(await router.engine.submit(ask))).toBe('kernel')
    router.kernel.refuse = () => undefined
    const answer = await router.engine.submit(ask)
    expect(answer.ok && answer.mapping?.external).toEqual({ ip: '198.51.100.9', port: 2222 })
    expect(router.kernel.elements.map(({ external }) => external.ip)).toEqual(['198.51.100.9'])
  })

  test('reconsider(): what is no longer allowed goes and is recorded; the rest is not touched', async () => {
    const router = await Router.start()
    await router.from(A).map('udp', 5000, 5000)
    await router.from(B).map('udp', 6000, 6000)
    await router.engine.reconsider(policy([{ action: 'deny', external: ports(5000), comment: 'no games' }]), [SSH])
    expect(router.kernel.shown).toEqual([`tcp 2222 -> ${A}:22`, `udp 6000 -> ${B}:6000`])
    expect(router.kernel.batches.at(-1)?.map(({ act }) => act)).toEqual(['remove', 'add'])
    expect(router.lines.at(-1)).toBe(
      `info removed udp ${WAN_ADDRESS}:5000 -> ${A}:5000 of nat-pmp ${A} (NAT-PMP): permission 0 (no games)`,
    )
    const before = router.kernel.batches.length
    await router.engine.reconsider(policy(), [SSH])
    expect(router.kernel.batches.length).toBe(before)
  })

  test('reconsider(): static mappings wait for an uplink', async () => {
    const router = await Router.start({ uplink: DOWN, statics: [SSH] })
    expect(router.kernel.shown).toEqual([])
    await router.engine.move(up(WAN_ADDRESS))
    expect(router.kernel.shown).toEqual([`tcp 2222 -> ${A}:22`])
  })

  test('remove(): a dynamic mapping goes, a static one stays', async () => {
    const router = await Router.start({ statics: [SSH] })
    await router.from(A).map('udp', 5000, 5000)
    const remove = (transport: 'udp' | 'tcp', external: number) =>
      router.engine.remove(mapping({ transport, external }), 'by the operator')
    expect([await remove('udp', 5000), await remove('udp', 5000), await remove('tcp', 2222)]).toEqual([
      'removed',
      'none',
      'static',
    ])
    await router.from(A).map('udp', 5000, 5000)
    router.kernel.refuse = () => 'EBUSY'
    expect(await remove('udp', 5000)).toBe('kernel')
    expect(router.engine.mappings.size).toBe(2)
  })
})

describe('Engine expiry', () => {
  test('many leases that end together end in few batches', async () => {
    const router = await Router.start({ policy: policy([], { total: 5000 }) })
    for (let n = 0; n < 3000; n++) {
      const host = ipv4FromNumber(0xc0a80102 + (n % 100)) as Ip
      router.engine.ask(map({ host, internal: 4000 + n, external: 4000 + n, lifetime: 60 }), () => {})
      if (n % 100 === 99) await quiet()
    }
    expect(router.engine.mappings.size).toBe(3000)
    const before = router.kernel.batches.length
    await router.pass(60)
    expect(router.engine.mappings.size).toBe(0)
    expect(router.kernel.batches.length - before).toBe(3)
  })

  test('a kernel that refuses is not asked without end', async () => {
    const router = await Router.start()
    await router.from(A).map('udp', 5000, 5000, 10)
    let tries = 0
    router.kernel.refuse = (changes: readonly Change[]) => {
      tries += changes.length
      return 'EBUSY'
    }
    await router.pass(100)
    expect(tries).toBeGreaterThan(3)
    expect(tries).toBeLessThan(20)
    router.kernel.refuse = () => undefined
    await router.pass(40)
    expect(router.engine.mappings.size).toBe(0)
    expect(router.engine.wakeAt).toBeUndefined()
  })

  test('a wish that comes before the alarm finds ended leases gone', async () => {
    const router = await Router.start()
    await router.from(A).map('udp', 5000, 5000, 10)
    router.clock.set(10_000)
    expect((await router.from(B).map('udp', 5000, 5000, 10)).external).toBe(5000)
  })

  test('every turn says that alarms may have changed', async () => {
    const router = await Router.start()
    const before = router.settled
    await router.engine.submit(map({ lifetime: 30 }))
    await quiet()
    expect(router.settled).toBe(before + 1)
    expect(router.engine.wakeAt).toBe(seconds(30) * 1000)
  })
})
