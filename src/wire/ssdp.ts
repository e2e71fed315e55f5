/**
 * SSDP between datagrams and values (UPnP Device Architecture 2.0 §1; its annex A for IPv6). Decoding throws `Malformed`
 * and nothing else, looks at each byte a bounded number of times and holds no more than `LONGEST` bytes; encoding cannot
 * fail. What an unknown field or a body says is not read.
 *
 * As deployed programs need it, line ends may be bare line feeds and the empty line at the end may be missing; all else
 * is as strict as HTTP: no folded lines, no blanks before a colon, no control characters, none of our fields twice.
 */
import { Malformed } from '../base/fail.ts'
import type { Ip, Port } from '../base/ip.ts'
import { isIpv4 } from '../base/ip.ts'
import { utf8Encode } from '../base/text.ts'
import type { Seconds } from '../base/time.ts'
import { seconds } from '../base/time.ts'
import type { Fields } from './http-head.ts'
import { parseFields } from './http-head.ts'

export const SSDP_PORT = 1900 as Port
/** Hops for multicast: "default 2, configurable" (§1.3.2). */
export const SSDP_TTL = 2

/** §1.1 and annex A.3: the group for each kind of address that can be announced. */
export const SSDP_GROUPS = {
  ipv4: '239.255.255.250' as Ip,
  link: 'ff02::c' as Ip,
  site: 'ff05::c' as Ip,
} as const

/** Bytes of a message that is read. §1.1.4 asks senders to stay below 512. */
export const LONGEST = 2048
/** BOOTID and NEXTBOOTID are 31 bits, CONFIGID is 24 (§1.2.2). */
export const BOOT_IDS = 0x8000_0000
const CONFIG_IDS = 0x100_0000

/** What a search looks for (§1.3.2). `other`: a form that no device of ours can match. */
export type Target =
  | { readonly is: 'all' }
  | { readonly is: 'root' }
  | { readonly is: 'uuid'; readonly uuid: string }
  | { readonly is: 'type'; readonly kind: 'device' | 'service'; readonly type: string; readonly version: number }
  | { readonly is: 'other' }

export interface Search {
  readonly is: 'search'
  readonly target: Target
  /** ST as sent. */
  readonly st: string
  /** Seconds over which answers may be spread, as sent; multicast searches must have it (§1.3.2). */
  readonly mx: Seconds | undefined
  readonly userAgent: string | undefined
}

/** What a device says about itself (§1.2.2-§1.2.4); what only newer ones say may be missing. */
export interface Notice {
  readonly is: 'notice'
  readonly nts: 'alive' | 'update' | 'byebye'
  readonly nt: string
  readonly usn: string
  readonly location: string | undefined
  readonly maxAge: Seconds | undefined
  readonly bootId: number | undefined
  readonly nextBootId: number | undefined
  readonly configId: number | undefined
  readonly searchPort: number | undefined
}

/** One row of what is advertised: its type, and whose it is. */
export interface Advertised {
  /** NT of a notice, ST of an answer. */
  readonly nt: string
  readonly usn: string
}

/** What all messages of a device have in common at one moment. */
export interface Bearings {
  /** Absolute URL of the root description, with a literal address. */
  readonly location: string
  /** Three product tokens: system, `UPnP/x`, product (§1.2.2). */
  readonly server: string
  readonly maxAge: Seconds
  /** 0..2^31-1 */
  readonly bootId: number
  /** 0..2^24-1 */
  readonly configId: number
  /** Only where unicast searches are not listened for on 1900: 49152..65535. */
  readonly searchPort: Port | undefined
}

/** Whether the bytes begin like a search; most of what a group carries does not, and need not be read. */
export const looksLikeSearch = (bytes: Uint8Array): boolean => bytes[0] === 0x4d /* M */ && bytes[1] === 0x2d /* - */

