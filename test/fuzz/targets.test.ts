/**
 * Every decoder against mutated vectors: `Malformed` is the only thing it may throw. A target is a file beside this
 * one that exports `target(bytes)` and, where hex vectors are no good seeds for it, `seeds`.
 * A failure prints the seed, the run and the input.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Malformed } from '../../src/base/fail.ts'
import { mutated, random } from './mutate.ts'
import { RUNS as runs, SEED as seed } from './rounds.ts'

interface Target {
  readonly target: (bytes: Uint8Array) => void
  readonly seeds?: readonly Uint8Array[]
}

const NOT_TARGETS = ['mutate.ts', 'rounds.ts', 'vitest.config.ts']

const names = readdirSync(import.meta.dirname)
  .filter(name => name.endsWith('.ts') && !name.endsWith('.test.ts') && !NOT_TARGETS.includes(name))
  .map(name => name.replace(/\.ts$/, ''))

describe('fuzz', () => {
  test('has a target for every decoder of the wire', () => {
    expect(names).toEqual(expect.arrayContaining(['natpmp', 'netlink', 'rtnetlink', 'uci', 'http', 'xml', 'soap']))
  })

  test.each(names)('%s throws nothing but Malformed', async name => {
    const { target, seeds = vectors('test/vectors') } = (await import(`./${name}.ts`)) as Target
    const pick = random(seed)
    const outcomes = { fine: 0, malformed: 0 }
    for (let run = 0; run < runs; run++) {
      const bytes = run < seeds.length ? (seeds[run] as Uint8Array) : mutated(seeds, pick)
      try {
        target(bytes)
        outcomes.fine++
      } catch (error) {
        if (!(error instanceof Malformed)) {
          throw new Error(`seed ${seed}, run ${run}, input ${Buffer.from(bytes).toString('hex')}`, { cause: error })
        }
        outcomes.malformed++
      }
    }
    console.log(`fuzz ${name}: ${runs} inputs from ${seeds.length} seeds (FUZZ_SEED=${seed})`, outcomes)
    expect(outcomes.fine + outcomes.malformed).toBe(runs)
  })
})

/** Every run of hex of at least four bytes in the vector files, one blank-separated line or block at a time. */
function vectors(folder: string): Uint8Array[] {
  return readdirSync(folder).flatMap(name => {
    const path = join(folder, name)
    if (statSync(path).isDirectory()) return vectors(path)
    return readFileSync(path, 'utf8')
      .split(/\n\s*\n/)
      .map(block =>
        block
          .replace(/^#.*$/gm, '')
          .replace(/^[0-9a-f]{4}\s\s/gm, '')
          .replace(/[<>]|\s/g, ''),
      )
      .filter(hex => /^([0-9a-f]{2}){4,}$/.test(hex))
      .map(hex => Uint8Array.from(Buffer.from(hex, 'hex')))
  })
}
