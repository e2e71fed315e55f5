/** Bytes of a UCI file to words: quotes, escapes, continuation lines and comments (libuci `file.c` parse_str). */

/** Where something begins: line and column from 1, byte from 0. */
export interface Place {
  readonly line: number
  readonly column: number
  readonly byte: number
}

const TAB = 0x09
const LF = 0x0a
const CR = 0x0d
const SPACE = 0x20
const DOUBLE = 0x22
const HASH = 0x23
const SINGLE = 0x27
const SEMICOLON = 0x3b
const BACKSLASH = 0x5c

/** 1 for each byte that ends a run of plain text. */
type Ends = Uint8Array

const endsAt = (...bytes: readonly number[]): Ends =>
  Uint8Array.from({ length: 256 }, (_, i) => (bytes.includes(i) ? 1 : 0))

const BARE_ENDS = endsAt(SPACE, TAB, CR, 0x0b, 0x0c, LF, HASH, SINGLE, DOUBLE, SEMICOLON, BACKSLASH)
const SINGLE_ENDS = endsAt(SINGLE)
const DOUBLE_ENDS = endsAt(DOUBLE, BACKSLASH)

type Fail = (place: Place, problem: string) => never

export class UciScanner {
  readonly #bytes: Uint8Array
  readonly #fail: Fail
  #at = 0
  #line = 1
  #lineStart = 0

  constructor(bytes: Uint8Array, fail: Fail) {
    this.#bytes = bytes
    this.#fail = fail
  }

  place(): Place {
    return { line: this.#line, column: this.#at - this.#lineStart + 1, byte: this.#at }
  }

  /** Moves to the first letter of the next command; `false` at the end of the file. */
  nextCommand(): boolean {
    for (;;) {
      this.#skipBlanks()
      if (this.#at >= this.#bytes.length) return false
      if (this.#bytes[this.#at] === HASH) this.#skipComment()
      else if (this.#bytes[this.#at] === LF) this.#newLine()
      else return true
    }
  }

  /** Letters up to the next blank, without quotes or escapes: libuci cuts the keyword off before it looks at these. */
  keyword(): string {
    const start = this.#at
    while (this.#at < this.#bytes.length && !isBlank(this.#bytes[this.#at]) && this.#bytes[this.#at] !== LF) this.#at++
    return String.fromCharCode(...this.#bytes.subarray(start, Math.min(this.#at, start + 64)))
  }

  /** Moves to the next word of this command; `false` when the line has no more. */
  nextWord(): boolean {
    this.#skipBlanks()
    if (this.#at >= this.#bytes.length || this.#bytes[this.#at] === LF) return false
    if (this.#bytes[this.#at] !== HASH) return true
    this.#skipComment()
    return false
  }

  /** One word: bare, quoted, or pieces of both side by side. */
  word(): Uint8Array {
    const pieces: Uint8Array[] = []
    for (;;) {
      this.#run(pieces, BARE_ENDS)
      const byte = this.#bytes[this.#at]
      if (byte === SINGLE) this.#quoted(pieces, SINGLE_ENDS)
      else if (byte === DOUBLE) this.#quoted(pieces, DOUBLE_ENDS)
      else if (byte === BACKSLASH) this.#escaped(pieces)
      else if (byte === SEMICOLON)
        this.#fail(this.place(), "found ';', expected the end of the line or quotes around it")
      else return pieces.length === 1 ? (pieces[0] as Uint8Array) : joined(pieces)
    }
  }

  /** Text up to the next byte that means something here; line feeds inside of it are counted. */
  #run(pieces: Uint8Array[], ends: Ends): void {
    const start = this.#at
    for (;;) {
      const byte = this.#bytes[this.#at]
      if (byte === undefined || ends[byte] === 1) break
      if (byte === 0) this.#fail(this.place(), 'found a zero byte, expected text')
      if (byte === LF) this.#newLine()
      else this.#at++
    }
    if (this.#at > start) pieces.push(this.#bytes.subarray(start, this.#at))
  }

  #quoted(pieces: Uint8Array[], ends: Ends): void {
    const start = this.place()
    const quote = this.#bytes[this.#at]
    this.#at++
    for (;;) {
      this.#run(pieces, ends)
      const byte = this.#bytes[this.#at]
      if (byte === undefined) {
        const mark = quote === SINGLE ? "'" : '"'
        this.#fail(start, `found the end of the file, expected the ${mark} that ends this text`)
      }
      if (byte === BACKSLASH) this.#escaped(pieces)
      else break
    }
    this.#at++
  }

  /** `\X` is X, without the escapes of C; a backslash at the end of a line joins it with the next. */
  #escaped(pieces: Uint8Array[]): void {
    const start = this.place()
    this.#at++
    if (this.#bytes[this.#at] === CR && this.#bytes[this.#at + 1] === LF) this.#at++
    const byte = this.#bytes[this.#at]
    if (byte === undefined) this.#fail(start, 'found the end of the file, expected a character after the backslash')
    if (byte === LF) {
      this.#newLine()
      return
    }
    if (byte === 0) this.#fail(this.place(), 'found a zero byte, expected text')
    pieces.push(this.#bytes.subarray(this.#at, this.#at + 1))
    this.#at++
  }

  #skipBlanks(): void {
    while (isBlank(this.#bytes[this.#at])) this.#at++
  }

  #skipComment(): void {
    while (this.#at < this.#bytes.length && this.#bytes[this.#at] !== LF) this.#at++
  }

  #newLine(): void {
    this.#at++
    this.#line++
    this.#lineStart = this.#at
  }
}

/** C's isspace without the line feed: a carriage return counts, so files with CRLF read the same. */
const isBlank = (byte: number | undefined): boolean =>
  byte === SPACE || byte === TAB || byte === CR || byte === 0x0b || byte === 0x0c

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}
