/**
 * Our XML reader beside saxes, a complete one, on the same bytes. What we take saxes must take too and read the same,
 * but for the one leniency that `wire/xml.ts` names. Where saxes takes what we refuse, the reason must be one that we
 * are strict about on purpose.
 */
import { SaxesParser } from 'saxes'
import { describe, expect, test } from 'vitest'
import { Malformed } from '../../src/base/fail.ts'
import { isUtf8, utf8Decode, utf8Encode } from '../../src/base/text.ts'
import { parseXml, type XmlElement } from '../../src/wire/xml.ts'
import type { Random } from './mutate.ts'
import { mutated, random } from './mutate.ts'
import { RUNS as runs, SEED as seed } from './rounds.ts'
import { seeds } from './xml.ts'

interface Node {
  readonly namespace: string
  readonly name: string
  readonly attributes: { readonly namespace: string; readonly name: string; readonly value: string }[]
  readonly children: Node[]
  text: string
}

/** What we refuse and saxes takes, each with its reason to be strict. */
const STRICT: readonly (readonly [why: RegExp, because: string])[] = [
  [/^a document type$/, 'no DTD, so no entities of a stranger'],
  [/^a processing instruction$/, 'SOAP 1.1 §3 forbids both'],
  [/^deeper than|^more than/, 'our limits'],
  [/^another encoding than UTF-8$/, 'saxes gets text and believes it'],
  [/^not UTF-8$/, 'the same'],
  [/^no tag after <$|^a broken tag$|^tags that do not match$/, 'names beyond ASCII, or with more than one colon'],
  [/^a prefix without a namespace$/, 'a prefix beyond ASCII: the part before it was taken for the name'],
  [
    /^a namespace that cannot be declared$/,
    'blanks around a URI, which saxes takes away, and reserved ones that it lets pass',
  ],
]

function saxesReads(text: string): Node | string {
  const parser = new SaxesParser({ xmlns: true, fragment: false })
  const open: Node[] = []
  let root: Node | undefined
  let fault: string | undefined
  parser.on('error', error => {
    fault ??= error.message
  })
  parser.on('opentag', ({ uri, local, attributes }) => {
    const said = Object.values(attributes)
      .filter(each => each.uri !== 'http://www.w3.org/2000/xmlns/')
      .map(each => ({ namespace: each.uri, name: each.local, value: each.value }))
    const node: Node = { namespace: uri, name: local, attributes: said, children: [], text: '' }
    open.at(-1)?.children.push(node)
    root ??= node
    open.push(node)
  })
  parser.on('closetag', () => open.pop())
  const add = (part: string) => {
    const node = open.at(-1)
    if (node !== undefined) node.text += part
  }
  parser.on('text', add)
  parser.on('cdata', add)
  try {
    parser.write(text).close()
  } catch (error) {
    fault ??= String(error)
  }
  return fault ?? root ?? 'nothing'
}

const strip = ({ namespace, name, attributes, children, text }: XmlElement): Node => ({
  namespace,
  name,
  attributes: attributes.map(each => ({ ...each })),
  children: children.map(strip),
  text,
})

function weRead(bytes: Uint8Array): Node | string {
  try {
    return strip(parseXml(bytes))
  } catch (error) {
    if (error instanceof Malformed) return error.message
    throw error
  }
}

interface Tally {
  same: number
  refusedByBoth: number
  lenient: number
  strict: Record<string, number>
}

