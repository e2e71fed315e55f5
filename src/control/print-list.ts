/**
 * The forms of `print` for lists: table, detail, terse, lines. Each goes over the rows twice: to measure, then to
 * write.
 */
import type { Result } from './execute.ts'
import type { Flag, ListMenu, Property, Row } from './menu.ts'
import { FLAG_PLACES, FLAG_WORDS } from './menu.ts'
import { inPieces } from './pieces.ts'
import type { Value, Values } from './value.ts'
import { showQuoted, showValue } from './value.ts'

export function* listPieces(list: Result & { readonly is: 'list' }, width: number): Generator<string> {
  const { menu, rows, withIds } = list
  const form = list.form === 'default' ? menu.form : list.form
  if (form === 'lines') {
    yield* inPieces(rows, row =>
      line(
        columnsOf(menu)
          .map(column => cell(column, row.values))
          .join(' '),
      ),
    )
    return
  }
  const columns = form === 'stats' ? columnsOf(menu, menu.statistics) : columnsOf(menu)
  const measure = new Measure(menu, withIds, columns)
  yield* inPieces(rows, row => measure.take(row))
  switch (form) {
    case 'table':
    case 'brief':
    case 'stats':
      yield tableHead(menu, measure)
      yield* inPieces(rows, row => tableRow(row, measure))
      return
    case 'detail':
      yield legend(menu)
      yield* inPieces(rows, (row, index) => (index === 0 ? '' : '\n') + detailRow(menu, row, measure, width))
      return
    case 'terse':
      yield* inPieces(rows, row => terseRow(menu, row, measure))
      return
  }
}

interface Column {
  readonly property: Property
  readonly title: string
  width: number
  isUsed: boolean
}

/** How wide numbers, flags and columns have to be. */
class Measure {
  readonly #columns: readonly Column[]
  readonly #withIds: boolean
  #rows = 0
  #widestName = 0
  readonly #places: readonly (readonly Flag[])[]
  readonly #raised = new Set<readonly Flag[]>()

  constructor(menu: ListMenu, withIds: boolean, columns: readonly Property[]) {
    this.#withIds = withIds
    this.#places = placesOf(menu)
    this.#columns = columns.map(property => {
      const title = property.name.toUpperCase()
      return { property, title, width: title.length, isUsed: false }
    })
  }

  take(row: Row): '' {
    const values = row.values
    this.#rows++
    this.#widestName = Math.max(this.#widestName, this.#nameOf(row).length)
    for (const place of this.#places) if (place.some(flag => isRaised(values, flag))) this.#raised.add(place)
    for (const column of this.#columns) {
      if (values[column.property.name] === undefined) continue
      column.isUsed = true
      column.width = Math.max(column.width, cell(column.property, values).length)
    }
    return ''
  }

  get isEmpty(): boolean {
    return this.#rows === 0
  }

  /** Those that some row has a value for; all, while there are no rows. */
  get columns(): readonly Column[] {
    return this.isEmpty ? this.#columns : this.#columns.filter(({ isUsed }) => isUsed)
  }

  get startWidth(): number {
    return this.#widestName + (this.#raised.size === 0 ? 0 : 1 + this.#raised.size)
  }

  /** Number (or id) and flags, as wide in every row; a place for flags that no row raises is not there. */
  startOf(row: Row, values: Values): string {
    const name = this.#nameOf(row).padStart(this.#widestName)
    if (this.#raised.size === 0) return name
    const places = this.#places.filter(place => this.#raised.has(place))
    return `${name} ${places.map(place => place.find(flag => isRaised(values, flag)) ?? ' ').join('')}`
  }

  #nameOf(row: Row): string {
    return this.#withIds ? row.id : String(row.number)
  }
}

function tableHead(menu: ListMenu, measure: Measure): string {
  const titles = measure.columns.map(({ title }) => title)
  const head = legend(menu) + line(`Columns: ${titles.join(', ')}`)
  return measure.isEmpty ? head : head + line(`${'#'.padEnd(measure.startWidth)} ${aligned(measure.columns, titles)}`)
}

function tableRow(row: Row, measure: Measure): string {
  const values = row.values
  const comment = values['comment']
  const above = comment === undefined ? '' : line(`;;; ${showValue('text', comment)}`)
  const cells = measure.columns.map(({ property }) => cell(property, values))
  return above + line(`${measure.startOf(row, values)} ${aligned(measure.columns, cells)}`)
}

function detailRow(menu: ListMenu, row: Row, measure: Measure, width: number): string {
  const values = row.values
  const indent = measure.startWidth + 1
  const comment = values['comment']
  const first = comment === undefined ? [] : [`;;; ${showValue('text', comment)}`]
  const all = [...first, ...wrapped(pairs(menu, values, false), width - indent)]
  const start = measure.startOf(row, values)
  return all.map((text, i) => line(`${i === 0 ? `${start} ` : ' '.repeat(indent)}${text}`)).join('')
}

function terseRow(menu: ListMenu, row: Row, measure: Measure): string {
  const values = row.values
  return line(`${measure.startOf(row, values)} ${pairs(menu, values, true).join(' ')}`)
}

/** `Flags: X - disabled, I - invalid; D - dynamic` */
function legend(menu: ListMenu): string {
  const words = placesOf(menu).map(place => place.map(flag => `${flag} - ${FLAG_WORDS[flag]}`).join(', '))
  return words.length === 0 ? '' : line(`Flags: ${words.join('; ')}`)
}

const placesOf = (menu: ListMenu): readonly (readonly Flag[])[] =>
  FLAG_PLACES.map(place => place.filter(flag => menu.flags.includes(flag))).filter(place => place.length > 0)

const isRaised = (values: Values, flag: Flag): boolean => values[FLAG_WORDS[flag]] === true

const columnsOf = (menu: ListMenu, names: readonly string[] = menu.columns): readonly Property[] =>
  names.flatMap(name => menu.properties.filter(property => property.name === name))

function cell({ name, kind }: Property, values: Values): string {
  const value = values[name]
  return value === undefined ? '' : showValue(kind, value)
}

/** Numbers to the right, all else to the left. */
function aligned(columns: readonly Column[], texts: readonly string[]): string {
  const padded = columns.map(({ property, width }, i) => {
    const text = texts[i] as string
    return property.kind === 'number' ? text.padStart(width) : text.padEnd(width)
  })
  return padded.join('  ')
}

/** `name=value` for all that is set; flags and, beside a `;;;` line, the comment are shown elsewhere. */
function pairs(menu: ListMenu, values: Values, withComment: boolean): readonly string[] {
  const isElsewhere = (name: string) =>
    (name === 'comment' && !withComment) || menu.flags.some(flag => FLAG_WORDS[flag] === name)
  const out: string[] = []
  for (const { name, kind } of menu.properties) {
    const value: Value | undefined = values[name]
    if (value !== undefined && !isElsewhere(name)) out.push(`${name}=${showQuoted(kind, value)}`)
  }
  return out
}

function wrapped(words: readonly string[], width: number): readonly string[] {
  const out: string[] = []
  for (const word of words) {
    const last = out.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= width) out[out.length - 1] = `${last} ${word}`
    else out.push(word)
  }
  return out
}

const line = (text: string): string => `${text.trimEnd()}\n`
