/**
 * `portico service start|reload`: may the service run, and what must the firewall know? For the init script, so that it
 * starts nothing that would end at once and be started again. The plan goes to standard output (`service-plan.ts`),
 * one line about what is wrong to standard error. `portico service idle`: does no daemon run any more?
 * `portico service purge`: nothing of ours shall be in the kernel any more, nor a flow through a mapping; it needs no
 * `nft` and no daemon, since apk ends the service before the package's own script may speak.
 */
import { KernelError, Malformed, reasonOf } from '../base/fail.ts'
import { oneLine } from '../base/text.ts'
import { isEnabled } from '../config/config.ts'
import { describe } from '../config/problems.ts'
import { planText, servicePlan } from '../config/service-plan.ts'
import type { Mapping } from '../core/mapping.ts'
import { CLOSED_TABLE } from '../kernel/closed-table.ts'
import { openConntrack } from '../kernel/conntrack.ts'
import { Exchange } from '../kernel/exchange.ts'
import { isMissing, TableReader } from '../kernel/firewall-read.ts'
import { removeTable } from '../kernel/firewall-table.ts'
import { probe, probeConntrack } from '../kernel/probe.ts'
import { TABLE } from '../kernel/ruleset.ts'
import type { Platform } from '../platform/platform.ts'
import { SystemError } from '../platform/platform.ts'
import type { UciFile } from '../wire/uci.ts'
import { parseUci } from '../wire/uci.ts'
import { Configuration } from './configuration.ts'
import { LOCK, OtherInstance } from './daemon.ts'
import { EXIT, explain } from './run.ts'

/** Beside the exit statuses of the daemon: every service is switched off. */
const NOTHING_TO_DO = 3

export const SERVICE_QUESTIONS = ['start', 'reload', 'idle', 'purge'] as const
export type ServiceQuestion = (typeof SERVICE_QUESTIONS)[number]

/** `start`: also refuses when another instance serves. Resolves with the exit status. */
export async function runService(platform: Platform, uci: string, what: ServiceQuestion): Promise<number> {
  try {
    if (what === 'start' || what === 'reload') return await plan(platform, uci, what)
    await meetNobody(platform)
    if (what === 'purge') await purge(platform)
    return EXIT.fine
  } catch (error) {
    const { status, message } = explain(error)
    return fail(platform, status, message)
  }
}

async function plan(platform: Platform, uci: string, what: 'start' | 'reload'): Promise<number> {
  const configuration = new Configuration(platform, () => {}, uci)
  if (!configuration.read()) {
    const errors = configuration.problems.filter(({ weight }) => weight === 'error')
    const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : ''
    return fail(platform, EXIT.fault, `${errors[0] === undefined ? uci : describe(errors[0])}${more}`)
  }
  const { config } = configuration
  if (!isEnabled(config, 'nat-pmp') && !isEnabled(config, 'upnp')) return NOTHING_TO_DO
  if (what === 'start') await meetNobody(platform)
  await tryKernel(platform)
  await configuration.askNetifd(true)
  platform.stdout(planText(servicePlan(config, firewallFile(platform, `${uci}/firewall`), configuration.netifd)))
  return EXIT.fine
}

/** The daemon's own lock, let go at once. */
async function meetNobody(platform: Platform): Promise<void> {
  try {
    const lock = await platform.listen({ unix: LOCK }, stream => stream.close())
    lock.close()
  } catch (error) {
    if (!(error instanceof SystemError) || error.code !== 'EADDRINUSE') throw error
    throw new OtherInstance('another portico daemon serves this network namespace already; stop it first')
  }
}

const tryKernel = (platform: Platform): Promise<void> =>
  withKernel(platform, async exchange => {
    await probe(exchange, platform)
    await probeConntrack(exchange, platform)
  })

async function withKernel(platform: Platform, ask: (exchange: Exchange) => Promise<void>): Promise<void> {
  const exchange = new Exchange(
    await platform.netlink({ family: 'netfilter', groups: [], extendedAck: true }),
    platform,
  )
  try {
    await ask(exchange)
  } finally {
    exchange.close()
  }
}

/** First the table, or new flows would begin at once. */
async function purge(platform: Platform): Promise<void> {
  let mappings: readonly Mapping[] = []
  await withKernel(platform, async exchange => {
    mappings = await mappingsIn(platform, new TableReader(exchange, platform, platform.clock))
    await removeTable(exchange, platform, TABLE)
    await removeTable(exchange, platform, CLOSED_TABLE)
  })
  if (mappings.length === 0) return
  const conntrack = await openConntrack(platform, (_severity, _topic, text) => platform.stderr(`purge: ${text}`))
  try {
    await conntrack.endFlows(mappings)
  } finally {
    conntrack.close()
  }
}

/** None where there is no table, or one that is not readable: it is to go all the same. */
async function mappingsIn(platform: Platform, reader: TableReader): Promise<readonly Mapping[]> {
  try {
    return (await reader.mappings()).mappings
  } catch (error) {
    if (!(error instanceof KernelError || error instanceof Malformed)) throw error
    if (!isMissing(error)) platform.stderr(`purge: flows go on: ${reasonOf(error)}`)
    return []
  }
}

/** What cannot be read is the daemon's to complain about. */
function firewallFile(platform: Platform, path: string): UciFile | undefined {
  try {
    const bytes = platform.readFile(path)
    return bytes && parseUci(bytes, path)
  } catch {
    return undefined
  }
}

function fail(platform: Platform, status: number, message: string): number {
  platform.stderr(oneLine(message, 500))
  return status
}
