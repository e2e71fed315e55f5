/** What the owner decides, end to end: addresses, permissions, reserved ports, redirects, roles, and a quiet log. */
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Host } from '../support/host.ts'
import { kernelView } from '../support/kernel.ts'
import { LAN, type Lab, makeLab, moveWan, WAN, WORLD } from '../support/lab.ts'
import { askAddress, askMap, PORT, type Transport } from '../support/natpmp.ts'
import { monotonic, sleep, until } from '../support/process.ts'
import { expectReach } from '../support/reach.ts'
import { defaultUci, type Engine, startDaemon, type Uci } from '../support/server.ts'
import { ENGINES } from './under-test.ts'

const TRANSPORTS: readonly Transport[] = ['udp', 'tcp']
/** The second address of wan0. */
const SECOND = '11.22.33.55'
/** Where wan0 moves to. */
const MOVED = '11.22.33.66'
/** An address that the interface does not have: that of a 1:1 NAT before the router. */
const ELSEWHERE = '9.8.7.6'

describe.each(ENGINES)('on %s', engine => {
  let lab: Lab
  beforeEach(async () => {
    lab = await makeLab()
    await Promise.all([lab.a, lab.b].flatMap(host => [host.udpEcho(4100), host.tcpEcho(4100)]))
  })
  afterEach(() => lab?.close())

  test.each(TRANSPORTS)('forced_ip chooses the second address of wan0, %s', async transport => {
    await lab.router.must(['ip', 'address', 'add', `${SECOND}/24`, 'brd', '+', 'dev', 'wan0'])
    await startDaemon(lab, { engine, uci: defaultUci({ more: forced(SECOND) }) })
    expect(await askAddress(lab.a)).toMatchObject({ result: 0, address: SECOND })
    expect(await askMap(lab.a, { transport, internal: 4100, external: 4200 })).toMatchObject(GRANTED(4200))
    expect((await kernelView(lab)).forward).toMatchObject([{ transport, external: `${SECOND}:4200` }])
    const ask = (ip: string) =>
      transport === 'udp' ? lab.world.udpAsk([ip, 4200], 'knock') : lab.world.tcpAsk([ip, 4200], 'knock')
    expect(await ask(SECOND)).toMatchObject({ got: 'reply', from: [SECOND, 4200], text: fromWorld('a') })
    expect((await ask(WAN)).got).not.toBe('reply')
  })

  test('forced_ip that is not on the interface is told; traffic by its own address passes', async () => {
    await startDaemon(lab, { engine, uci: defaultUci({ more: forced(ELSEWHERE) }) })
    expect(await askAddress(lab.a)).toMatchObject({ result: 0, address: ELSEWHERE })
    for (const transport of TRANSPORTS) {
      expect(await askMap(lab.a, { transport, internal: 4100, external: 4200 })).toMatchObject(GRANTED(4200))
      await expectReach(lab, transport, 4200, lab.a)
    }
  })

  test('a permission with a MAC address allows its host, and the next one denies the others', async () => {
    const more = `
config permission
	option action 'allow'
	option mac '${await macOf(lab.a)}'

config permission
	option action 'deny'
`
    await startDaemon(lab, { engine, uci: defaultUci({ more }) })
    for (const transport of TRANSPORTS) {
      expect(await askMap(lab.a, { transport, internal: 4100, external: 4200 })).toMatchObject(GRANTED(4200))
      await expectReach(lab, transport, 4200, lab.a)
      expect(await askMap(lab.b, { transport, internal: 4100, external: 4300 })).toMatchObject(REFUSED)
    }
    expect((await kernelView(lab)).forward).toHaveLength(2)
  })

  test.each([
    ['the WAN address', WAN],
    ['all addresses', '0.0.0.0'],
  ])('check 24: a port on which a program of the router listens, on %s, is not granted', async (_name, address) => {
    const program = lab.router.start(['python3', '-u', '-c', LISTENER, address, '4200'])
    await program.waitFor('listening')
    await startDaemon(lab, { engine })
    for (const transport of TRANSPORTS) {
      const { result, external } = await askMap(lab.a, { transport, internal: 4100, external: 4200 })
      expect(result).toBe(0)
      expect(external).not.toBe(4200)
      await expectReach(lab, transport, external, lab.a)
    }
    // It was the program that stood in the way: the port is free once it has ended (what the daemon
    // knows of the router's sockets may be a moment old).
    await program.kill()
    for (const transport of TRANSPORTS) await untilGranted(lab.b, transport, 4200)
  })

  test("checks 24, 26, 34: a redirect's port is not granted to others, and its own endpoint is told it", async () => {
    const { firewall = '', ...uci } = defaultUci()
    await startDaemon(lab, { engine, uci: { ...uci, firewall: firewall + redirectTo(lab.a.ip) } })
    for (const transport of TRANSPORTS) {
      const other = await askMap(lab.b, { transport, internal: 4100, external: 4200 })
      expect(other.result).toBe(0)
      expect(other.external).not.toBe(4200)
      await expectReach(lab, transport, other.external, lab.b)
      expect(await askMap(lab.a, { transport, internal: 4100, external: 5000 })).toMatchObject({
        ...GRANTED(4200),
        internal: 4100,
      })
      expect(await askMap(lab.a, { transport, internal: 4100, lifetime: 0 })).toMatchObject({ result: 2 })
    }
    // The redirect is the firewall's: nothing of ours stands for it.
    expect((await kernelView(lab)).forward.map(({ internal }) => internal)).toEqual([
      `${lab.b.ip}:4100`,
      `${lab.b.ip}:4100`,
    ])
  })

  test('netifd tells which devices the networks have, where the file does not', async () => {
    const netifd = fakeNetifd(lab)
    await startDaemon(lab, { engine, uci: WITHOUT_DEVICES, environment: netifd.environment })
    expect(await askAddress(lab.a)).toMatchObject({ result: 0, address: WAN })
    for (const transport of TRANSPORTS) {
      expect(await askMap(lab.a, { transport, internal: 4100, external: 4200 })).toMatchObject(GRANTED(4200))
      await expectReach(lab, transport, 4200, lab.a)
    }
  })

  test('a ubus that hangs 2 s does not delay a new WAN address by more than 1 s', async () => {
    const netifd = fakeNetifd(lab)
    const server = await startDaemon(lab, { engine, uci: WITHOUT_DEVICES, environment: netifd.environment })
    expect(await askAddress(lab.a)).toMatchObject({ result: 0, address: WAN })
    netifd.hang(2)
    await moveWan(lab, WAN, MOVED)
    const first = await toldAfter(lab.a, MOVED)
    // The answer to the first change is still out.
    await moveWan(lab, MOVED, SECOND)
    const second = await toldAfter(lab.a, SECOND)
    console.log(`ubus hangs, ${server.engine}: told after ${first.toFixed(2)} s, then ${second.toFixed(2)} s`)
    expect(netifd.asked()).toBeGreaterThan(1)
    expect(first).toBeLessThan(1)
    expect(second).toBeLessThan(1)
  })
})

