/**
 * Arguments between the text of SOAP and values, by a service's table. Strict: a number is decimal digits and nothing
 * else, so 70610, +80, 0x50, 1e3 and -1 are "Invalid Args" and are never cut to something that fits.
 */
import { utf8Encode } from '../../base/text.ts'
import type { ResultForm, SoapArgument } from '../../wire/soap.ts'
import type { Arguments, ServiceTable, Variable } from './service.ts'

export type Value = string | number | boolean
export type Values = Readonly<Record<string, Value>>

/** One argument of an action, and what it may be. */
export interface Wanted {
  readonly name: string
  readonly variable: Variable
}

export const wantedBy = ({ variables }: ServiceTable, names: Arguments): readonly Wanted[] =>
  Object.entries(names).map(([name, variable]) => ({ name, variable: variables[variable] as Variable }))

/** `code` is that of the UPnP error; `because` is for the journal and quotes nothing of the client's. */
export interface BadArgument {
  readonly is: 'bad-argument'
  readonly code: 402 | 601 | 605
  readonly because: string
}

/**
 * By name, in whatever order they came (clients differ); what the action does not know is overlooked, what it knows
 * must be there once.
 */
export function readArguments(wanted: readonly Wanted[], given: readonly SoapArgument[]): Values | BadArgument {
  const values: Record<string, Value> = {}
  const said = isInOrder(wanted, given) ? undefined : textsOf(wanted, given)
  if (said !== undefined && 'is' in said) return said
  for (let i = 0; i < wanted.length; i++) {
    const { name, variable } = wanted[i] as Wanted
    const text = said === undefined ? given[i]?.[1] : said.get(name)
    if (text === undefined) return bad(402, `${name} is missing`)
    const value = readValue(variable, text)
    if (typeof value === 'object') return bad(value.code, `${name}: ${value.because}`)
    values[name] = value
  }
  return values
}

/** Nearly every client has them from the description: nothing needs to be looked for then. */
function isInOrder(wanted: readonly Wanted[], given: readonly SoapArgument[]): boolean {
  if (wanted.length !== given.length) return false
  for (let i = 0; i < wanted.length; i++) if (given[i]?.[0] !== wanted[i]?.name) return false
  return true
}

function textsOf(wanted: readonly Wanted[], given: readonly SoapArgument[]): ReadonlyMap<string, string> | BadArgument {
  const said = new Map<string, string>()
  for (const [name, text] of given) {
    if (said.has(name) && wanted.some(each => each.name === name)) return bad(402, `${name} comes twice`)
    said.set(name, text)
  }
  return said
}

/** In the order of the table, as UDA 1.1 §3.2.1 asks. */
export const resultForms = (wanted: readonly Wanted[]): readonly ResultForm[] =>
  wanted.map(({ name, variable: { type, document } }) => ({
    name,
    as: document === true ? 'document' : type === 'string' ? 'text' : 'plain',
  }))

/** UDA 1.1 §2.5: `1` and `0` are what is sent. */
export const writeValue = (value: Value): string => (typeof value === 'boolean' ? (value ? '1' : '0') : String(value))

const LONGEST = 128

const MOST: Readonly<Record<'ui2' | 'ui4', number>> = { ui2: 65_535, ui4: 4_294_967_295 }

function readValue(variable: Variable, text: string): Value | BadArgument {
  switch (variable.type) {
    case 'ui2':
    case 'ui4':
      return readNumber(variable, MOST[variable.type], text)
    case 'boolean':
      return TRUTH.get(text.toLowerCase()) ?? bad(402, 'neither true nor false')
    default:
      return readString(variable, text)
  }
}

/** UDA 1.1 §2.5: `true`, `false`, `yes` and `no` are deprecated and still accepted. */
const TRUTH: ReadonlyMap<string, boolean> = new Map([
  ['1', true],
  ['true', true],
  ['yes', true],
  ['0', false],
  ['false', false],
  ['no', false],
])

function readNumber({ range, clamps, words }: Variable, most: number, text: string): number | BadArgument {
  if (words !== undefined && Object.hasOwn(words, text)) return words[text] as number
  const value = Number(text)
  // A number that is written back as it came was written in no other way: +80, 070, 0x50 and 1e3 are not.
  if (String(value) !== text || !Number.isInteger(value) || value < 0) return bad(402, 'no decimal number')
  if (value > most) return bad(402, 'too large')
  if (range === undefined || (value >= range.min && value <= range.max)) return value
  return clamps === true && value > range.max ? range.max : bad(402, 'out of range')
}

function readString({ values, anyCase, longest, trimmed }: Variable, text: string): string | BadArgument {
  if (isLonger(text, longest ?? LONGEST)) return bad(605, 'too long')
  if (values === undefined) return trimmed === true ? text.trim() : text
  const said = anyCase === true ? text.toUpperCase() : text
  return values.includes(said) ? said : bad(601, 'not one of the allowed values')
}

const isLonger = (text: string, bytes: number): boolean =>
  text.length > bytes || (text.length * 3 > bytes && utf8Encode(text).length > bytes)

const bad = (code: BadArgument['code'], because: string): BadArgument => ({ is: 'bad-argument', code, because })
