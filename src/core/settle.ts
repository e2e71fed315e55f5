/**
 * What must change so that the table agrees with the configuration and the uplink: mappings that the rules no longer
 * allow go, static mappings come and go, and all that translate move to the present external address. Pure, like
 * `decide`.
 */
import type { Ip } from '../base/ip.ts'
import { standingOf, type World } from './decision.ts'
import { Draft } from './draft.ts'
import { type Change, type Mapping, ORDINARY, sameEndpoint } from './mapping.ts'
import type { StaticMapping } from './policy.ts'
import type { Event } from './record.ts'
import { portKey, type Table } from './table.ts'

export interface Plan {
  /** Removals first, so that ports and endpoints are free before they are given anew. */
  readonly changes: readonly Change[]
  /** Why a mapping goes. */
  readonly because: ReadonlyMap<Mapping, string>
  readonly problems: readonly Extract<Event, { readonly what: 'static-refused' }>[]
  /** Of a review: whether a network or uplink was not there, so that it is to be asked again. */
  readonly postponed: boolean
}

/** `review`: also ask of every mapping whether it is still allowed, as after a change of the configuration. */
export function settle(table: Table, world: World, statics: readonly StaticMapping[], review: boolean): Plan {
  const because = new Map<Mapping, string>()
  let postponed = false
  const wanted = wantedStatics(statics)
  for (const mapping of table.all()) {
    if (mapping.owner.via === 'operator') {
      const reason = notConfigured(mapping, wanted.byPort)
      if (reason !== undefined) because.set(mapping, reason)
    } else if (review) {
      const standing = standingOf(mapping, world)
      if (standing.is === 'refused') because.set(mapping, standing.because)
      else if (standing.is === 'later') postponed = true
    }
  }
  if (world.uplink.is === 'down') return { changes: removals(because), because, problems: wanted.problems, postponed }
  const { address } = world.uplink
  const added = additions(table, because, wanted.byPort, address)
  const moved: Change[] = []
  for (const was of table.all()) {
    if (because.has(was) || was.external.ip === address || was.pinhole !== undefined) continue
    moved.push({ act: 'replace', was, mapping: { ...was, external: { ip: address, port: was.external.port } } })
  }
  return { changes: [...removals(because), ...moved, ...added], because, problems: wanted.problems, postponed }
}

const removals = (because: ReadonlyMap<Mapping, string>) =>
  [...because.keys()].map((mapping): Change => ({ act: 'remove', mapping }))

type ByPort = ReadonlyMap<number, StaticMapping>

/** The configured ones by external port, without those that collide with an earlier one. */
function wantedStatics(statics: readonly StaticMapping[]): {
  readonly byPort: ByPort
  readonly problems: Plan['problems']
} {
  const byPort = new Map<number, StaticMapping>()
  const problems: Plan['problems'][number][] = []
  for (const wanted of statics) {
    const { transport, external } = wanted
    const key = portKey(transport, external)
    if (byPort.has(key)) {
      const because = 'an earlier one has its external port'
      problems.push({ what: 'static-refused', transport, external, because })
    } else byPort.set(key, wanted)
  }
  return { byPort, problems }
}

function notConfigured(mapping: Mapping, wanted: ByPort): string | undefined {
  const same = wanted.get(portKey(mapping.transport, mapping.external.port))
  return same !== undefined && isMade(mapping, same) ? undefined : 'no longer configured'
}

const isMade = (mapping: Mapping, wanted: StaticMapping) =>
  sameEndpoint(mapping.internal, wanted.internal) && mapping.label === wanted.label

/** Static mappings that are missing. A client's mapping that stands in the way goes, and is added to `because`. */
function additions(table: Table, because: Map<Mapping, string>, wanted: ByPort, address: Ip): Change[] {
  const draft = new Draft(table)
  draft.commit(removals(because))
  const added: Change[] = []
  for (const { transport, external, internal, label } of wanted.values()) {
    const present = draft.at(transport, external)
    if (present?.owner.via === 'operator') continue
    if (present !== undefined) {
      because.set(present, 'a static mapping takes its place')
      draft.commit([{ act: 'remove', mapping: present }])
    }
    const mapping: Mapping = {
      transport,
      external: { ip: address, port: external },
      internal,
      owner: { via: 'operator' },
      lease: 'forever',
      label,
      mac: undefined,
      ...ORDINARY,
    }
    const change: Change = { act: 'add', mapping }
    draft.commit([change])
    added.push(change)
  }
  return added
}