export function decodeSsdp(bytes: Uint8Array): Search | Notice {
  if (bytes.length > LONGEST) throw new Malformed(`SSDP: ${bytes.length} bytes, at most ${LONGEST} are read`)
  const [start = '', ...lines] = headLines(bytes)
  const method = /^(M-SEARCH|NOTIFY)[ \t]+\*[ \t]+HTTP\/1\.1[ \t]*$/.exec(start)?.[1]
  if (method === undefined) throw new Malformed('SSDP: neither M-SEARCH nor NOTIFY')
  const fields = parseFields(lines, FIELDS)
  if ('is' in fields) throw new Malformed(`SSDP: ${fields.why}`)
  return method === 'M-SEARCH' ? searchOf(fields) : noticeOf(fields)
}

/** The group in which a device with this address announces itself. */
export function groupOf(address: Ip): Ip {
  if (isIpv4(address)) return SSDP_GROUPS.ipv4
  return isLinkLocal(address) ? SSDP_GROUPS.link : SSDP_GROUPS.site
}

/** fe80::/10 (RFC 4291 §2.5.6): such an address means something on one link only. */
export const isLinkLocal = (address: Ip): boolean => /^fe[89ab][0-9a-f]:/.test(address)

/** The host part of a URL. */
export const hostOf = (address: Ip): string => (isIpv4(address) ? address : `[${address}]`)

/** The answer to a search (§1.3.3); `date` as in HTTP. */
export function encodeAnswer({ nt, usn }: Advertised, bearings: Bearings, date: string): Uint8Array {
  return message('HTTP/1.1 200 OK', [
    ['CACHE-CONTROL', `max-age=${bearings.maxAge}`],
    ['DATE', date],
    ['EXT', ''],
    ['LOCATION', bearings.location],
    ['SERVER', bearings.server],
    ['ST', nt],
    ['USN', usn],
    ...identity(bearings),
    ...searchPortOf(bearings),
  ])
}

/** §1.2.2 */
export function encodeAlive(group: Ip, { nt, usn }: Advertised, bearings: Bearings): Uint8Array {
  return message(NOTIFY, [
    ['HOST', `${hostOf(group)}:${SSDP_PORT}`],
    ['CACHE-CONTROL', `max-age=${bearings.maxAge}`],
    ['LOCATION', bearings.location],
    ['NT', nt],
    ['NTS', 'ssdp:alive'],
    ['SERVER', bearings.server],
    ['USN', usn],
    ...identity(bearings),
    ...searchPortOf(bearings),
  ])
}

/** §1.2.4: `bearings.bootId` is the one known so far. */
export function encodeUpdate(group: Ip, { nt, usn }: Advertised, bearings: Bearings, nextBootId: number): Uint8Array {
  return message(NOTIFY, [
    ['HOST', `${hostOf(group)}:${SSDP_PORT}`],
    ['LOCATION', bearings.location],
    ['NT', nt],
    ['NTS', 'ssdp:update'],
    ['USN', usn],
    ...identity(bearings),
    ['NEXTBOOTID.UPNP.ORG', String(nextBootId)],
    ...searchPortOf(bearings),
  ])
}

/** §1.2.3 */
export function encodeByebye(group: Ip, { nt, usn }: Advertised, bearings: Bearings): Uint8Array {
  return message(NOTIFY, [
    ['HOST', `${hostOf(group)}:${SSDP_PORT}`],
    ['NT', nt],
    ['NTS', 'ssdp:byebye'],
    ['USN', usn],
    ...identity(bearings),
  ])
}

/** ST as a value; never throws. */
export function targetOf(st: string): Target {
  if (st === 'ssdp:all') return { is: 'all' }
  if (st === 'upnp:rootdevice') return { is: 'root' }
  if (/^uuid:[!-~]+$/.test(st)) return { is: 'uuid', uuid: st.slice('uuid:'.length) }
  const type = /^urn:schemas-upnp-org:(device|service):([A-Za-z0-9_-]{1,64}):([1-9][0-9]{0,3})$/.exec(st)
  if (type === null) return { is: 'other' }
  return {
    is: 'type',
    kind: type[1] as 'device' | 'service',
    type: type[2] as string,
    version: Number(type[3]),
  }
}

const NOTIFY = 'NOTIFY * HTTP/1.1'
const FIELDS = 32
/** Longer ones are nobody's: the longest type of the standards has 67 characters. */
const LONGEST_ST = 256

const CR = 13
const LF = 10

