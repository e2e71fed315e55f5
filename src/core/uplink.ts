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
