/**
 * Greedy, forged and changing hosts: rows S23 to S27 of the list of attacks, with traffic. The same decisions without a
 * network: test/unit/core/igd-checks.test.ts. A flow that ends with its NAT-PMP mapping: network.test.ts, check 59.
 *
 * S26, the limit: a datagram with the forged source of a neighbour is taken for the neighbour's, whose link address
 * the kernel knows; it can open a port to that neighbour and to nobody else. Who forges the link address too is that
 * neighbour to any router.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { calls, codeOf, exchange, expectHealthy, processor, resident, statuses } from '../support/attack.ts'
import type { Echo, Host } from '../support/host.ts'
import { kernelView, tableView } from '../support/kernel.ts'
import { LAN, type Lab, makeLab, WAN } from '../support/lab.ts'
import { askMap, EXTERNAL_ADDRESS, mapRequest, PORT, patiently } from '../support/natpmp.ts'
import { must, sleep, until } from '../support/process.ts'
import { expectNoReach, expectReach } from '../support/reach.ts'
import type { Server } from '../support/server.ts'
import { addMapping, soap, startUpnp, upnpUci } from '../support/upnp.ts'
import { ENGINES } from './under-test.ts'

describe.each(ENGINES)('on %s', engine => {
  let lab: Lab
  let server: Server
  let ofB: readonly Echo[]

  beforeAll(async () => {
    lab = await makeLab()
    server = await startUpnp(lab, engine, { limits: { requests_per_second: 0 }, upnp: { show_dummy_rule: '0' } })
    await Promise.all([lab.a.udpEcho(4100), lab.a.tcpEcho(4100)])
    ofB = await Promise.all([lab.b.udpEcho(4100), lab.b.tcpEcho(4100)])
  })
  afterAll(() => lab?.close())
  afterEach(() => Promise.all([drop(lab.a), drop(lab.b)]))

  const held = async (): Promise<readonly string[]> =>
    (await kernelView(lab)).forward.map(
      ({ transport, external, internal }) => `${transport} ${external} -> ${internal}`,
    )
  const reconfigure = async (options: Parameters<typeof upnpUci>[0]): Promise<void> => {
    const said = server.output.length
    server.configure(upnpUci({ ...options, upnp: { show_dummy_rule: '0', ...options?.upnp } }))
    server.process.signal('SIGHUP')
    await server.process.waitFor(/configur|read|reload/i, 3000, said).catch(() => sleep(300))
  }
  const drop = async (host: Host): Promise<void> => {
    const all = { NewStartPort: 1, NewEndPort: 65_535, NewManage: 0 }
    await exchange(
      host,
      ['TCP', 'UDP'].map(NewProtocol => soap('DeletePortMappingRange', { ...all, NewProtocol })),
    )
  }
  const kept = (text: string): string => text.replace('Connection: close\r\n', '')

  test('S23: 10,000 mappings asked by one host: its quota is granted, the rest is 728, at a steady price', async () => {
    const text = kept(addMapping(lab.a.ip, 0, 4100))
      .replace('<NewExternalPort>0<', '<NewExternalPort>@<')
      .replace(/Content-Length: (\d+)/, (_, n) => `Content-Length: ${Number(n) + 4}`)
    const before = {
      memory: resident(server.pid),
      processor: processor(server.pid),
      lines: server.output.split('\n').length,
    }
    const { tally, ms } = await calls(lab.a, 10_000, text)
    const used = processor(server.pid) - before.processor
    const [first, last] = [ms.slice(1000, 4000), ms.slice(-3000)].map(median) as [number, number]
    console.log(
      `S23 on ${engine}: ${JSON.stringify(tally)}; ${((1000 * used) / 10_000).toFixed(2)} ms of processor a call, median ${first.toFixed(2)} ms ` +
        `early, ${last.toFixed(2)} ms late; resident ${before.memory.toFixed(1)} MiB before, ${resident(server.pid).toFixed(1)} after`,
    )
    // The journal writes 200 lines at once and 20 a second, and between them how many it left out (journal.ts).
    const seconds = ms.reduce((sum, each) => sum + each, 0) / 1000
    expect(server.output.split('\n').length - before.lines).toBeLessThan(230 + 45 * seconds)
    expect(tally).toEqual({ '200': 64, '500 728': 9936 })
    expect(await held()).toHaveLength(64)
    expect(last).toBeLessThan(3 * first)
    expect(used).toBeLessThan(20)
    expect(resident(server.pid) - before.memory).toBeLessThan(engine === 'node' ? 64 : 8)
    // Others have theirs; by NAT-PMP it is the same quota.
    expect(await statuses(lab.b, [addMapping(lab.b.ip, 4200, 4100)])).toEqual([200])
    expect(await askMap(lab.a, { transport: 'udp', internal: 4100, external: 4300 })).toMatchObject({ result: 4 })
  })

  test('S23: above requests_per_second calls are 503, others are served, and the log stays short', async () => {
    await reconfigure({ limits: { requests_per_second: 20 } })
    const lines = server.output.split('\n').length
    const flood = calls(lab.b, 3000, soap('GetExternalIPAddress'))
    const meanwhile = expectHealthy(server, lab.a).then(() => statuses(lab.a, [addMapping(lab.a.ip, 4200, 4100)]))
    const [{ tally }, granted] = await Promise.all([flood, meanwhile])
    expect(granted).toEqual([200])
    expect(tally['503']).toBeGreaterThan(2000)
    expect((tally['200'] ?? 0) + (tally['503'] ?? 0)).toBe(3000)
    expect(server.output.split('\n').length - lines).toBeLessThan(10)
    await reconfigure({ limits: { requests_per_second: 0 } })
  })

  test('S23: a host that takes more addresses has its quota once', async () => {
    await reconfigure({ limits: { requests_per_second: 0, per_host: 6 } })
    const others = ['192.168.88.20', '192.168.88.21', '192.168.88.22']
    const all = [lab.a.ip, ...others]
    const change = (what: 'add' | 'delete') =>
      must(['ip', '-n', lab.a.netns, '-batch', '-'], {
        input: others.map(each => `address ${what} ${each}/24 dev eth0\n`).join(''),
      })
    const ask = async (from_ip: string, request: Uint8Array): Promise<number> => {
      const heard = await patiently(lab.a, request, { from_ip })
      return heard.got === 'reply' ? Number.parseInt(heard.hex.slice(4, 8), 16) : -1
    }
    await change('add')
    const results: number[] = []
    for (const [n, from] of all.entries()) {
      // The router asks for its link address to answer it at all.
      for (let i = 0; i < 2; i++) expect(await ask(from, EXTERNAL_ADDRESS)).toBe(0)
      for (const port of [4400 + 2 * n, 4401 + 2 * n]) {
        results.push(await ask(from, mapRequest({ transport: 'udp', internal: port, external: port })))
      }
    }
    expect(results).toEqual([0, 0, 0, 0, 0, 0, 4, 4])
    expect(await held()).toHaveLength(6)
    for (const from of all) await ask(from, mapRequest({ transport: 'udp', internal: 0, lifetime: 0 }))
    expect(await held()).toEqual([])
    await change('delete')
    await reconfigure({ limits: { requests_per_second: 0 } })
  })

  test('S24: a lease of 0 is a week in both versions, in the table and in the kernel', async () => {
    const v2 = addMapping(lab.a.ip, 4201, 4100, 'TCP', 0)
    const v1 = addMapping(lab.a.ip, 4202, 4100, 'TCP', 0).replaceAll('WANIPConnection:2', 'WANIPConnection:1')
    expect(await statuses(lab.a, [v2, v1])).toEqual([200, 200])
    const leases = [...(await tableView(server)), ...(await kernelView(lab)).forward].map(({ expires }) => expires)
    expect(leases).toHaveLength(4)
    for (const lease of leases) {
      expect(lease).toBeGreaterThan(604_700)
      expect(lease).toBeLessThanOrEqual(604_800)
    }
  })

  test('S27: flows that run end with their mapping: deleted, by its client and by the owner', async () => {
    const ends = [
      (transport: string) =>
        exchange(lab.a, [
          soap('DeletePortMapping', { NewRemoteHost: '', NewExternalPort: 4203, NewProtocol: transport }),
        ]),
      async (transport: string) =>
        void (await server.console(
          `/ip upnp mappings remove [find where dst-port=4203 protocol=${transport.toLowerCase()}]`,
        )),
    ]
    for (const end of ends) {
      expect(
        await statuses(
          lab.a,
          ['TCP', 'UDP'].map(transport => addMapping(lab.a.ip, 4203, 4100, transport)),
        ),
      ).toEqual([200, 200])
      const [udp, tcp] = [await lab.world.udpFlow(), await lab.world.tcpFlow([WAN, 4203])]
      expect(await udp.ask([WAN, 4203], 'one')).toMatchObject({ got: 'reply' })
      expect(await tcp.ask('one')).toMatchObject({ got: 'reply' })
      for (const transport of ['TCP', 'UDP']) await end(transport)
      expect(await held()).toEqual([])
      await until(
        'UDP is over',
        async () => (await udp.ask([WAN, 4203], 'two', 200)).got !== 'reply' || undefined,
        2000,
      )
      await until('TCP is over', async () => (await tcp.ask('two', 200)).got !== 'reply' || undefined, 2000)
      await Promise.all([udp.close(), tcp.close()])
    }
  })

  test('S25: B gets the address of A: nothing that A opened leads to B, until A is back', async () => {
    expect(
      await statuses(
        lab.a,
        ['TCP', 'UDP'].map(transport => addMapping(lab.a.ip, 4204, 4100, transport)),
      ),
    ).toEqual([200, 200])
    await expectReach(lab, 'tcp', 4204, lab.a)
    const flow = await lab.world.udpFlow()
    expect(await flow.ask([WAN, 4204], 'one')).toMatchObject({ got: 'reply' })
    const before = server.output.length
    const [own, taken] = [lab.b.ip, lab.a.ip]
    await must(['ip', '-n', lab.a.netns, 'link', 'set', 'eth0', 'down'])
    await moved(lab.b, own, taken)
    await server.process.waitFor(/suspended.*192\.168\.88\.10|192\.168\.88\.10.*suspended/, 5000, before)
    // Flows that run are ended a moment later; from then on nothing arrives.
    const isOver = async () => (await flow.ask([WAN, 4204], 'two', 200)).got !== 'reply' || undefined
    await until('the flow is over', isOver, 2000)
    const received = () => Promise.all(ofB.map(echo => echo.received()))
    const then = await received()
    expect(await flow.ask([WAN, 4204], 'three', 300)).not.toMatchObject({ got: 'reply' })
    await expectNoReach(lab, 'tcp', 4204)
    await expectNoReach(lab, 'udp', 4204)
    expect(await received()).toEqual(then)
    const { stdout } = await server.console('/ip upnp mappings print')
    expect(stdout).toMatch(/^\s*\d+ +\S*I\S* +tcp +4204/m)
    await moved(lab.b, taken, own)
    await must(['ip', '-n', lab.a.netns, '-batch', '-'], {
      input: `link set eth0 up\nroute replace default via ${LAN}\n`,
    })
    await present(lab.a)
    await until('A is reached again', async () => {
      const heard = await lab.world.tcpAsk([WAN, 4204], 'knock', 300)
      return (heard.got === 'reply' && heard.text.startsWith('a saw')) || undefined
    })
    await flow.close()
  })

  test('S26: who forges the address of another has not its permission by device, and opens no port in its name', async () => {
    const rule = (mac: string) =>
      `config permission\n\toption action 'allow'\n\toption mac '${mac}'\n\nconfig permission\n\toption action 'deny'\n`
    await reconfigure({ limits: { requests_per_second: 0 }, more: rule(await macOf(lab.a)) })
    const ask = (host: Host) => exchange(host, [addMapping(host.ip, 4205, 4100)])
    const codes = async (host: Host) => (await ask(host)).map(({ text }) => codeOf(text))
    expect(await codes(lab.b)).toEqual([606])
    expect(await codes(lab.a)).toEqual([undefined])
    const map = mapRequest({ transport: 'udp', internal: 4100, external: 4206 })
    await must(['ip', '-n', lab.a.netns, 'link', 'set', 'eth0', 'down'])
    await moved(lab.b, lab.b.ip, lab.a.ip)
    const heard = await lab.b.udpAsk([LAN, PORT], map, 1000)
    expect(heard.got === 'reply' && heard.hex.slice(4, 8)).toBe('0002') // not authorised
    expect(await codes(lab.b)).toEqual([606])
    expect((await exchange(lab.b, [addMapping(lab.a.ip, 4207, 4100)])).map(({ text }) => codeOf(text))).toEqual([606])
    await moved(lab.b, lab.a.ip, lab.b.ip)
    await must(['ip', '-n', lab.a.netns, '-batch', '-'], {
      input: `link set eth0 up\nroute replace default via ${LAN}\n`,
    })
    expect((await held()).filter(text => !text.includes(':4205 '))).toEqual([])
  })

  test('S26: who is allowed by its link address is so from its first call by a new address', async () => {
    const allow = `config permission\n\toption action 'allow'\n\toption mac '${await macOf(lab.b)}'\n\n`
    const rest = `config permission\n\toption action 'deny'\n`
    await reconfigure({ limits: { requests_per_second: 0 }, more: allow + rest })
    const fresh = Array.from({ length: 10 }, (_, n) => `192.168.88.${150 + n}`)
    const change = (what: 'add' | 'delete') =>
      must(['ip', '-n', lab.b.netns, '-batch', '-'], {
        input: fresh.map(ip => `address ${what} ${ip}/24 dev eth0\n`).join(''),
      })
    await change('add')
    const calls = fresh.map((ip, n) => [addMapping(ip, 4210 + n, 4100), ip] as const)
    const said = await exchange(lab.b, calls).finally(() => change('delete'))
    expect(said.map(({ text }) => codeOf(text))).toEqual(fresh.map(() => undefined))
  })

  test('after all of it the daemon is well', async () => {
    await expectHealthy(server, lab.a)
    expect(server.output.split('\n').filter(line => /error|exception|undefined/i.test(line))).toEqual([])
  })
})

/** A host takes another address, as after a lease of DHCP, and says so to the router. */
async function moved(host: Host, from: string, to: string): Promise<void> {
  await must(['ip', '-n', host.netns, '-batch', '-'], {
    input: `address delete ${from}/24 dev eth0\naddress add ${to}/24 brd + dev eth0\nroute replace default via ${LAN}\n`,
  })
  await present(host)
}

/** It asks for the router's link address, and so the router hears its own. */
async function present(host: Host): Promise<void> {
  await host.run(['ip', 'neigh', 'flush', 'dev', 'eth0'])
  for (let n = 0; n < 2; n++) await host.udpAsk([LAN, 9], 'here', 300)
}

async function macOf(host: Host): Promise<string> {
  const [link] = JSON.parse(await host.must(['ip', '-json', 'link', 'show', 'dev', 'eth0'])) as { address: string }[]
  return (link as { address: string }).address
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0
}
