import { describe, expect, test } from 'vitest'
import type { Ip, Port } from '../../../src/base/ip.ts'
import type { Instant, Seconds } from '../../../src/base/time.ts'
import { callMethod } from '../../../src/control/methods.ts'
import type { Entry } from '../../../src/core/journal.ts'
import type { Mapping } from '../../../src/core/mapping.ts'
import type { Event } from '../../../src/core/record.ts'
import { MemoryWorld, mapping } from '../../support/control-world.ts'

const ask = async (on: MemoryWorld, method: string, args: Readonly<Record<string, unknown>> = {}) => {
  const reply = await callMethod(on, method, args)
  return reply.is === 'done' ? JSON.parse(JSON.stringify(reply.data)) : reply.is
}

const web = mapping({ port: 8443, host: '192.168.88.5', to: 443, via: 'operator', label: 'web server' })
const game = mapping({ port: 8080, to: 80, label: '<b>game</b>', via: 'upnp', mac: '02:00:00:00:00:0a', left: 3540 })
const pinhole: Mapping = {
  ...mapping({ transport: 'udp', port: 5000, host: '2001:db8::10', via: 'upnp' }),
  external: { ip: '2001:db8::10' as Ip, port: 5000 as Port },
  remote: { ip: '2001:db8:f::1' as Ip, port: 'any' },
  pinhole: 17,
}

const world = () => {
  const made = new MemoryWorld()
  made.held = [pinhole, game, web]
  return made
}

describe('mappings', () => {
  test('static ones, clients’ by port, pinholes; what is unset is left out', async () => {
    const on = world()
    on.counted.set(game, { packets: 12, bytes: 3400, bytesOut: 3000 })
    expect(await ask(on, 'mappings')).toEqual({
      mappings: [
        {
          id: '*20FB',
          protocol: 'tcp',
          dst_address: '11.22.33.44',
          dst_port: 8443,
          internal_address: '192.168.88.5',
          internal_port: 443,
          service: 'static',
          comment: 'web server',
          state: 'on',
          dynamic: false,
        },
        {
          id: '*1F90',
          protocol: 'tcp',
          dst_address: '11.22.33.44',
          dst_port: 8080,
          internal_address: '192.168.88.10',
          internal_port: 80,
          service: 'upnp',
          client: '192.168.88.10',
          mac: '02:00:00:00:00:0a',
          comment: '<b>game</b>',
          lifetime: 7200,
          state: 'on',
          dynamic: true,
          timeout: 3540,
          packets: 12,
          bytes: 3400,
          bytes_out: 3000,
        },
        {
          id: '*20011',
          protocol: 'udp',
          dst_address: '2001:db8::10',
          dst_port: 5000,
          internal_address: '2001:db8::10',
          internal_port: 5000,
          remote_address: '2001:db8:f::1',
          pinhole: 17,
          service: 'upnp',
          client: '2001:db8::10',
          comment: '',
          lifetime: 7200,
          state: 'on',
          dynamic: true,
          timeout: 7199,
        },
      ],
      total: 3,
      version: 7,
      time: 1000,
    })
  })

  test('in parts, and never more than a thousand', async () => {
    const on = world()
    const ids = async (args: object) =>
      (await ask(on, 'mappings', { ...args })).mappings.map(({ id }: { id: string }) => id)
    expect(await ids({ offset: 1, limit: 1 })).toEqual(['*1F90'])
    expect(await ids({ offset: 3 })).toEqual([])
    on.held = Array.from({ length: 1500 }, (_, n) => mapping({ port: n + 1 }))
    expect(await ids({ limit: 5000 })).toHaveLength(1000)
    expect(await ids({ offset: 1000 })).toHaveLength(500)
  })
})

describe('remove', () => {
  test('takes the one with this id away', async () => {
    const on = world()
    expect(await ask(on, 'remove', { id: '*20011' })).toEqual({ ok: true })
    expect(on.removed).toEqual([pinhole])
  })

  test.each([
    ['an id that nothing has', '*1', 'absent'],
    ['text that is no id', 'all', 'absent'],
    ['a static one', '*20FB', 'not-owner'],
  ])('%s is refused', async (_name, id, why) => {
    const on = world()
    expect(await ask(on, 'remove', { id })).toMatchObject({ ok: false, why })
    expect(on.removed).toEqual([])
  })

  test('says what the kernel said', async () => {
    const on = world()
    on.obstacle = { ok: false, why: 'kernel', because: 'the kernel refused; see /log print' }
    expect(await ask(on, 'remove', { id: '*1F90' })).toEqual(on.obstacle)
  })
})

describe('pin', () => {
  test('with a comment of the owner, or the client’s', async () => {
    const on = world()
    expect(await ask(on, 'pin', { id: '*1F90', comment: 'camera\n2' })).toEqual({
      ok: true,
      section: 'pinned_tcp_8080',
    })
    expect(await ask(on, 'pin', { id: '*1F90' })).toMatchObject({ ok: true })
    expect(on.pinned).toEqual([
      { mapping: game, comment: 'camera 2' },
      { mapping: game, comment: '<b>game</b>' },
    ])
  })

  test('hands over what keeps it from it', async () => {
    const on = world()
    on.pinning = { ok: false, why: 'write', because: 'the overlay is full' }
    expect(await ask(on, 'pin', { id: '*1F90' })).toEqual(on.pinning)
    expect(await ask(on, 'pin', { id: '*1' })).toMatchObject({ ok: false, why: 'absent' })
  })
})

const wish = {
  ask: 'map',
  owner: { via: 'nat-pmp', client: '192.168.88.10' as Ip },
  device: 'br-lan',
  mac: undefined,
  transport: 'tcp',
  internal: { ip: '192.168.88.10' as Ip, port: 22 as Port },
  external: 'any',
  exact: false,
  lifetime: 3600 as Seconds,
  label: '',
  remote: { ip: 'any', port: 'any' },
  enabled: true,
} as const

