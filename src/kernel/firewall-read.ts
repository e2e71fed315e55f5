/** Reads our table back from the kernel: for adoption after a restart, and to see whether somebody changed it. */
import { KernelError } from '../base/fail.ts'
import type { Clock, Instant, Milliseconds } from '../base/time.ts'
import { between, milliseconds } from '../base/time.ts'
import type { Lease, Mapping } from '../core/mapping.ts'
import type { Message } from '../wire/netlink.ts'
import { FLAG } from '../wire/netlink.ts'
import { hex } from '../wire/netlink-attributes.ts'
import type { NftMessage } from '../wire/nftables.ts'
import { decode, FAMILY, GENERIC_SIZE, request } from '../wire/nftables.ts'
import type { SeenElement } from '../wire/nftables-elements.ts'
import { eachElement } from '../wire/nftables-elements.ts'
import { endpointKey, portKey } from './elements.ts'
import { bodyEndsOf, endpointsOf, leaseOf, mappingOf, takenOf } from './elements-read.ts'
import type { Exchange, Machine } from './exchange.ts'
import type { MappingIndex } from './firewall-index.ts'
import { longest } from './firewall-index.ts'
import { bodyKeyOf, bodySetOf } from './kinds.ts'
import type { BodySet, MappingSet, SetName, Settings } from './ruleset.ts'
import { BODY_SETS, CHAINS, SETS, TABLE } from './ruleset.ts'
import { settingKeys } from './ruleset-state.ts'

/** Something in the kernel that is not as we left it. */
export interface Difference {
  readonly where: 'table' | 'chains' | 'rules' | 'sets' | SetName
  readonly is: 'missing' | 'foreign' | 'altered'
  /** For people: the element or object. */
  readonly what: string
}

/** More differences than these say nothing new. */
const DIFFERENCES = 20
/** Leases may end this much earlier or later than the table says: clock ticks of the kernel, time on the way. */
const SLACK = 1000

/** Chains, rules and sets as the kernel names them, handles included: equal text means that nobody touched them. */
export interface Structure {
  readonly chains: string
  readonly rules: string
  readonly sets: string
  /** All chains, rules and sets are there, as far as their number tells. */
  readonly complete: boolean
}

export class TableReader {
  readonly #exchange: Exchange
  readonly #littleEndian: boolean
  readonly #clock: Clock

  constructor(exchange: Exchange, machine: Machine, clock: Clock) {
    this.#exchange = exchange
    this.#littleEndian = machine.littleEndian
    this.#clock = clock
  }

