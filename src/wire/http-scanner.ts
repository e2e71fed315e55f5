/** Where the head of an HTTP message ends (RFC 9112 §2.1, §2.2), as the bytes come in, and what must not stand in it. */
import type { Fault } from './http-head.ts'
import { fault } from './http-head.ts'
import type { Inbox } from './http-inbox.ts'

/** Finds the empty line at the end of a head, looking at each byte once; faults as early as they show. */
export class HeadScanner {
  readonly #most: number
  /** Bytes of the inbox already looked at, and where the lines among them start and end. */
  #seen = 0
  #line = 0
  #ends: number[] = []

  constructor(most: number) {
    this.#most = most
  }

  /** The lines of a head, without the line end of the last. */
  read(inbox: Inbox): string | Fault | undefined {
    const plain = this.#seen === 0 ? takePlainHead(inbox, this.#most) : undefined
    return plain ?? this.#readOn(inbox)
  }

  #readOn(inbox: Inbox): string | Fault | undefined {
    // RFC 9112 §2.2: an empty line before a request is to be overlooked. One: who sends more is no HTTP client.
    while (this.#seen < inbox.length) {
      const byte = inbox.at(this.#seen)
      if (this.#seen >= this.#most) return this.#tooLong()
      this.#seen++
      if (byte === LF) {
        if (this.#seen < 2 || inbox.at(this.#seen - 2) !== CR) return fault(400, 'a bare line feed')
        const end = this.#endLine()
        if (end !== undefined) return this.#take(inbox, end)
      } else if (this.#seen >= 2 && inbox.at(this.#seen - 2) === CR) return fault(400, 'a bare carriage return')
      else if ((byte < 0x20 && byte !== 0x09 && byte !== CR) || byte === 0x7f) return fault(400, 'a control character')
    }
    return undefined
  }

  /** The head's size when this line end is its last. */
  #endLine(): number | undefined {
    const isEmpty = this.#seen - this.#line === 2
    this.#line = this.#seen
    if (isEmpty && this.#ends.length > 0 && !(this.#ends.length === 1 && this.#ends[0] === 2)) return this.#seen
    this.#ends.push(this.#seen)
    return undefined
  }

  #take(inbox: Inbox, size: number): string {
    const text = inbox.takeText(size)
    this.#seen = 0
    this.#line = 0
    this.#ends = []
    return text.slice(text.startsWith('\r\n') ? 2 : 0, -4)
  }

  #tooLong(): Fault {
    return this.#ends.length === 0 ? fault(414, 'the request line is too long') : fault(431, 'the head is too long')
  }
}

/** A head as it nearly always comes, at once and with nothing wrong in its characters: two looks instead of a loop. */
function takePlainHead(inbox: Inbox, most: number): string | undefined {
  const text = inbox.peekText(Math.min(inbox.length, most, PLAIN_MOST))
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const lines = text.slice(0, end + 2)
  if (!PLAIN_LINES.test(lines)) return undefined
  inbox.skip(end + 4)
  return lines.slice(0, -2)
}

const PLAIN_MOST = 1024
const PLAIN_LINES = /^(?:[\t -~\x80-\xff]+\r\n)+$/

const CR = 13
const LF = 10
