/** The option table (`config/options.ts`) in the words of the console: properties of a section, and its values. */
import type { KindName } from '../config/kinds.ts'
import type { Option } from '../config/option.ts'
import type { SectionId } from '../config/options.ts'
import { optionsOf } from '../config/options.ts'
import type { Property } from './menu.ts'
import type { Kind, Value, Values } from './value.ts'

/** One property for each option, under its RouterOS name. */
export const propertiesOf = (section: SectionId): readonly Property[] =>
  Object.values(optionsOf(section)).map(option => ({
    name: option.routeros,
    kind: option.isList ? 'list' : KIND[option.kind.name],
    help: option.help,
  }))

/** A section's values as the loader made them, by property name; what is unset or empty is left out. */
export function shownValues(section: SectionId, values: Readonly<Record<string, unknown>>): Values {
  const shown: Record<string, Value> = {}
  for (const [name, option] of Object.entries(optionsOf(section))) {
    const value = values[name]
    if (value !== undefined && value !== '') shown[option.routeros] = shownValue(option, value)
  }
  return shown
}

const KIND: Readonly<Record<KindName, Kind>> = {
  flag: 'yes-no',
  count: 'number',
  seconds: 'time',
  choice: 'word',
  port: 'number',
  'port-range': 'word',
  address: 'address',
  'address-range': 'address',
  mac: 'address',
  name: 'word',
  text: 'text',
  path: 'word',
  mark: 'word',
}

function shownValue(option: Option<unknown>, value: unknown): Value {
  if (Array.isArray(value)) return value.map(String).join(',')
  if (typeof value === 'boolean' || typeof value === 'string') return value
  return typeof value === 'number' && option.kind.name !== 'mark' ? value : option.kind.print(value)
}
