/**
 * The UDP sockets of NAT-PMP: one for each address of each internal device, bound to both, so that what reaches a
 * handler was addressed to us and came in where clients are. A reply leaves by the socket that was asked, so its
 * source is the address that the client knows (RFC 6886 §3.2).
 */
import type { Log } from '../base/log.ts'
import type { Datagram, Platform, UdpSocket } from '../platform/platform.ts'
import { ANNOUNCE_GROUP, ANNOUNCE_PORT, SERVER_PORT } from '../wire/natpmp.ts'
import type { Door } from './situation.ts'

/** A datagram at a door, and the way back. */
export type Visit = (datagram: Datagram, door: Door, reply: (bytes: Uint8Array) => void) => void

export class Doors {
  readonly #platform: Platform
  readonly #log: Log
  readonly #visit: Visit
  readonly #open = new Map<string, { readonly door: Door; readonly socket: UdpSocket }>()
  #trouble: string | undefined

  constructor(platform: Platform, log: Log, visit: Visit) {
    this.#platform = platform
    this.#log = log
    this.#visit = visit
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

  /** Opens and closes until exactly the wanted doors are open. Never rejects; a door that stays shut is logged. */
  async set(wanted: readonly Door[]): Promise<void> {
    const keys = new Set(wanted.map(keyOf))
    for (const [key, { socket }] of this.#open) {
      if (keys.has(key)) continue
      socket.close()
      this.#open.delete(key)
    }
    this.#trouble = undefined
    for (const door of wanted) if (!this.#open.has(keyOf(door))) await this.#unlock(door)
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

  async #unlock(door: Door): Promise<void> {
    const { device, address } = door
    try {
      const socket = await this.#platform.udp({ address, port: SERVER_PORT, device, multicastTtl: 1 })
      this.#open.set(keyOf(door), { door, socket })
      socket.take(datagram => this.#visit(datagram, door, bytes => socket.send(bytes, datagram.from)))
    } catch (error) {
      this.#trouble = `${address}:${SERVER_PORT} on ${device} cannot be served (${error}); is miniupnpd running?`
      this.#log('error', 'nat-pmp', this.#trouble)
    }
  }
}

const keyOf = ({ device, address }: Door): string => `${device} ${address}`
