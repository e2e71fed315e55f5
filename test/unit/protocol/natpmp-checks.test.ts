/**
 * The conformance list of the NAT-PMP fact sheet, by number: what can be shown without a kernel is shown here, and
 * each of the others names the file that shows it on a real one.
 */
import { describe, expect, test } from 'vitest'
import type { Ip, Mac, Port } from '../../../src/base/ip.ts'
import { ANYBODY } from '../../../src/core/mapping.ts'
import type { StaticMapping } from '../../../src/core/policy.ts'
import { ELSEWHERE } from '../../support/natpmp-elsewhere.ts'
import { A, B, bytesOf, DOWN, LAN_ADDRESS, policy, ports, Router, up, WAN_ADDRESS } from '../../support/router.ts'

type Show = () => Promise<void>
type Check = readonly [number: number, what: string, show: Show]

const ADDRESS = '00 00'
const MAP_UDP = '00 01 0000 1388 1388 00001c20'
const FAILED = { external: 0, lifetime: 0 }
const SSH: StaticMapping = {
  transport: 'tcp',
  external: 2222 as Port,
  internal: { ip: A, port: 22 as Port },
  label: 'ssh',
}

const asks = async (router: Router, request: string, ip: Ip = A) => (await router.from(ip).send(request)) ?? 'silence'

