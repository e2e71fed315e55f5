/** NAT-PMP as the network sees it: the rows of the conformance list that need real links, routes and times. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Address, Heard } from '../support/agent.ts'
import type { Host } from '../support/host.ts'
import { kernelView, tableView } from '../support/kernel.ts'
import { GUEST, LAN, type Lab, makeLab, WAN, WORLD } from '../support/lab.ts'
import {
  ANNOUNCE_PORT,
  addressReply,
  askAddress,
  askMap,
  EXTERNAL_ADDRESS,
  mapRequest,
  PORT,
} from '../support/natpmp.ts'
import { monotonic, sleep, until } from '../support/process.ts'
import { expectReach } from '../support/reach.ts'
import { defaultUci, type Server, startDaemon } from '../support/server.ts'
import { ENGINES } from './under-test.ts'

const map = mapRequest({ transport: 'udp', internal: 4100, external: 4100 })

describe.each(ENGINES)('on %s', engine => {
  let lab: Lab
  let server: Server

  /** Every zone accepts input: what refuses is Portico, not the firewall beside it. */
  beforeAll(async () => {
    lab = await makeLab({ wanInput: 'accept', guestInput: 'accept' })
    server = await startDaemon(lab, { engine, uci: defaultUci({ limits: { requests_per_second: 1000 } }) })
    await Promise.all([lab.a.udpEcho(4100), lab.a.tcpEcho(4100), lab.world.udpEcho(7)])
  })
  afterAll(() => lab?.close())
  afterEach(async () => {
    if (server.process.status !== undefined) return
    for (const host of [lab.a, lab.b]) {
      for (const transport of ['udp', 'tcp'] as const) await askMap(host, { transport, internal: 0, lifetime: 0 })
    }
  })

  const held = async () => [...(await tableView(server)), ...(await kernelView(lab)).forward]

  test('check 1: a reply has 12 bytes and comes from the address that was asked, port 5351', async () => {
    const heard = await lab.a.udpAsk([LAN, PORT], EXTERNAL_ADDRESS)
    expect(heard).toMatchObject({ got: 'reply', from: [LAN, PORT] })
    expect(heard.got === 'reply' && addressReply(heard.hex)).toMatchObject({ result: 0, address: WAN })
  })

  describe('silence and no state', () => {
    const cases: readonly (readonly [string, (lab: Lab) => Host, Address, Heard['got']])[] = [
      ['check 44: from the WAN to the WAN address', ({ world }) => world, [WAN, PORT], 'nothing'],
      ['check 44: from the WAN to the LAN address', ({ world }) => world, [LAN, PORT], 'nothing'],
      // Nothing listens there: the kernel itself says so.
      ['check 45: from the LAN to the WAN address', ({ a }) => a, [WAN, PORT], 'nothing'],
      ['check 46: to the broadcast address of the LAN', ({ a }) => a, ['192.168.88.255', PORT], 'nothing'],
      ['check 46: to the limited broadcast address', ({ a }) => a, ['255.255.255.255', PORT], 'nothing'],
      ['check 46: to all hosts by multicast', ({ a }) => a, ['224.0.0.1', PORT], 'nothing'],
      ['check 47: from the guest zone to the guest address', ({ guest }) => guest, [GUEST, PORT], 'nothing'],
      ['check 47: from the guest zone to the LAN address', ({ guest }) => guest, [LAN, PORT], 'nothing'],
      ['check 47: from the guest zone to the WAN address', ({ guest }) => guest, [WAN, PORT], 'nothing'],
    ]
    test.each(cases)('%s', async (_name, from, to, silence) => {
      for (const payload of [EXTERNAL_ADDRESS, map])
        expect((await from(lab).udpAsk(to, payload, 300, { broadcast: true })).got).toBe(silence)
      expect(await held()).toEqual([])
    })

    const sources: readonly (readonly [string, string])[] = [
      ['the unspecified address', '0.0.0.0'],
      ['loopback', '127.0.0.1'],
      ['multicast', '224.0.0.5'],
      ['the limited broadcast address', '255.255.255.255'],
      ['the broadcast address of the LAN', '192.168.88.255'],
      ['the network address of the LAN', '192.168.88.0'],
      ["the router's LAN address", LAN],
      ["the router's WAN address", WAN],
      ["the router's guest address", GUEST],
      ['a guest', '192.168.99.10'],
      ['a host of the world', WORLD],
      ['a network that is nowhere', '10.9.8.7'],
    ]
    test.each(sources)('check 47: a datagram that claims to come from %s', async (_name, source) => {
      const sniffer = await lab.router.sniff('br-lan', [PORT])
      await lab.a.inject('eth0', ROUTER_MAC, [source, 4100], [LAN, PORT], map)
      await until('it has arrived', async () => ((await sniffer.seen()).length > 0 ? true : undefined))
      await sleep(100)
      expect((await sniffer.seen()).filter(({ from, to }) => from[1] === PORT && to[1] !== ANNOUNCE_PORT)).toEqual([])
      expect(await held()).toEqual([])
      await sniffer.close()
    })

    test('check 47: a datagram from the WAN that claims to come from the LAN', async () => {
      const sniffer = await lab.router.sniff('br-lan', [PORT])
      const mac = await macOf(lab.router, 'wan0')
      for (const to of [LAN, WAN]) await lab.world.inject('eth0', mac, [lab.a.ip, 4100], [to, PORT], map)
      await sleep(200)
      expect((await sniffer.seen()).filter(({ to }) => to[1] !== ANNOUNCE_PORT)).toEqual([])
      expect(await held()).toEqual([])
      await sniffer.close()
    })

    test('the same datagram with the true source is granted: the injector works', async () => {
      await lab.a.inject('eth0', ROUTER_MAC, [lab.a.ip, 4100], [LAN, PORT], map)
      await until('it is granted', async () => ((await tableView(server)).length === 1 ? true : undefined))
      expect((await kernelView(lab)).forward).toMatchObject([
        { transport: 'udp', external: `${WAN}:4100`, internal: `${lab.a.ip}:4100` },
      ])
      await askMap(lab.a, { transport: 'udp', internal: 4100, lifetime: 0 })
      expect(await held()).toEqual([])
    })
  })

  test('check 5: without a WAN link the answer is network failure, and the address again when it is back', async () => {
    await lab.router.must(['ip', 'link', 'set', 'wan0', 'down'])
    await until('result 3', async () => ((await askAddress(lab.a)).result === 3 ? true : undefined))
    expect(await askAddress(lab.a)).toMatchObject({ result: 3, address: '0.0.0.0' })
    expect(await askMap(lab.a, { transport: 'udp', internal: 4100, external: 4100 })).toMatchObject({
      result: 3,
      internal: 4100,
      external: 0,
      lifetime: 0,
    })
    await lab.router.must(['ip', 'link', 'set', 'wan0', 'up'])
    await lab.router.must(['ip', 'route', 'replace', 'default', 'via', WORLD])
    await until('result 0', async () => ((await askAddress(lab.a)).result === 0 ? true : undefined))
    expect(await askAddress(lab.a)).toMatchObject({ result: 0, address: WAN })
  })

  test('check 50: the epoch advances one a second, the same in every reply', async () => {
    const [started, first] = [monotonic(), await askAddress(lab.a)]
    await sleep(3000)
    const [ended, second, third] = [
      monotonic(),
      await askAddress(lab.b),
      await askMap(lab.b, { transport: 'udp', internal: 9, lifetime: 0 }),
    ]
    expect(Math.abs(second.epoch - first.epoch - (ended - started))).toBeLessThanOrEqual(1.1)
    expect(third.epoch - second.epoch).toBeLessThanOrEqual(1)
  })

  test('check 55: a datagram from the mapped internal port leaves with the mapped external port', async () => {
    await askMap(lab.a, { transport: 'udp', internal: 4155, external: 40155 })
    const flow = await lab.a.udpFlow({ from_port: 4155 })
    expect(await flow.ask([WORLD, 7], 'out')).toMatchObject({ got: 'reply', text: `world saw ${WAN}:40155 out` })
    expect(await lab.a.udpAsk([WORLD, 7], 'out', 1000, { from_port: 4156 })).toMatchObject({
      text: `world saw ${WAN}:4156 out`,
    })
    await flow.close()
  })

  test('check 55: two hosts with one internal port each keep their own external port', async () => {
    await askMap(lab.a, { transport: 'udp', internal: 3074, external: 3074 })
    const { external } = await askMap(lab.b, { transport: 'udp', internal: 3074, external: 3074 })
    expect(external).not.toBe(3074)
    expect(await lab.b.udpAsk([WORLD, 7], 'b', 1000, { from_port: 3074 })).toMatchObject({
      text: `world saw ${WAN}:${external} b`,
    })
    expect(await lab.a.udpAsk([WORLD, 7], 'a', 1000, { from_port: 3074 })).toMatchObject({
      text: `world saw ${WAN}:3074 a`,
    })
  })

  test.each(['udp', 'tcp'] as const)(
    'check 56: hairpin, %s: a neighbour and the host itself reach it by the WAN address',
    async transport => {
      await askMap(lab.a, { transport, internal: 4100, external: 4156 })
      for (const host of [lab.b, lab.a]) {
        const ask = transport === 'udp' ? host.udpAsk([WAN, 4156], 'pin') : host.tcpAsk([WAN, 4156], 'pin')
        expect(await ask).toMatchObject({
          got: 'reply',
          from: [WAN, 4156],
          text: expect.stringMatching(/^a saw .* pin$/),
        })
      }
    },
  )

  test('check 58: 200 requests a second from one client are answered or dropped, and never amplified', async () => {
    const sniffer = await lab.router.sniff('br-lan', [PORT])
    const load = await lab.b.load({ server: [LAN, PORT], ports: [5000, 5019], rate: 200, window: 40 })
    await sleep(3000)
    await load.pause()
    await sleep(200)
    const { counts } = await load.known()
    const seen = await sniffer.seen()
    const requests = seen.filter(({ to }) => to[0] === LAN)
    // Not what is announced to everybody.
    const replies = seen.filter(({ from, to }) => from[0] === LAN && from[1] === PORT && to[0] === lab.b.ip)
    expect(requests.length).toBeGreaterThan(500)
    expect(replies.length).toBeLessThanOrEqual(requests.length)
    expect(replies.every(({ hex }) => hex.length / 2 <= 24)).toBe(true)
    expect(counts.odd).toEqual([])
    expect(counts.granted + counts.deleted).toBeGreaterThan(0)
    expect((await askAddress(lab.a)).result).toBe(0)
    await Promise.all([load.close(), sniffer.close()])
    for (const transport of ['udp', 'tcp'] as const) await askMap(lab.b, { transport, internal: 0, lifetime: 0 })
    expect(await held()).toEqual([])
  })

  test('check 59: a flow that runs through the mapping ends with it, UDP and TCP', async () => {
    for (const transport of ['udp', 'tcp'] as const) await askMap(lab.a, { transport, internal: 4100, external: 4159 })
    const [udp, tcp] = [await lab.world.udpFlow(), await lab.world.tcpFlow([WAN, 4159])]
    expect(await udp.ask([WAN, 4159], 'one')).toMatchObject({ got: 'reply' })
    expect(await tcp.ask('one')).toMatchObject({ got: 'reply' })

    for (const transport of ['udp', 'tcp'] as const) await askMap(lab.a, { transport, internal: 4100, lifetime: 0 })

    // The search for flows rests a moment after each, lest a flood of removals keep the router busy.
    const over = async (ask: Promise<Heard>) => ((await ask).got === 'reply' ? undefined : true)
    await until('the UDP flow has ended', () => over(udp.ask([WAN, 4159], 'two', 200)), 2000)
    await until('the TCP flow has ended', () => over(tcp.ask('two', 200)), 2000)
    await Promise.all([udp.close(), tcp.close()])
  })

  test.each(['udp', 'tcp'] as const)(
    'check 35: a %s lease of 4 s ends after 4 s, in the table, in the kernel and for the world',
    async transport => {
      const lasted = await lifeOf(lab, transport, 4)
      expect(Math.abs(lasted - 4)).toBeLessThanOrEqual(1)
      await until('the table is empty', async () => ((await held()).length === 0 ? true : undefined), 1000)
      console.log(`check 35 on ${engine}: a ${transport} lease of 4 s was open for ${lasted.toFixed(2)} s`)
    },
  )

  test('check 54: with forwarding off the service answers, and refuses every mapping', async () => {
    server.configure(defaultUci({ natPmp: { allow_port_forwarding: '0' } }))
    server.process.signal('SIGHUP')
    await until('result 2', async () =>
      (await askMap(lab.a, { transport: 'udp', internal: 4100, external: 4100 })).result === 2 ? true : undefined,
    )
    expect(await askAddress(lab.a)).toMatchObject({ result: 0, address: WAN })
    expect(await held()).toEqual([])
    server.configure(defaultUci())
    server.process.signal('SIGHUP')
    await until('result 0', async () =>
      (await askMap(lab.a, { transport: 'udp', internal: 4100, external: 4100 })).result === 0 ? true : undefined,
    )
    await askMap(lab.a, { transport: 'udp', internal: 4100, lifetime: 0 })
  })

  test('check 35: with the daemon dead the lease ends all the same', async () => {
    const lasted = await lifeOf(lab, 'udp', 4, () => server.kill())
    expect(Math.abs(lasted - 4)).toBeLessThanOrEqual(1)
    const { exists, forward, reverse } = await kernelView(lab)
    expect({ exists, forward, reverse }).toEqual({ exists: true, forward: [], reverse: [] })
    console.log(`check 35 on ${engine}, daemon dead: a lease of 4 s was open for ${lasted.toFixed(2)} s`)
  })
})

const ROUTER_MAC = '02:00:00:00:88:01'

/** Maps, then knocks until nobody opens; seconds from the answer to the first knock that was in vain. */
async function lifeOf(
  lab: Lab,
  transport: 'udp' | 'tcp',
  lifetime: number,
  meanwhile = async (): Promise<unknown> => undefined,
): Promise<number> {
  expect(await askMap(lab.a, { transport, internal: 4100, external: 4135, lifetime })).toMatchObject({
    result: 0,
    external: 4135,
    lifetime,
  })
  const granted = monotonic()
  await meanwhile()
  await expectReach(lab, transport, 4135, lab.a)
  return until(
    'the lease has ended',
    async () => {
      const knocked = monotonic()
      const ask =
        transport === 'udp'
          ? lab.world.udpAsk([WAN, 4135], 'still?', 500)
          : lab.world.tcpAsk([WAN, 4135], 'still?', 500)
      return (await ask).got === 'reply' ? undefined : knocked - granted
    },
    (lifetime + 3) * 1000,
  )
}

async function macOf(host: Host, device: string): Promise<string> {
  const [link] = JSON.parse(await host.must(['ip', '-json', 'link', 'show', 'dev', device])) as { address: string }[]
  return (link as { address: string }).address
}
