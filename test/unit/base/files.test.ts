import { describe, expect, test } from 'vitest'
import { directoryOf, textIn } from '../../../src/base/files.ts'
import { utf8Encode } from '../../../src/base/text.ts'

describe('directoryOf()', () => {
  test.each([
    ['/etc/portico/leases', '/etc/portico'],
    ['/leases', '/'],
    ['/a/b/', '/a/b'],
  ])('of %s is %s', (path, directory) => expect(directoryOf(path)).toBe(directory))
})

describe('textIn()', () => {
  const files = {
    said: ' 42\n',
    readFile(path: string) {
      if (path === '/locked') throw new Error('EACCES')
      return path === '/number' ? utf8Encode(this.said) : undefined
    },
  }
  test.each([
    ['/number', '42'],
    ['/absent', ''],
    ['/locked', ''],
  ])('%s holds "%s"', (path, text) => expect(textIn(files, path)).toBe(text))
})
