/**
 * The joint: starts the parts and carries events between them. It decides nothing itself: links and files become a
 * `Situation`, and what differs between two situations becomes calls to the parts, one refresh at a time.
 */
import type { Instant } from '../base/time.ts'
import { controlHandler } from '../control/server.ts'
import type { ControlWorld } from '../control/world.ts'
import { Engine } from '../core/engine.ts'
import { Epoch } from '../core/epoch.ts'
import { Noise } from '../core/noise.ts'
import type { Policy } from '../core/policy.ts'
import { Rate } from '../core/rate.ts'
import type { Uplink } from '../core/uplink.ts'
import { openConntrack } from '../kernel/conntrack.ts'
import { Exchange } from '../kernel/exchange.ts'
import { KernelFirewall } from '../kernel/firewall.ts'
import type { LinkView } from '../kernel/link-table.ts'
import { openLinks } from '../kernel/links.ts'
import type { Neighbours } from '../kernel/neighbours.ts'
import { openNeighbours } from '../kernel/neighbours.ts'
import { probe } from '../kernel/probe.ts'
import type { Features, Settings } from '../kernel/ruleset.ts'
import { openWatch } from '../kernel/watch.ts'
import type { Datagram, Platform } from '../platform/platform.ts'
import { SystemError } from '../platform/platform.ts'
import { Announcer } from '../protocol/announce.ts'
import { NatPmp } from '../protocol/natpmp.ts'
import { Bus } from './bus.ts'
import { Configuration } from './configuration.ts'
import type { Diary } from './diary.ts'
import type { Visit } from './doors.ts'
import { Doors } from './doors.ts'
import { HttpServer } from './http.ts'
import { Keeper } from './keeper.ts'
import type { Refresh } from './refresher.ts'
import { Refresher } from './refresher.ts'
import type { Door, Situation } from './situation.ts'
import { situationOf } from './situation.ts'
import { RouterSurroundings } from './surroundings.ts'
import { Timers } from './timers.ts'
import { controlWorld } from './world.ts'

export interface Places {
  /** Where the UCI files are: `/etc/config`. */
  readonly uci: string
  /** Where the control socket goes: `/var/run/portico`. */
  readonly run: string
}

/** Two daemons would fight over one table; the second one is refused. */
export class OtherInstance extends Error {
  override name = 'OtherInstance'
}

/** One daemon a network namespace: the name lives in the abstract space, and goes with the process however it ends. */
export const LOCK = '\0portico'
const CONTROL_SOCKET = 'portico.sock'

/** Everything that runs, once `startDaemon` has resolved. */
export class Daemon {
  readonly platform: Platform
  readonly diary: Diary
  readonly started: Instant
  readonly configuration: Configuration
  readonly timers: Timers
  readonly bus: Bus
  readonly places: Places
  readonly #closing: (() => void)[] = []

  constructor(platform: Platform, places: Places, diary: Diary) {
    this.platform = platform
    this.places = places
    this.diary = diary
    this.started = platform.clock.now()
    this.timers = new Timers(platform)
    this.bus = new Bus(platform, this.timers, diary.log)
    this.configuration = new Configuration(platform, diary.log, places.uci, () => this.bus.dump())
  }

  /** Rejects with `OtherInstance`, `KernelError` or `SystemError`; then call `close` all the same. */
  async start(): Promise<void> {
    const { platform, diary, configuration, places } = this
    // Whoever edits the files while we start is heard when we have started; unheard, the signal would end us.
    let wanted = false
    let reload = () => {
      wanted = true
    }
    platform.onSignal('SIGHUP', () => reload())
    platform.makeDirectory(places.run)
    await this.#lock()
    configuration.read()
    diary.level = configuration.config.system.log_level
    this.#kept(this.bus)
    await this.bus.start()
    await configuration.askNetifd(true)
    const running = await this.#open()
    await running.begin()
    reload = () => running.reload()
    if (wanted) reload()
    const world = controlWorld(running)
    await this.#control(world)
    this.bus.serve(world, () => running.netifdChanged())
    diary.heard = event => this.bus.tell(event)
    diary.log('info', 'system', running.readyLine())
  }

  /** Ends everything that this process holds; the kernel keeps the mappings. */
  close(): void {
    for (const close of this.#closing.splice(0).reverse()) close()
  }

  async #lock(): Promise<void> {
    try {
      const lock = await this.platform.listen({ unix: LOCK }, stream => stream.close())
      this.#closing.push(() => lock.close())
    } catch (error) {
      if (!(error instanceof SystemError) || error.code !== 'EADDRINUSE') throw error
      throw new OtherInstance('another portico daemon serves this network namespace already; stop it first')
    }
  }

