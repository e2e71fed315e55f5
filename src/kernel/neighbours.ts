/**
 * Link addresses of the hosts on our networks, kept fresh by notices so that a request costs no system call to learn
 * its sender's. The kernel enters a host when it asks for the router's own address, so a client that has just sent a
 * datagram is known. IPv4 only, as NAT-PMP is.
 */
import type { Ip, Mac } from '../base/ip.ts'
import type { Log } from '../base/log.ts'
import type { Platform } from '../platform/platform.ts'
import type { Message } from '../wire/netlink.ts'
import { dumpRequest, RTM, RTNLGRP, readNeighbour } from '../wire/rtnetlink.ts'
import { Follower } from './follow.ts'

export interface Neighbours {
  /** Of a host on the link with this index; `undefined` when the kernel does not know it (any more). */
  mac(ip: Ip, index: number): Mac | undefined
  /** Hosts known now. */
  readonly size: number
  close(): void
}

/** Hosts remembered; the kernel itself keeps 1024 as shipped (net.ipv4.neigh.default.gc_thresh3). */
const MOST = 8192

/** Resolves when the table is complete; rejects with `KernelError` or `SystemError`. */
export async function openNeighbours(platform: Platform, log: Log): Promise<Neighbours> {
  const table = new NeighbourTable(platform.littleEndian)
  const follower = await Follower.open(
    platform,
    {
      name: 'neighbours',
      groups: [RTNLGRP.neighbour],
      dumps: [dumpRequest.neighbours(platform.littleEndian)],
      adopt: ([state = []]) => table.adopt(state),
      apply: notice => table.apply(notice),
    },
    log,
  )
  return {
    mac: (ip, index) => table.mac(ip, index),
    get size() {
      return table.size
    },
    close: () => follower.close(),
  }
}

/** By link and address. The oldest are forgotten when there are too many. */
export class NeighbourTable {
  readonly #littleEndian: boolean
  readonly #most: number
  readonly #macs = new Map<string, Mac>()

  constructor(littleEndian: boolean, most = MOST) {
    this.#littleEndian = littleEndian
    this.#most = most
  }

  get size(): number {
    return this.#macs.size
  }

  mac(ip: Ip, index: number): Mac | undefined {
    return this.#macs.get(keyOf(ip, index))
  }

  adopt(state: readonly Message[]): void {
    this.#macs.clear()
    for (const each of state) this.apply(each)
  }

  apply(notice: Message): void {
    if (notice.type !== RTM.newNeighbour && notice.type !== RTM.delNeighbour) return
    const neighbour = readNeighbour(notice, this.#littleEndian)
    if (neighbour === undefined) return
    const key = keyOf(neighbour.ip, neighbour.index)
    if (notice.type === RTM.delNeighbour || neighbour.mac === undefined) this.#macs.delete(key)
    else this.#set(key, neighbour.mac)
  }

  #set(key: string, mac: Mac): void {
    if (this.#macs.get(key) === mac) return
    this.#macs.set(key, mac)
    if (this.#macs.size <= this.#most) return
    for (const oldest of this.#macs.keys()) {
      this.#macs.delete(oldest)
      return
    }
  }
}

const keyOf = (ip: Ip, index: number): string => `${index} ${ip}`
