/**
 * nf_tables over netlink, in both byte orders: a datagram is split, decoded, read element by element and shown.
 * Whatever could be decoded must encode, and decode to the same again.
 */
import { Malformed } from '../../src/base/fail.ts'
import type { Instant } from '../../src/base/time.ts'
import { bodyEndsOf, endpointsOf, mappingOf, takenOf } from '../../src/kernel/elements-read.ts'
import { BODY_SETS, SETS } from '../../src/kernel/ruleset.ts'
import { readState } from '../../src/kernel/ruleset-state.ts'
import type { Message } from '../../src/wire/netlink.ts'
import { messages, soleAcknowledgement, TYPE, verdict } from '../../src/wire/netlink.ts'
import { Writer } from '../../src/wire/netlink-attributes.ts'
import { Batch, decode, dump, nameOf } from '../../src/wire/nftables.ts'
import type { SeenElement } from '../../src/wire/nftables-elements.ts'
import { eachElement } from '../../src/wire/nftables-elements.ts'

const NOW = 1000 as Instant

export function target(bytes: Uint8Array): void {
  for (const littleEndian of [true, false]) {
    dump(bytes, littleEndian) // promises to throw nothing at all
    soleAcknowledgement(bytes, littleEndian)
  }
  const failures: Malformed[] = []
  for (const littleEndian of [true, false]) {
    tolerate(failures, () => {
      for (const message of messages(bytes, littleEndian)) read(message, littleEndian, failures)
    })
  }
  if (failures[0] !== undefined) throw failures[0]
}

function read(message: Message, littleEndian: boolean, failures: Malformed[]): void {
  tolerate(failures, () => {
    if (message.type === TYPE.error || message.type === TYPE.done) verdict(message, littleEndian)
    if (nameOf(message.type) !== undefined) encodeAgain(message, littleEndian)
  })
  for (const [key, data] of SHAPES) {
    tolerate(failures, () => eachElement(message.payload, littleEndian, key, data, seen => use(seen)))
  }
}

function use(seen: SeenElement): void {
  readState(seen)
  if (seen.keyLength === 8) takenOf(seen)
  if (seen.keyLength === 12) endpointsOf(seen)
  for (const set of BODY_SETS) {
    const { keyLength, data } = SETS[set]
    if (seen.keyLength !== keyLength || seen.dataLength !== (data?.[1] ?? 0)) continue
    bodyEndsOf(set, seen)
    mappingOf(seen, NOW, set)
  }
}

function tolerate(failures: Malformed[], work: () => void): void {
  try {
    work()
  } catch (error) {
    if (!(error instanceof Malformed)) throw error
    failures.push(error)
  }
}

/** Lengths of key and data: dnat4, snat4 and idle4, dnat4from, pinhole6 and idle6, taken and guarded, state. */
const SHAPES = [
  [12, 8],
  [16, 8],
  [44, 0],
  [8, 0],
  [4, 0],
] as const

function encodeAgain(message: Message, littleEndian: boolean): void {
  const first = decode(message, littleEndian)
  const batch = new Batch(new Writer(littleEndian))
  batch.add(first.name, 0, first.family, first.body as never)
  const [, second] = messages(batch.finish(1), littleEndian)
  const { body } = decode(second as Message, littleEndian)
  const [was, is] = [first.body, body].map(value => JSON.stringify(value))
  if (was !== is) throw new Error(`encoded again it says ${is} instead of ${was}`)
}
