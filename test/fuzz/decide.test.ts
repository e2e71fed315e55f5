/**
 * Random lives of a router: wishes of several hosts, time, new rules, new addresses, lost links, a kernel that refuses
 * now and then, restarts. After every step the table is what the kernel holds and all promises are kept.
 */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Ip, type Mac, type Port, parseIpRange } from '../../src/base/ip.ts'
import { seconds } from '../../src/base/time.ts'
import { fold } from '../../src/core/changes.ts'
import { Draft } from '../../src/core/draft.ts'
import { holderOf } from '../../src/core/holder.ts'
import type { Answer, Change, Mapping, PinholeWish, Transport, Wish } from '../../src/core/mapping.ts'
import { refused } from '../../src/core/permission.ts'
import type { Policy, StaticMapping } from '../../src/core/policy.ts'
import { Table } from '../../src/core/table.ts'
import { change, map, mapping, pinhole, pinholeWish, revoke, unmap } from '../support/mappings.ts'
import { DOWN, policy, ports, quiet, Router, up, WAN_ADDRESS } from '../support/router.ts'
import { RUNS, SEED } from './rounds.ts'

const lives = Math.ceil(RUNS / 70)

const HOSTS = ['192.168.1.10', '192.168.1.11', '192.168.1.12', '192.168.1.13'] as Ip[]

const HOSTS6 = ['2001:db8:1::10', '2001:db8:1::11'] as Ip[]
const MACS = ['02:00:00:00:00:01', '02:00:00:00:00:02'] as Mac[]

/** `undefined` so many times as often. */
const sometimes = <T>(arbitrary: fc.Arbitrary<T>, undefinedWeight: number): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: undefinedWeight, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary })

const host = fc.constantFrom(...HOSTS)
const transport = fc.constantFrom<Transport>('tcp', 'udp')
/** Few, so that they meet. */
const port = fc.oneof(fc.integer({ min: 5000, max: 5007 }), fc.constantFrom(22, 80, 3389, 5350, 5351, 65_535))

const host6 = fc.constantFrom(...HOSTS6)
const mac = sometimes(fc.constantFrom(...MACS), 1)

const mapWish = fc
  .record({
    host,
    client: sometimes(host, 20),
    transport,
    internal: port,
    external: fc.oneof(port, fc.constant('any' as const)),
    exact: fc.boolean(),
    via: fc.constantFrom('nat-pmp' as const, 'upnp' as const),
    lifetime: fc.oneof(fc.integer({ min: 1, max: 200 }), fc.constant(2 ** 32 - 1), fc.constant('forever' as const)),
    remote: sometimes(fc.constantFrom('198.51.100.1', '198.51.100.2'), 3),
    enabled: fc.oneof(fc.constant(true), fc.constant(true), fc.boolean()),
    mac,
  })
  .map(({ client, mac: device, remote, enabled, ...words }): Wish => {
    const wish = {
      ...words,
      ...(client === undefined ? {} : { client }),
      ...(device === undefined ? {} : { mac: device }),
    }
    // What NAT-PMP cannot say.
    if (words.via === 'nat-pmp') return map({ ...wish, exact: false })
    return map({ ...wish, enabled, ...(remote === undefined ? {} : { remote }) })
  })

const unmapWish = fc
  .record({ host, transport, internal: fc.oneof(port, fc.constant('all' as const)) })
  .map((words): Wish => unmap(words))

const revokeWish = fc
  .record({
    host,
    transport,
    external: port,
    remote: sometimes(fc.constant('198.51.100.1'), 2),
    range: sometimes(fc.tuple(port, port), 2),
  })
  .map(({ remote, range: ends, ...words }): Wish => {
    const [first, last] = ends ?? [0, 0]
    if (ends !== undefined) return revoke({ ...words, range: [Math.min(first, last), Math.max(first, last)] })
    return revoke(remote === undefined ? words : { ...words, remote })
  })

