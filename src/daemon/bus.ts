/**
 * The daemon's place on ubus: the object `portico` (`docs/ubus.md`), an event for what happens to mappings, and
 * netifd's word on interfaces. Without a bus all of this is silent, and nothing else notices.
 */
import type { Log } from '../base/log.ts'
import { eventFields } from '../control/happened.ts'
import type { ArgumentType, MethodName } from '../control/methods.ts'
import { callMethod, SIGNATURES } from '../control/methods.ts'
import type { ControlWorld } from '../control/world.ts'
import type { Event } from '../core/record.ts'
import type { Platform } from '../platform/platform.ts'
import type { BlobTable } from '../wire/blobmsg.ts'
import { BLOBMSG } from '../wire/blobmsg.ts'
import { UBUS_STATUS } from '../wire/ubus.ts'
import type { Timers } from './timers.ts'
import type { UbusAnswer } from './ubus-calls.ts'
import type { UbusObject, UbusState } from './ubus-client.ts'
import { UbusClient } from './ubus-client.ts'

/** Where ubusd listens since OpenWrt 21.02. */
const SOCKET = '/var/run/ubus/ubus.sock'
/** Names another socket; empty: no ubus. */
const VARIABLE = 'PORTICO_UBUS'
const NAME = 'portico'
const NETIFD = 'network.interface'

export class Bus {
  readonly #client: UbusClient | undefined

  constructor(platform: Platform, timers: Timers, log: Log) {
    const path = platform.environment(VARIABLE) ?? SOCKET
    if (path === '') return
    this.#client = new UbusClient({ platform, path, log, rearm: () => timers.rearm() })
    timers.add(this.#client)
  }

  get state(): UbusState {
    return this.#client?.state ?? { connected: false, trouble: `${VARIABLE} is empty` }
  }

  /** Resolves when we are on the bus or know that we are not yet; never rejects. */
  async start(): Promise<void> {
    await this.#client?.start()
  }

  /** The owner has called: there may be a bus now. */
  again(): void {
    this.#client?.again()
  }

  /** netifd's `network.interface dump`; `undefined` when it does not answer. */
  async dump(): Promise<BlobTable | undefined> {
    return this.#client?.call(NETIFD, 'dump', {})
  }

  /** Shows the object, and calls `changed` whenever an interface has changed. */
  serve(world: ControlWorld, changed: () => void): void {
    this.#client?.publish(objectOf(world))
    this.#client?.subscribe(NETIFD, changed)
  }

  /** To whoever listens for `portico`; the journal has already kept a flood away. */
  tell(event: Event): void {
    const told = toldOf(event)
    if (told !== undefined) this.#client?.send(NAME, told as BlobTable)
  }

  close(): void {
    this.#client?.close()
  }
}

function toldOf(event: Event): Readonly<Record<string, unknown>> | undefined {
  if (event.what === 'quiet') return { what: 'skipped', count: event.count }
  return 'mapping' in event || event.what === 'refused' ? eventFields(event) : undefined
}

const TYPE: Readonly<Record<ArgumentType, number>> = {
  text: BLOBMSG.string,
  number: BLOBMSG.int32,
  flag: BLOBMSG.int8,
  list: BLOBMSG.array,
}

const objectOf = (world: ControlWorld): UbusObject => ({
  name: NAME,
  signature: Object.fromEntries((Object.keys(SIGNATURES) as MethodName[]).map(method => [method, typesOf(method)])),
  call: (method, args) => answer(world, method, args),
})

const typesOf = (method: MethodName): Readonly<Record<string, number>> =>
  Object.fromEntries(Object.entries(SIGNATURES[method]).map(([name, type]) => [name, TYPE[type]]))

async function answer(world: ControlWorld, method: string, args: BlobTable): Promise<UbusAnswer> {
  const reply = await callMethod(world, method, args)
  switch (reply.is) {
    case 'done':
      return { status: UBUS_STATUS.ok, data: reply.data }
    case 'invalid':
      return { status: UBUS_STATUS.invalidArgument }
    case 'unknown':
      return { status: UBUS_STATUS.methodNotFound }
  }
}
