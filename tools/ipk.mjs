/**
 * Packs the OpenWrt packages into build/ipk.
 *
 *     node tools/ipk.mjs portico ARCH PROGRAM     portico_VERSION_ARCH.ipk, PROGRAM is its porticod
 *     node tools/ipk.mjs luci-app-portico         luci-app-portico_VERSION_all.ipk, with its translations
 *
 * Same input, same bytes: members are sorted, belong to root and carry one time, SOURCE_DATE_EPOCH or that of the last
 * commit.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { luciPackage, porticoPackage } from './ipk/contents.mjs'
import { writeIpk } from './ipk/ipk.mjs'

const OUT = 'build/ipk'
const [name, arch, program] = process.argv.slice(2)

if (name === 'portico' && arch !== undefined && program !== undefined) {
  write(porticoPackage({ arch, program: readFileSync(program), mtime: mtime() }))
} else if (name === 'luci-app-portico' && arch === undefined) write(luciPackage({ mtime: mtime() }))
else {
  console.error('usage: node tools/ipk.mjs portico ARCH PROGRAM | luci-app-portico')
  process.exit(2)
}

function write(contents) {
  const { Package, Version, Architecture } = contents.control
  const path = `${OUT}/${Package}_${Version}_${Architecture}.ipk`
  const bytes = writeIpk(contents)
  mkdirSync(OUT, { recursive: true })
  writeFileSync(path, bytes)
  console.log(`${path}: ${bytes.length} bytes`)
}

/** sysfixtime sets a router's clock to the newest time below /etc, so it must be a sensible one. */
function mtime() {
  const given = process.env.SOURCE_DATE_EPOCH
  if (given !== undefined) return Number(given)
  return Number(execFileSync('git', ['log', '-1', '--format=%ct'], { encoding: 'utf8' }))
}
