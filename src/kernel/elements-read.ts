/** Mappings read back from elements of the kernel's sets, as `elements.ts` wrote them: for adoption and comparison. */
import { Malformed } from '../base/fail.ts'
import type { Endpoint, Ip, Mac, Port } from '../base/ip.ts'
import { ipFrom, macFrom, port } from '../base/ip.ts'
import { utf8Decode } from '../base/text.ts'
import type { Instant } from '../base/time.ts'
import { after, afterMs, milliseconds, seconds } from '../base/time.ts'
import type { Lease, Mapping, MappingState, Owner, Remote, Transport } from '../core/mapping.ts'
import { ANYBODY } from '../core/mapping.ts'
import type { SeenElement } from '../wire/nftables-elements.ts'
import { endpointKey, portKey } from './elements.ts'
import { pinholeKey } from './kinds.ts'
import type { BodySet } from './ruleset.ts'
import { PROTOCOL, UDATA_COMMENT } from './ruleset.ts'
import { HAS, METADATA_VERSION, PRIVATE_TLV, STATES, VIA } from './userdata.ts'

/** The mapping of an element that carries one; `undefined` for one that we did not write. */
export function mappingOf(seen: SeenElement, now: Instant, set: BodySet = 'dnat4'): Mapping | undefined {
  const ends = ENDS[set](seen)
  const about = userdataAt(seen)
  if (ends === undefined || about === undefined) return undefined
  const { comment, metadata } = about
  const via = VIA[metadata[1] as number]
  if (metadata[0] !== METADATA_VERSION || via === undefined || metadata.length < 3) return undefined
  const { mac, client, state, pinhole, remote, exact } = readMetadata(metadata)
  const kind: Kind = { remote: ends.remote ?? remote ?? ANYBODY, state, pinhole }
  if (state === undefined || !fits(kind, set)) return undefined
  const { transport, external, internal } = ends
  const owner: Owner = via === 'operator' ? { via } : { via, client: client ?? internal.ip }
  const label = exact ?? labelOf(comment)
  const lease = leaseOf(seen, now)
  return { transport, external, internal, owner, lease, label, mac, remote: kind.remote, state, pinhole }
}

type Kind = { readonly remote: Remote; readonly state: MappingState | undefined; readonly pinhole: number | undefined }

/** Whether elements of such mappings stand in that set. */
function fits({ remote, state, pinhole }: Kind, set: BodySet): boolean {
  if ((state === 'on') === (set === 'idle4' || set === 'idle6')) return false
  if (pinhole === 0 || (pinhole !== undefined) !== (set === 'pinhole6' || set === 'idle6')) return false
  return set !== 'dnat4' || remote.ip === 'any'
}

interface Ends {
  readonly transport: Transport
  readonly external: Endpoint
  readonly internal: Endpoint
  /** Where the key tells it. */
  readonly remote: Remote | undefined
}

const ENDS: Record<BodySet, (seen: SeenElement) => Ends | undefined> = {
  dnat4: seen => translatedEnds(seen, seen.key, undefined),
  idle4: seen => translatedEnds(seen, seen.key, undefined),
  dnat4from: seen => translatedEnds(seen, seen.key + 4, { ip: ipFrom(seen.bytes, seen.key, 4), port: 'any' }),
  pinhole6: pinholeEnds,
  idle6: pinholeEnds,
}

function translatedEnds({ bytes, view, data }: SeenElement, key: number, remote: Remote | undefined): Ends | undefined {
  const transport = transportOf(view.getUint8(key + 4))
  if (transport === undefined) return undefined
  const external = endpointAt(bytes, view, key, key + 8)
  return { transport, external, internal: endpointAt(bytes, view, data, data + 4), remote }
}

function pinholeEnds({ bytes, view, key }: SeenElement): Ends | undefined {
  const transport = transportOf(view.getUint8(key + 36))
  const internalPort = port(view.getUint16(key + 40))
  if (transport === undefined || internalPort === undefined) return undefined
  const internal = { ip: ipFrom(bytes, key + 20, 16), port: internalPort }
  const [ip, remotePort] = [ipFrom(bytes, key, 16), port(view.getUint16(key + 16))]
  const any = ip === ANY_IPV6 && remotePort === undefined
  const remote = any ? ANYBODY : ({ ip: ip === ANY_IPV6 ? 'any' : ip, port: remotePort ?? 'any' } as const)
  return { transport, external: internal, internal, remote }
}

const ANY_IPV6 = '::'

/**
 * Which element it is, as `bodyKeyOf` says it, and where it leads (`to`, as `endpointKey` counts, 0 for a pinhole);
 * `undefined` if not ours.
 */
