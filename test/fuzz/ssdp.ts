/**
 * SSDP datagrams: what is refused is `Malformed`; what is read keeps its bounds; and discovery throws nothing, answers
 * only what is a search, and holds and sends no more than its limits say.
 */
import { readFileSync } from 'node:fs'
import { BUDGET } from '../../src/protocol/igd/budget.ts'
import { decodeSsdp, LONGEST, SSDP_PORT, targetOf } from '../../src/wire/ssdp.ts'
import { bytesFrom, read, search, settled } from '../support/ssdp.ts'

const IGD = 'urn:schemas-upnp-org:device:InternetGatewayDevice:1'

export const seeds: readonly Uint8Array[] = [
  ...readFileSync('test/vectors/ssdp/searches.txt', 'utf8')
    .split('\n')
    .filter(line => line.startsWith('> '))
    .map(line => Uint8Array.from(Buffer.from(line.slice(2), 'hex'))),
  search('ssdp:all'),
  search(IGD, { MX: undefined }),
  search('uuid:11111111-2222-4333-8444-555555555551', { MX: '120', 'USER-AGENT': 'Microsoft-Windows/10.0 UPnP/1.0' }),
  search('urn:schemas-upnp-org:service:WANIPConnection:2', { MX: '0', st: 'ssdp:all' }),
  search(`uuid:${'a'.repeat(4096)}`),
  bytesFrom('M-SEARCH * HTTP/1.1\nman:"ssdp:discover"\nst:\tssdp:all \nmx:1\n\nbody'),
  bytesFrom(
    'NOTIFY * HTTP/1.1\r\nNT: a\r\nNTS: ssdp:alive\r\nUSN: b\r\nLOCATION: c\r\nCACHE-CONTROL: max-age = 9\r\nBOOTID.UPNP.ORG: 2147483647\r\n\r\n',
  ),
  bytesFrom('NOTIFY * HTTP/1.1\r\nNT: a\r\nNTS: ssdp:byebye\r\nUSN: b\r\nCONFIGID.UPNP.ORG: 16777216\r\n\r\n'),
]

const finder = settled()

export function target(bytes: Uint8Array): void {
  const verdicts = [finder.multicast(bytes), finder.unicast(bytes), finder.multicast(bytes)]
  // Long enough for every debt; announcements of this time go to the group.
  finder.pass(100)
  const answers = finder.take().filter(({ port }) => port !== SSDP_PORT)
  if (answers.length > 0 && !verdicts.includes('answered')) throw new Error('answered what it refused')
  for (const { bytes: answer } of answers) read(answer)
  const total = answers.reduce((sum, each) => sum + each.bytes.length, 0)
  if (finder.discovery.pending > 0 || total > BUDGET.burst) throw new Error(`${total} bytes sent`)
  const message = decodeSsdp(bytes)
  if (bytes.length > LONGEST) throw new Error(`read ${bytes.length} bytes`)
  if (message.is === 'search' && message.target.is !== targetOf(message.st).is) throw new Error('read twice, differs')
}
