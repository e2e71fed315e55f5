/**
 * An HTTP server on streams of the platform: one request of a connection at a time, every wait with a deadline, every
 * queue with a bound. Whoever is slow, silent or greedy loses their own connection and costs the others nothing.
 */
import type { Clock, Instant, Milliseconds } from '../base/time.ts'
import { afterMs, earliest, milliseconds } from '../base/time.ts'
import type { Stream } from '../platform/platform.ts'
import type { Fault, HttpEvent, HttpLimits, HttpPieces, HttpReply, HttpRequest } from '../wire/http.ts'
import {
  CONTINUE,
  encodeChunk,
  encodePiecesHead,
  encodeResponse,
  HTTP_LIMITS,
  LAST_CHUNK,
  RequestReader,
} from '../wire/http.ts'
import { hasRoom } from './http-room.ts'
import type { Timed } from './timers.ts'

/** Who asks; `undefined` on a unix socket. */
export type Peer = Stream['peer']

export type HttpAnswer = (HttpReply | HttpPieces) & {
  /** Nothing more is read from this connection. */
  readonly close?: boolean
  /** Called when the answer, or the first of its pieces, has been handed to the stream. Must not throw. */
  readonly sent?: () => void
}

/** Must not reject; a rejection is answered with status 500. */
export type HttpHandler = (request: HttpRequest, peer: Peer) => Promise<HttpAnswer>

export interface HttpServerOptions {
  readonly clock: Clock
  readonly handle: HttpHandler
  /** Called when `wakeAt` is earlier than before: `() => timers.rearm()`. */
  readonly rearm: () => void
  readonly limits?: Partial<ServerLimits>
}

export interface ServerLimits extends HttpLimits {
  /** Connections at a time, in all and from one address. */
  readonly connections: number
  readonly perPeer: number
  /** Requests of one connection, before it is closed. */
  readonly requests: number
  /** From the connection, or the last answer, to the first byte of a request. */
  readonly idle: Milliseconds
  /** From the first byte to the last of a head; from the head to the last byte of a body. However slowly it drips. */
  readonly receive: Milliseconds
  /** For the handler. */
  readonly handle: Milliseconds
  /** For the client to take at least something of an answer. */
  readonly send: Milliseconds
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

export class HttpServer implements Timed {
  readonly #clock: Clock
  readonly #handle: HttpHandler
  readonly #rearm: () => void
  readonly #limits: ServerLimits
  readonly #open = new Set<Connection>()
  /** Never later than the first deadline. One that was put off, or is gone, costs a look in vain and no new alarm. */
  #wakeAt: Instant | undefined

  constructor({ clock, handle, rearm, limits }: HttpServerOptions) {
    this.#clock = clock
    this.#handle = handle
    this.#rearm = rearm
    this.#limits = { ...SERVER_LIMITS, ...limits }
  }

  get connections(): number {
    return this.#open.size
  }

  get wakeAt(): Instant | undefined {
    return this.#wakeAt
  }

