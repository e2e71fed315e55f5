/**
 * The part of XML that SOAP bodies use, between bytes and values (XML 1.0 and Namespaces in XML 1.0), and refused where
 * it could be anything else: no DTD, so no entities but the five of the standard, no processing instructions, names in
 * ASCII, UTF-8 only, bounded in bytes, depth, elements and attributes. Time is linear in the input and nothing recurses.
 *
 * One leniency, for a real client: an ampersand in text that begins no reference is itself. miniupnpc, the library
 * inside most programs that map ports, writes descriptions into its requests as they are (`Tom & Jerry`).
 */
import { Malformed } from '../base/fail.ts'
import { isUtf8, utf8Decode } from '../base/text.ts'

export interface XmlElement {
  /** URI of its namespace, '' for none. Prefixes mean nothing and are gone. */
  readonly namespace: string
  readonly name: string
  readonly attributes: readonly XmlAttribute[]
  readonly children: readonly XmlElement[]
  /** Its own text, CDATA included, references decoded; what stands between children too. */
  readonly text: string
}

export interface XmlAttribute {
  readonly namespace: string
  readonly name: string
  readonly value: string
}

export interface XmlLimits {
  readonly bytes: number
  /** Elements inside each other. */
  readonly depth: number
  /** Elements, comments and CDATA sections together. */
  readonly nodes: number
  /** Of one element, namespace declarations included. */
  readonly attributes: number
}

export const XML_LIMITS: XmlLimits = { bytes: 65536, depth: 12, nodes: 128, attributes: 16 }

/** Well-formed perhaps, but nothing that we read at all: a DTD, a processing instruction, more than the limits. */
export class XmlRefused extends Malformed {
  override name = 'XmlRefused'
}

/** The root element. Throws `Malformed` for what is no XML, `XmlRefused` for what is too much of it. */
export function parseXml(bytes: Uint8Array, limits: XmlLimits = XML_LIMITS): XmlElement {
  if (bytes.length > limits.bytes) throw new XmlRefused(`more than ${limits.bytes} bytes`)
  const text = utf8Decode(bytes)
  if (text.includes('\ufffd') && !isUtf8(bytes)) throw new Malformed('not UTF-8')
  if (!PLAIN.test(text) && NOT_XML.test(text)) throw new Malformed('a character that XML does not have')
  const start = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text
  return new Reader(
    start.includes('\r') ? start.replaceAll('\r\n', '\n').replaceAll('\r', '\n') : start,
    limits,
  ).document()
}

/** For text and for attribute values. What XML cannot say (control characters) becomes a blank. */
export function escapeXml(text: string): string {
  if (!SPECIAL.test(text)) return text
  return text.replace(EVERY_SPECIAL, char => ENTITY_OF[char] ?? ' ')
}

/** `<name>text</name>`; the name is ours. */
export const element = (name: string, text: string): string => `<${name}>${escapeXml(text)}</${name}>`

/** Nearly every document; on QuickJS found out in a third of the time of a search for what may not be there. */
const PLAIN = /^[\t\n\r -~]*$/

/** XML 1.0 §2.2: what no document may hold. Lone surrogates cannot come out of UTF-8. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters in question.
const NOT_XML = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/

// biome-ignore lint/suspicious/noControlCharactersInRegex: the same.
const SPECIAL = /[&<>"'\0-\x08\x0b-\x1f\x7f\ufffe\uffff]/
const EVERY_SPECIAL = new RegExp(SPECIAL, 'g')
const ENTITY_OF: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
}

const CHARACTER_OF: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

const XML_URI = 'http://www.w3.org/XML/1998/namespace'
const XMLNS_URI = 'http://www.w3.org/2000/xmlns/'

/** Prefix -> URI; `''` is the default namespace. */
type Scope = ReadonlyMap<string, string>

const OUTERMOST: Scope = new Map([
  ['', ''],
  ['xml', XML_URI],
])

const DECLARATION =
  /<\?xml[ \t\n]+version[ \t\n]*=[ \t\n]*(?:"1\.0"|'1\.0')(?:[ \t\n]+encoding[ \t\n]*=[ \t\n]*(?:"([A-Za-z][\w.-]*)"|'([A-Za-z][\w.-]*)'))?(?:[ \t\n]+standalone[ \t\n]*=[ \t\n]*(?:"(?:yes|no)"|'(?:yes|no)'))?[ \t\n]*\?>/y
