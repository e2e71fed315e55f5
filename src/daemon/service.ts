/**
 * `portico service start|reload`: may the service run, and what must the firewall know? For the init script, so that it
 * starts nothing that would end at once and be started again. The plan goes to standard output (`service-plan.ts`),
 * one line about what is wrong to standard error. `portico service idle`: does no daemon run any more?
 */
import { oneLine } from '../base/text.ts'
import { isEnabled } from '../config/config.ts'
import { describe } from '../config/problems.ts'
import { planText, servicePlan } from '../config/service-plan.ts'
import { Exchange } from '../kernel/exchange.ts'
import { probe } from '../kernel/probe.ts'
import type { Platform } from '../platform/platform.ts'
import { SystemError } from '../platform/platform.ts'
import type { UciFile } from '../wire/uci.ts'
import { parseUci } from '../wire/uci.ts'
import { Configuration } from './configuration.ts'
import { LOCK, OtherInstance } from './daemon.ts'
import { EXIT, explain } from './run.ts'

/** Beside the exit statuses of the daemon: every service is switched off. */
const NOTHING_TO_DO = 3

export const SERVICE_QUESTIONS = ['start', 'reload', 'idle'] as const
export type ServiceQuestion = (typeof SERVICE_QUESTIONS)[number]

/** `start`: also refuses when another instance serves. Resolves with the exit status. */
export async function runService(platform: Platform, uci: string, what: ServiceQuestion): Promise<number> {
  try {
    if (what !== 'idle') return await plan(platform, uci, what)
    await meetNobody(platform)
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

async function tryKernel(platform: Platform): Promise<void> {
  const exchange = new Exchange(
    await platform.netlink({ family: 'netfilter', groups: [], extendedAck: true }),
    platform,
  )
  try {
    await probe(exchange, platform)
  } finally {
    exchange.close()
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
