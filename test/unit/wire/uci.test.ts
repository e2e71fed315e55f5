import { describe, expect, test } from 'vitest'
import { utf8Encode } from '../../../src/base/text.ts'
import {
  anonymousId,
  parseUci,
  quoteUci,
  UCI_MOST_BYTES,
  UCI_MOST_ENTRIES,
  UciError,
  type UciFile,
  writeUci,
} from '../../../src/wire/uci.ts'

type Short = readonly [type: string, name: string, options: Readonly<Record<string, string | readonly string[]>>]

const parse = (text: string): UciFile => parseUci(utf8Encode(text), '/etc/config/x')

/** Type, name and options of each section; `*` stands for a name that was made. */
const short = (text: string): readonly Short[] =>
  parse(text).sections.map(({ type, name, anonymous, options }) => [
    type,
    anonymous ? '*' : name,
    Object.fromEntries([...options].map(([option, { value }]) => [option, value])),
  ])

function refusal(text: string): string {
  try {
    parse(text)
  } catch (error) {
    if (error instanceof UciError) return error.message
    throw error
  }
  return 'accepted'
}

const one = (options: Short[2]): readonly Short[] => [['a', 'b', options]]
const NAMED = "config a 'b'\n"

describe('parseUci() reads every row of the grammar', () => {
  const rows: readonly (readonly [what: string, text: string, result: readonly Short[]])[] = [
    ['the four keywords', 'package x\nconfig a b\n\toption c d\n\tlist e f\n', one({ c: 'd', e: ['f'] })],
    ['the one-letter keywords', 'p x\nc a b\no c d\nl e f\n', one({ c: 'd', e: ['f'] })],
    ['an empty file', '', []],
    ['a file of blanks and comments', ' \t\n# config a\n\n   # b', []],
    ['a section without a name', 'config a\n', [['a', '*', {}]]],
    ['a section whose name is empty', "config a ''\n", [['a', '*', {}]]],
    [
      'two sections without names',
      'config a\nconfig a\n',
      [
        ['a', '*', {}],
        ['a', '*', {}],
      ],
    ],
    ['any blanks and tabs between words', 'config\t \ta   b\t\n   option\t\tc    d  \n', one({ c: 'd' })],
    ['no indentation and deep indentation', 'config a b\noption c d\n\t\t\t\t  option e f\n', one({ c: 'd', e: 'f' })],
    ['lines that end with CR LF', 'config a b\r\n\toption c d\r\n\toption e "f"\r\n', one({ c: 'd', e: 'f' })],
    ['a last line without a line feed', 'config a b\n\toption c d', one({ c: 'd' })],
    ['a comment at the end of a line', 'config a b # x\n\toption c d # y\n', one({ c: 'd' })],
    ['a comment inside a bare word', `${NAMED}option c foo#bar\n`, one({ c: 'foo' })],
    ['a comment right after a quoted word', `${NAMED}option c 'foo'#bar\n`, one({ c: 'foo' })],
    ['# inside single quotes as text', `${NAMED}option c 'foo#bar'\n`, one({ c: 'foo#bar' })],
    ['# inside double quotes as text', `${NAMED}option c "foo#bar"\n`, one({ c: 'foo#bar' })],
    ['single quotes without escapes', `${NAMED}option c 'a\\nb\\\\"c'\n`, one({ c: 'a\\nb\\\\"c' })],
    ['single quotes over several lines', `${NAMED}option c 'one\n two'\noption d e`, one({ c: 'one\n two', d: 'e' })],
    ['double quotes with an escaped character', `${NAMED}option c "a\\nb\\"c\\\\"\n`, one({ c: 'anb"c\\' })],
    ['double quotes with a continued line', `${NAMED}option c "a\\\nb"\n`, one({ c: 'ab' })],
    ['double quotes over several lines', `${NAMED}option c "one\ntwo"\n`, one({ c: 'one\ntwo' })],
    ['an escaped character in a bare word', `${NAMED}option c a\\ b\\#c\\'d\n`, one({ c: "a b#c'd" })],
    ['a bare word continued on the next line', `${NAMED}option c a\\\nb\n`, one({ c: 'ab' })],
    ['a continued line with CR LF', `${NAMED}option c a\\\r\nb\r\n`, one({ c: 'ab' })],
    ['pieces side by side as one word', `${NAMED}option c 'a'"b"c\n`, one({ c: 'abc' })],
    ["a quote written as '\\''", `${NAMED}option c 'it'\\''s'\n`, one({ c: "it's" })],
    ['blanks inside quotes', `${NAMED}option c ' a\tb '\n`, one({ c: ' a\tb ' })],
    ['a semicolon inside quotes', `${NAMED}option c 'a;b'\n`, one({ c: 'a;b' })],
    ['an empty option as no option', `${NAMED}option c ''\noption d\n`, one({})],
    ['an empty option that deletes an earlier one', `${NAMED}option c d\noption c ''\n`, one({})],
    ['a repeated option, the last wins', `${NAMED}option c d\noption c e\n`, one({ c: 'e' })],
    [
      'an option, then a list: one list of all',
      `${NAMED}option c d\nlist c e\nlist c f\n`,
      one({ c: ['d', 'e', 'f'] }),
    ],
    ['a list, then an option: the option', `${NAMED}list c d\nlist c e\noption c f\n`, one({ c: 'f' })],
    ['an empty value in a list', `${NAMED}list c ''\nlist c d\n`, one({ c: ['', 'd'] })],
    [
      'a named section twice, merged',
      'config a b\noption c 1\noption d 2\nconfig e f\nconfig a b\noption d 3\n',
      [
        ['a', 'b', { c: '1', d: '3' }],
        ['e', 'f', {}],
      ],
    ],
    ['a section type of any printable characters', 'config wifi-device! radio0\n', [['wifi-device!', 'radio0', {}]]],
    ['UTF-8', `${NAMED}option c 'Küche 台所'\n`, one({ c: 'Küche 台所' })],
    ['control characters other than zero', `${NAMED}option c 'a\u0001\u001bb'\n`, one({ c: 'a\u0001\u001bb' })],
    ['a name of 300 characters', `config a ${'n'.repeat(300)}\n`, [['a', 'n'.repeat(300), {}]]],
    [
      'names that objects have by birth',
      "config constructor __proto__\noption toString 'x'\n",
      [['constructor', '__proto__', { toString: 'x' }]],
    ],
    ['an empty pair of quotes after the value', `${NAMED}option c d ''\n`, one({ c: 'd' })],
  ]
  test.each(rows)('%s', (_what, text, result) => {
    expect(short(text)).toEqual(result)
  })
})

