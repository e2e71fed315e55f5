/**
 * The kernel as the core sees it: changes of mappings become one nf_tables batch, made whole or not at all. Remembers
 * what the kernel was told, so that it can compare, and build the table anew when somebody tore it down.
 */
import { KernelError } from '../base/fail.ts'
import { isIpv4 } from '../base/ip.ts'
import type { Clock, Instant } from '../base/time.ts'
import type { Firewall } from '../core/firewall.ts'
import type { Change, Mapping } from '../core/mapping.ts'
import { sameEndpoint, sameRemote } from '../core/mapping.ts'
import type { Flow } from '../wire/conntrack.ts'
import { IPS } from '../wire/conntrack.ts'
import { inwardKeys } from './conntrack.ts'
import { endpointKey } from './elements.ts'
import type { Exchange, Failure, Machine } from './exchange.ts'
import type { Adopted } from './firewall-adopt.ts'
import { adoptTable } from './firewall-adopt.ts'
import { MappingIndex } from './firewall-index.ts'
import { mend, refusal } from './firewall-mend.ts'
import { type Move, splitMoves } from './firewall-move.ts'
import { PlainWriter } from './firewall-plain.ts'
import type { Operation, Sent } from './firewall-plan.ts'
import { OperationWriter, plan } from './firewall-plan.ts'
import type { Difference } from './firewall-read.ts'
import { isMissing } from './firewall-read.ts'
import { KernelTable } from './firewall-table.ts'
import type { Features, Settings } from './ruleset.ts'
import { addState } from './ruleset-state.ts'

export interface FirewallParts {
  readonly exchange: Exchange
  readonly machine: Machine
  readonly clock: Clock
  readonly features: Features
  /**
   * Ends the running flows of mappings that went or moved, which `changes` say in full; called after the commit, not
   * waited for, never throws.
   */
  readonly endFlows: (removed: readonly Mapping[], changes: readonly Change[]) => void
}

type Outcome = ReturnType<Exchange['batch']>

const DOING = 'changing mappings'
const TRIES = 4

/** Operations that were sent, and what the kernel said. */
interface Attempt {
  readonly operations: readonly Operation[]
  readonly sent: readonly Sent[]
  readonly failures: readonly Failure[]
}

export class KernelFirewall implements Firewall {
  readonly #parts: FirewallParts
  readonly #table: KernelTable
  readonly #writer: OperationWriter
  readonly #plain: PlainWriter
  #index = new MappingIndex()
  #epochStart: Instant | undefined
  /** One thing at a time: no comparison sees a change half made. */
  #last: Promise<unknown> = Promise.resolve()
  #busy = 0
  /** One that has not begun: whoever comes meanwhile shares it. */
  #nextRestore: Promise<readonly Difference[]> | undefined

  constructor(parts: FirewallParts) {
    this.#parts = parts
    this.#writer = new OperationWriter(parts.machine.littleEndian, parts.features)
    this.#plain = new PlainWriter(parts.machine.littleEndian, parts.features)
    this.#table = new KernelTable({ ...parts, writer: this.#writer })
  }

  /** See `Firewall`. `epochStart`: a new start of the epoch, in the same commit. */
  apply(changes: readonly Change[], epochStart?: Instant): Promise<void> | undefined {
    if (this.#busy > 0 || epochStart !== undefined) return this.#inTurn(() => this.#apply(changes, epochStart))
    const { exchange, clock } = this.#parts
    const now = clock.now()
    const batch = this.#plain.write(changes, this.#index, now)
    if (batch === undefined) return this.#inTurn(() => this.#apply(changes, undefined))
    const outcome = exchange.batch(DOING, batch)
    if (!Array.isArray(outcome) || outcome.length > 0)
      return this.#inTurn(() => this.#applyPlain(changes, outcome, now))
    this.#table.noteCommit(now)
    this.#learn(changes)
    return undefined
  }

  /**
   * What a daemon before us left in the kernel; `undefined` when there is no table, or none that tells its epoch: then
   * the mappings are lost and a new epoch begins. Afterwards call `configure` (if intact) or `build`.
   */
  adopt(): Promise<Adopted | undefined> {
    return this.#inTurn(async () => {
      const found = await adoptTable(this.#table)
      if (found === undefined) return undefined
      this.#index = found.index
      this.#epochStart = found.epochStart
      return found
    })
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
    return this.#inTurn(() => this.#apply([], start))
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
    if (this.#nextRestore !== undefined) return this.#nextRestore
    const waits = this.#busy > 0
    const run = this.#inTurn(() => {
      this.#nextRestore = undefined
      return this.#restore()
    })
    if (waits) this.#nextRestore = run
    return run
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

  /** The mapping by which a flow came in from outside (or by hairpin); `undefined` when by none that is in use. */
  through(flow: Flow): Mapping | undefined {
    const { transport, original, reply } = flow
    if (!isIpv4(original.destination.ip)) {
      for (const key of inwardKeys(flow)) {
        const pinhole = this.#index.other(key)
        if (pinhole !== undefined) return pinhole
      }
      return undefined
    }
    if ((flow.status & IPS.destinationTranslated) === 0) return undefined
    const leading = this.#index.leadingTo(endpointKey(transport, reply.source))
    return leading.find(({ external }) => sameEndpoint(external, original.destination))
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#busy === 0 ? work() : this.#last.then(work)
    this.#busy++
    const leave = () => {
      this.#busy--
    }
    this.#last = run.then(leave, leave)
    return run
  }

