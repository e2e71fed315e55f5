/** Who gets one of a bounded number of connections. */
import type { Holder } from '../core/holder.ts'

export interface Held {
  /** Who has it; `undefined` on a unix socket. */
  readonly holder: Holder | undefined
  /** A whole request has come, and its answer is being made. */
  readonly isWorking: boolean
  close(): void
}

export interface Room {
  /** Connections at a time, in all and of one device. */
  readonly connections: number
  readonly perPeer: number
}

/**
 * Whether one more fits; `open` stands in the order of coming. Where all places are taken,
 * somebody who has fewer than another gets one of theirs: of those who hold the most, the one that came first. So
 * nobody keeps the others out with silent connections, from however many addresses (S14), nor from however many devices.
 */
export function hasRoom(
  open: ReadonlySet<Held>,
  newcomer: Holder | undefined,
  { connections, perPeer }: Room,
): boolean {
  if (open.size < perPeer && open.size < connections) return true
  let own = 0
  for (const { holder } of open) if (holder === newcomer) own++
  if (newcomer !== undefined && own >= perPeer) return false
  if (open.size < connections) return true
  const counts = new Map<Holder | undefined, number>()
  for (const { holder } of open) counts.set(holder, (counts.get(holder) ?? 0) + 1)
  let loser: Held | undefined
  let most = own
  for (const held of open) {
    const count = counts.get(held.holder) ?? 0
    if (count <= most || held.isWorking) continue
    most = count
    loser = held
  }
  loser?.close()
  return loser !== undefined
}
