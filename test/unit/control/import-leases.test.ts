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

async function imported(text: string, words: readonly string[] = []) {
  const machine = new Machine()
  machine.files = { '/var/run/miniupnpd.leases': text, '/tmp/other': text }
  const exit = await runImport(machine, words, '/run/p')
  return { exit, out: machine.out, err: machine.err, taken: machine.world.taken }
}

describe('runImport()', () => {
  test('every lease is asked for in the name of its client, with the time that is left', async () => {
    const { exit, out, taken } = await imported(`TCP:4000:192.168.1.7:4001:${NOW + 60}:Game\n`)
    expect([exit, out]).toEqual([0, '1 mappings came over, 0 did not\n'])
    expect(taken).toEqual([
      {
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
      'line 2: has ended\nline 3: is no lease\ntcp 80 of 192.168.1.7 does not come over: ports below 1024 are refused\n',
    )
  })

  test('many leases go in pieces', async () => {
    const lines = Array.from({ length: 200 }, (_, i) => `TCP:${2000 + i}:192.168.1.7:80:0:x`)
    const { out, taken } = await imported(`${lines.join('\n')}\n`, ['/tmp/other'])
    expect(out).toBe('200 mappings came over, 0 did not\n')
    expect(taken.map(({ external }) => external)).toEqual(lines.map((_, i) => 2000 + i))
  })

  test('no file, no daemon, too many words', async () => {
    const machine = new Machine()
    expect(await runImport(machine, ['/none'], '/run/p')).toBe(1)
    expect(machine.err).toBe('there is no /none\n')
    machine.files = { '/a': 'TCP:4000:192.168.1.7:4001:0:x' }
    machine.isThere = false
    expect(await runImport(machine, ['/a'], '/run/p')).toBe(1)
    expect(machine.err).toContain('no daemon answers')
    expect(await runImport(machine, ['/a', '/b'], '/run/p')).toBe(2)
    expect(await runImport(machine, ['--all'], '/run/p')).toBe(2)
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
