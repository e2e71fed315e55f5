/** One connection to ubusd, and the calls that come over it. */
import { describe, expect, test } from 'vitest'
import { utf8Decode } from '../../../src/base/text.ts'
import type { Instant } from '../../../src/base/time.ts'
import type { UbusAnswer } from '../../../src/daemon/ubus-calls.ts'
import { UbusCalls } from '../../../src/daemon/ubus-calls.ts'
import type { UbusReply } from '../../../src/daemon/ubus-link.ts'
import { UbusLink } from '../../../src/daemon/ubus-link.ts'
import type { UbusMessage } from '../../../src/wire/ubus.ts'
import { encodeUbus, UBUS, UBUS_MOST_BYTES, UBUS_STATUS } from '../../../src/wire/ubus.ts'
import { MemoryStream, settle } from '../../support/memory-stream.ts'

const CALLER = 0x77777777
const OBJECT = 0x12345678

/** A link whose ubusd is the test, with a clock of its own. */
class Wire {
  readonly stream = new MemoryStream()
  now = 0
  why: string | undefined
  readonly late: number[] = []
  readonly link = new UbusLink(this.stream, {
    now: () => this.now as Instant,
    rearm: () => undefined,
    greeted: () => undefined,
    invoked: message => this.calls.take(message),
    late: message => this.late.push(message.peer),
    unsubscribed: () => undefined,
    ended: why => (this.why = why),
  })
  /** Calls that were begun; each is answered by hand. */
  readonly begun: ((answer: UbusAnswer) => void)[] = []
  readonly calls = new UbusCalls({
    link: this.link,
    now: () => this.now as Instant,
    rearm: () => undefined,
    serve: () => new Promise(resolve => this.begun.push(resolve)),
  })

  constructor(isGreeted = true) {
    if (isGreeted) this.say({ type: UBUS.hello, seq: 0, peer: 1 })
  }

  say(message: UbusMessage): void {
    this.stream.send(encodeUbus(message))
  }

  /** As many calls as that. */
  invoke(count: number): void {
    for (let seq = 1; seq <= count; seq++) {
      this.say({ type: UBUS.invoke, seq, peer: CALLER, object: OBJECT, method: 'mappings', data: {} })
    }
  }

  answer(text = ''): Promise<void> {
    this.begun.shift()?.({ status: UBUS_STATUS.ok, data: { text } })
    return settle()
  }

  after(ms: number): void {
    this.now += ms
    this.link.wake(this.now as Instant)
    this.calls.wake(this.now as Instant)
  }
}

const statusOf = (status: number): Uint8Array =>
  encodeUbus({ type: UBUS.status, seq: 1, peer: CALLER, status, object: OBJECT })

describe('a request', () => {
  test.each<[who: string, does: string, peer: number, answered: boolean]>([
    ['whom it went to', 'ends it', OBJECT, true],
    ['another object, under the same number', 'does not', 0x55555555, false],
  ])('%s %s', (_who, _does, peer, answered) => {
    const wire = new Wire()
    const replies: UbusReply[] = []
    wire.link.request(UBUS.invoke, { object: OBJECT, method: 'dump', data: {} }, reply => replies.push(reply))
    wire.say({ type: UBUS.data, seq: 1, peer, object: peer, data: { a: 1 } })
    wire.say({ type: UBUS.status, seq: 1, peer, object: peer, status: 0 })
    expect(replies.map(({ status }) => status)).toEqual(answered ? [UBUS_STATUS.ok] : [])
  })
})

test('an answer that comes when nobody waits any more is told as late', () => {
  const wire = new Wire()
  const replies: UbusReply[] = []
  wire.link.request(UBUS.invoke, { object: OBJECT, method: 'dump', data: {} }, reply => replies.push(reply))
  wire.after(3000)
  expect(replies).toEqual([{ status: UBUS_STATUS.timeout, messages: [] }])
  wire.say({ type: UBUS.data, seq: 1, peer: OBJECT, object: OBJECT, data: {} })
  wire.say({ type: UBUS.status, seq: 1, peer: OBJECT, object: OBJECT, status: 0 })
  expect(wire.late).toEqual([OBJECT])
  expect(replies).toHaveLength(1)
})

describe('a connection that ubusd closes', () => {
  test.each([
    ['at once', false, 'ubusd does not let us in: does it know our user and group?'],
    ['later', true, 'ubusd has closed the connection'],
  ] as const)('%s', (_when, isGreeted, why) => {
    const wire = new Wire(isGreeted)
    wire.stream.finish()
    expect(wire.why).toBe(why)
  })
})

describe('calls', () => {
  test('are begun four at a time, in order, and all are answered', async () => {
    const wire = new Wire()
    wire.invoke(10)
    expect(wire.begun).toHaveLength(4)
    for (let i = 0; i < 10; i++) await wire.answer()
    expect(wire.begun).toEqual([])
  })

  test('wait while ubusd takes nothing, and go on when it does', async () => {
    const wire = new Wire()
    wire.stream.isStuck = true
    wire.invoke(10)
    for (let i = 0; i < 4; i++) await wire.answer('x'.repeat(100_000))
    expect(wire.begun).toEqual([])
    expect(wire.calls.wakeAt).toBe(20)
    wire.after(20)
    expect(wire.begun).toEqual([])
    wire.stream.pending = 0
    wire.after(20)
    expect(wire.begun).toHaveLength(4)
    expect(wire.calls.wakeAt).toBeUndefined()
    expect(wire.why).toBeUndefined()
  })

  test('answers of the largest size, as many as are made at once, may wait', async () => {
    const wire = new Wire()
    wire.stream.isStuck = true
    wire.invoke(5)
    for (let i = 0; i < 4; i++) await wire.answer('x'.repeat(UBUS_MOST_BYTES - 100))
    expect(wire.why).toBeUndefined()
    expect(wire.stream.pending).toBeGreaterThan(4 * (UBUS_MOST_BYTES - 100))
  })

  test('an ubusd that takes nothing for ten seconds is left, one that takes a little is not', async () => {
    const wire = new Wire()
    wire.stream.isStuck = true
    wire.invoke(5)
    for (let i = 0; i < 4; i++) await wire.answer('x'.repeat(100_000))
    for (let i = 0; i < 30; i++) {
      wire.stream.pending -= 1000
      wire.after(1000)
    }
    expect(wire.why).toBeUndefined()
    for (let i = 0; i < 11; i++) wire.after(1000)
    expect(wire.why).toBe('ubusd takes nothing any more')
  })

  test('beyond what may wait are refused at once', () => {
    const wire = new Wire()
    wire.invoke(36)
    expect(wire.stream.read()).toBe('')
    wire.invoke(1)
    expect(wire.stream.read()).toBe(utf8Decode(statusOf(UBUS_STATUS.noMemory)))
  })

  test('an answer that is too long for ubus is an error, and the connection stays', async () => {
    const wire = new Wire()
    wire.invoke(1)
    await wire.answer('x'.repeat(UBUS_MOST_BYTES))
    expect(wire.stream.read()).toBe(utf8Decode(statusOf(UBUS_STATUS.unknownError)))
    expect(wire.why).toBeUndefined()
  })
})
