/** What arguments mean, with the numbers of the checks of the IGD sheet. */
import { describe, expect, test } from 'vitest'
import { utf8Encode } from '../../../../src/base/text.ts'
import { encodeResult } from '../../../../src/protocol/igd/call.ts'
import type { FlowCall } from '../../../../src/protocol/igd/pinhole.ts'
import { flowOf } from '../../../../src/protocol/igd/pinhole.ts'
import type { AddCall, KeyCall, RangeCall } from '../../../../src/protocol/igd/portmapping.ts'
import { portListing, portMappingKeyOf, portMappingOf, portRangeOf } from '../../../../src/protocol/igd/portmapping.ts'
import { PINHOLE } from '../../../../src/protocol/igd/services/pinhole.ts'
import { WANIP1, WANIP2 } from '../../../../src/protocol/igd/services/wanip.ts'
import { parseXml } from '../../../../src/wire/xml.ts'
import { answerOf, ask, callOf, texts } from '../../../support/igd.ts'

type Changes = Readonly<Record<string, string>>
const table = (version: 1 | 2) => (version === 1 ? WANIP1 : WANIP2)
const add = (version: 1 | 2, changes: Changes = {}) =>
  portMappingOf(callOf(ask(table(version), 'AddPortMapping', changes)) as AddCall)
const addAny = (changes: Changes = {}) => portMappingOf(callOf(ask(WANIP2, 'AddAnyPortMapping', changes)) as AddCall)
const key = (changes: Changes) =>
  portMappingKeyOf(callOf(ask(WANIP2, 'GetSpecificPortMappingEntry', changes)) as KeyCall)
const range = (changes: Changes) => portRangeOf(callOf(ask(WANIP2, 'DeletePortMappingRange', changes)) as RangeCall)

const PLAIN = {
  transport: 'tcp',
  remote: 'any',
  external: 4001,
  internal: { ip: '192.168.88.10', port: 4001 },
  enabled: true,
  label: 'test',
  lifetime: 3600,
}

describe('portMappingOf()', () => {
  const rows: readonly (readonly [what: string, result: unknown, expected: unknown])[] = [
    ['reads the whole', add(2), PLAIN],
    [
      'a lease of 0 is a week in version 2 (check 19, S24)',
      add(2, { NewLeaseDuration: '0' }),
      { ...PLAIN, lifetime: 604_800 },
    ],
    ['a lease of 0 is for ever in version 1', add(1, { NewLeaseDuration: '0' }), { ...PLAIN, lifetime: 'forever' }],
    ['an external port of 0 is 716 (check 24)', add(2, { NewExternalPort: '0' }), { is: 'senseless', code: 716 }],
    ['and any port to AddAnyPortMapping (check 52)', addAny({ NewExternalPort: '0' }), { ...PLAIN, external: 'any' }],
    [
      'an internal port of 0 is 732 in version 2 (check 25)',
      add(2, { NewInternalPort: '0' }),
      { is: 'senseless', code: 732 },
    ],
    ['and 402 in version 1 (check 25)', add(1, { NewInternalPort: '0' }), { is: 'senseless', code: 402 }],
    ['no internal client is 715 (check 28)', add(2, { NewInternalClient: '' }), { is: 'senseless', code: 715 }],
    ['a name is 402, at once (S16)', add(2, { NewInternalClient: 'slow.example' }), { is: 'senseless', code: 402 }],
    [
      'a shell command is 402 (S30: CVE-2017-17215)',
      add(1, { NewInternalClient: '`reboot`' }),
      { is: 'senseless', code: 402 },
    ],
    ['an IPv6 client is 402', add(2, { NewInternalClient: 'fd00::1' }), { is: 'senseless', code: 402 }],
    ['a disabled mapping is one (check 36)', add(2, { NewEnabled: '0' }), { ...PLAIN, enabled: false }],
    ['a remote host (check 35)', add(2, { NewRemoteHost: '1.2.3.4' }), { ...PLAIN, remote: '1.2.3.4' }],
    ['* is any remote host', add(2, { NewRemoteHost: '*' }), PLAIN],
    ['0.0.0.0 is any remote host', add(2, { NewRemoteHost: '0.0.0.0' }), PLAIN],
    [
      'the name of a remote host is 600 in version 2 (check 61)',
      add(2, { NewRemoteHost: 'a.example' }),
      { is: 'senseless', code: 600 },
    ],
    ['and 726 in version 1', add(1, { NewRemoteHost: 'a.example' }), { is: 'senseless', code: 726 }],
  ]
  test.each(rows)('%s', (_what, result, expected) => expect(result).toEqual(expected))
})

