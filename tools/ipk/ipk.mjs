/** An .ipk as OpenWrt's scripts/ipkg-build makes it: gzip of a tar of debian-binary, data.tar.gz and control.tar.gz. */
import { gunzipSync, gzipSync } from 'node:zlib'
import { readTar, withFolders, writeTar } from './tar.mjs'

/**
 * @typedef {object} Package
 * @property {Readonly<Record<string, string>>} control fields in the order in which they are written
 * @property {Readonly<Record<string, string>>} scripts `postinst`, `prerm-pkg` ...: the text of each
 * @property {readonly string[]} conffiles paths of the owner's files
 * @property {readonly import('./tar.mjs').Member[]} files names begin with `./`
 * @property {number} mtime
 */

/** @param {Package} of */
export function writeIpk({ control, scripts, conffiles, files, mtime }) {
  const installed = files.reduce((sum, { bytes }) => sum + (bytes?.length ?? 0), 0)
  const fields = { ...control, SourceDateEpoch: String(mtime), 'Installed-Size': String(installed) }
  const members = [
    { name: './control', mode: 0o644, bytes: Buffer.from(controlText(fields)) },
    ...(conffiles.length === 0 ? [] : [{ name: './conffiles', mode: 0o644, bytes: Buffer.from(lines(conffiles)) }]),
    ...Object.entries(scripts).map(([name, text]) => ({ name: `./${name}`, mode: 0o755, bytes: Buffer.from(text) })),
  ]
  const outer = [
    { name: './debian-binary', mode: 0o644, bytes: Buffer.from('2.0\n') },
    { name: './data.tar.gz', mode: 0o644, bytes: compressed(withFolders(files), mtime) },
    { name: './control.tar.gz', mode: 0o644, bytes: compressed(withFolders(members), mtime) },
  ]
  return compressed(outer, mtime)
}

/** For tests: what is in a package, with every member's head. */
export function readIpk(bytes) {
  const outer = readTar(gunzipSync(bytes))
  const part = name => readTar(gunzipSync(outer.find(member => member.name === name).bytes))
  return { outer, data: part('./data.tar.gz'), control: part('./control.tar.gz') }
}

/** As `gzip -n` does: no name and no time in the head. */
const compressed = (members, mtime) => gzipSync(writeTar(members, mtime), { level: 9 })

const lines = all => all.map(line => `${line}\n`).join('')

/** Description last, its further lines indented, as opkg reads it. */
function controlText({ Description, ...fields }) {
  const rest = Object.entries(fields).filter(([, value]) => value !== '')
  return lines([...rest.map(([name, value]) => `${name}: ${value}`), `Description:  ${Description}`])
}

/** What the build system writes for every package: `default_postinst` enables and starts, `default_prerm` the reverse. */
export const DEFAULT_SCRIPTS = {
  postinst: `#!/bin/sh
[ "\${IPKG_NO_SCRIPT}" = "1" ] && exit 0
[ -s \${IPKG_INSTROOT}/lib/functions.sh ] || exit 0
. \${IPKG_INSTROOT}/lib/functions.sh
default_postinst $0 $@
`,
  prerm: `#!/bin/sh
[ -s \${IPKG_INSTROOT}/lib/functions.sh ] || exit 0
. \${IPKG_INSTROOT}/lib/functions.sh
default_prerm $0 $@
`,
}