  /** For `Platform.listen`; `handle`: what serves this connection, where it depends on the door. */
  accept(stream: Stream, handle: HttpHandler = this.#handle): void {
    if (!hasRoom(this.#open, stream.peer?.ip, this.#limits)) {
      stream.write(encodeResponse(refusal(503, 'too many connections'), undefined, false))
      stream.end()
      return
    }
    const connection = new Connection(stream, handle, this.#limits, this.#clock, () => this.#changed(connection))
    this.#open.add(connection)
    this.#changed(connection)
  }

  wake(now: Instant): void {
    for (const connection of [...this.#open]) connection.wake(now)
    this.#wakeAt = earliest(Array.from(this.#open, connection => connection.wakeAt))
  }

  /** Closes every connection at once. */
  close(): void {
    for (const connection of [...this.#open]) connection.close()
    this.#wakeAt = undefined
  }

  #changed(connection: Connection): void {
    if (connection.isClosed) this.#open.delete(connection)
    const at = connection.wakeAt
    if (at === undefined || (this.#wakeAt !== undefined && this.#wakeAt <= at)) return
    this.#wakeAt = at
    this.#rearm()
  }
}

/** Bytes that wait to be sent, above which no further request of the connection is looked at. */
const SEND_MARK = 65_536
/** How soon a connection whose answers are not taken looks again whether they were. */
const SEND_POLL = milliseconds(100)
/** How long pieces of an answer are made before everybody else has a turn. */
const SLICE = milliseconds(5)

type Phase =
  | { readonly is: 'idle' | 'head' | 'body' | 'handling'; readonly until: Instant }
  /** The client takes its answers slowly; `pending` is what was left when it was last seen to take something. */
  | { readonly is: 'sending'; readonly until: Instant; readonly look: Instant; readonly pending: number }
  | { readonly is: 'closed' }

class Connection {
  readonly #stream: Stream
  readonly #reader: RequestReader
  readonly #handle: HttpHandler
  readonly #limits: ServerLimits
  readonly #clock: Clock
  readonly #changed: () => void
  #phase: Phase
  #requests = 0
  /** What is left of an answer that is made while it is sent. */
  #pieces: { readonly rest: Iterator<Uint8Array>; readonly isChunked: boolean } | undefined
  /** The other side has finished: it may still wait for the answer to what it sent. */
  #hasEnded = false
  /** No request is read any more; the connection goes once the last answer has left. */
  #isLast = false

  /** `changed` is called after everything that may have moved `wakeAt`, and when the connection is closed. */
  constructor(stream: Stream, handle: HttpHandler, limits: ServerLimits, clock: Clock, changed: () => void) {
    this.#stream = stream
    this.#reader = new RequestReader(limits)
    this.#handle = handle
    this.#limits = limits
    this.#clock = clock
    this.#changed = changed
    this.#phase = { is: 'idle', until: afterMs(clock.now(), limits.idle) }
    stream.take(
      bytes => this.#take(bytes),
      () => this.#ended(),
    )
  }

  get isClosed(): boolean {
    return this.#phase.is === 'closed'
  }

  /** A whole request has come, and its answer is being made. */
  get isWorking(): boolean {
    return this.#phase.is === 'handling'
  }

  get peer(): Peer {
    return this.#stream.peer
  }

  get wakeAt(): Instant | undefined {
    if (this.#phase.is === 'closed') return undefined
    return this.#phase.is === 'sending' ? this.#phase.look : this.#phase.until
  }

  wake(now: Instant): void {
    if (this.#phase.is === 'closed') return
    if (this.#phase.is === 'sending') {
      this.#lookAtSending(now)
      return
    }
    if (now < this.#phase.until) return
    if (this.#phase.is === 'idle') this.close()
    else if (this.#phase.is === 'handling') this.#refuse(503, 'no answer in time')
    else this.#refuse(408, 'the request did not arrive in time')
  }

  close(): void {
    if (this.#phase.is === 'closed') return
    this.#phase = { is: 'closed' }
    this.#pieces = undefined
    this.#stream.close()
    this.#changed()
  }

  #ended(): void {
    this.#hasEnded = true
    if (this.#phase.is === 'idle' || this.#phase.is === 'head' || this.#phase.is === 'body') this.close()
  }

  #take(bytes: Uint8Array): void {
    if (this.#phase.is === 'closed' || this.#isLast) return
    this.#reader.push(bytes)
    if (this.#phase.is !== 'handling' && this.#phase.is !== 'sending') this.#readOn()
    // Nobody may pile up requests while an earlier one is worked on.
    else if (this.#reader.buffered > this.#limits.head + this.#limits.body) this.close()
    this.#changed()
  }

  /** The next request, if it is whole; otherwise the deadline for the rest of it. */
  #readOn(): void {
    const event = this.#reader.next()
    if (event === undefined) {
      if (this.#hasEnded) this.close()
      else this.#await()
    } else this.#meet(event)
  }

  #meet(event: HttpEvent): void {
    switch (event.is) {
      case 'continue':
        this.#stream.write(CONTINUE)
        this.#await()
        return
      case 'fault':
        this.#refuse(event.status, event.why)
        return
      case 'request':
        this.#serve(event.request)
        return
    }
  }

  /** Sets the deadline of a phase once: bytes that drip in do not extend it. */
  #await(): void {
    const state = this.#reader.state
    const next = state === 'between' ? 'idle' : state === 'body' ? 'body' : 'head'
    if (this.#phase.is === next) return
    const length = next === 'idle' ? this.#limits.idle : this.#limits.receive
    this.#phase = { is: next, until: afterMs(this.#clock.now(), length) }
  }

  #serve(request: HttpRequest): void {
    this.#requests++
    const phase: Phase = { is: 'handling', until: afterMs(this.#clock.now(), this.#limits.handle) }
    this.#phase = phase
    // The answer to a request that ran out of time comes too late for its connection.
    const reply = (response: HttpAnswer) => {
      if (this.#phase !== phase) return
      this.#reply(request, response)
      response.sent?.()
      this.#changed()
    }
    let answer: Promise<HttpAnswer>
    try {
      answer = this.#handle(request, this.#stream.peer)
    } catch {
      reply(refusal(500, 'the daemon made a mistake'))
      return
    }
    answer.then(reply, () => reply(refusal(500, 'the daemon made a mistake')))
  }

  #reply(request: HttpRequest, response: HttpAnswer): void {
    const isChunked = request.minor === 1
    const isUnending = 'pieces' in response && !isChunked
    const isWanted = request.keepAlive && response.close !== true && !this.#hasEnded
    this.#isLast = isUnending || !isWanted || this.#requests >= this.#limits.requests
    if ('pieces' in response) {
      this.#stream.write(encodePiecesHead(response, request, !this.#isLast))
      if (request.method !== 'HEAD') this.#pieces = { rest: response.pieces[Symbol.iterator](), isChunked }
    } else this.#stream.write(encodeResponse(response, request, !this.#isLast))
    this.#writeOn()
  }

  /** Makes and sends pieces for a while, as long as the client takes them. */
  #writeOn(): void {
    const start = this.#clock.now()
    while (this.#pieces !== undefined && this.#hasTaken() && this.#clock.now() - start < SLICE) {
      const { rest, isChunked } = this.#pieces
      const piece = nextOf(rest)
      if (piece === 'broken') {
        this.close() // half an answer has been sent: only the end of the connection can say that it is none
        return
      }
      if (piece === 'end') {
        this.#pieces = undefined
        if (isChunked) this.#stream.write(LAST_CHUNK)
      } else if (piece.length > 0) this.#stream.write(isChunked ? encodeChunk(piece) : piece)
    }
    this.#afterWriting()
  }

  #refuse(status: Fault['status'] | 408 | 503, why: string): void {
    this.#isLast = true
    this.#stream.write(encodeResponse(refusal(status, why), undefined, false))
    this.#afterWriting()
  }

  /** Goes on at once where the client keeps up; otherwise watches until it has taken what is pending. */
  #afterWriting(): void {
    const isWhole = this.#pieces === undefined
    if (isWhole && this.#isLast) this.#stream.end()
    // Who has sent the next request already waits until the others have had their turn (S14).
    const isEager = !this.#isLast && this.#reader.buffered > 0
    if (isWhole && this.#hasTaken() && !isEager) {
      this.#sent()
      return
    }
    const now = this.#clock.now()
    const look = this.#hasTaken() ? now : afterMs(now, SEND_POLL)
    const pending = this.#stream.pending
    this.#phase = { is: 'sending', until: afterMs(now, this.#limits.send), look, pending }
  }

  #hasTaken(): boolean {
    return this.#stream.pending <= (this.#isLast && this.#pieces === undefined ? 0 : SEND_MARK)
  }

  #sent(): void {
    if (this.#isLast) {
      this.#phase = { is: 'closed' } // the stream closes by itself after `end`
      this.#changed()
      return
    }
    this.#phase = { is: 'idle', until: afterMs(this.#clock.now(), this.#limits.idle) }
    this.#readOn()
  }

  #lookAtSending(now: Instant): void {
    if (this.#phase.is !== 'sending') return
    if (this.#hasTaken()) {
      if (this.#pieces === undefined) this.#sent()
      else this.#writeOn()
      return
    }
    const pending = this.#stream.pending
    const look = afterMs(now, SEND_POLL)
    if (pending < this.#phase.pending) {
      this.#phase = { is: 'sending', until: afterMs(now, this.#limits.send), look, pending }
    } else if (now >= this.#phase.until) this.close()
    else this.#phase = { ...this.#phase, look }
  }
}

/** The next piece; what makes them may have a fault of its own. */
function nextOf(pieces: Iterator<Uint8Array>): Uint8Array | 'end' | 'broken' {
  try {
    const next = pieces.next()
    return next.done === true ? 'end' : next.value
  } catch {
    return 'broken'
  }
}

const refusal = (status: number, why: string): HttpReply => ({
  status,
  fields: [['content-type', 'text/plain; charset=utf-8']],
  body: `${why}\n`,
})