describe('keys and ranges', () => {
  const rows: readonly (readonly [what: string, result: unknown, expected: unknown])[] = [
    ['a key', key({ NewProtocol: 'UDP' }), { transport: 'udp', remote: 'any', external: 4001 }],
    [
      'a key with a remote host (check 43)',
      key({ NewRemoteHost: '1.2.3.4' }),
      { transport: 'tcp', remote: '1.2.3.4', external: 4001 },
    ],
    ['port 0 is no entry', key({ NewExternalPort: '0' }), { is: 'senseless', code: 714 }],
    ['a range', range({}), { transport: 'tcp', first: 4000, last: 4010, manage: false }],
    [
      'a range of one',
      range({ NewStartPort: '5', NewEndPort: '5', NewManage: '1' }),
      { transport: 'tcp', first: 5, last: 5, manage: true },
    ],
    ['a range backwards is 733 (check 53)', range({ NewStartPort: '4011' }), { is: 'senseless', code: 733 }],
  ]
  test.each(rows)('%s', (_what, result, expected) => expect(result).toEqual(expected))
})

describe('portListing()', () => {
  const call = callOf(ask(WANIP2, 'GetListOfPortMappings'))
  const entry = {
    NewRemoteHost: '',
    NewExternalPort: 4001,
    NewProtocol: 'TCP',
    NewInternalPort: 4002,
    NewInternalClient: '192.168.88.10',
    NewEnabled: true,
    NewPortMappingDescription: `<&>"']]>`,
    NewLeaseDuration: 60,
  } as const

  test('is XML inside of XML, with its own two names (check 58)', () => {
    if (call.action !== 'GetListOfPortMappings') throw new Error('another call')
    const answer = answerOf(
      encodeResult(call, { NewPortListing: portListing([entry, { ...entry, NewProtocol: 'UDP' }]) }),
    )
    const list = parseXml(utf8Encode(texts(answer)['NewPortListing'] as string))
    expect([list.namespace, list.name]).toEqual(['urn:schemas-upnp-org:gw:WANIPConnection', 'PortMappingList'])
    expect(list.children.map(({ name, namespace }) => [namespace, name])).toEqual([
      ['urn:schemas-upnp-org:gw:WANIPConnection', 'PortMappingEntry'],
      ['urn:schemas-upnp-org:gw:WANIPConnection', 'PortMappingEntry'],
    ])
    expect(list.children[0]?.children.map(({ name, text }) => [name, text])).toEqual([
      ['NewRemoteHost', ''],
      ['NewExternalPort', '4001'],
      ['NewProtocol', 'TCP'],
      ['NewInternalPort', '4002'],
      ['NewInternalClient', '192.168.88.10'],
      ['NewEnabled', '1'],
      ['NewDescription', `<&>"']]>`],
      ['NewLeaseTime', '60'],
    ])
  })
})

describe('flowOf()', () => {
  const flow = (changes: Changes) => flowOf(callOf(ask(PINHOLE, 'AddPinhole', changes)) as FlowCall)
  const OPEN = {
    protocol: 6,
    remote: { ip: '2001:db8::1', port: 'any' },
    internal: { ip: 'fd00:88::10', port: 4001 },
  }
  const rows: readonly (readonly [what: string, result: unknown, expected: unknown])[] = [
    ['reads the whole', flow({}), OPEN],
    ['addresses in their one form', flow({ InternalClient: 'FD00:88:0::0010' }), OPEN],
    ['a remote port', flow({ RemotePort: '53' }), { ...OPEN, remote: { ip: '2001:db8::1', port: 53 } }],
    ['no remote host is any', flow({ RemoteHost: '' }), { ...OPEN, remote: { ip: 'any', port: 'any' } }],
    [':: is any', flow({ RemoteHost: '::' }), { ...OPEN, remote: { ip: 'any', port: 'any' } }],
    ['UDP-Lite', flow({ Protocol: '136' }), { ...OPEN, protocol: 136 }],
    ['any protocol is 707 (check 76)', flow({ Protocol: '65535' }), { is: 'senseless', code: 707 }],
    ['ICMP is 705 (check 76)', flow({ Protocol: '1' }), { is: 'senseless', code: 705 }],
    ['protocol 0 is 705 (check 76)', flow({ Protocol: '0' }), { is: 'senseless', code: 705 }],
    ['internal port 0 is 706 (check 77)', flow({ InternalPort: '0' }), { is: 'senseless', code: 706 }],
    ['no internal client is 708 (check 78)', flow({ InternalClient: '' }), { is: 'senseless', code: 708 }],
    ['an IPv4 client is 402', flow({ InternalClient: '192.168.88.10' }), { is: 'senseless', code: 402 }],
    ['a name is 402, at once (S16)', flow({ InternalClient: 'slow.example' }), { is: 'senseless', code: 402 }],
    ['a zone is 402', flow({ InternalClient: 'fe80::1%eth0' }), { is: 'senseless', code: 402 }],
    ['a name of a remote host is 402', flow({ RemoteHost: 'a.example' }), { is: 'senseless', code: 402 }],
  ]
  test.each(rows)('%s', (_what, result, expected) => expect(result).toEqual(expected))
})
