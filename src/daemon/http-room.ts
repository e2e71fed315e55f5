/** Who gets one of a bounded number of connections. */
import type { Ip } from '../base/ip.ts'
import type { Stream } from '../platform/platform.ts'

export interface Held {
  readonly peer: Stream['peer']
  /** A whole request has come, and its answer is being made. */
  readonly isWorking: boolean
  close(): void
}

export interface Room {
  /** Connections at a time, in all and from one address. */
  readonly connections: number
  readonly perPeer: number
}

/**
 * Whether one more fits; `open` stands in the order of coming, `undefined` is a unix socket. Where all places are taken,
 * somebody who has fewer than another gets one of theirs: of those who hold the most, the one that came first. So
 * nobody keeps the others out with silent connections, from however many addresses (S14).
 */
export function hasRoom(open: ReadonlySet<Held>, newcomer: Ip | undefined, { connections, perPeer }: Room): boolean {
  if (open.size < perPeer && open.size < connections) return true
  const counts = new Map<Ip | undefined, number>()
  for (const { peer } of open) counts.set(peer?.ip, (counts.get(peer?.ip) ?? 0) + 1)
  const own = counts.get(newcomer) ?? 0
  if (newcomer !== undefined && own >= perPeer) return false
  if (open.size < connections) return true
  let loser: Held | undefined
  let most = own
  for (const held of open) {
    const count = counts.get(held.peer?.ip) ?? 0
    if (count <= most || held.isWorking) continue
    most = count
    loser = held
  }
  loser?.close()
  return loser !== undefined
}
