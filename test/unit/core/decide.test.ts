import { describe, expect, test } from 'vitest'
import type { Ip, Port } from '../../../src/base/ip.ts'
import { type Instant, seconds } from '../../../src/base/time.ts'
import { Reserved } from '../../../src/core/choice.ts'
import { decide, type World } from '../../../src/core/decide.ts'
import type { Mapping, Refusal, Wish } from '../../../src/core/mapping.ts'
import type { Policy } from '../../../src/core/policy.ts'
import type { Surroundings } from '../../../src/core/surroundings.ts'
import { Table } from '../../../src/core/table.ts'
import type { Uplink } from '../../../src/core/uplink.ts'
import { map, mapping, unmap, type WishWords } from '../../support/mappings.ts'
import { A, B, DOWN, policy, ports, up, WAN_ADDRESS } from '../../support/router.ts'

const NOW = 10_000 as Instant

interface Scene {
  readonly held?: readonly Mapping[]
  readonly policy?: Policy
  readonly uplink?: Uplink
  readonly around?: Partial<Surroundings>
}

function world(scene: Scene): World {
  const table = new Table()
  table.commit((scene.held ?? []).map(each => ({ act: 'add', mapping: each })))
  const surroundings: Surroundings = {
    taken: () => undefined,
    hasRedirect: () => false,
    redirected: () => undefined,
    barred: () => undefined,
    isAway: () => false,
    outward6: () => 'wan6',
    deviceOf: () => 'br-lan',
    ...scene.around,
  }
  const reserved = new Reserved(surroundings)
  return { table, policy: scene.policy ?? policy(), uplink: scene.uplink ?? up(WAN_ADDRESS), surroundings, reserved }
}

const answerTo = (wish: Wish, scene: Scene = {}) => decide(wish, world(scene), NOW)

function portFor(words: WishWords, scene: Scene = {}): number {
  const { answer } = answerTo(map(words), scene)
  if (!answer.ok || answer.mapping === undefined) throw new Error(JSON.stringify(answer))
  return answer.mapping.external.port
}

const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, n) => first + n)

const fixed = mapping({ external: 2222, internal: 22, via: 'operator', until: 0 })
const deny = policy([{ action: 'deny', comment: 'closed' }])
const off: Policy = { ...policy(), forwarding: { 'nat-pmp': false, upnp: true } }

describe('decide() refuses', () => {
  test.each<[string, Wish, Scene, Refusal, string]>([
    ['when forwarding is off', map(), { policy: off }, 'forwarding-off', 'nat-pmp is off or may not forward ports'],
    ['a wish for another host', map({ client: B }), {}, 'not-allowed', `${B} may ask for itself only`],
    ['an address that is no host', map(), { around: { barred: () => 'the router' } }, 'bad-host', 'the router'],
    ['without an uplink', map(), { uplink: DOWN }, 'no-uplink', 'no carrier'],
    ['without an uplink, also a renewal', map(), { uplink: DOWN, held: [mapping()] }, 'no-uplink', 'no carrier'],
    ['what a rule denies', map(), { policy: deny }, 'not-allowed', 'permission 0 (closed)'],
    [
      'the renewal of what a rule denies by now',
      map(),
      { policy: deny, held: [mapping()] },
      'not-allowed',
      'permission 0 (closed)',
    ],
    [
      'an internal port that the default keeps closed',
      map({ internal: 22 }),
      {},
      'not-allowed',
      'default policy: internal port 22 is SSH',
    ],
    [
      'a host that holds as many as it may',
      map({ internal: 7000 }),
      { policy: policy([], { perHost: 1 }), held: [mapping()] },
      'quota',
      `${A} holds 1 mappings (per_host)`,
    ],
    [
      'when there are as many as there may be',
      map({ host: B }),
      { policy: policy([], { total: 1 }), held: [mapping()] },
      'quota',
      '1 mappings exist (total)',
    ],
    [
      'when every allowed port is taken',
      map({ host: B }),
      { policy: policy([{ external: ports(5000) }, { action: 'deny' }]), held: [mapping()] },
      'no-port',
      `udp port 5000 is mapped to ${A}`,
    ],
    [
      'an exact wish for a port of another host',
      map({ host: B, exact: true }),
      { held: [mapping()] },
      'conflict',
      `udp port 5000 is mapped to ${A}`,
    ],
    [
      "an exact wish for the companion of another host's port",
      map({ host: B, transport: 'tcp', exact: true }),
      { held: [mapping()] },
      'conflict',
      `tcp port 5000 is reserved for ${A}`,
    ],
    [
      'an exact wish for a port of the router',
      map({ exact: true }),
      { around: { taken: () => 'router' } },
      'reserved',
      'udp port 5000 is used by a program of the router',
    ],
    [
      'an exact wish for a port of a redirect',
      map({ exact: true }),
      { around: { taken: () => 'redirect' } },
      'reserved',
      'udp port 5000 is used by a redirect of the firewall',
    ],
    [
      'an exact wish for our own port',
      map({ exact: true, external: 5351 }),
      {},
      'reserved',
      'udp port 5351 is used by port mapping protocols',
    ],
    [
      'an exact wish for a port that a rule denies',
      map({ exact: true }),
      { policy: policy([{ action: 'deny', external: ports(5000) }]) },
      'not-allowed',
      'permission 0',
    ],
  ])('%s', (_what, wish, scene, why, because) => {
    expect(answerTo(wish, scene)).toEqual({ answer: { ok: false, why, because }, changes: [] })
  })
})

