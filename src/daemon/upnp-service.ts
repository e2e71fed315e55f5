/**
 * The joint of UPnP: discovery, HTTP, control and events, from the moment the owner switches it on to the moment he
 * switches it off.
 */
import type { Ip, Mac } from '../base/ip.ts'
import { inRange, prefixRange } from '../base/ip.ts'
import type { Log } from '../base/log.ts'
import type { Instant } from '../base/time.ts'
import { afterMs, earliest, milliseconds } from '../base/time.ts'
import { holderOf } from '../core/holder.ts'
import type { Noise } from '../core/noise.ts'
import { Rate } from '../core/rate.ts'
import type { LinkView } from '../kernel/link-table.ts'
import type { Platform } from '../platform/platform.ts'
import type { Device, DeviceTexts } from '../protocol/igd/description.ts'
import { configIdOf, defaultConnection, uuidsOf } from '../protocol/igd/description.ts'
import type { Door as Announced, Arrival, Offer, Verdict } from '../protocol/igd/discovery.ts'
import { Discovery } from '../protocol/igd/discovery.ts'
import type { EventedService } from '../protocol/igd/evented.ts'
import { EVENTED } from '../protocol/igd/evented.ts'
import { Eventing } from '../protocol/igd/eventing.ts'
import { Gateway } from '../protocol/igd/gateway.ts'
import { currentValues, networkValues } from '../protocol/igd/gateway-events.ts'
import type { Caller, GatewayWorld } from '../protocol/igd/gateway-world.ts'
import { DESCRIPTION } from '../protocol/igd/personality.ts'
import type { IgdVersion, Personality } from '../protocol/igd/tree.ts'
import { gatewayTree } from '../protocol/igd/tree.ts'
import { unmapped } from '../wire/gena.ts'
import type { BootIdFiles } from './bootid.ts'
import { noteBootId, Rising } from './bootid.ts'
import { Callbacks } from './callbacks.ts'
import { HttpServer } from './http.ts'
import { HttpDoors, textOf } from './http-doors.ts'
import type { Page } from './site.ts'
import { Site } from './site.ts'
import type { Door, UpnpPlan } from './situation.ts'
import { SsdpDoors } from './ssdp-doors.ts'
import type { Timed } from './timers.ts'

export interface UpnpParts {
  readonly platform: Platform
  readonly log: Log
  readonly noise: Noise
  readonly links: LinkView
  /** Where the last BOOTID is kept, by the present configuration. */
  readonly bootIdFiles: () => BootIdFiles
  /** Without `defaultConnection`, which follows from the description. */
  readonly world: Omit<GatewayWorld, 'defaultConnection'>
  /** Name and version of this program, and of the system it runs on: `Linux/6.6`, `Portico/0.2`. */
  readonly server: string
  readonly texts: () => DeviceTexts
  readonly page: Page
  readonly macOf: (host: Ip, device: string) => Mac | undefined
  /** A connection has come: `macOf` shall know of it what the kernel does. */
  readonly met: (host: Ip, device: string) => void
  /** Whether the external link works, for the event that says so. */
  readonly isLinkUp: () => boolean
  /** `wakeAt` may have changed. */
  readonly rearm: () => void
}

/** What the values that subscribers were told were worked out from. */
interface Published {
  readonly version: number
  readonly uplink: unknown
  readonly closed: unknown
  readonly isLinkUp: boolean
}

/** Connections: a LAN has more programs than devices, and a device speaks by IPv4 and IPv6. */
const CONNECTIONS = { connections: 64, perPeer: 16 }

/** Whoever looks around fetches two descriptions and five more, and subscribes to five services: several programs at once. */
const READING = 64

/** Changes gather so long before they are told: a burst of requests makes one event. */
const GATHER = milliseconds(200)

const NOISE: Readonly<Partial<Record<Verdict, 'malformed' | 'stranger' | 'too-many'>>> = {
  malformed: 'malformed',
  stranger: 'stranger',
  'too-many': 'too-many',
}

export class UpnpService implements Timed {
  readonly #parts: UpnpParts
  #plan: UpnpPlan
  #device: Device
  readonly #bootIds: Rising
  readonly #discovery: Discovery
  readonly #ssdp: SsdpDoors
  readonly #http: HttpDoors
  readonly #server: HttpServer
  readonly #eventing: Eventing<EventedService>
  readonly #callbacks: Callbacks
  readonly #world: GatewayWorld
  readonly #readers = new Rate(READING)
  readonly #timed: readonly Timed[]
  #published: Published | undefined
  #publishAt: Instant | undefined
  #notedBootId: number | undefined
  /** What is announced, as text. */
  #offered = ''

