/**
 * Eventing (UPnP Device Architecture 2.0 §4; "UDA" below): values become events, each to each subscriber of its service
 * in order, as deliveries that the caller carries out. No socket here, and no delivery waits for another host's.
 *
 * A delivery is one connection: open it to `to`, write `bytes`, read the head of the answer, close. Meanwhile changes
 * gather and leave together in the next event; what a lost event said is said again. Nothing is queued: a subscriber
 * that is slow costs a set of names.
 */
import type { Ip } from '../../base/ip.ts'
import type { Instant, Milliseconds } from '../../base/time.ts'
import { afterMs, earliest, milliseconds } from '../../base/time.ts'
import type { Holder } from '../../core/holder.ts'
import type { Callback } from '../../wire/gena.ts'
import { encodeEvent, encodePropertySet, nextSeq } from '../../wire/gena.ts'
import type { GenaRefusal, GenaRequest, Subscribed, Subscription, SubscriptionParts } from './subscriptions.ts'
import { EVENT_LIMITS, Subscriptions } from './subscriptions.ts'

/** Variables that are told together, and the least time between two events that tell them. */
export interface Moderated {
  readonly variables: readonly string[]
  readonly interval: Milliseconds
}

export type EventedServices<Service extends string> = Readonly<Record<Service, readonly Moderated[]>>

/** A connection to make: to the subscriber's own address, by the device it subscribed from. */
export interface Delivery {
  readonly id: number
  readonly device: string
  readonly to: Callback
  readonly bytes: Uint8Array
}

/** `broken`: no connection, or no answer before its end. */
export type Outcome = { readonly is: 'answered'; readonly status: number } | { readonly is: 'broken' }

export interface EventingParts extends SubscriptionParts {
  readonly deliver: (delivery: Delivery) => void
  /** Close this one; its outcome is not waited for. */
  readonly abandon: (id: number) => void
}

/** Time for the connection, and from its beginning to the answer (UDA §4.3.2: 30 s). */
const CONNECT_TIME = milliseconds(5000)
const ANSWER_TIME = milliseconds(30_000)
/** Waits after the first and second failure in a row; the third ends the subscription. */
const RETRY_AFTER: readonly Milliseconds[] = [milliseconds(2000), milliseconds(10_000)]

interface Flight {
  readonly id: number
  readonly holder: Holder
  readonly begun: Instant
  readonly names: ReadonlySet<string>
  isConnected: boolean
}

/** What is to be told to one subscriber. */
interface Account {
  /** Of the next event. */
  seq: number
  /** Silent until the answer to its SUBSCRIBE has been sent (UDA §4.1.2). */
  isOpen: boolean
  pending: Set<string>
  /** When each group of the service was told last. */
  readonly told: (Instant | undefined)[]
  flight: Flight | undefined
  /** Of its callbacks the one that is used. */
  callback: number
  /** Others that have not been tried since the last event that arrived. */
  untried: number
  failures: number
  notBefore: Instant
}

export class Eventing<Service extends string> {
  readonly #parts: EventingParts
  readonly #services: EventedServices<Service>
  readonly #parallel: number
  /** By service, and by device where only the subscribers behind it are told. */
  readonly #values = new Map<string, Map<string, string>>()
  readonly #subscriptions: Subscriptions<Service>
  readonly #accounts = new Map<string, Account>()
  /** Devices to which an event is on its way; one at a time for each. */
  readonly #busy = new Set<Holder>()
  #nextId = 1

  constructor(parts: EventingParts, services: EventedServices<Service>) {
    this.#parts = parts
    this.#services = services
    this.#parallel = (parts.limits ?? EVENT_LIMITS).parallel
    this.#subscriptions = new Subscriptions(parts)
  }

  /** Subscriptions, expired ones not yet noticed included. */
  get size(): number {
    return this.#subscriptions.size
  }

