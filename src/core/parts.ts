/** When the kernel refuses a large batch: which of its changes it does take. */
import type { Change } from './mapping.ts'
import { standing, type TableView } from './table.ts'

/** Makes the changes, commits them and says nothing, or says why the kernel refused them all. */
export type Apply = (changes: readonly Change[]) => Promise<string | undefined>

export interface Outcome {
  readonly failed: ReadonlySet<Change>
  /** The kernel's words about the last refusal. */
  readonly said: string
}

/** Refusals after which the rest is not tried any more: the fault lies with the kernel, not with an element. */
const PATIENCE = 32

/** All at once if the kernel agrees; else as many as it takes, removals before additions, found by halving. */
export async function applyMost(changes: readonly Change[], table: TableView, apply: Apply): Promise<Outcome> {
  const outcome = { failed: new Set<Change>(), said: '', patience: PATIENCE }
  const said = await apply(changes)
  if (said === undefined) return outcome
  outcome.said = said
  for (const act of ['remove', 'replace', 'add'] as const) {
    const part = changes.filter(change => change.act === act)
    await halve(part, table, apply, outcome)
  }
  return outcome
}

async function halve(
  changes: readonly Change[],
  table: TableView,
  apply: Apply,
  outcome: { failed: Set<Change>; said: string; patience: number },
): Promise<void> {
  const open = [changes]
  for (let part = open.pop(); part !== undefined; part = open.pop()) {
    const possible = part.filter(change => hasPlace(change, table))
    if (possible.length < part.length)
      for (const change of part) if (!hasPlace(change, table)) outcome.failed.add(change)
    if (possible.length === 0) continue
    const said = outcome.patience > 0 ? await apply(possible) : outcome.said
    if (said === undefined) continue
    outcome.said = said
    outcome.patience--
    if (possible.length === 1 || outcome.patience <= 0) for (const change of possible) outcome.failed.add(change)
    else {
      const middle = possible.length >> 1
      open.push(possible.slice(middle), possible.slice(0, middle))
    }
  }
}

/** What stood in the way may not have gone. */
function hasPlace({ act, mapping }: Change, table: TableView): boolean {
  return act !== 'add' || standing(table, mapping) === undefined
}
