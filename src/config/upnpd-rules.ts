/**
 * Who may open what in miniupnpd's configuration, as permissions of ours in the same order. Pure. Two ways to say it:
 *
 * `config perm_rule`: miniupnpd.init (openwrt/packages net/miniupnpd, all releases up to 25.12) writes them one after the
 * other; what none of them matches is allowed.
 *
 * `config acl_entry`, a preset and lists of ports (openwrt/packages pull requests 24988, read at baeab75, 0aa5a29 and
 * 00565ad, and 28765, read at 03987f3: "v2.0", carried by downstreams): first the ports that are refused, then the
 * entries and the accepted ports, in this order or without the entries; what none of them matches is refused. They are
 * said for a network (`config internal_network`) or for all (`config upnpd 'settings'`).
 */
import { oneLine } from '../base/text.ts'
import type { UciOption, UciSection } from '../wire/uci.ts'
import { flag } from './kinds.ts'
import { isDeviceName, single, words } from './network-file.ts'
import type { NewSection, Report } from './upnpd-parts.ts'
import { addressRange, anonymous, matching, portRange } from './upnpd-parts.ts'

/**
 * `allow 1024-65535 0.0.0.0/0 1024-65535`: miniupnpd's words in ours; what matches everything is left out. A rule
 * without an action denies (miniupnpd.init), and `ALLOW` is no action (upnppermissions.c).
 */
export function permRule(rule: UciSection, number: number, say: Report): NewSection | undefined {
  const action = single(rule, 'action') ?? 'deny'
  const external = portRange(single(rule, 'ext_ports'))
  const internal = portRange(single(rule, 'int_ports'))
  const address = addressRange(single(rule, 'int_addr'))
  const comment = single(rule, 'comment')
  const title = titleOf(rule, number)
  const wrong = [
    action !== 'allow' && action !== 'deny' ? 'action' : undefined,
    external === 'wrong' ? 'ext_ports' : undefined,
    internal === 'wrong' ? 'int_ports' : undefined,
    address === 'wrong' ? 'int_addr' : undefined,
  ].filter(each => each !== undefined)
  if (wrong.length > 0) {
    say(`${title}: ${wrong.join(' and ')} cannot be read, the rule is left out; miniupnpd left it out too`)
    return undefined
  }
  sayUnknown(rule, ['action', 'ext_ports', 'int_addr', 'int_ports', 'comment'], title, say)
  return permission(action, matching(external, internal, address), comment)
}

export const isCatchAll = (rule: UciSection): boolean =>
  portRange(single(rule, 'ext_ports')) === 'any' &&
  portRange(single(rule, 'int_ports')) === 'any' &&
  addressRange(single(rule, 'int_addr')) === 'any'

/** Whether the file speaks of access as v2.0 does. */
export const isListed = (settings: UciSection, sections: readonly UciSection[]): boolean =>
  settings.name === 'settings' ||
  sections.some(({ type }) => type === 'internal_network' || type === 'acl_entry') ||
  NEW_SETTINGS.some(name => settings.options.has(name))

const NEW_SETTINGS = ['enable_protocols', 'enabled_protocols', 'access_defaults', 'check_acl']

/** The permissions of a v2.0 file, the last of which refuses everything. */
export function listedPermissions(settings: UciSection, sections: readonly UciSection[], say: Report): NewSection[] {
  const networks = sections.filter(({ type }) => type === 'internal_network')
  const accesses = networks.length > 0 ? networks.map(each => networkAccess(each, say)) : [commonAccess(settings)]
  const entries = sections.filter(({ type }) => type === 'acl_entry' || type === 'perm_rule')
  const before = accesses.flatMap(access => [
    ...access.rejects.flatMap(ports => listed('deny', ports, access, say)),
    ...(access.asksEntries ? [] : [...accepted(access, say), ...rest(access)]),
  ])
  // Entries that nobody would come to any more are not carried over.
  const asked = accesses.some(({ asksEntries, refusesRest }) => asksEntries || !refusesRest)
  if (!asked && entries.some(entry => single(entry, 'action') !== 'ignore')) {
    say('the entries of the access control list are left out: miniupnpd was told not to ask them')
  }
  const after = accesses.filter(({ asksEntries }) => asksEntries).flatMap(access => accepted(access, say))
  return [...before, ...(asked ? entryPermissions(entries, say) : []), ...after, permission('deny', {}, 'Default deny')]
}

