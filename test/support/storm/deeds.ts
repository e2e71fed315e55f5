/** What befalls a router: its owner, its line, its firewall, its processes. Each tells the model what it may explain. */
import type { Host } from '../host.ts'
import { A6, B6, LAN6, WAN6, WORLD6 } from '../ipv6.ts'
import { LAN, type Lab, WAN, WORLD } from '../lab.ts'
import { monotonic, must, sleep } from '../process.ts'
import { type Engine, launchDaemon, type Server } from '../server.ts'
import type { Dice } from './dice.ts'
import { CALM, type Law, someLaw, uciOf } from './law.ts'
import { keyOf, type Model, type Told } from './model.ts'
import { control, held, listed, type Row } from './view.ts'

export const ADDRESSES = [WAN, '11.22.33.101', '11.22.33.102']

export class Router {
  readonly lab: Lab
  readonly engine: Engine
  readonly model: Model
  readonly dice: Dice
  readonly note: (text: string) => void
  server: Server
  /** Of the WAN; undefined while it has none. */
  address: string | undefined = WAN
  linkUp = true
  /** The epoch may have begun anew since the last look. */
  epochMayFall = false
  restarts = 0
  kills = 0
  /** What earlier daemons wrote. */
  log = ''
  deeds = 0

  constructor(lab: Lab, engine: Engine, model: Model, dice: Dice, server: Server, note: (text: string) => void) {
    this.lab = lab
    this.engine = engine
    this.model = model
    this.dice = dice
    this.server = server
    this.note = note
  }

  get isUp(): boolean {
    return this.linkUp && this.address !== undefined
  }

