/**
 * Results as RouterOS prints them, and as JSON for programs. Text that came from clients goes through `oneLine` (in
 * `showValue`) or through JSON's own escaping: no label can forge a line, a column or a field.
 *
 * A list may be very long, so it is printed in pieces, each the work of a few milliseconds; an empty piece only means
 * that the work goes on. Whoever sends them lets others have their turn in between.
 */
import { checksText } from './check.ts'
import type { Result } from './execute.ts'
import { helpText } from './help.ts'
import { jsonPieces, safeJson } from './json.ts'
import type { SettingsMenu } from './menu.ts'
import { listPieces } from './print-list.ts'
import { statusJson, statusText } from './status.ts'
import type { Value, Values } from './value.ts'
import { showValue } from './value.ts'

export interface PrintOptions {
  readonly json: boolean
  /** Columns of the terminal; only the detail form looks at it. */
  readonly width: number
}

/** Ends with a line end, unless there is nothing to say. */
export function printResult(result: Result, { json, width }: PrintOptions): Iterable<string> {
  if (result.is === 'list') return json ? jsonPieces(result) : listPieces(result, width)
  return [json ? `${safeJson(jsonOf(result))}\n` : textOf(result)]
}

type Short = Exclude<Result, { readonly is: 'list' }>

function textOf(result: Short): string {
  switch (result.is) {
    case 'settings':
      return printSettings(result.menu, result.values)
    case 'count':
      return `${result.count}\n`
    case 'status':
      return statusText(result.status)
    case 'checks':
      return checksText(result.checks)
    case 'help':
      return helpText()
    case 'removed':
      return ''
    case 'refused':
      return `${result.message}\n`
  }
}

function jsonOf(result: Short): unknown {
  switch (result.is) {
    case 'settings':
      return result.values
    case 'count':
      return { count: result.count }
    case 'status':
      return statusJson(result.status)
    case 'checks':
      return { checks: result.checks }
    case 'help':
      return { help: helpText() }
    case 'removed':
      return { removed: result.ids }
    case 'refused':
      return { error: result.message }
  }
}

function printSettings(menu: SettingsMenu, values: Values): string {
  const shown = menu.properties.filter(({ name }) => values[name] !== undefined)
  const widest = Math.max(0, ...shown.map(({ name }) => name.length))
  const lines = shown.map(({ name, kind }) => `  ${name.padStart(widest)}: ${showValue(kind, values[name] as Value)}\n`)
  return lines.join('')
}
