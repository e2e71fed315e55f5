/**
 * Control (UDA 1.1 §3): what a POST to a control URL says becomes a typed call, or what to answer instead; results and
 * errors become the body of the answer. Who may ask, and what the answer is, is decided elsewhere; so are Host, Origin
 * and the other fields that have nothing to do with SOAP.
 */
import { Malformed } from '../../base/fail.ts'
import { Memo } from '../../base/memo.ts'
import type { Content } from '../../base/text.ts'
import type { AnswerForm, SoapAction, SoapCall } from '../../wire/soap.ts'
import { answerForm, decodeCall, encodeFault, fillAnswer, parseSoapAction } from '../../wire/soap.ts'
import { XmlRefused } from '../../wire/xml.ts'
import type { Value, Values, Wanted } from './arguments.ts'
import { readArguments, resultForms, wantedBy, writeValue } from './arguments.ts'
import type { ErrorsOf } from './errors.ts'
import { errorText } from './errors.ts'
import type { CallOf, ServiceTable, ValuesOf } from './service.ts'
import { typeOf } from './service.ts'
import { COMMON1 } from './services/common.ts'
import { LAYER3 } from './services/layer3.ts'
import { PINHOLE } from './services/pinhole.ts'
import { WANIP1, WANIP2, WANPPP1 } from './services/wanip.ts'

interface Tables {
  readonly WANIPConnection: { readonly 1: typeof WANIP1; readonly 2: typeof WANIP2 }
  readonly WANPPPConnection: { readonly 1: typeof WANPPP1 }
  readonly WANCommonInterfaceConfig: { readonly 1: typeof COMMON1 }
  readonly Layer3Forwarding: { readonly 1: typeof LAYER3 }
  readonly WANIPv6FirewallControl: { readonly 1: typeof PINHOLE }
}

/** Every action of every service with its arguments: `switch (call.service)`, then `switch (call.action)`. */
export type ConnectionCall = CallOf<typeof WANIP1> | CallOf<typeof WANIP2> | CallOf<typeof WANPPP1>
export type PinholeCall = CallOf<typeof PINHOLE>
export type Call = ConnectionCall | PinholeCall | CallOf<typeof COMMON1> | CallOf<typeof LAYER3>

type TableFor<C extends Call> = C extends Call
  ? C['service'] extends keyof Tables
    ? C['version'] extends keyof Tables[C['service']]
      ? Tables[C['service']][C['version']]
      : never
    : never
  : never

/** What an action returns. */
export type ResultOf<C extends Call> = C extends Call
  ? TableFor<C> extends infer S extends ServiceTable
    ? ValuesOf<S, S['actions'][C['action']]['out']>
    : never
  : never

/** The codes that this call may end with, those of its service and version and no others. */
export type ErrorOf<C extends Call> = C extends Call
  ? C['version'] extends keyof ErrorsOf[C['service']]
    ? ErrorsOf[C['service']][C['version']]
    : never
  : never

export const CONTROL = {
  connection: '/ctl/IPConn',
  common: '/ctl/CmnIfCfg',
  layer3: '/ctl/L3F',
  pinhole: '/ctl/IP6FCtl',
} as const

export interface ControlRequest {
  /** Without the query. */
  readonly path: string
  /** Values of the fields, `undefined` where there is none. */
  readonly soapAction: string | undefined
  readonly contentType: string | undefined
  readonly body: Content
}

export type ControlReading =
  | { readonly is: 'call'; readonly call: Call }
  /** An answer with status 500 and this body. `close`: what came was no SOAP at all, so nothing more is read. */
  | {
      readonly is: 'fault'
      readonly code: 401 | 402 | 601 | 605
      readonly because: string
      readonly body: string
      readonly close: boolean
    }
  /** No UPnP: the status of HTTP says it, and the connection ends. */
  | { readonly is: 'status'; readonly status: 400 | 404 | 415; readonly because: string }

/** Never throws. */
export function readCall(request: ControlRequest): ControlReading {
  const asked = askedBy(request)
  if ('is' in asked) return asked
  const { table, wanted, header } = asked
  const soap = decode(request)
  if ('is' in soap) return soap
  if (soap.service !== header.service || soap.action !== header.action)
    return fault(401, 'not the action of SOAPAction')
  const values = readArguments(wanted, soap.args)
  if (isBad(values)) return fault(values.code, values.because)
  const { name: service, version } = table
  // The tables that the types come from are the tables that the values were read by.
  return { is: 'call', call: { service, version, action: header.action, args: values } as unknown as Call }
}

/** What the head of a call asks for. */
interface Asked {
  readonly table: ServiceTable
  readonly wanted: readonly Wanted[]
  readonly header: SoapAction
}

