import { describe, expect, test } from 'vitest'
import { utf8Encode } from '../../../src/base/text.ts'
import type { Instant } from '../../../src/base/time.ts'
import { controlHandler } from '../../../src/control/server.ts'
import type { ConsolePlatform } from '../../../src/control/session.ts'
import { runConsole } from '../../../src/control/session.ts'
import { HttpServer } from '../../../src/daemon/http.ts'
import type { Stream } from '../../../src/platform/platform.ts'
import { SystemError } from '../../../src/platform/platform.ts'
import { MemoryWorld, mapping } from '../../support/control-world.ts'
import { linkedStreams, settle } from '../../support/memory-stream.ts'

/** A machine with one daemon on one socket, seen from a console. */
class Machine implements ConsolePlatform {
  readonly clock = { now: () => 0 as Instant }
  readonly world = new MemoryWorld()
  /** Who answers on the socket: by default the daemon's own server. */
  daemon: (stream: Stream) => void
  columns: string | undefined
  out = ''
  err = ''
  path = ''
  alarm: (() => void) | undefined

  constructor() {
    this.world.held = [mapping({ port: 4000, label: 'a b' })]
    const server = new HttpServer({ clock: this.clock, handle: controlHandler(this.world), rearm: () => {} })
    this.daemon = stream => server.accept(stream)
  }

  async connect(to: { readonly unix: string } | object): Promise<Stream> {
    await undefined
    this.path = 'unix' in to ? to.unix : ''
    if (this.path !== '/run/p/portico.sock') throw new SystemError(`connect ${this.path}`, 'ENOENT')
    const [here, there] = linkedStreams()
    this.daemon(there)
    return here
  }
  trouble: string | undefined
  readFile(path: string): Uint8Array | undefined {
    return path === '/run/q/trouble' && this.trouble !== undefined ? utf8Encode(this.trouble) : undefined
  }
  environment(name: string): string | undefined {
    return name === 'COLUMNS' ? this.columns : undefined
  }
  stdout(text: string): void {
    this.out += text
  }
  stderr(line: string): void {
    this.err += `${line}\n`
  }
  wakeAt(at: Instant | undefined, wake: () => void): void {
    this.alarm = at === undefined ? undefined : wake
  }
}

async function run(words: readonly string[], machine = new Machine(), runDir = '/run/p') {
  const exit = await runConsole(machine, words, runDir)
  return { exit, out: machine.out, err: machine.err }
}

describe('runConsole()', () => {
  test('why the daemon was not started', async () => {
    const machine = new Machine()
    machine.trouble = 'miniupnpd is running\u001b[2J\n'
    const { exit, err } = await run(['status'], machine, '/run/q')
    expect(exit).toBe(1)
    expect(err).toMatch(/\n {2}it did not start: {3}miniupnpd is running.*\n/)
    expect(err).not.toContain('\u001b')
  })

  test('shows what was asked for', async () => {
    expect(await run(['/ip', 'nat-pmp', 'print'])).toEqual({
      exit: 0,
      out: '                enabled: yes\n  allow-port-forwarding: yes\n',
      err: '',
    })
  })
  test('--json may stand anywhere', async () => {
    const out = '{"enabled":true,"allow-port-forwarding":true}\n'
    expect((await run(['--json', '/ip', 'nat-pmp', 'print'])).out).toBe(out)
    expect((await run(['/ip nat-pmp', 'print', '--json'])).out).toBe(out)
  })
  test('gives a value its quotes back', async () => {
    expect((await run(['/ip', 'upnp', 'mappings', 'print', 'count-only', 'where', 'comment=a b'])).out).toBe('1\n')
  })
  test('a refusal is told on stderr, exit 1', async () => {
    expect(await run(['/ip', 'upnp', 'mappings', 'remove', '*1'])).toEqual({ exit: 1, out: '', err: 'no such item\n' })
  })
  test('bad grammar is told on stderr, exit 2', async () => {
    expect(await run(['/ip', 'foo'])).toEqual({ exit: 2, out: '', err: 'bad command name foo (line 1 column 5)\n' })
    expect(await run(['--foo', 'status'])).toEqual({ exit: 2, out: '', err: 'unknown option --foo\n' })
  })
  test('a removal says nothing', async () => {
    const machine = new Machine()
    expect(await run(['/ip upnp mappings remove *FA0'], machine)).toEqual({ exit: 0, out: '', err: '' })
    expect(machine.world.removed).toHaveLength(1)
  })
  test('without words it shows the commands', async () => {
    const { exit, out } = await run([])
    expect(exit).toBe(2)
    expect(out).toContain('/ip upnp mappings print')
    for (const word of ['--help', '-h']) expect(await run([word])).toEqual({ exit: 0, out, err: '' })
  })
  test('takes the width of the terminal where it is known', async () => {
    const widest = async (columns: string | undefined) => {
      const machine = new Machine()
      machine.columns = columns
      const { out } = await run(['/ip upnp mappings print detail'], machine)
      return Math.max(...out.split('\n').map(line => line.length))
    }
    expect(await widest('200')).toBeGreaterThan(80)
    for (const columns of [undefined, 'x', '0', '99999']) expect((await widest(columns)) <= 80).toBe(true)
  })
  test('without a daemon it says where it looked and what to do', async () => {
    const { exit, out, err } = await run(['status'], new Machine(), '/nowhere')
    expect({ exit, out }).toEqual({ exit: 1, out: '' })
    expect(err).toContain('no daemon answers on /nowhere/portico.sock (connect /nowhere/portico.sock: ENOENT)')
    expect(err).toContain('/etc/init.d/portico start')
  })
  test('a daemon of somebody who may do more', async () => {
    const machine = new Machine()
    machine.connect = async () => {
      await undefined
      throw new SystemError('connect /run/p/portico.sock', 'EACCES')
    }
    const { exit, err } = await run(['status'], machine)
    expect(exit).toBe(1)
    expect(err).toBe(
      'portico: not permitted to use /run/p/portico.sock (connect /run/p/portico.sock: EACCES): run it as root\n',
    )
  })
  test('with --json every failure is one object, also where no daemon answers', async () => {
    const said = async (words: readonly string[], machine = new Machine(), runDir?: string) =>
      (await run(['--json', ...words], machine, runDir)).err
    const broken = new Machine()
    broken.daemon = stream => stream.end()
    const errors = [
      await said(['status'], new Machine(), '/nowhere'),
      await said(['--foo']),
      await said(['/ip', 'foo']),
      await said(['status'], broken),
    ]
    expect(errors.map(text => JSON.parse(text).error.slice(0, 40))).toEqual([
      'portico: no daemon answers on /nowhere/p',
      'unknown option --foo',
      'bad command name foo (line 1 column 5)',
      "the daemon's answer cannot be read: the ",
    ])
  })
  test('a daemon that breaks off, or is none', async () => {
    const machine = new Machine()
    machine.daemon = stream => stream.end()
    expect(await run(['status'], machine)).toEqual({
      exit: 1,
      out: '',
      err: "the daemon's answer cannot be read: the answer broke off\n",
    })
  })
  test('a daemon that never answers', async () => {
    const machine = new Machine()
    machine.daemon = () => {}
    const running = run(['status'], machine)
    await settle()
    machine.alarm?.()
    expect((await running).err).toBe("the daemon's answer cannot be read: none came within a minute\n")
  })
})
