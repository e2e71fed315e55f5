/**
 * What the gateway asks of the rest of the program while it answers a control call. The daemon supplies it; nothing of
 * it may throw, and a promise that rejects is answered with 501.
 */

import type { Ip, Mac } from '../../base/ip.ts'
import type { Clock, Instant, Seconds } from '../../base/time.ts'
import type { Engine } from '../../core/engine.ts'
import type { Mapping, Transport } from '../../core/mapping.ts'
import type { Noise } from '../../core/noise.ts'
import type { Rate } from '../../core/rate.ts'
import type { ListedRedirect } from '../../core/surroundings.ts'

export interface GatewayWorld {
  readonly clock: Clock
  readonly engine: Pick<Engine, 'ask' | 'mappings' | 'policy' | 'returning' | 'uplink'>
  readonly noise: Noise
  /** Shared with the other services: `requests_per_second` counts all that a host sends. */
  readonly rate: Rate
  options(): GatewayOptions
  /** Since when the uplink has been up; `undefined` while it is down. */
  connectedSince(): Instant | undefined
  link(): Promise<LinkReading>
  /** Takes the uplink down or up; resolves when the interface has been told, not when it has an address. */
  setUplink(up: boolean): Promise<'done' | 'failed'>
  /** Internal devices that a client has cut off from the world, and who it was: another map after each change. */
  closed(): ReadonlyMap<string, Ip>
  /** Cuts the caller's device off from the world, or no longer; `done` when the kernel has confirmed. */
  setEnabled(from: Caller, enabled: boolean): Promise<'done' | 'failed'>
  /** Redirects of the owner's firewall that lead everybody to a host: the same array until they change. */
  redirects(): readonly ListedRedirect[]
  /** Of one mapping, since it was granted; `undefined` where it is not known. */
  traffic(mapping: Mapping): Promise<Traffic | undefined>
  /**
   * Whether the device that calls is also at another IPv6 address of its network: clients speak to a gateway by their
   * link-local address and ask for their global one. Only what the neighbour table shows counts.
   */
  isAlsoAt(from: Caller, host: Ip): Promise<boolean>
  /** Whether IPv6 from the world is stopped at all. */
  isFirewallEnabled(): boolean
  /** How long the kernel keeps a flow that a host began and that has fallen silent. */
  outboundTimeout(transport: Transport): Seconds
  /** Value of Layer3Forwarding's variable: `defaultConnection()` of `description.ts`. */
  defaultConnection(): string
}

/** `config portico 'upnp'`; whether clients may map at all (`nat_traversal`) is `policy.forwarding.upnp`. */
export interface GatewayOptions {
  readonly allowDisableExternalInterface: boolean
  readonly allowDisableInternalInterface: boolean
  readonly showDummyRule: boolean
  /** Every client sees all mappings; otherwise those that lead to it. */
  readonly showAllMappings: boolean
}

/** The link under the external interface. */
export interface LinkReading {
  readonly isUp: boolean
  /** Bits a second; `undefined` where neither the link nor the configuration says. */
  readonly upstream: number | undefined
  readonly downstream: number | undefined
  readonly sent: Traffic
  readonly received: Traffic
}

export interface Traffic {
  readonly packets: bigint | number
  readonly bytes: bigint | number
}

/** Who calls. */
export interface Caller {
  readonly ip: Ip
  /** Internal device that the connection came in by. */
  readonly device: string
  readonly mac: Mac | undefined
}
