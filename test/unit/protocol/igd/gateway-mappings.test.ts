/** Port mappings, from the bytes of SOAP to what the kernel holds: checks 13 to 61 of the IGD sheet, S3, S7 to S9, S34. */
import { describe, expect, test } from 'vitest'
import type { Ip, Port } from '../../../../src/base/ip.ts'
import { utf8Encode } from '../../../../src/base/text.ts'
import { seconds } from '../../../../src/base/time.ts'
import { CONTROL } from '../../../../src/protocol/igd/call.ts'
import { currentValues } from '../../../../src/protocol/igd/gateway-events.ts'
import { LIST_MOST } from '../../../../src/protocol/igd/gateway-listing.ts'
import type { ServiceTable } from '../../../../src/protocol/igd/service.ts'
import { typeOf } from '../../../../src/protocol/igd/service.ts'
import { WANIP1, WANIP2 } from '../../../../src/protocol/igd/services/wanip.ts'
import { parseXml } from '../../../../src/wire/xml.ts'
import { type Changes, Igd, POLICY, redirect, type Said } from '../../../support/gateway.ts'
import { argumentsFor, envelope, texts } from '../../../support/igd.ts'
import { A, B, DOWN, policy, ports } from '../../../support/router.ts'

const ADD = 'AddPortMapping'
const ANY = 'AddAnyPortMapping'
const DELETE = 'DeletePortMapping'
const RANGE = 'DeletePortMappingRange'
const LIST = 'GetListOfPortMappings'
const SPECIFIC = 'GetSpecificPortMappingEntry'
const GENERIC = 'GetGenericPortMappingEntry'

const at = (port: number, more: Changes = {}): Changes => ({ NewExternalPort: String(port), ...more })
const inRange = (first: number, last: number, more: Changes = {}): Changes => ({
  NewStartPort: String(first),
  NewEndPort: String(last),
  ...more,
})

/** What a host counts through, as `external internal client enabled description lease`. */
async function listing(igd: Igd, host: Ip): Promise<readonly string[]> {
  const rows: string[] = []
  for (let index = 0; ; index++) {
    const { code, values } = await igd.from(host).call(WANIP1, GENERIC, { NewPortMappingIndex: String(index) })
    if (code === 713) return rows
    rows.push(Object.values(values).join(' ').trim())
  }
}

