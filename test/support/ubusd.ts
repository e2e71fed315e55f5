/**
 * A double of ubusd, written from a description of the protocol (ubus `ubusmsg.h`, `ubusd_proto.c`, `ubusd_event.c`;
 * libubox `blobmsg.h`) and sharing no code with ours: it forwards calls, events and notifications among its clients,
 * and the test itself is one of them. What it says to the daemon, and in which order, was compared with what a real
 * ubusd says (`docs/ubus.md`, "What was tried"); the rest of the bus it does not play.
 */
import { linkSync, renameSync, rmSync } from 'node:fs'
import type { Server, Socket } from 'node:net'
import { createServer } from 'node:net'

export type Json = string | number | boolean | Json[] | { [name: string]: Json }
export type Table = { [name: string]: Json }

/** What a call ended with. */
export interface Called {
  readonly status: number
  readonly data: Table | undefined
}

export interface Message {
  readonly type: number
  readonly seq: number
  readonly peer: number
  readonly attributes: ReadonlyMap<number, Buffer>
}

interface BusObject {
  readonly id: number
  readonly path: string | undefined
  readonly signature: Table
  readonly owner: Client | undefined
  /** The test's own object. */
  readonly answer: ((method: string, args: Table) => Table | number) | undefined
  readonly subscribers: { readonly client: Client; readonly object: number }[]
}

interface Client {
  readonly id: number
  readonly socket: Socket
  held: Buffer
}

const HELLO = 0
const STATUS = 1
const DATA = 2
const LOOKUP = 4
const INVOKE = 5
const ADD_OBJECT = 6
const SUBSCRIBE = 8
const UNSUBSCRIBE = 9
const NOTIFY = 10
const ATTR = {
  status: 1,
  path: 2,
  object: 3,
  method: 4,
  type: 5,
  signature: 6,
  data: 7,
  target: 8,
  active: 9,
  noReply: 10,
  user: 12,
  group: 13,
}
const EVENTS = 1
/** `UBUS_MAX_MSGLEN`: who sends more is cut off. */
const MOST_BYTES = 1 << 20
/** `UBUS_STATUS_*` */
const INVALID_COMMAND = 1
const INVALID_ARGUMENT = 2
const NOT_FOUND = 4
const PERMISSION_DENIED = 6

export class Ubusd {
  readonly path: string
  /** What the daemon sent, as it came. */
  readonly received: Message[] = []
  /** Events that were sent, by anybody. */
  readonly events: { readonly id: string; readonly data: Table }[] = []
  /** What the daemon's user may (`ubusd_acl.c`): show objects, hear events, call methods of others. */
  readonly rights = { publish: true, listen: true, access: true }
  #server: Server | undefined
  #clients: Client[] = []
  #objects: BusObject[] = []
  #patterns: { readonly client: Client; readonly object: number; readonly pattern: string }[] = []
  readonly #calls = new Map<number, (called: Called) => void>()
  readonly #answers = new Map<number, Table>()
  #next = 0x1000
  #seq = 0

  constructor(path: string) {
    this.path = path
  }

