/** Streams: backpressure, both ways of ending, many connections, and the socket file. */
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sleep, until } from '../support/process.ts'
import { abstract, ENGINES, loopbackUp, play, starter } from './engines.ts'

const directory = mkdtempSync(join(tmpdir(), 'portico-streams-'))
beforeAll(loopbackUp)
afterAll(() => rmSync(directory, { recursive: true }))

const begin = starter()

/** Sends, and gives all that came until the other side ended. */
function talk(where: { path: string } | { port: number }, text: string, half = false): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...where, allowHalfOpen: true })
    let heard = ''
    socket.on('data', bytes => (heard += bytes.toString('latin1')))
    socket.on('end', () => {
      socket.destroy()
      resolve(heard)
    })
    socket.on('error', reject)
    if (half) socket.end(text)
    else socket.write(text)
  })
}

const opened = (where: { path: string } | { port: number }): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect(where, () => resolve(socket))
    socket.once('error', reject)
  })

const cpu = (pid: number) => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10
}

describe.each(ENGINES)('%s', engine => {
  test.each([
    ['tcp', '127.0.0.1,6300', { port: 6300 }, 'peer 127.0.0.1'],
    ['unix', `${directory}/s`, { path: `${directory}/s` }, 'peer none'],
    ['abstract', '@portico-engines', { path: abstract('portico-engines') }, 'peer none'],
  ])('%s: echoes, ends after what is pending, tells when the other side ends', async (_, where, target, peer) => {
    const program = await begin(engine, ['listen', where])
    expect(await talk(target, 'end of it')).toBe('end of it')
    await program.waitFor(peer)
    expect(await talk(target, 'half', true)).toBe('halfafter the end')
    await program.waitFor('ended')
    const closed = await opened(target)
    const gone = new Promise(resolve => closed.on('close', resolve).on('error', () => undefined))
    closed.write('close')
    await gone
    expect(await talk(target, 'end still there')).toBe('end still there')
  })

  test('a connection from us is a stream too', async () => {
    const server = createServer(socket => socket.once('data', bytes => socket.end(`heard ${bytes}`)))
    await new Promise<void>(resolve => server.listen(6301, '127.0.0.1', resolve))
    expect((await play(engine, ['connect', '127.0.0.1,6301'])).stdout).toContain('heard hello')
    server.close()
    expect((await play(engine, ['connect', '127.0.0.1,6301'])).stdout).toContain('refused ECONNREFUSED')
    expect((await play(engine, ['connect', `${directory}/none`])).stdout).toContain('refused ENOENT')
  })

  test('a reader that pauses holds the writer back, and gets every byte', async () => {
    const program = await begin(engine, ['pour', '127.0.0.1,6302', '24'])
    const socket = await opened({ port: 6302 })
    await sleep(300)
    expect(program.output).not.toContain('most pending')
    let length = 0
    let wrong = 0
    const ended = new Promise<void>(resolve => socket.on('end', resolve))
    socket.on('data', bytes => {
      for (let i = 0; i < bytes.length; i += 997) {
        const piece = Math.floor((length + i) / 65536)
        if (bytes[i] !== ((24 * 16 - piece) & 255)) wrong++
      }
      length += bytes.length
    })
    await ended
    expect([length, wrong]).toEqual([24 << 20, 0])
    const [, most] = await program.waitFor(/most pending (\d+)/)
    expect(Number(most)).toBeLessThan((1 << 18) + (1 << 16) + 1)
    socket.destroy()
  })

  test('what is pending at the end arrives, and nothing after it', async () => {
    const program = await begin(engine, ['heap', '127.0.0.1,6303', '8'])
    const socket = await opened({ port: 6303 })
    const [, pending] = await program.waitFor(/pending (\d+)/)
    expect(Number(pending)).toBeGreaterThan(1 << 20)
    await sleep(200)
    let length = 0
    socket.on('data', bytes => (length += bytes.length))
    await new Promise<void>(resolve => socket.on('end', resolve))
    expect(length).toBe(8 << 20)
    socket.destroy()
  })

  test('text is written as bytes are, and what the kernel did not take waits in its order', async () => {
    const program = await begin(engine, ['words', '127.0.0.1,6306', '120'])
    const socket = await opened({ port: 6306 })
    const [, pending] = await program.waitFor(/pending (\d+)/)
    expect(Number(pending)).toBeGreaterThan(1 << 20)
    const parts: Buffer[] = []
    socket.on('data', bytes => parts.push(bytes))
    await new Promise<void>(resolve => socket.on('end', resolve))
    const lines = Array.from({ length: 120 }, (_, i) => `${i} ${'abcdefgh'.repeat(8192)}\n`)
    expect(Buffer.concat(parts).equals(Buffer.from(lines.join('')))).toBe(true)
    socket.destroy()
  })

  test('a peer that vanishes with data under way ends nothing but its own stream', async () => {
    const program = await begin(engine, ['heap', '127.0.0.1,6304', '8'])
    for (let i = 0; i < 3; i++) {
      const socket = await opened({ port: 6304 })
      await sleep(50)
      socket.resetAndDestroy()
      await sleep(50)
    }
    const before = cpu(program.pid)
    await sleep(500)
    expect(cpu(program.pid) - before).toBeLessThanOrEqual(20)
    expect(program.status).toBe(undefined)
  })

  test('1,200 connections at once, each served', async () => {
    await begin(engine, ['listen', '@portico-many'], ['prlimit', '--nofile=4096'])
    const sockets: Socket[] = []
    const echo = (socket: Socket, text: string) => {
      const heard = new Promise<string>(resolve => socket.once('data', bytes => resolve(String(bytes))))
      socket.write(text)
      return heard
    }
    for (let i = 0; i < 1200; i++) {
      const socket = await opened({ path: abstract('portico-many') })
      sockets.push(socket)
      expect(await echo(socket, `first ${i}`)).toBe(`first ${i}`)
    }
    const again = await Promise.all(sockets.map((socket, n) => echo(socket, `again ${n}`)))
    expect(again).toEqual(sockets.map((_, n) => `again ${n}`))
    for (const socket of sockets) socket.destroy()
  })

  test('out of descriptors it refuses without spinning, and serves again when there are some', async () => {
    const program = await begin(engine, ['listen', '127.0.0.1,6305'], ['prlimit', '--nofile=40'])
    const sockets: Socket[] = []
    for (let i = 0; i < 80; i++) {
      const socket = connect({ port: 6305, host: '127.0.0.1' })
      socket.on('error', () => undefined)
      sockets.push(socket)
    }
    await until('refusals', async () => (sockets.filter(socket => socket.destroyed).length > 30 ? true : undefined))
    const before = cpu(program.pid)
    await sleep(500)
    expect(cpu(program.pid) - before).toBeLessThanOrEqual(20)
    for (const socket of sockets) socket.destroy()
    await sleep(100)
    expect(await talk({ port: 6305 }, 'end again')).toBe('end again')
  })

  test('a socket file has mode 0600, is not taken from who listens, and is taken over from the dead', async () => {
    const path = `${directory}/${engine}.sock`
    const first = await begin(engine, ['listen', path])
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect((await play(engine, ['listen', path])).stdout).toContain('refused EADDRINUSE')
    await first.kill()
    expect(existsSync(path)).toBe(true)
    await begin(engine, ['listen', path])
    expect(await talk({ path }, 'end')).toBe('end')
  })

  test('a closed listener refuses, and its socket file is gone', async () => {
    const path = `${directory}/${engine}-closed.sock`
    await begin(engine, ['listen', path])
    const socket = await opened({ path })
    socket.write('shut')
    await new Promise(resolve => socket.once('data', resolve))
    await until('no socket file', async () => (existsSync(path) ? undefined : true))
    await expect(opened({ path })).rejects.toThrow('ENOENT')
    socket.destroy()
  })

  test('a file that is no socket is left alone', async () => {
    const path = `${directory}/${engine}-plain`
    writeFileSync(path, 'precious')
    expect((await play(engine, ['listen', path])).stdout).toContain('refused EADDRINUSE')
    expect(readFileSync(path, 'utf8')).toBe('precious')
    chmodSync(path, 0o600)
  })

  test('a name in the abstract space is a lock that ends with its owner', async () => {
    const owner = await begin(engine, ['listen', '@portico-lock'])
    for (const other of ENGINES) {
      expect((await play(other, ['listen', '@portico-lock'])).stdout).toContain('refused EADDRINUSE')
    }
    await owner.kill()
    const next = await begin(engine, ['listen', '@portico-lock'])
    expect(next.output).not.toContain('refused')
    // Another namespace has names of its own.
    const elsewhere = execFileSync('unshare', ['--net', 'sh', '-c', 'cat /proc/net/unix']).toString()
    expect(elsewhere).not.toContain('@portico-lock')
  })
})