describe('AddPortMapping', () => {
  test('check 13: a new one, with an empty answer', async () => {
    const igd = await Igd.start()
    expect(await igd.from(A).call(WANIP2, ADD)).toEqual({
      status: 200,
      code: undefined,
      values: {},
      service: 'urn:schemas-upnp-org:service:WANIPConnection:2',
      close: false,
    })
    expect(igd.kernel).toEqual([`tcp 4001 -> ${A}:4001`])
  })

  test('check 14: the same again is the same', async () => {
    const igd = await Igd.start()
    for (let i = 0; i < 3; i++) expect(await igd.from(A).code(WANIP2, ADD)).toBe(0)
    expect(igd.kernel).toHaveLength(1)
  })

  test('check 15: another internal port of the same client overwrites it', async () => {
    const igd = await Igd.start()
    await igd.from(A).call(WANIP2, ADD)
    expect(await igd.from(A).code(WANIP2, ADD, { NewInternalPort: '5000' })).toBe(0)
    expect(igd.kernel).toEqual([`tcp 4001 -> ${A}:5000`])
  })

  test('check 16: another client is 718', async () => {
    const igd = await Igd.start()
    await igd.from(A).call(WANIP2, ADD)
    expect(await igd.from(B).code(WANIP2, ADD)).toBe(718)
    expect(await igd.from(B).code(WANIP1, ADD)).toBe(718)
    expect(igd.kernel).toEqual([`tcp 4001 -> ${A}:4001`])
  })

  test('check 17: the other protocol of a port is reserved for its client (RFC 6886 §3.3)', async () => {
    const igd = await Igd.start()
    await igd.from(A).call(WANIP2, ADD)
    expect(await igd.from(B).code(WANIP2, ADD, { NewProtocol: 'UDP' })).toBe(718)
    expect(await igd.from(A).code(WANIP2, ADD, { NewProtocol: 'UDP' })).toBe(0)
  })

  test('check 18: another remote host on the same port is 718', async () => {
    const igd = await Igd.start()
    await igd.from(A).call(WANIP2, ADD)
    expect(await igd.from(A).code(WANIP2, ADD, { NewRemoteHost: '198.51.100.1' })).toBe(718)
  })

  const lease = async (igd: Igd, table: ServiceTable = WANIP2) =>
    Number((await igd.from(A).call(table, SPECIFIC)).values['NewLeaseDuration'])

  test('check 19: a lease of 0 is a week in version 2 (S24)', async () => {
    const igd = await Igd.start()
    await igd.from(A).call(WANIP2, ADD, { NewLeaseDuration: '0' })
    expect(await lease(igd)).toBe(604_800)
  })

  test('check 20: a lease ends on time, and the count goes down', async () => {
    const igd = await Igd.start()
    await igd.from(A).call(WANIP2, ADD, { NewLeaseDuration: '60' })
    await igd.router.pass(59)
    expect(await igd.from(A).code(WANIP2, SPECIFIC)).toBe(0)
    await igd.router.pass(1)
    expect(await igd.from(A).code(WANIP2, SPECIFIC)).toBe(714)
    expect(igd.kernel).toEqual([])
    expect(currentValues(igd.world, true)['WANIPConnection:2']['PortMappingNumberOfEntries']).toBe('0')
  })

  test('check 21: what is left of a lease is told, and its last second is not "for ever"', async () => {
    const igd = await Igd.start()
    await igd.from(A).call(WANIP2, ADD)
    await igd.router.pass(10)
    expect(await lease(igd)).toBe(3590)
    igd.router.clock.set(3_599_999)
    expect(await lease(igd)).toBe(1)
  })

  test('check 22: a longer lease is a week in version 2, and what was asked in version 1', async () => {
    const igd = await Igd.start()
    await igd.from(A).call(WANIP2, ADD, { NewLeaseDuration: '700000' })
    expect(await lease(igd)).toBe(604_800)
    await igd.from(A).call(WANIP1, ADD, { NewLeaseDuration: '700000' })
    expect(await lease(igd, WANIP1)).toBe(700_000)
    expect(await lease(igd)).toBe(604_800)
  })

  const refused: readonly (readonly [what: string, table: ServiceTable, changes: Changes, code: number])[] = [
    ['check 23: a lease of -1', WANIP2, { NewLeaseDuration: '-1' }, 402],
    ['check 23: a lease of abc', WANIP2, { NewLeaseDuration: 'abc' }, 402],
    ['check 24: external port 0', WANIP2, { NewExternalPort: '0' }, 716],
    ['check 24: external port 0 in version 1', WANIP1, { NewExternalPort: '0' }, 716],
    ['check 25: internal port 0', WANIP2, { NewInternalPort: '0' }, 732],
    ['check 25: internal port 0 in version 1', WANIP1, { NewInternalPort: '0' }, 402],
    ['check 26, S7: external port 70000', WANIP2, { NewExternalPort: '70000' }, 402],
    ['S7: port 70610', WANIP2, { NewExternalPort: '70610' }, 402],
    ['S7: port +80', WANIP2, { NewExternalPort: '+80' }, 402],
    ['S7: port 0x50', WANIP2, { NewExternalPort: '0x50' }, 402],
    ['S7: port 1e3', WANIP2, { NewInternalPort: '1e3' }, 402],
    ['S7: port -1', WANIP2, { NewInternalPort: '-1' }, 402],
    ['S7: a port with a blank', WANIP2, { NewExternalPort: ' 4001' }, 402],
    ['S7: a port with a leading zero', WANIP2, { NewExternalPort: '04001' }, 402],
    ['S7: a lease of 2^32', WANIP2, { NewLeaseDuration: '4294967296' }, 402],
    ['check 27, S8: protocol ICMP', WANIP2, { NewProtocol: 'ICMP' }, 601],
    ['S8: protocol SCTP', WANIP2, { NewProtocol: 'SCTP' }, 601],
    ['S8: protocol TCPX', WANIP2, { NewProtocol: 'TCPX' }, 601],
    ['S8: protocol with a blank', WANIP2, { NewProtocol: 'tcp ' }, 601],
    ['S8: no protocol', WANIP2, { NewProtocol: '' }, 601],
    ['check 28: no internal client', WANIP2, { NewInternalClient: '' }, 715],
    ['S16: the name of a client', WANIP2, { NewInternalClient: 'slow.example' }, 402],
    ['S16: the name of a remote host', WANIP2, { NewRemoteHost: 'slow.example' }, 600],
    ['check 29, S3: another host', WANIP2, { NewInternalClient: B }, 606],
    ['check 29, S3: another host in version 1', WANIP1, { NewInternalClient: B }, 606],
    ['check 30, S5: the router', WANIP2, { NewInternalClient: '192.168.1.1' }, 606],
    ['check 30, S5: the external address', WANIP2, { NewInternalClient: '203.0.113.7' }, 606],
    ['check 30, S5: loopback', WANIP2, { NewInternalClient: '127.0.0.1' }, 606],
    ['check 30, S5: multicast', WANIP2, { NewInternalClient: '224.0.0.1' }, 606],
    ['S5: broadcast', WANIP2, { NewInternalClient: '192.168.1.255' }, 606],
    ['check 31, S4: external port 80', WANIP2, { NewExternalPort: '80' }, 606],
    ['S4: internal port 22', WANIP1, { NewInternalPort: '22' }, 606],
    ['S4: external port 3389', WANIP2, { NewExternalPort: '3389' }, 606],
    ['an argument that is missing', WANIP2, { NewLeaseDuration: undefined }, 402],
    ['a description of 1,025 bytes', WANIP2, { NewPortMappingDescription: 'x'.repeat(1025) }, 605],
    ['check 38: a description of 10 kB', WANIP2, { NewPortMappingDescription: 'x'.repeat(10_240) }, 605],
    ['a remote host of 129 bytes', WANIP2, { NewRemoteHost: '1'.repeat(129) }, 605],
    ['NewEnabled 2', WANIP2, { NewEnabled: '2' }, 402],
  ]
  test.each(refused)('%s is refused, and nothing happens', async (_what, table, changes, code) => {
    const igd = await Igd.start()
    expect(await igd.from(A).code(table, ADD, changes)).toBe(code)
    expect(igd.kernel).toEqual([])
  })

  test('check 32, S6: the port of a program of the router is 729, 718 in version 1', async () => {
    const igd = await Igd.start({
      surroundings: { taken: (_transport, port) => (port === 4001 ? 'router' : undefined) },
    })
    expect(await igd.from(A).code(WANIP2, ADD)).toBe(729)
    expect(await igd.from(A).code(WANIP1, ADD)).toBe(718)
  })

  test('check 33: a port that NAT-PMP gave to another host', async () => {
    const igd = await Igd.start()
    await igd.router.from(B).map('tcp', 4001, 4001)
    expect(await igd.from(A).code(WANIP2, ADD)).toBe(718)
    expect(await igd.from(A).code(WANIP1, ADD)).toBe(718)
  })

  test('check 34: a port that NAT-PMP gave to the same host is the same mapping', async () => {
    const igd = await Igd.start()
    await igd.router.from(A).map('tcp', 4001, 4001)
    expect(await igd.from(A).code(WANIP2, ADD)).toBe(0)
    expect(igd.kernel).toEqual([`tcp 4001 -> ${A}:4001`])
  })

  test('check 35: a remote host reaches the kernel', async () => {
    const igd = await Igd.start()
    await igd.from(A).call(WANIP2, ADD, { NewRemoteHost: '198.51.100.1' })
    expect(igd.router.kernel.elements.map(({ remote }) => remote)).toEqual([{ ip: '198.51.100.1', port: 'any' }])
  })

  test('check 36: a disabled mapping is kept, and is listed so', async () => {
    const igd = await Igd.start()
    expect(await igd.from(A).code(WANIP2, ADD, { NewEnabled: '0' })).toBe(0)
    expect(igd.router.kernel.elements.map(({ state }) => state)).toEqual(['disabled'])
    expect((await igd.from(A).call(WANIP2, SPECIFIC)).values['NewEnabled']).toBe('0')
    await igd.from(A).call(WANIP2, ADD)
    expect((await igd.from(A).call(WANIP2, SPECIFIC)).values['NewEnabled']).toBe('1')
  })

  const described: readonly (readonly [what: string, said: string, kept: string])[] = [
    ['check 37: what XML has words for', `<a b="c">&'d'</a>`, `<a b="c">&'d'</a>`],
    ['check 37: UTF-8', 'Bücher – 本 🎮', 'Bücher – 本 🎮'],
    [
      'S9: a section of CDATA and its end',
      '<![CDATA[<img src=x onerror=alert(1)>]]>',
      '<![CDATA[<img src=x onerror=alert(1)>]]>',
    ],
    ['S9: a line end becomes a blank', 'a\nb\tc', 'a b c'],
    ['S9: what turns the line around', 'a\u202eb', 'a b'],
    ['no description', '', ''],
    ['65 bytes are 64', 'x'.repeat(65), 'x'.repeat(64)],
    ['and end between characters', `${'x'.repeat(63)}ü`, 'x'.repeat(63)],
  ]
  test.each(described)('%s', async (_what, said, kept) => {
    const igd = await Igd.start()
    await igd.from(A).call(WANIP2, ADD, { NewPortMappingDescription: said })
    expect((await igd.from(A).call(WANIP2, SPECIFIC)).values['NewPortMappingDescription']).toBe(kept)
  })

  test('nat_traversal no: 606 for every mapping, and all else is answered', async () => {
    const igd = await Igd.start({ policy: { ...POLICY, forwarding: { 'nat-pmp': true, upnp: false } } })
    expect(await igd.from(A).code(WANIP2, ADD)).toBe(606)
    expect(await igd.from(A).code(WANIP2, ANY)).toBe(606)
    expect(await igd.from(A).code(WANIP2, 'GetExternalIPAddress')).toBe(0)
    expect(await igd.from(A).code(WANIP2, GENERIC)).toBe(713)
  })

  test('S23: above the quota 728, in version 1 501', async () => {
    const igd = await Igd.start({ policy: policy([], { perHost: 2 }) })
    for (const port of [4001, 4002]) expect(await igd.from(A).code(WANIP2, ADD, at(port))).toBe(0)
    expect(await igd.from(A).code(WANIP2, ADD, at(4003))).toBe(728)
    expect(await igd.from(A).code(WANIP1, ADD, at(4003))).toBe(501)
    expect(await igd.from(B).code(WANIP2, ADD, at(4004))).toBe(0)
  })

  test('without an uplink, and where the kernel says no, 501', async () => {
    const igd = await Igd.start({ uplink: DOWN })
    expect(await igd.from(A).code(WANIP2, ADD)).toBe(501)
    // docs/decisions/051: who asks comes before, the rules come after.
    expect(await igd.from(A).code(WANIP2, ADD, { NewInternalClient: B })).toBe(606)
    expect(await igd.from(A).code(WANIP2, ADD, { NewInternalPort: '22' })).toBe(501)
    const other = await Igd.start()
    other.router.kernel.refuse = () => 'ENOSPC'
    expect(await other.from(A).code(WANIP2, ADD)).toBe(501)
    other.router.kernel.refuse = () => undefined
    expect(await other.from(A).code(WANIP2, SPECIFIC)).toBe(714)
  })
})