const CHECKS: readonly Check[] = [
  [
    2,
    'the version of a reply is 0',
    async () => {
      const router = await Router.start()
      for (const request of [ADDRESS, MAP_UDP, '00 05', '07 00'])
        expect((await asks(router, request)).slice(0, 2)).toBe('00')
    },
  ],
  [
    3,
    'the opcode of a reply is that of the request + 128',
    async () => {
      const router = await Router.start()
      for (const opcode of ['00', '01', '02', '03', '7f']) {
        const reply = await asks(router, `00 ${opcode} 0000 1388 1388 00001c20`)
        expect(Number.parseInt(reply.slice(2, 4), 16)).toBe(Number.parseInt(opcode, 16) + 128)
      }
    },
  ],
  [
    4,
    'with an uplink, result 0 and its address',
    async () => expect(await asks(await Router.start(), ADDRESS)).toBe('008000000000' + '0000' + 'cb007107'),
  ],
  [
    5,
    'without an uplink, result 3 and 0.0.0.0 in 12 bytes',
    async () => expect(await asks(await Router.start({ uplink: DOWN }), ADDRESS)).toBe('008000030000000000000000'),
  ],
  [
    6,
    'a mapping request gets 16 bytes and result 0',
    async () => {
      const reply = bytesOf(await asks(await Router.start(), MAP_UDP))
      expect([reply.length, reply[2], reply[3]]).toEqual([16, 0, 0])
    },
  ],
  [7, 'opcode 1 maps UDP and not TCP', () => mapsOnly('udp')],
  [8, 'opcode 2 maps TCP and not UDP', () => mapsOnly('tcp')],
  [
    9,
    'the internal address is the source of the datagram',
    async () => {
      const router = await Router.start()
      await router.from(B).map('udp', 5000, 5000)
      expect(router.kernel.shown).toEqual([`udp 5000 -> ${B}:5000`])
    },
  ],
  [
    10,
    'a request sent twice is one mapping and one answer',
    async () => {
      const router = await Router.start()
      const both = [await router.from(A).map('udp', 5000, 5000), await router.from(A).map('udp', 5000, 5000)]
      expect(both[0]).toEqual(both[1])
      expect(router.engine.mappings.size).toBe(1)
      expect(router.kernel.shown).toHaveLength(1)
    },
  ],
  [
    11,
    'another suggestion for the same internal port returns the port that it has',
    async () => {
      const router = await Router.start()
      await router.from(A).map('udp', 5000, 5000)
      expect((await router.from(A).map('udp', 5000, 6000)).external).toBe(5000)
    },
  ],
  [
    12,
    'a renewal after half the time starts the lifetime anew, on the same port',
    async () => {
      const router = await Router.start()
      await router.from(A).map('udp', 5000, 5000, 100)
      await router.pass(50)
      expectPart(await router.from(A).map('udp', 5000, 5000, 100), { external: 5000, lifetime: 100 })
      await router.pass(99)
      expect(router.kernel.shown).toHaveLength(1)
      await router.pass(1)
      expect([router.kernel.shown, router.engine.mappings.size]).toEqual([[], 0])
    },
  ],
  [
    13,
    'a renewal with a shorter lifetime is granted no more than that',
    async () => {
      const router = await Router.start()
      await router.from(A).map('udp', 5000, 5000, 3600)
      expect((await router.from(A).map('udp', 5000, 5000, 60)).lifetime).toBe(60)
      await router.pass(60)
      expect(router.kernel.shown).toEqual([])
    },
  ],
  [
    14,
    'the lifetime granted is never above the one requested',
    async () => {
      const router = await Router.start()
      for (const lifetime of [1, 2, 119, 120, 3600, 86_400]) {
        expect((await router.from(A).map('udp', 5000, 5000, lifetime)).lifetime).toBe(lifetime)
      }
    },
  ],
  [
    15,
    'above the maximum, the maximum is granted; 2^32-1 is still there after two seconds',
    async () => {
      const router = await Router.start()
      for (const lifetime of [86_401, 2 ** 31, 2 ** 32 - 1]) {
        expectPart(await router.from(A).map('udp', 5000, 5000, lifetime), { result: 0, lifetime: 86_400 })
        await router.pass(2)
        expect(router.kernel.shown).toHaveLength(1)
      }
    },
  ],
  [
    16,
    'a port that another host has is replaced by a different one',
    async () => {
      const router = await Router.start()
      await router.from(A).map('udp', 5000, 5000)
      const reply = await router.from(B).map('udp', 5000, 5000)
      expect(reply.result).toBe(0)
      expect(reply.external).not.toBe(5000)
    },
  ],
  [
    17,
    'a port that a rule refuses is replaced by an allowed one',
    async () => {
      const router = await Router.start({
        policy: policy([
          { action: 'deny', external: ports(1, 9999) },
          { external: ports(10_000, 10_001) },
          { action: 'deny' },
        ]),
      })
      const reply = await router.from(A).map('udp', 5000, 5000)
      expect([10_000, 10_001]).toContain(reply.external)
      expect(reply.result).toBe(0)
    },
  ],
  [
    18,
    'a client to whom the rules refuse every port gets result 2',
    async () => {
      const router = await Router.start({ policy: policy([{ action: 'deny' }]) })
      expectPart(await router.from(A).map('udp', 5000, 5000), { result: 2, ...FAILED })
    },
  ],
  [
    19,
    'when every allowed port is taken, result 4',
    async () => {
      const router = await Router.start({ policy: policy([{ external: ports(7000, 7001) }, { action: 'deny' }]) })
      await router.from(A).map('udp', 1, 0)
      await router.from(A).map('udp', 2, 0)
      expectPart(await router.from(A).map('udp', 3, 0), { result: 4, ...FAILED })
    },
  ],
  [
    20,
    'without a suggestion, some port of 1024 or above, even where low ones are allowed',
    async () => {
      const router = await Router.start({ policy: policy([], { defaultAction: 'allow', perHost: 200 }) })
      for (let internal = 1; internal <= 100; internal++) {
        expect((await router.from(A).map('udp', internal, 0)).external).toBeGreaterThan(1023)
      }
    },
  ],
  [
    21,
    'while A has TCP P, B that asks for UDP P gets another port',
    async () => {
      const router = await Router.start()
      await router.from(A).map('tcp', 5000, 5000)
      const reply = await router.from(B).map('udp', 5000, 5000)
      expect(reply.result).toBe(0)
      expect(reply.external).not.toBe(5000)
    },
  ],
  [
    22,
    'while A has TCP P, A gets UDP P',
    async () => {
      const router = await Router.start()
      await router.from(A).map('tcp', 5000, 5000)
      expect((await router.from(A).map('udp', 5001, 5000)).external).toBe(5000)
    },
  ],
  [
    23,
    "when A's lease has ended, B gets the companion",
    async () => {
      const router = await Router.start()
      await router.from(A).map('tcp', 5000, 5000, 10)
      await router.pass(10)
      expect((await router.from(B).map('udp', 5000, 5000)).external).toBe(5000)
    },
  ],
  [
    24,
    '5350, 5351 and what the router itself listens on are never given',
    async () => {
      const taken = (_: unknown, external: number) => (external === 51_820 ? 'router' : undefined)
      const router = await Router.start({ surroundings: { taken } })
      for (const wished of [5350, 5351, 51_820]) {
        for (const transport of ['udp', 'tcp'] as const) {
          const reply = await router.from(A).map(transport, wished, wished)
          expect(reply.result).toBe(0)
          expect(reply.external).not.toBe(wished)
        }
      }
    },
  ],
  [
    25,
    'what UPnP mapped for the same internal port is returned',
    async () => {
      const router = await Router.start()
      await byUpnp(router, 5000, 6000)
      expectPart(await router.from(A).map('udp', 5000, 7000), { result: 0, external: 6000 })
      expect(router.engine.mappings.size).toBe(1)
    },
  ],
  [
    26,
    'what a static mapping or a redirect of the firewall leads to the same internal port is returned',
    async () => {
      const redirected = (_: unknown, { port }: { port: Port }) => (port === 81 ? (8081 as Port) : undefined)
      const router = await Router.start({ statics: [SSH], surroundings: { redirected } })
      expectPart(await router.from(A).map('tcp', 22, 7000), { result: 0, external: 2222, lifetime: 7200 })
      expectPart(await router.from(A).map('tcp', 81, 7000), { result: 0, external: 8081, lifetime: 7200 })
      expect(router.kernel.shown).toEqual([`tcp 2222 -> ${A}:22`])
    },
  ],
  [
    27,
    'a deletion removes the mapping; external port and lifetime of the reply are 0',
    async () => {
      const router = await Router.start()
      await router.from(A).map('udp', 5000, 5000)
      expectPart(await router.from(A).map('udp', 5000, 0, 0), { result: 0, internal: 5000, ...FAILED })
      expect(router.kernel.shown).toEqual([])
    },
  ],
  [
    28,
    'a deletion repeated gets the same reply',
    async () => {
      const router = await Router.start()
      await router.from(A).map('udp', 5000, 5000)
      const first = await router.from(A).map('udp', 5000, 0, 0)
      expect(await router.from(A).map('udp', 5000, 0, 0)).toEqual(first)
    },
  ],
  [
    29,
    'a deletion of what never was succeeds',
    async () => {
      const router = await Router.start()
      expectPart(await router.from(A).map('tcp', 4321, 0, 0), { result: 0, internal: 4321, ...FAILED })
      expect(router.kernel.batches).toEqual([])
    },
  ],
  [
    30,
    'a deletion with any external port goes by the internal port',
    async () => {
      const router = await Router.start()
      await router.from(A).map('udp', 5000, 6000)
      await router.from(A).map('udp', 5000, 9999, 0)
      expect(router.kernel.shown).toEqual([])
    },
  ],
  [
    31,
    "a deletion by B of A's port succeeds and does nothing",
    async () => {
      const router = await Router.start()
      await router.from(A).map('udp', 5000, 5000)
      expect((await router.from(B).map('udp', 5000, 5000, 0)).result).toBe(0)
      expect(router.kernel.shown).toHaveLength(1)
    },
  ],
  [
    32,
    "a deletion of all UDP ends that client's UDP mappings and no others",
    async () => {
      const router = await Router.start()
      await router.from(A).map('udp', 5000, 5000)
      await router.from(A).map('udp', 5001, 5001)
      await router.from(A).map('tcp', 5000, 5000)
      await router.from(B).map('udp', 7000, 7000)
      expect((await router.from(A).map('udp', 0, 0, 0)).result).toBe(0)
      expect(router.kernel.shown).toEqual([`tcp 5000 -> ${A}:5000`, `udp 7000 -> ${B}:7000`])
    },
  ],
  [
    33,
    'a deletion of all with a static mapping among them: the others are gone, result 2',
    async () => {
      const router = await Router.start({ statics: [SSH] })
      await router.from(A).map('tcp', 5000, 5000)
      expectPart(await router.from(A).map('tcp', 0, 0, 0), { result: 2, internal: 0, ...FAILED })
      expect(router.kernel.shown).toEqual([`tcp 2222 -> ${A}:22`])
    },
  ],
  [
    34,
    'a deletion of a static mapping is refused with result 2',
    async () => {
      const router = await Router.start({ statics: [SSH] })
      expectPart(await router.from(A).map('tcp', 22, 0, 0), { result: 2, internal: 22, ...FAILED })
      expect(router.kernel.shown).toEqual([`tcp 2222 -> ${A}:22`])
    },
  ],
  [
    35,
    'a mapping ends exactly when its lifetime does',
    async () => {
      const router = await Router.start()
      await router.from(A).map('udp', 5000, 5000, 30)
      await router.pass(29.999)
      expect(router.engine.mappings.size).toBe(1)
      await router.pass(0.001)
      expect([router.engine.mappings.size, router.kernel.shown]).toEqual([0, []])
    },
  ],
  [
    36,
    'what has ended is granted anew like any request',
    async () => {
      const router = await Router.start()
      await router.from(A).map('udp', 5000, 5000, 30)
      await router.pass(31)
      expectPart(await router.from(A).map('udp', 5000, 5000, 30), { result: 0, external: 5000, lifetime: 30 })
    },
  ],
  [
    37,
    'an error carries the internal port, the right epoch and zeros',
    async () => {
      const router = await Router.start({ policy: policy([{ action: 'deny' }]), epoch: 77 })
      const reply = await router.from(A).map('udp', 4660, 5000)
      expect(reply).toEqual({ result: 2, epoch: 77, internal: 4660, ...FAILED })
    },
  ],
  [
    38,
    'reserved bytes are ignored',
    async () =>
      expect((await asks(await Router.start(), '00 01 ffff 1388 1388 00001c20')).slice(0, 8)).toBe('00810000'),
  ],
  [
    39,
    'an opcode of 128 or above gets no reply',
    async () => {
      const router = await Router.start()
      for (const opcode of ['80', '81', '82', 'ff']) {
        for (const version of ['00', '02', '09']) {
          expect(await asks(router, `${version} ${opcode} 0000 1388 1388 00001c20`)).toBe('silence')
        }
      }
    },
  ],
  [
    40,
    'an opcode 3 to 127 gets result 5',
    async () => {
      const router = await Router.start()
      for (let opcode = 3; opcode < 128; opcode++) {
        const hex = opcode.toString(16).padStart(2, '0')
        expect((await asks(router, `00 ${hex}`)).slice(0, 8)).toBe(`00${(opcode + 128).toString(16)}0005`)
      }
    },
  ],
  [
    41,
    'versions 1, 3 and 255 get one reply with code 1 and the top bit set',
    async () => {
      const router = await Router.start({ epoch: 1 })
      for (const version of ['01', '03', 'ff']) expect(await asks(router, `${version} 01`)).toBe('0081000100000001')
    },
  ],
  [
    42,
    'version 2, PCP being off, gets version 0 and code 1',
    async () => {
      const pcpAnnounce = '02 00 0000 00000000 00000000000000000000ffffc0a80164'
      expect(await asks(await Router.start({ epoch: 1 }), pcpAnnounce)).toBe('0080000100000001')
    },
  ],
  [
    43,
    'fewer than 2 bytes, and a mapping request of 2 to 11, get no reply',
    async () => {
      const router = await Router.start()
      for (const request of ['', '00', '01', '02']) expect(await asks(router, request)).toBe('silence')
      for (let length = 2; length < 12; length++) {
        expect(await asks(router, MAP_UDP.replaceAll(' ', '').slice(0, length * 2))).toBe('silence')
      }
      expect(router.engine.mappings.size).toBe(0)
    },
  ],
  [
    47,
    'a source that is no host of the LAN gets no reply and no mapping',
    async () => {
      const router = await Router.start()
      const strangers = ['0.0.0.0', '127.0.0.1', '224.0.0.1', '192.168.1.255', LAN_ADDRESS, WAN_ADDRESS, '10.0.0.1']
      for (const source of strangers) {
        expect(await asks(router, MAP_UDP, source as Ip)).toBe('silence')
        expect(await asks(router, ADDRESS, source as Ip)).toBe('silence')
      }
      expect(router.kernel.batches).toEqual([])
    },
  ],
  [
    48,
    'ten announcements at a start, gaps of 250 ms doubling, a fresh epoch in each, on every LAN',
    async () => {
      const router = await Router.start()
      router.devices = ['br-lan', 'br-iot']
      router.announcer.begin(router.clock.now())
      await router.pass(1000)
      const times = [0, 0.25, 0.75, 1.75, 3.75, 7.75, 15.75, 31.75, 63.75, 127.75]
      expect(router.announced).toEqual(
        times.flatMap(at =>
          router.devices.map(device => ({ at, device, hex: announcement(Math.floor(at), 'cb007107') })),
        ),
      )
    },
  ],
  [
    49,
    'a new external address is announced',
    async () => {
      const router = await Router.start({ epoch: 500 })
      await router.engine.move(up('203.0.113.8'))
      router.announcer.begin(router.clock.now())
      await router.pass(1000)
      expect(router.announced).toHaveLength(10)
      expect(router.announced[0]?.hex).toBe(announcement(0, 'cb007108'))
    },
  ],
  [
    50,
    'the epoch advances one a second and is the same in every reply',
    async () => {
      const router = await Router.start()
      for (const at of [0, 1, 2, 60, 3600]) {
        await router.pass(at - router.clock.now() / 1000)
        const address = await asks(router, ADDRESS)
        const error = await asks(router, '00 09')
        expect([address, error].map(reply => Number.parseInt(reply.slice(8, 16), 16))).toEqual([at, at])
        expect((await router.from(A).map('udp', 5000, 5000)).epoch).toBe(at)
      }
    },
  ],
  [
    51,
    'a daemon that finds its table flushed starts the epoch at 0',
    async () => {
      const router = await Router.start({ epoch: 500 })
      await router.engine.adopt([], router.epoch.start)
      expect(await asks(router, ADDRESS)).toBe('008000000000' + '0000' + 'cb007107')
      expect(router.epochStarts).toEqual([500_000])
    },
  ],
  [
    52,
    'an address that changes during a series ends it and starts a new one',
    async () => {
      const router = await Router.start()
      router.announcer.begin(router.clock.now())
      await router.pass(3)
      await router.engine.move(up('203.0.113.8'))
      router.announcer.begin(router.clock.now())
      await router.pass(1000)
      const addresses = router.announced.map(({ hex }) => hex.slice(16))
      expect(addresses).toEqual([...new Array(4).fill('cb007107'), ...new Array(10).fill('cb007108')])
    },
  ],
  [
    54,
    'with forwarding off, the address is told and every mapping refused with result 2',
    async () => {
      const off = { ...policy(), forwarding: { 'nat-pmp': false, upnp: true } }
      const router = await Router.start({ policy: off })
      expect((await asks(router, ADDRESS)).slice(0, 8)).toBe('00800000')
      expectPart(await router.from(A).map('udp', 5000, 5000), { result: 2, ...FAILED })
    },
  ],
  [
    57,
    'whoever gets the address of a host that left does not get its open ports',
    async () => {
      const router = await Router.start()
      await router.from(A, '02:00:00:00:00:01' as Mac).map('udp', 5000, 5000)
      await router.engine.deviceSeen(A, '02:00:00:00:00:02' as Mac)
      expect(router.kernel.elements.map(({ state }) => state)).toEqual(['suspended'])
    },
  ],
  [
    58,
    'of 200 requests in a second each is answered or dropped, and no reply to a mapping request is longer than 16 bytes',
    async () => {
      const router = await Router.start({ policy: policy([], { requestsPerSecond: 50 }) })
      const replies = new Set<string>()
      let answered = 0
      for (let i = 0; i < 200; i++) {
        const reply = await asks(router, MAP_UDP)
        if (reply !== 'silence') answered++
        replies.add(reply)
        await router.pass(0.005)
      }
      // A burst of 100 and 50 more in that second.
      expect([answered > 140, answered < 155]).toEqual([true, true])
      expect([...replies].every(reply => reply === 'silence' || reply.length === 32)).toBe(true)
      expect((await asks(router, ADDRESS, B)).length).toBe(24)
    },
  ],
  [
    60,
    'adopted mappings go on with their epoch; without mappings it begins anew',
    async () => {
      const before = await Router.start({ epoch: 500 })
      await before.from(A).map('udp', 5000, 5000)
      const restarted = await Router.start({ epoch: 600, uplink: DOWN })
      await restarted.engine.adopt(before.kernel.elements, before.epoch.start)
      await restarted.engine.move(up(WAN_ADDRESS))
      expect((await restarted.from(A).map('udp', 5000, 9999)).external).toBe(5000)
      expect(restarted.epoch.seconds(restarted.clock.now())).toBe(600)
      const empty = await Router.start({ epoch: 600, uplink: DOWN })
      await empty.engine.adopt([], before.epoch.start)
      expect(empty.epoch.seconds(empty.clock.now())).toBe(0)
    },
  ],
]

