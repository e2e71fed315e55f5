/** What scripts call by name is there: the targets of make, and each one's word in `make help`. */
import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'

const TARGETS = ['demo', 'test', 'ok', 'kernel', 'clients', 'qemu', 'fuzz', 'bench', 'host', 'ipk', 'dev']

test('every target that scripts depend on is listed by make, with a word about it', () => {
  const said = execFileSync('make', ['--no-print-directory', 'help'], { encoding: 'utf8' })
  const listed = [...said.matchAll(/^ {2}make (\S+) +\S/gm)].map(match => match[1])
  expect(TARGETS.filter(target => !listed.includes(target))).toEqual([])
})
