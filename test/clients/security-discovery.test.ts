/**
 * Who finds the gateway, and what a forged search earns: rows S1, S2, S13 and S33 of the list of attacks, with packets
 * as an attacker would forge them. What plain programs of the WAN and of guests get is in upnp-basic.test.ts; NAT-PMP
 * with forged sources in network.test.ts (checks 44 to 47); all verdicts of a search in
 * test/unit/protocol/igd/search.test.ts.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectHealthy, flood, LAN_MAC, most, resident, syn } from '../support/attack.ts'
import type { Host } from '../support/host.ts'
import { addIpv6, LAN6 } from '../support/ipv6.ts'
import { GUEST, LAN, type Lab, makeLab, WAN, WORLD } from '../support/lab.ts'
import { must, sleep, until } from '../support/process.ts'
import type { Server } from '../support/server.ts'
import { GROUP, HTTP_PORT, httpRaw, request, searchFor, startUpnp, statusOf, upnpUci } from '../support/upnp.ts'
import { ENGINES } from './under-test.ts'

const SSDP = 1900
const search = (st: string): string =>
  `M-SEARCH * HTTP/1.1\r\nHOST: ${GROUP}:${SSDP}\r\nMAN: "ssdp:discover"\r\nMX: 1\r\nST: ${st}\r\n\r\n`
const GUEST_MAC = '02:00:00:00:99:01'
const GROUP_MAC = '01:00:5e:7f:ff:fa' // RFC 1112 §6.4
/** An answer is spread over MX, 1 s. */
const LATEST = 1300
const PORTS = 50_000

interface Forgery {
  readonly what: string
  readonly by: Host
  readonly mac: string
  readonly from: string
  readonly to: string
  /** A SYN too. Within the LAN the kernel answers it whatever its source, and the daemon hangs up (http-doors.ts). */
  readonly isTcp?: boolean
}