describe('AddAnyPortMapping', () => {
  const reserved = ({ values }: Said) => Number(values['NewReservedPort'])

  test('check 48: a free port', async () => {
    expect(reserved(await (await Igd.start()).from(A).call(WANIP2, ANY))).toBe(4001)
  })
  test('check 49: instead of one that is taken another, from 1024 up', async () => {
    const igd = await Igd.start()
    await igd.from(B).call(WANIP2, ADD)
    const port = reserved(await igd.from(A).call(WANIP2, ANY))
    expect(port).not.toBe(4001)
    expect(port).toBeGreaterThan(1023)
    expect(igd.kernel).toContain(`tcp ${port} -> ${A}:4001`)
  })
  test('check 50: the same client and port again is the same', async () => {
    const igd = await Igd.start()
    await igd.from(A).call(WANIP2, ANY)
    expect(reserved(await igd.from(A).call(WANIP2, ANY, { NewInternalPort: '5000' }))).toBe(4001)
    expect(igd.kernel).toEqual([`tcp 4001 -> ${A}:5000`])
  })
  test('check 51: nothing is free', async () => {
    const rules = [{ action: 'allow' as const, external: ports(4001) }, { action: 'deny' as const }]
    const igd = await Igd.start({ policy: policy(rules) })
    await igd.from(B).call(WANIP2, ADD)
    expect(await igd.from(A).code(WANIP2, ANY)).toBe(728)
  })
  test('check 52: port 0 is any port', async () => {
    const igd = await Igd.start()
    const port = reserved(await igd.from(A).call(WANIP2, ANY, { NewExternalPort: '0' }))
    expect(igd.kernel).toEqual([`tcp ${port} -> ${A}:4001`])
  })
  test('S3: not for another host', async () => {
    expect(await (await Igd.start()).from(A).code(WANIP2, ANY, { NewInternalClient: B })).toBe(606)
  })
})

