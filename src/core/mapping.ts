/**
 * The glossary. One thing has one word, here and in code, console, REST and LuCI.
 *
 * A *mapping* lets the world reach an internal endpoint under an external one. A *wish* is what a client asks, an
 * *answer* what it is told, a *refusal* why not. A *change* is what the kernel must do. An *owner* may renew and
 * remove. Foreign names (NewExternalPort, suggested port, dst-port, iport) stay in the files that speak the foreign
 * language.
 */
import type { Endpoint, Ip, Mac, Port, PortRange } from '../base/ip.ts'
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

/** Who may come in: any host and port of the world, or only this one. */
export interface Remote {
  readonly ip: Ip | 'any'
  readonly port: Port | 'any'
}

/** The usual one; shared, since nearly every mapping has it. */
export const ANYBODY: Remote = { ip: 'any', port: 'any' }

/**
 * `disabled`: its client wants it kept and not used (UPnP NewEnabled 0). `suspended`: the address behind it belongs to
 * another device now. Both are listed, end on time, and lead nowhere.
 */
export type MappingState = 'on' | 'disabled' | 'suspended'

/** Never edited, only replaced. */
export interface Mapping {
  readonly transport: Transport
  /** What the world dials; the internal endpoint itself where nothing is translated (an IPv6 pinhole). */
  readonly external: Endpoint
  /** Who answers. */
  readonly internal: Endpoint
  readonly owner: Owner
  readonly lease: Lease
  /** One line of UTF-8, at most 64 bytes, through `oneLine`; from a client, so data and nothing else. */
  readonly label: string
  /** Link address of the client when it was granted, where known: permissions may name it. */
  readonly mac: Mac | undefined
  readonly remote: Remote
  readonly state: MappingState
  /** The number by which its client knows an IPv6 pinhole, 1..65535 (UniqueID); `undefined` for what is translated. */
  readonly pinhole: number | undefined
}

/** What is left to say of a mapping that translates, for anybody, at once. */
export const ORDINARY = { remote: ANYBODY, state: 'on', pinhole: undefined } as const satisfies Partial<Mapping>

interface By {
  readonly owner: Owner
  /** Device of the internal interface that the request came in by, `br-lan`. */
  readonly device: string
  readonly mac: Mac | undefined
}

export interface MapWish extends By {
  readonly ask: 'map'
  readonly transport: Transport
  readonly internal: Endpoint
  readonly external: Port | 'any'
  /** The client wants this port or none (UPnP AddPortMapping); otherwise another may be granted. */
  readonly exact: boolean
  readonly lifetime: Seconds | 'forever'
  readonly label: string
  readonly remote: Remote
  readonly enabled: boolean
}

/** By what answers: NAT-PMP's way to remove. */
export interface UnmapWish extends By {
  readonly ask: 'unmap'
  readonly transport: Transport
  /** Whose mappings, and which: one internal port or all of this transport. */
  readonly internal: Ip
  readonly port: Port | 'all'
}

/** By what the world dials: UPnP's way to remove. */
export interface RevokeWish extends By {
  readonly ask: 'revoke'
  readonly transport: Transport
  /** One mapping, with exactly this remote host; or all of the client's own whose external port lies in a range. */
  readonly which: { readonly external: Port; readonly remote: Ip | 'any' } | { readonly range: PortRange }
}

/** An IPv6 endpoint that the world may reach; for the same flow again, the same pinhole with a new lease. */
export interface PinholeWish extends By {
  readonly ask: 'pinhole'
  readonly transport: Transport
  readonly internal: Endpoint
  readonly remote: Remote
  readonly lifetime: Seconds
  readonly label: string
  /** The number by which its client knows it from before a reboot: it comes back under this one if that is free. */
  readonly before?: number
}

/** A new lease for a pinhole, or its end. */
export interface PinholeChangeWish extends By {
  readonly ask: 'extend' | 'close'
  readonly pinhole: number
  /** Meaningless for `close`. */
  readonly lifetime: Seconds
}

export type Wish = MapWish | UnmapWish | RevokeWish | PinholeWish | PinholeChangeWish

/** Closed: a new reason does not compile until every protocol has a code for it. */
export type Refusal =
  | 'not-allowed' // a permission rule or the default policy says no
  | 'forwarding-off' // the service answers, if at all, but may not map: allow_port_forwarding or nat_traversal is no
  | 'bad-host' // the internal address is the router itself, no host, or not on an internal network
  | 'not-owner' // somebody else's mapping, a static one, or a redirect of the firewall
  | 'quota' // the host or the router holds as many as the limits allow
  | 'no-port' // every port that the rules allow is taken
  | 'conflict' // the client insists on a port that another client's mapping has
  | 'reserved' // the client insists on a port that the router, a redirect or a static mapping has
  | 'absent' // there is no such mapping to change or remove
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
  /**
   * `was` and `mapping` in one step, under the same external port or pinhole number: renewal, a new owner's renewal,
   * another state, remote host or internal port, or a move to another external address.
   */
  | { readonly act: 'replace'; readonly was: Mapping; readonly mapping: Mapping }

export const sameEndpoint = (a: Endpoint, b: Endpoint): boolean => a.ip === b.ip && a.port === b.port

export function sameOwner(a: Owner, b: Owner): boolean {
  if (a.via === 'operator' || b.via === 'operator') return a.via === b.via
  return a.via === b.via && a.client === b.client
}

export const sameRemote = (a: Remote, b: Remote): boolean => a === b || (a.ip === b.ip && a.port === b.port)

/** Whether any host and port of the world may come in. */
export const isForAnybody = ({ remote }: { readonly remote: Remote }): boolean =>
  remote === ANYBODY || sameRemote(remote, ANYBODY)
