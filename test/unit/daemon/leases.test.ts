import { describe, expect, test } from 'vitest'
import type { Ip, Port } from '../../../src/base/ip.ts'
import { utf8Decode, utf8Encode } from '../../../src/base/text.ts'
import type { Instant } from '../../../src/base/time.ts'
import { seconds } from '../../../src/base/time.ts'
import { readLeases, recordsOf, writeLeases } from '../../../src/core/leases.ts'
import type { Answer, Mapping, Wish } from '../../../src/core/mapping.ts'
import type { Waiting } from '../../../src/core/queue.ts'
import { Returning } from '../../../src/core/returning.ts'
import { LeaseKeeper, leasePlace } from '../../../src/daemon/leases.ts'
import { SystemError } from '../../../src/platform/platform.ts'
import { mapping } from '../../support/control-world.ts'
import { settle } from '../../support/memory-stream.ts'
import { DOWN, FakeClock, up } from '../../support/router.ts'

const PATH = '/etc/portico/leases'
const MINUTE = 60_000

/** A router around the keeper: a clock, a flash chip, a table, and an engine that answers what it is told to. */
class World {
  readonly clock = new FakeClock()
  readonly files = new Map<string, Uint8Array>([['/proc/sys/kernel/random/boot_id', utf8Encode('boot\n')]])
  readonly said: string[] = []
  readonly folders: string[] = []
  readonly orphans: string[] = []
  held: Mapping[] = []
  version = 0
  uplink = up('11.22.33.44') as ReturnType<typeof up> | typeof DOWN
  outward6: string | undefined = 'wan'
  wishes: Wish[] = []
  answer: (wish: Wish) => Answer = () => ({ ok: true, mapping: undefined })
  readonly returning = new Returning((records, ending) => this.keeper.ended(records, ending))
  written = 0
  isFull = false
  readonly keeper: LeaseKeeper

  constructor(interval = 10) {
    const held = () => this.held
    const version = () => this.version
    const mappings = {
      all: held,
      at: (transport: string, port: number) =>
        held().find(each => each.transport === transport && each.external.port === port),
      get revision() {
        return version()
      },
      allOf: (transport: string, { ip, port }: Mapping['internal']) =>
        held().filter(each => each.transport === transport && each.internal.ip === ip && each.internal.port === port),
    }
    const uplink = () => this.uplink
    this.keeper = new LeaseKeeper({
      platform: {
        clock: this.clock,
        makeDirectory: path => this.folders.push(path),
        readFile: path => this.files.get(path),
        writeFile: (path, bytes) => {
          if (this.isFull) throw new SystemError('writing', 'ENOSPC')
          this.written++
          this.files.set(path, bytes)
        },
        wallTime: () => 0,
      },
      log: (_severity, _topic, message) => this.said.push(message),
      engine: {
        mappings,
        get uplink() {
          return uplink()
        },
        returning: this.returning,
        bringBack: async (make: () => readonly Waiting[]) => {
          for (const { wish, answer } of make()) {
            this.wishes.push(wish)
            answer(this.answer(wish))
          }
        },
      } as unknown as ConstructorParameters<typeof LeaseKeeper>[0]['engine'],
      surroundings: {
        deviceOf: ip => (/^(192\.168\.88\.|2001:db8:88:)/.test(ip) ? 'br-lan' : undefined),
        outward6: () => this.outward6,
      },
      macOf: () => undefined,
      orphaned: (records, address) => {
        for (const { external } of records) this.orphans.push(`${address} ${external}`)
      },
      rearm: () => {},
    })
    this.keeper.configure({ path: PATH, interval })
  }

  /** A file that was written in this boot, at the beginning of time. */
  put(...held: readonly Mapping[]): void {
    const stamp = { boot: 'boot', at: 0 as Instant, wall: 0 }
    this.files.set(PATH, writeLeases(recordsOf(held, 1_000_000 as Instant), stamp))
  }

  get stored(): readonly number[] {
    return readLeases(this.files.get(PATH) ?? new Uint8Array(0)).records.map(({ external }) => external)
  }

  async restore(): Promise<void> {
    this.keeper.restore()
    await settle()
  }
}

test('where the file is', () => {
  expect(leasePlace(undefined, 30, '/run')).toEqual({ path: '/run/leases', interval: 0 })
  expect(leasePlace('/etc/x', 30, '/run')).toEqual({ path: '/etc/x', interval: 30 })
  expect(leasePlace('none', 30, '/run')).toBeUndefined()
})

