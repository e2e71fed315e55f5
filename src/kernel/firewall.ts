/**
 * The kernel as the core sees it: changes of mappings become one nf_tables batch, made whole or not at all. Remembers
 * what the kernel was told, so that it can compare, and build the table anew when somebody tore it down.
 */
import { KernelError } from '../base/fail.ts'
import type { Clock, Instant } from '../base/time.ts'
import type { Firewall } from '../core/firewall.ts'
import type { Change, Mapping } from '../core/mapping.ts'
import { sameEndpoint } from '../core/mapping.ts'
import { endpointKey, endpointsOf } from './elements.ts'
import type { Exchange, Machine } from './exchange.ts'
import { keyOf, MappingIndex } from './firewall-index.ts'
import { mend, refusal } from './firewall-mend.ts'
import type { Operation } from './firewall-plan.ts'
import { OperationWriter, plan } from './firewall-plan.ts'
import type { Difference } from './firewall-read.ts'
import { isMissing } from './firewall-read.ts'
import { KernelTable } from './firewall-table.ts'
import type { Features, Settings } from './ruleset.ts'
import { RULES_VERSION } from './ruleset.ts'
import type { TableState } from './ruleset-state.ts'
import { addState, readState } from './ruleset-state.ts'

export interface FirewallParts {
  readonly exchange: Exchange
  readonly machine: Machine
  readonly clock: Clock
  readonly features: Features
  /** Ends the running flows of mappings that went or moved; called after the commit, not waited for, never throws. */
  readonly endFlows: (removed: readonly Mapping[]) => void
}

export interface Adopted {
  readonly mappings: readonly Mapping[]
  readonly epochStart: Instant
  /** `configure` is enough; otherwise the rules are of another version or incomplete, and `build` is due. */
  readonly intact: boolean
}

const TRIES = 4

export class KernelFirewall implements Firewall {
  readonly #parts: FirewallParts
  readonly #table: KernelTable
  readonly #writer: OperationWriter
  #index = new MappingIndex()
  #epochStart: Instant | undefined
  /** One thing at a time: no comparison sees a change half made. */
  #last: Promise<unknown> = Promise.resolve()
  #restoring: Promise<readonly Difference[]> | undefined

  constructor(parts: FirewallParts) {
    this.#parts = parts
    this.#writer = new OperationWriter(parts.machine.littleEndian, parts.features)
    this.#table = new KernelTable({ ...parts, writer: this.#writer })
  }

  /** See `Firewall`. `epochStart`: a new start of the epoch, in the same commit. */
  apply(changes: readonly Change[], epochStart?: Instant): Promise<void> {
    return this.#inTurn(() => this.#apply(changes, epochStart))
  }

  /**
   * What a daemon before us left in the kernel; `undefined` when there is no table, or none that tells its epoch: then
   * the mappings are lost and a new epoch begins. Afterwards call `configure` (if intact) or `build`.
   */
  adopt(): Promise<Adopted | undefined> {
    return this.#inTurn(() => this.#adopt())
  }

  /** Makes the whole table anew in one batch; whatever it held is gone. */
  build(settings: Settings, mappings: readonly Mapping[], epochStart: Instant): Promise<void> {
    return this.#inTurn(() => this.#build(settings, new MappingIndex(mappings), epochStart))
  }

