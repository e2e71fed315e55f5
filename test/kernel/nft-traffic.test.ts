/** Real packets through our rules, beside a firewall of OpenWrt's shape: LAN, guests, router, world; both engines. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Ip, Port } from '../../src/base/ip.ts'
import type { Seconds } from '../../src/base/time.ts'
import type { Mapping, Transport } from '../../src/core/mapping.ts'
import { ORDINARY } from '../../src/core/mapping.ts'
import type { Settings } from '../../src/kernel/ruleset.ts'
import type { Address } from '../support/agent.ts'
import type { Host } from '../support/host.ts'
import type { Lab } from '../support/lab.ts'
import { LAN, makeLab, WAN } from '../support/lab.ts'
import type { Worker } from '../support/nft-lab.ts'
import { ENGINES, SETTINGS, startWorker } from '../support/nft-lab.ts'
import { sleep } from '../support/process.ts'

function mapping(transport: Transport, external: number, host: Host, port: number, lifetime = 3600): Mapping {
  const ip = host.ip as Ip
  return {
    transport,
    external: { ip: WAN as Ip, port: external as Port },
    internal: { ip, port: port as Port },
    owner: { via: 'nat-pmp', client: ip },
    lease: { lifetime: lifetime as Seconds, expires: 0 as never },
    label: 'test',
    mac: undefined,
    ...ORDINARY,
  }
}

describe.each(ENGINES)('%s', engine => {
  let lab: Lab
  let worker: Worker
  beforeAll(async () => {
    lab = await makeLab({ wanInput: 'accept', guestInput: 'accept' })
    worker = await startWorker(lab, engine)
    for (const host of [lab.a, lab.b]) {
      await host.udpEcho(5000)
      await host.tcpEcho(5000)
    }
    await lab.world.udpEcho(7000)
  })
  afterAll(() => lab.close())

  /** The table with these mappings, and no flow left from before. */
  const hold = async (mappings: readonly Mapping[], settings: Settings = SETTINGS) => {
    await worker.ask({ do: 'build', settings, mappings })
    await lab.router.run(['conntrack', '-F'])
  }
  const wan = (port: number): Address => [WAN, port]
  beforeEach(() => hold([]))

  test('nothing is open without a mapping', async () => {
    expect((await lab.world.udpAsk(wan(8080), 'x', 300)).got).not.toBe('reply')
    expect((await lab.world.tcpAsk(wan(8080), 'x', 500)).got).not.toBe('reply')
  })

  test.each(['udp', 'tcp'] as const)(
    '%s: the world reaches the internal endpoint, and sees the source of the world',
    async transport => {
      await hold([mapping(transport, 8080, lab.a, 5000)])
      const ask = transport === 'udp' ? lab.world.udpAsk(wan(8080), 'hello') : lab.world.tcpAsk(wan(8080), 'hello')
      expect(await ask).toMatchObject({ got: 'reply', text: expect.stringMatching(/^a saw 11\.22\.33\.1:\d+ hello$/) })
      const other = transport === 'udp' ? lab.world.tcpAsk(wan(8080), 'x', 500) : lab.world.udpAsk(wan(8080), 'x', 300)
      expect((await other).got).not.toBe('reply')
    },
  )

  test('each new flow counts once', async () => {
    await hold([mapping('udp', 8080, lab.a, 5000)])
    const flow = await lab.world.udpFlow()
    for (let i = 0; i < 3; i++) expect(await flow.ask(wan(8080), 'x')).toMatchObject({ got: 'reply' })
    await lab.world.udpAsk(wan(8080), 'y')
    expect(await lab.router.must(['nft', 'list', 'map', 'inet', 'portico', 'dnat4'])).toContain('counter packets 2 ')
  })

  test('a removed mapping is closed to new flows', async () => {
    const it = mapping('udp', 8080, lab.a, 5000)
    await hold([it])
    expect((await lab.world.udpAsk(wan(8080), 'x')).got).toBe('reply')
    await worker.ask({ do: 'apply', changes: [{ act: 'remove', mapping: it }] })
    expect((await lab.world.udpAsk(wan(8080), 'x', 300)).got).not.toBe('reply')
  })

  test('what the internal endpoint sends carries the mapped external port', async () => {
    await hold([mapping('udp', 14000, lab.a, 4000)])
    const { text } = (await lab.a.udpAsk([lab.world.ip, 7000], 'x', 1000, { from_port: 4000 })) as { text: string }
    expect(text).toBe('world saw 11.22.33.44:14000 x')
  })

  test('two consoles on one port leave under two', async () => {
    await hold([mapping('udp', 3074, lab.a, 3074), mapping('udp', 3075, lab.b, 3074)])
    const seen = async (host: Host) =>
      ((await host.udpAsk([lab.world.ip, 7000], 'x', 1000, { from_port: 3074 })) as { text: string }).text
    expect([await seen(lab.a), await seen(lab.b)]).toEqual([
      'world saw 11.22.33.44:3074 x',
      'world saw 11.22.33.44:3075 x',
    ])
  })

  test('a host without a mapping cannot leave by the port of another', async () => {
    await hold([mapping('udp', 3074, lab.a, 3074)])
    const ask = (host: Host) => host.udpAsk([lab.world.ip, 7000], 'x', 1000, { from_port: 3074 })
    const thief = (await ask(lab.b)) as { text: string }
    expect(thief.text).toMatch(/^world saw 11\.22\.33\.44:\d+ x$/)
    expect(thief.text).not.toContain(':3074 ')
    expect(await ask(lab.a)).toMatchObject({ text: 'world saw 11.22.33.44:3074 x' })
    // Ports that nobody owns are kept, as masquerade does.
    expect(await lab.b.udpAsk([lab.world.ip, 7000], 'x', 1000, { from_port: 3999 })).toMatchObject({
      text: 'world saw 11.22.33.44:3999 x',
    })
  })

  test('hairpin: from inside by the external address, and seen as from outside', async () => {
    await hold([mapping('udp', 8080, lab.a, 5000), mapping('tcp', 8080, lab.a, 5000)])
    expect(await lab.b.udpAsk(wan(8080), 'x', 1000, { from_port: 4321 })).toMatchObject({
      text: 'a saw 11.22.33.44:4321 x',
    })
    expect(await lab.b.tcpAsk(wan(8080), 'x')).toMatchObject({ text: expect.stringMatching(/^a saw 11\.22\.33\.44:/) })
    expect(await lab.a.udpAsk(wan(8080), 'to myself')).toMatchObject({ got: 'reply' })
  })

  test('hairpin between two mappings: each sees the external endpoint of the other', async () => {
    await hold([mapping('udp', 8080, lab.a, 5000), mapping('udp', 9090, lab.b, 4000)])
    expect(await lab.b.udpAsk(wan(8080), 'x', 1000, { from_port: 4000 })).toMatchObject({
      text: 'a saw 11.22.33.44:9090 x',
    })
  })

  test('a zone that is not internal reaches no mapping by hairpin; made internal, it does', async () => {
    await hold([mapping('udp', 8080, lab.a, 5000)])
    expect((await lab.guest.udpAsk(wan(8080), 'x', 300)).got).not.toBe('reply')
    await hold([mapping('udp', 8080, lab.a, 5000)], { ...SETTINGS, internal: ['br-lan', 'br-guest'] })
    expect(await lab.guest.udpAsk(wan(8080), 'x')).toMatchObject({
      text: expect.stringMatching(/^a saw 11\.22\.33\.44:/),
    })
    expect((await lab.guest.udpAsk([lab.a.ip, 5000], 'x', 300)).got).not.toBe('reply')
  })

  test('another address of the router is none of the mapping', async () => {
    await lab.router.must(['ip', 'address', 'add', '11.22.33.45/24', 'dev', 'wan0'])
    await hold([mapping('udp', 8080, lab.a, 5000)])
    expect((await lab.world.udpAsk(['11.22.33.45', 8080], 'x', 300)).got).not.toBe('reply')
    expect((await lab.b.udpAsk([LAN, 8080], 'x', 300)).got).not.toBe('reply')
    await lab.router.must(['ip', 'address', 'delete', '11.22.33.45/24', 'dev', 'wan0'])
  })

  test("the owner's own redirect of the same port wins", async () => {
    const rule = ['iifname', 'wan0', 'udp', 'dport', '8080', 'dnat', 'ip', 'to', '192.168.88.11:5000']
    await lab.router.must(['nft', 'add', 'rule', 'inet', 'fw4', 'dstnat', ...rule])
    await lab.router.must(['nft', 'insert', 'rule', 'inet', 'fw4', 'forward_wan', 'ct', 'status', 'dnat', 'accept'])
    await hold([mapping('udp', 8080, lab.a, 5000)])
    expect(await lab.world.udpAsk(wan(8080), 'x')).toMatchObject({ text: expect.stringMatching(/^b saw /) })
    await lab.reloadFirewall()
  })

  test('only flows of mappings carry the mark', async () => {
    await hold([])
    const rule = ['iifname', 'wan0', 'udp', 'dport', '8080', 'dnat', 'ip', 'to', '192.168.88.11:5000']
    await lab.router.must(['nft', 'add', 'rule', 'inet', 'fw4', 'dstnat', ...rule])
    expect((await lab.world.udpAsk(wan(8080), 'x', 300)).got).not.toBe('reply')
    await lab.reloadFirewall()
  })

  test('our ports take nothing that comes in elsewhere, whatever the firewall accepts', async () => {
    const echo = await lab.router.udpEcho(5351)
    const other = await lab.router.udpEcho(5352)
    expect((await lab.a.udpAsk([LAN, 5351], 'x')).got).toBe('reply')
    for (const host of [lab.guest, lab.world]) {
      for (const address of [LAN, WAN]) {
        expect((await host.udpAsk([address, 5351], 'x', 300)).got).toBe('nothing')
        expect((await host.udpAsk([address, 5352], 'x')).got).toBe('reply')
      }
    }
    expect(await echo.received()).toBe(1)
    await echo.close()
    await other.close()
  })

  test('a reload of the firewall leaves the mappings open', async () => {
    await hold([mapping('udp', 8080, lab.a, 5000)])
    await lab.reloadFirewall()
    expect((await lab.world.udpAsk(wan(8080), 'x')).got).toBe('reply')
    expect(await worker.ask({ do: 'verify' })).toEqual([])
  })

  test('a refusal names the change, found by the place that the kernel points at', async () => {
    await hold([], { ...SETTINGS, capacity: 3 })
    const changes = Array.from(
      { length: 5 },
      (_, n) => ({ act: 'add', mapping: mapping('udp', 9000 + n, lab.a, 6000 + n) }) as const,
    )
    await expect(worker.ask({ do: 'apply', changes })).rejects.toThrow(
      'to add udp 11.22.33.44:9003 to 192.168.88.10:6003: ENFILE',
    )
    expect(await worker.ask({ do: 'verify' })).toEqual([])
  })

  test('10,000 mappings: moved, compared, adopted, built', async () => {
    const build = await worker.timed({ do: 'buildMany', settings: SETTINGS, count: 10_000, ip: WAN as Ip })
    const move = await worker.timed({ do: 'moveAll', ip: '11.22.33.99' as Ip })
    const verify = await worker.timed({ do: 'verify' })
    const next = await startWorker(lab, engine)
    const adopt = await next.timed({ do: 'adopt' })
    next.process.signal('SIGKILL')
    console.log(
      `${engine}, 10,000 mappings: built in ${build} ms, moved in ${move}, compared in ${verify}, adopted in ${adopt}`,
    )
    expect(await worker.ask({ do: 'verify' })).toEqual([])
    const listed = await lab.router.must(['nft', 'list', 'map', 'inet', 'portico', 'dnat4'])
    expect(listed.match(/11\.22\.33\.99 \. /g)).toHaveLength(10_000)
    expect(listed).not.toContain('11.22.33.44 . ')
  })

  test('a lease ends on time although the daemon is dead', async () => {
    await hold([mapping('udp', 8080, lab.a, 5000, 2), mapping('udp', 8081, lab.a, 5001)])
    expect((await lab.world.udpAsk(wan(8080), 'x')).got).toBe('reply')
    await worker.process.kill()
    await sleep(2100)
    await lab.router.run(['conntrack', '-F'])
    expect((await lab.world.udpAsk(wan(8080), 'x', 300)).got).not.toBe('reply')
    const left = await lab.router.must(['nft', 'list', 'map', 'inet', 'portico', 'dnat4'])
    expect(left).toContain('. 8081 ')
    expect(left).not.toContain('. 8080 ')
  })
})
