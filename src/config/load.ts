/**
 * Files to a configuration and to what is wrong with them. `load` never throws. A mistake in Portico's own file leaves
 * `config` undefined, and whoever called keeps the last good one in force; a mistake in the router's files only
 * leaves out what stands in them.
 */

import { reasonOf } from '../base/fail.ts'
import type { UciFile, UciSection } from '../wire/uci.ts'
import { parseUci, UciError } from '../wire/uci.ts'
import type { Read } from './checks.ts'
import { checkInterfaces, checkLimits, checkMappings, checkPermissions } from './checks.ts'
import type { Config, Row } from './config.ts'
import { defaultConfig } from './config.ts'
import { firewallFile } from './firewall-file.ts'
import { networkFile } from './network-file.ts'
import type { SectionId, SectionValues } from './options.ts'
import { sectionIds, sections } from './options.ts'
import type { Problem } from './problems.ts'
import { hasErrors, quoted, report } from './problems.ts'
import { readSection } from './section.ts'

/** The bytes of a file; `undefined` where there is none, `unreadable` where it is there and reading it failed. */
export type FileBytes = Uint8Array | 'unreadable' | undefined

export interface Files {
  readonly portico: FileBytes
  readonly network?: FileBytes
  readonly firewall?: FileBytes
}

/** How the owner knows the files, for messages. */
export interface FileNames {
  readonly portico: string
  readonly network: string
  readonly firewall: string
}

export interface Loaded {
  /** `undefined` when Portico's file has an error: the caller keeps what it has. */
  readonly config: Config | undefined
  readonly problems: readonly Problem[]
}

export const fileNames = (directory: string): FileNames => ({
  portico: `${directory}/portico`,
  network: `${directory}/network`,
  firewall: `${directory}/firewall`,
})

/** Shown at once; errors before the rest when there are more. */
const MOST_PROBLEMS = 50

/** `last`: the configuration in force, whose `network` and `firewall` stay where the new file cannot be parsed. */
export function load(files: Files, names: FileNames, last?: Config): Loaded {
  const problems: Problem[] = []
  const network = parsed(files.network, names.network, problems)
  const firewall = parsed(files.firewall, names.firewall, problems)
  const own = parsed(files.portico, names.portico, problems)
  if (own === 'absent') report(problems, { weight: 'warning', file: names.portico, message: ABSENT })
  const found: Problem[] = []
  const settings = typeof own === 'string' ? undefined : ownConfig(own, found)
  const good = own === 'absent' ? defaultConfig() : settings
  const config = good === undefined || hasErrors(found) ? undefined : good
  return {
    config: config && {
      ...config,
      network: network === 'broken' ? last?.network : network === 'absent' ? undefined : networkFile(network),
      firewall: firewall === 'broken' ? last?.firewall : firewall === 'absent' ? undefined : firewallFile(firewall),
    },
    problems: shortened([...problems, ...found]),
  }
}

const ABSENT = 'there is no such file: every service is off'

function parsed(bytes: FileBytes, name: string, problems: Problem[]): UciFile | 'absent' | 'broken' {
  if (bytes === undefined) return 'absent'
  if (bytes === 'unreadable') {
    report(problems, { weight: 'error', file: name, message: 'the file is there, but cannot be read' })
    return 'broken'
  }
  try {
    return parseUci(bytes, name)
  } catch (error) {
    const at = error instanceof UciError ? { line: error.place.line, column: error.place.column } : {}
    const message = error instanceof UciError ? error.problem : `cannot be read: ${reasonOf(error)}`
    report(problems, { weight: 'error', file: name, ...at, message, hint: 'the whole file is refused' })
    return 'broken'
  }
}

type SettingsId = 'nat_pmp' | 'upnp' | 'limits' | 'system'
type RowsId = Exclude<SectionId, SettingsId>
const SETTINGS: readonly string[] = sectionIds.filter(id => sections[id].is === 'settings')
const ROWS: readonly string[] = sectionIds.filter(id => sections[id].is === 'rows')

function ownConfig(file: UciFile, problems: Problem[]): Config {
  const named = new Map<string, UciSection>()
  const listed = new Map<string, UciSection[]>()
  for (const section of file.sections) {
    if (section.type === 'portico' && !section.anonymous && SETTINGS.includes(section.name)) {
      named.set(section.name, section)
    } else if (ROWS.includes(section.type)) {
      const before = listed.get(section.type)
      if (before === undefined) listed.set(section.type, [section])
      else before.push(section)
    } else report(problems, unknownSection(section, file.path))
  }
  const one = <I extends SettingsId>(id: I): SectionValues<I> => settings(id, named.get(id), file.path, problems)
  const many = <I extends RowsId>(id: I) => rows(id, listed.get(id) ?? [], file.path, problems)
  const interfaces = many('interface')
  const permissions = many('permission')
  const mappings = many('mapping')
  const limits = one('limits')
  const limitsSection = named.get('limits')
  if (limitsSection !== undefined) report(problems, ...checkLimits(limits, limitsSection, file.path))
  report(
    problems,
    ...checkInterfaces(interfaces, file.path),
    ...checkPermissions(permissions, file.path),
    ...checkMappings(mappings, file.path),
  )
  return {
    ...defaultConfig(),
    nat_pmp: one('nat_pmp'),
    upnp: one('upnp'),
    limits,
    system: one('system'),
    interfaces: interfaces.map((row, number) => placed(row, number, file.path)),
    permissions: permissions.map((row, number) => placed(row, number, file.path)),
    mappings: mappings.map((row, number) => placed(row, number, file.path)),
  }
}

/** Where a section has a mistake its defaults stand in, so that the other sections can still be checked. */
function settings<I extends SettingsId>(
  id: I,
  section: UciSection | undefined,
  file: string,
  problems: Problem[],
): SectionValues<I> {
  const values = section === undefined ? undefined : readSection(id, section, file, problems)
  return values ?? (defaultConfig()[id] as SectionValues<I>)
}

function rows<I extends RowsId>(
  id: I,
  found: readonly UciSection[],
  file: string,
  problems: Problem[],
): readonly Read<SectionValues<I>>[] {
  const most = sections[id].most
  const tooMany = found[most]
  if (tooMany !== undefined) {
    const message = `section ${id} number ${most + 1}: expected at most ${most}`
    report(problems, { weight: 'error', file, line: tooMany.place.line, message })
  }
  return found.slice(0, most).flatMap(section => {
    const values = readSection(id, section, file, problems)
    return values === undefined ? [] : [{ values, section }]
  })
}

const placed = <V>({ values, section }: Read<V>, number: number, file: string): V & Row => ({
  ...values,
  number,
  id: section.name,
  origin: { file, line: section.place.line },
})

function unknownSection(section: UciSection, file: string): Problem {
  const name = section.anonymous ? 'without a name' : quoted(section.name)
  return {
    weight: 'warning',
    file,
    line: section.place.line,
    message: `section ${quoted(section.type)} ${name} is not known and is ignored`,
    hint: `known: ${SETTINGS.map(id => `portico '${id}'`).join(', ')}, ${ROWS.join(', ')}`,
  }
}

function shortened(problems: readonly Problem[]): readonly Problem[] {
  if (problems.length <= MOST_PROBLEMS) return problems
  const rest: Problem = { weight: 'note', message: 'there are more problems than are shown here' }
  const errors = problems.filter(({ weight }) => weight === 'error')
  const others = problems.filter(({ weight }) => weight !== 'error')
  return [...[...errors, ...others].slice(0, MOST_PROBLEMS), rest]
}
