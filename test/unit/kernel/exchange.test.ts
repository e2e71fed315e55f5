/** Replies in orders that a healthy kernel gives rarely; `test/kernel` has the real one. */
import { describe, expect, test } from 'vitest'
import { Exchange } from '../../../src/kernel/exchange.ts'
import type { ForeignChange } from '../../../src/kernel/watch.ts'
import { openWatch } from '../../../src/kernel/watch.ts'
import type { Message } from '../../../src/wire/netlink.ts'
import { FLAG, message, messages, TYPE } from '../../../src/wire/netlink.ts'
import { Writer } from '../../../src/wire/netlink-attributes.ts'
import { Batch, FAMILY, nameOf, request } from '../../../src/wire/nftables.ts'
import { hexBytes, vectorsOf } from '../../support/vectors.ts'
import addText from '../../vectors/nft/add-element.hex?raw'

const ENOENT = 2
const READY = Promise.resolve()
const MACHINE = {
  littleEndian: true,
  errnoName: (errno: number) => ({ 1: 'EPERM', 2: 'ENOENT', 28: 'ENOSPC' })[errno] ?? `E${errno}`,
}

/** A socket whose other end is the test. */
class Line {
  readonly sent: Message[][] = []
  readonly portId = 77
  deliver: (datagram: Uint8Array) => void = () => undefined
  lose: () => void = () => undefined
  /** Called by `drain`: replies that are there at once. */
  atOnce: (() => void) | undefined
  failing: string | undefined
  /** What was done to the socket, where several share the list. */
  said: string[] = []

  send(datagram: Uint8Array): void {
    if (this.failing !== undefined) throw Object.assign(new Error('send'), { code: this.failing })
    this.said.push('send')
    this.sent.push(messages(datagram.slice(), true))
  }
  take(each: (datagram: Uint8Array) => void, overrun: () => void): void {
    this.deliver = each
    this.lose = overrun
  }
  drain(): void {
    this.atOnce?.()
  }
  hear(on: boolean): void {
    this.said.push(`hear ${on}`)
  }
  close(): void {}

  sequenceOf(request: number, place = 0): number {
    return this.sent[request]?.[place]?.sequence ?? -1
  }
}

const verdictOf = (sequence: number, errno: number, type: number = TYPE.error): Uint8Array => {
  const body = new Uint8Array(20)
  new DataView(body.buffer).setInt32(0, -errno, true)
  new DataView(body.buffer).setUint32(4, 20, true)
  return message({ type, flags: FLAG.capped, sequence }, body, new Uint8Array(0), true)
}
const part = (sequence: number, flags: number = FLAG.multi, generation = 1): Uint8Array =>
  message({ type: 0x0a0c, flags, sequence }, Uint8Array.of(1, 0, 0, generation), new Uint8Array(0), true)

const open = () => {
  const line = new Line()
  return { line, exchange: new Exchange(line, MACHINE) }
}
const batchOf = (count: number): Batch => {
  const batch = new Batch(new Writer(true))
  for (let i = 0; i < count; i++) batch.add('newTable', 0, FAMILY.inet, { name: `t${i}` })
  return batch
}
/** What a promise has become by now, without waiting for more to arrive. */
async function state(promise: unknown): Promise<unknown> {
  const waiting = { still: 'waiting' }
  let result: unknown = waiting
  Promise.resolve(promise).then(
    value => (result = value),
    error => (result = String(error)),
  )
  for (let i = 0; i < 20; i++) await undefined
  return result
}

