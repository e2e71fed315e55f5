/** Nothing in `src` exists for a test, or for nobody. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

/** What prints bytes is for whoever debugs, and for the fuzzers, which make it walk every field. */
const FOR_PEOPLE = /^dump/

describe('exports', () => {
  const sources = files('src').map(file => ({ file, code: code(file) }))
  const counts = new Map<string, number>()
  for (const text of [...sources.map(each => each.code), ...files('tools').map(code)]) {
    for (const [word] of text.matchAll(/[A-Za-z_$][\w$]*/g)) counts.set(word, (counts.get(word) ?? 0) + 1)
  }
  const exported = sources.flatMap(({ file, code: text }) =>
    [...text.matchAll(/^export (?:async )?(?:const|function\*?|class|interface|type) (\w+)/gm)].map(match => ({
      file,
      name: match[1] as string,
    })),
  )

  test('there are exports to judge', () => {
    expect(exported.length).toBeGreaterThan(500)
  })

  test('src or a tool uses every one', () => {
    const unused = exported.filter(({ name }) => counts.get(name) === 1 && !FOR_PEOPLE.test(name))
    expect(unused.map(({ file, name }) => `${name} of ${file}`)).toEqual([])
  })
})

function files(folder: string): readonly string[] {
  return readdirSync(folder).flatMap(name => {
    const path = join(folder, name)
    if (statSync(path).isDirectory()) return files(path)
    return /(?<!\.generated)\.(ts|mjs)$/.test(path) ? [path] : []
  })
}

/** Without comments: a word in prose is no use. */
function code(file: string): string {
  return readFileSync(file, 'utf8')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/(^|\s)\/\/.*$/gm, '')
}
