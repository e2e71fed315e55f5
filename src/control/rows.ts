/** The world as rows: which property of which menu shows what. */
import { compareIp } from '../base/ip.ts'
import { secondsBetween } from '../base/time.ts'
import type { Answer, Mapping, Service } from '../core/mapping.ts'
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
  return sorted(world).map((mapping, number) => ({
    id: mappingId(mapping),
    number,
    values: set({
      dynamic: isDynamic(mapping),
      protocol: mapping.transport,
      'dst-port': mapping.external.port,
      'internal-address': mapping.internal.ip,
      'internal-port': mapping.internal.port,
      service: mapping.owner.via === 'operator' ? 'static' : mapping.owner.via,
      timeout: mapping.lease === 'forever' ? undefined : secondsBetween(now, mapping.lease.expires),
      lifetime: mapping.lease === 'forever' ? undefined : mapping.lease.lifetime,
      'dst-address': mapping.external.ip,
      client: mapping.owner.via === 'operator' ? undefined : mapping.owner.client,
      mac: mapping.mac,
      comment: mapping.label,
    }),
  }))
}

/** The same mappings in the words of RouterOS' firewall. */
export function natRows(world: ControlWorld): readonly Row[] {
  const uplink = world.status().uplink
  return sorted(world).map((mapping, number) => ({
    id: mappingId(mapping),
    number,
    values: set({
      dynamic: isDynamic(mapping),
      comment: ruleComment(mapping),
      chain: 'dstnat',
      action: 'dst-nat',
      'to-addresses': mapping.internal.ip,
      'to-ports': mapping.internal.port,
      protocol: mapping.transport,
      'dst-address': mapping.external.ip,
      'in-interface': uplink.device,
      'dst-port': mapping.external.port,
    }),
  }))
}

export function removeMapping(world: ControlWorld, row: Row): Promise<Answer> {
  const mapping = sorted(world).find(each => mappingId(each) === row.id)
  if (mapping === undefined) return Promise.resolve({ ok: true, mapping }) // ended meanwhile: what was asked for
  if (mapping.owner.via !== 'operator') return world.remove(mapping)
  const because = 'it is static: remove its `config mapping` from /etc/config/portico'
  return Promise.resolve({ ok: false, why: 'not-owner', because })
}

/** An external port of one transport has one mapping, so they name it: tcp `*1..*FFFF`, udp `*10001..*1FFFF`. */
function mappingId(mapping: Mapping): string {
  return idText((mapping.transport === 'udp' ? 0x10000 : 0) + mapping.external.port)
}

const idText = (n: number): string => `*${n.toString(16).toUpperCase()}`

const isDynamic = (mapping: Mapping): boolean => mapping.owner.via !== 'operator'

/** `nat-pmp 192.168.88.10: ApplicationX`, as RouterOS comments its dynamic rules. */
function ruleComment(mapping: Mapping): string {
  const { owner, label } = mapping
  return owner.via === 'operator' ? label : `${owner.via} ${owner.client}: ${label}`.trimEnd()
}

function sorted(world: ControlWorld): readonly Mapping[] {
  return Array.from(world.mappings()).sort(
    (a, b) =>
      Number(isDynamic(a)) - Number(isDynamic(b)) ||
      a.external.port - b.external.port ||
      (a.transport === b.transport ? 0 : a.transport === 'tcp' ? -1 : 1) ||
      compareIp(a.external.ip, b.external.ip),
  )
}

function interfaceValues(role: InterfaceRole): Values {
  return set({
    disabled: role.disabled,
    invalid: role.invalid !== undefined,
    dynamic: role.dynamic,
    comment: role.invalid,
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
