/**
 * The option table and netifd's dump as JSON schemas. `tools/build-validators.mjs` compiles them ahead of time with
 * ajv; nothing of this file or of ajv's compiler reaches the router.
 */
import type { Schema } from './kinds.ts'
import type { SectionId } from './options.ts'
import { optionsOf, sectionIds } from './options.ts'

export type SchemaId = SectionId | 'netifd'

export function schemas(): Readonly<Record<SchemaId, Schema>> {
  const all = Object.fromEntries(sectionIds.map(id => [id, sectionSchema(id)])) as Record<SectionId, Schema>
  return { ...all, netifd }
}

/** The values of one section after its texts were read (`kinds.ts`). Options that are not in the table never come. */
function sectionSchema(id: SectionId): Schema {
  const properties: Record<string, Schema> = {}
  const required: string[] = []
  for (const [name, option] of Object.entries(optionsOf(id))) {
    properties[name] = option.isList ? { type: 'array', minItems: 1, items: option.kind.schema } : option.kind.schema
    if (option.need === 'required') required.push(name)
  }
  return { type: 'object', properties, required }
}

const TEXT: Schema = { type: 'string' }
const MASK: Schema = { type: 'integer', minimum: 0, maximum: 128 }

/** The members of `ubus call network.interface dump` that are read (netifd `ubus.c`); it may hold any others. */
const netifd: Schema = {
  type: 'object',
  required: ['interface'],
  properties: {
    interface: {
      type: 'array',
      items: {
        type: 'object',
        required: ['interface', 'up'],
        properties: {
          interface: TEXT,
          up: { type: 'boolean' },
          l3_device: TEXT,
          'ipv4-address': {
            type: 'array',
            items: { type: 'object', required: ['address', 'mask'], properties: { address: TEXT, mask: MASK } },
          },
          route: {
            type: 'array',
            items: {
              type: 'object',
              required: ['target', 'mask'],
              properties: { target: TEXT, mask: MASK, table: { type: ['integer', 'string'] } },
            },
          },
          data: { type: 'object', properties: { zone: TEXT } },
        },
      },
    },
  },
}
