/**
 * The daemon on the bus: keeps a connection to ubusd, one object of ours on it, and subscriptions to others. A
 * connection that breaks is made anew, and what ubusd refuses is asked for again, later each time; where there is no
 * ubusd at all nobody is asked again until `again`, so that a machine without OpenWrt is not woken for it.
 */

import { Backoff } from '../base/backoff.ts'
import { reasonOf } from '../base/fail.ts'
import type { Log } from '../base/log.ts'
import type { Instant } from '../base/time.ts'
import { between, earliest, milliseconds } from '../base/time.ts'
import type { Platform } from '../platform/platform.ts'
import { SystemError } from '../platform/platform.ts'
import type { Blob, BlobTable } from '../wire/blobmsg.ts'
import type { UbusMessage } from '../wire/ubus.ts'
import { EVENT_OBJECT, UBUS, UBUS_STATUS } from '../wire/ubus.ts'
import type { Timed } from './timers.ts'
import type { UbusAnswer } from './ubus-calls.ts'
import { UbusCalls } from './ubus-calls.ts'
import { UbusLink } from './ubus-link.ts'
import { UbusRefusals } from './ubus-refusals.ts'

export interface UbusObject {
  readonly name: string
  /** Types of the arguments (`BLOBMSG`) by method and name. */
  readonly signature: Readonly<Record<string, Readonly<Record<string, number>>>>
  /** `status` as in `UBUS_STATUS`; `data` only where it is ok. */
  call(method: string, args: BlobTable): Promise<UbusAnswer>
}

export interface UbusClientParts {
  readonly platform: Pick<Platform, 'clock' | 'connect'>
  /** ubusd's socket. */
  readonly path: string
  readonly log: Log
  /** `wakeAt` may have changed. */
  readonly rearm: () => void
}

export interface UbusState {
  readonly connected: boolean
  /** Why not, or what ubusd refuses us; for people. */
  readonly trouble: string | undefined
}

const FIRST_RETRY = milliseconds(500)
const LAST_RETRY = milliseconds(30_000)
/** Events are dropped while so much waits: what listens too slowly must not cost us memory. */
const MOST_EVENT_BYTES = 1 << 18
const OBJECT_ADDED = 'ubus.object.add'

interface Subscription {
  readonly path: string
  readonly heard: () => void
  target: number | undefined
}

export class UbusClient implements Timed {
  readonly #parts: UbusClientParts
  #link: UbusLink | undefined
  #calls: UbusCalls | undefined
  #isUp = false
  /** When we last came onto the bus. */
  #upAt: Instant | undefined
  #connecting = false
  #isClosed = false
  readonly #backoff = new Backoff(FIRST_RETRY, LAST_RETRY)
  /** Why there is no connection. */
  #trouble: string | undefined
  readonly #refusals: UbusRefusals
  #object: UbusObject | undefined
  #objectId: number | undefined
  #listenerId: number | undefined
  #subscriptions: readonly Subscription[] = []
  /** Who waits for the first attempt to end. */
  #started: (() => void)[] = []

  constructor(parts: UbusClientParts) {
    this.#parts = parts
    const { platform, log, rearm } = parts
    this.#refusals = new UbusRefusals({ now: () => platform.clock.now(), log, rearm })
  }

