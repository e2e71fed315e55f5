/**
 * The small vitest that unit tests use on QuickJS must fail where vitest fails. Each row is a test that must not pass
 * there; some of the same shape must.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { beforeAll, describe, expect, test } from 'vitest'
import { run } from '../support/process.ts'

const DIRECTORY = 'build/engines/shim'

beforeAll(() => {
  execFileSync('make', ['--no-print-directory', 'host'], { stdio: ['ignore', 'ignore', 'inherit'] })
  mkdirSync(DIRECTORY, { recursive: true })
})

/** What runFiles says about one file with this content. */
async function outcome(content: string): Promise<{ passed: number; failures: string[] }> {
  writeFileSync(join(DIRECTORY, 'one.ts'), content)
  const list = `[{ name: 'one', load: () => import('./${DIRECTORY}/one.ts') }]`
  await build({
    stdin: {
      contents: `import { runAll } from './test/support/unit-quickjs.ts'\nawait runAll(${list})`,
      resolveDir: '.',
    },
    alias: { vitest: './test/support/vitest-quickjs.ts' },
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    outfile: join(DIRECTORY, 'one.mjs'),
  })
  const { stdout } = await run(['build/host/porticod', '--bundle', join(DIRECTORY, 'one.mjs')])
  return JSON.parse(stdout)
}

const inTest = (statement: string) =>
  `import { describe, expect, test } from 'vitest'\ntest('it', async () => { ${statement} })`

describe('fails', () => {
  test.each([
    [`expect(1).toBe(2)`],
    [`expect(NaN).not.toBe(NaN)`],
    [`expect({ a: 1 }).toBe({ a: 1 })`],
    [`expect({ a: 1 }).toEqual({ a: 1, b: 2 })`],
    [`expect({ a: 1, b: undefined }).toStrictEqual({ a: 1 })`],
    [`expect([1, 2]).toEqual([2, 1])`],
    [`expect([1]).toEqual([1, undefined])`],
    [`expect(Uint8Array.of(1)).toEqual([1])`],
    [`expect(Uint8Array.of(1, 2)).toEqual(Uint8Array.of(1, 3))`],
    [`expect(new Map([[1, 2]])).toEqual(new Map([[1, 3]]))`],
    [`expect(new Set([1])).toEqual(new Set([2]))`],
    [`expect(new Error('a')).toEqual(new Error('b'))`],
    [`expect(null).toEqual(undefined)`],
    [`expect(0).toEqual(-0)`],
    [`expect('1').toEqual(1)`],
    [`expect(() => undefined).toThrow()`],
    [`expect(() => { throw new Error('a') }).toThrow('b')`],
    [`expect(() => { throw new Error('a') }).not.toThrow()`],
    [`expect(() => { throw new Error('a') }).toThrow(TypeError)`],
    [`expect('abc').toMatch(/d/)`],
    [`expect([1]).toContain(2)`],
    [`expect([1]).toHaveLength(2)`],
    [`expect('2').toBeGreaterThan(1)`],
    [`await expect(Promise.resolve(1)).rejects.toThrow()`],
    [`await expect(Promise.reject(new Error('a'))).rejects.toThrow('b')`],
    [`await Promise.resolve(); throw new Error('late')`],
    [`expect(1).toBe(1); Promise.reject(new Error('nobody handles it')); await null; await null`],
    [`const nothing = 1`],
    [`expect(1).toBeLikeOne()`],
    [`expect.soft(1).toBe(1)`],
    [`expect(1).not.toBeLikeOne()`],
    [`test('inside', () => {})`],
  ])('%s', async statement => {
    const { passed, failures } = await outcome(inTest(statement))
    expect([passed, failures.length]).toEqual([0, 1])
  })

  test.each([
    [`test.skip('it', () => {})`],
    [`test.only('it', () => {})`],
    [`describe.skip('it', () => {})`],
    [`vi.fn()`],
    [`test('it', { retry: 1 }, () => {})`],
    [`test.each\`a\${1}\``],
    [``],
  ])('a file with: %s', async statement => {
    const source = `import * as all from 'vitest'\nconst { describe, expect, test, vi } = all as any\n${statement}`
    expect((await outcome(source)).failures.length).toBeGreaterThan(0)
  })
})

describe('passes', () => {
  test.each([
    [`expect({ a: [1, { b: 2 }], c: undefined }).toEqual({ a: [1, { b: 2 }] })`],
    [`expect({ a: 1 }).toStrictEqual({ a: 1 })`],
    [`expect(new Map([[{ a: 1 }, 2]])).toEqual(new Map([[{ a: 1 }, 2]]))`],
    [`expect({ a: 1, b: 2 }).toMatchObject({ a: 1 })`],
    [`expect({ a: 'text' }).toEqual({ a: expect.stringContaining('ex') })`],
    [`expect(() => { throw new TypeError('abc') }).toThrow(/b/)`],
    [`await expect(Promise.reject(new Error('a'))).rejects.toThrow('a')`],
    [`await expect(Promise.resolve([1])).resolves.toEqual([1])`],
    [`expect(1n).toBeLessThan(2n)`],
  ])('%s', async statement => {
    expect(await outcome(inTest(statement))).toMatchObject({ passed: 1, failures: [] })
  })

  test('rows are spread, one test each, with hooks around', async () => {
    const source = `import { beforeEach, describe, expect, test } from 'vitest'
      let count = 0
      describe('group', () => {
        beforeEach(() => { count++ })
        test.each([['a', 1], ['b', 2]])('%s is %d', (name, n) => expect([name, n, count]).toEqual([name, count, n]))
        test.each([{ key: 3 }])('$key', ({ key }) => expect(key).toBe(count))
      })`
    expect(await outcome(source)).toMatchObject({ passed: 3, failures: [] })
  })
})
