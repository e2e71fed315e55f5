/** Who comes in by which door, doors that go and come back, and what changes while the daemon starts. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { kernelView, tableView } from '../support/kernel.ts'
import { GUEST, LAN, type Lab, makeLab, moveWan, WAN } from '../support/lab.ts'
import { addressReply, askMap, EXTERNAL_ADDRESS, mapReply, mapRequest, PORT } from '../support/natpmp.ts'
import { monotonic, sleep, until } from '../support/process.ts'
import { defaultUci, launchDaemon, type Server, startDaemon } from '../support/server.ts'
import { disagreements, ENGINES, figures, GENEROUS, start } from './agreement.ts'

const NEIGHBOUR = '192.168.88.50'
const REBIRTHS = 5
/** Longer than a slow netifd. */
const SETTLED_MS = 700
const ADOPTED = 3000
const MOVES_MS = [50, 150, 400]
const addressOf = (n: number) => (n === 0 ? WAN : `11.22.33.${100 + n}`)

describe.each(ENGINES)('on %s', engine => {
  let lab: Lab
  afterEach(() => lab?.close())

  describe('a guest network that is internal too cannot map for a host of the LAN', () => {
    let server: Server
    beforeEach(async () => {
      lab = await makeLab({ guestInput: 'accept' })
      await lab.guest.must(['ip', 'address', 'add', `${NEIGHBOUR}/32`, 'dev', 'eth0'])
      server = await startDaemon(lab, { engine, uci: bothInternal() })
    })

    test.each([
      ["the router's LAN address", LAN],
      ["the router's guest address", GUEST],
    ])('with a borrowed source, by %s', async (_name, door) => {
      const [arrived, gone] = [await lab.router.sniff('br-guest', [PORT]), await lab.router.sniff('br-lan', [PORT])]
      for (const source of [NEIGHBOUR, lab.b.ip]) {
        if (source !== NEIGHBOUR) await lab.guest.must(['ip', 'address', 'add', `${source}/32`, 'dev', 'eth0'])
        const from = { from_ip: source }
        const ask = lab.guest.udpAsk([door, PORT], mapRequest({ transport: 'udp', internal: 4000 }), 500, from)
        expect((await ask).got).toBe('nothing')
        // It was no missing route or firewall that kept it out.
        const asked = (await arrived.seen()).filter(seen => seen.from[0] === source && seen.to[0] === door)
        expect(asked).toHaveLength(1)
      }
      expect((await gone.seen()).filter(({ to }) => to[0] === NEIGHBOUR || to[0] === lab.b.ip)).toEqual([])
      expect(await tableView(server)).toEqual([])
      expect((await kernelView(lab)).forward).toEqual([])
    })

    test('while a host of either network gets its own by its own gateway', async () => {
      expect(await askMap(lab.a, { transport: 'udp', internal: 4000 })).toMatchObject({ result: 0 })
      expect(await askMap(lab.guest, { transport: 'udp', internal: 4001 }, GUEST)).toMatchObject({ result: 0 })
      const internal = (await tableView(server)).map(each => each.internal)
      expect(internal.sort()).toEqual([`${lab.a.ip}:4000`, `${lab.guest.ip}:4001`])
    })
  })

  test.each([
    ['', undefined],
    [', though netifd is slow and fails', 'sleep 0.3\nexit 1'],
  ])('a LAN bridge that is deleted and made anew in one batch is served again%s', async (_name, ubus) => {
    lab = await makeLab()
    const environment = ubus === undefined ? {} : { PATH: pathWith(lab, 'ubus', ubus) }
    const server = await startDaemon(lab, { engine, environment })
    if (ubus !== undefined) expect(server.output).toMatch(/netifd does not answer/)
    const times: number[] = []
    for (let n = 0; n < REBIRTHS; n++) {
      await lab.router.must(['ip', '-batch', '-'], { input: BRIDGE_ANEW })
      const from = monotonic()
      const request = mapRequest({ transport: 'udp', internal: 4000 + n })
      const reply = await answered(`after round ${n + 1}`, server, () => lab.a.udpAsk([LAN, PORT], request, 100), 3_000)
      expect(mapReply(reply)).toMatchObject({ result: 0, internal: 4000 + n })
      times.push((monotonic() - from) * 1000)
      // Not by the old door alone, before the daemon knew.
      await sleep(SETTLED_MS)
      expect((await lab.a.udpAsk([LAN, PORT], request, 500)).got, server.output).toBe('reply')
    }
    expect(await tableView(server)).toHaveLength(REBIRTHS)
    const found = await disagreements(lab, server, [])
    expect(found.filter(text => !text.startsWith('invented: '))).toEqual([])
    console.log(`${engine}: a bridge made anew ${REBIRTHS} times: a mapping granted after ${figures(times)}`)
  })

  test('a port that another program holds is served once it is let go', async () => {
    lab = await makeLab()
    const holder = lab.router.start(['python3', '-c', HOLDER, LAN, String(PORT)])
    await holder.waitFor('held')
    const server = await startDaemon(lab, { engine })
    expect((await server.console('status')).stdout).toContain(`${LAN}:${PORT} on br-lan cannot be served`)
    await sleep(1000)
    holder.write('enough\n')
    expect(await holder.ended).toBe(0)
    const ask = () => lab.a.udpAsk([LAN, PORT], mapRequest({ transport: 'udp', internal: 4000 }), 100)
    expect(mapReply(await answered('once the port is free', server, ask, 6_000))).toMatchObject({ result: 0 })
    expect((await server.console('status')).stdout).not.toContain('cannot be served')
  })

  test(`a WAN address that changes during the start, with ${ADOPTED} mappings to adopt, is not missed`, async () => {
    lab = await makeLab()
    let server = await start(lab, engine)
    const ports = [20_000, 20_000 + ADOPTED / 2 - 1] as const
    const load = await lab.a.load({ server: [LAN, PORT], ports, rate: 2000, deletes: 0 })
    await until('all are mapped', async () => (await tableView(server)).length === ADOPTED || undefined, 80_000, 250)
    await load.close()
    for (const [n, ms] of MOVES_MS.entries()) {
      const now = addressOf(n + 1)
      await server.kill()
      const from = monotonic()
      server = launchDaemon(lab, { engine, uci: GENEROUS })
      const ready = server.process.waitFor(/\bready\b/, 30_000).then(() => (monotonic() - from) * 1000)
      await sleep(ms)
      await moveWan(lab, addressOf(n), now)
      const moved = (monotonic() - from) * 1000
      console.log(`${engine}: moved ${moved.toFixed(0)} ms after launch, ready after ${(await ready).toFixed(0)} ms`)
      const right = async () => {
        const heard = await lab.a.udpAsk([LAN, PORT], EXTERNAL_ADDRESS, 100)
        return heard.got === 'reply' && addressReply(heard.hex).address === now ? heard : { got: 'nothing' as const }
      }
      expect(addressReply(await answered(`with ${now}`, server, right, 3_000))).toMatchObject({ result: 0 })
      const held = () => kernelView(lab).then(({ forward }) => forward.map(({ external }) => external.split(':')[0]))
      await until('the mappings have moved along', async () => (await held()).every(ip => ip === now) || undefined)
      expect(await held()).toHaveLength(ADOPTED)
      expect(await tableView(server)).toHaveLength(ADOPTED)
    }
  })
})

