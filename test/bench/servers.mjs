// The servers that are measured: one row each. All of them listen on br-lan, map to the address of wan, and have their
// quotas and request limits lifted alike; miniupnpd has none.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { inside, LAN, load, ROOT, run, TOOLS } from './lab.mjs'

const QUICK_ONES = { serial: { chunk: 100, repeat: 10 }, many: { chunk: 1000, repeat: 5 } }

/** The program of the package for this machine: what an owner runs. */
const PROGRAM = `${ROOT}build/package/${process.arch === 'arm64' ? 'aarch64_generic' : 'x86_64'}/porticod`
const BUNDLE = `${ROOT}build/node/portico.mjs`

/**
 * `levels`: numbers of mappings at which requests are measured. `chunk`: how many requests a sample has, so that
 * the slow and the quick spend comparable time. `needs`: files without which the server cannot run.
 */
export const SERVERS = [
  {
    id: 'peer',
    title: 'miniupnpd',
    portico: false,
    needs: ['/usr/sbin/miniupnpd'],
    levels: [0, 1000, 2000],
    serial: { chunk: 100, repeat: 1 },
    many: { chunk: 100, repeat: 1 },
    version: () => run(['miniupnpd', '--version']).split('\n')[0].trim(),
    launch: launchPeer,
    sizes: () => ({ program: sizeOf('/usr/sbin/miniupnpd') }),
  },
  portico('quickjs', 'Portico on QuickJS', [PROGRAM], [PROGRAM]),
  portico('node', 'Portico on Node', ['node', BUNDLE], [BUNDLE]),
]

/** What a request costs before any work is done. It opens no port, so nothing but requests is measured of it. */
export const FLOOR = {
  id: 'floor',
  title: 'a server that only answers',
  portico: false,
  levels: [0],
  ...QUICK_ONES,
  launch: launchFloor,
}

function portico(id, title, command, needs) {
  return {
    id,
    title,
    portico: true,
    needs,
    levels: [0, 1000, 2000, 10000, 50000],
    ...QUICK_ONES,
    version: () => run(['git', '-C', ROOT, 'describe', '--always', '--dirty']).trim(),
    launch: lab => launchPortico(lab, command),
    sizes: () => Object.fromEntries(needs.map(file => [file === PROGRAM ? 'program' : 'bundle', sizeOf(file)])),
  }
}

/**
 * Starts a server in its lab. Resolves when it answers a request, with its pid and the milliseconds since the start:
 * `ready` until the line that says so (where there is one), `serving` until the first good answer.
 */
export async function start(server, lab) {
  const probe = load(lab, ['wait'])
  probe.catch(() => {})
  await new Promise(resolve => setTimeout(resolve, 50)) // the probe shall be at it before the server is
  const begin = process.hrtime.bigint()
  const { pid, ready } = await server.launch(lab)
  const [{ serving }] = await probe
  const since = at => (at === undefined ? undefined : Number(at - begin) / 1e6)
  return { server, lab, pid: pid(), ready: since(await ready), serving: since(BigInt(serving)) }
}

/** Ends a server that `start` started; SIGKILL unless told otherwise. */
export async function stop({ pid }, signal = 'SIGKILL') {
  process.kill(pid, signal)
  for (let k = 0; alive(pid); k++) {
    if (k === 500) throw new Error(`process ${pid} does not end on ${signal}`)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

const logOf = lab => `${lab.directory}/log`
/** The end of Portico's log in this lab, for the message when something fails. */
export const lastLines = lab => tail(logOf(lab)).replaceAll(' | ', '\n')

async function launchPortico(lab, command) {
  const uci = `${lab.directory}/uci`
  mkdirSync(uci, { recursive: true })
  writeFileSync(`${uci}/portico`, PORTICO)
  const program = [...command, 'daemon', '--uci', uci, '--run', `${lab.directory}/run`]
  const [first, ...rest] = inside(lab.router, program)
  const child = spawn(first, rest, { stdio: ['ignore', 'pipe', 'pipe'] })
  const log = openSync(logOf(lab), 'a')
  const ready = new Promise((resolve, reject) => {
    const look = chunk => {
      const at = process.hrtime.bigint()
      writeFileSync(log, chunk)
      if (`${chunk}`.includes('ready')) resolve(at)
    }
    child.stdout.on('data', look)
    child.stderr.on('data', look)
    child.on('error', reject)
    child.on('exit', status => reject(new Error(`${program.join(' ')} ended with ${status}: ${tail(logOf(lab))}`)))
  })
  await Promise.race([
    ready,
    new Promise((_, reject) => setTimeout(() => reject(new Error('not ready in 60 s')), 60000).unref()),
  ])
  return { pid: () => child.pid, ready }
}

// OpenWrt's init script with its shipped settings: IGDv1, secure mode, high ports only. Debian's program goes to the
// background by itself; OpenWrt's is built without that, which changes nothing after the start.
async function launchPeer(lab) {
  const file = `${lab.directory}/miniupnpd`
  writeFileSync(`${file}.leases`, '')
  rmSync(`${file}.pid`, { force: true })
  writeFileSync(`${file}.conf`, `${MINIUPNPD}lease_file=${file}.leases\n`)
  run(inside(lab.router, ['miniupnpd', '-f', `${file}.conf`, '-P', `${file}.pid`]))
  return { pid: () => Number(readFileSync(`${file}.pid`, 'utf8')), ready: undefined }
}

async function launchFloor(lab) {
  const [first, ...rest] = inside(lab.router, [`${TOOLS}floor`, LAN.router])
  const child = spawn(first, rest, { stdio: 'inherit' })
  return { pid: () => child.pid, ready: undefined }
}

const PORTICO = `
config portico 'upnp'
	option enabled '1'

config portico 'nat_pmp'
	option enabled '1'

config portico 'limits'
	option per_host '131070'
	option total '131070'
	option requests_per_second '1000000'

config interface
	list service 'nat_pmp'
	list service 'upnp'
	option interface 'br-lan'
	option type 'internal'

config interface
	list service 'nat_pmp'
	list service 'upnp'
	option interface 'wan'
	option type 'external'
`

const MINIUPNPD = `ext_ifname=wan
listening_ip=br-lan
enable_upnp=yes
enable_natpmp=yes
secure_mode=yes
system_uptime=yes
force_igd_desc_v1=yes
http_port=5000
notify_interval=900
serial=
model_number=
uuid=4e7cbfbe-0e1b-4e4f-8b5e-0f6f2a4b5a01
upnp_table_name=fw4
upnp_nat_table_name=fw4
upnp_forward_chain=upnp_forward
upnp_nat_chain=upnp_prerouting
upnp_nat_postrouting_chain=upnp_postrouting
allow 1024-65535 0.0.0.0/0 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
`

const sizeOf = file => ({ bytes: statSync(file).size, gzip: gzipSync(readFileSync(file), { level: 9 }).length })
const tail = file => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(-6).join(' | ') : '')

function alive(pid) {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
