/** What the journal records, as fields for programs: LuCI, and whoever listens to our events. */
import type { Endpoint } from '../base/ip.ts'
import type { Mapping, Owner, Transport, Wish } from '../core/mapping.ts'
import type { Event } from '../core/record.ts'
import { severityOf, textOf } from '../core/record.ts'
import { mappingId } from './ids.ts'

/** What is `undefined` is unset. */
export type Fields = Readonly<Record<string, string | number | boolean | undefined>>

/** `what`, the line of text, and what it is made of. */
export function eventFields(event: Event): Fields {
  return { severity: severityOf(event), what: event.what, text: textOf(event), ...detailOf(event) }
}

/** Who asked: an address, where the event has one. */
export const clientOf = (event: Event): string | undefined =>
  ownerFields(ownerOf(event))['client'] as string | undefined

/** Protocol and ends of a mapping, and whose it is. */
export function mappingFields(mapping: Mapping): Fields {
  const { transport, external, internal, owner, lease, label, mac, remote, pinhole } = mapping
  return {
    id: mappingId(mapping),
    protocol: transport,
    dst_address: external.ip,
    dst_port: external.port,
    internal_address: internal.ip,
    internal_port: internal.port,
    remote_address: remote.ip === 'any' ? undefined : remote.ip,
    remote_port: remote.port === 'any' ? undefined : remote.port,
    pinhole,
    ...ownerFields(owner),
    mac,
    comment: label,
    lifetime: lease === 'forever' ? undefined : lease.lifetime,
  }
}

function detailOf(event: Event): Fields {
  switch (event.what) {
    case 'granted':
    case 'renewed':
    case 'changed':
    case 'suspended':
    case 'resumed':
    case 'expired':
      return mappingFields(event.mapping)
    case 'removed':
      return { ...mappingFields(event.mapping), because: event.because }
    case 'refused': {
      const { wish, why, because } = event
      return { ...ownerFields(wish.owner), ...wishFields(wish), mac: wish.mac, why, because, rule: ruleOf(because) }
    }
    case 'static-refused':
      return { protocol: event.transport, dst_port: event.external, because: event.because }
    default:
      return {}
  }
}

function ownerOf(event: Event): Owner | undefined {
  if (event.what === 'refused') return event.wish.owner
  return 'mapping' in event ? event.mapping.owner : undefined
}

function ownerFields(owner: Owner | undefined): Fields {
  if (owner === undefined) return {}
  return owner.via === 'operator' ? { service: 'static' } : { service: owner.via, client: owner.client }
}

function wishFields(wish: Wish): Fields {
  switch (wish.ask) {
    case 'map':
      return { ask: wish.ask, ...insideOf(wish), dst_port: numberOf(wish.external), comment: wish.label }
    case 'unmap':
      return {
        ask: wish.ask,
        protocol: wish.transport,
        internal_address: wish.internal,
        internal_port: numberOf(wish.port),
      }
    case 'revoke': {
      const port = 'external' in wish.which ? wish.which.external : undefined
      return { ask: wish.ask, protocol: wish.transport, dst_port: port }
    }
    case 'pinhole':
      return { ask: wish.ask, ...insideOf(wish), dst_port: wish.internal.port, comment: wish.label }
    case 'extend':
    case 'close':
      return { ask: wish.ask, pinhole: wish.pinhole }
  }
}

const insideOf = ({ transport, internal }: { readonly transport: Transport; readonly internal: Endpoint }): Fields => ({
  protocol: transport,
  internal_address: internal.ip,
  internal_port: internal.port,
})

const numberOf = (port: number | string): number | undefined => (typeof port === 'number' ? port : undefined)

/** `permission 3 (no ssh)`: the number of the rule, where a rule decided (`core/permission.ts`). */
function ruleOf(because: string): number | undefined {
  const found = /^permission ([0-9]+)\b/.exec(because)
  return found === null ? undefined : Number(found[1])
}
