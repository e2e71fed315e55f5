/** Mappings and wishes in few words. */
import type { Ip, Mac, Port } from '../../src/base/ip.ts'
import { after, type Instant, seconds } from '../../src/base/time.ts'
import type { Mapping, MapWish, Service, Transport, UnmapWish } from '../../src/core/mapping.ts'
import { ANYBODY, ORDINARY } from '../../src/core/mapping.ts'
import { A, WAN_ADDRESS } from './router.ts'

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
    ...ORDINARY,
  }
}

export interface WishWords extends Omit<Words, 'external' | 'until'> {
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
    remote: ANYBODY,
    enabled: true,
  }
}

export function unmap(words: Omit<WishWords, 'internal'> & { readonly internal?: number | 'all' } = {}): UnmapWish {
  const { internal, ...rest } = words
  const { owner, transport, device, mac, internal: endpoint } = map(rest)
  const port = internal === 'all' ? 'all' : ((internal ?? 5000) as Port)
  return { ask: 'unmap', owner, transport, device, mac, internal: endpoint.ip, port }
}
