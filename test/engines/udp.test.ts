/** UDP: who may be heard, from which address the answer leaves. */
import { createSocket } from 'node:dgram'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Background } from '../support/process.ts'
import { ENGINES, loopbackUp, play, QUICKJS, starter } from './engines.ts'
import { askFrom, ip, neighbour } from './machines.ts'
import { Client } from './udp.ts'

let lan: Background
let wan: Background
beforeAll(async () => {
  loopbackUp()
  lan = await neighbour('lan0', '10.9.0')
  wan = await neighbour('wan0', '10.7.0')
  ip('addr', 'add', '127.0.0.77/8', 'dev', 'lo')
  ip('addr', 'add', 'fd00:8::1/64', 'dev', 'lo', 'nodad')
})

afterAll(async () => {
  await lan.kill()
  await wan.kill()
})

const started: Background[] = []
const begin = starter(started)

describe.each(ENGINES)('%s', engine => {
  test('answers leave from the address and port that were asked', async () => {
    await begin(engine, ['udp', '127.0.0.77', '6200', 'lo'])
    const client = new Client()
    const answer = await client.ask('question', 6200, '127.0.0.77')
    const { port } = client.socket.address()
    expect(answer?.text).toBe(`127.0.0.1 ${port} 8 question`)
    expect([answer?.from.address, answer?.from.port]).toEqual(['127.0.0.77', 6200])
    client.close()
  })

  test('datagrams to another address are not delivered', async () => {
    await begin(engine, ['udp', '127.0.0.77', '6201', 'lo'])
    const client = new Client()
    client.socket.on('error', () => undefined)
    expect(await client.ask('elsewhere', 6201, '127.0.0.78', 200)).toBe(undefined)
    expect((await client.ask('here', 6201, '127.0.0.77'))?.text).toContain('here')
    client.close()
  })

  test('an empty datagram is one, and a long one is cut at 2048 bytes', async () => {
    await begin(engine, ['udp', '127.0.0.1', '6202', 'lo'])
    const client = new Client()
    expect((await client.ask('', 6202))?.text).toMatch(/ 0 $/)
    expect((await client.ask('z'.repeat(60_000), 6202))?.text).toMatch(/ 2048 zzzzzzzz$/)
    client.close()
  })

  test('IPv6 addresses are canonical', async () => {
    await begin(engine, ['udp', 'fd00:8::1', '6203', 'lo'])
    const client = createSocket('udp6')
    const answer = new Promise<string>(resolve => client.once('message', bytes => resolve(bytes.toString())))
    client.bind({ address: 'fd00:8::1' }, () => client.send('six', 6203, 'fd00:8::1'))
    expect(await answer).toMatch(/^fd00:8::1 \d+ 3 six$/)
    client.close()
  })

  test.each([
    ['an address of another machine', '192.0.2.1', '6204', 'lo', 'EADDRNOTAVAIL'],
    ['a port that is taken', '127.0.0.1', '6205', 'lo', 'EADDRINUSE'],
  ])('opening on %s is refused by name', async (_, address, port, device, code) => {
    const other = createSocket('udp4')
    await new Promise<void>(resolve => other.bind(6205, '127.0.0.1', resolve))
    expect((await play(engine, ['udp', address, port, device])).stdout).toContain(`refused ${code}`)
    other.close()
  })

  test('multicast leaves by the device with the hops asked for', async () => {
    ip('link', 'add', 'mc0', 'type', 'veth', 'peer', 'name', 'mc1')
    try {
      ip('addr', 'add', '10.8.0.1/24', 'dev', 'mc0')
      for (const device of ['mc0', 'mc1']) ip('link', 'set', device, 'up')
      const capture = new Background(['python3', '-c', CAPTURE, 'mc1'])
      started.push(capture)
      await capture.waitFor('watching')
      await play(engine, ['udp-send', '10.8.0.1', '6206', 'mc0', '224.0.0.1', '5350'])
      await capture.waitFor('7 10.8.0.1 hello')
    } finally {
      ip('link', 'delete', 'mc0')
    }
  })
})

describe.each(QUICKJS)('%s', engine => {
  test('hears nothing that came in by another interface', async () => {
    await begin(engine, ['udp', '10.9.0.1', '6207', 'lan0'])
    expect(await askFrom(lan, '10.9.0.2', '10.9.0.1', 6207)).toMatch(/^10\.9\.0\.2 \d+ 2 hi$/)
    // The address of the LAN is reached by the other interface too; without the device the kernel would deliver.
    expect(await askFrom(wan, '10.7.0.2', '10.9.0.1', 6207)).toBe('silence')
    await begin('node', ['udp', '10.9.0.1', '6209', 'lan0'])
    expect(await askFrom(wan, '10.7.0.2', '10.9.0.1', 6209)).toMatch(/^10\.7\.0\.2 \d+ 2 hi$/)
  })

  test('a device that does not exist is refused by name', async () => {
    expect((await play(engine, ['udp', '127.0.0.1', '6208', 'none0'])).stdout).toContain('refused ENODEV')
  })
})

/** Watches for the first UDP datagram to port 5350 that comes in by the device: prints hops, source, content. */
const CAPTURE = `
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
s.bind((sys.argv[1], 0x0800))
print('watching', flush=True)
while True:
    p = s.recv(2048)
    if p[9] == 17 and p[22:24] == (5350).to_bytes(2, 'big'):
        print(p[8], '.'.join(map(str, p[12:16])), p[28:].decode())
        break
`
