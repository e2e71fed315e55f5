/**
 * Who gets which external port. NAT-PMP asks by the internal endpoint: what has a mapping keeps it (RFC 6886 §3.3).
 * UPnP asks by the external port: what the client has there is overwritten, and another port is another mapping
 * (WANIPConnection:2 §2.5.16, §2.5.17).
 */
import type { Endpoint, Ip, Mac, Port } from '../base/ip.ts'
import type { Instant } from '../base/time.ts'
import { choose, occupied, type Taken } from './choice.ts'
import type { Decision, World } from './decision.ts'
import { askOf, leaseFor, macAfter, mayNotAsk, notAllowed, outlasts, quota, refuse } from './decision.ts'
import type { Lease, Mapping, MapWish } from './mapping.ts'
import { ANYBODY, isForAnybody, sameEndpoint, sameRemote } from './mapping.ts'
import { allowedPorts } from './permission.ts'
import type { TableView } from './table.ts'
import type { Uplink } from './uplink.ts'

type Up = Extract<Uplink, { readonly is: 'up' }>

export function decideMap(wish: MapWish, world: World, now: Instant): Decision {
  const unfit = mayNotAsk(wish, world)
  if (unfit !== undefined) return unfit
  const { uplink } = world
  if (uplink.is === 'down') return refuse('no-uplink', uplink.why)
  return wish.exact || wish.owner.via === 'upnp'
    ? byExternal(wish, world, uplink, now)
    : byInternal(wish, world, uplink, now)
}

/**
 * RFC 6886 §3.3: an internal endpoint that has a mapping keeps its port, whatever is suggested now and whichever
 * service made it; the first answer may have been lost.
 */
function byInternal(wish: MapWish, world: World, uplink: Up, now: Instant): Decision {
  const existing = openTo(wish, world.table)
  if (existing !== undefined) {
    return existing.owner.via === 'operator'
      ? lend(wish, existing, world, uplink, now)
      : renew(wish, existing, world, uplink, now)
  }
  const redirect = world.surroundings.redirected(wish.transport, wish.internal)
  if (redirect !== undefined) return lend(wish, redirected(wish, redirect, uplink), world, uplink, now)
  return grant(wish, undefined, world, uplink, now)
}

/** The oldest that leads there for everybody: one for a single remote host is not what NAT-PMP asks for. */
function openTo({ transport, internal }: MapWish, table: TableView): Mapping | undefined {
  const oldest = table.of(transport, internal)
  if (oldest === undefined || isForAnybody(oldest)) return oldest
  return table.allOf(transport, internal).find(isForAnybody)
}

function byExternal(wish: MapWish, world: World, uplink: Up, now: Instant): Decision {
  const { table, surroundings } = world
  const { transport, internal, external } = wish
  const present = external === 'any' ? undefined : table.at(transport, external)
  if (present !== undefined) {
    if (isStaticOf(present, wish)) return lend(wish, present, world, uplink, now)
    if (isOwn(present, wish)) return renew(wish, present, world, uplink, now)
  } else if (wish.enabled && isForAnybody(wish)) {
    const redirect = surroundings.redirected(transport, internal)
    if (redirect !== undefined && (external === 'any' || external === redirect)) {
      return lend(wish, redirected(wish, redirect, uplink), world, uplink, now)
    }
  }
  // Who asks again for a port that it cannot have gets what it got before, and not one more.
  const before = wish.exact ? undefined : table.allOf(transport, internal).find(each => isOwn(each, wish))
  return grant(wish, before, world, uplink, now)
}

/** The operator's, that does already all that is asked. */
const isStaticOf = (present: Mapping, wish: MapWish): boolean =>
  present.owner.via === 'operator' &&
  sameEndpoint(present.internal, wish.internal) &&
  wish.enabled &&
  sameRemote(present.remote, wish.remote)

/** A mapping of the same client for the same remote host. With another remote host it is another one, and in the way. */
const isOwn = (present: Mapping, wish: MapWish): boolean =>
  present.owner.via !== 'operator' &&
  present.internal.ip === wish.internal.ip &&
  sameRemote(present.remote, wish.remote)

