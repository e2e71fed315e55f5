/**
 * What the router must do so that the configured services can be reached: facts for its init script. Pure.
 *
 *     mark 0x40000000        forwarded packets with this bit belong to our mappings
 *     input guest udp 5351   a zone that lets nothing in, and what it must let in to us
 *     input * udp 5351 br-x  a device that no zone names, and what must be let in from it
 *     writes /etc/portico    a folder that the daemon must be able to write to, where it is kept in a jail
 */
import type { Port } from '../base/ip.ts'
import type { Service } from '../core/mapping.ts'
import { SERVER_PORT } from '../wire/natpmp.ts'
import type { UciFile } from '../wire/uci.ts'
import type { Config } from './config.ts'
import { isEnabled } from './config.ts'
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

export interface Input {
  /** Name of a firewall zone; `*` with a device that no zone names. */
  readonly zone: string
  readonly device?: string
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
  const closed = closedZones(firewall)
  const isThere = (firewall?.sections.length ?? 0) > 0
  const { internal } = resolveRoles(config, { netifd, defaultRoute: [], defaultRoute6: [], usable: undefined })
  const inputs = new Map<string, Input>()
  for (const role of internal) {
    const owners = [...zonesOf(config.firewall, netifd, role)]
    // In no zone, or in one that says so by subnets or by what it leaves out: its packets may well be refused.
    const nowhere = isThere && owners.length === 0 ? [{ zone: '*', device: role.device }] : []
    const from = [...owners.filter(zone => closed.has(zone)).map(zone => ({ zone })), ...nowhere]
    const served = role.services.filter(service => isEnabled(config, service))
    for (const input of served.flatMap(service => doorsOf(service, config))) {
      for (const each of from) {
        const wanted = { ...each, ...input }
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

const inputText = ({ zone, device, transport, port }: Input): string =>
  `input ${zone} ${transport} ${port}${device === undefined ? '' : ` ${device}`}`

/** None for the root, and none for a path that a shell would take apart. */
function folderOf(path: string | undefined): string | undefined {
  const folder = path?.slice(0, path.lastIndexOf('/')) ?? ''
  return /^(\/[A-Za-z0-9_.+-]+)+$/.test(folder) && !/\/\.\.?(\/|$)/.test(folder) ? folder : undefined
}

function doorsOf(service: Service, config: Config): readonly Omit<Input, 'zone'>[] {
  if (service === 'nat-pmp') return [{ transport: 'udp', port: SERVER_PORT }]
  return [
    { transport: 'udp', port: SSDP_PORT },
    { transport: 'tcp', port: config.upnp.http_port },
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
