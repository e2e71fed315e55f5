/**
 * The TCP listeners of UPnP: one for each address of each internal device. Who is no host on the network of the device
 * is not heard at all; who is has one of a bounded number of connections.
 */
import type { Ip, Mac, Port } from '../base/ip.ts'
import type { Log } from '../base/log.ts'
import type { Instant } from '../base/time.ts'
import type { Holder } from '../core/holder.ts'
import { deviceBehind } from '../core/holder.ts'
import type { LinkView } from '../kernel/link-table.ts'
import type { Listener, Platform, Stream } from '../platform/platform.ts'
import { hostOf } from '../wire/ssdp.ts'
import { DoorSet } from './door-set.ts'
import { doorKey } from './doors.ts'
import type { HttpHandler } from './http.ts'
import type { Door } from './situation.ts'
import type { Timed } from './timers.ts'

/** A door with its port: another port is another door. */
export interface HttpDoor extends Door {
  readonly port: Port
}

export interface HttpDoorsParts {
  readonly platform: Platform
  readonly log: Log
  readonly links: LinkView
  readonly macOf: (host: Ip, device: string) => Mac | undefined
  /** Called once for each connection, before `macOf` is. */
  readonly met: (host: Ip, device: string) => void
  /** `holderNow`: whose it is, as far as that is known by now. */
  readonly accept: (stream: Stream, handle: HttpHandler, holderNow: () => Holder) => void
  readonly handlerOf: (door: HttpDoor) => HttpHandler
  /** `wakeAt` may have changed. */
  readonly rearm: () => void
}

export class HttpDoors implements Timed {
  readonly #parts: HttpDoorsParts
  readonly #set: DoorSet<HttpDoor, Listener>

  constructor(parts: HttpDoorsParts) {
    const { platform, log, rearm } = parts
    this.#parts = parts
    this.#set = new DoorSet<HttpDoor, Listener>({
      clock: platform.clock,
      log,
      topic: 'upnp',
      keyOf: door => `${doorKey(door)} ${door.port}`,
      open: door => this.#open(door),
      explain: (door, reason) => `${textOf(door)} on ${door.device} cannot be served: ${reason}`,
      whenTaken: 'another program has the port, see option http_port',
      rearm,
    })
  }

  get listening(): readonly HttpDoor[] {
    return this.#set.doors
  }

  get trouble(): string | undefined {
    return this.#set.trouble
  }

  get wakeAt(): Instant | undefined {
    return this.#set.wakeAt
  }

  wake(now: Instant): void {
    this.#set.wake(now)
  }

  /** Closes all others. */
  keep(wanted: readonly HttpDoor[]): void {
    this.#set.keep(wanted)
  }

  /** Opens and closes until exactly the wanted doors are open. Never rejects. */
  set(wanted: readonly HttpDoor[]): Promise<void> {
    return this.#set.set(wanted)
  }

  close(): void {
    this.#set.close()
  }

  #open(door: HttpDoor): Promise<Listener> {
    const { platform, links, accept, handlerOf, macOf, met } = this.#parts
    const { address, port, device } = door
    const handle = handlerOf(door)
    return platform.listen({ address, port, device }, stream => {
      const ip = stream.peer?.ip
      if (ip === undefined || !links.isHost(ip, device)) {
        stream.close()
        return
      }
      met(ip, device)
      const holderNow = deviceBehind(ip, () => macOf(ip, device))
      accept(stream, handle, holderNow)
    })
  }
}

/** As in a URL: `192.168.1.1:5000`, `[fe80::1]:5000`. */
export const textOf = ({ address, port }: HttpDoor): string => `${hostOf(address)}:${port}`
