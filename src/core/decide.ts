/**
 * The decision, and nothing but: same arguments, same result. What comes back is the answer for the client and the
 * changes that the kernel must make before the answer may be given.
 */
import type { Endpoint, Ip, Port } from '../base/ip.ts'
import { after, type Instant, seconds, shorter } from '../base/time.ts'
import { choose, occupied, type Reserved } from './choice.ts'
import type { Answer, Change, Lease, Mapping, MapWish, Owner, Refusal, UnmapWish, Wish } from './mapping.ts'
import { type Ask, allowedPorts, refused, refusedByDefault } from './permission.ts'
import type { Policy } from './policy.ts'
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

export function decide(wish: Wish, world: World, now: Instant): Decision {
  return wish.ask === 'map' ? decideMap(wish, world, now) : decideUnmap(wish, world)
}

type Up = Extract<Uplink, { readonly is: 'up' }>

function decideMap(wish: MapWish, world: World, now: Instant): Decision {
  const { policy, uplink, surroundings } = world
  const { owner, internal } = wish
  if (owner.via !== 'operator' && !policy.forwarding[owner.via]) {
    return refuse('forwarding-off', `${owner.via} is off or may not forward ports`)
  }
  if (owner.via !== 'operator' && owner.client !== internal.ip) {
    return refuse('not-allowed', `${owner.client} may ask for itself only`)
  }
  const barred = surroundings.barred(internal.ip, wish.device)
  if (barred !== undefined) return refuse('bad-host', barred)
  if (uplink.is === 'down') return refuse('no-uplink', uplink.why)
  const existing = world.table.of(wish.transport, internal)
  if (existing !== undefined) return renew(wish, existing, world, uplink, now)
  const redirect = surroundings.redirected(wish.transport, internal)
  if (redirect !== undefined) return lend(wish, redirected(wish, redirect, uplink), world, now)
  return grant(wish, world, uplink, now)
}

/**
 * RFC 6886 §3.3: an internal endpoint that has a mapping keeps its port, whatever is suggested now and whichever
 * service made it; the first answer may have been lost.
 */
function renew(wish: MapWish, existing: Mapping, world: World, uplink: Up, now: Instant): Decision {
  const { port } = existing.external
  if (wish.exact && wish.external !== 'any' && wish.external !== port) {
    return refuse('conflict', `the internal port is mapped by external port ${port}`)
  }
  if (existing.owner.via === 'operator') return lend(wish, existing, world, now)
  const because = notAllowed(wish, world, port)
  if (because !== undefined) return refuse('not-allowed', because)
  const lease = leaseFor(wish, world.policy, now)
  // What another service was promised is not cut short by this one.
  if (existing.owner.via !== wish.owner.via && outlasts(existing.lease, lease)) return lend(wish, existing, world, now)
  const mapping = make(wish, port, uplink.address, lease, wish.mac ?? existing.mac)
  return { answer: { ok: true, mapping }, changes: [{ act: 'replace', was: existing, mapping }] }
}

function grant(wish: MapWish, world: World, uplink: Up, now: Instant): Decision {
  const { table, policy, reserved } = world
  const host = wish.internal.ip
  const suggested = wish.external === 'any' ? undefined : wish.external
  const because = suggested === undefined ? undefined : notAllowed(wish, world, suggested)
  if (wish.exact && because !== undefined) return refuse('not-allowed', because)
  const full = quota(wish.owner, host, world)
  if (full !== undefined) return refuse('quota', full)
  let holder: string | undefined
  if (suggested !== undefined && because === undefined) {
    holder = occupied(table, reserved, wish.transport, suggested, host)
    if (holder === undefined) return mapTo(suggested, wish, policy, uplink, now)
    if (wish.exact) return refuse('conflict', holder)
  }
  const allowed = wish.owner.via === 'operator' ? ANY_PORT : allowedPorts(policy, askOf(wish, world))
  if (allowed.length === 0) return refuse('not-allowed', because ?? notAllowed(wish, world, 1024 as Port) ?? '')
  const port = choose(table, reserved, wish.transport, wish.internal, allowed, now)
  return port === undefined
    ? refuse('no-port', holder ?? 'every allowed port is taken')
    : mapTo(port, wish, policy, uplink, now)
}

function mapTo(port: Port, wish: MapWish, policy: Policy, uplink: Up, now: Instant): Decision {
  const mapping = make(wish, port, uplink.address, leaseFor(wish, policy, now))
  return { answer: { ok: true, mapping }, changes: [{ act: 'add', mapping }] }
}