const flowWish = fc
  .record({
    host: host6,
    client: sometimes(host6, 20),
    transport,
    internal: port,
    remotePort: fc.constantFrom(53, 54, 55),
    lifetime: fc.integer({ min: 1, max: 200 }),
    mac,
  })
  .map(({ client, mac: device, ...words }): Wish => {
    const who = client === undefined ? {} : { client }
    return pinholeWish({ ...words, ...who, ...(device === undefined ? {} : { mac: device }) })
  })

const flowChange = fc
  .record({
    what: fc.constantFrom('extend' as const, 'close' as const),
    id: fc.integer({ min: 1, max: 12 }),
    host: host6,
    lifetime: fc.integer({ min: 1, max: 200 }),
  })
  .map(({ what, id, ...words }): Wish => change(what, id, words))

const range = fc.tuple(port, port).map(([a, b]) => ports(Math.min(a, b), Math.max(a, b)))
const rule = fc.record(
  {
    action: fc.constantFrom('allow' as const, 'deny' as const),
    external: range,
    internal: range,
    internalAddress: host.map(ip => parseIpRange(ip) ?? { first: ip, last: ip }),
    transport,
  },
  { requiredKeys: ['action'] },
)
const rules: fc.Arbitrary<Policy> = fc
  .record({
    rules: fc.array(rule, { maxLength: 4 }),
    defaultAction: fc.constantFrom('high-ports' as const, 'allow' as const, 'deny' as const),
    perHost: fc.integer({ min: 0, max: 8 }),
    total: fc.integer({ min: 0, max: 20 }),
    maxLease: fc.constantFrom(30, 100, 86_400).map(seconds),
  })
  .map(({ rules: list, ...limits }) => policy(list, limits))

const statics: fc.Arbitrary<readonly StaticMapping[]> = fc.array(
  fc.record({ transport, external: port, host, internal: port }).map(words => ({
    transport: words.transport,
    external: words.external as Port,
    internal: { ip: words.host, port: words.internal as Port },
    label: 'static',
  })),
  { maxLength: 3 },
)

type Step =
  | { readonly step: 'wishes'; readonly wishes: readonly Wish[] }
  | { readonly step: 'pass'; readonly seconds: number }
  | { readonly step: 'configure'; readonly policy: Policy; readonly statics: readonly StaticMapping[] }
  | { readonly step: 'uplink'; readonly address: string | undefined }
  | { readonly step: 'kernel'; readonly refuses: 'nothing' | 'everything' | Ip | 'batches' }
  | { readonly step: 'remove'; readonly transport: Transport; readonly port: number }
  | { readonly step: 'close'; readonly id: number }
  | { readonly step: 'seen'; readonly host: Ip; readonly mac: Mac }
  | { readonly step: 'restart' }

