import { describe, expect, test } from 'vitest'
import { Malformed } from '../../../src/base/fail.ts'
import { attribute, readTable, writeTable } from '../../../src/wire/blobmsg.ts'
import type { UbusMessage } from '../../../src/wire/ubus.ts'
import { decodeUbus, encodeUbus, UBUS, UBUS_MOST_BYTES, UbusReader } from '../../../src/wire/ubus.ts'
import { hexBytes, hexOf, vector, vectorsOf } from '../../support/vectors.ts'
import capturedText from '../../vectors/ubus/captured.txt?raw'
import text from '../../vectors/ubus/messages.txt?raw'

const vectors = vectorsOf(text)
const bytesOf = (name: string) => vector(vectors, name)
const captured = vectorsOf(capturedText)

const OURS: readonly (readonly [name: string, message: UbusMessage])[] = [
  ['hello to client 0x2b3c4d5e', { type: UBUS.hello, seq: 0, peer: 0x2b3c4d5e }],
  [
    'add object portico with status and remove',
    { type: UBUS.addObject, seq: 1, peer: 0, path: 'portico', signature: { status: {}, remove: { id: 3 } } },
  ],
  ['add an anonymous object', { type: UBUS.addObject, seq: 2, peer: 0 }],
  ['status 0 to request 1', { type: UBUS.status, seq: 1, peer: 0, status: 0 }],
  [
    'register for ubus.object.add',
    {
      type: UBUS.invoke,
      seq: 3,
      peer: 1,
      object: 1,
      method: 'register',
      data: { object: 0x2468ace0, pattern: 'ubus.object.add' },
    },
  ],
  ['look up network.interface', { type: UBUS.lookup, seq: 4, peer: 0, path: 'network.interface' }],
  ['subscribe to 0x13572468', { type: UBUS.subscribe, seq: 5, peer: 0, object: 0x2468ace0, target: 0x13572468 }],
  [
    'answer ok to client 0x77777777',
    { type: UBUS.data, seq: 9, peer: 0x77777777, object: 0x12345678, data: { ok: true } },
  ],
  ['status 0 to client 0x77777777', { type: UBUS.status, seq: 9, peer: 0x77777777, status: 0, object: 0x12345678 }],
  [
    'send event portico',
    {
      type: UBUS.invoke,
      seq: 6,
      peer: 1,
      object: 1,
      method: 'send',
      data: { id: 'portico', data: { what: 'granted', dst_port: 8080 } },
    },
  ],
]

describe('a message that we send has the bytes of the vector, and is read back', () => {
  test.each(OURS)('%s', (name, message) => {
    expect(hexOf(encodeUbus(message))).toBe(hexOf(bytesOf(name)))
    expect(decodeUbus(bytesOf(name))).toEqual(message)
  })
})

describe('a message that ubusd sends is read', () => {
  test.each<[name: string, message: UbusMessage]>([
    ['the object has number 0x12345678', { type: UBUS.data, seq: 1, peer: 0, object: 0x12345678 }],
    [
      'invoke remove *1F90 by client 0x77777777',
      { type: UBUS.invoke, seq: 9, peer: 0x77777777, object: 0x12345678, method: 'remove', data: { id: '*1F90' } },
    ],
    [
      'notification interface.update of wan',
      {
        type: UBUS.invoke,
        seq: 7,
        peer: 0x22222222,
        object: 0x2468ace0,
        method: 'interface.update',
        noReply: true,
        data: { interface: 'wan', up: true, uptime: 12 },
      },
    ],
    [
      'unsubscribed from 0x13572468',
      { type: UBUS.unsubscribe, seq: 1, peer: 0, object: 0x2468ace0, target: 0x13572468 },
    ],
    [
      'every type',
      {
        type: UBUS.data,
        seq: 10,
        peer: 0,
        data: {
          text: 'grün',
          minus: -7,
          long: 5_000_000_000,
          short: -2,
          yes: true,
          no: false,
          half: 0.5,
          list: ['a', 1, { deep: true }],
          empty: {},
          none: [],
        },
      },
    ],
  ])('%s', (name, message) => {
    expect(decodeUbus(bytesOf(name))).toEqual(message)
  })
})