describe('parseUci() refuses the whole file', () => {
  const at = '/etc/config/x'
  const rows: readonly (readonly [what: string, text: string, message: string])[] = [
    [
      'an unknown keyword',
      'config a b\nopton c d\n',
      `${at}:2:1: found 'opton', expected config, option, list or package`,
    ],
    ['a keyword in quotes', "'config' a\n", `${at}:1:1: found ''config'', expected config, option, list or package`],
    [
      'a keyword that objects have by birth',
      'constructor a\n',
      `${at}:1:1: found 'constructor', expected config, option, list or package`,
    ],
    [
      'an option before any section',
      'option a b\n',
      `${at}:1:1: found option, expected config first: a value belongs to a section`,
    ],
    [
      'a list before any section',
      '\tlist a b\n',
      `${at}:1:2: found list, expected config first: a value belongs to a section`,
    ],
    [
      'two bare words as a value',
      `${NAMED}\toption c d e\n`,
      `${at}:2:13: found 'e', expected the end of the line (a value with blanks needs quotes)`,
    ],
    [
      'a third word after config',
      'config a b c\n',
      `${at}:1:12: found 'c', expected the end of the line (too many words)`,
    ],
    [
      'two names after package',
      'package a b\n',
      `${at}:1:11: found 'b', expected the end of the line (too many words)`,
    ],
    [
      'config without a type',
      'config\n',
      `${at}:1:7: found the end of the line, expected a section type of printable characters`,
    ],
    [
      'package without a name',
      'package\n',
      `${at}:1:8: found the end of the line, expected a package name of letters, digits, _ and -`,
    ],
    [
      'option without a name',
      `${NAMED}option\n`,
      `${at}:2:7: found the end of the line, expected the name of the option: letters, digits and _`,
    ],
    [
      'list without a name',
      `${NAMED}list ''\n`,
      `${at}:2:6: found the end of the line, expected the name of the list: letters, digits and _`,
    ],
    [
      'a dash in an option name',
      `${NAMED}option dst-port 1\n`,
      `${at}:2:8: found 'dst-port', expected the name of the option: letters, digits and _`,
    ],
    [
      'a dot in a section name',
      'config a b.c\n',
      `${at}:1:10: found 'b.c', expected a section name of letters, digits and _`,
    ],
    [
      'a dash in a section name',
      'config a b-c\n',
      `${at}:1:10: found 'b-c', expected a section name of letters, digits and _`,
    ],
    [
      'a blank in a section type',
      "config 'a b'\n",
      `${at}:1:8: found 'a b', expected a section type of printable characters`,
    ],
    [
      'a dot in a package name',
      'package a.b\n',
      `${at}:1:9: found 'a.b', expected a package name of letters, digits, _ and -`,
    ],
    [
      'a section name with two types',
      'config a b\n\nconfig c b\n',
      `${at}:3:10: section 'b' of type 'a' begins on line 1, so it cannot be of type 'c' too`,
    ],
    [
      'single quotes without an end',
      `${NAMED}option c 'd\noption e f\n`,
      `${at}:2:10: found the end of the file, expected the ' that ends this text`,
    ],
    [
      'double quotes without an end',
      `${NAMED}option c "d\\"`,
      `${at}:2:10: found the end of the file, expected the " that ends this text`,
    ],
    [
      'a backslash at the very end',
      `${NAMED}option c d\\`,
      `${at}:2:11: found the end of the file, expected a character after the backslash`,
    ],
    [
      'a semicolon between commands',
      'config a b; option x 1\n',
      `${at}:1:11: found ';', expected the end of the line or quotes around it`,
    ],
    ['a zero byte', `${NAMED}option c d\u0000e\n`, `${at}:2:11: found a zero byte, expected text`],
    [
      'control characters in what it quotes',
      'a\u001b[31m\n',
      `${at}:1:1: found 'a [31m', expected config, option, list or package`,
    ],
  ]
  test.each(rows)('%s', (_what, text, message) => {
    expect(refusal(text)).toBe(message)
  })

  test('a file above the limit, before it is looked at', () => {
    expect(() => parseUci(new Uint8Array(UCI_MOST_BYTES + 1), 'x')).toThrow(/at most 524288 are read/)
  })
})