describe('reading', () => {
  test('check 39: counting through, in the order of grants, to 713', async () => {
    const igd = await Igd.start()
    for (const port of [4003, 4001, 4002])
      await igd.from(A).call(WANIP2, ADD, at(port, { NewInternalPort: String(port) }))
    expect(await listing(igd, A)).toEqual([4003, 4001, 4002].map(port => `${port} TCP ${port} ${A} 1 test 3600`))
    await igd.from(A).call(WANIP2, DELETE, at(4001))
    expect((await listing(igd, A)).map(row => row.slice(0, 4))).toEqual(['4003', '4002'])
  })

  test('check 40: an index that is none is 402, one that is too large 713', async () => {
    const igd = await Igd.start()
    const index = (value: string) => igd.from(A).code(WANIP2, GENERIC, { NewPortMappingIndex: value })
    expect([await index('-1'), await index('abc'), await index('65536'), await index('65535')]).toEqual([
      402, 402, 402, 713,
    ])
  })

  test('check 41: static mappings and redirects are listed, without a lease', async () => {
    const statics = [
      { transport: 'udp' as const, external: 51820 as Port, internal: { ip: A, port: 51820 as Port }, label: 'tunnel' },
    ]
    const igd = await Igd.start({ statics, redirects: [redirect(443, A), redirect(8080, B)] })
    expect(await listing(igd, A)).toEqual([`443 TCP 8443 ${A} 1 web 0`, `51820 UDP 51820 ${A} 1 tunnel 0`])
    expect((await igd.from(A).call(WANIP2, SPECIFIC, at(443))).values).toEqual({
      NewInternalPort: '8443',
      NewInternalClient: A,
      NewEnabled: '1',
      NewPortMappingDescription: 'web',
      NewLeaseDuration: '0',
    })
  })

  test('check 42: one that is there, and one that is not', async () => {
    const igd = await Igd.start()
    await igd.from(A).call(WANIP2, ADD)
    expect((await igd.from(A).call(WANIP1, SPECIFIC)).values).toEqual({
      NewInternalPort: '4001',
      NewInternalClient: A,
      NewEnabled: '1',
      NewPortMappingDescription: 'test',
      NewLeaseDuration: '3600',
    })
    expect(await igd.from(A).code(WANIP1, SPECIFIC, { NewProtocol: 'UDP' })).toBe(714)
  })

  test('check 43: with another remote host it is another entry', async () => {
    const igd = await Igd.start()
    await igd.from(A).call(WANIP2, ADD, { NewRemoteHost: '198.51.100.1' })
    expect(await igd.from(A).code(WANIP2, SPECIFIC)).toBe(714)
    expect(await igd.from(A).code(WANIP2, SPECIFIC, { NewRemoteHost: '198.51.100.1' })).toBe(0)
  })

  test('S34: a client sees its own, and no trace of others', async () => {
    const igd = await Igd.start({ redirects: [redirect(443, A)] })
    await igd.from(A).call(WANIP2, ADD)
    await igd.router.from(A).map('udp', 5000, 5000)
    await igd.from(B).call(WANIP2, ADD, at(4002))
    expect((await listing(igd, B)).map(row => row.slice(0, 4))).toEqual(['4002'])
    expect(await igd.from(B).code(WANIP2, SPECIFIC)).toBe(714)
    expect(await igd.from(B).code(WANIP2, SPECIFIC, at(443))).toBe(714)
    expect(await igd.from(B).code(WANIP2, LIST, inRange(4001, 4001, { NewManage: '1' }))).toBe(730)
    expect((await listing(igd, A)).map(row => row.split(' ')[0])).toEqual(['443', '4001', '5000'])
  })

  test('show_all_mappings shows everything to everybody', async () => {
    const igd = await Igd.start({ redirects: [redirect(443, A)], options: { showAllMappings: true } })
    await igd.from(A).call(WANIP2, ADD)
    await igd.from(B).call(WANIP2, ADD, at(4002))
    expect((await listing(igd, B)).map(row => row.split(' ')[0])).toEqual(['443', '4001', '4002'])
    expect(await igd.from(B).code(WANIP2, SPECIFIC)).toBe(0)
    expect(await igd.from(B).code(WANIP2, LIST, inRange(4001, 4001, { NewManage: '1' }))).toBe(0)
    expect(await igd.from(B).code(WANIP2, LIST, inRange(4001, 4001))).toBe(730)
  })

  test('show_dummy_rule: one placeholder, while there is nothing else', async () => {
    const igd = await Igd.start({ options: { showDummyRule: true } })
    expect(await listing(igd, A)).toEqual(['0 TCP 0 0.0.0.0 0 Dummy inactive rule for windows to work 0'])
    expect(await igd.from(A).code(WANIP2, LIST, inRange(0, 65_535))).toBe(730)
    expect(await igd.from(A).code(WANIP2, SPECIFIC, at(0))).toBe(714)
    expect(await igd.from(A).code(WANIP2, DELETE, at(0))).toBe(714)
    await igd.from(A).call(WANIP2, ADD)
    expect(await listing(igd, A)).toEqual([`4001 TCP 4001 ${A} 1 test 3600`])
    expect(igd.kernel).toEqual([`tcp 4001 -> ${A}:4001`])
  })
})