describe('what a real ubusd sent is read', () => {
  const lan = { signature: { dump: {} }, path: 'network.interface', object: 0xdf3e1aec }
  const wan = { interface: 'wan', up: true, l3_device: 'wan0' }
  test.each<[name: string, message: UbusMessage]>([
    ['hello', { type: UBUS.hello, seq: 0, peer: 0xcc65aeb9 }],
    ['network.interface and what it can', { type: UBUS.data, seq: 1, peer: 0, ...lan }],
    ['status of a request that ubusd answers itself', { type: UBUS.status, seq: 1, peer: 0, status: 0 }],
    ['the object portico has a number and a type', { type: UBUS.data, seq: 4, peer: 0, object: 0xe994e051 }],
    [
      'a dump that netifd answers',
      { type: UBUS.data, seq: 2, peer: 0xdf3e1aec, object: 0xdf3e1aec, data: { interface: [wan] } },
    ],
    [
      'status of a request that an object answers',
      { type: UBUS.status, seq: 2, peer: 0xdf3e1aec, object: 0xdf3e1aec, status: 0 },
    ],
    [
      'notification of an interface',
      {
        type: UBUS.invoke,
        seq: 2,
        peer: 0x55c65e59,
        object: 0x4afb7369,
        method: 'interface.update',
        noReply: true,
        data: wan,
      },
    ],
    [
      'an object that was subscribed to is gone',
      { type: UBUS.unsubscribe, seq: 1, peer: 0, object: 0x4afb7369, target: 0xdf3e1aec },
    ],
    [
      'an object has come',
      {
        type: UBUS.invoke,
        seq: 1,
        peer: 0,
        object: 0x4afb7369,
        method: 'ubus.object.add',
        data: { id: 0x2be09202, path: 'network.interface' },
      },
    ],
    ['somebody subscribes to portico', { type: UBUS.notify, seq: 1, peer: 0, object: 0xe994e051 }],
    [
      'a call with every kind of argument',
      {
        type: UBUS.invoke,
        seq: 2,
        peer: 0xd2af339a,
        object: 0xe994e051,
        method: 'remove',
        data: { id: 'grün', f: 0.5, b: true, big: 5_000_000_000, neg: -1, l: ['a', 1, { x: [] }], t: {} },
      },
    ],
    [
      'a call without arguments',
      { type: UBUS.invoke, seq: 2, peer: 0x3cbbedc8, object: 0xe994e051, method: 'remove', data: {} },
    ],
  ])('%s', (name, message) => {
    expect(decodeUbus(vector(captured, name))).toEqual(message)
  })
})

describe('what ubusd took from us is what we send', () => {
  test.each([...captured].filter(([name]) => name.startsWith('ours: ')))('%s', (_name, bytes) => {
    expect(hexOf(encodeUbus(decodeUbus(bytes)))).toBe(hexOf(bytes))
  })
})

describe('values', () => {
  test('of every kind come back as they went', () => {
    const values = {
      text: 'ü €',
      '': 'no name',
      zero: 0,
      most: 2 ** 31 - 1,
      least: -(2 ** 31),
      more: 2 ** 31,
      most53: Number.MAX_SAFE_INTEGER,
      half: -0.5,
      yes: true,
      list: [1, 'two', [3], { four: 4 }],
    }
    expect(readTable(writeTable(values))).toEqual(values)
  })

  test('what JSON does not know is left out, also within', () => {
    expect(readTable(writeTable({ a: undefined, b: null, c: [1, undefined, 2], d: { e: undefined } }))).toEqual({
      c: [1, 2],
      d: {},
    })
  })

  test('a NUL within a text becomes a blank: what follows it would be lost', () => {
    expect(readTable(writeTable({ 'a\0b': 'c\0d' }))).toEqual({ 'a b': 'c d' })
  })

  test('a field called __proto__ changes no object', () => {
    const read = readTable(writeTable(JSON.parse('{"__proto__": {"polluted": true}, "a": 1}')))
    expect(read).toEqual({ a: 1 })
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })
})

