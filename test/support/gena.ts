/** Subscribers as they ask, and a gateway's eventing with a clock that tests move. Runs on every engine. */
import type { Ip, Mac, Port } from '../../src/base/ip.ts'
import { textOf } from '../../src/base/text.ts'
import type { Instant } from '../../src/base/time.ts'
import type { EventedService } from '../../src/protocol/igd/evented.ts'
import { EVENTED } from '../../src/protocol/igd/evented.ts'
import type { Delivery, Outcome } from '../../src/protocol/igd/eventing.ts'
import { Eventing } from '../../src/protocol/igd/eventing.ts'
import type { EventLimits } from '../../src/protocol/igd/subscriptions.ts'
import type { Fields } from '../../src/wire/http.ts'
import { RequestReader } from '../../src/wire/http.ts'
import { dice } from './ssdp.ts'

export const HOST = '192.168.1.100' as Ip
export const OTHER = '192.168.1.101' as Ip
export const OWN = '192.168.1.1' as Ip

export interface Event {
  readonly id: number
  readonly to: string
  readonly sid: string
  readonly seq: number
  /** `Name=value` of each property, as written. */
  readonly says: readonly string[]
}

/** Reads an event as strictly as the standard writes it; throws on anything else. */
export function readEvent({ id, to, bytes }: Delivery): Event {
  const reader = new RequestReader()
  reader.push(bytes)
  const event = reader.next()
  if (event?.is !== 'request' || event.request.method !== 'NOTIFY') throw new Error('no NOTIFY')
  const { fields, body, target } = event.request
  const field = Object.fromEntries(fields)
  if (field['nt'] !== 'upnp:event' || field['nts'] !== 'upnp:propchange') throw new Error('no event')
  if (field['content-type'] !== 'text/xml; charset="utf-8"') throw new Error('no XML')
  const text = textOf(body)
  const inner =
    /^<\?xml version="1.0" encoding="utf-8"\?>\n<e:propertyset xmlns:e="urn:schemas-upnp-org:event-1-0">(.*)<\/e:propertyset>$/s.exec(
      text,
    )?.[1]
  if (inner === undefined) throw new Error('no property set')
  const says = Array.from(
    inner.matchAll(/<e:property><(\w+)>([^<]*)<\/\1><\/e:property>/g),
    match => `${match[1]}=${match[2]}`,
  )
  const host = field['host']
  if (host !== `${to.ip.includes(':') ? `[${to.ip}]` : to.ip}:${to.port}`) throw new Error('another Host')
  return { id, to: `${host}${target}`, sid: field['sid'] as string, seq: Number(field['seq']), says }
}

/** Whether a subscriber is there, and what it says. */
export type Manner = 'well' | 'dead' | 'silent' | number

export class Teller {
  readonly eventing: Eventing<EventedService>
  /** How each host takes its events; `well` unless said. */
  readonly manners = new Map<Ip, Manner>()
  /** Link addresses, where they are known. */
  readonly devices = new Map<Ip, Mac>()
  readonly abandoned: number[] = []
  /** Devices that are internal. */
  readonly networks = ['br-lan']
  deliveries: Delivery[] = []
  /** Deliveries of hosts that take their time, until `finish`. */
  open: Delivery[] = []
  now = 1_000_000 as Instant
  #slow = false

  constructor(limits?: EventLimits) {
    const parts = {
      random: dice(7),
      onLink: (host: Ip, device: string) =>
        this.networks.includes(device) && (host.startsWith('192.168.1.') || host.startsWith('fe80:')) && host !== OWN,
      macOf: (host: Ip) => this.devices.get(host),
      ownPorts: () => [5000 as Port],
      deliver: (delivery: Delivery) => this.#deliver(delivery),
      abandon: (id: number) => {
        this.abandoned.push(id)
        this.open = this.open.filter(each => each.id !== id)
      },
    }
    this.eventing = new Eventing(limits === undefined ? parts : { ...parts, limits }, EVENTED)
    this.publish('WANIPConnection:2', {
      PossibleConnectionTypes: 'IP_Routed',
      ConnectionStatus: 'Connected',
      ExternalIPAddress: '203.0.113.7',
      PortMappingNumberOfEntries: '0',
      SystemUpdateID: '0',
    })
  }

  /** From now on nothing ends by itself. */
  slow(): void {
    this.#slow = true
  }

  publish(service: EventedService, values: Record<string, string>, network?: string): void {
    this.eventing.publish(service, values, this.now, network)
  }

  ask(fields: Fields, from: Ip = HOST, service: EventedService = 'WANIPConnection:2', device = 'br-lan') {
    return this.eventing.subscribe({ service, fields, from: { ip: from, device } }, this.now)
  }

  leave(fields: Fields, from: Ip = HOST, service: EventedService = 'WANIPConnection:2') {
    return this.eventing.unsubscribe({ service, fields, from: { ip: from, device: 'br-lan' } }, this.now)
  }

  /** A subscriber that is welcome, its answer sent; gives its SID. */
  join(from: Ip = HOST, service: EventedService = 'WANIPConnection:2', port = 49_152): string {
    const answer = this.ask(wish({ callback: `<http://${from}:${port}/evt>` }), from, service)
    if (answer.status !== 200) throw new Error(answer.why)
    this.eventing.opened(answer.sid, this.now)
    return answer.sid
  }

  /** Time goes on; every wake-up comes when it is due. */
  pass(seconds: number): void {
    const end = this.now + seconds * 1000
    for (let at = this.eventing.wakeAt; at !== undefined && at <= end; at = this.eventing.wakeAt) {
      this.now = Math.max(this.now, at) as Instant
      this.eventing.wake(this.now)
    }
    this.now = end as Instant
  }

  /** What was begun since the last call, read. */
  events(): Event[] {
    const events = this.deliveries.map(readEvent)
    this.deliveries = []
    return events
  }

  finish(id: number, outcome: Outcome = { is: 'answered', status: 200 }): void {
    this.open = this.open.filter(each => each.id !== id)
    this.eventing.finished(id, outcome, this.now)
  }

  #deliver(delivery: Delivery): void {
    this.deliveries.push(delivery)
    const manner = this.manners.get(delivery.to.ip) ?? 'well'
    if (this.#slow || manner === 'silent') this.open.push(delivery)
    if (manner === 'silent') this.eventing.connected(delivery.id)
    if (this.#slow || manner === 'silent') return
    if (manner === 'dead') this.eventing.finished(delivery.id, { is: 'broken' }, this.now)
    else {
      this.eventing.connected(delivery.id)
      const status = manner === 'well' ? 200 : manner
      this.eventing.finished(delivery.id, { is: 'answered', status }, this.now)
    }
  }
}

/** Fields of a SUBSCRIBE; `undefined` leaves one out. */
export function wish(change: Record<string, string | undefined> = {}): Fields {
  const fields = { callback: `<http://${HOST}:49152/evt>`, nt: 'upnp:event', timeout: 'Second-1800', ...change }
  return Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]))
}

export const renewal = (sid: string, timeout = 'Second-1800'): Fields => [
  ['sid', sid],
  ['timeout', timeout],
]
