/**
 * Ends the running flows of mappings that are no more: a flow's translation lives in its conntrack entry, so it would
 * go on for as long as it talks (RFC 6886 leaves that open; a permission that was withdrawn must not). And those of
 * networks that are cut off, where the forward hook does not see them.
 *
 * Flows through an IPv6 pinhole are those that began outside towards its endpoint. One that another pinhole or rule lets
 * in as well loses its entry, and gets a new one with its next packet.
 *
 * Those that a flow table carries (nft `flow add`, firewall4's `flow_offloading`) end in the same way, at once: it takes
 * no packet of an entry that dies (nf_flow_table_core.c, flow_offload_lookup); hardware lets go of it within a second.
 *
 * What cannot be ended from here: an internal host that goes on sending after its mapping went begins a new outbound
 * flow, as any host may; and kernels before June 2023 (6.4, 6.1.32, 5.15.115, 5.10.182) refuse to delete an entry that a
 * flow table carries (EBUSY), which then stays until it goes idle.
 */
import { reasonOf } from '../base/fail.ts'
import type { Endpoint, Ip } from '../base/ip.ts'
import { ipv4Number, isIpv4 } from '../base/ip.ts'
import type { Log } from '../base/log.ts'
import type { Clock, Instant } from '../base/time.ts'
import { afterMs, between, milliseconds } from '../base/time.ts'
import type { Mapping, Transport } from '../core/mapping.ts'
import { ANYBODY } from '../core/mapping.ts'
import type { NetlinkSocket, Platform } from '../platform/platform.ts'
import type { End, Flow } from '../wire/conntrack.ts'
import { conntrackDump, deleteRequest, ends, IPS, readFlow } from '../wire/conntrack.ts'
import type { Message } from '../wire/netlink.ts'
import { FLAG, message } from '../wire/netlink.ts'
import { Exchange } from './exchange.ts'
import type { Request } from './follow.ts'
import { pinholeKey } from './kinds.ts'

export interface Conntrack {
  /**
   * Deletes the entries of all flows that go through these mappings: inbound (and hairpin) ones, and outbound ones that
   * left under the mapped external port. Call it when the kernel no longer maps, or new flows begin at once. Never
   * rejects: what could not be deleted is logged and not counted. Calls that come while one is at work, or while it
   * rests from the last, are done together after it.
   */
  endFlows(removed: readonly Mapping[]): Promise<{ readonly ended: number }>
  /** The same for who does not want to know how it went. */
  end(removed: readonly Way[]): void
  /**
   * Ends those of the flows that a flow table carries: what the forward hook forbids now they would do all the same.
   * Those that `which` does not name go on.
   */
  endOffloaded(which: (flow: Flow) => boolean): void
  /** When `wake` should be called next; `undefined` while there is nothing to wait for. */
  readonly wakeAt: Instant | undefined
  wake(now: Instant): void
  close(): void
}

/**
 * Resolves when the socket is open; rejects with `SystemError`.
 *
 * The kernel walks its whole table for every search, whatever it is asked for, and we stand still meanwhile. Who
 * passes `rearm` (called whenever `wakeAt` may have changed) gets pauses between searches, four times as long as the
 * search: then no flood of removals takes more than a fifth of our time. Without it there are no pauses.
 */
export async function openConntrack(platform: Platform, log: Log, rearm?: () => void): Promise<Conntrack> {
  const socket = await platform.netlink({ family: 'netfilter', groups: [], extendedAck: true })
  const exchange = new Exchange(inTurns(socket), platform)
  return new FlowEnder({ exchange, platform, log, rearm })
}

/** Up to as many internal hosts the kernel is asked for their flows, which is two searches each; beyond that for all. */
const FEW_HOSTS = 2
/** Entries found before they are deleted; when a mapping has more flows, the search is repeated. */
const MOST_FLOWS = 4096
/** Requests under way: their acknowledgements fit the receive buffer of the socket. */
const AT_ONCE = 64
/** Length of the pause after a search, in lengths of the search. */
const PAUSE = 4
const LONGEST_PAUSE = milliseconds(1000)
/** Removals seldom come alone: the first search waits this long for others. */
const GATHER = milliseconds(20)
/** A host that opens flows faster than they are deleted does not hold us for ever. */
const MOST_ROUNDS = 64

