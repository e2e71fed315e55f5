// The figures as people read them: the table of goals with ratios and verdicts, and the details behind it. Markdown.

/** @param results what run.mjs measured @param why notes by goal, printed where that goal is missed */
export function render(results, why) {
  const { peer, quickjs, node } = results.servers
  return `${[
    ...head(results),
    '',
    ...goals(peer, quickjs, node, why),
    '',
    ...floorLine(results.floor),
    '',
    ...requestTables([peer, quickjs, node].filter(Boolean)),
    '',
    ...processorTable([peer, quickjs, node].filter(Boolean)),
    '',
    ...packetTable([peer, quickjs, node].filter(Boolean)),
    '',
    ...memoryTable([peer, quickjs, node].filter(Boolean)),
  ].join('\n')}\n`
}

function head({ quick, machine, began, seconds, servers, absent }) {
  const lines = [
    `${machine.processor}, ${machine.processors} processors, Linux ${machine.kernel}, Node ${machine.node}; begun ${began}, ${Math.round(seconds)} s.`,
    `${Object.values(servers)
      .map(({ title, version }) => `${title}: ${version}`)
      .join('; ')}.`,
  ]
  if (quick) lines.push('', '**A quick run: it shows that the bench works, and measures nothing.**')
  if (machine.load > 0.5) lines.push('', `**The machine was not quiet: load ${machine.load.toFixed(1)} at the start.**`)
  for (const { title, failed } of Object.values(servers)) if (failed) lines.push('', `**${title} failed at ${failed}**`)
  for (const { title, missing } of absent)
    lines.push('', `**${title} was not measured: ${missing.join(', ')} is missing.**`)
  return lines
}

// ---- goals ----

/**
 * A goal: `of` gives one server's figure (undefined: not measured), `met` judges QuickJS' figure beside the peer's and
 * says by how much it misses. `lower` tells how the ratio is meant: QuickJS to peer, or peer to QuickJS.
 */
const GOALS = [
  ratioGoal('one', 'map requests, one at a time, first 100 mappings', 0, 10),
  ratioGoal('one-1000', 'the same at 1,000 mappings', 1000, 150),
  ratioGoal('one-2000', 'the same at 2,000 mappings', 2000, 300),
  {
    id: 'flat',
    work: 'slowest of all table sizes against the quickest',
    of: server => flatness(server),
    show: percent,
    goal: '>= 80 %, 0 to 50,000',
    miss: own => (own >= 0.8 ? undefined : `${percent(own)} of 80 %`),
  },
  {
    id: 'many',
    work: '64 outstanding requests, first 1,000 mappings',
    of: server => rate(server, 0, 'mapMany'),
    show: perSecond,
    goal: '>= 20,000/s',
    miss: own => atLeast(own, 20000, perSecond),
    ratio: true,
  },
  {
    id: 'packet',
    work: 'first packet of a new flow, last of the largest table against one mapping',
    of: server => slope(server),
    show: ({ one, last, level }) => `${one.toFixed(1)} → ${last.toFixed(1)} us (${count(level)})`,
    goal: '50,000 within 10 % of one',
    miss: ({ one, last, level }) =>
      level >= 50000 && last <= one * 1.1 ? undefined : `${percent(last / one - 1)} slower at ${count(level)}`,
  },
  {
    id: 'memory',
    work: 'resident memory, idle',
    of: server => server.idle?.rss,
    show: kilobytes,
    goal: '<= 5 MB',
    miss: own => atMost(own, 5000, kilobytes),
  },
  {
    id: 'memory-each',
    work: 'resident memory for each mapping',
    of: server => memoryEach(server),
    show: own => `${Math.round(own * 1024)} bytes`,
    goal: '<= 1 KB',
    miss: own => atMost(own, 1, value => `${value.toFixed(2)} KB`),
  },
  {
    id: 'start',
    work: 'start to ready, empty table',
    of: server => median(server.starts.map(startOf)),
    show: milliseconds,
    goal: '<= 150 ms',
    miss: own => atMost(own, 150, milliseconds),
  },
  {
    id: 'adopt',
    work: 'start to ready, 10,000 mappings adopted',
    of: server => adoption(server),
    show: ({ time, adopted, level }) => `${milliseconds(time)}, ${count(adopted)} of ${count(level)}`,
    goal: '<= 1 s, all',
    miss: ({ time, adopted, level }) =>
      adopted < level
        ? `${count(level - adopted)} not adopted`
        : level < 10000
          ? `only ${count(level)} tried`
          : atMost(time, 1000, milliseconds),
  },
  {
    id: 'idle',
    work: 'wake-ups while idle (no timer due)',
    of: server => server.idle,
    show: ({ wakeUps, seconds }) => `${wakeUps} in ${seconds} s`,
    goal: 'none',
    miss: ({ wakeUps }) => (wakeUps === 0 ? undefined : `${wakeUps} too many`),
  },
  {
    id: 'bundle',
    work: 'bundle, minified',
    of: server => server.sizes.bundle?.bytes,
    show: bytes,
    goal: '<= 200 KB',
    miss: own => atMost(own, 200_000, bytes),
    judged: 'node',
  },
  {
    id: 'program',
    work: 'program with its engine, and packed as a package packs it (gzip)',
    of: server => server.sizes.program,
    show: own => `${bytes(own.bytes)}, ${bytes(own.gzip)}`,
    goal: '<= 700 KB packed',
    miss: own => atMost(own.gzip, 700_000, bytes),
  },
  {
    id: 'move',
    work: 'WAN address change with 10,000 mappings, notice to commit',
    of: server => move(server),
    show: ({ time, transactions }) =>
      `${time === undefined ? 'never' : milliseconds(time)}, ${transactions} transaction${transactions === 1 ? '' : 's'}`,
    goal: 'one batch, <= 1 s',
    miss: ({ time, transactions, lost, level }) => {
      if (time === undefined) return 'not moved'
      if (lost > 0) return 'no traffic afterwards'
      if (transactions !== 1) return `${transactions} transactions`
      return level < 10000 ? `only ${count(level)} tried` : atMost(time, 1000, milliseconds)
    },
  },
]