  get state(): UbusState {
    return { connected: this.#isUp, trouble: this.#trouble ?? this.#refusals.trouble }
  }

  get wakeAt(): Instant | undefined {
    return earliest([this.#backoff.wakeAt, this.#refusals.wakeAt, this.#link?.wakeAt, this.#calls?.wakeAt])
  }

  wake(now: Instant): void {
    this.#link?.wake(now)
    this.#calls?.wake(now)
    this.#refusals.wake(now)
    if (this.#backoff.isDue(now)) this.#connect()
  }

  /** Resolves when we are on the bus, or when the first attempt has failed; never rejects. */
  start(): Promise<void> {
    return new Promise(resolve => {
      this.#started.push(resolve)
      this.#connect()
    })
  }

  /** Somebody believes that there may be a bus now, or more rights on it. */
  again(): void {
    this.#refusals.again()
    if (this.#link === undefined && !this.#connecting) this.#connect()
  }

  /** Shows the object now and after each new connection. */
  publish(object: UbusObject): void {
    this.#object = object
    if (this.#isUp) this.#addObject()
  }

  /** `heard` whenever the object says something, and when it appears anew. */
  subscribe(path: string, heard: () => void): void {
    this.#subscriptions = [...this.#subscriptions, { path, heard, target: undefined }]
    if (this.#isUp) this.#listen()
  }

  /** What an object of somebody else answers; `undefined` when it does not. */
  async call(path: string, method: string, args: BlobTable): Promise<BlobTable | undefined> {
    await undefined
    const target = await this.#lookUp(path)
    const link = this.#link
    if (target === undefined || link === undefined) return undefined
    return new Promise(resolve =>
      link.request(UBUS.invoke, { object: target, method, data: args }, ({ status, messages }) => {
        const last = messages.at(-1)
        resolve(status === UBUS_STATUS.ok && last?.unreadable !== true ? (last?.data ?? {}) : undefined)
      }),
    )
  }

  /** An event for whoever listens; whether it left. */
  send(event: string, data: BlobTable): boolean {
    const link = this.#link
    if (link === undefined || !this.#isUp || link.pending > MOST_EVENT_BYTES) return false
    const { freeSeq: seq } = link
    const body = { id: event, data }
    return link.send({ type: UBUS.invoke, seq, peer: EVENT_OBJECT, object: EVENT_OBJECT, method: 'send', data: body })
  }

  close(): void {
    this.#isClosed = true
    this.#backoff.reset()
    this.#drop()
    this.#settled()
  }

  #connect(): void {
    if (this.#isClosed || this.#connecting || this.#link !== undefined) return
    const { platform, path } = this.#parts
    this.#connecting = true
    this.#backoff.begin()
    platform.connect({ unix: path }).then(
      stream => {
        this.#connecting = false
        if (this.#isClosed) {
          stream.close()
          return
        }
        const { clock } = platform
        const link = new UbusLink(stream, this.#linkParts())
        const serve = (message: UbusMessage) => this.#serve(message)
        this.#link = link
        this.#calls = new UbusCalls({ link, serve, now: () => clock.now(), rearm: this.#parts.rearm })
        this.#parts.rearm() // it may never greet us
      },
      (error: unknown) => {
        this.#connecting = false
        const code = error instanceof SystemError ? error.code : ''
        this.#failed(
          code === 'ENOENT' ? `there is no ubusd at ${path}` : `ubusd cannot be reached: ${reasonOf(error)}`,
          code,
        )
      },
    )
  }

  #linkParts() {
    const { platform, rearm } = this.#parts
    return {
      now: () => platform.clock.now(),
      rearm,
      greeted: () => this.#greeted(),
      invoked: (message: UbusMessage) => this.#invoked(message),
      late: (message: UbusMessage) => this.#late(message),
      unsubscribed: (message: UbusMessage) => this.#lost(message),
      ended: (why: string) => {
        // One that lasted was no failure; one that ends at once must not be tried twice a second for ever.
        if (this.#isUp && between(this.#upAt as Instant, platform.clock.now()) > LAST_RETRY) this.#backoff.reset()
        this.#drop()
        this.#failed(why, '')
      },
    }
  }

  #greeted(): void {
    const { platform, log } = this.#parts
    if (this.#upAt !== undefined) log('info', 'ubus', 'on the bus again')
    this.#isUp = true
    this.#upAt = platform.clock.now()
    this.#trouble = undefined
    if (this.#object !== undefined) this.#addObject()
    if (this.#subscriptions.length > 0) this.#listen()
    this.#settled()
  }

  #failed(why: string, code: string): void {
    const { platform, log, rearm } = this.#parts
    if (this.#isClosed) return
    const now = platform.clock.now()
    if (this.#upAt !== undefined && this.#trouble === undefined) log('warning', 'ubus', `${why}; trying again`)
    this.#trouble = why
    if (this.#upAt !== undefined || code !== 'ENOENT') this.#backoff.failed(now)
    this.#settled()
    rearm()
  }

  #drop(): void {
    this.#isUp = false
    this.#link?.close()
    this.#link = undefined
    this.#calls = undefined
    this.#refusals.clear()
    this.#objectId = undefined
    this.#listenerId = undefined
    for (const subscription of this.#subscriptions) subscription.target = undefined
  }

  #settled(): void {
    for (const resolve of this.#started.splice(0)) resolve()
  }

  #addObject(): void {
    const { name, signature } = this.#object as UbusObject
    const what = `the object ${name}`
    this.#link?.request(UBUS.addObject, { path: name, signature }, ({ status, messages }) => {
      const refusal = `ubusd does not take ${what} (status ${status}): is there another, or no right to?`
      if (this.#isRefused(status, what, refusal, () => this.#addObject())) return
      this.#objectId = messages[0]?.object
    })
  }

  /** An object without a name hears both: what our subscriptions say, and that new objects have come. */
  #listen(): void {
    if (this.#listenerId !== undefined) {
      this.#subscribeAll()
      return
    }
    this.#link?.request(UBUS.addObject, {}, ({ status, messages }) => {
      const object = messages[0]?.object
      if (status !== UBUS_STATUS.ok || object === undefined) return
      this.#listenerId = object
      this.#register(object)
      this.#subscribeAll()
    })
  }

  #register(object: number): void {
    const data = { object: object | 0, pattern: OBJECT_ADDED }
    this.#link?.request(UBUS.invoke, { object: EVENT_OBJECT, method: 'register', data }, ({ status }) => {
      const again = () => {
        this.#register(object)
        this.#subscribeAll() // what came meanwhile was told to nobody
      }
      this.#isRefused(status, OBJECT_ADDED, `ubusd does not tell us of ${OBJECT_ADDED} (status ${status})`, again)
    })
  }

  #subscribeAll(): void {
    for (const subscription of this.#subscriptions) {
      if (subscription.target !== undefined) continue
      this.#lookUp(subscription.path).then(target => this.#subscribeTo(subscription, target))
    }
  }

  #subscribeTo(subscription: Subscription, target: number | undefined): void {
    const object = this.#listenerId
    if (target === undefined || object === undefined || subscription.target !== undefined) return
    const { path, heard } = subscription
    subscription.target = target
    this.#link?.request(UBUS.subscribe, { object, target }, ({ status }) => {
      const refusal = `ubusd does not let us subscribe to ${path} (status ${status})`
      if (!this.#isRefused(status, `news of ${path}`, refusal, () => this.#subscribeAll())) heard()
      else if (subscription.target === target) subscription.target = undefined
    })
  }

  /** Never rejects. */
  #lookUp(path: string): Promise<number | undefined> {
    const link = this.#link
    if (link === undefined || !this.#isUp) return Promise.resolve(undefined)
    return new Promise(resolve =>
      link.request(UBUS.lookup, { path }, ({ status, messages }) => {
        // What a user may call nothing of is not shown to it, and no error either (ubusd_proto.c, ubusd_send_obj).
        const isHidden = status === UBUS_STATUS.ok && messages.length === 0
        if (isHidden) this.#refusals.refused(path, `ubusd does not let us call ${path}`, () => this.#subscribeAll())
        else this.#refusals.granted(path)
        resolve(messages.find(message => message.path === path)?.object)
      }),
    )
  }

  /** Who was too busy to answer has time now, and may have said it to nobody. */
  #late({ peer }: UbusMessage): void {
    for (const { target, heard } of this.#subscriptions) if (target === peer) heard()
  }

  #lost({ target }: UbusMessage): void {
    for (const subscription of this.#subscriptions) {
      if (subscription.target === target) subscription.target = undefined
    }
  }

