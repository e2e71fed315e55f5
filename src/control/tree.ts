/** The menus as a tree of words, and how a word, shortened or not, finds its place in it. */
import type { Menu } from './menu.ts'
import { commandsOf, MENUS, TOP_COMMANDS } from './menu.ts'

export interface TreeNode {
  readonly children: ReadonlyMap<string, TreeNode>
  readonly menu: Menu | undefined
  /** Words that end a path here: `print`, at the top `status`. */
  readonly commands: readonly string[]
}

export type Found = { readonly is: 'one'; readonly name: string } | { readonly is: 'none' } | Many

interface Many {
  readonly is: 'many'
  readonly names: readonly string[]
}

/** The name itself, or the only one that begins with `word`, as RouterOS takes abbreviations. */
export function findName(word: string, names: Iterable<string>): Found {
  const all = new Set(names)
  if (all.has(word)) return { is: 'one', name: word }
  const begins = [...all].filter(name => name.startsWith(word))
  if (begins.length === 1) return { is: 'one', name: begins[0] as string }
  return begins.length === 0 || word === '' ? { is: 'none' } : { is: 'many', names: begins.sort() }
}

/** The menu with exactly this path or alias. */
export function findMenu(path: readonly string[]): Menu | undefined {
  let node: TreeNode | undefined = TREE
  for (const word of path) node = node?.children.get(word)
  return node?.menu
}

interface Growing {
  children: Map<string, Growing>
  menu: Menu | undefined
  commands: readonly string[]
}

export const TREE: TreeNode = grow()

function grow(): TreeNode {
  const root: Growing = { children: new Map(), menu: undefined, commands: Object.keys(TOP_COMMANDS) }
  for (const menu of MENUS) {
    const node = place(root, menu.path)
    node.menu = menu
    node.commands = commandsOf(menu)
  }
  // An alias is the very same node, so what lies below a menu lies below its aliases.
  for (const menu of MENUS) {
    for (const alias of menu.aliases) {
      place(root, alias.slice(0, -1)).children.set(alias.at(-1) as string, place(root, menu.path))
    }
  }
  return root
}

function place(root: Growing, path: readonly string[]): Growing {
  let node = root
  for (const word of path) {
    const next = node.children.get(word) ?? { children: new Map(), menu: undefined, commands: [] }
    node.children.set(word, next)
    node = next
  }
  return node
}
