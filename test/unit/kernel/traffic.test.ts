import { describe, expect, test } from 'vitest'
import type { Ip, Port } from '../../../src/base/ip.ts'
import type { Instant } from '../../../src/base/time.ts'
import type { Mapping } from '../../../src/core/mapping.ts'
import { ORDINARY } from '../../../src/core/mapping.ts'
import type { Traffic } from '../../../src/kernel/traffic.ts'
import { openTraffic } from '../../../src/kernel/traffic.ts'
import type { NetlinkOptions, NetlinkSocket, Platform } from '../../../src/platform/platform.ts'
import { SystemError } from '../../../src/platform/platform.ts'
import type { Flow } from '../../../src/wire/conntrack.ts'
import { conntrackFormat, IPCTNL, IPS } from '../../../src/wire/conntrack.ts'
import { message, messages, TYPE } from '../../../src/wire/netlink.ts'

const NONE = new Uint8Array(0)
const WORLD = '198.51.100.9' as Ip

function mapping(port: number): Mapping {
  const client = '192.168.88.10' as Ip
  return {
    transport: 'udp',
    external: { ip: '11.22.33.44' as Ip, port: port as Port },
    internal: { ip: client, port: port as Port },
    owner: { via: 'upnp', client },
    lease: 'forever',
    label: '',
    mac: undefined,
    ...ORDINARY,
  }
}

/** A flow through the mapping as conntrack tells it; `packets` in each direction, a hundred bytes each. */
function entry({ external, internal }: Mapping, id: number, packets: number): Uint8Array {
  const from = 40_000 + id
  const counters = { packets, bytes: packets * 100 }
  return conntrackFormat.encode(
    { family: 2 },
    {
      original: {
        ip: { source: WORLD, destination: external.ip },
        protocol: { number: 17, sourcePort: from, destinationPort: external.port },
      },
      reply: {
        ip: { source: internal.ip, destination: WORLD },
        protocol: { number: 17, sourcePort: internal.port, destinationPort: from },
      },
      status: IPS.destinationTranslated,
      countersOriginal: counters,
      countersReply: counters,
      id,
    },
    true,
  )
}

/** A kernel with flows, a clock, and the mappings that lead in. */
class World {
  now = 0
  mappings: Mapping[] = []
  flows = new Map<number, Uint8Array>()
  dumps = 0
  /** Called when a dump has been answered and not yet ended. */
  midway: () => void = () => undefined
  filters = true
  readonly complaints: string[] = []
  #ends: ((datagram: Uint8Array) => void) | undefined

