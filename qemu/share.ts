/** The image's read-only root with a folder /share more: the package and an older one. */
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../test/support/root.ts'
import type { Image } from './image.ts'

/** What the suite is told of the router it runs on. */
export interface Given {
  readonly image: Image
  /** The root file system, with the packages in /share. */
  readonly rom: string
  /** Where the machine keeps its disk, its sockets and its log. */
  readonly directory: string
}

const BUILT = join(root, 'build/ipk')

/** `IPKS=directory` takes the packages from there, as they are; otherwise they are built from this tree. */
export function makeShare({ name, directory }: Image, arch: string): string {
  const packages = process.env['IPKS'] ?? BUILT
  if (packages === BUILT) build(arch)
  const work = join(root, 'build/qemu/share', name)
  rmSync(work, { recursive: true, force: true })
  mkdirSync(join(work, 'share'), { recursive: true })
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const begin = packages === BUILT ? `portico_${version}-` : 'portico_'
  const file = readdirSync(packages).find(each => each.startsWith(begin) && each.endsWith(`_${arch}.ipk`))
  if (file === undefined) throw new Error(`${packages} has no package for ${arch}`)
  copyFileSync(join(packages, file), join(work, 'share/portico.ipk'))
  makeOlder(join(work, 'share/portico.ipk'), join(work, 'share/portico-old.ipk'), join(work, 'old'))
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
  const pack = (directory: string, members: string, target: string) =>
    `(cd '${directory}' && tar --format=gnu --numeric-owner --owner=0 --group=0 --sort=name -cf - ${members} | gzip -n1 > '${target}')`
  writeFileSync(
    `${work}.sh`,
    `set -e
mkdir -p '${work}/control' '${work}/data'
tar -xzf '${from}' -C '${work}'
tar -xzf '${work}/control.tar.gz' -C '${work}/control'
tar -xzf '${work}/data.tar.gz' -C '${work}/data'
sed -i 's/^Version: .*/Version: 0.0.1-r1/' '${work}/control/control'
mkdir -p '${work}/data/usr/share/portico'
echo 'of another time' > '${work}/data/usr/share/portico/left-behind'
${pack(`${work}/control`, '.', `${work}/control.tar.gz`)}
${pack(`${work}/data`, '.', `${work}/data.tar.gz`)}
${pack(work, './debian-binary ./data.tar.gz ./control.tar.gz', to)}
`,
  )
  execFileSync('sh', [`${work}.sh`], { stdio: ['ignore', 'ignore', 'inherit'] })
}