describe('a batch', () => {
  test('is committed by the acknowledgement of its last message, and by nothing before it', async () => {
    const { line, exchange } = open()
    const done = exchange.batch('x', batchOf(3))
    line.deliver(verdictOf(line.sequenceOf(0, 1), 0))
    line.deliver(verdictOf(line.sequenceOf(0, 2), 0))
    expect(await state(done)).toEqual({ still: 'waiting' })
    line.deliver(verdictOf(line.sequenceOf(0, 3), 0))
    expect(await state(done)).toEqual([])
  })

  test('that failed names its messages, although the last is acknowledged', async () => {
    const { line, exchange } = open()
    const done = exchange.batch('x', batchOf(3))
    line.deliver(verdictOf(line.sequenceOf(0, 2), ENOENT))
    line.deliver(verdictOf(line.sequenceOf(0, 3), 0))
    expect(await state(done)).toMatchObject([{ message: 1, code: 'ENOENT' }])
  })

  test('refused as a whole is addressed to its beginning; what comes after is not for others', async () => {
    const { line, exchange } = open()
    const first = exchange.batch('x', batchOf(2))
    line.deliver(verdictOf(line.sequenceOf(0, 0), 85))
    expect(await state(first)).toMatchObject([{ message: 'batch', code: 'E85' }])
    const second = exchange.batch('x', batchOf(2))
    line.deliver(verdictOf(line.sequenceOf(0, 2), 0))
    expect(await state(second)).toEqual({ still: 'waiting' })
    line.deliver(verdictOf(line.sequenceOf(1, 2), 0))
    expect(await state(second)).toEqual([])
  })

  test('two at once keep apart', async () => {
    const { line, exchange } = open()
    const [first, second] = [exchange.batch('x', batchOf(1)), exchange.batch('y', batchOf(1))]
    line.deliver(verdictOf(line.sequenceOf(1, 1), 0))
    expect(await state(second)).toEqual([])
    expect(await state(first)).toEqual({ still: 'waiting' })
    line.deliver(verdictOf(line.sequenceOf(0, 1), ENOENT))
    expect(await state(first)).toMatchObject([{ message: 0, code: 'ENOENT' }])
  })

  test('without messages is done', async () => {
    const { line, exchange } = open()
    expect(await exchange.batch('x', batchOf(0))).toEqual([])
    expect(line.sent).toEqual([])
  })

  test('is answered at once where the engine can', async () => {
    const { line, exchange } = open()
    line.atOnce = () => line.deliver(verdictOf(line.sequenceOf(0, 1), 0))
    expect(await exchange.batch('x', batchOf(1))).toEqual([])
  })

  test('whose replies are lost, or that cannot be sent, rejects', async () => {
    const { line, exchange } = open()
    const lost = exchange.batch('x', batchOf(1))
    line.lose()
    expect(await state(lost)).toContain('ENOBUFS')
    line.failing = 'EMSGSIZE'
    expect(await state(exchange.batch('moving all', batchOf(1)))).toContain('moving all: EMSGSIZE')
    const unreadable = exchange.batch('x', batchOf(1))
    line.deliver(hexBytes('ff'))
    expect(await state(unreadable)).toContain('E')
  })
})

describe('a dump', () => {
  const dump = (exchange: Exchange) =>
    exchange.dump(
      'reading',
      sequence => request('getElements', FLAG.dump, sequence, FAMILY.inet, { table: 't' }, true),
      ({ payload }) => payload[3] as number,
    )

  test('ends with NLMSG_DONE', async () => {
    const { line, exchange } = open()
    const all = dump(exchange)
    await state(all)
    for (const bytes of [
      part(line.sequenceOf(0)),
      part(line.sequenceOf(0)),
      verdictOf(line.sequenceOf(0), 0, TYPE.done),
    ]) {
      line.deliver(bytes)
    }
    expect(await state(all)).toHaveLength(2)
  })

  test.each([
    ['the kernel says that it was interrupted', FLAG.multi | FLAG.interrupted, 1],
    ['its parts are of two generations', FLAG.multi, 2],
  ])('is repeated when %s', async (_why, flags, generation) => {
    const { line, exchange } = open()
    const all = dump(exchange)
    await state(all)
    line.deliver(part(line.sequenceOf(0), FLAG.multi, 1))
    line.deliver(part(line.sequenceOf(0), flags, generation))
    line.deliver(verdictOf(line.sequenceOf(0), 0, TYPE.done))
    expect(await state(all)).toEqual({ still: 'waiting' })
    expect(line.sent).toHaveLength(2)
    line.deliver(part(line.sequenceOf(1), FLAG.multi, 2))
    line.deliver(verdictOf(line.sequenceOf(1), 0, TYPE.done))
    expect(await state(all)).toHaveLength(1)
  })

  test('waits for the one before it, also when that failed', async () => {
    const { line, exchange } = open()
    const [first, second] = [dump(exchange), dump(exchange)]
    await state(first)
    expect(line.sent).toHaveLength(1)
    line.deliver(verdictOf(line.sequenceOf(0), ENOENT))
    expect(await state(first)).toContain('reading: ENOENT')
    await state(second)
    expect(line.sent).toHaveLength(2)
  })

  test('gives up when the ruleset never rests', async () => {
    const { line, exchange } = open()
    line.atOnce = () => {
      const sequence = line.sequenceOf(line.sent.length - 1)
      line.deliver(part(sequence, FLAG.multi | FLAG.interrupted))
      line.deliver(verdictOf(sequence, 0, TYPE.done))
    }
    await expect(dump(exchange)).rejects.toThrow('EINTR')
  })
})

