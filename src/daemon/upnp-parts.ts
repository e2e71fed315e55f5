/** What UPnP needs of the daemon, and how this gateway names itself. */
import { utf8Decode } from '../base/text.ts'
import type { Noise } from '../core/noise.ts'
import type { Rate } from '../core/rate.ts'
import type { Platform } from '../platform/platform.ts'
import type { DeviceTexts } from '../protocol/igd/description.ts'
import type { PageWorld } from './page.ts'
import { page } from './page.ts'
import { PATHS } from './page-view.ts'
import { RELEASE } from './release.ts'
import type { Running } from './running.ts'
import type { UpnpParts } from './upnp.ts'
import { upnpWorld } from './upnp-world.ts'

export interface Shared {
  readonly noise: Noise
  readonly rate: Rate
}

export function upnpParts(running: Running, { noise, rate }: Shared): UpnpParts {
  const { daemon, engine, links } = running
  const { platform, diary, places, timers } = daemon
  const external = () => {
    const device = running.situation.roles.external?.device
    return device === undefined ? undefined : links.link(device)
  }
  const shown: PageWorld = {
    now: () => platform.clock.now(),
    name: () => texts().friendlyName,
    engine,
    journal: diary.journal,
    rate,
    redirects: () => running.situation.redirects.listed,
    traffic: async () => new Map(),
  }
  return {
    platform,
    log: diary.log,
    noise,
    links,
    runDirectory: places.run,
    world: upnpWorld({
      platform,
      engine,
      noise,
      rate,
      situation: () => running.situation,
      connectedSince: () => running.connectedSince,
      link: async () => undefined,
      traffic: async () => undefined,
    }),
    server: `${systemToken(platform)} UPnP/1.1 Portico/${RELEASE}`,
    texts,
    page: (request, from) => page(request, from, shown),
    macOf: (host, device) => running.macOf(host, device),
    isLinkUp: () => {
      const link = external()
      return link?.up === true && link.carrier
    },
    rearm: () => timers.rearm(),
  }
}

const texts = (): DeviceTexts => ({
  friendlyName: 'Portico',
  manufacturer: 'Portico',
  modelDescription: 'Automatic port mapping',
  modelName: 'Portico',
  modelNumber: RELEASE,
  presentationUrl: PATHS.page,
})

/** `Linux/6.6`: the first two numbers say enough to clients, and little to others. */
function systemToken(platform: Platform): string {
  const bytes = platform.readFile('/proc/sys/kernel/osrelease')
  const version = bytes === undefined ? undefined : /^[0-9]+\.[0-9]+/.exec(utf8Decode(bytes))?.[0]
  return `Linux/${version ?? '0'}`
}
