/**
 * Where a mapping stands in every index: under the port that the world dials, or, where nothing is translated, under
 * its pinhole's number. And what leads to one internal endpoint: nearly always one mapping, which needs no list.
 */
import type { Port } from '../base/ip.ts'
import type { Mapping, Transport } from './mapping.ts'

/** One number for transport and port, 1..0x1ffff. */
export const portKey = (transport: Transport, port: Port): number => (transport === 'tcp' ? 0x10000 + port : port)

/** Beside all of `portKey`, so that a pinhole and a translated mapping never meet. */
export const pinholeKey = (id: number): number => 0x20000 + id

export const placeKey = ({ pinhole, transport, external }: Mapping): number =>
  pinhole === undefined ? portKey(transport, external.port) : pinholeKey(pinhole)

/** One mapping, or several, oldest first. */
export type Held = Mapping | readonly Mapping[]

export const oldest = (held: Held | undefined): Mapping | undefined => (isList(held) ? held[0] : held)

export function listed(held: Held | undefined): readonly Mapping[] {
  if (held === undefined) return NONE
  return isList(held) ? held : [held]
}

/** At the end; in its place when it stands there already. */
export function withHeld(held: Held | undefined, mapping: Mapping): Held {
  if (held === undefined) return mapping
  const key = placeKey(mapping)
  if (!isList(held)) return placeKey(held) === key ? mapping : [held, mapping]
  if (!held.some(each => placeKey(each) === key)) return [...held, mapping]
  return held.map(each => (placeKey(each) === key ? mapping : each))
}

export function withoutHeld(held: Held | undefined, mapping: Mapping): Held | undefined {
  if (held === undefined) return undefined
  const key = placeKey(mapping)
  if (!isList(held)) return placeKey(held) === key ? undefined : held
  const left = held.filter(each => placeKey(each) !== key)
  return left.length > 1 ? left : left[0]
}

const NONE: readonly Mapping[] = []

/** `Array.isArray` does not know readonly lists. */
const isList = (held: Held | undefined): held is readonly Mapping[] => Array.isArray(held)
