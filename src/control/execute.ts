/** Commands on a world. What comes out is a value; how it looks is `print.ts`'s business. */
import { asksForCounters, counted, isCounted } from './counted.ts'
import type { Command, Form, Item, Selection } from './grammar.ts'
import type { ListMenu, Row, SettingsMenu } from './menu.ts'
import type { Values } from './value.ts'
import type { Condition } from './where.ts'
import { holds } from './where.ts'
import type { Check, ControlWorld, Status } from './world.ts'

export type Result =
  | {
      readonly is: 'list'
      readonly menu: ListMenu
      readonly form: Exclude<Form, 'count-only'>
      readonly rows: readonly Row[]
      /** Show ids instead of numbers. */
      readonly withIds: boolean
    }
  | { readonly is: 'settings'; readonly menu: SettingsMenu; readonly values: Values }
  | { readonly is: 'count'; readonly count: number }
  | { readonly is: 'status'; readonly status: Status }
  | { readonly is: 'checks'; readonly checks: readonly Check[] }
  | { readonly is: 'help' }
  | { readonly is: 'removed'; readonly ids: readonly string[] }
  /** Well said, but it cannot be done. */
  | { readonly is: 'refused'; readonly message: string }

/** At once, but for what has to wait for the kernel. `forMachine`: every property is of use, as in the detail form. */
export function execute(world: ControlWorld, command: Command, forMachine = false): Result | Promise<Result> {
  switch (command.is) {
    case 'help':
      return { is: 'help' }
    case 'status':
      return { is: 'status', status: world.status() }
    case 'check':
      return world.checks().then(checks => ({ is: 'checks', checks }))
    case 'remove':
      return remove(world, command.menu, command.selection)
    case 'print':
      return print(world, command, forMachine)
  }
}

/** Those that satisfy a condition, with the numbers they have in the whole list. */
function fitting(rows: readonly Row[], where: Condition | undefined): readonly Row[] {
  if (where === undefined) return rows
  return rows.filter(row => {
    const values = row.values
    return holds(where, property => (property === '.id' ? row.id : values[property]))
  })
}

type Print = Command & { readonly is: 'print' }

function print(world: ControlWorld, { menu, form, where, withIds }: Print, forMachine: boolean) {
  if (menu.is === 'settings') {
    return form === 'count-only'
      ? ({ is: 'count', count: 1 } as const)
      : ({ is: 'settings', menu, values: menu.values(world) } as const)
  }
  const shown = (rows: readonly Row[]): Result =>
    form === 'count-only' ? { is: 'count', count: rows.length } : { is: 'list', menu, form, rows, withIds }
  if (isCounted(menu) && asksForCounters(where)) return select(world, menu, where).then(shown)
  const found = fitting(menu.rows(world), where)
  const full = forMachine ? form !== 'count-only' : FULL.includes(form)
  return isCounted(menu) && full ? counted(world, found).then(shown) : shown(found)
}

/** Forms that show counters where they are asked for by name. */
const FULL: readonly Form[] = ['detail', 'terse', 'stats']

/** One after the other; the first that is refused ends it, and those before it stay removed, as in RouterOS. */
async function remove(world: ControlWorld, menu: ListMenu, selection: Selection): Promise<Result> {
  await undefined // nothing can be thrown before somebody listens, see server.ts
  const rows =
    selection.by === 'find' ? await select(world, menu, selection.where) : itemRows(world, menu, selection.items)
  if (rows === undefined || menu.remove === undefined) return { is: 'refused', message: 'no such item' }
  const ids: string[] = []
  for (const row of rows) {
    const answer = await menu.remove(world, row)
    if (!answer.ok) return { is: 'refused', message: `failure: cannot remove item ${row.id}: ${answer.because}` }
    ids.push(row.id)
  }
  return { is: 'removed', ids }
}

async function select(world: ControlWorld, menu: ListMenu, where: Condition | undefined): Promise<readonly Row[]> {
  const rows = menu.rows(world)
  return fitting(isCounted(menu) && asksForCounters(where) ? await counted(world, rows) : rows, where)
}

/** `undefined` when one of them does not exist: then nothing is removed. */
function itemRows(world: ControlWorld, menu: ListMenu, items: readonly Item[]): readonly Row[] | undefined {
  const rows = menu.rows(world)
  const byId = new Map(rows.map(row => [row.id, row]))
  const chosen = new Set<Row>()
  for (const item of items) {
    const row = 'id' in item ? byId.get(item.id) : rows[item.number]
    if (row === undefined) return undefined
    chosen.add(row)
  }
  return [...chosen]
}
