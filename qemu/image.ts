/**
 * An image: a kernel, a first file system that loads modules and lays the overlay (stage1.sh), and a read-only root of
 * OpenWrt's shape (rootfs/ and what Debian's packages give). Made anew only when something it is made of has changed.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { root } from '../test/support/root.ts'
import { type ImageFacts, imageFacts, MACHINES } from './machines.ts'
import { modulesOf } from './modules.ts'

export interface Image {
  readonly name: string
  readonly facts: ImageFacts
  /** Holds `vmlinuz`, `stage1.cpio.gz`, `rom.sqfs`. */
  readonly directory: string
  /** Somebody else's image (openwrt.ts): then `directory` holds what the suite makes of it. */
  readonly given?: GivenImage
}

export interface GivenImage {
  /** Never written to. */
  readonly disk: string
  /** Absent: the disk brings its boot loader. */
  readonly kernel?: string
  readonly initrd?: string
  /** Of root; empty if there is none. */
  readonly password: string
}

/** A set of packages of one release: what for, the metapackage of a kernel or `none`, and the others. */
interface Wish {
  readonly purpose: '' | '-busybox' | '-node'
  readonly kernel: string
  readonly packages: readonly string[]
}

const PACKAGES = ['busybox-static', 'nftables', 'conntrack', 'miniupnpd-nftables']
const PROGRAMS = ['usr/sbin/nft', 'usr/sbin/conntrack', 'usr/sbin/miniupnpd']
const BUSYBOX: Wish = { purpose: '-busybox', kernel: 'none', packages: ['busybox-static'] }
/** What the Node that runs this needs beside it: no Debian release of these kernels has Node 20. */
const NODE: Wish = { purpose: '-node', kernel: 'none', packages: ['libstdc++6', 'libgcc-s1'] }
const BUILD = join(root, 'build/qemu')

export function buildImage(name: string): Image {
  const described = imageFacts(name)
  const facts = { ...described, memory: Number(process.env['MEMORY'] ?? described.memory) }
  const debs = fetchPackages(facts.release, facts, { purpose: '', kernel: facts.kernel, packages: PACKAGES })
  const busybox = facts.busybox === undefined ? debs : fetchPackages(facts.busybox, facts, BUSYBOX)
  const node = facts.engine === 'node' ? fetchPackages(facts.release, facts, NODE) : undefined
  const directory = join(BUILD, 'images', `${name}-${hashOf(facts, debs, busybox, ...(node ? [node] : []))}`)
  const image = { name, facts, directory }
  if (existsSync(directory)) return image
  const work = `${directory}.${process.pid}`
  rmSync(work, { recursive: true, force: true })
  mkdirSync(work, { recursive: true })
  copyFileSync(kernelOf(debs), join(work, 'vmlinuz'))
  makeStage1(work, debs, busybox)
  makeRom(work, debs, busybox, node)
  renameSync(work, directory)
  return image
}

/** Packages of one release and processor, unpacked. Fetched once: a newer version is taken after `rm -r build/qemu`. */
function fetchPackages(release: string, facts: ImageFacts, { purpose, kernel, packages }: Wish): string {
  const { debian } = MACHINES[facts.machine]
  const directory = join(BUILD, 'debs', `${release}-${debian}${purpose}`)
  const wish = `${[kernel, ...packages].join(' ')}\n`
  const wishFile = join(directory, 'wish')
  if (existsSync(wishFile) && readFileSync(wishFile, 'utf8') === wish) return join(directory, 'root')
  execFileSync(join(root, 'qemu/fetch.sh'), [directory, release, debian, kernel, ...packages], {
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: 600_000,
  })
  writeFileSync(wishFile, wish)
  return join(directory, 'root')
}

function hashOf(facts: ImageFacts, ...debs: readonly string[]): string {
  const hash = createHash('sha256').update(JSON.stringify({ ...facts, memory: 0 }))
  if (facts.engine === 'node') hash.update(process.version)
  for (const each of debs) hash.update(readFileSync(join(each, '../versions')))
  for (const file of ['image.ts', 'modules.ts', 'stage1.sh']) hash.update(readFileSync(join(root, 'qemu', file)))
  for (const path of filesBelow(join(root, 'qemu/rootfs'))) {
    hash.update(`${path} ${lstatSync(path).mode}\n`).update(readFileSync(path))
  }
  return hash.digest('hex').slice(0, 12)
}

const filesBelow = (directory: string): string[] =>
  readdirSync(directory, { withFileTypes: true })
    .flatMap(entry => (entry.isDirectory() ? filesBelow(join(directory, entry.name)) : [join(directory, entry.name)]))
    .sort()

function kernelOf(debs: string): string {
  const name = readdirSync(join(debs, 'boot')).find(file => /^vmlinu[xz]-/.test(file))
  if (name === undefined) throw new Error(`no kernel in ${debs}/boot`)
  return join(debs, 'boot', name)
}

function makeStage1(work: string, debs: string, busybox: string): void {
  const tree = join(work, 'stage1')
  for (const name of ['bin', 'modules', 'proc', 'sys', 'dev', 'rom', 'overlay', 'root']) {
    mkdirSync(join(tree, name), { recursive: true })
  }
  copyFileSync(join(root, 'qemu/stage1.sh'), join(tree, 'init'))
  chmodSync(join(tree, 'init'), 0o755)
  copyFileSync(busyboxOf(busybox), join(tree, 'bin/busybox'))
  for (const applet of 'sh mount mkdir insmod switch_root usleep echo mknod ls cat dmesg grep dd printf ip'.split(
    ' ',
  )) {
    symlinkSync('busybox', join(tree, 'bin', applet))
  }
  const below = existsSync(join(debs, 'lib/modules')) ? join(debs, 'lib/modules') : join(debs, 'usr/lib/modules')
  const modules = modulesOf(below)
  for (const { name, content } of modules) writeFileSync(join(tree, 'modules', `${name}.ko`), content)
  writeFileSync(join(tree, 'modules/order'), modules.map(({ name }) => `${name}.ko\n`).join(''))
  shell(`cd '${tree}' && find . | cpio --quiet -o -H newc -R 0:0 | gzip -1 > ../stage1.cpio.gz`)
  rmSync(tree, { recursive: true })
}

