/** Which flows end at the start, because the mappings of theirs are no more. */
import { describe, expect, test } from 'vitest'
import type { Ip } from '../../../src/base/ip.ts'
import type { Instant } from '../../../src/base/time.ts'
import { recordsOf } from '../../../src/core/leases.ts'
import type { Mapping } from '../../../src/core/mapping.ts'
import { Orphans } from '../../../src/daemon/orphans.ts'
import { wayKey } from '../../../src/kernel/conntrack.ts'
import { mapping } from '../../support/control-world.ts'

const NOW = 1_000_000 as Instant
const B = '192.168.88.11' as Ip
const HOLE: Mapping = {
  ...mapping({ port: 8080, host: '2001:db8:88::10', via: 'upnp' }),
  pinhole: 7,
}

class World {
  held: readonly Mapping[] = []
  redirect: number | undefined
  readonly ended: string[][] = []
  readonly orphans: Orphans

  constructor() {
    const held = () => this.held
    const mappings = {
      at: (transport: string, port: number) =>
        held().find(each => each.transport === transport && each.external.port === port && each.pinhole === undefined),
      allOf: (transport: string, { ip, port }: Mapping['internal']) =>
        held().filter(each => each.transport === transport && each.internal.ip === ip && each.internal.port === port),
    }
    this.orphans = new Orphans({
      engine: { mappings } as unknown as ConstructorParameters<typeof Orphans>[0]['engine'],
      surroundings: { hasRedirect: (_transport, port) => port === this.redirect },
      endFlows: ways => this.ended.push(ways.map(wayKey)),
    })
  }

  add(...before: readonly Mapping[]): void {
    this.orphans.add(recordsOf(before, NOW), before.find(({ pinhole }) => pinhole === undefined)?.external.ip)
  }
}

describe('what is no more since a daemon ran', () => {
  const before = mapping({ port: 5000, to: 80 })

  test('its flows end, once the configuration is in force', () => {
    const world = new World()
    world.add(before, HOLE)
    expect(world.ended).toEqual([])
    world.orphans.begin()
    world.orphans.begin()
    expect(world.ended).toEqual([[wayKey(before), wayKey(HOLE)]])
  })

  test('what turns out later not to come back: at once', () => {
    const world = new World()
    world.orphans.begin()
    world.add(before)
    expect(world.ended).toEqual([[wayKey(before)]])
  })

  test('not those of a way that leads there again: a mapping, a pinhole, a redirect', () => {
    const world = new World()
    world.held = [mapping({ port: 5000, to: 80, via: 'upnp' }), HOLE]
    world.redirect = 5001
    world.orphans.begin()
    world.add(before, mapping({ port: 5001 }), HOLE)
    expect(world.ended).toEqual([])
  })

  test('those to the host before, where the port is another one’s now', () => {
    const world = new World()
    world.held = [mapping({ port: 5000, to: 80, host: B })]
    world.orphans.begin()
    world.add(before)
    expect(world.ended).toEqual([[wayKey(before)]])
  })

  test('of a file that does not say under which address, those of pinholes', () => {
    const world = new World()
    world.orphans.begin()
    world.orphans.add(recordsOf([before, HOLE], NOW), undefined)
    expect(world.ended).toEqual([[wayKey(HOLE)]])
  })
})