function askedBy({ path, contentType, soapAction }: ControlRequest): Asked | Exclude<ControlReading, { is: 'call' }> {
  const head = `${path}\n${contentType}\n${soapAction}`
  const known = ASKED.get(head)
  if (known !== undefined) return known
  const tables = SERVED.get(path)
  if (tables === undefined) return status(404, 'no control URL')
  if (!isXml(contentType)) return status(415, 'the content type is not XML')
  const header = soapAction === undefined ? undefined : parseSoapAction(soapAction)
  if (header === undefined) return status(400, 'no SOAPAction')
  const table = tables.find(each => TYPE.get(each) === header.service)
  const action = table === undefined ? undefined : actionOf(table, header.action)
  if (table === undefined || action === undefined) return fault(401, 'no such action')
  const asked = { table, wanted: wantedBy(table, action.in), header }
  if (head.length <= LONGEST_KNOWN) ASKED.set(head, asked)
  return asked
}

/** By path and fields, as clients write them with each of their calls. */
const ASKED = new Memo<string, Asked>(32)
const LONGEST_KNOWN = 256

/** The body of an answer with status 200: service type and version are those of the request. */
export function encodeResult<C extends Call>(call: C, results: ResultOf<C>): string {
  const form = formOf(call)
  const values = results as Values
  return fillAnswer(
    form,
    form.results.map(({ name }) => writeValue(values[name] as Value)),
  )
}

function formOf(call: Call): AnswerForm {
  const key = `${call.service}:${call.version}#${call.action}`
  const known = FORMS.get(key)
  if (known !== undefined) return known
  const table = tableOf(call)
  const form = answerForm(
    { service: typeOf(table), action: call.action },
    resultForms(wantedBy(table, table.actions[call.action]?.out ?? {})),
  )
  FORMS.set(key, form)
  return form
}

/** As many as there are actions. */
const FORMS = new Map<string, AnswerForm>()

/** The body of an answer with status 500. */
export function encodeError<C extends Call>(call: C, code: ErrorOf<C>): string {
  return encodeFault(code, errorText(call.service, call.version, code) ?? '')
}

/** Counters of IGD have 32 bits and wrap; ours have 64. */
// `>>> 0`: QuickJS 2025-04-26 makes -1 of 4294967295n on 32-bit processors.
export const counter32 = (count: bigint | number): number =>
  typeof count === 'bigint' ? Number(BigInt.asUintN(32, count)) >>> 0 : Math.floor(count) % 4_294_967_296

/** A rate that does not fit is the highest that does. */
export const bitRate = (bitsPerSecond: number): number =>
  Math.min(4_294_967_295, Math.max(0, Math.floor(bitsPerSecond)))

/**
 * Which services listen at which path. WANPPPConnection:1 is the same connection under the name that some clients look
 * for alone; a version 2 service hears version 1 (UDA 1.1 §2.3).
 */
const SERVED: ReadonlyMap<string, readonly ServiceTable[]> = new Map([
  [CONTROL.connection, [WANIP1, WANIP2, WANPPP1] as readonly ServiceTable[]],
  [CONTROL.common, [COMMON1] as readonly ServiceTable[]],
  [CONTROL.layer3, [LAYER3] as readonly ServiceTable[]],
  [CONTROL.pinhole, [PINHOLE] as readonly ServiceTable[]],
])

const ALL: readonly ServiceTable[] = [WANIP1, WANIP2, WANPPP1, COMMON1, LAYER3, PINHOLE]

/** Said once: a call looks for its table by it. */
const TYPE: ReadonlyMap<ServiceTable, string> = new Map(ALL.map(table => [table, typeOf(table)]))

const actionOf = ({ actions }: ServiceTable, name: string) => (Object.hasOwn(actions, name) ? actions[name] : undefined)

const tableOf = ({ service, version }: Call): ServiceTable =>
  ALL.find(each => each.name === service && each.version === version) as ServiceTable

/** `text/xml`, `application/xml`, `application/soap+xml`: what no page can send without being asked first (CSRF). */
const isXml = (type: string | undefined): boolean =>
  type !== undefined && /^(?:text|application)\/(?:[\w.-]+\+)?xml[ \t]*(?:;|$)/i.test(type)

function decode({ body, soapAction }: ControlRequest): SoapCall | Exclude<ControlReading, { is: 'call' }> {
  try {
    return decodeCall(body, soapAction)
  } catch (error) {
    if (error instanceof XmlRefused) return status(400, error.message)
    if (error instanceof Malformed) return fault(402, error.message, true)
    throw error
  }
}

const isBad = (values: ReturnType<typeof readArguments>): values is Extract<typeof values, { is: 'bad-argument' }> =>
  'is' in values && values.is === 'bad-argument'

function fault(code: 401 | 402 | 601 | 605, because: string, close = false): ControlReading & { is: 'fault' } {
  return { is: 'fault', code, because, body: encodeFault(code, errorText('', 1, code) ?? ''), close }
}

const status = (code: 400 | 404 | 415, because: string): ControlReading & { is: 'status' } => ({
  is: 'status',
  status: code,
  because,
})
