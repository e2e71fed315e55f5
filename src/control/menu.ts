/**
 * The one command tree. Console, completion, REST, API and export all follow from this table: a menu is a path, its
 * properties, the flags and columns it shows, and where its rows come from. Printing (`print.ts`), the grammar
 * (`grammar.ts`) and REST (`rest.ts`) know menus, and no menu in particular.
 */
import { sections } from '../config/options.ts'
import type { Answer, Mapping } from '../core/mapping.ts'
import { interfaceRows, journalRows, mappingRows, natRows, permissionRows, removeMapping } from './rows.ts'
import { propertiesOf, shownValues } from './table.ts'
import type { Kind, Values } from './value.ts'
import type { ControlWorld, SettingsId } from './world.ts'

export interface Property {
  /** As RouterOS writes it: `dst-port`. */
  readonly name: string
  readonly kind: Kind
  readonly help: string
}

/** Letters before a row; the word is the property that raises it. */
export type Flag = 'X' | 'I' | 'D'

export interface Row {
  /** `*1F`: names the item as long as it exists. */
  readonly id: string
  /** Position in the whole list, from 0, whatever `where` leaves out. */
  readonly number: number
  /** May be put together anew at each look: ask once. */
  readonly values: Values
  /** What it stands for, where that is a mapping. */
  readonly mapping?: Mapping
}

interface AnyMenu {
  readonly path: readonly string[]
  /** Other paths to the same menu, with everything below it. */
  readonly aliases: readonly (readonly string[])[]
  readonly help: string
  readonly properties: readonly Property[]
}

/** One set of values: `/ip nat-pmp`. */
export interface SettingsMenu extends AnyMenu {
  readonly is: 'settings'
  values(world: ControlWorld): Values
}

/** Numbered items: `/ip upnp mappings`. */
export interface ListMenu extends AnyMenu {
  readonly is: 'list'
  readonly flags: readonly Flag[]
  /** Properties that the table form shows, in this order. */
  readonly columns: readonly string[]
  /** Properties that `print stats` shows, the kernel's counters among them; absent: it has no such form. */
  readonly statistics?: readonly string[]
  /** How `print` shows it when nothing else is asked. */
  readonly form: 'table' | 'detail' | 'lines'
  rows(world: ControlWorld): readonly Row[]
  /** Absent: items cannot be removed here. */
  readonly remove?: (world: ControlWorld, row: Row) => Promise<Answer>
}

export type Menu = SettingsMenu | ListMenu

/** Words that stand for themselves, outside every menu. */
export type TopCommand = 'status' | 'check' | 'help'

export const TOP_COMMANDS: Readonly<Record<TopCommand, string>> = {
  status: 'what the daemon does, what it cannot do, and why',
  check: 'what must be in order, and how to mend it',
  help: 'the commands there are',
}

export const FLAG_WORDS: Readonly<Record<Flag, string>> = { X: 'disabled', I: 'invalid', D: 'dynamic' }

/** `X` and `I` share a place before the row, `D` has its own. */
export const FLAG_PLACES: readonly (readonly Flag[])[] = [['X', 'I'], ['D']]