  #invoked(message: UbusMessage): void {
    const { object, unreadable } = message
    const calls = this.#calls as UbusCalls
    if (object === undefined || (object !== this.#objectId && object !== this.#listenerId)) {
      calls.answer(message, { status: UBUS_STATUS.notFound })
    } else if (object === this.#objectId) {
      if (unreadable === true) calls.answer(message, { status: UBUS_STATUS.invalidArgument })
      else calls.take(message)
    } else {
      calls.answer(message, { status: UBUS_STATUS.ok })
      if (message.method === OBJECT_ADDED) this.#objectAdded(message.data?.['path'])
      else for (const { heard } of this.#subscriptions) heard() // a notification does not say whose it is
    }
  }

  #objectAdded(path: Blob | undefined): void {
    if (this.#subscriptions.some(each => each.path === path)) this.#subscribeAll()
  }

  #serve({ method = '', data = {} }: UbusMessage): Promise<UbusAnswer> {
    const object = this.#object as UbusObject
    return object.call(method, data).catch((error: unknown) => {
      this.#parts.log('error', 'ubus', `a fault of this program: ${error}`)
      return { status: UBUS_STATUS.unknownError }
    })
  }

  /** What has not been answered when the connection ends was not refused, and will be asked for on the next one. */
  #isRefused(status: number, what: string, refusal: string, ask: () => void): boolean {
    if (status === UBUS_STATUS.ok) this.#refusals.granted(what)
    else if (status !== UBUS_STATUS.connectionFailed) this.#refusals.refused(what, refusal, ask)
    return status !== UBUS_STATUS.ok
  }
}
