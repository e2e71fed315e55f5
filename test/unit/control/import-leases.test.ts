import { describe, expect, test } from 'vitest'
import { utf8Encode } from '../../../src/base/text.ts'
import type { Instant } from '../../../src/base/time.ts'
import type { ImportPlatform } from '../../../src/control/import-leases.ts'
import { importLeases, runImport } from '../../../src/control/import-leases.ts'
import { controlHandler } from '../../../src/control/server.ts'
import { HttpServer } from '../../../src/daemon/http.ts'
import type { Stream } from '../../../src/platform/platform.ts'
import { SystemError } from '../../../src/platform/platform.ts'
import { MemoryWorld } from '../../support/control-world.ts'
import { linkedStreams } from '../../support/memory-stream.ts'

const NOW = 1_795_000_000

class Machine implements ImportPlatform {
  readonly clock = { now: () => 0 as Instant }
  readonly world = new MemoryWorld()
  readonly #server = new HttpServer({ clock: this.clock, handle: controlHandler(this.world), rearm: () => {} })
  files: Readonly<Record<string, string>> = {}
  isThere = true
  out = ''
  err = ''

  async connect(): Promise<Stream> {
    await undefined
    if (!this.isThere) throw new SystemError('connect', 'ENOENT')
    const [here, there] = linkedStreams()
    this.#server.accept(there)
    return here
  }
  readFile(path: string): Uint8Array | undefined {
    const text = this.files[path]
    return text === undefined ? undefined : utf8Encode(text)
  }
  wallTime = () => NOW * 1000 + 500
  environment = () => undefined
  wakeAt = () => {}
  stdout(text: string): void {
    this.out += text
  }
  stderr(line: string): void {
    this.err += `${line}\n`
  }
}

const PLACES = { uci: '/etc/config', run: '/run/p' }

async function imported(files: string | Readonly<Record<string, string>>, words: readonly string[] = []) {
  const machine = new Machine()
  machine.files = typeof files === 'string' ? { '/var/run/miniupnpd.leases': files } : files
  const exit = await runImport(machine, words, PLACES)
  return { exit, out: machine.out, err: machine.err, taken: machine.world.taken }
}

describe('runImport()', () => {
  test('every lease is asked for in the name of its client, with the time that is left', async () => {
    const { exit, out, taken } = await imported(`TCP:4000:192.168.1.7:4001:${NOW + 60}:Game\n`)
    expect([exit, out]).toEqual([0, '1 mappings came over, 0 did not\n'])
    expect(taken).toEqual([
      {
        ask: 'map',
        transport: 'tcp',
        external: 4000,
        internal: { ip: '192.168.1.7', port: 4001 },
        lifetime: 60,
        service: 'upnp',
        label: 'Game',
      },
    ])
  })

  test('what is refused, has ended or is no lease is told, and the rest comes over', async () => {
    const { exit, out, err } = await imported(
      `TCP:80:192.168.1.7:80:0:web\nUDP:5000:192.168.1.8:5000:${NOW - 1}:x\nnonsense\nTCP:5001:192.168.1.8:5001:0:y\n`,
    )
    expect([exit, out]).toEqual([1, '1 mappings came over, 3 did not\n'])
    expect(err).toBe(
      '/var/run/miniupnpd.leases, line 2: has ended\n/var/run/miniupnpd.leases, line 3: is no lease\ntcp 80 of 192.168.1.7 does not come over: ports below 1024 are refused\n',
    )
  })

  test('many leases go in pieces, and the number of a bad line is that of the file', async () => {
    const lines = Array.from({ length: 200 }, (_, i) => `TCP:${2000 + i}:192.168.1.7:80:0:x`)
    const text = `${lines.join('\n')}\n\nnonsense\n`
    const { out, err, taken } = await imported({ '/tmp/other': text }, ['/tmp/other'])
    expect(out).toBe('200 mappings came over, 1 did not\n')
    expect(err).toBe('/tmp/other, line 202: is no lease\n')
    expect(taken.map(lease => lease.ask === 'map' && lease.external)).toEqual(lines.map((_, i) => 2000 + i))
  })

  const LEASE = 'TCP:4000:192.168.1.7:4001:0:Game\n'
  const PINHOLE = `UDP;2001:db8::7;4000;;0;1;${NOW + 60};Game\n`

  test.each([
    ['where OpenWrt has them', { '/var/run/miniupnpd.leases': LEASE, '/var/run/miniupnpd.leases-ipv6': PINHOLE }],
    [
      'where its configuration says',
      {
        '/etc/config/upnpd': "config upnpd config\n option upnp_lease_file '/a'\n option upnp_lease_file6 '/b'\n",
        '/a': LEASE,
        '/b': PINHOLE,
      },
    ],
    [
      'where its later configuration says',
      { '/etc/config/upnpd': "config upnpd s\n option lease_file '/a'\n", '/a': LEASE, '/a-ipv6': PINHOLE },
    ],
    [
      'where OpenWrt has them, whatever its configuration is',
      {
        '/etc/config/upnpd': "config '",
        '/var/run/miniupnpd.leases': LEASE,
        '/var/run/miniupnpd.leases-ipv6': PINHOLE,
      },
    ],
  ])('both files are found %s', async (_, files) => {
    const { exit, taken } = await imported(files)
    expect(exit).toBe(0)
    expect(taken.map(({ ask }) => ask)).toEqual(['map', 'pinhole'])
  })

  test('a refused pinhole is told too', async () => {
    const { err } = await imported({ '/f': `TCP;2001:db8::7;80;;0;1;${NOW + 60};web\n` }, ['/f'])
    expect(err).toBe('the pinhole tcp 80 of 2001:db8::7 does not come over: ports below 1024 are refused\n')
  })

  test('no file, no daemon, an option', async () => {
    const machine = new Machine()
    expect(await runImport(machine, ['/none'], PLACES)).toBe(1)
    expect(machine.err).toBe('there is no /none\n')
    machine.files = { '/a': LEASE }
    machine.isThere = false
    expect(await runImport(machine, ['/a'], PLACES)).toBe(1)
    expect(machine.err).toContain('no daemon answers')
    expect(await runImport(machine, ['--all'], PLACES)).toBe(2)
  })
})

describe('importLeases()', () => {
  test.each([
    [undefined],
    [null],
    [[]],
    [{ lines: 'x', now: 1 }],
    [{ lines: [1], now: 1 }],
    [{ lines: [], now: -1 }],
    [{ lines: [], now: 'x' }],
    [{ lines: ['x'.repeat(2000)], now: 1 }],
    [{ lines: Array.from({ length: 65 }, () => ''), now: 1 }],
  ])('refuses %j', async asked => {
    expect(await importLeases(new MemoryWorld(), asked)).toBeUndefined()
  })
})
