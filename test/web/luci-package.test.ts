/** What the package consists of: menu, ACL, translations, and the manners that LuCI's reviewers ask for. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { template } from '../../tools/luci-pot.ts'
import { root } from '../support/root.ts'
import { APP, readAcl, readMenu } from './support/luci-router.ts'
import { parsePo } from './support/po.ts'

const under = (folder: string) =>
  readdirSync(join(APP, folder), { recursive: true, encoding: 'utf8' }).map(path => `${folder}/${path}`)
const read = (path: string) => readFileSync(join(APP, path), 'utf8')

const SCRIPTS = under('htdocs').filter(path => path.endsWith('.js'))
const SOURCES = [...SCRIPTS, ...under('root/usr/share').filter(path => path.endsWith('.json'))]
const all = SCRIPTS.map(read).join('\n')

describe('ACL', () => {
  /** `object.method` of every rpc.declare in the app. */
  const declared = [...all.matchAll(/object: '([^']+)',\s*method: '([^']+)'/g)].map(
    ([, object, method]) => `${object}.${method}`,
  )
  const granted = ({ ubus }: { ubus: Readonly<Record<string, readonly string[]>> }) =>
    Object.entries(ubus).flatMap(([object, methods]) => methods.map(method => `${object}.${method}`))

  test('has what the views declare, and nothing else', () => {
    const { read, write } = readAcl()
    expect([...granted(read), ...granted(write)].sort()).toEqual([...new Set(declared)].sort())
  })

  test('lets a reader change nothing', () => {
    expect(granted(readAcl().write).sort()).toEqual(['portico.pin', 'portico.remove'])
  })

  test('has the files that the views load, and writes only our own', () => {
    const loaded = new Set(
      [...all.matchAll(/uci\.load\(([^)]*)\)|new form\.Map\('(\w+)'/g)].flatMap(([, list, map]) =>
        map === undefined ? [...(list ?? '').matchAll(/'(\w+)'/g)].map(([, name]) => name) : [map],
      ),
    )
    expect([...readAcl().read.uci].sort()).toEqual([...loaded].sort())
    expect(readAcl().write.uci).toEqual(['portico'])
  })

  test('has no files and no programs to run', () => {
    expect(Object.keys(readAcl().read).sort()).toEqual(['ubus', 'uci'])
    expect(Object.keys(readAcl().write).sort()).toEqual(['ubus', 'uci'])
  })
})

