/**
 * Mappings of every kind under real packets, beside a firewall of OpenWrt's shape: one remote host, disabled, IPv6
 * pinholes; their flows and their traffic. On both engines.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Ip, Port } from '../../src/base/ip.ts'
import type { Seconds } from '../../src/base/time.ts'
import type { Mapping, Remote, Transport } from '../../src/core/mapping.ts'
import { ANYBODY, ORDINARY } from '../../src/core/mapping.ts'
import type { Counted } from '../../src/kernel/traffic.ts'
import type { Address } from '../support/agent.ts'
import type { Lab } from '../support/lab.ts'
import { MARK, makeLab, WAN, WORLD } from '../support/lab.ts'
import type { Worker } from '../support/nft-lab.ts'
import { ENGINES, SETTINGS, startWorker } from '../support/nft-lab.ts'
import { sleep, until } from '../support/process.ts'

const OTHER_WORLD = '11.22.33.2'
const A6 = '2001:db8:1::10'
const WORLD6 = '2001:db8:f::1'
const OTHER_WORLD6 = '2001:db8:f::2'

function mapping(transport: Transport, external: number, port: number, changes: Partial<Mapping> = {}): Mapping {
  const ip = '192.168.88.10' as Ip
  return {
    transport,
    external: { ip: WAN as Ip, port: external as Port },
    internal: { ip, port: port as Port },
    owner: { via: 'upnp', client: ip },
    lease: { lifetime: 3600 as Seconds, expires: 0 as never },
    label: 'test',
    mac: undefined,
    ...ORDINARY,
    ...changes,
  }
}

function pinhole(
  transport: Transport,
  port: number,
  remote: Remote = ANYBODY,
  changes: Partial<Mapping> = {},
): Mapping {
  const internal = { ip: A6 as Ip, port: port as Port }
  const owner = { via: 'upnp', client: A6 as Ip } as const
  return mapping(transport, port, port, { external: internal, internal, owner, remote, pinhole: port, ...changes })
}

const remote = (ip: string, port: number | 'any' = 'any'): Remote => ({ ip: ip as Ip, port: port as Port | 'any' })
const lasting = (seconds: number) => ({ lease: { lifetime: seconds as Seconds, expires: 0 as never } })

describe.each(ENGINES)('%s', engine => {
  let lab: Lab
  let worker: Worker
  beforeAll(async () => {
    lab = await makeLab()
    await addIpv6(lab)
    await lab.router.must(['sysctl', '-q', 'net.netfilter.nf_conntrack_acct=1'])
    worker = await startWorker(lab, engine)
    for (const port of [5000, 5001]) {
      await lab.a.udpEcho(port)
      await lab.a.tcpEcho(port)
      await lab.a.udpEcho(port, A6)
      await lab.a.tcpEcho(port, A6)
    }
    await lab.world.udpEcho(7000)
  })
  afterAll(() => lab.close())

  const hold = async (...mappings: readonly Mapping[]) => {
    await worker.ask({ do: 'build', settings: SETTINGS, mappings })
    await lab.router.run(['conntrack', '-F'])
  }
  const change = (was: Mapping, mapping: Mapping) =>
    worker.ask({ do: 'apply', changes: [{ act: 'replace', was, mapping }] })
  const remove = (mapping: Mapping) => worker.ask({ do: 'apply', changes: [{ act: 'remove', mapping }] })
  const udp = async (to: Address, from: { from_ip?: string; from_port?: number } = {}, ms = 300) =>
    (await lab.world.udpAsk(to, 'x', ms, from)).got
  const tcp = async (to: Address, ms = 500) => (await lab.world.tcpAsk(to, 'x', ms)).got
  const wan = (port: number): Address => [WAN, port]
  const six = (port: number): Address => [A6, port]
  beforeEach(() => hold())

  describe('a mapping for one remote host (igd 35)', () => {
    test('only that host passes, and traffic of the client leaves under the mapped port', async () => {
      await hold(mapping('udp', 8080, 5000, { remote: remote(WORLD) }))
      expect(await udp(wan(8080))).toBe('reply')
      expect(await udp(wan(8080), { from_ip: OTHER_WORLD })).not.toBe('reply')
      const { text } = (await lab.a.udpAsk([WORLD, 7000], 'x', 1000, { from_port: 5002 })) as { text: string }
      expect(text).toMatch(/^world saw 11\.22\.33\.44:5002 /)
      expect(await lab.router.must(['nft', 'list', 'map', 'inet', 'portico', 'dnat4from'])).toContain(
        'counter packets 1 ',
      )
    })

    test('what leaves from its internal port carries the mapped port', async () => {
      await hold(mapping('udp', 14_000, 4000, { remote: remote(WORLD) }))
      const { text } = (await lab.a.udpAsk([WORLD, 7000], 'x', 1000, { from_port: 4000 })) as { text: string }
      expect(text).toBe('world saw 11.22.33.44:14000 x')
    })

    test('the mark lets in only what was translated', async () => {
      await hold(mapping('udp', 8080, 5000, { remote: remote(WORLD) }))
      // The other host knows the way to the private address: nothing translates it, so nothing marks it.
      expect(await udp(['192.168.88.10', 5000], { from_ip: OTHER_WORLD })).not.toBe('reply')
      expect(await udp(['192.168.88.10', 5000])).not.toBe('reply')
    })

    test('another remote host, in one step, and the flows of the first end', async () => {
      const first = mapping('udp', 8080, 5000, { remote: remote(WORLD) })
      const second = { ...first, remote: remote(OTHER_WORLD) }
      await hold(first)
      const flow = await lab.world.udpFlow()
      expect((await flow.ask(wan(8080), 'x')).got).toBe('reply')
      await change(first, second)
      await until('the flow ended', async () =>
        (await flow.ask(wan(8080), 'x', 200)).got !== 'reply' ? true : undefined,
      )
      expect(await udp(wan(8080), { from_ip: OTHER_WORLD })).toBe('reply')
      await change(second, { ...first, remote: ANYBODY })
      expect(await udp(wan(8080))).toBe('reply')
      expect(await worker.ask({ do: 'verify' })).toEqual([])
    })
  })

  describe('a disabled mapping (igd 36)', () => {
    test('is kept and leads nowhere; enabled again, it leads', async () => {
      const on = mapping('tcp', 8080, 5000)
      const off = { ...on, state: 'disabled' } as const
      await hold(off)
      expect(await tcp(wan(8080))).not.toBe('reply')
      expect(await lab.router.must(['nft', 'list', 'map', 'inet', 'portico', 'idle4'])).toContain('. tcp . 8080 ')
      await change(off, on)
      expect(await tcp(wan(8080))).toBe('reply')
      await change(on, off)
      expect(await tcp(wan(8080))).not.toBe('reply')
      expect(await worker.ask({ do: 'verify' })).toEqual([])
    })

    test('its external port is free for others on their way out, unlike that of a mapping in use', async () => {
      const out = async () =>
        ((await lab.b.udpAsk([WORLD, 7000], 'x', 1000, { from_port: 3074 })) as { text: string }).text
      await hold(mapping('udp', 3074, 3074, { state: 'disabled' }))
      expect(await out()).toBe('world saw 11.22.33.44:3074 x')
      await hold(mapping('udp', 3074, 3074))
      expect(await out()).not.toContain(':3074 ')
    })

    test('suspended: flows that run end', async () => {
      const on = mapping('tcp', 8080, 5000)
      await hold(on)
      const flow = await lab.world.tcpFlow(wan(8080))
      expect((await flow.ask('x')).got).toBe('reply')
      await change(on, { ...on, state: 'suspended' })
      await until('the flow ended', async () => ((await flow.ask('x', 200)).got !== 'reply' ? true : undefined))
    })
  })

  describe('a pinhole', () => {
    test('opens one endpoint of one transport, and no other (igd 73)', async () => {
      expect(await tcp(six(5000))).not.toBe('reply')
      await hold(pinhole('tcp', 5000))
      expect(await tcp(six(5000))).toBe('reply')
      expect(await udp(six(5000))).not.toBe('reply')
      expect(await tcp(six(5001))).not.toBe('reply')
      const listed = await lab.router.must(['nft', 'list', 'set', 'inet', 'portico', 'pinhole6'])
      expect(listed).toContain(':: . 0 . 2001:db8:1::10 . tcp . 5000 counter packets 1 ')
      expect(listed).toContain('comment "upnp 2001:db8:1::10: test"')
    })

    test.each<[string, Remote, { from_ip?: string; from_port?: number }, { from_ip?: string; from_port?: number }]>([
      ['this host', remote(WORLD6), {}, { from_ip: OTHER_WORLD6 }],
      ['this port', remote('any', 4321), { from_port: 4321, from_ip: OTHER_WORLD6 }, { from_port: 4322 }],
      ['this endpoint', remote(WORLD6, 4321), { from_port: 4321 }, { from_port: 4321, from_ip: OTHER_WORLD6 }],
      ['this endpoint, other port', remote(WORLD6, 4321), { from_port: 4321 }, { from_port: 4322 }],
    ])('for %s alone', async (_name, only, good, bad) => {
      await hold(pinhole('udp', 5000, only))
      expect(await udp(six(5000), bad)).not.toBe('reply')
      expect(await udp(six(5000), { from_ip: WORLD6, ...good })).toBe('reply')
    })

    test('guests and what the LAN sends outward are none of it', async () => {
      await hold(pinhole('udp', 5000))
      await lab.router.must(['nft', 'insert', 'rule', 'inet', 'fw4', 'forward', 'meta', 'mark', MARK_TEXT, 'counter'])
      expect((await lab.guest.udpAsk(six(5000), 'x', 300)).got).not.toBe('reply')
      expect(await lab.router.must(['nft', 'list', 'chain', 'inet', 'fw4', 'forward'])).toContain('counter packets 0')
      await lab.reloadFirewall()
    })

    test('ends on time although the daemon sleeps (igd 85), and a renewal prolongs it', async () => {
      const [brief, renewed] = [pinhole('udp', 5000, ANYBODY, lasting(2)), pinhole('udp', 5001, ANYBODY, lasting(2))]
      await hold(brief, renewed)
      await change(renewed, { ...renewed, ...lasting(3600) })
      expect(await udp(six(5000))).toBe('reply')
      await sleep(2200)
      await lab.router.run(['conntrack', '-F'])
      expect(await udp(six(5000))).not.toBe('reply')
      expect(await udp(six(5001))).toBe('reply')
      const listed = await lab.router.must(['nft', 'list', 'set', 'inet', 'portico', 'pinhole6'])
      expect(listed).not.toContain('. 5000 ')
    })

    test('closed: its flows end with it (S27)', async () => {
      const [open, other] = [pinhole('tcp', 5000), pinhole('tcp', 5001)]
      await hold(open, other)
      const flows = [await lab.world.tcpFlow(six(5000)), await lab.world.tcpFlow(six(5001))]
      for (const flow of flows) expect((await flow.ask('x')).got).toBe('reply')
      await remove(open)
      await until('the flow ended', async () => ((await flows[0]?.ask('x', 200))?.got !== 'reply' ? true : undefined))
      expect((await flows[1]?.ask('x'))?.got).toBe('reply')
      expect(await tcp(six(5000))).not.toBe('reply')
    })

    test('suspended, it is kept and closed', async () => {
      const open = pinhole('udp', 5000)
      await hold(open)
      await change(open, { ...open, state: 'suspended' })
      expect(await udp(six(5000))).not.toBe('reply')
      expect(await lab.router.must(['nft', 'list', 'set', 'inet', 'portico', 'idle6'])).toContain('. udp . 5000 ')
      await change({ ...open, state: 'suspended' }, open)
      expect(await udp(six(5000))).toBe('reply')
    })
  })

  test('all kinds are adopted, and rebuilt after a flush', async () => {
    const all = [
      mapping('udp', 8080, 5000, { remote: remote(WORLD) }),
      mapping('udp', 8081, 5001, { state: 'disabled', remote: remote(OTHER_WORLD) }),
      mapping('tcp', 8082, 5001),
      pinhole('udp', 5000, remote(WORLD6, 4321)),
      pinhole('udp', 5001, ANYBODY, { state: 'suspended' }),
    ]
    await hold(...all)
    const next = await startWorker(lab, engine)
    expect(await next.ask({ do: 'adopt' })).toMatchObject({
      intact: true,
      states: [
        'disabled 11.22.33.2 any undefined',
        'on 11.22.33.1 any undefined',
        'on 2001:db8:f::1 4321 5000',
        'on any any undefined',
        'suspended any any 5001',
      ],
    })
    next.process.signal('SIGKILL')
    await lab.router.must(['nft', 'flush', 'ruleset'])
    await lab.reloadFirewall()
    expect(await worker.ask<unknown[]>({ do: 'restore' })).toHaveLength(1)
    expect(await worker.ask({ do: 'verify' })).toEqual([])
    expect(await udp(six(5000), { from_ip: WORLD6, from_port: 4321 })).toBe('reply')
    expect(await udp(wan(8080))).toBe('reply')
    expect(await tcp(wan(8082))).toBe('reply')
    expect(await udp(six(5001))).not.toBe('reply')
  })

  describe('traffic', () => {
    const traffic = (...mappings: readonly Mapping[]) => worker.ask<Counted[]>({ do: 'traffic', mappings })
    const fresh = () => sleep(1100) // a reading serves for a second

    test('packets and bytes of a flow that runs and of one that has ended', async () => {
      const [udpOne, udpTwo, tcpOne] = [mapping('udp', 8090, 5000), mapping('udp', 8091, 5001), pinhole('udp', 5001)]
      await hold(udpOne, udpTwo, tcpOne)
      const flow = await lab.world.udpFlow()
      const reply = (await flow.ask(wan(8090), 'x'.repeat(100))) as { text: string }
      const out = 28 + reply.text.length // headers of IPv4 and UDP
      await flow.ask(wan(8090), 'x'.repeat(100))
      const once = { packetsIn: 2, bytesIn: 256, packetsOut: 2, bytesOut: 2 * out }
      const idle = { packetsIn: 0, bytesIn: 0, packetsOut: 0, bytesOut: 0 }
      await fresh()
      expect(await traffic(udpOne, udpTwo, tcpOne)).toEqual([once, idle, idle])
      await lab.router.must(['conntrack', '-D', '-p', 'udp', '--orig-port-dst', '8090'])
      await fresh()
      expect(await traffic(udpOne, udpTwo, tcpOne)).toEqual([once, idle, idle])
      await flow.ask(wan(8090), 'x'.repeat(100))
      await udp(six(5001))
      await fresh()
      const [twice, , sixth] = await traffic(udpOne, udpTwo, tcpOne)
      expect(twice).toEqual({ packetsIn: 3, bytesIn: 384, packetsOut: 3, bytesOut: 3 * out })
      expect(sixth).toMatchObject({ packetsIn: 1, bytesIn: 49, packetsOut: 1 })
    })

    test('a port that is granted again begins at zero', async () => {
      const it = mapping('udp', 8092, 5000)
      await hold(it)
      const flow = await lab.world.udpFlow()
      for (let i = 0; i < 5; i++) await flow.ask(wan(8092), 'x')
      await fresh()
      expect((await traffic(it))[0]?.packetsIn).toBe(5)
      await remove(it)
      await worker.ask({ do: 'forget', mapping: it })
      await worker.ask({ do: 'apply', changes: [{ act: 'add', mapping: it }] })
      await fresh()
      expect((await traffic(it))[0]?.packetsIn).toBe(0)
      await sleep(5000) // until what is told of the flows of before counts no more
      await flow.ask(wan(8092), 'x')
      await fresh()
      const again = (await traffic(it))[0]?.packetsIn ?? 0
      expect(again).toBeGreaterThan(0)
      expect(again).toBeLessThan(5)
    })

    test('a flow that nobody looked at while it ran counts when it has ended', async () => {
      const [four, six6] = [mapping('udp', 8094, 5000), pinhole('udp', 5001)]
      await hold(four, six6)
      await fresh()
      const before = await traffic(four, six6) // what rows before this one sent
      const flow = await lab.world.udpFlow()
      for (let n = 0; n < 3; n++) await flow.ask(wan(8094), 'x'.repeat(100))
      await udp(six(5001))
      await lab.router.must(['conntrack', '-F'])
      await fresh()
      const after = await traffic(four, six6)
      const more = (of: 'packetsIn' | 'bytesIn' | 'packetsOut') =>
        after.map((counted, at) => counted[of] - (before[at]?.[of] ?? 0))
      expect([more('packetsIn'), more('bytesIn'), more('packetsOut')]).toEqual([
        [3, 1],
        [384, 49],
        [3, 1],
      ])
    })

    test('only the end of our kind of flows wakes the daemon', async () => {
      await hold(mapping('udp', 8093, 5000))
      await sleep(100)
      const before = await worker.ask<number>({ do: 'heard' })
      for (let n = 0; n < 50; n++) await lab.a.udpAsk([WORLD, 7000], 'x', 200, { from_port: 20_000 + n })
      await udp(wan(8093))
      const count = Number(await lab.router.must(['conntrack', '-C']))
      expect(count).toBeGreaterThan(50)
      await lab.router.run(['conntrack', '-F'])
      await sleep(200)
      expect(await worker.ask<number>({ do: 'heard' })).toBe(before + 1)
    })
  })
})

const MARK_TEXT = `0x${MARK.toString(16)}`

/** The lab speaks IPv6 too: a prefix inside, one outside, and the router between them. */
async function addIpv6({ a, guest, router, world }: Lab): Promise<void> {
  await router.must(['sysctl', '-q', 'net.ipv6.conf.all.forwarding=1'])
  const ip = (netns: string, lines: readonly string[]) =>
    router.must(['ip', '-n', netns, '-batch', '-'], { input: `${lines.join('\n')}\n` })
  await ip(router.netns, [
    'address add 2001:db8:1::1/64 dev br-lan nodad',
    'address add 2001:db8:9::1/64 dev br-guest nodad',
    'address add 2001:db8:f::44/64 dev wan0 nodad',
  ])
  await ip(a.netns, [`address add ${A6}/64 dev eth0 nodad`, 'route add default via 2001:db8:1::1'])
  await ip(guest.netns, ['address add 2001:db8:9::10/64 dev eth0 nodad', 'route add default via 2001:db8:9::1'])
  await ip(world.netns, [
    `address add ${WORLD6}/64 dev eth0 nodad`,
    `address add ${OTHER_WORLD6}/64 dev eth0 nodad`,
    'address add 11.22.33.2/24 dev eth0',
    'route add 2001:db8:1::/64 via 2001:db8:f::44',
  ])
  // Without a link-local address nobody asks for neighbours.
  for (const host of [a, guest, router, world]) {
    await until(`addresses of ${host.name}`, async () => {
      return (await host.must(['ip', '-6', 'address', 'show', 'tentative'])) === '' || undefined
    })
  }
}
