/** A flow that runs ends with the permission for it, however that ends; and the journal says how. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Heard } from '../support/agent.ts'
import { tableView } from '../support/kernel.ts'
import { LAN, type Lab, makeLab, WAN } from '../support/lab.ts'
import { askMap } from '../support/natpmp.ts'
import { until } from '../support/process.ts'
import { type PorticoUci, reload, type Server } from '../support/server.ts'
import { addMapping, httpRaw, startUpnp, subscribe, upnpCode, upnpUci } from '../support/upnp.ts'
import { ENGINES } from './under-test.ts'

describe.each(ENGINES)('on %s', engine => {
  let lab: Lab
  let server: Server

  beforeAll(async () => {
    lab = await makeLab()
    server = await startUpnp(lab, engine, { upnp: { show_dummy_rule: '0' } })
    await Promise.all([lab.a.udpEcho(4100), lab.a.tcpEcho(4100), lab.b.tcpEcho(4101)])
  })
  afterAll(() => lab?.close())

  const log = async (text: string) =>
    ((await server.json(`/log print where message~"${text}"`)) as readonly { readonly message: string }[]).map(
      ({ message }) => message,
    )
  const configure = (options: PorticoUci) =>
    reload(server, upnpUci({ ...options, upnp: { show_dummy_rule: '0', ...options.upnp } }))
  const silent = async (ask: Promise<Heard>) => ((await ask).got === 'reply' ? undefined : true)
  const flows = async (port: number) => {
    const [udp, tcp] = [await lab.world.udpFlow(), await lab.world.tcpFlow([WAN, port])]
    expect(await udp.ask([WAN, port], 'one')).toMatchObject({ got: 'reply' })
    expect(await tcp.ask('one')).toMatchObject({ got: 'reply' })
    return {
      end: async () => {
        await until('the UDP flow has ended', () => silent(udp.ask([WAN, port], 'two', 200)), 16_000)
        await until('the TCP flow has ended', () => silent(tcp.ask('two', 200)), 16_000)
      },
      goOn: async () => {
        expect(await udp.ask([WAN, port], 'still')).toMatchObject({ got: 'reply' })
        expect(await tcp.ask('still')).toMatchObject({ got: 'reply' })
      },
      close: () => Promise.all([udp.close(), tcp.close()]),
    }
  }

  test('a lease that ends by itself: its flows end, the journal and the subscribers hear so', async () => {
    const subscriber = await subscribe(lab.a, '/evt/IPConn', '7001')
    const told = () => subscriber.events.flatMap(({ values }) => values['PortMappingNumberOfEntries'] ?? []).at(-1)
    await until('the initial event', async () => told() === '0' || undefined)
    for (const transport of ['udp', 'tcp'] as const) {
      expect(await askMap(lab.a, { transport, internal: 4100, external: 4160, lifetime: 10 })).toMatchObject({
        result: 0,
      })
    }
    await until('the event of the grants', async () => told() === '2' || undefined)
    const running = await flows(4160)
    await running.end()
    await until('the table is empty', async () => (await tableView(server)).length === 0 || undefined)
    await until('the event of the end', async () => told() === '0' || undefined)
    expect((await log('expired')).filter(line => line.includes(`${WAN}:4160`))).toHaveLength(2)
    expect((await log('granted')).filter(line => line.includes(`${WAN}:4160`))).toHaveLength(2)
    await Promise.all([running.close(), subscriber.close()])
  })

  test('a permission that is taken back: the flows of what it allowed end, others go on', async () => {
    for (const transport of ['udp', 'tcp'] as const) {
      expect(await askMap(lab.a, { transport, internal: 4100, external: 4161 })).toMatchObject({ external: 4161 })
    }
    expect(upnpCode(await httpRaw(lab.b, LAN, addMapping(lab.b.ip, 4162, 4100)))).toBe(0)
    await lab.b.tcpEcho(4100)
    const other = await lab.world.tcpFlow([WAN, 4162])
    expect(await other.ask('one')).toMatchObject({ got: 'reply' })
    const running = await flows(4161)
    await configure({
      more: `config permission\n\toption action 'deny'\n\toption internal_address '${lab.a.ip}'\n\toption comment 'not A'\n`,
    })
    await running.end()
    expect(await other.ask('two')).toMatchObject({ got: 'reply' })
    expect((await log('not A')).filter(line => line.startsWith('removed'))).toHaveLength(2)
    await configure({})
    await Promise.all([running.close(), other.close()])
  })

  test('a port that becomes a redirect of the firewall: nothing of the mapping is left', async () => {
    await until(
      'A may again',
      async () => (await askMap(lab.a, { transport: 'udp', internal: 4100, external: 4163 })).result === 0 || undefined,
    )
    const flow = await lab.world.udpFlow()
    expect(await flow.ask([WAN, 4163], 'one')).toMatchObject({ got: 'reply' })
    const uci = upnpUci({ upnp: { show_dummy_rule: '0' } })
    const redirect = `\nconfig redirect\n\toption src 'wan'\n\toption proto 'udp'\n\toption src_dport '4163'\n\toption dest_ip '192.168.88.11'\n\toption target 'DNAT'\n`
    server.configure({ ...uci, firewall: uci['firewall'] + redirect })
    server.process.signal('SIGHUP')
    await until('its flow has ended', () => silent(flow.ask([WAN, 4163], 'two', 200)), 8000)
    expect((await tableView(server)).map(({ external }) => external)).not.toContain(`${WAN}:4163`)
    await configure({})
    await flow.close()
  })

  test('a lease that ends while no daemon runs: its flows end with the next start, others go on', async () => {
    for (const transport of ['udp', 'tcp'] as const) {
      expect(await askMap(lab.a, { transport, internal: 4100, external: 4164, lifetime: 4 })).toMatchObject({
        result: 0,
      })
    }
    const longer = { transport: 'tcp', internal: 4101, external: 4165 } as const
    expect(await askMap(lab.b, longer)).toMatchObject({ external: 4165 })
    const other = await lab.world.tcpFlow([WAN, 4165])
    expect(await other.ask('one')).toMatchObject({ got: 'reply' })
    const running = await flows(4164)
    await server.stop()
    const dnat4 = () => lab.router.must(['nft', 'list', 'map', 'inet', 'portico', 'dnat4'])
    await until('the kernel has closed the port', async () => !(await dnat4()).includes('4164') || undefined)
    await running.goOn()
    server = await startUpnp(lab, engine, { upnp: { show_dummy_rule: '0' } })
    await running.end()
    expect(await other.ask('two')).toMatchObject({ got: 'reply' })
    await Promise.all([running.close(), other.close()])
  })
})
