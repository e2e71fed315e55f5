/**
 * `make test`: every suite that fits CI, with its time and its count, and a last line that sums
 * them up: `N passed, N failed`. A suite that ends without a count, or with none run, is a failure: nothing is left
 * out silently. `node tools/test.mjs NAME...` runs the named suites only.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'

const vitest = (name, config, ...more) => ({
  name,
  command: [
    'npx',
    'vitest',
    'run',
    '--config',
    config,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=build/test/${name}.json`,
    ...more,
  ],
  count: () => {
    const { numPassedTests, numFailedTests, numPendingTests, numFailedTestSuites, success } = JSON.parse(
      readFileSync(`build/test/${name}.json`, 'utf8'),
    )
    const failed = numFailedTests + (numFailedTests === 0 && !success ? Math.max(1, numFailedTestSuites) : 0)
    return { passed: numPassedTests, failed, skipped: numPendingTests }
  },
})
/** A suite that prints `N passed, N failed` itself. */
const plain = (name, ...command) => ({ name, command, count: output => lastCount(output) })
/** A step whose exit status is its only result. */
const step = (name, ...command) => ({
  name,
  command,
  count: (_output, status) => ({ passed: status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1, skipped: 0 }),
})

/** Quick ones first: what everything else stands on. */
const FIRST = [
  step('lint', 'make', '--no-print-directory', 'lint'),
  step('types', 'make', '--no-print-directory', 'check'),
  vitest('project', 'test/project/vitest.config.ts'),
  vitest('unit', 'vitest.config.ts'),
]
/** Meanwhile, what has to be compiled. */
const BUILT = [
  step('bundle', 'make', '-j2', '--no-print-directory', 'bundle', 'host', 'qjs', 'node'),
  step('cross', 'make', '-j2', '--no-print-directory', 'cross'),
  plain('unit-quickjs', 'make', '--no-print-directory', 'unit-quickjs'),
]
/** UPnP's clients search for seconds each: they have a line of their own. */
const UPNP = ['test/clients/upnp-', 'test/clients/security-']
/** Faults that last as long as a lease, or wait for states, have a line too: the other ones watch milliseconds. */
const LASTING = ['clock', 'doors', 'leases', 'storm', 'ubus'].map(name => `test/faults/${name}.test.ts`)
const without = files => files.flatMap(file => ['--exclude', file])
/** Those that wait for packets and leases more than they compute. */
const WAITING = [
  vitest('engines', 'test/engines/vitest.config.ts'),
  vitest('kernel', 'test/kernel/vitest.config.ts'),
  vitest('clients', 'test/clients/vitest.config.ts', ...without(UPNP.map(start => `${start}*`))),
]
const WAITING_TOO = [vitest('clients-upnp', 'test/clients/vitest.config.ts', ...UPNP)]
const WAITING_LONG = [vitest('faults-lasting', 'test/faults/vitest.config.ts', ...LASTING)]
/**
 * Those that compute, meanwhile, with what the others leave of the processors; they show themselves when they end. Each
 * line is one process after the other, so the packages have one of their own.
 */
const COMPUTING = [
  plain('unit-cross', 'make', '--no-print-directory', 'unit-cross'),
  vitest('fuzz', 'test/fuzz/vitest.config.ts'),
]
const PACKED = [
  step('ipk', 'make', '--no-print-directory', 'ipk', 'ARCH=x86_64'),
  vitest('package', 'test/package/vitest.config.ts'),
  step('qemu-images', 'make', '--no-print-directory', 'qemu-images'),
]
/** This too, when the lasting faults have made room. */
const PAGES = [vitest('web', 'test/web/vitest.config.ts')]

/** Last and alone: they watch milliseconds, and emulated processors want real ones (all machines: `make qemu-all`). */
const ALONE = [
  vitest('faults', 'test/faults/vitest.config.ts', ...without(LASTING)),
  step('demo', 'make', '--no-print-directory', 'demo'),
  step('demo-node', 'make', '--no-print-directory', 'demo', 'ENGINE=node'),
  plain('qemu', 'make', '--no-print-directory', 'qemu-ci'),
]

/** Before the command of a suite that runs beside others. */
const BESIDE = ['nice', '-n', '10']

