import { describe, expect, test } from 'vitest'
import type { Ip, Port } from '../../../../src/base/ip.ts'
import type { Verdict } from '../../../../src/protocol/igd/discovery.ts'
import { rowsOf, wantsVersionOne } from '../../../../src/protocol/igd/tree.ts'
import {
  bytesFrom,
  CLIENT,
  Finder,
  GUEST,
  LAN,
  LINK,
  offer,
  personality,
  SITE,
  search,
  settled,
  UUIDS,
} from '../../../support/ssdp.ts'

const device = (type: string) => `urn:schemas-upnp-org:device:${type}`
const service = (type: string) => `urn:schemas-upnp-org:service:${type}`
const { root, wan, connection } = UUIDS

/** NT and owner of every row, in the order in which they are sent. */
const ROWS: Readonly<Record<1 | 2, readonly (readonly [nt: string, owner: string])[]>> = {
  1: [
    ['upnp:rootdevice', root],
    [`uuid:${root}`, root],
    [device('InternetGatewayDevice:1'), root],
    [`uuid:${wan}`, wan],
    [device('WANDevice:1'), wan],
    [`uuid:${connection}`, connection],
    [device('WANConnectionDevice:1'), connection],
    [service('Layer3Forwarding:1'), root],
    [service('WANCommonInterfaceConfig:1'), wan],
    [service('WANIPConnection:1'), connection],
  ],
  2: [
    ['upnp:rootdevice', root],
    [`uuid:${root}`, root],
    [device('InternetGatewayDevice:2'), root],
    [`uuid:${wan}`, wan],
    [device('WANDevice:2'), wan],
    [`uuid:${connection}`, connection],
    [device('WANConnectionDevice:2'), connection],
    [service('Layer3Forwarding:1'), root],
    [service('WANCommonInterfaceConfig:1'), wan],
    [service('WANIPConnection:2'), connection],
    [service('WANIPv6FirewallControl:1'), connection],
  ],
}
const usn = (nt: string, owner: string) => (nt.startsWith('uuid:') ? nt : `uuid:${owner}::${nt}`)

describe('rowsOf()', () => {
  test.each([1, 2] as const)('check 3: IGD:%i has 3 + 2d + k rows and no USN twice', version => {
    const rows = rowsOf(personality(version))
    expect(rows.map(({ nt, usn }) => [nt, usn])).toEqual(ROWS[version].map(([nt, owner]) => [nt, usn(nt, owner)]))
    expect(rows).toHaveLength(3 + 2 * 2 + (version === 1 ? 3 : 4))
    expect(new Set(rows.map(each => each.usn)).size).toBe(rows.length)
  })
  test('without pinholes there is no firewall control', () => {
    expect(rowsOf(personality(2, false)).map(({ nt }) => nt)).not.toContain(service('WANIPv6FirewallControl:1'))
  })
})

describe('wantsVersionOne()', () => {
  test.each<[agent: string | undefined, one: boolean]>([
    ['Microsoft-Windows/10.0 UPnP/1.0', true],
    ['FDSSDP', true],
    ['Xbox/2.0', true],
    ['PlayStation 5', true],
    ['Demonware', true],
    ['Debian/12, UPnP/1.1, MiniUPnPc/2.2.4', false],
    [undefined, false],
  ])('%s', (agent, one) => expect(wantsVersionOne(agent)).toBe(one))
})

type Found = readonly [st: string, owner: string, path: string]
const one = (st: string, owner: string, version: number): readonly Found[] => [[st, owner, `/igd${version}.xml`]]
const all = (version: 1 | 2): readonly Found[] => ROWS[version].map(([nt, owner]) => [nt, owner, `/igd${version}.xml`])

