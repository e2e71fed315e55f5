/** Where the repository is, from a test as well as from a bundle made of it. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root: string = upTo('package.json', dirname(fileURLToPath(import.meta.url)))

export const supportFile = (name: string): string => join(root, 'test/support', name)

function upTo(mark: string, from: string): string {
  if (existsSync(join(from, mark))) return from
  const above = dirname(from)
  if (above === from) throw new Error(`no ${mark} here or above`)
  return upTo(mark, above)
}
