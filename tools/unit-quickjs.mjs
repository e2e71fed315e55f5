/**
 * Unit tests on QuickJS.
 *   node tools/unit-quickjs.mjs bundle         all of test/unit in one file, build/unit/unit.mjs
 *   node tools/unit-quickjs.mjs run ENGINE...  runs it: porticod, qjs, mipsel, aarch64
 * The tests found by vitest on Node are the measure: an engine that ran another number of tests of a file has failed.
 */
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import { build } from 'esbuild'
import { RULES } from './bundle-rules.mjs'

const BUNDLE = 'build/unit/unit.mjs'
const EXPECTED = 'build/unit/expected.json'
const ENGINES = {
  porticod: ['build/host/porticod', '--bundle', BUNDLE],
  qjs: ['build/host/qjs', '--stack-size', String(1 << 20), BUNDLE],
  mipsel: ['qemu-mipsel', 'build/mipsel/porticod', '--bundle', BUNDLE],
  aarch64: ['qemu-aarch64', 'build/aarch64/porticod', '--bundle', BUNDLE],
}

/** `import text from './file?raw'`, as vite understands it. */
const rawText = () => ({
  name: 'raw',
  setup({ onResolve, onLoad, resolve }) {
    onResolve({ filter: /\?raw$/ }, async ({ path, resolveDir, kind }) => {
      const found = await resolve(path.slice(0, -'?raw'.length), { resolveDir, kind })
      return { path: found.path, errors: found.errors, namespace: 'raw' }
    })
    onLoad({ filter: /.*/, namespace: 'raw' }, ({ path }) => ({
      contents: readFileSync(path, 'utf8'),
      loader: 'text',
      watchFiles: [path],
    }))
  },
})

const [task, ...engines] = process.argv.slice(2)
if (task === 'bundle') await bundle()
else if (task === 'run') await run(engines)
else throw new Error('usage: node tools/unit-quickjs.mjs bundle | run ENGINE...')

async function bundle() {
  mkdirSync('build/unit', { recursive: true })
  const counts = expected()
  writeFileSync(EXPECTED, JSON.stringify(counts, null, 1))
  await build({
    ...RULES,
    stdin: { contents: entry(Object.keys(counts)), resolveDir: '.', loader: 'ts' },
    outfile: BUNDLE,
    alias: { vitest: './test/support/vitest-quickjs.ts' },
    plugins: [rawText()],
    logLevel: 'warning',
  })
  console.log(`${BUNDLE}: ${Object.keys(counts).length} test files`)
}

/** Number of tests that vitest finds in each file, without running them. */
function expected() {
  const file = 'build/unit/list.json'
  const { status, stderr } = spawnSync('npx', ['vitest', 'list', `--json=${file}`], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`vitest list failed: ${stderr}`)
  const counts = {}
  for (const test of JSON.parse(readFileSync(file, 'utf8'))) {
    const name = relative('.', test.file)
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

function entry(files) {
  const list = files.map(
    file => `{ name: ${JSON.stringify(file)}, load: () => import(${JSON.stringify(`./${file}`)}) }`,
  )
  return `import { runAll } from './test/support/unit-quickjs.ts'\nawait runAll([${list.join(',\n')}])\n`
}

/** Side by side: each runs on one processor, and the foreign ones take minutes. */
async function run(names) {
  const wanted = JSON.parse(readFileSync(EXPECTED, 'utf8'))
  let passed = 0
  let failed = 0
  const results = await Promise.all(names.map(async name => ({ name, ...(await runEngine(name, wanted)) })))
  for (const { name, ...result } of results) {
    passed += result.passed
    failed += result.failed
    console.log(`${name}: ${result.passed} passed, ${result.failed} failed`)
  }
  console.log(`${passed} passed, ${failed} failed`)
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1
}

async function runEngine(name, wanted) {
  const command = ENGINES[name]
  if (command === undefined) throw new Error(`no engine ${name}; there are ${Object.keys(ENGINES).join(' ')}`)
  const [program, ...words] = command
  const { stdout, stderr, ended } = await execute(program, words)
  const last = stdout.trimEnd().split('\n').pop() ?? ''
  if (!last.startsWith('{')) {
    console.error(`${name}: ended without a result: ${ended}\n${stdout}${stderr}`)
    return { passed: 0, failed: 1 }
  }
  const { counts, passed, failures } = JSON.parse(last)
  const missing = Object.keys({ ...wanted, ...counts }).filter(file => wanted[file] !== counts[file])
  const notes = missing.map(file => `${file}: ${counts[file] ?? 0} tests here, ${wanted[file] ?? 0} on Node`)
  for (const note of [...failures, ...notes]) console.error(`${name}: ${note}`)
  return { passed, failed: failures.length + notes.length }
}

/** `ended`: in words. */
function execute(program, words) {
  const options = { stdio: ['ignore', 'pipe', 'pipe'], timeout: 1_200_000, env: { ...process.env, TZ: 'UTC' } }
  const child = spawn(program, words, options)
  const said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr']) child[name].setEncoding('utf8').on('data', text => (said[name] += text))
  return new Promise(resolve => {
    child.on('error', error => resolve({ ...said, ended: String(error) }))
    child.on('close', (status, signal) => resolve({ ...said, ended: `status ${status ?? signal}` }))
  })
}