interface Waiting {
  readonly keys: readonly string[]
  readonly done: (result: { readonly ended: number }) => void
}

/** The part of a mapping that flows show; of what is translated the remote endpoint does not matter. */
export type Way = Pick<Mapping, 'transport' | 'external' | 'internal'> & Partial<Pick<Mapping, 'remote' | 'pinhole'>>

interface Parts {
  readonly exchange: Exchange
  readonly platform: Pick<Platform, 'clock' | 'littleEndian'>
  readonly log: Log
  readonly rearm: (() => void) | undefined
}

class FlowEnder implements Conntrack {
  readonly #exchange: Exchange
  readonly #littleEndian: boolean
  readonly #clock: Clock
  readonly #log: Log
  readonly #rearm: (() => void) | undefined
  #ways = new Map<string, Way>()
  #offloaded: ((flow: Flow) => boolean) | undefined
  #waiting: Waiting[] = []
  #busy = false
  /** End of the pause. */
  #notBefore = 0 as Instant

  constructor({ exchange, platform, log, rearm }: Parts) {
    this.#exchange = exchange
    this.#littleEndian = platform.littleEndian
    this.#clock = platform.clock
    this.#log = log
    this.#rearm = rearm
  }

  endFlows(removed: readonly Mapping[]): Promise<{ readonly ended: number }> {
    if (removed.length === 0) return Promise.resolve({ ended: 0 })
    return new Promise(done => {
      this.#waiting.push({ keys: removed.map(wayKey), done })
      this.end(removed)
    })
  }

  end(removed: readonly Way[]): void {
    if (removed.length === 0) return
    const isDue = this.#isDue
    for (let i = 0; i < removed.length; i++) {
      const way = removed[i] as Way
      this.#ways.set(wayKey(way), way)
    }
    if (!isDue) this.#gather()
  }

  endOffloaded(which: (flow: Flow) => boolean): void {
    const isDue = this.#isDue
    this.#offloaded = which // what was asked before is history
    if (!isDue) this.#gather()
  }

