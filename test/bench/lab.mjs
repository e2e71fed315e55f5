// One LAN-router-world lab of three network namespaces for each server, so that all stand under the same conditions and
// none sees the other.
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const HERE = fileURLToPath(new URL('.', import.meta.url))
export const ROOT = fileURLToPath(new URL('../..', import.meta.url))
export const TOOLS = `${ROOT}build/bench/`

/** Hosts of the LAN are addresses of one prefix that the client's namespace holds as a whole; one link, one ARP entry each. */
export const LAN = {
  router: '10.77.0.1',
  client: '10.77.0.2',
  length: 16,
  hosts: '10.77.128.0',
  hostsPrefix: '10.77.128.0/17',
}
/** Public-looking, since clients and servers treat reserved addresses differently. */
export const WAN = {
  router: '11.22.33.44',
  next: '11.22.33.45',
  world: '11.22.33.1',
  length: 24,
  sources: '198.18.0.0/15',
}

/** Runs a program to its end; throws with its words when it fails. */
export function run(command, options = {}) {
  const [program, ...rest] = command
  const done = spawnSync(program, rest, { encoding: 'utf8', maxBuffer: 1 << 28, ...options })
  if (done.error) throw done.error
  if (done.status === 0) return done.stdout
  throw new Error(`${command.join(' ')}: status ${done.status ?? done.signal}: ${done.stderr.trim()}`)
}

/** Runs a program to its end without stopping ours; resolves with its output. */
export function runBeside(command) {
  const child = spawn(command[0], command.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let err = ''
  child.stdout.on('data', text => (out += text))
  child.stderr.on('data', text => (err += text))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', status =>
      status === 0 ? resolve(out) : reject(new Error(`${command.join(' ')}: ${status}: ${err}`)),
    )
  })
}

/** Builds the namespaces `<name>-lan`, `<name>-rtr`, `<name>-wan` and a directory on tmpfs, as `/var/run` is on a router. */
export function makeLab(name) {
  const lan = `${name}-lan`
  const router = `${name}-rtr`
  const world = `${name}-wan`
  const lab = { name, lan, router, world, directory: `/dev/shm/${name}`, remove: () => removeLab(lab) }
  mkdirSync(lab.directory, { recursive: true, mode: 0o700 })
  for (const ns of [lan, router, world]) run(['ip', 'netns', 'add', ns])
  batch(router, [
    'link set lo up',
    `link add br-lan type veth peer name lan0 netns ${lan}`,
    `link add wan type veth peer name world0 netns ${world}`,
    `address add ${LAN.router}/${LAN.length} dev br-lan`,
    `address add ${WAN.router}/${WAN.length} dev wan`,
    'link set br-lan up',
    'link set wan up',
    `route add default via ${WAN.world}`,
  ])
  batch(lan, [
    'link set lo up',
    `address add ${LAN.client}/${LAN.length} dev lan0`,
    'link set lan0 up',
    `route add local ${LAN.hostsPrefix} dev lo`,
    `route add default via ${LAN.router}`,
  ])
  batch(world, [
    'link set lo up',
    `address add ${WAN.world}/${WAN.length} dev world0`,
    'link set world0 up',
    `route add local ${WAN.sources} dev lo`,
  ])
  // More hosts than the neighbour table likes would measure the kernel's garbage collection; the runner stays below.
  run(inside(router, ['sysctl', '-qw', 'net.ipv4.ip_forward=1']))
  run(inside(router, ['nft', '-f', `${HERE}fw4.nft`]))
  return lab
}

/**
 * To the router the first hosts of the load are devices of their own, each with a MAC address: limits are a device's,
 * and an address alone makes none.
 */
export function asDevices({ lan, router }, hosts) {
  const macOf = n => `02:00:00:00:00:${n.toString(16).padStart(2, '0')}`
  const prefix = LAN.hosts.replace(/[0-9]+$/, '')
  batch(
    router,
    Array.from({ length: hosts }, (_, n) => `neigh replace ${prefix}${n} lladdr ${macOf(n)} dev br-lan nud permanent`),
  )
  // What is sent to them, lan0 takes for its own.
  const chain = 'chain arriving {\ntype filter hook ingress device "lan0" priority 0\nmeta pkttype set host\n}'
  run(inside(lan, ['nft', '-f', '-']), { input: `table netdev lan {\n${chain}\n}\n` })
}

/** The command, to be run in a namespace. */
export const inside = (namespace, command) => ['nsenter', `--net=/run/netns/${namespace}`, ...command]

/** The load client in the LAN of a lab: its phases as they ended. */
export async function load(lab, phases, options = []) {
  const out = await runBeside(
    inside(lab.lan, [`${TOOLS}load`, '-s', LAN.router, '-b', LAN.hosts, ...options, ...phases]),
  )
  return JSON.parse(out).phases
}

/** Round of first packets; targets are `name=external:internal`. */
export async function firstPacket(lab, targets, samples, external = WAN.router) {
  const namespaces = ['-w', `/run/netns/${lab.world}`, '-l', `/run/netns/${lab.lan}`]
  return JSON.parse(
    await runBeside([`${TOOLS}firstpacket`, ...namespaces, '-e', external, '-n', `${samples}`, ...targets]),
  ).targets
}

/** Notes addresses of the router, and what happens to one nf_tables set, until `stop()`, which resolves with that. */
export async function watch(lab, set) {
  const child = spawn('nsenter', [`--net=/run/netns/${lab.router}`, `${TOOLS}watch`, set], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let text = ''
  const ended = new Promise(resolve => child.on('close', resolve))
  await new Promise((resolve, reject) => {
    child.on('error', reject)
    child.stdout.on('data', chunk => {
      text += chunk
      if (text.includes('\n')) resolve()
    })
  })
  return {
    events: () =>
      text
        .slice(0, text.lastIndexOf('\n') + 1)
        .split('\n')
        .filter(Boolean)
        .map(line => JSON.parse(line)),
    async stop() {
      child.stdin.end()
      await ended
      return this.events()
    },
  }
}

/** Changes of addresses and links, in one process. */
export function batch(namespace, lines) {
  run(['ip', '-n', namespace, '-batch', '-'], { input: `${lines.join('\n')}\n` })
}

/** Threads and memory of a process, from /proc: kilobytes, and switches summed over all threads. */
export function memory(pid) {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  const field = name => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(rollup)?.[1])
  return { rss: field('Rss'), pss: field('Pss'), private: field('Private_Dirty') + field('Private_Clean') }
}

function removeLab(lab) {
  for (const ns of [lab.lan, lab.router, lab.world]) spawnSync('ip', ['netns', 'del', ns])
  rmSync(lab.directory, { recursive: true, force: true })
}