  /** Other devices, mark or guarded ports: mappings stay untouched, with their counters. */
  configure(settings: Settings): Promise<void> {
    return this.#inTurn(async () => {
      const { settings: before } = this.#table
      const resized = before !== undefined && before.capacity !== settings.capacity
      if (resized) await this.#build(settings, this.#index, this.#epochStart as Instant)
      else await this.#table.configure(settings)
    })
  }

  setEpoch(start: Instant): Promise<void> {
    return this.apply([], start)
  }

  /** How the kernel's table differs from what it was told; empty when all is well. */
  verify(): Promise<readonly Difference[]> {
    return this.#inTurn(() => this.#table.differences(this.#index))
  }

  /**
   * Compares, and builds the table anew if something is missing, foreign or altered; resolves with what was wrong.
   * For `watch.ts`, when it notices a foreign change. Calls that wait for the same comparison share it.
   */
  restore(): Promise<readonly Difference[]> {
    this.#restoring ??= this.#inTurn(() => {
      this.#restoring = undefined
      return this.#restore()
    })
    return this.#restoring
  }

  /** Takes the table away; mappings are forgotten, running flows go on. */
  remove(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#table.remove()
      this.#index = new MappingIndex()
    })
  }

  /** What the kernel was told. */
  mappings(): Iterable<Mapping> {
    return this.#index.all()
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#last.then(work)
    this.#last = run.then(ignore, ignore)
    return run
  }

  async #apply(changes: readonly Change[], epochStart: Instant | undefined): Promise<void> {
    try {
      await this.#send(changes, epochStart)
    } catch (error) {
      if (!(await this.#recover(error))) throw error
      await this.#send(changes, epochStart)
    }
    for (const change of changes) this.#remember(change)
    if (epochStart !== undefined) this.#epochStart = epochStart
    const ended = changes.filter(endsFlows).map(change => (change.act === 'replace' ? change.was : change.mapping))
    if (ended.length > 0) this.#parts.endFlows(ended)
  }

  async #send(changes: readonly Change[], epochStart: Instant | undefined): Promise<void> {
    const { exchange, clock, machine, features } = this.#parts
    let operations: readonly Operation[] = plan(changes, this.#index, features)
    for (let tries = 1; ; tries++) {
      const { batch, sent } = this.#writer.write(operations, clock.now(), tries === 1 ? 'together' : 'alone')
      if (epochStart !== undefined) addState(batch, epochStart, machine.littleEndian)
      const failures = await exchange.batch('changing mappings', batch)
      if (failures.length === 0) return
      const mended = mend(operations, failures, sent)
      if (mended === undefined || tries === TRIES) throw refusal(failures, sent, changes)
      operations = mended
    }
  }

  /**
   * After a failed batch: true when the table was not as it should be and has been built anew, so that a second try
   * is worth it. When replies were lost, nobody knows what the kernel did: it is built as it was before the batch.
   */
  async #recover(error: unknown): Promise<boolean> {
    const { settings } = this.#table
    if (settings === undefined || !(error instanceof KernelError)) return false
    if (error.code === 'ENOBUFS' || error.code === 'EBADMSG') {
      await this.#build(settings, this.#index, this.#epochStart as Instant)
      return false
    }
    return isMissing(error) && (await this.#restore()).length > 0
  }

  async #restore(): Promise<readonly Difference[]> {
    const { settings } = this.#table
    if (settings === undefined) return []
    const found = await this.#table.differences(this.#index)
    if (found.length > 0) await this.#build(settings, this.#index, this.#epochStart as Instant)
    return found
  }

  async #build(settings: Settings, index: MappingIndex, epochStart: Instant): Promise<void> {
    await this.#table.build(settings, index, epochStart)
    this.#index = index
    this.#epochStart = epochStart
  }

  #remember(change: Change): void {
    if (change.act === 'add') this.#index.add(change.mapping)
    else if (change.act === 'remove') this.#index.remove(change.mapping)
    else this.#index.replace(change.was, change.mapping)
  }

  async #adopt(): Promise<Adopted | undefined> {
    const { reader } = this.#table
    try {
      if (!(await reader.hasShape('dnat4')) || !(await reader.hasShape('state'))) return undefined
      let state: TableState | undefined
      await reader.elements('state', seen => {
        state ??= readState(seen)
      })
      return state === undefined ? undefined : await this.#adoptMappings(state)
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
  }

  async #adoptMappings({ version, epochStart }: TableState): Promise<Adopted> {
    const { reader } = this.#table
    const now = this.#parts.clock.now()
    const { mappings, foreign } = await reader.mappings(now)
    const complete = await this.#table.isComplete()
    const oldest = complete ? await this.#oldest() : new Map<number, number>()
    const leads = (mapping: Mapping) => oldest.get(keyOf(mapping)) === endpointKey(mapping.transport, mapping.external)
    this.#index = new MappingIndex([...mappings.filter(leads), ...mappings.filter(mapping => !leads(mapping))])
    this.#epochStart = epochStart
    const clean = complete && foreign === 0 && (await reader.mappingDifferences(this.#index, now)).length === 0
    return { mappings, epochStart, intact: clean && version === RULES_VERSION }
  }

  /** Which mapping of each internal endpoint is the oldest: the one that `snat4` names. */
  async #oldest(): Promise<Map<number, number>> {
    const oldest = new Map<number, number>()
    await this.#table.reader.elements('snat4', seen => {
      const ends = endpointsOf(seen)
      if (ends !== undefined) oldest.set(ends.from, ends.to)
    })
    return oldest
  }
}

/** A removal, and a move to other endpoints; a renewal leaves flows alone. */
function endsFlows(change: Change): boolean {
  if (change.act !== 'replace') return change.act === 'remove'
  const { was, mapping } = change
  return !sameEndpoint(was.external, mapping.external) || !sameEndpoint(was.internal, mapping.internal)
}

const ignore = () => undefined
