/**
 * An HTTP server on streams of the platform: one request of a connection at a time, every wait with a deadline, every
 * queue with a bound. Whoever is slow, silent or greedy loses their own connection and costs the others nothing.
 *
 * Where several are connected, work is done in slices, after which everything else of the daemon has its turn; what is
 * left over waits in a line in which each device stands once (S14).
 */
import type { Clock, Instant } from '../base/time.ts'
import { earliest, milliseconds } from '../base/time.ts'
import type { Holder } from '../core/holder.ts'
import type { Stream } from '../platform/platform.ts'
import { encodeResponse, HTTP_LIMITS } from '../wire/http.ts'
import type { ConnectionLimits, Host, HttpHandler } from './http-connection.ts'
import { Connection, refusal, SLICE } from './http-connection.ts'
import { hasRoom } from './http-room.ts'
import { Turns } from './http-turns.ts'
import type { Timed } from './timers.ts'

export type { HttpAnswer, HttpHandler, Peer } from './http-connection.ts'

export interface HttpServerOptions {
  readonly clock: Clock
  readonly handle: HttpHandler
  /** Called when `wakeAt` is earlier than before: `() => timers.rearm()`. */
  readonly rearm: () => void
  readonly limits?: Partial<ServerLimits>
}

export interface ServerLimits extends ConnectionLimits {
  /** Connections at a time, in all and of one device. */
  readonly connections: number
  readonly perPeer: number
}

export const SERVER_LIMITS: ServerLimits = {
  ...HTTP_LIMITS,
  connections: 32,
  perPeer: 8,
  requests: 100,
  idle: milliseconds(15_000),
  receive: milliseconds(10_000),
  handle: milliseconds(60_000),
  send: milliseconds(15_000),
}

/** So many in a second are told why they are turned away. */
const WORDS = 32
const SECOND = milliseconds(1000)
const TOO_MANY = encodeResponse(refusal(503, 'too many connections'), undefined, false)

export class HttpServer implements Timed, Host {
  readonly clock: Clock
  readonly limits: ServerLimits
  readonly #handle: HttpHandler
  readonly #rearm: () => void
  readonly #open = new Set<Connection>()
  readonly #turns = new Turns<Connection>()
  /** When the slice began that is worked on, or the last one; and when something was done last. */
  #slice: Instant
  #worked: Instant
  /** Never later than the first deadline. One that was put off, or is gone, costs a look in vain and no new alarm. */
  #deadline: Instant | undefined
  /** Since when somebody waits for a turn. */
  #waiting: Instant | undefined
  /** Connections for which there was no room, since a moment that is at most a second ago. */
  #turnedAway: { readonly since: Instant; count: number }

  constructor({ clock, handle, rearm, limits }: HttpServerOptions) {
    this.clock = clock
    this.limits = { ...SERVER_LIMITS, ...limits }
    this.#handle = handle
    this.#rearm = rearm
    this.#slice = clock.now()
    this.#worked = this.#slice
    this.#turnedAway = { since: this.#slice, count: 0 }
  }

  get connections(): number {
    return this.#open.size
  }

  get wakeAt(): Instant | undefined {
    return this.#waiting ?? this.#deadline
  }

  /**
   * For `Platform.listen`; `handle`: what serves this connection, where it depends on the door; `holderNow`: whose it
   * is, as far as that is known by now.
   */
  accept(
    stream: Stream,
    handle: HttpHandler = this.#handle,
    holderNow: () => Holder | undefined = () => stream.peer?.ip,
  ): void {
    if (!hasRoom(this.#open, holderNow(), this.limits)) {
      this.#turnAway(stream)
      return
    }
    const connection = new Connection(stream, handle, this, holderNow)
    this.#open.add(connection)
    this.changed(connection)
  }

  wake(now: Instant): void {
    if (this.#waiting !== undefined) this.#work(now)
    if (this.#deadline === undefined || now < this.#deadline) return
    for (const connection of [...this.#open]) connection.wake(now)
    this.#deadline = earliest(Array.from(this.#open, connection => connection.wakeAt))
  }

  /** Closes every connection at once. */
  close(): void {
    for (const connection of [...this.#open]) connection.close()
    this.#deadline = undefined
  }

  wants(connection: Connection): void {
    if (this.#waiting === undefined && this.#mayWork()) {
      connection.turn()
      this.#worked = this.clock.now()
    } else this.wantsAgain(connection)
  }

  wantsAgain(connection: Connection): void {
    this.#turns.add(connection)
    if (this.#waiting !== undefined) return
    this.#waiting = this.clock.now()
    this.#rearm()
  }

  changed(connection: Connection): void {
    if (connection.isClosed) {
      this.#open.delete(connection)
      this.#turns.delete(connection)
      if (this.#turns.isEmpty) this.#waiting = undefined
      return
    }
    const at = connection.wakeAt
    if (at === undefined || (this.#deadline !== undefined && this.#deadline <= at)) return
    this.#deadline = at
    this.#rearm()
  }

  /** In words as long as few ask: whoever opens connections by the thousand must not keep others waiting for them. */
  #turnAway(stream: Stream): void {
    const now = this.clock.now()
    if (now - this.#turnedAway.since >= SECOND) this.#turnedAway = { since: now, count: 0 }
    if (this.#turnedAway.count++ >= WORDS) {
      stream.close()
      return
    }
    stream.write(TOO_MANY)
    stream.end()
  }

  /** A pause ends a slice, and who is alone keeps nobody waiting. */
  #mayWork(): boolean {
    if (this.#open.size <= 1) return true
    const now = this.clock.now()
    if (now > this.#worked) this.#slice = now
    return now - this.#slice < SLICE
  }

  /** One slice of what waits, at least one of them. */
  #work(now: Instant): void {
    this.#slice = now
    do this.#turns.next()?.turn()
    while (!this.#turns.isEmpty && this.clock.now() - now < SLICE)
    this.#worked = this.clock.now()
    this.#waiting = this.#turns.isEmpty ? undefined : this.#worked
  }
}
