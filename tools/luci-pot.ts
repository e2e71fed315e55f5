/**
 * The translation template of the LuCI app: every text that its views hand to `_()` or `N_()`, the titles of its menu
 * and the description of its ACL, as LuCI's own i18n-scan.pl finds them. Pure: files come in as text.
 */

export interface Source {
  /** Relative to the app, with forward slashes. */
  readonly path: string
  readonly text: string
}

interface Found {
  readonly places: string[]
  readonly plural: string | undefined
}

export function template(sources: readonly Source[]): string {
  const blocks = [...texts(sources)].map(([id, { places, plural }]) =>
    [
      ...places.map(place => `#: ${place}`),
      `msgid ${quoted(id)}`,
      ...(plural === undefined ? ['msgstr ""'] : [`msgid_plural ${quoted(plural)}`, 'msgstr[0] ""', 'msgstr[1] ""']),
    ].join('\n'),
  )
  return [HEADER, ...blocks].join('\n\n').concat('\n')
}

const HEADER = `msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8"`

function texts(sources: readonly Source[]): Map<string, Found> {
  const all = new Map<string, Found>()
  for (const { path, text } of [...sources].sort((a, b) => (a.path < b.path ? -1 : 1))) {
    for (const { id, plural, line } of path.endsWith('.js') ? inScript(text) : inJson(text)) {
      const found = all.get(id) ?? { places: [], plural }
      found.places.push(`applications/luci-app-portico/${path}:${line}`)
      all.set(id, found)
    }
  }
  return new Map([...all].sort(([a], [b]) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1)))
}

interface Text {
  readonly id: string
  readonly plural: string | undefined
  readonly line: number
}

const STRING = `'((?:[^'\\\\]|\\\\.)*)'`
const CALLS = new RegExp(`(?<![\\w$])(?:_\\(\\s*${STRING}|N_\\([^,']+,\\s*${STRING},\\s*${STRING})`, 'g')

function* inScript(text: string): Generator<Text> {
  for (const match of text.matchAll(CALLS)) {
    const [, single, one, many] = match
    yield {
      id: unescaped(single ?? (one as string)),
      plural: many === undefined ? undefined : unescaped(many),
      line: lineOf(text, match.index),
    }
  }
}

/** Titles of a menu.d file, descriptions of an acl.d file. */
function* inJson(text: string): Generator<Text> {
  for (const match of text.matchAll(/"(?:title|description)":\s*"([^"]*)"/g)) {
    yield { id: match[1] as string, plural: undefined, line: lineOf(text, match.index) }
  }
}

const lineOf = (text: string, index: number) => text.slice(0, index).split('\n').length
const unescaped = (text: string) => text.replace(/\\(.)/g, '$1')
const quoted = (text: string) => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