  constructor(parts: UpnpParts, plan: UpnpPlan) {
    const { platform, log, links, rearm } = parts
    this.#parts = parts
    this.#plan = plan
    this.#device = deviceOf(plan, parts.texts())
    this.#world = { ...parts.world, defaultConnection: () => defaultConnection(this.#device.uuids) }
    this.#bootIds = new Rising(platform, parts.bootIdFiles())
    this.#discovery = this.#announce()
    this.#callbacks = new Callbacks({
      platform,
      addressFor: (host, device) => this.#addressFor(host, device),
      connected: id => this.#eventing.connected(id),
      finished: (id, outcome) => {
        this.#eventing.finished(id, outcome, this.#now())
        rearm()
      },
    })
    this.#eventing = new Eventing<EventedService>(
      {
        random: length => platform.random(length),
        onLink: (host, device) => links.isHost(host, device),
        macOf: parts.macOf,
        ownPorts: () => [this.#plan.httpPort],
        deliver: delivery => this.#callbacks.deliver(delivery),
        abandon: id => this.#callbacks.abandon(id),
      },
      EVENTED,
    )
    const site = this.#site(new Gateway(this.#world))
    // Every connection has the handler of its door.
    const handle = () => Promise.reject(new Error('no door'))
    this.#server = new HttpServer({ clock: platform.clock, handle, rearm, limits: CONNECTIONS })
    this.#http = new HttpDoors({
      platform,
      log,
      links,
      macOf: parts.macOf,
      met: parts.met,
      accept: (stream, handler, holderNow) => this.#server.accept(stream, handler, holderNow),
      handlerOf: door => site.handlerOf(door),
      rearm,
    })
    this.#ssdp = new SsdpDoors({
      platform,
      log,
      receive: (bytes, arrival) => this.#heard(this.#discovery.receive(bytes, arrival, this.#now()), arrival),
      opened: () => this.#serve(),
      rearm,
    })
    this.#timed = [this.#discovery, this.#ssdp, this.#http, this.#server, this.#eventing]
  }

  get listening(): readonly string[] {
    return this.#http.listening.map(textOf)
  }

  get trouble(): string | undefined {
    return this.#http.trouble ?? this.#ssdp.trouble
  }

  get wakeAt(): Instant | undefined {
    return earliest([this.#publishAt, ...this.#timed.map(({ wakeAt }) => wakeAt)])
  }

  wake(now: Instant): void {
    if (this.#publishAt !== undefined && this.#publishAt <= now) this.#publish()
    this.#followClock(now)
    for (const part of this.#timed) if (part.wakeAt !== undefined && part.wakeAt <= now) part.wake(now)
  }

  /** A device that is served no more hears goodbye at once; an address that is lost waits for its successor. */
  keep(plan: UpnpPlan): void {
    const devices = new Set(plan.doors.map(({ device }) => device))
    this.#plan = plan
    const kept = this.#ssdp.listening.filter(({ device }) => devices.has(device))
    if (kept.length < this.#ssdp.listening.length) {
      this.#discovery.serve(kept, this.#now())
      this.#ssdp.keep(kept)
    }
    this.#http.keep(this.#httpDoors())
    this.#eventing.keep((host, device) => devices.has(device) && this.#parts.links.isHost(host, device))
  }

  async set(plan: UpnpPlan): Promise<void> {
    this.#plan = plan
    const device = deviceOf(plan, this.#parts.texts())
    const isAnother = JSON.stringify(offerOf(device, plan, this.#parts.server)) !== this.#offered
    this.#device = device
    await this.#http.set(this.#httpDoors())
    await this.#ssdp.add(plan.doors)
    if (isAnother) this.#discovery.offer(this.#offer(), this.#now())
    this.#serve()
    this.#ssdp.keep(plan.doors)
    // The owner's options are among the values.
    if (this.#eventing.size > 0) this.#publish()
  }

  changed(): void {
    if (this.#eventing.size === 0 || this.#publishAt !== undefined || !this.#differs()) return
    this.#publishAt = afterMs(this.#now(), GATHER)
    this.#parts.rearm()
  }

  close(): void {
    this.#discovery.stop(this.#now())
    this.#ssdp.close()
    this.#http.close()
    this.#server.close()
    this.#eventing.stop()
    this.#callbacks.close()
    this.#parts.rearm()
  }

  #offer(): Offer {
    const offer = offerOf(this.#device, this.#plan, this.#parts.server)
    this.#offered = JSON.stringify(offer) // offers are plain values
    return offer
  }

  #announce(): Discovery {
    const { platform, links } = this.#parts
    const parts = {
      random: (length: number) => platform.random(length),
      wallTime: () => platform.wallTime(),
      onLink: (source: Ip, door: Announced) => links.isHost(source, door.device) && isSameNetwork(source, door, links),
      send: (datagram: Parameters<SsdpDoors['send']>[0]) =>
        this.#ssdp.send(datagram, address => !this.#plan.doors.some(door => door.address === address)),
    }
    return new Discovery(parts, this.#offer(), this.#bootIds.first)
  }

  /** Announces what can be announced now. */
  #serve(): void {
    const wanted = new Set(this.#plan.doors.map(({ device, address }) => `${device} ${address}`))
    const open = this.#ssdp.listening.filter(({ device, address }) => wanted.has(`${device} ${address}`))
    this.#followClock(this.#now())
    this.#discovery.serve(open, this.#now())
    if (open.length > 0) this.#noteBootId()
    this.#parts.rearm()
  }

  #followClock(now: Instant): void {
    const next = this.#bootIds.afterClockSet(this.#discovery.bootId)
    if (next === undefined) return
    this.#discovery.raise(next, now)
    this.#noteBootId()
  }

  #noteBootId(): void {
    const { platform, bootIdFiles } = this.#parts
    const { bootId } = this.#discovery
    if (bootId === this.#notedBootId) return
    this.#notedBootId = bootId
    noteBootId(platform, bootIdFiles(), bootId)
  }

  #site(gateway: Gateway): Site {
    const { platform, server, page, macOf } = this.#parts
    return new Site({
      now: () => this.#now(),
      wallTime: () => platform.wallTime(),
      server,
      device: () => this.#device,
      control: (request, from, reply) => gateway.control(request, from, reply),
      eventing: this.#eventing,
      publish: () => this.#publish(),
      page,
      mayRead: from => this.#mayRead(from),
      macOf,
    })
  }

  #mayRead({ ip, mac }: Caller): boolean {
    const { engine, noise } = this.#world
    const host = unmapped(ip)
    const now = this.#now()
    const may = this.#readers.allows(holderOf(mac, host), engine.policy.limits.requestsPerSecond, now)
    if (!may) noise.count('too-many', host, now)
    return may
  }

  #heard(verdict: Verdict, { device, from: { ip } }: Arrival): void {
    const { noise, links, rearm } = this.#parts
    const kind = NOISE[verdict]
    // On Node a group is heard from all internal devices by each of its sockets: only one of them is meant.
    const isElsewhere = () => this.#plan.doors.some(door => door.device !== device && links.isHost(ip, door.device))
    if (kind !== undefined && !isElsewhere()) noise.count(kind, ip, this.#now())
    rearm()
  }

  #differs(): boolean {
    const { engine, closed } = this.#world
    const last = this.#published
    if (last === undefined || last.version !== engine.mappings.version || last.uplink !== engine.uplink) return true
    return last.isLinkUp !== this.#parts.isLinkUp() || last.closed !== closed()
  }

  #publish(): void {
    const { engine, closed } = this.#world
    const isLinkUp = this.#parts.isLinkUp()
    this.#publishAt = undefined
    this.#published = { version: engine.mappings.version, uplink: engine.uplink, closed: closed(), isLinkUp }
    const now = this.#now()
    const values = currentValues(this.#world, isLinkUp)
    for (const service of Object.keys(values) as EventedService[]) this.#eventing.publish(service, values[service], now)
    for (const device of new Set(this.#plan.doors.map(door => door.device))) {
      const own = networkValues(this.#world, device)
      for (const service of Object.keys(own) as (keyof typeof own)[])
        this.#eventing.publish(service, own[service], now, device)
    }
  }

  #addressFor(host: Ip, device: string): Ip | undefined {
    return this.#plan.doors.find(door => door.device === device && isSameNetwork(host, door, this.#parts.links))
      ?.address
  }

  #httpDoors() {
    const port = this.#plan.httpPort
    return this.#plan.doors.map((door: Door) => ({ ...door, port }))
  }

  #now(): Instant {
    return this.#parts.platform.clock.now()
  }
}

/** Whether a host is on the network of this very address: the one that it can reach without a router. */
function isSameNetwork(host: Ip, door: Announced, links: LinkView): boolean {
  const own = links.addresses(door.device).find(({ ip }) => ip === door.address)
  return own !== undefined && inRange(host, prefixRange(own.peer ?? own.ip, own.bits))
}

function deviceOf({ identity }: UpnpPlan, texts: DeviceTexts): Device {
  const device = { texts, uuids: uuidsOf(identity), firewallControl: true }
  return { ...device, configId: configIdOf(device) }
}

function offerOf({ uuids, firewallControl, configId }: Device, { httpPort }: UpnpPlan, server: string): Offer {
  const personality = (version: IgdVersion): Personality => ({
    version,
    root: gatewayTree(version, uuids, firewallControl),
    path: DESCRIPTION[version],
  })
  return { personalities: [personality(2), personality(1)], server, configId, httpPort }
}
