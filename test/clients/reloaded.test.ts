/** What the owner changes while clients are there: ports, networks, services, and mappings of his own. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { kernelView } from '../support/kernel.ts'
import { GUEST, LAN, type Lab, makeLab, WAN } from '../support/lab.ts'
import { askAddress, askMap } from '../support/natpmp.ts'
import { until } from '../support/process.ts'
import { expectNoReach, expectReach } from '../support/reach.ts'
import { reload } from '../support/server.ts'
import {
  addMapping,
  httpRaw,
  listenTo,
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

const GATEWAY = 'urn:schemas-upnp-org:device:InternetGatewayDevice:1'

describe.each(ENGINES)('on %s', engine => {
  let lab: Lab
  beforeEach(async () => {
    lab = await makeLab()
    await Promise.all([lab.a, lab.b].map(host => host.tcpEcho(4100)))
  })
  afterEach(() => lab?.close())

  const locations = async (host: 'a' | 'guest') =>
    (await searchFor(lab[host], GATEWAY)).map(({ fields }) => fields['LOCATION'])
  const description = (host = `${LAN}:5000`) => httpRaw(lab.a, LAN, request('GET', '/rootDesc.xml', {}, '', host))
  const udn = async () => /<UDN>(uuid:[^<]+)</.exec(await description())?.[1]

  test('http_port: the new one is announced and served, the old one is closed', async () => {
    const server = await startUpnp(lab, engine)
    expect(await locations('a')).toEqual([`http://${LAN}:5000/igd1.xml`])
    const ears = await listenTo(lab.a)
    await reload(server, upnpUci({ upnp: { http_port: '5077' } }))
    await until(
      'the new place is announced',
      async () =>
        ears.heard.some(
          ({ fields }) => fields['NTS'] === 'ssdp:alive' && fields['LOCATION']?.includes(`${LAN}:5077/`),
        ) || undefined,
    )
    expect(await locations('a')).toEqual([`http://${LAN}:5077/igd1.xml`])
    const fetched = await lab.a.run(['curl', '-s', '-m', '2', `http://${LAN}:5077/rootDesc.xml`])
    expect(fetched.stdout).toContain('InternetGatewayDevice:2')
    expect(statusOf(await description())).toBe(0)
    // A port of the router's own is not given away, and the one before is free again.
    const at = (port: number) => askMap(lab.a, { transport: 'tcp', internal: 4100, external: port })
    expect((await at(5077)).external).not.toBe(5077)
    await askMap(lab.a, { transport: 'tcp', internal: 4100, lifetime: 0 })
    expect((await at(5000)).external).toBe(5000)
    await ears.close()
  })

  test('a network with one of the services: the other is not there, and comes when it is wanted', async () => {
    const only = (service: string) => ({
      more: `config interface\n\toption interface 'lan'\n\toption type 'internal'\n\tlist service '${service}'\n\nconfig interface\n\toption interface 'wan'\n\toption type 'external'\n`,
    })
    const server = await startUpnp(lab, engine, only('nat_pmp'))
    expect(await askAddress(lab.a)).toMatchObject({ result: 0, address: WAN })
    expect(await locations('a')).toEqual([])
    expect(statusOf(await description())).toBe(0)
    await reload(server, upnpUci(only('upnp')))
    await until('UPnP is there', async () => statusOf(await description()) === 200 || undefined)
    expect(await locations('a')).toEqual([`http://${LAN}:5000/igd1.xml`])
    expect((await lab.a.udpAsk([LAN, 5351], '0000', 300)).got).not.toBe('reply')
    expect(upnpCode(await httpRaw(lab.a, LAN, addMapping(lab.a.ip, 4101, 4100)))).toBe(0)
    await expectReach(lab, 'tcp', 4101, lab.a)
  })

  test('two internal networks: each finds its own gateway, and hears the same events', async () => {
    await lab.reloadFirewall({ guestInput: 'accept' })
    const named = (name: string) => `config interface\n\toption interface '${name}'\n\toption type 'internal'\n\n`
    await startUpnp(lab, engine, { more: named('lan') + named('guest') })
    expect(await locations('a')).toEqual([`http://${LAN}:5000/igd1.xml`])
    expect(await locations('guest')).toEqual([`http://${GUEST}:5000/igd1.xml`])
    // By its own address only.
    const other = request('GET', '/rootDesc.xml', {}, '', `${LAN}:5000`)
    expect(statusOf(await httpRaw(lab.guest, LAN, other))).not.toBe(200)
    const subscribers = [
      await subscribe(lab.a, '/evt/IPConn', '7001'),
      await subscribe(lab.guest, '/evt/IPConn', '7001', GUEST),
    ]
    const told = (n: number) => subscribers[n]?.events.at(-1)?.values['PortMappingNumberOfEntries']
    await until('the initial events', async () => (told(0) !== undefined && told(1) !== undefined) || undefined)
    expect(upnpCode(await httpRaw(lab.a, LAN, addMapping(lab.a.ip, 4101, 4100)))).toBe(0)
    expect(upnpCode(await httpRaw(lab.a, LAN, addMapping(lab.a.ip, 4102, 4100)))).toBe(0)
    await until('both hear', async () => (told(0) === '2' && told(1) === '2') || undefined)
    expect(subscribers.map(({ events }) => new Set(events.map(({ from }) => from)))).toEqual([
      new Set([LAN]),
      new Set([GUEST]),
    ])
    await Promise.all(subscribers.map(each => each.close()))
  })

  test('the device is the same after a reload and a restart', async () => {
    const first = await startUpnp(lab, engine)
    const before = await udn()
    expect(before).toMatch(/^uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    await reload(first, upnpUci({ upnp: { friendly_name: 'Hall' } }))
    await until('the name', async () => (await description()).includes('Hall') || undefined)
    expect(await udn()).toBe(before)
    await first.stop()
    await startUpnp(lab, engine)
    expect(await udn()).toBe(before)
  })

  test('a mapping of the owner: open before anybody asks, nobody else’s to take or to end, and closed when he takes it out', async () => {
    const more = `config mapping\n\toption protocol 'tcp'\n\toption external_port '4105'\n\toption internal_address '192.168.88.10'\n\toption internal_port '4100'\n\toption comment 'web'\n`
    const first = await startUpnp(lab, engine, { more })
    await expectReach(lab, 'tcp', 4105, lab.a)
    const key = { NewRemoteHost: '', NewExternalPort: 4105, NewProtocol: 'TCP' }
    expect(upnpCode(await httpRaw(lab.a, LAN, soap('DeletePortMapping', key)))).toBe(606)
    expect(upnpCode(await httpRaw(lab.b, LAN, addMapping(lab.b.ip, 4105, 4100)))).toBe(729)
    expect((await askMap(lab.a, { transport: 'tcp', internal: 4100, lifetime: 0 })).result).toBe(2)
    expect((await askMap(lab.b, { transport: 'tcp', internal: 4100, external: 4105 })).external).not.toBe(4105)
    expect((await askMap(lab.a, { transport: 'tcp', internal: 4100, external: 4999 })).external).toBe(4105)
    await first.kill()
    await expectReach(lab, 'tcp', 4105, lab.a)
    const second = await startUpnp(lab, engine, { more })
    await lab.router.must(['nft', 'flush', 'ruleset'])
    await lab.reloadFirewall()
    await expectReach(lab, 'tcp', 4105, lab.a)
    const flow = await lab.world.tcpFlow([WAN, 4105])
    expect((await flow.ask('one')).got).toBe('reply')
    await reload(second, upnpUci())
    await until(
      'it is closed',
      async () => (await kernelView(lab)).forward.every(({ external }) => !external.endsWith(':4105')) || undefined,
    )
    await expectNoReach(lab, 'tcp', 4105)
    await until('its flow has ended', async () => (await flow.ask('two', 200)).got !== 'reply' || undefined)
    await flow.close()
  })

  test('NAT-PMP keeps the other transport of a port for the same host', async () => {
    await startUpnp(lab, engine)
    expect((await askMap(lab.a, { transport: 'udp', internal: 4100, external: 4110 })).external).toBe(4110)
    const other = await askMap(lab.b, { transport: 'tcp', internal: 4100, external: 4110 })
    expect([other.result, other.external === 4110]).toEqual([0, false])
    expect(upnpCode(await httpRaw(lab.b, LAN, addMapping(lab.b.ip, 4110, 4100)))).toBe(718)
    expect((await askMap(lab.a, { transport: 'tcp', internal: 4100, external: 4110 })).external).toBe(4110)
    await expectReach(lab, 'tcp', 4110, lab.a)
  })
})
