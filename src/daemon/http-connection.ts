/** One connection of the HTTP server: reads requests, has them answered one at a time, and keeps its deadlines. */
import type { Content } from '../base/text.ts'
import type { Clock, Instant, Milliseconds } from '../base/time.ts'
import { afterMs, milliseconds } from '../base/time.ts'
import type { Holder } from '../core/holder.ts'
import type { Stream } from '../platform/platform.ts'
import type { Fault, HttpEvent, HttpLimits, HttpPieces, HttpReply, HttpRequest } from '../wire/http.ts'
import { CONTINUE, encodeChunk, encodePiecesHead, encodeResponse, LAST_CHUNK, RequestReader } from '../wire/http.ts'

/** Who asks; `undefined` on a unix socket. */
export type Peer = Stream['peer']

export type HttpAnswer = (HttpReply | HttpPieces) & {
  /** Nothing more is read from this connection. */
  readonly close?: boolean
  /** Called when the answer, or the first of its pieces, has been handed to the stream. Must not throw. */
  readonly sent?: () => void
}

/** Must neither throw nor reject; whoever does is answered with status 500. */
export type HttpHandler = (request: HttpRequest, peer: Peer) => HttpAnswer | Promise<HttpAnswer>

export interface ConnectionLimits extends HttpLimits {
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

/** What a connection needs of its server. */
export interface Host {
  readonly clock: Clock
  readonly limits: ConnectionLimits
  /** Something has come that is to be looked at: calls `turn()`, now or when others have had theirs. */
  wants(connection: Connection): void
  /** The same for who has just been answered: others come first. */
  wantsAgain(connection: Connection): void
  /** After everything that may have moved `wakeAt`, and when the connection is closed. */
  changed(connection: Connection): void
}

/** How long pieces of an answer are made before everybody else has a turn. */
export const SLICE = milliseconds(5)

/** Bytes that wait to be sent, above which no further request of the connection is looked at. */
const SEND_MARK = 65_536
/** How soon a connection whose answers are not taken looks again whether they were. */
const SEND_POLL = milliseconds(100)

type Phase =
  | { readonly is: 'idle' | 'head' | 'body' | 'handling'; readonly until: Instant }
  /** The client takes its answers slowly; `pending` is what was left when it was last seen to take something. */
  | { readonly is: 'sending'; readonly until: Instant; readonly look: Instant; readonly pending: number }
  | { readonly is: 'closed' }

const CLOSED: Phase = { is: 'closed' }

export class Connection {
  readonly #stream: Stream
  readonly #reader: RequestReader
  readonly #handle: HttpHandler
  readonly #host: Host
  readonly #holderNow: () => Holder | undefined
  #phase: Phase
  #requests = 0
  /** What is left of an answer that is made while it is sent. */
  #pieces: { readonly rest: Iterator<Uint8Array>; readonly isChunked: boolean } | undefined
  /** The other side has finished: it may still wait for the answer to what it sent. */
  #hasEnded = false
  /** No request is read any more; the connection goes once the last answer has left. */
  #isLast = false

