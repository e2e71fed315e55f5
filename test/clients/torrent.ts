/** A torrent with one small file, and how a peer from the world greets whoever seeds it (BEP 3, BEP 29). */
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

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
