/**
 * The UDP sockets of NAT-PMP: one for each address of each internal device, bound to both, so that what reaches a
 * handler was addressed to us and came in where clients are. A reply leaves by the socket that was asked, so its
 * source is the address that the client knows (RFC 6886 §3.2).
 */
import type { Log } from '../base/log.ts'
import type { Instant } from '../base/time.ts'
import { afterMs, milliseconds } from '../base/time.ts'
import type { Datagram, Platform, UdpSocket } from '../platform/platform.ts'
import { ANNOUNCE_GROUP, ANNOUNCE_PORT, ANNOUNCE_TTL, SERVER_PORT } from '../wire/natpmp.ts'
import type { Door } from './situation.ts'
import type { Timed } from './timers.ts'

/** A datagram at a door, and the way back. */
export type Visit = (datagram: Datagram, door: Door, reply: (bytes: Uint8Array) => void) => void

export interface DoorsParts {
  readonly platform: Platform
  readonly log: Log
  readonly visit: Visit
  /** `wakeAt` may have changed. */
  readonly rearm: () => void
}

const FIRST_RETRY = milliseconds(1000)
const LAST_RETRY = milliseconds(60_000)

export class Doors implements Timed {
  readonly #parts: DoorsParts
  readonly #open = new Map<string, { readonly door: Door; readonly socket: UdpSocket }>()
  #wanted: readonly Door[] = []
  #trouble: string | undefined
  /** A door that would not open is tried again: another program may let its port go. */
  #retryAt: Instant | undefined
  #backoff = FIRST_RETRY

  constructor(parts: DoorsParts) {
    this.#parts = parts
  }

  get listening(): readonly Door[] {
    return Array.from(this.#open.values(), ({ door }) => door)
  }

  /** Why a door that should be open is not; for people. */
  get trouble(): string | undefined {
    return this.#trouble
  }

  /** Devices with at least one open door. */
  get devices(): readonly string[] {
    return [...new Set(this.listening.map(({ device }) => device))]
  }

  get wakeAt(): Instant | undefined {
    return this.#retryAt
  }

  wake(now: Instant): void {
    if (this.#retryAt === undefined || this.#retryAt > now) return
    this.#retryAt = undefined
    void this.#openAll()
  }

  /** Closes all others. */
  keep(wanted: readonly Door[]): void {
    const keys = new Set(wanted.map(keyOf))
    for (const [key, { socket }] of this.#open) {
      if (keys.has(key)) continue
      socket.close()
      this.#open.delete(key)
    }
    this.#wanted = this.#wanted.filter(door => keys.has(keyOf(door)))
  }

  /** Opens and closes until exactly the wanted doors are open. Never rejects; a door that stays shut is tried again. */
  async set(wanted: readonly Door[]): Promise<void> {
    this.keep(wanted)
    this.#wanted = wanted
    this.#backoff = FIRST_RETRY
    await this.#openAll()
  }

  /** To all hosts of the device's link, from its own address (RFC 6886 §3.2.1). */
  announce(device: string, bytes: Uint8Array): void {
    for (const { door, socket } of this.#open.values()) {
      if (door.device === device) socket.send(bytes, { ip: ANNOUNCE_GROUP, port: ANNOUNCE_PORT })
    }
  }

  close(): void {
    for (const { socket } of this.#open.values()) socket.close()
    this.#open.clear()
  }

  async #openAll(): Promise<void> {
    this.#retryAt = undefined
    let trouble: string | undefined
    for (const door of this.#wanted) {
      if (!this.#open.has(keyOf(door))) trouble = (await this.#unlock(door)) ?? trouble
    }
    if (trouble !== undefined) {
      if (trouble !== this.#trouble) this.#parts.log('error', 'nat-pmp', trouble)
      this.#retryAt = afterMs(this.#parts.platform.clock.now(), this.#backoff)
      this.#backoff = milliseconds(Math.min(this.#backoff * 2, LAST_RETRY))
    }
    this.#trouble = trouble
    this.#parts.rearm()
  }

  /** Why it stays shut, in words; `undefined` when it is open. */
  async #unlock(door: Door): Promise<string | undefined> {
    const { platform, visit } = this.#parts
    const { device, address } = door
    try {
      const socket = await platform.udp({ address, port: SERVER_PORT, device, multicastTtl: ANNOUNCE_TTL })
      // Doors may have been set anew while this one opened.
      if (!this.#wanted.includes(door) || this.#open.has(keyOf(door))) {
        socket.close()
        return undefined
      }
      this.#open.set(keyOf(door), { door, socket })
      socket.take(datagram => visit(datagram, door, bytes => socket.send(bytes, datagram.from)))
      return undefined
    } catch (error) {
      return `${address}:${SERVER_PORT} on ${device} cannot be served (${error}); is miniupnpd running?`
    }
  }
}

const keyOf = ({ device, index, address }: Door): string => `${device} ${index} ${address}`
