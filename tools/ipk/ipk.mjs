/** An .ipk as OpenWrt's scripts/ipkg-build makes it: gzip of a tar of debian-binary, data.tar.gz and control.tar.gz. */
import { gunzipSync, gzipSync } from 'node:zlib'
import { readTar, withFolders, writeTar } from './tar.mjs'

/**
 * @typedef {object} Package
 * @property {Readonly<Record<string, string>>} control fields by name
 * @property {Readonly<Record<string, string>>} scripts `postinst`, `prerm-pkg` ...: the text of each
 * @property {readonly string[]} conffiles paths of the owner's files
 * @property {readonly import('./tar.mjs').Member[]} files names begin with `./`
 * @property {number} mtime
 */

/** @param {Package} of */
export function writeIpk({ control, scripts, conffiles, files, mtime }) {
  const data = writeTar(withFolders(files), mtime)
  // What ipkg-build counts is the archive, not the files in it.
  const fields = { ...control, SourceDateEpoch: String(mtime), 'Installed-Size': String(data.length) }
  const members = [
    { name: './control', mode: 0o644, bytes: Buffer.from(controlText(fields)) },
    ...(conffiles.length === 0 ? [] : [{ name: './conffiles', mode: 0o644, bytes: Buffer.from(lines(conffiles)) }]),
    ...Object.entries(scripts).map(([name, text]) => ({ name: `./${name}`, mode: 0o755, bytes: Buffer.from(text) })),
  ]
  const outer = [
    { name: './debian-binary', mode: 0o644, bytes: Buffer.from('2.0\n') },
    { name: './data.tar.gz', mode: 0o644, bytes: gzipped(data) },
    { name: './control.tar.gz', mode: 0o644, bytes: gzipped(writeTar(withFolders(members), mtime)) },
  ]
  return gzipped(writeTar(outer, mtime))
}

/** For tests: what is in a package, with every member's head. */
export function readIpk(bytes) {
  const outer = readTar(gunzipSync(bytes))
  const part = name => readTar(gunzipSync(outer.find(member => member.name === name).bytes))
  return { outer, data: part('./data.tar.gz'), control: part('./control.tar.gz') }
}

/** As `gzip -n` does: no name and no time in the head. */
const gzipped = archive => gzipSync(archive, { level: 9 })

const lines = all => all.map(line => `${line}\n`).join('')

/** In the order of package-pack.mk's CONTROL; what is not in it is no field of OpenWrt's. */
const FIELDS = [
  'Package',
  'Version',
  'Depends',
  'Conflicts',
  'Source',
  'SourceName',
  'License',
  'LicenseFiles',
  'Section',
  'SourceDateEpoch',
  'Maintainer',
  'Architecture',
  'Installed-Size',
]

/** Description last, and with the two blanks that the build system's `sed` leaves there. */
function controlText({ Description, ...fields }) {
  const strange = Object.keys(fields).filter(name => !FIELDS.includes(name))
  if (strange.length > 0) throw new Error(`no field of a package: ${strange}`)
  const rest = FIELDS.filter(name => fields[name] !== undefined)
  return lines([...rest.map(name => `${name}: ${fields[name]}`), `Description:  ${Description}`])
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
