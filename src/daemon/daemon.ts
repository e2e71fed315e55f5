/** From nothing to a daemon that serves: takes the lock, opens the sockets, and joins what `running.ts` keeps going. */
import type { Instant } from '../base/time.ts'
import { controlHandler } from '../control/server.ts'
import type { ControlWorld } from '../control/world.ts'
import type { Change } from '../core/mapping.ts'
import { ClosedTable, mayBeClosed } from '../kernel/closed-table.ts'
import { openConntrack } from '../kernel/conntrack.ts'
import { Exchange } from '../kernel/exchange.ts'
import { KernelFirewall } from '../kernel/firewall.ts'
import { openLinks } from '../kernel/links.ts'
import { probe } from '../kernel/probe.ts'
import type { Traffic } from '../kernel/traffic.ts'
import { openTraffic } from '../kernel/traffic.ts'
import { openWatch } from '../kernel/watch.ts'
import type { Platform } from '../platform/platform.ts'
import { SystemError } from '../platform/platform.ts'
import { Bus } from './bus.ts'
import { Configuration } from './configuration.ts'
import type { Diary } from './diary.ts'
import { HttpServer } from './http.ts'
import { Running } from './running.ts'
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
  #running: Running | undefined

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

  /** Before `close`: what only a living daemon may hold closed is open again. Never rejects. */
  async end(): Promise<void> {
    await this.#running?.closedNetworks.end()
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
    const traffic: { counts?: Traffic } = {}
    const kernel = new KernelFirewall({
      exchange,
      machine: platform,
      clock: platform.clock,
      features,
      endFlows: (removed, changes) => {
        conntrack.end(removed)
        if (traffic.counts !== undefined) tell(traffic.counts, changes)
      },
    })
    const counts = this.#kept(await openTraffic(platform, log, kernel))
    traffic.counts = counts
    const links = this.#kept(await openLinks(platform, { log, changed: () => running?.linksChanged() }))
    // Flows that a flow table carries do not come by its chain.
    const closedTable = new ClosedTable(exchange, platform, closing =>
      conntrack.endOffloaded(mayBeClosed(closing, links.view)),
    )
    running = new Running(this, { kernel, closedTable, features, links, traffic: counts, conntrack })
    this.#running = running
    this.#closing.push(() => running?.close())
    const { keeper } = running
    this.#kept(await openWatch(platform, { writers: [exchange], changed: by => keeper.check(by) }))
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

/** Totals end with their mappings, and move with them. */
function tell(traffic: Traffic, changes: readonly Change[]): void {
  for (const change of changes) {
    if (change.act === 'remove') traffic.forget(change.mapping)
    else if (change.act === 'replace') traffic.moved(change.was, change.mapping)
  }
}
