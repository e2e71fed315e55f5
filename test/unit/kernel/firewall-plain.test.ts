import { describe, expect, test } from 'vitest'
import type { Ip, Mac, Port } from '../../../src/base/ip.ts'
import type { Instant, Seconds } from '../../../src/base/time.ts'
import type { Change, Mapping } from '../../../src/core/mapping.ts'
import { ORDINARY } from '../../../src/core/mapping.ts'
import { MappingIndex } from '../../../src/kernel/firewall-index.ts'
import { PlainWriter } from '../../../src/kernel/firewall-plain.ts'
import { OperationWriter, plan } from '../../../src/kernel/firewall-plan.ts'
import type { Features } from '../../../src/kernel/ruleset.ts'
import { FLAG, messages } from '../../../src/wire/netlink.ts'
import { decode } from '../../../src/wire/nftables.ts'

const NEW: Features = { updatesTimeouts: true, destroysElements: true, looksUpMapsAsSets: true }
const OLD: Features = { updatesTimeouts: false, destroysElements: false, looksUpMapsAsSets: false }
const NOW = 5_000 as Instant
const LONG = 5_000_000 as Seconds // as milliseconds more than 32 bits

const lease = (lifetime: number, begun = 0) => ({
  lifetime: lifetime as Seconds,
  expires: (NOW + begun + lifetime * 1000) as Instant,
})

function mapping(n: number, fields: Partial<Mapping> = {}): Mapping {
  const client = `192.168.1.${n}` as Ip
  return {
    transport: n % 2 === 0 ? 'udp' : 'tcp',
    external: { ip: '11.22.33.44' as Ip, port: (3000 + n) as Port },
    internal: { ip: client, port: (4000 + n) as Port },
    owner: { via: 'nat-pmp', client },
    lease: lease(3600),
    label: 'NAT-PMP',
    mac: undefined,
    ...ORDINARY,
    ...fields,
  }
}

const add = (mapping: Mapping): Change => ({ act: 'add', mapping })
const remove = (mapping: Mapping): Change => ({ act: 'remove', mapping })
const renew = (was: Mapping, fields: Partial<Mapping> = {}): Change => {
  return { act: 'replace', was, mapping: { ...was, lease: lease(1800, 7), ...fields } }
}

const byAnother = (was: Mapping) => renew(was, { mac: '02:00:00:00:00:02' as Mac })

/** What the kernel would read, in an order of our own; userdata apart, which a refreshed element need not repeat. */
function spoken(datagram: Uint8Array, littleEndian: boolean): unknown {
  const all = messages(datagram, littleEndian)
  expect(all.map(({ sequence }) => sequence)).toEqual(all.map((_, n) => 77 + n))
  expect(all.filter(({ flags }) => (flags & FLAG.ack) !== 0)).toEqual([all[all.length - 2]])
  const bodies = all.slice(1, -1).map(message => {
    const { name, body } = decode(message, littleEndian) as unknown as {
      name: string
      body: { set: string; elements: object[] }
    }
    const elements = body.elements.map(element => JSON.stringify(plain(element))).sort()
    return { name, flags: message.flags & ~FLAG.ack, set: body.set, elements }
  })
  const rank = (body: { name: string; flags: number; set: string }) => `${body.name} ${body.flags} ${body.set}`
  return bodies.sort((a, b) => (rank(a) < rank(b) ? -1 : 1))
}

const plain = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return [...value]
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)]))
}

function both(
  writer: PlainWriter,
  held: readonly Mapping[],
  changes: readonly Change[],
  features: Features,
  little: boolean,
) {
  const index = new MappingIndex(held)
  const quick = writer.write(changes, index, NOW)
  const { batch } = new OperationWriter(little, features).write(plan(changes, index, features), NOW, 'together')
  return { quick: quick?.finish(77), general: batch.finish(77) }
}

const withoutUserdata = (text: string) => text.replaceAll(/,\\?"userdata\\?":\[[^\]]*\]/g, '')

describe.each([
  ['little-endian, new kernel', true, NEW],
  ['little-endian, old kernel', true, OLD],
  ['big-endian, new kernel', false, NEW],
  ['big-endian, old kernel', false, OLD],
] as const)('plain changes say what the plan says: %s', (_name, little, features) => {
  const [a, b, c] = [
    mapping(1),
    mapping(2, { lease: lease(LONG) }),
    mapping(3, { label: 'a longer label', mac: '02:00:00:00:00:01' as Mac }),
  ]
  const rows: readonly (readonly [string, readonly Mapping[], readonly Change[]])[] = [
    ['one new', [], [add(a)]],
    ['one new, longer than 32 bits of milliseconds', [a], [add(b)]],
    ['one new with other userdata', [a, b], [add(c)]],
    ['one new as before', [c], [add(a)]],
    ['one renewed', [a, b], [renew(a)]],
    ['one renewed for longer', [a, b], [renew(b, { lease: lease(LONG, 5) })]],
    ...(features.updatesTimeouts ? [] : [['one renewed by another device', [a], [byAnother(a)]] as const]),
    ['one removed', [a, b, c], [remove(c)]],
    ['another removed', [a, b], [remove(b)]],
    ['several of each kind', [a, b], [remove(a), renew(b), add(c)]],
  ]
  const writer = new PlainWriter(little, features)
  for (const [name, held, changes] of rows) {
    test(name, () => {
      const { quick, general } = both(writer, held, changes, features, little)
      expect(quick).not.toBeUndefined()
      const [ours, theirs] = [quick as Uint8Array, general].map(datagram => JSON.stringify(spoken(datagram, little)))
      const renewed = changes.some(({ act }) => act === 'replace') && features.updatesTimeouts
      if (renewed) expect(withoutUserdata(ours as string)).toBe(withoutUserdata(theirs as string))
      else expect(ours).toBe(theirs)
    })
  }
})

describe('what is not plain is left to the plan', () => {
  const a = mapping(1)
  const beside = mapping(1, { external: { ip: '11.22.33.44' as Ip, port: 9 as Port } })
  const rows: readonly (readonly [string, readonly Mapping[], readonly Change[]])[] = [
    ['a second mapping of an endpoint', [a], [add(beside)]],
    ['one of two mappings of an endpoint goes', [a, beside], [remove(beside)]],
    ['one of two is renewed', [a, beside], [renew(a)]],
    ['a removal of what is not known', [], [remove(a)]],
    ['a lease that never ends', [], [add(mapping(2, { lease: 'forever' }))]],
    ['one renewed by another device', [a], [byAnother(a)]],
    ['a lease that ends no more', [a], [renew(a, { lease: 'forever' })]],
    ['a renewal that changes nothing', [a], [renew(a, { lease: a.lease })]],
    ['another external address', [a], [renew(a, { external: { ip: '5.6.7.8' as Ip, port: a.external.port } })]],
    ['very many changes', [], Array.from({ length: 201 }, (_, n) => add(mapping(n + 1)))],
  ]
  test.each(rows)('%s', (_name, held, changes) => {
    expect(new PlainWriter(true, NEW).write(changes, new MappingIndex(held), NOW)).toBeUndefined()
  })
})
