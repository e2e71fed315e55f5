/** Ports that the router itself uses: a mapping to one would steal it (WireGuard, ssh). */
import type { Ip, Port } from '../base/ip.ts'
import type { Platform } from '../platform/platform.ts'

/**
 * Whether a socket of this machine uses the port on the external address or on all addresses. Asked of the kernel at
 * the moment of the decision: a program may have started a moment ago.
 */
export const routerUses = (
  platform: Pick<Platform, 'portInUse'>,
  transport: 'tcp' | 'udp',
  address: Ip,
  port: Port,
): boolean => platform.portInUse(transport, address, port)
