/**
 * The live table of links, addresses and routes to the world. Every notice about links and addresses changes the table at
 * once; then the routes are read anew (the kernel does not tell of routes that go with a link or an address,
 * fib_frontend.c), and when they are there `changed` is called once for all that happened meanwhile.
 */
import { KernelError, Malformed, reasonOf } from '../base/fail.ts'
import type { Log } from '../base/log.ts'
import type { Platform } from '../platform/platform.ts'
import type { Message } from '../wire/netlink.ts'
import type { DefaultRoute, Link, LinkAddress, LinkCounters, WideRoute } from '../wire/rtnetlink.ts'
import {
  countersRequest,
  dumpRequest,
  RTM,
  RTNLGRP,
  readAddress,
  readCounters,
  readDefaultRoutes,
  readLink,
  readWideRoute,
  switchRequest,
} from '../wire/rtnetlink.ts'
import { Follower } from './follow.ts'
import type { LinkView } from './link-table.ts'
import { LinkTable } from './link-table.ts'

export interface LinksOptions {
  readonly log: Log
  /** The table is different from what it was at the last call (or at `openLinks`). Must not throw. */
  changed(): void
}

export interface Links {
  /** Always up to date with the notices that have arrived; its answers cost no system call. */
  readonly view: LinkView
  /** What the device has carried since it was made; `undefined` when there is none of that name. Rejects with `KernelError`. */
  counters(device: string): Promise<LinkCounters | undefined>
  /** Switches a device on or off, and nothing else. Rejects with `KernelError`: ENODEV when there is none. */
  setLinkUp(device: string, up: boolean): Promise<void>
  close(): void
}

/** Resolves when the table is complete; rejects with `KernelError` or `SystemError`. */
export async function openLinks(platform: Platform, options: LinksOptions): Promise<Links> {
  const watch = new LinkWatch(platform, options)
  await watch.start(platform)
  return watch
}

class LinkWatch implements Links {
  readonly #table = new LinkTable()
  readonly #littleEndian: boolean
  readonly #options: LinksOptions
  #follower: Follower | undefined
  /** Default routes are read and `changed` is called when this is done. */
  #settling = false
  /** There is something to settle. */
  #unsettled = false
  #different = false

  constructor(platform: Platform, options: LinksOptions) {
    this.#littleEndian = platform.littleEndian
    this.#options = options
  }

  get view(): LinkView {
    return this.#table
  }