  /** One of them by its name, or any. */
  async befall(only?: readonly string[]): Promise<void> {
    const all: readonly (readonly [number, string, () => Promise<unknown>])[] = [
      [6, 'reload', () => this.configure(someLaw(this.dice, this.model.law))],
      [2, 'broken', () => this.#broken()],
      [3, 'move', () => this.#move()],
      [2, 'link', () => this.#link()],
      [2, 'gone', () => this.#gone()],
      [1, 'redial', () => this.#redial()],
      [4, 'vandal', () => this.#vandal()],
      [4, 'foreign', () => this.#foreign()],
      [3, 'restart', () => this.#restart()],
      [3, 'remove', () => this.#remove()],
      [2, 'pin', () => this.#pin()],
      [2, 'mac', () => this.#mac()],
      [1, 'stall', () => this.#stall()],
      [1, 'bridge', () => this.#bridge()],
    ]
    const [, name, deed] = this.dice.pick(
      all.filter(([, each]) => only?.includes(each) ?? true).map(each => [each[0], each] as const),
    )
    this.deeds++
    this.note(`* ${name}`)
    await deed()
  }

  async configure(law: Law): Promise<void> {
    this.note(`  law ${JSON.stringify(law)}`)
    if (law.forcedIp !== this.model.law.forcedIp) this.epochMayFall = true
    this.model.laws.push(law)
    this.server.configure(uciOf(law))
    this.server.process.signal('SIGHUP')
  }

  /** The line as it was at the beginning, and the calm law. */
  async calm(): Promise<void> {
    await this.plug(this.address ?? WAN)
    await this.configure(CALM)
  }

  async plug(address: string): Promise<void> {
    if (address !== this.address) this.epochMayFall = true
    const old =
      this.address === undefined || this.address === address ? '' : `address delete ${this.address}/24 dev wan0\n`
    await this.#ip(
      `link set wan0 up\n${old}address replace ${address}/24 brd + dev wan0\naddress replace ${WAN6}/64 dev wan0 nodad\nroute replace default via ${WORLD} dev wan0\nroute replace default via ${WORLD6} dev wan0\n`,
    )
    this.address = address
    this.linkUp = true
  }

  async #ip(lines: string): Promise<void> {
    await this.lab.router.must(['ip', '-batch', '-'], { input: lines })
  }

  async #broken(): Promise<void> {
    const text = this.dice.one([
      "config portico 'nat_pmp'\n\toption enabled '1\n",
      "config portico 'limits'\n\toption per_host '0'\n",
      'foo\n',
    ])
    this.server.configure({ portico: text })
    this.server.process.signal('SIGHUP')
    await sleep(this.dice.between(50, 300))
    // A daemon that starts with a broken file would serve nobody, so it is mended before anything else happens.
    this.server.configure(uciOf(this.model.law))
    this.server.process.signal('SIGHUP')
  }

  async #move(): Promise<void> {
    const to = this.dice.one(ADDRESSES)
    this.note(`  ${this.address} to ${to}`)
    await this.plug(to)
  }

  async #link(): Promise<void> {
    await this.#ip('link set wan0 down\n')
    this.linkUp = false
    await sleep(this.dice.between(0, 200))
    if (this.dice.chance(0.7)) await this.plug(this.dice.chance(0.7) ? (this.address ?? WAN) : this.dice.one(ADDRESSES))
    this.note(`  link ${this.linkUp ? `back with ${this.address}` : 'down'}`)
  }

  async #gone(): Promise<void> {
    await this.#ip('address flush dev wan0 scope global\n')
    const was = this.address
    this.address = undefined
    await sleep(this.dice.between(0, 200))
    if (this.dice.chance(0.7)) {
      const to = this.dice.chance(0.7) ? (was ?? WAN) : this.dice.one(ADDRESSES)
      if (to !== was) this.epochMayFall = true
      await this.plug(to)
    }
    this.note(`  address ${this.address ?? 'gone'}`)
  }

  /** The device itself goes, and a new one comes under its name. */
  async #redial(): Promise<void> {
    const { router, world } = this.lab
    const cable = `link add wan0 type veth peer name eth0 netns ${world.netns}\n`
    await this.#ip('link delete wan0\n')
    this.linkUp = false
    const was = this.address
    this.address = undefined
    await sleep(this.dice.between(0, 200))
    await this.#ip(cable)
    await world.must(['ip', '-batch', '-'], {
      input: `link set eth0 up\naddress add ${WORLD}/24 brd + dev eth0\naddress add ${WORLD6}/64 dev eth0 nodad\nroute add 192.168.88.0/24 via ${WAN}\nroute add 192.168.99.0/24 via ${WAN}\nroute add 2a01:488:88::/48 via ${WAN6}\n`,
    })
    await router.must(['sysctl', '-q', 'net.ipv4.conf.wan0.rp_filter=0'])
    if (this.dice.chance(0.8)) await this.plug(this.dice.chance(0.5) ? (was ?? WAN) : this.dice.one(ADDRESSES))
    this.note(`  redialled, ${this.address ?? 'nothing yet'}`)
  }

  async #vandal(): Promise<void> {
    const what = this.dice.one([
      'flush ruleset',
      'delete table inet portico',
      'flush table inet portico',
      'destroy table inet fw4',
      'flush set inet portico taken',
      'flush map inet portico dnat4',
      'flush chain inet portico forward',
    ])
    const { status } = await this.lab.router.run(['nft', '-f', '-'], { input: what })
    this.note(`  ${what}: ${status}`)
    if (this.dice.chance(0.5)) await sleep(this.dice.between(0, 30))
    await this.lab.reloadFirewall()
  }

  async #foreign(): Promise<void> {
    const port = this.dice.between(4000, 4010)
    const from = `${this.address ?? WAN} . ${this.dice.one(['tcp', 'udp'])} . ${port}`
    const what = this.dice.one([
      `add element inet portico dnat4 { ${from} : 192.168.88.10 . 4000 }`,
      `add element inet portico dnat4 { ${from} timeout 100s : 192.168.99.10 . 4000 }`,
      `add element inet portico idle4 { ${from} : 192.168.88.11 . 4000 }`,
      `add element inet portico taken { udp . ${port} }`,
      `add element inet portico snat4 { 192.168.88.10 . udp . ${port} : 11.22.33.44 . ${port} }`,
      `add element inet portico pinhole6 { :: . 0 . ${A6} . tcp . ${port} }`,
      `delete element inet portico dnat4 { ${from} }`,
      `delete element inet portico taken { tcp . ${port} }`,
    ])
    const { status } = await this.lab.router.run(['nft', '-f', '-'], { input: what })
    this.note(`  ${what}: ${status}`)
  }

  async #restart(): Promise<void> {
    const { dice, model } = this
    const kill = dice.chance(0.5)
    const lose = dice.chance(0.35)
    const nap = dice.chance(0.3) ? dice.between(500, 3000) : 0
    if (kill) this.kills++
    if (kill) await this.server.kill()
    else if ((await this.server.stop()) !== 0)
      throw new Error(`it did not end well:\n${this.server.output.slice(-2000)}`)
    this.log += this.server.output
    this.note(`  ${kill ? 'killed' : 'stopped'}${lose ? ', table lost' : ''}, ${nap} ms`)
    if (lose) {
      await this.lab.router.run(['nft', 'delete', 'table', 'inet', 'portico'])
      this.epochMayFall = true
      // The file is what it was at the last clean end.
      if (kill) model.lost('all')
      else model.lost(this.isUp ? 'none' : 'held')
      if (kill) model.excuse('killed, and the table was lost', () => true)
      else model.excuse('what does not come back', told => this.#staysAway(told))
    }
    const { sets } = await held(this.lab)
    const bodies = ['dnat4', 'dnat4from', 'idle4', 'pinhole6', 'idle6'].flatMap(name => sets?.get(name) ?? [])
    if (bodies.every(({ left }) => left !== undefined && left < 10)) this.epochMayFall = true
    await sleep(nap)
    await this.start()
  }

  /** What comes back asks like anybody: for quotas, and for a port whose companion the owner gave to another host. */
  #staysAway(told: Told): boolean {
    if (this.model.suspended.has(keyOf(told))) return true
    return this.model.laws.some(
      ({ perHost, total, statics }) =>
        perHost < 50 ||
        total < 50 ||
        (told.pinhole === undefined &&
          statics.some(each => each.external === told.external && this.model.hostOf(each.ip) !== told.host)),
    )
  }

  async start(): Promise<void> {
    const began = monotonic()
    this.restarts++
    this.server = launchDaemon(this.lab, { engine: this.engine, uci: uciOf(this.model.law) })
    await this.server.process.waitFor(/\bready\b/, 30_000)
    // What was closed is open, whoever closed it and whatever ended the one before.
    this.model.closing.cause('open', began, monotonic())
  }

  async #remove(): Promise<void> {
    const { rows } = await listed(this.server)
    const dynamic = rows.filter(({ service }) => service !== 'static')
    if (dynamic.length === 0) return
    const row = this.dice.one(dynamic)
    const where =
      row.pinhole === undefined
        ? `dst-port=${row.external} and protocol=${row.transport} and dynamic`
        : `pinhole=${row.pinhole}`
    // A pinhole has a `dst-port` too.
    this.model.excuse('by the operator', told =>
      row.pinhole === undefined
        ? told.external === row.external && told.transport === row.transport
        : told.pinhole === row.pinhole,
    )
    const { exit, text } = await control(this.server, `/ip upnp mappings remove [find where ${where}]`)
    this.note(`  ${where}: ${exit} ${text.trim()}`)
  }

  /** As `pin` does it: the section stands in the file before the daemon reads it. */
  async #pin(): Promise<void> {
    const { rows } = await listed(this.server)
    const fit = (row: Row) => row.service !== 'static' && row.pinhole === undefined && row.remote === ''
    const able = rows.filter(fit)
    const { law } = this.model
    if (able.length === 0 || law.statics.length > 3) return
    const { transport, external, ip, internalPort } = this.dice.one(able)
    if (law.statics.some(each => each.transport === transport && each.external === external)) return
    await this.configure({ ...law, statics: [...law.statics, { transport, external, ip, internal: internalPort }] })
  }

  /** Another device takes the address of a host, or the one from before comes back. */
  async #mac(): Promise<void> {
    const { lab, dice } = this
    const [host, ip6, digit] = dice.one([[lab.a, A6, '0a'] as const, [lab.b, B6, '0b'] as const])
    const mac = `02:00:00:00:${digit}:0${dice.between(1, 2)}`
    this.note(`  ${host.name} is ${mac}`)
    // What another device opened is suspended, and would not come back.
    for (const [key, told] of this.model.held) if (told.host === host.name) this.model.suspended.add(key)
    await this.present(host, ip6, mac)
  }

