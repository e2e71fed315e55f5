/**
 * The one place where a decision becomes an effect. Work is done in turns, one at a time: all wishes that wait are
 * decided one after the other on a draft of the table, the kernel gets one batch for all, and only when it has
 * confirmed does the table learn and does anybody hear an answer. Jobs (adoption, a new address, a new configuration,
 * leases that end) stand in the same line, before the wishes, so nothing interleaves and there is no lock.
 */
import { KernelError } from '../base/fail.ts'
import type { Ip, Mac } from '../base/ip.ts'
import type { Clock, Instant } from '../base/time.ts'
import { fold } from './changes.ts'
import { Reserved } from './choice.ts'
import { decide } from './decide.ts'
import type { Decision, World } from './decision.ts'
import { Draft } from './draft.ts'
import type { Epoch } from './epoch.ts'
import type { Firewall } from './firewall.ts'
import type { Journal } from './journal.ts'
import type { Answer, Change, Mapping, Wish } from './mapping.ts'
import type { Policy, StaticMapping } from './policy.ts'
import { type Waiting, WishQueue } from './queue.ts'
import type { Event } from './record.ts'
import { eventsOf } from './record-of.ts'
import type { Returning } from './returning.ts'
import type { Surroundings } from './surroundings.ts'
import { type Mappings, standing, Table, type TableView } from './table.ts'
import { Upkeep } from './upkeep.ts'
import type { Uplink } from './uplink.ts'

export interface EngineParts {
  readonly clock: Clock
  readonly firewall: Firewall
  readonly surroundings: Surroundings
  readonly journal: Journal
  readonly epoch: Epoch
  readonly policy: Policy
  readonly returning: Returning
  /** After every turn: `wakeAt` may have changed. */
  readonly settled: () => void
}

/** What became of a removal by the operator. */
export type Removal = 'removed' | 'none' | 'static' | 'kernel'

/** Wishes in one batch. */
const TURN = 256

const REMOVED: Decision = { answer: { ok: true, mapping: undefined }, changes: [] }
const BUSY: Answer = { ok: false, why: 'busy', because: 'too many requests are waiting' }
const READY = Promise.resolve()

export class Engine {
  readonly #parts: EngineParts
  readonly #table = new Table()
  readonly #reserved: Reserved
  readonly #queue = new WishQueue()
  /** What `decide` looks at; made anew when the policy or the uplink changes. */
  #world: World
  readonly #jobs: (() => Promise<void>)[] = []
  #policy: Policy
  #statics: readonly StaticMapping[] = []
  #uplink: Uplink = { is: 'down', device: undefined, why: 'not known yet' }
  /** The address that the mappings in the table carry; of adopted ones the kernel does not know what clients were told. */
  #address: { readonly address: Ip; readonly told: Ip | undefined } | undefined
  #running = false
  readonly #upkeep: Upkeep