describe('flash is written', () => {
  test('not while nothing changes, and once an interval when something does', () => {
    const world = new World(10)
    const { keeper, clock } = world
    keeper.read()
    expect(keeper.wakeAt).toBeUndefined()
    world.held = [mapping({ port: 5000 })]
    world.version = 1
    expect(keeper.wakeAt).toBe(10 * MINUTE)
    clock.set(10 * MINUTE - 1)
    keeper.wake(clock.now())
    expect(world.written).toBe(0)
    clock.set(10 * MINUTE)
    keeper.wake(clock.now())
    expect(world.written).toBe(1)
    expect(keeper.wakeAt).toBeUndefined()
    clock.set(12 * MINUTE)
    world.version = 2
    expect(keeper.wakeAt).toBe(20 * MINUTE)
    for (let at = 12; at < 30; at++) {
      clock.set(at * MINUTE)
      world.version++
      keeper.wake(clock.now())
    }
    expect(world.written).toBe(2)
  })

  test('where there was no place at the start, and the owner has given one since', () => {
    const { keeper, files } = new World(10)
    keeper.configure(undefined)
    keeper.read()
    keeper.configure({ path: PATH, interval: 0 })
    keeper.write()
    expect(files.has(PATH)).toBe(true)
  })

  test('with interval 0 only at the end', () => {
    const world = new World(0)
    world.keeper.read()
    world.version = 5
    expect(world.keeper.wakeAt).toBeUndefined()
    world.held = [mapping({ port: 5000 })]
    world.keeper.write()
    expect(world.stored).toEqual([5000])
    expect(world.folders).toEqual(['/etc/portico'])
  })

  test('not by a daemon that failed before it had read it', () => {
    const world = new World()
    world.put(mapping({ port: 5000 }))
    world.keeper.write()
    expect(world.stored).toEqual([5000])
    expect(world.written).toBe(0)
  })

  test('when it is full that is said once, and tried again an interval later', () => {
    const world = new World(10)
    world.keeper.read()
    world.isFull = true
    for (const at of [10, 20, 30]) {
      world.version++
      world.clock.set(at * MINUTE)
      world.keeper.wake(world.clock.now())
    }
    expect(world.said).toHaveLength(1)
    expect(world.keeper.status?.trouble).toContain('ENOSPC')
    world.isFull = false
    world.version++
    world.clock.set(40 * MINUTE)
    world.keeper.wake(world.clock.now())
    expect(world.keeper.status?.trouble).toBeUndefined()
  })
})

describe('pinholes', () => {
  const flow = { ip: '2001:db8:88::10' as Ip, port: 5000 as Port }
  const hole: Mapping = { ...mapping({ port: 5000, via: 'upnp' }), external: flow, internal: flow, pinhole: 9 }

  test('come back under their number', async () => {
    const world = new World()
    world.put(hole)
    world.keeper.read()
    await world.restore()
    expect(world.wishes).toMatchObject([{ ask: 'pinhole', internal: flow, before: 9, device: 'br-lan' }])
  })
  test('that are there are left alone', async () => {
    const world = new World()
    world.put(hole)
    world.held = [hole]
    world.keeper.read()
    await world.restore()
    expect([world.wishes, world.said]).toEqual([[], []])
  })
  test('wait for IPv6, and mappings for IPv4', async () => {
    const world = new World()
    world.put(hole, mapping({ port: 5001 }))
    world.outward6 = undefined
    world.uplink = DOWN
    world.keeper.read()
    await world.restore()
    expect(world.wishes).toEqual([])
    world.outward6 = '6in4-wan6'
    await world.restore()
    world.keeper.write()
    expect(world.stored).toEqual([5001])
    world.clock.set(900_000)
    world.uplink = up('11.22.33.44')
    await world.restore()
    expect(world.wishes.map(({ ask }) => ask)).toEqual(['pinhole', 'map'])
  })
  test('that cannot come back are named', async () => {
    const world = new World()
    world.put(hole)
    world.answer = () => ({ ok: false, why: 'not-allowed', because: 'permission 0' })
    world.keeper.read()
    await world.restore()
    expect(world.said).toEqual(['tcp pinhole 9 of upnp 192.168.88.10 does not come back: not-allowed, permission 0'])
  })
})

