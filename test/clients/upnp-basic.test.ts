/** UPnP on the wire, as far as strangers' programs do not show it: announcements, events, and who hears nothing. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { A6, addIpv6, B6, expectNoReach6, expectReach6, LAN6 } from '../support/ipv6.ts'
import { GUEST, LAN, type Lab, makeLab, moveWan, WAN } from '../support/lab.ts'
import { monotonic, sleep, until } from '../support/process.ts'
import { expectNoReach, expectReach } from '../support/reach.ts'
import type { Server } from '../support/server.ts'
import {
  addMapping,
  type Ears,
  httpRaw,
  listenTo,
  request,
  searchFor,
  soap,
  startUpnp,
  statusOf,
  subscribe,
  upnpUci,
} from '../support/upnp.ts'
import { ENGINES } from './under-test.ts'

const LINK_LOCAL = 'fe80::ff:fe00:8801' // of br-lan's link address 02:00:00:00:88:01
const ROWS = 11

describe.each(ENGINES)('on %s', engine => {
  let lab: Lab
  let server: Server

  /** Every zone accepts input: what refuses is Portico, not the firewall beside it. */
  beforeAll(async () => {
    lab = await makeLab({ wanInput: 'accept', guestInput: 'accept' })
    await addIpv6(lab)
    server = await startUpnp(lab, engine, { upnp: { show_dummy_rule: '0' } })
    await Promise.all([lab.a.udpEcho(4100), lab.a.tcpEcho(4100)])
  })
  afterAll(() => lab?.close())

  test('a mapping lets the world in, over TCP and UDP, until it is deleted', async () => {
    for (const transport of ['tcp', 'udp'] as const) {
      const name = transport.toUpperCase()
      expect(statusOf(await httpRaw(lab.a, LAN, addMapping(lab.a.ip, 4101, 4100, name)))).toBe(200)
      await expectReach(lab, transport, 4101, lab.a)
      const end = soap('DeletePortMapping', { NewRemoteHost: '', NewExternalPort: 4101, NewProtocol: name })
      expect(statusOf(await httpRaw(lab.a, LAN, end))).toBe(200)
      await expectNoReach(lab, transport, 4101)
    }
  })

  test.each([
    ['IPv4', '239.255.255.250', LAN, `http://${LAN}:5000/rootDesc.xml`],
    ['IPv4, unicast', LAN, LAN, `http://${LAN}:5000/rootDesc.xml`],
    ['IPv6, link', 'ff02::c', LINK_LOCAL, `http://[${LINK_LOCAL}]:5000/rootDesc.xml`],
    ['IPv6, site', 'ff05::c', LAN6, `http://[${LAN6}]:5000/rootDesc.xml`],
    ['IPv6, unicast', LAN6, LAN6, `http://[${LAN6}]:5000/rootDesc.xml`],
  ])('a search by %s is answered from the address that LOCATION names', async (_, to, address, location) => {
    const heard = await searchFor(lab.a, 'ssdp:all', to)
    expect(heard).toHaveLength(ROWS)
    for (const { from, start, fields } of heard) {
      expect([start, from, fields['LOCATION']]).toEqual(['HTTP/1.1 200 OK', [address, 1900], location])
    }
    expect(new Set(heard.map(({ fields }) => fields['USN'])).size).toBe(ROWS)
    const host = location.replace(/^http:\/\/|\/rootDesc.xml$/g, '')
    const description = await httpRaw(lab.a, address, request('GET', '/rootDesc.xml', {}, '', host))
    expect(statusOf(description)).toBe(200)
    expect(description).toContain('InternetGatewayDevice:2')
  })

  test('S33, S1: neither a guest nor the world finds anything, whatever address they ask', async () => {
    for (const host of [lab.guest, lab.world]) {
      const searches = ['239.255.255.250', LAN, WAN, GUEST, 'ff02::c'].map(to => searchFor(host, 'ssdp:all', to))
      const fetches = [LAN, WAN, GUEST].map(to =>
        httpRaw(host, to, request('GET', '/rootDesc.xml', {}, '', `${to}:5000`)),
      )
      for (const heard of await Promise.all(searches)) expect(heard).toEqual([])
      for (const answer of await Promise.all(fetches)) expect(statusOf(answer)).toBe(0)
    }
  })

  describe('S11: what a browser may be made to send', () => {
    const get = (fields: Record<string, string>, path = '/rootDesc.xml') => request('GET', path, fields)
    test.each([
      ['the address and the port', get({}), 200],
      ['a name', request('GET', '/rootDesc.xml', {}, '', 'evil.example:5000'), 403],
      ['a name that looks like us', request('GET', '/rootDesc.xml', {}, '', `${LAN}.evil.example:5000`), 403],
      ['another port', request('GET', '/rootDesc.xml', {}, '', `${LAN}:80`), 403],
      ['no port', request('GET', '/rootDesc.xml', {}, '', LAN), 403],
      ['another address of ours', request('GET', '/rootDesc.xml', {}, '', `${WAN}:5000`), 403],
      ['no Host at all', 'GET /rootDesc.xml HTTP/1.0\r\n\r\n', 400],
      ['a foreign Origin', get({ Origin: 'http://evil.example' }), 403],
      ['Origin null', get({ Origin: 'null' }), 403],
      ['our own Origin', get({ Origin: `http://${LAN}:5000` }), 200],
      ['a foreign Referer', get({ Referer: 'http://evil.example/page' }), 403],
      ['cross-site', get({ 'Sec-Fetch-Site': 'cross-site' }), 403],
      ["Node's fetch", get({ 'Sec-Fetch-Mode': 'cors' }), 200],
      ['a preflight', request('OPTIONS', '/ctl/IPConn'), 405],
      ['another method', request('M-POST', '/ctl/IPConn'), 405],
      ['nothing there', get({}, '/nothing.xml'), 404],
    ])('%s', async (_, text, status) => {
      const answer = await httpRaw(lab.a, LAN, text)
      expect(statusOf(answer)).toBe(status)
      expect(answer).not.toMatch(/access-control/i)
    })

    test('a call with a foreign Origin changes nothing', async () => {
      const call = addMapping(lab.a.ip, 4103, 4100).replace('\r\n', '\r\nOrigin: http://evil.example\r\n')
      expect(statusOf(await httpRaw(lab.a, LAN, call))).toBe(403)
      await expectNoReach(lab, 'tcp', 4103)
    })
  })

  test('a subscriber hears all values at once, then what changes, in order', async () => {
    const subscriber = await subscribe(lab.a, '/evt/IPConn', '7001/here')
    expect(subscriber.status).toBe(200)
    expect(subscriber.answer).toMatch(/TIMEOUT: Second-1800/)
    await until('the initial event', async () => subscriber.events.length === 1 || undefined)
    expect(subscriber.events[0]).toMatchObject({ seq: 0, from: LAN })
    expect(subscriber.events[0]?.values).toMatchObject({ ExternalIPAddress: WAN, ConnectionStatus: 'Connected' })
    const before = Number(subscriber.events[0]?.values['SystemUpdateID'])

    await httpRaw(lab.a, LAN, addMapping(lab.a.ip, 4104, 4100))
    await until('an event', async () => subscriber.events.length === 2 || undefined)
    expect(subscriber.events[1]).toMatchObject({ seq: 1, values: { PortMappingNumberOfEntries: '1' } })
    expect(Number(subscriber.events[1]?.values['SystemUpdateID'])).toBeGreaterThan(before)

    const told = (name: string) => subscriber.events.flatMap(({ values }) => values[name] ?? []).at(-1)
    for (const [from, to] of [
      [WAN, '11.22.33.55'],
      ['11.22.33.55', WAN],
    ] as const) {
      await moveWan(lab, from, to)
      await until(`address ${to}`, async () => told('ExternalIPAddress') === to || undefined)
    }
    expect(subscriber.events.map(({ seq }) => seq)).toEqual(subscriber.events.map((_, n) => n))
    await subscriber.close()
  })

  test('a subscriber at a link-local address hears too', async () => {
    const subscriber = await subscribe(lab.a, '/evt/CmnIfCfg', '7002', LINK_LOCAL)
    expect(subscriber.status).toBe(200)
    await until('the initial event', async () => subscriber.events.length === 1 || undefined)
    expect(subscriber.events[0]).toMatchObject({ seq: 0, from: LINK_LOCAL, values: { PhysicalLinkStatus: 'Up' } })
    await subscriber.close()
  })

  test('an IPv6 pinhole for the own global address, asked for by the link-local one; never for another host', async () => {
    await lab.a.tcpEcho(4206, '::')
    await expectNoReach6(lab, 'tcp', A6, 4206)
    const ask = (client: string) => lab.a.must(['upnpc', '-6', '-A', '', '0', client, '4206', '6', '600'])
    expect(await ask(B6)).toContain('failed with code 606')
    const id = /Pinhole ID = (\d+)/.exec(await ask(A6))?.[1]
    expect(Number(id)).toBeGreaterThan(0)
    await expectReach6(lab, 'tcp', A6, 4206)
    await lab.a.must(['upnpc', '-6', '-D', String(id)])
    await expectNoReach6(lab, 'tcp', A6, 4206)
  })

  test('status and the ready line say where UPnP is', async () => {
    expect(server.output).toMatch(/ready: .*UPnP on 192\.168\.88\.1:5000, \[fe80::ff:fe00:8801\]:5000/)
    const { stdout } = await server.console('status')
    expect(stdout).toContain(`${LAN}:5000`)
    expect(stdout).toContain(`[${LAN6}]:5000`)
  })

  test('another name is announced with another CONFIGID (check 12)', async () => {
    const [before] = await searchFor(lab.a, 'upnp:rootdevice')
    const friendly_name = 'Hall <router> & "co"'
    server.configure(
      upnpUci({ upnp: { friendly_name, serial_number: '4711', presentation_url: 'http://192.168.88.1/' } }),
    )
    server.process.signal('SIGHUP')
    const configOf = (heard: typeof before) => heard?.fields['CONFIGID.UPNP.ORG']
    await until('another CONFIGID', async () => {
      const [after] = await searchFor(lab.a, 'upnp:rootdevice', LAN, 0.5)
      return (after !== undefined && configOf(after) !== configOf(before)) || undefined
    })
    const description = await httpRaw(lab.a, LAN, request('GET', '/rootDesc.xml'))
    expect(description).toMatch(/<friendlyName>Hall &lt;router&gt; &amp; (?:"|&quot;)co(?:"|&quot;)<\/friendlyName>/)
    expect(description).toContain('<serialNumber>4711</serialNumber>')
    expect(description).toContain('<presentationURL>http://192.168.88.1/</presentationURL>')
    server.configure(upnpUci({ upnp: { show_dummy_rule: '0' } }))
    server.process.signal('SIGHUP')
    await until('the old CONFIGID', async () => {
      const [after] = await searchFor(lab.a, 'upnp:rootdevice', LAN, 0.5)
      return configOf(after) === configOf(before) || undefined
    })
    await sleep(2500) // its announcements
  })

  test('S25: an address that another device takes over leads nowhere until the first one is back', async () => {
    const macOf = async () =>
      (JSON.parse(await lab.a.must(['ip', '-json', 'link', 'show', 'dev', 'eth0'])) as { address: string }[])[0]
        ?.address
    const become = async (mac: string) => {
      await lab.a.must(['ip', 'link', 'set', 'eth0', 'address', mac])
      await lab.a.must(['ip', 'route', 'replace', 'default', 'via', LAN])
      // The kernel believes no other device within a second of the last (net.ipv4.neigh.*.locktime).
      await sleep(1100)
      await lab.a.run(['ip', 'neigh', 'flush', 'dev', 'eth0'])
      await lab.a.udpAsk([LAN, 9], 'here I am', 200)
    }
    const mine = await macOf()
    expect(statusOf(await httpRaw(lab.a, LAN, addMapping(lab.a.ip, 4125, 4100)))).toBe(200)
    await expectReach(lab, 'tcp', 4125, lab.a)
    await become('02:00:00:00:00:77')
    await until('suspended', async () => (/suspended/.test(server.output) ? true : undefined))
    await expectNoReach(lab, 'tcp', 4125)
    await become(mine as string)
    await until('resumed', async () => (/resumed/.test(server.output) ? true : undefined))
    await expectReach(lab, 'tcp', 4125, lab.a)
  })

  test('on and off by the configuration: announced, then gone with a goodbye, and nothing is bound', async () => {
    const ears = await listenTo(lab.b)
    server.configure(upnpUci({ upnp: { enabled: '0' } }))
    server.process.signal('SIGHUP')
    await goodbyes(ears)
    await until('closed', async () => (/:1900|:5000/.test(await lab.router.must(['ss', '-lntuH'])) ? undefined : true))
    server.configure(upnpUci())
    server.process.signal('SIGHUP')
    const alive = () => ears.heard.filter(({ fields }) => fields['NTS'] === 'ssdp:alive')
    await until('three sets at three addresses', async () => alive().length === 3 * 3 * ROWS || undefined, 8000)
    for (const { fields, from, length } of alive()) {
      expect(fields['CACHE-CONTROL']).toBe('max-age=1800')
      expect(fields['SERVER']).toMatch(/^Linux\/[\d.]+ UPnP\/1\.1 Portico\/[\d.]+$/)
      expect(fields['LOCATION']).toContain(from[0])
      expect(length).toBeLessThan(600)
    }
    await sleep(600)
    expect(alive()).toHaveLength(3 * 3 * ROWS)
    await ears.close()
  })

  test('SIGTERM says goodbye for every row on every address, and a restart has a greater BOOTID', async () => {
    const ears = await listenTo(lab.b)
    const outside = await Promise.all([listenTo(lab.guest), listenTo(lab.world)])
    const [before] = await searchFor(lab.a, 'upnp:rootdevice')
    await server.stop()
    await goodbyes(ears)
    server = await startUpnp(lab, engine)
    const [after] = await searchFor(lab.a, 'upnp:rootdevice')
    const bootId = (heard: typeof before) => Number(heard?.fields['BOOTID.UPNP.ORG'])
    expect(bootId(after)).toBeGreaterThan(bootId(before))
    expect(after?.fields['USN']).toBe(before?.fields['USN'])
    for (const each of outside) expect(each.heard).toEqual([])
    await Promise.all([ears, ...outside].map(each => each.close()))
  })

  test('S14: 300 connections of one host that say nothing keep nobody else waiting', async () => {
    const holder = lab.b.start(['/usr/bin/python3', '-u', '-c', HOLD])
    await holder.waitFor('held')
    const begun = monotonic()
    expect(statusOf(await httpRaw(lab.a, LAN, request('GET', '/rootDesc.xml')))).toBe(200)
    expect(monotonic() - begun).toBeLessThan(1)
    await holder.kill()
  })

  test('a callback elsewhere is refused (S12)', async () => {
    const subscribeTo = (callback: string) =>
      httpRaw(lab.a, LAN, request('SUBSCRIBE', '/evt/IPConn', { CALLBACK: callback, NT: 'upnp:event' }))
    for (const callback of [
      `<http://${lab.b.ip}:7000/>`,
      `<http://${LAN}:5000/>`,
      '<http://evil.example/>',
      `<http://${lab.a.ip}:80/>`,
      `<http://[${A6}]:7000/>`,
    ]) {
      expect(statusOf(await subscribeTo(callback))).toBe(412)
    }
  })
})

