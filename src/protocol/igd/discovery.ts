/**
 * Discovery (UPnP Device Architecture 2.0 §1; "UDA" below): what a search is answered, and when the gateway announces
 * itself, without a socket. The caller hands over what reached port 1900 of an internal device and sends what comes out,
 * from the address that each datagram names.
 *
 * Reflection pays nothing: only sources on the link of the address that would answer are heard, each gets a bounded
 * number of bytes whatever it asks (`budget.ts`), and the same search is not answered twice while its answers wait.
 */
import { Malformed } from '../../base/fail.ts'
import type { Ip, Port } from '../../base/ip.ts'
import { isIpv4 } from '../../base/ip.ts'
import type { Instant, Seconds } from '../../base/time.ts'
import { afterMs, earliest, milliseconds, seconds } from '../../base/time.ts'
import { httpDate } from '../../wire/http-date.ts'
import type { Bearings, Search } from '../../wire/ssdp.ts'
import {
  BOOT_IDS,
  decodeSsdp,
  encodeAlive,
  encodeAnswer,
  encodeByebye,
  encodeUpdate,
  groupOf,
  hostOf,
  looksLikeSearch,
  SSDP_GROUPS,
  SSDP_PORT,
} from '../../wire/ssdp.ts'
import { Answers } from './answers.ts'
import type { BudgetLimits } from './budget.ts'
import { Budget } from './budget.ts'
import type { Personality, Row } from './tree.ts'
import { found, rowsOf, wantsVersionOne } from './tree.ts'

/** One of our addresses on an internal device; a device has one for IPv4 and up to two for IPv6 (link, site). */
export interface Door {
  readonly device: string
  readonly address: Ip
}

/** What is offered; a change of it goes through `offer()`. */
export interface Offer {
  /** The highest version first: it is announced. */
  readonly personalities: readonly [Personality, ...Personality[]]
  readonly server: string
  /** 0..2^24-1; another whenever a description changes. */
  readonly configId: number
  readonly httpPort: Port
  /** 49152..65535, only where 1900 itself is not listened on. */
  readonly searchPort?: Port
}

/** A datagram to send from `from`:1900 by `device`. */
export interface Outgoing {
  readonly device: string
  readonly from: Ip
  /** A group (hops: `SSDP_TTL`) or the address of who searched. */
  readonly to: Ip
  readonly port: number
  readonly bytes: Uint8Array
  /** When it became due. */
  readonly at: Instant
}

export interface Arrival {
  readonly device: string
  /** Where it was sent to: one of our addresses or a group. */
  readonly to: Ip
  readonly from: { readonly ip: Ip; readonly port: number }
}

/** `other`: for somebody else, or for nothing of ours. */
export type Verdict = 'answered' | 'other' | 'malformed' | 'stranger' | 'too-many'

export interface DiscoveryParts {
  readonly random: (length: number) => Uint8Array
  /** Milliseconds since 1970, for DATE and nothing else. */
  readonly wallTime: () => number
  /** Whether the source is a host on the network of this address of ours, and not ourselves. */
  readonly onLink: (source: Ip, door: Door) => boolean
  readonly send: (datagram: Outgoing) => void
  readonly budget?: BudgetLimits
}

/** UDA §1.2.2: at least 1800. */
const MAX_AGE: Seconds = seconds(1800)
/** UDA §1.2.1: the first set after up to 100 ms, and not more than three, some hundred milliseconds apart. */
const FIRST_SETS = 3
const FIRST_DELAY = [0, 100] as const
const SET_GAP = [200, 400] as const
/** "At random times before half of max-age": so that one lost set costs nothing. */
const REFRESH = [0.3 * 1000 * MAX_AGE, 0.5 * 1000 * MAX_AGE] as const
/** UDA §1.3.3: above 5, MX counts as 5. The last answers leave a little early, to arrive in time. */
const LONGEST_MX = 5
const MX_MARGIN = 100

/** What a door will send next. */
interface Series {
  readonly door: Door
  readonly next: 'byebye' | 'alive'
  /** Sets of this series after the next one. */
  readonly left: number
  readonly at: Instant
}

export class Discovery {
  readonly #parts: DiscoveryParts
  readonly #budget: Budget
  readonly #answers = new Answers()
  #offer: Offer
  #bootId: number
  #series: readonly Series[] = []
  #isFresh = true