describe('menu', () => {
  test('leads to views that exist, each once', () => {
    const paths = Object.values(readMenu()).flatMap(({ action }) => (action.path === undefined ? [] : [action.path]))
    for (const path of paths)
      expect([path, existsSync(join(APP, `htdocs/luci-static/resources/view/${path}.js`))]).toEqual([path, true])
    const views = readdirSync(join(APP, 'htdocs/luci-static/resources/view/portico')).map(
      name => `portico/${name.replace('.js', '')}`,
    )
    expect([...paths].sort()).toEqual(views.sort())
  })

  test('every link of a view leads to an entry', () => {
    const links = [...all.matchAll(/L\.url\('([^']+)'\)/g)].map(([, path]) => path as string)
    expect(links.length).toBeGreaterThan(0)
    for (const link of links) expect(Object.keys(readMenu())).toContain(link)
  })
})

describe('translations', () => {
  const pot = parsePo(read('po/templates/portico.pot'))

  test('the template is what the sources make (node tools/build-pot.mjs)', () => {
    expect(read('po/templates/portico.pot')).toBe(template(SOURCES.map(path => ({ path, text: read(path) }))))
  })

  test('no text is put together or taken from a variable', () => {
    const calls = [...all.matchAll(/(?<![\w$])N?_\(\s*([^)]{0,30})/g)].map(([, inside]) => inside as string)
    expect(calls.filter(inside => !/^(?:[\w.]+,\s*)?'/.test(inside))).toEqual([])
    expect([...all.matchAll(/_\('(?:[^'\\]|\\.)*'\s*\+/g)]).toHaveLength(0)
  })

  describe.each([
    ['de', 2],
    ['zh_Hans', 1],
  ] as const)('%s', (language, forms) => {
    const texts = parsePo(read(`po/${language}/portico.po`))

    test('has every text, in the order of the template, and no other', () => {
      expect(texts.map(({ id }) => id)).toEqual(pot.map(({ id }) => id))
      expect(texts.filter(({ texts }) => texts.some(text => text.trim() === '') || texts.length === 0)).toEqual([])
    })

    test('has no element: LuCI takes titles and descriptions for HTML', () => {
      expect(texts.flatMap(({ id, texts }) => [id, ...texts]).filter(text => /</.test(text))).toEqual([])
    })

    test('has all plural forms', () => {
      for (const { plural, texts: given } of texts) expect(given).toHaveLength(plural === undefined ? 1 : forms)
    })

    test('keeps what is filled in', () => {
      // Whatever LuCI's format() takes for a slot, so that no other percent sign is one by accident.
      const slots = (text: string) =>
        (text.match(/%('.|0| )?-?\d*(\.\d+)?[%bcdufosxXqhjtm]/g) ?? []).filter(slot => slot !== '%%').join(' ')
      for (const { id, texts: given } of texts)
        for (const text of given) expect([id, slots(text)]).toEqual([id, slots(id)])
    })
  })
})

const source = (path: string) => readFileSync(join(root, path), 'utf8')

/** Where the daemon says why, in sentences that reach the journal. */
const REFUSING = [
  ...readdirSync(join(root, 'src/core'))
    .filter(name => name.startsWith('decide'))
    .map(name => `src/core/${name}`),
  ...['decision', 'choice', 'settle', 'permission', 'record-of', 'record'].map(name => `src/core/${name}.ts`),
  'src/kernel/uplink.ts',
  'src/kernel/hosts.ts',
]

/** Shown by its fields (`journal.js`, `because` of `common.js`), or never alone. */
const OTHERWISE = new Set([
  'firewall redirect',
  'a web interface',
  'Windows RPC and NetBIOS',
  'Windows file sharing',
  'Windows remote desktop',
  'default policy: deny',
  'default policy: %s port %s is %s',
  'permission %s%s',
  'granted %s to %s for %s',
  'renewed %s for %s by %s%s, ',
  'before by %s%s',
  'changed %s for %s by %s%s%s, ',
  'before %s',
  'refused %s %s: %s, %s',
  'suspended %s of %s%s%s: %s has its address',
  'resumed %s of %s%s: %s has its address again',
  'expired %s of %s%s',
  'removed %s of %s%s: %s',
  'pinhole %s %s %s',
  ' from %s%s',
  '%s internal port %s, external %s%s',
  'deletion of %s internal port %s',
  'deletion of %s %s-%s',
  'deletion of %s %s%s',
  'pinhole %s %s%s',
  'extension of pinhole %s',
  'deletion of pinhole %s',
  'the operator',
  '%s port %s is used by a redirect of the firewall', // two sentences, one in the other
])

/** Said inside of a template, by another file, or as a single word. */
const INSIDE = [
  '%s, clients are told %s',
  '%s is off, or may not map (%s)',
  'too many requests are waiting',
  'not known yet',
  'asked by %s',
  'no device may cut it off any more',
  'the service ends',
  'anybody',
  'others',
]

/** A piece that follows another text, or that another one may follow. */
const whole = (text: string) => `${/^[, ] ?[a-z(]/.test(text) ? '%s' : ''}${text.replace(/%s%s$/, '%s')}`

describe('words of the daemon', () => {
  const unionOf = (text: string, start: string) => {
    const from = text.slice(text.indexOf(start))
    return from.slice(0, from.indexOf('\n\n'))
  }
  const keysOf = (table: string) => {
    const from = all.slice(all.indexOf(`const ${table} = {`))
    return [...from.slice(0, from.indexOf('};')).matchAll(/^\t'([a-z-]+)': _\('/gm)].map(([, key]) => key).sort()
  }

  test('every refusal has a sentence', () => {
    const union = unionOf(source('src/core/mapping.ts'), 'export type Refusal =')
    expect(keysOf('REFUSALS')).toEqual([...union.matchAll(/\| '([a-z-]+)'/g)].map(([, word]) => word).sort())
  })

  test('every event has a word', () => {
    const record = source('src/core/record.ts')
    const events = record.slice(record.indexOf('export type Event'), record.indexOf('type What ='))
    expect(keysOf('WORDS')).toEqual([...events.matchAll(/what: '([a-z-]+)'/g)].map(([, word]) => word).sort())
  })

  test('whatever keeps a port from being closed or fixed has a sentence', () => {
    const pinned = unionOf(source('src/control/world.ts'), 'export type Pinned =')
    const pins = [...(/why: ([^\n]*)/.exec(pinned)?.[1] ?? '').matchAll(/'([a-z]+)'/g)].map(([, word]) => word)
    expect(keysOf('REASONS')).toEqual(['absent', 'kernel', 'not-owner', ...pins].sort())
  })
})

describe('sentences of the daemon', () => {
  const known = [
    ...read('htdocs/luci-static/resources/portico/sentences.js').matchAll(
      /^\t\[ '((?:[^'\\]|\\.)*)', _\('((?:[^'\\]|\\.)*)'\) \],?$/gm,
    ),
  ]
  const checks = source('src/control/check.ts')
  const spoken = [...REFUSING.map(source), checks.slice(checks.indexOf('const CHECKS'))].flatMap(literals)
  const said = spoken
    .filter(text => text.includes(' ') && /[a-z]{2}/.test(text.replaceAll('%s', '')) && !OTHERWISE.has(text))
    .flatMap(text => (text === '%s %s on' ? ['%s is on', '%s and %s are on'] : [whole(text)]))

  test('all that a check, a refusal, an end or the way out can say is known, and is still said', () => {
    expect(known.map(([, text]) => text?.replaceAll("\\'", "'")).sort()).toEqual(
      [...new Set([...said, ...INSIDE])].sort(),
    )
  })

  test('stand twice in the same words', () => {
    for (const [, text, again] of known) expect(again).toBe(text)
  })
})

describe('manners', () => {
  test.each(SCRIPTS)('%s is strict, indented with tabs, and a function body that parses', path => {
    const text = read(path)
    expect(text.startsWith("'use strict';\n")).toBe(true)
    expect(text.split('\n').filter(line => /^ +\S/.test(line) && !/^ \*/.test(line))).toEqual([])
    expect(text.split('\n').filter(line => /\s$/.test(line))).toEqual([])
    expect(() => new Function('_', 'N_', 'E', 'L', text)).not.toThrow()
  })

  test('nothing is made of a text as HTML: no innerHTML, and children of E() stand in arrays', () => {
    expect(all).not.toMatch(/innerHTML|insertAdjacentHTML|outerHTML|document\.write/)
    // The last argument of E() is an attribute object, an array, or an element; never a text by itself.
    expect(
      [...all.matchAll(/E\('\w+',\s*(?:\{[^{}]*\},\s*)?(?:_\(|'|"|`|[a-z]\w*\.\w+\))/g)].map(([text]) => text),
    ).toEqual([])
  })

  /** luci.mk sends the files through jsmin, which takes a slash for a division there and goes astray. */
  test('no regular expression stands behind an arrow or a return', () => {
    expect([...all.matchAll(/(?:=>|return)\s*\/[^/*].*/g)].map(([text]) => text)).toEqual([])
  })

  test('no view runs a program or reads a file', () => {
    expect(all).not.toMatch(/'require fs'|fs\.(exec|read|write)/)
  })
})

/** Texts between quotes of any kind, outside of comments; what a template fills in is %s. */
function literals(source: string): string[] {
  const found: string[] = []
  for (let at = 0; at < source.length; at++) {
    const comment = (
      [
        ['//', '\n'],
        ['/*', '*/'],
      ] as const
    ).find(([start]) => source.startsWith(start, at))
    if (comment !== undefined) at = source.indexOf(comment[1], at)
    const quote = source[at] as string
    if (!`'"\``.includes(quote)) continue
    let text = ''
    for (at++; source[at] !== quote; at++) {
      if (quote === '`' && source.startsWith('${', at)) {
        at = closingBrace(source, at + 2)
        text += '%s'
      } else text += source[at]
    }
    found.push(text)
  }
  return found
}

function closingBrace(source: string, from: number): number {
  let depth = 1
  for (let at = from; ; at++) {
    if (source[at] === '{') depth++
    if (source[at] === '}' && --depth === 0) return at
  }
}
