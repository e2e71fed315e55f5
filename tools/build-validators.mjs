/**
 * Compiles the option table (src/config/options.ts) to src/config/validate.generated.ts: plain functions, no compiler
 * at run time. `--check` writes nothing and exits with 1 when the file is not what the table makes.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import Ajv from 'ajv'
import standaloneCode from 'ajv/dist/standalone/index.js'
import { loadTypeScript } from './load-typescript.mjs'

const target = new URL('../src/config/validate.generated.ts', import.meta.url)

const { schemas } = await loadTypeScript('src/config/schema.ts')
const made = generated(schemas())

if (process.argv.includes('--check')) {
  const current = readFileSync(target, 'utf8')
  if (current !== made) {
    console.error('src/config/validate.generated.ts is not current: run node tools/build-validators.mjs')
    process.exit(1)
  }
} else writeFileSync(target, made)

function generated(all) {
  const { parts, roots } = shared(all)
  const ajv = new Ajv({
    allErrors: true,
    strict: true,
    strictRequired: true,
    allowUnionTypes: true,
    inlineRefs: false,
    messages: false,
    schemas: [...parts, ...roots],
    code: { source: true, esm: true, lines: true, optimize: 2 },
  })
  const ids = Object.keys(all)
  const code = standaloneCode(ajv, Object.fromEntries(ids.map(id => [`check_${id}`, id])))
  // A call of require would not survive the bundle for QuickJS; keywords that need ajv's run time stay out.
  if (/\brequire\(|new Function|\beval\b/.test(code)) throw new Error('the generated code needs a run-time part of ajv')
  return [
    '// @ts-nocheck',
    '// Made by tools/build-validators.mjs from src/config/options.ts. Do not edit.',
    slim(code),
    '',
    '/** By section id; `netifd` is the dump of `ubus call network.interface`. */',
    `export const validators = { ${ids.map(id => `${id}: check_${id}`).join(', ')} }`,
    '',
    '/** What this file was made from; a test compares it with the table. */',
    `export const madeFrom = ${JSON.stringify(JSON.stringify(all))}`,
    '',
  ].join('\n')
}

/** Every kind of value becomes one schema that the sections refer to: a quarter of the code of the plain form. */
function shared(all) {
  const names = new Map()
  const refer = schema => {
    const key = JSON.stringify(schema)
    if (!names.has(key)) names.set(key, `kind${names.size}`)
    return { $ref: names.get(key) }
  }
  const roots = Object.entries(all).map(([id, schema]) => {
    const properties = Object.entries(schema.properties).map(([name, property]) => [name, refer(property)])
    return { $id: id, ...schema, properties: Object.fromEntries(properties) }
  })
  return { parts: [...names].map(([key, $id]) => ({ $id, ...JSON.parse(key) })), roots }
}

/** Leaves out what nobody reads (half of the code), and says the adding of an error once. */
function slim(code) {
  const short = code
    .replace('"use strict";', '')
    .replaceAll(/^export const check_/gm, 'const check_')
    .replaceAll(/\/\*# sourceURL="[^"]*" \*\/;?/g, '')
    .replaceAll(/,schemaPath:"[^"]*"/g, '')
    .replaceAll(/,\s*parentData:data,parentDataProperty:(?:"[^"]*"|\w+),rootData/g, '')
    .replaceAll(', parentData, parentDataProperty, rootData=data}', '}')
    .replaceAll(/,params:\{(?!missingProperty).*\}\};$/gm, '};')
    .replaceAll(
      /const (err\d+) = (\{.*\});\nif\(vErrors === null\)\{\nvErrors = \[\1\];\n\}\nelse \{\nvErrors\.push\(\1\);\n\}\nerrors\+\+;/g,
      'vErrors = and(vErrors, $2);\nerrors++;',
    )
    .trim()
  return `const and = (errors, error) => (errors === null ? [error] : (errors.push(error), errors))\n\n${short}`
}
