/**
 * The parts of a daemon that has its sockets, and the events between them. It decides nothing itself: links and files
 * become a `Situation`, and what differs between two situations becomes calls to the parts, one refresh at a time.
 */
import { reasonOf } from '../base/fail.ts'
import type { Instant } from '../base/time.ts'
import { isEnabled } from '../config/config.ts'
import { describe } from '../config/problems.ts'
import { Engine } from '../core/engine.ts'
import { Epoch } from '../core/epoch.ts'
import { Noise } from '../core/noise.ts'
import { Rate } from '../core/rate.ts'
import { Returning } from '../core/returning.ts'
import type { Uplink } from '../core/uplink.ts'
import type { ClosedTable } from '../kernel/closed-table.ts'
import { CLOSED_TABLE } from '../kernel/closed-table.ts'
import type { Conntrack } from '../kernel/conntrack.ts'
import type { KernelFirewall } from '../kernel/firewall.ts'
import type { LinkView } from '../kernel/link-table.ts'
import type { Links } from '../kernel/links.ts'
import type { Features, Settings } from '../kernel/ruleset.ts'
import { TABLE } from '../kernel/ruleset.ts'
import type { Traffic } from '../kernel/traffic.ts'
import type { Datagram } from '../platform/platform.ts'
import { Announcer } from '../protocol/announce.ts'
import { NatPmp } from '../protocol/natpmp.ts'
import { ClosedNetworks } from './closed-networks.ts'
import type { Daemon } from './daemon.ts'
import type { Visit } from './doors.ts'
import { Doors } from './doors.ts'
import { EpochKeeper } from './epoch-keeper.ts'
import { FlowHearing } from './flow-hearing.ts'
import { Keeper } from './keeper.ts'
import { LeaseKeeper, leasePlace } from './leases.ts'
import { Neighbourhood } from './neighbourhood.ts'
import { NetifdQuestions } from './netifd-questions.ts'
import { Orphans } from './orphans.ts'
import type { Refresh } from './refresher.ts'
import { Refresher } from './refresher.ts'
import type { Door, Situation } from './situation.ts'
import { situationOf } from './situation.ts'
import { RouterSurroundings } from './surroundings.ts'
import { Upnp } from './upnp.ts'
import { upnpParts } from './upnp-parts.ts'

export interface Opened {
  readonly kernel: KernelFirewall
  readonly closedTable: ClosedTable
  readonly features: Features
  readonly links: Links
  readonly traffic: Traffic
  readonly conntrack: Pick<Conntrack, 'end'>
}

export class Running {
  readonly daemon: Daemon
  readonly links: LinkView
  readonly features: Features
  readonly engine: Engine
  readonly doors: Doors
  readonly keeper: Keeper
  readonly closedNetworks: ClosedNetworks
  readonly leases: LeaseKeeper
  readonly #orphans: Orphans
  readonly #kernel: KernelFirewall
  readonly neighbourhood: Neighbourhood
  readonly traffic: Traffic
  readonly linkControl: Pick<Links, 'counters' | 'setLinkUp'>
  readonly surroundings: RouterSurroundings
  readonly #epoch: Epoch
  readonly #epochKeeper: EpochKeeper
  readonly #announcer: Announcer
  readonly #natPmp: NatPmp
  #situation: Situation
  /** What each part was told last, as text. */
  readonly #told = new Map<string, string>()
  /** Problems that the log has heard of and that are still there. */
  #known: ReadonlySet<string> = new Set()
  readonly #refresher: Refresher
  readonly #netifd: NetifdQuestions
  readonly upnp: Upnp
  #connectedSince: Instant | undefined
  readonly #flowHearing: FlowHearing

