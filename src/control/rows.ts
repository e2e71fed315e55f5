/** The world as rows: which property of which menu shows what. */
import type { Instant } from '../base/time.ts'
import { secondsBetween } from '../base/time.ts'
import type { Answer, Mapping, Service } from '../core/mapping.ts'
import { idText, mappingId } from './ids.ts'
import type { Row } from './menu.ts'
import { shownValues } from './table.ts'
import { localTime } from './time.ts'
import type { Value, Values } from './value.ts'
import type { ControlWorld, InterfaceRole, JournalLine } from './world.ts'

export const interfaceRows = (world: ControlWorld, service: Service): readonly Row[] =>
  numbered(
    world
      .interfaces()
      .filter(role => role.services.includes(service))
      .map(interfaceValues),
  )

export const permissionRows = (world: ControlWorld): readonly Row[] =>
  numbered(world.permissions().map(each => shownValues('permission', each)))

export const journalRows = (world: ControlWorld): readonly Row[] => numbered(Array.from(world.journal(), journalValues))

/** By external port, static ones first: an order that renewals do not change. */
export function mappingRows(world: ControlWorld): readonly Row[] {
  const now = world.now()
  return sortedMappings(world).map(
    (mapping, number) => new MappingRow(mapping, number, () => mappingValues(mapping, now)),
  )
}

/** Those that translate, in the words of RouterOS' firewall. */
export function natRows(world: ControlWorld): readonly Row[] {
  const { device } = world.status().uplink
  return sortedMappings(world)
    .filter(({ pinhole }) => pinhole === undefined)
    .map((mapping, number) => new MappingRow(mapping, number, () => natValues(mapping, device)))
}

export function removeMapping(world: ControlWorld, row: Row): Promise<Answer> {
  const { mapping } = row
  if (mapping === undefined) return Promise.resolve({ ok: true, mapping })
  if (mapping.owner.via !== 'operator') return world.remove(mapping)
  const because = 'it is static: remove its `config mapping` from /etc/config/portico'
  return Promise.resolve({ ok: false, why: 'not-owner', because })
}

/**
 * Static ones first, then by external port, pinholes last. Sorted as numbers, with the place in the table in the low
 * digits: a function that compares would be called too often.
 */
export function sortedMappings(world: ControlWorld): readonly Mapping[] {
  const all = Array.from(world.mappings())
  const keys = Float64Array.from(all, (mapping, index) => {
    const group = mapping.pinhole !== undefined ? 0x40000 : isDynamic(mapping) ? 0x20000 : 0
    return (group + mapping.external.port * 2 + (mapping.transport === 'udp' ? 1 : 0)) * ALL + index
  })
  return Array.from(keys.sort(), key => all[key % ALL] as Mapping)
}

/** More than all ports and pinholes; times any key it is still a whole number that a double holds. */
const ALL = 2 ** 24

/** There may be very many: what a row shows is put together when somebody looks, and not kept. */
class MappingRow implements Row {
  readonly mapping: Mapping
  readonly number: number
  readonly #values: () => Values

  constructor(mapping: Mapping, number: number, values: () => Values) {
    this.mapping = mapping
    this.number = number
    this.#values = values
  }

  get id(): string {
    return mappingId(this.mapping)
  }

  get values(): Values {
    return this.#values()
  }
}

function mappingValues(mapping: Mapping, now: Instant): Values {
  const { owner, lease, external, internal } = mapping
  const values: Record<string, Value> = {
    dynamic: isDynamic(mapping),
    protocol: mapping.transport,
    'dst-port': external.port,
    'internal-address': internal.ip,
    'internal-port': internal.port,
    service: owner.via === 'operator' ? 'static' : owner.via,
    'dst-address': external.ip,
    disabled: mapping.state === 'disabled',
    invalid: mapping.state === 'suspended',
  }
  if (mapping.remote.ip !== 'any') values['src-address'] = mapping.remote.ip
  if (mapping.remote.port !== 'any') values['src-port'] = mapping.remote.port
  if (mapping.pinhole !== undefined) values['pinhole'] = mapping.pinhole
  if (lease !== 'forever') {
    values['timeout'] = secondsBetween(now, lease.expires)
    values['lifetime'] = lease.lifetime
  }
  if (owner.via !== 'operator') values['client'] = owner.client
  if (mapping.mac !== undefined) values['mac'] = mapping.mac
  if (mapping.label !== '') values['comment'] = mapping.label
  return values
}

function natValues(mapping: Mapping, device: string | undefined): Values {
  const values: Record<string, Value> = {
    disabled: mapping.state === 'disabled',
    invalid: mapping.state === 'suspended',
    dynamic: isDynamic(mapping),
    chain: 'dstnat',
    action: 'dst-nat',
    'to-addresses': mapping.internal.ip,
    'to-ports': mapping.internal.port,
    protocol: mapping.transport,
    'dst-address': mapping.external.ip,
    'dst-port': mapping.external.port,
  }
  const comment = ruleComment(mapping)
  if (comment !== '') values['comment'] = comment
  if (mapping.remote.ip !== 'any') values['src-address'] = mapping.remote.ip
  if (device !== undefined) values['in-interface'] = device
  return values
}

const isDynamic = (mapping: Mapping): boolean => mapping.owner.via !== 'operator'

/** `nat-pmp 192.168.88.10: ApplicationX`, as RouterOS comments its dynamic rules. */
function ruleComment(mapping: Mapping): string {
  const { owner, label } = mapping
  return owner.via === 'operator' ? label : `${owner.via} ${owner.client}: ${label}`.trimEnd()
}

function interfaceValues(role: InterfaceRole): Values {
  return set({
    disabled: role.disabled,
    invalid: role.invalid !== undefined,
    dynamic: role.dynamic,
    comment: role.invalid ?? (role.closedBy && `cut off from the Internet by ${role.closedBy}`),
    interface: role.interface,
    type: role.type,
    service: role.services.join(','),
    'forced-ip': role.forcedIp,
    device: role.device,
  })
}

function journalValues(line: JournalLine): Values {
  return { time: localTime(line.time), topics: [...line.topics, line.severity].join(','), message: line.message }
}

const numbered = (all: readonly Values[]): readonly Row[] =>
  all.map((values, number) => ({ id: idText(number + 1), number, values }))

/** Leaves out what is unset: `undefined`, and an empty comment. */
function set(values: Readonly<Record<string, Value | undefined>>): Values {
  const out: Record<string, Value> = {}
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined && value !== '') out[name] = value
  }
  return out
}
