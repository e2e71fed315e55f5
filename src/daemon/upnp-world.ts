/** What the gateway asks of the daemon (`protocol/igd/gateway-world.ts`), answered from the parts that know it. */
import { textIn } from '../base/files.ts'
import type { Instant, Seconds } from '../base/time.ts'
import { milliseconds, seconds } from '../base/time.ts'
import type { Mapping, Transport } from '../core/mapping.ts'
import type { Noise } from '../core/noise.ts'
import type { Rate } from '../core/rate.ts'
import type { Counted } from '../kernel/traffic.ts'
import type { Platform } from '../platform/platform.ts'
import type { GatewayWorld, LinkReading, Traffic } from '../protocol/igd/gateway-world.ts'
import type { ClosedNetworks } from './closed-networks.ts'
import type { Situation } from './situation.ts'

export interface UpnpWorldParts {
  readonly platform: Platform
  readonly engine: GatewayWorld['engine']
  readonly noise: Noise
  readonly rate: Rate
  readonly situation: () => Situation
  readonly connectedSince: () => Instant | undefined
  readonly link: (device: string) => Promise<LinkReading | undefined>
  /** Rejects when the kernel refuses. */
  readonly setLinkUp: (device: string, up: boolean) => Promise<void>
  readonly closedNetworks: Pick<ClosedNetworks, 'closed' | 'switch'>
  readonly traffic: (mapping: Mapping) => Promise<Counted | undefined>
  readonly isAlsoAt: GatewayWorld['isAlsoAt']
}

/** netifd and the kernel answer in milliseconds. */
const PATIENCE = milliseconds(5000)
const NOTHING: Traffic = { packets: 0, bytes: 0 }
const NO_LINK: LinkReading = {
  isUp: false,
  upstream: undefined,
  downstream: undefined,
  sent: NOTHING,
  received: NOTHING,
}

/** linux/netfilter: what the kernel takes without these files (nf_conntrack_proto_tcp.c, nf_conntrack_proto_udp.c). */
const TIMEOUTS: Readonly<Record<Transport, { readonly file: string; readonly otherwise: Seconds }>> = {
  tcp: { file: 'nf_conntrack_tcp_timeout_established', otherwise: seconds(432_000) },
  udp: { file: 'nf_conntrack_udp_timeout_stream', otherwise: seconds(120) },
}

export function upnpWorld(parts: UpnpWorldParts): Omit<GatewayWorld, 'defaultConnection'> {
  const { platform, engine, noise, rate, situation, connectedSince, link, closedNetworks } = parts
  return {
    clock: platform.clock,
    engine,
    noise,
    rate,
    connectedSince,
    isAlsoAt: parts.isAlsoAt,
    // "Packets going through the pinhole" (WANIPv6FirewallControl §2.5.7): of both directions.
    async traffic(mapping) {
      const counted = await parts.traffic(mapping)
      if (counted === undefined) return undefined
      const { packetsIn, packetsOut, bytesIn, bytesOut } = counted
      return { packets: packetsIn + packetsOut, bytes: bytesIn + bytesOut }
    },
    options() {
      const { upnp } = situation().config
      return {
        allowDisableExternalInterface: upnp.allow_disable_external_interface,
        allowDisableInternalInterface: upnp.allow_disable_internal_interface,
        showDummyRule: upnp.show_dummy_rule,
        showAllMappings: upnp.show_all_mappings,
      }
    },
    async link() {
      const device = situation().roles.external?.device
      return (device === undefined ? undefined : await link(device)) ?? NO_LINK
    },
    setUplink: up => setUplink(parts, up),
    closed: () => closedNetworks.closed,
    setEnabled: (from, enabled) => closedNetworks.switch(from.device, enabled, from),
    redirects: () => situation().redirects.listed,
    isFirewallEnabled: () => situation().isFirewallEnabled,
    outboundTimeout: transport => outboundTimeout(platform, transport),
  }
}

function outboundTimeout(platform: Platform, transport: Transport): Seconds {
  const { file, otherwise } = TIMEOUTS[transport]
  const text = textIn(platform, `/proc/sys/net/netfilter/${file}`)
  return /^[1-9][0-9]{0,9}$/.test(text) ? seconds(Number(text)) : otherwise
}

/** By netifd where there is one, so that it knows; else the link itself. */
async function setUplink({ platform, situation, setLinkUp }: UpnpWorldParts, up: boolean): Promise<'done' | 'failed'> {
  const { external } = situation().roles
  if (external === undefined) return 'failed'
  const path = `network.interface.${external.name}`
  const asked = await platform.run(['ubus', 'call', path, up ? 'up' : 'down'], PATIENCE)
  if (asked.status === 0) return 'done'
  try {
    await setLinkUp(external.device, up)
    return 'done'
  } catch {
    return 'failed'
  }
}
