/**
 * One command line of RouterOS' console: a path with spaces or slashes, a command, its arguments. Every word may be
 * shortened as long as it stays unambiguous. What cannot be read is a fault with RouterOS' words and the column.
 *
 *     /ip nat-pmp print                          /ip/nat-pmp/print                      ip nat pr
 *     /ip upnp mappings print detail where protocol=tcp and comment~"^Game"
 *     /ip upnp mappings remove *10FA0            ... remove numbers=0,2                 ... remove [find dst-port=4000]
 */
import { Malformed } from '../base/fail.ts'
import { isCounted } from './counted.ts'
import type { ListMenu, Menu, Property, TopCommand } from './menu.ts'
import { compilePattern } from './pattern.ts'
import { Scanner } from './scanner.ts'
import type { TreeNode } from './tree.ts'
import { findName, TREE } from './tree.ts'
import { quote, readValue } from './value.ts'
import type { Condition } from './where.ts'

export type Form = 'default' | 'brief' | 'detail' | 'terse' | 'stats' | 'count-only'

/** An item by its id (`*1F`) or by its number in the order of `print`. */
export type Item = { readonly id: string } | { readonly number: number }

export type Selection =
  | { readonly by: 'item'; readonly items: readonly Item[] }
  | { readonly by: 'find'; readonly where: Condition | undefined }

export type Command =
  | { readonly is: TopCommand }
  | {
      readonly is: 'print'
      readonly menu: Menu
      readonly form: Form
      readonly where: Condition | undefined
      /** `show-ids` */
      readonly withIds: boolean
    }
  | { readonly is: 'remove'; readonly menu: ListMenu; readonly selection: Selection }

export interface GrammarFault {
  readonly is: 'fault'
  readonly message: string
}

/** Never throws. */
export function parseLine(line: string): Command | GrammarFault {
  if (line.length > LONGEST_LINE) return { is: 'fault', message: `a line of more than ${LONGEST_LINE} characters` }
  try {
    const scanner = new Scanner(line)
    const command = readCommand(scanner)
    readEnd(scanner)
    return command
  } catch (error) {
    if (error instanceof Malformed) return { is: 'fault', message: error.message }
    throw error
  }
}

/**
 * The words of a shell's command line as one line. The shell has taken the quotes away, so a value that needs them
 * gets them back; a word that is a piece of a line itself (`"/ip nat-pmp"`, `"[find where dynamic]"`) is left alone.
 */
export function lineOfWords(words: readonly string[]): string {
  if (words.length === 1) return words[0] as string
  let isOpen = false
  const pieces = words.map(word => {
    isOpen ||= word.startsWith('[')
    return requoted(word, isOpen)
  })
  return pieces.join(' ')
}

const LONGEST_LINE = 4096
const MOST_ITEMS = 256
const DEEPEST = 16
const FORMS: readonly Form[] = ['brief', 'detail', 'terse', 'count-only']
const COUNTED_FORMS: readonly Form[] = [...FORMS, 'stats']
const ASSIGNMENT = /^(!?[a-z0-9.-]+(?:=|!=|~|<=|>=|<|>))([\s\S]*)$/

