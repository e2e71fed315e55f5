import { describe, expect, test } from 'vitest'
import type { Port } from '../../../src/base/ip.ts'
import type { Instant } from '../../../src/base/time.ts'
import { fold } from '../../../src/core/changes.ts'
import { Draft } from '../../../src/core/draft.ts'
import type { Change, Mapping } from '../../../src/core/mapping.ts'
import { PortSet } from '../../../src/core/portset.ts'
import { Table } from '../../../src/core/table.ts'
import { mapping } from '../../support/mappings.ts'
import { A, B } from '../../support/router.ts'

const add = (made: Mapping): Change => ({ act: 'add', mapping: made })
const remove = (gone: Mapping): Change => ({ act: 'remove', mapping: gone })
const replace = (was: Mapping, will: Mapping): Change => ({ act: 'replace', was, mapping: will })
const none = new PortSet()
const port = (n: number) => n as Port

const a = mapping({ external: 6000, internal: 5000 })
const aTcp = mapping({ transport: 'tcp', external: 6000, internal: 5000 })
const b = mapping({ host: B, external: 7000, internal: 5000, until: 60 })
const fixed = mapping({ transport: 'tcp', external: 2222, internal: 22, via: 'operator', until: 0 })

function tableOf(...mappings: readonly Mapping[]): Table {
  const table = new Table()
  table.commit(mappings.map(add))
  return table
}

describe('Table', () => {
  test('finds a mapping by what the world dials, by who answers, and by host', () => {
    const table = tableOf(a, aTcp, b, fixed)
    expect(table.at('udp', port(6000))).toBe(a)
    expect(table.at('udp', port(5000))).toBeUndefined()
    expect(table.of('tcp', { ip: A, port: port(5000) })).toBe(aTcp)
    expect(table.of('tcp', { ip: B, port: port(5000) })).toBeUndefined()
    expect(table.ofHost(A)).toEqual([a, aTcp, fixed])
    expect([...table.all()]).toEqual([a, aTcp, b, fixed])
  })

  test("counts what clients hold; the operator's are not counted", () => {
    const table = tableOf(a, aTcp, b, fixed)
    expect([table.size, table.held, table.heldBy(A), table.heldBy(B)]).toEqual([4, 3, 2, 1])
    table.commit([remove(a), remove(fixed), remove(b)])
    expect([table.size, table.held, table.heldBy(A), table.heldBy(B)]).toEqual([1, 1, 1, 0])
    expect(table.ofHost(B)).toEqual([])
  })

  test('a port is used while either transport has it', () => {
    const table = tableOf(a, aTcp)
    expect(table.unused(none, 6000, 6001)).toBe(6001)
    table.commit([remove(a)])
    expect(table.unused(none, 6000, 6001)).toBe(6001)
    table.commit([remove(aTcp)])
    expect(table.unused(none, 6000, 6001)).toBe(6000)
  })

  test('knows when the next lease ends, also after a renewal', () => {
    const table = tableOf(a, b, fixed)
    expect(table.nextExpiry).toBe(60_000)
    expect(table.due(60_000 as Instant, 10)).toEqual([b])
    const renewed = mapping({ host: B, external: 7000, internal: 5000, until: 9000 })
    table.commit([replace(b, renewed)])
    expect(table.nextExpiry).toBe(3_600_000)
    expect(table.due(60_000 as Instant, 10)).toEqual([])
    expect(table.at('udp', port(7000))).toBe(renewed)
  })

  test('removing what is not there changes nothing', () => {
    const table = tableOf(a)
    table.commit([remove(b)])
    expect([table.size, table.held]).toEqual([1, 1])
  })
})

describe('Draft', () => {
  test('shows what will be, and its table what is', () => {
    const table = tableOf(a, b)
    const draft = new Draft(table)
    draft.commit([remove(a), add(aTcp)])
    expect([draft.at('udp', port(6000)), draft.at('tcp', port(6000))]).toEqual([undefined, aTcp])
    expect([draft.ofHost(A), draft.ofHost(B), draft.heldBy(A), draft.held]).toEqual([[aTcp], [b], 1, 2])
    expect([table.at('udp', port(6000)), table.ofHost(A)]).toEqual([a, [a]])
  })

  test.each([
    ['before it was asked', false],
    ['after it was asked', true],
  ])('ports that a change frees or takes count, %s', (_when, asked) => {
    const table = tableOf(a)
    const draft = new Draft(table)
    if (asked) expect(draft.unused(none, 6000, 6001)).toBe(6001)
    draft.commit([remove(a), add(mapping({ external: 6001 }))])
    expect(draft.unused(none, 6000, 6001)).toBe(6000)
    expect(draft.unused(none, 6001, 6001)).toBeUndefined()
    expect(table.unused(none, 6000, 6001)).toBe(6001)
  })

  test("a static mapping in a client's place is no longer counted", () => {
    const draft = new Draft(tableOf(a))
    draft.commit([remove(a), add(mapping({ external: 6000, via: 'operator', until: 0 }))])
    expect([draft.held, draft.heldBy(A)]).toEqual([0, 0])
  })
})

describe('fold()', () => {
  const renewed = mapping({ external: 6000, internal: 5000, until: 7200 })
  const other = mapping({ host: B, external: 6000, internal: 1234 })
  test.each<[string, readonly Change[], readonly Change[]]>([
    ['one change is itself', [add(a)], [add(a)]],
    ['made and unmade is nothing', [add(a), remove(a)], []],
    ['made and renewed is made as renewed', [add(a), replace(a, renewed)], [add(renewed)]],
    ['renewed twice is one step', [replace(a, renewed), replace(renewed, a)], [replace(a, a)]],
    ['removed and made again is a renewal', [remove(a), add(renewed)], [replace(a, renewed)]],
    [
      'a port that goes to another host is freed first',
      [add(b), remove(a), add(other)],
      [remove(a), add(b), add(other)],
    ],
    ['renewed and removed is removed as it was', [replace(a, renewed), remove(renewed)], [remove(a)]],
    ['transports are apart', [add(a), add(aTcp), remove(a)], [add(aTcp)]],
  ])('%s', (_what, changes, expected) => {
    expect(fold(changes)).toEqual(expected)
  })
})
