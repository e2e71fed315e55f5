import { describe, expect, test } from 'vitest'
import type { Ip, Mac, Port } from '../../../src/base/ip.ts'
import { textOf, utf8Encode } from '../../../src/base/text.ts'
import type { Instant } from '../../../src/base/time.ts'
import { deviceBehind } from '../../../src/core/holder.ts'
import type { HttpHandler, ServerLimits } from '../../../src/daemon/http.ts'
import { HttpServer, SERVER_LIMITS } from '../../../src/daemon/http.ts'
import type { HttpPieces, HttpRequest, HttpResponse } from '../../../src/wire/http.ts'
import { MemoryStream, settle } from '../../support/memory-stream.ts'

const ok = (text: string): HttpResponse => ({ status: 200, fields: [], body: utf8Encode(text) })

/** A server, its clock, and the alarm that the timers would set. */
class Room {
  time = 0
  rearmed = 0
  readonly seen: HttpRequest[] = []
  readonly server: HttpServer

  constructor(
    handle: HttpHandler = async request => ok(`${request.method} ${request.target}`),
    limits: Partial<ServerLimits> = {},
  ) {
    this.server = new HttpServer({
      clock: { now: () => this.time as Instant },
      handle: (request, peer) => {
        this.seen.push(request)
        return handle(request, peer)
      },
      rearm: () => this.rearmed++,
      limits,
    })
  }

  connect(ip?: string): MemoryStream {
    const stream = new MemoryStream(ip === undefined ? undefined : { ip: ip as Ip, port: 40_000 as Port })
    this.server.accept(stream)
    return stream
  }

  /** Of a device that may not be known yet. */
  connectOf(ip: string, macOf: () => string | undefined): MemoryStream {
    const stream = new MemoryStream({ ip: ip as Ip, port: 40_000 as Port })
    this.server.accept(
      stream,
      undefined,
      deviceBehind(ip as Ip, () => macOf() as Mac | undefined),
    )
    return stream
  }

  /** Time passes, and the alarm rings whenever it was set to. */
  async pass(ms: number): Promise<void> {
    const end = this.time + ms
    for (;;) {
      const at = this.server.wakeAt
      if (at === undefined || at > end) break
      this.time = Math.max(this.time, at)
      this.server.wake(this.time as Instant)
      await settle()
    }
    this.time = end
  }
}

const get = (target: string, fields = '') => `GET ${target} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`
const answer = (text: string, connection = 'keep-alive') =>
  `HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\nConnection: ${connection}\r\n\r\n${text}`
const firstLine = (text: string) => text.slice(0, text.indexOf('\r\n'))

