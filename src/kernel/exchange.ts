/**
 * Requests to the kernel and their replies over one netlink socket, matched by sequence number. The kernel has replied
 * when `send` returns, and `drain` completes the promise at once.
 */
import { KernelError, Malformed } from '../base/fail.ts'
import type { NetlinkSocket } from '../platform/platform.ts'
import type { Message, Verdict } from '../wire/netlink.ts'
import { FLAG, messages, soleAcknowledgement, TYPE, verdict } from '../wire/netlink.ts'
import type { Sendable } from '../wire/nftables.ts'

/** What must be known of the processor; `Platform` offers it. */
export interface Machine {
  readonly littleEndian: boolean
  errnoName(errno: number): string
}

/** Builds a request with the given sequence number. */
export type Build = (sequence: number) => Uint8Array

/** One message of a batch that the kernel refused; the whole batch is undone then. */
export interface Failure {
  /** Number of the message in the batch, from 0; `batch` when the batch as a whole was refused. */
  readonly message: number | 'batch'
  /** Symbolic errno, `ENOENT`. */
  readonly code: string
  readonly said: string
  /** Where in the message the offending attribute begins, counted from its netlink header. */
  readonly offset: number | undefined
}

interface Wait {
  /** Returns true when nothing more is expected. */
  take(message: Message): boolean
  fail(error: Error): void
}

/** A batch that was sent. `outcome` is there as soon as the kernel has answered, `tell` once somebody waits for it. */
interface BatchWait {
  readonly first: number
  readonly last: number
  readonly failures: Failure[]
  outcome: readonly Failure[] | Error | undefined
  tell: ((outcome: readonly Failure[] | Error) => void) | undefined
}

const NO_FAILURES: readonly Failure[] = []

/** Told before (true) and after (false) something that it should not hear of. */
export type Bystander = (isWriting: boolean) => void

/**
 * Bytes of a batch that nobody of ours should hear of. For each element the kernel makes a notice of 8 KB
 * (NLMSG_GOODSIZE) and keeps all of them until the commit, if anybody listens to the group: 30,000 elements were seen to
 * cost 246 MB, and 5 MB when nobody did (6.18). This many bytes are about a thousand elements; at four times as many, a
 * thousand mappings that moved took 34 MB, and a router with 64 MB went down (6.1).
 */
const LARGE_BATCH = 65_536

const LAST_SEQUENCE = 0x7fff_ffff
const DUMP_TRIES = 20

export class Exchange {
  readonly #socket: NetlinkSocket
  readonly #machine: Machine
  readonly #waits = new Map<number, Wait>()
  #batches: BatchWait[] = []
  #sequence = 1
  readonly #bystanders = new Set<Bystander>()
  /** The kernel runs one dump at a time for a socket. */
  #dumps: Promise<unknown> = Promise.resolve()

  constructor(socket: NetlinkSocket, machine: Machine) {
    this.#socket = socket
    this.#machine = machine
    socket.take(
      datagram => this.#take(datagram),
      () => this.#abandon('ENOBUFS'),
    )
  }

  get portId(): number {
    return this.#socket.portId
  }

  /**
   * Sends a batch; nothing in the result means that it is committed. An acknowledgement of a message is none of the
   * batch: the last message's comes after every error, a refusal of the whole batch is addressed to its beginning
   * (nfnetlink.c, nfnetlink_rcv_batch). Rejects with `KernelError` when the outcome is unknown or nothing was sent.
   * `abandoned`: the kernel tries the batch and keeps nothing. Where the kernel has answered already, the result is
   * there at once, without a promise; `await` takes both.
   */
  batch(
    doing: string,
    batch: Sendable,
    end: 'commit' | 'abandoned' = 'commit',
  ): readonly Failure[] | Promise<readonly Failure[]> {
    const { size } = batch
    if (size === 0) return NO_FAILURES
    const first = this.#next(size + 2)
    const wait: BatchWait = { first, last: first + size, failures: [], outcome: undefined, tell: undefined }
    const datagram = batch.finish(first, end)
    const { sendLimit } = this.#socket
    if (sendLimit !== undefined && datagram.length > sendLimit) wait.outcome = tooLong(doing, datagram, sendLimit)
    else {
      this.#batches.push(wait)
      const error = this.#sendAside(doing, datagram)
      if (error !== undefined) this.#settle(wait, error)
    }
    const { outcome } = wait
    if (outcome !== undefined && !(outcome instanceof Error)) return outcome
    return new Promise((done, reject) => {
      const fail = deferred(reject)
      wait.tell = told => (told instanceof Error ? fail(told) : done(told))
      if (outcome !== undefined) wait.tell(outcome)
    })
  }

