/**
 * Do the table (console), the kernel (nft) and the clients' knowledge agree? Nothing lost, nothing invented. A client
 * knows what it was answered; of the one request per port that was still under way, either outcome is right.
 */
import { expect } from 'vitest'
import type { Known } from '../support/agent.ts'
import type { Host, Load } from '../support/host.ts'
import { differences, type Held, kernelView, tableView } from '../support/kernel.ts'
import { LAN, type Lab } from '../support/lab.ts'
import { PORT } from '../support/natpmp.ts'
import { monotonic } from '../support/process.ts'
import { defaultUci, type Engine, type Server, startDaemon } from '../support/server.ts'

export const ENGINES: readonly Engine[] = (process.env['SERVER']?.split(',') as Engine[] | undefined) ?? [
  'quickjs',
  'node',
]

/** Nothing in the way of a load: who asks much is answered much. */
export const GENEROUS = defaultUci({ limits: { per_host: 5000, total: 20000, requests_per_second: 1000000 } })

export const start = (lab: Lab, engine: Engine): Promise<Server> => startDaemon(lab, { engine, uci: GENEROUS })

/** Clients of one host that never rest. */
export interface Clients {
  readonly host: Host
  readonly load: Load
}

export async function startClients(
  lab: Lab,
  options: { readonly rate?: number; readonly ports?: number } = {},
): Promise<readonly Clients[]> {
  const last = 20_000 + (options.ports ?? 40) - 1
  return Promise.all(
    [lab.a, lab.b].map(async (host, seed) => ({
      host,
      load: await host.load({ server: [LAN, PORT], ports: [20_000, last], rate: options.rate ?? 1000, seed }),
    })),
  )
}

export const pause = (clients: readonly Clients[]) => Promise.all(clients.map(({ load }) => load.pause()))
export const resume = (clients: readonly Clients[]) => Promise.all(clients.map(({ load }) => load.resume()))

/** Everything that is not as it should be, in words; empty when all agree. */
export async function disagreements(lab: Lab, server: Server, clients: readonly Clients[]): Promise<string[]> {
  const [table, kernel] = [await tableView(server), await kernelView(lab)]
  const at = monotonic()
  const found = differences(table, kernel)
  const asked = new Set<string>()
  for (const { host, load } of clients) {
    for (const known of (await load.known()).keys) {
      const internal = `${host.ip}:${known.port}`
      asked.add(`${known.transport} ${internal}`)
      const held = table.filter(each => each.transport === known.transport && each.internal === internal)
      found.push(...judge(known, held, at).map(text => `${host.name}, ${known.transport} ${known.port}: ${text}`))
    }
  }
  for (const each of table) {
    if (!asked.has(`${each.transport} ${each.internal}`)) found.push(`invented: ${each.transport} ${each.internal}`)
  }
  return found
}

function judge(known: Known, held: readonly Held[], at: number): string[] {
  const ports = held.map(({ external }) => Number(external.split(':')[1]))
  const says = `the client was told ${known.external ?? 'nothing'}${known.asking === null ? '' : ` (and asks to ${known.asking})`}, the table holds ${ports.join(', ') || 'nothing'}`
  const [first] = held
  if (held.length > 1) return [`more than one mapping: ${says}`]
  if (known.asking !== null) return couldBe(known, ports[0]) ? [] : [says]
  if (ports[0] !== (known.external ?? undefined)) return [says]
  if (first === undefined) return []
  const left = known.lifetime - (at - known.answered)
  return Math.abs((first.expires ?? Number.POSITIVE_INFINITY) - left) <= 2.5
    ? []
    : [`lease: ${first.expires} s left in the table, the client counts on ${left.toFixed(1)} s`]
}

/** What may be with one request under way. */
function couldBe({ external, asking }: Known, port: number | undefined): boolean {
  if (external === null) return asking === 'map' || port === undefined
  return port === external || (asking === 'unmap' && port === undefined)
}

/** No refusal, no answer to nothing, no epoch that made a client believe in a loss; returns answers received. */
export async function expectCleanCounts(clients: readonly Clients[]): Promise<number> {
  let answers = 0
  for (const { load } of clients) {
    const { counts } = await load.known()
    expect({ refused: counts.refused, odd: counts.odd, epochLosses: counts.epochLosses }).toEqual({
      refused: {},
      odd: [],
      epochLosses: 0,
    })
    answers += counts.granted + counts.deleted
  }
  return answers
}

export const median = (numbers: readonly number[]): number => quantile(numbers, 0.5)

export function quantile(numbers: readonly number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** Median and maximum, for the output. */
export const figures = (numbers: readonly number[], unit = 'ms'): string =>
  `median ${median(numbers).toFixed(1)} ${unit}, longest ${Math.max(...numbers).toFixed(1)} ${unit}`
