/**
 * Keeps the kernel's table what the daemon was told it is, whatever others do to it: `nft flush ruleset`, a reload of
 * the firewall, a hand that deletes an element. A notice leads to a comparison, a difference to a table built anew.
 */
import { Backoff } from '../base/backoff.ts'
import type { Log } from '../base/log.ts'
import type { Clock, Instant } from '../base/time.ts'
import { between, milliseconds } from '../base/time.ts'
import type { KernelFirewall } from '../kernel/firewall.ts'
import type { ForeignChange } from '../kernel/watch.ts'
import type { Timed } from './timers.ts'

export interface KeeperParts {
  readonly clock: Clock
  readonly log: Log
  readonly kernel: Pick<KernelFirewall, 'restore'>
  /** `wakeAt` may have changed. */
  readonly rearm: () => void
}

const FIRST_RETRY = milliseconds(500)
const LAST_RETRY = milliseconds(30_000)
/** Differences that a log line names. */
const NAMED = 3

export class Keeper implements Timed {
  readonly #parts: KeeperParts
  #rebuilt = 0
  readonly #backoff = new Backoff(FIRST_RETRY, LAST_RETRY)

  constructor(parts: KeeperParts) {
    this.#parts = parts
  }

  /** How often the table had to be built anew. */
  get rebuilt(): number {
    return this.#rebuilt
  }

  get wakeAt(): Instant | undefined {
    return this.#backoff.wakeAt
  }

  wake(now: Instant): void {
    if (!this.#backoff.isDue(now)) return
    this.#backoff.begin()
    this.check('unknown')
  }

  /** Something happened to the table that was not our doing. Returns at once; calls in a row share one comparison. */
  check(by: ForeignChange | 'unknown'): void {
    const noticed = this.#parts.clock.now()
    this.#check(by, noticed).catch((error: unknown) => this.#later(error))
  }

  async #check(by: ForeignChange | 'unknown', noticed: Instant): Promise<void> {
    const { kernel, log, clock } = this.#parts
    const differences = await kernel.restore()
    this.#backoff.reset()
    if (differences.length === 0) return
    this.#rebuilt++
    const named = differences.slice(0, NAMED).map(({ where, is, what }) => `${where} ${is} ${what}`)
    const more = differences.length > NAMED ? ', ...' : ''
    const ms = between(noticed, clock.now())
    const who = by === 'unknown' ? 'somebody' : `${by.process} (process ${by.processId})`
    log('warning', 'kernel', `${who} changed table inet portico, built anew in ${ms} ms: ${named.join(', ')}${more}`)
  }

  #later(error: unknown): void {
    const { clock, log, rearm } = this.#parts
    log('error', 'kernel', `the table cannot be compared or built, trying again: ${error}`)
    this.#backoff.failed(clock.now())
    rearm()
  }
}
