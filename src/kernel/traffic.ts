/**
 * Packets and bytes of mappings, from conntrack accounting (net.netfilter.nf_conntrack_acct; only what begins after it
 * was switched on is counted).
 *
 * Counted are the flows that came in through a mapping, from the world or by hairpin, in both directions: `in` is what
 * the one who dialled sent, `out` what the internal endpoint replied. A flow that the internal host began itself is
 * none of the mapping, although it may leave by the mapped port.
 *
 * A total begins with the grant: flows end with their mapping, and what is told of a mapping's flows shortly after its
 * end is thrown away, also when the same endpoints have been granted again meanwhile. It survives renewals and a move
 * to another address, but not a restart of the daemon: then it begins with the flows that run.
 *
 * The kernel is asked for its running flows when somebody asks us, at most once a second. Between, it tells of flows
 * that end, through a socket filter, so that others do not wake us. Where there is no filter (Node without its addon),
 * or the notice was lost, a flow that is gone counts with what it had when it was last seen.
 */
import { reasonOf } from '../base/fail.ts'
import { ipv4Number, isIpv4 } from '../base/ip.ts'
import type { Log } from '../base/log.ts'
import { utf8Decode } from '../base/text.ts'
import type { Instant } from '../base/time.ts'
import { afterMs, milliseconds } from '../base/time.ts'
import type { Mapping } from '../core/mapping.ts'
import { sameEndpoint, sameRemote } from '../core/mapping.ts'
import type { BpfInstruction, Platform } from '../platform/platform.ts'
import type { Flow } from '../wire/conntrack.ts'
import { conntrackDump, ends, IPCTNL, readFlow } from '../wire/conntrack.ts'
import type { Message } from '../wire/netlink.ts'
import { FLAG, message } from '../wire/netlink.ts'
import { inTurns, wayKey } from './conntrack.ts'
import { Exchange } from './exchange.ts'
import { ipv6Flows, translatedFlows } from './filter.ts'
import { FlowEndListener } from './flow-ends.ts'

/** Exact up to 2^53, which no link reaches in the life of a router. */
export interface Counted {
  readonly packetsIn: number
  readonly bytesIn: number
  readonly packetsOut: number
  readonly bytesOut: number
}

/** What must be known of the mappings; `KernelFirewall` offers it. */
export interface Ways {
  through(flow: Flow): Mapping | undefined
  mappings(): Iterable<Mapping>
}

export interface Traffic {
  /** Totals of these mappings; never less than before. Never rejects: what could not be read is logged. */
  read(mappings: Iterable<Mapping>): Promise<ReadonlyMap<Mapping, Counted>>
  /** Whether the kernel counts; while it does not, totals stay as they are. */
  accounting(): boolean
  /**
   * Which mappings there are, so that the end of their flows is heard: call it when the first comes and the last goes,
   * of those that translate and of pinholes. Nothing is heard before.
   */
  follow(has: { readonly translated: boolean; readonly pinholes: boolean }): void
  /** A mapping is no more: its total is forgotten, and what is still told of its flows does not count. */
  forget(mapping: Mapping): void
  /** A mapping has other endpoints now; its total goes on. */
  moved(was: Mapping, mapping: Mapping): void
  close(): void
}

/** Resolves when a socket is open; rejects with `SystemError`. */
export async function openTraffic(platform: Platform, log: Log, ways: Ways): Promise<Traffic> {
  const socket = await platform.netlink({ family: 'netfilter', groups: [], extendedAck: true })
  return new FlowCounter(platform, log, ways, new Exchange(inTurns(socket), platform))
}

/** A reading serves for this long. */
const FRESH = milliseconds(1000)
/** Flows of a mapping that is no more are deleted within this time (`conntrack.ts`: searches pause for a second). */
const GRACE = milliseconds(5000)
/** Running flows that are remembered; of more than these the rest is not counted. */
const MOST_FLOWS = 32_768
const MOST_FORGOTTEN = 16_384
const NONE = new Uint8Array(0)
const ZERO: Counted = { packetsIn: 0, bytesIn: 0, packetsOut: 0, bytesOut: 0 }

/** A running flow, as it was last seen. */
interface Running {
  readonly key: string
  readonly counted: Counted
}

