/** Messages of ubus: what is read as one and written must read as what was written. */
import { decodeUbus, encodeUbus, UbusReader } from '../../src/wire/ubus.ts'
import { bytesOf } from '../support/router.ts'
import { hexOf } from '../support/vectors.ts'

export const seeds: readonly Uint8Array[] = [
  '00000000 2b3c4d5e 00000004',
  '00060001 00000000 00000044 0200000c 706f7274 69636f00 06000034 82000010 00067374 61747573 00000000 82000020 00067265 6d6f7665 00000000 85000010 00026964 00000000 00000003',
  '00020001 00000000 00000014 03000008 12345678 05000008 0badcafe',
  '00050009 77777777 00000034 03000008 12345678 0400000b 72656d6f 76650000 07000018 83000012 00026964 00000000 2a314639 30000000',
  '00050007 22222222 00000014 03000008 2468ace0 0a000005 01000000',
].map(bytesOf)

export function target(bytes: Uint8Array): void {
  for (const message of new UbusReader().push(bytes)) {
    const written = encodeUbus(decodeUbus(message))
    const again = encodeUbus(decodeUbus(written))
    if (hexOf(again) !== hexOf(written)) throw new Error(`written as ${hexOf(written)}, then as ${hexOf(again)}`)
  }
}
