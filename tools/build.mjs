/**
 * `npm run build`: src/main.ts and all it needs -> dist/portico.mjs, the one file that runs on Node and on QuickJS.
 * `node tools/build.mjs ENTRY OUTPUT` builds another program with the same rules (tests of the engines).
 */
import { readFileSync, statSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const [entry = 'src/main.ts', output = 'dist/portico.mjs'] = process.argv.slice(2)

/** ES2022 is what both engines have; the engines' own modules are imported when the program runs. */
export const RULES = {
  bundle: true,
  format: 'esm',
  platform: 'neutral',
  mainFields: ['module', 'main'],
  target: 'es2022',
  charset: 'utf8',
  legalComments: 'none',
  external: ['os', 'std', 'sys', '*.so', 'netlink', 'dgram-as-promised', 'node:*'],
}

await build({ ...RULES, entryPoints: [entry], outfile: output, minify: true, logLevel: 'warning' })
const { size } = statSync(output)
console.log(`${output}: ${size} bytes, ${gzipSync(readFileSync(output)).length} with gzip`)