test('the longest answer about one mapping is below 1.5 kB: libplum reads 2 kB, head included', async () => {
  const igd = await Igd.start()
  const label = '"'.repeat(64)
  await igd.from(A).call(WANIP2, ADD, { NewRemoteHost: '198.51.100.100', NewPortMappingDescription: label })
  const service = typeOf(WANIP2)
  const body = envelope(service, GENERIC, [['NewPortMappingIndex', '0']])
  const request = { path: CONTROL.connection, soapAction: `"${service}#${GENERIC}"`, contentType: 'text/xml', body }
  const lengths: number[] = []
  igd.gateway.control(request, { ip: A, device: 'br-lan', mac: undefined }, answer => lengths.push(answer.body.length))
  expect(lengths[0]).toBeGreaterThan(64 * 6)
  expect(lengths[0]).toBeLessThan(1500)
})

describe('GetListOfPortMappings', () => {
  const entries = ({ values }: Said) => {
    const list = parseXml(utf8Encode(values['NewPortListing'] ?? ''))
    return list.children.map(texts)
  }
  const three = async () => {
    const igd = await Igd.start()
    for (const port of [4003, 4001, 4002])
      await igd.from(A).call(WANIP2, ADD, at(port, { NewInternalPort: String(port) }))
    return igd
  }

  test('check 58: the list is XML inside, with its own names, in the order of ports', async () => {
    const igd = await three()
    const found = entries(await igd.from(A).call(WANIP2, LIST, inRange(4001, 4003)))
    expect(found.map(entry => entry['NewExternalPort'])).toEqual(['4001', '4002', '4003'])
    expect(found[0]).toEqual({
      NewRemoteHost: '',
      NewExternalPort: '4001',
      NewProtocol: 'TCP',
      NewInternalPort: '4001',
      NewInternalClient: A,
      NewEnabled: '1',
      NewDescription: 'test',
      NewLeaseTime: '3600',
    })
  })
  test('S9: a description is text in the list too', async () => {
    const igd = await Igd.start()
    await igd.from(A).call(WANIP2, ADD, { NewPortMappingDescription: ']]></p:x><b>&amp;' })
    const found = entries(await igd.from(A).call(WANIP2, LIST))
    expect(found[0]?.['NewDescription']).toBe(']]></p:x><b>&amp;')
  })
  test('check 59: no more than was asked', async () => {
    const found = entries(await (await three()).from(A).call(WANIP2, LIST, { NewNumberOfPorts: '2' }))
    expect(found.map(entry => entry['NewExternalPort'])).toEqual(['4001', '4002'])
  })
  test('check 60: an empty list is 730', async () => {
    expect(await (await three()).from(A).code(WANIP2, LIST, { NewProtocol: 'UDP' })).toBe(730)
  })
  test('check 53: the end before the start is 733', async () => {
    expect(await (await three()).from(A).code(WANIP2, LIST, inRange(4002, 4001))).toBe(733)
  })
  test('one answer has an end', async () => {
    const limits = { perHost: 1000, total: 1000 }
    const igd = await Igd.start({ policy: policy([], limits) })
    for (let port = 2000; port < 2510; port++) await igd.router.from(A).map('tcp', port, port)
    const service = typeOf(WANIP2)
    const body = envelope(service, LIST, argumentsFor(WANIP2, LIST, inRange(0, 65_535)))
    const request = { path: CONTROL.connection, soapAction: `"${service}#${LIST}"`, contentType: 'text/xml', body }
    let text = ''
    igd.gateway.control(request, { ip: A, device: 'br-lan', mac: undefined }, answer => {
      text = answer.body
    })
    expect(text.match(/<p:PortMappingEntry>/g)).toHaveLength(LIST_MOST)
  })
})