function ratioGoal(id, work, level, factor) {
  return {
    id,
    work,
    of: server => rate(server, level, 'map'),
    show: perSecond,
    goal: `>= ${factor} x the peer`,
    miss: (own, peer) =>
      peer === undefined
        ? 'no peer measured'
        : own / peer >= factor
          ? undefined
          : `${times(own / peer)} of ${factor} x`,
    ratio: true,
  }
}

function goals(peer, quickjs, node, why) {
  const lines = [
    '| work | miniupnpd | QuickJS | Node | QuickJS : miniupnpd | to reach | verdict |',
    '|---|---:|---:|---:|---:|---|---|',
  ]
  for (const goal of GOALS) {
    const [theirs, own, other] = [peer, quickjs, node].map(server => server && goal.of(server))
    const cell = value => (value === undefined ? '' : goal.show(value))
    const ratio = goal.ratio && theirs && own ? times(own / theirs) : ''
    const judged = goal.judged === 'node' ? other : own
    lines.push(
      `| ${[goal.work, cell(theirs), cell(own), cell(other), ratio, goal.goal, verdict(goal, judged, theirs, why)].join(' | ')} |`,
    )
  }
  return lines
}

function verdict(goal, own, theirs, why) {
  if (own === undefined) return 'not measured'
  const missed = goal.miss(own, theirs)
  if (missed === undefined) return 'reached'
  return `**missed**: ${missed}. ${why[goal.id] ?? 'Not yet explained.'}`
}

const atLeast = (own, goal, show) => (own >= goal ? undefined : `${show(own)}, ${percent(own / goal)} of it`)
const atMost = (own, goal, show) => (own <= goal ? undefined : `${show(own)}, ${percent(own / goal - 1)} too much`)

function floorLine(floor) {
  const [one, many] = [rate(floor, 0, 'map'), rate(floor, 0, 'mapMany')]
  if (one === undefined || many === undefined) return []
  return [
    `A server in C that only answers and opens nothing (\`test/bench/floor.c\`) was asked in the same rounds: ${perSecond(one)} one at a time, ${perSecond(many)} with 64 outstanding. That is what a request costs client and kernel before any work is done.`,
  ]
}

// ---- figures ----

const samples = (server, level, kind) =>
  server.rounds.filter(round => round.level === level).flatMap(round => round[kind])
const rate = (server, level, kind) => median(samples(server, level, kind).map(sample => sample.rate))
const levelsOf = server => [...new Set(server.rounds.map(({ level }) => level))]
const startOf = ({ ready, serving }) => ready ?? serving

function flatness(server) {
  const rates = levelsOf(server).map(level => rate(server, level, 'map'))
  return rates.length < 2 ? undefined : Math.min(...rates) / Math.max(...rates)
}

function slope(server) {
  const at = level => server.packets.filter(each => each.level === level).map(each => each.last.first.p50)
  if (server.packets.length === 0) return undefined
  const level = Math.max(...server.packets.map(each => each.level))
  return { one: median(at(1)), last: median(at(level)), level }
}

function memoryEach({ memory }) {
  const [first, last] = [memory[0], memory.at(-1)]
  return memory.length < 2 ? undefined : (last.rss - first.rss) / (last.level - first.level)
}

function adoption({ adoptions }) {
  if (adoptions.length === 0) return undefined
  return {
    time: median(adoptions.map(startOf)),
    adopted: Math.min(...adoptions.map(({ adopted }) => adopted)),
    level: adoptions[0].level,
  }
}

function move({ moves }) {
  if (moves.length === 0) return undefined
  const times = moves.map(({ milliseconds }) => milliseconds)
  return {
    time: times.includes(undefined) ? undefined : median(times),
    transactions: Math.max(...moves.map(({ transactions }) => transactions)),
    lost: Math.max(...moves.map(({ lost }) => lost)),
    level: moves[0].level,
  }
}

// ---- details ----

