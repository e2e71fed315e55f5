/**
 * Writes the LuCI app's po/templates/portico.pot from its views, menu and ACL. `--check` writes nothing and exits with
 * 1 when the template is not what they make.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { loadTypeScript } from './load-typescript.mjs'

const app = new URL('../openwrt/luci-app-portico/', import.meta.url)
const target = new URL('po/templates/portico.pot', app)

const paths = ['htdocs', 'root/usr/share'].flatMap(folder =>
  readdirSync(new URL(folder, app), { recursive: true, encoding: 'utf8' }).map(path => `${folder}/${path}`),
)
const sources = paths
  .filter(path => /\.(js|json)$/.test(path))
  .map(path => ({ path, text: readFileSync(new URL(path, app), 'utf8') }))

const { template } = await loadTypeScript('tools/luci-pot.ts')
const made = template(sources)

if (!process.argv.includes('--check')) writeFileSync(target, made)
else if (readFileSync(target, 'utf8') !== made) {
  console.error('po/templates/portico.pot is not current: run node tools/build-pot.mjs')
  process.exit(1)
}
