/** What the evented variables of all services are at this moment: for `Eventing.publish`, after every change. */
import type { EventedService } from './evented.ts'
import type { GatewayWorld } from './gateway-world.ts'

export type EventedValues = Readonly<Record<EventedService, Readonly<Record<string, string>>>>

/** `updateId`: SystemUpdateID; `isLinkUp`: of the external interface. */
export function currentValues(
  _world: Pick<GatewayWorld, 'engine' | 'options' | 'isFirewallEnabled' | 'defaultConnection'>,
  _updateId: number,
  _isLinkUp: boolean,
): EventedValues {
  return {
    'WANIPConnection:1': {},
    'WANIPConnection:2': {},
    'WANCommonInterfaceConfig:1': {},
    'Layer3Forwarding:1': {},
    'WANIPv6FirewallControl:1': {},
  }
}
