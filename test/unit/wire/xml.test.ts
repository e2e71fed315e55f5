import { describe, expect, test } from 'vitest'
import { Malformed } from '../../../src/base/fail.ts'
import { utf8Encode } from '../../../src/base/text.ts'
import { element, escapeXml, parseXml, XML_LIMITS, type XmlElement, XmlRefused } from '../../../src/wire/xml.ts'

type Short = readonly [name: string, ...inside: (string | Short)[]]

/** `{namespace}name`, then attributes, then text, then children. */
function short({ namespace, name, attributes, text, children }: XmlElement): Short {
  const full = namespace === '' ? name : `{${namespace}}${name}`
  const said = attributes.map(
    each => `@${each.namespace === '' ? '' : `{${each.namespace}}`}${each.name}=${each.value}`,
  )
  return [full, ...said, ...(text === '' ? [] : [text]), ...children.map(short)]
}

const read = (text: string | Uint8Array): Short => short(parseXml(typeof text === 'string' ? utf8Encode(text) : text))

/** `malformed`, `refused`, or what was read. */
function verdict(text: string | Uint8Array): string {
  try {
    return JSON.stringify(read(text))
  } catch (error) {
    if (error instanceof XmlRefused) return 'refused'
    if (error instanceof Malformed) return 'malformed'
    throw error
  }
}

describe('parseXml() reads', () => {
  const rows: readonly (readonly [what: string, text: string, result: Short])[] = [
    ['an element', '<a/>', ['a']],
    ['blanks in a tag', '<a \n x = "1"\t></a \n>', ['a', '@x=1']],
    ['text and children', '<a>t<b>u</b>v</a>', ['a', 'tv', ['b', 'u']]],
    ['a declaration', '<?xml version="1.0" encoding="UTF-8" standalone=\'yes\' ?><a/>', ['a']],
    ['single quotes (UDA check 37)', "<?xml version='1.0'?><a x='\"'/>", ['a', '@x="']],
    ['a byte order mark (UDA check 37)', '\ufeff<a/>', ['a']],
    ['comments, also around the root (UDA check 37)', '<!-- a --><a>b<!-- < & -->c</a><!---->\n', ['a', 'bc']],
    ['CDATA (UDA check 37)', '<a>x<![CDATA[<b>&amp;]]]]>y</a>', ['a', 'x<b>&amp;]]y']],
    [
      'the five entities',
      '<a x="&lt;&gt;&amp;&quot;&apos;">&lt;&gt;&amp;&quot;&apos;</a>',
      ['a', '@x=<>&"\'', '<>&"\''],
    ],
    ['character references', '<a>&#65;&#x42;&#x1F600;&#10;</a>', ['a', 'AB\u{1f600}\n']],
    ['an entity once, not twice', '<a>&amp;lt;</a>', ['a', '&lt;']],
    ['UTF-8 beyond ASCII', '<a>grün 东京 \u{1f600}</a>', ['a', 'grün 东京 \u{1f600}']],
    ['line ends as one', '<a>1\r\n2\r3</a>', ['a', '1\n2\n3']],
    ['blanks of attributes as blanks', '<a x="1\t2\n3"/>', ['a', '@x=1 2 3']],
    ['a prefix', '<p:a xmlns:p="u"/>', ['{u}a']],
    ['a default namespace, and none inside it', '<a xmlns="u"><b xmlns=""/><c/></a>', ['{u}a', ['b'], ['{u}c']]],
    [
      'prefixes that mean something else inside',
      '<p:a xmlns:p="u"><p:b xmlns:p="v"/><p:c/></p:a>',
      ['{u}a', ['{v}b'], ['{u}c']],
    ],
    [
      'attributes: with a prefix in its namespace, without one in none',
      '<a xmlns="u" xmlns:p="v" x="1" p:x="2" xml:lang="en"/>',
      ['{u}a', '@x=1', '@{v}x=2', '@{http://www.w3.org/XML/1998/namespace}lang=en'],
    ],
    [
      'an ampersand that begins no reference, as miniupnpc sends it',
      '<a>Tom & Jerry &; &x </a>',
      ['a', 'Tom & Jerry &; &x '],
    ],
  ]
  test.each(rows)('%s', (_what, text, result) => expect(read(text)).toEqual(result))
})

