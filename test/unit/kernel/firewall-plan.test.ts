import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Ip, Port } from '../../../src/base/ip.ts'
import type { Instant, Seconds } from '../../../src/base/time.ts'
import type { Change, Lease, Mapping, Transport } from '../../../src/core/mapping.ts'
import { ORDINARY } from '../../../src/core/mapping.ts'
import { endpointKey, portKey } from '../../../src/kernel/elements.ts'
import { MappingIndex } from '../../../src/kernel/firewall-index.ts'
import { mend, refusal } from '../../../src/kernel/firewall-mend.ts'
import type { Operation } from '../../../src/kernel/firewall-plan.ts'
import { OperationWriter, plan } from '../../../src/kernel/firewall-plan.ts'
import type { Features, MappingSet } from '../../../src/kernel/ruleset.ts'
import { messages } from '../../../src/wire/netlink.ts'
import { decode, nameOf } from '../../../src/wire/nftables.ts'

const NEW: Features = { updatesTimeouts: true, destroysElements: true, looksUpMapsAsSets: true }
const OLD: Features = { updatesTimeouts: false, destroysElements: false, looksUpMapsAsSets: false }
const NOW = 1000 as Instant

const lease = (lifetime: number): Lease => ({
  lifetime: lifetime as Seconds,
  expires: (NOW + lifetime * 1000) as Instant,
})
function mapping(external: number, host = 10, changes: Partial<Mapping> = {}): Mapping {
  const ip = `192.168.88.${host}` as Ip
  return {
    transport: 'tcp',
    external: { ip: '11.22.33.44' as Ip, port: external as Port },
    internal: { ip, port: 80 as Port },
    owner: { via: 'nat-pmp', client: ip },
    lease: lease(3600),
    label: 'web',
    mac: undefined,
    ...ORDINARY,
    ...changes,
  }
}
const add = (mapping: Mapping): Change => ({ act: 'add', mapping })
const remove = (mapping: Mapping): Change => ({ act: 'remove', mapping })
const replace = (was: Mapping, mapping: Mapping): Change => ({ act: 'replace', was, mapping })

const said = (operations: readonly Operation[]) =>
  operations.map(({ act, set, mapping, lease }) => {
    const time = lease === 'forever' ? 'forever' : lease.lifetime
    return `${act} ${set} ${mapping.external.port}>${mapping.internal.ip.split('.')[3]} ${time}`
  })

const one = mapping(8080)
const longer = { ...one, lease: lease(7200) }
const second = mapping(8081)

