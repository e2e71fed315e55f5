/** Changes of mappings on the real kernel: what it holds afterwards, as nft tells it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { KernelError } from '../../src/base/fail.ts'
import type { Ip, Port } from '../../src/base/ip.ts'
import type { Instant } from '../../src/base/time.ts'
import type { Mapping } from '../../src/core/mapping.ts'
import { Exchange } from '../../src/kernel/exchange.ts'
import { KernelFirewall } from '../../src/kernel/firewall.ts'
import type { Features } from '../../src/kernel/ruleset.ts'
import type { NetlinkSocket } from '../../src/platform/platform.ts'
import { decode, FAMILY, request } from '../../src/wire/nftables.ts'
import type { Opened } from '../support/nft-kernel.ts'
import {
  add,
  elementsOf,
  leaseOf,
  many,
  nft,
  openFirewall,
  remove,
  replace,
  SETTINGS,
  sample,
  WAN,
} from '../support/nft-kernel.ts'

const EPOCH = 1_234_567_890_123 as Instant
const OLD: Features = { updatesTimeouts: false, destroysElements: false, looksUpMapsAsSets: false }
const ELSEWHERE = '55.66.77.88' as Ip
const DNAT = '11.22.33.44 tcp 8080'
const SNAT = '192.168.88.10 tcp 80'
const TAKEN = 'tcp 8080'

let opened: Opened
let mapping: Mapping
const lease = (length: number) => leaseOf(opened.platform.clock, length)
const make = (changes: Partial<Mapping>) => sample(opened.platform.clock, changes)

/** Number of commits to nf_tables in this namespace so far. */
async function generation(): Promise<number> {
  const reply = await opened.exchange.ask('reading the generation', sequence =>
    request('getGeneration', 0, sequence, FAMILY.unspecified, {}, true),
  )
  const message = decode(reply, true)
  return message.name === 'newGeneration' ? (message.body.id ?? 0) : 0
}

async function begin(): Promise<void> {
  await opened.firewall.build(SETTINGS, [], EPOCH)
  opened.ended.length = 0
  mapping = make({})
}

test('this kernel has what the newer paths need', async () => {
  expect((await openFirewall()).features).toEqual({
    updatesTimeouts: true,
    destroysElements: true,
    looksUpMapsAsSets: true,
  })
})

