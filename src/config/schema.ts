/**
 * The option table and netifd's dump as JSON schemas. `tools/build-validators.mjs` compiles them ahead of time with
 * ajv; nothing of this file or of ajv's compiler reaches the router.
 */
import type { Schema } from './kinds.ts'
import type { Option } from './option.ts'
import type { SectionId } from './options.ts'
import { optionsOf, sectionIds } from './options.ts'

/** By section and option: the value after its text was read (`kinds.ts`). */
export function optionSchemas(): Readonly<Record<SectionId, Readonly<Record<string, Schema>>>> {
  const bySection = sectionIds.map(id => [
    id,
    Object.fromEntries(Object.entries(optionsOf(id)).map(([name, option]) => [name, optionSchema(option)])),
  ])
  return Object.fromEntries(bySection) as Record<SectionId, Record<string, Schema>>
}

const optionSchema = ({ isList, kind }: Option<unknown>): Schema =>
  isList ? { type: 'array', minItems: 1, items: kind.schema } : kind.schema

const TEXT: Schema = { type: 'string' }
const MASK: Schema = { type: 'integer', minimum: 0, maximum: 128 }

/** The members of `ubus call network.interface dump` that are read (netifd `ubus.c`); it may hold any others. */
export const netifdSchema: Schema = {
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
