/** What a daemon before us left in the kernel: its mappings, its epoch, and whether its rules are ours. */

import type { Port } from '../base/ip.ts'
import type { Instant } from '../base/time.ts'
import type { Mapping, Transport } from '../core/mapping.ts'
import { endpointKey, portKey } from './elements.ts'
import { endpointsOf, takenOf } from './elements-read.ts'
import { keyOf, MappingIndex } from './firewall-index.ts'
import type { TableReader } from './firewall-read.ts'
import { isMissing } from './firewall-read.ts'
import type { KernelTable } from './firewall-table.ts'
import { leadsOut } from './kinds.ts'
import { RULES_VERSION } from './ruleset.ts'
import type { TableState } from './ruleset-state.ts'
import { readState } from './ruleset-state.ts'

export interface Adopted {
  readonly mappings: readonly Mapping[]
  readonly epochStart: Instant
  /** `configure` is enough; otherwise the rules are of another version or incomplete, and `build` is due. */
  readonly intact: boolean
  /** Whether the kernel has lost the mapping of this external port: others of its elements are still there. */
  readonly hasLost: (transport: Transport, external: Port) => boolean
}

/** Nothing else than the outward sets can differ: the index is read from the others. */
const OUTWARD = ['snat4', 'taken'] as const

/** `undefined`: there is no table, or none that tells its epoch. Rejects with `KernelError`. */
export async function adoptTable(
  table: KernelTable,
): Promise<(Adopted & { readonly index: MappingIndex }) | undefined> {
  try {
    const state = await stateIn(table.reader)
    return state === undefined ? undefined : await adopted(table, state)
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

async function stateIn(reader: TableReader): Promise<TableState | undefined> {
  if (!(await reader.hasShape('dnat4')) || !(await reader.hasShape('state'))) return undefined
  let state: TableState | undefined
  await reader.elements('state', seen => {
    state ??= readState(seen)
  })
  return state
}

async function adopted(table: KernelTable, { version, epochStart }: TableState) {
  const { mappings, foreign, lag } = await table.reader.mappings()
  table.noteLag(lag)
  const complete = await table.isComplete()
  const unordered = new MappingIndex(mappings)
  const hasSiblings = complete && unordered.endpoints < mappings.filter(leadsOut).length
  const index = hasSiblings ? await ordered(table.reader, mappings) : unordered
  const clean = complete && foreign === 0 && (await table.mappingDifferences(index, OUTWARD)).length === 0
  const lost = clean ? new Set<number>() : await orphansIn(table.reader, mappings)
  const hasLost: Adopted['hasLost'] = (transport, external) => lost.has(portKey(transport, external))
  return { mappings, index, epochStart, intact: clean && version === RULES_VERSION, hasLost }
}

/** External ports that are kept for a mapping which is not there. What has no timeout is no client's. */
async function orphansIn(reader: TableReader, mappings: readonly Mapping[]): Promise<ReadonlySet<number>> {
  const led = new Set(mappings.map(({ transport, external }) => portKey(transport, external.port)))
  const orphans = new Set<number>()
  if (!(await reader.hasShape('taken'))) return orphans
  await reader.elements('taken', seen => {
    const port = takenOf(seen)
    if (port !== undefined && seen.timeout !== 0 && !led.has(port)) orphans.add(port)
  })
  return orphans
}

/** Several mappings of one internal endpoint: the one that `snat4` names is the oldest. */
async function ordered(reader: TableReader, mappings: readonly Mapping[]): Promise<MappingIndex> {
  const oldest = new Map<number, number>()
  await reader.elements('snat4', seen => {
    const ends = endpointsOf(seen)
    if (ends !== undefined) oldest.set(ends.from, ends.to)
  })
  const leads = (mapping: Mapping) =>
    leadsOut(mapping) && oldest.get(keyOf(mapping)) === endpointKey(mapping.transport, mapping.external)
  return new MappingIndex([...mappings.filter(leads), ...mappings.filter(mapping => !leads(mapping))])
}
