/**
 * The lease file: written when the daemon ends, and on flash also now and then while it runs; read when it starts. The
 * kernel is the memory of a restart, so only what it has lost comes back from the file: after a reboot all, after a
 * restart nothing, however old the file is: what was removed since it was written stays removed. What comes back asks
 * like any client would, for exactly its port, when there is an uplink.
 */
import { reasonOf } from '../base/fail.ts'
import { directoryOf, textIn } from '../base/files.ts'
import type { Ip, Mac } from '../base/ip.ts'
import type { Log } from '../base/log.ts'
import type { Instant } from '../base/time.ts'
import { after, afterMs, earliest, milliseconds, seconds, secondsBetween } from '../base/time.ts'
import type { LeaseFileStatus } from '../control/world.ts'
import type { Engine } from '../core/engine.ts'
import type { LeaseRecord, Stamp } from '../core/leases.ts'
import {
  elapsed,
  hasPinhole,
  LEASES_MOST_BYTES,
  later,
  readLeases,
  recordsOf,
  wishOf,
  writeLeases,
} from '../core/leases.ts'
import type { Answer, Mapping, MapWish, PinholeWish, Refusal } from '../core/mapping.ts'
import type { Waiting } from '../core/queue.ts'
import type { Ending } from '../core/returning.ts'
import type { Surroundings } from '../core/surroundings.ts'
import type { Platform } from '../platform/platform.ts'
import type { Timed } from './timers.ts'

export interface LeasePlace {
  readonly path: string
  /** Minutes between two writings while the daemon runs, when something has changed; 0: only when it ends. */
  readonly interval: number
}

/** What the owner chose; in RAM, and written once, unless there is a path. */
export function leasePlace(file: string | undefined, interval: number, runDirectory: string): LeasePlace | undefined {
  if (file === 'none') return undefined
  return file === undefined || file === '' ? { path: `${runDirectory}/leases`, interval: 0 } : { path: file, interval }
}

export interface LeaseKeeperParts {
  readonly platform: Pick<Platform, 'clock' | 'makeDirectory' | 'readFile' | 'writeFile' | 'wallTime'>
  readonly log: Log
  readonly engine: Pick<Engine, 'mappings' | 'uplink' | 'returning' | 'bringBack' | 'deviceSeen'>
  readonly surroundings: Pick<Surroundings, 'deviceOf' | 'outward6'>
  /** The device that the neighbour table shows behind an address inside. */
  readonly macOf: (host: Ip, device: string) => Mac | undefined
  /** Told of what does not come back, or is gone again; `address`: what it was reached under. */
  readonly orphaned: (records: readonly LeaseRecord[], address: Ip | undefined) => void
  /** `wakeAt` may have changed. */
  readonly rearm: () => void
}

const BOOT_ID = '/proc/sys/kernel/random/boot_id'
/** Damaged lines that are named. */
const NAMED = 5
/** So long a host's network may take to come up after the uplink did. */
const PATIENCE = seconds(600)
/** When nothing has changed that we hear of, but the kernel may have time now. */
const RETRY = milliseconds(30_000)
/** Wishes at one time: clients want their turn, too. */
const ONE_TIME = 64
/** What is over must not come back after a kill; so soon the file knows, once for all that end together. */
const SOON = milliseconds(1000)
/** Answers that another moment may change. */
const PASSING: ReadonlySet<Refusal> = new Set(['no-uplink', 'busy', 'kernel'])

/** `settled`: it is there already, or has ended. `early`: the network of its host is not there yet. */
type Outcome = Answer | 'settled' | 'early'

export class LeaseKeeper implements Timed {
  readonly #parts: LeaseKeeperParts
  #place: LeasePlace | undefined
  /** What `engine.returning` holds is as it was at that moment. */
  #readAt: Instant
  #isRead = false
  /** External address of what the file had. */
  #address: Ip | undefined
  #asking = false
  /** Something has changed since the answers that are on their way. */
  #isStale = false
  /** Asked for at this moment: that they make room for themselves is no news. */
  #asked: ReadonlySet<LeaseRecord> = new Set()
  #outdatedAt: Instant | undefined
  #retryAt: Instant | undefined
  #writtenAt: Instant | undefined
  /** The table's revision when the file was written. */
  #writtenRevision = 0
  #trouble: string | undefined

  constructor(parts: LeaseKeeperParts) {
    this.#parts = parts
    this.#readAt = parts.platform.clock.now()
  }

