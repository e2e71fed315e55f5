/**
 * nf_tables over netlink (linux/netfilter/nf_tables.h, nfnetlink.h): tables, chains, rules, sets with their elements,
 * generations, and the batch in which every change travels. Numbers are big-endian, headers in the machine's order.
 */
import { Malformed } from '../base/fail.ts'
import type { Describe, Message } from './netlink.ts'
import { beginMessage, dump as dumpMessages, endMessage, FLAG } from './netlink.ts'
import type { Attributes, Values } from './netlink-attributes.ts'
import { attributes, be32, be64, beS32, hex, list, raw, source, string, Writer } from './netlink-attributes.ts'
import { data, expression, expressions } from './nftables-expressions.ts'

/** enum nft_* flags of sets: NFT_SET_* */
export const SET_FLAG = { anonymous: 1, constant: 2, interval: 4, map: 8, timeout: 0x10, concat: 0x80 } as const

/** NFPROTO_*, linux/netfilter.h */
export const FAMILY = { unspecified: 0, inet: 1, ipv4: 2, ipv6: 10 } as const

/** enum nf_inet_hooks */
export const HOOK = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const

export const table = attributes('table', {
  // enum nft_table_attributes
  name: [1, string],
  flags: [2, be32],
  use: [3, be32],
  handle: [4, be64],
  userdata: [6, raw],
  owner: [7, be32],
})

const hook = attributes('hook', {
  // enum nft_hook_attributes
  number: [1, be32],
  priority: [2, beS32],
  device: [3, string],
  devices: [4, list(string)],
})

export const chain = attributes('chain', {
  // enum nft_chain_attributes
  table: [1, string],
  handle: [2, be64],
  name: [3, string],
  hook: [4, hook],
  policy: [5, be32],
  use: [6, be32],
  type: [7, string],
  flags: [10, be32],
  id: [11, be32],
  userdata: [12, raw],
})

export const rule = attributes('rule', {
  // enum nft_rule_attributes
  table: [1, string],
  chain: [2, string],
  handle: [3, be64],
  expressions: [4, expressions],
  position: [6, be64],
  userdata: [7, raw],
  id: [9, be32],
  positionId: [10, be32],
  chainId: [11, be32],
})

const field = attributes('field', { length: [1, be32] }) // enum nft_set_field_attributes

const description = attributes('description', { size: [1, be32], concat: [2, list(field)] }) // enum nft_set_desc_attributes

export const set = attributes('set', {
  // enum nft_set_attributes
  table: [1, string],
  name: [2, string],
  flags: [3, be32],
  keyType: [4, be32],
  keyLength: [5, be32],
  dataType: [6, be32],
  dataLength: [7, be32],
  policy: [8, be32],
  description: [9, description],
  id: [10, be32],
  timeout: [11, be64],
  gcInterval: [12, be32],
  userdata: [13, raw],
  objectType: [15, be32],
  handle: [16, be64],
  expression: [17, expression],
  expressions: [18, expressions],
})

export const element = attributes('element', {
  // enum nft_set_elem_attributes
  key: [1, data],
  data: [2, data],
  flags: [3, be32],
  timeout: [4, be64],
  expiration: [5, be64],
  userdata: [6, raw],
  expression: [7, expression],
  keyEnd: [10, data],
  expressions: [11, expressions],
})
export type Element = Values<typeof element extends Attributes<infer F> ? F : never>

export const elements = attributes('elements', {
  // enum nft_set_elem_list_attributes
  table: [1, string],
  set: [2, string],
  elements: [3, list(element, 'counted')],
  setId: [4, be32],
})

export const generation = attributes('generation', {
  // enum nft_gen_attributes
  id: [1, be32],
  processId: [2, be32],
  processName: [3, string],
})

const batchHead = attributes('batch', { generation: [1, be32] }) // enum nfnl_batch_attributes

