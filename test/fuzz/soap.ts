/**
 * Calls to every control URL: nothing is thrown; a call has the arguments of its table, each of its type; whatever a
 * call quotes comes back as text; the quick reader of calls says what the reader of XML says, or nothing. The first line of the input is SOAPAction, the rest is the body.
 */
import { readFileSync } from 'node:fs'
import { Malformed } from '../../src/base/fail.ts'
import type { Content } from '../../src/base/text.ts'
import { utf8Decode, utf8Encode } from '../../src/base/text.ts'
import type { Call } from '../../src/protocol/igd/call.ts'
import { CONTROL, readCall } from '../../src/protocol/igd/call.ts'
import { flowOf } from '../../src/protocol/igd/pinhole.ts'
import { portMappingKeyOf, portMappingOf, portRangeOf } from '../../src/protocol/igd/portmapping.ts'
import type { Variable } from '../../src/protocol/igd/service.ts'
import { answerForm, decodeByXml, decodeCall, encodeFault, fillAnswer, parseSoapAction } from '../../src/wire/soap.ts'
import { readPlainCall } from '../../src/wire/soap-plain.ts'
import { parseXml } from '../../src/wire/xml.ts'
import { TABLES } from '../support/igd.ts'

/** Recorded calls, one input each. */
export const seeds: readonly Uint8Array[] = readFileSync('test/vectors/igd/calls.txt', 'utf8')
  .split(/^== /m)
  .slice(1)
  .map(block => {
    const action = /^SOAPAction: (.*)\\r\\n$/im.exec(block)?.[1] ?? ''
    const body = block.slice(block.indexOf('<?xml')).trimEnd()
    return utf8Encode(`${action}\n${body.replaceAll('\\r', '\r').replaceAll('\\n', '\n')}`)
  })

export function target(bytes: Uint8Array): void {
  const line = bytes.indexOf(10)
  const soapAction = utf8Decode(bytes.subarray(0, Math.max(0, line)))
  const body = bytes.subarray(line + 1)
  for (const path of Object.values(CONTROL)) {
    const reading = readCall({ path, soapAction, contentType: 'text/xml', body })
    if (reading.is === 'call') checkCall(reading.call)
    else if (reading.is === 'fault') parseXml(utf8Encode(reading.body))
  }
  const header = parseSoapAction(soapAction)
  if (header !== undefined)
    parseXml(utf8Encode(fillAnswer(answerForm(header, [{ name: 'A', as: 'text' }]), [utf8Decode(body)])), {
      bytes: 1e6,
      depth: 5,
      nodes: 9,
      attributes: 9,
    })
  parseXml(utf8Encode(encodeFault(501, soapAction)))
  const plain = readPlainCall(body)
  if (plain !== undefined && JSON.stringify(plain) !== JSON.stringify(decodeByXml(body)))
    throw new Error('the two readers of calls differ')
  const text = String.fromCharCode(...body)
  if (/^[\t\r\n -~]*$/.test(text) && read(text, soapAction) !== read(body)) throw new Error('as text, read differently')
}

/** As text with the shapes of calls that came before it. */
function read(body: Content, said?: string): string {
  try {
    return JSON.stringify(decodeCall(body, said))
  } catch (error) {
    if (error instanceof Malformed) return 'malformed'
    throw error
  }
}

function checkCall(call: Call): void {
  const table = TABLES.map(([each]) => each).find(each => each.name === call.service && each.version === call.version)
  const wanted = Object.entries(table?.actions[call.action]?.in ?? {})
  const args = Object.entries(call.args)
  if (args.length !== wanted.length) throw new Error('other arguments than those of the table')
  for (const [name, variable] of wanted) {
    const value = (call.args as Readonly<Record<string, unknown>>)[name]
    if (!fits(table?.variables[variable] as Variable, value)) throw new Error(`${name} is ${String(value)}`)
  }
  if (call.action === 'AddPortMapping' || call.action === 'AddAnyPortMapping') portMappingOf(call)
  if (call.action === 'DeletePortMapping' || call.action === 'GetSpecificPortMappingEntry') portMappingKeyOf(call)
  if (call.action === 'DeletePortMappingRange' || call.action === 'GetListOfPortMappings') portRangeOf(call)
  if (call.action === 'AddPinhole' || call.action === 'GetOutboundPinholeTimeout') flowOf(call)
}

function fits({ type, range, values, longest = 128 }: Variable, value: unknown): boolean {
  if (type === 'boolean') return typeof value === 'boolean'
  if (type === 'string') {
    if (typeof value !== 'string' || utf8Encode(value).length > longest) return false
    return values === undefined || values.includes(value)
  }
  const { min, max } = range ?? { min: 0, max: type === 'ui2' ? 65_535 : 4_294_967_295 }
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
}