/** What is said for one network, or for all of them. */
interface Access {
  readonly network: string | undefined
  readonly rejects: readonly string[]
  readonly accepts: readonly string[]
  /** The entries come between what is refused and what is accepted. */
  readonly asksEntries: boolean
  /** Without entries: what is not accepted is refused before they could be asked for another network. */
  readonly refusesRest: boolean
}

/** miniupnpd.init `reject_ports`; as pull request 28765 still has it. */
const UNSAFE = ['21', '23', '135', '137-139', '445', '3389']

/** `access_preset` and `access_defaults`, in the words of all versions. */
const PRESETS: Readonly<Record<string, readonly string[]>> = {
  none: [],
  '0': [],
  'accept-listed-ports': [],
  'accept-high-ports': ['1024-65535'],
  'accept-web+high-ports': ['80', '443', '1024-65535'],
  'accept-high-ports+web': ['1024-65535', '80', '443'],
  'accept-high-ports+web+dns': ['1024-65535', '80', '443', '53', '853'],
  'accept-web-ports': ['80', '443'],
  'accept-all-ports': ['1-65535'],
}

function commonAccess(settings: UciSection): Access {
  const asksEntries = flag.read(single(settings, 'check_acl') ?? '1') !== false
  return {
    network: undefined,
    rejects: settings.options.has('reject_ports') ? words(settings, 'reject_ports') : UNSAFE,
    accepts: [
      ...(presetPorts(single(settings, 'access_defaults') ?? 'none') ?? []),
      ...words(settings, 'accept_ports'),
    ],
    asksEntries,
    refusesRest: true,
  }
}

/** The first two drafts ask the entries only if they are told to, and open high ports if nothing is said. */
function networkAccess(section: UciSection, say: Report): Access {
  const isLast = section.options.has('ignore_acl') || !OLD_NAMES.some(name => section.options.has(name))
  const told = single(section, 'custom_acl_before') ?? single(section, 'acl_custom_first')
  const preset =
    single(section, 'access_preset') ?? single(section, 'acl_preset') ?? (isLast ? 'none' : 'accept-high-ports')
  const accepts = ['accept_ports', 'acl_accept_ports'].flatMap(name => words(section, name))
  const rejects = ['reject_ports', 'acl_reject_ports'].filter(name => section.options.has(name))
  const name = single(section, 'interface')
  const title = `internal_network${name === undefined ? '' : ` ${name}`}, line ${section.place.line}`
  sayUnknown(section, NETWORK_OPTIONS, title, say)
  const usual = presetPorts(preset)
  if (usual === undefined) say(`${title}: the preset '${preset}' is not known, nothing is accepted by it`)
  return {
    network: name !== undefined && isDeviceName(name) ? name : undefined,
    rejects: rejects.length > 0 ? rejects.flatMap(each => words(section, each)) : UNSAFE,
    accepts: [...(usual ?? []), ...accepts],
    asksEntries: isLast ? single(section, 'ignore_acl') !== '1' : told === '1',
    refusesRest: isLast || (preset !== 'none' && preset !== '0'),
  }
}

/** Of the drafts: `acl_` was in front in the first, `custom_acl_before` is the second's. */
const OLD_NAMES = ['acl_preset', 'acl_accept_ports', 'acl_reject_ports', 'acl_custom_first', 'custom_acl_before']
const NETWORK_OPTIONS = ['interface', 'access_preset', 'accept_ports', 'reject_ports', 'ignore_acl', ...OLD_NAMES]

const presetPorts = (preset: string): readonly string[] | undefined =>
  Object.hasOwn(PRESETS, preset) ? PRESETS[preset] : undefined

