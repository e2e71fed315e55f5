/** Adoption after a restart, and the table kept whole whatever others do to it. */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Ip, Mac, Port } from '../../src/base/ip.ts'
import type { Instant } from '../../src/base/time.ts'
import type { Mapping } from '../../src/core/mapping.ts'
import type { ForeignChange } from '../../src/kernel/watch.ts'
import { openWatch } from '../../src/kernel/watch.ts'
import { FLAG, messages } from '../../src/wire/netlink.ts'
import { Writer } from '../../src/wire/netlink-attributes.ts'
import { Batch, decode, FAMILY, nameOf } from '../../src/wire/nftables.ts'
import type { Opened } from '../support/nft-kernel.ts'
import {
  add,
  elementsOf,
  leaseOf,
  many,
  nft,
  nftFile,
  openFirewall,
  remove,
  SETTINGS,
  sample,
  WAN,
} from '../support/nft-kernel.ts'
import { until } from '../support/process.ts'

const OLD_TABLE = readFileSync(new URL('../vectors/nft/table-version-2.hex', import.meta.url), 'utf8')
const EPOCH = 98_765_432_101 as Instant

let opened: Opened
beforeEach(async () => {
  opened = await openFirewall()
  await opened.firewall.build(SETTINGS, [], EPOCH)
})
afterEach(async () => {
  await opened.firewall.remove()
  opened.exchange.close()
})

const make = (changes: Partial<Mapping>) => sample(opened.platform.clock, changes)
const port = (n: number) => ({ ip: WAN, port: n as Port })