const BLANKS = /[ \t\n]*/y
const OPEN = /<(?:([A-Za-z_][\w.-]*):)?([A-Za-z_][\w.-]*)/y
const ATTRIBUTE = /[ \t\n]+(?:([A-Za-z_][\w.-]*):)?([A-Za-z_][\w.-]*)[ \t\n]*=[ \t\n]*(?:"([^"<]*)"|'([^'<]*)')/y
const OPEN_END = /[ \t\n]*(\/?)>/y
const CLOSE = /<\/([\w.:-]+)[ \t\n]*>/y
const REFERENCE = /&(?:#([0-9]{1,8}|x[0-9a-fA-F]{1,8})|([A-Za-z_][\w.-]*));|&(#?)/g

interface OpenElement {
  /** As written, with its prefix: the closing tag must repeat it. */
  readonly tag: string
  readonly namespace: string
  readonly name: string
  readonly attributes: readonly XmlAttribute[]
  readonly scope: Scope
  readonly children: XmlElement[]
  text: string
}

interface RawAttribute {
  readonly prefix: string | undefined
  readonly name: string
  readonly value: string
}

class Reader {
  readonly #text: string
  readonly #limits: XmlLimits
  readonly #open: OpenElement[] = []
  #at = 0
  #nodes = 0
  #root: XmlElement | undefined

  constructor(text: string, limits: XmlLimits) {
    this.#text = text
    this.#limits = limits
  }

  document(): XmlElement {
    this.#declaration()
    while (this.#at < this.#text.length) {
      if (this.#text.charCodeAt(this.#at) === LESS) this.#markup()
      else this.#characters()
    }
    if (this.#root === undefined) throw new Malformed('no whole document')
    return this.#root
  }

  #declaration(): void {
    const match = this.#take(DECLARATION)
    const encoding = (match?.[1] ?? match?.[2] ?? 'utf-8').toLowerCase()
    if (encoding !== 'utf-8' && encoding !== 'us-ascii') throw new Malformed('another encoding than UTF-8')
  }

  #markup(): void {
    const next = this.#text.charCodeAt(this.#at + 1)
    if (next === SLASH) this.#close()
    else if (next === BANG) this.#section()
    else if (next === QUESTION) throw new XmlRefused('a processing instruction')
    else this.#openElement()
  }

  #openElement(): void {
    const match = this.#take(OPEN)
    if (match === undefined) throw new Malformed('no tag after <')
    if (this.#root !== undefined) throw new Malformed('something after the end')
    if (this.#open.length >= this.#limits.depth) throw new XmlRefused(`deeper than ${this.#limits.depth} elements`)
    this.#count()
    const raw = this.#text.charCodeAt(this.#at) === GREATER ? NO_ATTRIBUTES_YET : this.#attributes()
    const end = this.#take(OPEN_END)
    if (end === undefined) throw new Malformed('a broken tag')
    const scope = scopeOf(raw, this.#open.at(-1)?.scope ?? OUTERMOST)
    const namespace = resolve(scope, match[1] ?? '')
    const name = match[2] as string
    const attributes = attributesOf(raw, scope)
    this.#open.push({ tag: (match[0] as string).slice(1), namespace, name, attributes, scope, children: [], text: '' })
    if (end[1] === '/') this.#finish()
  }

  #attributes(): readonly RawAttribute[] {
    const found: RawAttribute[] = []
    for (;;) {
      const match = this.#take(ATTRIBUTE)
      if (match === undefined) return found
      if (found.length >= this.#limits.attributes)
        throw new XmlRefused(`more than ${this.#limits.attributes} attributes`)
      const value = (match[3] ?? match[4] ?? '').replaceAll('\t', ' ').replaceAll('\n', ' ')
      found.push({ prefix: match[1], name: match[2] as string, value: decoded(value, true) })
    }
  }

  #close(): void {
    const open = this.#open.at(-1)
    const usual = open === undefined ? '' : `</${open.tag}>`
    if (usual !== '' && this.#text.startsWith(usual, this.#at)) {
      this.#at += usual.length
      this.#finish()
      return
    }
    const match = this.#take(CLOSE)
    if (match === undefined || open === undefined || match[1] !== open.tag)
      throw new Malformed('tags that do not match')
    this.#finish()
  }

  #finish(): void {
    const { namespace, name, attributes, children, text } = this.#open.pop() as OpenElement
    const whole: XmlElement = { namespace, name, attributes, children, text }
    const parent = this.#open.at(-1)
    if (parent === undefined) this.#root = whole
    else parent.children.push(whole)
  }

  #section(): void {
    this.#count()
    if (this.#text.startsWith('<!--', this.#at)) {
      const end = this.#text.indexOf('--', this.#at + 4)
      if (end < 0 || this.#text[end + 2] !== '>') throw new Malformed('a broken comment')
      this.#at = end + 3
    } else if (this.#text.startsWith('<![CDATA[', this.#at)) {
      const end = this.#text.indexOf(']]>', this.#at + 9)
      const open = this.#open.at(-1)
      if (end < 0 || open === undefined) throw new Malformed('a broken CDATA section')
      open.text += this.#text.slice(this.#at + 9, end)
      this.#at = end + 3
    } else throw new XmlRefused('a document type')
  }

  #characters(): void {
    const open = this.#open.at(-1)
    if (open === undefined) {
      if (this.#take(BLANKS)?.[0] === '') throw new Malformed('text outside of the document')
      return
    }
    const end = this.#text.indexOf('<', this.#at)
    if (end < 0) throw new Malformed('no whole document')
    const text = this.#text.slice(this.#at, end)
    if (text.includes(']]>')) throw new Malformed(']]> in text')
    open.text += decoded(text, false)
    this.#at = end
  }

  #count(): void {
    if (++this.#nodes > this.#limits.nodes) throw new XmlRefused(`more than ${this.#limits.nodes} elements`)
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at
    const match = pattern.exec(this.#text)
    if (match === null) return undefined
    this.#at = pattern.lastIndex
    return match
  }
}

const LESS = 60
const GREATER = 62
const SLASH = 47
const BANG = 33
const QUESTION = 63

/** Namespaces in XML §3: `xml` and `xmlns` stay what they are, a prefix is not undeclared; and a URI has no blanks. */
function scopeOf(raw: readonly RawAttribute[], outer: Scope): Scope {
  let scope: Map<string, string> | undefined
  for (const { prefix, name, value } of raw) {
    const declares = prefix === 'xmlns' ? name : prefix === undefined && name === 'xmlns' ? '' : undefined
    if (declares === undefined) continue
    const isReserved = declares === 'xmlns' || value === XMLNS_URI || (declares === 'xml') !== (value === XML_URI)
    const isNoUri = value.includes(' ') || (declares !== '' && value === '')
    if (isReserved || isNoUri) throw new Malformed('a namespace that cannot be declared')
    scope ??= new Map(outer)
    scope.set(declares, value)
  }
  return scope ?? outer
}

function attributesOf(raw: readonly RawAttribute[], scope: Scope): readonly XmlAttribute[] {
  if (raw.length === 0) return NO_ATTRIBUTES
  const found: XmlAttribute[] = []
  const names = new Set<string>()
  for (const { prefix, name, value } of raw) {
    const isDeclaration = prefix === 'xmlns' || (prefix === undefined && name === 'xmlns')
    const namespace = isDeclaration ? XMLNS_URI : prefix === undefined ? '' : resolve(scope, prefix)
    const key = `${namespace} ${name}`
    if (names.has(key)) throw new Malformed('an attribute twice')
    names.add(key)
    if (!isDeclaration) found.push({ namespace, name, value })
  }
  return found
}

const NO_ATTRIBUTES_YET: readonly RawAttribute[] = []
const NO_ATTRIBUTES: readonly XmlAttribute[] = []

function resolve(scope: Scope, prefix: string): string {
  const uri = scope.get(prefix)
  if (uri === undefined) throw new Malformed('a prefix without a namespace')
  return uri
}

/** References become what they stand for. `strict`: an ampersand that begins none is a fault. */
function decoded(text: string, strict: boolean): string {
  if (!text.includes('&')) return text
  return text.replace(REFERENCE, (whole, number?: string, name?: string, hash?: string) => {
    if (number !== undefined) return character(number)
    if (name === undefined) {
      if (strict || hash === '#') throw new Malformed('an ampersand alone')
      return whole
    }
    const char = Object.hasOwn(CHARACTER_OF, name) ? CHARACTER_OF[name] : undefined
    if (char === undefined) throw new Malformed('an entity that is not declared')
    return char
  })
}

function character(number: string): string {
  const code = number.startsWith('x') ? Number.parseInt(number.slice(1), 16) : Number.parseInt(number, 10)
  const isSurrogate = code >= 0xd800 && code <= 0xdfff
  const char = code > 0x10ffff || isSurrogate ? '\0' : String.fromCodePoint(code)
  if (NOT_XML.test(char)) throw new Malformed('a reference to no character')
  return char
}
