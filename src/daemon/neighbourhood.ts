/**
 * Which device is behind an address inside (S25, S26): a wish carries its sender's link address, and a mapping whose
 * address another device has taken over is suspended. Open while clients are served; what another network says about
 * an address counts for nothing. A host has several addresses of IPv6; that two are one device's, its link address
 * says (docs/decisions/053).
 */
import type { Ip, Mac } from '../base/ip.ts'
import type { Log } from '../base/log.ts'
import type { Instant } from '../base/time.ts'
import type { LinkView } from '../kernel/link-table.ts'
import type { Neighbours } from '../kernel/neighbours.ts'
import { openNeighbours } from '../kernel/neighbours.ts'
import type { Platform } from '../platform/platform.ts'
import { Inquiries } from './inquiries.ts'
import type { Timed } from './timers.ts'

export interface NeighbourhoodParts {
  readonly platform: Platform
  readonly log: Log
  readonly links: LinkView
  readonly isInternal: (device: string) => boolean
  readonly seen: (host: Ip, mac: Mac) => void
  /** `wakeAt` may have changed. */
  readonly rearm: () => void
}

export class Neighbourhood implements Timed {
  readonly #parts: NeighbourhoodParts
  readonly #inquiries: Inquiries
  #open: Neighbours | undefined

  constructor(parts: NeighbourhoodParts) {
    this.#parts = parts
    this.#inquiries = new Inquiries({
      clock: parts.platform.clock,
      ask: async (host, index) => this.#open?.resolve(host, index),
      rearm: parts.rearm,
    })
  }

  get wakeAt(): Instant | undefined {
    return this.#inquiries.wakeAt
  }

  wake(now: Instant): void {
    this.#inquiries.wake(now)
  }

  /** Rejects with `KernelError` or `SystemError`. */
  async want(isWanted: boolean): Promise<void> {
    const { platform, log } = this.#parts
    if (isWanted) this.#open ??= await openNeighbours(platform, log, (ip, mac, index) => this.#seen(ip, mac, index))
    else this.close()
  }

  macOf(host: Ip, device: string): Mac | undefined {
    const index = this.#parts.links.index(device)
    return index === undefined ? undefined : this.#open?.mac(host, index)
  }

  /**
   * A connection with this host has come: to answer it the kernel had to find its link address, and may tell us of that
   * a moment after it told us of the connection.
   */
  met(host: Ip, device: string): void {
    if (this.macOf(host, device) === undefined) this.#open?.catchUp()
  }

  /**
   * Whether the device that asks is behind this address too, on the link of `device`. The link is asked when nobody is
   * known there; an answer that does not come in time is a no. Never rejects.
   */
  async isAt(asker: Mac | undefined, host: Ip, device: string): Promise<boolean> {
    const { links } = this.#parts
    const index = links.index(device)
    if (asker === undefined || index === undefined || !links.isHost(host, device)) return false
    const found = this.macOf(host, device) ?? (await this.#inquiries.find(host, index, asker))
    return found === asker
  }

  close(): void {
    this.#open?.close()
    this.#open = undefined
    this.#inquiries.close()
  }

  #seen(host: Ip, mac: Mac, index: number): void {
    const { links, isInternal, seen } = this.#parts
    this.#inquiries.heard(host, mac, index)
    const device = links.device(index)
    if (device !== undefined && isInternal(device) && links.isHost(host, device)) seen(host, mac)
  }
}
