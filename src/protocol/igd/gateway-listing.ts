/**
 * The port mappings that a client sees (WANIPConnection:2 §2.5.14, §2.5.15, §2.5.21): those that lead to it, or all of
 * them where the owner shows them to everybody (docs/decisions/050). Redirects of the firewall come first: they change
 * with the configuration only, so an index keeps its meaning while others add mappings.
 */
import type { Ip } from '../../base/ip.ts'
import type { Instant } from '../../base/time.ts'
import { between } from '../../base/time.ts'
import type { Mapping } from '../../core/mapping.ts'
import type { ListedRedirect } from '../../core/surroundings.ts'
import type { GatewayWorld } from './gateway-world.ts'
import type { PortMappingEntry, PortMappingKey, PortRangeAsked } from './portmapping.ts'

/** For the version whose client reads. */
export type ReadEntry = (version: 1 | 2, now: Instant) => PortMappingEntry

type Row = Mapping | ListedRedirect

interface Seen {
  readonly redirects: readonly ListedRedirect[]
  readonly mappings: readonly Mapping[]
}

/** Entries in one answer to GetListOfPortMappings, some 400 bytes each; who wants more asks from the last port on. */
export const LIST_MOST = 500

export class Listing {
  readonly #world: Pick<GatewayWorld, 'engine' | 'options' | 'redirects'>
  /** What the last client saw: an enumeration asks for it again and again. */
  #last: (Seen & { readonly by: Ip; readonly version: number; readonly of: readonly ListedRedirect[] }) | undefined

  constructor(world: Pick<GatewayWorld, 'engine' | 'options' | 'redirects'>) {
    this.#world = world
  }

  /** By index, from 0; `undefined` behind the last one. */
  at(index: number, client: Ip): ReadEntry | undefined {
    const { redirects, mappings } = this.#seenBy(client)
    const row = index < redirects.length ? redirects[index] : mappings[index - redirects.length]
    if (row !== undefined) return reading(row)
    const isDummy = index === 0 && this.#world.options().showDummyRule
    return isDummy ? () => DUMMY : undefined
  }

  of(key: PortMappingKey, client: Ip): ReadEntry | undefined {
    const row = this.#mapping(key) ?? this.#redirect(key)
    return row !== undefined && this.#isSeen(row, client) ? reading(row) : undefined
  }

  /** With exactly this remote host: '' names only what is for anybody (§2.5.15.2). */
  #mapping({ transport, external, remote }: PortMappingKey): Mapping | undefined {
    const mapping = this.#world.engine.mappings.at(transport, external)
    return mapping?.remote.ip === remote ? mapping : undefined
  }

  #redirect({ transport, external, remote }: PortMappingKey): ListedRedirect | undefined {
    if (remote !== 'any') return undefined
    return this.#world.redirects().find(row => row.external === external && row.transport === transport)
  }

  /** In the order of their external ports, at most `most` of them (0 is all) and never more than `LIST_MOST`. */
  within({ transport, first, last, manage }: PortRangeAsked, most: number, client: Ip): readonly ReadEntry[] {
    const { redirects, mappings } = this.#seenBy(client)
    return [...redirects, ...mappings]
      .filter(row => row.transport === transport && portOf(row) >= first && portOf(row) <= last)
      .filter(row => manage || row.internal.ip === client)
      .sort((a, b) => portOf(a) - portOf(b))
      .slice(0, most === 0 ? LIST_MOST : Math.min(most, LIST_MOST))
      .map(reading)
  }

  #isSeen({ internal }: Row, client: Ip): boolean {
    return internal.ip === client || this.#world.options().showAllMappings
  }

  #seenBy(client: Ip): Seen {
    const { engine, options } = this.#world
    const redirects = this.#world.redirects()
    if (options().showAllMappings) return { redirects, mappings: engine.mappings.listed() }
    const { version } = engine.mappings
    const last = this.#last
    if (last?.by === client && last.version === version && last.of === redirects) return last
    const seen = {
      by: client,
      version,
      of: redirects,
      redirects: redirects.filter(({ internal }) => internal.ip === client),
      mappings: engine.mappings.ofHost(client).filter(({ pinhole }) => pinhole === undefined),
    }
    this.#last = seen
    return seen
  }
}

/**
 * RouterOS `show-dummy-rule`: some programs, Windows among them, take an empty list for a fault. In no table, and only
 * met by counting through.
 */
const DUMMY: PortMappingEntry = {
  NewRemoteHost: '',
  NewExternalPort: 0,
  NewProtocol: 'TCP',
  NewInternalPort: 0,
  NewInternalClient: '0.0.0.0',
  NewEnabled: false,
  NewPortMappingDescription: 'Dummy inactive rule for windows to work',
  NewLeaseDuration: 0,
}

const portOf = (row: Row): number => (typeof row.external === 'number' ? row.external : row.external.port)

const reading =
  (row: Row): ReadEntry =>
  (version, now) => ({
    NewRemoteHost: 'owner' in row && row.remote.ip !== 'any' ? row.remote.ip : '',
    NewExternalPort: portOf(row),
    NewProtocol: row.transport === 'tcp' ? 'TCP' : 'UDP',
    NewInternalPort: row.internal.port,
    NewInternalClient: row.internal.ip,
    NewEnabled: 'owner' in row ? row.state === 'on' : true,
    NewPortMappingDescription: row.label,
    NewLeaseDuration: 'owner' in row ? remaining(row, version, now) : 0,
  })

/** §2.3.16: counts down; 0 is for ever, so the last second is 1. Version 2 knows a week at most, NAT-PMP may have more. */
function remaining({ lease }: Mapping, version: 1 | 2, now: Instant): number {
  if (lease === 'forever') return 0
  const left = Math.max(1, Math.ceil(between(now, lease.expires) / 1000))
  return version === 2 ? Math.min(left, 604_800) : left
}
