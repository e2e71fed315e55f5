/** What the owner's options do to UPnP, and what becomes of it when the uplink or the firewall is another. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { A6, addIpv6, B6, expectNoReach6, expectReach6, LAN6, WAN6, WORLD6 } from '../support/ipv6.ts'
import { kernelView, tableView } from '../support/kernel.ts'
import { LAN, type Lab, makeLab, moveWan, WAN, WORLD } from '../support/lab.ts'
import { askMap } from '../support/natpmp.ts'
import { until } from '../support/process.ts'
import { expectNoReach, expectReach } from '../support/reach.ts'
import { type PorticoUci, reload, type Server } from '../support/server.ts'
import {
  addMapping,
  addPinhole,
  httpRaw,
  pinholeSoap,
  request,
  searchFor,
  soap,
  startUpnp,
  statusOf,
  subscribe,
  upnpCode,
  upnpUci,
} from '../support/upnp.ts'
import { ENGINES } from './under-test.ts'

describe.each(ENGINES)('on %s', engine => {
  let lab: Lab
  let server: Server

  beforeAll(async () => {
    lab = await makeLab()
    await addIpv6(lab)
    server = await startUpnp(lab, engine)
    await Promise.all([lab.a.tcpEcho(4100), lab.a.udpEcho(4100, A6), lab.b.udpEcho(4100, B6)])
  })
  afterAll(() => lab?.close())

  const call = (text: string) => httpRaw(lab.a, LAN, text)
  const code = async (text: string) => upnpCode(await call(text))
  const code6 = async (host: 'a' | 'b', text: string) => upnpCode(await httpRaw(lab[host], LAN6, text))
  const configure = async (options: PorticoUci, change: (text: string) => string = text => text) => {
    const uci = upnpUci(options)
    await reload(server, { ...uci, firewall: change(uci['firewall'] as string) })
    // The next change of the table waits for the reload.
    await until('the options are read', async () => ((await server.console('status')).status === 0 ? true : undefined))
  }
  const listed = async () => (await tableView(server)).map(({ external }) => external).sort()
  const entry = (index: number) => call(soap('GetGenericPortMappingEntry', { NewPortMappingIndex: index }))

  describe('show_dummy_rule', () => {
    test('as shipped: one placeholder while there is nothing else, and nothing in the kernel for it', async () => {
      const placeholder = await entry(0)
      expect(placeholder).toContain('<NewExternalPort>0<')
      expect(placeholder).toContain('<NewEnabled>0<')
      expect(upnpCode(await entry(1))).toBe(713)
      expect((await kernelView(lab)).forward).toEqual([])
      expect(await code(addMapping(lab.a.ip, 4101, 4100))).toBe(0)
      expect(await entry(0)).toContain('<NewExternalPort>4101<')
      expect(upnpCode(await entry(1))).toBe(713)
    })
    test('off: an empty table is empty', async () => {
      expect(await code(soap('DeletePortMapping', key(4101)))).toBe(0)
      await configure({ upnp: { show_dummy_rule: '0' } })
      await until('it is gone', async () => upnpCode(await entry(0)) === 713 || undefined)
    })
  })

  test('nat_traversal off: found and described, but nothing is opened, and what was open is closed; on again, it opens', async () => {
    expect(await code(addMapping(lab.a.ip, 4102, 4100))).toBe(0)
    expect(await code6('a', addPinhole(A6, 4100))).toBe(0)
    await expectReach6(lab, 'udp', A6, 4100)
    await configure({ upnp: { nat_traversal: '0' } })
    await until('they are closed', async () => (await listed()).length === 0 || undefined)
    expect(server.output).toMatch(/removed tcp .*:4102 .*upnp is off or may not forward ports/)
    await expectNoReach(lab, 'tcp', 4102)
    await expectNoReach6(lab, 'udp', A6, 4100)
    expect(await searchFor(lab.a, 'upnp:rootdevice')).not.toHaveLength(0)
    expect(await code(soap('GetExternalIPAddress'))).toBe(0)
    expect(await code(addMapping(lab.a.ip, 4102, 4100))).toBe(606)
    expect(await code6('a', addPinhole(A6, 4100))).toBe(703)
    expect((await askMap(lab.a, { transport: 'tcp', internal: 4100, external: 4103 })).result).toBe(0)
    expect((await askMap(lab.a, { transport: 'tcp', internal: 4100, lifetime: 0 })).result).toBe(0)
    await configure({})
    await until('it opens', async () => (await code(addMapping(lab.a.ip, 4102, 4100))) === 0 || undefined)
    await expectReach(lab, 'tcp', 4102, lab.a)
  })

  test('a permission by an IPv6 prefix decides about pinholes, and a new one closes what it forbids', async () => {
    expect(await code6('a', addPinhole(A6, 4100))).toBe(0)
    const deny = `config permission\n\toption action 'deny'\n\toption internal_address '2a01:488:88::10/124'\n\toption comment 'no sixes'\n`
    await configure({ more: deny })
    await until('it is closed', async () => (await listed()).every(each => !each.includes(A6)) || undefined)
    await expectNoReach6(lab, 'udp', A6, 4100)
    expect(await code6('a', addPinhole(A6, 4100))).toBe(606)
    expect(server.output).toMatch(/removed pinhole .*no sixes/)
    // ::11 lies in the prefix too.
    expect(await code6('b', addPinhole(B6, 4100))).toBe(606)
    await configure({ more: deny.replace('/124', '') })
    await until('B may', async () => (await code6('b', addPinhole(B6, 4100))) === 0 || undefined)
    await expectReach6(lab, 'udp', B6, 4100)
    expect(await code6('a', addPinhole(A6, 4100))).toBe(606)
    await configure({})
  })

  test('default_action deny: only what a permission names, by either service', async () => {
    const rule = `config permission\n\toption action 'allow'\n\toption dst_port '4200-4209'\n`
    await configure({ limits: { default_action: 'deny' }, more: rule })
    await until('the rest is closed', async () => (await listed()).length === 0 || undefined)
    expect(await code(addMapping(lab.a.ip, 4210, 4100))).toBe(606)
    expect(await code(addMapping(lab.a.ip, 4200, 4100))).toBe(0)
    const elsewhere = await askMap(lab.a, { transport: 'udp', internal: 4300, external: 4300 })
    expect(elsewhere.result).toBe(0)
    expect(elsewhere.external).toBeGreaterThanOrEqual(4200)
    expect(elsewhere.external).toBeLessThanOrEqual(4209)
    await configure({})
  })

  test('of two external interfaces the first is active, the other is shown as what it is', async () => {
    const external = (name: string) => `config interface\n\toption interface '${name}'\n\toption type 'external'\n\n`
    const lan = `config interface\n\toption interface 'lan'\n\toption type 'internal'\n\n`
    await configure({ more: external('wan') + external('guest') + lan })
    const rows = async () =>
      (await server.json('/ip upnp interfaces print')) as readonly Readonly<Record<string, unknown>>[]
    await until('the roles', async () => (await rows()).length === 3 || undefined)
    expect(
      (await rows()).map(({ interface: name, type, invalid }) => [
        name,
        type,
        invalid !== undefined && invalid !== false,
      ]),
    ).toEqual([
      ['lan', 'internal', false],
      ['wan', 'external', false],
      ['guest', 'external', true],
    ])
    expect(await code(addMapping(lab.a.ip, 4104, 4100))).toBe(0)
    await expectReach(lab, 'tcp', 4104, lab.a)
    await configure({})
  })

  describe('the wire', () => {
    const head = (text: string) => text.slice(0, text.indexOf('\r\n\r\n') + 4)
    const bodyOf = (text: string) => text.slice(text.indexOf('\r\n\r\n') + 4)
    const good = soap('GetExternalIPAddress')

    test.each(['WANIPConnection:1', 'WANIPConnection:2', 'WANPPPConnection:1'])(
      'a call to %s is answered in its name',
      async type => {
        const answer = await call(good.replaceAll('WANIPConnection:2', type).replace(/Content-Length: \d+\r\n/, sized))
        expect(answer).toContain(`xmlns:u="urn:schemas-upnp-org:service:${type}"`)
        expect(answer).toContain(`<NewExternalIPAddress>${WAN}<`)
        function sized() {
          return `Content-Length: ${bodyOf(good.replaceAll('WANIPConnection:2', type)).length}\r\n`
        }
      },
    )
    test.each([
      ['in HTTP/1.0', good.replace('HTTP/1.1', 'HTTP/1.0')],
      ['without quotes around SOAPAction', good.replace(/SOAPAction: "([^"]*)"/, 'SOAPAction: $1')],
      [
        'with names of fields in other cases',
        good.replace('SOAPAction', 'SoApAcTiOn').replace('Content-Type', 'CONTENT-TYPE'),
      ],
      ['with application/xml', good.replace('text/xml', 'application/xml')],
      [
        'in chunks',
        head(good).replace(/Content-Length: \d+/, 'Transfer-Encoding: chunked') +
          [...(bodyOf(good).match(/.{1,50}/gs) ?? []), '']
            .map(part => `${part.length.toString(16)}\r\n${part}\r\n`)
            .join(''),
      ],
    ])('a call %s', async (_what, text) => {
      const answer = await call(text)
      expect(answer).toMatch(/^HTTP\/1\.[01] 200 /)
      expect(answer).toContain(`<NewExternalIPAddress>${WAN}<`)
    })

    test('a subscription is renewed and ended by its own host, and hears nothing after that', async () => {
      const subscriber = await subscribe(lab.a, '/evt/IPConn', '7001')
      const SID = /^SID: (\S+)/im.exec(subscriber.answer)?.[1] as string
      await until('the initial event', async () => subscriber.events.length === 1 || undefined)
      const renew = request('SUBSCRIBE', '/evt/IPConn', { SID, TIMEOUT: 'Second-3600' })
      const end = request('UNSUBSCRIBE', '/evt/IPConn', { SID })
      expect(statusOf(await httpRaw(lab.b, LAN, renew))).toBe(412)
      expect(statusOf(await httpRaw(lab.b, LAN, end))).toBe(412)
      const renewed = await call(renew)
      expect([statusOf(renewed), renewed.includes(SID), renewed.includes('Second-3600')]).toEqual([200, true, true])
      expect(await code(addMapping(lab.a.ip, 4105, 4100))).toBe(0)
      await until('an event', async () => subscriber.events.length === 2 || undefined)
      expect(statusOf(await call(end))).toBe(200)
      expect(statusOf(await call(end))).toBe(412)
      const other = await subscribe(lab.b, '/evt/IPConn', '7002')
      await until('the initial event of B', async () => other.events.length === 1 || undefined)
      expect(await code(soap('DeletePortMapping', key(4105)))).toBe(0)
      await until('B hears', async () => other.events.length === 2 || undefined)
      expect(subscriber.events.map(({ seq }) => seq)).toEqual([0, 1])
      await Promise.all([subscriber.close(), other.close()])
    })
  })

  test('the uplink goes and comes: events of address, status and link', async () => {
    const paths = ['/evt/IPConn', '/evt/CmnIfCfg', '/evt/IP6FCtl']
    const subscribers = await Promise.all(paths.map((path, n) => subscribe(lab.a, path, String(7010 + n))))
    const told = (name: string) =>
      subscribers.flatMap(({ events }) => events.flatMap(({ values }) => values[name] ?? [])).at(-1)
    const hears = (name: string, value: string) =>
      until(`${name} is ${value}`, async () => told(name) === value || undefined)
    await hears('ConnectionStatus', 'Connected')
    await hears('PhysicalLinkStatus', 'Up')
    await hears('FirewallEnabled', '1')
    await lab.router.must(['ip', 'link', 'set', 'wan0', 'down'])
    await hears('ConnectionStatus', 'Disconnected')
    await hears('ExternalIPAddress', '')
    await hears('PhysicalLinkStatus', 'Down')
    expect(await call(soap('GetStatusInfo'))).toMatch(/<NewUptime>0</)
    await lab.router.must(['ip', '-batch', '-'], {
      input: `link set wan0 up
route replace default via ${WORLD}
address replace ${WAN6}/64 dev wan0 nodad
route replace default via ${WORLD6} dev wan0
`,
    })
    await hears('ConnectionStatus', 'Connected')
    await hears('ExternalIPAddress', WAN)
    await hears('PhysicalLinkStatus', 'Up')
    await Promise.all(subscribers.map(each => each.close()))
  })

  describe.each([
    ['shared by the provider', '100.64.7.12', 'shared'],
    ['private', '192.168.7.2', 'private'],
  ])('a WAN address that is %s', (_what, address, word) => {
    test('is served, and status and log say what it is', async () => {
      const { length } = server.output
      await moveWan(lab, WAN, address)
      await server.process.waitFor(new RegExp(`has ${address.replaceAll('.', '\\.')} \\(${word}`), 5000, length)
      expect((await server.console('status')).stdout).toMatch(new RegExp(`${address.replaceAll('.', '\\.')}.*${word}`))
      expect(await call(soap('GetExternalIPAddress'))).toContain(`<NewExternalIPAddress>${address}<`)
      expect(await code(addMapping(lab.a.ip, 4106, 4100))).toBe(0)
      expect(await listed()).toContain(`${address}:4106`)
      expect(await code(soap('DeletePortMapping', key(4106)))).toBe(0)
      await moveWan(lab, address, WAN)
      await until(
        'it is back',
        async () => (await call(soap('GetExternalIPAddress'))).includes(`>${WAN}<`) || undefined,
      )
    })
  })

  test('where the firewall lets all of IPv6 in no pinhole is needed, and whoever is subscribed hears so', async () => {
    const subscriber = await subscribe(lab.a, '/evt/IP6FCtl', '7020')
    const told = () => subscriber.events.at(-1)?.values['FirewallEnabled']
    await until('the initial event', async () => told() === '1' || undefined)
    const forwarding = "\nconfig forwarding\n\toption src 'wan'\n\toption dest 'lan'\n"
    await configure({}, text => text + forwarding)
    await until('the event', async () => told() === '0' || undefined)
    expect(await httpRaw(lab.a, LAN6, pinholeSoap('GetFirewallStatus'))).toContain('<FirewallEnabled>0<')
    expect(await code6('a', addPinhole(A6, 4100))).toBe(702)
    await configure({})
    await until('the next event', async () => told() === '1' || undefined)
    expect(await code6('a', addPinhole(A6, 4100))).toBe(0)
    await subscriber.close()
  })
})

const key = (port: number) => ({ NewRemoteHost: '', NewExternalPort: port, NewProtocol: 'TCP' })
