/** What all decisions share: what they look at, what comes out, and the questions that more than one of them asks. */
import type { Endpoint, Mac, Port } from '../base/ip.ts'
import { isIpv4 } from '../base/ip.ts'
import { after, type Instant, type Seconds, seconds, shorter } from '../base/time.ts'
import type { Reserved } from './choice.ts'
import { holderOf } from './holder.ts'
import type { Answer, Change, Lease, Mapping, Owner, Refusal, Transport } from './mapping.ts'
import { type Ask, refused, refusedByDefault } from './permission.ts'
import type { Limits, Policy } from './policy.ts'
import type { Surroundings } from './surroundings.ts'
import type { TableView } from './table.ts'
import type { Uplink } from './uplink.ts'

export interface World {
  readonly table: TableView
  readonly policy: Policy
  readonly uplink: Uplink
  readonly surroundings: Surroundings
  readonly reserved: Reserved
}

export interface Decision {
  readonly answer: Answer
  /** Empty, one, or some removals. */
  readonly changes: readonly Change[]
}

/** What a wish says of who asks, and for which internal endpoint. */
export interface Request {
  readonly owner: Owner
  readonly transport: Transport
  readonly internal: Endpoint
  readonly device: string
  readonly mac: Mac | undefined
}

export const refuse = (why: Refusal, because: string): Decision => ({
  answer: { ok: false, why, because },
  changes: [],
})

/** Why this client may not have anything that leads to this endpoint, whatever the port; `undefined` when it may. */
export function mayNotAsk(request: Request, { policy, surroundings }: World): Decision | undefined {
  const { owner, internal, device } = request
  if (owner.via !== 'operator') {
    if (!policy.forwarding[owner.via]) return refuse('forwarding-off', `${owner.via} is off or may not forward ports`)
    if (owner.client !== internal.ip) return refuse('not-allowed', `${owner.client} may ask for itself only`)
  }
  const barred = surroundings.barred(internal.ip, device)
  return barred === undefined ? undefined : refuse('bad-host', barred)
}

/** The rule or the default that refuses this external port, on this external device. */
export function notAllowed(
  request: Request,
  policy: Policy,
  outward: string | undefined,
  external: Port,
): string | undefined {
  if (request.owner.via === 'operator') return undefined
  if (policy.rules.length === 0) return refusedByDefault(policy, request.internal.port, external) // nothing to ask
  return refused(policy, askOf(request, outward), external)
}

export function askOf({ owner, transport, internal, mac, device }: Request, outward: string | undefined): Ask {
  const service = owner.via === 'operator' ? 'nat-pmp' : owner.via
  return { service, transport, internal, mac, devices: [device, outward] }
}

/** Pinholes and translated mappings are counted together, of a device under all of its addresses. */
export function quota(request: Pick<Request, 'owner' | 'internal' | 'mac'>, world: World): string | undefined {
  if (request.owner.via === 'operator') return undefined
  const { table, policy } = world
  const { perHost, total } = policy.limits
  if (heldFor(request, table) >= perHost) return `${who(request)} holds ${perHost} mappings (per_host)`
  return table.held >= total ? `${total} mappings exist (total)` : undefined
}

/** What leads to its IPv4 address, and was granted when no device was known there, counts with the device's own. */
function heldFor({ mac, internal: { ip } }: Pick<Request, 'internal' | 'mac'>, table: TableView): number {
  const held = table.heldBy(holderOf(mac, ip))
  return mac === undefined || !isIpv4(ip) ? held : held + table.heldBy(ip)
}

const who = ({ mac, internal: { ip } }: Pick<Request, 'internal' | 'mac'>): string =>
  mac === undefined ? holderOf(mac, ip) : `${mac} (${ip})`

/**
 * Never more than was asked, except up to `min_lease` for UPnP: RFC 6886 §3.3 says that the granted lifetime SHOULD
 * NOT exceed the requested one, so NAT-PMP gets short leases as it asks for them.
 */
export function leaseFor(owner: Owner, asked: Seconds | 'forever', limits: Limits, now: Instant): Lease {
  if (owner.via === 'operator' && asked === 'forever') return 'forever'
  const least = owner.via === 'upnp' ? limits.minLease : seconds(1)
  const wanted = asked === 'forever' ? limits.maxLease : seconds(Math.max(asked, least))
  const lifetime = shorter(wanted, limits.maxLease)
  return { lifetime, expires: after(now, lifetime) }
}

export const outlasts = (a: Lease, b: Lease): boolean => a === 'forever' || (b !== 'forever' && a.expires > b.expires)

/**
 * The link address that a renewal leaves behind: the one seen now. When none is known now, the one before stays, unless
 * the address has passed to another device since.
 */
export const macAfter = (seen: Mac | undefined, { mac, state }: Mapping): Mac | undefined =>
  seen ?? (state === 'suspended' ? undefined : mac)

/** A host may remove what leads to it, whichever service made it (docs/decisions/020), and nothing of the operator's. */
export function mayRemove(owner: Owner, mapping: Mapping): boolean {
  if (owner.via === 'operator') return true
  if (mapping.owner.via === 'operator') return false
  return mapping.internal.ip === owner.client || mapping.owner.client === owner.client
}

/**
 * Whether a mapping may stay. `later`: that cannot be said before the network of its host is back, or the uplink that a
 * rule may name; nothing leads there until then.
 */
export type Standing =
  | { readonly is: 'allowed' }
  | { readonly is: 'later' }
  /** The rule or the default that refuses it. */
  | { readonly is: 'refused'; readonly because: string }

const ALLOWED: Standing = { is: 'allowed' }
const LATER: Standing = { is: 'later' }
const refusedBy = (because: string): Standing => ({ is: 'refused', because })

export function standingOf(mapping: Mapping, world: World): Standing {
  const { policy, surroundings, uplink } = world
  const { owner, internal, external, transport, mac, pinhole } = mapping
  if (owner.via === 'operator') return ALLOWED
  if (!policy.forwarding[owner.via]) return refusedBy(`${owner.via} is off or may not forward ports`)
  const translates = pinhole === undefined
  if (translates && surroundings.hasRedirect(transport, external.port)) {
    return refusedBy('used by a redirect of the firewall')
  }
  const device = surroundings.deviceOf(internal.ip)
  const barred = surroundings.barred(internal.ip, device)
  const outward = translates ? uplink.device : surroundings.outward6()
  const isUnknown = outward === undefined && policy.rules.some(rule => rule.device !== undefined)
  if (barred === undefined ? isUnknown : surroundings.isAway(internal.ip)) return LATER
  if (barred !== undefined) return refusedBy(barred)
  const devices = [device, outward]
  const because = refused(policy, { service: owner.via, transport, internal, mac, devices }, external.port)
  return because === undefined ? ALLOWED : refusedBy(because)
}