describe('HttpServer', () => {
  test('answers one request after the other on a connection', async () => {
    const room = new Room()
    const client = room.connect()
    client.send(get('/1'))
    await settle()
    expect(client.read()).toBe(answer('GET /1'))
    client.send(get('/2', 'Connection: close\r\n'))
    await settle()
    expect(client.read()).toBe(answer('GET /2', 'close'))
    expect(client.state).toBe('ended')
    expect(room.server.connections).toBe(0)
  })

  test('answers requests that come together in their order, one at a time', async () => {
    let running = 0
    let most = 0
    const room = new Room(async request => {
      most = Math.max(most, ++running)
      await settle()
      running--
      return ok(request.target)
    })
    const client = room.connect()
    client.send(get('/1') + get('/2') + get('/3'))
    for (let i = 0; i < 10; i++) {
      await settle()
      await room.pass(0)
    }
    expect(client.read()).toBe(answer('/1') + answer('/2') + answer('/3'))
    expect(most).toBe(1)
  })

  test('S14: after each answer everybody else has a turn, however many requests came together', async () => {
    const room = new Room()
    const [eager, modest] = [room.connect(), room.connect()]
    eager.send(get('/1') + get('/2') + get('/3'))
    modest.send(get('/a'))
    await settle()
    expect(room.seen.map(({ target }) => target)).toEqual(['/1', '/a'])
    modest.send(get('/b'))
    await room.pass(0)
    expect(room.seen.map(({ target }) => target)).toEqual(['/1', '/a', '/2', '/b', '/3'])
  })

  test('S14: a crowd of pipelines keeps a good client waiting for one request of each of its addresses at most', async () => {
    const served: string[] = []
    const room: Room = new Room(
      async ({ target }) => {
        room.time++ // making an answer takes time
        served.push(target)
        return ok('x')
      },
      { connections: 64, perPeer: 8 },
    )
    for (let i = 0; i < 60; i++) room.connect(`10.0.0.${i % 20}`).send(get('/flood').repeat(30))
    await settle()
    for (let i = 0; i < 10; i++) await room.pass(0)
    const good = room.connect('192.168.1.7')
    const before = served.length
    good.send(get('/good'))
    while (!served.includes('/good')) {
      room.server.wake(room.time as Instant)
      await settle()
    }
    expect(served.indexOf('/good') - before <= 20).toBe(true)
  })

  test('S14: of a crowd of one device, with many addresses, for one request', async () => {
    const served: string[] = []
    const room: Room = new Room(
      async ({ target }) => {
        room.time++
        served.push(target)
        return ok('x')
      },
      { connections: 64, perPeer: 16 },
    )
    const crowd = Array.from({ length: 16 }, (_, n) => room.connectOf(`10.0.0.${n}`, () => '02:00:00:00:00:0a'))
    for (const each of crowd) each.send(get('/flood').repeat(30))
    await settle()
    for (let i = 0; i < 10; i++) await room.pass(0)
    const good = room.connectOf('192.168.1.7', () => '02:00:00:00:00:0b')
    const before = served.length
    good.send(get('/good'))
    while (!served.includes('/good')) {
      room.server.wake(room.time as Instant)
      await settle()
    }
    expect(served.indexOf('/good') - before).toBeLessThanOrEqual(1)
  })

  test('S14: a slice of work ends after some milliseconds, and the alarm brings the next', async () => {
    const room: Room = new Room(async ({ target }) => {
      room.time++
      return ok(target)
    })
    for (let i = 0; i < 20; i++) room.connect(`10.0.0.${i}`).send(get('/'))
    expect([room.seen.length, room.server.wakeAt]).toEqual([5, room.time])
    room.server.wake(room.time as Instant)
    expect([room.seen.length, room.server.wakeAt]).toEqual([10, room.time])
    await room.pass(20)
    expect(room.seen).toHaveLength(20)
  })

  test('who is alone need not wait for the next slice', async () => {
    const room: Room = new Room(async ({ target }) => {
      room.time += 10
      return ok(target)
    })
    const client = room.connect()
    for (let n = 1; n <= 3; n++) {
      client.send(get('/'))
      expect(room.seen).toHaveLength(n)
      await settle()
    }
  })

  test('what came as text is served as what came as bytes', async () => {
    const room = new Room(async request => ok(textOf(request.body)))
    const client = room.connect()
    const post = (body: string) => `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    for (const parts of [[post('ab')], [post('cd')], [post('ef').slice(0, 50), post('ef').slice(50)], [post('gh')]]) {
      for (const part of parts) client.sendText(part)
      await settle()
      expect(client.read()).toBe(answer(parts.join('').slice(-2)))
    }
  })

  test('hands over the body, however it comes in', async () => {
    const room = new Room(async request => ok(textOf(request.body)))
    const client = room.connect()
    for (const char of 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n')
      client.send(char)
    await settle()
    expect(client.read()).toBe(answer('hi'))
  })

  test('says 100 Continue to a client that waits for it', async () => {
    const room = new Room(async request => ok(textOf(request.body)))
    const client = room.connect()
    client.send('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n')
    await settle()
    expect(client.read()).toBe('HTTP/1.1 100 Continue\r\n\r\n')
    client.send('hi')
    await settle()
    expect(client.read()).toBe(answer('hi'))
  })

  test('refuses what is no HTTP, closes, and reads no further', async () => {
    const room = new Room()
    const client = room.connect()
    client.send(`HELO\r\n\r\n${get('/')}`)
    await settle()
    expect(firstLine(client.read())).toBe('HTTP/1.1 400 Bad Request')
    expect(client.state).toBe('ended')
    expect(room.seen).toHaveLength(0)
    expect(room.server.connections).toBe(0)
  })

  test('refuses a long body before it comes', async () => {
    const room = new Room()
    const client = room.connect()
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2147483648\r\n\r\n')
    expect(firstLine(client.read())).toBe('HTTP/1.1 413 Content Too Large')
    expect(client.state).toBe('ended')
  })

  test('a handler that fails is answered with 500, at once or later', async () => {
    const failing: readonly HttpHandler[] = [
      () => {
        throw new Error('at once')
      },
      () => new Promise((_, reject) => void settle().then(() => reject(new Error('later')))),
    ]
    for (const handle of failing) {
      const room = new Room(handle)
      const client = room.connect()
      client.send(get('/'))
      await settle()
      await settle()
      expect(firstLine(client.read())).toBe('HTTP/1.1 500 Internal Server Error')
    }
  })

  test('closes a connection that says nothing', async () => {
    const room = new Room()
    const client = room.connect()
    await room.pass(SERVER_LIMITS.idle - 1)
    expect(client.state).toBe('open')
    await room.pass(1)
    expect(client.state).toBe('closed')
    expect(room.server.wakeAt).toBeUndefined()
  })

  test('a head that drips in does not keep its connection', async () => {
    const room = new Room()
    const client = room.connect()
    client.send('GET / HTTP/1.1\r\n')
    for (let i = 0; i < 20; i++) {
      client.send('X: y\r\n')
      await room.pass(1000)
    }
    expect(firstLine(client.read())).toBe('HTTP/1.1 408 Request Timeout')
    expect(client.state).toBe('ended')
  })

  test('a body that drips in does not keep its connection', async () => {
    const room = new Room()
    const client = room.connect()
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n')
    for (let i = 0; i < 20; i++) {
      client.send('x')
      await room.pass(1000)
    }
    expect(firstLine(client.read())).toBe('HTTP/1.1 408 Request Timeout')
  })

  test('a handler that never answers costs its connection only', async () => {
    const room = new Room(request => (request.target === '/never' ? new Promise(() => {}) : Promise.resolve(ok('hi'))))
    const stuck = room.connect()
    stuck.send(get('/never'))
    const other = room.connect()
    other.send(get('/'))
    await settle()
    expect(other.read()).toBe(answer('hi'))
    await room.pass(SERVER_LIMITS.handle)
    expect(firstLine(stuck.read())).toBe('HTTP/1.1 503 Service Unavailable')
    expect(room.server.connections).toBe(0)
  })

  test('an answer that comes too late is dropped', async () => {
    let late: (response: HttpResponse) => void = () => {}
    const room = new Room(
      () =>
        new Promise(resolve => {
          late = resolve
        }),
    )
    const client = room.connect()
    client.send(get('/'))
    await room.pass(SERVER_LIMITS.handle)
    client.read()
    late(ok('late'))
    await settle()
    expect(client.read()).toBe('')
  })

  test('a client that takes nothing is dropped, one that takes a little is not', async () => {
    const room = new Room(async () => ok('x'.repeat(200_000)))
    const stuck = room.connect()
    const slow = room.connect()
    for (const client of [stuck, slow]) {
      client.isStuck = true
      client.send(get('/'))
    }
    await settle()
    for (let i = 0; i < 40; i++) {
      await room.pass(1000)
      if (i % 10 === 9) slow.pending -= 1000
    }
    expect(stuck.state).toBe('closed')
    expect(slow.state).toBe('open')
    slow.pending = 0
    slow.isStuck = false
    await room.pass(1000)
    slow.read()
    slow.send(get('/'))
    await settle()
    expect(firstLine(slow.read())).toBe('HTTP/1.1 200 OK')
  })

  test('no further request is worked on while answers pile up', async () => {
    const room = new Room(async () => ok('x'.repeat(100_000)))
    const client = room.connect()
    client.isStuck = true
    client.send(get('/1') + get('/2'))
    await settle()
    expect(room.seen).toHaveLength(1)
    client.pending = 0
    await room.pass(1000)
    expect(room.seen).toHaveLength(2)
  })

  test('a client that floods while it is served is dropped', async () => {
    const room = new Room(() => new Promise(() => {}))
    const client = room.connect()
    client.send(get('/'))
    for (let i = 0; i < 10 && client.state === 'open'; i++) client.send(new Uint8Array(10_000))
    expect(client.state).toBe('closed')
    expect(room.server.connections).toBe(0)
  })

  test('a connection serves a bounded number of requests', async () => {
    const room = new Room(undefined, { requests: 3 })
    const client = room.connect()
    client.send(get('/').repeat(5))
    await settle()
    await room.pass(0)
    expect(client.read()).toBe(answer('GET /') + answer('GET /') + answer('GET /', 'close'))
    expect(room.seen).toHaveLength(3)
  })

  test('more connections than allowed are refused, in all and from one address', async () => {
    const room = new Room(undefined, { connections: 5, perPeer: 2 })
    const mine = [1, 2, 3].map(() => room.connect('192.168.1.7'))
    expect(mine.map(({ state }) => state)).toEqual(['open', 'open', 'ended'])
    expect(firstLine((mine[2] as MemoryStream).read())).toBe('HTTP/1.1 503 Service Unavailable')
    const others = [8, 9, 10].map(n => room.connect(`192.168.1.${n}`))
    expect(others.map(({ state }) => state)).toEqual(['open', 'open', 'open'])
    expect(room.connect('192.168.1.7').state).toBe('ended')
    mine[0]?.finish()
    expect(room.connect('192.168.1.7').state).toBe('open')
  })

  test('S14: when it is full, who has none gets the oldest of those who have the most', () => {
    const room = new Room(undefined, { connections: 5, perPeer: 2 })
    const [older, newer] = [room.connect('10.0.0.1'), room.connect('10.0.0.1')]
    const others = [2, 3, 4].map(n => room.connect(`10.0.0.${n}`))
    expect(room.connect('192.168.1.7').state).toBe('open')
    expect([older.state, newer.state, ...others.map(({ state }) => state)]).toEqual([
      'closed',
      'open',
      'open',
      'open',
      'open',
    ])
    // Now everybody has one: the first that came goes.
    expect(room.connect('192.168.1.8').state).toBe('open')
    expect([newer.state, ...others.map(({ state }) => state)]).toEqual(['closed', 'open', 'open', 'open'])
    expect(room.server.connections).toBe(5)
  })

  test('S14: a device has as many as one address, whatever addresses it takes; also when it is known only later', () => {
    const room = new Room(undefined, { connections: 8, perPeer: 2 })
    const known = new Map<string, string>()
    const open = (n: number) => room.connectOf(`10.0.0.${n}`, () => known.get(`10.0.0.${n}`)).state
    expect([1, 2, 3].map(open)).toEqual(['open', 'open', 'open'])
    for (let n = 1; n <= 9; n++) known.set(`10.0.0.${n}`, '02:00:00:00:00:0a')
    expect([4, 1].map(open)).toEqual(['ended', 'ended'])
    // Its address leaves the table of neighbours: it is remembered who that was.
    known.clear()
    known.set('10.0.0.9', '02:00:00:00:00:0a')
    expect([9, 20].map(open)).toEqual(['ended', 'open'])
  })

  test('S14: few are told why they are turned away; a crowd is only cut off, until the second is over', () => {
    const room = new Room(undefined, { connections: 4, perPeer: 2 })
    const turnedAway = () => room.connect('10.0.0.1')
    for (let n = 0; n < 2; n++) turnedAway()
    const crowd = Array.from({ length: 40 }, turnedAway)
    expect(crowd.map(({ state }) => state)).toEqual([
      ...new Array<string>(32).fill('ended'),
      ...new Array<string>(8).fill('closed'),
    ])
    room.time = 1000
    const next = turnedAway()
    expect([next.state, firstLine(next.read())]).toEqual(['ended', 'HTTP/1.1 503 Service Unavailable'])
  })

  test('S14: nobody loses a connection whose answer is being made', async () => {
    const room = new Room(() => new Promise(() => undefined), { connections: 2, perPeer: 2 })
    const working = [1, 2].map(n => room.connect(`10.0.0.${n}`))
    for (const each of working) each.send(get('/'))
    expect(room.connect('192.168.1.7').state).toBe('ended')
    expect(working.map(({ state }) => state)).toEqual(['open', 'open'])
  })

  test('300 silent connections keep nobody out once their time is up', async () => {
    const room = new Room()
    for (let i = 0; i < 300; i++) room.connect(`10.0.0.${i % 250}`).send('GET / HT')
    expect(room.server.connections).toBe(SERVER_LIMITS.connections)
    await room.pass(SERVER_LIMITS.receive)
    const good = room.connect('192.168.1.7')
    good.send(get('/'))
    await settle()
    expect(good.read()).toBe(answer('GET /'))
  })

  test('a client that has finished sending still gets its answer', async () => {
    const room = new Room(async () => {
      await settle()
      return ok('hi')
    })
    const client = room.connect()
    client.send(get('/'))
    client.finish()
    for (let i = 0; i < 4; i++) await settle()
    expect(client.read()).toBe(answer('hi', 'close'))
    expect(client.state).toBe('ended')
  })

  test('a client that leaves in the middle of a request is forgotten', () => {
    const room = new Room()
    const client = room.connect()
    client.send('GET / HT')
    client.finish()
    expect(client.state).toBe('closed')
    expect(room.server.connections).toBe(0)
  })

  const streamed = (pieces: Iterable<string>): HttpPieces => ({
    status: 200,
    fields: [],
    pieces: Array.from(pieces, piece => utf8Encode(piece)),
  })

  test('an answer in pieces goes out in chunks, empty ones left out', async () => {
    const room = new Room(async () => streamed(['ab', '', 'c'.repeat(17)]))
    const client = room.connect()
    client.send(get('/1') + get('/2'))
    await settle()
    await room.pass(0)
    const one = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n2\r\nab\r\n11\r\n${'c'.repeat(17)}\r\n0\r\n\r\n`
    expect(client.read()).toBe(one + one)
  })

  test('to HTTP/1.0 the end of the connection is the end of the pieces', async () => {
    const room = new Room(async () => streamed(['ab', 'c']))
    const client = room.connect()
    client.send('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
    await settle()
    expect(client.read()).toBe('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc')
    expect(client.state).toBe('ended')
  })

  test('HEAD gets no pieces', async () => {
    const room = new Room(async () => streamed(['ab']))
    const client = room.connect()
    client.send('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n')
    await settle()
    expect(client.read()).toBe('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n')
  })

  test('pieces are made only as fast as the client takes them, and only for a moment at a time', async () => {
    let made = 0
    let now = () => 0
    function* pieces() {
      for (; made < 1000; made++) {
        if (now() >= 10_000) room.time++ // making takes time, once it is looked at
        yield new Uint8Array(1000)
      }
    }
    const room: Room = new Room(async () => ({ status: 200, fields: [], pieces: pieces() }))
    now = () => room.time
    const client = room.connect()
    client.isStuck = true
    client.send(get('/'))
    await settle()
    expect(made < 70).toBe(true)
    await room.pass(10_000)
    expect(made < 70).toBe(true)
    client.isStuck = false
    client.pending = 0
    room.server.wake(room.time as Instant)
    expect(made < 80).toBe(true)
    await room.pass(5000)
    expect(made).toBe(1000)
    expect(client.read().endsWith('\r\n0\r\n\r\n')).toBe(true)
  })

  test('a client that takes no pieces is dropped, and they are made no further', async () => {
    let made = 0
    function* pieces() {
      for (; ; made++) yield new Uint8Array(1000)
    }
    const room = new Room(async () => ({ status: 200, fields: [], pieces: pieces() }))
    const client = room.connect()
    client.isStuck = true
    client.send(get('/'))
    await settle()
    await room.pass(SERVER_LIMITS.send + 1000)
    expect(client.state).toBe('closed')
    expect(made < 70).toBe(true)
    expect(room.server.wakeAt).toBeUndefined()
  })

  test('pieces that fail break the connection off', async () => {
    function* pieces() {
      yield utf8Encode('ab')
      throw new Error('fault')
    }
    const room = new Room(async () => ({ status: 200, fields: [], pieces: pieces() }))
    const client = room.connect()
    client.send(get('/'))
    await settle()
    expect(client.read().endsWith('2\r\nab\r\n')).toBe(true)
    expect(client.state).toBe('closed')
    expect(room.server.connections).toBe(0)
  })

  test('close() closes all', () => {
    const room = new Room()
    const clients = [room.connect(), room.connect()]
    room.server.close()
    expect(clients.map(({ state }) => state)).toEqual(['closed', 'closed'])
    expect(room.server.connections).toBe(0)
  })

  test('asks for an earlier alarm, and never to put one off', async () => {
    const room = new Room()
    const client = room.connect()
    expect([room.rearmed, room.server.wakeAt]).toEqual([1, SERVER_LIMITS.idle])
    client.send('GET / HT')
    expect([room.rearmed, room.server.wakeAt]).toEqual([2, SERVER_LIMITS.receive])
    client.send('TP/1.1\r\nHost: a\r\n\r\n')
    await settle()
    room.connect()
    expect([room.rearmed, room.server.wakeAt]).toEqual([2, SERVER_LIMITS.receive])
    room.time = SERVER_LIMITS.receive
    room.server.wake(room.time as Instant)
    expect([room.rearmed, room.server.wakeAt]).toEqual([2, SERVER_LIMITS.idle])
  })
})
