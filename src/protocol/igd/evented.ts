/**
 * What the services tell their subscribers (igd2 WANIPConnection:2 table 2-9, WANCommonInterfaceConfig:1,
 * Layer3Forwarding:1, WANIPv6FirewallControl:1), and how often. The forum moderates none of these variables; ours are
 * held back a moment where one program may change them many times in a row.
 */
import { milliseconds } from '../../base/time.ts'
import type { EventedServices } from './eventing.ts'

export type EventedService =
  | 'WANIPConnection:1'
  | 'WANIPConnection:2'
  | 'WANCommonInterfaceConfig:1'
  | 'Layer3Forwarding:1'
  | 'WANIPv6FirewallControl:1'

const AT_ONCE = milliseconds(0)
const MAPPINGS = milliseconds(500)
const NETWORK = milliseconds(500)
const CONNECTION = ['PossibleConnectionTypes', 'ConnectionStatus', 'ExternalIPAddress'] as const

export const EVENTED: EventedServices<EventedService> = {
  'WANIPConnection:1': [
    { variables: CONNECTION, interval: AT_ONCE },
    { variables: ['PortMappingNumberOfEntries'], interval: MAPPINGS },
  ],
  'WANIPConnection:2': [
    { variables: CONNECTION, interval: AT_ONCE },
    // §2.4.4 and §2.4.5: both in the same event.
    { variables: ['PortMappingNumberOfEntries', 'SystemUpdateID'], interval: MAPPINGS },
  ],
  'WANCommonInterfaceConfig:1': [
    { variables: ['PhysicalLinkStatus'], interval: AT_ONCE },
    // Told to each subscriber of its own network.
    { variables: ['EnabledForInternet'], interval: NETWORK },
  ],
  'Layer3Forwarding:1': [{ variables: ['DefaultConnectionService'], interval: AT_ONCE }],
  'WANIPv6FirewallControl:1': [{ variables: ['FirewallEnabled', 'InboundPinholeAllowed'], interval: AT_ONCE }],
}
