/**
 * The table `inet portico_closed`: the way between internal devices and the world, where a client has closed it. It
 * stands beside `inet portico`, whose rules stay what they are, is there only while something is closed, and is written
 * as a whole.
 *
 *   forward   filter - 2. What any base chain drops is dropped, whatever others accept, a flow that runs as well as a
 *             new one. Whoever is inside is told; the world is not.
 *   closed    the devices that are cut off.
 *   near      the devices that they reach all the same. Not the ways out are named but these, so that a way out which
 *             nobody knows yet is closed too.
 */

import type { Ip } from '../base/ip.ts'
import type { Flow } from '../wire/conntrack.ts'
import { FLAG } from '../wire/netlink.ts'
import { hex, Writer } from '../wire/netlink-attributes.ts'
import { Batch, FAMILY, GENERIC_SIZE, HOOK, SET_FLAG } from '../wire/nftables.ts'
import type { Expression } from '../wire/nftables-expressions.ts'
import { META, REGISTER, VERDICT } from '../wire/nftables-expressions.ts'
import type { Exchange, Machine } from './exchange.ts'
import type { Difference } from './firewall-read.ts'
import { objectsOf } from './firewall-read.ts'
import { addRemoval, commit } from './firewall-table.ts'
import type { LinkView } from './link-table.ts'
import { deviceSet, text, tlv, UDATA_COMMENT } from './ruleset.ts'
import { meta, NFT_LOOKUP_F_INV } from './ruleset-rules.ts'
import { deviceKey } from './ruleset-state.ts'

export const CLOSED_TABLE = 'portico_closed'

export interface Closing {
  /** Internal devices that are cut off. */
  readonly closed: readonly string[]
  /** Devices whose networks they reach all the same, themselves among them. */
  readonly near: readonly string[]
}

/** One call at a time: the caller sees to it. */
export class ClosedTable {
  readonly #exchange: Exchange
  readonly #machine: Machine
  readonly #closes: (closing: Closing) => void
  #told: Closing = OPEN
  /** As the kernel showed it after it was written, handles included; `undefined`: nobody knows what is there. */
  #shown: string | undefined

  /** `closes`: called when the kernel has confirmed that something is closed, each time that it is written. */
  constructor(exchange: Exchange, machine: Machine, closes: (closing: Closing) => void) {
    this.#exchange = exchange
    this.#machine = machine
    this.#closes = closes
  }