describe('decide() grants', () => {
  test('the suggested port when it is free and allowed', () => {
    const granted = mapping({ external: 6000, internal: 5000 })
    const made = { ...granted, lease: { lifetime: seconds(3600), expires: 3_610_000 as Instant } }
    expect(answerTo(map({ external: 6000 }))).toEqual({
      answer: { ok: true, mapping: made },
      changes: [{ act: 'add', mapping: made }],
    })
  })

  test('another one for a taken port, the same one each time', () => {
    const scene = { held: [mapping()] }
    const first = portFor({ host: B }, scene)
    expect(first).not.toBe(5000)
    expect(portFor({ host: B }, scene)).toBe(first)
    expect(portFor({ host: B, external: 'any' }, scene)).toBe(first)
  })

  test('the same port to a client that comes back after everything was lost', () => {
    const before = portFor({ external: 'any' })
    expect(portFor({ external: 'any' })).toBe(before)
    expect(before).toBeGreaterThan(1023)
  })

  test('one number for TCP and UDP of the same internal port', () => {
    const held = [mapping({ transport: 'tcp', external: 44_444, internal: 5000 })]
    expect(portFor({ external: 'any' }, { held })).toBe(44_444)
  })

  test("the last port that is left when it is the companion of the client's own", () => {
    const held = [mapping({ transport: 'tcp', external: 7000, internal: 1234 })]
    const scene = { held, policy: policy([{ external: ports(7000) }, { action: 'deny' }]) }
    expect(portFor({ external: 'any' }, scene)).toBe(7000)
    const other = answerTo(map({ host: B, external: 'any' }), scene).answer
    expect(!other.ok && other.why).toBe('no-port')
  })

  test('every allowed port once, and then no more', () => {
    const allowed = [ports(7000, 7009), ports(900), ports(65_530, 65_535), ports(8000)]
    const rules = [...allowed.map(external => ({ external })), { action: 'deny' as const }]
    const held: Mapping[] = []
    for (let n = 0; n < 18; n++) {
      const external = portFor({ internal: 100 + n, external: 'any' }, { held, policy: policy(rules) })
      held.push(mapping({ external, internal: 100 + n }))
    }
    const given = held.map(({ external }) => external.port).sort((a, b) => a - b)
    expect(given).toEqual([900, ...range(7000, 7009), 8000, ...range(65_530, 65_535)])
    expect(held.at(-1)?.external.port).toBe(900)
    const { answer } = answerTo(map({ host: B, external: 'any' }), { held, policy: policy(rules) })
    expect(!answer.ok && answer.why).toBe('no-port')
  })

  test('ports below 1024 only when no other is left', () => {
    const scene = (last: number) => ({ policy: policy([{ external: ports(1000, last) }, { action: 'deny' }]) })
    expect(portFor({ external: 'any' }, scene(1024))).toBe(1024)
    expect(portFor({ external: 'any' }, scene(1023))).toBeGreaterThan(999)
  })

  test('a port in the midst of a range that a redirect takes, asking for each port once', () => {
    let asked = 0
    const taken = (_: unknown, external: number) => {
      asked++
      return external === 40_000 ? undefined : ('redirect' as const)
    }
    const where = world({ around: { taken } })
    const wish = map({ external: 'any' })
    const first = decide(wish, where, NOW)
    expect(first.answer.ok && first.answer.mapping?.external.port).toBe(40_000)
    const before = asked
    decide(wish, where, NOW)
    expect(asked - before).toBeLessThan(3)
    decide(wish, where, (NOW + 10_001) as Instant)
    expect(asked).toBeGreaterThan(before + 100)
  })

  test.each<[string, WishWords, Scene, number]>([
    ['as long as asked', { lifetime: 60 }, {}, 60],
    ['no longer than max_lease', { lifetime: 4_294_967_295 }, {}, 86_400],
    ['max_lease to who asks for ever', { lifetime: 'forever', via: 'upnp' }, {}, 86_400],
    ['at least min_lease over UPnP', { lifetime: 5, via: 'upnp' }, {}, 120],
    ['less than min_lease over NAT-PMP, which never gets more than it asked', { lifetime: 5 }, {}, 5],
    [
      'max_lease, though min_lease is above it',
      { lifetime: 5, via: 'upnp' },
      { policy: policy([], { maxLease: seconds(60) }) },
      60,
    ],
  ])('a lease %s', (_what, words, scene, expected) => {
    const { answer } = answerTo(map(words), scene)
    const lease = answer.ok ? answer.mapping?.lease : undefined
    expect(lease).toEqual({ lifetime: expected, expires: NOW + expected * 1000 })
  })
})