describe('parseXml() takes for no XML', () => {
  const rows: readonly (readonly [what: string, text: string | Uint8Array])[] = [
    ['nothing', ''],
    ['text', 'hello'],
    ['text before the root', 'x<a/>'],
    ['text after the root', '<a/>x'],
    ['two roots', '<a/><b/>'],
    ['an end that is missing', '<a><b></b>'],
    ['an end too many', '<a/></a>'],
    ['ends that cross', '<a><b></a></b>'],
    ['an end with another prefix', '<p:a xmlns:p="u" xmlns:q="u"></q:a>'],
    ['a tag that breaks off', '<a x="1"'],
    ['an attribute without quotes', '<a x=1/>'],
    ['an attribute without a blank before', '<a x="1"y="2"/>'],
    ['an attribute twice', '<a x="1" x="2"/>'],
    ['an attribute twice, by two prefixes', '<a xmlns:p="u" xmlns:q="u" p:x="1" q:x="2"/>'],
    ['< in an attribute', '<a x="<"/>'],
    ['an ampersand in an attribute', '<a x="a & b"/>'],
    ['a name that begins with a digit', '<1/>'],
    ['a blank before the name', '< a/>'],
    ['a prefix without a namespace', '<p:a/>'],
    ['a prefix of an attribute without a namespace', '<a p:x="1"/>'],
    ['a namespace taken away from a prefix', '<a xmlns:p=""/>'],
    ['xmlns as a prefix to declare', '<a xmlns:xmlns="u"/>'],
    ['xml for another namespace', '<a xmlns:xml="u"/>'],
    ['an entity of nobody', '<a>&nbsp;</a>'],
    ['an entity by the name of a method', '<a>&constructor;</a>'],
    ['a reference to NUL', '<a>&#0;</a>'],
    ['a reference to a control character', '<a>&#x1B;</a>'],
    ['a reference to half a character', '<a>&#xD800;</a>'],
    ['a reference beyond Unicode', '<a>&#x110000;</a>'],
    ['a reference without digits', '<a>&#;</a>'],
    ['a reference without an end', '<a>&#65</a>'],
    [']]> in text', '<a>]]></a>'],
    ['-- in a comment', '<a><!-- -- --></a>'],
    ['a comment without an end', '<a/><!-- '],
    ['CDATA without an end', '<a><![CDATA[</a>'],
    ['CDATA outside', '<a/><![CDATA[x]]>'],
    ['a control character', '<a>\u0001</a>'],
    ['NUL', '<a>\0</a>'],
    ['another encoding', '<?xml version="1.0" encoding="ISO-8859-1"?><a/>'],
    ['overlong UTF-8', Uint8Array.of(0x3c, 0x61, 0x3e, 0xc0, 0xbc, 0x3c, 0x2f, 0x61, 0x3e)],
    ['a byte that is no UTF-8', Uint8Array.of(0x3c, 0x61, 0x3e, 0xff, 0x3c, 0x2f, 0x61, 0x3e)],
    ['UTF-16', Uint8Array.of(0xff, 0xfe, 0x3c, 0, 0x61, 0, 0x2f, 0, 0x3e, 0)],
  ]
  test.each(rows)('%s', (_what, text) => expect(verdict(text)).toBe('malformed'))
})

describe('parseXml() refuses (S15, UDA check 51)', () => {
  const laughs = `<!DOCTYPE l [<!ENTITY a "ha">${'bcdefgh'.replace(/./g, each => `<!ENTITY ${each} "&a;&a;">`)}]><l>&h;</l>`
  const rows: readonly (readonly [what: string, text: string])[] = [
    ['a document type', '<!DOCTYPE a><a/>'],
    ['a billion laughs', laughs],
    ['an external entity', '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'],
    ['a declaration inside', '<a><!ELEMENT b></a>'],
    ['a processing instruction', '<?xml-stylesheet href="x"?><a/>'],
    ['a second declaration', '<a><?xml version="1.0"?></a>'],
    ['a declaration that is not first', ' <?xml version="1.0"?><a/>'],
    ['depth', '<a>'.repeat(XML_LIMITS.depth + 1) + '</a>'.repeat(XML_LIMITS.depth + 1)],
    ['ten thousand levels', '<a>'.repeat(10_000)],
    ['too many elements', `<a>${'<b/>'.repeat(XML_LIMITS.nodes)}</a>`],
    ['too many comments', `<a>${'<!---->'.repeat(XML_LIMITS.nodes)}</a>`],
    [
      'too many attributes',
      `<a ${Array.from({ length: XML_LIMITS.attributes + 1 }, (_, i) => `x${i}=""`).join(' ')}/>`,
    ],
    ['too many bytes', `<a>${'x'.repeat(XML_LIMITS.bytes)}</a>`],
  ]
  test.each(rows)('%s', (_what, text) => expect(verdict(text)).toBe('refused'))

  test('nothing within the limits', () => {
    expect(verdict('<a>'.repeat(XML_LIMITS.depth) + '</a>'.repeat(XML_LIMITS.depth))).not.toBe('refused')
    expect(verdict(`<a>${'<b/>'.repeat(XML_LIMITS.nodes - 1)}</a>`)).not.toBe('refused')
  })
})

describe('escapeXml()', () => {
  const rows: readonly (readonly [what: string, text: string, result: string])[] = [
    ['leaves plain text alone', 'grün (1)', 'grün (1)'],
    ['escapes the five', `<>&"'`, '&lt;&gt;&amp;&quot;&apos;'],
    ['leaves no way out of CDATA (S9)', ']]>', ']]&gt;'],
    ['makes blanks of what XML cannot say', 'a\0b\x1bc\uffffd', 'a b c d'],
    ['keeps a tab and a line feed', 'a\tb\nc', 'a\tb\nc'],
    ['does not write a carriage return, which would be read as a line feed', 'a\rb', 'a b'],
  ]
  test.each(rows)('%s', (_what, text, result) => expect(escapeXml(text)).toBe(result))

  test('what it writes is read back identical (igd check 37)', () => {
    const text = `<![CDATA[<img src=x onerror=alert(1)>]]>&"' grün \u{1f600}`
    expect(read(element('a', text))).toEqual(['a', text])
  })
})
