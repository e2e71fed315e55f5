/**
 * A new external address: the one change that concerns every mapping at once. Those that keep everything else are
 * written straight from the changes (`OperationWriter`), in the same batch as the others. `plan` notes each element as
 * it was and as it will be, 2 KB for a mapping, and all of that would be there at the same time.
 */
import type { Change } from '../core/mapping.ts'
import type { MappingIndex } from './firewall-index.ts'
import { keyOf, sameInternal } from './firewall-index.ts'
import { sameLease } from './firewall-plan.ts'
import { isOrdinary, leadsOut } from './kinds.ts'

/** Elements of `dnat4` and `snat4` go and come; that of `taken` does not know the address. */
export type Move = Extract<Change, { readonly act: 'replace' }>

/** With fewer changes nothing is saved. */
const MANY = 256

export interface Split {
  readonly moves: readonly Move[]
  readonly others: readonly Change[]
}

/** Apart go moves of mappings that are alone at their internal endpoint, where no other change meets them. */
export function splitMoves(changes: readonly Change[], index: MappingIndex): Split {
  if (changes.length < MANY) return { moves: [], others: changes }
  const met = new Set<number>()
  let count = 0
  for (const change of changes) {
    if (isMove(change, index)) count++
    else for (const key of endpointsOf(change)) met.add(key)
  }
  if (count < MANY) return { moves: [], others: changes }
  const moves: Move[] = []
  const others: Change[] = []
  for (const change of changes) {
    if (isMove(change, index) && !met.has(keyOf(change.mapping))) moves.push(change)
    else others.push(change)
  }
  return { moves, others }
}

function isMove(change: Change, index: MappingIndex): change is Move {
  if (change.act !== 'replace') return false
  const { was, mapping } = change
  if (!isOrdinary(was) || !isOrdinary(mapping) || !sameInternal(was, mapping)) return false
  if (was.external.port !== mapping.external.port || was.external.ip === mapping.external.ip) return false
  return sameLease(was.lease, mapping.lease) && index.holdsOnly(keyOf(mapping), was)
}

/** The internal endpoints that it concerns, by key. */
function endpointsOf(change: Change): number[] {
  const mappings = change.act === 'replace' ? [change.was, change.mapping] : [change.mapping]
  return mappings.filter(leadsOut).map(keyOf)
}