  async start(): Promise<void> {
    rmSync(this.path, { force: true })
    const server = createServer(socket => this.#accept(socket))
    this.#server = server
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(this.path, () => resolve())
    })
  }

  /**
   * Every connection breaks, and every object is gone; so is the socket's file when ubusd was ended, while one that was
   * killed leaves it.
   */
  async stop(how: 'ended' | 'killed' = 'ended'): Promise<void> {
    const server = this.#server
    this.#server = undefined
    for (const { socket } of this.#clients) socket.destroy()
    this.#clients = []
    this.#objects = this.#objects.filter(({ owner }) => owner === undefined)
    for (const object of this.#objects) object.subscribers.length = 0
    this.#patterns = []
    if (server === undefined) return
    const kept = `${this.path}.kept`
    if (how === 'killed') linkSync(this.path, kept)
    await new Promise<void>(resolve => server.close(() => resolve())) // which removes the file
    if (how === 'killed') renameSync(kept, this.path)
  }

  get connections(): number {
    return this.#clients.length
  }

  /** Nothing is taken from the daemon any more, until `resume`. */
  pause(): void {
    for (const { socket } of this.#clients) socket.pause()
  }

  resume(): void {
    for (const { socket } of this.#clients) socket.resume()
  }

  /** Signature of an object of the daemon; `undefined` while there is none. */
  listed(path: string): Table | undefined {
    return this.#objects.find(object => object.path === path)?.signature
  }

  subscribers(path: string): number {
    return this.#objects.find(object => object.path === path)?.subscribers.length ?? 0
  }

  /** An object of the test: a table is data and status 0, a number a status. */
  publish(path: string, answer: (method: string, args: Table) => Table | number): void {
    const id = this.#next++
    this.#objects.push({ id, path, signature: {}, owner: undefined, answer, subscribers: [] })
    for (const { client, object, pattern } of this.#patterns) {
      if (pattern !== 'ubus.object.add') continue
      const body = [number(ATTR.object, object), text(ATTR.method, pattern), table(ATTR.data, { id, path })]
      send(client, INVOKE, ++this.#seq, 0, body)
    }
  }

  /** The object goes; who had subscribed is told. */
  withdraw(path: string): void {
    const gone = this.#objects.find(object => object.path === path)
    if (gone === undefined) throw new Error(`no object ${path}`)
    this.#objects = this.#objects.filter(object => object !== gone)
    for (const { client, object } of gone.subscribers) {
      send(client, UNSUBSCRIBE, ++this.#seq, 0, [number(ATTR.object, object), number(ATTR.target, gone.id)])
    }
  }

  notify(path: string, method: string, data: Table): void {
    for (const { client, object } of this.#objects.find(each => each.path === path)?.subscribers ?? []) {
      const head = [attribute(ATTR.noReply, Buffer.of(1)), number(ATTR.object, object), text(ATTR.method, method)]
      send(client, INVOKE, ++this.#seq, 0x55555555, [...head, ...ROOT, table(ATTR.data, data)])
    }
  }

  /** As `ubus call`: the test calls a method of the daemon. */
  call(path: string, method: string, args: Table = {}): Promise<Called> {
    return this.callWith(path, method, fields(args))
  }

  /** The same with anything at all as arguments: ubusd does not look into them. */
  callWith(path: string, method: string, args: Uint8Array): Promise<Called> {
    const object = this.#objects.find(each => each.path === path)
    if (object?.owner === undefined) return Promise.resolve({ status: 4, data: undefined })
    const seq = ++this.#seq & 0xffff
    const head = [number(ATTR.object, object.id), text(ATTR.method, method)]
    send(object.owner, INVOKE, seq, 0x66666666, [...head, ...ROOT, attribute(ATTR.data, Buffer.from(args))])
    return new Promise(resolve => this.#calls.set(seq, resolve))
  }

  /** Somebody subscribes to the daemon's object, or is the last one that does no more. */
  tellSubscribed(path: string, isActive: boolean): void {
    const object = this.#objects.find(each => each.path === path)
    if (object?.owner === undefined) throw new Error(`no object ${path} of the daemon`)
    const body = [number(ATTR.object, object.id), attribute(ATTR.active, Buffer.of(isActive ? 1 : 0))]
    send(object.owner, NOTIFY, ++this.#seq, 0, body)
  }

  /** Anything at all, to everybody. */
  spit(bytes: Uint8Array): void {
    for (const { socket } of this.#clients) socket.write(bytes)
  }

  #accept(socket: Socket): void {
    const client: Client = { id: this.#next++, socket, held: Buffer.alloc(0) }
    this.#clients.push(client)
    socket.on('error', () => undefined)
    socket.on('close', () => this.#left(client))
    socket.on('data', bytes => {
      client.held = Buffer.concat([client.held, bytes])
      for (;;) {
        if (client.held.length < 12) return
        const length = 8 + (client.held.readUInt32BE(8) & 0xffffff)
        if (length - 8 > MOST_BYTES) {
          socket.destroy()
          return
        }
        if (client.held.length < length) return
        const message = read(client.held.subarray(0, length))
        client.held = client.held.subarray(length)
        this.received.push(message)
        this.#handle(client, message)
      }
    })
    send(client, HELLO, 0, client.id, [])
  }

  #left(client: Client): void {
    this.#clients = this.#clients.filter(each => each !== client)
    this.#objects = this.#objects.filter(({ owner }) => owner !== client)
    this.#patterns = this.#patterns.filter(each => each.client !== client)
    for (const { subscribers } of this.#objects) {
      const left = subscribers.filter(each => each.client !== client)
      subscribers.splice(0, subscribers.length, ...left)
    }
  }

  #handle(client: Client, message: Message): void {
    const { type, seq, peer } = message
    if ((type === DATA || type === STATUS) && !this.#mayAnswer(client, message)) return
    if (type === DATA) {
      this.#answers.set(seq, readTable(message.attributes.get(ATTR.data) ?? Buffer.alloc(0)))
    } else if (type === STATUS) {
      const data = this.#answers.get(seq)
      this.#answers.delete(seq)
      this.#calls.get(seq)?.({ status: numberOf(message, ATTR.status), data })
      this.#calls.delete(seq)
    } else {
      const code = this.#request(client, message)
      if (code !== undefined) send(client, STATUS, seq, peer, [number(ATTR.status, code)])
    }
  }

  /** Answers that do not say of which own object they are, or say nothing, go no further; nobody is told. */
  #mayAnswer(client: Client, { type, attributes }: Message): boolean {
    if (!attributes.has(type === DATA ? ATTR.data : ATTR.status)) return false
    const object = attributes.get(ATTR.object)?.readUInt32BE()
    return this.#objects.some(({ id, owner }) => id === object && owner === client)
  }

  /** Its status; `undefined` when it has been sent. */
  #request(client: Client, message: Message): number | undefined {
    const { type, seq, peer } = message
    switch (type) {
      case ADD_OBJECT:
        return this.#add(client, message)
      case LOOKUP: {
        const path = textOf(message, ATTR.path)
        const found = this.#objects.find(object => object.path === path)
        if (path === undefined || found === undefined) return NOT_FOUND
        if (!this.rights.access) return 0 // and not a word of it
        const head = [text(ATTR.path, path), number(ATTR.object, found.id), number(ATTR.type, 7)]
        send(client, DATA, seq, peer, [...head, table(ATTR.signature, found.signature)])
        return 0
      }
      case SUBSCRIBE: {
        if (!message.attributes.has(ATTR.object) || !message.attributes.has(ATTR.target)) return INVALID_ARGUMENT
        const object = this.#objects.find(({ id }) => id === numberOf(message, ATTR.object))
        if (object?.owner !== client) return object === undefined ? NOT_FOUND : INVALID_ARGUMENT
        const target = this.#objects.find(({ id }) => id === numberOf(message, ATTR.target))
        if (target === undefined) return NOT_FOUND
        if (target.owner === client) return INVALID_ARGUMENT
        target.subscribers.push({ client, object: object.id })
        return 0
      }
      case INVOKE:
        return this.#invoke(client, message)
      default:
        return INVALID_COMMAND
    }
  }

  #add(client: Client, message: Message): number {
    const path = textOf(message, ATTR.path)
    if (path !== undefined && (!this.rights.publish || this.listed(path) !== undefined)) return INVALID_ARGUMENT
    const id = this.#next++
    const signature = readTable(message.attributes.get(ATTR.signature) ?? Buffer.alloc(0))
    this.#objects.push({ id, path, signature, owner: client, answer: undefined, subscribers: [] })
    const type = message.attributes.has(ATTR.signature) ? [number(ATTR.type, id + 1)] : []
    send(client, DATA, message.seq, message.peer, [number(ATTR.object, id), ...type])
    return 0
  }

  #invoke(client: Client, message: Message): number | undefined {
    if (!message.attributes.has(ATTR.object) || !message.attributes.has(ATTR.method)) return INVALID_ARGUMENT
    const object = numberOf(message, ATTR.object)
    const method = textOf(message, ATTR.method) ?? ''
    const args = readTable(message.attributes.get(ATTR.data) ?? Buffer.alloc(0))
    if (object === EVENTS && method === 'register') {
      const listener = Number(args['object']) >>> 0
      const mine = this.#objects.find(({ id }) => id === listener)
      if (mine?.owner !== client) return mine === undefined ? NOT_FOUND : PERMISSION_DENIED
      if (!this.rights.listen) return PERMISSION_DENIED
      this.#patterns.push({ client, object: listener, pattern: String(args['pattern']) })
      return 0
    }
    if (object === EVENTS && method === 'send') {
      if (typeof args['id'] !== 'string' || typeof args['data'] !== 'object') return INVALID_ARGUMENT
      if (args['id'].startsWith('ubus.')) return PERMISSION_DENIED
      this.events.push({ id: args['id'], data: args['data'] as Table })
      return 0
    }
    const target = this.#objects.find(({ id }) => id === object)
    const answer = target?.answer?.(method, args) ?? NOT_FOUND
    if (typeof answer === 'number') return answer
    send(client, DATA, message.seq, object, [number(ATTR.object, object), table(ATTR.data, answer)])
    send(client, STATUS, message.seq, object, [number(ATTR.status, 0), number(ATTR.object, object)])
    return undefined
  }
}

function send({ socket }: Client, type: number, seq: number, peer: number, attributes: readonly Buffer[]): void {
  const head = Buffer.alloc(8)
  head.writeUInt8(type, 1)
  head.writeUInt16BE(seq & 0xffff, 2)
  head.writeUInt32BE(peer >>> 0, 4)
  socket.write(Buffer.concat([head, attribute(0, Buffer.concat(attributes))]))
}

const padding = (length: number) => Buffer.alloc(-length & 3)

function attribute(id: number, data: Buffer, extended = false): Buffer {
  const head = Buffer.alloc(4)
  head.writeUInt32BE((((extended ? 0x80 : 0) | id) * 0x1000000 + 4 + data.length) >>> 0)
  return Buffer.concat([head, data, padding(data.length)])
}

function number(id: number, value: number): Buffer {
  const data = Buffer.alloc(4)
  data.writeUInt32BE(value >>> 0)
  return attribute(id, data)
}

const text = (id: number, value: string) => attribute(id, Buffer.from(`${value}\0`))
/** Who calls. */
const ROOT = [text(ATTR.user, 'root'), text(ATTR.group, 'root')]
const table = (id: number, value: Table) => attribute(id, fields(value))
const fields = (value: Table) => Buffer.concat(Object.entries(value).map(([name, each]) => field(name, each)))

function field(name: string, value: Json): Buffer {
  const bytes = Buffer.from(name)
  const head = Buffer.alloc(2)
  head.writeUInt16BE(bytes.length)
  const named = Buffer.concat([head, bytes, Buffer.of(0)])
  const [type, data] = typed(value)
  return attribute(type, Buffer.concat([named, padding(named.length), data]), true)
}

function typed(value: Json): readonly [number, Buffer] {
  if (typeof value === 'string') return [3, Buffer.from(`${value}\0`)]
  if (typeof value === 'boolean') return [7, Buffer.of(value ? 1 : 0)]
  if (typeof value === 'number') {
    const data = Buffer.alloc(4)
    data.writeInt32BE(value)
    return [5, data]
  }
  if (Array.isArray(value)) return [1, Buffer.concat(value.map(each => field('', each)))]
  return [2, fields(value)]
}

function read(bytes: Buffer): Message {
  const attributes = new Map<number, Buffer>()
  for (const { id, data } of split(bytes.subarray(12))) attributes.set(id, data)
  return { type: bytes.readUInt8(1), seq: bytes.readUInt16BE(2), peer: bytes.readUInt32BE(4), attributes }
}

function* split(bytes: Buffer): Generator<{ readonly id: number; readonly data: Buffer }> {
  for (let at = 0; at < bytes.length; ) {
    const head = bytes.readUInt32BE(at)
    const length = head & 0xffffff
    if (length < 4 || at + length > bytes.length)
      throw new Error(`ubusd would hang up: an attribute of ${length} bytes`)
    yield { id: (head >>> 24) & 0x7f, data: bytes.subarray(at + 4, at + length) }
    at += length + (-length & 3)
  }
}

function readTable(bytes: Buffer): Table {
  return Object.fromEntries(readFields(bytes))
}

const readFields = (bytes: Buffer): [string, Json][] =>
  [...split(bytes)].map(({ id, data }) => {
    const length = data.readUInt16BE(0)
    const value = data.subarray(2 + length + 1 + (-(2 + length + 1) & 3))
    return [data.subarray(2, 2 + length).toString(), fieldValue(id, value)]
  })

function fieldValue(type: number, data: Buffer): Json {
  if (type === 1) return readFields(data).map(([, value]) => value)
  if (type === 2) return readTable(data)
  if (type === 3) return data.subarray(0, -1).toString()
  if (type === 4) return Number(data.readBigInt64BE())
  if (type === 5) return data.readInt32BE()
  if (type === 7) return data.readInt8() !== 0
  if (type === 8) return data.readDoubleBE()
  throw new Error(`type ${type}`)
}

const textOf = ({ attributes }: Message, id: number): string | undefined =>
  attributes.get(id)?.subarray(0, -1).toString()
const numberOf = ({ attributes }: Message, id: number): number => attributes.get(id)?.readUInt32BE() ?? 0
