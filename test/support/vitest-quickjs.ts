/**
 * The part of vitest that unit tests use, for engines that vitest does not run on. The bundler puts this file where
 * tests import `vitest`. What it does not know fails loudly: a test that is not understood must not pass.
 */
import type { Matcher } from './vitest-equal.ts'
import { equal, matcher, show } from './vitest-equal.ts'

type Run = () => unknown
interface Case {
  readonly name: string
  readonly run: Run
  readonly before: readonly Run[]
  readonly after: readonly Run[]
}
interface Group {
  readonly name: string
  readonly before: Run[]
  readonly after: Run[]
}

let cases: Case[] = []
let groups: Group[] = []
let collecting = false

const known = <T extends object>(what: string, members: T): T =>
  new Proxy(members, {
    get(target, key) {
      if (key in target || typeof key === 'symbol') return Reflect.get(target, key)
      throw new Error(`${what}.${key} is not part of the vitest for QuickJS (test/support/vitest-quickjs.ts)`)
    },
  })

function addTest(name: string, run: Run, timeout?: number) {
  if (!collecting) throw new Error(`test '${name}' inside a test`)
  if (typeof run !== 'function' || !['undefined', 'number'].includes(typeof timeout)) {
    throw new Error(`test '${name}': only test(name, function, timeout) is known`)
  }
  const before = groups.flatMap(group => group.before)
  const after = groups.flatMap(group => group.after).reverse()
  cases.push({ name: [...groups.slice(1).map(group => group.name), name].join(' > '), run, before, after })
}

function addGroup(name: string, define: Run) {
  groups.push({ name, before: [], after: [] })
  const result = define()
  groups.pop()
  if (result instanceof Promise) throw new Error(`describe '${name}' must not be asynchronous`)
}

type Row = readonly unknown[]
type Add = (name: string, run: Run) => void

/** Rows are arrays, spread over the parameters, or single values; the name may hold %s, %d, %i, %j, %o, %# and $key. */
const each =
  (add: Add) =>
  (rows: readonly unknown[], ...more: unknown[]) => {
    if (!Array.isArray(rows) || more.length > 0) throw new Error('each: only a list of rows is known')
    return (name: string, run: (...values: unknown[]) => unknown) => {
      for (const [index, row] of rows.entries()) {
        const values: Row = Array.isArray(row) ? row : [row]
        add(title(name, values, index), () => run(...values))
      }
    }
  }

