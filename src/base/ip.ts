/**
 * Addresses are canonical text: equal addresses are `===` and serve as Map keys. IPv4 is dotted decimal without
 * leading zeros, IPv6 is RFC 5952 (lower case, longest run of zeros shortened).
 */
import { Malformed } from './fail.ts'

export type Ip = string & { readonly kind: 'ip' }
/** 1..65535. Zero means "any" or "none" on the wire and never gets past the decoder. */
export type Port = number & { readonly kind: 'port' }
/** Six bytes as `aa:bb:cc:dd:ee:ff`, lower case. */
export type Mac = string & { readonly kind: 'mac' }

export interface Endpoint {
  readonly ip: Ip
  readonly port: Port
}

/** Inclusive at both ends. */
export interface IpRange {
  readonly first: Ip
  readonly last: Ip
}

/** Inclusive at both ends. */
export interface PortRange {
  readonly first: Port
  readonly last: Port
}

export const ANY_IPV4 = '0.0.0.0' as Ip

/** A number as a port: `undefined` for 0, which is not a port. Numbers outside 0..65535 are a mistake of the caller. */
export const port = (n: number): Port | undefined => (n === 0 ? undefined : (n as Port))

/** Whole decimal text 1..65535 and nothing else: no sign, no blanks, no leading zero, no exponent. */
export function parsePort(text: string): Port | undefined {
  if (!/^[1-9][0-9]{0,4}$/.test(text)) return undefined
  const n = Number(text)
  return n <= 65535 ? (n as Port) : undefined
}

export const isIpv4 = (ip: Ip): boolean => !ip.includes(':')

/** fe80::/10 (RFC 4291 §2.5.6): such an address means something on one link only. */
export const isLinkLocal = (ip: Ip): boolean => /^fe[89ab][0-9a-f]:/.test(ip)

/** 224.0.0.0/4 (RFC 1112 §4), ff00::/8 (RFC 4291 §2.7). */
export const isMulticast = (ip: Ip): boolean => /^(22[4-9]|23[0-9])\.|^ff[0-9a-f]{2}:/.test(ip)

/** Strict dotted decimal: four numbers 0..255 without leading zeros. */
export function parseIpv4(text: string): Ip | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)
  if (match === null) return undefined
  for (let i = 1; i <= 4; i++) {
    const part = match[i] as string
    if (Number(part) > 255 || (part.length > 1 && part.startsWith('0'))) return undefined
  }
  return text as Ip
}

/** Any IPv4 or IPv6 text form (RFC 4291 §2.2, no zone) as its canonical text. */
export function parseIp(text: string): Ip | undefined {
  if (!text.includes(':')) return parseIpv4(text)
  const bytes = ipv6Bytes(text)
  return bytes === undefined ? undefined : ipFrom(bytes, 0, 16)
}

/** The IPv4 address as the number its four bytes spell in network order. */
export function ipv4Number(ip: Ip): number {
  let value = 0
  let part = 0
  for (let i = 0; i < ip.length; i++) {
    const code = ip.charCodeAt(i)
    if (code === 46) {
      value = value * 256 + part
      part = 0
    } else part = part * 10 + code - 48
  }
  return value * 256 + part
}

