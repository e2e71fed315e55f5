/**
 * `npm run build`: src/main.ts and all it needs -> dist/portico.mjs, the one file that runs on Node and on QuickJS.
 * `node tools/build.mjs ENTRY OUTPUT` builds another program by the same rules (tests of the engines).
 */
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { RULES } from './bundle-rules.mjs'

const [entry = 'src/main.ts', output = 'dist/portico.mjs'] = process.argv.slice(2)

// Top-level await would stall on the stock qjs: see src/platform/quickjs.ts.
const supported = { 'top-level-await': false }
await build({ ...RULES, supported, entryPoints: [entry], outfile: output, minify: true, logLevel: 'warning' })
const bytes = readFileSync(output)
console.log(`${output}: ${bytes.length} bytes, ${gzipSync(bytes).length} with gzip`)
