/**
 * Compiles the option table (src/config/options.ts) to src/config/validate.generated.ts: plain functions, no compiler
 * at run time. `--check` writes nothing and exits with 1 when the file is not what the table makes.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import Ajv from 'ajv'
import standaloneCode from 'ajv/dist/standalone/index.js'
import { loadTypeScript } from './load-typescript.mjs'

const target = new URL('../src/config/validate.generated.ts', import.meta.url)

const { netifdSchema, optionSchemas } = await loadTypeScript('src/config/schema.ts')
const made = generated(optionSchemas(), netifdSchema)

if (process.argv.includes('--check')) {
  const current = readFileSync(target, 'utf8')
  if (current !== made) {
    console.error('src/config/validate.generated.ts is not current: run node tools/build-validators.mjs')
    process.exit(1)
  }
} else writeFileSync(target, made)

function generated(options, netifd) {
  const { kinds, names } = shared(options)
  // An option's message comes from its own words, so its validator says yes or no and nothing else.
  const kindCode = compiled(kinds, 'kind').replaceAll(/^validate\w+\.errors = .*;$/gm, '')
  const netifdCode = compiled({ netifd }, 'dump')
  return [
    '// @ts-nocheck',
    '// Made by tools/build-validators.mjs from src/config/options.ts. Do not edit.',
    kindCode,
    netifdCode,
    '',
    '/** By section and option: whether a value that was read is of the right type and in range. */',
    'export const validators = {',
    ...Object.entries(names).map(([id, section]) => `  ${id}: { ${pairs(section)} },`),
    '}',
    '',
    '/** What `ubus call network.interface dump` prints; what is wrong stands in its member `errors`. */',
    'export const validateNetifd = dump_netifd',
    '',
    '/** What this file was made from; a test compares it with the table. */',
    `export const madeFrom = ${JSON.stringify(JSON.stringify({ options, netifd }))}`,
    '',
  ].join('\n')
}

function pairs(section) {
  return Object.entries(section)
    .map(([option, kind]) => `${option}: kind_${kind}`)
    .join(', ')
}

/** Equal schemas become one function. */
function shared(options) {
  const numbers = new Map()
  const number = schema => {
    const key = JSON.stringify(schema)
    if (!numbers.has(key)) numbers.set(key, numbers.size)
    return numbers.get(key)
  }
  const names = map(options, section => map(section, number))
  return { kinds: Object.fromEntries([...numbers].map(([key, n]) => [n, JSON.parse(key)])), names }
}

function map(object, each) {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, each(value)]))
}

/** One function for each schema, named with the prefix. */
function compiled(schemas, prefix) {
  const ajv = new Ajv({
    strict: true,
    strictRequired: true,
    allowUnionTypes: true,
    messages: false,
    schemas: Object.entries(schemas).map(([id, schema]) => ({ $id: `${prefix}_${id}`, ...schema })),
    code: { source: true, esm: true, lines: true, optimize: 2 },
  })
  const names = Object.keys(schemas).map(id => `${prefix}_${id}`)
  const code = standaloneCode(ajv, Object.fromEntries(names.map(name => [name, name])))
  // A call of require would not survive the bundle for QuickJS; keywords that need ajv's run time stay out.
  if (/\brequire\(|new Function|\beval\b/.test(code)) throw new Error('the generated code needs a run-time part of ajv')
  return slim(code, prefix)
}

/** Leaves out what nobody reads, and gives the functions of each part names of their own. */
function slim(code, prefix) {
  return code
    .replace('"use strict";', '')
    .replaceAll(/^export const /gm, 'const ')
    .replaceAll(/\/\*# sourceURL="[^"]*" \*\/;?/g, '')
    .replaceAll(/,schemaPath:"[^"]*"/g, '')
    .replaceAll(/,params:\{.*\}\}\];$/gm, '}];')
    .replaceAll(', parentData, parentDataProperty, rootData=data}', '}')
    .replaceAll(/\b(validate|schema|pattern)(\d+)\b/g, `$1_${prefix}_$2`)
    .trim()
}