/** Reads 4 or 16 bytes at `at` as an address. */
export function ipFrom(bytes: Uint8Array, at: number, length: 4 | 16): Ip {
  if (at + length > bytes.length) throw new Malformed(`address needs ${length} bytes, ${bytes.length - at} are left`)
  if (length === 4) return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}` as Ip
  const groups: number[] = []
  for (let i = 0; i < 16; i += 2) groups.push(((bytes[at + i] as number) << 8) | (bytes[at + i + 1] as number))
  return ipv6Text(groups)
}

/** 4 bytes for IPv4, 16 for IPv6, network order. */
export function ipBytes(ip: Ip): Uint8Array {
  if (!isIpv4(ip)) return ipv6Bytes(ip) ?? new Uint8Array(16)
  const n = ipv4Number(ip)
  return Uint8Array.of((n >>> 24) & 255, (n >>> 16) & 255, (n >>> 8) & 255, n & 255)
}

/** `192.168.1.0/24`, a single address, or `192.168.1.10-192.168.1.20`, as first and last address; IPv4 or IPv6. */
export function parseIpRange(text: string): IpRange | undefined {
  const dash = text.indexOf('-')
  if (dash >= 0) {
    const first = parseIp(text.slice(0, dash))
    const last = parseIp(text.slice(dash + 1))
    if (first === undefined || last === undefined || isIpv4(first) !== isIpv4(last)) return undefined
    return compareIp(first, last) <= 0 ? { first, last } : undefined
  }
  const slash = text.indexOf('/')
  if (slash < 0) {
    const ip = parseIp(text)
    return ip === undefined ? undefined : { first: ip, last: ip }
  }
  const ip = parseIp(text.slice(0, slash))
  const bits = text.slice(slash + 1)
  if (ip === undefined || !/^(0|[1-9][0-9]{0,2})$/.test(bits)) return undefined
  return Number(bits) <= (isIpv4(ip) ? 32 : 128) ? prefixRange(ip, Number(bits)) : undefined
}

/** First and last address of the network that `ip` lies in. */
export function prefixRange(ip: Ip, bits: number): IpRange {
  const first = ipBytes(ip)
  const last = ipBytes(ip)
  for (let i = 0; i < first.length; i++) {
    const kept = Math.min(8, Math.max(0, bits - i * 8))
    const mask = (0xff00 >> kept) & 0xff
    first[i] = (first[i] as number) & mask
    last[i] = (last[i] as number) | (~mask & 0xff)
  }
  const size = first.length as 4 | 16
  return { first: ipFrom(first, 0, size), last: ipFrom(last, 0, size) }
}

export function inRange(ip: Ip, range: IpRange): boolean {
  if (isIpv4(ip) !== isIpv4(range.first)) return false
  return compareIp(range.first, ip) <= 0 && compareIp(ip, range.last) <= 0
}

/** Numeric order within one family; IPv4 before IPv6. */
export function compareIp(a: Ip, b: Ip): number {
  if (a === b) return 0
  if (isIpv4(a) && isIpv4(b)) return ipv4Number(a) - ipv4Number(b)
  if (isIpv4(a) !== isIpv4(b)) return isIpv4(a) ? -1 : 1
  const left = ipBytes(a)
  const right = ipBytes(b)
  for (let i = 0; i < 16; i++) {
    const difference = (left[i] as number) - (right[i] as number)
    if (difference !== 0) return difference
  }
  return 0
}

export function parseMac(text: string): Mac | undefined {
  const plain = text.toLowerCase().replaceAll('-', ':')
  return /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(plain) ? (plain as Mac) : undefined
}

export function macFrom(bytes: Uint8Array): Mac {
  let text = HEX[bytes[0] as number] as string
  for (let i = 1; i < bytes.length; i++) text += `:${HEX[bytes[i] as number]}`
  return text as Mac
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

function ipv6Bytes(text: string): Uint8Array | undefined {
  if (!/^[0-9a-fA-F:.]{2,45}$/.test(text)) return undefined
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const head = groupBytes(halves[0] as string, halves.length === 1)
  const tail = halves.length === 2 ? groupBytes(halves[1] as string, true) : []
  if (head === undefined || tail === undefined) return undefined
  const gap = 16 - head.length - tail.length
  if (halves.length === 2 ? gap < 2 : gap !== 0) return undefined
  return Uint8Array.from([...head, ...new Array<number>(gap).fill(0), ...tail])
}

/** `atEnd`: only the last 32 bits may be written as IPv4 (RFC 4291 §2.2). */
function groupBytes(text: string, atEnd: boolean): number[] | undefined {
  if (text === '') return []
  const bytes: number[] = []
  const groups = text.split(':')
  for (const [index, group] of groups.entries()) {
    if (atEnd && index === groups.length - 1 && group.includes('.')) {
      const v4 = parseIpv4(group)
      if (v4 === undefined) return undefined
      bytes.push(...ipBytes(v4))
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined
      const value = Number.parseInt(group, 16)
      bytes.push(value >> 8, value & 255)
    }
  }
  return bytes
}

/** RFC 5952 §4: the longest run of at least two zero groups, the first of equals, becomes `::`. */
function ipv6Text(groups: readonly number[]): Ip {
  let best = -1
  let bestLength = 1
  for (let i = 0; i < groups.length; i++) {
    let run = 0
    while (i + run < groups.length && groups[i + run] === 0) run++
    if (run > bestLength) {
      best = i
      bestLength = run
    }
  }
  const hex = (part: readonly number[]) => part.map(group => group.toString(16)).join(':')
  if (best < 0) return hex(groups) as Ip
  return `${hex(groups.slice(0, best))}::${hex(groups.slice(best + bestLength))}` as Ip
}