const accepted = (access: Access, say: Report): NewSection[] =>
  access.accepts.flatMap(ports => listed('allow', ports, access, say))

const rest = ({ network, refusesRest }: Access): NewSection[] =>
  refusesRest && network !== undefined ? [permission('deny', by(network), `Default deny of ${network}`)] : []

/** `allow 80 192.168.1.0/24 80`: miniupnpd.init wants the port outside and inside in the same range. */
function listed(action: 'allow' | 'deny', ports: string, { network }: Access, say: Report): NewSection[] {
  const range = portRange(ports, '-')
  if (range === 'wrong') {
    say(`'${ports}' is no port or range, it is left out of the ${action === 'deny' ? 'refused' : 'accepted'} ports`)
    return []
  }
  const where = network === undefined ? '' : ` on ${network}`
  const comment = `${action === 'deny' ? 'Reject' : 'Accept'} port ${ports}${where}`
  return [permission(action, { ...by(network), ...matching(range, range, 'any') }, comment)]
}

const by = (network: string | undefined): Readonly<Record<string, string>> =>
  network === undefined ? {} : { interface: network }

const ACTIONS: Readonly<Record<string, 'allow' | 'deny'>> = { accept: 'allow', reject: 'deny' }

function entryPermissions(entries: readonly UciSection[], say: Report): NewSection[] {
  const asleep = entries.filter(entry => single(entry, 'action') === 'ignore').length
  if (asleep > 0) say(`${asleep} entries with action ignore are left out: they did nothing`)
  return entries.flatMap((entry, number) =>
    entry.type === 'perm_rule' ? (permRule(entry, number, say) ?? []) : (aclEntry(entry, number, say) ?? []),
  )
}

/**
 * miniupnpd.init takes ports that it cannot read for all ports. Here an entry that accepts is left out then: nobody shall
 * be let in by a mistake.
 */
function aclEntry(entry: UciSection, number: number, say: Report): NewSection | undefined {
  const word = single(entry, 'action') ?? ''
  if (word === 'ignore') return undefined
  const title = titleOf(entry, number)
  const action = Object.hasOwn(ACTIONS, word) ? ACTIONS[word] : undefined
  const read = (name: string) => portRange(single(entry, name), '-')
  const [external, internal, address] = [read('ext_port'), read('int_port'), addressRange(single(entry, 'int_addr'))]
  const unread = [external === 'wrong' ? 'ext_port' : '', internal === 'wrong' ? 'int_port' : ''].filter(
    name => name !== '',
  )
  if (action === undefined)
    say(`${title}: action '${word}' cannot be read, the entry is left out; miniupnpd left it out too`)
  else if (address === 'wrong') say(`${title}: int_addr cannot be read, the entry is left out`)
  else if (entry.options.has('descr_filter'))
    say(`${title}: Portico has no filter of descriptions, the entry is left out`)
  else if (action === 'allow' && unread.length > 0)
    say(`${title}: ${unread.join(' and ')} cannot be read, the entry is left out`)
  else {
    sayUnknown(entry, ['action', 'ext_port', 'int_addr', 'int_port', 'comment'], title, say)
    const [outside, inside] = [external, internal].map(range => (range === 'wrong' ? 'any' : range))
    return permission(action, matching(outside ?? 'any', inside ?? 'any', address), single(entry, 'comment'))
  }
  return undefined
}

function titleOf(section: UciSection, number: number): string {
  const comment = single(section, 'comment')
  return `${section.type} ${number + 1}${comment === undefined ? '' : ` (${comment})`}, line ${section.place.line}`
}

function sayUnknown(section: UciSection, known: readonly string[], title: string, say: Report): void {
  const unknown: readonly UciOption[] = [...section.options.values()].filter(({ name }) => !known.includes(name))
  for (const { name } of unknown) say(`${title}: option ${name} is not known and is left out`)
}

const permission = (action: string, match: Readonly<Record<string, string>>, comment: string | undefined): NewSection =>
  anonymous('permission', { action, ...match, ...(comment === undefined ? {} : { comment: oneLine(comment, 128) }) })
