/** What the evented variables of all services are at this moment: for `Eventing.publish`, after every change. */
import type { EventedService } from './evented.ts'
import { connectionStatus, externalAddress, isEnabled } from './gateway-connection.ts'
import { arePinholesAllowed } from './gateway-pinholes.ts'
import type { GatewayWorld } from './gateway-world.ts'

export type EventedValues = Readonly<Record<EventedService, Readonly<Record<string, string>>>>

type Parts = Pick<GatewayWorld, 'engine' | 'redirects' | 'options' | 'isFirewallEnabled' | 'defaultConnection'>

/** `isLinkUp`: of the external interface. */
export function currentValues(world: Parts, isLinkUp: boolean): EventedValues {
  const { engine } = world
  const connection = {
    PossibleConnectionTypes: 'IP_Routed',
    ConnectionStatus: connectionStatus(engine),
    ExternalIPAddress: externalAddress(engine),
    PortMappingNumberOfEntries: String(numberOfEntries(world)),
  }
  return {
    'WANIPConnection:1': connection,
    // ui4: counted on from 0.
    'WANIPConnection:2': { ...connection, SystemUpdateID: String(engine.mappings.version % 4_294_967_296) },
    'WANCommonInterfaceConfig:1': { PhysicalLinkStatus: isLinkUp ? 'Up' : 'Down' },
    'Layer3Forwarding:1': { DefaultConnectionService: world.defaultConnection() },
    'WANIPv6FirewallControl:1': {
      FirewallEnabled: bit(world.isFirewallEnabled()),
      InboundPinholeAllowed: bit(arePinholesAllowed(world)),
    },
  }
}

/** Those that each internal network has for itself; subscribers there hear of them beside the others. */
export const networkValues = (world: Pick<GatewayWorld, 'closed'>, device: string) =>
  ({
    'WANCommonInterfaceConfig:1': { EnabledForInternet: bit(isEnabled(world, device)) },
  }) as const satisfies Partial<EventedValues>

/** Of all hosts: one event goes to all subscribers, and how many there are is no secret. */
function numberOfEntries({ engine, redirects, options }: Parts): number {
  const count = redirects().length + engine.mappings.translated
  return count === 0 && options().showDummyRule ? 1 : Math.min(count, 65_535)
}

const bit = (value: boolean): string => (value ? '1' : '0')
