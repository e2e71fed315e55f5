/**
 * What lies where on the HTTP server of UPnP: descriptions, control, events, and the page for people. The checks of
 * `http-guard.ts` come first; who may connect at all was decided at the door.
 */
import type { Ip, Mac } from '../base/ip.ts'
import { Memo } from '../base/memo.ts'
import type { Instant } from '../base/time.ts'
import type { ControlRequest } from '../protocol/igd/call.ts'
import { CONTROL } from '../protocol/igd/call.ts'
import type { Device } from '../protocol/igd/description.ts'
import { documentAt, EVENTS } from '../protocol/igd/description.ts'
import type { EventedService } from '../protocol/igd/evented.ts'
import type { Eventing } from '../protocol/igd/eventing.ts'
import type { ControlAnswer } from '../protocol/igd/gateway.ts'
import type { Caller } from '../protocol/igd/gateway-world.ts'
import { DESCRIPTION, personalityOf } from '../protocol/igd/personality.ts'
import type { IgdVersion } from '../protocol/igd/tree.ts'
import { wantsVersionOne } from '../protocol/igd/tree.ts'
import { subscribed } from '../wire/gena.ts'
import type { Fields, HttpRequest } from '../wire/http.ts'
import { fieldOf, splitTarget } from '../wire/http.ts'
import { httpDate } from '../wire/http-date.ts'
import { SOAP_TYPE } from '../wire/soap.ts'
import type { HttpAnswer, HttpHandler, Peer } from './http.ts'
import type { HttpDoor } from './http-doors.ts'
import type { GuardRefusal } from './http-guard.ts'
import { guard } from './http-guard.ts'

export interface SiteParts {
  readonly now: () => Instant
  /** Milliseconds since 1970, for DATE. */
  readonly wallTime: () => number
  /** Three product tokens (UDA §1.2.2). */
  readonly server: string
  readonly device: () => Device
  readonly control: (request: ControlRequest, from: Caller, reply: (answer: ControlAnswer) => void) => void
  readonly eventing: Eventing<EventedService>
  /** Before anybody subscribes: the values of all services are to be published. */
  readonly publish: () => void
  readonly page: Page
  /** Whether this host may have one more description or subscription now; control and the page count for themselves. */
  readonly mayRead: (from: Caller) => boolean
  readonly macOf: (host: Ip, device: string) => Mac | undefined
}

/** What people see; `undefined`: nothing lies at that path. */
export type Page = (
  request: { readonly method: string; readonly path: string; readonly query: string; readonly fields: Fields },
  from: Caller,
) => HttpAnswer | Promise<HttpAnswer> | undefined

/** Hosts whose personality is remembered: their next subscription is to the service that they were shown. */
const REMEMBERED = 256

type EventAt = keyof typeof EVENTS

export class Site {
  readonly #parts: SiteParts
  readonly #shown = new Map<Ip, IgdVersion>()
  /** Of the second that it is. */
  #control: { readonly date: string; readonly type: string; readonly fields: Fields } | undefined

  constructor(parts: SiteParts) {
    this.#parts = parts
  }

  handlerOf(door: HttpDoor): HttpHandler {
    const known = new Memo<Fields, Way>(32)
    return (request, peer) => {
      const before = known.get(request.fields)
      if (before !== undefined && before.method === request.method && before.target === request.target) {
        return this.#answer(request, peer, door, before)
      }
      const way = wayOf(request, door)
      known.set(request.fields, way)
      return this.#answer(request, peer, door, way)
    }
  }

