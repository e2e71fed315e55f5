/** SIGHUP: mappings that remain allowed are not touched, others go and are logged; a broken file changes nothing. */
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { tableView } from '../support/kernel.ts'
import { GUEST, type Lab, makeLab, WAN } from '../support/lab.ts'
import { askMap } from '../support/natpmp.ts'
import { sleep, until } from '../support/process.ts'
import { expectNoReach } from '../support/reach.ts'
import { defaultUci, type Server, startDaemon, type Uci } from '../support/server.ts'
import { ENGINES } from './agreement.ts'

const DENY_5000 = defaultUci({
  more: "\nconfig permission\n\toption action 'deny'\n\toption dst_port '5000-5999'\n\toption comment 'no five thousands'\n",
})

describe.each(ENGINES)('on %s', engine => {
  let lab: Lab
  let server: Server
  beforeEach(async () => {
    lab = await makeLab()
    server = await startDaemon(lab, { engine })
    await Promise.all([lab.a.udpEcho(4000), lab.a.udpEcho(5000)])
    for (const port of [4000, 5000]) await askMap(lab.a, { transport: 'udp', internal: port, external: port })
  })
  afterEach(() => lab?.close())

  /** Applies the files; resolves with what was logged on it, when it contains what is awaited. */
  const reload = async (uci: Uci, awaited = /reading/) => {
    const { length } = server.output
    server.configure(uci)
    server.process.signal('SIGHUP')
    await server.process.waitFor(awaited, 10_000, length)
    await sleep(100)
    return server.output.slice(length)
  }
  const ports = async () => (await tableView(server)).map(({ external }) => external).sort()

  test('a new deny rule removes what it covers, logs it, and leaves the rest, flows included', async () => {
    const flow = await lab.world.udpFlow()
    expect(await flow.ask([WAN, 4000], 'one')).toMatchObject({ got: 'reply' })
    const counter = await packets(lab, 4000)
    const log = await reload(DENY_5000, /5000/)
    expect(await ports()).toEqual([`${WAN}:4000`])
    expect(log).toMatch(/5000/)
    expect(log).toMatch(/permission|no five thousands/)
    await expectNoReach(lab, 'udp', 5000)
    expect(await flow.ask([WAN, 4000], 'two')).toMatchObject({ got: 'reply' })
    // The very same element: its counter has not begun anew.
    expect(await packets(lab, 4000)).toBeGreaterThanOrEqual(counter)
    expect(counter).toBeGreaterThan(0)
    expect(JSON.stringify(await server.json('/log print'))).toMatch(/5000/)
    expect(await askMap(lab.a, { transport: 'udp', internal: 5000, external: 5000 })).not.toMatchObject({
      external: 5000,
    })
  })

  test.each([
    [
      'a quote that never ends',
      "config portico 'nat_pmp'\n\toption enabled '1\n",
      /portico:2:17: found the end of the file, expected the ' that ends this text/,
    ],
    [
      'a word that is no keyword',
      "config portico 'nat_pmp'\n\toption enabled '1'\nfoo bar\n",
      /portico:3:1: found 'foo', expected config, option, list or package/,
    ],
    [
      'a value out of range',
      "config portico 'nat_pmp'\n\toption enabled '1'\n\nconfig portico 'limits'\n\toption per_host '0'\n",
      /portico:5: option per_host '0': expected a whole number 1\.\.\d+/,
    ],
    [
      'a value that is no number',
      "config portico 'nat_pmp'\n\toption enabled '1'\n\nconfig portico 'limits'\n\toption max_lease 'tomorrow'\n",
      /portico:5: option max_lease 'tomorrow': expected a whole number of seconds \d+\.\.\d+/,
    ],
  ])(
    '%s: the message has file, line and what was expected, and the last good configuration stays in force',
    async (_name, portico, message) => {
      await reload(DENY_5000, /5000/)
      const log = await reload({ ...DENY_5000, portico }, /stays in force/)
      expect(log).toMatch(message)
      expect(await ports()).toEqual([`${WAN}:4000`])
      expect(await askMap(lab.b, { transport: 'udp', internal: 5001, external: 5001 })).not.toMatchObject({
        external: 5001,
      })
      expect(server.process.status).toBeUndefined()

      await reload(defaultUci())
      await until('the new configuration is in force', async () => {
        const { external } = await askMap(lab.b, { transport: 'udp', internal: 5002, external: 5002 })
        if (external !== 5002) await askMap(lab.b, { transport: 'udp', internal: 5002, lifetime: 0 })
        return external === 5002 || undefined
      })
    },
  )

  test.each([
    ['network', "config interface 'lan'\n\toption device 'br-lan\n", /uci\/network:2:\d+: .*expected/],
    ['network', "config interface 'lan'\n\toption ipaddr 'nowhere'\n", /no internal interface can be served/],
    ['firewall', "config zone\n\toption name 'wan\n", /uci\/firewall:2:\d+: .*expected/],
    ['firewall', 'config\n', /uci\/firewall:1:\d+: .*expected/],
  ])('%s with %j is told, and nothing that was open is closed', async (file, text, message) => {
    const flow = await lab.world.udpFlow()
    expect(await flow.ask([WAN, 4000], 'one')).toMatchObject({ got: 'reply' })
    const { length } = server.output
    await reload({ ...defaultUci(), [file]: text }, message)
    await reload(defaultUci())
    expect(await ports()).toEqual([`${WAN}:4000`, `${WAN}:5000`])
    expect(await flow.ask([WAN, 4000], 'two')).toMatchObject({ got: 'reply' })
    expect(server.output.slice(length)).not.toMatch(/removed/)
  })

  test('a network that is served no more, and a redirect of the firewall, take their mappings along', async () => {
    const uci = defaultUci()
    const guest =
      "\nconfig interface\n\toption interface 'lan'\n\toption type 'internal'\n\nconfig interface\n\toption interface 'guest'\n\toption type 'internal'\n"
    await reload(defaultUci({ more: guest }))
    await lab.reloadFirewall({ guestInput: 'accept' })
    const asked = await askMap(lab.guest, { transport: 'udp', internal: 6000, external: 6000 }, GUEST)
    expect(asked).toMatchObject({ result: 0, external: 6000 })
    const log = await reload(defaultUci(), /removed/)
    expect(log).toMatch(/removed udp .*:6000 .*is on no internal network/)
    expect(await ports()).toEqual([`${WAN}:4000`, `${WAN}:5000`])
    const redirect =
      "\nconfig redirect\n\toption src 'wan'\n\toption proto 'udp'\n\toption src_dport '5000'\n\toption dest_ip '192.168.88.11'\n\toption target 'DNAT'\n"
    expect(await reload({ ...uci, firewall: uci['firewall'] + redirect }, /removed/)).toMatch(
      /removed udp .*:5000 .*used by a redirect of the firewall/,
    )
    expect(await ports()).toEqual([`${WAN}:4000`])
  })

  test('a reload while the LAN is away removes nothing, and what it forbids goes when the LAN is back', async () => {
    const { router } = lab
    await router.must(['ip', 'address', 'flush', 'dev', 'br-lan', 'scope', 'global'])
    await reload(DENY_5000)
    await until('the rules are in force', async () => {
      const { stdout } = await server.console('/ip upnp permissions print')
      return stdout.includes('5000-5999') || undefined
    })
    expect(await ports()).toEqual([`${WAN}:4000`, `${WAN}:5000`])
    await server.kill()
    server = await startDaemon(lab, { engine, uci: DENY_5000 })
    expect(await ports()).toEqual([`${WAN}:4000`, `${WAN}:5000`])
    await router.must(['ip', 'address', 'add', '192.168.88.1/24', 'dev', 'br-lan'])
    await server.process.waitFor(/removed udp .*:5000 .*no five thousands/)
    expect(await ports()).toEqual([`${WAN}:4000`])
    await until('the world gets in', async () => {
      const heard = await lab.world.udpAsk([WAN, 4000], 'knock', 300)
      return heard.got === 'reply' || undefined
    })
  })

  test('while the LAN is away, a service that is switched off takes its mappings along', async () => {
    await lab.router.must(['ip', 'address', 'flush', 'dev', 'br-lan', 'scope', 'global'])
    await reload(defaultUci({ natPmp: { enabled: '0' } }), /removed udp .*:5000 .*nat-pmp is off/)
    await until('none is left', async () => ((await ports()).length === 0 ? true : undefined))
  })

  test('a device that takes over an address is noticed where nobody is served any more, too', async () => {
    const only = "\nconfig interface\n\toption interface 'lan'\n\toption type 'internal'\n\tlist service 'upnp'\n"
    await reload(defaultUci({ more: only }), /no internal interface can be served/)
    expect(await ports()).toEqual([`${WAN}:4000`, `${WAN}:5000`])
    const { netns } = lab.a
    await lab.a.must(['ip', '-n', netns, 'link', 'set', 'eth0', 'address', '02:00:00:00:0a:0f'])
    await until('both are suspended', async () => {
      await lab.a.must(['ip', '-n', netns, 'neigh', 'flush', 'dev', 'eth0'])
      await lab.a.udpAsk(['192.168.88.1', 9], 'hello', 100)
      return (server.output.match(/suspended udp/g) ?? []).length === 2 || undefined
    })
    await expectNoReach(lab, 'udp', 4000)
  })

  test('a role that is dangerous to play is refused in the log, once, and again after it was mended', async () => {
    const outside = defaultUci({ more: "\nconfig interface\n\toption interface 'wan0'\n\toption type 'internal'\n" })
    const refusal = /'wan0' \(wan0\) is not served as internal/g
    expect((await reload(outside, refusal)).match(refusal)).toHaveLength(1)
    expect(await reload(outside)).not.toMatch(refusal)
    expect(await reload(defaultUci())).not.toMatch(refusal)
    expect((await reload(outside, refusal)).match(refusal)).toHaveLength(1)
  })

  test('a broken file at the start: no service, and the log does not speak of an earlier configuration', async () => {
    await server.stop()
    const other = await startDaemon(lab, { engine, uci: { portico: "config portico 'nat_pmp\n" } })
    expect(other.output).toContain('portico has errors: every service is off')
    expect(other.output).not.toContain('stays in force')
    expect(await tableView(other)).toEqual([])
  })

  test('files that cannot be read change nothing', async () => {
    const { length } = server.output
    for (const name of ['portico', 'network', 'firewall']) {
      await lab.router.must(['rm', join(server.uciDirectory, name)])
      await lab.router.must(['mkdir', join(server.uciDirectory, name)])
    }
    server.process.signal('SIGHUP')
    await server.process.waitFor(/portico: the file is there, but cannot be read/, 10_000, length)
    await sleep(300)
    expect(await ports()).toEqual([`${WAN}:4000`, `${WAN}:5000`])
  })

  test('a hundred SIGHUPs without a change touch nothing', async () => {
    for (let n = 0; n < 100; n++) {
      server.process.signal('SIGHUP')
      await sleep(3)
    }
    await sleep(500)
    expect(await ports()).toEqual([`${WAN}:4000`, `${WAN}:5000`])
    expect(await lab.world.udpAsk([WAN, 4000], 'knock')).toMatchObject({ got: 'reply' })
    expect(server.process.status).toBeUndefined()
  })
})

/** Packets that the element of this external port has counted. */
async function packets(lab: Lab, port: number): Promise<number> {
  const text = await lab.router.must(['nft', 'list', 'map', 'inet', 'portico', 'dnat4'])
  return Number(new RegExp(`udp \\. ${port} counter packets (\\d+)`).exec(text)?.[1] ?? Number.NaN)
}
