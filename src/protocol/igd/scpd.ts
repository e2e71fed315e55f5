/** The description of a service (SCPD, UDA 1.1 §2.5), written from its table. */
import { element } from '../../wire/xml.ts'
import type { Arguments, ServiceTable, Variable } from './service.ts'

/** What both kinds of document begin with: `configId` belongs to UDA 1.1, which version 2 services speak. */
export const rootAttributes = (version: 1 | 2, configId: number): string =>
  version === 2 ? ` configId="${configId}"` : ''

export const specVersion = (version: 1 | 2): string =>
  `<specVersion><major>1</major><minor>${version === 2 ? 1 : 0}</minor></specVersion>`

/** `version` of the device that lists the service. */
export function scpd({ actions, variables }: ServiceTable, version: 1 | 2, configId: number): string {
  const listed = Object.entries(actions).map(
    ([name, { in: given, out }]) =>
      `<action>${element('name', name)}${argumentList([...argumentsOf(given, 'in'), ...argumentsOf(out, 'out')])}</action>`,
  )
  const states = Object.entries(variables).map(([name, variable]) => stateVariable(name, variable))
  const root = `<scpd xmlns="urn:schemas-upnp-org:service-1-0"${rootAttributes(version, configId)}>`
  return `<?xml version="1.0"?>\n${root}${specVersion(version)}<actionList>${listed.join('')}</actionList><serviceStateTable>${states.join('')}</serviceStateTable></scpd>\n`
}

const argumentList = (args: readonly string[]): string =>
  args.length === 0 ? '' : `<argumentList>${args.join('')}</argumentList>`

const argumentsOf = (args: Arguments, direction: 'in' | 'out'): readonly string[] =>
  Object.entries(args).map(
    ([name, variable]) =>
      `<argument>${element('name', name)}${element('direction', direction)}${element('relatedStateVariable', variable)}</argument>`,
  )

/** In the order of the schema: type, default, list or range. */
function stateVariable(name: string, { type, initial, values, range, evented }: Variable): string {
  const parts = [
    element('name', name),
    element('dataType', type),
    initial === undefined ? '' : element('defaultValue', initial),
    values === undefined
      ? ''
      : `<allowedValueList>${values.map(value => element('allowedValue', value)).join('')}</allowedValueList>`,
    range === undefined
      ? ''
      : `<allowedValueRange>${element('minimum', String(range.min))}${element('maximum', String(range.max))}</allowedValueRange>`,
  ]
  return `<stateVariable sendEvents="${evented === true ? 'yes' : 'no'}">${parts.join('')}</stateVariable>`
}