  /** `moves: 'among others'`: what went apart was refused, and the other way finds out what can be done. */
  async #apply(
    changes: readonly Change[],
    epochStart: Instant | undefined,
    moves: 'apart' | 'among others' = 'apart',
  ): Promise<void> {
    const split = moves === 'apart' ? splitMoves(changes, this.#index) : { moves: [], others: changes }
    const planned = plan(split.others, this.#index, this.#parts.features)
    try {
      const { now, sent, outcome } = this.#send(planned, epochStart, 'together', split.moves)
      const failures = await outcome
      this.#table.noteCommit(now)
      if (failures.length > 0) {
        if (split.moves.length > 0) return this.#apply(changes, epochStart, 'among others')
        await this.#insist(changes, epochStart, { operations: planned, sent, failures })
      }
    } catch (error) {
      if (isTooLong(error) && changes.length > 1) return this.#applyInParts(changes, epochStart)
      await this.#undo(error)
      throw error
    }
    if (epochStart !== undefined) this.#epochStart = epochStart
    this.#learn(changes)
  }

  /** The short way was not short: the kernel takes its time, or it refused and the long way finds out what can be done. */
  async #applyPlain(changes: readonly Change[], outcome: Outcome, begun: Instant): Promise<void> {
    try {
      const failures = await outcome
      this.#table.noteCommit(begun)
      if (failures.length === 0) return this.#learn(changes)
    } catch (error) {
      if (!isTooLong(error)) {
        await this.#undo(error)
        throw error
      }
    }
    await this.#apply(changes, undefined)
  }

  /** The kernel has made the changes. */
  #learn(changes: readonly Change[]): void {
    let ended: Mapping[] | undefined
    for (let i = 0; i < changes.length; i++) {
      const change = changes[i] as Change
      this.#remember(change)
      if (!endsFlows(change)) continue
      ended ??= []
      ended.push(change.act === 'replace' ? change.was : change.mapping)
    }
    if (ended !== undefined) this.#parts.endFlows(ended, changes)
  }

  #send(
    operations: readonly Operation[],
    epochStart: Instant | undefined,
    each: 'together' | 'alone',
    moves: readonly Move[] = [],
  ) {
    const { exchange, clock, machine } = this.#parts
    const now = clock.now()
    const { batch, sent } = this.#writer.write(operations, now, each, moves)
    if (epochStart !== undefined) addState(batch, epochStart, machine.littleEndian)
    return { now, sent, outcome: exchange.batch(DOING, batch) }
  }

  /** Only where the engine's send buffer is bounded: half by half, and back to the beginning when one fails. */
  async #applyInParts(changes: readonly Change[], epochStart: Instant | undefined): Promise<void> {
    const before = [...this.#index.all()]
    const middle = changes.length >> 1
    await this.#apply(changes.slice(0, middle), undefined)
    try {
      await this.#apply(changes.slice(middle), epochStart)
    } catch (error) {
      const { settings } = this.#table
      if (settings !== undefined) await this.#build(settings, new MappingIndex(before), this.#epochStart as Instant)
      throw error
    }
  }

  /** The kernel refused, and kept nothing: what can be mended is sent again; otherwise the refusal is thrown. */
  async #insist(changes: readonly Change[], epochStart: Instant | undefined, first: Attempt): Promise<void> {
    let attempt = first
    for (let tries = 1; ; tries++) {
      const refused = refusal(attempt.failures, attempt.sent, changes)
      let operations = mend(attempt.operations, attempt.failures, attempt.sent)
      if (operations === undefined && isMissing(refused) && (await this.#restore()).length > 0) {
        operations = plan(changes, this.#index, this.#parts.features) // the table was torn down a moment ago
      }
      if (operations === undefined || tries === TRIES) throw refused
      const { sent, outcome } = this.#send(operations, epochStart, 'alone')
      attempt = { operations, sent, failures: await outcome }
      if (attempt.failures.length === 0) return
    }
  }

  /** When replies were lost, nobody knows what the kernel did: the table is built as it was before. */
  async #undo(error: unknown): Promise<void> {
    const { settings } = this.#table
    const unknown = error instanceof KernelError && (error.code === 'ENOBUFS' || error.code === 'EBADMSG')
    if (unknown && settings !== undefined) await this.#build(settings, this.#index, this.#epochStart as Instant)
  }

  async #restore(): Promise<readonly Difference[]> {
    const { settings } = this.#table
    if (settings === undefined) return []
    const found = await this.#table.differences(this.#index)
    if (found.length > 0) await this.#build(settings, this.#index, this.#epochStart as Instant)
    return found
  }

  async #build(settings: Settings, index: MappingIndex, epochStart: Instant): Promise<void> {
    try {
      await this.#table.build(settings, index, epochStart)
      this.#index = index
    } catch (error) {
      if (!isTooLong(error)) throw error
      this.#index = new MappingIndex()
      await this.#table.build(settings, this.#index, epochStart)
      const changes = [...index.all()].map(mapping => ({ act: 'add', mapping }) as const)
      await this.#applyInParts(changes, undefined)
    }
    this.#epochStart = epochStart
  }

  #remember(change: Change): void {
    if (change.act === 'add') this.#index.add(change.mapping)
    else if (change.act === 'remove') this.#index.remove(change.mapping)
    else this.#index.replace(change.was, change.mapping)
  }
}

const isTooLong = (error: unknown): boolean => error instanceof KernelError && error.code === 'EMSGSIZE'

/**
 * A removal, a move to other endpoints, the end of its use, and another remote host; a renewal leaves flows alone, and
 * what is not in use has none.
 */
function endsFlows(change: Change): boolean {
  if (change.act === 'add') return false
  const was = change.act === 'remove' ? change.mapping : change.was
  if (was.state !== 'on') return false
  if (change.act === 'remove' || change.mapping.state !== 'on') return true
  const { mapping } = change
  if (!sameEndpoint(was.external, mapping.external) || !sameEndpoint(was.internal, mapping.internal)) return true
  return !sameRemote(was.remote, mapping.remote)
}
