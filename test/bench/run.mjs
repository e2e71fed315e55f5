// `make bench`: Portico on both engines and miniupnpd in one run on one machine. Every step is done for one server after
// the other before the next step begins, in several rounds, so that what disturbs the machine disturbs all of them.
// QUICK=1: small and short, to see that it works; its figures mean nothing. ONLY=peer,quickjs,node: these servers.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import { inside, makeLab, ROOT, run, TOOLS } from './lab.mjs'
import { activity, changeAddress, copyPeerRules, fill, firstPackets, memoryOf, requests, restart } from './measure.mjs'
import { render } from './report.mjs'
import { FLOOR, lastLines, SERVERS, start, stop } from './servers.mjs'

const QUICK = Boolean(process.env.QUICK)
const ONLY = process.env.ONLY?.split(',') ?? SERVERS.map(({ id }) => id)
const SIZE = QUICK
  ? { rounds: 1, highest: 1000, packets: 200, passes: 1, levels: [1, 1000], starts: 1, adopt: 1000, moves: 1, idle: 3 }
  : {
      rounds: 3,
      highest: 50000,
      packets: 3000,
      passes: 2,
      levels: [1, 5000, 50000],
      starts: 5,
      adopt: 10000,
      moves: 4,
      idle: 30,
    }
/** The last announcement goes out 127.75 s after a start (RFC 6886 §3.2.1): idle begins after that. */
const SETTLED = QUICK ? 0 : 132_000
const IDLE_MAPPINGS = 100
/** On a slow or busy machine, rounds beyond the first are left out after this long, ms. */
const PATIENCE = 420_000

const began = Date.now()
const labs = []
const alive = new Set()
const results = {
  quick: QUICK,
  began: new Date(began).toISOString(),
  machine: machine(),
  servers: {},
  floor: { rounds: [] },
  absent: [],
}

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => cleanUp().then(() => process.exit(130)))
try {
  await main()
} finally {
  await cleanUp()
}

async function main() {
  const servers = SERVERS.filter(({ id }) => ONLY.includes(id)).filter(present)
  if (servers.length === 0) throw new Error('no server to measure: see test/bench/servers.mjs')
  for (const server of servers) results.servers[server.id] = emptyResult(server)

  say('starting, and leaving one of each alone for the idle figures')
  const idle = []
  for (const server of servers) idle.push(await launch(server, 'idle'))
  for (const each of idle) await fill(each, IDLE_MAPPINGS)
  const idleSince = Date.now()

  const running = []
  for (const server of servers) running.push(await launch(server, 'work'))
  await startsEmpty(running)
  await climb(running, await launch(FLOOR, 'work'))
  await packets(running)
  await rest(idle, idleSince)

  results.seconds = (Date.now() - began) / 1000
  results.loadAfter = os.loadavg()[0]
  mkdirSync(TOOLS, { recursive: true })
  const name = `${TOOLS}${QUICK ? 'quick' : 'result'}`
  writeFileSync(`${name}.json`, `${JSON.stringify(results, null, 1)}\n`)
  const text = render(results, JSON.parse(readFileSync(new URL('why.json', import.meta.url), 'utf8')))
  writeFileSync(`${name}.md`, text)
  process.exitCode = Object.values(results.servers).some(({ failed }) => failed) ? 1 : 0
  process.stdout.write(`${text}\nWritten to ${name.replace(ROOT, '')}.md and .json\n`)
}

/** Start to ready with nothing in the kernel, each server in turn. */
async function startsEmpty(running) {
  for (let round = 0; round < SIZE.starts; round++)
    for (const each of running)
      await step(each, `start ${round + 1}`, async () => of(each).starts.push(await restart(each)))
}

/** Requests, memory, address change and adoption on a growing table; beside the empty one, `floor`. */
async function climb(running, floor) {
  const levels = [...new Set(running.flatMap(({ server }) => server.levels))].sort((a, b) => a - b)
  for (const level of levels.filter(level => level <= SIZE.highest)) {
    const there = running.filter(({ server }) => server.levels.includes(level))
    for (const each of there)
      await step(each, `${level} mappings`, async () => {
        const filled = await fill(each, level)
        if (filled) of(each).fills.push(filled)
        of(each).memory.push(memoryOf(each))
      })
    for (let round = 0; round < SIZE.rounds && hasTime(round); round++)
      for (const each of level === 0 ? [floor, ...there] : there)
        await step(each, `${level} mappings, round ${round + 1}`, async () =>
          of(each).rounds.push({ level, ...(await requests(each)) }),
        )
    if (level === SIZE.adopt) await upheaval(there.filter(({ server }) => server.portico))
  }
}