/** enum nf_tables_msg_types: number and attributes of each message. */
const MESSAGE = {
  newTable: [0, table],
  getTable: [1, table],
  deleteTable: [2, table],
  newChain: [3, chain],
  getChain: [4, chain],
  deleteChain: [5, chain],
  newRule: [6, rule],
  getRule: [7, rule],
  deleteRule: [8, rule],
  newSet: [9, set],
  getSet: [10, set],
  deleteSet: [11, set],
  newElements: [12, elements],
  getElements: [13, elements],
  deleteElements: [14, elements],
  newGeneration: [15, generation],
  getGeneration: [16, generation],
  destroyTable: [26, table],
  destroyElements: [30, elements],
} as const
type Messages = typeof MESSAGE
export type MessageName = keyof Messages
export type Body<N extends MessageName> = Messages[N][1] extends Attributes<infer F> ? Values<F> : never

/** A message of nf_tables with its name and attributes, as a union over the names. */
export type NftMessage = {
  readonly [N in MessageName]: {
    readonly name: N
    readonly family: number
    /** Of replies and events: the low 16 bits of the generation. */
    readonly resource: number
    readonly body: Body<N>
  }
}[MessageName]

const NFNL_SUBSYS_NFTABLES = 10 // linux/netfilter/nfnetlink.h
const NFNL_MSG_BATCH_BEGIN = 0x10
const NFNL_MSG_BATCH_END = 0x11
/** `struct nfgenmsg`: u8 family, u8 version, be16 resource */
export const GENERIC_SIZE = 4

const NAMES = new Map<number, MessageName>(
  Object.entries(MESSAGE).map(([name, [number]]) => [number, name as MessageName]),
)

/** `nlmsg_type` of a message: the subsystem in the high byte. */
const typeOf = (name: MessageName): number => (NFNL_SUBSYS_NFTABLES << 8) | MESSAGE[name][0]

/** Which message of nf_tables a type is; `undefined` for any other. */
export const nameOf = (type: number): MessageName | undefined =>
  type >> 8 === NFNL_SUBSYS_NFTABLES ? NAMES.get(type & 0xff) : undefined

/** Reads a message of nf_tables. Throws `Malformed`, also for types it does not know. */
export function decode(message: Message, littleEndian: boolean): NftMessage {
  const name = nameOf(message.type)
  if (name === undefined) throw new Malformed(`not a message of nf_tables: type 0x${message.type.toString(16)}`)
  const { payload } = message
  if (payload.length < GENERIC_SIZE) throw new Malformed(`${name}: ${payload.length} bytes`)
  const from = source(payload, littleEndian)
  return {
    name,
    family: from.view.getUint8(0),
    resource: from.view.getUint16(2),
    body: MESSAGE[name][1].read(from, GENERIC_SIZE, payload.length),
  } as NftMessage
}

/** A request on its own (GET messages; changes travel in a `Batch`). */
export function request<N extends MessageName>(
  name: N,
  flags: number,
  sequence: number,
  family: number,
  body: Body<N>,
  littleEndian: boolean,
): Uint8Array {
  const to = new Writer(littleEndian, 128)
  const start = begin(to, typeOf(name), FLAG.request | flags, sequence, family, 0)
  MESSAGE[name][1].write(to, body)
  endMessage(to, start)
  return to.done()
}

/** Messages that go in one datagram and count as one change; what `Exchange.batch` sends. */
export interface Sendable {
  /** Messages, without BEGIN and END. */
  readonly size: number
  /** The datagram; BEGIN has `sequence`, and every message one more than the one before it. */
  finish(sequence: number, end?: 'commit' | 'abandoned'): Uint8Array
}

/**
 * Changes that the kernel makes together or not at all: BATCH_BEGIN, messages, BATCH_END in one datagram. The last
 * message asks for an acknowledgement, which arrives after all errors (nfnetlink.c, nfnetlink_rcv_batch).
 */
export class Batch implements Sendable {
  readonly writer: Writer
  readonly #starts: number[] = []

  /** `writer`: its buffer is used again, what it held is lost. */
  constructor(writer: Writer) {
    this.writer = writer
    writer.length = 0
    this.mark()
    writer.put(edges(writer.littleEndian).begin)
  }