/** A host may remove what leads to it, whichever service made it (docs/decisions/020), and nothing of the operator's. */
function decideUnmap(wish: UnmapWish, world: World): Decision {
  const { table, surroundings } = world
  const internal = wish.internal
  const found =
    wish.port === 'all'
      ? table.ofHost(internal).filter(mapping => mapping.transport === wish.transport)
      : [table.of(wish.transport, { ip: internal, port: wish.port })].filter(mapping => mapping !== undefined)
  const changes = found
    .filter(mapping => mayRemove(wish.owner, mapping))
    .map((mapping): Change => ({ act: 'remove', mapping }))
  if (changes.length < found.length) {
    return { answer: { ok: false, why: 'not-owner', because: 'made by the operator' }, changes }
  }
  if (found.length === 0 && wish.port !== 'all') {
    const redirect = surroundings.redirected(wish.transport, { ip: internal, port: wish.port })
    if (redirect !== undefined) return refuse('not-owner', `redirected by the firewall from port ${redirect}`)
  }
  return { answer: { ok: true, mapping: undefined }, changes }
}

/** The rule or the default that refuses what a mapping already has; `undefined` while it remains allowed. */
export function noLongerAllowed(mapping: Mapping, world: World): string | undefined {
  const { policy, surroundings, uplink } = world
  const { owner, internal, external, transport, mac } = mapping
  if (owner.via === 'operator') return undefined
  if (!policy.forwarding[owner.via]) return `${owner.via} is off or may not forward ports`
  const device = surroundings.deviceOf(internal.ip)
  const barred = surroundings.barred(internal.ip, device)
  if (barred !== undefined) return barred
  if (surroundings.taken(transport, external.port) === 'redirect') return 'used by a redirect of the firewall'
  const devices = [device, uplink.device]
  return refused(policy, { service: owner.via, transport, internal, mac, devices }, external.port)
}

function mayRemove(owner: Owner, mapping: Mapping): boolean {
  if (owner.via === 'operator') return true
  if (mapping.owner.via === 'operator') return false
  return mapping.internal.ip === owner.client || mapping.owner.client === owner.client
}

function notAllowed(wish: MapWish, world: World, external: Port): string | undefined {
  const { policy } = world
  if (wish.owner.via === 'operator') return undefined
  if (policy.rules.length === 0) return refusedByDefault(policy, wish.internal.port, external) // nothing to ask
  return refused(policy, askOf(wish, world), external)
}

function askOf(wish: MapWish, world: World): Ask {
  const { owner, transport, internal, mac, device } = wish
  const service = owner.via === 'operator' ? 'nat-pmp' : owner.via
  return { service, transport, internal, mac, devices: [device, world.uplink.device] }
}

function quota(owner: Owner, host: Ip, { table, policy }: World): string | undefined {
  if (owner.via === 'operator') return undefined
  const { perHost, total } = policy.limits
  if (table.heldBy(host) >= perHost) return `${host} holds ${perHost} mappings (per_host)`
  return table.held >= total ? `${total} mappings exist (total)` : undefined
}

/**
 * Never more than was asked, except up to `min_lease` for UPnP: RFC 6886 §3.3 says that the granted lifetime SHOULD
 * NOT exceed the requested one, so NAT-PMP gets short leases as it asks for them.
 */
function leaseFor(wish: MapWish, { limits }: Policy, now: Instant): Lease {
  if (wish.owner.via === 'operator' && wish.lifetime === 'forever') return 'forever'
  const asked = wish.lifetime === 'forever' ? limits.maxLease : wish.lifetime
  const least = wish.owner.via === 'upnp' ? limits.minLease : seconds(1)
  const lifetime = shorter(seconds(Math.max(asked, least)), limits.maxLease)
  return { lifetime, expires: after(now, lifetime) }
}

const outlasts = (a: Lease, b: Lease) => a === 'forever' || (b !== 'forever' && a.expires > b.expires)

/** A mapping that lasts longer than this client asked: it hears of its own part, and nothing changes. */
function lend(wish: MapWish, mapping: Mapping, { policy }: World, now: Instant): Decision {
  return { answer: { ok: true, mapping: { ...mapping, lease: leaseFor(wish, policy, now) } }, changes: [] }
}

function redirected(wish: MapWish, external: Port, uplink: Up): Mapping {
  return { ...make(wish, external, uplink.address, 'forever'), owner: { via: 'operator' }, label: 'firewall redirect' }
}

function make(wish: MapWish, port: Port, ip: Ip, lease: Lease, mac = wish.mac): Mapping {
  const { transport, internal, owner, label, remote, enabled } = wish
  const external: Endpoint = { ip, port }
  const state = enabled ? 'on' : 'disabled'
  return { transport, external, internal, owner, lease, label, mac, remote, state, pinhole: undefined }
}

const refuse = (why: Refusal, because: string): Decision => ({ answer: { ok: false, why, because }, changes: [] })

const ANY_PORT = [{ first: 1 as Port, last: 65535 as Port }]