  get status(): LeaseFileStatus | undefined {
    if (this.#place === undefined) return undefined
    const age = this.#writtenAt === undefined ? undefined : secondsBetween(this.#writtenAt, this.#now)
    return { ...this.#place, age, trouble: this.#trouble }
  }

  get wakeAt(): Instant | undefined {
    return earliest([this.#retryAt, this.#writeAt])
  }

  get #writeAt(): Instant | undefined {
    if (this.#place !== undefined && this.#outdatedAt !== undefined) return afterMs(this.#outdatedAt, SOON)
    const interval = this.#place?.interval ?? 0
    if (interval === 0 || !this.#isRead || this.#parts.engine.mappings.revision === this.#writtenRevision)
      return undefined
    return afterMs(this.#writtenAt ?? this.#readAt, milliseconds(interval * 60_000))
  }

  wake(now: Instant): void {
    if (this.#writeAt !== undefined && this.#writeAt <= now) this.write()
    if (this.#retryAt === undefined || this.#retryAt > now) return
    this.#retryAt = undefined
    this.restore()
  }

  configure(place: LeasePlace | undefined): void {
    if (place?.path !== this.#place?.path) this.#trouble = undefined
    this.#place = place
  }

  /**
   * At start, before anybody asks. A table that the kernel has kept knows better than a file of the same boot what there
   * is, but for what that file has only handed on; `isLost`: and what somebody took out of it.
   */
  read(isLost: (record: LeaseRecord) => boolean = () => true): void {
    const { platform, log } = this.#parts
    this.#isRead = true
    this.#readAt = this.#now
    if (this.#place === undefined) return
    const { path } = this.#place
    const bytes = this.#bytesOf(path)
    if (bytes === undefined) return
    if (bytes.length > LEASES_MOST_BYTES) {
      log('warning', 'leases', `${path} has ${bytes.length} bytes and is left aside`)
      return
    }
    const { stamp, address, records, damaged } = readLeases(bytes)
    const now = stampOf(platform)
    const passed = elapsed(stamp, now)
    const isKnown = stamp !== undefined && stamp.boot !== '' && stamp.boot === now.boot
    const orphans: LeaseRecord[] = []
    this.#address = address
    for (const record of records) {
      const left = record.waits || !isKnown || isLost(record) ? later(record, passed) : undefined
      if (left === undefined) orphans.push(record)
      else if (!this.#isThere(left)) this.#parts.engine.returning.add(left)
    }
    // After a reboot there are no flows.
    if (isKnown) this.#parts.orphaned(orphans, address)
    if (damaged.length === 0) return
    const lines = `${damaged.slice(0, NAMED).join(', ')}${damaged.length > NAMED ? ', ...' : ''}`
    log('warning', 'leases', `${path}: ${damaged.length} damaged lines are left out (${lines})`)
  }

  /** The uplink, the interfaces or the rules are others now: what can come back does. Returns at once. */
  restore(): void {
    const { log, rearm, engine } = this.#parts
    if (this.#asking) this.#isStale = true
    if (this.#asking || !engine.returning.all().some(each => this.#hasUplink(each))) return
    this.#asking = true
    this.#isStale = false
    this.#ask().then(
      () => {
        this.#asking = false
        if (this.#isStale) this.restore()
        rearm()
      },
      (error: unknown) => {
        this.#asking = false
        log('error', 'leases', `a fault of this program: ${error}`)
      },
    )
  }

  /** They will not come back, and the file still has them. */
  ended(records: readonly LeaseRecord[], ending: Ending): void {
    if (ending === 'replaced' && records.every(record => this.#asked.has(record))) return
    this.#outdatedAt ??= this.#now
    this.#parts.orphaned(records, this.#address)
    if (ending === 'replaced') return
    for (const record of records)
      this.#parts.log('info', 'leases', `${nameOf(record)} was removed by its client before it was back`)
  }

  /** Complete or not at all; what waits is written again. Never throws. */
  write(): void {
    const { platform, log, engine } = this.#parts
    if (this.#place === undefined || !this.#isRead) return
    const now = this.#now
    const passed = secondsBetween(this.#readAt, now)
    const missing = engine.returning
      .all()
      .filter(each => !this.#isThere(each))
      .flatMap(record => later(record, passed) ?? [])
    const waiting = missing.map(record => ({ ...record, waits: true }))
    this.#writtenAt = now
    this.#outdatedAt = undefined
    this.#writtenRevision = engine.mappings.revision
    try {
      const records = [...recordsOf(engine.mappings.all(), now), ...waiting]
      const address = addressOf(engine.mappings.all()) ?? this.#address
      platform.makeDirectory(directoryOf(this.#place.path))
      platform.writeFile(this.#place.path, writeLeases(records, stampOf(platform), address))
      this.#trouble = undefined
    } catch (error) {
      const trouble = `cannot be written: ${reasonOf(error)}`
      if (trouble !== this.#trouble) log('warning', 'leases', `${this.#place.path} ${trouble}`)
      this.#trouble = trouble
    }
  }

  get #now(): Instant {
    return this.#parts.platform.clock.now()
  }

  #bytesOf(path: string): Uint8Array | undefined {
    try {
      return this.#parts.platform.readFile(path)
    } catch (error) {
      this.#parts.log('warning', 'leases', `${path} cannot be read: ${reasonOf(error)}`)
      return undefined
    }
  }

  async #ask(): Promise<void> {
    await undefined
    const { returning } = this.#parts.engine
    // They wait until they are answered: a stop in between must not forget them.
    const asked = returning.all().filter(each => this.#hasUplink(each))
    const outcomes = new Map<LeaseRecord, Outcome>()
    for (let at = 0; at < asked.length; at += ONE_TIME) await this.#askFor(asked.slice(at, at + ONE_TIME), outcomes)
    const inTime = this.#now < after(this.#readAt, PATIENCE)
    const over = [...outcomes].filter(([, outcome]) => !inTime || !isPassing(outcome)).map(([record]) => record)
    for (const record of over) returning.drop(record)
    this.#parts.orphaned(over, this.#address)
    const again = asked.filter(record => returning.has(record))
    this.#retryAt = again.length > 0 ? afterMs(this.#now, RETRY) : undefined
    // The file of the boot before has served: a restart from now on goes by the kernel.
    if (returning.size === 0) this.write()
    this.#tell(outcomes, inTime)
  }

  async #askFor(part: readonly LeaseRecord[], outcomes: Map<LeaseRecord, Outcome>): Promise<void> {
    const { engine } = this.#parts
    this.#asked = new Set(part)
    await engine.bringBack(() => {
      const wishes: Waiting[] = []
      for (const record of part) {
        if (!engine.returning.has(record)) continue // its client has removed it
        const wish = this.#wishFor(record)
        if (typeof wish === 'string') outcomes.set(record, wish)
        else wishes.push({ wish, answer: answer => void outcomes.set(record, answer) })
      }
      return wishes
    })
    this.#asked = new Set()
    await this.#seeDevices(part.filter(record => isGranted(outcomes.get(record))))
  }

  /** Another device may have had the address for long: that it is there is no news any more (docs/decisions/025). */
  async #seeDevices(back: readonly LeaseRecord[]): Promise<void> {
    const { engine, surroundings, macOf } = this.#parts
    for (const ip of new Set(back.map(({ internal }) => internal.ip))) {
      const device = surroundings.deviceOf(ip)
      const mac = device === undefined ? undefined : macOf(ip, device)
      if (mac !== undefined) await engine.deviceSeen(ip, mac)
    }
  }

  #tell(outcomes: ReadonlyMap<LeaseRecord, Outcome>, inTime: boolean): void {
    const { log } = this.#parts
    const back = [...outcomes.values()].filter(isGranted).length
    if (back > 0) log('info', 'leases', `${back} mappings of the lease file are back`)
    for (const [record, outcome] of outcomes) {
      if (outcome === 'settled' || (inTime && isPassing(outcome)) || (outcome !== 'early' && outcome.ok)) continue
      const why = outcome === 'early' ? 'its network is not there' : `${outcome.why}, ${outcome.because}`
      log('info', 'leases', `${nameOf(record)} does not come back: ${why}`)
    }
  }

  #isThere(record: LeaseRecord): boolean {
    const { mappings } = this.#parts.engine
    if (record.pinhole !== undefined) return hasPinhole(mappings, record)
    return mappings.at(record.transport, record.external) !== undefined
  }

  #hasUplink({ pinhole }: LeaseRecord): boolean {
    const { engine, surroundings } = this.#parts
    return pinhole === undefined ? engine.uplink.is === 'up' : surroundings.outward6() !== undefined
  }

  #wishFor(record: LeaseRecord): MapWish | PinholeWish | 'settled' | 'early' {
    const left = later(record, secondsBetween(this.#readAt, this.#now))
    if (left === undefined || this.#isThere(record)) return 'settled'
    const device = this.#parts.surroundings.deviceOf(record.internal.ip)
    return device === undefined ? 'early' : wishOf(left, device)
  }
}

/** One for all that are translated. */
function addressOf(mappings: Iterable<Mapping>): Ip | undefined {
  for (const { external, pinhole } of mappings) if (pinhole === undefined) return external.ip
  return undefined
}

const nameOf = ({ transport, external, owner, pinhole }: LeaseRecord): string =>
  `${transport} ${pinhole === undefined ? external : `pinhole ${pinhole}`} of ${owner.via} ${owner.client}`

const isGranted = (outcome: Outcome | undefined): boolean => typeof outcome === 'object' && outcome.ok

const isPassing = (outcome: Outcome): boolean =>
  outcome === 'early' || (typeof outcome === 'object' && !outcome.ok && PASSING.has(outcome.why))

function stampOf(platform: LeaseKeeperParts['platform']): Stamp {
  const wall = Math.max(0, Math.floor(platform.wallTime()))
  return { boot: textIn(platform, BOOT_ID), at: platform.clock.now(), wall }
}
