/**
 * Who is subscribed to what: the decisions of SUBSCRIBE and UNSUBSCRIBE (UPnP Device Architecture 2.0 §4.1), with the
 * text of April 2020 against callbacks elsewhere (CVE-2020-12695): events go to the subscriber's own address, as
 * literal, on an unprivileged port, and nowhere else. What is sent to whom and when is `eventing.ts`.
 */
import type { Ip, Mac, Port } from '../../base/ip.ts'
import type { Instant, Seconds } from '../../base/time.ts'
import { after, seconds } from '../../base/time.ts'
import { uuidFrom } from '../../base/uuid.ts'
import type { Holder } from '../../core/holder.ts'
import { deviceBehind } from '../../core/holder.ts'
import type { Callback, GenaFields } from '../../wire/gena.ts'
import { callbackUrls, genaFields, parseCallback, parseTimeout, unmapped } from '../../wire/gena.ts'
import type { Fields } from '../../wire/http.ts'

export interface EventLimits {
  /** Subscriptions in all, and of one device under all of its addresses (docs/decisions/055). */
  readonly total: number
  readonly perHost: number
  /** Seconds: what is asked is clamped to these; UDA asks for at least 1800. */
  readonly shortest: Seconds
  readonly longest: Seconds
  /** Events on their way at once. */
  readonly parallel: number
}

export const EVENT_LIMITS: EventLimits = {
  total: 128,
  perHost: 16,
  shortest: seconds(1800),
  longest: seconds(86_400),
  parallel: 16,
}

/** A request at an event URL; who may reach it at all was decided before. */
export interface GenaRequest<Service extends string> {
  readonly service: Service
  readonly fields: Fields
  readonly from: { readonly ip: Ip; readonly device: string }
}

export type GenaRefusal = { readonly status: 400 | 412 | 503; readonly why: string }
export type Subscribed = {
  readonly status: 200
  readonly sid: string
  readonly timeout: Seconds
  readonly isNew: boolean
}

export interface SubscriptionParts {
  readonly random: (length: number) => Uint8Array
  /** Whether this is a host on the network of this internal device, and not ourselves. */
  readonly onLink: (host: Ip, device: string) => boolean
  readonly macOf: (host: Ip, device: string) => Mac | undefined
  /** Ports that we listen on ourselves: an event sent there could come back as a request. */
  readonly ownPorts: () => readonly Port[]
  readonly limits?: EventLimits
}

export interface Subscription<Service extends string> {
  readonly sid: string
  readonly service: Service
  readonly host: Ip
  readonly device: string
  /** Whose it is, as far as that is known by now. */
  readonly holderNow: () => Holder
  /** At least one; the next is for when no connection to the one before can be made (UDA §4.1.2). */
  readonly callbacks: readonly Callback[]
  expires: Instant
}

export class Subscriptions<Service extends string> {
  readonly #parts: SubscriptionParts
  readonly #limits: EventLimits
  readonly #bySid = new Map<string, Subscription<Service>>()

  constructor(parts: SubscriptionParts) {
    this.#parts = parts
    this.#limits = parts.limits ?? EVENT_LIMITS
  }

  get size(): number {
    return this.#bySid.size
  }

  [Symbol.iterator](): Iterator<Subscription<Service>> {
    return this.#bySid.values()
  }

  get(sid: string): Subscription<Service> | undefined {
    return this.#bySid.get(sid)
  }

  remove(sid: string): void {
    this.#bySid.delete(sid)
  }

  /** Expired ones must have been removed. */
  subscribe(request: GenaRequest<Service>, now: Instant): Subscribed | GenaRefusal {
    const fields = genaFields(request.fields)
    if (fields === undefined) return refuse(400, 'a field is said twice')
    if (fields.sid !== undefined) return this.#renew(request, fields, fields.sid, now)
    if (fields.nt !== 'upnp:event') return refuse(412, 'NT is not upnp:event')
    const callbacks = this.#callbacksOf(fields.callback ?? '', request)
    if (callbacks.length === 0) return refuse(412, 'no callback at the address of the subscriber')
    const host = unmapped(request.from.ip)
    const { device } = request.from
    const holderNow = deviceBehind(host, () => this.#parts.macOf(host, device))
    if (this.size >= this.#limits.total) return refuse(503, 'too many subscriptions')
    if (this.#heldBy(holderNow()) >= this.#limits.perHost) return refuse(503, 'too many subscriptions of this device')
    const timeout = this.#clamp(parseTimeout(fields.timeout))
    const sid = `uuid:${uuidFrom(this.#parts.random(16))}`
    const { service } = request
    this.#bySid.set(sid, { sid, service, host, device, holderNow, callbacks, expires: after(now, timeout) })
    return { status: 200, sid, timeout, isNew: true }
  }

  /** Gives what was ended, or why nothing was. */
  unsubscribe(request: GenaRequest<Service>): { readonly status: 200; readonly sid: string } | GenaRefusal {
    const fields = genaFields(request.fields)
    if (fields === undefined) return refuse(400, 'a field is said twice')
    if (fields.nt !== undefined || fields.callback !== undefined) return refuse(400, 'NT and CALLBACK do not fit here')
    const known = this.#known(request, fields.sid ?? '')
    if (known === undefined) return refuse(412, 'no such subscription')
    this.remove(known.sid)
    return { status: 200, sid: known.sid }
  }

  #renew(request: GenaRequest<Service>, fields: GenaFields, sid: string, now: Instant): Subscribed | GenaRefusal {
    if (fields.nt !== undefined || fields.callback !== undefined) return refuse(400, 'SID does not fit NT or CALLBACK')
    const known = this.#known(request, sid)
    if (known === undefined) return refuse(412, 'no such subscription')
    const timeout = this.#clamp(parseTimeout(fields.timeout))
    known.expires = after(now, timeout)
    return { status: 200, sid, timeout, isNew: false }
  }

  /** A SID counts only for its own service and from the host that was given it. */
  #known({ service, from }: GenaRequest<Service>, sid: string): Subscription<Service> | undefined {
    const known = this.#bySid.get(sid)
    return known?.service === service && known.host === unmapped(from.ip) ? known : undefined
  }

  /** The URLs that fit. */
  #callbacksOf(text: string, { from }: GenaRequest<Service>): readonly Callback[] {
    if (!this.#parts.onLink(from.ip, from.device)) return []
    const ownPorts = this.#parts.ownPorts()
    return callbackUrls(text).flatMap(url => {
      const callback = parseCallback(url)
      if (callback === undefined || callback.ip !== unmapped(from.ip)) return []
      return callback.port >= LOWEST_PORT && !ownPorts.includes(callback.port) ? [callback] : []
    })
  }

  #heldBy(holder: Holder): number {
    let held = 0
    for (const each of this.#bySid.values()) if (each.holderNow() === holder) held++
    return held
  }

  #clamp(asked: Seconds | undefined): Seconds {
    const { shortest, longest } = this.#limits
    return seconds(Math.min(longest, Math.max(shortest, asked ?? shortest)))
  }
}

/** Below are the services of the system: no program has its event listener there. */
const LOWEST_PORT = 1024

const refuse = (status: GenaRefusal['status'], why: string): GenaRefusal => ({ status, why })
