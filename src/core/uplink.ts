/** The ways out to the world, one of each family. */
import type { Ip } from '../base/ip.ts'

/**
 * State and address of the one external interface (RouterOS: "may only have one active external interface").
 * `address` is what packets from the world carry when they reach us: the key in the kernel's map.
 * `told` is what clients hear: the same, unless the owner forces an address that lies before another NAT.
 */
export type Uplink =
  | { readonly is: 'down'; readonly device: string | undefined; readonly why: string }
  | {
      readonly is: 'up'
      readonly device: string
      readonly address: Ip
      readonly told: Ip
      /** `private` and `shared` (RFC 6598) addresses are served; status says that the world cannot reach them. */
      readonly reach: 'public' | 'private' | 'shared'
    }

/**
 * IPv6 towards the world: nothing is translated, so it needs no address of its own. Often the same device as that of
 * IPv4; another one behind a tunnel (6in4) or where the provider brings both families apart.
 */
export type Ipv6Uplink =
  | { readonly is: 'down'; readonly device: string | undefined; readonly why: string }
  | {
      readonly is: 'up'
      readonly device: string
      /** Global; `undefined` where the provider gives the uplink none and delegates a prefix. */
      readonly address: Ip | undefined
    }
