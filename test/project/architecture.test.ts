/** What src/README.md says of the program, as far as its text can be held against it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

const README = readFileSync('src/README.md', 'utf8')

describe('src/README.md', () => {
  test('fits two screens of a reviewer', () => {
    expect(README.split('\n').length).toBeLessThanOrEqual(200)
  })

  test('names every folder, and no other', () => {
    const floors = [...README.matchAll(/^\| `(\w+)\/`/gm)].map(match => match[1])
    const folders = readdirSync('src', { withFileTypes: true }).filter(each => each.isDirectory())
    expect(floors.sort()).toEqual(folders.map(({ name }) => name).sort())
  })

  test('sends nobody to a file that is not there', () => {
    const table = README.slice(README.indexOf('## To change X, open Y'))
    const named = [...table.matchAll(/^\|[^|]*\|([^|]*)\|/gm)].flatMap(row => pathsIn(row[1] as string))
    expect(named.length).toBeGreaterThan(20)
    expect(named.filter(path => !isThere(path))).toEqual([])
  })
})

/** `a/b.ts`, and after it `c.ts` of the same folder; commands are left out. */
function pathsIn(cell: string): readonly string[] {
  let folder = ''
  return [...cell.matchAll(/`([^` ]+)`/g)].flatMap(match => {
    const path = match[1] as string
    if (path.includes('/')) folder = path.slice(0, path.lastIndexOf('/') + 1)
    return [path.includes('/') ? path : `${folder}${path}`]
  })
}

function isThere(path: string): boolean {
  const places = [path, `src/${path}`]
  if (!path.includes('*')) return places.some(each => existsSync(each))
  return places.some(each => {
    const folder = each.slice(0, each.lastIndexOf('/'))
    const name = new RegExp(
      `^${each
        .slice(folder.length + 1)
        .replaceAll('.', '\\.')
        .replaceAll('*', '.*')}$`,
    )
    return existsSync(folder) && readdirSync(folder).some(file => name.test(file))
  })
}
