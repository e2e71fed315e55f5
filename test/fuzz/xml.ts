/** XML: only `Malformed` is thrown, and what is read and written again reads the same. */
import { readFileSync } from 'node:fs'
import { utf8Encode } from '../../src/base/text.ts'
import { escapeXml, parseXml, XML_LIMITS, type XmlElement } from '../../src/wire/xml.ts'

const HARD = [
  '<?xml version="1.0" encoding="utf-8"?><!-- c --><p:a xmlns:p="u" xmlns="v" x=\'1\' p:x="&lt;&#x41;"><b/>t&amp;<![CDATA[<]]>]]&gt;</p:a> ',
  '<a>Tom & Jerry &#10;&#x1F600; grün</a>',
  '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><l>&b;</l>',
  '<a xmlns:xml="http://www.w3.org/XML/1998/namespace" xml:lang="en"><a xmlns=""><a/></a></a>',
  '\ufeff<a\n\tb = "c"\r\n></a\t>',
  '<?xml version="1.0"?><?pi x?><a/>',
  `${'<a>'.repeat(11)}${'</a>'.repeat(11)}`,
]

/** The bodies of recorded calls, and markup that is hard to read. */
export const seeds: readonly Uint8Array[] = [
  ...readFileSync('test/vectors/igd/calls.txt', 'utf8')
    .split('\n')
    .filter(line => line.startsWith('<?xml'))
    .map(line => utf8Encode(line.replaceAll('\\r', '\r').replaceAll('\\n', '\n'))),
  ...HARD.map(utf8Encode),
]

export function target(bytes: Uint8Array): void {
  const read = parseXml(bytes)
  const deep = depth(read)
  if (deep > XML_LIMITS.depth || count(read) > XML_LIMITS.nodes) throw new Error('above the limits')
  const again = parseXml(utf8Encode(written(read)), { ...XML_LIMITS, bytes: 8 * bytes.length + 64, attributes: 40 })
  if (JSON.stringify(again) !== JSON.stringify(read)) throw new Error('written, then read differently')
}

const depth = ({ children }: XmlElement): number => 1 + Math.max(0, ...children.map(depth))
const count = ({ children }: XmlElement): number => children.reduce((sum, each) => sum + count(each), 1)

/** Every namespace by a prefix of its own; `xml` has its own already. */
function written({ namespace, name, attributes, text, children }: XmlElement): string {
  const prefix = namespace === 'http://www.w3.org/XML/1998/namespace' ? 'xml:' : namespace === '' ? '' : 'n:'
  const own = prefix === 'n:' ? ` xmlns:n="${character(namespace)}"` : ''
  const said = attributes.map((each, i) => {
    if (each.namespace === '') return ` ${each.name}="${character(each.value)}"`
    if (each.namespace.endsWith('/XML/1998/namespace')) return ` xml:${each.name}="${character(each.value)}"`
    return ` xmlns:q${i}="${character(each.namespace)}" q${i}:${each.name}="${character(each.value)}"`
  })
  return `<${prefix}${name}${own}${said.join('')}>${children.map(written).join('')}${character(text)}</${prefix}${name}>`
}

/** References keep what writing or reading would change. */
const character = (text: string): string =>
  text
    .split(/([\t\n\r\x7f])/)
    .map(part => (/^[\t\n\r\x7f]$/.test(part) ? `&#${part.charCodeAt(0)};` : escapeXml(part)))
    .join('')