describe('what is malformed is refused', () => {
  const data = (body: string) => () => readTable(hexBytes(body.replaceAll(' ', '')))
  test.each<[what: string, body: string]>([
    ['an attribute of no length', '85000000'],
    ['an attribute that is longer than what is there', '85000010 0000 0000 00000001'],
    ['a header that is cut off', '8500'],
    ['a field that is not extended', '0500000c 00000000 00000001'],
    ['a name that is longer than its field', '8500000c 00400000 00000001'],
    ['a name without its NUL', '85000010 00016161 00000000 00000001'],
    ['a number of three bytes', '8500000b 00000000 00000100'],
    ['a number of eight bytes where four are said', '85000010 00000000 0000000000000001'],
    ['a text without its NUL', '8300000c 00000000 61616161'],
    ['a text with a NUL within', '8300000c 00000000 61006100'],
    ['an unknown type', '8900000c 00000000 00000001'],
  ])('%s', (_what, body) => {
    expect(data(body)).toThrow(Malformed)
  })

  test('within a message: what a caller sent as arguments is unreadable, and the message is not', () => {
    const invoke = (data: string) =>
      hexBytes(
        `00050009777777770000${(24 + data.length / 2).toString(16).padStart(4, '0')}0300000812345678040000087374610007${(4 + data.length / 2).toString(16).padStart(6, '0')}${data}`,
      )
    const message = { type: UBUS.invoke, seq: 9, peer: 0x77777777, object: 0x12345678, method: 'sta' }
    expect(decodeUbus(invoke(''))).toEqual({ ...message, data: {} })
    expect(decodeUbus(invoke('8900000c0000000000000001'))).toEqual({ ...message, unreadable: true })
  })

  test('a version other than 0, a message without a body', () => {
    expect(() => decodeUbus(hexBytes('0102000100000000 00000004'.replaceAll(' ', '')))).toThrow(Malformed)
    expect(() => decodeUbus(hexBytes('0002000100000000'))).toThrow(Malformed)
  })

  test('tables within tables, a thousand deep', () => {
    let inner: Uint8Array = new Uint8Array(0)
    for (let i = 0; i < 1000; i++) inner = attribute(2, Uint8Array.from([0, 0, 0, 0, ...inner]), true)
    expect(() => readTable(inner)).toThrow(Malformed)
  })

  test('more fields than any answer has', () => {
    const one = attribute(7, Uint8Array.of(0, 0, 0, 0, 1), true)
    const many = new Uint8Array(one.length * 40_000)
    for (let i = 0; i < 40_000; i++) many.set(one, i * one.length)
    expect(() => readTable(many)).toThrow(Malformed)
  })

  test('writing stops where reading would: too deep is empty, and does not throw', () => {
    let deep: unknown = 1
    for (let i = 0; i < 1000; i++) deep = { deep }
    expect(() => readTable(writeTable({ deep }))).not.toThrow()
  })
})

describe('the stream', () => {
  const all = [...vectors.values()]
  const stream = hexBytes(all.map(hexOf).join(''))

  test.each([1, 3, 11, 12, 13, 64, 4096])('in pieces of %d bytes gives the same messages', size => {
    const reader = new UbusReader()
    const found: string[] = []
    for (let at = 0; at < stream.length; at += size) {
      found.push(...reader.push(stream.subarray(at, at + size)).map(hexOf))
    }
    expect(found).toEqual(all.map(hexOf))
  })

  test('that announces more than ubus allows is refused at its header', () => {
    const length = (UBUS_MOST_BYTES + 4).toString(16).padStart(8, '0')
    expect(() => new UbusReader().push(hexBytes(`0002000100000000${length}`))).toThrow(Malformed)
  })
})