  constructor(parts: EngineParts) {
    this.#parts = parts
    this.#policy = parts.policy
    this.#reserved = new Reserved(parts.surroundings)
    this.#world = this.#worldWith(this.#table)
    this.#upkeep = new Upkeep({
      table: this.#table,
      journal: parts.journal,
      world: () => this.#world,
      statics: () => this.#statics,
      apply: changes => this.#apply(changes, 1),
    })
  }

  get mappings(): Mappings {
    return this.#table
  }

  get policy(): Policy {
    return this.#policy
  }

  get uplink(): Uplink {
    return this.#uplink
  }

  get returning(): Returning {
    return this.#parts.returning
  }

  /**
   * The short way, without a promise: `answer` is called once, after the kernel has confirmed; at once with `busy`
   * when there is no place in the queue. It must not throw.
   */
  ask(wish: Wish, answer: (answer: Answer) => void): void {
    const waiting: Waiting = { wish, answer }
    if (!this.#queue.push(waiting)) {
      answer(BUSY)
      return
    }
    // Now, not at its turn: what returns asks before those that wait.
    const withdrawn = this.#parts.returning.withdraw(wish)
    if (withdrawn > 0) waiting.withdrawn = withdrawn
    this.#start()
  }

  submit(wish: Wish): Promise<Answer> {
    return new Promise(resolve => this.ask(wish, resolve))
  }

  /** Those of the lease file, made at the moment of the decision; before the clients' that wait. */
  bringBack(make: () => readonly Waiting[]): Promise<void> {
    return this.#job(async now => {
      const due = this.wakeAt
      if (due !== undefined && due <= now) await this.#upkeep.maintain(now)
      await this.#together(make(), now)
    })
  }

  /**
   * At start: what the kernel holds becomes the table, and its epoch goes on; without mappings it begins anew. What
   * cannot be in one table is removed from the kernel. Ended leases go in the first turn.
   */
  adopt(mappings: readonly Mapping[], epochStart: Instant | undefined): Promise<void> {
    return this.#job(async now => {
      const surplus: Change[] = []
      for (const mapping of mappings) {
        if (standing(this.#table, mapping) !== undefined) surplus.push({ act: 'remove', mapping })
        else this.#table.commit([{ act: 'add', mapping }], 0)
      }
      const said = surplus.length === 0 ? undefined : await this.#apply(surplus, 'forget')
      if (said !== undefined) this.#trouble('removing mappings that contradict others', said, now)
      const first = mappings[0]
      if (first === undefined || epochStart === undefined) this.#parts.epoch.reset(now)
      else this.#parts.epoch.resume(epochStart)
      if (first === undefined) return
      const address = mappings.find(({ pinhole }) => pinhole === undefined)?.external.ip
      if (address !== undefined) this.#address = { address, told: undefined }
      this.#parts.journal.record({ what: 'adopted', count: this.#table.size }, now)
    })
  }

  /**
   * The uplink's state or address. While it is down, mappings stay and end on time, and requests are refused; a new
   * address takes all of them over in one batch and begins a new epoch.
   */
  move(uplink: Uplink): Promise<void> {
    return this.#job(async now => {
      this.#uplink = uplink
      this.#world = this.#worldWith(this.#table)
      this.#reserved.forget()
      this.#parts.journal.record({ what: 'uplink', uplink }, now)
      if (uplink.is === 'down') return
      const before = this.#address
      this.#address = { address: uplink.address, told: uplink.told }
      // The epoch first: a daemon that dies between the two finds the old address and begins anew once more.
      if (before !== undefined && isOther(before, uplink)) this.#parts.epoch.reset(now)
      await this.#upkeep.settle('move', now)
    })
  }

  /** A new configuration: what remains allowed is not touched. */
  reconsider(policy: Policy, statics: readonly StaticMapping[]): Promise<void> {
    return this.#job(async now => {
      this.#policy = policy
      this.#world = this.#worldWith(this.#table)
      this.#statics = statics
      this.#reserved.forget()
      await this.#upkeep.settle('review', now)
    })
  }

  /** Whether `reconsider` is to be called again when the internal networks or the uplinks are others. */
  get isPostponed(): boolean {
    return this.#upkeep.isPostponed
  }

  /** By the operator, one dynamic mapping, as it was listed; a static one goes by the configuration. */
  async remove(listed: Mapping, because: string): Promise<Removal> {
    let removal: Removal = 'none'
    await this.#job(async now => {
      const mapping = standing(this.#table, listed)
      if (mapping === undefined) return
      if (mapping.owner.via === 'operator') removal = 'static'
      else removal = (await this.#upkeep.remove(mapping, because, now)) ? 'removed' : 'kernel'
      if (removal === 'removed') this.#parts.returning.replace(mapping)
    })
    return removal
  }

  /**
   * The neighbour table shows this device behind an address. What another device opened there is suspended until that
   * one is seen again, or until the new one asks for it (S25). Mappings of which no device is known stay as they are.
   */
  deviceSeen(host: Ip, mac: Mac): Promise<void> {
    // Most that is seen changes nothing; while a turn runs, its mappings are not in the table yet.
    if (!this.#running && !this.#upkeep.isNews(host, mac)) return READY
    return this.#job(async now => {
      // What waits was asked before, perhaps by the device before.
      for (let waiting = this.#queue.length; waiting > 0; waiting -= TURN) await this.#turn()
      await this.#upkeep.atDevice(host, mac, now)
    })
  }

  /** When the next lease ends, or what the kernel refused is tried again. */
  get wakeAt(): Instant | undefined {
    return this.#upkeep.wakeAt
  }

  wake(now: Instant): void {
    const at = this.wakeAt
    if (at === undefined || at > now) return
    this.#upkeep.plan()
    this.#jobs.push(() => this.#upkeep.maintain(this.#parts.clock.now()))
    this.#start()
  }

  #job(work: (now: Instant) => Promise<void>): Promise<void> {
    return new Promise(resolve => {
      this.#jobs.push(async () => {
        try {
          await work(this.#parts.clock.now())
        } finally {
          resolve()
        }
      })
      this.#start()
    })
  }

  /** In a microtask, so that everything that one event delivers joins the same batch. */
  #start(): void {
    if (this.#running) return
    this.#running = true
    READY.then(this.#serve)
  }

  /** Turn after turn without a promise, as long as the kernel answers at once; comes back when it has answered. */
  readonly #serve = (): void => {
    for (;;) {
      const job = this.#jobs.shift()
      if (job === undefined && this.#queue.length === 0) break
      try {
        const unfinished = job === undefined ? this.#turn() : job()
        if (unfinished !== undefined) {
          unfinished.then(this.#goOn, this.#failed)
          return
        }
      } catch (error) {
        this.#fault(error)
      }
      this.#parts.settled()
    }
    this.#running = false
  }

  readonly #goOn = (): void => {
    this.#parts.settled()
    this.#serve()
  }

  readonly #failed = (error: unknown): void => {
    this.#fault(error)
    this.#goOn()
  }

  #fault(error: unknown): void {
    this.#trouble('a fault of this program', String(error), this.#parts.clock.now())
  }

  #turn(): Promise<void> | undefined {
    const now = this.#parts.clock.now()
    const due = this.wakeAt
    if (due !== undefined && due <= now) return this.#upkeep.maintain(now)
    const batch = this.#queue.take(TURN)
    const first = batch[0]
    return first !== undefined && batch.length === 1 ? this.#alone(first, now) : this.#together(batch, now)
  }

  #alone(waiting: Waiting, now: Instant): Promise<void> | undefined {
    const decision = this.#decide(waiting.wish, this.#world, now)
    const said = decision.changes.length === 0 ? undefined : this.#apply(decision.changes, 1)
    if (said === undefined) return this.#conclude(waiting, decision, now)
    return said.then(why => this.#conclude(waiting, why === undefined ? decision : kernelSaysNo(why), now))
  }

  /** One batch for all; if the kernel refuses it nothing has happened, and each is tried by itself. */
  #together(batch: readonly Waiting[], now: Instant): Promise<void> | undefined {
    const draft = new Draft(this.#table)
    const world = this.#worldWith(draft)
    const decisions: Decision[] = []
    const changes: Change[] = []
    let sets = 0
    for (const { wish } of batch) {
      const decision = this.#decide(wish, world, now)
      if (decision.changes.length > 0) sets++
      draft.commit(decision.changes)
      decisions.push(decision)
      for (const change of decision.changes) changes.push(change)
    }
    const folded = fold(changes)
    const said = folded.length === 0 ? undefined : this.#apply(folded, sets)
    if (said === undefined) return this.#concludeAll(batch, decisions, now)
    return said.then(why => (why === undefined ? this.#concludeAll(batch, decisions, now) : this.#oneByOne(batch, now)))
  }

  async #oneByOne(batch: readonly Waiting[], now: Instant): Promise<void> {
    for (const waiting of batch) await this.#alone(waiting, now)
  }

  #concludeAll(batch: readonly Waiting[], decisions: readonly Decision[], now: Instant): undefined {
    for (let i = 0; i < batch.length; i++) this.#conclude(batch[i] as Waiting, decisions[i] as Decision, now)
  }

  #decide(wish: Wish, world: World, now: Instant): Decision {
    try {
      return decide(wish, world, now)
    } catch (error) {
      return kernelSaysNo(`a fault of this program: ${error}`)
    }
  }

  #worldWith(table: TableView): World {
    const { surroundings } = this.#parts
    return { table, policy: this.#policy, uplink: this.#uplink, surroundings, reserved: this.#reserved }
  }

  #conclude({ wish, answer, withdrawn }: Waiting, decided: Decision, now: Instant): undefined {
    const wasThere = withdrawn !== undefined && !decided.answer.ok && decided.answer.why === 'absent'
    const decision = wasThere ? REMOVED : decided
    const events = eventsOf(wish, decision)
    for (let i = 0; i < events.length; i++) this.#parts.journal.record(events[i] as Event, now)
    if (decision.answer.ok && decision.answer.mapping !== undefined) {
      this.#parts.returning.replace(decision.answer.mapping)
    }
    answer(decision.answer)
  }

  /**
   * The table learns what the kernel accepted and nothing else; `sets` as in `Table.commit`, `forget` for what is not
   * in the table. `undefined` when that has happened already; otherwise resolves with what the kernel said when it
   * refused.
   */
  #apply(changes: readonly Change[], sets: number | 'forget'): Promise<string | undefined> | undefined {
    let pending: Promise<void> | undefined
    try {
      pending = this.#parts.firewall.apply(changes)
    } catch (error) {
      return Promise.resolve(said(error))
    }
    if (pending !== undefined) return pending.then(() => this.#learn(changes, sets)).then(nothing, said)
    this.#learn(changes, sets)
    return undefined
  }

  #learn(changes: readonly Change[], sets: number | 'forget'): void {
    if (sets !== 'forget') this.#table.commit(changes, sets)
  }

  #trouble(doing: string, said: string, now: Instant): void {
    this.#parts.journal.record({ what: 'kernel', doing, said }, now)
  }
}

/** Whether clients have to learn another address than before. */
const isOther = (
  before: { readonly address: Ip; readonly told: Ip | undefined },
  after: { readonly address: Ip; readonly told: Ip },
) => before.address !== after.address || (before.told !== undefined && before.told !== after.told)

const nothing = () => undefined

const said = (error: unknown): string =>
  error instanceof KernelError ? error.message : `a fault of this program: ${error}`

const kernelSaysNo = (because: string): Decision => ({ answer: { ok: false, why: 'kernel', because }, changes: [] })
