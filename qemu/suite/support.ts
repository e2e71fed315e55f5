/** What the rows of the suite share: the router they run on, the programs of strangers, and whether packets arrive. */
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import type { Host } from '../../test/support/host.ts'
import { type Finished, until } from '../../test/support/process.ts'
import { root } from '../../test/support/root.ts'
import { LAN, makeSurroundings, type Surroundings, WAN } from '../lab.ts'
import { ready } from '../ready.ts'
import type { Given } from '../share.ts'
import { Vm, type VmOptions } from '../vm.ts'

export type Transport = 'udp' | 'tcp'

export const given = JSON.parse(process.env['PORTICO_QEMU'] ?? '{}') as Given
export const machine = given.image.facts.machine

/**
 * The daemon's process, in a script for the router. The console is the same program, and somebody may call it just now:
 * the init script and hotplug do.
 */
export const DAEMON = `$(for p in $(pidof portico); do
  tr '\\0' ' ' 2>/dev/null <"/proc/$p/cmdline" | grep -q ' daemon' && echo "$p"
done)`

export interface Situation {
  readonly lab: Surroundings
  readonly vm: Vm
}

/** A router for the rows of one file: with the package on, or as it comes out of the box. */
export function router(state: 'ready' | 'fresh' | 'off', options: Partial<VmOptions> = {}): Situation {
  const situation = {} as { lab: Surroundings; vm: Vm }
  beforeAll(async () => {
    situation.lab = await makeSurroundings()
    situation.vm = new Vm(given.image, { ...given, taps: situation.lab.taps, ...options })
    try {
      if (state === 'ready') await ready(situation.vm)
      if (state === 'fresh') await situation.vm.boot(true)
    } catch (error) {
      await keepEvidence(situation.vm, `before the rows ${expect.getState().testPath?.split('/').pop() ?? ''}`)
      throw error
    }
  })
  // To see rows fail: a script that spoils something in the router before each of them.
  beforeEach(async () => {
    const spoil = process.env['BREAK']
    if (spoil && situation.vm.on) await situation.vm.sh(spoil)
  })
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') await keepEvidence(situation.vm, `${task.suite?.name ?? ''} ${task.name}`)
  })
  afterAll(async () => {
    await situation.vm?.off()
    await situation.lab?.close()
  })
  return situation
}

const EVIDENCE = `echo '=== log'; logread | tail -n 60
echo '=== ruleset'; nft -t list ruleset
echo '=== mappings'; portico /ip/upnp/mappings/print
echo '=== system'; ps; ip addr; free`

/** Beside the failure: the serial line, the router's log, its ruleset, its mappings. */
async function keepEvidence(vm: Vm, test: string): Promise<void> {
  const directory = join(root, 'build/qemu/failures')
  const file = join(
    directory,
    `${given.image.name} ${test
      .replace(/[^A-Za-z0-9 ]/g, '')
      .trim()
      .slice(0, 150)}.txt`,
  )
  const asked = await vm.sh(EVIDENCE, 20_000).catch(error => ({ stdout: String(error), stderr: '' }))
  const silent = asked.stdout === '' && vm.on ? await vm.registers().catch(String) : ''
  mkdirSync(directory, { recursive: true })
  writeFileSync(file, `${asked.stdout}${asked.stderr}${silent}\n=== serial line\n${vm.serial.slice(-20_000)}\n`)
  console.log(`the router's log and ruleset: ${file}\n${asked.stdout.slice(0, 3000)}${silent}`)
}

/** A measured figure of this image; the table in README.md is made of them. */
export function figure(name: string, value: number | string, unit = ''): void {
  const line = { image: given.image.name, name, value, unit, at: new Date().toISOString() }
  appendFileSync(join(root, 'build/qemu/figures.jsonl'), `${JSON.stringify(line)}\n`)
  console.log(`figure: ${given.image.name}: ${name} ${value} ${unit}`)
}

export const natpmpc = (host: Host, ...words: readonly string[]): Promise<Finished> =>
  host.run(['natpmpc', '-g', gatewayOf(host), ...words], { timeout: 120_000 })

/** It listens for answers to its search two seconds long, so a router that is kept waiting is asked again. */
export async function upnpc(host: Host, ...words: readonly string[]): Promise<Finished> {
  for (let attempt = 1; ; attempt++) {
    const done = await host.run(['upnpc', '-m', 'eth0', ...words], { timeout: 120_000 })
    if (attempt === 5 || !done.stdout.includes('No IGD UPnP Device found')) return done
  }
}

const gatewayOf = (host: Host): string => host.ip.replace(/\d+$/, '1')

/**
 * Asks by natpmpc for the port, outside and inside alike; the external port that was granted. A slow answer to its first
 * question makes natpmpc repeat it, and then it takes the second answer to that for the answer to the next: such a run
 * names another local port and is repeated.
 */
export async function map(host: Host, transport: Transport, port: number, lifetime = 3600): Promise<number> {
  let said = ''
  for (let attempt = 0; attempt < 8; attempt++) {
    const { stdout } = await natpmpc(host, '-a', String(port), String(port), transport, String(lifetime))
    const granted = /Mapped public port (\d+) protocol \w+ to local port (\d+) li\w+ (\d+)/.exec(stdout)
    if (granted?.[2] === String(port)) return Number(granted[1])
    said += stdout
  }
  throw new Error(`natpmpc was not given ${transport} ${port}:\n${said}`)
}

export async function expectReach(
  from: Host,
  transport: Transport,
  port: number,
  to: Host,
  address = WAN,
): Promise<void> {
  // Thrice: an emulated machine that others keep waiting may drop a datagram.
  let heard = await knock(from, transport, port, 4000, address)
  for (let again = 0; again < 2 && heard.got !== 'reply'; again++) {
    heard = await knock(from, transport, port, 4000, address)
  }
  expect(heard).toMatchObject({ got: 'reply', from: [address, port] })
  expect(heard.got === 'reply' && heard.text).toMatch(new RegExp(`^${to.name} saw .* knock$`))
}

export async function expectNoReach(from: Host, transport: Transport, port: number, address = WAN): Promise<void> {
  expect((await knock(from, transport, port, 500, address)).got).not.toBe('reply')
}

export const knock = (from: Host, transport: Transport, port: number, ms: number, address = WAN) =>
  transport === 'udp' ? from.udpAsk([address, port], 'knock', ms) : from.tcpAsk([address, port], 'knock', ms)

/** An echo server for the length of `work`. */
export async function serving<T>(host: Host, transport: Transport, port: number, work: () => Promise<T>): Promise<T> {
  const open = () => (transport === 'udp' ? host.udpEcho(port) : host.tcpEcho(port))
  // The server of the row before may be about to end.
  const echo = await until(`port ${port} of ${host.name} is free`, () => open().catch(stillTaken))
  try {
    return await work()
  } finally {
    await echo.close()
  }
}

function stillTaken(error: unknown): undefined {
  if (!String(error).includes('Address already in use')) throw error
}

export { LAN, WAN }