describe('DeletePortMapping', () => {
  test('check 44: its own', async () => {
    const igd = await Igd.start()
    await igd.from(A).call(WANIP2, ADD)
    expect(await igd.from(A).call(WANIP2, DELETE)).toMatchObject({ status: 200, values: {} })
    expect(igd.kernel).toEqual([])
  })
  test('what NAT-PMP made for the same host', async () => {
    const igd = await Igd.start()
    await igd.router.from(A).map('tcp', 4001, 4001)
    expect(await igd.from(A).code(WANIP1, DELETE)).toBe(0)
  })
  test('check 45: one that is not there, or has another remote host', async () => {
    const igd = await Igd.start()
    expect(await igd.from(A).code(WANIP2, DELETE)).toBe(714)
    await igd.from(A).call(WANIP2, ADD)
    expect(await igd.from(A).code(WANIP2, DELETE, { NewRemoteHost: '198.51.100.1' })).toBe(714)
    expect(await igd.from(A).code(WANIP2, DELETE, { NewRemoteHost: '*' })).toBe(0)
  })
  test("check 46, S3: another's stays", async () => {
    const igd = await Igd.start()
    await igd.from(A).call(WANIP2, ADD)
    expect(await igd.from(B).code(WANIP2, DELETE)).toBe(606)
    expect(await igd.from(B).code(WANIP1, DELETE)).toBe(606)
    expect(igd.kernel).toHaveLength(1)
  })
  test('check 47: a static one stays, and so does a redirect', async () => {
    const statics = [
      { transport: 'tcp' as const, external: 4001 as Port, internal: { ip: A, port: 80 as Port }, label: '' },
    ]
    const hasRedirect = (_transport: string, port: number) => port === 443
    const igd = await Igd.start({ statics, redirects: [redirect(443, A)], surroundings: { hasRedirect } })
    expect(await igd.from(A).code(WANIP2, DELETE)).toBe(606)
    expect(await igd.from(A).code(WANIP2, DELETE, at(443))).toBe(606)
    expect(igd.kernel).toEqual([`tcp 4001 -> ${A}:80`])
  })
})

