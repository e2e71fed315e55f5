/** Starts that must fail, with a message that says who, what, and what to do; and starts that must not. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { LAN, type Lab, makeLab, WAN } from '../support/lab.ts'
import { askAddress, EXTERNAL_ADDRESS, PORT } from '../support/natpmp.ts'
import { Background, inNamespace, until } from '../support/process.ts'
import { root } from '../support/root.ts'
import { COMMAND, defaultUci, launchDaemon, startDaemon } from '../support/server.ts'
import { ENGINES } from './agreement.ts'

const PATIENCE = 10_000

describe.each(ENGINES)('on %s', engine => {
  let lab: Lab
  beforeEach(async () => {
    lab = await makeLab()
  })
  afterEach(() => lab?.close())

  const ended = async (process: Background) => {
    const late = setTimeout(() => process.signal('SIGKILL'), PATIENCE)
    const status = await process.ended
    clearTimeout(late)
    return { status, output: process.output }
  }

  test('without CAP_NET_ADMIN: the message names it, status 77 (EX_NOPERM)', async () => {
    const { process } = launchDaemon(lab, {
      engine,
      wrapper: ['setpriv', '--bounding-set', '-net_admin', '--inh-caps', '-net_admin', '--'],
    })
    const { status, output } = await ended(process)
    expect(output).toMatch(/CAP_NET_ADMIN/)
    expect(output).not.toMatch(/\bat .*:\d+:\d+/)
    expect(output).not.toMatch(/\bready\b/)
    expect(status).toBe(77)
  })

  test('as a user without any right: the message says so, status 77', async () => {
    // It may read, since the program may lie where only root can look.
    const reads = ['--inh-caps', '+dac_read_search', '--ambient-caps', '+dac_read_search']
    const { process } = launchDaemon(lab, {
      engine,
      wrapper: ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', ...reads, '--'],
    })
    const { status, output } = await ended(process)
    expect(output).toMatch(/CAP_NET_ADMIN|run directory|permission/i)
    expect(output).not.toMatch(/\bat .*:\d+:\d+/)
    expect(status).toBe(77)
  })

  test.each([
    ['with the same run directory', 'run'],
    ['with another run directory, in the same network namespace', 'other-run'],
  ])('a second instance %s refuses, and the first one serves on', async (_name, directory) => {
    const first = await startDaemon(lab, { engine })
    const command = [...COMMAND[engine], 'daemon', '--uci', first.uciDirectory, '--run', join(lab.directory, directory)]
    const second = await ended(new Background(inNamespace(lab.router.netns, command)))
    expect(second.status).toBe(69)
    expect(second.output).toMatch(/already|another|second/i)
    expect(second.output).not.toMatch(/\bat .*:\d+:\d+/)
    expect(await askAddress(lab.a)).toMatchObject({ result: 0, address: WAN })
    expect((await first.console('status')).status).toBe(0)
    await first.stop()
    expect((await startDaemon(lab, { engine })).process.status).toBeUndefined()
  })

  test('a stale control socket of a killed daemon is no hindrance', async () => {
    const first = await startDaemon(lab, { engine })
    await first.kill()
    const second = await startDaemon(lab, { engine })
    expect((await second.console('status')).status).toBe(0)
  })

  test('SIGTERM ends it cleanly, status 0, and the port is closed', async () => {
    const server = await startDaemon(lab, { engine })
    expect(await server.stop()).toBe(0)
    expect(await lab.a.udpAsk([LAN, PORT], EXTERNAL_ADDRESS, 300)).toMatchObject({ got: 'refused' })
  })

  test('without a WAN at all it starts, answers network failure, and serves as soon as there is one', async () => {
    await lab.router.must(['ip', '-batch', '-'], { input: 'link set wan0 down\naddress flush dev wan0\n' })
    await startDaemon(lab, { engine })
    expect(await askAddress(lab.a)).toMatchObject({ result: 3, address: '0.0.0.0' })
    await lab.router.must(['ip', '-batch', '-'], {
      input: `address add ${WAN}/24 dev wan0\nlink set wan0 up\nroute add default via 11.22.33.1\n`,
    })
    await until('result 0', async () => ((await askAddress(lab.a)).result === 0 ? true : undefined))
  })

  test('SIGHUP in the midst of the start, from its first line on, does not end it', async () => {
    const { process } = launchDaemon(lab, { engine, uci: { ...defaultUci(), portico: "config portico 'nat_pmp\n" } })
    await process.waitFor('portico')
    process.signal('SIGHUP')
    await process.waitFor(/\bready\b/)
  })

  test('a configuration that does not parse: it starts all the same, says file and line, and maps nothing that was not allowed', async () => {
    const uci = defaultUci()
    const server = launchDaemon(lab, {
      engine,
      uci: { ...uci, portico: `${uci['portico']}\nconfig permission\n\toption action 'deny\n` },
    })
    await until('it says what is wrong', async () =>
      /portico.*line 1\d|portico:1\d/.test(server.output) ? true : undefined,
    )
    await server.process.waitFor(/\bready\b/)
    writeFileSync(join(server.uciDirectory, 'portico'), uci['portico'] as string)
    server.process.signal('SIGHUP')
    const ask = () => lab.a.udpAsk([LAN, PORT], EXTERNAL_ADDRESS, 300)
    await until('it serves', async () => ((await ask()).got === 'reply' ? true : undefined))
    expect(await askAddress(lab.a)).toMatchObject({ result: 0, address: WAN })
  })
})

describe('on Node, the addon portico.node', () => {
  let lab: Lab
  beforeEach(async () => {
    lab = await makeLab()
  })
  afterEach(() => lab?.close())

  const started = async (addon: string) =>
    (await startDaemon(lab, { engine: 'node', environment: { PORTICO_ADDON: addon } })).process
  const SAYS = 'errors of the kernel come without its own words'

  test('beside the program: nothing is said of it', async () => {
    const { process } = await startDaemon(lab, { engine: 'node' })
    await process.stop()
    expect(process.output).not.toContain('portico.node')
  })

  test('that is not there: said once, and it serves', async () => {
    const process = await started('/nowhere/portico.node')
    await process.waitFor(`system,info runs without /nowhere/portico.node, so ${SAYS}`)
    expect(await askAddress(lab.a)).toMatchObject({ result: 0, address: WAN })
    await process.stop()
    expect(process.output.split(SAYS)).toHaveLength(2)
  })

  test.each([
    ['that is none', 'package.json', /file too short|invalid ELF header/],
    [
      'of something else',
      `node_modules/netlink/prebuilds/linux-${globalThis.process.arch}/node.napi.node`,
      /an addon of something else/,
    ],
  ])('%s: a warning with the reason, and it serves', async (_what, file, why) => {
    const process = await started(join(root, file))
    await process.waitFor(/system,warning \S+ does not load, so errors of the kernel .* why=.*\n/)
    expect(process.output).toMatch(why)
    expect(await askAddress(lab.a)).toMatchObject({ result: 0, address: WAN })
  })
})
