/**
 * Netlink on Node. Requests and replies go as on QuickJS: the kernel answers while `send` runs, and `drain` reads. What
 * Node's packages cannot set, the addon does (node-addon.ts). Without it
 *  - errors come without the kernel's own words (NETLINK_EXT_ACK);
 *  - there is no filter: a reader sees what its own process caused (`ignoreFrom`), and what it did not ask for
 *    (`filter`), but for a filter that is required, which is refused;
 *  - buffers are bounded by net.core.rmem_max and wmem_max (SO_RCVBUF, not SO_RCVBUFFORCE), and a batch must fit.
 *
 * In any case it is not told who sent a datagram. Besides the kernel only those can who may change its tables as well
 * (CAP_NET_ADMIN, netlink_sendmsg in net/netlink/af_netlink.c).
 */

import { BURST, DRAIN, MOST_WAITING } from './netlink-limits.ts'
import type { Addon } from './node-addon.ts'
import { systemError } from './node-errors.ts'
import type { NetlinkTools } from './node-netlink-raw.ts'
import { netlinkTools, RawNetlink } from './node-netlink-raw.ts'
import type { NetlinkOptions, NetlinkSocket } from './platform.ts'
import { SystemError } from './platform.ts'

/** A socket that cannot be opened anew (no descriptor is free) is tried again after so many ms. */
const RETRY = 1000

type Call = (run: () => void) => void
type Fault = (error: unknown) => void

interface Parts {
  readonly tools: NetlinkTools
  readonly options: NetlinkOptions
  readonly addon: Addon | undefined
  readonly call: Call
  readonly fault: Fault
}

export async function openNetlink(given: Omit<Parts, 'tools'>): Promise<NetlinkSocket> {
  const { options, addon } = given
  const doing = `netlink socket ${options.family}`
  if (addon === undefined && options.filter?.required === true) {
    throw new SystemError(`${doing}, filter`, 'EOPNOTSUPP')
  }
  try {
    return new NodeNetlink({ ...given, tools: await netlinkTools() }, doing)
  } catch (error) {
    throw systemError(doing, error)
  }
}

class NodeNetlink implements NetlinkSocket {
  readonly #parts: Parts
  readonly #doing: string
  #raw: RawNetlink
  #open = true
  #each: ((datagram: Uint8Array) => void) | undefined
  #overrun = (): void => undefined
  /** Replies that nobody has read yet are read in the next turn of the event loop. */
  #soon: NodeJS.Immediate | undefined

  constructor(parts: Parts, doing: string) {
    this.#parts = parts
    this.#doing = doing
    this.#raw = this.#make()
  }

  get portId(): number {
    return this.#raw.portId
  }

  get sendLimit(): number {
    return this.#raw.sendLimit
  }

  send(datagram: Uint8Array): void {
    if (!this.#open) return
    try {
      this.#raw.write(datagram)
    } catch (error) {
      throw systemError(this.#doing, error)
    }
    this.#readSoon()
  }

  take(each: (datagram: Uint8Array) => void, overrun: () => void): void {
    const first = this.#each === undefined
    this.#each = each
    this.#overrun = overrun
    if (first && this.#open) this.#watch()
  }

  drain(wanted: () => boolean = () => true): void {
    if (this.#receive(DRAIN, wanted)) return
    clearImmediate(this.#soon)
    this.#soon = undefined
  }

  hear(on: boolean): void {
    if (!this.#open) return
    try {
      for (const group of this.#parts.options.groups) {
        if (on) this.#raw.join(group)
        else this.#raw.leave(group)
      }
    } catch (error) {
      this.#parts.fault(systemError(this.#doing, error))
    }
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    clearImmediate(this.#soon)
    this.#raw.close()
  }

  #make(): RawNetlink {
    const { tools, options, addon } = this.#parts
    return new RawNetlink(tools, options, addon)
  }

  /** Only who has joined a group is told what he did not ask for, and must wait. */
  #watch(): void {
    if (this.#parts.options.groups.length === 0) return
    this.#raw.watch(
      datagram => this.#deliver(datagram),
      () => this.#replace(),
    )
  }

  /** Notices were dropped, and the socket went with those before the gap. */
  #replace(): void {
    if (!this.#open) return
    const { call, fault } = this.#parts
    try {
      this.#raw = this.#make()
      this.#watch()
    } catch (error) {
      fault(systemError(this.#doing, error))
      setTimeout(() => this.#replace(), RETRY)
      return
    }
    call(this.#overrun)
  }

  #readSoon(): void {
    this.#soon ??= setImmediate(() => {
      this.#soon = undefined
      if (this.#receive(BURST, () => true)) this.#readSoon()
    })
  }

  /** Whether there may be more that is wanted. */
  #receive(most: number, wanted: () => boolean): boolean {
    for (let left = most; left > 0; left--) {
      if (!this.#open || this.#each === undefined || !wanted()) return false
      const datagram = this.#raw.read()
      if (datagram === 'nothing') return false
      this.#deliver(datagram)
    }
    return true
  }

  #deliver(datagram: Uint8Array | 'lost'): void {
    const { call } = this.#parts
    if (datagram === 'lost') {
      for (let left = MOST_WAITING; left > 0 && this.#raw.read() !== 'nothing'; ) left--
      call(this.#overrun)
    } else call(() => this.#each?.(datagram))
  }
}