/** The same external port again: with a new lease, and all else as it is wished now. */
function renew(wish: MapWish, existing: Mapping, world: World, uplink: Up, now: Instant): Decision {
  const { port } = existing.external
  const because = notAllowed(wish, world.policy, uplink.device, port)
  if (because !== undefined) return refuse('not-allowed', because)
  const lease = leaseFor(wish.owner, wish.lifetime, world.policy.limits, now)
  const mac = macAfter(wish.mac, existing)
  const mapping = make(wish, port, uplink.address, lease, mac)
  // What another service was promised is not cut short by this one.
  if (existing.owner.via === wish.owner.via || !outlasts(existing.lease, lease)) {
    return { answer: { ok: true, mapping }, changes: [{ act: 'replace', was: existing, mapping }] }
  }
  if (isSameBut(existing, mapping)) return lend(wish, existing, world, uplink, now)
  const kept = make(wish, port, uplink.address, existing.lease, mac)
  return { answer: { ok: true, mapping }, changes: [{ act: 'replace', was: existing, mapping: kept }] }
}

/** The same in all that matters to a packet. */
const isSameBut = (a: Mapping, b: Mapping): boolean =>
  sameEndpoint(a.internal, b.internal) && a.state === b.state && sameRemote(a.remote, b.remote)

/** `before`: what this client has already for the same endpoint, when the suggested port cannot be had. */
function grant(wish: MapWish, before: Mapping | undefined, world: World, uplink: Up, now: Instant): Decision {
  const { table, policy, reserved } = world
  const { transport, internal, external } = wish
  const because = external === 'any' ? undefined : notAllowed(wish, policy, uplink.device, external)
  if (wish.exact && because !== undefined) return refuse('not-allowed', because)
  let taken: Taken | undefined
  if (external !== 'any' && because === undefined) {
    taken = occupied(table, reserved, transport, external, internal.ip)
    if (taken === undefined) return full(wish, world) ?? mapTo(external, wish, world, uplink, now)
    if (wish.exact) return refuse(taken.why, taken.because)
  }
  if (before !== undefined) return renew(wish, before, world, uplink, now)
  const allowed = wish.owner.via === 'operator' ? ANY_PORT : allowedPorts(policy, askOf(wish, uplink.device))
  if (allowed.length === 0) {
    return refuse('not-allowed', because ?? notAllowed(wish, policy, uplink.device, 1024 as Port) ?? '')
  }
  const exhausted = full(wish, world)
  if (exhausted !== undefined) return exhausted
  const port = choose(table, reserved, transport, internal, allowed, now)
  return port === undefined
    ? refuse('no-port', taken?.because ?? 'every allowed port is taken')
    : mapTo(port, wish, world, uplink, now)
}

function full(wish: MapWish, world: World): Decision | undefined {
  const because = quota(wish, world)
  return because === undefined ? undefined : refuse('quota', because)
}

function mapTo(port: Port, wish: MapWish, world: World, uplink: Up, now: Instant): Decision {
  const lease = leaseFor(wish.owner, wish.lifetime, world.policy.limits, now)
  const mapping = make(wish, port, uplink.address, lease, wish.mac)
  return { answer: { ok: true, mapping }, changes: [{ act: 'add', mapping }] }
}

/**
 * A mapping that lasts longer than this client asked: it hears of its own part, and nothing changes. One that the
 * kernel did not take to the present address, when that changed, must go there first: the client is told that address.
 */
function lend(wish: MapWish, mapping: Mapping, { policy }: World, { address }: Up, now: Instant): Decision {
  const lease = leaseFor(wish.owner, wish.lifetime, policy.limits, now)
  if (mapping.external.ip === address) return { answer: { ok: true, mapping: { ...mapping, lease } }, changes: [] }
  const moved = { ...mapping, external: { ip: address, port: mapping.external.port } }
  return {
    answer: { ok: true, mapping: { ...moved, lease } },
    changes: [{ act: 'replace', was: mapping, mapping: moved }],
  }
}

function redirected(wish: MapWish, external: Port, uplink: Up): Mapping {
  const made = make(wish, external, uplink.address, 'forever', undefined)
  return { ...made, owner: { via: 'operator' }, label: 'firewall redirect' }
}

function make(wish: MapWish, port: Port, ip: Ip, lease: Lease, mac: Mac | undefined): Mapping {
  const { transport, internal, owner, label, enabled } = wish
  const external: Endpoint = { ip, port }
  const remote = isForAnybody(wish) ? ANYBODY : wish.remote
  const state = enabled ? 'on' : 'disabled'
  return { transport, external, internal, owner, lease, label, mac, remote, state, pinhole: undefined }
}

const ANY_PORT = [{ first: 1 as Port, last: 65535 as Port }]
