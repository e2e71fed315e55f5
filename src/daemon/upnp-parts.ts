/** What UPnP needs of the daemon, and how this gateway names itself. */
import { RELEASE } from '../base/release.ts'
import { utf8Decode } from '../base/text.ts'
import type { Config } from '../config/config.ts'
import type { Mapping } from '../core/mapping.ts'
import type { Noise } from '../core/noise.ts'
import type { Rate } from '../core/rate.ts'
import { linkSpeed } from '../kernel/link-speed.ts'
import type { Counted } from '../kernel/traffic.ts'
import type { Platform } from '../platform/platform.ts'
import type { DeviceTexts } from '../protocol/igd/description.ts'
import type { LinkReading } from '../protocol/igd/gateway-world.ts'
import { bootIdFiles } from './bootid.ts'
import type { PageWorld } from './page.ts'
import { page } from './page.ts'
import { PATHS } from './page-view.ts'
import type { Running } from './running.ts'
import type { UpnpParts } from './upnp-service.ts'
import { upnpWorld } from './upnp-world.ts'

export interface Shared {
  readonly noise: Noise
  readonly rate: Rate
}

export function upnpParts(running: Running, { noise, rate }: Shared): UpnpParts {
  const { daemon, engine, links } = running
  const { platform, diary, places, timers } = daemon
  const texts = () => textsOf(running.situation.config)
  const external = () => {
    const device = running.situation.roles.external?.device
    return device === undefined ? undefined : links.link(device)
  }
  // A kernel that does not count says 0, which nobody may take for an amount.
  const counted = async (mappings: readonly Mapping[]): Promise<ReadonlyMap<Mapping, Counted>> =>
    running.traffic.accounting() ? running.traffic.read(mappings) : new Map()
  const shown: PageWorld = {
    now: () => platform.clock.now(),
    name: () => texts().friendlyName,
    engine,
    journal: diary.journal,
    rate,
    redirects: () => running.situation.redirects.listed,
    traffic: counted,
  }
  return {
    platform,
    log: diary.log,
    noise,
    links,
    bootIdFiles: () => bootIdFiles(running.situation.config.system.lease_file, places.run),
    world: upnpWorld({
      platform,
      engine,
      noise,
      rate,
      situation: () => running.situation,
      connectedSince: () => running.connectedSince,
      link: device => readLink(running, device),
      closedNetworks: running.closedNetworks,
      setLinkUp: (device, up) => running.linkControl.setLinkUp(device, up),
      isAlsoAt: ({ mac, device }, host) => running.neighbourhood.isAt(mac, host, device),
      traffic: async mapping => (await counted([mapping])).get(mapping),
    }),
    server: `${systemToken(platform)} UPnP/1.1 Portico/${RELEASE}`,
    texts,
    page: (request, from) => page(request, from, shown),
    macOf: (host, device) => running.neighbourhood.macOf(host, device),
    met: (host, device) => running.neighbourhood.met(host, device),
    isLinkUp: () => {
      const link = external()
      return link?.up === true && link.carrier
    },
    rearm: () => timers.rearm(),
  }
}

function textsOf({ upnp }: Config): DeviceTexts {
  const { friendly_name, model_name, serial_number, presentation_url } = upnp
  return {
    friendlyName: friendly_name,
    manufacturer: 'Portico',
    modelDescription: 'Automatic port mapping',
    modelName: model_name,
    modelNumber: RELEASE,
    ...(serial_number === undefined ? {} : { serialNumber: serial_number }),
    presentationUrl: presentation_url ?? PATHS.page,
  }
}

/** A device that goes meanwhile has no counters; the gateway answers what it can. */
async function readLink({ links, linkControl, daemon }: Running, device: string): Promise<LinkReading | undefined> {
  const link = links.link(device)
  const counters = await linkControl.counters(device)
  if (link === undefined || counters === undefined) return undefined
  const speed = linkSpeed(daemon.platform, device)
  return {
    isUp: link.up && link.carrier,
    upstream: speed,
    downstream: speed,
    sent: { packets: counters.packetsOut, bytes: counters.bytesOut },
    received: { packets: counters.packetsIn, bytes: counters.bytesIn },
  }
}

/** `Linux/6.6`: the first two numbers say enough to clients, and little to others. */
function systemToken(platform: Platform): string {
  const bytes = platform.readFile('/proc/sys/kernel/osrelease')
  const version = bytes === undefined ? undefined : /^[0-9]+\.[0-9]+/.exec(utf8Decode(bytes))?.[0]
  return `Linux/${version ?? '0'}`
}
