/** `where` conditions: a value of the grammar, and how rows are tried against it. */
import type { Pattern } from './pattern.ts'
import type { Kind, Value } from './value.ts'

export type Condition =
  | { readonly is: 'all' | 'any'; readonly of: readonly Condition[] }
  | { readonly is: 'set'; readonly property: string; readonly negated: boolean }
  | {
      readonly is: 'compare'
      readonly property: string
      readonly kind: Kind
      readonly by: Comparison
      readonly to: Value
    }
  | { readonly is: 'like'; readonly property: string; readonly pattern: Pattern }

export type Comparison = '=' | '!=' | '<' | '>' | '<=' | '>='

/** `get` gives a row's value of a property, `undefined` when it is unset. */
export function holds(condition: Condition, get: (property: string) => Value | undefined): boolean {
  switch (condition.is) {
    case 'all':
      return condition.of.every(each => holds(each, get))
    case 'any':
      return condition.of.some(each => holds(each, get))
    case 'set':
      return isSet(get(condition.property)) !== condition.negated
    case 'like':
      return condition.pattern.matches(String(get(condition.property) ?? ''))
    case 'compare':
      return compares(condition.kind, condition.by, get(condition.property), condition.to)
  }
}

/** A bare name: the flag is raised, or the property has a value. */
const isSet = (value: Value | undefined): boolean => value !== undefined && value !== false && value !== ''

function compares(kind: Kind, by: Comparison, value: Value | undefined, to: Value): boolean {
  if (by === '=') return equals(kind, value, to)
  if (by === '!=') return !equals(kind, value, to)
  if (value === undefined) return false
  if (by === '<') return value < to
  if (by === '>') return value > to
  return by === '<=' ? value <= to : value >= to
}

/** An unset property equals the empty text, an unset flag is `no`; a list equals each of its words. */
function equals(kind: Kind, value: Value | undefined, to: Value): boolean {
  if (kind === 'yes-no') return (value ?? false) === to
  if (kind === 'list' && typeof value === 'string') return value === to || value.split(',').includes(String(to))
  return (value ?? '') === to
}
