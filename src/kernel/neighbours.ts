/**
 * Link addresses of the hosts on our networks, kept fresh by notices so that a request costs no system call to learn
 * its sender's. The kernel enters a host when it asks for the router's own address, so a client that has just sent a
 * datagram is known.
 *
 * The kernel tells of every step of its asking whether a host is still there; a socket filter keeps away the steps that
 * bring nothing new, but on Node without its addon. What is left of a host that talks without rest is two notices (it may be gone, it is
 * there) in each round of doubt, about 50 s as the kernel is shipped; of one that falls silent a last one, then none.
 */
import type { Ip, Mac } from '../base/ip.ts'
import type { Log } from '../base/log.ts'
import type { Platform } from '../platform/platform.ts'
import type { Message } from '../wire/netlink.ts'
import { dumpRequest, RTM, RTNLGRP, readNeighbour, resolveRequest } from '../wire/rtnetlink.ts'
import { neighbourNews } from './filter.ts'
import { Follower } from './follow.ts'

export interface Neighbours {
  /** Of a host on the link with this index; `undefined` when the kernel does not know it (any more). */
  mac(ip: Ip, index: number): Mac | undefined
  /**
   * Has the kernel ask the link who has this address; an answer comes as `seen`. Resolves when the question is out (or
   * was not necessary); rejects with `KernelError`.
   */
  resolve(ip: Ip, index: number): Promise<void>
  /** Takes in what the kernel has told already, where the engine can. */
  catchUp(): void
  /** Hosts known now. */
  readonly size: number
  close(): void
}

/** Hosts remembered; the kernel itself keeps 1024 as shipped (net.ipv4.neigh.default.gc_thresh3). */
const MOST = 8192

/** An address has a link address that it did not have before, as far as we remember; `index` is the link's. */
export type Seen = (ip: Ip, mac: Mac, index: number) => void

/**
 * Resolves when the table is complete; rejects with `KernelError` or `SystemError`. `seen` is called for all that is
 * known at the start, then for what is new or differs; a host that was forgotten and comes back is new. It must not
 * throw.
 */
export async function openNeighbours(platform: Platform, log: Log, seen: Seen = () => undefined): Promise<Neighbours> {
  const { littleEndian } = platform
  const table = new NeighbourTable(littleEndian, seen)
  const follower = await Follower.open(
    platform,
    {
      name: 'neighbours',
      groups: [RTNLGRP.neighbour],
      filter: { program: neighbourNews(littleEndian), required: false },
      dumps: [dumpRequest.neighbours(4, littleEndian), dumpRequest.neighbours(6, littleEndian)],
      adopt: states => table.adopt(states.flat()),
      apply: notice => table.apply(notice),
    },
    log,
  )
  return {
    mac: (ip, index) => table.mac(ip, index),
    resolve: (ip, index) => follower.tell(`asking who has ${ip}`, resolveRequest(ip, index, littleEndian)),
    catchUp: () => follower.catchUp(),
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
  readonly #seen: Seen
  #macs = new Map<string, Mac>()

  constructor(littleEndian: boolean, seen: Seen, most = MOST) {
    this.#littleEndian = littleEndian
    this.#seen = seen
    this.#most = most
  }

  get size(): number {
    return this.#macs.size
  }

  mac(ip: Ip, index: number): Mac | undefined {
    return this.#macs.get(keyOf(ip, index))
  }

  adopt(state: readonly Message[]): void {
    const before = this.#macs
    this.#macs = new Map()
    for (const each of state) this.#apply(each, before)
  }

  apply(notice: Message): void {
    this.#apply(notice, this.#macs)
  }

  /** `before`: what was known, so that nothing is told twice. */
  #apply(notice: Message, before: ReadonlyMap<string, Mac>): void {
    if (notice.type !== RTM.newNeighbour && notice.type !== RTM.delNeighbour) return
    const neighbour = readNeighbour(notice, this.#littleEndian)
    if (neighbour === undefined) return
    const { ip, mac, index } = neighbour
    const key = keyOf(ip, index)
    if (notice.type === RTM.delNeighbour || mac === undefined) {
      this.#macs.delete(key)
      return
    }
    const known = before.get(key)
    this.#set(key, mac)
    if (known !== mac) this.#seen(ip, mac, index)
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