describe('DeletePortMappingRange', () => {
  const several = async () => {
    const igd = await Igd.start()
    for (let port = 4001; port <= 4005; port++) {
      await igd.from(A).call(WANIP2, ADD, at(port, { NewInternalPort: String(port) }))
    }
    await igd.from(B).call(WANIP2, ADD, at(4006))
    return igd
  }

  test('check 53: the end before the start is 733', async () => {
    expect(await (await several()).from(A).code(WANIP2, RANGE, inRange(4005, 4001))).toBe(733)
  })
  test('check 54: an empty range is 730', async () => {
    const igd = await several()
    expect(await igd.from(A).code(WANIP2, RANGE, inRange(5000, 6000))).toBe(730)
    expect(await igd.from(A).code(WANIP2, RANGE, inRange(0, 0))).toBe(730)
    expect(await igd.from(A).code(WANIP2, RANGE, { NewProtocol: 'UDP' })).toBe(730)
  })
  const manage: readonly (readonly [what: string, manage: string])[] = [
    ['check 55, S3: with NewManage 0', '0'],
    ['check 56, S3: with NewManage 1 too', '1'],
  ]
  test.each(manage)('%s only its own', async (_what, value) => {
    const igd = await several()
    expect(await igd.from(A).code(WANIP2, RANGE, inRange(0, 65_535, { NewManage: value }))).toBe(0)
    expect(igd.kernel).toEqual([`tcp 4006 -> ${B}:4001`])
    expect(await igd.from(A).code(WANIP2, RANGE, inRange(0, 65_535, { NewManage: value }))).toBe(730)
  })
  test('check 57: five at once are one change', async () => {
    const igd = await several()
    const { SystemUpdateID: before } = currentValues(igd.world, true)['WANIPConnection:2']
    expect(await igd.from(A).code(WANIP2, RANGE, inRange(4001, 4006))).toBe(0)
    expect(currentValues(igd.world, true)['WANIPConnection:2']).toMatchObject({
      PortMappingNumberOfEntries: '1',
      SystemUpdateID: String(Number(before) + 1),
    })
    expect(igd.router.kernel.batches.at(-1)).toHaveLength(5)
  })
})