  /** With this link address, and everybody has heard it. */
  async present(host: Host, ip6: string, mac: string): Promise<void> {
    this.model.macs.set(host.ip, mac)
    this.model.macs.set(ip6, mac)
    await must(['ip', '-n', host.netns, 'link', 'set', 'eth0', 'address', mac])
    await this.greet(host)
  }

  /** The router learns who is there. */
  async greet(host: Host): Promise<void> {
    await must(['ip', '-n', host.netns, 'neigh', 'flush', 'dev', 'eth0'])
    // Nobody listens there; what counts is that it was asked for our link address.
    await Promise.all([LAN, LAN6].map(ip => host.udpAsk([ip, 9], 'hello', 300)))
  }

  async #stall(): Promise<void> {
    this.server.process.signal('SIGSTOP')
    await sleep(this.dice.between(100, 1500))
    this.server.process.signal('SIGCONT')
  }

  /** The LAN is down for a moment. */
  async #bridge(): Promise<void> {
    // As netifd restarts a network: the addresses go with it.
    await this.#ip('address flush dev br-lan scope global\nlink set br-lan down\n')
    if (this.dice.chance(0.4)) await this.configure(someLaw(this.dice, this.model.law))
    await sleep(this.dice.between(0, 200))
    await this.#ip(
      `link set br-lan up\naddress replace ${LAN}/24 brd + dev br-lan\naddress replace ${LAN6}/64 dev br-lan nodad\n`,
    )
    for (const host of [this.lab.a, this.lab.b]) await this.greet(host)
  }
}
