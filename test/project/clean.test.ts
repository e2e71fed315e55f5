/** What may not stand in the tree: hosts of package archives, paths of a machine, download addresses in the lock. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

const tracked = execFileSync('git', ['ls-files', '-z'], { encoding: 'utf8' }).split('\0').filter(Boolean)
const texts = tracked
  .filter(file => !/\.(png|gz|bin)$/.test(file) && file !== 'test/project/clean.test.ts')
  .map(file => ({ file, text: readFileSync(file, 'utf8') }))

describe('what is generated', () => {
  test.each(['tools/build-validators.mjs', 'tools/build-docs.mjs'])('%s has nothing new to write', tool => {
    expect(() => execFileSync('node', [tool, '--check'], { stdio: 'pipe' })).not.toThrow()
  })
})

describe('the tree', () => {
  test.each([
    ['a package archive', /\b(deb|security|ftp|snapshot)\.debian\.org|registry\.npmjs\.org|deb\.nodesource/],
    ['a path of this machine', /\/work\/(main|shared)/],
    ['a download address in the lock file', /"resolved": *"https?:/],
  ])('names no %s', (_what, pattern) => {
    expect(texts.filter(({ text }) => pattern.test(text)).map(({ file }) => file)).toEqual([])
  })

  test('has one version', () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
    expect(readFileSync('src/base/release.ts', 'utf8')).toContain(`'${version}'`)
    expect(readFileSync('CHANGELOG.md', 'utf8')).toContain(`## ${version}`)
  })

  test('pins every dependency to one version', () => {
    const { dependencies, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8'))
    const versions = Object.values<string>({ ...dependencies, ...devDependencies })
    expect(versions.length).toBeGreaterThan(5)
    expect(versions.filter(version => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([])
  })
})