const events: readonly Event[] = [
  { what: 'granted', mapping: game, asked: 8080 as Port },
  { what: 'refused', wish, why: 'not-allowed', because: 'permission 3 (no ssh)' },
  { what: 'refused', wish, why: 'quota', because: 'permissions are fine, 64 are held' },
  { what: 'removed', mapping: game, because: 'by its client' },
]
const entries = events.map((event, n): Entry => ({ number: n + 1, at: (990_000 + n * 1000) as Instant, event }))

describe('journal', () => {
  const on = world()
  on.entries = [...entries]

  test('has fields beside the text', async () => {
    const { entries: shown, last } = await ask(on, 'journal')
    expect(last).toBe(4)
    expect(shown.map(({ number, age, what }: Record<string, unknown>) => [number, age, what])).toEqual([
      [1, 10, 'granted'],
      [2, 9, 'refused'],
      [3, 8, 'refused'],
      [4, 7, 'removed'],
    ])
    expect(shown[1]).toMatchObject({
      severity: 'info',
      service: 'nat-pmp',
      client: '192.168.88.10',
      protocol: 'tcp',
      internal_port: 22,
      why: 'not-allowed',
      because: 'permission 3 (no ssh)',
      rule: 3,
    })
    expect(Object.hasOwn(shown[1], 'dst_port')).toBe(false)
    expect(Object.hasOwn(shown[2], 'rule')).toBe(false)
    expect(shown[3]).toMatchObject({ id: '*1F90', comment: '<b>game</b>', because: 'by its client' })
  })

  test.each([
    ['by what happened', { what: 'refused' }, [2, 3]],
    ['by client', { client: '192.168.88.10' }, [1, 2, 3, 4]],
    ['by a client that there is not', { client: '192.168.88.11' }, []],
    ['behind a number', { after: 2 }, [3, 4]],
    ['the latest', { limit: 1 }, [4]],
  ])('%s', async (_name, args, numbers) => {
    const { entries: shown } = await ask(on, 'journal', args)
    expect(shown.map(({ number }: { number: number }) => number)).toEqual(numbers)
  })
})

describe('why', () => {
  const question = {
    service: 'upnp',
    protocol: 'tcp',
    dst_port: 2222,
    internal_address: '192.168.88.10',
    internal_port: 22,
  }

  test('asks the rules, and names the one that decides', async () => {
    const on = world()
    on.judgement = { allowed: false, because: 'permission 0 (no ssh)', rule: 0 }
    const full = { ...question, mac: '02:00:00:00:00:0A', interface: 'br-lan' }
    expect(await ask(on, 'why', full)).toEqual({ allowed: false, because: 'permission 0 (no ssh)', rule: 0 })
    expect(on.asked).toEqual([
      {
        question: {
          service: 'upnp',
          transport: 'tcp',
          internal: { ip: '192.168.88.10', port: 22 },
          mac: '02:00:00:00:00:0a',
          device: 'br-lan',
        },
        external: 2222,
      },
    ])
  })

  test.each([
    ['no service', { service: 'pcp' }],
    ['no protocol', { protocol: 'icmp' }],
    ['port 0', { dst_port: 0 }],
    ['port 65536', { internal_port: 65536 }],
    ['half a port', { dst_port: 1.5 }],
    ['a negative port', { dst_port: -1 }],
    ['no address', { internal_address: 'host' }],
    ['no link address', { mac: 'zz' }],
    ['a missing argument', { dst_port: undefined }],
  ])('%s is invalid', async (_name, over) => {
    expect(await ask(world(), 'why', { ...question, ...over })).toBe('invalid')
  })
})

describe('arguments', () => {
  test.each<[method: string, args: Readonly<Record<string, unknown>>]>([
    ['remove', {}],
    ['remove', { id: 8080 }],
    ['remove', { id: 'x'.repeat(257) }],
    ['pin', { comment: 'x' }],
    ['mappings', { limit: '5' }],
    ['journal', { limit: 0 }],
    ['journal', { limit: 501 }],
    ['command', {}],
    ['command', { words: [] }],
    ['command', { words: 'status' }],
    ['command', { words: [1] }],
    ['command', { words: ['status'], json: 1 }],
  ])('%s %j is invalid', async (method, args) => {
    expect(await ask(world(), method, args)).toBe('invalid')
  })

  test('with unknown names are ignored: rpcd adds its session', async () => {
    expect(await ask(world(), 'check', { ubus_rpc_session: '0' })).toEqual({ checks: [] })
  })

  test.each(['', 'Status', 'constructor', '__proto__', 'toString'])('there is no method %j', async method => {
    expect(await ask(world(), method)).toBe('unknown')
  })
})

describe('command', () => {
  test('is a line of the console, with its exit status', async () => {
    expect(await ask(world(), 'command', { words: ['/ip', 'upnp', 'mappings', 'print', 'count-only'] })).toEqual({
      exit: 0,
      text: '3\n',
    })
    expect((await ask(world(), 'command', { words: ['fly'] })).exit).toBe(2)
    const json = await ask(world(), 'command', { words: ['status'], json: true })
    expect(JSON.parse(json.text)).toEqual(await ask(world(), 'status'))
  })

  test('is cut where ubus would not carry it', async () => {
    const on = world()
    on.held = Array.from({ length: 20_000 }, (_, n) => mapping({ port: n + 1 }))
    const { text, cut } = await ask(on, 'command', { words: ['/ip', 'upnp', 'mappings', 'print'] })
    expect(text.length).toBe(256 * 1024)
    expect(cut).toBe(true)
  })
})
