import { describe, expect, test } from 'vitest'
import type { Port } from '../../../src/base/ip.ts'
import type { Instant } from '../../../src/base/time.ts'
import { fold } from '../../../src/core/changes.ts'
import { Draft } from '../../../src/core/draft.ts'
import { holderOf } from '../../../src/core/holder.ts'
import type { Change, Mapping } from '../../../src/core/mapping.ts'
import { PortSet } from '../../../src/core/portset.ts'
import { Table } from '../../../src/core/table.ts'
import { mapping, pinhole } from '../../support/mappings.ts'
import { A, A6, B } from '../../support/router.ts'

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

describe('several to one endpoint', () => {
  const second = mapping({ external: 6001, internal: 5000 })
  const third = mapping({ external: 6002, internal: 5000 })
  const there = { ip: A, port: port(5000) }

  test('are all found, oldest first, and counted', () => {
    const table = tableOf(a, second, third)
    expect(table.of('udp', there)).toBe(a)
    expect(table.allOf('udp', there)).toEqual([a, second, third])
    expect(table.ofHost(A)).toEqual([a, second, third])
    expect(table.heldBy(A)).toBe(3)
    table.commit([remove(a)])
    expect(table.allOf('udp', there)).toEqual([second, third])
    table.commit([remove(third), remove(second)])
    expect([table.of('udp', there), table.allOf('udp', there), table.heldBy(A)]).toEqual([undefined, [], 0])
  })

  test('a renewal keeps its place among them', () => {
    const renewed = mapping({ external: 6000, internal: 5000, until: 9000 })
    const table = tableOf(a, second)
    table.commit([replace(a, renewed)])
    expect(table.allOf('udp', there)).toEqual([renewed, second])
  })

  test('one that leads elsewhere now is the youngest there, and keeps its place in the list', () => {
    const moved = mapping({ external: 6000, internal: 5001 })
    const other = mapping({ external: 6003, internal: 5001 })
    const table = tableOf(a, second, other)
    table.commit([replace(a, moved)])
    expect(table.allOf('udp', there)).toEqual([second])
    expect(table.allOf('udp', { ip: A, port: port(5001) })).toEqual([other, moved])
    expect(table.listed()).toEqual([moved, second, other])
    expect([table.heldBy(A), table.held]).toEqual([3, 3])
  })

  test('a draft shows them as they will be', () => {
    const table = tableOf(a, second)
    const draft = new Draft(table)
    const moved = mapping({ external: 6001, internal: 5001 })
    draft.commit([replace(second, moved), add(third)])
    expect([draft.of('udp', there), draft.allOf('udp', there)]).toEqual([a, [a, third]])
    expect(draft.allOf('udp', { ip: A, port: port(5001) })).toEqual([moved])
    expect([draft.heldBy(A), table.heldBy(A)]).toEqual([3, 2])
    expect(table.allOf('udp', there)).toEqual([a, second])
  })
})

describe('pinholes', () => {
  const hole = pinhole({ id: 5000 })
  const samePort = mapping({ external: 5000 })

  test('stand apart from what has their number or port', () => {
    const table = tableOf(hole, samePort)
    expect([table.pinhole(5000), table.at('udp', port(5000)), table.pinhole(1)]).toEqual([hole, samePort, undefined])
    expect([table.size, table.translated, table.held, table.heldBy(holderOf(undefined, A6))]).toEqual([2, 1, 2, 1])
    expect([[...table.all()], table.listed()]).toEqual([[hole, samePort], [samePort]])
    expect(table.allOf('udp', hole.internal)).toEqual([hole])
    table.commit([remove(samePort)])
    expect(table.pinhole(5000)).toBe(hole)
    expect(table.unused(none, 5000, 5000)).toBe(5000)
  })

  test('take no port', () => expect(tableOf(hole).unused(none, 5000, 5000)).toBe(5000))

  test('end on time', () => {
    const table = tableOf(pinhole({ until: 60 }))
    expect([table.nextExpiry, table.due(60_000 as Instant, 9)]).toEqual([60_000, [pinhole({ until: 60 })]])
  })

  test('numbers go round and leave out those in use, in a draft too', () => {
    const table = tableOf(pinhole({ id: 65_534 }))
    const draft = new Draft(table)
    for (const [at, id] of [65_535, 1, 2].entries()) {
      expect([table.freePinhole(), draft.freePinhole()]).toEqual([at === 0 ? 65_535 : id, id])
      const next = pinhole({ id, internal: 6000 + at })
      draft.commit([add(next)])
      table.commit([add(next)])
    }
    draft.commit([add(pinhole({ id: 3, internal: 7000 }))])
    draft.commit([remove(pinhole({ id: 3, internal: 7000 }))])
    expect([table.freePinhole(), draft.freePinhole()]).toEqual([3, 4])
    table.commit([remove(pinhole({ id: 2, internal: 6002 })), add(pinhole({ id: 65_533 }))])
    expect(table.freePinhole()).toBe(2)
  })

  test('there are 65535 of them', () => {
    const table = new Table()
    for (let id = 1; id <= 65_535; id++) table.commit([add(pinhole({ id, internal: id }))])
    const draft = new Draft(table)
    expect([table.freePinhole(), draft.freePinhole()]).toEqual([undefined, undefined])
    draft.commit([remove(pinhole({ id: 777, internal: 777 }))])
    expect(draft.freePinhole()).toBe(777)
  })
})

describe('listing', () => {
  test('is kept until a mapping goes, and follows what is added and renewed', () => {
    const table = tableOf(a, b)
    const list = table.listed()
    const renewed = mapping({ external: 6000, internal: 5000, until: 9000 })
    table.commit([replace(a, renewed)])
    table.commit([add(aTcp)])
    expect(table.listed()).toBe(list)
    expect(list).toEqual([renewed, b, aTcp])
    table.commit([remove(b)])
    expect(table.listed()).toEqual([renewed, aTcp])
    table.commit([add(b)])
    expect(table.listed()).toEqual([renewed, aTcp, b])
    expect(table.listed()).toEqual([...table.all()])
  })

  test('a version for each set of changes to what translates, a revision for each', () => {
    const table = tableOf(a, b)
    const numbers = () => [table.version, table.revision]
    expect(numbers()).toEqual([1, 1])
    table.commit([remove(a), remove(b)])
    expect(numbers()).toEqual([2, 2])
    table.commit([add(a), add(b)], 2)
    expect(numbers()).toEqual([4, 4])
    table.commit([add(pinhole())])
    expect(numbers()).toEqual([4, 5])
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
  const elsewhere = mapping({ external: 6000, internal: 5001 })
  const hole = pinhole({ id: 5000 })
  const samePort = mapping({ external: 5000 })
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
    [
      'another internal port of the same host is one step',
      [replace(a, elsewhere), replace(elsewhere, a)],
      [replace(a, a)],
    ],
    ['so is what was removed and leads elsewhere now', [remove(a), add(elsewhere)], [replace(a, elsewhere)]],
    ['pinholes and ports are apart', [add(hole), add(samePort), remove(samePort)], [add(hole)]],
    ['a pinhole made and closed is nothing', [add(hole), remove(hole)], []],
    ['transports are apart', [add(a), add(aTcp), remove(a)], [add(aTcp)]],
  ])('%s', (_what, changes, expected) => {
    expect(fold(changes)).toEqual(expected)
  })
})