const wish = fc.oneof(
  { weight: 8, arbitrary: mapWish },
  { weight: 2, arbitrary: unmapWish },
  { weight: 2, arbitrary: revokeWish },
  { weight: 4, arbitrary: flowWish },
  { weight: 2, arbitrary: flowChange },
)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: wish.map((one): Step => ({ step: 'wishes', wishes: [one] })) },
  {
    weight: 12,
    arbitrary: fc.record({ step: fc.constant('wishes' as const), wishes: fc.array(wish, { maxLength: 8 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ step: fc.constant('pass' as const), seconds: fc.integer({ min: 0, max: 150 }) }),
  },
  { weight: 2, arbitrary: fc.record({ step: fc.constant('configure' as const), policy: rules, statics }) },
  {
    weight: 2,
    arbitrary: fc.record({
      step: fc.constant('uplink' as const),
      address: fc.constantFrom(undefined, WAN_ADDRESS, '198.51.100.9'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      step: fc.constant('kernel' as const),
      refuses: fc.constantFrom(
        'nothing' as const,
        'nothing' as const,
        'everything' as const,
        'batches' as const,
        HOSTS[0] as Ip,
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ step: fc.constant('remove' as const), transport, port }) },
  {
    weight: 1,
    arbitrary: fc.record({ step: fc.constant('close' as const), id: fc.integer({ min: 1, max: 12 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      step: fc.constant('seen' as const),
      host: fc.oneof(host, host6),
      mac: fc.constantFrom(...MACS),
    }),
  },
  { weight: 1, arbitrary: fc.constant<Step>({ step: 'restart' }) },
)

test('table, kernel, quotas and answers agree in every life of a router', { timeout: 3_600_000 }, async () => {
  const counts = { lives: 0, steps: 0, granted: 0, refused: 0, kernelRefused: 0 }
  await fc.assert(
    fc.asyncProperty(rules, fc.array(step, { minLength: 5, maxLength: 60, size: 'large' }), async (first, steps) => {
      counts.lives++
      let router = await Router.start({ policy: first })
      for (const each of steps) {
        counts.steps++
        const answers: [Wish, Answer][] = []
        router = await take(router, each, answers)
        for (const [, answer] of answers) {
          if (answer.ok) counts.granted++
          else if (answer.why === 'kernel') counts.kernelRefused++
          else counts.refused++
        }
        answersHold(router, answers)
        tableHolds(router)
      }
      await endsWell(router)
    }),
    { numRuns: lives, seed: SEED },
  )
  console.log('fuzz decide:', counts)
  expect(counts.granted).toBeGreaterThan(0)
})

/** Does one step; a restart gives another router. */
async function take(router: Router, each: Step, answers: [Wish, Answer][]): Promise<Router> {
  const { engine, kernel } = router
  switch (each.step) {
    case 'wishes': {
      const before = engine.policy
      const isDue = engine.wakeAt !== undefined && engine.wakeAt <= router.clock.now()
      const others = mappingsOfOthers(router, each.wishes)
      await Promise.all(each.wishes.map(async one => answers.push([one, await engine.submit(one)])))
      expect(engine.policy).toBe(before)
      quotasHeld(router, answers)
      // What the kernel refused before may be done in the same turn.
      if (!isDue) expect(mappingsOfOthers(router, each.wishes)).toEqual(others)
      break
    }
    case 'pass':
      await router.pass(each.seconds)
      break
    case 'configure':
      await engine.reconsider(each.policy, each.statics)
      break
    case 'uplink':
      await engine.move(each.address === undefined ? DOWN : up(each.address))
      break
    case 'kernel':
      kernel.refuse = refusing(each.refuses)
      break
    case 'remove':
      await engine.remove(mapping({ transport: each.transport, external: each.port }), 'by the operator')
      break
    case 'close':
      await engine.remove(pinhole({ id: each.id }), 'by the operator')
      break
    case 'seen':
      await engine.deviceSeen(each.host, each.mac)
      await router.pass(0)
      strangersShutOut(router, each)
      break
    case 'restart':
      return restarted(router)
  }
  await quiet()
  return router
}

const refusing = (what: 'nothing' | 'everything' | 'batches' | Ip) => (changes: readonly Change[]) => {
  if (what === 'nothing') return undefined
  if (what === 'everything' || (what === 'batches' && changes.length > 1)) return 'EBUSY'
  return changes.some(change => change.mapping.internal.ip === what) ? 'ENFILE' : undefined
}

/** A new process: it knows what the kernel holds and nothing else. */
async function restarted(before: Router): Promise<Router> {
  const router = await Router.start({ policy: before.engine.policy, uplink: DOWN })
  router.clock.set(before.clock.now())
  const held = before.kernel.elements
  await router.kernel.apply(held.map((each): Change => ({ act: 'add', mapping: each })))
  await router.engine.adopt(held, before.epoch.start)
  await router.engine.move(before.engine.uplink)
  return router
}

/** The table is what the kernel holds, nobody has another's port, and companions stay with their client. */
function tableHolds(router: Router): void {
  const { mappings } = router.engine
  const now = router.clock.now()
  const live = [...mappings.all()].filter(({ lease }) => lease === 'forever' || lease.expires > now)
  const byPort = (a: Mapping, b: Mapping) => keyOf(a).localeCompare(keyOf(b))
  for (const each of router.kernel.batches.at(-1) ?? []) {
    if (each.act === 'replace') expect(each.mapping.internal.ip).toBe(each.was.internal.ip)
  }
  expect([...live].sort(byPort)).toEqual([...router.kernel.elements].sort(byPort))
  expect(new Set(live.map(keyOf)).size).toBe(live.length)
  const clients = [...mappings.all()].filter(({ owner }) => owner.via !== 'operator')
  expect(mappings.held).toBe(clients.length)
  const translated = [...mappings.all()].filter(({ pinhole: id }) => id === undefined)
  expect([mappings.listed(), mappings.translated]).toEqual([translated, translated.length])
  const holders = clients.map(({ mac, internal }) => holderOf(mac, internal.ip))
  for (const each of new Set([...holders, ...MACS, ...HOSTS, ...HOSTS6.map(ip => holderOf(undefined, ip))]))
    expect(mappings.heldBy(each)).toBe(holders.filter(holder => holder === each).length)
  for (const each of mappings.all()) {
    if (each.pinhole === undefined) expect(mappings.at(each.transport, each.external.port)).toBe(each)
    else expect([mappings.pinhole(each.pinhole), each.external]).toEqual([each, each.internal])
    expect(mappings.allOf(each.transport, each.internal)).toContain(each)
  }
  for (const each of clients) {
    if (each.pinhole !== undefined) continue
    const companion = mappings.at(each.transport === 'tcp' ? 'udp' : 'tcp', each.external.port)
    if (companion === undefined || companion.owner.via === 'operator') continue
    expect(companion.internal.ip).toBe(each.internal.ip)
  }
}

const keyOf = ({ transport, external, pinhole: id }: Mapping) =>
  id === undefined ? `${transport} ${external.port}` : `pinhole ${id}`

/** What leads to hosts that none of these wishes is of, and has not ended. */
function mappingsOfOthers({ engine, clock }: Router, wishes: readonly Wish[]): readonly Mapping[] {
  const asking = new Set(wishes.map(({ owner }) => (owner.via === 'operator' ? undefined : owner.client)))
  return [...engine.mappings.all()].filter(
    ({ internal, lease }) => !asking.has(internal.ip) && (lease === 'forever' || lease.expires > clock.now()),
  )
}

/** Nothing of another device is open at this address, as far as the kernel could be told. */
function strangersShutOut({ engine, kernel }: Router, seen: { readonly host: Ip; readonly mac: Mac }): void {
  if (kernel.refuse([]) !== undefined || kernel.refuse([REFUSABLE, REFUSABLE]) !== undefined) return
  if (kernel.refuse([{ act: 'remove', mapping: mapping({ host: seen.host }) }]) !== undefined) return
  for (const { mac: owner, state } of engine.mappings.ofHost(seen.host)) {
    if (owner !== undefined && state !== 'disabled') expect(state).toBe(owner === seen.mac ? 'on' : 'suspended')
  }
}

const REFUSABLE: Change = { act: 'add', mapping: mapping() }

/** What a client was told is true; and what the rules forbid was never granted. */
function answersHold(router: Router, answers: readonly [Wish, Answer][]): void {
  const { policy: inForce, uplink } = router.engine
  for (const [one, answer] of answers) {
    if (one.ask === 'pinhole' && answer.ok) pinholeHolds(one, answer.mapping)
    if (!answer.ok || one.ask !== 'map') continue
    const { mapping: made } = answer
    if (made === undefined || uplink.is === 'down' || one.owner.via === 'operator')
      throw new Error('granted without cause')
    expect([made.internal, made.transport, made.external.ip]).toEqual([one.internal, one.transport, uplink.address])
    expect(one.owner.client).toBe(one.internal.ip)
    if (one.exact && one.external !== 'any') expect(made.external.port).toBe(one.external)
    if (made.lease === 'forever') throw new Error('a client was promised for ever')
    if (one.lifetime !== 'forever' && one.owner.via === 'nat-pmp') {
      expect(made.lease.lifetime).toBeLessThanOrEqual(one.lifetime)
    }
    expect(made.lease.lifetime).toBeLessThanOrEqual(inForce.limits.maxLease)
    if (made.owner.via === 'operator') continue
    expect([5350, 5351]).not.toContain(made.external.port)
    const { transport: by, internal, mac } = one
    const devices = ['br-lan', 'wan']
    expect(
      refused(inForce, { service: one.owner.via, transport: by, internal, mac, devices }, made.external.port),
    ).toBe(undefined)
  }
}

function pinholeHolds(one: PinholeWish, made: Mapping | undefined): void {
  if (made?.pinhole === undefined || made.lease === 'forever' || one.owner.via === 'operator')
    throw new Error('a pinhole without a number or an end')
  expect([made.internal, made.external, made.remote]).toEqual([one.internal, one.internal, one.remote])
  expect(one.owner.client).toBe(one.internal.ip)
  expect(made.lease.lifetime).toBeLessThanOrEqual(86_400)
}

/** A quota may have been lowered below what is held; but a wish never exceeds it. */
function quotasHeld(router: Router, answers: readonly [Wish, Answer][]): void {
  const { mappings, policy: inForce } = router.engine
  const batch = router.kernel.batches.at(-1) ?? []
  const added = new Set(batch.filter(({ act }) => act === 'add').map(change => change.mapping))
  // A device that takes over an address takes over what it holds, whatever it has.
  const passesOn = batch.some(each => each.act === 'replace' && each.was.mac !== each.mapping.mac)
  for (const [, answer] of answers) {
    if (!answer.ok || answer.mapping === undefined || !added.has(answer.mapping)) continue
    const { mac, internal } = answer.mapping
    if (!mappings.ofHost(internal.ip).includes(answer.mapping)) continue
    if (!passesOn) expect(mappings.heldBy(holderOf(mac, internal.ip))).toBeLessThanOrEqual(inForce.limits.perHost)
    expect(mappings.held).toBeLessThanOrEqual(inForce.limits.total)
  }
}

/** With a kernel that agrees again, everything ends in its time and no alarm is left. */
async function endsWell(router: Router): Promise<void> {
  router.kernel.refuse = () => undefined
  await router.engine.move(up(WAN_ADDRESS))
  await router.pass(64)
  expect(router.engine.mappings.listed().every(({ external }) => external.ip === WAN_ADDRESS)).toBe(true)
  await router.pass(86_500)
  expect([router.engine.mappings.held, router.engine.wakeAt]).toEqual([0, undefined])
  tableHolds(router)
}

test('what several decisions come to is the same in one batch as one by one', () => {
  const words = fc.record({
    transport,
    external: fc.integer({ min: 5000, max: 5003 }),
    host,
    internal: fc.integer({ min: 5000, max: 5002 }),
    until: fc.integer({ min: 1, max: 9 }),
  })
  const run = fc.array(fc.record({ words, remove: fc.boolean() }), { maxLength: 20 })
  fc.assert(
    fc.property(run, run, (before, during) => {
      const single = new Table()
      for (const each of before) single.commit(sensible(single, each))
      const folded = new Table()
      folded.commit([...single.all()].map((each): Change => ({ act: 'add', mapping: each })))
      const draft = new Draft(folded)
      const changes: Change[] = []
      for (const each of during) {
        const one = sensible(single, each)
        expect(sensible(draft, each)).toEqual(one)
        single.commit(one)
        draft.commit(one)
        changes.push(...one)
      }
      folded.commit(fold(changes))
      const shown = (table: Table) => [...table.all()].map(each => JSON.stringify(each)).sort()
      expect(shown(folded)).toEqual(shown(single))
      expect([folded.held, folded.size, folded.nextExpiry]).toEqual([single.held, single.size, single.nextExpiry])
      for (const ip of HOSTS) expect(draft.heldBy(ip)).toBe(single.heldBy(ip))
      expect(draft.held).toBe(single.held)
    }),
    { numRuns: lives * 10, seed: SEED },
  )
})

/** A change that a decision could make on this table. */
function sensible(
  table: Pick<Table, 'at'>,
  { words, remove }: { readonly words: Parameters<typeof mapping>[0]; readonly remove: boolean },
): readonly Change[] {
  const made = mapping(words)
  const there = table.at(made.transport, made.external.port)
  if (remove) return there === undefined ? [] : [{ act: 'remove', mapping: there }]
  if (there === undefined) return [{ act: 'add', mapping: made }]
  const mine = there.internal.ip === made.internal.ip
  return mine ? [{ act: 'replace', was: there, mapping: made }] : []
}
