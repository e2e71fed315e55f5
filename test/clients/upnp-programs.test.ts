/** Programs of strangers ask the router by UPnP, and the world gets through. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { A6, addIpv6, expectNoReach6, expectReach6 } from '../support/ipv6.ts'
import { LAN, type Lab, makeLab, WAN } from '../support/lab.ts'
import { type Background, until } from '../support/process.ts'
import { expectNoReach, expectReach } from '../support/reach.ts'
import { root } from '../support/root.ts'
import { defaultUci } from '../support/server.ts'
import { expectHandshake, isUtpState, makeTorrent, transmissionHome, utpSyn } from './torrent.ts'
import { SUBJECTS, startSubject } from './under-test.ts'

const stranger = (name: string) => join(root, 'test/clients/strangers', name)
const client = (name: string) => join(root, 'test/clients', name)

/** UPnP alone: nobody can help himself with NAT-PMP. */
const UPNP_ONLY = defaultUci({ natPmp: { enabled: '0' }, upnp: { enabled: '1' } })

describe.each(SUBJECTS)('on %s', subject => {
  let lab: Lab
  const ours = subject !== 'miniupnpd'

  beforeAll(async () => {
    lab = await makeLab()
    await addIpv6(lab)
    await startSubject(lab, subject, { uci: UPNP_ONLY, service: 'upnp' })
    await Promise.all([lab.a.udpEcho(4000), lab.a.tcpEcho(4000), lab.a.tcpEcho(8080), lab.a.udpEcho(8080)])
    await Promise.all([lab.a.udpEcho(4000, A6), lab.a.tcpEcho(4000, A6)].map(echo => echo.catch(() => undefined)))
  })
  afterAll(() => lab?.close())

  describe('upnpc', () => {
    const upnpc = (...words: string[]) => lab.a.must(['upnpc', ...words])

    test('-s finds a connected gateway with its address, its rates and its time', async () => {
      const said = await upnpc('-s')
      expect(said).toContain('Found valid IGD')
      expect(said).toMatch(/Connection Type\s*: IP_Routed/)
      expect(said).toMatch(/Status\s*: Connected, uptime=\d+s/)
      expect(said).toContain(`ExternalIPAddress = ${WAN}`)
      expect(said).toMatch(/MaxBitRateDown : \d+ bps/)
      expect(said).toMatch(/Bytes:\s+Sent:\s+\d+\s+Recv:\s+\d+/)
    })

    test.each(['udp', 'tcp'] as const)(
      '-a maps a %s port, -l lists it, the world gets through, -d ends it',
      async transport => {
        await expectNoReach(lab, transport, 4001)
        const said = await upnpc('-e', 'a game & "more"', '-a', lab.a.ip, '4000', '4001', transport, '1200')
        expect(said).toContain(
          `external ${WAN}:4001 ${transport.toUpperCase()} is redirected to internal ${lab.a.ip}:4000`,
        )
        await expectReach(lab, transport, 4001, lab.a)

        // It shows text as it travels.
        expect(await upnpc('-l')).toMatch(
          new RegExp(
            `${transport.toUpperCase()}\\s+4001->${lab.a.ip}:4000\\s+'a game &amp; &quot;more&quot;' '' 1[12]\\d\\d`,
          ),
        )
        expect(await upnpc('-d', '4001', transport)).toContain('returned : 0')
        await expectNoReach(lab, transport, 4001)
        expect(await upnpc('-l')).not.toContain(`4001->${lab.a.ip}`)
      },
    )

    test('-r maps the ports of this host, both transports', async () => {
      await upnpc('-r', '4000', '4003', 'udp', '4000', '4003', 'tcp')
      await expectReach(lab, 'udp', 4003, lab.a)
      await expectReach(lab, 'tcp', 4003, lab.a)
      await upnpc('-d', '4003', 'udp')
      await upnpc('-d', '4003', 'tcp')
    })

    test('-a for a remote host lets that host in and no other', async () => {
      await upnpc('-a', lab.a.ip, '4000', '4004', 'udp', '1200', '11.22.33.77')
      await expectNoReach(lab, 'udp', 4004)
      await lab.world.must(['ip', 'address', 'add', '11.22.33.77/24', 'dev', 'eth0'])
      const heard = await lab.world.udpAsk([WAN, 4004], 'knock', 1500, { from_ip: '11.22.33.77' })
      await lab.world.must(['ip', 'address', 'delete', '11.22.33.77/24', 'dev', 'eth0'])
      expect(heard).toMatchObject({ got: 'reply', from: [WAN, 4004] })
      expect(await upnpc('-d', '4004', 'udp', '11.22.33.77')).toContain('returned : 0')
    })

    test('-n takes another port where the wished one is taken', async () => {
      await lab.b.must(['upnpc', '-a', lab.b.ip, '4000', '4005', 'tcp', '1200'])
      const said = await upnpc('-n', lab.a.ip, '4000', '4005', 'tcp', '1200')
      const given = Number(/external [\d.]+:(\d+) TCP is redirected/.exec(said)?.[1])
      expect(given).not.toBe(4005)
      await expectReach(lab, 'tcp', given, lab.a)
      await upnpc('-d', String(given), 'tcp')
      await lab.b.must(['upnpc', '-d', '4005', 'tcp'])
    })

    // It gives up at the first 730, which is what an empty list is (WANIPConnection:2 §2.5.21): both transports have one.
    test('-L lists by GetListOfPortMappings, -N deletes a range', async () => {
      for (const port of ['4011', '4012', '4013']) await upnpc('-a', lab.a.ip, '4000', port, 'udp', '1200')
      await upnpc('-a', lab.a.ip, '4000', '4014', 'tcp', '1200')
      const listed = await upnpc('-L')
      for (const port of ['4011', '4012', '4013'])
        expect(listed).toMatch(new RegExp(`UDP\\s+${port}->${lab.a.ip}:4000`))
      expect(listed).toMatch(new RegExp(`TCP\\s+4014->${lab.a.ip}:4000`))
      await upnpc('-N', '4011', '4012', 'udp')
      const left = await upnpc('-l')
      expect(left).not.toContain('4011->')
      expect(left).not.toContain('4012->')
      expect(left).toContain('4013->')
      await expectReach(lab, 'udp', 4013, lab.a)
      await upnpc('-N', '4001', '4999', 'udp')
      await expectNoReach(lab, 'udp', 4013)
      await upnpc('-d', '4014', 'tcp')
    })

    test('-P shows the page', async () => {
      if (!ours) return
      expect(await upnpc('-P')).toMatch(/Presentation URL found:\s+\//)
    })

    test.each(['udp', 'tcp'] as const)('-6 -A opens an IPv6 %s pinhole, -U, -C, -K, -D', async transport => {
      const number = transport === 'udp' ? '17' : '6'
      await expectNoReach6(lab, transport, A6, 4000)
      expect(await upnpc('-6', '-S')).toMatch(/FirewallEnabled: 1 & Inbound Pinhole Allowed: 1/)
      const said = await upnpc('-6', '-A', '', '0', A6, '4000', number, '600')
      const id = /Pinhole ID = (\d+)/.exec(said)?.[1] as string
      expect(Number(id)).toBeGreaterThan(0)
      await expectReach6(lab, transport, A6, 4000)
      expect(await upnpc('-6', '-U', id, '900')).toContain('with Lease Time: 900')
      // miniupnpd 2.3.1 counts no packets here: 709 to the one, 0 to the other.
      if (ours) expect(await upnpc('-6', '-C', id)).toContain('IsWorking = Yes')
      if (ours) expect(Number(/Packets = (\d+)/.exec(await upnpc('-6', '-K', id))?.[1])).toBeGreaterThan(0)
      await upnpc('-6', '-D', id)
      await expectNoReach6(lab, transport, A6, 4000)
    })

    test.runIf(ours)('-6 -A for a neighbour is refused', async () => {
      const said = await lab.b.must(['upnpc', '-6', '-A', '', '0', A6, '4000', '17', '600'])
      expect(said).toMatch(/Local LAN ip address : fe80:/)
      expect(said).toContain('failed with code 606')
      await expectNoReach6(lab, 'udp', A6, 4000)
    })
  })

  describe('python3-miniupnpc', () => {
    test.each(['UDP', 'TCP'])('maps a %s port and reads it back', async protocol => {
      const transport = protocol.toLowerCase() as 'udp' | 'tcp'
      const it = start(lab, ['/usr/bin/python3', '-u', stranger('python-miniupnpc.py'), '4020', '4000', protocol])
      const said = await it.line()
      expect(said).toMatchObject({ ip: WAN, status: 'Connected', added: true, kind: 'IP_Routed' })
      expect(said.specific.slice(0, 3)).toEqual([lab.a.ip, 4000, 'python'])
      expect(said.generic.slice(0, 4)).toEqual([4020, protocol, [lab.a.ip, 4000], 'python'])
      await expectReach(lab, transport, 4020, lab.a)
      expect(await it.next()).toEqual({ deleted: true })
      await expectNoReach(lab, transport, 4020)
    })
  })

  describe('npm', () => {
    const node = (name: string, ...words: string[]) => ['node', stranger(name), ...words]

    test.each(['udp', 'tcp'] as const)('nat-upnp maps a %s port, lists it, and unmaps', async protocol => {
      const ask = async (...words: string[]) => JSON.parse(await lab.a.must(node('nat-upnp.mjs', ...words)))
      expect(await ask('ip')).toBe(WAN)
      await ask('map', '4030', '4000', protocol, '1200')
      await expectReach(lab, protocol, 4030, lab.a)
      const listed = await ask('list')
      expect(listed).toContainEqual(
        expect.objectContaining({
          public: { host: '', port: 4030 },
          private: { host: lab.a.ip, port: 4000 },
          protocol,
          local: true,
        }),
      )
      await ask('unmap', '4030', protocol)
      await expectNoReach(lab, protocol, 4030)
    })

    test.each(['udp', 'tcp'] as const)('@achingbrain/nat-port-mapper maps a %s port and unmaps', async protocol => {
      const it = start(lab, node('nat-port-mapper.mjs', lab.a.ip, '4000', '4031', protocol))
      expect(await it.line()).toMatchObject({ ip: WAN, external: 4031, internal: 4000 })
      await expectReach(lab, protocol, 4031, lab.a)
      // Its deletion names no protocol, which is 601 to us (and to it no error): the mapping stays until its lease ends.
      await it.nextText('unmapped')
      await lab.a.must(['upnpc', '-d', '4031', protocol])
      await expectNoReach(lab, protocol, 4031)
    })

    test.each(['UDP', 'TCP'])('@silentbot1/nat-api maps a %s port and unmaps', async protocol => {
      const it = start(lab, node('nat-api.mjs', '4032', '4000', protocol))
      expect(await it.line()).toEqual({ ip: WAN, mapped: true })
      await expectReach(lab, protocol.toLowerCase() as 'udp' | 'tcp', 4032, lab.a)
      expect(await it.next()).toEqual({ unmapped: true })
      await expectNoReach(lab, protocol.toLowerCase() as 'udp' | 'tcp', 4032)
    })

    test.each([
      'urn:schemas-upnp-org:device:InternetGatewayDevice:1',
      'urn:schemas-upnp-org:device:InternetGatewayDevice:2',
      'urn:schemas-upnp-org:service:WANIPConnection:1',
      'upnp:rootdevice',
    ])('node-ssdp finds %s', async target => {
      const answers = (await lab.a.must(node('node-ssdp.mjs', target))).trim().split('\n')
      expect(answers.map(line => JSON.parse(line))).toContainEqual(
        expect.objectContaining({ status: 200, st: target, from: LAN }),
      )
    })
  })

  describe('discovery', () => {
    test('gssdp-discover lists the gateway', async () => {
      const target = 'urn:schemas-upnp-org:device:InternetGatewayDevice:2'
      const seen = await lab.a.run(['gssdp-discover', '-i', 'eth0', '-n', '3', '--target', target])
      expect(seen.stdout).toContain(target)
      expect(seen.stdout).toContain(`Location: http://${LAN}:`)
    })

    test('nmap upnp-info finds it, broadcast-upnp-info reads the description', async () => {
      const direct = await lab.a.must(['nmap', '-n', '-sU', '-p', '1900', '--script', 'upnp-info', LAN])
      expect(direct).toMatch(/upnp-info:[\s\S]*Location: http:\/\/192\.168\.88\.1:/)
      const broadcast = await lab.a.must(['nmap', '-n', '-e', 'eth0', '--script', 'broadcast-upnp-info'])
      expect(broadcast).toMatch(/broadcast-upnp-info:[\s\S]*192\.168\.88\.1[\s\S]*Name: \S/)
    }, 90_000)
  })

  describe('peers of the world reach a seeder in the LAN', () => {
    beforeEach(() => mkdirSync(join(lab.directory, 'share'), { recursive: true }))
    /** Seeds until the test is over. */
    const seed = (command: readonly string[], environment: Record<string, string> = {}) => {
      const seeder = lab.b.start(command, { environment: { ...process.env, ...environment } as Record<string, string> })
      onTestFinished(async () => void (await seeder.kill()))
      return seeder
    }

    test('python3-libtorrent maps TCP and UDP, a peer shakes hands over TCP and by uTP', async () => {
      const share = join(lab.directory, 'share')
      const torrent = makeTorrent(share)
      const seeder = seed(['/usr/bin/python3', '-u', client('libtorrent-client.py'), lab.b.ip, '6881', share, 'upnp'])
      const port = async (transport: string) => {
        const text = new RegExp(`successfully mapped port using UPnP.*external port: ${transport}[^/\\d]*/?(\\d+)`, 'i')
        return Number((await seeder.waitFor(text, 20_000))[1])
      }
      const ports = { tcp: await port('TCP'), udp: await port('UDP') }
      await seeder.waitFor('seeding')
      await expectHandshake(lab, torrent, ports.tcp)
      const heard = await lab.world.udpAsk([WAN, ports.udp], utpSyn)
      expect(heard).toMatchObject({ got: 'reply', from: [WAN, ports.udp] })
      expect(heard.got === 'reply' && isUtpState(heard.hex)).toBe(true)
    })

    test('transmission-daemon maps its port, a peer shakes hands', async () => {
      const share = join(lab.directory, 'share')
      const torrent = makeTorrent(share)
      const seeder = seed(['transmission-daemon', '-f', '-g', transmissionHome(lab), '--log-debug'])
      await seeder.waitFor('Verification is done', 30_000)
      await expectHandshake(lab, torrent, 51413)
    })

    test('qbittorrent-nox maps its port, a peer shakes hands', async () => {
      const share = join(lab.directory, 'share')
      const torrent = makeTorrent(share)
      const home = qbittorrentHome(lab, share)
      seed(['qbittorrent-nox', `--profile=${home}`, `--save-path=${share}`, '--skip-dialog=true', torrent.file], {
        HOME: home,
      })
      await expectHandshake(lab, torrent, 52413)
    })
  })

  test('syncthing maps the port it listens on', async () => {
    const home = join(lab.directory, 'syncthing')
    await lab.b.must(['syncthing', 'generate', `--home=${home}`, '--no-default-folder'])
    const settings = join(home, 'config.xml')
    const text = await lab.b.must(['cat', settings])
    writeFileSync(settings, syncthingSettings(text))
    const it = lab.b.start(['syncthing', 'serve', `--home=${home}`, '--no-browser', '--no-restart', '--no-upgrade'], {
      environment: {
        ...(process.env as Record<string, string>),
        STTRACE: 'nat,upnp',
        HOME: lab.directory,
        STNOUPGRADE: '1',
      },
    })
    onTestFinished(async () => void (await it.kill()))
    const listed = await until(
      'a mapping of syncthing',
      async () =>
        /TCP\s+(\d+)->192\.168\.88\.11:22000\s+'syncthing-/.exec((await lab.b.run(['upnpc', '-l'])).stdout) ??
        undefined,
      40_000,
    )
    const connected = await lab.world.tcpFlow([WAN, Number(listed[1])])
    await connected.close()
  })
})

/** A program that says one line of JSON, waits for a line, and says another. */
function start(lab: Lab, command: readonly string[]) {
  const it: Background = lab.a.start(command)
  onTestFinished(async () => void (await it.kill()))
  const json = async (n: number) => {
    const text = await until(`line ${n} of ${command[1]}`, async () => lines(it)[n] ?? ended(it), 30_000)
    return JSON.parse(text)
  }
  return {
    line: () => json(0),
    next: () => {
      it.write('\n')
      return json(1)
    },
    nextText: async (text: string) => {
      it.write('\n')
      await it.waitFor(text, 20_000)
    },
  }
}

const lines = (it: Background): string[] => it.output.split('\n').filter(line => line.startsWith('{'))

function ended(it: Background): undefined {
  if (it.status !== undefined) throw new Error(`it ended: ${it.output}`)
}

function qbittorrentHome(lab: Lab, share: string): string {
  const home = join(lab.directory, 'qbittorrent')
  mkdirSync(join(home, 'qBittorrent/config'), { recursive: true })
  const settings = `[LegalNotice]
Accepted=true

[BitTorrent]
Session\\Port=52413
Session\\DHTEnabled=false
Session\\LSDEnabled=false
Session\\PeXEnabled=false
Session\\DefaultSavePath=${share}
Session\\AddTorrentPaused=false

[Network]
PortForwardingEnabled=true

[Preferences]
Connection\\UPnP=true
Connection\\PortRangeMin=52413
WebUI\\Enabled=true
WebUI\\Address=127.0.0.1
WebUI\\Port=18080
WebUI\\UseUPnP=false
`
  writeFileSync(join(home, 'qBittorrent/config/qBittorrent.conf'), settings)
  return home
}

/** Nothing that calls home; port mapping at once. */
const syncthingSettings = (text: string): string =>
  text
    .replace(/<listenAddress>.*<\/listenAddress>/, '<listenAddress>tcp://0.0.0.0:22000</listenAddress>')
    .replace(/<globalAnnounceEnabled>true/, '<globalAnnounceEnabled>false')
    .replace(/<localAnnounceEnabled>true/, '<localAnnounceEnabled>false')
    .replace(/<relaysEnabled>true/, '<relaysEnabled>false')
    .replace(/<crashReportingEnabled>true/, '<crashReportingEnabled>false')
    .replace(/<urAccepted>0/, '<urAccepted>-1')