test('a lease that NAT-PMP was granted for longer is a week to version 2', async () => {
  const igd = await Igd.start({ policy: policy([], { maxLease: seconds(31_536_000) }) })
  await igd.router.from(A).map('tcp', 4001, 4001, 1_000_000)
  expect((await igd.from(A).call(WANIP2, SPECIFIC)).values['NewLeaseDuration']).toBe('604800')
  expect((await igd.from(A).call(WANIP1, SPECIFIC)).values['NewLeaseDuration']).toBe('1000000')
})

describe('calls that mean nothing', () => {
  const lines = async (igd: Igd) => {
    await igd.router.pass(120)
    return igd.router.lines.filter(line => line.includes('mean nothing'))
  }

  test('are one line a minute, however many they are', async () => {
    const igd = await Igd.start()
    for (let i = 0; i < 40; i++) await igd.from(A).call(WANIP2, ADD, { NewInternalClient: '' })
    await igd.from(A).call(WANIP2, ADD, { NewExternalPort: 'x' })
    await igd.from(A).call(WANIP2, RANGE, inRange(9, 1))
    expect(await lines(igd)).toEqual([`warning refused 42 UPnP calls that mean nothing from ${A} in 60 s`])
  })

  test('are not those that ask for what there is not, nor refusals, which say their reason', async () => {
    const igd = await Igd.start()
    expect(await igd.from(A).code(WANIP2, GENERIC, { NewPortMappingIndex: '0' })).toBe(713)
    expect(await igd.from(A).code(WANIP2, 'DeletePortMapping')).toBe(714)
    expect(await igd.from(A).code(WANIP2, ADD, { NewInternalClient: B })).toBe(606)
    expect(await lines(igd)).toEqual([])
  })
})
