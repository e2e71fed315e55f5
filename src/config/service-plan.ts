/**
 * What the router must do so that the configured services can be reached: facts for its init script. Pure.
 *
 *     mark 0x40000000        forwarded packets with this bit belong to our mappings
 *     input guest udp 5351   a zone that lets nothing in, and what it must let in to us
 *     input * udp 5351 br-x  a device that no zone names, and what must be let in from it
 *     input * udp 5351 br-x ipv4  the same for one family, where its zone is about the other one only
 *     writes /etc/portico    a folder that the daemon must be able to write to, where it is kept in a jail
 */
import { directoryOf } from '../base/files.ts'
import type { Port } from '../base/ip.ts'
import type { Service } from '../core/mapping.ts'
import { SERVER_PORT } from '../wire/natpmp.ts'
import type { UciFile } from '../wire/uci.ts'
import type { Config } from './config.ts'
import { isEnabled } from './config.ts'
import type { Family } from './firewall-file.ts'
import { FAMILIES } from './firewall-file.ts'
import type { NetifdInterface } from './netifd.ts'
import { single } from './network-file.ts'
import { zonesOf } from './redirects.ts'
import { resolveRoles } from './roles.ts'

export interface ServicePlan {
  /** A mask with one bit. */
  readonly mark: number
  readonly inputs: readonly Input[]
  /** Where the lease file is, if there is one. */
  readonly writes: string | undefined
}

export interface Input extends Way, Door {}

interface Way {
  /** Name of a firewall zone; `*` with a device that no zone names. */
  readonly zone: string
  readonly device?: string
  /** Absent for both, and for the families of the zone. */
  readonly family?: Family
}

interface Door {
  readonly transport: 'tcp' | 'udp'
  readonly port: Port
}

/** UPnP Device Architecture 1.1 §1: SSDP listens here. */
const SSDP_PORT = 1900 as Port

/** `firewall` is `/etc/config/firewall`, `undefined` where there is none. */
export function servicePlan(
  config: Config,
  firewall: UciFile | undefined,
  netifd: readonly NetifdInterface[] | undefined,
): ServicePlan {
  const isThere = (firewall?.sections.length ?? 0) > 0
  const owner = ownerOf(config, closedZones(firewall))
  const { internal } = resolveRoles(config, { netifd, defaultRoute: [], defaultRoute6: [], usable: undefined })
  const inputs = new Map<string, Input>()
  for (const role of internal) {
    const owners = [...zonesOf(config.firewall, netifd, role)].map(owner)
    const served = role.services.filter(service => isEnabled(config, service))
    for (const { families, ...door } of served.flatMap(service => doorsOf(service, config))) {
      for (const way of isThere ? waysIn(role.device, owners, families) : []) {
        const wanted = { ...way, ...door }
        inputs.set(inputText(wanted), wanted)
      }
    }
  }
  return { mark: config.system.mark, inputs: [...inputs.values()], writes: folderOf(config.system.lease_file) }
}

/** One fact a line. Names of zones and devices are words: nothing else is handed to a shell. */
export const planText = ({ mark, inputs, writes }: ServicePlan): string =>
  [
    ...(writes === undefined ? [] : [`writes ${writes}`]),
    `mark 0x${mark.toString(16)}`,
    ...inputs.filter(({ zone, device }) => /^[A-Za-z0-9_.-]+$/.test(device ?? zone)).map(inputText),
  ]
    .map(line => `${line}\n`)
    .join('')

const inputText = ({ zone, device, family, transport, port }: Input): string =>
  [
    'input',
    zone,
    transport,
    port,
    ...(device === undefined ? [] : [device]),
    ...(family === undefined ? [] : [family]),
  ].join(' ')

/** A zone that a device is in. */
interface Owner {
  readonly zone: string
  readonly families: readonly Family[]
  readonly isClosed: boolean
}

const ownerOf = (config: Config, closed: ReadonlySet<string>): ((zone: string) => Owner) => {
  const families = new Map(config.firewall?.zones.map(zone => [zone.name, zone.families]))
  return zone => ({ zone, families: families.get(zone) ?? FAMILIES, isClosed: closed.has(zone) })
}

/**
 * Where requests come from that the firewall may refuse. In no zone, or in one that says so by subnets or by what it
 * leaves out: by the device. So are those of a family that no zone of the device is about: fw4 gives a rule for a zone
 * the family of the zone, and lets its default policy decide about the other one.
 */
function waysIn(device: string, owners: readonly Owner[], families: readonly Family[]): readonly Way[] {
  if (owners.length === 0) return [{ zone: '*', device }]
  const closed = owners.filter(owner => owner.isClosed && families.some(family => owner.families.includes(family)))
  const nowhere = families.filter(family => !owners.some(owner => owner.families.includes(family)))
  return [...closed.map(({ zone }) => ({ zone })), ...nowhere.map(family => ({ zone: '*', device, family }))]
}

/** The kind of the option (`kinds.ts`) sees to it that no shell can take it apart, and that the folder is its own. */
const folderOf = (path: string | undefined): string | undefined =>
  path === undefined || path === 'none' ? undefined : directoryOf(path)

/** Where clients of a service knock, and by which families. */
function doorsOf(service: Service, config: Config): readonly (Door & { readonly families: readonly Family[] })[] {
  if (service === 'nat-pmp') return [{ transport: 'udp', port: SERVER_PORT, families: ['ipv4'] }]
  return [
    { transport: 'udp', port: SSDP_PORT, families: FAMILIES },
    { transport: 'tcp', port: config.upnp.http_port, families: FAMILIES },
  ]
}

/** Zones whose packets to the router itself are not simply accepted; the policy as fw4.uc parse_policy reads it. */
function closedZones(firewall: UciFile | undefined): ReadonlySet<string> {
  const sections = firewall?.sections ?? []
  const defaults = sections.find(({ type }) => type === 'defaults')
  const otherwise = (defaults && single(defaults, 'input')) ?? 'drop'
  const closed = new Set<string>()
  for (const section of sections) {
    const name = section.type === 'zone' ? single(section, 'name') : undefined
    if (name !== undefined && !isAccept(single(section, 'input') ?? otherwise)) closed.add(name)
  }
  return closed
}

/** Any beginning of the word, in either case. */
const isAccept = (policy: string): boolean => policy !== '' && 'accept'.startsWith(policy.toLowerCase())
