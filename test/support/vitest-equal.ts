/** Equality as vitest means it, its asymmetric matchers, and values as text. For vitest-quickjs.ts. */

export interface Matcher {
  matches(actual: unknown): boolean
  readonly text: string
}

const asymmetric = (text: string, matches: (actual: unknown) => boolean): Matcher => ({ matches, text })
const isMatcher = (value: unknown): value is Matcher =>
  typeof value === 'object' && value !== null && typeof (value as Matcher).matches === 'function' && 'text' in value

const TYPES = new Map<unknown, string>([
  [String, 'string'],
  [Number, 'number'],
  [Boolean, 'boolean'],
  [BigInt, 'bigint'],
  [Function, 'function'],
  [Symbol, 'symbol'],
])

export const matcher = {
  any: (type: new () => unknown) =>
    asymmetric(`any ${type.name}`, a => (TYPES.has(type) ? typeof a === TYPES.get(type) : a instanceof type)),
  anything: () => asymmetric('anything', a => a !== undefined && a !== null),
  stringContaining: (part: string) =>
    asymmetric(`text with ${show(part)}`, a => typeof a === 'string' && a.includes(part)),
  stringMatching: (by: RegExp) => asymmetric(`text like ${by}`, a => typeof a === 'string' && by.test(a)),
  arrayContaining: (part: readonly unknown[]) =>
    asymmetric(
      `list with ${show(part)}`,
      a => Array.isArray(a) && part.every(wanted => a.some(one => equal(one, wanted, false))),
    ),
  objectContaining: (part: object) =>
    asymmetric(`object with ${show(part)}`, a => {
      if (typeof a !== 'object' || a === null) return false
      return Object.entries(part).every(([key, wanted]) => key in a && includes((a as Values)[key], wanted))
    }),
}

type Values = Record<string, unknown>

/** Plain objects inside are compared in part too, as toMatchObject does. */
function includes(actual: unknown, wanted: unknown): boolean {
  if (isPlain(wanted) && !isMatcher(wanted)) return matcher.objectContaining(wanted).matches(actual)
  return equal(actual, wanted, false)
}

const isPlain = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype

const kindOf = (value: unknown) => Object.prototype.toString.call(value)

/** `strict`: an absent key differs from an undefined one, and the types of objects must agree. */
export function equal(a: unknown, b: unknown, strict: boolean): boolean {
  if (isMatcher(b)) return b.matches(a)
  if (isMatcher(a)) return a.matches(b)
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (kindOf(a) !== kindOf(b)) return false
  if (strict && Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false
  if (a instanceof Error && b instanceof Error) return a.message === b.message && a.name === b.name
  if (a instanceof Date && b instanceof Date) return Object.is(a.getTime(), b.getTime())
  if (a instanceof RegExp && b instanceof RegExp) return String(a) === String(b)
  if (a instanceof ArrayBuffer && b instanceof ArrayBuffer) return equal(new Uint8Array(a), new Uint8Array(b), strict)
  if (a instanceof Map && b instanceof Map) return equalMaps(a, b, strict)
  if (a instanceof Set && b instanceof Set) return equalSets(a, b, strict)
  if (ArrayBuffer.isView(a) || Array.isArray(a)) {
    if ((a as unknown as unknown[]).length !== (b as unknown as unknown[]).length) return false
  }
  return equalKeys(a as Values, b as Values, strict)
}

function equalMaps(a: Map<unknown, unknown>, b: Map<unknown, unknown>, strict: boolean): boolean {
  if (a.size !== b.size) return false
  const others = [...b]
  return [...a].every(entry => takeEqual(others, entry, strict))
}

function equalSets(a: Set<unknown>, b: Set<unknown>, strict: boolean): boolean {
  if (a.size !== b.size) return false
  const others = [...b]
  return [...a].every(value => takeEqual(others, value, strict))
}

/** Removes the first that is equal; false when there is none. */
function takeEqual(list: unknown[], value: unknown, strict: boolean): boolean {
  const at = list.findIndex(other => equal(value, other, strict))
  if (at >= 0) list.splice(at, 1)
  return at >= 0
}

function equalKeys(a: Values, b: Values, strict: boolean): boolean {
  const keys = new Set([...Object.keys(a), ...Object.keys(b)])
  for (const key of keys) {
    if (strict && key in a !== key in b) return false
    if (!equal(a[key], b[key], strict)) return false
  }
  return true
}

/** For messages and test names; cut where it gets long. */
export function show(value: unknown): string {
  const text = written(value, 0)
  return text.length > 2000 ? `${text.slice(0, 2000)}...` : text
}

function written(value: unknown, depth: number): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'function') return `function ${value.name}`
  if (typeof value !== 'object' || value === null) return String(value)
  if (isMatcher(value)) return value.text
  if (value instanceof Error || value instanceof RegExp || value instanceof Date) return String(value)
  if (depth > 8) return '...'
  const inside = (one: unknown) => written(one, depth + 1)
  if (value instanceof Map)
    return `Map {${[...value].map(([key, one]) => `${inside(key)} => ${inside(one)}`).join(', ')}}`
  if (value instanceof Set) return `Set {${[...value].map(inside).join(', ')}}`
  if (Array.isArray(value)) return `[${value.map(inside).join(', ')}]`
  if (ArrayBuffer.isView(value)) return `${kindOf(value).slice(8, -1)} [${String(value)}]`
  return `{${Object.entries(value)
    .map(([key, one]) => `${key}: ${inside(one)}`)
    .join(', ')}}`
}
