/**
 * Hears of every commit to nf_tables and picks out those that touch our table and are not our own: `nft flush
 * ruleset`, a hand at work. A reload of the firewall leaves our table alone, and costs us a look at each message.
 */
import type { NetlinkSocket } from '../platform/platform.ts'
import { HEADER_SIZE } from '../wire/netlink.ts'
import type { Source } from '../wire/netlink-attributes.ts'
import { source } from '../wire/netlink-attributes.ts'
import { FAMILY, GENERIC_SIZE, generation, nameOf } from '../wire/nftables.ts'
import { TABLE } from './ruleset.ts'

/** NFNLGRP_NFTABLES, linux/netfilter/nfnetlink.h: the group that the socket must have joined. */
export const NFTABLES_GROUP = 7

/** Who committed, as the kernel names it in the notice of the new generation. */
export interface ForeignChange {
  readonly processId: number
  /** Name of the process, as it names itself. */
  readonly process: string
}

export interface WatchParts {
  readonly socket: NetlinkSocket
  readonly littleEndian: boolean
  /** Port ids of the sockets by which we change the table ourselves. */
  readonly own: readonly number[]
  /** A foreign commit touched our table; called once a commit, from within the delivery of its notice. */
  readonly changed: (by: ForeignChange) => void
  /** Notices were lost: whatever happened is unknown. */
  readonly lost: () => void
}

/** Reads notices until `socket` is closed. */
export function watchTable(parts: WatchParts): void {
  let touched = false
  const look = (from: Source, at: number, end: number) => {
    if (nameOf(from.view.getUint16(at + 4, from.littleEndian)) === 'newGeneration') {
      if (touched) parts.changed(authorOf(from, at, end))
      touched = false
    } else if (concernsUs(from, at, end)) touched = true
  }
  parts.socket.take(
    datagram => {
      const from = source(datagram, parts.littleEndian)
      eachForeign(from, parts.own, look)
    },
    () => {
      touched = false
      parts.lost()
    },
  )
}

/** Messages of others; one that is cut off ends the walk, since the kernel sends none. */
function eachForeign(
  from: Source,
  own: readonly number[],
  look: (from: Source, at: number, end: number) => void,
): void {
  const { view, bytes, littleEndian } = from
  for (let at = 0; at + HEADER_SIZE + GENERIC_SIZE <= bytes.length; ) {
    const length = view.getUint32(at, littleEndian)
    if (length < HEADER_SIZE + GENERIC_SIZE || at + length > bytes.length) return
    if (!own.includes(view.getUint32(at + 12, littleEndian))) look(from, at, at + length)
    at += (length + 3) & ~3
  }
}

/**
 * Whether a notice is about the table `inet portico`. In every message of nf_tables that belongs to a table, the
 * table's name is attribute 1, and the kernel writes it first (nf_tables_api.c, nf_tables_fill_*).
 */
function concernsUs({ view, bytes, littleEndian }: Source, at: number, end: number): boolean {
  const first = at + HEADER_SIZE + GENERIC_SIZE
  if (view.getUint8(at + HEADER_SIZE) !== FAMILY.inet || first + 4 > end) return false
  const length = view.getUint16(first, littleEndian)
  if ((view.getUint16(first + 2, littleEndian) & 0x3fff) !== 1 || length !== 4 + TABLE.length + 1) return false
  if (first + length > end) return false
  for (let i = 0; i < TABLE.length; i++) if (bytes[first + 4 + i] !== TABLE.charCodeAt(i)) return false
  return true
}

function authorOf(from: Source, at: number, end: number): ForeignChange {
  const { processId, processName } = generation.decode(
    from.bytes.subarray(at, end),
    from.littleEndian,
    HEADER_SIZE + GENERIC_SIZE,
  )
  return { processId: processId ?? 0, process: processName ?? '' }
}