describe('parseUci() is bounded', () => {
  test('in sections and values', () => {
    expect(parse('c a\n'.repeat(UCI_MOST_ENTRIES)).sections).toHaveLength(UCI_MOST_ENTRIES)
    expect(refusal('c a\n'.repeat(UCI_MOST_ENTRIES + 1))).toBe(
      '/etc/config/x:20001:1: found more than 20000 sections and values',
    )
  })
  test('not in the length of one text', () => {
    const long = 'x'.repeat(UCI_MOST_BYTES - 100)
    expect(parse(`c a\no b '${long}'`).sections[0]?.options.get('b')?.value).toBe(long)
  })
})

describe('parseUci() remembers', () => {
  const text = "# top\nconfig a 'b'\n\toption c 'd'\n\tlist e 'f'\n\n  list e 'g'\n"
  const [section] = parse(text).sections

  test('line, column and byte of a section', () => {
    expect(section?.place).toEqual({ line: 2, column: 1, byte: 6 })
  })
  test('line, column and byte of an option', () => {
    expect(section?.options.get('c')?.places).toEqual([{ line: 3, column: 2, byte: 20 }])
  })
  test('a place for each value of a list', () => {
    expect(section?.options.get('e')?.places.map(({ line, column }) => [line, column])).toEqual([
      [4, 2],
      [6, 3],
    ])
  })
  test('lines after text that spans several', () => {
    const [last] = parse('config a b\noption c \'x\ny\nz\'\noption d "\\\n"e\noption f g\n').sections
    expect(last?.options.get('f')?.places[0].line).toBe(7)
  })
  test('the file', () => {
    expect(parse('').path).toBe('/etc/config/x')
  })
})

describe('anonymousId()', () => {
  // Ids of OpenWrt's default configuration, as `uci show -X` prints them.
  const rows: readonly (readonly [number, string, string])[] = [
    [1, 'defaults', 'cfg01e63d'],
    [2, 'zone', 'cfg02dc81'],
    [3, 'device', 'cfg030f15'],
    [1, 'system', 'cfg01e48a'],
    [1, 'dnsmasq', 'cfg01411c'],
    [300, 'rule', 'cfg12c92bd'],
  ]
  test.each(rows)('section %i of type %s is %s', (position, type, id) => {
    expect(anonymousId(position, type)).toBe(id)
  })

  test('counts named sections too', () => {
    expect(parse('config interface loopback\nconfig globals globals\nconfig device\n').sections[2]?.name).toBe(
      'cfg030f15',
    )
  })
})

describe('writeUci()', () => {
  test('writes the form of uci export', () => {
    const text = "package x\nc portico nat_pmp\no enabled 1\nc zone\nl network 'wan'\nl network wan6\n"
    expect(writeUci(parse(text).sections)).toBe(
      "config portico 'nat_pmp'\n\toption enabled '1'\n\nconfig zone\n\tlist network 'wan'\n\tlist network 'wan6'\n",
    )
  })

  const values: readonly string[] = [
    'plain',
    "it's",
    "'",
    "''",
    'a"b',
    'a\\b',
    'a\\',
    '#',
    ' ',
    'a\nb',
    'a\r\nb',
    ';',
    'Küche 台所',
    '$(x)`y`',
  ]
  test.each(values.map(value => [JSON.stringify(value), value]))('is read back as it was: %s', (_name, value) => {
    const written = `config a 'b'\n\toption c ${quoteUci(value)}\n\tlist d ${quoteUci(value)}\n`
    const sections = parse(written).sections
    expect(sections[0]?.options.get('c')?.value).toBe(value)
    expect(writeUci(sections)).toBe(written)
  })

  test('quotes a type that a bare word cannot hold', () => {
    const written = writeUci(parse("config 'a;b#c' d\n").sections)
    expect(short(written)).toEqual([['a;b#c', 'd', {}]])
  })
})