function makeRom(work: string, debs: string, busybox: string, node: string | undefined): void {
  const tree = join(work, 'rom')
  cpSync(join(root, 'qemu/rootfs'), tree, { recursive: true, verbatimSymlinks: true })
  for (const name of [
    'bin',
    'sbin',
    'usr/bin',
    'usr/sbin',
    'lib',
    'proc',
    'sys',
    'dev',
    'tmp',
    'mnt',
    'root',
    'etc/rc.d',
    'etc/uci-defaults',
    'usr/lib/opkg/info',
  ]) {
    mkdirSync(join(tree, name), { recursive: true })
  }
  symlinkSync('tmp', join(tree, 'var'))
  copyFileSync(busyboxOf(busybox), join(tree, 'bin/busybox'))
  for (const applet of readFileSync(join(root, 'qemu/applets.txt'), 'utf8').split(/\s+/).filter(Boolean)) {
    const at = join(tree, applet)
    if (!existsSync(at)) symlinkSync('/bin/busybox', at)
  }
  for (const program of PROGRAMS) {
    copyFileSync(join(debs, program), join(tree, program))
    addLibraries(debs, tree, join(debs, program))
  }
  if (node !== undefined) {
    copyFileSync(process.execPath, join(tree, 'usr/bin/node'))
    addLibraries(node, tree, process.execPath)
  }
  for (const script of ['log', 'firewall', 'network']) enable(tree, script)
  shell(`mksquashfs '${tree}' '${join(work, 'rom.sqfs')}' -all-root -comp gzip -noappend -no-progress -quiet`)
  rmSync(tree, { recursive: true })
}

/** The links that `enable` would make. */
function enable(tree: string, script: string): void {
  const start = /^START=(\d+)/m.exec(readFileSync(join(tree, 'etc/init.d', script), 'utf8'))?.[1]
  symlinkSync(`../init.d/${script}`, join(tree, 'etc/rc.d', `S${start}${script}`))
}

const busyboxOf = (debs: string): string =>
  ['bin/busybox', 'usr/bin/busybox'].map(path => join(debs, path)).find(path => existsSync(path)) ?? 'no busybox'

const LIBRARIES = ['lib', 'usr/lib', 'lib64', 'usr/lib64']

/** The libraries a program names, and those they name, at the places where it looks for them. */
function addLibraries(debs: string, tree: string, program: string): void {
  const { needed, interpreter } = dynamicOf(program)
  if (interpreter !== undefined) place(debs, tree, interpreter)
  for (const library of needed) {
    const path = findLibrary(debs, library)
    if (path === undefined) throw new Error(`${program} needs ${library}, which no package here has`)
    const at = join('lib', library)
    if (existsSync(join(tree, at))) continue
    mkdirSync(dirname(join(tree, at)), { recursive: true })
    copyFileSync(realpathSync(path), join(tree, at))
    addLibraries(debs, tree, path)
  }
}

function place(debs: string, tree: string, interpreter: string): void {
  const at = join(tree, interpreter)
  if (existsSync(at)) return
  mkdirSync(dirname(at), { recursive: true })
  const inDebs = [join(debs, interpreter), join(debs, 'usr', interpreter)].find(path => lstatMaybe(path))
  const found = inDebs === undefined ? undefined : findLibrary(debs, interpreter.split('/').pop() ?? '')
  const source = found ?? inDebs
  if (source === undefined) throw new Error(`no ${interpreter}`)
  copyFileSync(resolved(debs, source), at)
}

/** Follows links as they would be followed inside `debs`. */
function resolved(debs: string, path: string): string {
  if (!lstatSync(path).isSymbolicLink()) return path
  const target = readlinkSync(path)
  return resolved(debs, target.startsWith('/') ? join(debs, target) : join(dirname(path), target))
}

const lstatMaybe = (path: string) => lstatSync(path, { throwIfNoEntry: false })

function findLibrary(debs: string, name: string): string | undefined {
  for (const library of LIBRARIES.map(path => join(debs, path)).filter(path => existsSync(path))) {
    const inner = readdirSync(library, { withFileTypes: true }).filter(entry => entry.isDirectory())
    for (const directory of [library, ...inner.map(entry => join(library, entry.name))]) {
      const path = join(directory, name)
      if (lstatMaybe(path)) return resolved(debs, path)
    }
  }
  return undefined
}

function dynamicOf(program: string) {
  const text = execFileSync('readelf', ['-dl', program], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  const needed = [...text.matchAll(/\(NEEDED\)[^[]*\[([^\]]+)\]/g)].map(([, name]) => name ?? '')
  const interpreter = /Requesting program interpreter: ([^\]]+)\]/.exec(text)?.[1]
  return { needed: needed.filter(name => !/^ld(64|-linux).*\.so/.test(name)), interpreter }
}

function shell(command: string): void {
  execFileSync('sh', ['-e', '-c', command], { stdio: ['ignore', 'ignore', 'inherit'] })
}
