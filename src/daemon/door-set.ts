/**
 * Sockets that should be open, and are tried again when they will not open: another program may let its port go, an
 * address may come back. One set for each kind of socket.
 */

import { Backoff } from '../base/backoff.ts'
import { reasonOf } from '../base/fail.ts'
import type { Log } from '../base/log.ts'
import type { Clock, Instant } from '../base/time.ts'
import { milliseconds } from '../base/time.ts'
import { SystemError } from '../platform/platform.ts'
import type { Timed } from './timers.ts'

export interface DoorSetParts<D, O> {
  readonly clock: Clock
  readonly log: Log
  /** Of the line in the log, when one stays shut. */
  readonly topic: string
  /** Doors with the same key are one door. */
  readonly keyOf: (door: D) => string
  readonly open: (door: D) => Promise<O>
  /** Why it stays shut, in words for people; `reason`: what `open` was told. */
  readonly explain: (door: D, reason: string) => string
  /** What helps when another program has the port. */
  readonly whenTaken: string
  /** A door opened at last, by itself; those that `set` opens are not told. */
  readonly opened?: () => void
  /** `wakeAt` may have changed. */
  readonly rearm: () => void
}

export interface OpenDoor<D, O> {
  readonly door: D
  readonly socket: O
}

const FIRST_RETRY = milliseconds(1000)
const LAST_RETRY = milliseconds(60_000)

export class DoorSet<D, O extends { close(): void }> implements Timed {
  readonly #parts: DoorSetParts<D, O>
  readonly #open = new Map<string, OpenDoor<D, O>>()
  #wanted: readonly D[] = []
  #trouble: string | undefined
  readonly #backoff = new Backoff(FIRST_RETRY, LAST_RETRY)

  constructor(parts: DoorSetParts<D, O>) {
    this.#parts = parts
  }

  [Symbol.iterator](): Iterator<OpenDoor<D, O>> {
    return this.#open.values()
  }

  get doors(): readonly D[] {
    return Array.from(this.#open.values(), ({ door }) => door)
  }

  /** Why a door that should be open is not; for people. */
  get trouble(): string | undefined {
    return this.#trouble
  }

  get wakeAt(): Instant | undefined {
    return this.#backoff.wakeAt
  }

  wake(now: Instant): void {
    if (!this.#backoff.isDue(now)) return
    const before = this.#open.size
    void this.#openAll().then(() => {
      if (this.#open.size > before) this.#parts.opened?.()
    })
  }

  /** Closes all others. */
  keep(wanted: readonly D[]): void {
    const keys = new Set(wanted.map(this.#parts.keyOf))
    for (const [key, { socket }] of this.#open) {
      if (keys.has(key)) continue
      socket.close()
      this.#open.delete(key)
    }
    this.#wanted = this.#wanted.filter(door => keys.has(this.#parts.keyOf(door)))
  }

  /** Opens what is missing and closes nothing. Never rejects; a door that stays shut is tried again. */
  async add(wanted: readonly D[]): Promise<void> {
    this.#wanted = wanted
    this.#backoff.reset()
    await this.#openAll()
  }

  /** Opens and closes until exactly the wanted doors are open. Never rejects. */
  async set(wanted: readonly D[]): Promise<void> {
    this.keep(wanted)
    await this.add(wanted)
  }

  close(): void {
    this.#wanted = []
    this.#backoff.reset()
    this.keep([])
  }

  async #openAll(): Promise<void> {
    const { clock, log, topic, rearm } = this.#parts
    this.#backoff.begin()
    let trouble: Trouble | undefined
    for (const door of this.#wanted) {
      if (!this.#open.has(this.#parts.keyOf(door))) trouble = (await this.#unlock(door)) ?? trouble
    }
    if (trouble !== undefined) {
      if (trouble.text !== this.#trouble) log(trouble.passes ? 'info' : 'error', topic, trouble.text)
      this.#backoff.failed(clock.now())
    }
    this.#trouble = trouble?.text
    rearm()
  }

  /** Why it stays shut; `undefined` when it is open, or not wanted any more. */
  async #unlock(door: D): Promise<Trouble | undefined> {
    const { keyOf, open, explain, whenTaken } = this.#parts
    const key = keyOf(door)
    const isWanted = () => this.#wanted.some(each => keyOf(each) === key)
    try {
      const socket = await open(door)
      // Doors may have been set anew while this one opened.
      if (isWanted() && !this.#open.has(key)) this.#open.set(key, { door, socket })
      else socket.close()
      return undefined
    } catch (error) {
      if (!isWanted()) return undefined
      const code = error instanceof SystemError ? error.code : ''
      const hint = code === 'EADDRINUSE' ? `; ${whenTaken}` : ''
      return { text: explain(door, `${reasonOf(error)}${hint}`), passes: PASSING.includes(code) }
    }
  }
}

interface Trouble {
  readonly text: string
  readonly passes: boolean
}

/** The address or its device is coming or going: the kernel's next notice settles it. */
const PASSING: readonly string[] = ['EADDRNOTAVAIL', 'ENODEV', 'ENXIO']