  /** There is something to search for, and a search will be. */
  get #isDue(): boolean {
    return this.#ways.size > 0 || this.#offloaded !== undefined
  }

  #gather(): void {
    const now = this.#clock.now()
    if (this.#rearm !== undefined && this.#notBefore < now + GATHER) this.#notBefore = afterMs(now, GATHER)
    this.wake(now)
  }

  get wakeAt(): Instant | undefined {
    return this.#busy || !this.#isDue ? undefined : this.#notBefore
  }

  wake(now: Instant): void {
    if (this.#busy || !this.#isDue) return
    if (now >= this.#notBefore) void this.#work()
    else this.#rearm?.()
  }

  close(): void {
    this.#exchange.close()
  }

  /** Never rejects. */
  async #work(): Promise<void> {
    this.#busy = true
    const start = this.#clock.now()
    const ways = this.#ways
    const waiting = this.#waiting
    const offloaded = this.#offloaded
    this.#ways = new Map()
    this.#offloaded = undefined
    this.#waiting = []
    const ended = new Map<string, number>()
    try {
      if (ways.size > 0) await this.#end(flowsBy(ways, this.#littleEndian), ended)
      if (offloaded !== undefined) await this.#end(flowsPast(offloaded, this.#littleEndian), ended)
    } catch (error) {
      this.#log('warning', 'conntrack', 'flows could not be ended', { why: reasonOf(error) })
    }
    for (const { keys, done } of waiting) done({ ended: keys.reduce((sum, key) => sum + (ended.get(key) ?? 0), 0) })
    this.#busy = false
    const now = this.#clock.now()
    const pause = Math.min(PAUSE * between(start, now), LONGEST_PAUSE)
    if (this.#rearm !== undefined) this.#notBefore = afterMs(now, milliseconds(pause))
    this.wake(now)
  }

  /** Counts in `ended` by the key of the way. */
  async #end(wanted: Wanted, ended: Map<string, number>): Promise<void> {
    for (const request of wanted.requests) {
      for (let round = 0; round < MOST_ROUNDS; round++) {
        const { flows, more } = await this.#search(request, wanted)
        const deleted = await this.#delete(flows, wanted.are, ended)
        if (!more || deleted === 0) break
      }
    }
  }

  async #search(request: Request, { keyOf }: Wanted): Promise<{ flows: [string, Flow][]; more: boolean }> {
    const flows: [string, Flow][] = []
    let more = false
    const build = (sequence: number) => this.#datagram(request, FLAG.request | FLAG.dump, sequence)
    await this.#exchange.scan('listing flows', build, entry => {
      const found = keyOf(entry)
      if (found === undefined) return
      if (flows.length < MOST_FLOWS) flows.push(found)
      else more = true
    })
    return { flows, more }
  }

  /** Resolves with the number deleted. */
  async #delete(flows: readonly [string, Flow][], are: string, ended: Map<string, number>): Promise<number> {
    let deleted = 0
    const refused = new Map<string, number>()
    for (let at = 0; at < flows.length; at += AT_ONCE) {
      const some = flows.slice(at, at + AT_ONCE)
      const outcomes = await Promise.all(some.map(([, flow]) => this.#deleteOne(flow)))
      for (const [index, outcome] of outcomes.entries()) {
        const [key] = some[index] as [string, Flow]
        if (outcome === 'ended') {
          deleted++
          ended.set(key, (ended.get(key) ?? 0) + 1)
        } else refused.set(outcome, (refused.get(outcome) ?? 0) + 1)
      }
    }
    refused.delete('ENOENT') // it ended by itself meanwhile
    for (const [code, count] of refused) {
      this.#log('warning', 'conntrack', `flows of ${are} go on`, { flows: count, errno: code })
    }
    return deleted
  }

  /** `ended`, or the symbolic errno of the refusal. */
  #deleteOne(flow: Flow): Promise<string> {
    const request = deleteRequest(flow, this.#littleEndian)
    const build = (sequence: number) => this.#datagram(request, FLAG.request | FLAG.ack, sequence)
    return this.#exchange.tell('ending a flow', build).then(
      () => 'ended',
      (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : String(error)),
    )
  }

  #datagram({ type, payload }: Request, flags: number, sequence: number): Uint8Array {
    return message({ type, flags, sequence }, payload, NONE, this.#littleEndian)
  }
}

const NONE = new Uint8Array(0)

/** Which flows are to end. */
interface Wanted {
  /** What they are, for the log. */
  readonly are: string
  /** The dumps whose answers hold all of them. */
  readonly requests: readonly Request[]
  /** The key to count it by, and the flow; `undefined` for an entry that is none of them. Throws `Malformed`. */
  readonly keyOf: (entry: Message) => [key: string, flow: Flow] | undefined
}

function flowsBy(ways: ReadonlyMap<string, Way>, littleEndian: boolean): Wanted {
  const inside = insideOf(ways)
  return {
    are: 'a removed mapping',
    requests: requestsFor([...ways.values()], littleEndian),
    keyOf(entry) {
      if (isOthers(entry, inside, littleEndian)) return undefined
      const flow = readFlow(entry, littleEndian)
      const key = flow && wayOf(flow, ways)
      return flow === undefined || key === undefined ? undefined : [key, flow]
    },
  }
}

const flowsPast = (which: (flow: Flow) => boolean, littleEndian: boolean): Wanted => ({
  are: 'a network that is cut off',
  requests: [conntrackDump.offloaded(littleEndian)],
  keyOf(entry) {
    const flow = readFlow(entry, littleEndian)
    return flow !== undefined && (flow.status & IPS.offloaded) !== 0 && which(flow) ? ['', flow] : undefined
  },
})

/**
 * The key of the way that a flow takes, `undefined` when it takes none of `ways`. Inbound: the world dialled the
 * external endpoint and the internal one replies. Outbound: the internal endpoint dialled and replies come to the
 * external one. An IPv4 flow that was not translated takes no way, whatever its addresses.
 */
