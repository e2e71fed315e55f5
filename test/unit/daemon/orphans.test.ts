/** Which flows end at the start, because the mappings of theirs are no more. */
import { describe, expect, test } from 'vitest'
import type { Ip } from '../../../src/base/ip.ts'
import type { Instant } from '../../../src/base/time.ts'
import { recordsOf } from '../../../src/core/leases.ts'
import type { Mapping } from '../../../src/core/mapping.ts'
import { Orphans } from '../../../src/daemon/orphans.ts'
import { wayKey } from '../../../src/kernel/conntrack.ts'
import { mapping } from '../../support/control-world.ts'
import { DOWN, up } from '../../support/router.ts'

const NOW = 1_000_000 as Instant
const B = '192.168.88.11' as Ip
const HOLE: Mapping = {
  ...mapping({ port: 8080, host: '2001:db8:88::10', via: 'upnp' }),
  pinhole: 7,
}

class World {
  held: readonly Mapping[] = []
  uplink = up('11.22.33.44') as ReturnType<typeof up> | typeof DOWN
  redirect: number | undefined
  readonly ended: string[][] = []
  readonly orphans: Orphans

  constructor(...before: readonly Mapping[]) {
    const held = () => this.held
    const uplink = () => this.uplink
    const mappings = {
      at: (transport: string, port: number) =>
        held().find(each => each.transport === transport && each.external.port === port && each.pinhole === undefined),
      allOf: (transport: string, { ip, port }: Mapping['internal']) =>
        held().filter(each => each.transport === transport && each.internal.ip === ip && each.internal.port === port),
    }
    this.orphans = new Orphans({
      engine: {
        mappings,
        get uplink() {
          return uplink()
        },
      } as unknown as ConstructorParameters<typeof Orphans>[0]['engine'],
      surroundings: { taken: (_transport, port) => (port === this.redirect ? 'redirect' : undefined) },
      endFlows: ways => this.ended.push(ways.map(wayKey)),
    })
    this.orphans.add(recordsOf(before, NOW))
  }
}

describe('what ended while no daemon ran', () => {
  test('its flows end, once, under the address that the uplink has', () => {
    const before = mapping({ port: 5000, to: 80 })
    const world = new World(before, HOLE)
    world.orphans.end()
    world.orphans.end()
    expect(world.ended).toEqual([[wayKey(before), wayKey(HOLE)]])
  })

  test('as soon as there is an uplink', () => {
    const before = mapping({ port: 5000 })
    const world = new World(before)
    world.uplink = DOWN
    world.orphans.end()
    expect(world.ended).toEqual([])
    world.uplink = up('11.22.33.44')
    world.orphans.end()
    expect(world.ended).toEqual([[wayKey(before)]])
  })

  test('not those of a way that leads there again: a mapping, a pinhole, a redirect', () => {
    const world = new World(mapping({ port: 5000 }), mapping({ port: 5001 }), HOLE)
    world.held = [mapping({ port: 5000, via: 'upnp' }), HOLE]
    world.redirect = 5001
    world.orphans.end()
    expect(world.ended.flat()).toEqual([])
  })

  test('those to the host before, where the port is another one’s now', () => {
    const before = mapping({ port: 5000 })
    const world = new World(before)
    world.held = [mapping({ port: 5000, host: B })]
    world.orphans.end()
    expect(world.ended).toEqual([[wayKey(before)]])
  })
})
