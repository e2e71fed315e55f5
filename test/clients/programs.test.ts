/** Programs of strangers ask the router for a port, and the world gets through it. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { LAN, type Lab, makeLab, WAN } from '../support/lab.ts'
import type { Background } from '../support/process.ts'
import { expectNoReach, expectReach } from '../support/reach.ts'
import { root } from '../support/root.ts'
import { expectHandshake, isUtpState, makeTorrent, transmissionHome, utpSyn } from './torrent.ts'
import { SUBJECTS, startSubject } from './under-test.ts'

const client = (name: string) => join(root, 'test/clients', name)

describe.each(SUBJECTS)('on %s', subject => {
  let lab: Lab

  beforeAll(async () => {
    lab = await makeLab()
    await startSubject(lab, subject)
    await Promise.all([lab.a.udpEcho(4000), lab.a.tcpEcho(4000), lab.a.tcpEcho(8080), lab.a.udpEcho(8080)])
  })
  afterAll(() => lab?.close())

  describe('natpmpc', () => {
    test.each(['udp', 'tcp'] as const)(
      'maps a %s port by the default gateway, the world gets through, and it unmaps',
      async transport => {
        await expectNoReach(lab, transport, 4001)

        const mapped = await lab.a.must(['natpmpc', '-a', '4001', '4000', transport, '3600'])
        expect(mapped).toMatch(
          // It spells the word "liftime".
          new RegExp(`Mapped public port 4001 protocol ${transport.toUpperCase()} to local port 4000 life?time 3600`),
        )
        expect(mapped).toContain(`Public IP address : ${WAN}`)
        await expectReach(lab, transport, 4001, lab.a)

        await lab.a.must(['natpmpc', '-g', LAN, '-a', '4001', '4000', transport, '0'])
        await expectNoReach(lab, transport, 4001)
      },
    )
  })

  describe('npm nat-pmp', () => {
    const ask = (...words: string[]) => lab.a.must(['node', client('nat-pmp-client.mjs'), LAN, ...words])

    test.each(['udp', 'tcp'] as const)('maps a %s port, the world gets through, and it unmaps', async type => {
      const answers = (await ask('map', type, '4000', '4002', '1800'))
        .trim()
        .split('\n')
        .map(line => JSON.parse(line))
      expect(answers).toEqual([{ ip: WAN }, { private: 4000, public: 4002, ttl: 1800, type }])
      await expectReach(lab, type, 4002, lab.a)

      await ask('unmap', type, '4000', '4002', '0')
      await expectNoReach(lab, type, 4002)
    })
  })

  describe('nmap', () => {
    const nmap = (script: string, ...more: string[]) =>
      lab.a.must(['nmap', '-n', '-sU', '-p', '5351', '--script', script, ...more, LAN])

    test('nat-pmp-info shows the WAN address', async () => {
      expect(await nmap('nat-pmp-info')).toMatch(new RegExp(`WAN IP: ${WAN.replaceAll('.', '\\.')}`))
    })

    test.each(['udp', 'tcp'] as const)(
      'nat-pmp-mapport maps a %s port, the world gets through, and it unmaps all',
      async protocol => {
        const args = (words: string) => `--script-args=${words},nat-pmp-mapport.protocol=${protocol}`
        const ports = 'nat-pmp-mapport.pubport=8081,nat-pmp-mapport.privport=8080,nat-pmp-mapport.lifetime=1200'
        expect(await nmap('nat-pmp-mapport', args(`nat-pmp-mapport.op=map,${ports}`))).toContain(
          `Successfully mapped ${protocol} ${WAN}:8081 -> ${lab.a.ip}:8080`,
        )
        await expectReach(lab, protocol, 8081, lab.a)

        expect(await nmap('nat-pmp-mapport', args('nat-pmp-mapport.op=unmapall'))).toContain(`unmapped all ${protocol}`)
        await expectNoReach(lab, protocol, 8081)
      },
    )
  })

  describe('peers of the world reach a seeder in the LAN', () => {
    beforeEach(() => mkdirSync(join(lab.directory, 'share'), { recursive: true }))
    /** Seeds until the test is over. */
    const seed = (command: readonly string[]) => {
      const seeder = lab.b.start(command)
      onTestFinished(async () => void (await seeder.kill()))
      return seeder
    }

    test('python3-libtorrent maps TCP and UDP, a peer shakes hands over TCP and by uTP', async () => {
      const share = join(lab.directory, 'share')
      const torrent = makeTorrent(share)
      const seeder = seed(['/usr/bin/python3', '-u', client('libtorrent-client.py'), lab.b.ip, '6881', share])
      const ports = await mappedBy(seeder)
      await seeder.waitFor('seeding')
      await expectHandshake(lab, torrent, ports.tcp)

      const heard = await lab.world.udpAsk([WAN, ports.udp], utpSyn)
      expect(heard).toMatchObject({ got: 'reply', from: [WAN, ports.udp] })
      expect(heard.got === 'reply' && isUtpState(heard.hex)).toBe(true)
    })

    // Transmission 3.00 asks for its TCP port only.
    test('transmission-daemon maps TCP, a peer shakes hands', async () => {
      const share = join(lab.directory, 'share')
      const torrent = makeTorrent(share)
      const seeder = seed(['transmission-daemon', '-f', '-g', transmissionHome(lab), '--log-debug'])
      await seeder.waitFor('Verification is done', 30_000)
      await expectHandshake(lab, torrent, 51413)
    })
  })
})

/** libtorrent tells the ports that it was given in its alerts. */
async function mappedBy(seeder: Background): Promise<{ tcp: number; udp: number }> {
  const port = async (transport: string) => {
    const found = await seeder.waitFor(
      new RegExp(`successfully mapped port using NAT-PMP.*external port: ${transport}[^/\\d]*/?(\\d+)`, 'i'),
      20_000,
    )
    return Number(found[1])
  }
  return { tcp: await port('TCP'), udp: await port('UDP') }
}