/** What each search is answered: ST, owner, description. */
const SEARCHES: readonly (readonly [why: string, st: string, agent: string | undefined, found: readonly Found[]])[] = [
  ['check 14: everything', 'ssdp:all', undefined, all(2)],
  ['everything, for a version-1 client', 'ssdp:all', 'Microsoft-Windows/10.0 UPnP/1.0', all(1)],
  ['check 15: the root, once', 'upnp:rootdevice', undefined, one('upnp:rootdevice', root, 2)],
  ['the root, for a version-1 client', 'upnp:rootdevice', 'FDSSDP', one('upnp:rootdevice', root, 1)],
  [
    'check 16: an embedded device by its UUID',
    `uuid:${connection}`,
    undefined,
    one(`uuid:${connection}`, connection, 2),
  ],
  ['a UUID of another', 'uuid:11111111-2222-4333-8444-555555555559', undefined, []],
  ['a UUID cut off', `uuid:${root.slice(0, -1)}`, undefined, []],
  ['check 17: IGD:1', device('InternetGatewayDevice:1'), undefined, one(device('InternetGatewayDevice:1'), root, 1)],
  ['IGD:2', device('InternetGatewayDevice:2'), undefined, one(device('InternetGatewayDevice:2'), root, 2)],
  [
    'IGD:2, even for a version-1 client that asks for it',
    device('InternetGatewayDevice:2'),
    'Xbox',
    one(device('InternetGatewayDevice:2'), root, 2),
  ],
  ['check 18: IGD:3', device('InternetGatewayDevice:3'), undefined, []],
  ['WANDevice:1', device('WANDevice:1'), undefined, one(device('WANDevice:1'), wan, 1)],
  ['WANDevice:2', device('WANDevice:2'), undefined, one(device('WANDevice:2'), wan, 2)],
  [
    'WANConnectionDevice:1',
    device('WANConnectionDevice:1'),
    undefined,
    one(device('WANConnectionDevice:1'), connection, 1),
  ],
  [
    'WANConnectionDevice:2',
    device('WANConnectionDevice:2'),
    undefined,
    one(device('WANConnectionDevice:2'), connection, 2),
  ],
  [
    'check 19: WANIPConnection:1',
    service('WANIPConnection:1'),
    undefined,
    one(service('WANIPConnection:1'), connection, 1),
  ],
  [
    'check 19: WANIPConnection:2',
    service('WANIPConnection:2'),
    undefined,
    one(service('WANIPConnection:2'), connection, 2),
  ],
  ['WANIPConnection:3', service('WANIPConnection:3'), undefined, []],
  [
    'WANPPPConnection:1, for old clients',
    service('WANPPPConnection:1'),
    undefined,
    one(service('WANPPPConnection:1'), connection, 1),
  ],
  ['WANPPPConnection:2', service('WANPPPConnection:2'), undefined, []],
  [
    'WANCommonInterfaceConfig:1 leads where its announcement leads',
    service('WANCommonInterfaceConfig:1'),
    undefined,
    one(service('WANCommonInterfaceConfig:1'), wan, 2),
  ],
  ['Layer3Forwarding:1', service('Layer3Forwarding:1'), undefined, one(service('Layer3Forwarding:1'), root, 2)],
  [
    'WANIPv6FirewallControl:1',
    service('WANIPv6FirewallControl:1'),
    undefined,
    one(service('WANIPv6FirewallControl:1'), connection, 2),
  ],
  ['DeviceProtection:1, which is not offered', service('DeviceProtection:1'), undefined, []],
  ['a service as a device', device('WANIPConnection:1'), undefined, []],
  ['a media server', device('MediaServer:1'), undefined, []],
  ['a television', 'urn:dial-multiscreen-org:service:dial:1', undefined, []],
]

describe('a search for', () => {
  test.each(SEARCHES)('%s', (_why, st, agent, found) => {
    const finder = settled()
    finder.unicast(search(st, { 'USER-AGENT': agent }))
    const answers = finder.messages()
    expect(answers.map(({ fields }) => [fields['ST'], fields['USN'], fields['LOCATION']])).toEqual(
      found.map(([nt, owner, path]) => [nt, usn(nt, owner), `http://192.168.1.1:5000${path}`]),
    )
    for (const { start, fields } of answers) {
      expect(start).toBe('HTTP/1.1 200 OK')
      expect(Object.keys(fields)).toEqual([
        'CACHE-CONTROL',
        'DATE',
        'EXT',
        'LOCATION',
        'SERVER',
        'ST',
        'USN',
        'BOOTID.UPNP.ORG',
        'CONFIGID.UPNP.ORG',
      ])
      expect(fields).toEqual({
        ...fields,
        'CACHE-CONTROL': 'max-age=1800',
        DATE: 'Sun, 06 Nov 1994 08:49:37 GMT',
        EXT: '',
        'BOOTID.UPNP.ORG': '1000',
        'CONFIGID.UPNP.ORG': '4711',
      })
    }
  })

  test('one USN always leads to one description, however it is found', () => {
    const finder = settled()
    const locations = new Map<string, Set<string>>()
    for (const [, st, agent] of SEARCHES) {
      if (agent !== undefined) continue
      finder.unicast(search(st))
      finder.pass(30)
    }
    finder.pass(900) // and at least one set of announcements
    for (const { fields } of finder.messages()) {
      const known = locations.get(fields['USN'] as string) ?? new Set()
      locations.set(fields['USN'] as string, known.add(fields['LOCATION'] as string))
    }
    expect([...locations].filter(([, where]) => where.size !== 1)).toEqual([])
    expect(locations.size).toBeGreaterThan(15)
  })
  test('IGD:1 where only version 2 is offered: the version that was asked', () => {
    const finder = settled([LAN], { offer: offer({ personalities: [personality(2)] }) })
    finder.unicast(search(device('InternetGatewayDevice:1')))
    expect(finder.messages().map(({ fields }) => [fields['ST'], fields['LOCATION']])).toEqual([
      [device('InternetGatewayDevice:1'), 'http://192.168.1.1:5000/igd2.xml'],
    ])
  })
  test('IGD:2 where only version 1 is offered', () => {
    const finder = settled([LAN], { offer: offer({ personalities: [personality(1)] }) })
    expect(finder.unicast(search(device('InternetGatewayDevice:2')))).toBe('other')
    expect(finder.take()).toEqual([])
  })
})

