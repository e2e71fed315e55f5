/** A configuration that was read and found valid. Interfaces are still names: `roles.ts` turns them into devices. */
import type { Service } from '../core/mapping.ts'
import type { FirewallFile } from './firewall-file.ts'
import type { NetworkFile } from './network-file.ts'
import type { SectionValues } from './options.ts'
import { defaultsOf } from './options.ts'
import type { Origin } from './problems.ts'

/** A section that may stand in the file more than once. */
export interface Row {
  /** Position among the sections of its type, from 0, as the console numbers it. */
  readonly number: number
  /** The section's UCI name, given or made (`cfg03a1b2`). */
  readonly id: string
  readonly origin: Origin
}

/** The options of a row have the names of the UCI file (`forced_ip`), as the option table spells them. */
export type InterfaceEntry = SectionValues<'interface'> & Row
export type Permission = SectionValues<'permission'> & Row
export type MappingEntry = SectionValues<'mapping'> & Row

export interface Config {
  readonly nat_pmp: SectionValues<'nat_pmp'>
  readonly upnp: SectionValues<'upnp'>
  readonly limits: SectionValues<'limits'>
  readonly system: SectionValues<'system'>
  /** Also the disabled ones, which the console shows. */
  readonly interfaces: readonly InterfaceEntry[]
  readonly permissions: readonly Permission[]
  readonly mappings: readonly MappingEntry[]
  /** What was read of the router's own files; `undefined` where there is none that can be read. */
  readonly network: NetworkFile | undefined
  readonly firewall: FirewallFile | undefined
}

/** What holds without a file: every service off. */
export function defaultConfig(): Config {
  return {
    nat_pmp: defaultsOf('nat_pmp') as SectionValues<'nat_pmp'>,
    upnp: defaultsOf('upnp') as SectionValues<'upnp'>,
    limits: defaultsOf('limits') as SectionValues<'limits'>,
    system: defaultsOf('system') as SectionValues<'system'>,
    interfaces: [],
    permissions: [],
    mappings: [],
    network: undefined,
    firewall: undefined,
  }
}

export const isEnabled = (config: Config, service: Service): boolean =>
  service === 'nat-pmp' ? config.nat_pmp.enabled : config.upnp.enabled
