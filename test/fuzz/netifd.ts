/** netifd's dump of its interfaces: only `Malformed`, and no device that could not be one. */
import { readFileSync } from 'node:fs'
import { parseNetifd } from '../../src/config/netifd.ts'
import { isDeviceName } from '../../src/config/network-file.ts'

export const seeds: readonly Uint8Array[] = [new Uint8Array(readFileSync('test/vectors/uci/netifd.txt'))]

export function target(bytes: Uint8Array): void {
  for (const { device, up } of parseNetifd(bytes)) {
    if (device !== undefined && !(up && isDeviceName(device))) throw new Error(`device ${device}`)
  }
}
