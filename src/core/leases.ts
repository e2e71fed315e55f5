/**
 * What clients hold, as a file that outlives a reboot, and back. Each line stands for itself: a checksum (FNV-1a, 8
 * hex digits), a blank, and JSON; the first says when the file was written, each other one is a mapping. So what a
 * flash chip or a full disk did to one line costs that mapping and no other.
 *
 * Time: the file says how long each lease still runs, and when that was on the boot clock. After a reboot that clock
 * has begun anew, and nobody knows how long the router was off. What is certain is that the time since boot has
 * passed. A wall clock may say more, and is believed where both of its times are credible and it ran forward: routers
 * without a battery start at the time of their newest file, which is too early and never too late. Believing too
 * little leaves a port open for longer, but never longer than was granted; believing too much would take a port from
 * a client that counts on it.
 *
 * Not in the file: static mappings, which the configuration has; suspended mappings, whose address belongs to somebody
 * else.
 */
import type { Endpoint, Ip, Mac, Port } from '../base/ip.ts'
import { isIpv4, parseIp, parseMac } from '../base/ip.ts'
import { oneLine, utf8Decode, utf8Encode } from '../base/text.ts'
import type { Instant, Seconds } from '../base/time.ts'
import { seconds, secondsBetween } from '../base/time.ts'
import { LONGEST_PINHOLE } from './decide-pinhole.ts'
import type { Mapping, MapWish, Owner, PinholeWish, Service, Transport } from './mapping.ts'
import { sameRemote } from './mapping.ts'
import type { Mappings } from './table.ts'

/** When something was written, or is read. */
export interface Stamp {
  /** `/proc/sys/kernel/random/boot_id`; empty where the kernel has none. */
  readonly boot: string
  readonly at: Instant
  /** Milliseconds since 1970, whatever the clock says. */
  readonly wall: number
}

/** A mapping as the file has it: the wish that would make it, and how long it still ran. */
export interface LeaseRecord {
  readonly transport: Transport
  readonly external: Port
  readonly internal: Endpoint
  readonly owner: Exclude<Owner, { readonly via: 'operator' }>
  readonly mac: Mac | undefined
  readonly remote: Mapping['remote']
  readonly enabled: boolean
  readonly label: string
  readonly left: Seconds | 'forever'
  /** The number of an IPv6 pinhole, whose external port is the internal one. */
  readonly pinhole: number | undefined
  /** It had come out of such a file and was not back yet when this one was written. */
  readonly waits: boolean
}

export interface Leases {
  /** `undefined` when the first line is damaged: then the least that can have passed is assumed. */
  readonly stamp: Stamp | undefined
  /** External address under which the translated ones were reached. */
  readonly address: Ip | undefined
  readonly records: readonly LeaseRecord[]
  /** Numbers of the lines, from 1, that cannot be used. */
  readonly damaged: readonly number[]
}

/** Sixteen times the mappings of a router as it is shipped; whoever allows more keeps these many. */
const MOST_RECORDS = 32_768
/** Room for all of them; what is larger is no file of ours. */
export const LEASES_MOST_BYTES = 1 << 23
const LONGEST_LINE = 1024
/** 2025-01-01: before it a clock has not been set, since this program is younger. */
const CREDIBLE = 1_735_689_600_000

/** What is worth to be written, as records; of very many the oldest. */
export function recordsOf(mappings: Iterable<Mapping>, now: Instant): readonly LeaseRecord[] {
  const records: LeaseRecord[] = []
  for (const { transport, external, internal, owner, lease, label, mac, remote, state, pinhole } of mappings) {
    if (owner.via === 'operator' || state === 'suspended') continue
    const left = lease === 'forever' ? lease : secondsBetween(now, lease.expires)
    if (left === 0) continue
    const enabled = state === 'on'
    if (records.length === MOST_RECORDS) break
    records.push({
      transport,
      external: external.port,
      internal,
      owner,
      mac,
      remote,
      enabled,
      label,
      left,
      pinhole,
      waits: false,
    })
  }
  return records
}

export function writeLeases(records: readonly LeaseRecord[], stamp: Stamp, address?: Ip): Uint8Array {
  const lines = [line({ portico: 1, ...stamp, address }), ...records.map(record => line(rawOf(record)))]
  return utf8Encode(lines.join(''))
}

/** Never throws; what is damaged or hostile is left out. */
export function readLeases(bytes: Uint8Array): Leases {
  const records: LeaseRecord[] = []
  const damaged: number[] = []
  let stamp: Stamp | undefined
  let address: Ip | undefined
  const lines = utf8Decode(bytes).split('\n')
  if (lines.at(-1) === '') lines.pop()
  for (const [index, text] of lines.entries()) {
    const value = contentOf(text)
    if (index === 0) {
      stamp = stampOf(value)
      address = stamp && addressOf(value?.['address'])
    }
    const record = index === 0 ? undefined : recordOf(value)
    if (record !== undefined && records.length < MOST_RECORDS) records.push(record)
    else if (index > 0 || stamp === undefined) damaged.push(index + 1)
  }
  return { stamp, address, records, damaged }
}

/** How much of each lease has passed since then; see above. */
export function elapsed(written: Stamp | undefined, now: Stamp): Seconds {
  const sinceBoot = secondsBetween(0 as Instant, now.at)
  if (written === undefined) return sinceBoot
  if (written.boot === now.boot && written.boot !== '' && written.at <= now.at)
    return secondsBetween(written.at, now.at)
  const credible = written.wall >= CREDIBLE && now.wall >= written.wall
  return seconds(Math.max(sinceBoot, credible ? Math.floor((now.wall - written.wall) / 1000) : 0))
}