describe('decide() renews', () => {
  test('with a fresh lease, on the same port, whatever is suggested', () => {
    const was = mapping({ external: 6000, internal: 5000 })
    const { answer, changes } = answerTo(map({ external: 7000 }), { held: [was] })
    const renewed = { ...was, lease: { lifetime: seconds(3600), expires: 3_610_000 as Instant } }
    expect(answer).toEqual({ ok: true, mapping: renewed })
    expect(changes).toEqual([{ act: 'replace', was, mapping: renewed }])
  })

  test('keeping the link address that it knew, when the neighbour is not known now', () => {
    const was = mapping({ mac: '02:00:00:00:00:01' })
    const { answer } = answerTo(map(), { held: [was] })
    expect(answer.ok && answer.mapping?.mac).toBe('02:00:00:00:00:01')
  })

  test('although the quota is used up', () => {
    const scene = { held: [mapping()], policy: policy([], { perHost: 0, total: 0 }) }
    expect(answerTo(map(), scene).answer.ok).toBe(true)
  })

  test('what UPnP made, and the lease is now that of NAT-PMP', () => {
    const was = mapping({ via: 'upnp', until: 60 })
    const { changes } = answerTo(map(), { held: [was] })
    expect(changes[0]?.mapping.owner).toEqual({ via: 'nat-pmp', client: A })
  })

  test('nothing that UPnP was promised for longer: the client hears of its own part', () => {
    const was = mapping({ via: 'upnp', until: 80_000 })
    const { answer, changes } = answerTo(map(), { held: [was] })
    expect(changes).toEqual([])
    expect(answer.ok && answer.mapping?.lease).toEqual({ lifetime: 3600, expires: 3_610_000 })
  })

  test('nothing that the operator made: the client hears of its own part', () => {
    const { answer, changes } = answerTo(map({ internal: 22 }), { held: [fixed] })
    expect(changes).toEqual([])
    expect(answer.ok && [answer.mapping?.external.port, answer.mapping?.owner]).toEqual([2222, { via: 'operator' }])
  })
})

describe('decide() removes', () => {
  const a = mapping()
  const aTcp = mapping({ transport: 'tcp', external: 5000 })
  const b = mapping({ host: B, external: 6000, internal: 5000 })

  test.each<[string, Wish, Scene, readonly Mapping[]]>([
    ['by internal port', unmap(), { held: [a, aTcp, b] }, [a]],
    ['nothing when there is nothing', unmap({ internal: 1 }), { held: [a] }, []],
    ['all of one transport', unmap({ internal: 'all' }), { held: [a, aTcp, b] }, [a]],
    [
      'what another service made for the same host',
      unmap(),
      { held: [mapping({ via: 'upnp' })] },
      [mapping({ via: 'upnp' })],
    ],
    ['also without an uplink', unmap(), { held: [a], uplink: DOWN }, [a]],
    ['also while forwarding is off', unmap(), { held: [a], policy: off }, [a]],
    ["the operator's own, for the operator", unmap({ via: 'operator', internal: 22 }), { held: [fixed] }, [fixed]],
  ])('%s', (_what, wish, scene, gone) => {
    expect(answerTo(wish, scene)).toEqual({
      answer: { ok: true, mapping: undefined },
      changes: gone.map(each => ({ act: 'remove', mapping: each })),
    })
  })

  test('the rest, when some are static', () => {
    const { answer, changes } = answerTo(unmap({ internal: 'all' }), { held: [fixed, a] })
    expect(answer).toEqual({ ok: false, why: 'not-owner', because: 'made by the operator' })
    expect(changes).toEqual([{ act: 'remove', mapping: a }])
  })

  test('no redirect of the firewall', () => {
    const redirected = () => 8080 as Port
    expect(answerTo(unmap(), { around: { redirected } }).answer).toEqual({
      ok: false,
      why: 'not-owner',
      because: 'redirected by the firewall from port 8080',
    })
  })

  test("nobody else's mapping to another host", () => {
    const wish = { ...unmap({ host: B }), internal: A as Ip }
    expect(answerTo(wish, { held: [a] }).answer.ok).toBe(false)
  })
})