describe('2,000 datagrams that are no requests, from one host', () => {
  test.concurrent.each(ENGINES)(
    'make one line of each kind a minute, on %s, and others are served',
    async engine => {
      const lab = await makeLab()
      try {
        await makeNoise(lab, engine)
      } finally {
        await lab.close()
      }
    },
    120_000,
  )
})

async function makeNoise(lab: Lab, engine: Engine): Promise<void> {
  const server = await startDaemon(lab, { engine })
  // The first request leads the kernel to its neighbours; then the log rests.
  await askAddress(lab.b)
  await sleep(200)
  const { length } = server.output
  const lines = () => server.output.slice(length).split('\n').filter(Boolean)
  expect(await lab.a.must(['python3', '-c', NOISE, LAN, `${PORT}`])).toBe('sent 2000, heard 0\n')
  expect(await askAddress(lab.b)).toMatchObject({ result: 0, address: WAN })
  expect(lines()).toEqual([])

  await until('the summary', async () => (lines().length > 0 ? true : undefined), 75_000, 250)
  await sleep(300)
  const summary = lines().map(line => /dropped (\d+) (.+) from (\S+) in \d+ s$/.exec(line)?.slice(1) ?? line)
  expect(summary.length).toBeLessThanOrEqual(5)
  expect(new Set(summary.map(([, kind]) => kind)).size).toBe(summary.length)
  expect(summary.every(([, , from]) => from === lab.a.ip)).toBe(true)
  // A burst may overflow the socket on a busy machine; what reached the daemon is counted.
  const counted = summary.reduce((sum, [count]) => sum + Number(count), 0)
  expect(counted).toBeGreaterThan(1000)
  expect(counted).toBeLessThanOrEqual(2000)
  expect(await askMap(lab.b, { transport: 'udp', internal: 4100, external: 4200 })).toMatchObject(GRANTED(4200))
}

