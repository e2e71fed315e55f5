/** The image's read-only root with a folder /share more: the package and an older one. */
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../test/support/root.ts'
import type { Image } from './image.ts'
import { handOver } from './openwrt.ts'

/** What the suite is told of the router it runs on. */
export interface Given {
  readonly image: Image
  /** The root file system, with the packages in /share. */
  readonly rom: string
  /** Where the machine keeps its disk, its sockets and its log. */
  readonly directory: string
}

const BUILT = join(root, 'build/ipk')

/** The read-only disk with the packages in /share. `IPKS=directory` takes those from there, as they are. */
export function makeShare(image: Image, arch: string): string {
  const work = join(root, 'build/qemu/share', image.name)
  rmSync(work, { recursive: true, force: true })
  mkdirSync(join(work, 'share'), { recursive: true })
  copyFileSync(packageFor(arch), join(work, 'share/portico.ipk'))
  if (image.facts.engine === 'node') makeNodePackage(join(work, 'share/portico.ipk'), join(work, 'node'))
  makeOlder(join(work, 'share/portico.ipk'), join(work, 'share/portico-old.ipk'), join(work, 'old'))
  return image.given === undefined ? addToRom(image.directory, work) : handOver(work)
}

/** Made from this tree, or one of `IPKS=directory`. */
function packageFor(arch: string): string {
  const packages = process.env['IPKS'] ?? BUILT
  if (packages === BUILT) build(arch)
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const begin = packages === BUILT ? `portico_${version}-` : 'portico_'
  const file = readdirSync(packages).find(each => each.startsWith(begin) && each.endsWith(`_${arch}.ipk`))
  if (file === undefined) throw new Error(`${packages} has no package for ${arch}`)
  return join(packages, file)
}

function addToRom(directory: string, work: string): string {
  // mksquashfs adds to what is there. A disk of its own would be one device too many for malta's four interrupt lines.
  const rom = join(work, 'rom.sqfs')
  copyFileSync(join(directory, 'rom.sqfs'), rom)
  execFileSync('mksquashfs', [join(work, 'share'), rom, '-keep-as-directory', '-all-root', '-no-progress', '-quiet'], {
    stdio: 'ignore',
  })
  return rom
}

function build(arch: string): void {
  const command = ['--no-print-directory', 'ipk', `ARCH=${arch}`]
  execFileSync('make', command, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
}

/** The same program as version 0.0.1, with one file that the present package no longer has. */
function makeOlder(from: string, to: string, work: string): void {
  repack(
    from,
    to,
    work,
    `sed -i 's/^Version: .*/Version: 0.0.1-r1/' control/control
mkdir -p data/usr/share/portico
echo 'of another time' > data/usr/share/portico/left-behind`,
  )
}

/** Headers for compiling netlink's native part, which comes compiled. */
const BUILD_ONLY = 'node-addon-api'

/** The package with bundle, addon and a line that starts Node, in place of the program with its own engine. */
function makeNodePackage(file: string, work: string): void {
  execFileSync('make', ['--no-print-directory', 'node'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
  const modules = ['netlink', 'dgram-as-promised'].flatMap(withDependencies)
  repack(
    file,
    file,
    work,
    `mkdir -p data/usr/lib/portico/node_modules
cp '${join(root, 'build/node')}'/portico.* data/usr/lib/portico/
for module in ${[...new Set(modules)].filter(each => each !== BUILD_ONLY).join(' ')}; do
  mkdir -p "data/usr/lib/portico/node_modules/$(dirname "$module")"
  cp -r '${join(root, 'node_modules')}'/"$module" "data/usr/lib/portico/node_modules/$module"
  rm -rf "data/usr/lib/portico/node_modules/$module/src"
done
find data/usr/lib/portico -path '*/prebuilds/*' -type d ! -name linux-x64 -exec rm -r {} +
find data/usr/lib/portico -name '*.map' -o -name '*.d.ts' -o -name '*.md' | xargs rm -f
cat > data/usr/bin/portico <<'END'
#!/bin/sh
exec -a portico /usr/bin/node /usr/lib/portico/portico.mjs "$@"
END`,
  )
}

/** A module's name and the names of those it needs, as they lie side by side in node_modules. */
function withDependencies(name: string): readonly string[] {
  const facts = JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8'))
  const needed = Object.keys(facts.dependencies ?? {}).filter(each => !each.startsWith('@types/'))
  return [name, ...needed.flatMap(withDependencies)]
}

/** Unpacks a package into `work`, runs a script there, which finds `control` and `data`, and packs it again. */
function repack(from: string, to: string, work: string, script: string): void {
  const pack = (directory: string, members: string, target: string) =>
    `(cd '${directory}' && tar --format=gnu --numeric-owner --owner=0 --group=0 --sort=name -cf - ${members} | gzip -n1 > '${target}')`
  writeFileSync(
    `${work}.sh`,
    `set -e
mkdir -p '${work}/control' '${work}/data'
tar -xzf '${from}' -C '${work}'
tar -xzf '${work}/control.tar.gz' -C '${work}/control'
tar -xzf '${work}/data.tar.gz' -C '${work}/data'
cd '${work}'
${script}
${pack(`${work}/control`, '.', `${work}/control.tar.gz`)}
${pack(`${work}/data`, '.', `${work}/data.tar.gz`)}
${pack(work, './debian-binary ./data.tar.gz ./control.tar.gz', to)}
`,
  )
  execFileSync('sh', [`${work}.sh`], { stdio: ['ignore', 'ignore', 'inherit'] })
}
