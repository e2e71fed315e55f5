// The UPnP part of `make bench`: SOAP calls, searches and subscriptions, beside miniupnpd in one run. One server after
// the other at every step, in several rounds. QUICK=1: to see that it works. ONLY=peer,quickjs,node: these servers.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import { asDevices, inside, LAN, makeLab, memory, ROOT, runBeside, TOOLS } from './lab.mjs'
import { fill, rested } from './measure.mjs'
import { FLOOR, SERVERS, start, stop } from './servers.mjs'

const QUICK = Boolean(process.env.QUICK)
const ONLY = process.env.ONLY?.split(',') ?? SERVERS.map(({ id }) => id)
/** Few enough for the kernel's neighbour table; each has 20 calls a second of each kind at most by nobody's limit. */
const HOSTS = 200
/** Of them keep a connection open: fewer than a server holds. */
const KEEPING = 48
const ROUNDS = QUICK ? 1 : 3
const CALLS = QUICK ? 20 : 100
const HIGHEST = QUICK ? 1000 : 50_000
const SUBSCRIBERS = 100

const began = Date.now()
const labs = []
const running = []
try {
  await main()
} finally {
  for (const each of running) await stop(each).catch(() => {})
  for (const lab of labs) lab.remove()
}

async function main() {
  const servers = SERVERS.filter(({ id }) => ONLY.includes(id) && server(id))
  for (const each of [...servers, FLOOR]) {
    const lab = makeLab(`ubench${process.pid}-${each.id}`)
    labs.push(lab)
    asDevices(lab, HOSTS)
    running.push(await start(each, lab))
  }
  const results = Object.fromEntries(running.map(({ server: { id } }) => [id, { levels: {} }]))
  for (const each of running.filter(({ server }) => server !== FLOOR)) {
    say(`searches and subscriptions: ${each.server.title}`)
    const result = results[each.server.id]
    // All rounds together stay below what all searches at once may earn (`BUDGET.totalBurst`): beyond it is silence.
    result.searches = []
    for (let n = 0; n < ROUNDS; n++) result.searches.push((await soap(each, `search:0:${CALLS * 2}`))[0])
    const before = memory(each.pid)
    result.subscribed = (await soap(each, `subscribe:0:${SUBSCRIBERS}`))[0]
    const after = memory(each.pid)
    result.memory = { before: before.rss, after: after.rss, subscribers: SUBSCRIBERS - result.subscribed.failed }
  }
  for (const level of [0, 1000, 2000, 10_000, 50_000].filter(level => level <= HIGHEST)) {
    const here = running.filter(({ server: { levels } }) => levels.includes(level))
    for (const each of here) {
      say(`${level} mappings: ${each.server.title}`)
      await fill(each, level)
      results[each.server.id].levels[level] = { add: [], get: [], kept: [], keptGet: [] }
    }
    for (let round = 0; round < ROUNDS; round++) {
      for (const each of here) {
        const at = results[each.server.id].levels[level]
        const [add, get] = await soap(
          each,
          `add:${level}:${CALLS}`,
          `get:${level}:${CALLS}`,
          `delete:${level}:${CALLS}`,
        )
        at.add.push(add)
        at.get.push(get)
        const kept = await soap(
          each,
          '-k',
          '-n',
          `${KEEPING}`,
          `add:${level}:${HOSTS}`,
          `add:${level}:${HOSTS}`,
          `get:${level}:${HOSTS}`,
          `delete:${level}:${HOSTS}`,
        )
        at.kept.push(kept[1])
        at.keptGet.push(kept[2])
      }
    }
  }
  const whole = {
    quick: QUICK,
    began: new Date(began).toISOString(),
    load: os.loadavg()[0],
    seconds: (Date.now() - began) / 1000,
    results,
  }
  mkdirSync(TOOLS, { recursive: true })
  writeFileSync(`${TOOLS}upnp.json`, `${JSON.stringify(whole, null, 1)}\n`)
  const text = render(whole)
  writeFileSync(`${TOOLS}upnp.md`, text)
  process.stdout.write(`${text}\nWritten to ${TOOLS.replace(ROOT, '')}upnp.md and .json\n`)
}