/** Half a request on each of 300 connections. */
const HOLD = `
import socket, time
held = []
for i in range(300):
    s = socket.create_connection(('${LAN}', 5000), 2)
    try:
        s.sendall(b'POST /ctl/IPConn HTTP/1.1\\r\\nHost: ')
    except OSError:
        pass
    held.append(s)
print('held', flush=True)
time.sleep(60)
`

/** One for every row on every address, and nothing else meanwhile. */
async function goodbyes(ears: Ears): Promise<void> {
  const expected = 3 * ROWS
  const notices = () => ears.heard.filter(({ start }) => start.startsWith('NOTIFY'))
  const said = () =>
    new Set(notices().map(({ group, from, fields }) => `${fields['NTS']} ${group} ${from[0]} ${fields['USN']}`))
  await until('goodbyes', async () => said().size >= expected || undefined).catch(() => undefined)
  const kinds = [...said()].map(each => each.split(' ').slice(0, 3).join(' '))
  const count = (kind: string) => kinds.filter(each => each === kind).length
  expect(Object.fromEntries(kinds.map(kind => [kind, count(kind)]))).toEqual({
    [`ssdp:byebye 239.255.255.250 ${LAN}`]: ROWS,
    [`ssdp:byebye ff02::c ${LINK_LOCAL}`]: ROWS,
    [`ssdp:byebye ff05::c ${LAN6}`]: ROWS,
  })
}