// Who compares with another server, or runs one engine, does so by hand.
delete process.env.SERVER
delete process.env.ENGINE
rmSync('build/test', { recursive: true, force: true })
mkdirSync('build/test', { recursive: true })
const wanted = process.argv.slice(2)
const isWanted = ({ name }) => wanted.length === 0 || wanted.includes(name)
await install('npm', 'build', 'cross')
// One after the other, since dpkg is alone; what most suites need comes first, and none waits for more than its own.
const clients = install('lab', 'clients', 'strangers')
const packages = clients.then(() => install('package', 'qemu'))
const pages = packages.then(() => install('web'))
const first = await together(runAll(FIRST, 'shown'), runAll(BUILT, 'kept'))
await clients
report([
  ...first,
  ...(await together(
    runAll(WAITING, 'shown'),
    runAll(WAITING_TOO, 'kept'),
    runAll(WAITING_LONG, 'kept').then(async results => [...results, ...(await runAll(PAGES, 'beside', pages))]),
    runAll(COMPUTING, 'beside'),
    runAll(PACKED, 'beside', packages),
  )),
  ...(await runAll(ALONE, 'shown')),
])

async function together(...lines) {
  return (await Promise.all(lines)).flat()
}

/** Without what a suite needs nothing is run. */
async function install(...groups) {
  const { status } = await execute(['tools/setup.sh', ...groups])
  if (status !== 0) process.exit(status)
}

async function runAll(suites, how, installed) {
  const results = []
  await installed
  for (const suite of suites.filter(isWanted)) results.push(await run(suite, how))
  return results
}

async function run(suite, how) {
  const heading = `\n=== ${suite.name}`
  if (how === 'shown') console.log(heading)
  const started = process.hrtime.bigint()
  const { status, output } = await execute(how === 'beside' ? [...BESIDE, ...suite.command] : suite.command, how)
  if (how !== 'shown') console.log(`${heading}\n${output}`)
  const took = Number(process.hrtime.bigint() - started) / 1e9
  return { name: suite.name, took, ...judged(suite, output, status) }
}

function judged(suite, output, status) {
  let counted
  try {
    counted = suite.count(output, status)
  } catch {
    counted = undefined
  }
  if (counted === undefined || counted.passed + counted.failed === 0)
    return { passed: 0, failed: 1, skipped: 0, note: 'ran no test' }
  // A test that is skipped has shown nothing.
  if (counted.skipped > 0) return { ...counted, failed: counted.failed + counted.skipped, note: 'tests were skipped' }
  if (status !== 0 && counted.failed === 0) return { ...counted, failed: 1, note: `ended with status ${status}` }
  return counted
}

function execute(command, how = 'shown') {
  return new Promise(resolve => {
    const child = spawn(command[0], command.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', chunk => {
        if (how === 'shown') process.stdout.write(chunk)
        output = (output + chunk).slice(-200_000)
      })
    }
    child.on('error', error => resolve({ status: 127, output: String(error) }))
    child.on('close', status => resolve({ status: status ?? 1, output }))
  })
}

/** Sums the lines `NAME: N passed, N failed` of several engines; without such lines, the last plain one counts. */
function lastCount(output) {
  const lines = [...output.matchAll(/^([a-z0-9_.+-]+: )?(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/gm)]
  const named = lines.filter(line => line[1] !== undefined)
  const counted = named.length > 0 ? named : lines.slice(-1)
  const sum = column => counted.reduce((total, line) => total + Number(line[column] ?? 0), 0)
  return { passed: sum(2), failed: sum(3), skipped: sum(4) }
}

function report(results) {
  console.log('\n=== summary')
  for (const { name, took, passed, failed, skipped, note } of results) {
    const figures = `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
    console.log(
      `${name.padEnd(14)} ${took.toFixed(1).padStart(7)} s  ${figures}${note === undefined ? '' : `  (${note})`}`,
    )
  }
  const total = key => results.reduce((sum, result) => sum + result[key], 0)
  console.log(`\n${total('passed')} passed, ${total('failed')} failed, ${total('skipped')} skipped`)
  process.exit(total('failed') === 0 && results.length > 0 ? 0 : 1)
}
