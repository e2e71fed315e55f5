/**
 * What clients held before a reboot and what is not back yet, because its uplink or its network is not there. It is in
 * no table, but it is theirs: a client's removal ends it, and what the client is granted anew takes its place.
 */
import type { Ip } from '../base/ip.ts'
import type { LeaseRecord } from './leases.ts'
import type { Mapping, Wish } from './mapping.ts'
import { sameRemote } from './mapping.ts'

/** `withdrawn`: at its client's own wish. `replaced`: by what was granted since, or with it by the operator. */
export type Ending = 'withdrawn' | 'replaced'

export class Returning {
  readonly #ended: (records: readonly LeaseRecord[], ending: Ending) => void
  readonly #all = new Set<LeaseRecord>()
  /** By the address that it leads to, and by the one that asked for it. */
  readonly #byHost = new Map<Ip, Set<LeaseRecord>>()

  /** `ended` is called after they have gone; it must not throw. */
  constructor(ended: (records: readonly LeaseRecord[], ending: Ending) => void) {
    this.#ended = ended
  }

  get size(): number {
    return this.#all.size
  }

  all(): readonly LeaseRecord[] {
    return [...this.#all]
  }

  has(record: LeaseRecord): boolean {
    return this.#all.has(record)
  }

  add(record: LeaseRecord): void {
    this.#all.add(record)
    for (const host of hostsOf(record)) {
      const others = this.#byHost.get(host)
      if (others === undefined) this.#byHost.set(host, new Set([record]))
      else others.add(record)
    }
  }

  /** It is back, or never will be. */
  drop(record: LeaseRecord): void {
    this.#all.delete(record)
    for (const host of hostsOf(record)) {
      const others = this.#byHost.get(host)
      if (others?.delete(record) === true && others.size === 0) this.#byHost.delete(host)
    }
  }

  /** Where the pinhole of this number leads that somebody knows from before. */
  hostOfPinhole(id: number): Ip | undefined {
    for (const { pinhole, internal } of this.#all) if (pinhole === id) return internal.ip
    return undefined
  }

  /** A client removes; how many of its own were meant. What is not its own stays, as in the table (decisions/020). */
  withdraw(wish: Wish): number {
    if (this.#all.size === 0 || wish.owner.via === 'operator') return 0
    return this.#end(wish.owner.client, record => isMeant(wish, record), 'withdrawn')
  }

  /** This was granted, or removed by the operator: what it would have replaced in the table does not come back. */
  replace(mapping: Mapping): void {
    if (this.#all.size > 0) this.#end(mapping.internal.ip, record => isReplaced(mapping, record), 'replaced')
  }

  #end(host: Ip, isIt: (record: LeaseRecord) => boolean, ending: Ending): number {
    const ended = [...(this.#byHost.get(host) ?? [])].filter(isIt)
    for (const record of ended) this.drop(record)
    if (ended.length > 0) this.#ended(ended, ending)
    return ended.length
  }
}

const hostsOf = ({ internal, owner }: LeaseRecord): readonly Ip[] =>
  internal.ip === owner.client ? [internal.ip] : [internal.ip, owner.client]

function isMeant(wish: Wish, { transport, internal, external, remote, pinhole }: LeaseRecord): boolean {
  switch (wish.ask) {
    case 'map':
    case 'pinhole':
    case 'extend':
      return false
    case 'close':
      return pinhole === wish.pinhole
    case 'unmap':
      if (transport !== wish.transport || internal.ip !== wish.internal) return false
      return wish.port === 'all' || internal.port === wish.port
    case 'revoke': {
      if (transport !== wish.transport || pinhole !== undefined) return false
      if ('external' in wish.which) return external === wish.which.external && remote.ip === wish.which.remote
      return external >= wish.which.range.first && external <= wish.which.range.last
    }
  }
}

/**
 * NAT-PMP has one mapping for an internal endpoint (RFC 6886 §3.3). UPnP may have several, each under an external port
 * of its own. A pinhole is a flow.
 */
function isReplaced(mapping: Mapping, record: LeaseRecord): boolean {
  if (mapping.transport !== record.transport || mapping.internal.ip !== record.internal.ip) return false
  const isSameInside = mapping.internal.port === record.internal.port
  if (mapping.pinhole !== undefined || record.pinhole !== undefined) {
    return isSameInside && sameRemote(mapping.remote, record.remote)
  }
  const isOne = mapping.owner.via === 'nat-pmp' && record.owner.via === 'nat-pmp'
  return mapping.external.port === record.external || (isOne && isSameInside)
}