  constructor(daemon: Daemon, opened: Opened) {
    const { platform, diary, timers } = daemon
    const { kernel, features, traffic, conntrack } = opened
    const links = opened.links.view
    const { clock } = platform
    const { journal, log } = diary
    const rearm = () => timers.rearm()
    this.daemon = daemon
    this.links = links
    this.linkControl = opened.links
    this.traffic = traffic
    this.features = features
    this.#kernel = kernel
    this.#situation = this.#look()
    this.surroundings = new RouterSurroundings(platform, links, () => this.#situation)
    this.surroundings.refresh()
    const store = (start: Instant) => kernel.setEpoch(start)
    this.#epochKeeper = new EpochKeeper({ clock, log, store, rearm })
    this.#epoch = new Epoch(clock.now(), start => this.#epochBegins(start))
    const surroundings = this.surroundings
    const epoch = this.#epoch
    const { policy } = this.#situation
    const settled = () => {
      this.#hearFlows()
      this.upnp.changed()
      timers.hasten(turned)
    }
    const returning = new Returning((records, ending) => this.leases.ended(records, ending))
    this.engine = new Engine({ clock, firewall: kernel, surroundings, journal, epoch, policy, returning, settled })
    this.closedNetworks = new ClosedNetworks({
      clock,
      log,
      journal,
      table: opened.closedTable,
      doubt: () => this.keeper.check('unknown'),
      changed: () => this.upnp.changed(),
    })
    const tables = [
      { name: TABLE, restore: () => kernel.restore() },
      { name: CLOSED_TABLE, restore: () => this.closedNetworks.restore() },
    ]
    this.keeper = new Keeper({ clock, log, tables, rearm })
    const { engine } = this
    this.#orphans = new Orphans({ engine, surroundings, endFlows: ways => conntrack.end(ways) })
    this.leases = new LeaseKeeper({
      platform,
      log,
      engine,
      surroundings,
      orphaned: (records, address) => this.#orphans.add(records, address),
      macOf: (host, device) => this.neighbourhood.macOf(host, device),
      rearm,
    })
    this.neighbourhood = new Neighbourhood({
      platform,
      log,
      links,
      isInternal: device => this.#situation.roles.internal.some(role => role.device === device),
      seen: (host, mac) => void this.engine.deviceSeen(host, mac),
      rearm,
    })
    const noise = new Noise(journal)
    this.#flowHearing = new FlowHearing(traffic)
    const turned = [this.engine, this.leases, journal, noise, this.#flowHearing]
    const rate = new Rate()
    this.#natPmp = new NatPmp({ clock, engine: this.engine, epoch, noise, rate, surroundings })
    const visit: Visit = (datagram, door, reply) => this.#visit(datagram, door, reply)
    this.doors = new Doors({ platform, log, visit, rearm })
    this.#announcer = new Announcer({
      epoch,
      address: () => toldBy(this.engine.uplink),
      devices: () => this.doors.devices,
      send: ({ device, bytes }) => this.doors.announce(device, bytes),
    })
    this.#refresher = new Refresher({ clock, log, rearm, carryOut: what => this.#carryOut(what) })
    this.#netifd = new NetifdQuestions(daemon.configuration, log, () => this.#refresher.want('links'))
    this.upnp = new Upnp(upnpParts(this, { noise, rate }))
    timers.add(this.engine, this.keeper, this.#epochKeeper, this.#announcer, this.#refresher, this.doors, this.upnp)
    timers.add(noise, journal, this.leases, this.neighbourhood, this.#flowHearing)
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
    await this.closedNetworks.begin()
    this.#placeLeases()
    this.leases.read(
      ({ transport, external, pinhole }) =>
        held === undefined || (pinhole === undefined && held.hasLost(transport, external)),
    )
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
    this.#netifd.ask(false)
  }

  linksChanged(): void {
    this.#refresher.want('links')
  }

  readyLine(): string {
    const { uplink, config } = this.#situation
    const natPmp = this.doors.listening.map(({ address, device }) => `${address} (${device})`)
    const serves = [
      servesAt('NAT-PMP', isEnabled(config, 'nat-pmp'), natPmp),
      servesAt('UPnP', isEnabled(config, 'upnp'), this.upnp.listening),
    ].join('; ')
    const outside = uplink.is === 'up' ? `${uplink.told} (${uplink.device})` : `none, ${uplink.why}`
    return `ready: ${serves}; external address ${outside}; ${this.engine.mappings.size} mappings`
  }

  /** UPnP says goodbye. */
  close(): void {
    this.leases.write()
    this.upnp.close()
    this.doors.close()
    this.neighbourhood.close()
  }

  /** Since when the uplink has been up; `undefined` while it is down. */
  get connectedSince(): Instant | undefined {
    return this.#connectedSince
  }

  /** Flows are heard of while there are mappings that they could belong to. */
  #hearFlows(): void {
    const { size, translated } = this.engine.mappings
    this.#flowHearing.mappings(translated > 0, size > translated, this.daemon.platform.clock)
  }

  #placeLeases(): void {
    const { lease_file, lease_file_interval } = this.#situation.config.system
    this.leases.configure(leasePlace(lease_file, lease_file_interval, this.daemon.places.run))
  }