  /** `bootId`: greater than that of every earlier start, 0..2^31-1 (UDA §1.2.2). Silent until `serve`. */
  constructor(parts: DiscoveryParts, offer: Offer, bootId: number) {
    this.#parts = parts
    this.#budget = new Budget(parts.budget)
    this.#offer = offer
    this.#bootId = bootId % BOOT_IDS
  }

  get bootId(): number {
    return this.#bootId
  }

  get doors(): readonly Door[] {
    return this.#series.map(({ door }) => door)
  }

  /** Answers that wait for their time. */
  get pending(): number {
    return this.#answers.size
  }

  /**
   * These are the doors from now on (UDA §1.2.2 and §1.2.4): a lost one says goodbye, the others learn of the new
   * BOOTID, and then all announce themselves anew. Without doors there is silence; all goodbyes leave at once.
   */
  serve(doors: readonly Door[], now: Instant): void {
    const lost = this.#series.filter(({ door }) => !doors.some(each => isSame(each, door)))
    const kept = this.#series.filter(series => !lost.includes(series))
    const added = doors.filter(door => !kept.some(each => isSame(each.door, door)))
    for (const { door } of lost) this.#sendByebye(door, now)
    for (const { door } of lost) this.#answers.forget(door)
    // A goodbye at one address of a device is heard by those that still see another: they need to hear us again.
    const isSilenced = kept.some(({ door }) => lost.some(each => each.door.device === door.device))
    if (added.length === 0 && !isSilenced) {
      this.#series = kept
      return
    }
    if (!this.#isFresh)
      this.#reboot(
        kept.map(({ door }) => door),
        now,
      )
    this.#isFresh = false
    const begun = kept.filter(({ next }) => next === 'alive').map(({ door }) => door)
    this.#series = doors.map(door => this.#begin(door, !begun.some(each => isSame(each, door)), now))
  }

  /** A greater BOOTID: all networks hear of it, and all announce themselves under it. */
  raise(bootId: number, now: Instant): void {
    this.#reboot(this.doors, now, bootId % BOOT_IDS)
    this.#series = this.#series.map(({ door, next }) => this.#begin(door, next === 'byebye', now))
  }

  /** The service ends or is switched off: every door says goodbye, at once. */
  stop(now: Instant): void {
    this.serve([], now)
  }

  /** Other descriptions: goodbye to the old ones, then all announce themselves with the new CONFIGID. */
  offer(offer: Offer, now: Instant): void {
    const { doors } = this
    this.stop(now)
    this.#offer = offer
    this.serve(doors, now)
  }

