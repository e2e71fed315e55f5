/** Netlink sockets: replies at once, notices, filters, the notice of lost notices. */
import { execFileSync } from 'node:child_process'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Background, sleep } from '../support/process.ts'
import { ENGINES, loopbackUp, play, starter } from './engines.ts'

const ip = (...words: string[]) => execFileSync('ip', words)
const links = () => (JSON.parse(ip('-j', 'link').toString()) as unknown[]).length

beforeAll(() => {
  loopbackUp()
  // A dump that needs more than one datagram.
  const names = Array.from({ length: 30 }, (_, n) => `link add many${n} type veth peer name many${n}p\n`)
  execFileSync('ip', ['-batch', '-'], { input: names.join('') })
})

const begin = starter()

const lines = (text: string) => text.split('\n').filter(line => line !== '' && line !== 'ready')

describe.each([...ENGINES, 'node-alone'] as const)('%s', engine => {
  const whole = engine !== 'node-alone'

  test('a dump comes whole, and is there when drain returns', async () => {
    const { stdout } = await play(engine, ['links'])
    expect(lines(stdout).sort()).toEqual([`drained true`, `links ${links()}`])
  })

  test('acknowledgements carry errors by name and, but for Node alone, the words of the kernel', async () => {
    const { stdout } = await play(engine, ['acks'])
    ip('addr', 'del', '127.0.5.9/32', 'dev', 'lo')
    expect(lines(stdout)).toEqual(['error none false', `error EEXIST ${whole}`, expect.stringMatching(/^error E\w+ /)])
  })

  test('notices of others are heard; but for Node alone our own are filtered by the kernel', async () => {
    const program = await begin(engine, ['notices'])
    await sleep(100)
    ip('addr', 'add', '127.0.6.1/32', 'dev', 'lo')
    ip('addr', 'del', '127.0.6.1/32', 'dev', 'lo')
    await program.waitFor(/notice 20 false\nnotice 21 false/)
    const own = program.output.match(/^notice \d+ true$/gm)?.length ?? 0
    expect(own).toBe(whole ? 0 : 2)
    expect(program.output).toContain('port ids true')
  })

  test('a filter lets through what it was made for, after an overrun too; Node alone refuses one that is required', async () => {
    if (!whole) return expect(lines((await play(engine, ['filtered'])).stdout)).toEqual(['refused EOPNOTSUPP'])
    const program = await begin(engine, ['filtered'])
    for (let times = 0; times < 2; times++) {
      const before = program.output.length
      ip('addr', 'add', '127.0.6.2/32', 'dev', 'lo')
      ip('addr', 'del', '127.0.6.2/32', 'dev', 'lo')
      await program.waitFor('notice 21', 10_000, before)
      if (times > 0) continue
      await overrun(program, 16_000) // half of the notices pass
      await program.waitFor('overrun', 20_000)
      await sleep(300)
    }
    expect(program.output).not.toContain('notice 20')
  })

  test('a buffer is as large as asked for, whatever the machine allows; on Node alone as large as it allows', async () => {
    const { stdout } = await play(engine, ['send-limit'])
    const most = 2 * Number(execFileSync('sysctl', ['-n', 'net.core.wmem_max']))
    expect(lines(stdout)).toEqual([`sent ${whole || most > 8 << 20}`])
  })

  test('a socket closed in its own notice is silent, and the process ends', async () => {
    const program = await begin(engine, ['close-netlink'])
    const changes = Array.from({ length: 5 }, () => 'addr add 127.0.8.1/32 dev lo\naddr del 127.0.8.1/32 dev lo\n')
    execFileSync('ip', ['-batch', '-'], { input: changes.join('') })
    expect(await program.ended).toBe(0)
    expect(lines(program.output)).toEqual(['notice'])
  })

  test('a group that does not exist is refused by name', async () => {
    expect((await play(engine, ['bad-group'])).stdout).toContain('refused EINVAL')
  })

  test('who leaves the groups hears nothing, and after joining again what happens then', async () => {
    expect(lines((await play(engine, ['ears'])).stdout)).toEqual(['true 2', 'false 0', 'true 2'])
  })

  test('200 listeners that come and go leave no descriptor', async () => {
    expect(lines((await play(engine, ['many-listeners'])).stdout)).toEqual(['heard 201, leaks false'])
  })

  test('replies that do not fit are told as lost, and the next request is answered', async () => {
    expect(lines((await play(engine, ['many-acks'])).stdout)).toEqual(['lost true true', 'again 1'])
  })

  test('lost notices are told as an overrun, and hearing goes on, as often as it happens', async () => {
    const program = await begin(engine, ['notices'])
    for (let times = 0; times < 3; times++) {
      const before = program.output.length
      await overrun(program)
      await program.waitFor('overrun', 20_000, before)
      await sleep(300)
      const seen = program.output.length
      ip('addr', 'add', '127.0.7.2/32', 'dev', 'lo')
      await program.waitFor('notice 20 false', 10_000, seen)
      ip('addr', 'del', '127.0.7.2/32', 'dev', 'lo')
    }
    expect(program.status).toBeUndefined()
  })
})

/** More notices than the buffer of 4 MiB holds, while the program cannot read. */
async function overrun(program: Background, times = 8000): Promise<void> {
  program.signal('SIGSTOP')
  const changes = Array.from({ length: times }, () => 'addr add 127.0.7.1/32 dev lo\naddr del 127.0.7.1/32 dev lo\n')
  execFileSync('ip', ['-batch', '-'], { input: changes.join('') })
  program.signal('SIGCONT')
}
