/**
 * The element of the set `state`: its key is the version of the rules, its userdata the start of the epoch, for people
 * as a comment and for us as eight bytes. It lives and dies with the table, and changes in the same batch as mappings:
 * a daemon that starts again continues the epoch exactly when the mappings are still there.
 */
import { joined } from '../base/bytes.ts'
import { utf8Encode } from '../base/text.ts'
import type { Instant } from '../base/time.ts'
import { FLAG } from '../wire/netlink.ts'
import { be64, Writer } from '../wire/netlink-attributes.ts'
import type { Batch } from '../wire/nftables.ts'
import { FAMILY } from '../wire/nftables.ts'
import type { SeenElement } from '../wire/nftables-elements.ts'
import type { Settings } from './ruleset.ts'
import { hostBytes, PROTOCOL, RULES_VERSION, TABLE, text, tlv, UDATA_COMMENT } from './ruleset.ts'

export interface TableState {
  readonly version: number
  readonly epochStart: Instant
}

const PRIVATE_TLV = 0x80 // libnftnl uses none above 8

/** Puts the state in place of the one before, if there was one. */
export function addState(batch: Batch, epochStart: Instant, littleEndian: boolean): void {
  batch.add('deleteElements', 0, FAMILY.inet, { table: TABLE, set: 'state' }) // without elements: all of them
  const comment = `rules ${RULES_VERSION}, epoch began ${epochStart} ms after boot`
  const time = new Writer(littleEndian, 8)
  be64.write(time, epochStart)
  batch.add('newElements', FLAG.create, FAMILY.inet, {
    table: TABLE,
    set: 'state',
    elements: [
      {
        key: { value: hostBytes(RULES_VERSION, littleEndian) },
        userdata: joined([tlv(UDATA_COMMENT, text(comment)), tlv(PRIVATE_TLV, time.done())]),
      },
    ],
  })
}

/** `undefined` for an element that is not ours. */
export function readState(seen: SeenElement): TableState | undefined {
  const { view, userdata, userdataLength } = seen
  const end = userdata + userdataLength
  for (let at = userdata; at + 10 <= end; at += 2 + view.getUint8(at + 1)) {
    if (view.getUint8(at) !== PRIVATE_TLV || view.getUint8(at + 1) !== 8) continue
    const epochStart = be64.read(seen, at + 2, at + 10) as Instant
    return { version: view.getUint32(seen.key, seen.littleEndian), epochStart }
  }
  return undefined
}

/** Keys of the sets that follow the configuration. */
export function settingKeys(
  settings: Settings,
): Record<'internal' | 'external' | 'external6' | 'guarded', readonly Uint8Array[]> {
  return {
    internal: unique(settings.internal).map(deviceKey),
    external: unique(settings.external).map(deviceKey),
    external6: unique(settings.external6).map(deviceKey),
    guarded: settings.guarded.map(({ transport, port }) => {
      return Uint8Array.of(PROTOCOL[transport], 0, 0, 0, port >> 8, port & 255, 0, 0)
    }),
  }
}

/** Fills the sets of devices and guarded ports. `replace`: what they held goes first. */
export function addSettings(batch: Batch, act: 'add' | 'replace', settings: Settings): void {
  for (const [set, keys] of Object.entries(settingKeys(settings))) {
    if (act === 'replace') batch.add('deleteElements', 0, FAMILY.inet, { table: TABLE, set })
    if (keys.length === 0) continue
    const elements = keys.map(value => ({ key: { value } }))
    batch.add('newElements', FLAG.create, FAMILY.inet, { table: TABLE, set, elements })
  }
}

const IFNAMSIZ = 16 // linux/if.h

/** A device name as it lies in a register: 16 bytes, filled with NUL. */
export function deviceKey(name: string): Uint8Array {
  const key = new Uint8Array(IFNAMSIZ)
  key.set(utf8Encode(name).subarray(0, IFNAMSIZ - 1))
  return key
}

const unique = (names: readonly string[]): string[] => [...new Set(names)]