function compare(bytes: Uint8Array, tally: Tally): void {
  const ours = weRead(bytes)
  const text = utf8Decode(bytes)
  const theirs = saxesReads(text)
  const where = `seed ${seed}: ${JSON.stringify(text)}`
  if (typeof ours !== 'string') {
    if (typeof theirs !== 'string') {
      expect(ours, where).toEqual(theirs)
      tally.same++
      return
    }
    // The one leniency: with its ampersands written out saxes reads the same.
    const mended = text.replace(
      /(<!--[\s\S]*?-->|<!\[CDATA\[[\s\S]*?\]\]>)|&(?!#|[A-Za-z_][\w.-]*;)/g,
      (_, kept?: string) => kept ?? '&amp;',
    )
    expect(mended, `${theirs}, and we take it: ${where}`).not.toBe(text)
    expect(saxesReads(mended), where).toEqual(ours)
    tally.lenient++
  } else if (typeof theirs === 'string') tally.refusedByBoth++
  else {
    const reason = STRICT.find(([why]) => why.test(ours))
    if (reason === undefined) throw new Error(`strict without a reason: ${ours}: ${where}`)
    if (ours === 'not UTF-8') expect(isUtf8(bytes)).toBe(false)
    tally.strict[ours] = (tally.strict[ours] ?? 0) + 1
  }
}

/** A document put together from pieces that are right, nearly right and wrong. */
function composed(pick: Random): Uint8Array {
  const one = (choices: readonly string[]): string => choices[pick(choices.length)] as string
  const often = (usual: string, ...others: string[]): string => (pick(8) > 0 ? usual : one(others))
  const text = () =>
    one([
      '',
      't',
      ' \n ',
      '&lt;',
      '&#65;',
      '&#x41;',
      '&#0;',
      '&x;',
      '& ',
      '&',
      '&;',
      ']]',
      ']]>',
      '"',
      "'",
      'ü',
      '\r\n',
      '\t',
      '<![CDATA[<&]]>',
      '<!-- x -->',
      '<!-- -- -->',
      '<?p?>',
      '&amp;amp;',
      '>',
    ])
  const attribute = () =>
    `${often(' ', '', '\n', '  ')}${one(['x', 'y', 'p:x', 'q:x', 'xmlns', 'xmlns:p', 'xmlns:q', 'xml:lang', 'xmlns:xml', '1', 'x:'])}${often('=', ' = ', '', '==')}${one(['"1"', "'2'", '"u"', '"v"', '""', '"&amp;"', '"&"', '"<"', '"a\tb"', '"', '1', '"http://www.w3.org/XML/1998/namespace"'])}`
  const tree = (depth: number): string => {
    const name = often('a', 'p:a', 'q:b', 'p:', ':a', '1', 'a:b:c', 'ü', '')
    const attributes = Array.from({ length: pick(3) }, attribute).join('')
    if (pick(4) === 0) return `<${name}${attributes}${often('/>', ' />', '/ >', '>')}`
    const inside = Array.from({ length: pick(4) }, () => (depth > 3 || pick(2) > 0 ? text() : tree(depth + 1))).join('')
    return `<${name} xmlns:p="u"${attributes}>${inside}</${often(name, 'z', `${name} `, ` ${name}`)}>`
  }
  const head = often(
    '',
    '<?xml version="1.0"?>',
    "<?xml version='1.0' encoding='utf-8'?>",
    '<?xml version="1.1"?>',
    '<?xml?>',
    ' <?xml version="1.0"?>',
    '\ufeff',
    '<!DOCTYPE a>',
    '<!-- x -->',
    'x',
  )
  return utf8Encode(`${head}${tree(0)}${often('', '\n', 'x', '<a/>', '<!-- x -->', '<![CDATA[x]]>')}`)
}

const fresh = (): Tally => ({ same: 0, refusedByBoth: 0, lenient: 0, strict: {} })

describe('the XML reader and saxes agree', () => {
  test('on every recorded body', () => {
    const tally = fresh()
    for (const bytes of seeds) compare(bytes, tally)
    expect(tally.same).toBeGreaterThan(30)
  })

  test('on composed documents', () => {
    const pick = random(seed)
    const tally = fresh()
    for (let run = 0; run < runs; run++) compare(composed(pick), tally)
    console.log(`oracle, composed: ${runs} inputs (FUZZ_SEED=${seed})`, tally)
    expect(tally.same).toBeGreaterThan(runs / 20)
    expect(tally.refusedByBoth).toBeGreaterThan(runs / 20)
  })

  test('on mutated documents', () => {
    const pick = random(seed)
    const tally = fresh()
    for (let run = 0; run < runs; run++) compare(mutated(seeds, pick), tally)
    console.log(`oracle, mutated: ${runs} inputs (FUZZ_SEED=${seed})`, tally)
    expect(tally.same).toBeGreaterThan(runs / 100)
  })
})