  /** `undefined` when there is no table, or none any more before all of it was read. */
  structure(ruleCount: number): Promise<Structure | undefined> {
    return this.#structure(ruleCount).catch((error: unknown) => {
      if (isMissing(error)) return undefined
      throw error
    })
  }

  async #structure(ruleCount: number): Promise<Structure | undefined> {
    const chains = await this.#objects('getChain')
    if (chains.length === 0) return undefined
    const rules = await this.#objects('getRule')
    const sets = (await this.#objects('getSet')).map(message => decode(message, this.#littleEndian)).map(setText)
    return {
      chains: joinedHex(chains),
      rules: joinedHex(rules),
      sets: sets.sort().join('\n'),
      complete:
        chains.length === Object.keys(CHAINS).length &&
        rules.length === ruleCount &&
        sets.length === Object.keys(SETS).length,
    }
  }

  /** Whether a set of this name has the key and data that this version expects. */
  async hasShape(name: SetName): Promise<boolean> {
    const { keyLength, data, flags } = SETS[name]
    for (const message of await this.#objects('getSet')) {
      const seen = decode(message, this.#littleEndian)
      if (seen.name !== 'newSet' || seen.body.name !== name) continue
      const { body } = seen
      return body.keyLength === keyLength && body.dataLength === data?.[1] && ((body.flags ?? 0) & flags) === flags
    }
    return false
  }

  /** Calls `each` for every element. Rejects with ENOENT when the set is not there. */
  async elements(set: SetName, each: (seen: SeenElement) => void): Promise<void> {
    const littleEndian = this.#littleEndian
    const { keyLength, data } = SETS[set]
    const parts = await this.#exchange.dump(
      `reading ${set}`,
      sequence => request('getElements', FLAG.dump, sequence, FAMILY.inet, { table: TABLE, set }, littleEndian),
      generationOf,
    )
    for (const { payload } of parts) eachElement(payload, littleEndian, keyLength, data?.[1] ?? 0, each)
  }

  /**
   * Our mappings; `foreign` counts elements that somebody else added. `lag`: how long reading took; leases end up to that
   * much earlier in the kernel.
   */
  async mappings(): Promise<{ mappings: Mapping[]; foreign: number; lag: Milliseconds }> {
    const mappings: Mapping[] = []
    let foreign = 0
    let lag = milliseconds(0)
    for (const set of BODY_SETS) {
      if (set !== 'dnat4' && !(await this.hasShape(set))) continue // a table of an older version
      const began = this.#clock.now()
      let now: Instant | undefined
      await this.elements(set, seen => {
        now ??= this.#clock.now() // everything has been read: what is a little late ends a little late, never early
        const mapping = mappingOf(seen, now, set)
        if (mapping === undefined) foreign++
        else mappings.push(mapping)
      })
      if (now !== undefined && between(began, now) > lag) lag = between(began, now)
    }
    return { mappings, foreign, lag }
  }

  /** Devices and ports that are not those of the settings. */
  async settingDifferences(settings: Settings): Promise<Difference[]> {
    const found: Difference[] = []
    for (const [set, keys] of Object.entries(settingKeys(settings)) as [SetName, readonly Uint8Array[]][]) {
      const missing = new Set(keys.map(key => hex(key)))
      await this.elements(set, ({ bytes, key, keyLength }) => {
        const text = hex(bytes, key, key + keyLength)
        if (!missing.delete(text)) found.push({ where: set, is: 'foreign', what: text })
      })
      for (const what of missing) found.push({ where: set, is: 'missing', what })
    }
    return found
  }

  /**
   * What the sets of mappings hold that they should not, and the reverse. `lag`: how long the kernel took at most to
   * learn of a lease, or we from it; it ends that much later or earlier there.
   */
  async mappingDifferences(
    index: MappingIndex,
    lag: Milliseconds,
    sets: readonly MappingSet[] = [...BODY_SETS, 'snat4', 'taken'],
  ): Promise<Difference[]> {
    const found: Difference[] = []
    const bodies = new Map<BodySet, Map<number | string, Expected>>()
    for (const set of BODY_SETS) if (sets.includes(set)) bodies.set(set, new Map())
    const ports = new Map<number | string, Expected>()
    const outbounds = new Map<number | string, Expected>()
    for (const list of index.byEndpoint()) {
      for (const [place, mapping] of list.entries()) {
        const { transport, internal, external, lease } = mapping
        const to = endpointKey(transport, internal)
        bodies.get(bodySetOf(mapping))?.set(bodyKeyOf(mapping), { to, lease, mapping })
        ports.set(portKey(transport, external.port), { to: 0, lease, mapping })
        const from = endpointKey(transport, external)
        if (place === 0) outbounds.set(to, { to: from, lease: longest(list) ?? lease, mapping })
      }
    }
    for (const mapping of index.others()) {
      const to = mapping.pinhole === undefined ? endpointKey(mapping.transport, mapping.internal) : 0
      bodies.get(bodySetOf(mapping))?.set(bodyKeyOf(mapping), { to, lease: mapping.lease, mapping })
    }
    const taken = (seen: SeenElement) => {
      const from = takenOf(seen)
      return from === undefined ? undefined : { from, to: 0 }
    }
    for (const [set, expected] of bodies) {
      await this.#compare(set, expected, seen => bodyEndsOf(set, seen), lag, found)
    }
    if (sets.includes('snat4')) await this.#compare('snat4', outbounds, endpointsOf, lag, found)
    if (sets.includes('taken')) await this.#compare('taken', ports, taken, lag, found)
    return found
  }

  async #compare(
    set: SetName,
    expected: Map<number | string, Expected>,
    read: (seen: SeenElement) => { from: number | string; to: number } | undefined,
    lag: Milliseconds,
    found: Difference[],
  ): Promise<void> {
    const began = this.#clock.now()
    let slack: number | undefined
    const note = (is: Difference['is'], what: string) => {
      if (found.length < DIFFERENCES) found.push({ where: set, is, what })
    }
    await this.elements(set, seen => {
      const ends = read(seen)
      const wanted = ends === undefined ? undefined : expected.get(ends.from)
      if (ends === undefined || wanted === undefined)
        return note('foreign', hex(seen.bytes, seen.key, seen.key + seen.keyLength))
      expected.delete(ends.from)
      slack ??= SLACK + lag + this.#clock.now() - began
      const fits = ends.to === wanted.to && sameTime(leaseOf(seen, began), wanted.lease, slack)
      if (!fits) note('altered', spoken(wanted.mapping))
    })
    const now = this.#clock.now()
    for (const { lease, mapping } of expected.values()) {
      if (lease === 'forever' || lease.expires > now + SLACK) note('missing', spoken(mapping))
    }
  }

  #objects(name: ObjectRequest): Promise<Message[]> {
    return objectsOf(this.#exchange, this.#littleEndian, TABLE, name)
  }
}

