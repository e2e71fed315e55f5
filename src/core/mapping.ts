/**
 * The glossary. One thing has one word, here and in code, console, REST and LuCI.
 *
 * A *mapping* lets the world reach an internal endpoint under an external one. A *wish* is what a client asks, an
 * *answer* what it is told, a *refusal* why not. A *change* is what the kernel must do. An *owner* may renew and
 * remove. Foreign names (NewExternalPort, suggested port, dst-port, iport) stay in the files that speak the foreign
 * language.
 */
import type { Endpoint, Ip, Mac, Port } from '../base/ip.ts'
import type { Instant, Seconds } from '../base/time.ts'

/** What UCI and RouterOS call `protocol` (nft: `inet_proto`). */
export type Transport = 'tcp' | 'udp'

/** The ways in which a client asks; UCI spells them `nat_pmp` and `upnp`. */
export type Service = 'nat-pmp' | 'upnp'

export type Owner =
  /** The host itself, by its address: the protocol has no other proof of identity (RFC 6886 §3.3). */
  | { readonly via: Service; readonly client: Ip }
  /** A `config mapping` of the router's owner: never expires, and no client may remove it. */
  | { readonly via: 'operator' }

export type Lease = 'forever' | { readonly lifetime: Seconds; readonly expires: Instant }

/** Never edited, only replaced. */
export interface Mapping {
  readonly transport: Transport
  /** What the world dials. */
  readonly external: Endpoint
  /** Who answers. */
  readonly internal: Endpoint
  readonly owner: Owner
  readonly lease: Lease
  /** One line of UTF-8, at most 64 bytes, through `oneLine`; from a client, so data and nothing else. */
  readonly label: string
  /** Link address of the client when it was granted, where known: permissions may name it. */
  readonly mac: Mac | undefined
}

interface About {
  readonly owner: Owner
  readonly transport: Transport
  /** Device of the internal interface that the request came in by, `br-lan`. */
  readonly device: string
  readonly mac: Mac | undefined
}

export interface MapWish extends About {
  readonly ask: 'map'
  readonly internal: Endpoint
  readonly external: Port | 'any'
  /** The client wants this port or none (UPnP AddPortMapping); otherwise another may be granted. */
  readonly exact: boolean
  readonly lifetime: Seconds | 'forever'
  readonly label: string
}

export interface UnmapWish extends About {
  readonly ask: 'unmap'
  /** Whose mappings, and which: one internal port or all of this transport. */
  readonly internal: Ip
  readonly port: Port | 'all'
}

export type Wish = MapWish | UnmapWish

/** Closed: a new reason does not compile until every protocol has a code for it. */
export type Refusal =
  | 'not-allowed' // a permission rule or the default policy says no
  | 'forwarding-off' // the service answers, if at all, but may not map: allow_port_forwarding is no
  | 'bad-host' // the internal address is the router itself, no host, or not on an internal network
  | 'not-owner' // somebody else's mapping, or a static one
  | 'quota' // the host or the router holds as many as the limits allow
  | 'no-port' // every port that the rules allow is taken
  | 'conflict' // the client insists on a port that is taken
  | 'no-uplink' // there is no external address
  | 'busy' // more requests are waiting than we hold; datagram protocols stay silent and the client asks again
  | 'kernel' // the kernel did not accept the change

export type Answer =
  /**
   * What this client was granted, `undefined` after a removal. The lease is the part that it asked for: a mapping
   * made by the operator, or for longer by another service, may last beyond it.
   */
  | { readonly ok: true; readonly mapping: Mapping | undefined }
  | {
      readonly ok: false
      readonly why: Refusal
      /** For the journal and for people: the rule or limit that decided, `permission 3 (comment)`. */
      readonly because: string
    }

export type Change =
  | { readonly act: 'add'; readonly mapping: Mapping }
  | { readonly act: 'remove'; readonly mapping: Mapping }
  /** Renewal, a new owner's renewal, or a move to another external address: `was` and `mapping` in one step. */
  | { readonly act: 'replace'; readonly was: Mapping; readonly mapping: Mapping }

export const sameEndpoint = (a: Endpoint, b: Endpoint): boolean => a.ip === b.ip && a.port === b.port

export function sameOwner(a: Owner, b: Owner): boolean {
  if (a.via === 'operator' || b.via === 'operator') return a.via === b.via
  return a.via === b.via && a.client === b.client
}
