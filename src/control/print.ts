/**
 * Results as RouterOS prints them, and as JSON for programs. Text that came from clients goes through `oneLine` (in
 * `showValue`) or through JSON's own escaping: no label can forge a line, a column or a field.
 */
import type { Result } from './execute.ts'
import { helpText } from './help.ts'
import type { Flag, ListMenu, Row, SettingsMenu } from './menu.ts'
import { FLAG_PLACES, FLAG_WORDS } from './menu.ts'
import { statusJson, statusText } from './status.ts'
import type { Kind, Value, Values } from './value.ts'
import { showQuoted, showValue } from './value.ts'

export interface PrintOptions {
  readonly json: boolean
  /** Columns of the terminal; only the detail form looks at it. */
  readonly width: number
}

/** With a line end, unless there is nothing to say. */
export function printResult(result: Result, { json, width }: PrintOptions): string {
  return json ? `${jsonText(jsonOf(result))}\n` : textOf(result, width)
}

/**
 * The machine form: numbers are numbers, durations are seconds, flags are `true` or `false`, an unset property is
 * absent; keys are the property names, `.id` and `number` before them.
 */
export function rowJson(menu: ListMenu, row: Row): Readonly<Record<string, Value>> {
  const flags = Object.fromEntries(menu.flags.map(flag => [FLAG_WORDS[flag], isRaised(row, flag)]))
  return { '.id': row.id, number: row.number, ...flags, ...row.values }
}

function textOf(result: Result, width: number): string {
  switch (result.is) {
    case 'list':
      return printList(result, width)
    case 'settings':
      return printSettings(result.menu, result.values)
    case 'count':
      return `${result.count}\n`
    case 'status':
      return statusText(result.status)
    case 'help':
      return helpText()
    case 'removed':
      return ''
    case 'refused':
      return `${result.message}\n`
  }
}

function jsonOf(result: Result): unknown {
  switch (result.is) {
    case 'list':
      return result.rows.map(row => rowJson(result.menu, row))
    case 'settings':
      return result.values
    case 'count':
      return { count: result.count }
    case 'status':
      return statusJson(result.status)
    case 'help':
      return { help: helpText() }
    case 'removed':
      return { removed: result.ids }
    case 'refused':
      return { error: result.message }
  }
}

/** Lists one row a line, so that the output of a large table can be read and compared; all else on one line. */
function jsonText(value: unknown): string {
  if (!Array.isArray(value) || value.length === 0) return safeJson(value)
  return `[\n${value.map(safeJson).join(',\n')}\n]`
}

/**
 * JSON that is safe to show: JSON itself escapes only what is below a blank, and leaves the controls above ASCII and
 * the characters that turn the direction of writing to the terminal.
 */
