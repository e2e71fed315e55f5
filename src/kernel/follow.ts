/**
 * A copy of something the kernel holds, kept true by its notices. The order matters: first subscribe, then read all,
 * then apply what was told meanwhile. Notices older than the reading are applied too: the last one about a thing is
 * the truth about it, so the copy ends up right. After an overrun all is read again: what is told then is newer than
 * the gap (`NetlinkSocket.take`).
 */
import { KernelError, Malformed, reasonOf } from '../base/fail.ts'
import type { Log } from '../base/log.ts'
import type { NetlinkFilter, NetlinkSocket, Platform } from '../platform/platform.ts'
import type { Message } from '../wire/netlink.ts'
import { FLAG, message, messages } from '../wire/netlink.ts'
import { Exchange } from './exchange.ts'

export interface Request {
  readonly type: number
  readonly payload: Uint8Array
  /** Of a change, beside NLM_F_REQUEST and NLM_F_ACK. */
  readonly flags?: number
}

export interface Followed {
  /** For messages: `links`. */
  readonly name: string
  /** RTNLGRP numbers. */
  readonly groups: readonly number[]
  /** What of the notices is wanted, where the engine can filter. */
  readonly filter?: NetlinkFilter
  /** The dumps that together say everything. */
  readonly dumps: readonly Request[]
  /** The answers to `dumps`, in their order, take the place of all that was known. May throw `Malformed`. */
  adopt(answers: readonly (readonly Message[])[]): void
  /** One notice on top of it. May throw `Malformed`. */
  apply(notice: Message): void
}

/** Notices kept while the state is read; beyond that it is read again. */
const MOST_WAITING = 8192
const NONE = new Uint8Array(0)

export class Follower {
  readonly #platform: Platform
  readonly #followed: Followed
  readonly #exchange: Exchange
  readonly #log: Log
  readonly #notices: NetlinkSocket
  /** Notices that came while the state is being read; `undefined` when it is not. */
  #waiting: Message[] | undefined
  /** The state must be read (again). */
  #stale = true
  #closed = false

  /** Resolves when the copy is complete; rejects with `KernelError` or `SystemError`. */
  static async open(platform: Platform, followed: Followed, log: Log): Promise<Follower> {
    const notices = await openSocket(platform, followed.groups, followed.filter)
    const requests = await openSocket(platform, []).catch((error: unknown) => {
      notices.close()
      throw error
    })
    const follower = new Follower(platform, followed, notices, new Exchange(requests, platform), log)
    try {
      await follower.#read()
    } catch (error) {
      follower.close()
      throw error
    }
    return follower
  }

  private constructor(platform: Platform, followed: Followed, notices: NetlinkSocket, exchange: Exchange, log: Log) {
    this.#platform = platform
    this.#followed = followed
    this.#notices = notices
    this.#exchange = exchange
    this.#log = log
    notices.take(
      datagram => this.#take(datagram),
      () => this.#lost(),
    )
  }

  /** One more dump, beside those that are followed. Rejects with `KernelError`. */
  dump(doing: string, request: Request): Promise<readonly Message[]> {
    return this.#exchange.dump(doing, sequence =>
      message(
        { type: request.type, flags: FLAG.request | FLAG.dump, sequence },
        request.payload,
        NONE,
        this.#platform.littleEndian,
      ),
    )
  }

  /** One request with one reply. Rejects with `KernelError`. */
  ask(doing: string, { type, payload }: Request): Promise<Message> {
    return this.#exchange.ask(doing, sequence =>
      message({ type, flags: FLAG.request, sequence }, payload, NONE, this.#platform.littleEndian),
    )
  }

  /** One change. Rejects with `KernelError`. */
  tell(doing: string, { type, payload, flags = 0 }: Request): Promise<void> {
    return this.#exchange.tell(doing, sequence =>
      message({ type, flags: FLAG.request | FLAG.ack | flags, sequence }, payload, NONE, this.#platform.littleEndian),
    )
  }

  /** Takes in what has already been told, where the engine can. */
  catchUp(): void {
    if (!this.#closed) this.#notices.drain()
  }

  close(): void {
    this.#closed = true
    this.#notices.close()
    this.#exchange.close()
  }

  #take(datagram: Uint8Array): void {
    try {
      for (const notice of messages(datagram, this.#platform.littleEndian)) this.#notice(notice)
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      this.#log('warning', this.#followed.name, 'a notice of the kernel could not be read', { why: error.message })
    }
    if (this.#stale) this.#readAgain()
  }

  #notice(notice: Message): void {
    if (this.#waiting === undefined) this.#followed.apply(notice)
    else if (this.#waiting.length < MOST_WAITING) this.#waiting.push(notice)
    else this.#stale = true
  }

  #lost(): void {
    this.#stale = true
    if (this.#waiting !== undefined) this.#waiting = []
    this.#readAgain()
  }

  #readAgain(): void {
    if (this.#waiting !== undefined) return // whoever reads now will see that the state is stale
    this.#read().catch((error: unknown) => {
      if (this.#closed) return
      // Still stale: the next notice makes us try again, and there will be one, since changes are what made it fail.
      this.#log('warning', this.#followed.name, 'the state could not be read', { why: reasonOf(error) })
    })
  }

  async #read(): Promise<void> {
    this.#waiting = []
    try {
      while (this.#stale && !this.#closed) {
        this.#stale = false
        const answers: (readonly Message[])[] = []
        for (const request of this.#followed.dumps) answers.push(await this.dump(this.#followed.name, request))
        this.#followed.adopt(answers)
        for (const notice of this.#waiting.splice(0)) this.#followed.apply(notice)
      }
    } catch (error) {
      this.#stale = true
      throw error instanceof Malformed ? new KernelError(this.#followed.name, 'EBADMSG', error.message) : error
    } finally {
      this.#waiting = undefined
    }
  }
}

const openSocket = (platform: Platform, groups: readonly number[], filter?: NetlinkFilter): Promise<NetlinkSocket> =>
  platform.netlink({ family: 'route', groups, extendedAck: true, ...(filter === undefined ? {} : { filter }) })