describe('an answer', () => {
  test('check 26: leaves from the address that was asked, to the sender and its port', () => {
    const finder = settled([LAN, LINK])
    finder.unicast(search('upnp:rootdevice'))
    expect(finder.take().map(({ device, from, to, port }) => [device, from, to, port])).toEqual([
      ['br-lan', '192.168.1.1', CLIENT, 40_000],
    ])
  })
  test('check 7: each network has its own LOCATION; UUIDs and BOOTID are the same', () => {
    const finder = settled([LAN, GUEST])
    finder.unicast(search('upnp:rootdevice'))
    finder.unicast(search('upnp:rootdevice'), '10.7.0.9' as Ip, GUEST)
    const [lan, guest] = finder.messages()
    expect([lan?.fields['LOCATION'], guest?.fields['LOCATION']]).toEqual([
      'http://192.168.1.1:5000/igd2.xml',
      'http://10.7.0.1:5000/igd2.xml',
    ])
    const same = { ...lan?.fields, LOCATION: '' }
    expect({ ...guest?.fields, LOCATION: '' }).toEqual(same)
  })
  test('check 30: on ff02::c it has the link-local address, to one of the site the other', () => {
    const finder = settled([LAN, LINK, SITE])
    finder.multicast(search('upnp:rootdevice', { HOST: '[FF02::C]:1900' }), 'fe80::99' as Ip, LINK, 'ff02::c')
    finder.multicast(search('upnp:rootdevice', { HOST: '[FF05::C]:1900' }), 'fd00:1::99' as Ip, SITE, 'ff05::c')
    finder.pass(2)
    const sent = finder.take()
    expect(sent.map(({ from, to }) => `${from} ${to}`).sort()).toEqual(['fd00:1::1 fd00:1::99', 'fe80::1 fe80::99'])
    const wide = settled([LINK])
    wide.unicast(search('upnp:rootdevice'), 'fe80::99' as Ip, LINK)
    expect(wide.messages()[0]?.fields['LOCATION']).toBe('http://[fe80::1]:5000/igd2.xml')
  })
  test('says the search port where there is one', () => {
    const finder = settled([LAN], { offer: offer({ searchPort: 50_000 as never }) })
    finder.unicast(search('upnp:rootdevice'))
    expect(finder.messages()[0]?.fields['SEARCHPORT.UPNP.ORG']).toBe('50000')
  })
})

describe('when a search is answered', () => {
  test('check 14: to MX 3 all rows within 3 s, the root first, each at its own time', () => {
    const finder = settled()
    finder.multicast(search('ssdp:all', { MX: '3' }))
    expect(finder.take()).toEqual([])
    const start = finder.now
    const times: number[] = []
    while (finder.discovery.pending > 0) {
      finder.now = finder.discovery.wakeAt as typeof finder.now
      finder.discovery.wake(finder.now)
      times.push(finder.now - start)
    }
    const sts = finder.messages().map(({ fields }) => fields['ST'])
    expect(sts).toEqual(ROWS[2].map(([nt]) => nt))
    expect(times.at(-1)).toBeLessThan(2900)
    expect(times.length).toBeGreaterThan(8)
    expect((times.at(-1) as number) - (times[0] as number)).toBeGreaterThan(1000)
  })
  test.each<[why: string, mx: string | undefined, within: number]>([
    ['MX 1', '1', 1],
    ['check 22: MX 120 counts as 5', '120', 5],
    ['MX 0 is answered at once', '0', 0],
  ])('%s', (_why, mx, within) => {
    const finder = settled()
    expect(finder.multicast(search('ssdp:all', { MX: mx }))).toBe('answered')
    finder.pass(within)
    expect(finder.take()).toHaveLength(11)
  })
  test('MX 5 really uses the time', () => {
    const finder = settled()
    finder.multicast(search('ssdp:all', { MX: '5' }))
    finder.pass(1)
    expect(finder.take().length).toBeLessThan(8)
  })
  test('check 20: a multicast search without MX is not', () => {
    const finder = settled()
    expect(finder.multicast(search('ssdp:all', { MX: undefined }))).toBe('malformed')
    finder.pass(6)
    expect(finder.take()).toEqual([])
  })
  test.each(['3', undefined])('check 21: a unicast search at once (MX %s)', mx => {
    const finder = settled()
    expect(finder.unicast(search('upnp:rootdevice', { MX: mx }))).toBe('answered')
    expect(finder.take()).toHaveLength(1)
  })
  test('the same search again, while its answers wait, adds none; afterwards it does', () => {
    const finder = settled()
    for (let i = 0; i < 3; i++) finder.multicast(search('ssdp:all', { MX: '1' }))
    finder.pass(1)
    expect(finder.take()).toHaveLength(11)
    finder.multicast(search('ssdp:all', { MX: '1' }))
    finder.pass(1)
    expect(finder.take()).toHaveLength(11)
  })
})

