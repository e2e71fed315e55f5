/**
 * One connection to ubusd: who asked what under which number, and what comes unasked. It ends by itself when the other
 * side does, sends what cannot be read, or stops taking; then every open request is answered `connectionFailed`.
 */
import { reasonOf } from '../base/fail.ts'
import type { Instant } from '../base/time.ts'
import { afterMs, earliest, milliseconds } from '../base/time.ts'
import type { Stream } from '../platform/platform.ts'
import type { UbusAttributes, UbusMessage } from '../wire/ubus.ts'
import { decodeUbus, encodeUbus, UBUS, UBUS_MOST_BYTES, UBUS_STATUS, UbusReader } from '../wire/ubus.ts'

export interface UbusReply {
  /** `UBUS_STATUS` */
  readonly status: number
  /** What came before the status, in order. */
  readonly messages: readonly UbusMessage[]
}

export interface UbusLinkParts {
  readonly now: () => Instant
  /** `wakeAt` may have changed. */
  readonly rearm: () => void
  /** ubusd has greeted us. */
  readonly greeted: () => void
  /** A method of one of our objects is called, or an event or notification has come for it. */
  readonly invoked: (message: UbusMessage) => void
  /** An answer has come that nobody waits for any more. */
  readonly late: (message: UbusMessage) => void
  /** What one of our objects had subscribed to is gone. */
  readonly unsubscribed: (message: UbusMessage) => void
  /** Once; not after `close`. */
  readonly ended: (why: string) => void
}

/** ubusd and its objects answer in milliseconds. */
const PATIENCE = milliseconds(3000)
const MOST_REQUESTS = 64
const MOST_MESSAGES = 64
/** The answers that `ubus-calls.ts` makes at once, at their largest, and what else is said meanwhile. */
const MOST_PENDING = 5 * UBUS_MOST_BYTES

/** As it does when it finds no name for our user or group (ubusd_acl.c, ubusd_acl_init_client). */
const UNGREETED = 'ubusd does not let us in: does it know our user and group?'

interface Request {
  readonly until: Instant
  /** Whom it went to, and who alone may answer: others that know our number could as well. */
  readonly peer: number
  readonly messages: UbusMessage[]
  readonly done: (reply: UbusReply) => void
}

export class UbusLink {
  readonly #stream: Stream
  readonly #parts: UbusLinkParts
  readonly #reader = new UbusReader()
  readonly #requests = new Map<number, Request>()
  #greetingBy: Instant | undefined
  #seq = 0
  #isOpen = true

  constructor(stream: Stream, parts: UbusLinkParts) {
    this.#stream = stream
    this.#parts = parts
    this.#greetingBy = afterMs(parts.now(), PATIENCE)
    stream.take(
      bytes => this.#receive(bytes),
      () => this.fail(this.#greetingBy === undefined ? 'ubusd has closed the connection' : UNGREETED),
    )
  }

  /** Bytes that ubusd has not taken yet. */
  get pending(): number {
    return this.#stream.pending
  }

  get wakeAt(): Instant | undefined {
    return earliest([this.#greetingBy, ...Array.from(this.#requests.values(), ({ until }) => until)])
  }

  wake(now: Instant): void {
    if (this.#greetingBy !== undefined && this.#greetingBy <= now) this.fail('nobody speaks ubus there')
    for (const [seq, request] of [...this.#requests]) {
      if (request.until <= now) this.#finish(seq, request, UBUS_STATUS.timeout)
    }
  }

  /** `done` is called once, from within the message that ends it: what follows that message finds it done. */
  request(type: number, attributes: UbusAttributes, done: (reply: UbusReply) => void): void {
    if (!this.#isOpen || this.#requests.size >= MOST_REQUESTS) {
      done({ status: UBUS_STATUS.connectionFailed, messages: [] })
      return
    }
    const seq = this.#nextSeq()
    const peer = type === UBUS.invoke ? (attributes.object ?? 0) : 0
    this.#requests.set(seq, { until: afterMs(this.#parts.now(), PATIENCE), peer, messages: [], done })
    this.send({ type, seq, peer, ...attributes })
    this.#parts.rearm()
  }

  /** Without waiting for what may come back; whether it was small enough to be sent. */
  send(message: UbusMessage): boolean {
    if (!this.#isOpen) return false
    const bytes = encodeUbus(message)
    if (bytes.length > UBUS_MOST_BYTES) return false
    this.#stream.write(bytes)
    if (this.#stream.pending > MOST_PENDING) this.fail('ubusd takes nothing any more')
    return this.#isOpen
  }

  /** A number for a message whose answer nobody waits for. */
  get freeSeq(): number {
    return this.#nextSeq()
  }

  /** Ends the connection, which is of no use any more. */
  fail(why: string): void {
    if (!this.#isOpen) return
    this.close()
    this.#parts.ended(why)
  }

  close(): void {
    this.#isOpen = false
    this.#greetingBy = undefined
    this.#stream.close()
    for (const [seq, request] of [...this.#requests]) this.#finish(seq, request, UBUS_STATUS.connectionFailed)
  }

  #receive(bytes: Uint8Array): void {
    try {
      for (const message of this.#reader.push(bytes)) if (this.#isOpen) this.#dispatch(decodeUbus(message))
    } catch (error) {
      this.fail(`what came cannot be read: ${reasonOf(error)}`)
    }
  }

  #dispatch(message: UbusMessage): void {
    const { type } = message
    if (type === UBUS.hello) this.#greet()
    else if (type === UBUS.data || type === UBUS.status) this.#answered(message)
    else if (type === UBUS.invoke) this.#parts.invoked(message)
    else if (type === UBUS.unsubscribe) this.#parts.unsubscribed(message)
    // The rest is a ping, or who subscribes to us.
  }

  #greet(): void {
    if (this.#greetingBy === undefined) return
    this.#greetingBy = undefined
    this.#parts.greeted()
  }

  #answered(message: UbusMessage): void {
    const { type, seq, peer, status = UBUS_STATUS.unknownError } = message
    const request = this.#requests.get(seq)
    const isAsked = request !== undefined && request.peer === peer
    if (type === UBUS.status) {
      if (isAsked) this.#finish(seq, request, status)
      else this.#parts.late(message)
    } else if (isAsked && request.messages.length < MOST_MESSAGES) request.messages.push(message)
  }

  #finish(seq: number, { messages, done }: Request, status: number): void {
    if (this.#requests.delete(seq)) done({ status, messages })
  }

  #nextSeq(): number {
    do this.#seq = (this.#seq + 1) & 0xffff
    while (this.#requests.has(this.#seq))
    return this.#seq
  }
}
