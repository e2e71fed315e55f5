/** Values as the console writes and reads them: yes/no, durations, numbers, words. */
import { oneLine } from '../base/text.ts'

/**
 * What a property holds. `text` may come from a client and contain anything; `word` is ours. `time` is a number of
 * seconds, `list` a comma-separated list of words.
 */
export type Kind = 'text' | 'word' | 'list' | 'address' | 'number' | 'yes-no' | 'time'

export type Value = string | number | boolean

/** By property name; a property that is absent is unset. */
export type Values = Readonly<Record<string, Value>>

/** Client text is at most 64 bytes long; reasons and messages of ours may be longer. */
const LONGEST_TEXT = 512

/** For people, on one line: `yes`, `1h59m30s`, `br-lan`. */
export function showValue(kind: Kind, value: Value): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (kind === 'time' && typeof value === 'number') return showDuration(value)
  if (typeof value === 'number') return String(value)
  return /^[ -~]{0,64}$/.test(value) ? value : oneLine(value, LONGEST_TEXT)
}

/** As in `name=value`: quoted, RouterOS fashion, when it is empty or holds more than a plain word. */
export function showQuoted(kind: Kind, value: Value): string {
  const text = showValue(kind, value)
  return /^[^\s"'\\$;[\](){}=#]+$/.test(text) ? text : quote(text)
}

export const quote = (text: string): string => `"${text.replace(/["\\$]/g, '\\$&')}"`

/** RouterOS writes durations as `1w2d3h4m5s`, without the parts that are zero. */
export function showDuration(seconds: number): string {
  let left = Math.max(0, Math.floor(seconds))
  let text = ''
  for (const [unit, length] of UNITS) {
    const count = Math.floor(left / length)
    left -= count * length
    if (count > 0) text += `${count}${unit}`
  }
  return text === '' ? '0s' : text
}

/** Seconds in `1h30m`, `01:30:00` or `90`. */
export function readDuration(text: string): number | undefined {
  if (/^[0-9]{1,9}$/.test(text)) return Number(text)
  const clock = /^([0-9]{1,4}):([0-5][0-9])(?::([0-5][0-9]))?$/.exec(text)
  if (clock !== null) return Number(clock[1]) * 3600 + Number(clock[2]) * 60 + Number(clock[3] ?? 0)
  const parts = /^(?:(\d{1,6})w)?(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,9})s)?$/.exec(text)
  if (parts === null || text === '') return undefined
  return UNITS.reduce((sum, [, length], index) => sum + Number(parts[index + 1] ?? 0) * length, 0)
}

/** What was typed as a value of this kind; `undefined` when it is none. */
export function readValue(kind: Kind, text: string): Value | undefined {
  switch (kind) {
    case 'yes-no':
      return YES_NO.get(text)
    case 'time':
      return readDuration(text)
    case 'number':
      return /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined
    default:
      return text
  }
}

const YES_NO: ReadonlyMap<string, boolean> = new Map([
  ['yes', true],
  ['true', true],
  ['no', false],
  ['false', false],
])

const UNITS: readonly (readonly [unit: string, seconds: number])[] = [
  ['w', 604800],
  ['d', 86400],
  ['h', 3600],
  ['m', 60],
  ['s', 1],
]
