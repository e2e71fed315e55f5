/**
 * Which elements a mapping has, by its kind.
 *
 *   translated, for anybody    `dnat4`, `snat4`, `taken`
 *   translated, for one host   `dnat4from`, `snat4`, `taken`
 *   a pinhole                  `pinhole6`
 *   disabled or suspended      `idle4` or `idle6`, where no rule looks: a daemon that starts again finds it there. Its
 *                              external port is no longer kept from other hosts' outbound flows: nothing comes in by it.
 *
 * Of what is translated only the host of a `Remote` counts: UPnP knows no remote port there.
 */
import type { Mapping } from '../core/mapping.ts'
import { sameRemote } from '../core/mapping.ts'
import { endpointKey } from './elements.ts'
import type { BodySet } from './ruleset.ts'

/** The usual kind: for anybody, at once, translated. */
export const isOrdinary = ({ state, remote, pinhole }: Mapping): boolean =>
  state === 'on' && remote.ip === 'any' && pinhole === undefined

/** Whether packets of its internal endpoint leave under its external one: it has an element of `snat4` and `taken`. */
export const leadsOut = ({ state, pinhole }: Mapping): boolean => state === 'on' && pinhole === undefined

/** The set that holds it whole. */
export function bodySetOf({ state, remote, pinhole }: Mapping): BodySet {
  if (pinhole !== undefined) return state === 'on' ? 'pinhole6' : 'idle6'
  if (state !== 'on') return 'idle4'
  return remote.ip === 'any' ? 'dnat4' : 'dnat4from'
}

/** Names set and key of the element that holds it whole: a number in `dnat4`, text elsewhere. */
export function bodyKeyOf(mapping: Mapping): number | string {
  const { transport, external, remote } = mapping
  if (isOrdinary(mapping)) return endpointKey(transport, external)
  const set = bodySetOf(mapping)
  if (set === 'idle4') return `idle4 ${endpointKey(transport, external)}`
  if (set === 'dnat4from') return `dnat4from ${remote.ip} ${endpointKey(transport, external)}`
  return pinholeKey(set, mapping)
}

/** The key of a pinhole as text. */
export const pinholeKey = (
  set: BodySet,
  { transport, internal, remote }: Pick<Mapping, 'transport' | 'internal' | 'remote'>,
): string => `${set} ${transport} ${internal.ip} ${internal.port} ${remote.ip} ${remote.port}`

/** Whether two mappings are of one kind, so that they have elements in the same sets. */
export const sameKind = (a: Mapping, b: Mapping): boolean =>
  a.state === b.state && a.pinhole === b.pinhole && sameRemote(a.remote, b.remote)
