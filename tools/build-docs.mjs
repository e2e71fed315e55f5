/**
 * Writes docs/configuration.md from the option table. `--check` writes nothing and exits with 1 when the page is not
 * what the table makes.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { loadTypeScript } from './load-typescript.mjs'

const target = new URL('../docs/configuration.md', import.meta.url)
const { configurationPage } = await loadTypeScript('tools/configuration-page.ts')
const page = configurationPage()

if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== page) {
    console.error('docs/configuration.md is not current: run node tools/build-docs.mjs')
    process.exit(1)
  }
} else {
  mkdirSync(new URL('.', target), { recursive: true })
  writeFileSync(target, page)
}