describe.each([
  ['as this kernel can', {}],
  ['as kernels before 6.12 need it', OLD],
])('%s', (_which, forced) => {
  beforeAll(async () => {
    opened = await openFirewall(forced)
  })
  beforeEach(begin)
  afterAll(() => opened.firewall.remove())

  test('a mapping is an element in each of three sets, with its lease', async () => {
    await opened.firewall.apply([add(mapping)])
    expect(elementsOf('dnat4').get(DNAT)).toMatchObject({
      value: '192.168.88.10 80',
      timeout: 3600,
      comment: 'nat-pmp 192.168.88.10: web',
      counter: true,
    })
    expect(elementsOf('snat4').get(SNAT)).toMatchObject({ value: '11.22.33.44 8080', timeout: 3600 })
    expect(elementsOf('taken').get(TAKEN)).toMatchObject({ timeout: 3600 })
    expect(await opened.firewall.verify()).toEqual([])
  })

  test('a static mapping has no timeout', async () => {
    await opened.firewall.apply([add(make({ owner: { via: 'operator' }, lease: 'forever', label: 'door' }))])
    expect(elementsOf('dnat4').get(DNAT)).toMatchObject({ timeout: undefined, comment: 'static 192.168.88.10: door' })
    expect(elementsOf('snat4').get(SNAT)?.timeout).toBeUndefined()
  })

  test('a mapping whose lease is partly over keeps its lifetime and ends on time', async () => {
    const { lifetime, expires } = lease(3600)
    await opened.firewall.apply([add(make({ lease: { lifetime, expires: (expires - 3_000_000) as Instant } }))])
    const element = elementsOf('dnat4').get(DNAT)
    expect(element?.timeout).toBe(3600)
    expect([599, 600]).toContain(element?.expires) // nft rounds down, and it may be quick
  })

  test('a renewal sets the time anew, in one commit', async () => {
    const short = make({ lease: lease(60) })
    await opened.firewall.apply([add(short)])
    const before = await generation()
    await opened.firewall.apply([replace(short, make({ lease: lease(7200) }))])
    expect(await generation()).toBe(before + 1)
    for (const [set, key] of [
      ['dnat4', DNAT],
      ['snat4', SNAT],
      ['taken', TAKEN],
    ] as const) {
      expect([set, elementsOf(set).get(key)?.timeout]).toEqual([set, 7200])
      expect(elementsOf(set).get(key)?.expires).toBeGreaterThan(7190)
    }
    expect(opened.ended).toEqual([])
    expect(await opened.firewall.verify()).toEqual([])
  })

  test('a renewal for as long as before begins again too', async () => {
    const first = make({ lease: lease(5) })
    await opened.firewall.apply([add(first)])
    await sleep(2200)
    await opened.firewall.apply([replace(first, make({ lease: lease(5) }))])
    for (const [set, key] of [
      ['dnat4', DNAT],
      ['snat4', SNAT],
      ['taken', TAKEN],
    ] as const) {
      // Whole seconds, as nft rounds them; without the renewal it would be 2.
      expect(elementsOf(set).get(key)?.expires, set).toBeGreaterThan(3)
    }
    expect(await opened.firewall.verify()).toEqual([])
  })

  test('a renewal with another label shows it', async () => {
    await opened.firewall.apply([add(mapping)])
    await opened.firewall.apply([replace(mapping, make({ label: 'other' }))])
    expect(elementsOf('dnat4').get(DNAT)?.comment).toBe('nat-pmp 192.168.88.10: other')
  })

  test('a lease for ever becomes one that ends, and the reverse', async () => {
    const forever = make({ lease: 'forever' })
    await opened.firewall.apply([add(mapping)])
    await opened.firewall.apply([replace(mapping, forever)])
    expect(elementsOf('dnat4').get(DNAT)?.timeout).toBeUndefined()
    await opened.firewall.apply([replace(forever, mapping)])
    expect(elementsOf('dnat4').get(DNAT)?.timeout).toBe(3600)
  })

  test('a removal leaves nothing, and its flows are ended', async () => {
    await opened.firewall.apply([add(mapping)])
    await opened.firewall.apply([remove(mapping)])
    for (const set of ['dnat4', 'snat4', 'taken']) expect([set, elementsOf(set).size]).toEqual([set, 0])
    expect(opened.ended).toEqual([mapping])
  })

  test('a move takes the flows of the old place away', async () => {
    const moved = make({ external: { ip: '55.66.77.88' as Ip, port: 8080 as Port } })
    await opened.firewall.apply([add(mapping)])
    await opened.firewall.apply([replace(mapping, moved)])
    expect([...elementsOf('dnat4').keys()]).toEqual(['55.66.77.88 tcp 8080'])
    expect(elementsOf('snat4').get(SNAT)?.value).toBe('55.66.77.88 8080')
    expect([...elementsOf('taken').keys()]).toEqual([TAKEN])
    expect(opened.ended).toEqual([mapping])
    expect(await opened.firewall.verify()).toEqual([])
  })

  test('a new external address: the crowd moves, in one commit with what needs a closer look', async () => {
    const crowd = many(opened.platform.clock, 400)
    const [first, second, third] = crowd as [Mapping, Mapping, Mapping]
    const beside = { ...first, external: { ...first.external, port: 40_000 as Port } }
    const idle = make({ state: 'suspended' })
    await opened.firewall.apply([...crowd, beside, idle].map(add))
    const moves = [...crowd, beside, idle].filter(each => each !== second).map(was => replace(was, elsewhere(was)))
    // A static mapping that leads where one of the crowd leads.
    const door = make({
      owner: { via: 'operator' },
      transport: third.transport,
      lease: 'forever',
      external: { ip: ELSEWHERE, port: 40_001 as Port },
      internal: third.internal,
    })
    const before = await generation()
    await opened.firewall.apply([remove(second), ...moves, add(door)])
    expect(await generation()).toBe(before + 1)
    expect(await opened.firewall.verify()).toEqual([])
    expect([...elementsOf('dnat4').keys()].every(key => key.startsWith(`${ELSEWHERE} `))).toBe(true)
    expect(elementsOf('dnat4').size).toBe(401)
    expect(elementsOf('snat4').get(`${third.internal.ip} tcp ${third.internal.port}`)).toMatchObject({
      value: `${ELSEWHERE} ${third.external.port}`,
      timeout: undefined,
    })
    expect(opened.ended).toHaveLength(401) // what is suspended has no flows
  })

  test('a crowd moves although an element of it has gone', async () => {
    const crowd = many(opened.platform.clock, 400)
    await opened.firewall.apply(crowd.map(add))
    nft('delete', 'element', 'inet', 'portico', 'dnat4', '{ 11.22.33.44 . tcp . 1026 }')
    await opened.firewall.apply(crowd.map(was => replace(was, elsewhere(was))))
    expect(elementsOf('dnat4').size).toBe(400)
    expect(await opened.firewall.verify()).toEqual([])
  })

  test('what a turn adds and removes again never was', async () => {
    const before = await generation()
    await opened.firewall.apply([add(mapping), remove(mapping)])
    expect(await generation()).toBe(before)
    expect(elementsOf('dnat4').size).toBe(0)
  })

  test('one external port passes from host to host in one turn', async () => {
    const other = make({ internal: { ip: '192.168.88.11' as Ip, port: 90 as Port } })
    await opened.firewall.apply([add(mapping)])
    await opened.firewall.apply([remove(mapping), add(other)])
    expect(elementsOf('dnat4').get(DNAT)?.value).toBe('192.168.88.11 90')
    expect([...elementsOf('snat4').keys()]).toEqual(['192.168.88.11 tcp 90'])
    expect(await opened.firewall.verify()).toEqual([])
  })

  test('an endpoint with two mappings leaves under the oldest, for as long as the longest', async () => {
    const first = make({ lease: lease(100) })
    const second = make({ external: { ip: WAN, port: 8081 as Port }, lease: lease(900) })
    await opened.firewall.apply([add(first), add(second)])
    expect(elementsOf('snat4').get(SNAT)).toMatchObject({ value: '11.22.33.44 8080', timeout: 900 })
    const renewed = make({ lease: lease(2000) })
    await opened.firewall.apply([replace(first, renewed)])
    expect(elementsOf('snat4').get(SNAT)).toMatchObject({ value: '11.22.33.44 8080', timeout: 2000 })
    await opened.firewall.apply([remove(renewed)])
    expect(elementsOf('snat4').get(SNAT)).toMatchObject({ value: '11.22.33.44 8081', timeout: 900 })
    expect(await opened.firewall.verify()).toEqual([])
    await opened.firewall.apply([remove(second)])
    expect(elementsOf('snat4').size).toBe(0)
  })

  test('removing what expired a moment ago succeeds, alone or among others', async () => {
    const brief = make({ lease: lease(1) })
    const [one, two] = many(opened.platform.clock, 2) as [Mapping, Mapping]
    const others = many(opened.platform.clock, 20, WAN, 100)
    await opened.firewall.apply([brief, one, two, ...others].map(add))
    await sleep(1300)
    await opened.firewall.apply([remove(brief)])
    await opened.firewall.apply([remove(one), ...others.map(remove)])
    expect([...elementsOf('dnat4').values()].map(({ value }) => value)).toEqual([
      `${two.internal.ip} ${two.internal.port}`,
    ])
    expect(await opened.firewall.verify()).toEqual([])
  })

  test('an element that somebody else left is replaced', async () => {
    nft('add', 'element', 'inet', 'portico', 'dnat4', '{ 11.22.33.44 . tcp . 8080 : 10.9.8.7 . 22 }')
    await opened.firewall.apply([add(mapping)])
    expect(elementsOf('dnat4').get(DNAT)).toMatchObject({ value: '192.168.88.10 80', timeout: 3600 })
    await opened.firewall.apply([remove(mapping)])
    const all = many(opened.platform.clock, 30)
    const { external } = all[7] as Mapping
    nft('add', 'element', 'inet', 'portico', 'dnat4', `{ ${WAN} . udp . ${external.port} : 10.9.8.7 . 22 }`)
    await opened.firewall.apply(all.map(add))
    expect(elementsOf('dnat4').get(`${WAN} udp ${external.port}`)?.value).not.toBe('10.9.8.7 22')
    expect(await opened.firewall.verify()).toEqual([])
  })

  test('a full map refuses all of a turn, and the error names the change', async () => {
    await opened.firewall.build({ ...SETTINGS, capacity: 3 }, [mapping], EPOCH)
    const error = await failure(opened.firewall.apply(many(opened.platform.clock, 4).map(add)))
    expect(error).toBeInstanceOf(KernelError)
    expect(error).toMatchObject({ code: 'ENFILE' })
    expect([...elementsOf('dnat4').keys()]).toEqual([DNAT])
    expect([...elementsOf('snat4').keys()]).toEqual([SNAT])
    expect(await opened.firewall.verify()).toEqual([])
    const [one, two, three] = many(opened.platform.clock, 3) as [Mapping, Mapping, Mapping]
    await opened.firewall.apply([add(one), add(two)])
    const alone = await failure(opened.firewall.apply([add(three)]))
    expect(alone.message).toMatch(`add tcp 11.22.33.44:1026 to ${three.internal.ip}:2002: ENFILE`)
    await opened.firewall.apply([replace(one, { ...one, lease: lease(50) }), remove(two), add(three)])
    expect(await opened.firewall.verify()).toEqual([])
  })

  test('what was torn down is built again before the change is made', async () => {
    const [one, two] = many(opened.platform.clock, 2) as [Mapping, Mapping]
    await opened.firewall.apply([add(one)])
    nft('flush', 'ruleset')
    await opened.firewall.apply([add(two)])
    expect(elementsOf('dnat4').size).toBe(2)
    expect(await opened.firewall.verify()).toEqual([])
  })

  test('changes that overlap in time are made one after the other', async () => {
    const all = many(opened.platform.clock, 50)
    await Promise.all(all.map(each => opened.firewall.apply([add(each)])))
    expect(elementsOf('dnat4').size).toBe(50)
    const [, differences] = await Promise.all([opened.firewall.apply(all.map(remove)), opened.firewall.verify()])
    expect(differences).toEqual([])
    expect(elementsOf('dnat4').size).toBe(0)
  })
})

