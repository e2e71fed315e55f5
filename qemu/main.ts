/**
 * `make qemu`: builds what is missing, then runs the suite on one emulated router after the other, each in a private
 * network namespace.
 *
 *     node build/qemu/main.mjs run IMAGE...     the suite on these images, JOBS of them side by side (one for each processor);
 *                                               IMAGE:traffic,upnp runs these files of it only
 *     node build/qemu/main.mjs build IMAGE...   what these need; nothing is started
 *     node build/qemu/main.mjs standin          the suite on a stand-in for an OpenWrt image (standin.sh)
 *     node build/qemu/main.mjs shell IMAGE      the router with the package, and its neighbours, at a prompt
 *
 * The image `openwrt` is the one that OPENWRT_IMAGE names (openwrt.ts).
 * FILES=traffic,crash runs only these files of the suite; KEEP=1 ends with the shell; IPKS=directory
 * takes the packages from there.
 */
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { root } from '../test/support/root.ts'
import { buildImage, type Image } from './image.ts'
import { MACHINES } from './machines.ts'
import { GIVEN, givenImage } from './openwrt.ts'
import { type Given, makeShare } from './share.ts'
import { shell } from './shell.ts'
import { writeBenchTable } from './table.ts'

interface Result {
  readonly image: string
  readonly seconds: number
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

const BUILD = join(root, 'build/qemu')
const [what, ...names] = process.argv.slice(2)

if (what === 'run' && names.length > 0) await run(names)
else if (what === 'build' && names.length > 0) for (const each of names) prepare(nameOf(each))
else if (what === 'shell' && names[0] !== undefined) await enterShell(names[0])
else if (what === 'standin') await standIn(names[0] ?? 'opkg')
else if (what === 'inside') await shell(givenHere())
else {
  console.error('usage: main.mjs run IMAGE... | build IMAGE... | shell IMAGE | standin [apk]')
  process.exit(2)
}

async function run(images: readonly string[]): Promise<void> {
  const waiting = [...images]
  const results: Result[] = []
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) results.push(await suite(next))
  }
  const jobs = Number(process.env['JOBS'] ?? availableParallelism())
  await Promise.all(Array.from({ length: Math.min(jobs, 4) }, worker))
  report(results)
  if (process.env['BENCH']) writeBenchTable()
  const first = images[0]
  if (process.env['KEEP'] && first !== undefined) await enterShell(nameOf(first))
  process.exit(results.every(({ failed, passed }) => failed === 0 && passed > 0) ? 0 : 1)
}

/** Tests how a given image is driven: with one that is made of ours and has nothing but its console. */
async function standIn(kind: string): Promise<void> {
  const file = join(BUILD, 'standin.img.gz')
  const { directory } = buildImage('x86_64-6.1')
  execFileSync(join(root, 'qemu/standin.sh'), [directory, file, kind], { stdio: 'inherit', timeout: 300_000 })
  process.env['OPENWRT_IMAGE'] = file
  await run([GIVEN])
}

/** Of `IMAGE:traffic,upnp`, IMAGE. */
function nameOf(image: string): string {
  return image.split(':')[0] as string
}

/** Everything the suite needs, made outside of its namespace: in there is no way to an archive. */
function prepare(name: string): Given {
  const began = Date.now()
  const image = name === GIVEN ? givenImage() : buildImage(name)
  const arch = MACHINES[image.facts.machine].package
  const rom = makeShare(image, arch)
  const directory = join(BUILD, 'run', name)
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  console.log(`qemu: ${name} is built (${((Date.now() - began) / 1000).toFixed(1)} s)`)
  return { image, rom, directory }
}

async function suite(image: string): Promise<Result> {
  const name = nameOf(image)
  const only = image.split(':')[1] ?? process.env['FILES'] ?? ''
  console.log(`\n=== qemu ${name}`)
  const began = Date.now()
  const given = prepare(name)
  const output = join(BUILD, 'run', `${name}.json`)
  rmSync(output, { force: true })
  const files = only.split(',').filter(Boolean)
  await inside(given, [
    ...['npx', 'vitest', 'run', '--config', 'qemu/vitest.config.ts', '--reporter=verbose', '--reporter=json'],
    ...[`--outputFile.json=${output}`, ...files],
  ])
  const counts = existsSync(output) ? JSON.parse(readFileSync(output, 'utf8')) : {}
  const failed = (counts.numFailedTests ?? 0) + (counts.success === true || counts.numFailedTests > 0 ? 0 : 1)
  return {
    image: name,
    seconds: (Date.now() - began) / 1000,
    passed: counts.numPassedTests ?? 0,
    failed,
    skipped: counts.numPendingTests ?? 0,
  }
}

async function enterShell(name: string): Promise<void> {
  await inside(prepare(name), [process.execPath, join(BUILD, 'main.mjs'), 'inside'])
}

/**
 * In namespaces of its own. Root needs no user namespace; anybody else gets one. When this process ends, however it does,
 * the first process in there ends with it, and with that the kernel ends every other one: no emulator is left behind.
 */
function inside(given: Given, command: readonly string[]): Promise<number> {
  const namespaces = ['-nmpf', '--mount-proc', '--kill-child', ...(process.getuid?.() === 0 ? [] : ['-Ur'])]
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'unshare', ...namespaces, '--', ...command], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, PORTICO_QEMU: JSON.stringify(given) },
  })
  return new Promise(resolve => child.on('close', status => resolve(status ?? 1)))
}

function givenHere(): Given {
  return JSON.parse(process.env['PORTICO_QEMU'] ?? '{}') as Given & { image: Image }
}

function report(results: readonly Result[]): void {
  console.log('\n=== qemu summary')
  for (const { image, seconds, passed, failed, skipped } of results) {
    console.log(`${image}: ${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
    console.log(`  ${seconds.toFixed(0)} s`)
  }
  writeFileSync(join(BUILD, 'results.json'), `${JSON.stringify(results, null, 2)}\n`)
}
