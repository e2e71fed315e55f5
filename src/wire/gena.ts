/**
 * GENA between HTTP fields and values (UPnP Device Architecture 2.0 §4): what a subscriber says, where it wants its
 * events, and the events themselves. Nothing here throws; what is not understood is `undefined`.
 */
import type { Endpoint, Ip, Port } from '../base/ip.ts'
import { ipBytes, isIpv4, parseIp, parsePort } from '../base/ip.ts'
import { utf8Encode } from '../base/text.ts'
import type { Seconds } from '../base/time.ts'
import { seconds } from '../base/time.ts'
import type { Fields, HttpResponse } from './http.ts'
import { encodeRequest } from './http.ts'

/** The fields of SUBSCRIBE and UNSUBSCRIBE (§4.1.2, §4.1.3), as sent. */
export interface GenaFields {
  readonly callback: string | undefined
  readonly nt: string | undefined
  readonly sid: string | undefined
  readonly timeout: string | undefined
}

/** Where a subscriber wants its events. */
export interface Callback extends Endpoint {
  /** Path and query. */
  readonly target: string
}

export interface Variable {
  readonly name: string
  readonly value: string
}

/** URLs of one CALLBACK that are looked at, and the length of each. */
export const CALLBACKS = 8
export const LONGEST_CALLBACK = 256

/** `undefined` when one of them is said twice: which one would count? */
export function genaFields(fields: Fields): GenaFields | undefined {
  const found: Record<string, string> = {}
  for (const [name, value] of fields) {
    if (!NAMES.includes(name)) continue
    if (name in found) return undefined
    found[name] = value
  }
  return { callback: found['callback'], nt: found['nt'], sid: found['sid'], timeout: found['timeout'] }
}

/** `Second-1800`; `undefined` for `infinite`, which is ignored since UDA 1.1, and for what is no duration. */
export function parseTimeout(text: string | undefined): Seconds | undefined {
  const count = /^second-([0-9]{1,10})$/i.exec(text ?? '')?.[1]
  return count === undefined ? undefined : seconds(Number(count))
}

/** The URLs of a CALLBACK field, `<url><url>`, in order; empty when it is not written so. */
export function callbackUrls(text: string): readonly string[] {
  if (!/^(?:[ \t]*<[^<>]*>)+[ \t]*$/.test(text)) return []
  return Array.from(text.matchAll(/<([^<>]*)>/g), match => match[1] as string).slice(0, CALLBACKS)
}

/**
 * A URL as an endpoint: http, a literal address without zone, no user, no fragment, visible characters only. An IPv4
 * address written as IPv6 is that IPv4 address. Names are refused: to look one up would be to ask a stranger where to
 * connect (CVE-2020-12695).
 */
export function parseCallback(url: string): Callback | undefined {
  if (url.length > LONGEST_CALLBACK) return undefined
  const parts = /^http:\/\/(?:\[([0-9a-f:.]+)\]|([0-9.]+))(?::([0-9]+))?((?:[/?][!$-;=?-Z_a-z|~%[\]]*)?)$/i.exec(url)
  if (parts === null) return undefined
  const ip = parseIp(parts[1] ?? parts[2] ?? '')
  const port = parts[3] === undefined ? (80 as Port) : parsePort(parts[3])
  if (ip === undefined || port === undefined) return undefined
  if (isIpv4(ip) !== (parts[1] === undefined)) return undefined
  const path = parts[4] as string
  return { ip: unmapped(ip), port, target: path.startsWith('/') ? path : `/${path}` }
}

/** `::ffff:192.168.1.7` (RFC 4291 §2.5.5.2) as the IPv4 address it stands for; every other as it is. */
export function unmapped(ip: Ip): Ip {
  if (isIpv4(ip)) return ip
  const bytes = ipBytes(ip)
  const isMapped = bytes.every((byte, at) => at >= 12 || byte === (at >= 10 ? 0xff : 0))
  return isMapped ? (bytes.subarray(12).join('.') as Ip) : ip
}

/** §4.3.2: one property for each variable. The same changes give the same bytes for every subscriber. */
export function encodePropertySet(variables: readonly Variable[]): Uint8Array {
  const properties = variables.map(({ name, value }) => {
    return `<e:property><${name}>${escapeXml(value)}</${name}></e:property>`
  })
  return utf8Encode(
    `<?xml version="1.0" encoding="utf-8"?>\n<e:propertyset xmlns:e="urn:schemas-upnp-org:event-1-0">${properties.join('')}</e:propertyset>`,
  )
}

/** §4.3.2: the request that carries an event; one for each connection. */
export function encodeEvent(to: Callback, sid: string, seq: number, body: Uint8Array): Uint8Array {
  const host = isIpv4(to.ip) ? to.ip : `[${to.ip}]`
  const fields: Fields = [
    ['HOST', `${host}:${to.port}`],
    ['CONTENT-TYPE', 'text/xml; charset="utf-8"'],
    ['NT', 'upnp:event'],
    ['NTS', 'upnp:propchange'],
    ['SID', sid],
    ['SEQ', String(seq)],
    ['CONNECTION', 'close'],
  ]
  return encodeRequest('NOTIFY', to.target, fields, body)
}

/** §4.1.2: the answer to a subscription or its renewal; `date` as in HTTP. */
export function subscribed(sid: string, timeout: Seconds, server: string, date: string): HttpResponse {
  const fields: Fields = [
    ['DATE', date],
    ['SERVER', server],
    ['SID', sid],
    ['TIMEOUT', `Second-${timeout}`],
  ]
  return { status: 200, fields, body: new Uint8Array(0) }
}

/** §4.3.2: after the last number of 32 bits comes 1; 0 is the initial event's alone. */
export const nextSeq = (seq: number): number => (seq >= 0xffff_ffff ? 1 : seq + 1)

const NAMES: readonly string[] = ['callback', 'nt', 'sid', 'timeout']

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  '\r': '&#13;',
}

function escapeXml(text: string): string {
  if (/^[ !#-%(-;=?-~]*$/.test(text)) return text
  let escaped = ''
  for (const char of text) escaped += isXml(char.codePointAt(0) as number) ? (ESCAPES[char] ?? char) : '\ufffd'
  return escaped
}

/** XML 1.0 §2.2: a document with any other character is no document. */
const isXml = (code: number): boolean =>
  code >= 0x20
    ? (code < 0xd800 || code > 0xdfff) && code !== 0xfffe && code !== 0xffff
    : [0x09, 0x0a, 0x0d].includes(code)
