/** Does the owner's firewall stop IPv6 from outside? */
import { describe, expect, test } from 'vitest'
import { utf8Encode } from '../../../src/base/text.ts'
import { firewallFile } from '../../../src/config/firewall-file.ts'
import { stopsInbound } from '../../../src/config/inbound.ts'
import { parseUci } from '../../../src/wire/uci.ts'
import shipped from '../../vectors/uci/firewall.txt?raw'

const firewall = (text: string) => firewallFile(parseUci(utf8Encode(text), '/etc/config/firewall'))
const OUTSIDE = new Set(['wan'])
const INSIDE = new Set(['lan'])
const stops = (text: string) => stopsInbound(firewall(text), OUTSIDE, INSIDE)

const defaults = (forward: string) => `config defaults\n\toption forward '${forward}'\n`
const forwarding = (...options: readonly string[]) =>
  `config forwarding\n${options.map(each => `\toption ${each}\n`).join('')}`

describe('stopsInbound()', () => {
  test('a router without a firewall file: nothing is known, and it is taken for granted', () => {
    expect(stopsInbound(undefined, OUTSIDE, INSIDE)).toBe(true)
  })
  test('a router as it is', () => expect(stops(shipped)).toBe(true))

  test.each([
    ['nothing is said', ''],
    ['the policy rejects', defaults('REJECT')],
    ['the policy is no word of firewall4', defaults('yes')],
    ['a second config defaults accepts: firewall4 takes the first', defaults('DROP') + defaults('ACCEPT')],
    [
      'the zone itself accepts, which is about wan to wan',
      "config zone\n\toption name 'wan'\n\toption forward 'ACCEPT'\n",
    ],
    ['lan to wan is forwarded', forwarding("src 'lan'", "dest 'wan'")],
    ['only IPv4 is forwarded', forwarding("src 'wan'", "dest 'lan'", "family 'ipv4'")],
    [
      'the forwarding is of a zone of IPv4',
      `config zone\n\toption name 'wan'\n\toption family 'inet'\n${forwarding("src 'wan'", "dest 'lan'")}`,
    ],
    [
      'the forwarding leads to a zone of IPv4',
      `config zone\n\toption name 'lan'\n\tlist subnet '192.168.1.0/24'\n${forwarding("src 'wan'", "dest 'lan'")}`,
    ],
    ['the forwarding has a family that firewall4 does not know', forwarding("src 'wan'", "dest 'lan'", "family 'x'")],
    ['the forwarding is off', forwarding("src 'wan'", "dest 'lan'", "enabled '0'")],
    ['the forwarding leads elsewhere', forwarding("src 'wan'", "dest 'dmz'")],
  ])('yes, where %s', (_what, text) => expect(stops(text)).toBe(true))

  test.each([
    ['the policy accepts', defaults('ACCEPT')],
    ['the policy accepts, in short', defaults('a')],
    ['wan to lan is forwarded', forwarding("src 'wan'", "dest 'lan'")],
    [
      'wan to lan is forwarded, zones of IPv6',
      `config zone\n\toption name 'wan'\n\toption family 'ipv6'\n${forwarding("src 'wan'", "dest 'lan'")}`,
    ],
    ['all is forwarded to lan', forwarding("src '*'", "dest 'lan'")],
    ['wan is forwarded everywhere', forwarding("src 'wan'", "dest '*'", "family 'ipv6'")],
  ])('no, where %s', (_what, text) => expect(stops(text)).toBe(false))
})
