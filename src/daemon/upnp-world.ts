/** What the gateway asks of the daemon (`protocol/igd/gateway-world.ts`), answered from the parts that know it. */
import { utf8Decode } from '../base/text.ts'
import type { Instant, Seconds } from '../base/time.ts'
import { milliseconds, seconds } from '../base/time.ts'
import type { Mapping, Transport } from '../core/mapping.ts'
import type { Noise } from '../core/noise.ts'
import type { Rate } from '../core/rate.ts'
import type { Platform } from '../platform/platform.ts'
import type { GatewayWorld, LinkReading, Traffic } from '../protocol/igd/gateway-world.ts'
import type { Situation } from './situation.ts'

export interface UpnpWorldParts {
  readonly platform: Platform
  readonly engine: GatewayWorld['engine']
  readonly noise: Noise
  readonly rate: Rate
  readonly situation: () => Situation
  readonly connectedSince: () => Instant | undefined
  readonly link: (device: string) => Promise<LinkReading | undefined>
  readonly traffic: (mapping: Mapping) => Promise<Traffic | undefined>
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
  const { platform, engine, noise, rate, situation, connectedSince, link, traffic } = parts
  return {
    clock: platform.clock,
    engine,
    noise,
    rate,
    connectedSince,
    traffic,
    options() {
      const { upnp } = situation().config
      return {
        allowDisableExternalInterface: upnp.allow_disable_external_interface,
        showDummyRule: upnp.show_dummy_rule,
        showAllMappings: upnp.show_all_mappings,
      }
    },
    async link() {
      const device = situation().roles.external?.device
      return (device === undefined ? undefined : await link(device)) ?? NO_LINK
    },
    setUplink: up => setUplink(platform, situation(), up),
    redirects: () => situation().redirects.listed,
    // What fw4 forwards from outside is what its zones allow, and Portico opens what they do not.
    isFirewallEnabled: () => true,
    outboundTimeout: transport => outboundTimeout(platform, transport),
  }
}

function outboundTimeout(platform: Platform, transport: Transport): Seconds {
  const { file, otherwise } = TIMEOUTS[transport]
  try {
    const text = utf8Decode(platform.readFile(`/proc/sys/net/netfilter/${file}`) ?? new Uint8Array(0)).trim()
    return /^[1-9][0-9]{0,9}$/.test(text) ? seconds(Number(text)) : otherwise
  } catch {
    return otherwise
  }
}

/** By netifd where there is one, so that it knows; else the link itself. */
async function setUplink(platform: Platform, { roles }: Situation, up: boolean): Promise<'done' | 'failed'> {
  const { external } = roles
  if (external === undefined) return 'failed'
  const word = up ? 'up' : 'down'
  const asked = await platform.run(['ubus', 'call', `network.interface.${external.name}`, word], PATIENCE)
  if (asked.status === 0) return 'done'
  const set = await platform.run(['ip', 'link', 'set', 'dev', external.device, word], PATIENCE)
  return set.status === 0 ? 'done' : 'failed'
}