/** What a router goes through with a full table: another external address, and a daemon that dies. */
async function upheaval(running) {
  for (let round = 0; round < SIZE.moves; round++)
    for (const each of running)
      await step(each, `another external address, ${round + 1}`, async () =>
        of(each).moves.push({ level: each.held, ...(await changeAddress(each)) }),
      )
  for (let round = 0; round < Math.min(3, SIZE.starts); round++)
    for (const each of running)
      await step(each, `killed and started again, ${round + 1}`, async () =>
        of(each).adoptions.push({ level: each.held, ...(await restart(each)) }),
      )
}

/** First packets through tables of different size; each pass goes through all sizes and all servers. */
async function packets(running) {
  for (let pass = 0; pass < SIZE.passes && hasTime(pass); pass++)
    for (const level of SIZE.levels)
      for (const each of running.filter(({ server }) => server.portico || level <= 5000))
        await step(each, `first packets through ${level} mappings, pass ${pass + 1}`, async () => {
          if (each.server.portico) await fill(each, level)
          else await pretend(each, level)
          of(each).packets.push({ level, ...(await firstPackets(each, SIZE.packets)) })
        })
}

/** The first round always. */
function hasTime(round) {
  return round === 0 || Date.now() - began < PATIENCE
}

/** One server's part of a step. A server that fails is left out from then on, and the report says where it failed. */
async function step(each, name, work) {
  if (of(each).failed) return
  say(`${name}: ${each.server.title}`)
  try {
    await work()
    process.kill(each.pid, 0) // throws when it is no longer there
  } catch (error) {
    of(each).failed = `${name}: ${error.message}`
    say(`${each.server.title} FAILED at ${name}: ${error.message}\n${lastLines(each.lab)}`)
  }
}

/** miniupnpd anew with emptied chains, some mappings of its own, and the rest as copies of their rules. */
async function pretend(each, level) {
  await stop(each)
  for (const chain of ['upnp_forward', 'upnp_prerouting', 'upnp_postrouting'])
    run(inside(each.lab.router, ['nft', 'flush', 'chain', 'inet', 'fw4', chain]))
  Object.assign(each, await start(each.server, each.lab), { held: 0 })
  await fill(each, Math.min(level, 100))
  copyPeerRules(each, level)
}

/** All that is left to do is to wait; whoever wakes up meanwhile does so by itself. */
async function rest(idle, since) {
  const wait = Math.max(2000, since + SETTLED - Date.now())
  say(`letting the announcements end, ${Math.round(wait / 1000)} s`)
  await pause(wait)
  say(`idle for ${SIZE.idle} s`)
  const before = idle.map(({ pid }) => activity(pid))
  await pause(SIZE.idle * 1000)
  for (const [k, each] of idle.entries()) {
    const after = activity(each.pid)
    const grown = name => after[name] - before[k][name]
    of(each).idle = {
      seconds: SIZE.idle,
      wakeUps: grown('voluntary'),
      forced: grown('forced'),
      processor: grown('processor'),
      ...memoryOf(each),
    }
  }
}

async function launch(server, purpose) {
  const lab = makeLab(`pbench${process.pid}-${server.id}-${purpose}`)
  labs.push(lab)
  const running = await start(server, lab)
  alive.add(running)
  return running
}

function of({ server }) {
  return server === FLOOR ? results.floor : results.servers[server.id]
}

function emptyResult(server) {
  const { id, title, portico } = server
  const lists = { starts: [], fills: [], memory: [], rounds: [], moves: [], adoptions: [], packets: [] }
  return { id, title, portico, version: server.version(), sizes: server.sizes(), ...lists }
}

function present(server) {
  const missing = server.needs.filter(file => !existsSync(file))
  if (missing.length === 0) return true
  results.absent.push({ id: server.id, title: server.title, missing: missing.map(file => file.replace(ROOT, '')) })
  say(`${server.title} is not here: ${missing.join(', ')}`)
  return false
}

async function cleanUp() {
  for (const each of alive) {
    try {
      await stop(each)
    } catch (error) {
      if (error.code !== 'ESRCH') say(`${each.server.title}: ${error.message}`)
    }
  }
  for (const lab of labs) lab.remove()
}

function machine() {
  const [{ model }] = os.cpus()
  return {
    processor: model.trim(),
    processors: os.cpus().length,
    kernel: os.release(),
    node: process.version,
    load: os.loadavg()[0],
  }
}

function say(text) {
  process.stderr.write(`[${String(Math.round((Date.now() - began) / 1000)).padStart(4)} s] ${text}\n`)
}

function pause(ms) {
  return new Promise(resolve => setTimeout(resolve, ms))
}
