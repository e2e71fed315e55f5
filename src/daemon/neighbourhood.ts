/**
 * Which device is behind an address inside (S25, S26): a wish carries its sender's link address, and a mapping whose
 * address another device has taken over is suspended. Open while clients are served; what another network says about
 * an address counts for nothing.
 */
import type { Ip, Mac } from '../base/ip.ts'
import type { Log } from '../base/log.ts'
import type { LinkView } from '../kernel/link-table.ts'
import type { Neighbours } from '../kernel/neighbours.ts'
import { openNeighbours } from '../kernel/neighbours.ts'
import type { Platform } from '../platform/platform.ts'

export interface NeighbourhoodParts {
  readonly platform: Platform
  readonly log: Log
  readonly links: LinkView
  readonly isInternal: (device: string) => boolean
  readonly seen: (host: Ip, mac: Mac) => void
}

export class Neighbourhood {
  readonly #parts: NeighbourhoodParts
  #open: Neighbours | undefined

  constructor(parts: NeighbourhoodParts) {
    this.#parts = parts
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

  close(): void {
    this.#open?.close()
    this.#open = undefined
  }

  #seen(host: Ip, mac: Mac, index: number): void {
    const { links, isInternal, seen } = this.#parts
    const device = links.device(index)
    if (device !== undefined && isInternal(device) && links.isHost(host, device)) seen(host, mac)
  }
}
