/**
 * One command line, read from left to right. Faults are thrown as `Malformed` with RouterOS' words and the column, and
 * end in `grammar.ts`.
 */
import { Malformed } from '../base/fail.ts'

const BLANK = /[ \t\r\n]/
const WORD = /[0-9A-Za-z.-]/
/** What ends a value without quotes. */
const VALUE_END = /[ \t\r\n"';()[\]{}]/

export class Scanner {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  get at(): number {
    return this.#at
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#text.length
  }

  peek(): string {
    return this.#text.charAt(this.#at)
  }

  /** Reads over blanks, and over a comment, which is the rest of the line after `#`. */
  skipBlanks(): void {
    while (!this.isAtEnd && BLANK.test(this.peek())) this.#at++
    if (this.peek() === '#') this.#at = this.#text.length
  }

  /** Blanks and the slashes between path words. */
  skipPathGap(): void {
    this.skipBlanks()
    while (this.peek() === '/') {
      this.#at++
      this.skipBlanks()
    }
  }

  accept(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false
    this.#at += text.length
    return true
  }

  /** Letters, digits, hyphens and dots; empty when something else comes next. */
  word(): string {
    const start = this.#at
    while (!this.isAtEnd && WORD.test(this.peek())) this.#at++
    return this.#text.slice(start, this.#at)
  }

  /** The same word again, for a reader that wants to look first. */
  back(at: number): void {
    this.#at = at
  }

  /** A value: in quotes with RouterOS' escapes, or everything up to a blank or bracket. */
  value(): string {
    if (this.peek() === '"') return this.#quoted()
    const start = this.#at
    while (!this.isAtEnd && !VALUE_END.test(this.peek())) this.#at++
    return this.#text.slice(start, this.#at)
  }

  fail(message: string, at = this.#at): never {
    throw new Malformed(`${message} (line 1 column ${at + 1})`)
  }

  #quoted(): string {
    const start = this.#at++
    let text = ''
    while (!this.isAtEnd) {
      const char = this.peek()
      this.#at++
      if (char === '"') return text
      text += char === '\\' ? this.#escaped() : char
    }
    return this.fail('missing closing quote', start)
  }

  /** `\n \r \t \_ \" \\ \$ \?` and two hexadecimal digits; before anything else the backslash stands for itself. */
  #escaped(): string {
    const hex = /^[0-9A-F]{2}/.exec(this.#text.slice(this.#at, this.#at + 2))
    if (hex !== null) {
      this.#at += 2
      return String.fromCharCode(Number.parseInt(hex[0], 16))
    }
    const char = this.peek()
    this.#at++
    return ESCAPES[char] ?? `\\${char}`
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  _: ' ',
  '"': '"',
  '\\': '\\',
  $: '$',
  '?': '?',
}