export function safeJson(value: unknown): string {
  const text = JSON.stringify(value)
  return text.replace(UNSAFE, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

const UNSAFE = /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g

function printSettings(menu: SettingsMenu, values: Values): string {
  const shown = menu.properties.filter(({ name }) => values[name] !== undefined)
  const widest = Math.max(0, ...shown.map(({ name }) => name.length))
  return lines(shown.map(({ name, kind }) => `  ${name.padStart(widest)}: ${showValue(kind, values[name] as Value)}`))
}

function printList({ menu, form, rows, withIds }: Result & { readonly is: 'list' }, width: number): string {
  const starts = rowStarts(menu, rows, withIds)
  switch (form === 'default' ? menu.form : form) {
    case 'table':
    case 'brief':
      return printTable(menu, rows, starts)
    case 'detail':
      return printDetail(menu, rows, starts, width)
    case 'terse':
      return lines(rows.map((row, index) => `${starts[index]} ${pairs(menu, row, true).join(' ')}`))
    case 'lines':
      return lines(cellsOf(menu, menu.columns, rows).map(cells => cells.join(' ')))
  }
}

function printTable(menu: ListMenu, rows: readonly Row[], starts: readonly string[]): string {
  const columns = menu.columns.filter(name => rows.length === 0 || rows.some(row => row.values[name] !== undefined))
  const titles = columns.map(name => name.toUpperCase())
  const out = [...legend(menu), `Columns: ${titles.join(', ')}`]
  if (rows.length === 0) return lines(out)
  const cells = cellsOf(menu, columns, rows)
  const widths = titles.map((title, i) =>
    cells.reduce((most, row) => Math.max(most, row[i]?.length ?? 0), title.length),
  )
  const isRight = columns.map(name => kindOf(menu, name) === 'number')
  const align = (texts: readonly string[]) =>
    texts
      .map((text, i) => (isRight[i] ? text.padStart(widths[i] as number) : text.padEnd(widths[i] as number)))
      .join('  ')
  out.push(`${'#'.padEnd((starts[0] as string).length)} ${align(titles)}`)
  for (const [index, row] of rows.entries()) {
    const comment = row.values['comment']
    if (comment !== undefined) out.push(`;;; ${showValue('text', comment)}`)
    out.push(`${starts[index]} ${align(cells[index] as readonly string[])}`)
  }
  return lines(out)
}

function printDetail(menu: ListMenu, rows: readonly Row[], starts: readonly string[], width: number): string {
  const out = [...legend(menu)]
  for (const [index, row] of rows.entries()) {
    const start = starts[index] as string
    const indent = ' '.repeat(start.length + 1)
    const comment = row.values['comment']
    const body = wrap(pairs(menu, row, false), width - indent.length)
    const items = comment === undefined ? body : [`;;; ${showValue('text', comment)}`, ...body]
    out.push(...items.map((line, i) => `${i === 0 ? `${start} ` : indent}${line}`), '')
  }
  if (rows.length > 0) out.pop()
  return lines(out)
}

/** `Flags: X - disabled, I - invalid; D - dynamic` */
function legend(menu: ListMenu): readonly string[] {
  const places = FLAG_PLACES.map(place => place.filter(flag => menu.flags.includes(flag))).filter(p => p.length > 0)
  const words = places.map(place => place.map(flag => `${flag} - ${FLAG_WORDS[flag]}`).join(', '))
  return words.length === 0 ? [] : [`Flags: ${words.join('; ')}`]
}

/** Number (or id) and flags, as wide in every row; a place for flags that no row raises is not there. */
function rowStarts(menu: ListMenu, rows: readonly Row[], withIds: boolean): readonly string[] {
  const names = rows.map(row => (withIds ? row.id : String(row.number)))
  const widest = names.reduce((most, name) => Math.max(most, name.length), 0)
  const places = FLAG_PLACES.map(place => place.filter(flag => menu.flags.includes(flag))).filter(place =>
    rows.some(row => place.some(flag => isRaised(row, flag))),
  )
  return rows.map((row, index) => {
    const flags = places.map(place => place.find(flag => isRaised(row, flag)) ?? ' ').join('')
    const name = (names[index] as string).padStart(widest)
    return flags === '' ? name : `${name} ${flags}`
  })
}

const isRaised = (row: Row, flag: Flag): boolean => row.values[FLAG_WORDS[flag]] === true

/** `name=value` for all that is set; flags and, beside a `;;;` line, the comment are shown elsewhere. */
function pairs(menu: ListMenu, row: Row, withComment: boolean): readonly string[] {
  const isElsewhere = (name: string) => isFlag(menu, name) || (name === 'comment' && !withComment)
  const out: string[] = []
  for (const { name, kind } of menu.properties) {
    const value = row.values[name]
    if (value !== undefined && !isElsewhere(name)) out.push(`${name}=${showQuoted(kind, value)}`)
  }
  return out
}

function wrap(words: readonly string[], width: number): readonly string[] {
  const out: string[] = []
  for (const word of words) {
    const last = out.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= width) out[out.length - 1] = `${last} ${word}`
    else out.push(word)
  }
  return out
}

const isFlag = (menu: ListMenu, name: string): boolean => menu.flags.some(flag => FLAG_WORDS[flag] === name)

function cellsOf(menu: ListMenu, columns: readonly string[], rows: readonly Row[]): readonly (readonly string[])[] {
  const kinds = columns.map(name => kindOf(menu, name))
  return rows.map(row =>
    columns.map((name, i) => {
      const value = row.values[name]
      return value === undefined ? '' : showValue(kinds[i] as Kind, value)
    }),
  )
}

const kindOf = (menu: ListMenu, name: string): Kind =>
  menu.properties.find(property => property.name === name)?.kind ?? 'word'

const lines = (all: readonly string[]): string => all.map(line => `${line.trimEnd()}\n`).join('')