function requoted(word: string, isOpen: boolean): string {
  const parts = ASSIGNMENT.exec(word)
  const value = parts?.[2] ?? ''
  if (parts === null || value.startsWith('"') || !/[\s"\\';()[\]{}#]/.test(value)) return word
  const closes = isOpen && value.endsWith(']') && !value.includes('[')
  const inner = closes ? value.slice(0, -1) : value
  return `${parts[1]}${quote(inner)}${closes ? ']' : ''}`
}

function readCommand(scanner: Scanner): Command {
  let node: TreeNode = TREE
  for (;;) {
    scanner.skipPathGap()
    const at = scanner.at
    const word = scanner.word()
    if (word === '') scanner.fail(scanner.isAtEnd || scanner.peek() === ';' ? 'expected command name' : 'syntax error')
    const found = findName(word, [...node.children.keys(), ...node.commands])
    if (found.is === 'none') scanner.fail(`bad command name ${word}`, at)
    if (found.is === 'many') scanner.fail(`ambiguous command name ${word}: ${found.names.join(', ')}`, at)
    const child = node.children.get(found.name)
    if (child === undefined) return readArguments(scanner, node.menu, found.name)
    node = child
  }
}

function readArguments(scanner: Scanner, menu: Menu | undefined, command: string): Command {
  if (menu === undefined) return { is: command as TopCommand }
  if (command === 'remove' && menu.is === 'list') return { is: 'remove', menu, selection: readSelection(scanner, menu) }
  return readPrint(scanner, menu)
}

/** A command ends with the line or with `;`; after that only blanks and a comment may follow. */
function readEnd(scanner: Scanner): void {
  scanner.skipBlanks()
  if (scanner.accept(';;;')) return
  while (scanner.accept(';')) scanner.skipBlanks()
  if (!scanner.isAtEnd) scanner.fail('expected end of command')
}

function readPrint(scanner: Scanner, menu: Menu): Command {
  let form: Form = 'default'
  let withIds = false
  const conditions: Condition[] = []
  for (;;) {
    scanner.skipBlanks()
    const at = scanner.at
    const word = scanner.word()
    if (word === '') break
    if (scanner.peek() === '=' && menu.is === 'list') {
      const condition = readComparison(scanner, propertyOf(scanner, menu, word, at))
      if (condition !== undefined) conditions.push(condition)
      continue
    }
    const found = findName(word, wordsOf(menu))
    if (found.is !== 'one') scanner.fail('expected end of command', at)
    if (found.name === 'where' && menu.is === 'list') {
      conditions.push(readCondition(scanner, menu, 0))
      break
    }
    if (found.name === 'show-ids') withIds = true
    else form = found.name as Form
  }
  const where = conditions.length > 1 ? ({ is: 'all', of: conditions } as const) : conditions[0]
  return { is: 'print', menu, form, where, withIds }
}

/** What may follow `print`. */
function wordsOf(menu: Menu): readonly string[] {
  if (menu.is === 'settings') return FORMS
  return [...(isCounted(menu) ? COUNTED_FORMS : FORMS), 'show-ids', 'where']
}

function readSelection(scanner: Scanner, menu: ListMenu): Selection {
  scanner.skipBlanks()
  if (scanner.accept('numbers=')) scanner.skipBlanks()
  if (scanner.accept('[')) return readFind(scanner, menu)
  const items: Item[] = []
  for (;;) {
    items.push(readItem(scanner))
    if (items.length > MOST_ITEMS) scanner.fail(`more than ${MOST_ITEMS} items`)
    scanner.skipBlanks()
    if (scanner.accept(',')) scanner.skipBlanks()
    else if (scanner.isAtEnd || scanner.peek() === ';') return { by: 'item', items }
  }
}

function readItem(scanner: Scanner): Item {
  const at = scanner.at
  if (scanner.accept('*')) {
    const hex = scanner.word()
    if (!/^[0-9A-Fa-f]{1,8}$/.test(hex)) scanner.fail('invalid internal item number', at)
    return { id: `*${hex.toUpperCase()}` }
  }
  const digits = scanner.word()
  if (digits === '' && (scanner.isAtEnd || scanner.peek() === ';'))
    scanner.fail('missing value(s) of argument(s) numbers')
  if (!/^[0-9]{1,8}$/.test(digits)) scanner.fail('invalid internal item number', at)
  return { number: Number(digits) }
}

function readFind(scanner: Scanner, menu: ListMenu): Selection {
  scanner.skipBlanks()
  const at = scanner.at
  if (scanner.word() !== 'find') scanner.fail('expected find', at)
  scanner.skipBlanks()
  const before = scanner.at
  if (scanner.word() !== 'where') scanner.back(before)
  scanner.skipBlanks()
  const where = scanner.peek() === ']' || scanner.isAtEnd ? undefined : readCondition(scanner, menu, 0)
  scanner.skipBlanks()
  if (!scanner.accept(']')) scanner.fail('expected closing bracket')
  return { by: 'find', where }
}

/** `or` binds less than `and`; without a word between them, conditions are joined by `and`. */
function readCondition(scanner: Scanner, menu: ListMenu, depth: number): Condition {
  if (depth > DEEPEST) scanner.fail('too many brackets')
  const any = [readAll(scanner, menu, depth)]
  while (acceptWord(scanner, 'or', '||')) any.push(readAll(scanner, menu, depth))
  return any.length > 1 ? { is: 'any', of: any } : (any[0] as Condition)
}

function readAll(scanner: Scanner, menu: ListMenu, depth: number): Condition {
  const all = [readTerm(scanner, menu, depth)]
  for (;;) {
    const isJoined = acceptWord(scanner, 'and', '&&')
    scanner.skipBlanks()
    if (!isJoined && !startsTerm(scanner)) break
    all.push(readTerm(scanner, menu, depth))
  }
  return all.length > 1 ? { is: 'all', of: all } : (all[0] as Condition)
}

function startsTerm(scanner: Scanner): boolean {
  const at = scanner.at
  const word = scanner.word()
  const next = scanner.peek()
  scanner.back(at)
  return word === '' ? next === '!' || next === '(' : word !== 'or'
}

function readTerm(scanner: Scanner, menu: ListMenu, depth: number): Condition {
  scanner.skipBlanks()
  if (scanner.accept('(')) {
    const inner = readCondition(scanner, menu, depth + 1)
    scanner.skipBlanks()
    if (!scanner.accept(')')) scanner.fail('expected closing bracket')
    return inner
  }
  const negated = scanner.accept('!')
  const at = scanner.at
  const word = scanner.word()
  if (word === '') scanner.fail('expected a condition')
  const property = propertyOf(scanner, menu, word, at)
  if (negated) return { is: 'set', property: property.name, negated }
  scanner.skipBlanks()
  return readComparison(scanner, property) ?? { is: 'set', property: property.name, negated }
}

/** `undefined`: no comparison follows the property's name. */
function readComparison(scanner: Scanner, property: Property): Condition | undefined {
  const by = (['!=', '<=', '>=', '=', '<', '>', '~'] as const).find(each => scanner.accept(each))
  if (by === undefined) return undefined
  scanner.skipBlanks()
  const at = scanner.at
  const text = scanner.value()
  if (by === '~') {
    const pattern = compilePattern(text)
    if (pattern === undefined) scanner.fail('no pattern that can be matched', at)
    return { is: 'like', property: property.name, pattern }
  }
  const to = readValue(property.kind, text)
  if (to === undefined) scanner.fail(`input does not match any value of ${property.name}`, at)
  return { is: 'compare', property: property.name, kind: property.kind, by, to }
}

function propertyOf(scanner: Scanner, menu: ListMenu, word: string, at: number): Property {
  const found = findName(word, [...menu.properties.map(({ name }) => name), '.id'])
  if (found.is === 'none') scanner.fail(`unknown parameter ${word}`, at)
  if (found.is === 'many') scanner.fail(`ambiguous parameter ${word}: ${found.names.join(', ')}`, at)
  return menu.properties.find(({ name }) => name === found.name) ?? { name: '.id', kind: 'word', help: '' }
}

function acceptWord(scanner: Scanner, name: string, sign: string): boolean {
  scanner.skipBlanks()
  if (scanner.accept(sign)) return true
  const at = scanner.at
  if (scanner.word() === name) return true
  scanner.back(at)
  return false
}
