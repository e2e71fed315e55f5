/** The body of an HTTP message, by its length or in chunks (RFC 9112 §6, §7.1), as the bytes come in. */
import { joined } from '../base/bytes.ts'
import type { Fault, Framing } from './http-head.ts'
import { fault, parseFields } from './http-head.ts'
import type { Inbox } from './http-inbox.ts'

export type BodyStep = Fault | { readonly is: 'more' } | { readonly is: 'body'; readonly bytes: Uint8Array }

/** Reads on from `inbox`; `more` until the body is whole. */
export interface BodyReader {
  read(inbox: Inbox): BodyStep
}

/** At most `most` bytes; in chunks, also at most four times as many on the wire. */
export function bodyReader(framing: Framing, most: number): BodyReader {
  return framing.is === 'length' ? new ByLength(framing.length, most) : new InChunks(most)
}

const MORE = { is: 'more' } as const
const TOO_LONG = fault(413, 'the body is too long')
/** Digits, extensions and line end of one chunk's head. */
const CHUNK_LINE = 256
const TRAILERS = 4096
const TRAILER_FIELDS = 16
/** What must not stand in a trailer (RFC 9110 §6.5.1): whoever believed it would see another message. */
const FRAMING: readonly string[] = ['content-length', 'transfer-encoding', 'host', 'connection']

class ByLength implements BodyReader {
  readonly #length: number
  readonly #most: number

  constructor(length: number, most: number) {
    this.#length = length
    this.#most = most
  }

  read(inbox: Inbox): BodyStep {
    if (this.#length > this.#most) return TOO_LONG
    return inbox.length < this.#length ? MORE : { is: 'body', bytes: inbox.take(this.#length) }
  }
}

type ChunkState = { is: 'size' } | { is: 'data'; left: number } | { is: 'data-end' } | { is: 'trailers' }

class InChunks implements BodyReader {
  readonly #most: number
  readonly #parts: Uint8Array[] = []
  readonly #trailers: string[] = []
  #size = 0
  #onWire = 0
  #trailerBytes = 0
  #state: ChunkState = { is: 'size' }

  constructor(most: number) {
    this.#most = most
  }

  read(inbox: Inbox): BodyStep {
    for (;;) {
      const before = inbox.length
      const step = this.#step(inbox)
      this.#onWire += before - inbox.length
      if (this.#onWire > 4 * this.#most + TRAILERS) return TOO_LONG
      if (step !== undefined) return step
    }
  }

  #step(inbox: Inbox): BodyStep | undefined {
    switch (this.#state.is) {
      case 'size':
        return this.#readSize(inbox)
      case 'data':
        return this.#readData(inbox, this.#state.left)
      case 'data-end':
        return this.#readDataEnd(inbox)
      case 'trailers':
        return this.#readTrailer(inbox)
    }
  }

  #readSize(inbox: Inbox): BodyStep | undefined {
    const line = takeLine(inbox, CHUNK_LINE)
    if (typeof line !== 'string') return line
    const size = chunkSize(line)
    if (size === undefined) return fault(400, 'no proper chunk size')
    if (this.#size + size > this.#most) return TOO_LONG
    this.#state = size === 0 ? { is: 'trailers' } : { is: 'data', left: size }
    return undefined
  }

  #readData(inbox: Inbox, left: number): BodyStep | undefined {
    if (inbox.length === 0) return MORE
    const part = inbox.take(Math.min(left, inbox.length))
    this.#parts.push(part)
    this.#size += part.length
    this.#state = part.length === left ? { is: 'data-end' } : { is: 'data', left: left - part.length }
    return undefined
  }

  #readDataEnd(inbox: Inbox): BodyStep | undefined {
    if (inbox.length < 2) return MORE
    if (inbox.at(0) !== CR || inbox.at(1) !== LF) return fault(400, 'a chunk longer than it says')
    inbox.skip(2)
    this.#state = { is: 'size' }
    return undefined
  }

  /** Trailers are checked as fields are, and dropped (RFC 9110 §6.5.1). */
  #readTrailer(inbox: Inbox): BodyStep | undefined {
    const before = inbox.length
    const line = takeLine(inbox, TRAILERS)
    if (typeof line !== 'string') return line
    this.#trailerBytes += before - inbox.length
    if (this.#trailerBytes > TRAILERS) return fault(431, 'the trailers are too long')
    if (line === '') return { is: 'body', bytes: joined(this.#parts) }
    this.#trailers.push(line)
    const fields = parseFields(this.#trailers, TRAILER_FIELDS)
    if ('is' in fields) return fields
    return fields.some(([name]) => FRAMING.includes(name)) ? fault(400, 'a trailer about the framing') : undefined
  }
}

const CR = 13
const LF = 10

/** A line without its CRLF, `more` while it is not whole; control characters and bare line ends are faults. */
function takeLine(inbox: Inbox, most: number): string | BodyStep {
  for (let i = 0; i < inbox.length; i++) {
    if (i >= most) return fault(431, 'a line is too long')
    const byte = inbox.at(i)
    if (byte === CR) {
      if (i + 1 === inbox.length) return MORE
      if (inbox.at(i + 1) !== LF) return fault(400, 'a bare carriage return')
      const line = inbox.takeText(i)
      inbox.skip(2)
      return line
    }
    if ((byte < 0x20 && byte !== 0x09) || byte === 0x7f) return fault(400, 'a control character')
  }
  return MORE
}

/** `1a`, `1A;name=value`; extensions (RFC 9112 §7.1.1) are read over, where their grammar is kept. */
function chunkSize(line: string): number | undefined {
  const parts = CHUNK_HEAD.exec(line)
  return parts === null ? undefined : Number.parseInt(parts[1] as string, 16)
}

/** At most eight digits: no arithmetic can go wrong. */
const CHUNK_HEAD =
  /^([0-9a-fA-F]{1,8})(?:;[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:=(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+|"[ !#-[\]-~]*"))?)*$/