  #look(): Situation {
    const { config, netifd, problems } = this.daemon.configuration
    return situationOf(config, netifd, this.links, problems)
  }

  #visit({ bytes, from }: Datagram, { device }: Door, reply: (bytes: Uint8Array) => void): void {
    const mac = this.neighbourhood.macOf(from.ip, device)
    this.#natPmp.receive(bytes, { ip: from.ip, port: from.port, device, mac }, reply)
  }

  #announce(): void {
    this.#announcer.begin(this.daemon.platform.clock.now())
    this.daemon.timers.rearm()
  }

  /** RFC 6886 §3.6, §3.2.1: where a restarted daemon finds it, and to everybody on the LAN. */
  #epochBegins(start: Instant): void {
    this.#epochKeeper.keep(start)
    this.#announce()
  }

  /** With what netifd said last; what it says now follows, since a new address must not wait for its answer. */
  async #carryOut(what: Refresh): Promise<void> {
    const { configuration, diary } = this.daemon
    if (what === 'files' && configuration.read()) diary.level = configuration.config.system.log_level
    await this.#carryOver(this.#look())
    this.#netifd.ask(what === 'files')
  }

  /** Doors close first and open last: nobody is served by rules that do not hold yet, or no longer. */
  async #carryOver(next: Situation): Promise<void> {
    const { settings, uplink, policy, statics, doors, upnp } = next
    this.doors.keep(doors)
    this.upnp.keep(upnp)
    this.#situation = next
    this.#tellProblems(next)
    this.surroundings.refresh()
    await this.closedNetworks.follow(next.closing)
    await this.#tell('settings', settings, () => this.#configure(settings))
    await this.#tell('uplink', uplink, () => this.#move(uplink))
    const law = this.engine.isPostponed ? [lawOf(next), this.#around(next)] : lawOf(next)
    await this.#tell('rules', law, () => this.engine.reconsider(policy, statics))
    this.#placeLeases()
    this.leases.restore()
    this.#orphans.begin()
    // What is open leads to its own devices also where nobody is served any more.
    await this.neighbourhood.want(doors.length > 0 || upnp !== undefined || this.engine.mappings.held > 0)
    await this.doors.set(doors)
    await this.upnp.set(upnp)
    if (doors.length === 0) this.#announcer.stop()
    const listeners = [toldBy(uplink), ...this.doors.devices]
    await this.#tell('announcement', listeners, async () => this.#announce())
  }

  /** What a review that could not judge everything waits for: the internal networks and the uplinks. */
  #around({ roles, uplink, uplink6 }: Situation): object {
    const networks = roles.internal.map(({ device }) => [device, this.links.addresses(device).map(({ ip }) => ip)])
    return [networks, uplink.device, uplink6.is, uplink6.device]
  }

  /** Carries a value to a part that has not got it yet. A part that failed is told again at the next refresh. */
  async #tell(part: string, value: object, tell: () => Promise<void>): Promise<void> {
    const text = JSON.stringify(value) // situations are plain values
    if (this.#told.get(part) === text) return
    this.#told.delete(part)
    await tell()
    this.#told.set(part, text)
  }

  /** Roles that cannot be played, and the like: once, when they come up. Of the files the log has heard already. */
  #tellProblems({ problems }: Situation): void {
    const { configuration } = this.daemon
    const present = problems.filter(problem => !configuration.problems.includes(problem))
    configuration.tell(present.filter(problem => !this.#known.has(describe(problem))))
    this.#known = new Set(present.map(describe))
  }

  #move(uplink: Uplink): Promise<void> {
    this.#connectedSince = uplink.is === 'up' ? this.daemon.platform.clock.now() : undefined
    return this.engine.move(uplink)
  }

  async #configure(settings: Settings): Promise<void> {
    try {
      await this.#kernel.configure(settings)
    } catch (error) {
      // Somebody took the table away at this moment: the comparison builds it with what it was told last.
      this.daemon.diary.log('warning', 'kernel', `roles could not be set, building anew: ${reasonOf(error)}`)
      await this.#kernel.build(settings, [...this.#kernel.mappings()], this.#epoch.start)
    }
  }
}

const servesAt = (name: string, isOn: boolean, where: readonly string[]): string =>
  isOn ? `${name} on ${where.length === 0 ? 'no address yet' : where.join(', ')}` : `${name} is off`

/**
 * What `reconsider` asks: rules, which may name the way out for IPv6; who is served; what the firewall redirects. The
 * last two as the files say, since a network that is down for a moment must cost nobody a mapping.
 */
function lawOf({ policy, statics, uplink6, config: { interfaces, firewall } }: Situation): object {
  return { policy, statics, outward6: uplink6.device, interfaces, firewall }
}

const toldBy = (uplink: Uplink) => (uplink.is === 'up' ? uplink.told : undefined)