describe('operations', () => {
  test.each<[string, readonly Mapping[], readonly Change[], Features, readonly string[]]>([
    [
      'a new mapping',
      [],
      [add(one)],
      NEW,
      ['create dnat4 8080>10 3600', 'create snat4 8080>10 3600', 'create taken 8080>10 3600'],
    ],
    [
      'a removal',
      [one],
      [remove(one)],
      NEW,
      ['delete dnat4 8080>10 3600', 'delete snat4 8080>10 3600', 'delete taken 8080>10 3600'],
    ],
    [
      'a renewal',
      [one],
      [replace(one, longer)],
      NEW,
      ['refresh dnat4 8080>10 7200', 'refresh snat4 8080>10 7200', 'refresh taken 8080>10 7200'],
    ],
    [
      'a renewal on an older kernel',
      [one],
      [replace(one, longer)],
      OLD,
      [
        'delete dnat4 8080>10 3600',
        'create dnat4 8080>10 7200',
        'delete snat4 8080>10 3600',
        'create snat4 8080>10 7200',
        'delete taken 8080>10 3600',
        'create taken 8080>10 7200',
      ],
    ],
    ['nothing new', [one], [replace(one, { ...one })], NEW, []],
    [
      'another label',
      [one],
      [replace(one, { ...one, label: 'x' })],
      NEW,
      ['delete dnat4 8080>10 3600', 'create dnat4 8080>10 3600'],
    ],
    [
      'a lease without an end',
      [one],
      [replace(one, { ...one, lease: 'forever' })],
      NEW,
      [
        'delete dnat4 8080>10 3600',
        'create dnat4 8080>10 forever',
        'delete snat4 8080>10 3600',
        'create snat4 8080>10 forever',
        'delete taken 8080>10 3600',
        'create taken 8080>10 forever',
      ],
    ],
    [
      'a second way to an endpoint',
      [one],
      [add(second)],
      NEW,
      ['create dnat4 8081>10 3600', 'create taken 8081>10 3600'],
    ],
    [
      'a second, longer way to an endpoint',
      [one],
      [add({ ...second, lease: lease(9000) })],
      NEW,
      ['create dnat4 8081>10 9000', 'refresh snat4 8080>10 9000', 'create taken 8081>10 9000'],
    ],
    [
      'the oldest way goes',
      [one, second],
      [remove(one)],
      NEW,
      [
        'delete dnat4 8080>10 3600',
        'delete snat4 8080>10 3600',
        'create snat4 8081>10 3600',
        'delete taken 8080>10 3600',
      ],
    ],
    [
      'a younger way goes',
      [one, second],
      [remove(second)],
      NEW,
      ['delete dnat4 8081>10 3600', 'delete taken 8081>10 3600'],
    ],
    ['added and removed', [], [add(one), remove(one)], NEW, []],
    [
      'one port, from host to host',
      [one],
      [remove(one), add(mapping(8080, 11))],
      NEW,
      [
        'delete dnat4 8080>10 3600',
        'create dnat4 8080>11 3600',
        'delete snat4 8080>10 3600',
        'create snat4 8080>11 3600',
      ],
    ],
    [
      'a move to another address',
      [one],
      [replace(one, { ...one, external: { ip: '5.6.7.8' as Ip, port: 8080 as Port } })],
      NEW,
      [
        'delete dnat4 8080>10 3600',
        'create dnat4 8080>10 3600',
        'delete snat4 8080>10 3600',
        'create snat4 8080>10 3600',
      ],
    ],
  ])('%s', (_what, held, changes, features, expected) => {
    expect(said(plan(changes, new MappingIndex(held), features))).toEqual(expected)
  })

  test.each<[string, readonly Mapping[], readonly Change[], readonly string[]]>([
    [
      'disabled',
      [one],
      [replace(one, { ...one, state: 'disabled' })],
      [
        'delete dnat4 8080>10 3600',
        'create idle4 8080>10 3600',
        'delete snat4 8080>10 3600',
        'delete taken 8080>10 3600',
      ],
    ],
    [
      'disabled, then suspended: another userdata',
      [{ ...one, state: 'disabled' }],
      [replace({ ...one, state: 'disabled' }, { ...one, state: 'suspended' })],
      ['delete idle4 8080>10 3600', 'create idle4 8080>10 3600'],
    ],
    [
      'for one host now',
      [one],
      [replace(one, { ...one, remote: { ip: '198.51.100.7' as Ip, port: 'any' } })],
      ['delete dnat4 8080>10 3600', 'create dnat4from 8080>10 3600'],
    ],
    [
      'a disabled one beside one in use leaves the way out alone',
      [one, { ...second, state: 'disabled' }],
      [remove({ ...second, state: 'disabled' })],
      ['delete idle4 8081>10 3600'],
    ],
    [
      'a renewal of what is off',
      [{ ...one, state: 'disabled' }],
      [replace({ ...one, state: 'disabled' }, { ...longer, state: 'disabled' })],
      ['refresh idle4 8080>10 7200'],
    ],
  ])('of other kinds: %s', (_what, held, changes, expected) => {
    expect(said(plan(changes, new MappingIndex(held), NEW))).toEqual(expected)
  })

  test('each operation knows the change that wants it', () => {
    const operations = plan([add(one), add(mapping(9000, 11))], new MappingIndex(), NEW)
    expect(operations.map(({ change }) => change).sort()).toEqual([0, 0, 0, 1, 1, 1])
  })
})

/** What the sets hold, by key. */
type Model = Record<MappingSet, Map<number | string, string>>

function keyIn(set: MappingSet, { transport, external, internal, remote }: Mapping): number | string {
  if (set === 'taken') return portKey(transport, external.port)
  if (set === 'snat4') return endpointKey(transport, internal)
  if (set === 'dnat4' || set === 'idle4') return endpointKey(transport, external)
  if (set === 'dnat4from') return `${remote.ip} ${endpointKey(transport, external)}`
  return `${transport} ${internal.ip} ${internal.port} ${remote.ip} ${remote.port}`
}

/** Carries operations out as a kernel would; a mistake is text. */
function carryOut(model: Model, operations: readonly Operation[]): string[] {
  const mistakes: string[] = []
  for (const { act, set, mapping, lease } of operations) {
    const key = keyIn(set, mapping)
    const there = model[set].has(key)
    if (act === 'create' ? there : !there) mistakes.push(`${act} ${set} ${key}`)
    if (act === 'delete') model[set].delete(key)
    else model[set].set(key, contentOf(set, mapping, lease))
  }
  return mistakes
}

const contentOf = (set: MappingSet, { external, internal, label, ...rest }: Mapping, lease: Lease): string => {
  const { state, remote, pinhole } = rest
  const whole = [internal, label, state, remote, pinhole]
  return JSON.stringify([set === 'taken' ? '' : set === 'snat4' ? external : whole, lease])
}

