/**
 * The option table: everything an owner can set, said once. The UCI loader, the validator
 * (`tools/build-validators.mjs`), the console, REST, export, LuCI's texts and `docs/configuration.md` all read it.
 * To add an option, add a row to its section (`option-settings.ts`, `option-rows.ts`), run
 * `node tools/build-validators.mjs` and `node tools/build-docs.mjs`, and use the value where it matters.
 */
import { RELEASE } from '../base/release.ts'
import type { Option, Rows, Settings, Values } from './option.ts'
import { FIRST, WITH_UPNP } from './option.ts'
import { interfaceOptions, mapping, permission } from './option-rows.ts'
import { limits, natPmp, system, upnp } from './option-settings.ts'

/** Sections by their id: the name of `config portico 'name'`, or the type of the others. */
export const sections = {
  nat_pmp: {
    is: 'settings',
    type: 'portico',
    help: 'The NAT-PMP service.',
    since: FIRST,
    menus: ['/ip nat-pmp', '/ip upnp natpmp'],
    options: natPmp,
  },
  upnp: {
    is: 'settings',
    type: 'portico',
    help: 'The UPnP service.',
    since: WITH_UPNP,
    menus: ['/ip upnp'],
    options: upnp,
  },
  limits: {
    is: 'settings',
    type: 'portico',
    help: 'Quotas, lease lengths and the default policy.',
    since: FIRST,
    menus: ['/ip upnp limits'],
    extension: true,
    options: limits,
  },
  system: {
    is: 'settings',
    type: 'portico',
    help: 'How Portico fits into the router.',
    since: FIRST,
    menus: ['/ip upnp system'],
    extension: true,
    options: system,
  },
  interface: {
    is: 'rows',
    type: 'interface',
    most: 64,
    help: 'Roles of the interfaces. Where none has the role external, it is taken by the networks of the firewall zones with masq 1 (else by the network that holds the default route); where none is internal, by lan.',
    since: FIRST,
    menus: ['/ip nat-pmp interfaces', '/ip upnp interfaces'],
    options: interfaceOptions,
  },
  permission: {
    is: 'rows',
    type: 'permission',
    most: 1000,
    help: 'Who may open which port. The first permission that matches decides; an option that is not set matches everything.',
    since: FIRST,
    menus: ['/ip upnp permissions'],
    extension: true,
    options: permission,
  },
  mapping: {
    is: 'rows',
    type: 'mapping',
    most: 1000,
    help: 'Static mappings: they never expire, and no client can remove them.',
    since: FIRST,
    menus: ['/ip upnp mappings'],
    extension: true,
    options: mapping,
  },
} as const satisfies Readonly<Record<string, Settings | Rows>>

export type SectionId = keyof typeof sections
export type SectionValues<I extends SectionId> = Values<(typeof sections)[I]>

export const sectionIds = Object.keys(sections) as readonly SectionId[]

/** A table of options that all kinds of section share, without their value types. */
export const optionsOf = (id: SectionId): Readonly<Record<string, Option<unknown>>> => sections[id].options

/** The value a section's option has where the file does not set it. */
export function defaultsOf<I extends SectionId>(id: I): Partial<SectionValues<I>> {
  const values: Record<string, unknown> = {}
  for (const [name, option] of Object.entries(optionsOf(id))) values[name] = option.default
  return values as Partial<SectionValues<I>>
}

/** Whether a version already has what came with `since` (`0.1`); an option that came later is accepted and does nothing yet. */
export function isInForce(since: string, release: string = RELEASE): boolean {
  const [major = 0, minor = 0] = since.split('.').map(Number)
  const [ourMajor = 0, ourMinor = 0] = release.split('.').map(Number)
  return ourMajor > major || (ourMajor === major && ourMinor >= minor)
}
