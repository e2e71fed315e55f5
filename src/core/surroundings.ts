/** What the core must know of the router around it; asked at the moment of a decision. */
import type { Endpoint, Ip, Port } from '../base/ip.ts'
import type { Transport } from './mapping.ts'

export interface Surroundings {
  /**
   * Who already uses this external port: a program of the router itself (this one too: its HTTP server), or a redirect
   * of the owner's firewall.
   */
  taken(transport: Transport, external: Port): 'router' | 'redirect' | undefined
  /** Whether a redirect of the owner's firewall does. The kernel is not asked: a review looks at every mapping. */
  hasRedirect(transport: Transport, external: Port): boolean
  /** The external port by which a redirect of the owner's firewall already leads to this internal endpoint. */
  redirected(transport: Transport, internal: Endpoint): Port | undefined
  /**
   * Why this address may not ask or be mapped to, `undefined` when it may: the router's own, broadcast, loopback, not
   * on the network of an internal interface (`device`: the one that the request came in by, where there is one). IPv6
   * addresses too.
   */
  barred(host: Ip, device: string | undefined): string | undefined
  /**
   * Whether it may be a host of an internal network that is not there at this moment: it is on no network of the
   * router, and not every internal one is up with its addresses.
   */
  isAway(host: Ip): boolean
  /** The external device by which IPv6 reaches the world, `undefined` while there is none: pinholes need it. */
  outward6(): string | undefined
  /** The internal device on whose network the address lies. */
  deviceOf(host: Ip): string | undefined
}

/** One external port under which a redirect of the owner's firewall makes a host reachable for everybody. */
export interface ListedRedirect {
  readonly transport: Transport
  readonly external: Port
  readonly internal: Endpoint
  /** Name of the redirect, as the owner wrote it. */
  readonly label: string
}