function bodyOf({ state, remote, pinhole }: Mapping): MappingSet {
  if (state !== 'on') return pinhole === undefined ? 'idle4' : 'idle6'
  return pinhole !== undefined ? 'pinhole6' : remote.ip === 'any' ? 'dnat4' : 'dnat4from'
}

const leads = ({ state, pinhole }: Mapping) => state === 'on' && pinhole === undefined
const SETS: readonly MappingSet[] = ['dnat4', 'snat4', 'taken', 'dnat4from', 'idle4', 'pinhole6', 'idle6']

/** What they should hold, said once more and directly. */
function wanted(mappings: readonly Mapping[]): Model {
  const model = Object.fromEntries(SETS.map(set => [set, new Map()])) as unknown as Model
  for (const each of mappings) {
    const set = bodyOf(each)
    model[set].set(keyIn(set, each), contentOf(set, each, each.lease))
    if (!leads(each)) continue
    model.taken.set(keyIn('taken', each), contentOf('taken', each, each.lease))
    const key = keyIn('snat4', each)
    const sharing = mappings.filter(other => leads(other) && keyIn('snat4', other) === key)
    const last = sharing.map(({ lease }) => lease).reduce((a, b) => (ends(b) > ends(a) ? b : a))
    if (sharing[0] === each) model.snat4.set(key, contentOf('snat4', each, last))
  }
  return model
}

const ends = (lease: Lease) => (lease === 'forever' ? Number.POSITIVE_INFINITY : lease.expires)

const anyMapping = fc
  .record({
    port: fc.integer({ min: 1, max: 6 }),
    host: fc.integer({ min: 1, max: 3 }),
    transport: fc.constantFrom<Transport>('tcp', 'udp'),
    lifetime: fc.constantFrom(0, 60, 3600),
    label: fc.constantFrom('a', 'b'),
    kind: fc.constantFrom('on', 'on', 'on', 'one host', 'off', 'suspended', 'one host, off', 'pinhole', 'pinhole, off'),
  })
  .map(({ port, host, transport, lifetime, label, kind }) => {
    const common = { transport, label, lease: lifetime === 0 ? ('forever' as const) : lease(lifetime) }
    const state = kind.endsWith('off') ? 'disabled' : kind === 'suspended' ? kind : 'on'
    const remote = { ip: '198.51.100.7' as Ip, port: 'any' as const }
    if (!kind.startsWith('pinhole')) {
      return mapping(port, host, { ...common, state, ...(kind.startsWith('one') ? { remote } : {}) })
    }
    const internal = { ip: `2001:db8::${host}` as Ip, port: port as Port }
    const owner = { via: 'upnp', client: internal.ip } as const
    return mapping(port, host, { ...common, external: internal, internal, owner, state, pinhole: port * 10 + host })
  })

test.each([
  ['one change a turn', 1, NEW],
  ['many changes a turn', 7, NEW],
  ['one change a turn, older kernel', 1, OLD],
  ['many changes a turn, older kernel', 7, OLD],
] as const)('whatever changes, the sets hold what the mappings say: %s', (_how, perTurn, features) => {
  fc.assert(
    fc.property(fc.array(fc.array(anyMapping, { minLength: 1, maxLength: perTurn }), { maxLength: 12 }), turns => {
      const index = new MappingIndex()
      const model = wanted([])
      let held: readonly Mapping[] = []
      for (const turn of turns) {
        const changes: Change[] = []
        for (const wish of turn) [held, changes[changes.length]] = next(held, wish) as [Mapping[], Change]
        expect(carryOut(model, plan(changes, index, features))).toEqual([])
        for (const change of changes) {
          if (change.act === 'replace') index.replace(change.was, change.mapping)
          else if (change.act === 'add') index.add(change.mapping)
          else index.remove(change.mapping)
        }
        expect(model).toEqual(wanted(held))
        expect([...index.all()]).toHaveLength(held.length)
      }
    }),
    { numRuns: 60 },
  )
})

/** A wish on a port that is free adds, on one that is taken by this host renews, else it removes the holder. */
function next(held: readonly Mapping[], wish: Mapping): readonly [readonly Mapping[], Change] {
  const name = ({ transport, external, pinhole }: Mapping) => `${transport} ${external.port} ${pinhole}`
  const holder = held.find(each => name(each) === name(wish))
  if (holder === undefined) return [[...held, wish], add(wish)]
  if (holder.internal.ip !== wish.internal.ip) return [held.filter(each => each !== holder), remove(holder)]
  const change = replace(holder, wish)
  // What begins to be used is the youngest of its endpoint.
  if (leads(wish) && !leads(holder)) return [[...held.filter(each => each !== holder), wish], change]
  return [held.map(each => (each === holder ? wish : each)), change]
}