/** Lines up to the empty one or the end of the datagram. Every line must be ended: a cut one may mean anything. */
function headLines(bytes: Uint8Array): string[] {
  const lines: string[] = []
  let line = ''
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number
    if (byte === LF) {
      if (line === '') return lines
      lines.push(line)
      line = ''
    } else if (byte === CR) {
      if (bytes[at + 1] !== LF) throw new Malformed('SSDP: a bare carriage return')
    } else if ((byte < 0x20 && byte !== 0x09) || byte === 0x7f) throw new Malformed('SSDP: a control character')
    else line += String.fromCharCode(byte)
  }
  if (line !== '') throw new Malformed('SSDP: the last line has no end')
  return lines
}

function searchOf(fields: Fields): Search {
  // Quoted, or it is no request of this kind (RFC 2774 §3); the UDA's own test 1.2.10 asks for silence.
  if (single(fields, 'man') !== '"ssdp:discover"') throw new Malformed('SSDP: MAN is not "ssdp:discover"')
  const st = single(fields, 'st')
  if (st === undefined || st === '' || st.length > LONGEST_ST) throw new Malformed('SSDP: no proper ST')
  const mx = single(fields, 'mx')
  if (mx !== undefined && !/^[0-9]{1,9}$/.test(mx)) throw new Malformed('SSDP: MX is no number')
  const waits = mx === undefined ? undefined : seconds(Number(mx))
  return { is: 'search', target: targetOf(st), st, mx: waits, userAgent: single(fields, 'user-agent') }
}

function noticeOf(fields: Fields): Notice {
  const nts = /^ssdp:(alive|update|byebye)$/.exec(single(fields, 'nts') ?? '')?.[1] as Notice['nts'] | undefined
  if (nts === undefined) throw new Malformed('SSDP: an unknown NTS')
  const nt = single(fields, 'nt')
  const usn = single(fields, 'usn')
  if (nt === undefined || nt === '' || usn === undefined || usn === '')
    throw new Malformed('SSDP: NT or USN is missing')
  const location = single(fields, 'location')
  if (nts !== 'byebye' && location === undefined) throw new Malformed('SSDP: LOCATION is missing')
  const age = /(?:^|[\s,])max-age[ \t]*=[ \t]*([0-9]{1,10})(?:$|[\s,])/i.exec(
    single(fields, 'cache-control') ?? '',
  )?.[1]
  return {
    is: 'notice',
    nts,
    nt,
    usn,
    location,
    maxAge: age === undefined ? undefined : seconds(Number(age)),
    bootId: numberOf(fields, 'bootid.upnp.org', BOOT_IDS),
    nextBootId: numberOf(fields, 'nextbootid.upnp.org', BOOT_IDS),
    configId: numberOf(fields, 'configid.upnp.org', CONFIG_IDS),
    searchPort: numberOf(fields, 'searchport.upnp.org', 65_536),
  }
}

function single(fields: Fields, name: string): string | undefined {
  let found: string | undefined
  for (const [each, value] of fields) {
    if (each !== name) continue
    if (found !== undefined) throw new Malformed(`SSDP: ${name} is said twice`)
    found = value
  }
  return found
}

function numberOf(fields: Fields, name: string, below: number): number | undefined {
  const text = single(fields, name)
  if (text === undefined) return undefined
  if (!/^[0-9]{1,10}$/.test(text) || Number(text) >= below) throw new Malformed(`SSDP: ${name} is out of range`)
  return Number(text)
}

const identity = ({ bootId, configId }: Bearings): Fields => [
  ['BOOTID.UPNP.ORG', String(bootId)],
  ['CONFIGID.UPNP.ORG', String(configId)],
]

const searchPortOf = ({ searchPort }: Bearings): Fields =>
  searchPort === undefined ? [] : [['SEARCHPORT.UPNP.ORG', String(searchPort)]]

/** Values are ours, but some come from the configuration: what would end a line becomes a blank. */
function message(start: string, fields: Fields): Uint8Array {
  let text = `${start}\r\n`
  for (const [name, value] of fields) {
    text += value === '' ? `${name}:\r\n` : `${name}: ${value.replace(/[^\x20-\x7e]/g, ' ')}\r\n`
  }
  return utf8Encode(`${text}\r\n`)
}
