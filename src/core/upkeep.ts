/**
 * What happens to mappings without a wish: leases end, mappings follow the configuration, the uplink and the devices
 * behind their addresses. What the kernel refuses waits and is tried again, later each time. All of it runs as turns of
 * the engine (`engine.ts`), which alone speaks to the kernel.
 */
import { Backoff } from '../base/backoff.ts'
import type { Ip, Mac } from '../base/ip.ts'
import { type Instant, milliseconds } from '../base/time.ts'
import type { World } from './decision.ts'
import { atDevice } from './devices.ts'
import type { Journal } from './journal.ts'
import type { Change, Mapping } from './mapping.ts'
import { applyMost } from './parts.ts'
import type { StaticMapping } from './policy.ts'
import { settle } from './settle.ts'
import { standing, type Table } from './table.ts'

export interface UpkeepParts {
  readonly table: Table
  readonly journal: Journal
  readonly world: () => World
  readonly statics: () => readonly StaticMapping[]
  /** The engine's way to the kernel, the table included; what the kernel said when it refused. */
  readonly apply: (changes: readonly Change[]) => Promise<string | undefined> | undefined
}

/** Leases ended in one batch. */
const DUE = 1024
const FIRST_RETRY = milliseconds(1000)
const LAST_RETRY = milliseconds(32_000)

export class Upkeep {
  readonly #parts: UpkeepParts
  /** What `settle` still has to do, because the kernel refused it. */
  #unsettled: 'no' | 'move' | 'review' = 'no'
  /** Devices that were seen at an address while the kernel refused to hear of it. */
  readonly #unheard = new Map<Ip, Mac>()
  #isPlanned = false
  #isPostponed = false
  readonly #backoff = new Backoff(FIRST_RETRY, LAST_RETRY)

  constructor(parts: UpkeepParts) {
    this.#parts = parts
  }

  /** Whether the last review could not judge all mappings, since the network of a host or the uplink was not there. */
  get isPostponed(): boolean {
    return this.#isPostponed
  }

  /** When the next lease ends, or what the kernel refused is tried again. */
  get wakeAt(): Instant | undefined {
    if (this.#isPlanned) return undefined
    return this.#backoff.wakeAt ?? this.#parts.table.nextExpiry
  }

  /** `maintain` will be called: nobody need be woken for it. */
  plan(): void {
    this.#isPlanned = true
  }

  /** Ends what is due, and tries again what waits. */
  async maintain(now: Instant): Promise<void> {
    this.#isPlanned = true
    this.#backoff.begin()
    let failed = false
    for (;;) {
      const due = this.#parts.table.due(now, DUE)
      if (due.length === 0 || failed) break
      const changes = due.map((mapping): Change => ({ act: 'remove', mapping }))
      failed = (await this.#change(changes, new Map(), now)) > 0
    }
    if (this.#unsettled !== 'no') failed = !(await this.settle(this.#unsettled, now)) || failed
    for (const [host, mac] of [...this.#unheard]) await this.atDevice(host, mac, now)
    // Never at once: a kernel that refuses is left alone for a while, and for longer each time.
    if (failed || this.#unheard.size > 0) this.#backoff.failed(now)
    else this.#backoff.reset()
    this.#isPlanned = false
  }

  /** The table follows configuration and uplink; whether all of it could be done. `review` as in `settle.ts`. */
  async settle(what: 'move' | 'review', now: Instant): Promise<boolean> {
    const { table, journal, world, statics } = this.#parts
    const review = what === 'review' || this.#unsettled === 'review'
    const { uplink } = world()
    const plan = settle(table, world(), statics(), review)
    if (review) this.#isPostponed = plan.postponed
    if (review) for (const problem of plan.problems) journal.record(problem, now)
    const failed = await this.#change(plan.changes, plan.because, now)
    if (failed === 0) this.#unsettled = 'no'
    else {
      this.#unsettled = review ? 'review' : 'move'
      this.#backoff.failed(now)
    }
    const moved = plan.changes.filter(({ act }) => act === 'replace').length
    if (moved > 0 && failed === 0 && uplink.is === 'up') {
      journal.record({ what: 'moved', count: moved, to: uplink.address }, now)
    }
    return failed === 0
  }

  /** Whether the device at this address is news. */
  isNews(host: Ip, mac: Mac): boolean {
    return atDevice(this.#parts.table.ofHost(host), mac).length > 0
  }

  async atDevice(host: Ip, mac: Mac, now: Instant): Promise<void> {
    const { table, journal } = this.#parts
    const changes = atDevice(table.ofHost(host), mac)
    this.#unheard.delete(host)
    if ((await this.#change(changes, new Map(), now)) > 0) {
      this.#unheard.set(host, mac)
      this.#backoff.failed(now)
    }
    for (const { mapping } of changes) {
      if (standing(table, mapping) !== mapping) continue
      journal.record({ what: mapping.state === 'on' ? 'resumed' : 'suspended', mapping, seen: mac }, now)
    }
  }

  /** Whether a client's mapping went. */
  async remove(mapping: Mapping, because: string, now: Instant): Promise<boolean> {
    return (await this.#change([{ act: 'remove', mapping }], new Map([[mapping, because]]), now)) === 0
  }

  /** As many of the changes as the kernel takes; how many it did not. */
  async #change(changes: readonly Change[], because: ReadonlyMap<Mapping, string>, now: Instant): Promise<number> {
    if (changes.length === 0) return 0
    const { table, journal, apply } = this.#parts
    const { failed, said } = await applyMost(changes, table, async part => apply(part))
    for (const change of changes) {
      if (change.act !== 'remove' || failed.has(change)) continue
      const { mapping } = change
      const reason = because.get(mapping)
      if (reason === undefined) journal.record({ what: 'expired', mapping }, now)
      else journal.record({ what: 'removed', mapping, because: reason }, now)
    }
    const doing = `${failed.size} of ${changes.length} changes wait for the kernel`
    if (failed.size > 0) journal.record({ what: 'kernel', doing, said }, now)
    return failed.size
  }
}
