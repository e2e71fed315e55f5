/**
 * What a client may write into a call: rows S3 to S8, S16 and S34 of the list of attacks, from the bytes of SOAP on the
 * LAN to the kernel's maps. The same codes row by row, for both versions and for pinholes:
 * test/unit/protocol/igd/gateway-{mappings,pinholes}.test.ts. Of PCP (S17 to S19, S21) there is nothing but the answer
 * to its requests.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { codeOf, exchange, sized } from '../support/attack.ts'
import { kernelView, tableView } from '../support/kernel.ts'
import { GUEST, LAN, type Lab, makeLab, WAN } from '../support/lab.ts'
import { askMap, mapRequest, PORT } from '../support/natpmp.ts'
import { expectReach } from '../support/reach.ts'
import type { Server } from '../support/server.ts'
import { addMapping, request, soap, startUpnp, statusOf } from '../support/upnp.ts'
import { ENGINES } from './under-test.ts'

/** Error code or HTTP status of each call, by its name. */
type Rows = Readonly<Record<string, readonly [call: string, said: number]>>

describe.each(ENGINES)('on %s', engine => {
  let lab: Lab
  let server: Server

  beforeAll(async () => {
    lab = await makeLab({ wanInput: 'accept' })
    server = await startUpnp(lab, engine, { limits: { requests_per_second: 1000 }, upnp: { show_dummy_rule: '0' } })
    await Promise.all([lab.a.tcpEcho(4100), lab.a.udpEcho(4100)])
  })
  afterAll(() => lab?.close())
  afterEach(async () => {
    for (const host of [lab.a, lab.b]) {
      const all = { NewStartPort: 1, NewEndPort: 65_535, NewManage: 0 }
      await exchange(
        host,
        ['TCP', 'UDP'].map(NewProtocol => soap('DeletePortMappingRange', { ...all, NewProtocol })),
      )
    }
    expect(await held()).toEqual([])
  })

  const held = async (): Promise<readonly string[]> =>
    (await kernelView(lab)).forward.map(
      ({ transport, external, internal }) => `${transport} ${external} -> ${internal}`,
    )

  const check = async (host: Lab['a'], rows: Rows): Promise<void> => {
    const answers = await exchange(
      host,
      Object.values(rows).map(([call]) => call),
    )
    const seen = Object.keys(rows).map((what, n) => [
      what,
      codeOf(answers[n]?.text ?? '') ?? statusOf(answers[n]?.text ?? ''),
    ])
    expect(Object.fromEntries(seen)).toEqual(
      Object.fromEntries(Object.entries(rows).map(([what, [, said]]) => [what, said])),
    )
    for (const { ms } of answers) expect(ms).toBeLessThan(1000)
  }
  /** A good call with one argument another. */
  const add = (name: string, value: string | number, external = 4200): string =>
    sized(addMapping(lab.a.ip, external, 4100).replace(new RegExp(`<${name}>[^<]*<`), `<${name}>${value}<`))

  const target = { NewRemoteHost: '', NewExternalPort: 4200, NewProtocol: 'TCP' }
  const range = { NewStartPort: 1, NewEndPort: 65_535, NewProtocol: 'TCP' }

  test("S3, S34: B can neither take, change, delete nor see what is A's", async () => {
    await check(lab.a, { 'of A': [addMapping(lab.a.ip, 4200, 4100), 200] })
    const before = await held()
    const [page] = await exchange(lab.b, [request('GET', '/')])
    expect(page?.text).not.toMatch(new RegExp(`4200|${lab.a.ip.replaceAll('.', '\\.')}`))
    await check(lab.b, {
      'S3: a new one for A': [addMapping(lab.a.ip, 4201, 4100), 606],
      "S3: A's, with A as client": [addMapping(lab.a.ip, 4200, 4100, 'TCP', 60), 606],
      "S3: A's port for itself": [addMapping(lab.b.ip, 4200, 4100), 718],
      'S3: AddAny for A': [
        sized(addMapping(lab.a.ip, 4201, 4100).replaceAll('AddPortMapping', 'AddAnyPortMapping')),
        606,
      ],
      'S3: delete': [soap('DeletePortMapping', target), 606],
      // As if there were none: what it may not delete it does not see.
      'S3: delete a range': [soap('DeletePortMappingRange', { ...range, NewManage: 0 }), 730],
      'S3: delete a range as a manager': [soap('DeletePortMappingRange', { ...range, NewManage: 1 }), 730],
      "S34: A's by its port": [soap('GetSpecificPortMappingEntry', target), 714],
      'S34: the first of all': [soap('GetGenericPortMappingEntry', { NewPortMappingIndex: 0 }), 713],
      'S34: the list': [soap('GetListOfPortMappings', { ...range, NewManage: 0, NewNumberOfPorts: 0 }), 730],
      'S34: the list of a manager': [
        soap('GetListOfPortMappings', { ...range, NewManage: 1, NewNumberOfPorts: 0 }),
        730,
      ],
    })
    expect(await held()).toEqual(before)
    expect(before).toEqual([`tcp ${WAN}:4200 -> ${lab.a.ip}:4100`])
    await expectReach(lab, 'tcp', 4200, lab.a)
    // By NAT-PMP too: all of B's is not all.
    expect(await askMap(lab.b, { transport: 'tcp', internal: 0, lifetime: 0 })).toMatchObject({ result: 0 })
    expect(await askMap(lab.b, { transport: 'tcp', internal: 4100, lifetime: 0 })).toMatchObject({ result: 0 })
    expect(await held()).toEqual(before)
  })

  test('S4: privileged and dangerous ports, on either side', async () => {
    const ports = [1, 21, 22, 23, 53, 80, 135, 137, 139, 443, 445, 1023, 3389]
    await check(
      lab.a,
      Object.fromEntries(
        ports.flatMap(port => [
          [`external ${port}`, [add('NewExternalPort', port), 606]],
          [`internal ${port}`, [add('NewInternalPort', port), 606]],
        ]),
      ),
    )
    for (const port of [22, 445])
      expect(await askMap(lab.a, { transport: 'tcp', internal: port, external: 4200 })).toMatchObject({ result: 2 })
    expect(await held()).toEqual([])
  })

  test('S5: clients that are no host of the LAN', async () => {
    const clients = [
      LAN,
      WAN,
      GUEST,
      '127.0.0.1',
      '127.1.2.3',
      '0.0.0.0',
      '192.168.88.255',
      '192.168.88.0',
      '255.255.255.255',
      '224.0.0.1',
      '240.0.0.1',
      '192.168.99.10',
      '10.0.0.1',
      '11.22.33.1',
      '169.254.1.1',
    ]
    const answers = await exchange(
      lab.a,
      clients.map(client => add('NewInternalClient', client)),
    )
    const codes = answers.map(({ text }, n) => [clients[n], codeOf(text) ?? statusOf(text)])
    for (const [client, code] of codes) expect([402, 606], String(client)).toContain(code)
    expect(await held()).toEqual([])
  })

  test('S6: a port that the router itself uses, on the WAN or on all addresses', async () => {
    const listeners = [
      await lab.router.udpEcho(51_820),
      await lab.router.tcpEcho(4202, WAN),
      await lab.router.udpEcho(4203, WAN),
    ]
    await check(lab.a, {
      WireGuard: [sized(add('NewExternalPort', 51_820).replace('>TCP<', '>UDP<')), 729],
      'TCP on the WAN address': [add('NewExternalPort', 4202), 729],
      'UDP on the WAN address': [sized(add('NewExternalPort', 4203).replace('>TCP<', '>UDP<')), 729],
      'the port of UPnP itself': [add('NewExternalPort', 5000), 729],
      'in version 1': [addMapping(lab.a.ip, 4202, 4100).replaceAll('WANIPConnection:2', 'WANIPConnection:1'), 718],
    })
    expect(await askMap(lab.a, { transport: 'udp', internal: 4100, external: 51_820 })).not.toMatchObject({
      external: 51_820,
    })
    expect(await lab.world.tcpAsk([WAN, 4202], 'knock')).toMatchObject({
      got: 'reply',
      text: expect.stringContaining('router saw'),
    })
    await Promise.all(listeners.map(each => each.close()))
  })

  test('S7: numbers are decimal and in range, and nothing else', async () => {
    const ports = [
      '70610',
      '65536',
      '-1',
      '+80',
      '0x50',
      '0x1068',
      '1e3',
      ' 4200',
      '4200 ',
      '04200',
      '4200.0',
      '4,200',
      '42 00',
      '４２００',
      '',
      'NaN',
      '4294971496',
      '18446744073709555816',
    ]
    const leases = ['-1', '+60', '1e3', '0x10', '4294967296', '99999999999999999999', ' 60', 'forever']
    await check(
      lab.a,
      Object.fromEntries([
        ...ports.map(port => [`external ${port}`, [add('NewExternalPort', utf8(port)), 402]]),
        ...ports.map(port => [`internal ${port}`, [add('NewInternalPort', utf8(port)), 402]]),
        ...leases.map(lease => [`lease ${lease}`, [add('NewLeaseDuration', lease), 402]]),
        ...['2', '-1', 'maybe', 'TRUE '].map(flag => [`enabled ${flag}`, [add('NewEnabled', flag), 402]]),
        ['internal port 0', [add('NewInternalPort', 0), 732]],
      ]),
    )
    expect(await held()).toEqual([])
    await check(lab.a, { 'a lease of 2^32-1': [add('NewLeaseDuration', 4_294_967_295), 200] })
    expect(
      await askMap(lab.a, { transport: 'udp', internal: 4100, external: 4200, lifetime: 4_294_967_295 }),
    ).toMatchObject({ result: 0, lifetime: 604_800 })
    for (const { expires } of await tableView(server)) {
      expect(expires).toBeGreaterThan(604_700)
      expect(expires).toBeLessThanOrEqual(604_800)
    }
    await expectReach(lab, 'tcp', 4200, lab.a)
    await expectReach(lab, 'udp', 4200, lab.a)
  })

  test('S8: a protocol is TCP or UDP', async () => {
    const protocols = [
      'SCTP',
      'tcp ',
      ' UDP',
      'TCPX',
      '',
      '6',
      'TCP,UDP',
      'both',
      'ＴＣＰ',
      'UDP-Lite',
      'ICMP',
      '__proto__',
    ]
    await check(lab.a, Object.fromEntries(protocols.map(name => [name, [add('NewProtocol', utf8(name)), 601]])))
    expect(await held()).toEqual([])
  })

  test('S16: names are not looked up: the answer comes at once, and nobody is asked', async () => {
    const questions = await lab.router.udpEcho(53)
    const names = [
      'slow.example',
      'localhost',
      'a',
      '192.168.88.10.',
      '192.168.88',
      '3232258058',
      '0xc0a8580a',
      '192.168.088.010',
      '192.168.88.10/32',
      '::ffff:192.168.88.10',
    ]
    await check(lab.a, Object.fromEntries(names.map(name => [name, [add('NewInternalClient', name), 402]])))
    const remote = (name: string) =>
      sized(addMapping(lab.a.ip, 4200, 4100).replace('<NewRemoteHost><', `<NewRemoteHost>${name}<`))
    const answers = await exchange(lab.a, names.slice(0, 5).map(remote))
    for (const { text, ms } of answers) {
      expect([402, 600]).toContain(codeOf(text))
      expect(ms).toBeLessThan(500)
    }
    expect(await questions.received()).toBe(0)
    await questions.close()
    expect(await held()).toEqual([])
  })

  test('S20: NAT-PMP requests that are none are answered by their code, or not at all', async () => {
    const map = mapRequest({ transport: 'udp', internal: 4100 })
    const rows: readonly (readonly [string, Uint8Array, string | undefined])[] = [
      ['no byte', Uint8Array.of(), undefined],
      ['one byte', Uint8Array.of(0), undefined],
      ['a response', Uint8Array.of(0, 129, ...map.subarray(2)), undefined],
      ['version 3', Uint8Array.of(3, ...map.subarray(1)), '0081'],
      ['an unknown opcode', Uint8Array.of(0, 99), '00e3'],
    ]
    for (const [what, bytes, start] of rows) {
      const heard = await lab.a.udpAsk([LAN, PORT], bytes, 300)
      expect(heard.got === 'reply' ? heard.hex.slice(0, 4) : undefined, what).toBe(start)
    }
    expect(await held()).toEqual([])
  })

  test('S18, S19, S21: PCP is answered as RFC 6886 §3.5 and RFC 6887 §9 say: version 0 is all there is', async () => {
    const client = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 168, 88, 10]
    const head = (opcode: number) => [2, opcode, 0, 0, 0, 0, 14, 16, ...client]
    const map = [...Array(12).fill(7), 17, 0, 0, 0, 0x10, 4, 0x10, 4, ...Array(16).fill(0)]
    const requests = {
      announce: head(0),
      map: [...head(1), ...map],
      'with THIRD_PARTY': [...head(1), ...map, 1, 0, 0, 16, ...client.slice(0, 15), 11],
      'with FILTER': [...head(1), ...map, 3, 0, 0, 20, 0, 128, 0, 0, ...client],
    }
    for (const [what, bytes] of Object.entries(requests)) {
      const heard = await lab.a.udpAsk([LAN, PORT], Uint8Array.from(bytes), 500)
      expect(heard.got, what).toBe('reply')
      // Version 0, result 1 (unsupported version), at offset 2.
      expect(heard.got === 'reply' && heard.hex.startsWith('00') && heard.hex.slice(4, 8), what).toBe('0001')
    }
    expect(await held()).toEqual([])
  })
})

/** Texts travel as they are, byte by byte. */
const utf8 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1')