/** With what has passed taken off; `undefined` when it has ended. */
export function later(record: LeaseRecord, passed: Seconds): LeaseRecord | undefined {
  if (record.left === 'forever') return record
  return record.left <= passed ? undefined : { ...record, left: seconds(record.left - passed) }
}

/** Whether the pinhole of a record is there, by whatever number. */
export const hasPinhole = (mappings: Pick<Mappings, 'allOf'>, { transport, internal, remote }: LeaseRecord): boolean =>
  mappings.allOf(transport, internal).some(each => sameRemote(each.remote, remote))

/** Asks for exactly what the client had, in its name. */
export function wishOf(record: LeaseRecord, device: string): MapWish | PinholeWish {
  const { transport, internal, external, owner, mac, remote, enabled, label, left, pinhole } = record
  if (pinhole !== undefined) {
    const lifetime = left === 'forever' ? LONGEST_PINHOLE : left
    return { ask: 'pinhole', owner, device, mac, transport, internal, remote, lifetime, label, before: pinhole }
  }
  const exact = true
  return {
    ask: 'map',
    owner,
    device,
    mac,
    transport,
    internal,
    external,
    exact,
    lifetime: left,
    label,
    remote,
    enabled,
  }
}

const line = (value: object): string => {
  const json = JSON.stringify(value)
  return `${checksum(json)} ${json}\n`
}

function rawOf({
  transport,
  external,
  internal,
  owner,
  mac,
  remote,
  enabled,
  label,
  left,
  pinhole,
  waits,
}: LeaseRecord): object {
  return {
    protocol: transport,
    port: external,
    to: [internal.ip, internal.port],
    service: owner.via,
    client: owner.client,
    mac,
    from: remote.ip === 'any' && remote.port === 'any' ? undefined : [remote.ip, remote.port],
    enabled: enabled ? undefined : false,
    comment: label,
    left,
    pinhole,
    waits: waits || undefined,
  }
}

type Raw = Readonly<Record<string, unknown>>

/** `undefined` when the line is not what was written. */
function contentOf(text: string): Raw | undefined {
  if (text.length > LONGEST_LINE || text[8] !== ' ') return undefined
  const json = text.slice(9)
  if (checksum(json) !== text.slice(0, 8)) return undefined
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Raw) : undefined
  } catch {
    return undefined
  }
}

function stampOf(value: Raw | undefined): Stamp | undefined {
  if (value === undefined || value['portico'] !== 1) return undefined
  const { boot, at, wall } = value
  if (typeof boot !== 'string' || boot.length > 64 || !isCount(at) || !isCount(wall)) return undefined
  return { boot, at: at as Instant, wall }
}

/** The checksum says that we wrote it or that somebody wants us to think so: each field is looked at all the same. */
function recordOf(value: Raw | undefined): LeaseRecord | undefined {
  if (value === undefined) return undefined
  const { protocol, port, service, client, mac, comment, left, enabled = true, pinhole, waits } = value
  const internal = endpointOf(value['to'])
  const remote = value['from'] === undefined ? (['any', 'any'] as const) : remoteOf(value['from'])
  const host = typeof client === 'string' ? parseIp(client) : undefined
  const link = typeof mac === 'string' ? parseMac(mac) : undefined
  if (protocol !== 'tcp' && protocol !== 'udp') return undefined
  if (service !== 'nat-pmp' && service !== 'upnp') return undefined
  if (!isPort(port) || internal === undefined || remote === undefined || host === undefined) return undefined
  if ((mac !== undefined && link === undefined) || typeof comment !== 'string' || typeof enabled !== 'boolean') {
    return undefined
  }
  if (left !== 'forever' && (!isCount(left) || left === 0)) return undefined
  if (remote[0] !== 'any' && isIpv4(remote[0]) !== isIpv4(internal.ip)) return undefined
  // What has no number is translated, and only IPv4 is.
  const isPinhole = service === 'upnp' && isPort(pinhole) && port === internal.port
  if (isIpv4(internal.ip) ? pinhole !== undefined : !isPinhole) return undefined
  return {
    transport: protocol,
    external: port,
    internal,
    owner: { via: service satisfies Service, client: host },
    mac: link,
    remote: { ip: remote[0], port: remote[1] },
    enabled,
    label: oneLine(comment, 64),
    left: left as Seconds | 'forever',
    pinhole: isPort(pinhole) ? pinhole : undefined,
    waits: waits === true,
  }
}

function endpointOf(value: unknown): Endpoint | undefined {
  if (!Array.isArray(value) || value.length !== 2) return undefined
  const [ip, port] = value as readonly unknown[]
  const address = typeof ip === 'string' ? parseIp(ip) : undefined
  return address !== undefined && isPort(port) ? { ip: address, port } : undefined
}

function addressOf(value: unknown): Ip | undefined {
  const address = typeof value === 'string' ? parseIp(value) : undefined
  return address !== undefined && isIpv4(address) ? address : undefined
}

function remoteOf(value: unknown): readonly [Ip | 'any', Port | 'any'] | undefined {
  if (!Array.isArray(value) || value.length !== 2) return undefined
  const [ip, port] = value as readonly unknown[]
  const address = ip === 'any' ? ip : typeof ip === 'string' ? parseIp(ip) : undefined
  if (address === undefined || (port !== 'any' && !isPort(port))) return undefined
  return [address, port]
}

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0

const isPort = (value: unknown): value is Port => isCount(value) && value >= 1 && value <= 65535

/** FNV-1a of 32 bits over the code units (isthe.com/chongo/tech/comp/fnv): finds damage, proves nothing. */
function checksum(text: string): string {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return (hash >>> 0).toString(16).padStart(8, '0')
}