describe.each(ENGINES)('on %s', engine => {
  let lab: Lab
  let server: Server
  let wanMac: string

  /** Every zone accepts input: what refuses is Portico, not the firewall beside it. */
  beforeAll(async () => {
    lab = await makeLab({ wanInput: 'accept', guestInput: 'accept' })
    server = await startUpnp(lab, engine)
    wanMac = await macOf(lab.router, 'wan0')
  })
  afterAll(() => lab?.close())

  /** What is answered to forgeries, all sent at once; each has a port of its own, by which its answers are known. */
  const answered = async (forgeries: readonly Forgery[]): Promise<readonly string[]> => {
    const devices = ['br-lan', 'br-guest', 'wan0']
    const ears = await Promise.all(devices.map(device => lab.router.sniff(device, [SSDP])))
    const text = search('ssdp:all')
    await Promise.all(
      forgeries.map(async ({ by, mac, from, to, isTcp }, n) => {
        await flood(by, { device: 'eth0', mac, from, port: PORTS + n, to, text, perSecond: 50, seconds: 0.1 })
        if (isTcp === true) await syn(by, 'eth0', mac, from, PORTS + n, to)
      }),
    )
    await sleep(LATEST)
    const heard = (await Promise.all(ears.map(each => each.seen()))).flat()
    await Promise.all(ears.map(each => each.close()))
    const arrived = new Set(heard.map(({ from }) => from[1]))
    expect(
      forgeries.filter((_, n) => !arrived.has(PORTS + n)).map(({ what }) => what),
      'never arrived',
    ).toEqual([])
    const replied = new Set(heard.filter(({ from }) => from[1] === SSDP).map(({ to }) => to[1]))
    const half = await connecting()
    return forgeries.flatMap(({ what }, n) => [
      ...(replied.has(PORTS + n) ? [`answered: ${what}`] : []),
      ...(new RegExp(`:${PORTS + n}\\b`).test(half) ? [`half open: ${what}`] : []),
    ])
  }

  const connecting = async (): Promise<string> =>
    (await lab.router.must(['ss', '-Htan', `sport = :${HTTP_PORT}`])).replace(/^LISTEN.*\n/gm, '')

  test('S1, S33: forged sources, from the WAN, from guests and from within: neither answer nor state', async () => {
    const { a, guest, world } = lab
    const victim = '192.168.88.11'
    const wan = { by: world, mac: wanMac }
    const zone = { by: guest, mac: GUEST_MAC }
    const lan = { by: a, mac: LAN_MAC }
    const strangers = [
      '10.9.8.7',
      WORLD,
      '192.168.99.10',
      '127.0.0.1',
      '255.255.255.255',
      '192.168.88.255',
      '224.0.0.5',
      LAN,
      WAN,
    ]
    expect(
      await answered([
        // Nobody has this address, so nobody refuses the connection that it never asked for.
        { what: 'the control: a host of the LAN', ...lan, from: '192.168.88.77', to: LAN, isTcp: true },
        { what: 'the control: the sender itself', ...lan, from: a.ip, to: LAN },
        { what: 'S1: the world, to the WAN address', ...wan, from: WORLD, to: WAN, isTcp: true },
        { what: 'S1: a LAN source from the WAN, to the WAN address', ...wan, from: victim, to: WAN, isTcp: true },
        { what: 'S1: a LAN source from the WAN, to the LAN address', ...wan, from: victim, to: LAN, isTcp: true },
        { what: 'S1: a LAN source from the WAN, to the group', ...wan, mac: GROUP_MAC, from: victim, to: GROUP },
        { what: 'S33: a LAN source from the guests, to the LAN address', ...zone, from: victim, to: LAN, isTcp: true },
        { what: 'S33: a LAN source from the guests, to the group', ...zone, mac: GROUP_MAC, from: victim, to: GROUP },
        { what: 'S33: a guest, to the guest address', ...zone, from: guest.ip, to: GUEST, isTcp: true },
        ...strangers.map(from => ({ what: `S1, S13: ${from} within the LAN`, ...lan, from, to: LAN })),
      ]),
    ).toEqual(['half open: the control: a host of the LAN', 'answered: the control: the sender itself'])
  })

  test('S1: the WAN address is not served to the LAN either', async () => {
    expect(await searchFor(lab.a, 'ssdp:all', WAN, 1)).toEqual([])
    expect(statusOf(await httpRaw(lab.a, WAN, request('GET', '/rootDesc.xml', {}, '', `${WAN}:${HTTP_PORT}`)))).toBe(0)
    const listening = await lab.router.must(['ss', '-lntuH'])
    expect(listening).not.toMatch(new RegExp(`(${WAN}|${GUEST}|0\\.0\\.0\\.0|\\*):(${HTTP_PORT}|5351)\\b`))
  })

  test('S1, S13: IPv6 from within, with a source that is no address of the LAN: nothing, though there is a way back', async () => {
    await addIpv6(lab)
    await server.stop()
    server = await startUpnp(lab, engine)
    const get = request('GET', '/rootDesc.xml', {}, '', `[${LAN6}]:${HTTP_PORT}`)
    const ask = async () => [
      (await searchFor(lab.a, 'upnp:rootdevice', LAN6, 1.5)).length,
      statusOf(await httpRaw(lab.a, LAN6, get)),
    ]
    expect(await ask()).toEqual([1, 200])
    const ip = (host: Host, line: string) => must(['ip', '-n', host.netns, '-6', ...line.split(' ')])
    await ip(lab.router, 'route add 2a01:488:77::/64 dev br-lan')
    await ip(lab.a, 'address add 2a01:488:77::10/128 dev eth0 nodad')
    await ip(lab.a, `route add ${LAN6}/128 dev eth0 src 2a01:488:77::10`)
    expect(await lab.a.udpAsk([LAN6, 9], 'the control', 300)).toMatchObject({ got: 'refused' })
    expect(await ask()).toEqual([0, 0])
    await ip(lab.a, `route delete ${LAN6}/128 dev eth0`)
    expect(await ask()).toEqual([1, 200])
  })

  describe('S13: a flood of searches with the source of another host', () => {
    const FLOODS = [
      ['ssdp:all', 10],
      ['ssdp:all', 1000],
    ] as const
    test.each(FLOODS)('%s, %i a second: bytes out per byte in', async (st, perSecond) => {
      server = await restarted(server)
      const ear = await lab.router.sniff('br-lan', [SSDP])
      const before = resident(server.pid)
      const seconds = 2
      let sent = { sent: 0, bytes: 0 }
      const memory = await most(server.pid, async () => {
        sent = await flood(lab.a, {
          device: 'eth0',
          mac: LAN_MAC,
          from: lab.b.ip,
          port: PORTS,
          to: LAN,
          text: search(st),
          perSecond,
          seconds,
        })
        await sleep(LATEST)
      })
      const answers = (await ear.seen()).filter(({ from, to }) => from[1] === SSDP && to[0] === lab.b.ip)
      await ear.close()
      const bytes = answers.reduce((sum, { hex }) => sum + hex.length / 2, 0)
      const factor = bytes / sent.bytes
      console.log(
        `S13 on ${engine}: ${sent.sent} forged searches for ${st} in ${seconds} s, ${sent.bytes} bytes; ${answers.length} answers, ` +
          `${bytes} bytes: ${factor.toFixed(3)} out per byte in; resident ${before.toFixed(1)} MiB before, ${memory.toFixed(1)} at most`,
      )
      expect(sent.sent).toBeGreaterThan(perSecond * seconds * 0.5)
      expect(answers.length).toBeGreaterThan(0)
      // The bucket of one source (budget.ts): 24,576 bytes at once, 512 a second, and one set of answers above it.
      expect(bytes).toBeLessThan(24_576 + 512 * (seconds + 3) + 6000)
      if (perSecond === 1000) expect(factor).toBeLessThan(0.4)
      expect(memory - before).toBeLessThan(8)
      // Others are found as before, and the log does not grow with the flood.
      expect((await searchFor(lab.a, 'upnp:rootdevice', GROUP, 3)).length).toBeGreaterThan(0)
      await expectHealthy(server, lab.a)
      expect(server.output.split('\n').length).toBeLessThan(40)
    })

    const restarted = async (old: Server): Promise<Server> => {
      await old.stop()
      const fresh = await startUpnp(lab, engine)
      await sleep(1500) // the announcements of the start are over
      return fresh
    }
  })

  test.each([
    ['LAN and WAN are swapped', section('lan', 'external') + section('wan', 'internal')],
    ['the WAN is both', section('lan', 'internal') + section('wan', 'external') + section('wan', 'internal')],
  ])('S2: %s: the entry is invalid, and nothing listens there', async (_, more) => {
    server.configure(upnpUci({ more }))
    server.process.signal('SIGHUP')
    await until('the entry is invalid', async () => {
      const { stdout } = await server.console('/ip upnp interfaces print')
      return /^\s*\d+ +I +wan +internal/m.test(stdout) || undefined
    })
    const bound = (await lab.router.must(['ss', '-lntuH'])).split('\n')
    expect(bound.filter(line => line.includes(`${WAN}:`) || line.includes('%wan0:'))).toEqual([])
    const fetch = request('GET', '/rootDesc.xml', {}, '', `${WAN}:${HTTP_PORT}`)
    const [unicast, multicast, description, natPmp] = await Promise.all([
      searchFor(lab.world, 'ssdp:all', WAN, 1.5),
      searchFor(lab.world, 'ssdp:all', GROUP, 1.5),
      httpRaw(lab.world, WAN, fetch),
      lab.world.udpAsk([WAN, 5351], Uint8Array.of(0, 0), 300),
    ])
    expect([unicast, multicast, statusOf(description)]).toEqual([[], [], 0])
    expect(natPmp.got).not.toBe('reply')
  })
})

function section(network: string, type: 'internal' | 'external'): string {
  return `config interface\n\toption interface '${network}'\n\toption type '${type}'\n`
}

async function macOf(host: Host, device: string): Promise<string> {
  const [link] = JSON.parse(await host.must(['ip', '-json', 'link', 'show', 'dev', device])) as { address: string }[]
  return (link as { address: string }).address
}
