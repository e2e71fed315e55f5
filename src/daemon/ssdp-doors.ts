/**
 * The UDP sockets of discovery. Each address of ours has one at port 1900: unicast searches come in by it, and all that
 * is sent leaves by it, so that its source is an address that the client can use. Each device has one for each group
 * that is heard on it. Other programs of the router may use the port as well.
 */
import type { Ip } from '../base/ip.ts'
import type { Log } from '../base/log.ts'
import type { Instant } from '../base/time.ts'
import { earliest } from '../base/time.ts'
import type { Datagram, Platform, UdpSocket } from '../platform/platform.ts'
import type { Arrival, Outgoing } from '../protocol/igd/discovery.ts'
import { groupOf, SSDP_PORT, SSDP_TTL } from '../wire/ssdp.ts'
import { DoorSet } from './door-set.ts'
import { doorKey } from './doors.ts'
import type { Door } from './situation.ts'
import type { Timed } from './timers.ts'

export interface SsdpDoorsParts {
  readonly platform: Platform
  readonly log: Log
  readonly receive: (bytes: Uint8Array, arrival: Arrival) => void
  /** Doors opened by themselves, after they had stayed shut. */
  readonly opened: () => void
  /** `wakeAt` may have changed. */
  readonly rearm: () => void
}

/** `M-`: what every search begins with. The notices of all other devices of a network wake nobody. */
const BEGINS: readonly [number, number] = [0x4d, 0x2d]

export class SsdpDoors implements Timed {
  readonly #parts: SsdpDoorsParts
  readonly #own: DoorSet<Door, UdpSocket>
  readonly #groups: DoorSet<Door, UdpSocket>

  constructor(parts: SsdpDoorsParts) {
    const { platform, log, opened, rearm } = parts
    this.#parts = parts
    const common = {
      clock: platform.clock,
      log,
      topic: 'upnp',
      keyOf: doorKey,
      open: (door: Door) => this.#open(door),
      explain: ({ address, device }: Door, reason: string) =>
        `discovery at ${address} port ${SSDP_PORT} on ${device} is not possible: ${reason}`,
      whenTaken: 'is miniupnpd running?',
      rearm,
    }
    this.#own = new DoorSet({ ...common, opened })
    this.#groups = new DoorSet(common)
  }

  /** Addresses that can be announced: their sockets are open. */
  get listening(): readonly Door[] {
    return this.#own.doors
  }

  get trouble(): string | undefined {
    return this.#own.trouble ?? this.#groups.trouble
  }

  get wakeAt(): Instant | undefined {
    return earliest([this.#own.wakeAt, this.#groups.wakeAt])
  }

  wake(now: Instant): void {
    this.#own.wake(now)
    this.#groups.wake(now)
  }

  /** Closes all others. */
  keep(wanted: readonly Door[]): void {
    this.#own.keep(wanted)
    this.#groups.keep(groupsOf(wanted))
  }

  /** Opens what is missing and closes nothing: goodbyes leave by what is open. Never rejects. */
  async add(wanted: readonly Door[]): Promise<void> {
    await this.#own.add(wanted)
    await this.#groups.add(groupsOf(wanted))
  }

  /**
   * By the socket of the address that it names. An address that the router has lost can send nothing: then another one
   * of the same device speaks for it.
   */
  send({ device, from, to, port, bytes }: Outgoing, isLost: (address: Ip) => boolean): void {
    const group = groupOf(from)
    let other: UdpSocket | undefined
    for (const { door, socket } of this.#own) {
      if (door.device !== device) continue
      if (door.address === from && !isLost(from)) {
        socket.send(bytes, { ip: to, port: port as typeof SSDP_PORT })
        return
      }
      if (groupOf(door.address) === group && !isLost(door.address)) other = socket
    }
    other?.send(bytes, { ip: to, port: port as typeof SSDP_PORT })
  }

  close(): void {
    this.#own.close()
    this.#groups.close()
  }

  async #open({ device, address }: Door): Promise<UdpSocket> {
    const { platform, receive } = this.#parts
    const options = { address, port: SSDP_PORT, device, multicastTtl: SSDP_TTL, shared: true, begins: BEGINS }
    const socket = await platform.udp(options)
    socket.take(({ bytes, from }: Datagram) => receive(bytes, { device, to: address, from }))
    return socket
  }
}

/** One for each device and group; the group stands where a door has its address. */
function groupsOf(doors: readonly Door[]): readonly Door[] {
  const groups = new Map<string, Door>()
  for (const { device, index, address } of doors) {
    const group: Door = { device, index, address: groupOf(address) }
    groups.set(doorKey(group), group)
  }
  return [...groups.values()]
}