describe('the conformance list', () => {
  test.each(CHECKS)('check %i: %s', async (_number, _what, show) => {
    await show()
  })

  test('no number of 1 to 60 is missing: it is a row here, or another file is named for it', () => {
    const here = CHECKS.map(([number]) => number)
    const all = [...here, ...Object.keys(ELSEWHERE).map(Number)].sort((a, b) => a - b)
    expect(all).toEqual(Array.from({ length: 60 }, (_, index) => index + 1))
  })
})

/** The fields named in `expected` have these values. */
const expectPart = <T extends object>(whole: T, expected: Partial<T>) =>
  expect({ ...whole, ...expected }).toEqual(whole)

async function mapsOnly(transport: 'udp' | 'tcp'): Promise<void> {
  const router = await Router.start()
  await router.from(A).map(transport, 5000, 5000)
  expect(router.kernel.shown).toEqual([`${transport} 5000 -> ${A}:5000`])
}

async function byUpnp(router: Router, internal: number, external: number): Promise<void> {
  const answer = await router.engine.submit({
    ask: 'map',
    owner: { via: 'upnp', client: A },
    transport: 'udp',
    device: 'br-lan',
    mac: '02:00:00:00:00:01' as Mac,
    internal: { ip: A, port: internal as Port },
    external: external as Port,
    exact: true,
    lifetime: 'forever',
    label: 'a game',
    remote: ANYBODY,
    enabled: true,
  })
  expect(answer.ok).toBe(true)
}

const announcement = (epoch: number, address: string) => `00800000${epoch.toString(16).padStart(8, '0')}${address}`