describe('a question', () => {
  const ask = (exchange: Exchange) =>
    exchange.ask('asking', sequence => request('getGeneration', 0, sequence, FAMILY.unspecified, {}, true))

  test('is answered by the message with its number', async () => {
    const { line, exchange } = open()
    const answer = ask(exchange)
    line.deliver(part(4711, 0))
    expect(await state(answer)).toEqual({ still: 'waiting' })
    line.deliver(part(line.sequenceOf(0), 0))
    expect(await state(answer)).toMatchObject({ type: 0x0a0c })
  })

  test('that is refused at once still rejects only when somebody listens', async () => {
    const { line, exchange } = open()
    line.atOnce = () => line.deliver(verdictOf(line.sequenceOf(0), 1))
    await expect(ask(exchange)).rejects.toThrow('asking: EPERM')
  })

  test('is abandoned when the socket closes', async () => {
    const { exchange } = open()
    const answer = ask(exchange)
    exchange.close()
    expect(await state(answer)).toContain('ECANCELED')
  })
})

describe('the watch', () => {
  const notice = (table: string, family: number, portId: number, name: 'newElements' | 'newGeneration') => {
    const body = name === 'newElements' ? { table, set: 'x' } : { id: 7, processId: 42, processName: 'nft' }
    const bytes = request(name, 0, 0, family, body as never, true)
    new DataView(bytes.buffer).setUint32(12, portId, true)
    return bytes
  }
  const watched = async (...notices: readonly Uint8Array[]) => {
    const line = new Line()
    const heard: (ForeignChange | 'unknown')[] = []
    await openWatch(
      { littleEndian: true, netlink: async () => line },
      { writers: [{ portId: 77, sparing: () => ({ stop: () => undefined }) }], changed: by => heard.push(by) },
    )
    const datagram = Uint8Array.from(notices.flatMap(bytes => [...bytes]))
    line.deliver(datagram)
    return { line, heard }
  }
  const commit = (table: string, family: number, portId: number) => [
    notice(table, family, portId, 'newElements'),
    notice(table, family, portId, 'newElements'),
    notice('', 0, portId, 'newGeneration'),
  ]

  test.each([
    ['a foreign commit to our table: once', commit('portico', 1, 5), [{ processId: 42, process: 'nft' }]],
    ['our own: not', commit('portico', 1, 77), []],
    ['a table of another family: not', commit('portico', 2, 5), []],
    ['a table whose name begins like ours: not', commit('portico2', 1, 5), []],
    ['a shorter name: not', commit('porti', 1, 5), []],
    ['two commits: twice', [...commit('portico', 1, 5), ...commit('portico', 1, 6)], [5, 6]],
    ['another commit after it: once', [...commit('portico', 1, 5), ...commit('fw4', 1, 5)], [5]],
    ['bytes that are no message: nothing', [hexBytes('ff00ff00')], []],
    ['a batch as it is sent', [vectorsOf(addText).values().next().value ?? new Uint8Array(0)], []],
  ])('%s', async (_what, notices, expected) => {
    const { heard } = await watched(...notices)
    expect(heard).toHaveLength(expected.length)
    expect(heard.every(by => by !== 'unknown' && by.process === 'nft')).toBe(true)
  })

  test('lost notices are a change by somebody unknown', async () => {
    const { line, heard } = await watched()
    line.lose()
    expect(heard).toEqual(['unknown'])
    expect(nameOf(0x0a0f)).toBe('newGeneration')
  })

  const beside = async () => {
    const { line, exchange } = open()
    const ear = new Line()
    ear.said = line.said
    const heard: unknown[] = []
    const watch = await openWatch(
      { littleEndian: true, netlink: async () => ear },
      { writers: [exchange], changed: by => heard.push(by) },
    )
    return { line, exchange, heard, watch }
  }
  const HUGE = 10_000 // messages, more than 256 KiB

  test('hears of nothing while its writer makes a large batch, and looks when that is done', async () => {
    const { line, exchange, heard } = await beside()
    void state(exchange.batch('x', batchOf(HUGE)))
    expect(line.said).toEqual(['hear false', 'send', 'hear true'])
    expect(heard).toEqual([])
    await READY
    expect(heard).toEqual(['unknown'])
    void state(exchange.batch('x', batchOf(2)))
    expect(line.said).toEqual(['hear false', 'send', 'hear true', 'send'])
  })

  test('hears again when a large batch could not be sent', async () => {
    const { line, exchange, heard } = await beside()
    line.failing = 'ENOBUFS'
    expect(await state(exchange.batch('x', batchOf(HUGE)))).toContain('ENOBUFS')
    expect(line.said).toEqual(['hear false', 'hear true'])
    expect(heard).toEqual(['unknown'])
  })

  test('once closed is not touched any more', async () => {
    const { line, exchange, heard, watch } = await beside()
    watch.close()
    void state(exchange.batch('x', batchOf(HUGE)))
    await READY
    expect(line.said).toEqual(['send'])
    expect(heard).toEqual([])
  })
})