  async #open(): Promise<Running> {
    const { platform, diary } = this
    const log = diary.log
    let running: Running | undefined
    const conntrack = this.#kept(await openConntrack(platform, log, () => this.timers.rearm()))
    this.timers.add(conntrack)
    const socket = await platform.netlink({ family: 'netfilter', groups: [], extendedAck: true })
    const exchange = this.#kept(new Exchange(socket, platform))
    const features = await probe(exchange, platform)
    const kernel = new KernelFirewall({
      exchange,
      machine: platform,
      clock: platform.clock,
      features,
      endFlows: removed => conntrack.end(removed),
    })
    const links = this.#kept(await openLinks(platform, { log, changed: () => running?.linksChanged() }))
    running = new Running(this, { kernel, features, links: links.view })
    this.#closing.push(() => running?.close())
    const { keeper } = running
    this.#kept(await openWatch(platform, { ignoreFrom: [exchange.portId], changed: by => keeper.check(by) }))
    return running
  }

  #kept<T extends { close(): void }>(part: T): T {
    this.#closing.push(() => part.close())
    return part
  }

  async #control(world: ControlWorld): Promise<void> {
    const { platform, timers, places } = this
    const handle = controlHandler(world)
    const server = new HttpServer({ clock: platform.clock, handle, rearm: () => timers.rearm() })
    timers.add(server)
    const path = `${places.run}/${CONTROL_SOCKET}`
    const listener = await platform.listen({ unix: path }, stream => server.accept(stream))
    this.#closing.push(() => {
      listener.close()
      server.close()
      platform.removeFile(path)
    })
  }
}

interface Opened {
  readonly kernel: KernelFirewall
  readonly features: Features
  readonly links: LinkView
}

/** The parts of a daemon that has its sockets, and the events between them. */
export class Running {
  readonly daemon: Daemon
  readonly links: LinkView
  readonly features: Features
  readonly engine: Engine
  readonly doors: Doors
  readonly keeper: Keeper
  readonly #kernel: KernelFirewall
  /** Open while a permission names a link address: every stir of a host on the LAN wakes it. */
  #neighbours: Neighbours | undefined
  readonly surroundings: RouterSurroundings
  readonly #epoch: Epoch
  readonly #announcer: Announcer
  readonly #natPmp: NatPmp
  #situation: Situation
  /** What each part was told last, as text. */
  readonly #told = new Map<string, string>()
  readonly #refresher: Refresher
  /** A question to netifd is under way, and whether another one is due after it. */
  #asking: 'once' | 'again' | 'anew' | undefined

  constructor(daemon: Daemon, { kernel, features, links }: Opened) {
    const { platform, diary, timers } = daemon
    const { clock } = platform
    const { journal, log } = diary
    const rearm = () => timers.rearm()
    this.daemon = daemon
    this.links = links
    this.features = features
    this.#kernel = kernel
    this.#situation = this.#look()
    this.surroundings = new RouterSurroundings(platform, links, () => this.#situation)
    this.surroundings.refresh()
    this.#epoch = new Epoch(clock.now(), start => this.#epochBegins(start))
    const surroundings = this.surroundings
    const epoch = this.#epoch
    const { policy } = this.#situation
    this.engine = new Engine({ clock, firewall: kernel, surroundings, journal, epoch, policy, settled: rearm })
    this.keeper = new Keeper({ clock, log, kernel, rearm })
    const noise = new Noise(journal)
    this.#natPmp = new NatPmp({ clock, engine: this.engine, epoch, noise, rate: new Rate(), surroundings })
    const visit: Visit = (datagram, door, reply) => this.#visit(datagram, door, reply)
    this.doors = new Doors({ platform, log, visit, rearm })
    this.#announcer = new Announcer({
      epoch,
      address: () => toldBy(this.engine.uplink),
      devices: () => this.doors.devices,
      send: ({ device, bytes }) => this.doors.announce(device, bytes),
    })
    this.#refresher = new Refresher({ clock, log, rearm, carryOut: what => this.#carryOut(what) })
    timers.add(this.engine, this.keeper, this.#announcer, this.#refresher, this.doors, noise)
  }

  get situation(): Situation {
    return this.#situation
  }

  /** What the kernel holds becomes the table; then the first refresh: uplink, the owner's configuration, doors. */
  async begin(): Promise<void> {
    const { settings } = this.#situation
    const now = this.daemon.platform.clock.now()
    const held = await this.#kernel.adopt()
    if (held === undefined) await this.#kernel.build(settings, [], now)
    else if (!held.intact) await this.#kernel.build(settings, held.mappings, held.epochStart)
    await this.engine.adopt(held?.mappings ?? [], held?.epochStart)
    await this.#refresher.start()
  }

  /** The owner's files have changed (SIGHUP). */
  reload(): void {
    this.daemon.diary.log('info', 'config', 'reading the configuration again')
    this.daemon.bus.again()
    this.#refresher.want('files')
  }

  /** Beside the links that the kernel shows, as when a network gets another device. */
  netifdChanged(): void {
    this.#askNetifd(false)
  }

