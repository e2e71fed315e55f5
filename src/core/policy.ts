/** What the owner allows: ordered permission rules, default policy, limits. Values only; `decide.ts` reads them. */
import type { Endpoint, IpRange, Mac, Port, PortRange } from '../base/ip.ts'
import type { Seconds } from '../base/time.ts'
import type { Service, Transport } from './mapping.ts'

/** One `config permission`, in file order; a field that is absent matches everything. First match wins. */
export interface Rule {
  readonly action: 'allow' | 'deny'
  /** Position in the file, from 0, as the console numbers it. */
  readonly number: number
  /** The internal interface that asks, or the external one that is asked for: the seeds' scripts name the latter. */
  readonly device?: string
  readonly transport: Transport | 'both'
  /** External ports: RouterOS `dst-port`. */
  readonly external?: PortRange
  readonly internal?: PortRange
  readonly internalAddress?: IpRange
  readonly mac?: Mac
  readonly services?: readonly Service[]
  readonly comment: string
}

export interface Limits {
  /** Mappings one internal host may hold (`holder.ts`). */
  readonly perHost: number
  readonly total: number
  readonly minLease: Seconds
  readonly maxLease: Seconds
  /** Datagrams and calls one host may send, with a burst of twice as many; 0 is no limit. */
  readonly requestsPerSecond: number
  /**
   * What happens without a matching rule. `high-ports`, as shipped: external and internal ports from 1024 up are
   * allowed, the known dangerous ones excepted.
   */
  readonly defaultAction: 'high-ports' | 'allow' | 'deny'
}

export interface Policy {
  readonly rules: readonly Rule[]
  readonly limits: Limits
  /** No: the service is off, or allow-port-forwarding is no; it may still answer, but holds no mappings. */
  readonly forwarding: Readonly<Record<Service, boolean>>
}

/** One `config mapping`: owned by the operator, never expires. `both` transports are two of these. */
export interface StaticMapping {
  readonly transport: Transport
  readonly external: Port
  readonly internal: Endpoint
  /** One line of at most 64 bytes. */
  readonly label: string
}
