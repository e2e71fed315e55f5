/** SSDP as clients write and read it, and a gateway's discovery with a clock that tests move. Runs on every engine. */
import type { Ip, Port } from '../../src/base/ip.ts'
import { inRange, parseIpRange } from '../../src/base/ip.ts'
import { utf8Decode } from '../../src/base/text.ts'
import type { Instant } from '../../src/base/time.ts'
import type { BudgetLimits } from '../../src/protocol/igd/budget.ts'
import type { Door, Offer, Outgoing, Verdict } from '../../src/protocol/igd/discovery.ts'
import { Discovery } from '../../src/protocol/igd/discovery.ts'
import type { IgdVersion, Personality, Uuids } from '../../src/protocol/igd/tree.ts'
import { gatewayTree } from '../../src/protocol/igd/tree.ts'

export const UUIDS: Uuids = {
  root: '11111111-2222-4333-8444-555555555550',
  wan: '11111111-2222-4333-8444-555555555551',
  connection: '11111111-2222-4333-8444-555555555552',
}

export const LAN: Door = { device: 'br-lan', address: '192.168.1.1' as Ip }
export const GUEST: Door = { device: 'br-media', address: '10.7.0.1' as Ip }
export const LINK: Door = { device: 'br-lan', address: 'fe80::1' as Ip }
export const SITE: Door = { device: 'br-lan', address: 'fd00:1::1' as Ip }
export const CLIENT = '192.168.1.100' as Ip

const NETWORKS: Readonly<Record<string, string>> = {
  '192.168.1.1': '192.168.1.0/24',
  '192.168.1.2': '192.168.1.0/24',
  '10.7.0.1': '10.7.0.0/24',
  'fe80::1': 'fe80::/10',
  'fd00:1::1': 'fd00:1::/64',
}

export const personality = (version: IgdVersion, firewallControl = true): Personality => ({
  version,
  root: gatewayTree(version, UUIDS, firewallControl),
  path: `/igd${version}.xml`,
})

export const offer = (change: Partial<Offer> = {}): Offer => ({
  personalities: [personality(2), personality(1)],
  server: 'OpenWrt/24.10 UPnP/1.1 Portico/0.1.0',
  configId: 4711,
  httpPort: 5000 as Port,
  ...change,
})

/** A search as programs send it; `undefined` leaves a line out. */
export function search(st: string, fields: Record<string, string | undefined> = {}): Uint8Array {
  const all = { HOST: '239.255.255.250:1900', MAN: '"ssdp:discover"', MX: '2', ST: st, ...fields }
  const lines = Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]))
  return bytesFrom(['M-SEARCH * HTTP/1.1', ...lines, '', ''].join('\r\n'))
}

export const bytesFrom = (text: string): Uint8Array => Uint8Array.from(text, char => char.charCodeAt(0))

export interface Message {
  readonly start: string
  /** Names in capitals. */
  readonly fields: Readonly<Record<string, string>>
}

/** Reads what we send as strictly as the standard writes it; throws on anything else. */
export function read(bytes: Uint8Array): Message {
  const text = utf8Decode(bytes)
  if (!text.endsWith('\r\n\r\n')) throw new Error('no empty line at the end')
  const [start = '', ...lines] = text.slice(0, -4).split('\r\n')
  const fields: Record<string, string> = {}
  for (const line of lines) {
    const parts = /^([A-Z.-]+):(?: ([!-~][ -~]*))?$/.exec(line)
    if (parts === null || parts[1] === undefined || parts[1] in fields) throw new Error(`a bad line: ${line}`)
    fields[parts[1]] = parts[2] ?? ''
  }
  return { start, fields }
}

/** Bytes that look random and are the same in each run. */
export function dice(seed = 1): (length: number) => Uint8Array {
  let state = seed
  return length =>
    Uint8Array.from({ length }, () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
      return state >>> 24
    })
}

export interface Start {
  readonly offer?: Offer
  readonly bootId?: number
  readonly budget?: BudgetLimits
}

/** Discovery as the daemon runs it; `sent` is what has left so far. */
export class Finder {
  readonly discovery: Discovery
  sent: Outgoing[] = []
  now = 0 as Instant

  constructor({ offer: offered = offer(), bootId = 1000, budget }: Start = {}) {
    const parts = {
      random: dice(),
      wallTime: () => 784_111_777_000,
      onLink: (source: Ip, { address }: Door) =>
        source !== address && inRange(source, parseIpRange(NETWORKS[address] as string) as { first: Ip; last: Ip }),
      send: (datagram: Outgoing) => this.sent.push(datagram),
    }
    this.discovery = new Discovery(budget === undefined ? parts : { ...parts, budget }, offered, bootId)
  }

  serve(...doors: readonly Door[]): void {
    this.discovery.serve(doors, this.now)
  }

  /** Time goes on; every wake-up comes when it is due. */
  pass(seconds: number): void {
    const end = this.now + seconds * 1000
    for (let at = this.discovery.wakeAt; at !== undefined && at <= end; at = this.discovery.wakeAt) {
      this.now = Math.max(this.now, at) as Instant
      this.discovery.wake(this.now)
    }
    this.now = end as Instant
  }

  multicast(bytes: Uint8Array, from: Ip = CLIENT, door: Door = LAN, group = '239.255.255.250'): Verdict {
    const arrival = { device: door.device, to: group as Ip, from: { ip: from, port: 40_000 as Port } }
    return this.discovery.receive(bytes, arrival, this.now)
  }

  unicast(bytes: Uint8Array, from: Ip = CLIENT, door: Door = LAN): Verdict {
    const arrival = { device: door.device, to: door.address, from: { ip: from, port: 40_000 as Port } }
    return this.discovery.receive(bytes, arrival, this.now)
  }

  /** What has left since the last call. */
  take(): Outgoing[] {
    const { sent } = this
    this.sent = []
    return sent
  }

  /** The same, read. */
  messages(): Message[] {
    return this.take().map(({ bytes }) => read(bytes))
  }
}

/** A gateway that has announced itself, and whose announcements were taken away. */
export function settled(doors: readonly Door[] = [LAN], start: Start = {}): Finder {
  const finder = new Finder(start)
  finder.serve(...doors)
  finder.pass(10)
  finder.take()
  return finder
}