type ObjectRequest = 'getChain' | 'getRule' | 'getSet'

/** All of one kind in a table of ours, none when it is not there. Rejects with `KernelError`. */
export async function objectsOf(
  exchange: Exchange,
  littleEndian: boolean,
  table: string,
  name: ObjectRequest,
): Promise<Message[]> {
  const parts = await exchange.dump(`reading ${table}`, sequence =>
    request(name, FLAG.dump, sequence, FAMILY.inet, { table }, littleEndian),
  )
  return parts.filter(part => tableOf(decode(part, littleEndian)) === table)
}

interface Expected {
  readonly to: number
  readonly lease: Lease
  readonly mapping: Mapping
}

/** `tcp 11.22.33.44:8080 to 192.168.88.10:80`, `tcp pinhole 7 to [2001:db8::10]:80` */
export const spoken = ({ transport, external, internal, pinhole }: Mapping): string =>
  pinhole === undefined
    ? `${transport} ${external.ip}:${external.port} to ${internal.ip}:${internal.port}`
    : `${transport} pinhole ${pinhole} to [${internal.ip}]:${internal.port}`

/** True for errors that say "there is no such table or set". */
export const isMissing = (error: unknown): boolean => error instanceof KernelError && error.code === 'ENOENT'

/** Low 16 bits of the generation, `res_id` of every message of nf_tables. */
const generationOf = ({ payload }: Message): number => ((payload[2] as number) << 8) | (payload[3] as number)

function sameTime(seen: Lease, wanted: Lease, slack: number): boolean {
  if (seen === 'forever' || wanted === 'forever') return seen === wanted
  return Math.abs(seen.expires - wanted.expires) <= slack
}

function tableOf(message: NftMessage): string | undefined {
  return 'table' in message.body ? message.body.table : undefined
}

/** Without `res_id`, which changes with every generation. */
const joinedHex = (parts: readonly Message[]): string =>
  parts.map(({ payload }) => hex(payload, GENERIC_SIZE)).join('\n')

/** Not the whole message: newer kernels tell the number of elements in it. */
function setText(message: NftMessage): string {
  if (message.name !== 'newSet') return ''
  const { name, handle, flags, keyType, dataType, description } = message.body
  return `${name} ${handle} ${flags} ${keyType} ${dataType} ${description?.size}`
}