describe('what comes back', () => {
  test('asks for exactly what is left', async () => {
    const world = new World()
    world.put(mapping({ port: 5000, left: 100 }), mapping({ port: 5001, left: 20 }))
    world.clock.set(30_000)
    world.keeper.read()
    world.clock.set(40_000)
    await world.restore()
    expect(world.wishes).toMatchObject([{ ask: 'map', external: 5000, exact: true, lifetime: 60, device: 'br-lan' }])
    expect(world.said).toEqual(['1 mappings of the lease file are back'])
    await world.restore()
    expect(world.wishes).toHaveLength(1)
  })

  test('is nothing that is there already', async () => {
    const world = new World()
    world.put(mapping({ port: 5000 }))
    world.keeper.read()
    world.held = [mapping({ port: 5000 })]
    await world.restore()
    expect(world.wishes).toEqual([])
  })

  test('is not forgotten by a stop while the engine is still asked', async () => {
    const world = new World()
    world.put(mapping({ port: 5000 }), mapping({ port: 5001 }))
    world.keeper.read()
    world.keeper.restore()
    world.held = [mapping({ port: 5000 })]
    world.keeper.write()
    expect(world.stored).toEqual([5000, 5001])
    await settle()
  })

  test('is nothing where the kernel kept its table: what was removed since the file was written stays removed', async () => {
    const world = new World()
    world.put(mapping({ port: 5000 }))
    world.keeper.read(() => false)
    await world.restore()
    expect(world.wishes).toEqual([])
  })

  test('is all of a file of another boot, also where this boot has a table already', async () => {
    const world = new World()
    world.put(mapping({ port: 5000 }))
    world.files.set('/proc/sys/kernel/random/boot_id', utf8Encode('the next\n'))
    world.keeper.read(() => false)
    await world.restore()
    expect(world.wishes).toHaveLength(1)
  })

  test('is what the file has only handed on, where the kernel kept its table', async () => {
    const before = new World()
    before.put(mapping({ port: 5000 }))
    before.uplink = DOWN
    before.keeper.read()
    before.held = [mapping({ port: 5001 })]
    before.keeper.write()
    const after = new World()
    after.files.set(PATH, before.files.get(PATH) as Uint8Array)
    after.keeper.read(() => false)
    await after.restore()
    expect(after.wishes.map(wish => 'external' in wish && wish.external)).toEqual([5000])
  })

  test('is not what has ended: its flows do, unless there was a reboot, and those of what is refused', async () => {
    const before = new World()
    before.keeper.read()
    before.held = [5001, 5002, 5003].map(port => mapping({ port }))
    before.keeper.write()
    const file = before.files.get(PATH) as Uint8Array
    const after = new World()
    after.files.set(PATH, file)
    after.keeper.read(({ external }) => external === 5002)
    expect(after.orphans).toEqual(['11.22.33.44 5001', '11.22.33.44 5003'])
    after.answer = () => ({ ok: false, why: 'not-allowed', because: 'so' })
    await after.restore()
    expect(after.orphans.slice(2)).toEqual(['11.22.33.44 5002'])
    const rebooted = new World()
    rebooted.files.set(PATH, file)
    rebooted.files.set('/proc/sys/kernel/random/boot_id', utf8Encode('the next\n'))
    rebooted.keeper.read()
    expect(rebooted.orphans).toEqual([])
  })

  test('has served when all are answered, and the file says from then on what this boot knows', async () => {
    const world = new World()
    world.put(mapping({ port: 5000 }), mapping({ port: 5001 }))
    world.keeper.read()
    world.answer = () => ({ ok: false, why: 'kernel', because: 'so' })
    await world.restore()
    expect(world.written).toBe(0)
    world.answer = () => ({ ok: true, mapping: undefined })
    world.held = [mapping({ port: 5001 })]
    await world.restore()
    expect(world.written).toBe(1)
    expect(world.stored).toEqual([5001])
  })

  test('waits for the uplink, and is written again meanwhile', async () => {
    const world = new World()
    world.uplink = DOWN
    world.put(mapping({ port: 5000, left: 100 }))
    world.keeper.read()
    await world.restore()
    expect(world.wishes).toEqual([])
    world.clock.set(10_000)
    world.keeper.write()
    expect(readLeases(world.files.get(PATH) as Uint8Array).records[0]?.left).toBe(seconds(90))
    world.uplink = up('11.22.33.44')
    await world.restore()
    expect(world.wishes).toHaveLength(1)
  })

  test('what changes while they are asked for is heard at once, and not at the next try', async () => {
    const world = new World()
    world.put(mapping({ port: 5000 }))
    world.keeper.read()
    world.answer = () => {
      world.answer = () => ({ ok: true, mapping: undefined })
      world.keeper.restore()
      return { ok: false, why: 'no-uplink', because: 'so' }
    }
    await world.restore()
    await settle()
    expect(world.wishes).toHaveLength(2)
  })

  test.each<[why: 'kernel' | 'busy' | 'no-uplink' | 'not-allowed' | 'conflict', again: boolean]>([
    ['kernel', true],
    ['busy', true],
    ['no-uplink', true],
    ['not-allowed', false],
    ['conflict', false],
  ])('a refusal for %s: another try is %s', async (why, again) => {
    const world = new World()
    world.put(mapping({ port: 5000 }))
    world.keeper.read()
    world.answer = () => ({ ok: false, why, because: 'so' })
    await world.restore()
    await world.restore()
    expect(world.wishes).toHaveLength(again ? 2 : 1)
    expect(world.said).toHaveLength(again ? 0 : 1)
  })

  test('more than the engine takes at one time ask in parts, and a busy kernel is asked again by itself', async () => {
    const world = new World(0)
    world.put(...Array.from({ length: 200 }, (_, n) => mapping({ port: 5000 + n })))
    world.keeper.read()
    world.answer = () =>
      world.wishes.length === 200 ? { ok: false, why: 'busy', because: 'so' } : { ok: true, mapping: undefined }
    await world.restore()
    expect(world.wishes).toHaveLength(200)
    expect(world.keeper.wakeAt).toBe(30_000)
    world.clock.set(30_000)
    world.keeper.wake(world.clock.now())
    await settle()
    expect(world.wishes).toHaveLength(201)
    expect(world.keeper.wakeAt).toBeUndefined()
  })

  test('a host whose network does not come is given up after ten minutes', async () => {
    const world = new World()
    world.put(mapping({ port: 5000, host: '10.0.0.5' as Ip }))
    world.keeper.read()
    await world.restore()
    expect(world.said).toEqual([])
    world.clock.set(11 * MINUTE)
    await world.restore()
    expect(world.said.join()).toContain('its network is not there')
    world.keeper.write()
    expect(world.stored).toEqual([])
  })

  test('a file that is too large is left aside', () => {
    const world = new World()
    world.files.set(PATH, new Uint8Array((1 << 23) + 1))
    world.keeper.read()
    expect(world.said).toHaveLength(1)
  })

  test('a file that cannot be read is said', () => {
    const world = new World()
    world.files.get = () => {
      throw new SystemError('reading', 'EIO')
    }
    world.keeper.read()
    expect(world.said.join()).toContain('EIO')
  })

  test('what a hostile file says reaches the log as one line', async () => {
    const world = new World()
    world.put(mapping({ port: 5000, label: 'a\nb' }))
    world.keeper.read()
    world.answer = () => ({ ok: false, why: 'conflict', because: 'so' })
    expect(utf8Decode(world.files.get(PATH) as Uint8Array).split('\n')).toHaveLength(3)
    await world.restore()
    expect(world.said.join()).not.toContain('\n')
  })
})

