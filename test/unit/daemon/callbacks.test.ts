/** Events on their way: one connection each, and what its end means. */

import { describe, expect, test } from 'vitest'
import type { Ip, Port } from '../../../src/base/ip.ts'
import { utf8Decode } from '../../../src/base/text.ts'
import { Callbacks, outcomeOf } from '../../../src/daemon/callbacks.ts'
import type { Dialing, DialOptions, Platform, Stream } from '../../../src/platform/platform.ts'
import { SystemError } from '../../../src/platform/platform.ts'

const bytesOf = (text: string) => Uint8Array.from(text, char => char.charCodeAt(0))

/** What a subscriber's host does, by hand. */
class Wire {
  readonly said: string[] = []
  dialled: DialOptions | undefined
  #done: ((outcome: Stream | SystemError) => void) | undefined
  #each: (bytes: Uint8Array) => void = () => undefined
  #ended: () => void = () => undefined
  readonly callbacks = new Callbacks({
    platform: {
      dial: (to: DialOptions, done: (outcome: Stream | SystemError) => void) => this.#dial(to, done),
    } as Platform,
    addressFor: (_host, device) => (device === 'br-lan' ? ('192.168.1.1' as Ip) : undefined),
    connected: id => this.said.push(`connected ${id}`),
    finished: (id, outcome) =>
      this.said.push(`finished ${id} ${outcome.is === 'answered' ? outcome.status : outcome.is}`),
  })

  deliver(device = 'br-lan'): void {
    const to = { ip: '192.168.1.100' as Ip, port: 7000 as Port, target: '/' }
    this.callbacks.deliver({ id: 1, device, to, bytes: bytesOf('NOTIFY') })
  }
  connect(): void {
    this.#done?.({
      pending: 0,
      peer: undefined,
      take: (each, ended) => {
        this.#each = each
        this.#ended = ended
      },
      write: content => void this.said.push(`sent ${typeof content === 'string' ? content : utf8Decode(content)}`),
      end: () => undefined,
      close: () => void this.said.push('closed'),
    })
  }
  fail(): void {
    this.#done?.(new SystemError('connecting', 'ECONNREFUSED'))
  }
  say(text: string): void {
    this.#each(bytesOf(text))
  }
  end(): void {
    this.#ended()
  }
  #dial(to: DialOptions, done: (outcome: Stream | SystemError) => void): Dialing {
    this.dialled = to
    this.#done = done
    return { close: () => void this.said.push('given up') }
  }
}

describe('Callbacks', () => {
  test('an event is sent, its answer read, its connection closed', () => {
    const wire = new Wire()
    wire.deliver()
    expect(wire.dialled).toEqual({ address: '192.168.1.100', port: 7000, device: 'br-lan', from: '192.168.1.1' })
    wire.connect()
    wire.say('HTTP/1.1 2')
    wire.say('00 OK\r\nContent-Length: 0\r\n\r\n')
    expect(wire.said).toEqual(['connected 1', 'sent NOTIFY', 'closed', 'finished 1 200'])
    expect(wire.callbacks.size).toBe(0)
  })

  test('without an address of ours the kernel chooses', () => {
    const wire = new Wire()
    wire.deliver('br-other')
    expect(wire.dialled).toEqual({ address: '192.168.1.100', port: 7000, device: 'br-other' })
  })

  test.each([
    ['nobody there', (wire: Wire) => wire.fail(), ['given up', 'finished 1 broken']],
    [
      'an end without an answer',
      (wire: Wire) => {
        wire.connect()
        wire.end()
      },
      ['connected 1', 'sent NOTIFY', 'closed', 'finished 1 broken'],
    ],
  ])('%s breaks it', (_, happens, said) => {
    const wire = new Wire()
    wire.deliver()
    happens(wire)
    expect(wire.said).toEqual(said)
  })

  test('abandoned before or after the connection, nothing is heard of it', () => {
    for (const isConnected of [false, true]) {
      const wire = new Wire()
      wire.deliver()
      if (isConnected) wire.connect()
      wire.callbacks.abandon(1)
      wire.say('HTTP/1.1 200 OK\r\n')
      wire.end()
      expect(wire.said.filter(each => each.startsWith('finished'))).toEqual([])
      expect(wire.said.at(-1)).toBe(isConnected ? 'closed' : 'given up')
    }
  })
})

describe('outcomeOf()', () => {
  test.each([
    ['HTTP/1.1 200 OK\r\n', 200],
    ['HTTP/1.0 412 Precondition Failed\n', 412],
    ['HTTP/1.1 200\r\n', 200],
    ['HTTP/1.1 2000 OK\r\n', 'broken'],
    ['HTTP/2 200\r\n', 'broken'],
    ['hello\r\n', 'broken'],
    ['', undefined],
    ['HTTP/1.1 200 OK', undefined],
    ['x'.repeat(1024), 'broken'],
  ])('%s', (text, expected) => {
    const outcome = outcomeOf(text)
    expect(outcome?.is === 'answered' ? outcome.status : outcome?.is).toBe(expected)
  })
})
