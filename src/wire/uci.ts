/**
 * OpenWrt's configuration language (libuci `file.c`, `util.c`), read and written without any decision about what the
 * options mean. `parseUci` throws `UciError` and nothing else; a file with one mistake is refused whole, as libuci
 * does. `writeUci` cannot fail. Reading takes time linear in the size, which is limited.
 */
import { Malformed } from '../base/fail.ts'
import { oneLine, utf8Decode, utf8Encode } from '../base/text.ts'
import type { Place } from './uci-scanner.ts'
import { UciScanner } from './uci-scanner.ts'

export type { Place } from './uci-scanner.ts'

/** A firewall with a thousand rules has 200 kilobytes and 8,000 lines; what is far larger is no configuration. */
export const UCI_MOST_BYTES = 1 << 19
/** Sections and values together: each costs some hundred bytes of memory, however short its line is. */
export const UCI_MOST_ENTRIES = 20_000

export interface UciOption {
  readonly name: string
  /** One text for `option`, several for `list`. */
  readonly value: string | readonly string[]
  /** One for each value, in the same order. */
  readonly places: readonly [Place, ...Place[]]
}

export interface UciSection {
  readonly type: string
  /** Given by the file, or made as libuci does (`cfg02dc81`): stable only while the order of the sections is. */
  readonly name: string
  readonly anonymous: boolean
  readonly place: Place
  readonly options: ReadonlyMap<string, UciOption>
}

export interface UciFile {
  /** As the owner knows it, for messages: `/etc/config/portico`. */
  readonly path: string
  readonly sections: readonly UciSection[]
}

/** What was wrong and where, in words for the file's owner. */
export class UciError extends Malformed {
  override name = 'UciError'
  readonly path: string
  readonly place: Place
  readonly problem: string

  constructor(path: string, place: Place, problem: string) {
    super(`${path}:${place.line}:${place.column}: ${problem}`)
    this.path = path
    this.place = place
    this.problem = problem
  }
}

/** The whole file, or `UciError`. Text that is not UTF-8 is read with U+FFFD in place of the bytes that do not fit. */
export function parseUci(bytes: Uint8Array, path: string): UciFile {
  if (bytes.length > UCI_MOST_BYTES) {
    const start = { line: 1, column: 1, byte: 0 }
    throw new UciError(path, start, `the file has ${bytes.length} bytes, at most ${UCI_MOST_BYTES} are read`)
  }
  return new UciParser(bytes, path).file()
}

/** The form that `uci export` prints: comments and the order of single lines are not kept, the values are. */
export function writeUci(sections: readonly Pick<UciSection, 'type' | 'name' | 'anonymous' | 'options'>[]): string {
  return sections.map(writeSection).join('\n')
}

/** Single quotes are fully literal; the quote itself is written outside of them, escaped. */
export const quoteUci = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

/** The id that libuci gives the section that is the `position`th (from 1) of its file: `cfg02dc81`. */
export function anonymousId(position: number, type: string): string {
  // libuci file.c uci_fixup_section, djbhash: Bernstein's hash of the type, cut to 31 and then to 16 bits.
  let hash = 5381
  for (const byte of utf8Encode(type)) hash = (Math.imul(hash, 33) + byte) | 0
  return `cfg${hex(position, 2)}${hex((hash & 0x7fffffff) % 65536, 4)}`
}

type Keyword = 'package' | 'config' | 'option' | 'list'
const KEYWORDS: Readonly<Record<string, Keyword>> = {
  package: 'package',
  p: 'package',
  config: 'config',
  c: 'config',
  option: 'option',
  o: 'option',
  list: 'list',
  l: 'list',
}

const NAME = /^[A-Za-z0-9_]+$/
const PACKAGE_NAME = /^[A-Za-z0-9_-]+$/
const TYPE = /^[\x21-\x7e]+$/

interface Word {
  readonly text: string
  readonly place: Place
}

interface OpenSection {
  readonly type: string
  readonly name: string
  readonly anonymous: boolean
  readonly place: Place
  readonly options: Map<string, OpenOption>
}

interface OpenOption {
  readonly name: string
  readonly isList: boolean
  readonly values: string[]
  readonly places: [Place, ...Place[]]
}

class UciParser {
  readonly #scan: UciScanner
  readonly #path: string
  readonly #sections: OpenSection[] = []
  readonly #named = new Map<string, OpenSection>()
  #open: OpenSection | undefined
  #entries = 0

