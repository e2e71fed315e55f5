/**
 * Keeps the kernel's tables what the daemon was told they are, whatever others do to them: `nft flush ruleset`, a reload
 * of the firewall, a hand that deletes an element. A notice leads to a comparison, a difference to a table built anew.
 */

import { Backoff } from '../base/backoff.ts'
import { reasonOf } from '../base/fail.ts'
import type { Log } from '../base/log.ts'
import type { Clock, Instant } from '../base/time.ts'
import { between, milliseconds } from '../base/time.ts'
import type { Difference } from '../kernel/firewall-read.ts'
import type { ForeignChange } from '../kernel/watch.ts'
import type { Timed } from './timers.ts'

export interface KeeperParts {
  readonly clock: Clock
  readonly log: Log
  readonly tables: readonly KeptTable[]
  /** `wakeAt` may have changed. */
  readonly rearm: () => void
}

export interface KeptTable {
  readonly name: string
  /** Compares, and builds it anew if it is not what it should be; resolves with what was wrong. */
  restore(): Promise<readonly Difference[]>
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

  /** How often a table had to be built anew. */
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

  /** Something happened to a table that was not our doing. Returns at once; calls in a row share one comparison. */
  check(by: ForeignChange | 'unknown'): void {
    const noticed = this.#parts.clock.now()
    this.#check(by, noticed).catch((error: unknown) => this.#later(error))
  }

  async #check(by: ForeignChange | 'unknown', noticed: Instant): Promise<void> {
    for (const table of this.#parts.tables) this.#tell(table.name, await table.restore(), by, noticed)
    this.#backoff.reset()
  }

  #tell(table: string, differences: readonly Difference[], by: ForeignChange | 'unknown', noticed: Instant): void {
    const { log, clock } = this.#parts
    if (differences.length === 0) return
    this.#rebuilt++
    const named = differences.slice(0, NAMED).map(({ where, is, what }) => `${where} ${is} ${what}`)
    const more = differences.length > NAMED ? ', ...' : ''
    const ms = between(noticed, clock.now())
    const who = by === 'unknown' ? 'somebody' : `${by.process} (process ${by.processId})`
    log('warning', 'kernel', `${who} changed table inet ${table}, built anew in ${ms} ms: ${named.join(', ')}${more}`)
  }

  #later(error: unknown): void {
    const { clock, log, rearm } = this.#parts
    log('error', 'kernel', `a table cannot be compared or built, trying again: ${reasonOf(error)}`)
    this.#backoff.failed(clock.now())
    rearm()
  }
}
