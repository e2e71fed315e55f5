/** A check that is shown elsewhere has a test there that bears its number. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ELSEWHERE } from '../support/natpmp-elsewhere.ts'

const root = join(import.meta.dirname, '../..')

test.each(Object.entries(ELSEWHERE))('check %s is a test in the file that is named for it', (number, { where }) => {
  expect(readFileSync(join(root, where), 'utf8')).toMatch(new RegExp(`check ${number}\\b`))
})
