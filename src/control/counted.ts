/** Rows of mappings with their traffic beside them, which only the kernel knows: it is asked when somebody looks. */

import type { Mapping } from '../core/mapping.ts'
import type { ListMenu, Row } from './menu.ts'
import type { Values } from './value.ts'
import type { Condition } from './where.ts'
import type { ControlWorld, Traffic } from './world.ts'

/** What the kernel counts, of all flows of a mapping and in both directions. */
export const COUNTERS: readonly string[] = ['packets', 'bytes']

/** The rows of a menu that has mappings, each with what its flows have carried; a row that nobody counts has none. */
export async function counted(world: ControlWorld, rows: readonly Row[]): Promise<readonly Row[]> {
  await undefined // nothing can be thrown before somebody listens, see server.ts
  const traffic = await world.traffic(rows.flatMap(({ mapping }) => mapping ?? []))
  let at = 0
  return rows.map(row => (row.mapping === undefined ? row : new CountedRow(row, row.mapping, traffic[at++])))
}

export const isCounted = (menu: ListMenu): boolean => menu.statistics !== undefined

/** Whether a condition looks at a counter, so that it can only be tried on counted rows. */
export function asksForCounters(condition: Condition | undefined): boolean {
  if (condition === undefined) return false
  return 'of' in condition ? condition.of.some(asksForCounters) : COUNTERS.includes(condition.property)
}

/** Put together when somebody looks, as the row itself is. */
class CountedRow implements Row {
  readonly id: string
  readonly number: number
  readonly mapping: Mapping
  readonly #row: Row
  readonly #traffic: Traffic | undefined

  constructor(row: Row, mapping: Mapping, traffic: Traffic | undefined) {
    this.id = row.id
    this.number = row.number
    this.mapping = mapping
    this.#row = row
    this.#traffic = traffic
  }

  get values(): Values {
    const { values } = this.#row
    if (this.#traffic === undefined) return values
    const { packets, bytes } = this.#traffic
    return { ...values, packets, bytes }
  }
}
