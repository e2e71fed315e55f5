/**
 * Hears of every commit to nf_tables and picks out those that touch our tables and are not our own: `nft flush
 * ruleset`, a hand at work. A reload of the firewall leaves our table alone, and costs us a look at each message.
 */
import { oneLine } from '../base/text.ts'
import type { NetlinkSocket, Platform } from '../platform/platform.ts'
import { HEADER_SIZE } from '../wire/netlink.ts'
import type { Source } from '../wire/netlink-attributes.ts'
import { attempt, source } from '../wire/netlink-attributes.ts'
import { FAMILY, GENERIC_SIZE, generation, nameOf } from '../wire/nftables.ts'
import { CLOSED_TABLE } from './closed-table.ts'
import type { Exchange } from './exchange.ts'
import { TABLE } from './ruleset.ts'

/** NFNLGRP_NFTABLES, linux/netfilter/nfnetlink.h */
const NFTABLES_GROUP = 7

/** Who committed, as the kernel names it in the notice of the new generation. */
export interface ForeignChange {
  readonly processId: number
  /** Name of the process, as it names itself. */
  readonly process: string
}

export interface WatchParts {
  /** By which we change our tables ourselves; of what they do nothing is told. */
  readonly writers: readonly Pick<Exchange, 'portId' | 'sparing'>[]
  /**
   * A foreign commit touched a table of ours: called once a commit, from within the delivery of its notice. `unknown` when
   * notices were lost, and with them the knowledge of what happened.
   */
  readonly changed: (by: ForeignChange | 'unknown') => void
}

/**
 * Listens until it is closed; not while a writer makes a large batch, after which `changed` is called since others may
 * have been at work meanwhile. Rejects with `SystemError`.
 */
export async function openWatch(
  platform: Pick<Platform, 'netlink' | 'littleEndian'>,
  parts: WatchParts,
): Promise<{ close(): void }> {
  const { writers, changed } = parts
  const ignoreFrom = writers.map(({ portId }) => portId)
  const options = { family: 'netfilter', groups: [NFTABLES_GROUP], extendedAck: false, ignoreFrom } as const
  const socket = await platform.netlink(options)
  watchTable(socket, platform.littleEndian, ignoreFrom, changed)
  let isOpen = true
  const aside = (isWriting: boolean) => {
    socket.hear(!isWriting)
    if (isWriting) return
    // Not at once: the writer does not know yet what became of its batch.
    SOON.then(() => {
      if (isOpen) changed('unknown')
    })
  }
  const spared = writers.map(writer => writer.sparing(aside))
  return {
    close() {
      isOpen = false
      for (const each of spared) each.stop()
      socket.close()
    },
  }
}

const SOON = Promise.resolve()

function watchTable(
  socket: NetlinkSocket,
  littleEndian: boolean,
  ignoreFrom: readonly number[],
  changed: WatchParts['changed'],
): void {
  let touched = false
  const look = (from: Source, at: number, end: number) => {
    if (nameOf(from.view.getUint16(at + 4, littleEndian)) === 'newGeneration') {
      if (touched) changed(authorOf(from, at, end))
      touched = false
    } else if (concernsUs(from, at, end)) touched = true
  }
  socket.take(
    datagram => eachForeign(source(datagram, littleEndian), ignoreFrom, look),
    () => {
      touched = false
      changed('unknown')
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

const OURS: readonly string[] = [TABLE, CLOSED_TABLE]

/**
 * Whether a notice is about a table of ours. In every message of nf_tables that belongs to a table, the
 * table's name is attribute 1, and the kernel writes it first (nf_tables_api.c, nf_tables_fill_*).
 */
function concernsUs({ view, bytes, littleEndian }: Source, at: number, end: number): boolean {
  const first = at + HEADER_SIZE + GENERIC_SIZE
  if (view.getUint8(at + HEADER_SIZE) !== FAMILY.inet || first + 4 > end) return false
  const length = view.getUint16(first, littleEndian)
  if ((view.getUint16(first + 2, littleEndian) & 0x3fff) !== 1 || first + length > end) return false
  return OURS.some(name => length === 4 + name.length + 1 && isAt(bytes, first + 4, name))
}

function isAt(bytes: Uint8Array, at: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) if (bytes[at + i] !== name.charCodeAt(i)) return false
  return true
}

function authorOf(from: Source, at: number, end: number): ForeignChange {
  let author: ForeignChange = { processId: 0, process: '' }
  attempt(() => {
    const { processId = 0, processName = '' } = generation.read(from, at + HEADER_SIZE + GENERIC_SIZE, end)
    author = { processId, process: oneLine(processName, PROCESS_NAME) }
    return []
  })
  return author
}

const PROCESS_NAME = 16 // TASK_COMM_LEN, linux/sched.h