  linksChanged(): void {
    this.#refresher.want('links')
  }

  readyLine(): string {
    const { uplink, doors } = this.#situation
    const where = this.doors.listening.map(({ address, device }) => `${address} (${device})`).join(', ')
    const serves = doors.length === 0 ? 'NAT-PMP is off' : `NAT-PMP on ${where === '' ? 'no address yet' : where}`
    const outside = uplink.is === 'up' ? `${uplink.told} (${uplink.device})` : `none, ${uplink.why}`
    return `ready: ${serves}; external address ${outside}; ${this.engine.mappings.size} mappings`
  }

  close(): void {
    this.doors.close()
    this.#neighbours?.close()
  }

  #look(): Situation {
    const { config, netifd, problems } = this.daemon.configuration
    return situationOf(config, netifd, this.links, problems)
  }

  #visit({ bytes, from }: Datagram, { device }: Door, reply: (bytes: Uint8Array) => void): void {
    const index = this.links.index(device)
    const mac = index === undefined ? undefined : this.#neighbours?.mac(from.ip, index)
    this.#natPmp.receive(bytes, { ip: from.ip, port: from.port, device, mac }, reply)
  }

  #announce(): void {
    this.#announcer.begin(this.daemon.platform.clock.now())
    this.daemon.timers.rearm()
  }

  /** RFC 6886 §3.6, §3.2.1: where a restarted daemon finds it, and to everybody on the LAN. */
  #epochBegins(start: Instant): void {
    this.#kernel.setEpoch(start).catch((error: unknown) => {
      this.daemon.diary.log('error', 'kernel', `the epoch's start cannot be stored: ${error}`)
    })
    this.#announce()
  }

  /** With what netifd said last; what it says now follows, since a new address must not wait for its answer. */
  async #carryOut(what: Refresh): Promise<void> {
    const { configuration, diary } = this.daemon
    if (what === 'files' && configuration.read()) diary.level = configuration.config.system.log_level
    await this.#carryOver(this.#look())
    this.#askNetifd(what === 'files')
  }

  /** Beside the refreshes, one question at a time; an answer that differs is a reason for another refresh. */
  #askNetifd(anew: boolean): void {
    if (this.#asking !== undefined) {
      this.#asking = anew || this.#asking === 'anew' ? 'anew' : 'again'
      return
    }
    this.#asking = 'once'
    const { configuration, diary } = this.daemon
    configuration.askNetifd(anew).then(
      differs => {
        const next = this.#asking
        this.#asking = undefined
        if (differs) this.#refresher.want('links')
        else if (next !== 'once') this.#askNetifd(next === 'anew')
      },
      (error: unknown) => {
        this.#asking = undefined
        diary.log('error', 'config', `netifd could not be asked: ${error}`)
      },
    )
  }

  /** Doors close first and open last: nobody is served by rules that do not hold yet, or no longer. */
  async #carryOver(next: Situation): Promise<void> {
    const { settings, uplink, policy, statics, doors } = next
    this.doors.keep(doors)
    this.#situation = next
    this.surroundings.refresh()
    await this.#tell('settings', settings, () => this.#configure(settings))
    await this.#tell('uplink', uplink, () => this.engine.move(uplink))
    await this.#tell('rules', { policy, statics }, () => this.engine.reconsider(policy, statics))
    await this.#knowNeighbours(policy)
    await this.doors.set(doors)
    if (doors.length === 0) this.#announcer.stop()
    const listeners = [toldBy(uplink), ...this.doors.devices]
    await this.#tell('announcement', listeners, async () => this.#announce())
  }

  /** Carries a value to a part that has not got it yet. A part that failed is told again at the next refresh. */
  async #tell(part: string, value: object, tell: () => Promise<void>): Promise<void> {
    const text = JSON.stringify(value) // situations are plain values
    if (this.#told.get(part) === text) return
    this.#told.delete(part)
    await tell()
    this.#told.set(part, text)
  }

  async #knowNeighbours({ rules }: Policy): Promise<void> {
    const { platform, diary } = this.daemon
    if (rules.some(({ mac }) => mac !== undefined)) this.#neighbours ??= await openNeighbours(platform, diary.log)
    else {
      this.#neighbours?.close()
      this.#neighbours = undefined
    }
  }

  async #configure(settings: Settings): Promise<void> {
    try {
      await this.#kernel.configure(settings)
    } catch (error) {
      // Somebody took the table away at this moment: the comparison builds it with what it was told last.
      this.daemon.diary.log('warning', 'kernel', `roles could not be set, building anew: ${error}`)
      await this.#kernel.build(settings, [...this.#kernel.mappings()], this.#epoch.start)
    }
  }
}

const toldBy = (uplink: Uplink) => (uplink.is === 'up' ? uplink.told : undefined)