  /** New or renewed; after a new one's answer has been sent, call `opened`. */
  subscribe(request: GenaRequest<Service>, now: Instant): Subscribed | GenaRefusal {
    this.#expire(now)
    const answer = this.#subscriptions.subscribe(request, now)
    if (answer.status !== 200 || !answer.isNew) return answer
    const groups = this.#services[request.service]
    this.#accounts.set(answer.sid, {
      seq: 0,
      isOpen: false,
      pending: new Set(groups.flatMap(({ variables }) => variables)),
      told: groups.map(() => undefined),
      flight: undefined,
      callback: 0,
      untried: this.#spare(answer.sid),
      failures: 0,
      notBefore: now,
    })
    return answer
  }

  unsubscribe(request: GenaRequest<Service>, now: Instant): { readonly status: 200 } | GenaRefusal {
    this.#expire(now)
    const answer = this.#subscriptions.unsubscribe(request)
    if (answer.status !== 200) return answer
    this.#end(answer.sid)
    this.#start(now)
    return { status: 200 }
  }

  /** The answer to this new subscription has left: its initial event, with all variables, may follow. */
  opened(sid: string, now: Instant): void {
    const account = this.#accounts.get(sid)
    if (account !== undefined) account.isOpen = true
    this.#start(now)
  }

  /**
   * The values of a service as they are now; what is not named stays, what did not change is not told. `network`: the
   * device behind which they are so; elsewhere they are others.
   */
  publish(service: Service, values: Readonly<Record<string, string>>, now: Instant, network?: string): void {
    const held = this.#valuesOf(service, network)
    const changed = Object.entries(values).filter(([name, value]) => held.get(name) !== value)
    for (const [name, value] of changed) held.set(name, value)
    if (changed.length === 0) return
    const evented = new Set(this.#services[service].flatMap(({ variables }) => variables))
    for (const { sid, service: of, device } of this.#subscriptions) {
      if (of !== service || (network !== undefined && device !== network)) continue
      for (const [name] of changed) if (evented.has(name)) this.#accounts.get(sid)?.pending.add(name)
    }
    this.#start(now)
  }

  /** The connection of this delivery stands: from now on the subscriber may have got the event. */
  connected(id: number): void {
    const account = this.#inFlight(id)
    if (account?.flight !== undefined) account.flight.isConnected = true
  }

  /** How it ended. Unknown ids (abandoned, ended twice) change nothing. */
  finished(id: number, outcome: Outcome, now: Instant): void {
    for (const [sid, account] of this.#accounts) {
      if (account.flight?.id === id) this.#land(sid, account, account.flight, outcome, now)
    }
    this.#start(now)
  }

  /** Ends the subscriptions of which this is not true: of hosts behind a device that is internal no more. */
  keep(isWanted: (host: Ip, device: string) => boolean): void {
    for (const { sid, host, device } of [...this.#subscriptions]) if (!isWanted(host, device)) this.#end(sid)
  }

  /** Ends all; nothing is told any more. */
  stop(): void {
    this.keep(() => false)
  }

  /** Expiry has no alarm: it is noticed before anything else happens to a subscription. */
  get wakeAt(): Instant | undefined {
    const deadlines: (Instant | undefined)[] = []
    for (const subscription of this.#subscriptions) {
      const account = this.#accounts.get(subscription.sid) as Account
      if (account.flight !== undefined) deadlines.push(deadlineOf(account.flight))
      else if (this.#hasPlace(account) && !this.#busy.has(subscription.holderNow()))
        deadlines.push(this.#dueAt(subscription))
    }
    return earliest(deadlines)
  }

  wake(now: Instant): void {
    for (const [sid, account] of [...this.#accounts]) {
      if (account.flight === undefined || deadlineOf(account.flight) > now) continue
      this.#parts.abandon(account.flight.id)
      this.#land(sid, account, account.flight, { is: 'broken' }, now)
    }
    this.#start(now)
  }

  /** Starts what is due, the longest due first; one at a time for each device, so that none can take all places. */
  #start(now: Instant): void {
    this.#expire(now)
    const due: { subscription: Subscription<Service>; at: Instant }[] = []
    for (const subscription of this.#subscriptions) {
      if (this.#busy.has(subscription.holderNow())) continue
      const at = this.#dueAt(subscription)
      if (at !== undefined && at <= now) due.push({ subscription, at })
    }
    due.sort((a, b) => a.at - b.at)
    for (const { subscription } of due) {
      // Asked again: a delivery that ends inside `deliver` may have begun or ended others.
      const account = this.#accounts.get(subscription.sid)
      const at = this.#dueAt(subscription)
      if (account === undefined || at === undefined || at > now) continue
      if (this.#hasPlace(account) && !this.#busy.has(subscription.holderNow())) this.#send(subscription, account, now)
    }
  }

  #send(subscription: Subscription<Service>, account: Account, now: Instant): void {
    const { sid, service, device, callbacks } = subscription
    const holder = subscription.holderNow()
    const callback = callbacks[account.callback] as Callback
    const names = new Set<string>()
    for (const [index, { variables, interval }] of this.#services[service].entries()) {
      const told = account.told[index]
      const ready = variables.filter(name => account.pending.has(name))
      if (ready.length === 0 || (told !== undefined && afterMs(told, interval) > now)) continue
      account.told[index] = now
      for (const name of ready) names.add(name)
    }
    for (const name of names) account.pending.delete(name)
    const common = this.#valuesOf(service)
    const own = this.#valuesOf(service, device)
    const textOf = (name: string) => own.get(name) ?? common.get(name) ?? ''
    const body = encodePropertySet(Array.from(names, name => ({ name, value: textOf(name) })))
    const id = this.#nextId++
    account.flight = { id, holder, begun: now, names, isConnected: false }
    this.#busy.add(holder)
    this.#parts.deliver({ id, device, to: callback, bytes: encodeEvent(callback, sid, account.seq, body) })
  }

  #land(sid: string, account: Account, flight: Flight, outcome: Outcome, now: Instant): void {
    account.flight = undefined
    this.#busy.delete(flight.holder)
    // UDA §4.3.2: the subscriber does not know this SID (any more).
    if (outcome.is === 'answered' && outcome.status === 412) {
      this.#end(sid)
      return
    }
    const isAnswered = outcome.is === 'answered'
    // A number is used up once the event may have arrived; a refused connection has carried nothing.
    if (isAnswered || flight.isConnected) account.seq = nextSeq(account.seq)
    if (isAnswered && outcome.status >= 200 && outcome.status < 300) {
      account.failures = 0
      account.untried = this.#spare(sid)
      return
    }
    for (const name of flight.names) account.pending.add(name)
    if (!isAnswered && !flight.isConnected && account.untried > 0) {
      account.untried--
      account.callback = (account.callback + 1) % (this.#spare(sid) + 1)
      account.told.fill(undefined) // to nobody yet: the next one hears the same
      return
    }
    account.untried = this.#spare(sid)
    const wait = RETRY_AFTER[account.failures++]
    if (wait === undefined) this.#end(sid)
    else account.notBefore = afterMs(now, wait)
  }

  #end(sid: string): void {
    const flight = this.#accounts.get(sid)?.flight
    this.#accounts.delete(sid)
    this.#subscriptions.remove(sid)
    if (flight === undefined) return
    this.#busy.delete(flight.holder)
    this.#parts.abandon(flight.id)
  }

  #expire(now: Instant): void {
    for (const { sid, expires } of [...this.#subscriptions]) if (expires <= now) this.#end(sid)
  }

  /** When the next event for it may leave; `undefined` while one is on its way or there is nothing to tell. */
  #dueAt({ sid, service }: Subscription<Service>): Instant | undefined {
    const account = this.#accounts.get(sid)
    if (account === undefined || account.flight !== undefined) return undefined
    if (!account.isOpen || account.pending.size === 0) return undefined
    const due = this.#services[service].map(({ variables, interval }, index) => {
      if (!variables.some(name => account.pending.has(name))) return undefined
      const told = account.told[index]
      return told === undefined ? account.notBefore : afterMs(told, interval)
    })
    const first = earliest(due)
    return first === undefined || first > account.notBefore ? first : account.notBefore
  }

  /** Who failed before gets one of half the places, so that dead subscribers do not hold up the living. */
  #hasPlace({ failures }: Account): boolean {
    return this.#busy.size < (failures === 0 ? this.#parallel : Math.ceil(this.#parallel / 2))
  }

  /** Callbacks beside the one that is used. */
  #spare(sid: string): number {
    return (this.#subscriptions.get(sid)?.callbacks.length ?? 1) - 1
  }

  #inFlight(id: number): Account | undefined {
    for (const account of this.#accounts.values()) if (account.flight?.id === id) return account
    return undefined
  }

  #valuesOf(service: Service, network = ''): Map<string, string> {
    const key = `${service} ${network}`
    let values = this.#values.get(key)
    if (values === undefined) {
      values = new Map()
      this.#values.set(key, values)
    }
    return values
  }
}

const deadlineOf = ({ begun, isConnected }: Flight): Instant => afterMs(begun, isConnected ? ANSWER_TIME : CONNECT_TIME)