/** As the lab makes it; the devices of its ports outlive it. */
const BRIDGE_ANEW = `link delete br-lan
link add br-lan address 02:00:00:00:88:01 type bridge forward_delay 0 mcast_snooping 0
link set lan-a master br-lan
link set lan-b master br-lan
address add ${LAN}/24 brd + dev br-lan
link set br-lan up
`

/** Holds a port until somebody says a word to it. */
const HOLDER = `import socket, sys
it = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
it.bind((sys.argv[1], int(sys.argv[2])))
print('held', flush=True)
sys.stdin.readline()
`

function bothInternal() {
  const section = (name: string, type: string) =>
    `config interface\n\tlist service 'nat_pmp'\n\toption interface '${name}'\n\toption type '${type}'\n`
  const more = [section('lan', 'internal'), section('guest', 'internal'), section('wan', 'external')].join('\n')
  return defaultUci({ more })
}

/** A PATH on which this program comes first. */
function pathWith(lab: Lab, name: string, script: string): string {
  const directory = join(lab.directory, 'bin')
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, name), `#!/bin/sh\n${script}\n`)
  chmodSync(join(directory, name), 0o755)
  return `${directory}:${process.env['PATH']}`
}

/** Asks until there is an answer, in hex; the log when there is none in time (ms). */
async function answered(
  when: string,
  server: Server,
  ask: () => ReturnType<Lab['a']['udpAsk']>,
  timeout: number,
): Promise<string> {
  try {
    return await until(
      `an answer ${when}`,
      async () => {
        const heard = await ask()
        return heard.got === 'reply' ? heard.hex : undefined
      },
      timeout,
    )
  } catch (error) {
    throw new Error(`${error}; log:\n${server.output}`)
  }
}