/** Every kind of mapping that there can be. */
const kinds = (): Mapping[] => [
  make({}),
  make({ external: port(1025), internal: { ip: '10.0.0.1' as Ip, port: 65535 as Port }, mac: undefined, label: '' }),
  make({ external: port(1026), transport: 'udp', owner: { via: 'operator' }, lease: 'forever', label: 'door: 1' }),
  make({ external: port(1027), owner: { via: 'upnp', client: '192.168.88.77' as Ip }, label: 'for another host' }),
  make({ external: port(1028), owner: { via: 'upnp', client: 'fe80::1:2' as Ip }, mac: 'ff:fe:fd:fc:fb:fa' as Mac }),
  make({ external: port(1029), label: 'says "hello" \\ $x {}' }),
  make({ external: port(1030), label: 'Spielstunde ä€𝄞' }),
  make({ external: port(1031), label: 'x'.repeat(64) }),
  make({ external: port(1032), label: '"'.repeat(64), owner: { via: 'upnp', client: '2001:db8::ffff:1:2:3' as Ip } }),
  make({ external: port(1033), label: 'ends soon', lease: leaseOf(opened.platform.clock, 2) }),
  make({ external: port(1034), internal: at('192.168.88.12', 34), remote: { ip: '198.51.100.7' as Ip, port: 'any' } }),
  make({ external: port(1035), label: '"off"', state: 'disabled' }),
  make({ external: port(1036), state: 'suspended', remote: { ip: '198.51.100.7' as Ip, port: 'any' } }),
  make({ external: port(1037), state: 'disabled', remote: { ip: '2001:db8:9::9' as Ip, port: 'any' } }),
  pinhole(1038, {}),
  pinhole(1039, { remote: { ip: '2001:db8:f::1' as Ip, port: 'any' }, mac: undefined }),
  pinhole(1040, { remote: { ip: 'any', port: 4000 as Port }, transport: 'udp' }),
  pinhole(1041, { remote: { ip: '2001:db8:f::1' as Ip, port: 65535 as Port }, label: '"'.repeat(64), pinhole: 65535 }),
  pinhole(1042, {
    remote: { ip: 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff' as Ip, port: 4000 as Port },
    owner: { via: 'upnp', client: '2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff' as Ip },
    label: '"'.repeat(64),
    state: 'suspended',
  }),
]

/** Whether it is a request for the elements of that set. */
const asksFor = (set: string, datagram: Uint8Array): boolean =>
  messages(datagram, opened.platform.littleEndian).some(each => {
    if (nameOf(each.type) !== 'getElements') return false
    const { body } = decode(each, opened.platform.littleEndian)
    return 'set' in body && body.set === set
  })

/** Nothing of this process runs meanwhile. */
function pause(ms: number): 1 {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
  return 1
}

const at = (ip: string, port: number) => ({ ip: ip as Ip, port: port as Port })

function pinhole(n: number, changes: Partial<Mapping>): Mapping {
  const internal = at('2001:db8::10', n)
  return make({ external: internal, internal, owner: { via: 'upnp', client: internal.ip }, pinhole: n, ...changes })
}

/** With the time that is left in whole seconds, rounded. */
const rounded = (mappings: readonly Mapping[]) =>
  mappings
    .map(mapping => ({ ...mapping, lease: mapping.lease === 'forever' ? 'forever' : mapping.lease.lifetime }))
    .sort((a, b) => a.external.port - b.external.port)

describe('adoption', () => {
  test('everything comes back as it was, with the epoch', async () => {
    await opened.firewall.apply(kinds().map(add))
    const next = await opened.another()
    const adopted = await next.firewall.adopt()
    expect(rounded(adopted?.mappings ?? [])).toEqual(rounded(kinds()))
    expect(adopted).toMatchObject({ epochStart: EPOCH, intact: true })
    const [first] = adopted?.mappings.filter(each => each.external.port === 8080) ?? []
    const left = first?.lease === 'forever' ? 0 : (first?.lease.expires ?? 0) - opened.platform.clock.now()
    expect(Math.abs(left - 3600_000)).toBeLessThan(2000)
    await next.firewall.configure(SETTINGS)
    expect(await next.firewall.verify()).toEqual([])
    next.exchange.close()
  })

  test('what expired while no daemon ran is not there', async () => {
    await opened.firewall.apply([
      add(make({ lease: leaseOf(opened.platform.clock, 1) })),
      add(make({ external: port(99) })),
    ])
    await sleep(1200)
    const next = await opened.another()
    const adopted = await next.firewall.adopt()
    expect(adopted?.mappings.map(({ external }) => external.port)).toEqual([99])
    next.exchange.close()
  })

  test('a router that takes its time to read finds the table as it is, and so does its next look', async () => {
    await opened.firewall.apply(many(opened.platform.clock, 10).map(add))
    let pauses = 0
    const next = await openFirewall({}, socket => {
      const send = socket.send.bind(socket)
      socket.send = datagram => {
        send(datagram)
        // The kernel has answered: what is left of each lease is said, and goes on running.
        if (pauses === 0 && asksFor('dnat4', datagram)) pauses += pause(2500)
      }
      return socket
    })
    expect((await next.firewall.adopt())?.intact).toBe(true)
    expect(pauses).toBe(1)
    await next.firewall.configure(SETTINGS)
    expect(await next.firewall.verify()).toEqual([])
    next.exchange.close()
  })

  test('the oldest mapping of an endpoint stays the one under which it leaves', async () => {
    await opened.firewall.apply([8083, 8081, 8082].map(n => add(make({ external: port(n) }))))
    const next = await opened.another()
    const adopted = await next.firewall.adopt()
    expect(adopted?.intact).toBe(true)
    await next.firewall.configure(SETTINGS)
    await next.firewall.apply([remove(make({ external: port(8081) }))])
    expect(elementsOf('snat4').get('192.168.88.10 tcp 80')?.value).toBe('11.22.33.44 8083')
    expect(await next.firewall.verify()).toEqual([])
    next.exchange.close()
  })

  test('without a table there is nothing to adopt', async () => {
    await opened.firewall.remove()
    expect(await opened.firewall.adopt()).toBeUndefined()
    nftFile('add table inet portico\nadd set inet portico state { type mark; }')
    expect(await opened.firewall.adopt()).toBeUndefined()
  })

  test.each([
    ['an element of somebody else', 'add element inet portico dnat4 { 11.22.33.44 . tcp . 22 : 10.0.0.1 . 22 }'],
    ['a rule too few', 'flush chain inet portico forward'],
    ['a way out without a way in', 'add element inet portico snat4 { 10.0.0.1 . tcp . 22 : 11.22.33.44 . 22 }'],
  ])('%s means that the table is built anew, around our mappings', async (_what, command) => {
    await opened.firewall.apply(kinds().map(add))
    nftFile(command)
    const next = await opened.another()
    const adopted = await next.firewall.adopt()
    expect(adopted?.intact).toBe(false)
    expect(rounded(adopted?.mappings ?? [])).toEqual(rounded(kinds()))
    await next.firewall.build(SETTINGS, adopted?.mappings ?? [], EPOCH)
    expect(await next.firewall.verify()).toEqual([])
    next.exchange.close()
  })
})

test('a table of another version is built anew', async () => {
  await opened.firewall.apply(kinds().map(add))
  const batch = new Batch(new Writer(true))
  const [table, set, key] = ['portico', 'state', { value: Uint8Array.of(99, 0, 0, 0) }]
  const userdata = Uint8Array.of(0x80, 8, 0, 0, 0, 0, 0, 0, 1, 0)
  batch.add('deleteElements', 0, FAMILY.inet, { table, set })
  batch.add('newElements', FLAG.create, FAMILY.inet, { table, set, elements: [{ key, userdata }] })
  expect(await opened.exchange.batch('writing another version', batch)).toEqual([])
  const next = await opened.another()
  const adopted = await next.firewall.adopt()
  expect(adopted).toMatchObject({ intact: false, epochStart: 256 })
  expect(rounded(adopted?.mappings ?? [])).toEqual(rounded(kinds()))
  next.exchange.close()
})

describe('a table of rules version 2', () => {
  /** Sends what a daemon of that version sent: the whole table in one batch, leases of one and two hours. */
  const write = async () => {
    const datagram = Uint8Array.from(Buffer.from(OLD_TABLE.replaceAll(/\s/g, ''), 'hex'))
    const [first] = messages(datagram, true)
    const batch = {
      size: messages(datagram, true).length - 2,
      finish(sequence: number) {
        for (let at = 0, n = 0; at < datagram.length; n++) {
          const view = new DataView(datagram.buffer, at)
          view.setUint32(8, sequence + n, true)
          at += (view.getUint32(0, true) + 3) & ~3
        }
        return datagram
      },
    }
    expect(first?.type).toBe(0x10) // NFNL_MSG_BATCH_BEGIN
    expect(await opened.exchange.batch('writing the old table', batch)).toEqual([])
  }

  test('is rebuilt around its mappings', async () => {
    await opened.firewall.remove()
    await write()
    expect(nft('list', 'table', 'inet', 'portico')).not.toContain('pinhole6')
    const next = await opened.another()
    const adopted = await next.firewall.adopt()
    expect(adopted).toMatchObject({ intact: false, epochStart: 256 })
    const mappings = adopted?.mappings ?? []
    expect(
      rounded(mappings).map(({ external, label, remote, state }) => [external.port, label, remote.ip, state]),
    ).toEqual([
      [1026, 'door: 1', 'any', 'on'],
      [1027, 'says "hello"', 'any', 'on'],
      [8080, 'web', 'any', 'on'],
      [8081, 'second way', 'any', 'on'],
    ])
    await next.firewall.build(SETTINGS, mappings, EPOCH)
    expect(await next.firewall.verify()).toEqual([])
    expect(nft('list', 'table', 'inet', 'portico')).toContain('set pinhole6')
    expect(elementsOf('dnat4').size).toBe(4)
    next.exchange.close()
  })
})

describe('configuration', () => {
  test('devices, mark and ports change, mappings stay', async () => {
    await opened.firewall.apply(kinds().map(add))
    const guarded = [{ transport: 'udp', port: 5350 as Port }] as const
    const settings = { ...SETTINGS, internal: ['lan7'], external: [], markBit: 0x100, guarded }
    await opened.firewall.configure(settings)
    const text = nft('list', 'table', 'inet', 'portico')
    expect(text).toContain('meta mark set meta mark | 0x00000100')
    expect(text).toMatch(/set internal \{[^}]*elements = \{ "lan7" \}/)
    expect(text).toMatch(/set external \{[^=]*\}/)
    expect([...elementsOf('guarded').keys()]).toEqual(['udp 5350'])
    expect(held()).toBe(kinds().length)
    expect(await opened.firewall.verify()).toEqual([])
  })

  test('another capacity keeps the mappings too', async () => {
    await opened.firewall.apply(kinds().map(add))
    await opened.firewall.configure({ ...SETTINGS, capacity: 500 })
    expect(nft('list', 'map', 'inet', 'portico', 'dnat4')).toContain('size 500')
    expect(await opened.firewall.verify()).toEqual([])
    expect(held()).toBe(kinds().length)
  })
})

const BODIES = ['dnat4', 'dnat4from', 'idle4', 'pinhole6', 'idle6'] as const
const held = () => BODIES.reduce((sum, set) => sum + elementsOf(set).size, 0)

const TAMPERING: readonly (readonly [string, string, string])[] = [
  ['the whole ruleset flushed', 'flush ruleset', 'table missing portico'],
  ['our table deleted', 'delete table inet portico', 'table missing portico'],
  ['a chain flushed', 'flush chain inet portico prerouting', 'rules altered rules'],
  ['a rule added', 'add rule inet portico input drop', 'rules altered rules'],
  ['a policy changed', 'add chain inet portico forward { policy drop; }', 'chains altered chains'],
  ['a set added', 'add set inet portico more { type mark; }', 'sets altered sets'],
  [
    'a mapping deleted',
    'delete element inet portico dnat4 { 11.22.33.44 . tcp . 8080 }',
    'dnat4 missing tcp 11.22.33.44:8080 to 192.168.88.10:80',
  ],
  [
    'a mapping added',
    'add element inet portico dnat4 { 11.22.33.44 . tcp . 22 : 10.0.0.1 . 22 }',
    'dnat4 foreign 0b16212c0600000000160000',
  ],
  [
    'a mapping that leads elsewhere',
    'delete element inet portico dnat4 { 11.22.33.44 . tcp . 8080 }\n' +
      'add element inet portico dnat4 { 11.22.33.44 . tcp . 8080 timeout 1h : 10.0.0.1 . 22 }',
    'dnat4 altered tcp 11.22.33.44:8080 to 192.168.88.10:80',
  ],
  [
    'a lease made longer',
    'add element inet portico taken { tcp . 8080 timeout 9h }',
    'taken altered tcp 11.22.33.44:8080 to 192.168.88.10:80',
  ],
  ['the way out deleted', 'flush map inet portico snat4', 'snat4 missing tcp 11.22.33.44:8080 to 192.168.88.10:80'],
  [
    'a device added',
    'add element inet portico internal { "evil0" }',
    'internal foreign 6576696c300000000000000000000000',
  ],
  [
    'a pinhole added',
    'add element inet portico pinhole6 { :: . 0 . 2001:db8::1 . tcp . 22 }',
    'pinhole6 foreign 0000000000000000000000000000000000000000' +
      '20010db8000000000000000000000001' +
      '0600000000160000',
  ],
  [
    'a mapping for one host added',
    'add element inet portico dnat4from { 1.2.3.4 . 11.22.33.44 . tcp . 22 : 10.0.0.1 . 22 }',
    'dnat4from foreign 010203040b16212c0600000000160000',
  ],
  ['a guarded port deleted', 'flush set inet portico guarded', 'guarded missing 1100000014e70000'],
]

describe('restoring', () => {
  test.each(TAMPERING)('%s: noticed, told and mended', async (_what, command, difference) => {
    const mapping = make({})
    await opened.firewall.apply([add(mapping)])
    const before = listing()
    const noticed: (ForeignChange | 'unknown')[] = []
    const watch = await openWatch(opened.platform, {
      writers: [opened.exchange],
      changed: by => noticed.push(by),
    })
    nftFile(command)
    await until('a notice', async () => noticed.length > 0 || undefined)
    expect(noticed[0]).toMatchObject({ process: 'nft' })
    const told = (await opened.firewall.restore()).map(({ where, is, what }) => `${where} ${is} ${what}`)
    expect(told).toContain(difference)
    expect(listing()).toBe(before)
    expect(await opened.firewall.verify()).toEqual([])
    await sleep(20)
    expect(noticed).toHaveLength(1) // not of what we did ourselves
    watch.close()
  })

  test.each([
    ['its rules are read', 'reading portico', 2],
    ['its elements are read', 'reading internal', 1],
    ['what was built is looked at', 'reading portico', 5],
  ])('a table that goes when %s is missing, and no reason to give up', async (_when, what, count) => {
    const { exchange, firewall } = opened
    await firewall.apply([add(make({}))])
    const dump = exchange.dump.bind(exchange)
    let left = count
    exchange.dump = (doing, ...rest) => {
      if (doing === what && --left === 0) nft('delete', 'table', 'inet', 'portico')
      return dump(doing, ...rest)
    }
    if (count > 3) nftFile('add rule inet portico input drop')
    expect((await firewall.restore()).length).toBeGreaterThan(0)
    await firewall.restore()
    expect(left).toBeLessThanOrEqual(0)
    expect(await firewall.verify()).toEqual([])
    expect(elementsOf('dnat4').size).toBe(1)
  })

  test('nothing is done when nothing is wrong', async () => {
    await opened.firewall.apply(kinds().map(add))
    const before = nft('-a', 'list', 'table', 'inet', 'portico').replaceAll(/expires \S+/g, '')
    expect(await opened.firewall.restore()).toEqual([])
    expect(nft('-a', 'list', 'table', 'inet', 'portico').replaceAll(/expires \S+/g, '')).toBe(before)
  })

  test('an expired lease is no difference', async () => {
    await opened.firewall.apply([add(make({ lease: leaseOf(opened.platform.clock, 1) }))])
    await sleep(1200)
    expect(await opened.firewall.verify()).toEqual([])
  })

  test('changes and comparisons at once do not see each other half made', async () => {
    const all = many(opened.platform.clock, 300)
    const work: (Promise<unknown> | undefined)[] = []
    for (const [n, mapping] of all.entries()) {
      work.push(opened.firewall.apply([add(mapping)]))
      if (n % 20 === 0) work.push(opened.firewall.restore().then(found => expect(found).toEqual([])))
    }
    await Promise.all(work)
    expect(await opened.firewall.verify()).toEqual([])
  })

  test('a table flushed again and again under load loses nothing', async () => {
    const watch = await openWatch(opened.platform, {
      writers: [opened.exchange],
      changed: () => void opened.firewall.restore().catch(() => undefined),
    })
    const all = many(opened.platform.clock, 400)
    for (const [n, mapping] of all.entries()) {
      if (n % 40 === 13) nft('flush', 'ruleset')
      await opened.firewall.apply([add(mapping)])
    }
    await opened.firewall.restore()
    expect(elementsOf('dnat4').size).toBe(400)
    expect(await opened.firewall.verify()).toEqual([])
    watch.close()
  })
})

describe('the watch', () => {
  test('does not hear of other tables', async () => {
    const noticed: unknown[] = []
    const watch = await openWatch(opened.platform, { writers: [], changed: by => noticed.push(by) })
    nftFile('add table inet fw4\nadd set inet fw4 x { type mark; elements = { 1, 2 }; }\nadd table ip portico')
    nftFile('flush table inet fw4\ndelete table inet fw4\ndelete table ip portico')
    nftFile('add table inet portico2\ndelete table inet portico2')
    await opened.firewall.apply([add(make({}))])
    await until('a notice', async () => noticed.length > 0 || undefined)
    await sleep(20)
    expect(noticed).toHaveLength(1) // the last, which is ours, since nothing is ignored
    watch.close()
  })

  test('a rebuilt table is back within 100 ms of the notice', async () => {
    await opened.firewall.apply(many(opened.platform.clock, 200).map(add))
    const { clock } = opened.platform
    const times: number[] = []
    const watch = await openWatch(opened.platform, {
      writers: [opened.exchange],
      changed: () => {
        const noticed = clock.now()
        opened.firewall.restore().then(
          found => found.length > 0 && times.push(clock.now() - noticed), // Node looks again after a large batch
          () => undefined,
        )
      },
    })
    for (let round = 1; round <= 10; round++) {
      nft('flush', 'ruleset')
      await until('a rebuilt table', async () => times.length >= round || undefined)
      expect(elementsOf('dnat4').size).toBe(200)
    }
    console.log(`rebuilt with 200 mappings after ${times.join(', ')} ms`)
    expect(times.sort((a, b) => a - b)[5]).toBeLessThan(100)
    watch.close()
  })
})

const listing = (): string =>
  nft('list', 'table', 'inet', 'portico').replaceAll(/expires \S+|packets \d+ bytes \d+/g, '')
