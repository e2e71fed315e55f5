/** Files, child processes, standard input and output, ports in use. */

import { createSocket } from 'node:dgram'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run, sleep } from '../support/process.ts'
import { command, ENGINES, loopbackUp, play } from './engines.ts'

const directory = mkdtempSync(join(tmpdir(), 'portico-system-'))
beforeAll(loopbackUp)
afterAll(() => rmSync(directory, { recursive: true }))

const first = (text: string) => text.split('\n')[0] ?? ''

describe.each(ENGINES)('%s', engine => {
  const outcome = async (timeout: string, ...words: string[]) =>
    JSON.parse(first((await play(engine, ['run', timeout, ...words])).stdout)) as Record<string, unknown>

  test('tells its name, its words, errors by name, the environment, random bytes', async () => {
    const { stdout } = await play(engine, ['about', 'a b', '--x', 'ü€😀'], { environment: { PORTICO_TEST: 'yes' } })
    expect(JSON.parse(first(stdout))).toEqual({
      engine: expect.stringMatching(engine === 'node' ? /^Node 2\d\./ : /^QuickJS /),
      littleEndian: true,
      words: ['a b', '--x', 'ü€😀'],
      errors: ['ENOENT', 'EADDRINUSE', 'ECONNREFUSED', 'E4095'],
      environment: ['yes', null],
      different: true,
    })
  })

  test.each([
    ['status and both outputs', ['sh', '-c', 'echo out; echo err >&2; exit 3'], 3, 'out\n', 'err\n'],
    ['no shell looks at the words', ['printf', '%s|', '$HOME', '*', 'a b'], 0, '$HOME|*|a b|', ''],
    ['the signal that ended it', ['sh', '-c', 'kill -TERM $$'], 143, '', ''],
    ['input is empty', ['cat'], 0, '', ''],
    ['text is UTF-8, broken bytes are marked', ['printf', 'gr\\303\\274n \\377'], 0, 'grün \ufffd', ''],
    ['no signal is blocked', ['sh', '-c', 'grep SigBlk /proc/self/status'], 0, 'SigBlk:\t0000000000000000\n', ''],
    ['SIGPIPE ends a child', ['sh', '-c', 'kill -PIPE $$'], 141, '', ''],
  ])('run: %s', async (_, words, status, stdout, stderr) => {
    expect(await outcome('5000', ...words)).toEqual({ status, stdout, stderr })
  })

  test('run: a program that does not exist, or that is none', async () => {
    expect((await outcome('5000', 'portico-none'))['status']).toBe(127)
    expect((await outcome('5000', '/portico/none'))['status']).toBe(127)
    expect((await outcome('5000', directory))['status']).toBe(126)
  })

  test('run: after its time the child is killed with all it started', async () => {
    const before = Date.now()
    const { status, stdout } = await outcome('300', 'sh', '-c', 'echo began; sleep 61.7 & wait')
    expect([status, stdout]).toEqual([124, 'began\n'])
    expect(Date.now() - before).toBeLessThan(5000)
    await sleep(100)
    expect((await run(['pgrep', '-f', '^sleep 61.7$'])).status).toBe(1)
  })

  test('run: a grandchild that keeps the pipe does not keep us', async () => {
    const before = Date.now()
    expect((await outcome('20000', 'sh', '-c', 'sleep 3 & echo done'))['stdout']).toBe('done\n')
    expect(Date.now() - before).toBeLessThan(2500)
  })

  test('run: a megabyte of output comes whole', async () => {
    const { stdout } = await outcome('10000', 'sh', '-c', 'yes 0123456789 | head -c 1048576')
    expect((stdout as string).length).toBe(1 << 20)
  })

  test('run: fifty children at once', async () => {
    expect((await play(engine, ['many', '50'])).stdout).toContain('right 50')
  })

  test('reads files without a size, and says what is absent', async () => {
    expect((await play(engine, ['read', '/proc/version'])).stdout).toMatch(/^\d+ Linux version/)
    expect((await play(engine, ['read', '/proc/none'])).stdout).toMatch(/^absent/)
    expect((await play(engine, ['read', `${directory}/none/none`])).stdout).toMatch(/^absent/)
    expect((await play(engine, ['read', directory])).stdout).toMatch(/^refused EISDIR/)
    writeFileSync(join(directory, 'large'), 'large content'.repeat(100_000))
    expect((await play(engine, ['read', join(directory, 'large')])).stdout).toMatch(/^1300000 large content/)
  })

  test('a file is written whole or not at all, mode 0600, with nothing left beside it', async () => {
    const place = mkdtempSync(join(directory, 'write-'))
    const path = join(place, 'state')
    const writing = play(engine, ['write', path, '300000', '200'])
    let done = false
    writing.then(() => (done = true))
    let reads = 0
    const broken: string[] = []
    while (!done) {
      await sleep(1)
      let content: Buffer
      try {
        content = readFileSync(path)
      } catch {
        continue
      }
      reads++
      if (!content.equals(Buffer.alloc(300_000, content[0]))) broken.push(`${content.length}`)
    }
    expect((await writing).stdout).toContain('written')
    expect(broken).toEqual([])
    expect(reads).toBeGreaterThan(2)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(readdirSync(place)).toEqual(['state'])
  })

  test('a failed write leaves nothing behind', async () => {
    const place = mkdtempSync(join(directory, 'fail-'))
    expect((await play(engine, ['write', join(place, 'none/state'), '10', '1'])).stdout).toContain('refused ENOENT')
    // Renaming over a directory fails after the content was written.
    const { stdout } = await play(engine, ['write', place, '10', '1'])
    expect(stdout).toMatch(/refused (EISDIR|ENOTEMPTY|EEXIST)/)
    expect(readdirSync(place)).toEqual([])
    expect(readdirSync(directory).filter(name => name.startsWith(`${place.split('/').pop()}.`))).toEqual([])
  })

  test('directories are made with their parents, and doing it twice is harmless', async () => {
    const { status, stdout, stderr } = await play(engine, ['tidy', join(directory, engine)])
    expect([status, stdout, stderr]).toEqual([0, 'refused ENOENT\nready\n', ''])
  })

  test.each([
    ['a pipe', 'one\ntwo', 'cat |'],
    ['a file', 'one\ntwo\n', ''],
  ])('lines of %s come in order, then the end', async (_, text, pipe) => {
    const path = join(directory, 'lines')
    writeFileSync(path, text)
    const program = command(engine, 'lines').join(' ')
    const line = pipe === '' ? `${program} < ${path}` : `cat ${path} | ${program}`
    const { status, stdout } = await run(['sh', '-c', line])
    expect([status, stdout]).toEqual([0, '[one]\n[two]\nend\nready\n'])
  })

  test('what was printed has left before exit', async () => {
    const { status, stdout, stderr } = await play(engine, ['exit'])
    expect([status, stdout.length, stderr.length]).toEqual([3, 300_001, 300_001])
  })

  test('a reader that went away is no reason to die by a signal', async () => {
    const program = command(engine, 'exit').join(' ')
    const { stdout } = await run([
      'bash',
      '-c',
      `${program} 2>/dev/null | head -c 1 >/dev/null; echo \${PIPESTATUS[0]}`,
    ])
    expect(first(stdout)).toBe('3')
  })

  test('a port is in use when a socket has it on this address or on all', async () => {
    const tcp = createServer().listen(6401, '127.0.0.1')
    const every = createServer().listen(6402, '0.0.0.0')
    const both = createServer().listen(6403, '::')
    const udp = createSocket('udp4').bind(6404, '127.0.0.1')
    await sleep(50)
    const used = async (transport: string, address: string) =>
      first((await play(engine, ['ports', transport, address, '6401', '6402', '6403', '6404', '6405'])).stdout)
    expect(await used('tcp', '127.0.0.1')).toBe('true true true false false')
    expect(await used('tcp', '127.0.0.2')).toBe('false true true false false')
    expect(await used('udp', '127.0.0.1')).toBe('false false false true false')
    // An address that is not ours at the moment.
    expect(await used('tcp', '198.51.100.7')).toBe('false true true false false')
    for (const server of [tcp, every, both]) server.close()
    udp.close()
  })
})
