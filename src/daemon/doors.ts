/**
 * The UDP sockets of NAT-PMP: one for each address of each internal device, bound to both, so that what reaches a
 * handler was addressed to us and came in where clients are. A reply leaves by the socket that was asked, so its
 * source is the address that the client knows (RFC 6886 §3.2).
 */
import type { Log } from '../base/log.ts'
import type { Instant } from '../base/time.ts'
import type { Datagram, Platform, UdpSocket } from '../platform/platform.ts'
import { ANNOUNCE_GROUP, ANNOUNCE_PORT, ANNOUNCE_TTL, SERVER_PORT } from '../wire/natpmp.ts'
import { DoorSet } from './door-set.ts'
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

export class Doors implements Timed {
  readonly #platform: Platform
  readonly #visit: Visit
  readonly #set: DoorSet<Door, UdpSocket>

  constructor({ platform, log, visit, rearm }: DoorsParts) {
    this.#platform = platform
    this.#visit = visit
    this.#set = new DoorSet<Door, UdpSocket>({
      clock: platform.clock,
      log,
      topic: 'nat-pmp',
      keyOf: doorKey,
      open: door => this.#open(door),
      explain: ({ address, device }, reason) => `${address}:${SERVER_PORT} on ${device} cannot be served: ${reason}`,
      whenTaken: 'is miniupnpd running?',
      rearm,
    })
  }

  get listening(): readonly Door[] {
    return this.#set.doors
  }

  /** Why a door that should be open is not; for people. */
  get trouble(): string | undefined {
    return this.#set.trouble
  }

  /** Devices with at least one open door. */
  get devices(): readonly string[] {
    return [...new Set(this.listening.map(({ device }) => device))]
  }

  get wakeAt(): Instant | undefined {
    return this.#set.wakeAt
  }

  wake(now: Instant): void {
    this.#set.wake(now)
  }

  /** Closes all others. */
  keep(wanted: readonly Door[]): void {
    this.#set.keep(wanted)
  }

  /** Opens and closes until exactly the wanted doors are open. Never rejects; a door that stays shut is tried again. */
  set(wanted: readonly Door[]): Promise<void> {
    return this.#set.set(wanted)
  }

  /** To all hosts of the device's link, from its own address (RFC 6886 §3.2.1). */
  announce(device: string, bytes: Uint8Array): void {
    for (const { door, socket } of this.#set) {
      if (door.device === device) socket.send(bytes, { ip: ANNOUNCE_GROUP, port: ANNOUNCE_PORT })
    }
  }

  close(): void {
    this.#set.close()
  }

  async #open(door: Door): Promise<UdpSocket> {
    const { device, address } = door
    const socket = await this.#platform.udp({ address, port: SERVER_PORT, device, multicastTtl: ANNOUNCE_TTL })
    socket.take(datagram => this.#visit(datagram, door, bytes => socket.send(bytes, datagram.from)))
    return socket
  }
}

export const doorKey = ({ device, index, address }: Door): string => `${device} ${index} ${address}`