  /** `holderNow`: who it counts for, as far as that is known by now. */
  constructor(stream: Stream, handle: HttpHandler, host: Host, holderNow: () => Holder | undefined) {
    const { limits, clock } = host
    this.#stream = stream
    this.#reader = new RequestReader(limits)
    this.#handle = handle
    this.#host = host
    this.#holderNow = holderNow
    this.#phase = { is: 'idle', until: afterMs(clock.now(), limits.idle) }
    const take = (content: Content) => this.#take(content)
    stream.take(take, () => this.#ended(), take)
  }

  get isClosed(): boolean {
    return this.#phase.is === 'closed'
  }

  /** A whole request has come, and its answer is being made. */
  get isWorking(): boolean {
    return this.#phase.is === 'handling'
  }

  get holder(): Holder | undefined {
    return this.#holderNow()
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

  /** The next request, if it is whole, and no other; otherwise the deadline for the rest of it. */
  turn(): void {
    const { is } = this.#phase
    if (is === 'closed' || is === 'handling' || is === 'sending') return
    const event = this.#reader.next()
    if (event !== undefined) this.#meet(event)
    else if (this.#hasEnded) this.close()
    else this.#await()
    this.#host.changed(this)
  }

  close(): void {
    if (this.#phase.is === 'closed') return
    this.#phase = CLOSED
    this.#pieces = undefined
    this.#stream.close()
    this.#host.changed(this)
  }

  #ended(): void {
    this.#hasEnded = true
    if (this.#phase.is !== 'idle' && this.#phase.is !== 'head' && this.#phase.is !== 'body') return
    // What has come and waits for its turn is answered first.
    if (this.#reader.buffered === 0) this.close()
    else this.#host.wants(this)
  }

  #take(content: Content): void {
    if (this.#phase.is === 'closed' || this.#isLast) return
    this.#reader.push(content)
    if (this.#phase.is !== 'handling' && this.#phase.is !== 'sending') this.#host.wants(this)
    // Nobody may pile up requests while an earlier one is worked on.
    else if (this.#reader.buffered > this.#host.limits.head + this.#host.limits.body) this.close()
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
    const { clock, limits } = this.#host
    const state = this.#reader.state
    const next = state === 'between' ? 'idle' : state === 'body' ? 'body' : 'head'
    if (this.#phase.is === next) return
    this.#phase = { is: next, until: afterMs(clock.now(), next === 'idle' ? limits.idle : limits.receive) }
  }

  #serve(request: HttpRequest): void {
    this.#requests++
    let answer: HttpAnswer | Promise<HttpAnswer>
    try {
      answer = this.#handle(request, this.#stream.peer)
    } catch {
      answer = mistake()
    }
    if (answer instanceof Promise) this.#serveLater(request, answer)
    else this.#reply(request, answer)
  }

  #serveLater(request: HttpRequest, answer: Promise<HttpAnswer>): void {
    const { clock, limits } = this.#host
    const phase: Phase = { is: 'handling', until: afterMs(clock.now(), limits.handle) }
    this.#phase = phase
    // The answer to a request that ran out of time comes too late for its connection.
    const reply = (response: HttpAnswer) => {
      if (this.#phase !== phase) return
      this.#reply(request, response)
      this.#host.changed(this)
    }
    answer.then(reply, () => reply(mistake()))
  }

  #reply(request: HttpRequest, response: HttpAnswer): void {
    const isChunked = request.minor === 1
    const isUnending = 'pieces' in response && !isChunked
    const isWanted = request.keepAlive && response.close !== true && !this.#hasEnded
    this.#isLast = isUnending || !isWanted || this.#requests >= this.#host.limits.requests
    if ('pieces' in response) {
      this.#stream.write(encodePiecesHead(response, request, !this.#isLast))
      if (request.method !== 'HEAD') this.#pieces = { rest: response.pieces[Symbol.iterator](), isChunked }
    } else this.#stream.write(encodeResponse(response, request, !this.#isLast))
    this.#writeOn()
    response.sent?.()
  }

  /** Makes and sends pieces for a while, as long as the client takes them. */
  #writeOn(): void {
    if (this.#pieces !== undefined && !this.#writePieces(this.#pieces)) {
      this.close() // half an answer has been sent: only the end of the connection can say that it is none
      return
    }
    this.#afterWriting()
  }

  /** False when there is a fault in what makes them. */
  #writePieces({ rest, isChunked }: { readonly rest: Iterator<Uint8Array>; readonly isChunked: boolean }): boolean {
    const { clock } = this.#host
    const start = clock.now()
    while (this.#hasTaken() && clock.now() - start < SLICE) {
      const piece = nextOf(rest)
      if (piece === 'broken') return false
      if (piece === 'end') {
        this.#pieces = undefined
        if (isChunked) this.#stream.write(LAST_CHUNK)
        return true
      }
      if (piece.length > 0) this.#stream.write(isChunked ? encodeChunk(piece) : piece)
    }
    return true
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
    if (isWhole && this.#hasTaken()) {
      this.#sent()
      return
    }
    const now = this.#host.clock.now()
    const look = this.#hasTaken() ? now : afterMs(now, SEND_POLL)
    const pending = this.#stream.pending
    this.#phase = { is: 'sending', until: afterMs(now, this.#host.limits.send), look, pending }
  }

  #hasTaken(): boolean {
    return this.#stream.pending <= (this.#isLast && this.#pieces === undefined ? 0 : SEND_MARK)
  }

  #sent(): void {
    if (this.#isLast) {
      this.#phase = CLOSED // the stream closes by itself after `end`
      this.#host.changed(this)
      return
    }
    const { clock, limits } = this.#host
    this.#phase = { is: 'idle', until: afterMs(clock.now(), limits.idle) }
    if (this.#reader.buffered > 0) this.#host.wantsAgain(this)
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
      this.#phase = { is: 'sending', until: afterMs(now, this.#host.limits.send), look, pending }
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

export const refusal = (status: number, why: string): HttpReply => ({
  status,
  fields: [['content-type', 'text/plain; charset=utf-8']],
  body: `${why}\n`,
})

const mistake = (): HttpReply => refusal(500, 'the daemon made a mistake')