  #answer(
    request: HttpRequest,
    peer: Peer,
    { device }: HttpDoor,
    { kind, path, query, refusal }: Way,
  ): HttpAnswer | Promise<HttpAnswer> {
    if (peer === undefined) return this.#refuse(403, 'nobody asks')
    if (refusal !== undefined) return this.#refuse(refusal.status, refusal.why)
    const reading = isReading(request)
    const caller = { ip: peer.ip, device, mac: this.#parts.macOf(peer.ip, device) }
    switch (kind) {
      case 'control':
        return request.method === 'POST' ? this.#call(request, path, caller) : this.#notAllowed('POST')
      case 'events':
        return this.#parts.mayRead(caller) ? this.#events(request, path, caller) : this.#tooMany()
      case 'document':
        if (!this.#parts.mayRead(caller)) return this.#tooMany()
        return reading ? this.#document(request, path, caller) : this.#notAllowed('GET, HEAD')
      case 'other': {
        const { method, fields } = request
        const page = reading ? this.#parts.page({ method, path, query, fields }, caller) : undefined
        return page ?? this.#refuse(404, 'nothing is here')
      }
    }
  }

  #document(request: HttpRequest, path: string, { ip }: Caller): HttpAnswer {
    const agent = fieldOf(request.fields, 'user-agent')
    const text = documentAt(path, agent, this.#parts.device())
    if (text === undefined) return this.#refuse(404, 'nothing is here')
    if (path === DESCRIPTION[1] || path === DESCRIPTION[2]) {
      if (this.#shown.size >= REMEMBERED) this.#shown.clear()
      this.#shown.set(ip, personalityOf(path === DESCRIPTION[1] ? 1 : 2, agent))
    }
    const language: Fields =
      fieldOf(request.fields, 'accept-language') === undefined ? [] : [['Content-Language', 'en']]
    return { status: 200, fields: [...this.#common(SOAP_TYPE), ...language], body: text }
  }

  #call(request: HttpRequest, path: string, caller: Caller): HttpAnswer | Promise<HttpAnswer> {
    const { fields, body } = request
    const soapAction = fieldOf(fields, 'soapaction')
    const call = { path, soapAction, contentType: fieldOf(fields, 'content-type'), body }
    let atOnce: HttpAnswer | undefined
    let later: ((answer: HttpAnswer) => void) | undefined
    this.#parts.control(call, caller, ({ status, type, body: said, close }) => {
      const answer = { status, fields: this.#controlFields(type), body: said, close }
      if (later === undefined) atOnce = answer
      else later(answer)
    })
    return (
      atOnce ??
      new Promise(resolve => {
        later = resolve
      })
    )
  }

  /** UDA §3.2.2: EXT says that the request was understood. */
  #controlFields(type: string): Fields {
    const date = httpDate(this.#parts.wallTime())
    const known = this.#control
    if (known !== undefined && known.date === date && known.type === type) return known.fields
    const fields: Fields = [...this.#common(type), ['EXT', '']]
    this.#control = { date, type, fields }
    return fields
  }

  #events(request: HttpRequest, path: string, { ip, device }: Caller): HttpAnswer {
    const { eventing, now, publish, server, wallTime } = this.#parts
    const agent = fieldOf(request.fields, 'user-agent')
    const services = servicesAt(path, wantsVersionOne(agent) ? 1 : (this.#shown.get(ip) ?? 2))
    const ask = (service: EventedService) => ({ service, fields: request.fields, from: { ip, device } })
    if (request.method === 'UNSUBSCRIBE') {
      const answer = firstKnown(services, service => eventing.unsubscribe(ask(service), now()))
      if (answer.status !== 200) return this.#refuse(answer.status, answer.why)
      return { status: 200, fields: this.#common(undefined), body: '' }
    }
    if (request.method !== 'SUBSCRIBE') return this.#notAllowed('SUBSCRIBE, UNSUBSCRIBE')
    publish()
    const isRenewal = fieldOf(request.fields, 'sid') !== undefined
    const answer = firstKnown(isRenewal ? services : services.slice(0, 1), service =>
      eventing.subscribe(ask(service), now()),
    )
    if (answer.status !== 200) return this.#refuse(answer.status, answer.why)
    const { sid, timeout, isNew } = answer
    const response = subscribed(sid, timeout, server, httpDate(wallTime()))
    return isNew ? { ...response, sent: () => eventing.opened(sid, now()) } : response
  }

  #common(type: string | undefined): Fields {
    const { server, wallTime } = this.#parts
    const about: Fields = [
      ['DATE', httpDate(wallTime())],
      ['SERVER', server],
    ]
    return type === undefined ? about : [['Content-Type', type], ...about]
  }

  /** UDA §3.1.1: who meets a 405 may try again with M-POST, which we have not. */
  #notAllowed(allowed: string): HttpAnswer {
    const answer = this.#refuse(405, 'not the method for this')
    return { ...answer, fields: [...answer.fields, ['Allow', allowed]], close: false }
  }

  #tooMany(): HttpAnswer {
    return { ...this.#refuse(503, 'too many requests'), close: true }
  }

  #refuse(status: number, why: string): HttpAnswer {
    const body = `${why}\n`
    return { status, fields: this.#common('text/plain; charset=utf-8'), body, close: status === 400 || status === 403 }
  }
}

/** Where a request leads, as far as its head alone says it: clients send the same head again and again. */
interface Way {
  readonly method: string
  readonly target: string
  readonly kind: Kind
  readonly path: string
  readonly query: string
  readonly refusal: GuardRefusal | undefined
}

type Kind = 'control' | 'events' | 'document' | 'other'

function wayOf(request: HttpRequest, door: HttpDoor): Way {
  const { method, target } = request
  const { path, query } = splitTarget(target)
  const kind = kindOf(path)
  return { method, target, kind, path, query, refusal: guard(request, door, kind === 'other' && isReading(request)) }
}

const isReading = ({ method }: HttpRequest): boolean => method === 'GET' || method === 'HEAD'

function kindOf(path: string): Kind {
  if (Object.values<string>(CONTROL).includes(path)) return 'control'
  if (Object.values<string>(EVENTS).includes(path)) return 'events'
  return path.endsWith('.xml') ? 'document' : 'other'
}

/** What an event URL stands for; both versions of the connection share one, so the likelier comes first. */
function servicesAt(path: string, version: IgdVersion): readonly EventedService[] {
  const at = (Object.keys(EVENTS) as EventAt[]).find(key => EVENTS[key] === path) as EventAt
  return version === 1 && at === 'connection' ? [...SERVICES.connection].reverse() : SERVICES[at]
}

const SERVICES: Readonly<Record<EventAt, readonly EventedService[]>> = {
  connection: ['WANIPConnection:2', 'WANIPConnection:1'],
  common: ['WANCommonInterfaceConfig:1'],
  layer3: ['Layer3Forwarding:1'],
  pinhole: ['WANIPv6FirewallControl:1'],
}

/** The first answer that is not "no such subscription", else that. */
function firstKnown<A extends { readonly status: number }>(
  services: readonly EventedService[],
  ask: (service: EventedService) => A,
): A {
  let answer = ask(services[0] as EventedService)
  for (const service of services.slice(1)) if (answer.status === 412) answer = ask(service)
  return answer
}