class FlowCounter implements Traffic {
  readonly #platform: Platform
  readonly #log: Log
  readonly #ways: Ways
  readonly #exchange: Exchange
  readonly #listeners: Readonly<Record<'translated' | 'pinholes', FlowEndListener>>
  /** Of flows that have ended, by the key of their mapping. */
  readonly #ended = new Map<string, Counted>()
  /** By the kernel's number for a flow. */
  #running = new Map<number, Running>()
  /** Of the running ones together, by the key of their mapping. */
  #sums = new Map<string, Counted>()
  /** Flows that ended while the running ones are being read. */
  #endedMeanwhile: Set<number> | undefined
  /** Keys of mappings that are no more, and when what is told of their flows counts again. */
  readonly #forgotten = new Map<string, Instant>()
  #readAt: Instant | undefined
  #reading: Promise<void> | undefined

  constructor(platform: Platform, log: Log, ways: Ways, exchange: Exchange) {
    this.#platform = platform
    this.#log = log
    this.#ways = ways
    this.#exchange = exchange
    const listener = (filter: readonly BpfInstruction[], family: 4 | 6) =>
      new FlowEndListener(platform, log, filter, entry => this.#heard(entry, family))
    this.#listeners = { translated: listener(translatedFlows, 4), pinholes: listener(ipv6Flows, 6) }
  }

  async read(mappings: Iterable<Mapping>): Promise<ReadonlyMap<Mapping, Counted>> {
    await this.#refresh()
    const totals = new Map<Mapping, Counted>()
    for (const mapping of mappings) totals.set(mapping, this.#total(wayKey(mapping)))
    return totals
  }

  accounting(): boolean {
    const said = this.#platform.readFile('/proc/sys/net/netfilter/nf_conntrack_acct')
    return said !== undefined && utf8Decode(said).trim() === '1'
  }

  follow(has: { readonly translated: boolean; readonly pinholes: boolean }): void {
    this.#listeners.translated.want(has.translated)
    this.#listeners.pinholes.want(has.pinholes)
  }

  forget(mapping: Mapping): void {
    const key = wayKey(mapping)
    this.#drop(key)
    const now = this.#platform.clock.now()
    for (const [old, until] of this.#forgotten) {
      if (until > now && this.#forgotten.size < MOST_FORGOTTEN) break
      this.#forgotten.delete(old)
    }
    this.#forgotten.delete(key)
    this.#forgotten.set(key, afterMs(now, GRACE))
  }

  moved(was: Mapping, mapping: Mapping): void {
    // Nearly always a renewal: no text is made for it.
    const stays = sameEndpoint(was.external, mapping.external) && sameEndpoint(was.internal, mapping.internal)
    if (stays && sameRemote(was.remote, mapping.remote)) return
    const [from, to] = [wayKey(was), wayKey(mapping)]
    if (from === to) return
    const total = this.#total(from)
    this.forget(was)
    this.#forgotten.delete(to)
    if (total !== ZERO) this.#ended.set(to, total)
  }

  close(): void {
    this.follow({ translated: false, pinholes: false })
    this.#exchange.close()
  }

  #total(key: string): Counted {
    return sum(this.#ended.get(key), this.#sums.get(key))
  }

  #drop(key: string): void {
    this.#ended.delete(key)
    if (!this.#sums.delete(key)) return
    for (const [id, flow] of this.#running) if (flow.key === key) this.#running.delete(id)
  }

  /** Whoever asks while the kernel is being asked waits for the same answer. */
  #refresh(): Promise<void> {
    if (this.#reading !== undefined) return this.#reading
    const now = this.#platform.clock.now()
    if (this.#readAt !== undefined && now < afterMs(this.#readAt, FRESH)) return Promise.resolve()
    this.#reading = this.#readRunning()
      .catch((error: unknown) => {
        this.#log('warning', 'traffic', 'running flows could not be read', { why: reasonOf(error) })
      })
      .then(() => {
        this.#readAt = this.#platform.clock.now()
        this.#reading = undefined
        this.#endedMeanwhile = undefined
      })
    return this.#reading
  }

  async #readRunning(): Promise<void> {
    const { hosts, pinholes } = this.#hosts()
    const found = new Map<number, Running>()
    const gone = new Set<number>()
    this.#endedMeanwhile = gone
    const { littleEndian } = this.#platform
    const take = (entry: Message) => {
      const at = ends(entry, littleEndian)
      if (at !== undefined && !hosts.has(at.replies.ip)) return
      const flow = readFlow(entry, littleEndian)
      const key = flow === undefined ? undefined : this.#keyOf(flow)
      if (flow?.id === undefined || key === undefined) return
      if (!this.#running.has(flow.id) && room-- <= 0) return
      found.set(flow.id, { key, counted: countedOf(flow) })
    }
    let room = MOST_FLOWS - this.#running.size
    if (hosts.size > 0) await this.#scan(conntrackDump.destinationTranslated(4, littleEndian), take)
    if (pinholes) await this.#scan(conntrackDump.all(6, littleEndian), take)
    for (const listener of Object.values(this.#listeners)) listener.catchUp() // a flow is told of before it leaves the table
    for (const [id, { key }] of found) if (gone.has(id) || this.#isForgotten(key)) found.delete(id)
    for (const [id, flow] of this.#running) if (!found.has(id) && !gone.has(id)) this.#count(flow.key, flow.counted)
    this.#running = found
    this.#sums = new Map()
    for (const { key, counted } of found.values()) this.#sums.set(key, sum(this.#sums.get(key), counted))
  }

  #scan({ type, payload }: { type: number; payload: Uint8Array }, take: (entry: Message) => void): Promise<void> {
    const { littleEndian } = this.#platform
    const build = (sequence: number) =>
      message({ type, flags: FLAG.request | FLAG.dump, sequence }, payload, NONE, littleEndian)
    return this.#exchange.scan('reading flows', build, take)
  }

  /** Where the flows of our mappings may lead. */
  #hosts(): { readonly hosts: ReadonlySet<number>; readonly pinholes: boolean } {
    const hosts = new Set<number>()
    let pinholes = false
    for (const { internal, state } of this.#ways.mappings()) {
      if (state !== 'on') continue
      if (isIpv4(internal.ip)) hosts.add(ipv4Number(internal.ip))
      else pinholes = true
    }
    return { hosts, pinholes }
  }

  /** Of the mapping by which a flow came in; `undefined` when it is none of ours, or may be one of a former grant. */
  #keyOf(flow: Flow): string | undefined {
    const mapping = this.#ways.through(flow)
    if (mapping === undefined) return undefined
    const key = wayKey(mapping)
    return this.#isForgotten(key) ? undefined : key
  }

  /** Whether the mapping with this key ended a moment ago. */
  #isForgotten(key: string): boolean {
    const until = this.#forgotten.get(key)
    if (until === undefined) return false
    if (until > this.#platform.clock.now()) return true
    this.#forgotten.delete(key)
    return false
  }

  /** A flow has ended. */
  #heard(entry: Message, family: 4 | 6): void {
    if (entry.type !== IPCTNL.delete) return
    const flow = readFlow(entry, this.#platform.littleEndian)
    if (flow?.id === undefined || isIpv4(flow.original.source.ip) !== (family === 4)) return
    const known = this.#running.get(flow.id)
    const key = known?.key ?? this.#keyOf(flow)
    if (key === undefined) return
    this.#endedMeanwhile?.add(flow.id)
    if (known !== undefined) {
      this.#running.delete(flow.id)
      const left = difference(this.#sums.get(key) ?? known.counted, known.counted)
      this.#sums.set(key, left)
    }
    this.#count(key, countedOf(flow))
  }

  #count(key: string, counted: Counted): void {
    this.#ended.set(key, sum(this.#ended.get(key), counted))
  }
}

function countedOf({ counters }: Flow): Counted {
  if (counters === undefined) return ZERO
  const { original, reply } = counters
  return {
    packetsIn: original.packets,
    bytesIn: original.bytes,
    packetsOut: reply.packets,
    bytesOut: reply.bytes,
  }
}

function sum(a: Counted | undefined, b: Counted | undefined): Counted {
  if (a === undefined) return b ?? ZERO
  if (b === undefined) return a
  return {
    packetsIn: a.packetsIn + b.packetsIn,
    bytesIn: a.bytesIn + b.bytesIn,
    packetsOut: a.packetsOut + b.packetsOut,
    bytesOut: a.bytesOut + b.bytesOut,
  }
}

const difference = (a: Counted, b: Counted): Counted => ({
  packetsIn: a.packetsIn - b.packetsIn,
  bytesIn: a.bytesIn - b.bytesIn,
  packetsOut: a.packetsOut - b.packetsOut,
  bytesOut: a.bytesOut - b.bytesOut,
})
