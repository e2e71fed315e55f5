/** Ports that the router itself uses: a mapping to one would steal it (WireGuard, ssh). */
import type { Ip, Port } from '../base/ip.ts'
import type { Platform } from '../platform/platform.ts'

/**
 * Whether a socket of this machine uses the port on the external address or on all addresses. On QuickJS the
 * kernel is asked at the moment of the decision; on Node its tables are believed for 200 ms (`platform/node.ts`).
 */
export const routerUses = (
  platform: Pick<Platform, 'portInUse'>,
  transport: 'tcp' | 'udp',
  address: Ip,
  port: Port,
): boolean => platform.portInUse(transport, address, port)
