/** What goes at a client's wish: by who answers (NAT-PMP), or by what the world dials (UPnP). */
import type { Decision, World } from './decision.ts'
import { mayRemove, refuse } from './decision.ts'
import type { Change, Mapping, RevokeWish, UnmapWish } from './mapping.ts'
import type { TableView } from './table.ts'

/** RFC 6886 §3.4: afterwards nothing that this host may remove leads to the internal port, or to any of them. */
export function decideUnmap(wish: UnmapWish, { table, surroundings }: World): Decision {
  const { transport, internal } = wish
  const found =
    wish.port === 'all'
      ? table.ofHost(internal).filter(mapping => mapping.transport === transport)
      : table.allOf(transport, { ip: internal, port: wish.port })
  const changes = removals(found.filter(mapping => mayRemove(wish.owner, mapping)))
  if (changes.length < found.length) {
    return { answer: { ok: false, why: 'not-owner', because: 'made by the operator' }, changes }
  }
  if (found.length === 0 && wish.port !== 'all') {
    const redirect = surroundings.redirected(transport, { ip: internal, port: wish.port })
    if (redirect !== undefined) return refuse('not-owner', `redirected by the firewall from port ${redirect}`)
  }
  return { answer: { ok: true, mapping: undefined }, changes }
}

/** WANIPConnection:2 §2.5.18, §2.5.19. */
export function decideRevoke(wish: RevokeWish, world: World): Decision {
  const { which, transport, owner } = wish
  if ('range' in which) {
    const mine = inRange(wish, world.table).filter(mapping => mayRemove(owner, mapping))
    if (mine.length > 0) return { answer: { ok: true, mapping: undefined }, changes: removals(mine) }
    return refuse('absent', `no ${transport} port ${which.range.first}-${which.range.last} is mapped to the client`)
  }
  const { external, remote } = which
  const mapping = world.table.at(transport, external)
  if (mapping === undefined && world.surroundings.hasRedirect(transport, external)) {
    return refuse('not-owner', `${transport} port ${external} is used by a redirect of the firewall`)
  }
  if (mapping === undefined || mapping.remote.ip !== remote) {
    return refuse('absent', `${transport} port ${external} is not mapped for ${remote === 'any' ? 'anybody' : remote}`)
  }
  if (!mayRemove(owner, mapping)) {
    const whose = mapping.owner.via === 'operator' ? 'made by the operator' : `mapped to ${mapping.internal.ip}`
    return refuse('not-owner', `${transport} port ${external} is ${whose}`)
  }
  return { answer: { ok: true, mapping: undefined }, changes: removals([mapping]) }
}

/** Not more than its host holds: a client's own are found by its address. */
function inRange({ owner, transport, which }: RevokeWish, table: TableView): readonly Mapping[] {
  if (owner.via === 'operator' || !('range' in which)) return []
  const { first, last } = which.range
  const isMeant = (each: Mapping) =>
    each.pinhole === undefined &&
    each.transport === transport &&
    each.external.port >= first &&
    each.external.port <= last
  return table.ofHost(owner.client).filter(isMeant)
}

const removals = (mappings: readonly Mapping[]) => mappings.map((mapping): Change => ({ act: 'remove', mapping }))
