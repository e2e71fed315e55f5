/**
 * What several decisions come to: for each external port and each pinhole the step from what was to what will be, and
 * nothing for what was made and unmade again. Removals come first, so that a port is free before it is given anew.
 */
import type { Change, Mapping } from './mapping.ts'
import { placeKey } from './places.ts'

export function fold(changes: readonly Change[]): readonly Change[] {
  if (changes.length < 2) return changes
  const steps = new Map<number, { readonly was: Mapping | undefined; will: Mapping | undefined }>()
  for (const change of changes) {
    const key = placeKey(change.mapping)
    const will = change.act === 'remove' ? undefined : change.mapping
    const step = steps.get(key)
    if (step === undefined) steps.set(key, { was: before(change), will })
    else step.will = will
  }
  const removed: Change[] = []
  const replaced: Change[] = []
  const added: Change[] = []
  for (const { was, will } of steps.values()) {
    if (was !== undefined && will !== undefined && sameHost(was, will)) {
      replaced.push({ act: 'replace', was, mapping: will })
      continue
    }
    if (was !== undefined) removed.push({ act: 'remove', mapping: was })
    if (will !== undefined) added.push({ act: 'add', mapping: will })
  }
  return [...removed, ...replaced, ...added]
}

function before(change: Change): Mapping | undefined {
  if (change.act === 'add') return undefined
  return change.act === 'remove' ? change.mapping : change.was
}

/** Another internal port of the same host is a change of the mapping; what leads to another host is another one. */
const sameHost = (a: Mapping, b: Mapping): boolean => a.internal.ip === b.internal.ip