describe('not answered', () => {
  const ALL = search('ssdp:all')
  test.each<[why: string, verdict: Verdict, ask: (finder: Finder) => Verdict]>([
    ['check 27: from another network', 'stranger', f => f.unicast(ALL, '203.0.113.9' as Ip)],
    ['check 27: from another network, by multicast', 'stranger', f => f.multicast(ALL, '10.9.9.9' as Ip)],
    [
      'S1: to an address that is not of the link',
      'stranger',
      f => f.unicast(ALL, CLIENT, { ...LAN, address: '203.0.113.7' as Ip }),
    ],
    ['S1: by a device that is not internal', 'stranger', f => f.multicast(ALL, CLIENT, { ...LAN, device: 'wan' })],
    ['S33: from a network that is not served', 'stranger', f => f.multicast(ALL, '10.7.0.9' as Ip, GUEST)],
    ['to a broadcast address', 'stranger', f => f.unicast(ALL, CLIENT, { ...LAN, address: '192.168.1.255' as Ip })],
    ['to another group', 'stranger', f => f.multicast(ALL, CLIENT, LAN, '224.0.0.251')],
    ['IPv4 to a group of IPv6', 'stranger', f => f.multicast(ALL, CLIENT, LAN, 'ff02::c')],
    ['from ourselves', 'stranger', f => f.multicast(ALL, LAN.address)],
    ['check 23: without MAN', 'malformed', f => f.unicast(search('ssdp:all', { MAN: undefined }))],
    ['check 23: MAN without quotes', 'malformed', f => f.unicast(search('ssdp:all', { MAN: 'ssdp:discover' }))],
    ['check 29: 65 KiB', 'malformed', f => f.unicast(search('ssdp:all', { X: 'a'.repeat(65_000) }))],
    ['check 29: garbage', 'other', f => f.unicast(Uint8Array.from({ length: 500 }, (_, i) => (i * 37) & 255))],
    ['S30: 4 kB of ST', 'malformed', f => f.unicast(search(`uuid:${'a'.repeat(4096)}`))],
    ['nothing', 'other', f => f.unicast(new Uint8Array(0))],
    [
      'an announcement of another',
      'other',
      f => f.multicast(bytesFrom('NOTIFY * HTTP/1.1\r\nNTS: ssdp:alive\r\n\r\n')),
    ],
    ['an answer of another', 'other', f => f.unicast(bytesFrom('HTTP/1.1 200 OK\r\nST: ssdp:all\r\n\r\n'))],
  ])('%s', (_why, verdict, ask) => {
    const finder = settled([LAN, LINK])
    expect(ask(finder)).toBe(verdict)
    finder.pass(6)
    expect(finder.take()).toEqual([])
  })
  test('a search from port 0, which no answer reaches', () => {
    const finder = settled()
    const arrival = { device: LAN.device, to: LAN.address, from: { ip: CLIENT, port: 0 as Port } }
    expect(finder.discovery.receive(ALL, arrival, finder.now)).toBe('malformed')
    expect(finder.take()).toEqual([])
  })
  test('before it serves, and after it stopped', () => {
    const finder = new Finder()
    expect(finder.unicast(ALL)).toBe('stranger')
    finder.serve(LAN)
    finder.discovery.stop(finder.now)
    finder.take()
    expect(finder.unicast(ALL)).toBe('stranger')
    expect(finder.take()).toEqual([])
  })
  test('what waited at a door that is gone', () => {
    const finder = settled([LAN, GUEST])
    finder.multicast(ALL)
    finder.multicast(ALL, '10.7.0.9' as Ip, GUEST)
    finder.serve(GUEST)
    finder.take()
    finder.pass(2)
    expect(new Set(finder.take().map(({ from }) => from))).toEqual(new Set([GUEST.address]))
  })
})
