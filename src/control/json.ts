/** The machine form of rows. */
import type { Result } from './execute.ts'
import type { ListMenu, Row } from './menu.ts'
import { FLAG_WORDS } from './menu.ts'
import { inPieces } from './pieces.ts'
import type { Value } from './value.ts'

/**
 * Numbers are numbers, durations are seconds, flags are `true` or `false`, an unset property is absent; keys are the
 * property names, `.id` and `number` before them.
 */
export function rowJson(menu: ListMenu, row: Row): Readonly<Record<string, Value>> {
  const values = row.values
  const all: Record<string, Value> = { '.id': row.id, number: row.number }
  for (const flag of menu.flags) all[FLAG_WORDS[flag]] = values[FLAG_WORDS[flag]] === true
  return Object.assign(all, values)
}

/** One row a line, so that the output of a large table can be read and compared. */
export function* jsonPieces({ menu, rows }: Result & { readonly is: 'list' }): Generator<string> {
  yield '['
  yield* inPieces(rows, (row, index) => `${index === 0 ? '\n' : ',\n'}${safeJson(rowJson(menu, row))}`)
  yield rows.length === 0 ? ']\n' : '\n]\n'
}

/**
 * JSON that is safe to show: JSON itself escapes only what is below a blank, and leaves the controls above ASCII and
 * the characters that turn the direction of writing to the terminal.
 */
export function safeJson(value: unknown): string {
  const text = JSON.stringify(value)
  if (!UNSAFE.test(text)) return text
  return text.replaceAll(ALL_UNSAFE, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

const UNSAFE = /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/
const ALL_UNSAFE = new RegExp(UNSAFE, 'g')