describe('large and whole', () => {
  beforeAll(async () => {
    opened = await openFirewall()
  })
  beforeEach(begin)
  afterAll(() => opened.firewall.remove())

  test('10,000 mappings move in one commit', async () => {
    const all = many(opened.platform.clock, 10_000)
    const moved = many(opened.platform.clock, 10_000, '55.66.77.88' as Ip)
    await opened.firewall.apply(all.map(add))
    const before = await generation()
    await opened.firewall.apply(
      all.map((was, n) => replace(was, moved[n] as Mapping)),
      2_000_000 as Instant,
    )
    expect(await generation()).toBe(before + 1)
    expect(await opened.firewall.verify()).toEqual([])
    const held = elementsOf('dnat4')
    expect(held.size).toBe(10_000)
    expect([...held.keys()].every(key => key.startsWith('55.66.77.88 '))).toBe(true)
    expect(nft('list', 'set', 'inet', 'portico', 'state')).toContain('epoch began 2000000 ms after boot')
  })

  test('where the send buffer is bounded, large changes go in parts and fail as a whole', async () => {
    const { platform, features } = opened
    const socket = await platform.netlink({ family: 'netfilter', groups: [], extendedAck: false })
    const short: NetlinkSocket = {
      portId: socket.portId,
      sendLimit: 30_000,
      send: datagram => socket.send(datagram),
      take: (each, overrun) => socket.take(each, overrun),
      drain: () => socket.drain(),
      hear: on => socket.hear(on),
      close: () => socket.close(),
    }
    const exchange = new Exchange(short, platform)
    const { clock } = platform
    const firewall = new KernelFirewall({ exchange, machine: platform, clock, features, endFlows: () => undefined })
    const all = many(clock, 1000)
    await firewall.build({ ...SETTINGS, capacity: 1001 }, all, EPOCH)
    expect(elementsOf('dnat4').size).toBe(1000)
    const moved = all.map(was => replace(was, { ...was, external: { ...was.external, ip: '5.6.7.8' as Ip } }))
    await firewall.apply(moved, 77 as Instant)
    expect(await firewall.verify()).toEqual([])
    const more = many(clock, 1000, WAN, 5000).map(add)
    expect(await failure(firewall.apply(more))).toMatchObject({ code: 'ENFILE' })
    expect([...elementsOf('dnat4').keys()].every(key => key.startsWith('5.6.7.8 '))).toBe(true)
    expect(elementsOf('dnat4').size).toBe(1000)
    expect(await firewall.verify()).toEqual([])
    exchange.close()
  })

  test('a removed table is gone, twice removed too', async () => {
    await opened.firewall.remove()
    await opened.firewall.remove()
    expect(nft('list', 'tables')).not.toContain('portico')
    expect(await opened.firewall.verify()).toEqual([])
  })
})

const elsewhere = (was: Mapping): Mapping => ({ ...was, external: { ...was.external, ip: ELSEWHERE } })

async function failure(work: Promise<unknown> | undefined): Promise<Error> {
  return Promise.resolve(work).then(
    () => new Error('it succeeded'),
    (error: Error) => error,
  )
}
