import { expect, test } from 'vitest'
import type { Ip, Port } from '../../../src/base/ip.ts'
import type { Instant, Seconds } from '../../../src/base/time.ts'
import type { Change, Mapping } from '../../../src/core/mapping.ts'
import { ORDINARY } from '../../../src/core/mapping.ts'
import { MappingIndex } from '../../../src/kernel/firewall-index.ts'
import type { Move } from '../../../src/kernel/firewall-move.ts'
import { splitMoves } from '../../../src/kernel/firewall-move.ts'
import { OperationWriter } from '../../../src/kernel/firewall-plan.ts'
import type { Features } from '../../../src/kernel/ruleset.ts'
import { messages } from '../../../src/wire/netlink.ts'
import { decode } from '../../../src/wire/nftables.ts'

const OLD: Features = { updatesTimeouts: false, destroysElements: false, looksUpMapsAsSets: false }
const NOW = 1000 as Instant
const THERE = '55.66.77.88' as Ip

function mapping(external: number, changes: Partial<Mapping> = {}): Mapping {
  return {
    transport: 'udp',
    external: { ip: '11.22.33.44' as Ip, port: external as Port },
    internal: { ip: '192.168.88.10' as Ip, port: external as Port },
    owner: { via: 'nat-pmp', client: '192.168.88.10' as Ip },
    lease: { lifetime: 3600 as Seconds, expires: 3_601_000 as Instant },
    label: 'x'.repeat(60),
    mac: undefined,
    ...ORDINARY,
    ...changes,
  }
}
const replace = (was: Mapping, more: Partial<Mapping> = {}): Change => ({
  act: 'replace',
  was,
  mapping: { ...was, external: { ip: THERE, port: was.external.port }, ...more },
})
const crowd = Array.from({ length: 1000 }, (_, n) => mapping(2000 + n))
const moves = crowd.map(was => replace(was))
const one = mapping(1024)

test('a crowd that keeps all but its address goes apart', () => {
  const { moves: apart, others } = splitMoves(moves, new MappingIndex(crowd))
  expect(apart).toEqual(moves)
  expect(others).toEqual([])
})

test('a few do not: nothing would be saved', () => {
  const few = moves.slice(0, 100)
  expect(splitMoves(few, new MappingIndex(crowd))).toEqual({ moves: [], others: few })
})

test.each<[string, readonly Mapping[], Change]>([
  ['a removal', [one], { act: 'remove', mapping: one }],
  ['a new mapping', [], { act: 'add', mapping: one }],
  ['a move to another port', [one], replace(one, { external: { ip: THERE, port: 1025 as Port } })],
  ['a move with another lease', [one], replace(one, { lease: 'forever' })],
  ['a renewal', [one], replace(one, { external: one.external, lease: 'forever' })],
  ['another internal port', [one], replace(one, { internal: { ...one.internal, port: 1 as Port } })],
  ['one that is suspended', [{ ...one, state: 'suspended' }], replace({ ...one, state: 'suspended' })],
  [
    'one that begins to be used',
    [{ ...one, state: 'disabled' }],
    replace({ ...one, state: 'disabled' }, { state: 'on' }),
  ],
  ['one for one remote host', [one], replace(one, { remote: { ip: '198.51.100.7' as Ip, port: 'any' } })],
  ['one of two at an endpoint', [one, mapping(1025, { internal: one.internal })], replace(one)],
  ['one that the index does not know', [], replace(one)],
])('%s stays among the others', (_what, held, change) => {
  const split = splitMoves([change, ...moves], new MappingIndex([...crowd, ...held]))
  expect(split.others).toEqual([change])
  expect(split.moves).toHaveLength(1000)
})

test('so does whoever meets one of them at an endpoint', () => {
  const met = crowd[7] as Mapping
  const door = mapping(1024, { internal: met.internal, owner: { via: 'operator' }, lease: 'forever' })
  const { moves: apart, others } = splitMoves([...moves, { act: 'add', mapping: door }], new MappingIndex(crowd))
  expect(apart).toHaveLength(999)
  expect(others).toEqual([moves[7], { act: 'add', mapping: door }])
})

test('all old elements go before the new ones come, none is lost, and the buffer does not grow', () => {
  const { batch } = new OperationWriter(true, OLD).write([], NOW, 'together', moves as Move[])
  const room = batch.writer.bytes.length
  const said = messages(batch.finish(1), true)
    .slice(1, -1)
    .map(message => decode(message, true))
  const counts = new Map<string, number>()
  for (const { name, body } of said) {
    if (!('elements' in body)) continue
    const kind = `${name} ${body.set}`
    counts.set(kind, (counts.get(kind) ?? 0) + (body.elements?.length ?? 0))
  }
  expect([...counts]).toEqual([
    ['deleteElements dnat4', 1000],
    ['deleteElements snat4', 1000],
    ['newElements dnat4', 1000],
    ['newElements snat4', 1000],
  ])
  expect(batch.writer.bytes.length).toBe(room)
  expect(batch.writer.length).toBeGreaterThan(room * 0.95)
})