/** A server that is not built is left out, and the report says so. */
function server(id) {
  const { needs, title } = SERVERS.find(each => each.id === id)
  const missing = needs.filter(file => !existsSync(file))
  if (missing.length > 0) say(`${title} is not here: ${missing.join(', ')}`)
  return missing.length === 0
}

async function soap(running, ...phases) {
  const options = ['-s', LAN.router, '-b', LAN.hosts, '-n', `${HOSTS}`]
  await rested(running)
  const out = await runBeside(inside(running.lab.lan, [`${TOOLS}soap`, ...options, ...phases]))
  return JSON.parse(out).phases
}

// ---- the report ----

function render({ quick, began, load, seconds, results }) {
  const ids = ['peer', 'quickjs', 'node', 'floor'].filter(id => results[id])
  const title = { peer: 'miniupnpd', quickjs: 'QuickJS', node: 'Node', floor: 'only answers' }
  const lines = [
    `Begun ${began}, ${Math.round(seconds)} s${quick ? '; **a quick run, which measures nothing**' : ''}${load > 0.5 ? `; **the machine was not quiet (load ${load.toFixed(1)})**` : ''}. Every call on a connection of its own, as upnpc makes it, one at a time; "kept": on a connection that stays open. "Only answers" is a server in C that does nothing else (\`test/bench/floor.c\`). Medians of ${ROUNDS} rounds; in brackets calls that failed.`,
    '',
    `| work | ${ids.map(id => title[id]).join(' | ')} | QuickJS : miniupnpd |`,
    `|---|${ids.map(() => '---:|').join('')}---:|`,
  ]
  const row = (name, of) => {
    const values = ids.map(id => of(results[id]))
    const own = of(results.quickjs ?? { levels: {} })
    const theirs = of(results.peer ?? { levels: {} })
    const ratio = own && theirs && own.rate && theirs.rate ? `${(own.rate / theirs.rate).toFixed(1)} x` : ''
    lines.push(`| ${name} | ${values.map(shown).join(' | ')} | ${ratio} |`)
  }
  for (const level of [0, 1000, 2000, 10_000, 50_000]) {
    if (!ids.some(id => results[id].levels[level])) continue
    const n = level.toLocaleString('en')
    row(`AddPortMapping at ${n}`, each => middle(each.levels[level]?.add))
    row(`GetSpecificPortMappingEntry at ${n}`, each => middle(each.levels[level]?.get))
    row(`AddPortMapping (renewal) at ${n}, kept`, each => middle(each.levels[level]?.kept))
    row(`GetSpecificPortMappingEntry at ${n}, kept`, each => middle(each.levels[level]?.keptGet))
  }
  row('unicast searches', each => middle(each.searches))
  row(
    `subscriptions with their first event, ${SUBSCRIBERS}`,
    each => each.subscribed && { rate: each.subscribed.rate, failed: each.subscribed.failed },
  )
  const cells = ids.map(id => {
    const { memory: m } = results[id]
    return m ? `${(m.before / 1000).toFixed(1)} → ${(m.after / 1000).toFixed(1)} MB (${m.subscribers})` : ''
  })
  lines.push(`| resident memory before and with ${SUBSCRIBERS} subscribers | ${cells.join(' | ')} | |`)
  return `${lines.join('\n')}\n`
}

function middle(phases) {
  if (!phases || phases.length === 0) return undefined
  const sorted = [...phases].sort((a, b) => a.rate - b.rate)
  return { rate: sorted[sorted.length >> 1].rate, failed: phases.reduce((sum, { failed }) => sum + failed, 0) }
}

function shown(value) {
  if (value === undefined) return ''
  return `${Math.round(value.rate).toLocaleString('en')}/s${value.failed ? ` (${value.failed})` : ''}`
}

function say(text) {
  process.stderr.write(`[${String(Math.round((Date.now() - began) / 1000)).padStart(4)} s] ${text}\n`)
}