describe('what its client removes before it is back', () => {
  const waiting = async () => {
    const world = new World(0)
    world.uplink = DOWN
    world.put(mapping({ port: 5000 }), mapping({ port: 5001 }))
    world.keeper.read()
    await world.restore()
    return world
  }
  const remove = (world: World, port: number) =>
    world.returning.withdraw({
      ask: 'unmap',
      owner: { via: 'nat-pmp', client: '192.168.88.10' as Ip },
      transport: 'tcp',
      device: 'br-lan',
      mac: undefined,
      internal: '192.168.88.10' as Ip,
      port: port as Port,
    })

  test('does not come back, and the log says so', async () => {
    const world = await waiting()
    expect(remove(world, 5000)).toBe(1)
    world.uplink = up('11.22.33.44')
    await world.restore()
    expect(world.wishes.map(wish => 'external' in wish && wish.external)).toEqual([5001])
    expect(world.said[0]).toBe('tcp 5000 of nat-pmp 192.168.88.10 was removed by its client before it was back')
  })

  test('is out of the file a second later, whatever the interval: a kill must not bring it back', async () => {
    const world = await waiting()
    world.clock.set(5000)
    remove(world, 5000)
    world.clock.set(5500)
    remove(world, 5001)
    expect(world.keeper.wakeAt).toBe(6000)
    world.clock.set(6000)
    world.keeper.wake(world.clock.now())
    expect([world.written, world.stored, world.keeper.wakeAt]).toEqual([1, [], undefined])
  })

  test('is not asked for in a later part, and what is passing is not kept for it', async () => {
    const world = new World(0)
    world.put(...Array.from({ length: 65 }, (_, n) => mapping({ port: 5000 + n })))
    world.keeper.read()
    world.answer = () => {
      if (world.wishes.length === 1) remove(world, 5064)
      if (world.wishes.length === 2) remove(world, 5001)
      return { ok: false, why: 'busy', because: 'so' }
    }
    await world.restore()
    expect(world.wishes).toHaveLength(64)
    expect(world.returning.size).toBe(63)
    expect(world.returning.all().some(({ external }) => external === 5001)).toBe(false)
  })
})
