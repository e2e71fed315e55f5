/** Lease files: nothing is thrown, and what was read is written and read the same. Half of them with fitting checksums. */

import { utf8Decode, utf8Encode } from '../../src/base/text.ts'
import type { Instant } from '../../src/base/time.ts'
import { readLeases, writeLeases } from '../../src/core/leases.ts'

const FILE = `{"portico":1,"boot":"f00d","at":1000,"wall":1795219200000}
{"protocol":"tcp","port":8080,"to":["192.168.88.10",80],"service":"upnp","client":"192.168.88.10","mac":"02:00:00:00:00:0a","comment":"game","left":3540}
{"protocol":"udp","port":5060,"to":["192.168.88.10",5060],"service":"nat-pmp","client":"192.168.88.10","from":["203.0.113.5","any"],"enabled":false,"comment":"","left":"forever"}
{"protocol":"tcp","port":8080,"to":["2001:db8::10",8080],"service":"upnp","client":"2001:db8::10","from":["2001:db8:f::1",4000],"comment":"","left":60,"pinhole":7}
`

export const seeds: readonly Uint8Array[] = [utf8Encode(FILE), utf8Encode(FILE.split('\n')[1] as string)]

export function target(bytes: Uint8Array): void {
  readLeases(bytes)
  const lines = utf8Decode(bytes).split('\n')
  const { records } = readLeases(utf8Encode(lines.map(json => `${checksum(json)} ${json}\n`).join('')))
  const stamp = { boot: '', at: 0 as Instant, wall: 0 }
  const again = readLeases(writeLeases(records, stamp))
  if (JSON.stringify(again.records) !== JSON.stringify(records) || again.damaged.length > 0) {
    throw new Error(`reads ${JSON.stringify(again)} when written again`)
  }
}

function checksum(text: string): string {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return (hash >>> 0).toString(16).padStart(8, '0')
}
