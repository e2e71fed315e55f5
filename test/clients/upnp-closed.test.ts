/**
 * A device cuts its own network off from the world (WANCommonInterfaceConfig:1, SetEnabledForInternet), and opens it
 * again: what then goes through the router, both ways and both families, and what goes through in other networks.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Host, TcpFlow } from '../support/host.ts'
import { addIpv6, WORLD6 } from '../support/ipv6.ts'
import { GUEST, LAN, type Lab, makeLab, WAN, WORLD } from '../support/lab.ts'
import { until } from '../support/process.ts'
import { expectNoReach, expectReach } from '../support/reach.ts'
import { COMMAND, reload, type Server } from '../support/server.ts'
import {
  addMapping,
  httpRaw,
  networkSoap,
  type Subscriber,
  soap,
  startUpnp,
  subscribe,
  upnpCode,
  upnpUci,
} from '../support/upnp.ts'
import { ENGINES } from './under-test.ts'

const ROLES = ['lan', 'guest']
  .map(name => `config interface\n\toption interface '${name}'\n\toption type 'internal'\n`)
  .join('')
/** Both networks are served, and may be cut off. */
const options = (allowed: '0' | '1') => ({
  upnp: { show_dummy_rule: '0', allow_disable_internal_interface: allowed },
  more: ROLES,
})

