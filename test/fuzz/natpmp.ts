/**
 * The NAT-PMP server with a table, against any bytes. Nothing may be thrown, and each reply must be one that a client
 * can read.
 */
import type { Ip } from '../../src/base/ip.ts'
import type { Instant } from '../../src/base/time.ts'
import { Engine } from '../../src/core/engine.ts'
import { Epoch } from '../../src/core/epoch.ts'
import { Journal } from '../../src/core/journal.ts'
import { Noise } from '../../src/core/noise.ts'
import { Rate } from '../../src/core/rate.ts'
import { Returning } from '../../src/core/returning.ts'
import type { Surroundings } from '../../src/core/surroundings.ts'
import { NatPmp } from '../../src/protocol/natpmp.ts'
import { dump } from '../../src/wire/natpmp.ts'
import { A, bytesOf, policy, up, WAN_ADDRESS } from '../support/router.ts'

export const seeds: readonly Uint8Array[] = [
  '00 00',
  '00 01 0000 1388 1388 00001c20',
  '00 02 0000 0050 0050 00000e10',
  '00 01 0000 2710 0000 ffffffff',
  '00 01 0000 1388 0000 00000000',
  '00 02 0000 0000 0000 00000000',
  '00 03 0000 1388 1388 00001c20',
  '00 80 0000 00000e10 cb007107',
  '02 00 0000 00000000 00000000000000000000ffffc0a80164',
].map(bytesOf)

const clock = { now: () => 0 as Instant }
const surroundings: Surroundings = {
  taken: () => undefined,
  hasRedirect: () => false,
  redirected: () => undefined,
  barred: () => undefined,
  isAway: () => false,
  outward6: () => undefined,
  deviceOf: () => 'br-lan',
}
const journal = new Journal(() => {})
const epoch = new Epoch(clock.now(), () => {})
const firewall = { apply: () => Promise.resolve() }
const returning = new Returning(() => {})
const engine = new Engine({
  clock,
  firewall,
  surroundings,
  journal,
  epoch,
  policy: policy(),
  returning,
  settled: () => {},
})
const natPmp = new NatPmp({ clock, engine, epoch, noise: new Noise(journal), rate: new Rate(), surroundings })
engine.move(up(WAN_ADDRESS))

export function target(bytes: Uint8Array): void {
  const from = { ip: A as Ip, port: 40_000, device: 'br-lan', mac: undefined }
  natPmp.receive(bytes, from, reply => {
    const readable = reply[0] === 0 && (reply[1] ?? 0) >= 128 && reply.length >= 8
    if (!readable || reply.length > Math.max(16, bytes.length))
      throw new Error(`a reply that no client can read: ${reply}`)
    dump(reply)
  })
  dump(bytes)
}