  /** Messages so far, without BEGIN and END. */
  get size(): number {
    return this.#starts.length - 1
  }

  /** Adds a message and returns its number in the batch, from 0. */
  add<N extends MessageName>(name: N, flags: number, family: number, body: Body<N>): number {
    this.mark()
    const start = begin(this.writer, typeOf(name), FLAG.request | flags, 0, family, 0)
    MESSAGE[name][1].write(this.writer, body)
    endMessage(this.writer, start)
    return this.size - 1
  }

  /** Registers a message that the caller is about to write at the end of `writer`, and returns its number. */
  mark(): number {
    return this.#starts.push(this.writer.length) - 2
  }

  /**
   * The datagram, a view into the writer. BATCH_BEGIN has `sequence`, message n `sequence + 1 + n`, BATCH_END the one
   * after the last. `abandoned`: without BATCH_END, so that the kernel tries everything, answers, and keeps nothing.
   */
  finish(sequence: number, end: 'commit' | 'abandoned' = 'commit'): Uint8Array {
    const changes = this.size
    const last = this.#starts[changes] as number
    if (end === 'commit') {
      this.mark()
      this.writer.put(edges(this.writer.littleEndian).end)
    }
    const { view, littleEndian } = this.writer
    for (let i = 0; i < this.#starts.length; i++) {
      view.setUint32((this.#starts[i] as number) + 8, (sequence + i) >>> 0, littleEndian)
    }
    if (changes > 0) {
      view.setUint16(last + 6, view.getUint16(last + 6, littleEndian) | FLAG.ack, littleEndian)
    }
    return this.writer.bytes.subarray(0, this.writer.length)
  }
}

interface Edges {
  readonly begin: Uint8Array
  readonly end: Uint8Array
}

const EDGES = new Map<boolean, Edges>()

/** BATCH_BEGIN and BATCH_END, the same each time. */
function edges(littleEndian: boolean): Edges {
  const known = EDGES.get(littleEndian)
  if (known !== undefined) return known
  const edge = (type: number) => {
    const to = new Writer(littleEndian, 32)
    endMessage(to, begin(to, type, FLAG.request, 0, FAMILY.unspecified, NFNL_SUBSYS_NFTABLES))
    return to.done()
  }
  const made = { begin: edge(NFNL_MSG_BATCH_BEGIN), end: edge(NFNL_MSG_BATCH_END) }
  EDGES.set(littleEndian, made)
  return made
}

/** Every message of a datagram of nf_tables, for a person to read; never throws. */
export const dump = (datagram: Uint8Array, littleEndian: boolean): string =>
  dumpMessages(datagram, littleEndian, describe)

const describe: Describe = (message, littleEndian) => {
  const { type, payload } = message
  if (payload.length < GENERIC_SIZE) throw new Malformed(`nfgenmsg of ${payload.length} bytes`)
  const from = source(payload, littleEndian)
  const head = `  family=${from.view.getUint8(0)} resource=${from.view.getUint16(2)}`
  const name = nameOf(type)
  if (name !== undefined) {
    return [`${head} ${name}`, ...MESSAGE[name][1].show(from, GENERIC_SIZE, payload.length, '    ')]
  }
  if (type === NFNL_MSG_BATCH_BEGIN) {
    return [`${head} batch begin`, ...batchHead.show(from, GENERIC_SIZE, payload.length, '    ')]
  }
  return [type === NFNL_MSG_BATCH_END ? `${head} batch end` : `${head} ${hex(payload, GENERIC_SIZE)}`]
}

function begin(to: Writer, type: number, flags: number, sequence: number, family: number, resource: number): number {
  const start = beginMessage(to, { type, flags, sequence })
  const at = to.reserve(GENERIC_SIZE)
  to.view.setUint8(at, family)
  to.view.setUint8(at + 1, 0) // NFNETLINK_V0
  to.view.setUint16(at + 2, resource)
  return start
}
