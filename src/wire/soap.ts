/**
 * SOAP 1.1 as UPnP uses it (UPnP Device Architecture 1.1 §3): a call is one element in the namespace of a service type,
 * its arguments are that element's children. No decisions here: which services and actions there are is the
 * protocol's business.
 */
import { Malformed } from '../base/fail.ts'
import { Memo } from '../base/memo.ts'
import type { Content } from '../base/text.ts'
import { bytesOf } from '../base/text.ts'
import type { CallShape } from './soap-plain.ts'
import { readByShape, readPlainCall } from './soap-plain.ts'
import { element, escapeXml, parseXml, type XmlElement } from './xml.ts'

export interface SoapAction {
  /** `urn:schemas-upnp-org:service:WANIPConnection:1`: what the sender wrote, known or not. */
  readonly service: string
  readonly action: string
}

export interface SoapCall extends SoapAction {
  /** In the order of the body, as text; names may come twice. */
  readonly args: readonly SoapArgument[]
}

export type SoapArgument = readonly [name: string, value: string]

export const SOAP_TYPE = 'text/xml; charset="utf-8"'

/**
 * The value of a SOAPAction field: `"serviceType:v#action"`. The standard asks for the quotes, clients leave them out.
 * `undefined` for anything else.
 */
export function parseSoapAction(value: string): SoapAction | undefined {
  if (value.length > LONGEST_ACTION) return undefined
  const match = ACTION.exec(value)
  return match === null ? undefined : { service: match[2] as string, action: match[3] as string }
}

/**
 * Throws `Malformed` (`XmlRefused` when it is the XML that we do not read) for what is no call. `said`: what the sender
 * says beside it that it calls, as it says it with each such call.
 */
export function decodeCall(body: Content, said = ''): SoapCall {
  if (typeof body !== 'string') return readPlainCall(body) ?? decodeByXml(body)
  const shapes = SHAPES.get(said) ?? []
  for (const shape of shapes) {
    const call = readByShape(body, shape)
    if (call !== undefined) return call
  }
  const learn = (shape: CallShape) => SHAPES.set(said, [shape, ...shapes.slice(0, MOST_SHAPES - 1)])
  return readPlainCall(body, body.length <= LONGEST_KNOWN ? learn : undefined) ?? decodeByXml(bytesOf(body))
}

/** By what the senders say: the programs on a LAN that map ports are few, and each writes its calls alike. */
const SHAPES = new Memo<string, readonly CallShape[]>(24)
const MOST_SHAPES = 3
const LONGEST_KNOWN = 1536

/** The same by the reader of XML alone. */
export function decodeByXml(body: Uint8Array): SoapCall {
  const envelope = parseXml(body)
  if (envelope.namespace !== ENVELOPE || envelope.name !== 'Envelope') throw new Malformed('no SOAP envelope')
  const bodies = envelope.children.filter(({ namespace, name }) => namespace === ENVELOPE && name === 'Body')
  const calls = bodies[0]?.children ?? []
  const call = calls[0]
  if (bodies.length !== 1 || calls.length !== 1 || call === undefined) throw new Malformed('not one call')
  if (!hasNoText(envelope) || !hasNoText(bodies[0] as XmlElement) || !hasNoText(call)) throw new Malformed('loose text')
  const args = call.children.map(({ name, text, children }): SoapArgument => {
    if (children.length > 0) throw new Malformed('an argument with elements in it')
    return [name, text]
  })
  return { service: call.namespace, action: call.name, args }
}

/**
 * `plain`: never a character that XML writes otherwise. `document`: one of ours as a value; it goes as a CDATA section,
 * since miniupnpc (2.2.4) reads no other form of it; text in XML never holds `]]>`, its `>` is escaped.
 */
export interface ResultForm {
  readonly name: string
  readonly as: 'plain' | 'text' | 'document'
}

/** All of an answer but the values: written once for each action. */
export interface AnswerForm {
  readonly results: readonly ResultForm[]
  /** What stands around the values, one more than they are. */
  readonly pieces: readonly string[]
}

/** The service as the request wrote it, the arguments in the order of the description. */
export function answerForm({ service, action }: SoapAction, results: readonly ResultForm[]): AnswerForm {
  const name = `u:${action}Response`
  const inside = results.map(({ name: each, as }) =>
    as === 'document' ? `<${each}><![CDATA[${CUT}]]></${each}>` : `<${each}>${CUT}</${each}>`,
  )
  return { results, pieces: envelope(`<${name} xmlns:u="${service}">${inside.join('')}</${name}>`).split(CUT) }
}

/** `values` in the order of the form. */
export function fillAnswer({ results, pieces }: AnswerForm, values: readonly string[]): string {
  let text = pieces[0] as string
  for (let i = 0; i < results.length; i++) {
    const value = values[i] as string
    text += (results[i] as ResultForm).as === 'text' ? escapeXml(value) : value
    text += pieces[i + 1] as string
  }
  return text
}

/** Stands in for a value; XML has no such character. */
const CUT = '\0'

/** UDA §3.2.2: goes with HTTP status 500. `text` must be ours. */
export function encodeFault(code: number, text: string): string {
  const error = `${element('errorCode', String(code))}${element('errorDescription', text)}`
  const detail = `<UPnPError xmlns="urn:schemas-upnp-org:control-1-0">${error}</UPnPError>`
  return envelope(
    `<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>${detail}</detail></s:Fault>`,
  )
}

const ENVELOPE = 'http://schemas.xmlsoap.org/soap/envelope/'
const ENCODING = 'http://schemas.xmlsoap.org/soap/encoding/'

const LONGEST_ACTION = 256
const ACTION = /^("?)(urn:[\w.-]+(?::[\w.-]+)*)#([A-Za-z_]\w*)\1$/

const envelope = (body: string): string =>
  `<?xml version="1.0"?>\n<s:Envelope xmlns:s="${ENVELOPE}" s:encodingStyle="${ENCODING}"><s:Body>${body}</s:Body></s:Envelope>\n`

const hasNoText = ({ text }: XmlElement): boolean => /^[ \t\n]*$/.test(text)
