/**
 * IPv6 pinholes (WANIPv6FirewallControl:1 §2.5): mappings whose external endpoint is the internal one, known to their
 * client by a number. They need no external IPv4 address and do not move with it.
 */
import type { Instant, Seconds } from '../base/time.ts'
import { seconds, shorter } from '../base/time.ts'
import type { Decision, Request, World } from './decision.ts'
import { leaseFor, macAfter, mayNotAsk, mayRemove, notAllowed, quota, refuse } from './decision.ts'
import type { Mapping, PinholeChangeWish, PinholeWish } from './mapping.ts'
import { ANYBODY, isForAnybody, sameRemote } from './mapping.ts'
import type { TableView } from './table.ts'

/** §2.2: LeaseTime is at most a day. */
export const LONGEST_PINHOLE = seconds(86_400)

export function decidePinhole(wish: PinholeWish, world: World, now: Instant): Decision {
  const { owner, transport, internal, label, mac } = wish
  const unfit = closed(wish, world)
  if (unfit !== undefined) return unfit
  const lease = leaseOf(wish, wish.lifetime, world, now)
  const known = world.table.allOf(transport, internal).find(each => isFlow(each, wish))
  if (known !== undefined)
    return change(known, { ...known, owner, label, lease, mac: macAfter(mac, known), state: 'on' })
  const full = quota(wish, world)
  if (full !== undefined) return refuse('quota', full)
  const pinhole = numberFor(wish, world.table)
  if (pinhole === undefined) return refuse('no-port', 'every pinhole number is in use')
  const remote = isForAnybody(wish) ? ANYBODY : wish.remote
  const external = internal
  const mapping: Mapping = { transport, external, internal, owner, lease, label, mac, remote, state: 'on', pinhole }
  return { answer: { ok: true, mapping }, changes: [{ act: 'add', mapping }] }
}

export function decidePinholeChange(wish: PinholeChangeWish, world: World, now: Instant): Decision {
  const { owner, device, mac, pinhole, lifetime } = wish
  const known = world.table.pinhole(pinhole)
  if (known === undefined) return refuse('absent', `there is no pinhole ${pinhole}`)
  if (!mayRemove(owner, known)) return refuse('not-owner', `pinhole ${pinhole} leads to ${known.internal.ip}`)
  if (wish.ask === 'close') {
    return { answer: { ok: true, mapping: undefined }, changes: [{ act: 'remove', mapping: known }] }
  }
  const { transport, internal } = known
  const request: Request = { owner, transport, internal, device, mac: macAfter(mac, known) }
  const unfit = closed(request, world)
  if (unfit !== undefined) return unfit
  const lease = leaseOf(request, lifetime, world, now)
  return change(known, { ...known, owner, lease, mac: request.mac, state: 'on' })
}

/** Why there can be no pinhole to this endpoint now. Both ports of the rules are the internal one. */
function closed(request: Request, world: World): Decision | undefined {
  const unfit = mayNotAsk(request, world)
  if (unfit !== undefined) return unfit
  const outward = world.surroundings.outward6()
  if (outward === undefined) return refuse('no-uplink', 'there is no way out for IPv6')
  const because = notAllowed(request, world.policy, outward, request.internal.port)
  return because === undefined ? undefined : refuse('not-allowed', because)
}

function numberFor({ before }: PinholeWish, table: TableView): number | undefined {
  return before !== undefined && table.pinhole(before) === undefined ? before : table.freePinhole()
}

const isFlow = (known: Mapping, { owner, remote }: PinholeWish): boolean =>
  known.pinhole !== undefined && mayRemove(owner, known) && sameRemote(known.remote, remote)

const leaseOf = ({ owner }: Request, asked: Seconds, { policy }: World, now: Instant) =>
  leaseFor(owner, shorter(asked, LONGEST_PINHOLE), policy.limits, now)

const change = (was: Mapping, mapping: Mapping): Decision => ({
  answer: { ok: true, mapping },
  changes: [{ act: 'replace', was, mapping }],
})
