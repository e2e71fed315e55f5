/** The daemon under test in the lab's router, and its console. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Lab } from './lab.ts'
import { type Background, type Finished, run } from './process.ts'
import { root } from './root.ts'

export type Engine = 'quickjs' | 'node' | 'qjs'

/** One UCI file per name: `portico`, `network`, `firewall`. */
export type Uci = Readonly<Record<string, string>>

export interface StartOptions {
  readonly engine?: Engine
  readonly uci?: Uci
  readonly environment?: Readonly<Record<string, string>>
  /** Put before the daemon's command: `setpriv ...`, `strace ...`. */
  readonly wrapper?: readonly string[]
  /** Milliseconds to `ready`; 30 s if absent. */
  readonly patience?: number
}

export interface Server {
  readonly engine: Engine
  readonly pid: number
  /** The log so far. */
  readonly output: string
  readonly process: Background
  readonly uciDirectory: string
  readonly runDirectory: string
  console(...words: readonly string[]): Promise<Finished>
  /** The console's JSON answer; throws when the command fails. */
  json(...words: readonly string[]): Promise<unknown>
  configure(uci: Uci): void
  stop(): Promise<number>
  kill(): Promise<number>
}

/** How each engine runs the one bundle. */
export const COMMAND: Readonly<Record<Engine, readonly string[]>> = {
  quickjs: [join(root, 'build/host/porticod')],
  node: ['node', join(root, 'build/node/portico.mjs')],
  qjs: [join(root, 'build/host/qjs'), join(root, 'build/host/portico.mjs')],
}

/** Resolves when the daemon has begun to read the other configuration. */
export async function reload(server: Server, uci: Uci): Promise<void> {
  const { length } = server.output
  server.configure(uci)
  server.process.signal('SIGHUP')
  await server.process.waitFor(/reading the configuration again/, 5000, length)
}

/** Starts the daemon in the router and waits until it says `ready`. */
export async function startDaemon(lab: Lab, options: StartOptions = {}): Promise<Server> {
  const server = launchDaemon(lab, options)
  await server.process.waitFor(/\bready\b/, options.patience ?? 30_000)
  return server
}

/** Starts it and does not wait: for starts that are meant to fail. */
export function launchDaemon(lab: Lab, options: StartOptions = {}): Server {
  const engine = options.engine ?? 'quickjs'
  const uciDirectory = join(lab.directory, 'uci')
  const runDirectory = join(lab.directory, 'run')
  const configure = (uci: Uci) => writeUci(uciDirectory, uci)
  configure(options.uci ?? defaultUci())
  const command = [...COMMAND[engine], 'daemon', '--uci', uciDirectory, '--run', runDirectory]
  const process = lab.router.start(
    [...(options.wrapper ?? []), ...command],
    options.environment === undefined ? {} : { environment: options.environment },
  )
  const console = (...words: readonly string[]) => run([...COMMAND[engine], '--run', runDirectory, ...words])
  return {
    engine,
    process,
    pid: process.pid,
    get output() {
      return process.output
    },
    uciDirectory,
    runDirectory,
    console,
    async json(...words) {
      const { status, stdout, stderr } = await console('--json', ...words)
      if (status !== 0) throw new Error(`${words.join(' ')}: exit ${status}\n${stdout}${stderr}`)
      return JSON.parse(stdout)
    },
    configure,
    stop: () => process.stop(),
    kill: () => process.kill(),
  }
}

export interface PorticoUci {
  /** Options of the limits section. */
  readonly limits?: Readonly<Record<string, string | number>>
  /** Further sections, as UCI text. */
  readonly more?: string
  readonly natPmp?: Readonly<Record<string, string>>
  readonly upnp?: Readonly<Record<string, string>>
}

/** What a router's owner would have: the network, the firewall's zones, and NAT-PMP switched on. */
export function defaultUci({ limits = {}, more = '', natPmp = {}, upnp = {} }: PorticoUci = {}): Uci {
  const options = (of: Readonly<Record<string, string | number>>) =>
    Object.entries(of)
      .map(([name, value]) => `\toption ${name} '${value}'\n`)
      .join('')
  return {
    portico: `config portico 'nat_pmp'
${options({ enabled: '1', allow_port_forwarding: '1', ...natPmp })}
config portico 'upnp'
${options({ enabled: '0', ...upnp })}
config portico 'limits'
${options(limits)}
${more}`,
    network: NETWORK,
    firewall: FIREWALL,
  }
}

const NETWORK = `config interface 'loopback'
	option device 'lo'
	option proto 'static'
	option ipaddr '127.0.0.1/8'

config interface 'lan'
	option device 'br-lan'
	option proto 'static'
	option ipaddr '192.168.88.1/24'

config interface 'guest'
	option device 'br-guest'
	option proto 'static'
	option ipaddr '192.168.99.1/24'

config interface 'wan'
	option device 'wan0'
	option proto 'dhcp'
`

const FIREWALL = `config defaults
	option input 'REJECT'
	option output 'ACCEPT'
	option forward 'REJECT'

config zone
	option name 'lan'
	list network 'lan'
	option input 'ACCEPT'
	option output 'ACCEPT'
	option forward 'ACCEPT'

config zone
	option name 'guest'
	list network 'guest'
	option input 'REJECT'
	option output 'ACCEPT'
	option forward 'REJECT'

config zone
	option name 'wan'
	list network 'wan'
	option input 'REJECT'
	option output 'ACCEPT'
	option forward 'DROP'
	option masq '1'
	option mtu_fix '1'

config forwarding
	option src 'lan'
	option dest 'wan'
`

/** As `uci commit` does it: a daemon that reads at this moment finds the old file or the new one. */
function writeUci(directory: string, uci: Uci): void {
  mkdirSync(directory, { recursive: true })
  for (const [name, text] of Object.entries(uci)) {
    const beside = join(directory, `.${name}.new`)
    writeFileSync(beside, text)
    renameSync(beside, join(directory, name))
  }
}
