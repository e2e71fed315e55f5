/** gettext's text files, as far as LuCI's translations use them. */

export interface PoEntry {
  readonly id: string
  /** The plural form of `id`, for `N_`. */
  readonly plural: string | undefined
  /** One text, or one for each plural form; empty texts in a template. */
  readonly texts: readonly string[]
}

/** The entries of a file, its header entry left out. */
export function parsePo(text: string): readonly PoEntry[] {
  const entries: PoEntry[] = []
  for (const block of text.split(/\n\s*\n/)) {
    const fields = fieldsOf(block)
    const id = fields.get('msgid')
    if (id === undefined || id === '') continue
    const texts = [...fields].filter(([name]) => name.startsWith('msgstr')).map(([, value]) => value)
    entries.push({ id, plural: fields.get('msgid_plural'), texts })
  }
  return entries
}

function fieldsOf(block: string): Map<string, string> {
  const fields = new Map<string, string>()
  let current = ''
  for (const line of block.split('\n')) {
    const match = /^(?:(msg[\w[\]]+)\s+)?"(.*)"$/.exec(line)
    if (match === null) continue
    current = match[1] ?? current
    fields.set(current, (fields.get(current) ?? '') + unescaped(match[2] as string))
  }
  return fields
}

const unescaped = (text: string) => text.replace(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char))