  /** Never throws. What is not `answered` may be counted, and needs no line of its own. */
  receive(bytes: Uint8Array, arrival: Arrival, now: Instant): Verdict {
    if (!looksLikeSearch(bytes)) return 'other'
    const door = this.#doorFor(arrival)
    if (door === undefined) return 'stranger'
    if (arrival.from.port === 0) return 'malformed'
    if (!this.#budget.allows(arrival.from.ip, now)) return 'too-many'
    const search = readSearch(bytes)
    if (search === undefined) return 'malformed'
    const isUnicast = arrival.to === door.address
    // UDA §1.3.2: a multicast search without MX is to be discarded.
    if (!isUnicast && search.mx === undefined) return 'malformed'
    const rows = found(search.target, this.#personalitiesFor(search))
    if (rows.length === 0) return 'other'
    return this.#answer(rows, search, door, arrival, isUnicast, now)
  }

  get wakeAt(): Instant | undefined {
    return earliest([this.#answers.next, ...this.#series.map(({ at }) => at)])
  }

  wake(now: Instant): void {
    for (const datagram of this.#answers.due(now)) this.#parts.send(datagram)
    this.#series = this.#series.map(series => (series.at > now ? series : this.#step(series, now)))
  }

  /** IGD:2 must say goodbye before its first alive (WANIPConnection:2 §2.3.23): who remembers us must forget. */
  get #saysByebye(): boolean {
    return this.#offer.personalities[0].version === 2
  }

  #begin(door: Door, isNew: boolean, now: Instant): Series {
    const at = this.#later(FIRST_DELAY, now)
    return { door, next: isNew && this.#saysByebye ? 'byebye' : 'alive', left: FIRST_SETS - 1, at }
  }

  #step({ door, next, left }: Series, now: Instant): Series {
    if (next === 'byebye') {
      this.#sendByebye(door, now)
      return { door, next: 'alive', left, at: this.#later(SET_GAP, now) }
    }
    const group = groupOf(door.address)
    for (const row of this.#announced) this.#multicast(door, encodeAlive(group, row, this.#bearings(row, door)), now)
    return { door, next, left: Math.max(0, left - 1), at: this.#later(left > 0 ? SET_GAP : REFRESH, now) }
  }

  #sendByebye(door: Door, now: Instant): void {
    const group = groupOf(door.address)
    for (const row of this.#announced) this.#multicast(door, encodeByebye(group, row, this.#bearings(row, door)), now)
  }

  #reboot(doors: readonly Door[], now: Instant, next = (this.#bootId + 1) % BOOT_IDS): void {
    for (const door of doors) {
      const group = groupOf(door.address)
      for (const row of this.#announced) {
        this.#multicast(door, encodeUpdate(group, row, this.#bearings(row, door), next), now)
      }
    }
    this.#bootId = next
  }

  #multicast(door: Door, bytes: Uint8Array, now: Instant): void {
    const { device, address } = door
    this.#parts.send({ device, from: address, to: groupOf(address), port: SSDP_PORT, bytes, at: now })
  }

  get #announced(): readonly Row[] {
    return rowsOf(this.#offer.personalities[0])
  }

  #bearings({ personality }: Row, { address }: Door): Bearings {
    const { server, configId, httpPort, searchPort } = this.#offer
    const location = `http://${hostOf(address)}:${httpPort}${personality.path}`
    return { location, server, maxAge: MAX_AGE, bootId: this.#bootId, configId, searchPort }
  }

  /** The door that was asked; for a group, the one on whose network the source is (UDA §1.3.3). */
  #doorFor({ device, to, from }: Arrival): Door | undefined {
    const isGroup = Object.values(SSDP_GROUPS).includes(to)
    for (const { door } of this.#series) {
      const isAsked = isGroup ? isIpv4(door.address) === isIpv4(to) : door.address === to
      if (door.device === device && isAsked && this.#parts.onLink(from.ip, door)) return door
    }
    return undefined
  }

  #personalitiesFor({ userAgent }: Search): readonly Personality[] {
    const { personalities } = this.#offer
    return wantsVersionOne(userAgent) ? [...personalities].sort((a, b) => a.version - b.version) : personalities
  }

  #answer(
    rows: readonly Row[],
    search: Search,
    door: Door,
    { from }: Arrival,
    isUnicast: boolean,
    now: Instant,
  ): Verdict {
    const key = `${door.address} ${from.ip} ${from.port} ${search.st}`
    if (this.#answers.holds(key)) return 'answered'
    if (!isUnicast && !this.#answers.hasRoom(from.ip, rows.length)) return 'too-many'
    const date = httpDate(this.#parts.wallTime())
    const times = isUnicast ? [] : this.#spread(rows.length, search.mx ?? seconds(0), now)
    for (const [index, row] of rows.entries()) {
      const bytes = encodeAnswer(row, this.#bearings(row, door), date)
      this.#budget.spend(from.ip, bytes.length, now)
      const at = times[index] ?? now
      const datagram = { device: door.device, from: door.address, to: from.ip, port: from.port, bytes, at }
      if (at > now) this.#answers.add(key, datagram)
      else this.#parts.send(datagram)
    }
    return 'answered'
  }

  /** Each answer at its own random time, the first row at the earliest. */
  #spread(count: number, mx: Seconds, now: Instant): Instant[] {
    const window = Math.max(0, Math.min(mx, LONGEST_MX) * 1000 - MX_MARGIN)
    const random = this.#parts.random(2 * count)
    const delays = Array.from({ length: count }, (_, i) => Math.floor(fraction(random, 2 * i) * window))
    return delays.sort((a, b) => a - b).map(delay => afterMs(now, milliseconds(delay)))
  }

  #later([least, most]: readonly [number, number], now: Instant): Instant {
    const length = least + Math.floor(fraction(this.#parts.random(2), 0) * (most - least))
    return afterMs(now, milliseconds(length))
  }
}

function readSearch(bytes: Uint8Array): Search | undefined {
  try {
    const message = decodeSsdp(bytes)
    return message.is === 'search' ? message : undefined
  } catch (error) {
    if (error instanceof Malformed) return undefined
    throw error
  }
}

const isSame = (a: Door, b: Door): boolean => a.device === b.device && a.address === b.address

/** Two bytes as 0 (inclusive) to 1 (exclusive). */
const fraction = (bytes: Uint8Array, at: number): number =>
  (((bytes[at] as number) << 8) | (bytes[at + 1] as number)) / 65_536