describe('messages', () => {
  const many = Array.from({ length: 1000 }, (_, n) => mapping(1000 + n, 10, { label: 'x'.repeat(60) }))
  const names = (operations: readonly Operation[], features: Features, each: 'together' | 'alone' = 'together') =>
    messages(new OperationWriter(true, features).write(operations, NOW, each).batch.finish(1), true)
      .map(({ type }) => nameOf(type))
      .filter(name => name !== undefined)

  test('deletions go first, and say destroy where the kernel knows it', () => {
    const operations = plan([remove(one), add(mapping(9000, 11))], new MappingIndex([one]), OLD)
    expect(names([...operations, ...operations], OLD).slice(0, 3)).toEqual(Array(3).fill('deleteElements'))
    expect(names([...operations, ...operations], NEW).slice(0, 3)).toEqual(Array(3).fill('destroyElements'))
  })

  test('no attribute outgrows its 16 bits, and no element is lost', () => {
    const operations = plan(many.map(add), new MappingIndex(), NEW)
    const { batch, sent } = new OperationWriter(true, NEW).write(operations, NOW, 'together')
    const decoded = messages(batch.finish(1), true)
      .slice(1, -1)
      .map(message => decode(message, true))
    expect(decoded.length).toBe(sent.length)
    expect(decoded.length).toBeLessThan(12)
    const counts = decoded.map(({ body }) => ('elements' in body ? (body.elements?.length ?? 0) : 0))
    expect(counts).toEqual(sent.map(({ operations }) => operations.length))
    expect(counts.reduce((sum, n) => sum + n, 0)).toBe(operations.length)
  })

  test('alone, every element has a message of its own', () => {
    const operations = plan(many.slice(0, 20).map(add), new MappingIndex(), NEW)
    expect(names(operations, NEW, 'alone')).toHaveLength(41) // one way out for all
  })
})

describe('refusals', () => {
  const changes = [add(one), add(mapping(9000, 11)), add(mapping(9001, 12)), add(mapping(9002, 13))]
  const operations = plan(changes, new MappingIndex(), NEW)
  const { sent } = new OperationWriter(true, NEW).write(operations, NOW, 'together')
  const failure = (message: number | 'batch', code: string, offset?: number) => ({
    message,
    code,
    said: 'words',
    offset,
  })

  test('the offset leads to the element, and the element to the change', () => {
    const [first] = sent
    const offset = (first?.starts[2] ?? 0) + 4
    expect(refusal([failure(0, 'EINVAL', offset)], sent, changes).message).toBe(
      'to add tcp 11.22.33.44:9001 to 192.168.88.12:80: EINVAL (kernel: words)',
    )
  })

  test('without an offset, or before the elements, no change is blamed', () => {
    expect(refusal([failure(0, 'EINVAL')], sent, changes).message).toBe('changing mappings: EINVAL (kernel: words)')
    expect(refusal([failure(0, 'ENOENT', 20)], sent, changes).doing).toBe('changing mappings')
    expect(refusal([failure('batch', 'EPERM')], sent, changes).code).toBe('EPERM')
  })

  test.each([
    ['what is there already is replaced', failure(0, 'EEXIST', (sent[0]?.starts[0] ?? 0) + 4), 13],
    ['the kernel did not say which: the same, each alone', failure(0, 'EEXIST'), 12],
    ['it says again', failure('batch', 'EAGAIN'), 12],
  ])('%s', (_what, failed, count) => {
    expect(mend(operations, [failed], sent)).toHaveLength(count)
  })

  test.each([
    ['no room', failure(0, 'ENFILE', (sent[0]?.starts[0] ?? 0) + 4)],
    ['no table', failure(0, 'ENOENT', 20)],
    ['no privilege', failure('batch', 'EPERM')],
  ])('%s: there is no hope', (_what, failed) => {
    expect(mend(operations, [failed], sent)).toBeUndefined()
  })

  test('a deletion of what has expired is dropped', () => {
    const deletions = plan(
      changes.map(({ mapping }) => remove(mapping)),
      new MappingIndex(changes.map(c => c.mapping)),
      OLD,
    )
    const written = new OperationWriter(true, OLD).write(deletions, NOW, 'alone')
    const mended = mend(deletions, [failure(1, 'ENOENT', 60), failure(3, 'ENOENT', 60)], written.sent)
    expect(mended).toHaveLength(10)
  })
})