const GRANTED = (external: number) => ({ result: 0, external, lifetime: 3600 })
const REFUSED = { result: 2, external: 0, lifetime: 0 }

const fromWorld = (name: string) =>
  expect.stringMatching(new RegExp(`^${name} saw ${WORLD.replaceAll('.', '\\.')}:\\d+ knock$`))

const forced = (address: string) => `
config interface
	option interface 'wan'
	option type 'external'
	option forced_ip '${address}'
`

const redirectTo = (host: string) => `
config redirect
	option name 'web'
	option target 'DNAT'
	option src 'wan'
	option src_dport '4200'
	option dest 'lan'
	option dest_ip '${host}'
	option dest_port '4100'
	list proto 'tcp'
	list proto 'udp'
`

/** As where the devices come from elsewhere, so that only netifd knows them. */
const WITHOUT_DEVICES: Uci = {
  ...defaultUci(),
  network: ['lan', 'wan'].map(name => `config interface '${name}'\n\toption proto 'dhcp'\n`).join('\n'),
}

interface FakeNetifd {
  readonly environment: Readonly<Record<string, string>>
  /** From now on an answer takes this many seconds. */
  hang(seconds: number): void
  /** How often it was asked. */
  asked(): number
}

/** A `ubus` that says what netifd says of this router (`network.interface dump`). */
function fakeNetifd({ directory }: Lab): FakeNetifd {
  const bin = join(directory, 'bin')
  const calls = join(directory, 'ubus-calls')
  mkdirSync(bin)
  writeFileSync(calls, '')
  const dump = JSON.stringify({
    interface: [
      { interface: 'lan', up: true, l3_device: 'br-lan', device: 'br-lan', proto: 'static' },
      { interface: 'wan', up: true, l3_device: 'wan0', device: 'wan0', proto: 'dhcp' },
    ],
  })
  const write = (seconds: number) => {
    const next = join(directory, 'ubus-next')
    writeFileSync(
      next,
      `#!/bin/sh
[ "$*" = 'call network.interface dump' ] || exit 2
echo >> '${calls}'
${seconds === 0 ? '' : `sleep ${seconds}`}
echo '${dump}'
`,
    )
    chmodSync(next, 0o755)
    renameSync(next, join(bin, 'ubus'))
  }
  write(0)
  return {
    environment: { PATH: `${bin}:${process.env['PATH']}` },
    hang: write,
    asked: () => readFileSync(calls, 'utf8').length,
  }
}

/** Seconds until clients are told this address. */
async function toldAfter(host: Host, address: string): Promise<number> {
  const started = monotonic()
  return until(`clients are told ${address}`, async () =>
    (await askAddress(host)).address === address ? monotonic() - started : undefined,
  )
}

async function untilGranted(host: Host, transport: Transport, external: number): Promise<void> {
  await until(`${transport} port ${external} is granted`, async () => {
    const granted = await askMap(host, { transport, internal: 4100, external })
    if (granted.external === external) return true
    await askMap(host, { transport, internal: 4100, lifetime: 0 })
    return undefined
  })
}

async function macOf(host: Host): Promise<string> {
  const [link] = JSON.parse(await host.must(['ip', '-json', 'link', 'show', 'dev', 'eth0'])) as { address: string }[]
  return (link as { address: string }).address
}

/** A program of the router: both transports on one port. */
const LISTENER = `
import socket, sys, time
address = (sys.argv[1], int(sys.argv[2]))
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(address)
tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
tcp.bind(address)
tcp.listen()
print('listening')
time.sleep(600)
`

/** One byte, a map request cut short, more than the protocol knows, and responses; about a thousand a second. */
const NOISE = `
import socket, sys, time
server = (sys.argv[1], int(sys.argv[2]))
it = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
kinds = [b'\\0', b'\\0\\1\\0\\0\\x10\\x04', b'\\0\\0' + b'x' * 1200, b'\\0\\x80' + b'\\0' * 10, b'\\0\\x81' + b'\\0' * 14]
for n in range(2000):
    it.sendto(kinds[n % len(kinds)], server)
    if n % 10 == 9:
        time.sleep(0.01)
it.settimeout(0.3)
heard = 0
try:
    while it.recv(2048):
        heard += 1
except TimeoutError:
    pass
print(f'sent 2000, heard {heard}')
`
