// What is measured, one function per kind of figure. A running server is what `start` in servers.mjs gives.
import { readdirSync, readFileSync } from 'node:fs'
import { batch, firstPacket, inside, load, memory, run, TOOLS, WAN, watch } from './lab.mjs'
import { start, stop } from './servers.mjs'

/** Few enough for the kernel's neighbour table, many enough that no figure hangs on one host. */
const HOSTS = ['-n', '200']
/** Request number i of the load speaks for this internal (and external) port. */
const portOf = i => 10000 + i

/** Brings the table to `level` mappings; requests go 64 at a time. Returns how that went, or undefined if it stood there. */
export async function fill(running, level) {
  const held = running.held ?? 0
  if (held === level) return undefined
  const phase = held < level ? `map:${held}:${level - held}:64` : `delete:${level}:${held - level}:64`
  const [done] = await load(running.lab, [phase], HOSTS)
  running.held = level
  return sound(done)
}

/**
 * One round of requests on a table of the present size: new mappings one at a time, the same with 64 outstanding,
 * deletions, and renewals of what stands in the middle of the table. The table is left as it was.
 */
export async function requests(running) {
  const { server, held: level = 0 } = running
  const { chunk, repeat } = server.serial
  const many = level === 0 ? { ...server.many, chunk: 1000 } : server.many
  const middle = Math.floor(level / 2)
  const round = { map: [], delete: [], mapMany: [], deleteMany: [], renew: [] }
  for (let k = 0; k < repeat; k++) {
    round.map.push(await sample(running, `map:${level}:${chunk}:1`))
    // Deletions one at a time are measured once; to make room again they go 64 at a time.
    const give = k === 0 ? round.delete : []
    give.push(await sample(running, `delete:${level}:${chunk}:${k === 0 ? 1 : 64}`))
    if (level > 0) round.renew.push(await sample(running, `map:${middle}:${chunk}:1`))
  }
  for (let k = 0; k < many.repeat; k++) {
    round.mapMany.push(await sample(running, `map:${level}:${many.chunk}:64`))
    round.deleteMany.push(await sample(running, `delete:${level}:${many.chunk}:64`))
  }
  return round
}

/**
 * One phase of the load, with the processor time of the server for each request, in microseconds. What the server does
 * after its last answer (it ends the flows of what was deleted) is part of that time, and of no other sample.
 */
async function sample(running, phase) {
  const before = processorTime(running.pid)
  const [done] = await load(running.lab, [phase], HOSTS)
  await rested(running)
  return { ...sound(done), processor: (processorTime(running.pid) - before) / 1000 / done.count }
}

/** Resolves when the server has needed no processor for a while; it may have something to do for ever. */
export async function rested({ pid }) {
  let still = 0
  for (let at = processorTime(pid), k = 0; still < 4 && k < 200; k++) {
    await new Promise(resolve => setTimeout(resolve, 25))
    const now = processorTime(pid)
    still = now === at ? still + 1 : 0
    at = now
  }
}

/** Nanoseconds on a processor of all threads (first field of schedstat, linux Documentation/scheduler/sched-stats). */
function processorTime(pid) {
  let sum = 0
  for (const thread of readdirSync(`/proc/${pid}/task`))
    sum += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0])
  return sum
}

/** New flows through the first and the last mapping, and through the owner's own redirect for comparison. */
export async function firstPackets(running, samples) {
  const last = running.held - 1
  const targets = ['control=7:7', `first=${portOf(0)}:${portOf(0)}`, `last=${portOf(last)}:${portOf(last)}`]
  const measured = await firstPacket(running.lab, targets, samples, running.external)
  for (const [name, { lost }] of Object.entries(measured))
    if (lost > samples / 100)
      throw new Error(`${running.server.title}: ${lost} of ${samples} packets to '${name}' were lost`)
  return measured
}

