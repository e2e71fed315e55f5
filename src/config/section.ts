/** One section of a UCI file to the values of the option table, with every mistake in words. */

import { RELEASE } from '../base/release.ts'
import type { UciOption, UciSection } from '../wire/uci.ts'
import type { Option } from './option.ts'
import type { SectionId, SectionValues } from './options.ts'
import { isInForce, optionsOf } from './options.ts'
import type { Problem } from './problems.ts'
import { quoted, report } from './problems.ts'
import { validators } from './validate.generated.ts'

/** More values than any option can use: what is longer is refused before it is looked at. */
const MOST_VALUES = 64

/** Adds what is wrong to `problems`; `undefined` when a value cannot be used or a required one is missing. */
export function readSection<I extends SectionId>(
  id: I,
  section: UciSection,
  file: string,
  problems: Problem[],
): SectionValues<I> | undefined {
  const table = optionsOf(id)
  const values: Record<string, unknown> = {}
  for (const option of section.options.values()) {
    const row = Object.hasOwn(table, option.name) ? table[option.name] : undefined
    if (row === undefined) report(problems, unknownOption(id, option, file))
    else {
      values[option.name] = readValue(row, option)
      const note = notYet(row, option, file)
      if (note !== undefined) report(problems, note)
    }
  }
  const faults = faultyOptions(id, values)
  for (const name of faults) report(problems, faultOf(id, name, section, file))
  if (faults.length > 0) return undefined
  for (const [name, row] of Object.entries(table)) values[name] ??= row.default
  return values as SectionValues<I>
}

/** The line of an option, or of the section where it is not set. */
export const lineOf = (section: UciSection, name: string): number =>
  (section.options.get(name)?.places[0] ?? section.place).line

/** `null` stands for a text that cannot be read; the schema admits it nowhere. */
function readValue(row: Option<unknown>, option: UciOption): unknown {
  const texts = typeof option.value === 'string' ? [option.value] : option.value
  if (!row.isList) return typeof option.value === 'string' ? (row.kind.read(option.value) ?? null) : null
  // Both `list service 'upnp'` and `option service 'upnp nat_pmp'`, as fw4 takes its lists.
  const words = texts.flatMap(text => text.split(/[ \t]+/)).filter(word => word !== '')
  if (words.length > MOST_VALUES) return null
  return words.map(word => row.kind.read(word) ?? null)
}

/** Names of the options that have a wrong value, or none where one is required. */
function faultyOptions(id: SectionId, values: Readonly<Record<string, unknown>>): readonly string[] {
  const validate = validators[id] as unknown as Readonly<Record<string, (value: unknown) => boolean>>
  return Object.entries(optionsOf(id)).flatMap(([name, row]) => {
    const value = values[name]
    if (value === undefined) return row.need === 'required' ? [name] : []
    return validate[name]?.(value) === true ? [] : [name]
  })
}

function faultOf(id: SectionId, name: string, section: UciSection, file: string): Problem {
  const row = optionsOf(id)[name]
  const option = section.options.get(name)
  const expected = row?.kind.expected ?? 'a value'
  if (option === undefined) {
    const message = `section ${title(id, section)} has no option ${name}: expected ${expected}`
    return { weight: 'error', file, line: section.place.line, message }
  }
  const { text, line } = culprit(row, option)
  if (row !== undefined && !row.isList && typeof option.value !== 'string') {
    return { weight: 'error', file, line, message: `list ${name} ${quoted(text)}: expected one value, not a list` }
  }
  const keyword = typeof option.value === 'string' ? 'option' : 'list'
  return { weight: 'error', file, line, message: `${keyword} ${name} ${quoted(text)}: expected ${expected}` }
}

/** Of several values, the first that cannot be read. */
function culprit(row: Option<unknown> | undefined, option: UciOption): { text: string; line: number } {
  const texts = typeof option.value === 'string' ? [option.value] : option.value
  const bad = texts.findIndex(text =>
    text.split(/[ \t]+/).some(word => word !== '' && row?.kind.read(word) === undefined),
  )
  const at = row?.isList === true && bad >= 0 ? bad : 0
  return { text: texts[at] ?? '', line: (option.places[at] ?? option.places[0]).line }
}

function unknownOption(id: SectionId, option: UciOption, file: string): Problem {
  const known = Object.keys(optionsOf(id)).join(', ')
  const message = `option ${quoted(option.name)} is not known here and is ignored`
  return { weight: 'warning', file, line: option.places[0].line, message, hint: `known: ${known}` }
}

/** An option of a later version is accepted; its owner is told when he asks for something that does not happen yet. */
function notYet(row: Option<unknown>, option: UciOption, file: string): Problem | undefined {
  if (isInForce(row.since) || typeof option.value !== 'string') return undefined
  if (row.kind.read(option.value) === row.default) return undefined
  const message = `option ${option.name} takes effect from version ${row.since} on; this is ${RELEASE}`
  return { weight: 'note', file, line: option.places[0].line, message }
}

const title = (id: SectionId, section: UciSection): string =>
  section.type === 'portico' ? `portico '${id}'` : section.anonymous ? id : `${id} '${section.name}'`
