/**
 * A whole router without sockets and without a kernel: engine, NAT-PMP and announcements as the daemon joins them, a
 * clock that tests move, and a firewall that keeps what the kernel would. Runs on every engine.
 */
import { KernelError } from '../../src/base/fail.ts'
import { type Ip, inRange, type Mac, type Port, parseIpRange } from '../../src/base/ip.ts'
import type { Severity } from '../../src/base/log.ts'
import { type Clock, earliest, type Instant, seconds } from '../../src/base/time.ts'
import { Engine } from '../../src/core/engine.ts'
import { Epoch } from '../../src/core/epoch.ts'
import type { Firewall } from '../../src/core/firewall.ts'
import { Journal } from '../../src/core/journal.ts'
import type { Change, Mapping, Transport } from '../../src/core/mapping.ts'
import { Noise } from '../../src/core/noise.ts'
import { placeKey } from '../../src/core/places.ts'
import type { Limits, Policy, Rule, StaticMapping } from '../../src/core/policy.ts'
import { Rate } from '../../src/core/rate.ts'
import { Returning } from '../../src/core/returning.ts'
import type { Surroundings } from '../../src/core/surroundings.ts'
import type { Uplink } from '../../src/core/uplink.ts'
import { Announcer } from '../../src/protocol/announce.ts'
import { NatPmp } from '../../src/protocol/natpmp.ts'

export const LAN_ADDRESS = '192.168.1.1' as Ip
export const WAN_ADDRESS = '203.0.113.7' as Ip
export const A = '192.168.1.100' as Ip
export const B = '192.168.1.101' as Ip
export const A6 = '2001:db8:1::100' as Ip
export const B6 = '2001:db8:1::101' as Ip

export const LIMITS: Limits = {
  perHost: 64,
  total: 1000,
  minLease: seconds(120),
  maxLease: seconds(86_400),
  requestsPerSecond: 0,
  defaultAction: 'high-ports',
}

export const up = (address: string, told = address): Uplink => ({
  is: 'up',
  device: 'wan',
  address: address as Ip,
  told: told as Ip,
  reach: 'public',
})

export const DOWN: Uplink = { is: 'down', device: 'wan', why: 'no carrier' }

export const policy = (rules: readonly Partial<Rule>[] = [], limits: Partial<Limits> = {}): Policy => ({
  rules: rules.map((rule, number) => ({ action: 'allow', number, transport: 'both', comment: '', ...rule })),
  limits: { ...LIMITS, ...limits },
  forwarding: { 'nat-pmp': true, upnp: true },
})

export const ports = (first: number, last = first) => ({ first: first as Port, last: last as Port })

export class FakeClock implements Clock {
  #now = 0
  now(): Instant {
    return this.#now as Instant
  }
  set(at: number): void {
    this.#now = at
  }
}