  /** From now on told of batches so large that its ears cost more than they bring; see `watch.ts`. */
  sparing(bystander: Bystander): { stop(): void } {
    this.#bystanders.add(bystander)
    return { stop: () => void this.#bystanders.delete(bystander) }
  }

  /** A request with one reply, which resolves; a refusal rejects with `KernelError`. */
  ask(doing: string, build: Build): Promise<Message> {
    return this.#request(doing, build, (message, done) => done(message))
  }

  /** A request that wants no more than an acknowledgement (`FLAG.ack`). */
  tell(doing: string, build: Build): Promise<void> {
    return this.#request(doing, build, () => undefined)
  }

  /**
   * All messages of a dump. Repeated while the kernel says that it was interrupted, or while the parts disagree on
   * `generation`: dumps of set elements are not flagged (nf_tables_api.c), but every part carries the generation.
   */
  dump(doing: string, build: Build, generation?: (message: Message) => number): Promise<Message[]> {
    const run = this.#dumps.then(() => this.#dumpUntilSteady(doing, build, generation))
    this.#dumps = run.catch(() => undefined)
    return run
  }

  /**
   * The messages of a dump as they arrive, for what is too long to keep; never repeated, so for state whose parts
   * stand alone. When `each` throws `Malformed`, the promise rejects.
   */
  scan(doing: string, build: Build, each: (message: Message) => void): Promise<void> {
    const run = this.#dumps.then(() =>
      this.#request<void>(doing, build, message => {
        if (message.type !== TYPE.done) each(message)
      }),
    )
    this.#dumps = run.catch(() => undefined)
    return run
  }

  close(): void {
    this.#abandon('ECANCELED')
    this.#socket.close()
  }

  async #dumpUntilSteady(doing: string, build: Build, generation?: (message: Message) => number): Promise<Message[]> {
    for (let tries = 0; tries < DUMP_TRIES; tries++) {
      const parts: Message[] = []
      let interrupted = false
      await this.#request(doing, build, message => {
        if ((message.flags & FLAG.interrupted) !== 0) interrupted = true
        if (message.type !== TYPE.done) parts.push(message)
      })
      if (!interrupted && (generation === undefined || new Set(parts.map(generation)).size <= 1)) return parts
    }
    throw new KernelError(doing, 'EINTR', 'the ruleset changes faster than it can be read')
  }

  /** `each` gets what is neither an acknowledgement nor a refusal; those, and the end of a dump, settle the promise. */
  #request<T>(doing: string, build: Build, each: (message: Message, done: (value: T) => void) => void): Promise<T> {
    const sequence = this.#next(1)
    return new Promise((done, reject) => {
      const fail = deferred(reject)
      let settled = false
      const finish = (value: T) => {
        settled = true
        done(value)
      }
      const take = (message: Message) => {
        if (message.type !== TYPE.error && message.type !== TYPE.done) {
          each(message, finish)
          return settled
        }
        const said = verdict(message, this.#machine.littleEndian)
        if (message.type === TYPE.done) each(message, finish)
        if (said.errno === 0) finish(undefined as T)
        else fail(new KernelError(doing, this.#machine.errnoName(said.errno), said.said))
        return true
      }
      this.#waits.set(sequence, { take, fail })
      const error = this.#send(doing, build(sequence))
      if (error === undefined) return
      this.#waits.delete(sequence)
      fail(error)
    })
  }

  /** The kernel does all of a batch while it is sent. */
  #sendAside(doing: string, datagram: Uint8Array): KernelError | undefined {
    if (datagram.length < LARGE_BATCH) return this.#send(doing, datagram)
    for (const bystander of this.#bystanders) bystander(true)
    try {
      return this.#send(doing, datagram)
    } finally {
      for (const bystander of this.#bystanders) bystander(false)
    }
  }

  /** The error when nothing was sent. */
  #send(doing: string, datagram: Uint8Array): KernelError | undefined {
    try {
      this.#socket.send(datagram)
    } catch (error) {
      return new KernelError(doing, codeOf(error), 'could not be sent')
    }
    this.#socket.drain(this.#isWaiting)
    return undefined
  }

  readonly #isWaiting = (): boolean => this.#batches.length > 0 || this.#waits.size > 0

  /** What became of a batch is known. */
  #settle(wait: BatchWait, outcome: readonly Failure[] | Error): void {
    if (this.#batches[0] === wait) this.#batches.shift()
    else this.#batches = this.#batches.filter(each => each !== wait)
    wait.outcome = outcome
    wait.tell?.(outcome)
  }

  #take(datagram: Uint8Array): void {
    const { littleEndian } = this.#machine
    try {
      const acknowledged = soleAcknowledgement(datagram, littleEndian)
      if (acknowledged !== undefined && this.#commit(acknowledged)) return
      for (const message of messages(datagram, littleEndian)) this.#deliver(message)
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      this.#abandon('EBADMSG') // the kernel does not send such; whoever waits must not wait for ever
    }
  }

  /** The usual reply, without the detour: the last message of the oldest batch is acknowledged. */
  #commit(sequence: number): boolean {
    const batch = this.#batches[0]
    if (batch?.last !== sequence) return false
    this.#settle(batch, batch.failures)
    return true
  }

  #deliver(message: Message): void {
    const wait = this.#waits.get(message.sequence)
    if (wait !== undefined) {
      if (wait.take(message)) this.#waits.delete(message.sequence)
      return
    }
    if (message.type !== TYPE.error) return
    const batch = this.#batches.find(each => message.sequence >= each.first && message.sequence <= each.last)
    if (batch !== undefined) this.#deliverToBatch(batch, message)
  }

  #deliverToBatch(batch: BatchWait, message: Message): void {
    const said = verdict(message, this.#machine.littleEndian)
    const index = message.sequence - batch.first
    if (said.errno !== 0) batch.failures.push(this.#failure(index, said))
    if (message.sequence !== batch.last && index !== 0) return
    this.#settle(batch, batch.failures)
  }

  #failure(index: number, { errno, said, offset }: Verdict): Failure {
    return { message: index === 0 ? 'batch' : index - 1, code: this.#machine.errnoName(errno), said, offset }
  }

  /** Replies may be lost: nobody may wait for them any longer, and what became of the requests is unknown. */
  #abandon(code: string): void {
    const error = new KernelError('waiting for a netlink reply', code, 'replies were lost')
    const waiting = [...this.#waits.values()]
    this.#waits.clear()
    for (const wait of waiting) wait.fail(error)
    for (const wait of [...this.#batches]) this.#settle(wait, error)
  }

  /** Takes `count` sequence numbers in a row and returns the first; 0 is never used, events carry it. */
  #next(count: number): number {
    if (this.#sequence + count > LAST_SEQUENCE) this.#sequence = 1
    const first = this.#sequence
    this.#sequence += count
    return first
  }
}

function tooLong(doing: string, datagram: Uint8Array, limit: number): KernelError {
  return new KernelError(doing, 'EMSGSIZE', `${datagram.length} bytes, net.core.wmem_max allows ${limit}`)
}

/**
 * Rejects one microtask later. A reply may come while the promise is still being made (`drain`), and a promise that is
 * rejected before anybody could attach a handler ends the stock `qjs`.
 */
function deferred(reject: (error: Error) => void): (error: Error) => void {
  return error => {
    Promise.resolve().then(() => reject(error))
  }
}

/** The symbolic errno of an error of the platform. */
function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : String(error)
}