export const MENUS: readonly Menu[] = [
  settings('nat_pmp'),
  settings('upnp'),
  settings('limits'),
  settings('system'),
  list('ip nat-pmp interfaces', [], 'interfaces that NAT-PMP serves and maps to', {
    flags: ['X', 'I', 'D'],
    properties: interfaceProperties(),
    columns: ['interface', 'type', 'forced-ip', 'device'],
    form: 'table',
    rows: world => interfaceRows(world, 'nat-pmp'),
  }),
  list('ip upnp interfaces', [], 'interfaces that UPnP serves and maps to', {
    flags: ['X', 'I', 'D'],
    properties: interfaceProperties(),
    columns: ['interface', 'type', 'forced-ip', 'device'],
    form: 'table',
    rows: world => interfaceRows(world, 'upnp'),
  }),
  list('ip upnp permissions', ['ip nat-pmp permissions'], 'who may map what; the first rule that fits decides', {
    flags: ['X'],
    properties: propertiesOf('permission'),
    columns: ['action', 'protocol', 'dst-port', 'internal-port', 'internal-address', 'mac', 'interface', 'service'],
    form: 'table',
    rows: permissionRows,
  }),
  list('ip upnp mappings', ['ip nat-pmp mappings'], 'mappings and IPv6 pinholes, whoever asked for them', {
    flags: ['X', 'I', 'D'],
    properties: [
      property('protocol', 'word', 'tcp or udp'),
      property('dst-port', 'number', 'external port, that the world dials'),
      property('internal-address', 'address', 'host that answers'),
      property('internal-port', 'number', 'port that it answers on'),
      property('service', 'word', 'nat-pmp, upnp or static'),
      property('timeout', 'time', 'time until it ends'),
      property('lifetime', 'time', 'time for which it was granted'),
      property('dst-address', 'address', 'external address'),
      property('client', 'address', 'host that asked'),
      property('mac', 'address', 'link address of that host'),
      property('src-address', 'address', 'the only host of the world that may come in'),
      property('src-port', 'number', 'the only port that it may come from'),
      property('pinhole', 'number', 'by which its client knows an IPv6 pinhole'),
      ...counterProperties(),
      property('comment', 'text', 'what the client calls it'),
      property('disabled', 'yes-no', 'its client wants it kept and not used'),
      property('invalid', 'yes-no', 'suspended: its address belongs to another device now'),
      property('dynamic', 'yes-no', 'asked for by a client'),
    ],
    columns: ['protocol', 'dst-port', 'internal-address', 'internal-port', 'service', 'timeout'],
    statistics: ['protocol', 'dst-port', 'internal-address', 'internal-port', 'bytes', 'packets'],
    form: 'table',
    rows: mappingRows,
    remove: removeMapping,
  }),
  list('ip firewall nat', [], 'the mappings as destination NAT rules', {
    flags: ['X', 'I', 'D'],
    properties: [
      property('chain', 'word', 'dstnat'),
      property('action', 'word', 'dst-nat'),
      property('to-addresses', 'address', 'host that answers'),
      property('to-ports', 'number', 'port that it answers on'),
      property('protocol', 'word', 'tcp or udp'),
      property('dst-address', 'address', 'external address'),
      property('in-interface', 'word', 'device of the external interface'),
      property('dst-port', 'number', 'external port'),
      property('src-address', 'address', 'the only host of the world that may come in'),
      ...counterProperties(),
      property('disabled', 'yes-no', 'its client wants it kept and not used'),
      property('invalid', 'yes-no', 'suspended: its address belongs to another device now'),
      property('comment', 'text', 'service, host and what the client calls it'),
      property('dynamic', 'yes-no', 'asked for by a client'),
    ],
    columns: ['chain', 'action', 'protocol', 'dst-port', 'to-addresses', 'to-ports'],
    statistics: ['chain', 'action', 'bytes', 'packets'],
    form: 'detail',
    rows: natRows,
  }),
  list('log', [], 'what happened lately, oldest first', {
    flags: [],
    properties: [
      property('time', 'word', 'local date and time'),
      property('topics', 'list', 'what it is about, and how grave'),
      property('message', 'text', 'what happened'),
    ],
    columns: ['time', 'topics', 'message'],
    form: 'lines',
    rows: journalRows,
  }),
]

export const pathText = (menu: Menu): string => `/${menu.path.join(' ')}`

export const commandsOf = (menu: Menu): readonly string[] =>
  menu.is === 'list' && menu.remove !== undefined ? ['print', 'remove'] : ['print']

function property(name: string, kind: Kind, help: string): Property {
  return { name, kind, help }
}

/** `COUNTERS` (counted.ts). */
function counterProperties(): readonly Property[] {
  return [
    property('packets', 'number', 'packets of its flows, both directions'),
    property('bytes', 'number', 'bytes of its flows, both directions'),
  ]
}

function interfaceProperties(): readonly Property[] {
  return [
    ...propertiesOf('interface'),
    property('device', 'word', 'the device it stands for'),
    property('comment', 'text', 'why it is not in force, or who has cut it off from the Internet'),
    property('invalid', 'yes-no', 'configured, but cannot be in force'),
    property('dynamic', 'yes-no', "taken from the system's network and firewall configuration"),
  ]
}

/** Path, help and properties of a settings menu all stand in the option table. */
function settings(section: SettingsId): SettingsMenu {
  const { menus, help } = sections[section]
  const [path, ...aliases] = menus.map(menu => menu.slice(1).split(' '))
  return {
    is: 'settings',
    path: path as readonly string[],
    aliases,
    help,
    properties: propertiesOf(section),
    values: world => shownValues(section, world.settings(section)),
  }
}

function list(
  path: string,
  aliases: readonly string[],
  help: string,
  rest: Omit<ListMenu, 'is' | 'path' | 'aliases' | 'help'>,
): ListMenu {
  return { is: 'list', path: path.split(' '), aliases: aliases.map(alias => alias.split(' ')), help, ...rest }
}