/** What the kernel would hold. Elements end by themselves; removing what has ended is no error, as in the real one. */
export class FakeKernel implements Firewall {
  readonly #clock: Clock
  readonly #elements = new Map<number, Mapping>()
  /** Every batch that was accepted. */
  readonly batches: (readonly Change[])[] = []
  /** Says why a batch is refused; `undefined` accepts it. */
  refuse: (changes: readonly Change[]) => string | undefined = () => undefined
  /** While set, a batch waits for it. */
  gate: Promise<void> | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async apply(changes: readonly Change[]): Promise<void> {
    if (this.gate !== undefined) await this.gate
    const code = this.refuse(changes)
    if (code !== undefined) throw new KernelError('changing mappings', code)
    const before = new Map(this.#elements)
    for (const change of changes) {
      if (this.#make(change)) continue
      this.#elements.clear()
      for (const [key, mapping] of before) this.#elements.set(key, mapping)
      throw new KernelError('changing mappings', 'EEXIST')
    }
    this.batches.push(changes)
  }

  get elements(): readonly Mapping[] {
    const now = this.#clock.now()
    return [...this.#elements.values()].filter(({ lease }) => lease === 'forever' || lease.expires > now)
  }

  /** One line a mapping, in the order of ports: `udp 5000 -> 192.168.1.100:5000`. */
  get shown(): readonly string[] {
    return [...this.elements]
      .sort((a, b) => a.external.port - b.external.port || a.transport.localeCompare(b.transport))
      .map(({ transport, external, internal }) => `${transport} ${external.port} -> ${internal.ip}:${internal.port}`)
  }

  /** As the kernel's maps: neither an external port nor a pinhole twice. What is replaced stays in its place. */
  #make(change: Change): boolean {
    const { act, mapping } = change
    const key = placeKey(mapping)
    if (act === 'remove') {
      this.#elements.delete(key)
      return true
    }
    if (act === 'add' && this.elements.some(other => placeKey(other) === key)) return false
    this.#elements.set(key, mapping)
    return true
  }
}

export interface RouterOptions {
  readonly uplink?: Uplink
  readonly policy?: Policy
  readonly statics?: readonly StaticMapping[]
  readonly surroundings?: Partial<Surroundings>
  /** Seconds that have passed since the epoch began. */
  readonly epoch?: number
}

const LAN = parseIpRange('192.168.1.0/24') ?? { first: LAN_ADDRESS, last: LAN_ADDRESS }
const LAN6 = parseIpRange('2001:db8:1::/64') ?? { first: LAN_ADDRESS, last: LAN_ADDRESS }
/** The router's, and the broadcast address. */
const OWN: readonly Ip[] = [LAN_ADDRESS, '192.168.1.255' as Ip, '2001:db8:1::1' as Ip]

export class Router {
  readonly clock = new FakeClock()
  readonly kernel = new FakeKernel(this.clock)
  readonly lines: string[] = []
  readonly journal = new Journal((severity: Severity, line: string) => this.lines.push(`${severity} ${line}`))
  readonly noise = new Noise(this.journal)
  readonly epochStarts: number[] = []
  readonly epoch: Epoch
  /** How leases that wait to come back ended. */
  readonly ended: string[] = []
  readonly returning = new Returning((records, ending) => {
    for (const { transport, external } of records) this.ended.push(`${transport} ${external} ${ending}`)
  })
  readonly engine: Engine
  readonly announcer: Announcer
  readonly #natpmp: NatPmp
  /** Seconds of router time, device and bytes of each announcement. */
  readonly announced: { readonly at: number; readonly device: string; readonly hex: string }[] = []
  devices: readonly string[] = ['br-lan']
  settled = 0

  private constructor(options: RouterOptions) {
    const surroundings: Surroundings = {
      taken: () => undefined,
      hasRedirect: () => false,
      redirected: () => undefined,
      barred: host =>
        OWN.includes(host) || !(inRange(host, LAN) || inRange(host, LAN6))
          ? `${host} is no host of the LAN`
          : undefined,
      isAway: () => false,
      outward6: () => 'wan',
      deviceOf: () => 'br-lan',
      ...options.surroundings,
    }
    const { clock, journal, noise } = this
    this.epoch = new Epoch(clock.now(), start => this.epochStarts.push(start))
    this.engine = new Engine({
      clock,
      firewall: this.kernel,
      surroundings,
      journal,
      epoch: this.epoch,
      policy: options.policy ?? policy(),
      returning: this.returning,
      settled: () => this.settled++,
    })
    this.#natpmp = new NatPmp({ clock, engine: this.engine, epoch: this.epoch, noise, rate: new Rate(), surroundings })
    this.announcer = new Announcer({
      epoch: this.epoch,
      address: () => (this.engine.uplink.is === 'up' ? this.engine.uplink.told : undefined),
      devices: () => this.devices,
      send: ({ device, bytes }) => this.announced.push({ at: clock.now() / 1000, device, hex: hexOf(bytes) }),
    })
  }

  static async start(options: RouterOptions = {}): Promise<Router> {
    const router = new Router(options)
    if (options.statics !== undefined) {
      await router.engine.reconsider(options.policy ?? policy(), options.statics)
    }
    await router.engine.move(options.uplink ?? up(WAN_ADDRESS))
    router.clock.set((options.epoch ?? 0) * 1000)
    return router
  }

  /** A host of the LAN. `send` gives the reply as hex, `undefined` for silence. */
  from(ip: Ip, mac?: Mac, device = 'br-lan', port = 40_000) {
    return {
      send: async (request: string): Promise<string | undefined> => {
        let reply: string | undefined
        this.#natpmp.receive(bytesOf(request), { ip, port, device, mac }, bytes => {
          reply = hexOf(bytes)
        })
        await quiet()
        return reply
      },
      map: async (transport: Transport, internal: number, external: number, lifetime = 7200): Promise<MapReply> => {
        const reply = await this.from(ip, mac, device, port).send(mapRequest(transport, internal, external, lifetime))
        if (reply === undefined) throw new Error('no reply')
        return mapReply(reply)
      },
    }
  }

  /** Time passes; every alarm rings at its time. */
  async pass(seconds: number): Promise<void> {
    const end = this.clock.now() + Math.round(seconds * 1000)
    const parts = [this.engine, this.announcer, this.noise, this.journal]
    for (;;) {
      const next = earliest(parts.map(part => part.wakeAt))
      if (next === undefined || next > end) break
      this.clock.set(Math.max(next, this.clock.now()))
      for (const part of parts) part.wake(this.clock.now())
      await quiet()
    }
    this.clock.set(end)
  }
}

export interface MapReply {
  readonly result: number
  readonly epoch: number
  readonly internal: number
  readonly external: number
  readonly lifetime: number
}

/** Written out by hand, so that a fault in the code under test does not hide itself. */
export function mapRequest(transport: Transport, internal: number, external: number, lifetime: number): string {
  return `00 ${transport === 'udp' ? '01' : '02'} 0000 ${digits(internal, 4)} ${digits(external, 4)} ${digits(lifetime, 8)}`
}

export function mapReply(hex: string): MapReply {
  const number = (from: number, length: number) => Number.parseInt(hex.slice(from * 2, (from + length) * 2), 16)
  return {
    result: number(2, 2),
    epoch: number(4, 4),
    internal: number(8, 2),
    external: number(10, 2),
    lifetime: number(12, 4),
  }
}

const digits = (n: number, length: number) => n.toString(16).padStart(length, '0')

export const hexOf = (bytes: Uint8Array): string =>
  Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')

export const bytesOf = (hex: string): Uint8Array =>
  Uint8Array.from(hex.replaceAll(/\s/g, '').match(/../g) ?? [], pair => Number.parseInt(pair, 16))

/** Until everything that needs no time has happened. */
export async function quiet(): Promise<void> {
  for (let i = 0; i < 60; i++) await undefined
}