function title(name: string, values: Row, index: number): string {
  let next = 0
  const filled = name.replace(/%([sdijo#%])/g, (_, letter: string) => {
    if (letter === '%') return '%'
    if (letter === '#') return String(index)
    const value = values[next++]
    return letter === 's' || letter === 'd' || letter === 'i' ? String(value) : show(value)
  })
  const first = values[0]
  if (typeof first !== 'object' || first === null) return filled
  return filled.replace(/\$(\w+)/g, (whole, key: string) => {
    return key in first ? String((first as Record<string, unknown>)[key]) : whole
  })
}

export const test = known('test', Object.assign(addTest, { each: each(addTest) }))
export const it = test
export const describe = known('describe', Object.assign(addGroup, { each: each(addGroup) }))

const hook = (list: 'before' | 'after', what: string) => (run: Run) => {
  if (!collecting) throw new Error(`${what} inside a test`)
  groups[groups.length - 1]?.[list].push(run)
}
export const beforeEach = hook('before', 'beforeEach')
export const afterEach = hook('after', 'afterEach')

let assertions = 0

function check(holds: boolean, negated: boolean, say: string) {
  assertions++
  if (holds === negated) throw new Error(`expected ${negated ? 'not ' : ''}${say}`)
}

function thrown(actual: unknown): { error: unknown } | undefined {
  if (typeof actual !== 'function') throw new Error('toThrow wants a function')
  try {
    actual()
    return undefined
  } catch (error) {
    return { error }
  }
}

function matchesError(error: unknown, expected: unknown): boolean {
  const message = error instanceof Error ? error.message : String(error)
  if (expected === undefined) return true
  if (typeof expected === 'string') return message.includes(expected)
  if (expected instanceof RegExp) return expected.test(message)
  if (typeof expected === 'function') return error instanceof (expected as new () => unknown)
  if (expected instanceof Error) return message === expected.message
  throw new Error(`toThrow does not know ${show(expected)}`)
}

function contains(actual: unknown, item: unknown): boolean {
  if (typeof actual === 'string') return actual.includes(item as string)
  if (actual instanceof Set) return actual.has(item)
  return Array.from(actual as Iterable<unknown>).includes(item)
}

const compare = (a: unknown, b: unknown, holds: (a: number | bigint, b: number | bigint) => boolean) => {
  for (const n of [a, b]) if (!['number', 'bigint'].includes(typeof n)) throw new Error(`${show(n)} is no number`)
  return holds(a as number, b as number)
}

/** Each says whether it holds for what was given to `expect`. */
const MATCHERS: Record<string, (actual: unknown, ...expected: never[]) => boolean> = {
  toBe: (a, b) => Object.is(a, b),
  toEqual: (a, b) => equal(a, b, false),
  toStrictEqual: (a, b) => equal(a, b, true),
  toBeUndefined: a => a === undefined,
  toBeDefined: a => a !== undefined,
  toBeNull: a => a === null,
  toBeNaN: a => Number.isNaN(a),
  toBeTruthy: a => Boolean(a),
  toBeFalsy: a => !a,
  toBeInstanceOf: (a, type: new () => unknown) => a instanceof type,
  toBeTypeOf: (a, type: string) => typeof a === type,
  toBeGreaterThan: (a, b) => compare(a, b, (x, y) => x > y),
  toBeGreaterThanOrEqual: (a, b) => compare(a, b, (x, y) => x >= y),
  toBeLessThan: (a, b) => compare(a, b, (x, y) => x < y),
  toBeLessThanOrEqual: (a, b) => compare(a, b, (x, y) => x <= y),
  toHaveLength: (a, length: number) => (a as { length: unknown }).length === length,
  toMatch: (a, by: string | RegExp) => (typeof by === 'string' ? (a as string).includes(by) : by.test(a as string)),
  toContain: (a, item) => contains(a, item),
  toContainEqual: (a, item) => Array.from(a as Iterable<unknown>).some(one => equal(one, item, false)),
  toMatchObject: (a, part: object) => matcher.objectContaining(part).matches(a),
  toThrow: (a, by) => {
    const result = thrown(a)
    return result !== undefined && matchesError(result.error, by)
  },
  toThrowError: (a, by) => MATCHERS['toThrow']?.(a, by) ?? false,
}

type Matchers = Record<string, (...expected: unknown[]) => void>

function matchers(actual: unknown, negated: boolean): Matchers {
  const bound: Matchers = {}
  for (const [name, holds] of Object.entries(MATCHERS)) {
    bound[name] = (...expected) => {
      const said = `${show(actual)} ${name} ${expected.map(show).join(', ')}`
      check(holds(actual, ...(expected as never[])), negated, said)
    }
  }
  return bound
}

/** `await expect(promise).resolves.toBe(1)` */
function later(promise: unknown, rejected: boolean, negated: boolean): unknown {
  const settle = async () => {
    try {
      const value = await promise
      if (!rejected) return value
    } catch (error) {
      if (rejected) return error
      throw error
    }
    throw new Error('expected the promise to be rejected')
  }
  const bound: Record<string, unknown> = {}
  for (const name of Object.keys(MATCHERS)) {
    bound[name] = async (...expected: unknown[]) => {
      const value = await settle()
      const throws = name.startsWith('toThrow')
      const actual = throws && rejected ? raise(value) : value
      matchers(actual, negated)[name]?.(...expected)
    }
  }
  return known('expect', bound)
}

const raise = (error: unknown) => () => {
  throw error
}

function start(actual: unknown) {
  const negative = known('expect.not', {
    ...matchers(actual, true),
    get resolves() {
      return later(actual, false, true)
    },
    get rejects() {
      return later(actual, true, true)
    },
  })
  return known('expect', {
    ...matchers(actual, false),
    not: negative,
    get resolves() {
      return later(actual, false, false)
    },
    get rejects() {
      return later(actual, true, false)
    },
  })
}

export const expect: ((actual: unknown) => unknown) & Record<string, (...values: never[]) => Matcher> = known(
  'expect',
  Object.assign(start, matcher),
) as never

export interface File {
  readonly name: string
  readonly load: () => Promise<unknown>
}
export interface Outcome {
  /** Tests of each file. */
  readonly counts: Record<string, number>
  readonly passed: number
  readonly failures: readonly string[]
}

/** Runs the files one after the other. `faults` gives and forgets what was rejected without a handler. */
export async function runFiles(files: readonly File[], faults: () => readonly unknown[]): Promise<Outcome> {
  const counts: Record<string, number> = {}
  const failures: string[] = []
  let passed = 0
  for (const file of files) {
    cases = []
    groups = [{ name: file.name, before: [], after: [] }]
    collecting = true
    try {
      await file.load()
    } catch (error) {
      failures.push(`${file.name}: does not load: ${described(error)}`)
    }
    collecting = false
    counts[file.name] = cases.length
    if (cases.length === 0) failures.push(`${file.name}: holds no test`)
    for (const one of cases) {
      const failure = await runCase(one, faults)
      if (failure === undefined) passed++
      else failures.push(`${file.name}: ${one.name}\n  ${failure}`)
    }
  }
  return { counts, passed, failures }
}

async function runCase(one: Case, faults: () => readonly unknown[]): Promise<string | undefined> {
  assertions = 0
  try {
    for (const run of one.before) await run()
    try {
      await one.run()
    } finally {
      for (const run of one.after) await run()
    }
  } catch (error) {
    return described(error)
  }
  const [fault] = faults()
  if (fault !== undefined) return `rejected without a handler: ${described(fault)}`
  return assertions > 0 ? undefined : 'checked nothing'
}

const described = (error: unknown) =>
  error instanceof Error ? `${error}\n${error.stack ?? ''}`.trimEnd() : `threw ${show(error)}`
