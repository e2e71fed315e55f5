/** What nft sends to the kernel, from its own debug output (`nft --debug=mnl`): every message, rebuilt byte by byte. */
import { execFileSync } from 'node:child_process'
import { messages } from '../../src/wire/netlink.ts'
import type { NftMessage } from '../../src/wire/nftables.ts'
import { decode, nameOf } from '../../src/wire/nftables.ts'

/** Colours of a terminal, which libmnl uses always. */
const COLOUR = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g')

/** The changes of a batch; requests that only ask are left out. Nothing is committed (`nft --check`). */
export function sentByNft(file: string): NftMessage[] {
  const output = execFileSync('nft', ['--check', '--debug=mnl', '-f', '-'], { input: file, encoding: 'utf8' })
  return output
    .replaceAll(COLOUR, '')
    .split(/^-{16}\t-{18}\n(?=\|\s*\d+\s*\|\t\| message length)/m)
    .map(bytesOf)
    .filter(bytes => bytes.length > 20)
    .flatMap(bytes => messages(bytes, true))
    .filter(({ type }) => /^(new|delete)/.test(nameOf(type) ?? ''))
    .map(message => decode(message, true))
}

/**
 * libmnl prints four bytes a line (mnl_nlmsg_fprintf): the header as numbers, attribute headers as
 * `|length|flags|type|` with N for NLA_F_NESTED, everything else in hexadecimal.
 */
function bytesOf(text: string): Uint8Array {
  const bytes: number[] = []
  const number = (value: number, size: number) => {
    for (let i = 0; i < size; i++) bytes.push((value >>> (8 * i)) & 255)
  }
  for (const line of text.split('\n')) {
    const head = /^\| +(\d+) +\|\t\| (message length|sequence number| +port ID)/.exec(line)
    const type = /^\| (\d+) \| [A-Z-]{4} \|/.exec(line)
    const attribute = /^\|(\d+)\|([N-])[B-]\|(\d+)\|/.exec(line)
    const hex = /^\| ((?:[0-9a-f]{2} ){4}) ?\|/.exec(line)
    if (head !== null) number(Number(head[1]), 4)
    else if (type !== null) {
      number(Number(type[1]), 2)
      number(1, 2)
    } else if (attribute !== null) {
      number(Number(attribute[1]), 2)
      number(Number(attribute[3]) | (attribute[2] === 'N' ? 0x8000 : 0), 2)
    } else if (hex !== null)
      for (const byte of (hex[1] as string).trim().split(' ')) bytes.push(Number.parseInt(byte, 16))
  }
  return Uint8Array.from(bytes)
}