  /** Takes away what a process before us left; whether there was something. Rejects with `KernelError`. */
  async begin(): Promise<boolean> {
    this.#shown = await this.#look()
    if (this.#shown === '') return false
    await this.#write(OPEN)
    return true
  }

  /**
   * Resolves when the kernel has confirmed. Rejects with `KernelError`: then what was told before still counts, and
   * `restore` sees to it that it holds.
   */
  async set(closing: Closing): Promise<void> {
    const next = closing.closed.length === 0 ? OPEN : closing
    if (this.#shown !== undefined && isSame(next, this.#told)) return
    await this.#write(next)
  }

  /** Writes it anew where it is not as it was told; resolves with what somebody else did to it. */
  async restore(): Promise<readonly Difference[]> {
    const shown = this.#shown
    if (shown === '') return []
    const seen = await this.#look()
    if (seen === shown) return []
    await this.#write(this.#told)
    // After a refusal nobody else has to be named.
    return shown === undefined ? [] : [{ where: 'table', is: seen === '' ? 'missing' : 'altered', what: CLOSED_TABLE }]
  }

  async #write(closing: Closing): Promise<void> {
    const { littleEndian } = this.#machine
    this.#shown = undefined
    const batch = new Batch(new Writer(littleEndian))
    addRemoval(batch, CLOSED_TABLE)
    if (closing.closed.length > 0) addClosing(batch, closing, littleEndian)
    await commit(this.#exchange, 'closing networks', batch)
    this.#told = closing
    if (closing.closed.length > 0) this.#closes(closing)
    // It is committed: what cannot be read now is compared, and written once more, when somebody asks.
    this.#shown = await this.#look().catch(() => undefined)
  }

  /** Empty when there is none. */
  async #look(): Promise<string> {
    const { littleEndian } = this.#machine
    const chains = await objectsOf(this.#exchange, littleEndian, CLOSED_TABLE, 'getChain')
    const rules = await objectsOf(this.#exchange, littleEndian, CLOSED_TABLE, 'getRule')
    return [...chains, ...rules].map(({ payload }) => hex(payload, GENERIC_SIZE)).join('\n')
  }
}

/**
 * Which flows may be those between a closed network and the world: all but those that have an end in another network
 * nearby. Conntrack names no devices, and a network that is reached through a closed one is on no link of ours.
 */
export function mayBeClosed({ closed, near }: Closing, links: Pick<LinkView, 'isOnLink'>): (flow: Flow) => boolean {
  const open = near.filter(device => !closed.includes(device))
  const isOpen = (ip: Ip): boolean => open.some(device => links.isOnLink(ip, device))
  return ({ original, reply }) => !isOpen(original.source.ip) && !isOpen(reply.source.ip)
}

const OPEN: Closing = { closed: [], near: [] }

const isSame = (one: Closing, other: Closing): boolean => JSON.stringify(one) === JSON.stringify(other)

/** The table, as nft itself would send it. */
export function addClosing(batch: Batch, closing: Closing, littleEndian: boolean): void {
  const table = CLOSED_TABLE
  batch.add('newTable', 0, FAMILY.inet, { name: table, flags: 0, userdata: tlv(UDATA_COMMENT, text(COMMENT)) })
  batch.add('newChain', FLAG.create, FAMILY.inet, {
    table,
    name: 'forward',
    type: 'filter',
    policy: VERDICT.accept,
    hook: { number: HOOK.forward, priority: -2 },
  })
  addDevices(batch, 'closed', closing.closed, littleEndian)
  addDevices(batch, 'near', closing.near, littleEndian)
  addRule(batch, [...among('iifname', 'closed'), ...among('oifname', 'near', 'not'), REFUSAL])
  addRule(batch, [...among('oifname', 'closed'), ...among('iifname', 'near', 'not'), DROP])
}

const SET_ID = { closed: 1, near: 2 } as const

const COMMENT = 'Portico: networks that a device has cut off from the world'

/** Constant: once a rule looks at it, nobody changes what is in it. */
function addDevices(batch: Batch, set: keyof typeof SET_ID, devices: readonly string[], littleEndian: boolean): void {
  const table = CLOSED_TABLE
  batch.add('newSet', FLAG.create, FAMILY.inet, {
    table,
    name: set,
    flags: SET_FLAG.constant,
    ...deviceSet(SET_ID[set], devices.length, littleEndian),
  })
  const elements = devices.map(device => ({ key: { value: deviceKey(device) } }))
  batch.add('newElements', FLAG.create, FAMILY.inet, { table, set, setId: SET_ID[set], elements })
}

function addRule(batch: Batch, expressions: readonly Expression[]): void {
  const body = { table: CLOSED_TABLE, chain: 'forward', expressions: [...expressions] }
  batch.add('newRule', FLAG.create | FLAG.append, FAMILY.inet, body)
}

function among(which: 'iifname' | 'oifname', set: keyof typeof SET_ID, not?: 'not'): readonly Expression[] {
  const inverted = not === undefined ? {} : { flags: NFT_LOOKUP_F_INV }
  const data = { sreg: REGISTER.first, set, setId: SET_ID[set], ...inverted }
  return [meta(META[which], REGISTER.first), { name: 'lookup', data }]
}

const NFT_REJECT_ICMPX_UNREACH = 2 // linux/netfilter/nf_tables.h
const NFT_REJECT_ICMPX_ADMIN_PROHIBITED = 3

const REFUSAL: Expression = {
  name: 'reject',
  data: { type: NFT_REJECT_ICMPX_UNREACH, icmpCode: NFT_REJECT_ICMPX_ADMIN_PROHIBITED },
}
const DROP: Expression = {
  name: 'immediate',
  data: { dreg: REGISTER.verdict, data: { verdict: { code: VERDICT.drop } } },
}
