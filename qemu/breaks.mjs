/**
 * `make qemu-breaks`: for each file of the suite one deliberate fault of the product, in a package of its own. The row
 * that is named must be the first to fail; what is spoiled is a copy of this tree in build/breaks.
 *
 *     node qemu/breaks.mjs IMAGE        FILES=traffic,crash only those
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const tree = join(root, 'build/breaks')

/** `text` stands once in `file`; `row` is how the title of the row begins that sees what `instead` does. */
const BREAKS = {
  install: {
    fault: 'removal stops nothing and takes nothing out of the kernel',
    file: 'openwrt/portico/files/portico.prerm',
    text: '/etc/init.d/portico purge',
    instead: ':',
    row: 'removed, it leaves the configuration',
  },
  traffic: {
    fault: 'the firewall is not told of the mark',
    file: 'openwrt/portico/files/portico.init',
    text: 'mark) accept_mark "$one" ;;',
    instead: 'mark) ;;',
    row: 'the world gets in where a host asked',
  },
  upnp: {
    fault: 'whoever asks may map for another host',
    file: 'src/core/decision.ts',
    text: 'owner.client !== internal.ip',
    instead: 'false',
    row: 'nobody maps for another host',
  },
  firewall: {
    fault: 'what others do to our table is not noticed',
    file: 'src/kernel/watch.ts',
    text: '} else if (concernsUs(from, at, end)) touched = true',
    instead: '}',
    row: 'a flow that begins afterwards gets in',
  },
  crash: {
    fault: 'what the kernel holds is removed at the start',
    file: 'src/core/engine.ts',
    text: "else this.#table.commit([{ act: 'add', mapping }], 0)",
    instead: "else surplus.push({ act: 'remove', mapping })",
    row: 'killed, it is started again',
  },
  uplink: {
    fault: 'mappings do not follow the WAN address',
    file: 'src/core/engine.ts',
    text: "await this.#upkeep.settle('move', now)",
    instead: '',
    row: 'a new WAN address: every mapping moves',
  },
  networks: {
    fault: 'no rule lets requests in from zones that reject',
    file: 'openwrt/portico/files/portico.init',
    text: 'input) accept_input "$one" "$two" "$three" ;;',
    instead: 'input) ;;',
    row: 'the second LAN is served',
  },
  offload: {
    fault: 'flows of a network that is cut off go on where a flow table carries them',
    file: 'src/daemon/daemon.ts',
    text: 'conntrack.endOffloaded(mayBeClosed(closing, links.view)),',
    instead: 'void closing,',
    row: 'flows end when their network is cut off',
  },
  features: {
    fault: 'every kernel is believed to extend leases when elements are added again',
    file: 'src/kernel/probe.ts',
    text: 'timeout ?? 0) > 60_000',
    instead: 'timeout ?? 0) > 0',
    row: 'a renewal extends the lease',
  },
  time: {
    fault: 'leases have no end in the kernel',
    file: 'src/kernel/elements.ts',
    text: "if (lease === 'forever') {",
    instead: 'if (true) {',
    row: 'a lease ends on time, hours later',
  },
  scale: {
    fault: 'mappings do not follow the WAN address',
    file: 'src/core/engine.ts',
    text: "await this.#upkeep.settle('move', now)",
    instead: '',
    row: 'a new WAN address moves a thousand',
  },
}

const [image = 'x86_64-6.1'] = process.argv.slice(2)
const wanted = (process.env.FILES ?? '').split(',').filter(Boolean)
prepare()
const results = Object.entries(BREAKS)
  .filter(([name]) => wanted.length === 0 || wanted.includes(name))
  .map(([name, each]) => ({ name, each, seen: tryOut(name, each) }))
console.log('\n=== qemu breaks')
for (const { name, each, seen } of results) {
  console.log(`${seen.startsWith(each.row) ? 'seen  ' : 'MISSED'} ${name}: ${each.fault}\n         ${seen}`)
}
const missed = results.filter(({ each, seen }) => !seen.startsWith(each.row)).length
console.log(`\n${results.length - missed} passed, ${missed} failed`)
process.exit(missed === 0 && results.length > 0 ? 0 : 1)

/** The tree as it is, with what was built of it that a fault does not change. */
function prepare() {
  execFileSync('make', ['--no-print-directory', 'ipk', 'ARCH=x86_64'], { cwd: root, stdio: 'ignore' })
  rmSync(tree, { recursive: true, force: true })
  mkdirSync(join(tree, 'build'), { recursive: true })
  const files = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' }).split('\0').filter(Boolean)
  const built = ['tools.stamp', 'package.stamp', 'host', 'quickjs', 'musl', 'package/x86_64'].map(
    name => `build/${name}`,
  )
  for (const path of [...files, ...built].filter(path => existsSync(join(root, path)))) {
    cpSync(join(root, path), join(tree, path), { recursive: true, preserveTimestamps: true, verbatimSymlinks: true })
  }
  symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'))
}

/** What failed first, or why nothing did. */
function tryOut(name, { file, text, instead }) {
  const path = join(tree, file)
  const sound = readFileSync(path, 'utf8')
  if (sound.split(text).length !== 2) return `${file} does not hold the text once: ${text}`
  writeFileSync(
    path,
    sound.replace(text, () => instead),
  )
  const made = spawnSync('make', ['--no-print-directory', 'ipk', 'ARCH=x86_64'], { cwd: tree, stdio: 'inherit' })
  writeFileSync(path, sound)
  if (made.status !== 0) return 'the package could not be built'
  spawnSync(process.execPath, ['build/qemu/main.mjs', 'run', `${image}:suite/${name}.test.ts`], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, FILES: '', KEEP: '', BAIL: '1', IPKS: join(tree, 'build/ipk') },
  })
  const report = join(root, 'build/qemu/run', `${image}.json`)
  if (!existsSync(report)) return 'the suite did not run'
  const rows = JSON.parse(readFileSync(report, 'utf8')).testResults.flatMap(each => each.assertionResults)
  return rows.find(({ status }) => status === 'failed')?.title ?? `no row failed of ${rows.length}`
}