const KINDS = {
  map: 'New mappings, one at a time',
  mapMany: 'New mappings, 64 outstanding',
  renew: 'Renewals, one at a time',
  delete: 'Deletions, one at a time',
  deleteMany: 'Deletions, 64 outstanding',
}

function requestTables(servers) {
  const levels = [...new Set(servers.flatMap(levelsOf))].sort((a, b) => a - b)
  const lines = [
    'Requests per second, and in brackets the 50th / 99th percentile of their time in microseconds. Medians of all samples; ± half the distance between the slowest and the quickest round.',
    '',
  ]
  lines.push(
    `| work | server | ${levels.map(level => `at ${count(level)}`).join(' | ')} |`,
    `|---|---|${levels.map(() => '---:|').join('')}`,
  )
  for (const [kind, name] of Object.entries(KINDS))
    for (const server of servers)
      lines.push(`| ${name} | ${server.title} | ${levels.map(level => requestCell(server, level, kind)).join(' | ')} |`)
  return lines
}

function requestCell(server, level, kind) {
  const all = samples(server, level, kind)
  if (all.length === 0) return ''
  const rounds = server.rounds
    .filter(round => round.level === level)
    .map(round => median(round[kind].map(({ rate }) => rate)))
  const spread = (Math.max(...rounds) - Math.min(...rounds)) / 2 / median(rounds)
  const quantile = name => Math.round(median(all.map(sample => sample[name]))).toLocaleString('en')
  return `${perSecond(rate(server, level, kind))} ± ${percent(spread)} (${quantile('p50')} / ${quantile('p99')})`
}

function processorTable(servers) {
  const levels = [...new Set(servers.flatMap(levelsOf))].sort((a, b) => a - b)
  const lines = [
    'Processor time of the server for each request, in microseconds, in its own code and in the kernel for it; medians.',
    '',
    `| work | server | ${levels.map(level => `at ${count(level)}`).join(' | ')} |`,
    `|---|---|${levels.map(() => '---:|').join('')}`,
  ]
  for (const [kind, name] of Object.entries(KINDS))
    for (const server of servers) {
      const cells = levels.map(level => {
        const time = median(samples(server, level, kind).map(({ processor }) => processor))
        return time === undefined ? '' : count(Math.round(time))
      })
      lines.push(`| ${name} | ${server.title} | ${cells.join(' | ')} |`)
    }
  return lines
}

function packetTable(servers) {
  const lines = [
    "First packet of a new flow, world to LAN, through the first / the last mapping of the table; median of all samples in microseconds. `redirect`: through a port forwarding of the router's owner, for comparison. miniupnpd's rules above 100 are copies of its own.",
    '',
  ]
  const levels = [...new Set(servers.flatMap(({ packets }) => packets.map(({ level }) => level)))].sort((a, b) => a - b)
  lines.push(
    `| server | ${levels.map(level => `${count(level)} mappings | redirect`).join(' | ')} |`,
    `|---|${levels.map(() => '---:|---:|').join('')}`,
  )
  for (const { title, packets } of servers) {
    const cells = levels.map(level => {
      const here = packets.filter(each => each.level === level)
      const of = target => median(here.map(each => each[target].first.p50))?.toFixed(1)
      return here.length === 0 ? ' | ' : `${of('first')} / ${of('last')} | ${of('control')}`
    })
    lines.push(`| ${title} | ${cells.join(' | ')} |`)
  }
  return lines
}

function memoryTable(servers) {
  const levels = [...new Set(servers.flatMap(({ memory }) => memory.map(({ level }) => level)))].sort((a, b) => a - b)
  const lines = ['Memory, resident / proportional (Rss / Pss), in KB.', '']
  lines.push(
    `| server | idle, ${servers[0]?.idle ? 'settled' : ''} | ${levels.map(level => `${count(level)} mappings`).join(' | ')} |`,
    `|---|---:|${levels.map(() => '---:|').join('')}`,
  )
  for (const { title, memory, idle } of servers) {
    const cell = each => (each ? `${count(each.rss)} / ${count(each.pss)}` : '')
    lines.push(
      `| ${title} | ${[cell(idle), ...levels.map(level => cell(memory.find(each => each.level === level)))].join(' | ')} |`,
    )
  }
  return lines
}

// ---- words ----

function median(numbers) {
  const sorted = numbers.filter(number => number !== undefined).sort((a, b) => a - b)
  if (sorted.length === 0) return undefined
  const middle = (sorted.length - 1) / 2
  return (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2
}

function count(number) {
  return number.toLocaleString('en')
}
function perSecond(number) {
  return `${count(Math.round(number))}/s`
}
function percent(part) {
  return `${Math.round(part * 100)} %`
}
function times(ratio) {
  return `${ratio >= 10 ? count(Math.round(ratio)) : ratio.toFixed(1)} x`
}
function milliseconds(number) {
  return `${number >= 10 ? Math.round(number) : number.toFixed(1)} ms`
}
function kilobytes(number) {
  return `${(number / 1000).toFixed(1)} MB`
}
function bytes(number) {
  return `${count(Math.round(number / 1000))} KB`
}