export function wayOf(flow: Flow, ways: ReadonlyMap<string, unknown>): string | undefined {
  const { transport, original, reply, status } = flow
  if (!isIpv4(original.destination.ip)) return inwardKeys(flow).find(key => ways.has(key))
  if ((status & IPS.destinationTranslated) !== 0) {
    const key = keyOf(transport, original.destination, reply.source)
    if (ways.has(key)) return key
  }
  if ((status & IPS.sourceTranslated) !== 0) {
    const key = keyOf(transport, reply.destination, original.source)
    if (ways.has(key)) return key
  }
  return undefined
}

/** The keys of the ways by which a flow may have come in, the narrowest first. */
export function inwardKeys({ transport, original, reply, status }: Flow): readonly string[] {
  const { source, destination } = original
  if (isIpv4(destination.ip)) {
    return (status & IPS.destinationTranslated) === 0 ? [] : [keyOf(transport, destination, reply.source)]
  }
  if ((status & IPS.destinationTranslated) !== 0) return []
  return [
    pinholeKey('pinhole6', { transport, internal: destination, remote: source }),
    pinholeKey('pinhole6', { transport, internal: destination, remote: { ip: source.ip, port: 'any' } }),
    pinholeKey('pinhole6', { transport, internal: destination, remote: { ip: 'any', port: source.port } }),
    pinholeKey('pinhole6', { transport, internal: destination, remote: ANYBODY }),
  ]
}

/** The internal endpoints, as `ends` tells IPv4 ones. */
const insideOf = (ways: ReadonlyMap<string, Way>): ReadonlySet<number> =>
  new Set(
    [...ways.values()].flatMap(({ internal: { ip, port } }) =>
      isIpv4(ip) ? [numberOf({ ip: ipv4Number(ip), port })] : [],
    ),
  )

/** Whether it is an IPv4 entry that has nothing to do with these endpoints: most are, of a host that has many flows too. */
function isOthers(entry: Message, inside: ReadonlySet<number>, littleEndian: boolean): boolean {
  const at = ends(entry, littleEndian)
  return at !== undefined && !inside.has(numberOf(at.began)) && !inside.has(numberOf(at.replies))
}

const numberOf = ({ ip, port }: End): number => ip * 0x1_0000 + port

export const wayKey = ({ transport, external, internal, pinhole, remote }: Way): string =>
  pinhole === undefined
    ? keyOf(transport, external, internal)
    : pinholeKey('pinhole6', { transport, internal, remote: remote ?? ANYBODY })

const keyOf = (transport: Transport, external: Endpoint, internal: Endpoint): string =>
  `${transport} ${external.ip} ${external.port} ${internal.ip} ${internal.port}`

/** The dumps whose answers hold every flow of the ways, and as few others as can be asked for. */
export function requestsFor(ways: readonly Way[], littleEndian: boolean): readonly Request[] {
  const [way] = ways
  if (way !== undefined && ways.length === 1) {
    const inside = { ip: way.internal.ip, only: { transport: way.transport, port: way.internal.port } }
    const towards = conntrackDump.towards(inside, littleEndian)
    return way.pinhole === undefined ? [towards, conntrackDump.from(inside, littleEndian)] : [towards]
  }
  const hosts: Ip[] = [...new Set(ways.map(({ internal }) => internal.ip))]
  if (hosts.length <= FEW_HOSTS && hosts.every(isIpv4)) {
    return hosts.flatMap(ip => [conntrackDump.towards({ ip }, littleEndian), conntrackDump.from({ ip }, littleEndian)])
  }
  const family = hosts.every(isIpv4) ? 4 : hosts.some(isIpv4) ? 'both' : 6
  return [conntrackDump.all(family, littleEndian)]
}

/**
 * The socket without `drain`: a dump of the whole table then arrives datagram by datagram, between other events, and
 * does not hold up answers to clients.
 */
export function inTurns(socket: NetlinkSocket): NetlinkSocket {
  return {
    portId: socket.portId,
    send: datagram => socket.send(datagram),
    take: (each, overrun) => socket.take(each, overrun),
    drain: () => undefined,
    hear: on => socket.hear(on),
    close: () => socket.close(),
  }
}
