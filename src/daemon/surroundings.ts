/** The router around the core: who may ask, and which ports are not ours to give. Answers without waiting. */
import type { Endpoint, Ip, Port } from '../base/ip.ts'
import { isIpv4 } from '../base/ip.ts'
import type { Transport } from '../core/mapping.ts'
import type { Surroundings } from '../core/surroundings.ts'
import { barredHost, barredPinhole, internalDeviceOf } from '../kernel/hosts.ts'
import type { LinkView } from '../kernel/link-table.ts'
import { routerUses } from '../kernel/ports.ts'
import { isGlobalIpv6 } from '../kernel/special.ts'
import type { Platform } from '../platform/platform.ts'
import type { Situation } from './situation.ts'

export class RouterSurroundings implements Surroundings {
  readonly #platform: Platform
  readonly #links: LinkView
  readonly #situation: () => Situation
  #internal: readonly string[] = []
  /** Who was asked about last, until links or roles change: a client asks many times. */
  readonly #barred = new Map<Ip, { readonly device: string | undefined; readonly why: string | undefined }>()

  constructor(platform: Platform, links: LinkView, situation: () => Situation) {
    this.#platform = platform
    this.#links = links
    this.#situation = situation
  }

  /** Links or roles are others now. */
  refresh(): void {
    this.#barred.clear()
    this.#internal = this.#situation().roles.internal.map(({ device }) => device)
  }

  taken(transport: Transport, external: Port): 'router' | 'redirect' | undefined {
    if (this.hasRedirect(transport, external)) return 'redirect'
    const { uplink, settings } = this.#situation()
    // Our own servers listen inside only, and yet nobody shall mistake what the world reaches for them.
    if (settings.guarded.some(own => own.port === external && own.transport === transport)) return 'router'
    if (uplink.is === 'down') return undefined
    return routerUses(this.#platform, transport, uplink.address, external) ? 'router' : undefined
  }

  hasRedirect(transport: Transport, external: Port): boolean {
    return this.#situation().redirects.taken(transport, external) !== undefined
  }

  redirected(transport: Transport, internal: Endpoint): Port | undefined {
    return this.#situation().redirects.portOf(transport, internal)
  }

  barred(host: Ip, device: string | undefined): string | undefined {
    const known = this.#barred.get(host)
    if (known !== undefined && known.device === device) return known.why
    const bars = isIpv4(host) ? barredHost : barredPinhole
    const why = bars(host, device, this.#internal, this.#links)
    // Bounded: a sender may invent addresses.
    if (this.#barred.size >= 4096) this.#barred.clear()
    this.#barred.set(host, { device, why })
    return why
  }

  isAway(host: Ip): boolean {
    const { internal, isComplete } = this.#situation().roles
    const links = this.#links
    const isKin = isIpv4(host) ? isIpv4 : isGlobalIpv6
    const isThere = (device: string) => links.addresses(device).some(({ ip }) => isKin(ip))
    if (isComplete && internal.every(({ device }) => isThere(device))) return false
    return !links.links().some(({ name }) => links.isOnLink(host, name))
  }

  outward6(): string | undefined {
    const { uplink6 } = this.#situation()
    return uplink6.is === 'up' ? uplink6.device : undefined
  }

  deviceOf(host: Ip): string | undefined {
    return internalDeviceOf(host, this.#internal, this.#links)
  }
}