/**
 * miniupnpd needs minutes for 5,000 mappings. The path of a packet hangs on its rules alone, so this writes them for
 * it: copies of the rules of its own last mapping, byte for byte but for the port. The daemon knows nothing of them.
 */
export function copyPeerRules(running, level) {
  const { lab, held } = running
  for (const chain of ['upnp_forward', 'upnp_prerouting'])
    run(inside(lab.router, [`${TOOLS}copyrules`, chain, `${portOf(held - 1)}`, `${level - held}`]))
  running.held = level
}

/** Kills and starts anew; the mappings are still in the kernel. Returns start times, and whether all were adopted. */
export async function restart(running) {
  await stop(running, 'SIGKILL')
  const again = await start(running.server, running.lab)
  Object.assign(running, { pid: again.pid })
  if (!running.held) return { ready: again.ready, serving: again.serving }
  const [renewed] = await load(running.lab, [`map:0:${running.held}:64`], HOSTS)
  sound(renewed)
  return { ready: again.ready, serving: again.serving, adopted: running.held - renewed.moved }
}

/**
 * The router gets another external address in place of the present one. Milliseconds from the kernel's notice of the
 * new address to the last nf_tables transaction that moved elements, and how many such transactions there were.
 */
export async function changeAddress(running) {
  const { lab } = running
  const from = running.external ?? WAN.router
  const to = from === WAN.router ? WAN.next : WAN.router
  const watching = await watch(lab, 'dnat4')
  batch(lab.router, [
    `address del ${from}/${WAN.length} dev wan`,
    `address add ${to}/${WAN.length} dev wan`,
    `route replace default via ${WAN.world}`,
  ])
  running.external = to
  await moved(watching, running.held)
  const events = await watching.stop()
  const known = events.find(({ event, address }) => event === 'address' && address === to).at
  const moves = events.filter(({ event, added, removed }) => event === 'transaction' && added + removed > 0)
  const last = `last=${portOf(running.held - 1)}:${portOf(running.held - 1)}`
  const through = await firstPacket(lab, [`first=${portOf(0)}:${portOf(0)}`, last], 20, to)
  return {
    milliseconds: moves.length === 0 ? undefined : (moves.at(-1).at - known) / 1e6,
    transactions: moves.length,
    added: sum(moves.map(({ added }) => added)),
    removed: sum(moves.map(({ removed }) => removed)),
    emptyBetween: moves.some(({ added, removed }, k) => removed > added && k < moves.length - 1),
    overruns: events.at(-1).overruns ?? 0,
    lost: through.first.lost + through.last.lost,
  }
}

export const memoryOf = running => ({ level: running.held ?? 0, ...memory(running.pid) })

/** Context switches of all threads together, voluntary ones being wake-ups, and processor time in ms. */
export function activity(pid) {
  let voluntary = 0
  let forced = 0
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const status = readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8')
    voluntary += Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)[1])
    forced += Number(/^nonvoluntary_ctxt_switches:\s+(\d+)/m.exec(status)[1])
  }
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return { voluntary, forced, processor: (Number(fields[11]) + Number(fields[12])) * 10 }
}

/** A sample that lost or refused requests is no sample. */
function sound(phase) {
  if (phase.refused > 0 || phase.lost > 0 || phase.answered !== phase.count)
    throw new Error(`load ${phase.op}:${phase.first}:${phase.count}: ${JSON.stringify(phase)}`)
  return phase
}

/** Until as many elements as there are mappings were added and half a second was silent after that; at most 10 s. */
async function moved(watching, mappings) {
  for (let seen = -1, tries = 0; tries < 20; tries++) {
    await new Promise(resolve => setTimeout(resolve, 500))
    const events = watching.events()
    const added = sum(events.map(({ added = 0 }) => added))
    if (added >= mappings && events.length === seen) return
    seen = events.length
  }
}

const sum = numbers => numbers.reduce((total, each) => total + each, 0)