  async start(platform: Platform): Promise<void> {
    const follower = await Follower.open(
      platform,
      {
        name: 'links',
        groups: [RTNLGRP.link, RTNLGRP.ipv4Address, RTNLGRP.ipv6Address, RTNLGRP.ipv4Route, RTNLGRP.ipv6Route],
        dumps: [dumpRequest.links(this.#littleEndian), dumpRequest.addresses(this.#littleEndian)],
        adopt: ([links = [], addresses = []]) => this.#adopt(links, addresses),
        apply: notice => this.#apply(notice),
      },
      this.#options.log,
    )
    try {
      this.#unsettled = false
      await this.#readRoutes(follower)
    } catch (error) {
      follower.close()
      throw error
    }
    this.#follower = follower
    this.#different = false
    if (this.#unsettled) this.#settle()
  }

  async counters(device: string): Promise<LinkCounters | undefined> {
    const index = this.#table.index(device)
    const follower = this.#follower
    if (index === undefined || follower === undefined) return undefined
    try {
      const reply = await follower.ask(`counters of ${device}`, countersRequest(index, this.#littleEndian))
      return readCounters(reply, this.#littleEndian)
    } catch (error) {
      if (error instanceof KernelError && error.code === 'ENODEV') return undefined // it went a moment ago
      throw error instanceof Malformed ? new KernelError(`counters of ${device}`, 'EBADMSG', error.message) : error
    }
  }

  async setLinkUp(device: string, up: boolean): Promise<void> {
    const index = this.#table.index(device)
    const doing = `switching ${device} ${up ? 'on' : 'off'}`
    if (index === undefined || this.#follower === undefined) throw new KernelError(doing, 'ENODEV')
    await this.#follower.tell(doing, switchRequest(index, up, this.#littleEndian))
  }

  close(): void {
    this.#follower?.close()
    this.#follower = undefined
  }

  #adopt(links: readonly Message[], addresses: readonly Message[]): void {
    const different = this.#table.setAll(
      present(links.map(each => readLink(each, this.#littleEndian))),
      present(addresses.map(each => readAddress(each, this.#littleEndian))),
    )
    this.#note(different, true)
  }

  #apply(notice: Message): void {
    const handle = HANDLERS[notice.type]
    if (handle === undefined) return
    const { different, routes } = handle(this.#table, notice, this.#littleEndian)
    this.#note(different, different || routes)
  }

  #note(different: boolean, unsettled: boolean): void {
    if (different) this.#different = true
    if (!unsettled) return
    this.#unsettled = true
    if (this.#follower !== undefined && !this.#settling) this.#settle()
  }

  #settle(): void {
    this.#settling = true
    this.#settleAll()
      .catch((error: unknown) => {
        if (this.#follower === undefined) return
        this.#options.log('warning', 'links', 'default routes could not be read', { why: reasonOf(error) })
        this.#tell()
      })
      .then(() => {
        this.#settling = false
      })
  }

  /** What comes while routes are read is settled with them: one call of `changed` for a burst of notices. */
  async #settleAll(): Promise<void> {
    while (this.#unsettled && this.#follower !== undefined) {
      this.#follower.catchUp()
      this.#unsettled = false
      if (await this.#readRoutes(this.#follower)) this.#different = true
      if (!this.#unsettled) this.#tell()
    }
  }

  #tell(): void {
    if (!this.#different || this.#follower === undefined) return
    this.#different = false
    this.#options.changed()
  }

  /** Whether they are others than before. */
  async #readRoutes(follower: Follower): Promise<boolean> {
    const found: DefaultRoute[] = []
    const wide: WideRoute[] = []
    for (const family of [4, 6] as const) {
      const parts = await follower.dump('routes', dumpRequest.routes(family, this.#littleEndian))
      // A kernel without IPv6 answers the second question with the routes of all families it has.
      for (const part of parts) {
        found.push(...readDefaultRoutes(part, this.#littleEndian).filter(route => route.family === family))
        const route = readWideRoute(part, this.#littleEndian)
        if (route !== undefined) wide.push(route)
      }
    }
    return this.#table.setRoutes(found, wide)
  }
}

interface Outcome {
  readonly different: boolean
  /** Routes may be others now, although the table does not say so. */
  readonly routes: boolean
}

type Handler = (table: LinkTable, notice: Message, littleEndian: boolean) => Outcome

const NOTHING: Outcome = { different: false, routes: false }

/** By `nlmsg_type`; all others are of no interest. */
const HANDLERS: Readonly<Record<number, Handler>> = {
  [RTM.newLink]: withLink((table, link) => table.setLink(link)),
  [RTM.delLink]: withLink((table, link) => table.dropLink(link.index)),
  [RTM.newAddress]: withAddress((table, address) => table.setAddress(address)),
  [RTM.delAddress]: withAddress((table, address) => table.dropAddress(address)),
  [RTM.newRoute]: ifWide,
  [RTM.delRoute]: ifWide,
}

function withLink(change: (table: LinkTable, link: Link) => boolean): Handler {
  return (table, notice, littleEndian) => {
    const link = readLink(notice, littleEndian)
    return link === undefined ? NOTHING : { different: change(table, link), routes: false }
  }
}

function withAddress(change: (table: LinkTable, address: LinkAddress) => boolean): Handler {
  return (table, notice, littleEndian) => {
    const address = readAddress(notice, littleEndian)
    return address === undefined ? NOTHING : { different: change(table, address), routes: false }
  }
}

/** A default route is one of them. */
function ifWide(_table: LinkTable, notice: Message, littleEndian: boolean): Outcome {
  return { different: false, routes: readWideRoute(notice, littleEndian) !== undefined }
}

const present = <T>(values: readonly (T | undefined)[]): T[] => values.filter(value => value !== undefined) as T[]
