/** A torrent with one small file, and how a peer from the world greets whoever seeds it (BEP 3, BEP 29). */
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { type Lab, WAN } from '../support/lab.ts'
import { until } from '../support/process.ts'

export interface Torrent {
  readonly file: string
  readonly content: string
  /** First message on a TCP connection; the seeder answers with the same info hash. */
  readonly handshake: Uint8Array
  /** 20 bytes, hex. */
  readonly hash: string
}

/** Writes `hello.txt` and `hello.torrent` into the directory. */
export function makeTorrent(directory: string): Torrent {
  const content = 'hello, world'
  writeFileSync(join(directory, 'hello.txt'), content)
  const piece = createHash('sha1').update(content).digest()
  const info = Buffer.concat([
    Buffer.from(`d6:lengthi${content.length}e4:name9:hello.txt12:piece lengthi16384e6:pieces20:`),
    piece,
    Buffer.from('e'),
  ])
  const file = join(directory, 'hello.torrent')
  writeFileSync(file, Buffer.concat([Buffer.from('d4:info'), info, Buffer.from('e')]))
  const hash = createHash('sha1').update(info).digest()
  const handshake = Buffer.concat([
    Buffer.from('\x13BitTorrent protocol', 'latin1'),
    Buffer.alloc(8),
    hash,
    Buffer.from('-XX0001-worldworld00'),
  ])
  return { file, content, handshake, hash: hash.toString('hex') }
}

/** uTP ST_SYN, version 1: type 4, connection 0x1234, window 64 KiB, sequence 1. */
export const utpSyn = Uint8Array.of(0x41, 0, 0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0)

/** ST_STATE for the same connection: the seeder's first answer. */
export const isUtpState = (hex: string): boolean => hex.startsWith('21') && hex.slice(4, 8) === '1234'

/** transmission's settings: nothing that looks for peers by itself, port forwarding on. */
export function transmissionHome(lab: Lab): string {
  const home = join(lab.directory, 'transmission')
  mkdirSync(home, { recursive: true })
  const settings = {
    'port-forwarding-enabled': true,
    'peer-port': 51413,
    'dht-enabled': false,
    'lpd-enabled': false,
    'pex-enabled': false,
    'utp-enabled': true,
    'download-dir': join(lab.directory, 'share'),
    'watch-dir': join(lab.directory, 'share'),
    'watch-dir-enabled': true,
    'rpc-bind-address': '127.0.0.1',
    encryption: 1,
  }
  writeFileSync(join(home, 'settings.json'), JSON.stringify(settings))
  return home
}

/** The seeder knows the torrent that the peer names, and says so through the mapping. */
export async function expectHandshake(lab: Lab, { handshake, hash }: Torrent, port: number): Promise<void> {
  const greeting = await until(
    'a BitTorrent handshake',
    async () => {
      const heard = await lab.world.tcpAsk([WAN, port], handshake, 500)
      return heard.got === 'reply' ? heard.hex : undefined
    },
    30_000,
  )
  expect(Buffer.from(greeting.slice(2, 40), 'hex').toString()).toBe('BitTorrent protocol')
  expect(greeting.slice(56, 96)).toBe(hash)
}