export function bodyEndsOf(set: BodySet, seen: SeenElement): { from: number | string; to: number } | undefined {
  if (set === 'dnat4') return endpointsOf(seen)
  const ends = ENDS[set](seen)
  if (ends === undefined) return undefined
  const { transport, external, internal, remote } = ends
  if (set === 'pinhole6' || set === 'idle6') {
    return { from: pinholeKey(set, { transport, internal, remote: remote ?? ANYBODY }), to: 0 }
  }
  const to = endpointKey(transport, internal)
  const key = endpointKey(transport, external)
  return { from: set === 'idle4' ? `idle4 ${key}` : `dnat4from ${remote?.ip} ${key}`, to }
}

/** Key of an element of `dnat4` or `snat4`, and where it leads, as `endpointKey` counts; `undefined` if not ours. */
export function endpointsOf({ view, key, data }: SeenElement): { from: number; to: number } | undefined {
  const transport = transportOf(view.getUint8(key + 4))
  if (transport === undefined) return undefined
  const from = view.getUint32(key) * 0x2_0000 + portKey(transport, view.getUint16(key + 8) as Port)
  return { from, to: view.getUint32(data) * 0x2_0000 + portKey(transport, view.getUint16(data + 4) as Port) }
}

/** Key of an element of `taken`, as `portKey` counts. */
export function takenOf({ view, key }: SeenElement): number | undefined {
  const transport = transportOf(view.getUint8(key))
  return transport === undefined ? undefined : portKey(transport, view.getUint16(key + 4) as Port)
}

export function leaseOf({ timeout, expiration }: SeenElement, now: Instant): Lease {
  if (timeout === 0) return 'forever'
  const lifetime = seconds(Math.round(timeout / 1000))
  return { lifetime, expires: expiration === 0 ? after(now, lifetime) : afterMs(now, milliseconds(expiration)) }
}

const transportOf = (protocol: number): Transport | undefined =>
  protocol === PROTOCOL.tcp ? 'tcp' : protocol === PROTOCOL.udp ? 'udp' : undefined

const endpointAt = (bytes: Uint8Array, view: DataView, ip: number, port: number): Endpoint => ({
  ip: ipFrom(bytes, ip, 4),
  port: view.getUint16(port) as Port,
})

const labelOf = (comment: string): string => {
  const colon = comment.indexOf(': ')
  return colon < 0 ? '' : comment.slice(colon + 2)
}

/** Our two TLVs of an element's userdata. */
function userdataAt(seen: SeenElement): { comment: string; metadata: Uint8Array } | undefined {
  const { bytes, userdata, userdataLength } = seen
  const end = userdata + userdataLength
  let comment = ''
  let metadata: Uint8Array | undefined
  for (let at = userdata; at + 2 <= end; ) {
    const last = at + 2 + (bytes[at + 1] as number)
    if (last > end) throw new Malformed(`userdata of an element: ${last - end} bytes too long`)
    if (bytes[at] === UDATA_COMMENT) comment = utf8Decode(bytes.subarray(at + 2, last - 1))
    if (bytes[at] === PRIVATE_TLV) metadata = bytes.subarray(at + 2, last)
    at = last
  }
  return metadata === undefined ? undefined : { comment, metadata }
}

interface Metadata {
  readonly mac: Mac | undefined
  readonly client: Ip | undefined
  /** `undefined` for a state that we do not know. */
  readonly state: MappingState | undefined
  readonly pinhole: number | undefined
  readonly remote: Remote | undefined
  readonly exact: string | undefined
}

function readMetadata(metadata: Uint8Array): Metadata {
  const flags = metadata[2] as number
  let at = 3
  const take = (length: number): number => {
    if (at + length > metadata.length) throw new Malformed('metadata of an element: too short')
    at += length
    return at - length
  }
  const address = (four: number, six: number): Ip | undefined => {
    const size = (flags & four) !== 0 ? 4 : (flags & six) !== 0 ? 16 : undefined
    return size === undefined ? undefined : ipFrom(metadata, take(size), size)
  }
  const mac = (flags & HAS.mac) === 0 ? undefined : macFrom(metadata.subarray(take(6), at))
  const client = address(HAS.client, HAS.client6)
  const state = (flags & HAS.state) === 0 ? 'on' : STATES[metadata[take(1)] as number]
  const pinhole =
    (flags & HAS.pinhole) === 0 ? undefined : (metadata[take(2)] as number) * 256 + (metadata[at - 1] as number)
  const host = address(HAS.remote, HAS.remote6)
  const remote = host === undefined ? undefined : ({ ip: host, port: 'any' } as const)
  const exact = (flags & HAS.label) === 0 ? undefined : utf8Decode(metadata.subarray(at))
  return { mac, client, state, pinhole, remote, exact }
}
