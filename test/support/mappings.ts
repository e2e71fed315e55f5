/** Mappings and wishes in few words. */
import type { Ip, Mac, Port } from '../../src/base/ip.ts'
import { after, type Instant, seconds } from '../../src/base/time.ts'
import type {
  Mapping,
  MappingState,
  MapWish,
  PinholeChangeWish,
  PinholeWish,
  Remote,
  RevokeWish,
  Service,
  Transport,
  UnmapWish,
} from '../../src/core/mapping.ts'
import { ANYBODY } from '../../src/core/mapping.ts'
import { A, A6, WAN_ADDRESS } from './router.ts'

export interface Words {
  readonly transport?: Transport
  readonly external?: number
  readonly internal?: number
  readonly host?: Ip
  readonly address?: string
  readonly via?: Service | 'operator'
  /** Seconds from the start of the clock; 0 is for ever. */
  readonly until?: number
  readonly label?: string
  readonly mac?: string
  /** Remote host; any when left out. */
  readonly remote?: string
  readonly state?: MappingState
}

export function mapping(words: Words = {}): Mapping {
  const host = words.host ?? A
  const until = words.until ?? 3600
  return {
    transport: words.transport ?? 'udp',
    external: { ip: (words.address ?? WAN_ADDRESS) as Ip, port: (words.external ?? 5000) as Port },
    internal: { ip: host, port: (words.internal ?? 5000) as Port },
    owner: words.via === 'operator' ? { via: 'operator' } : { via: words.via ?? 'nat-pmp', client: host },
    lease: until === 0 ? 'forever' : { lifetime: seconds(until), expires: after(0 as Instant, seconds(until)) },
    label: words.label ?? 'NAT-PMP',
    mac: words.mac as Mac | undefined,
    remote: remoteOf(words.remote),
    state: words.state ?? 'on',
    pinhole: undefined,
  }
}

const remoteOf = (remote: string | undefined, port?: number): Remote =>
  remote === undefined && port === undefined
    ? ANYBODY
    : { ip: (remote ?? 'any') as Ip | 'any', port: (port ?? 'any') as Port | 'any' }

export interface PinholeWords extends Omit<Words, 'external' | 'address'> {
  readonly id?: number
  readonly remotePort?: number
}

export function pinhole(words: PinholeWords = {}): Mapping {
  const { id, remotePort, remote, ...rest } = words
  const { internal, ...made } = mapping({ host: A6, via: 'upnp', label: 'UPnP', ...rest })
  return { ...made, internal, external: internal, remote: remoteOf(remote, remotePort), pinhole: id ?? 1 }
}

export interface WishWords extends Omit<Words, 'external' | 'until' | 'state'> {
  readonly enabled?: boolean
  readonly external?: number | 'any'
  readonly exact?: boolean
  readonly lifetime?: number | 'forever'
  readonly client?: Ip
  readonly device?: string
}

export function map(words: WishWords = {}): MapWish {
  const host = words.host ?? A
  const client = words.client ?? host
  const lifetime = words.lifetime ?? 3600
  return {
    ask: 'map',
    owner: words.via === 'operator' ? { via: 'operator' } : { via: words.via ?? 'nat-pmp', client },
    transport: words.transport ?? 'udp',
    device: words.device ?? 'br-lan',
    mac: words.mac as Mac | undefined,
    internal: { ip: host, port: (words.internal ?? 5000) as Port },
    external: words.external === 'any' ? 'any' : ((words.external ?? 5000) as Port),
    exact: words.exact ?? false,
    lifetime: lifetime === 'forever' ? lifetime : seconds(lifetime),
    label: words.label ?? 'NAT-PMP',
    remote: remoteOf(words.remote),
    enabled: words.enabled ?? true,
  }
}

/** AddPortMapping. */
export const add = (words: WishWords = {}): MapWish => map({ via: 'upnp', label: 'UPnP', exact: true, ...words })

/** AddAnyPortMapping. */
export const addAny = (words: WishWords = {}): MapWish => map({ via: 'upnp', label: 'UPnP', ...words })

export function unmap(words: Omit<WishWords, 'internal'> & { readonly internal?: number | 'all' } = {}): UnmapWish {
  const { internal, ...rest } = words
  const { owner, transport, device, mac, internal: endpoint } = map(rest)
  const port = internal === 'all' ? 'all' : ((internal ?? 5000) as Port)
  return { ask: 'unmap', owner, transport, device, mac, internal: endpoint.ip, port }
}

/** DeletePortMapping, or with `range` DeletePortMappingRange. */
export function revoke(
  words: Omit<WishWords, 'external'> & { readonly external?: number; readonly range?: readonly [number, number] } = {},
): RevokeWish {
  const { owner, transport, device, mac, remote, external } = add(words)
  if (words.range !== undefined) {
    const [first, last] = words.range as [Port, Port]
    return { ask: 'revoke', owner, transport, device, mac, which: { range: { first, last } } }
  }
  return { ask: 'revoke', owner, transport, device, mac, which: { external: external as Port, remote: remote.ip } }
}

/** AddPinhole. */
export function pinholeWish(
  words: Omit<WishWords, 'external' | 'lifetime'> & { readonly lifetime?: number; readonly remotePort?: number } = {},
): PinholeWish {
  const { remotePort, lifetime, ...rest } = words
  const { owner, transport, device, mac, internal, label } = add({ host: A6, ...rest })
  const remote = remoteOf(words.remote, remotePort)
  return { ask: 'pinhole', owner, transport, device, mac, internal, remote, lifetime: seconds(lifetime ?? 3600), label }
}

/** UpdatePinhole, DeletePinhole. */
export function change(
  ask: 'extend' | 'close',
  id: number,
  words: Omit<WishWords, 'lifetime'> & { readonly lifetime?: number } = {},
): PinholeChangeWish {
  const { lifetime, ...rest } = words
  const { owner, device, mac } = add({ host: A6, ...rest })
  return { ask, owner, device, mac, pinhole: id, lifetime: seconds(lifetime ?? 3600) }
}