  constructor(bytes: Uint8Array, path: string) {
    this.#path = path
    this.#scan = new UciScanner(bytes, (place, problem) => {
      throw new UciError(path, place, problem)
    })
  }

  file(): UciFile {
    while (this.#scan.nextCommand()) this.#command()
    return { path: this.#path, sections: this.#sections.map(finished) }
  }

  #command(): void {
    const place = this.#scan.place()
    const word = this.#scan.keyword()
    const keyword = Object.hasOwn(KEYWORDS, word) ? KEYWORDS[word] : undefined
    if (keyword === undefined) this.#fail(place, `found ${shown(word)}, expected config, option, list or package`)
    if (++this.#entries > UCI_MOST_ENTRIES) this.#fail(place, `found more than ${UCI_MOST_ENTRIES} sections and values`)
    if (keyword === 'package') this.#package()
    else if (keyword === 'config') this.#config(place)
    else this.#option(keyword === 'list', place)
  }

  /** libuci reads and forgets it when it loads one file. */
  #package(): void {
    this.#name(PACKAGE_NAME, 'a package name of letters, digits, _ and -')
    this.#endOfLine('package')
  }

  #config(place: Place): void {
    const type = this.#name(TYPE, 'a section type of printable characters')
    const name = this.#word()
    if (name !== undefined && name.text !== '') this.#check(name, NAME, 'a section name of letters, digits and _')
    this.#endOfLine('config')
    if (name === undefined || name.text === '') {
      this.#begin({ type, name: anonymousId(this.#sections.length + 1, type), anonymous: true, place })
      return
    }
    const before = this.#named.get(name.text)
    if (before === undefined) {
      this.#named.set(name.text, this.#begin({ type, name: name.text, anonymous: false, place }))
      return
    }
    if (before.type !== type) {
      const said = `section '${name.text}' of type '${oneLine(before.type, 32)}' begins on line ${before.place.line}`
      this.#fail(name.place, `${said}, so it cannot be of type ${shown(type)} too`)
    }
    this.#open = before
  }

  #begin(section: Omit<OpenSection, 'options'>): OpenSection {
    this.#open = { ...section, options: new Map() }
    this.#sections.push(this.#open)
    return this.#open
  }

  #option(isList: boolean, place: Place): void {
    const section = this.#open
    const kind = isList ? 'list' : 'option'
    if (section === undefined) this.#fail(place, `found ${kind}, expected config first: a value belongs to a section`)
    const name = this.#name(NAME, `the name of the ${kind}: letters, digits and _`)
    const value = this.#word() ?? { text: '', place }
    this.#endOfLine(kind)
    const options = section.options
    if (isList) {
      const before = options.get(name)
      if (before === undefined) {
        options.set(name, { name, isList, values: [value.text], places: [place] })
      } else if (before.isList) {
        before.values.push(value.text)
        before.places.push(place)
      } else {
        // A list after an option of the same name takes the option's value as its first.
        options.set(name, { name, isList, values: [...before.values, value.text], places: [before.places[0], place] })
      }
      return
    }
    // libuci: setting an option to nothing deletes it, whatever it held before.
    if (value.text === '') options.delete(name)
    else options.set(name, { name, isList, values: [value.text], places: [place] })
  }

  /** A word that must be there and match. */
  #name(pattern: RegExp, expected: string): string {
    const word = this.#word()
    if (word === undefined || word.text === '') {
      this.#fail(word?.place ?? this.#scan.place(), `found the end of the line, expected ${expected}`)
    }
    this.#check(word, pattern, expected)
    return word.text
  }

  #check(word: Word, pattern: RegExp, expected: string): void {
    if (!pattern.test(word.text)) this.#fail(word.place, `found ${shown(word.text)}, expected ${expected}`)
  }

  #endOfLine(command: Keyword): void {
    const extra = this.#word()
    // libuci looks at the text only, so an empty pair of quotes passes.
    if (extra === undefined || extra.text === '') return
    const why = command === 'option' || command === 'list' ? 'a value with blanks needs quotes' : 'too many words'
    this.#fail(extra.place, `found ${shown(extra.text)}, expected the end of the line (${why})`)
  }

  #word(): Word | undefined {
    if (!this.#scan.nextWord()) return undefined
    const place = this.#scan.place()
    return { text: decoded(this.#scan.word()), place }
  }

  #fail(place: Place, problem: string): never {
    throw new UciError(this.#path, place, problem)
  }
}

function finished(section: OpenSection): UciSection {
  const options = new Map<string, UciOption>()
  for (const { name, isList, values, places } of section.options.values()) {
    options.set(name, { name, value: isList ? values : (values[0] as string), places })
  }
  return { ...section, options }
}

function writeSection(section: Pick<UciSection, 'type' | 'name' | 'anonymous' | 'options'>): string {
  const type = PACKAGE_NAME.test(section.type) ? section.type : quoteUci(section.type)
  const lines = [section.anonymous ? `config ${type}` : `config ${type} ${quoteUci(section.name)}`]
  for (const { name, value } of section.options.values()) {
    if (typeof value === 'string') lines.push(`\toption ${name} ${quoteUci(value)}`)
    else for (const item of value) lines.push(`\tlist ${name} ${quoteUci(item)}`)
  }
  return `${lines.join('\n')}\n`
}

/** Nearly every word is short and ASCII: the engine then makes the string in one step. */
function decoded(bytes: Uint8Array): string {
  if (bytes.length > 256) return utf8Decode(bytes)
  for (const byte of bytes) if (byte >= 0x80) return utf8Decode(bytes)
  return String.fromCharCode(...bytes)
}

const shown = (text: string): string => `'${oneLine(text, 40)}'`

const hex = (n: number, digits: number): string => n.toString(16).padStart(digits, '0')