  open(): Promise<Traffic> {
    const platform = {
      littleEndian: true,
      errnoName: (errno: number) => `E${errno}`,
      clock: { now: () => this.now as Instant },
      readFile: () => Uint8Array.of(0x31, 0x0a),
      netlink: (options: NetlinkOptions) =>
        options.filter !== undefined && !this.filters
          ? Promise.reject(new SystemError('filter', 'EOPNOTSUPP'))
          : Promise.resolve(this.#socket(options)),
    } as unknown as Platform
    const through = ({ original }: Flow) =>
      this.mappings.find(({ external }) => external.port === original.destination.port)
    return openTraffic(platform, (_severity, _topic, said) => this.complaints.push(said), {
      through,
      mappings: () => this.mappings,
    })
  }

  end(id: number, last: Uint8Array): void {
    this.flows.delete(id)
    this.#ends?.(message({ type: IPCTNL.delete, flags: 0, sequence: 0 }, last, NONE, true))
  }

  #socket({ groups }: NetlinkOptions): NetlinkSocket {
    let take: (datagram: Uint8Array) => void = () => undefined
    return {
      portId: 1,
      send: datagram => {
        const [asked] = messages(datagram, true)
        if (asked === undefined) return
        this.dumps++
        const { sequence } = asked
        for (const flow of this.flows.values())
          take(message({ type: IPCTNL.new, flags: 2, sequence }, flow, NONE, true))
        this.midway()
        take(message({ type: TYPE.done, flags: 2, sequence }, new Uint8Array(4), NONE, true))
      },
      take: each => {
        take = each
        if (groups.length > 0 && this.#ends === undefined) this.#ends = each // the first: translated flows
      },
      drain: () => undefined,
      hear: () => undefined,
      close: () => undefined,
    }
  }
}

const packets = async (traffic: Traffic, ...mappings: Mapping[]) => {
  const totals = await traffic.read(mappings)
  return mappings.map(each => totals.get(each)?.packetsIn)
}

async function begin(filters = true): Promise<{ world: World; traffic: Traffic; a: Mapping; b: Mapping }> {
  const world = new World()
  world.filters = filters
  const [a, b] = [mapping(5000), mapping(5001)]
  world.mappings = [a, b]
  const traffic = await world.open()
  traffic.follow({ translated: true, pinholes: false })
  await Promise.resolve()
  await Promise.resolve()
  return { world, traffic, a, b }
}

describe('totals', () => {
  test('of running flows, read once a second at most', async () => {
    const { world, traffic, a, b } = await begin()
    world.flows
      .set(1, entry(a, 1, 3))
      .set(2, entry(a, 2, 4))
      .set(3, entry(b, 3, 5))
    const [one, two] = await Promise.all([packets(traffic, a, b), packets(traffic, b)])
    expect([one, two]).toEqual([[7, 5], [5]])
    world.flows.set(1, entry(a, 1, 30))
    expect(await packets(traffic, a)).toEqual([7])
    expect(world.dumps).toBe(1)
    world.now = 1000
    expect(await packets(traffic, a)).toEqual([34])
    expect(traffic.accounting()).toBe(true)
    expect(world.complaints).toEqual([])
  })

  test('a flow that ends counts once, with its last numbers', async () => {
    const { world, traffic, a } = await begin()
    world.flows.set(1, entry(a, 1, 3))
    expect(await packets(traffic, a)).toEqual([3])
    world.end(1, entry(a, 1, 9))
    expect(await packets(traffic, a)).toEqual([9])
    world.now = 1000
    expect(await packets(traffic, a)).toEqual([9])
  })

  test('one that ends while the running ones are read counts once', async () => {
    const { world, traffic, a } = await begin()
    world.flows.set(1, entry(a, 1, 3))
    world.midway = () => world.end(1, entry(a, 1, 4))
    expect(await packets(traffic, a)).toEqual([4])
    world.midway = () => undefined
    world.now = 1000
    expect(await packets(traffic, a)).toEqual([4])
  })

  test('one whose end was not heard counts as it was last seen; so on an engine that cannot filter', async () => {
    const { world, traffic, a } = await begin(false)
    world.flows.set(1, entry(a, 1, 3)).set(2, entry(a, 2, 1))
    expect(await packets(traffic, a)).toEqual([4])
    world.flows.delete(1)
    world.now = 1000
    expect(await packets(traffic, a)).toEqual([4])
    world.flows.set(3, entry(a, 3, 2))
    world.now = 2000
    expect(await packets(traffic, a)).toEqual([6])
    expect(world.complaints).toEqual([])
  })

  test('flows of others count nowhere', async () => {
    const { world, traffic, a } = await begin()
    world.flows.set(1, entry(mapping(6000), 1, 3))
    world.end(2, entry(mapping(6000), 2, 3))
    expect(await packets(traffic, a)).toEqual([0])
  })

  test('a mapping that ended and is there again begins at zero, whatever is still told of its flows', async () => {
    const { world, traffic, a } = await begin()
    world.flows.set(1, entry(a, 1, 3))
    expect(await packets(traffic, a)).toEqual([3])
    traffic.forget(a)
    world.end(1, entry(a, 1, 8))
    expect(await packets(traffic, a)).toEqual([0])
    world.flows.set(2, entry(a, 2, 5)) // of before, not ended yet, or of the new grant: nobody can tell
    world.now = 2000
    expect(await packets(traffic, a)).toEqual([0])
    world.now = 6000
    expect(await packets(traffic, a)).toEqual([5])
  })

  test('a mapping that moves takes its total along', async () => {
    const { world, traffic, a } = await begin()
    world.flows.set(1, entry(a, 1, 3))
    await packets(traffic, a)
    const moved = { ...a, external: { ip: '55.66.77.88' as Ip, port: 5009 as Port } }
    traffic.moved(a, moved)
    world.mappings = [moved]
    world.end(1, entry(a, 1, 4))
    world.flows.set(2, entry(moved, 2, 2))
    world.now = 1000
    expect(await packets(traffic, moved)).toEqual([5])
    traffic.close()
  })
})