describe.each(ENGINES)('on %s', engine => {
  let lab: Lab
  let server: Server

  beforeEach(async () => {
    lab = await makeLab({ guestInput: 'accept' })
    await addIpv6(lab)
    server = await startUpnp(lab, engine, options('1'))
    await Promise.all([
      lab.a.tcpEcho(4100),
      lab.world.tcpEcho(80),
      lab.world.tcpEcho(80, WORLD6),
      lab.world.udpEcho(53),
    ])
  })
  afterEach(() => lab?.close())

  const call = (host: Host, at: string, action: string, args = {}) => httpRaw(host, at, networkSoap(action, args, at))
  const get = async (host: Host, at = LAN) =>
    /<NewEnabledForInternet>(\d)</.exec(await call(host, at, 'GetEnabledForInternet'))?.[1]
  const set = async (host: Host, to: 0 | 1, at = LAN) =>
    upnpCode(await call(host, at, 'SetEnabledForInternet', { NewEnabledForInternet: to }))
  const reaches = async (host: Host, to: string) => (await host.tcpAsk([to, 80], 'out', 700)).got
  const table = async () =>
    (await lab.router.run(['nft', 'list', 'table', 'inet', 'portico_closed'])).status === 0 ? 'there' : 'gone'
  const expectOpen = async () => {
    expect(await table()).toBe('gone')
    expect([await reaches(lab.a, WORLD), await reaches(lab.a, WORLD6)]).toEqual(['reply', 'reply'])
  }
  const answers = async (flow: TcpFlow, text: string) => (await flow.ask(text, 300)).got === 'reply'

  test('it is cut off both ways and at once, running flows too, and no other network is', async () => {
    const echo = await lab.a.udpEcho(4100)
    for (const transport of ['TCP', 'UDP'])
      expect(upnpCode(await httpRaw(lab.a, LAN, addMapping(lab.a.ip, 4101, 4100, transport)))).toBe(0)
    await expectReach(lab, 'tcp', 4101, lab.a)
    await expectReach(lab, 'udp', 4101, lab.a)
    await expectOpen()
    const out = await lab.a.tcpFlow([WORLD, 80])
    const out6 = await lab.a.tcpFlow([WORLD6, 80])
    const inward = await lab.world.tcpFlow([WAN, 4101])
    const flows = [out, out6, inward]
    for (const flow of flows) expect(await answers(flow, 'one')).toBe(true)

    expect(await set(lab.a, 0)).toBe(0)
    for (const flow of flows) expect(await answers(flow, 'two')).toBe(false)
    // Told, not left to wait: the ICMP of an administrator who forbids. Linux' TCP heeds it over IPv4.
    expect(await reaches(lab.a, WORLD)).toBe('refused')
    expect(await reaches(lab.a, WORLD6)).not.toBe('reply')
    expect((await lab.b.udpAsk([WORLD, 53], 'name?', 300)).got).not.toBe('reply')
    await expectNoReach(lab, 'tcp', 4101)
    // Not even one way.
    const received = await echo.received()
    await expectNoReach(lab, 'udp', 4101)
    expect(await echo.received()).toBe(received)
    expect([await reaches(lab.guest, WORLD), await get(lab.guest, GUEST)]).toEqual(['reply', '1'])
    // The router and the neighbours are where they were.
    expect([await get(lab.b), (await lab.b.tcpAsk([lab.a.ip, 4100], 'hello')).got]).toEqual(['0', 'reply'])
    expect(upnpCode(await httpRaw(lab.a, LAN, soap('RequestConnection')))).toBe(709)

    expect(await set(lab.b, 1)).toBe(0)
    await expectOpen()
    // What was not answered is sent again by then.
    for (const flow of flows) await until('the flow goes on', async () => (await answers(flow, 'three')) || undefined)
    await expectReach(lab, 'tcp', 4101, lab.a)
    for (const flow of flows) await flow.close()
  })

  /** Another device of the router, with the world behind it, which sees the router under another address. */
  const addWay = async (device: string, net: string) => {
    const { router, world } = lab
    await router.must(['ip', '-batch', '-'], {
      input: `link add ${device} type veth peer name ${device} netns ${world.netns}\naddress add ${net}.2/24 dev ${device}\nlink set ${device} up\n`,
    })
    await world.must(['ip', '-batch', '-'], { input: `address add ${net}.1/24 dev ${device}\nlink set ${device} up\n` })
    await router.must(['sysctl', '-q', `net.ipv4.conf.${device}.rp_filter=0`])
  }
  const letThrough = (device: string) =>
    lab.router.must(['nft', '-f', '-'], {
      input: `insert rule inet fw4 forward_lan oifname "${device}" accept\nadd rule inet fw4 srcnat oifname "${device}" masquerade\n`,
    })
  const seenAs = async (host: Host) => {
    const heard = await host.tcpAsk([WORLD, 80], 'out', 700)
    return heard.got === 'reply' ? (/saw ([0-9.]+):/.exec(heard.text)?.[1] ?? heard.text) : heard.got
  }

  test('a VPN by which some hosts leave is closed too, a network that is not served stays near', async () => {
    await reload(server, upnpUci({ ...options('1'), more: ROLES.slice(0, ROLES.length / 2) }))
    await addWay('vpn0', '10.9.0')
    await Promise.all([letThrough('vpn0'), letThrough('br-guest'), lab.guest.tcpEcho(4100)])
    await lab.router.must(['ip', '-batch', '-'], {
      input: `route add default via 10.9.0.1 dev vpn0 table 100\nrule add from ${lab.a.ip} lookup 100\n`,
    })
    const neighbour = async () => (await lab.a.tcpAsk([lab.guest.ip, 4100], 'hello', 700)).got
    // Its own networks a host by a VPN finds in the same table.
    await lab.router.must(['ip', 'route', 'add', '192.168.99.0/24', 'dev', 'br-guest', 'table', '100'])
    expect([await seenAs(lab.a), await seenAs(lab.b), await neighbour()]).toEqual(['10.9.0.2', WAN, 'reply'])

    expect(await set(lab.b, 0)).toBe(0)
    expect([await seenAs(lab.a), await seenAs(lab.b), await neighbour()]).toEqual(['refused', 'refused', 'reply'])
    expect(await set(lab.b, 1)).toBe(0)
    expect([await seenAs(lab.a), await seenAs(lab.b), await neighbour()]).toEqual(['10.9.0.2', WAN, 'reply'])
  })

  test('a new way out is closed before anybody knows it', async () => {
    expect(await set(lab.a, 0)).toBe(0)
    server.process.signal('SIGSTOP')
    await addWay('wan1', '10.8.0')
    await letThrough('wan1')
    await lab.router.must(['ip', '-batch', '-'], {
      input: `route replace default via 10.8.0.1 dev wan1\nroute add ${WORLD} via 10.8.0.1 dev wan1\n`,
    })
    expect(await seenAs(lab.a)).toBe('refused')
    server.process.signal('SIGCONT')
    expect([await get(lab.a), await seenAs(lab.a)]).toEqual(['0', 'refused'])
    expect(await set(lab.a, 1)).toBe(0)
    expect(await seenAs(lab.a)).toBe('10.8.0.2')
  })

  test('each network has its own state, its own subscribers hear of it, and the owner sees it', async () => {
    const [ofLan, ofGuest] = await Promise.all([
      subscribe(lab.b, '/evt/CmnIfCfg', '7001'),
      subscribe(lab.guest, '/evt/CmnIfCfg', '7001', GUEST),
    ])
    await until('both know', async () => (told(ofLan) === '1' && told(ofGuest) === '1') || undefined)
    expect(await set(lab.guest, 0, GUEST)).toBe(0)
    await until('the event', async () => told(ofGuest) === '0' || undefined)
    expect([await get(lab.guest, GUEST), await get(lab.a), told(ofLan)]).toEqual(['0', '1', '1'])
    expect([await reaches(lab.guest, WORLD), await reaches(lab.a, WORLD)]).toEqual(['refused', 'reply'])

    const closed = [{ device: 'br-guest', by: lab.guest.ip }]
    expect(await server.json('status')).toMatchObject({ closed })
    expect((await server.console('/ip upnp interfaces print')).stdout).toContain(
      `;;; cut off from the Internet by ${lab.guest.ip}\n`,
    )
    expect((await server.console('check')).stdout).toMatch(/amber roles +br-guest is cut off from the Internet/)
    expect(server.output).toMatch(
      new RegExp(`upnp,info network br-guest is cut off from the Internet: asked by ${lab.guest.ip}`),
    )
    expect(await set(lab.guest, 1, GUEST)).toBe(0)
    await until('the event', async () => told(ofGuest) === '1' || undefined)
    expect(server.output).toMatch(/upnp,info network br-guest reaches the Internet again: asked by/)
    await Promise.all([ofLan.close(), ofGuest.close()])
  })

  test('not without the option, and with its end all is open', async () => {
    expect(await set(lab.a, 0)).toBe(0)
    expect(await reaches(lab.a, WORLD)).toBe('refused')
    await reload(server, upnpUci(options('0')))
    await until('it is open', async () => (await table()) === 'gone' || undefined)
    await expectOpen()
    expect([await get(lab.a), await set(lab.a, 0), await set(lab.a, 1)]).toEqual(['1', 606, 606])
    await expectOpen()
  })

  test('the end of the service opens it, and the start after a kill', async () => {
    expect(await set(lab.a, 0)).toBe(0)
    await server.stop()
    await expectOpen()

    server = await startUpnp(lab, engine, options('1'))
    expect(await set(lab.a, 0)).toBe(0)
    await server.kill()
    expect([await table(), await reaches(lab.a, WORLD)]).toEqual(['there', 'refused'])
    server = await startUpnp(lab, engine, options('1'))
    await expectOpen()
    expect(await get(lab.a)).toBe('1')
    expect(server.output).toContain('networks that were cut off from the Internet reach it again')
  })

  test('who empties the kernel does not open it, a purge does', async () => {
    expect(await set(lab.a, 0)).toBe(0)
    await lab.router.must(['nft', 'flush', 'ruleset'])
    await until('it is closed again', async () => (await table()) === 'there' || undefined)
    await lab.reloadFirewall()
    expect(await reaches(lab.a, WORLD)).toBe('refused')
    await until('the log says so', async () => /changed table inet portico_closed/.test(server.output) || undefined)
    await server.kill()
    // As when the package is removed.
    expect((await lab.router.run([...COMMAND[engine], 'service', 'purge'])).status).toBe(0)
    await expectOpen()
  })
})

const told = ({ events }: Subscriber): string | undefined =>
  events
    .map(({ values }) => values['EnabledForInternet'])
    .filter(value => value !== undefined)
    .at(-1)
