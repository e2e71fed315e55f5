/** The daemon on the bus, where ubusd's other clients are slow or gone. */
import { expect, test } from 'vitest'
import type { Instant } from '../../../src/base/time.ts'
import { UbusClient } from '../../../src/daemon/ubus-client.ts'
import type { BlobTable } from '../../../src/wire/blobmsg.ts'
import type { UbusMessage } from '../../../src/wire/ubus.ts'
import { decodeUbus, encodeUbus, UBUS, UbusReader } from '../../../src/wire/ubus.ts'
import { MemoryStream, settle } from '../../support/memory-stream.ts'

const LISTENER = 0x2468ace0
const NETIFD = 0x13572468

/** What was written, as messages. */
class Recorder extends MemoryStream {
  readonly messages: UbusMessage[] = []
  readonly #reader = new UbusReader()

  override write(content: Uint8Array | string): void {
    super.write(content)
    if (typeof content !== 'string') this.messages.push(...this.#reader.push(content).map(decodeUbus))
  }
}

test('netifd answers too late: it is asked again, since it has time now', async () => {
  const stream = new Recorder()
  let now = 0
  let heard = 0
  const client = new UbusClient({
    platform: { clock: { now: () => now as Instant } as never, connect: () => Promise.resolve(stream) },
    path: '/run/ubus.sock',
    log: () => undefined,
    rearm: () => undefined,
  })
  const say = (type: number, { seq, peer }: Pick<UbusMessage, 'seq' | 'peer'>, more: object) =>
    stream.send(encodeUbus({ type, seq, peer, ...more }))
  const asked = async (type: number): Promise<UbusMessage> => {
    await settle()
    const message = stream.messages.find(each => each.type === type)
    if (message === undefined) throw new Error(`no message ${type}`)
    stream.messages.splice(stream.messages.indexOf(message), 1)
    return message
  }
  const answer = async (type: number, more: object): Promise<void> => {
    const message = await asked(type)
    say(UBUS.data, message, more)
    say(UBUS.status, message, { status: 0 })
  }

  client.start()
  await settle()
  say(UBUS.hello, { seq: 0, peer: 1 }, {})
  client.subscribe('network.interface', () => heard++)
  await answer(UBUS.addObject, { object: LISTENER })
  await answer(UBUS.invoke, {}) // register
  await answer(UBUS.lookup, { path: 'network.interface', object: NETIFD })
  say(UBUS.status, await asked(UBUS.subscribe), { status: 0 })
  expect(heard).toBe(1)

  let dump: BlobTable | undefined | 'none yet' = 'none yet'
  client.call('network.interface', 'dump', {}).then(data => {
    dump = data
  })
  await answer(UBUS.lookup, { path: 'network.interface', object: NETIFD })
  const question = await asked(UBUS.invoke)
  now += 3000
  client.wake(now as Instant)
  await settle()
  expect(dump).toBeUndefined()
  expect(heard).toBe(1)
  say(UBUS.status, { seq: question.seq, peer: 0x55555555 }, { status: 0 }) // of somebody else
  expect(heard).toBe(1)
  say(UBUS.status, question, { status: 0 })
  expect(heard).toBe(2)
})
