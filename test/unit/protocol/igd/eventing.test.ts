import { describe, expect, test } from 'vitest'
import type { Ip, Mac } from '../../../../src/base/ip.ts'
import { EVENTED } from '../../../../src/protocol/igd/evented.ts'
import { EVENT_LIMITS } from '../../../../src/protocol/igd/subscriptions.ts'
import { HOST, OTHER, renewal, Teller, wish } from '../../../support/gena.ts'

const IP2 = 'WANIPConnection:2'
const ALL = [
  'PossibleConnectionTypes=IP_Routed',
  'ConnectionStatus=Connected',
  'ExternalIPAddress=203.0.113.7',
  'PortMappingNumberOfEntries=0',
  'SystemUpdateID=0',
]
const mappings = (count: number, update = count) => ({
  PortMappingNumberOfEntries: String(count),
  SystemUpdateID: String(update),
})
const host = (n: number) => `192.168.1.${n}` as Ip

describe('the initial event', () => {
  test('check 52: has number 0 and every variable of the service', () => {
    const teller = new Teller()
    const sid = teller.join()
    expect(teller.events().map(({ to, sid, seq, says }) => ({ to, sid, seq, says }))).toEqual([
      { to: `${HOST}:49152/evt`, sid, seq: 0, says: ALL },
    ])
  })
  test('never precedes the answer to the subscription', () => {
    const teller = new Teller()
    const answer = teller.ask(wish())
    teller.publish(IP2, mappings(1))
    teller.pass(5)
    expect([teller.events(), teller.eventing.wakeAt]).toEqual([[], undefined])
    if (answer.status === 200) teller.eventing.opened(answer.sid, teller.now)
    expect(teller.events().map(({ seq, says }) => [seq, says.slice(3)])).toEqual([
      [0, ['PortMappingNumberOfEntries=1', 'SystemUpdateID=1']],
    ])
  })
  test('says nothing where nothing is known yet, but names the variable', () => {
    const teller = new Teller()
    teller.join(HOST, 'Layer3Forwarding:1')
    expect(teller.events().map(({ says }) => says)).toEqual([['DefaultConnectionService=']])
  })
  test.each(Object.entries(EVENTED))('check 68: of %s has the variables of that service', (service, groups) => {
    const teller = new Teller()
    teller.join(HOST, service as keyof typeof EVENTED)
    const names = teller.events().flatMap(({ says }) => says.map(each => each.replace(/=.*/, '')))
    expect(names).toEqual(groups.flatMap(({ variables }) => variables))
  })
})

describe('a value of one network', () => {
  const COMMON = 'WANCommonInterfaceConfig:1'
  const join = (teller: Teller, device: string, from: Ip) => {
    const answer = teller.ask(wish({ callback: `<http://${from}:49152/evt>` }), from, COMMON, device)
    if (answer.status !== 200) throw new Error(answer.why)
    teller.eventing.opened(answer.sid, teller.now)
  }
  const heard = (teller: Teller) => teller.events().map(({ to, says }) => `${to.replace(/:.*/, '')} ${says.join()}`)

  test('is told behind its device, beside what all hear', () => {
    const teller = new Teller()
    teller.networks.push('br-guest')
    teller.publish(COMMON, { PhysicalLinkStatus: 'Up' })
    teller.publish(COMMON, { EnabledForInternet: '1' }, 'br-lan')
    teller.publish(COMMON, { EnabledForInternet: '0' }, 'br-guest')
    join(teller, 'br-lan', HOST)
    join(teller, 'br-guest', OTHER)
    expect(heard(teller)).toEqual([
      `${HOST} PhysicalLinkStatus=Up,EnabledForInternet=1`,
      `${OTHER} PhysicalLinkStatus=Up,EnabledForInternet=0`,
    ])
    teller.pass(1)
    teller.publish(COMMON, { EnabledForInternet: '0' }, 'br-lan')
    teller.publish(COMMON, { EnabledForInternet: '0' }, 'br-guest')
    expect(heard(teller)).toEqual([`${HOST} EnabledForInternet=0`])
    teller.publish(COMMON, { PhysicalLinkStatus: 'Down' })
    expect(heard(teller)).toEqual([`${HOST} PhysicalLinkStatus=Down`, `${OTHER} PhysicalLinkStatus=Down`])
  })
})

describe('a change', () => {
  test('check 62: is told with the next number, alone', () => {
    const teller = new Teller()
    teller.join()
    teller.events()
    teller.publish(IP2, { ConnectionStatus: 'Disconnected', ExternalIPAddress: '' })
    teller.publish(IP2, { ExternalIPAddress: '198.51.100.3' })
    expect(teller.events().map(({ seq, says }) => [seq, says])).toEqual([
      [1, ['ConnectionStatus=Disconnected', 'ExternalIPAddress=']],
      [2, ['ExternalIPAddress=198.51.100.3']],
    ])
  })
  test('that is none is not told', () => {
    const teller = new Teller()
    teller.join()
    teller.events()
    teller.publish(IP2, { ConnectionStatus: 'Connected', ...mappings(0) })
    expect(teller.events()).toEqual([])
  })
  test('check 62: is escaped', () => {
    const teller = new Teller()
    teller.join()
    teller.events()
    teller.publish(IP2, { ConnectionStatus: '<b>&"' })
    expect(teller.events()[0]?.says).toEqual(['ConnectionStatus=&lt;b&gt;&amp;&quot;'])
  })
  test('check 68: is told to subscribers of its service and to no others', () => {
    const teller = new Teller()
    teller.join(HOST)
    teller.join(OTHER, 'Layer3Forwarding:1')
    teller.events()
    teller.publish('Layer3Forwarding:1', { DefaultConnectionService: 'uuid:x:WANConnectionDevice:1,WANIPConn1' })
    expect(teller.events().map(({ to, says }) => [to.split(':')[0], says.length])).toEqual([[OTHER, 1]])
  })
  test('of a variable that is not evented is told to nobody', () => {
    const teller = new Teller()
    teller.join()
    teller.events()
    teller.publish(IP2, { Uptime: '7' })
    expect(teller.events()).toEqual([])
  })
  test('of the mappings names their number and SystemUpdateID in one event', () => {
    const teller = new Teller()
    teller.join()
    teller.events()
    teller.pass(10)
    teller.publish(IP2, { SystemUpdateID: '1' }) // a renewal: the number stays
    teller.pass(0.1)
    teller.publish(IP2, mappings(1, 2))
    teller.pass(1)
    expect(teller.events().map(({ says }) => says)).toEqual([
      ['SystemUpdateID=1'],
      ['PortMappingNumberOfEntries=1', 'SystemUpdateID=2'],
    ])
  })
  test('check 66: a hundred changes in a second are three events without a gap', () => {
    const teller = new Teller()
    teller.join()
    teller.pass(10)
    teller.events()
    for (let i = 1; i <= 100; i++) {
      teller.publish(IP2, mappings(i))
      teller.pass(0.01)
    }
    teller.pass(10)
    expect(teller.events().map(({ seq, says }) => [seq, says[1]])).toEqual([
      [1, 'SystemUpdateID=1'],
      [2, 'SystemUpdateID=50'],
      [3, 'SystemUpdateID=100'],
    ])
  })
  test('of the address does not wait for the mappings', () => {
    const teller = new Teller()
    teller.join()
    teller.events()
    teller.publish(IP2, { ...mappings(1), ExternalIPAddress: '198.51.100.3' })
    expect(teller.events().map(({ says }) => says)).toEqual([['ExternalIPAddress=198.51.100.3']])
    teller.pass(1)
    expect(teller.events().map(({ says }) => says.length)).toEqual([2])
  })
  test('while an event is on its way waits, and is told as it is then', () => {
    const teller = new Teller()
    teller.join()
    teller.pass(10)
    teller.events()
    teller.slow()
    for (let i = 1; i <= 5; i++) teller.publish(IP2, mappings(i))
    teller.pass(3)
    const [first] = teller.events()
    expect([first?.seq, teller.open.length]).toEqual([1, 1])
    teller.finish(first?.id as number)
    expect(teller.events().map(({ seq, says }) => [seq, says[1]])).toEqual([[2, 'SystemUpdateID=5']])
  })
})

describe('a subscription', () => {
  test('check 60: hears nothing after its end', () => {
    const teller = new Teller()
    teller.join()
    teller.events()
    teller.pass(1800)
    teller.publish(IP2, { ConnectionStatus: 'Disconnected' })
    expect([teller.events(), teller.eventing.size]).toEqual([[], 0])
  })
  test('has its own numbers', () => {
    const teller = new Teller()
    teller.join()
    teller.publish(IP2, { ConnectionStatus: 'Disconnected' })
    teller.join(OTHER)
    teller.events()
    teller.publish(IP2, { ConnectionStatus: 'Connected' })
    expect(teller.events().map(({ to, seq }) => [to.split(':')[0], seq])).toEqual([
      [HOST, 2],
      [OTHER, 1],
    ])
  })
  test('ends with the network it came from, its event on the way too', () => {
    const teller = new Teller()
    teller.slow()
    const sid = teller.join()
    const [event] = teller.events()
    teller.eventing.keep((_host, device) => device !== 'br-lan')
    expect([teller.eventing.size, teller.abandoned]).toEqual([0, [event?.id]])
    expect(teller.ask(renewal(sid)).status).toBe(412)
  })
  test('ended by its subscriber, takes its event on the way along', () => {
    const teller = new Teller()
    teller.slow()
    const sid = teller.join()
    expect([teller.leave([['sid', sid]]).status, teller.abandoned.length]).toEqual([200, 1])
    teller.eventing.finished(teller.events()[0]?.id as number, { is: 'broken' }, teller.now)
    expect(teller.eventing.wakeAt).toBeUndefined()
  })
  test('ended by its subscriber, makes room for the next of the same host', () => {
    const teller = new Teller()
    teller.slow()
    const sids = [teller.join(HOST, IP2, 50_001), teller.join(HOST, IP2, 50_002)]
    expect(teller.events().map(({ sid }) => sid)).toEqual([sids[0]])
    teller.leave([['sid', sids[0] as string]])
    expect(teller.events().map(({ sid }) => sid)).toEqual([sids[1]])
  })
  test('after stop() there is none, and nothing is due', () => {
    const teller = new Teller()
    teller.slow()
    teller.join()
    teller.join(OTHER)
    teller.eventing.stop()
    expect([teller.eventing.size, teller.eventing.wakeAt, teller.abandoned.length]).toEqual([0, undefined, 2])
  })
  test('check 64: ends when its subscriber answers 412', () => {
    const teller = new Teller()
    teller.manners.set(HOST, 412)
    teller.join()
    expect([teller.eventing.size, teller.events().length]).toEqual([0, 1])
  })
})

describe('a subscriber that cannot be reached', () => {
  test('is tried three times, with growing waits and one number, and then forgotten', () => {
    const teller = new Teller()
    const start = teller.now
    teller.manners.set(HOST, 'dead')
    teller.join()
    const tries: (readonly number[])[] = []
    while (teller.eventing.size > 0) {
      for (const { seq } of teller.events()) tries.push([teller.now - start, seq])
      teller.pass(1)
    }
    for (const { seq } of teller.events()) tries.push([teller.now - start, seq])
    expect(tries).toEqual([
      [0, 0],
      [2000, 0],
      [12_000, 0],
    ])
    teller.pass(100)
    expect(teller.events()).toEqual([])
  })
  test('and comes back, hears everything under the number it waits for', () => {
    const teller = new Teller()
    teller.join()
    teller.events()
    teller.manners.set(HOST, 'dead')
    teller.publish(IP2, { ConnectionStatus: 'Disconnected' })
    teller.pass(1)
    teller.publish(IP2, { ExternalIPAddress: '' })
    teller.events()
    teller.manners.set(HOST, 'well')
    teller.pass(5)
    expect(teller.events().map(({ seq, says }) => [seq, says])).toEqual([
      [1, ['ConnectionStatus=Disconnected', 'ExternalIPAddress=']],
    ])
    teller.publish(IP2, { ConnectionStatus: 'Connected' })
    expect(teller.events().map(({ seq }) => seq)).toEqual([2])
  })
  test('now and then, is not forgotten: only failures in a row count', () => {
    const teller = new Teller()
    teller.join()
    for (let round = 0; round < 10; round++) {
      teller.manners.set(HOST, 'dead')
      teller.publish(IP2, { ConnectionStatus: `Connecting ${round}` })
      teller.manners.set(HOST, 'well')
      teller.pass(20)
    }
    expect(teller.eventing.size).toBe(1)
    const numbers = new Set(teller.events().map(({ seq }) => seq))
    expect([...numbers]).toEqual(Array.from({ length: 11 }, (_, seq) => seq))
  })
  test('is given five seconds for the connection', () => {
    const teller = new Teller()
    teller.slow()
    teller.join()
    teller.pass(4.9)
    expect(teller.abandoned).toEqual([])
    teller.pass(0.2)
    expect(teller.abandoned).toEqual([1])
  })
})

describe('a subscriber that does not answer', () => {
  test('is given thirty seconds, and then the next number: the event may have arrived', () => {
    const teller = new Teller()
    teller.manners.set(HOST, 'silent')
    teller.join()
    teller.pass(29)
    expect([teller.abandoned, teller.events().map(({ seq }) => seq)]).toEqual([[], [0]])
    teller.manners.set(HOST, 'well')
    teller.pass(4)
    expect([teller.abandoned, teller.events().map(({ seq, says }) => [seq, says])]).toEqual([[1], [[1, ALL]]])
  })
  test.each([500, 404, 301])('well (%i) is told again, under the next number', status => {
    const teller = new Teller()
    teller.manners.set(HOST, status)
    teller.join()
    teller.manners.set(HOST, 'well')
    teller.pass(3)
    expect(teller.events().map(({ seq, says }) => [seq, says.length])).toEqual([
      [0, 5],
      [1, 5],
    ])
    expect(teller.eventing.size).toBe(1)
  })
  test('check 63: holds up nobody else, whatever the number of its subscriptions', () => {
    const teller = new Teller()
    teller.manners.set(HOST, 'silent')
    for (let i = 0; i < EVENT_LIMITS.perHost; i++) teller.join(HOST, IP2, 50_000 + i)
    teller.join(OTHER)
    expect(teller.events().map(({ to }) => to.split(':')[0])).toEqual([HOST, OTHER])
    teller.publish(IP2, { ConnectionStatus: 'Disconnected' })
    expect(teller.events().map(({ to, seq }) => [to.split(':')[0], seq])).toEqual([[OTHER, 1]])
    teller.pass(1800)
    teller.publish(IP2, { ConnectionStatus: 'Connected' })
    expect([teller.eventing.size, teller.open]).toEqual([0, []])
  })
  test('nor does its device under any number of addresses: one place', () => {
    const teller = new Teller()
    const many = Array.from({ length: EVENT_LIMITS.perHost }, (_, n) => host(10 + n))
    for (const each of many) {
      teller.manners.set(each, 'silent')
      teller.devices.set(each, '02:00:00:00:00:0a' as Mac)
      teller.join(each)
    }
    expect([teller.events().length, teller.open.length]).toEqual([1, 1])
    teller.join(OTHER)
    expect(teller.events().map(({ to }) => to.split(':')[0])).toEqual([OTHER])
  })
  test('is not paid for with places: the living are told, though half of the places are held', () => {
    const teller = new Teller()
    const places = EVENT_LIMITS.parallel
    for (let i = 0; i < places; i++) teller.manners.set(host(10 + i), 'silent')
    for (let i = 0; i < places; i++) teller.join(host(10 + i))
    teller.pass(33) // the first deliveries are given up, and at most half of the places are taken again
    teller.events()
    expect(teller.open.length).toBeLessThanOrEqual(places / 2)
    teller.join(OTHER)
    expect(teller.events().map(({ to }) => to.split(':')[0])).toEqual([OTHER])
  })
  test('of two subscriptions of one host, the one that waited longer is served first', () => {
    const teller = new Teller()
    const sids = [teller.join(HOST, IP2, 50_001), teller.join(HOST, IP2, 50_002)]
    teller.pass(1)
    teller.events()
    teller.slow()
    for (const status of ['Disconnecting', 'Disconnected']) teller.publish(IP2, { ConnectionStatus: status })
    const served: string[] = []
    for (let i = 0; i < 3; i++) {
      teller.pass(0.1)
      served.push(...teller.events().map(({ sid }) => sid))
      teller.finish(teller.open[0]?.id as number)
    }
    expect(served).toEqual([sids[0], sids[1], sids[0]])
  })
  test('never has more than its share of connections', () => {
    const teller = new Teller()
    teller.slow()
    for (let i = 0; i < 8; i++) for (let n = 0; n < 8; n++) teller.join(host(10 + i), IP2, 50_000 + n)
    expect([teller.eventing.size, teller.open.length]).toEqual([64, 8])
    for (let ended = 0; ended < 64; ended++) {
      expect(teller.open.length).toBeLessThanOrEqual(EVENT_LIMITS.parallel)
      teller.finish(teller.open[0]?.id as number)
    }
    expect(teller.events()).toHaveLength(64)
    expect([teller.open.length, teller.eventing.wakeAt]).toEqual([0, undefined])
  })
})

describe('time', () => {
  test('waking early, twice or late changes nothing', () => {
    const teller = new Teller()
    teller.join()
    teller.events()
    teller.publish(IP2, mappings(1))
    for (let i = 0; i < 3; i++) teller.eventing.wake(teller.now)
    expect(teller.events()).toEqual([])
    teller.now = (teller.now + 60_000) as typeof teller.now
    for (let i = 0; i < 3; i++) teller.eventing.wake(teller.now)
    expect(teller.events().map(({ seq }) => seq)).toEqual([1])
  })
  test('nothing is due while nothing is to be told', () => {
    const teller = new Teller()
    teller.join()
    expect(teller.eventing.wakeAt).toBeUndefined()
  })
  test('check 56: a URL that nobody answers gives way to the next, and what works is kept', () => {
    const teller = new Teller()
    teller.slow()
    const answer = teller.ask(
      wish({ callback: `<http://${HOST}:2001/a><http://${HOST}:2002/b><http://${HOST}:2003/c>` }),
    )
    if (answer.status !== 200) throw new Error(answer.why)
    teller.eventing.opened(answer.sid, teller.now)
    const begun = () => teller.events().map(({ id, to, seq, says }) => ({ id, said: `${to} ${seq} ${says.length}` }))
    const [first] = begun()
    teller.finish(first?.id as number, { is: 'broken' })
    teller.pass(5) // the second takes no connection: it is given up
    const [second, third] = begun()
    expect([first, second, third].map(each => each?.said)).toEqual([
      `${HOST}:2001/a 0 5`,
      `${HOST}:2002/b 0 5`,
      `${HOST}:2003/c 0 5`,
    ])
    teller.eventing.connected(third?.id as number)
    teller.finish(third?.id as number)
    teller.publish('WANIPConnection:2', { PortMappingNumberOfEntries: '1' })
    teller.pass(1)
    expect(begun().map(({ said }) => said)).toEqual([`${HOST}:2003/c 1 1`])
  })
  test('all URLs without an answer are one failure, and one that was connected is not left', () => {
    const teller = new Teller()
    teller.slow()
    const answer = teller.ask(wish({ callback: `<http://${HOST}:2001/a><http://${HOST}:2002/b>` }))
    if (answer.status !== 200) throw new Error(answer.why)
    teller.eventing.opened(answer.sid, teller.now)
    const tried = (isConnected: boolean): string =>
      teller.events().reduce((said, { id, to }) => {
        if (isConnected) teller.eventing.connected(id)
        teller.finish(id, { is: 'broken' })
        return said + to.slice(-1)
      }, '')
    expect([tried(false), tried(false), tried(false)]).toEqual(['a', 'b', ''])
    teller.pass(2)
    expect([tried(true), tried(true)]).toEqual(['b', ''])
    teller.pass(10)
    expect([tried(false), tried(false), teller.eventing.size]).toEqual(['b', 'a', 0])
  })
  test('an outcome that comes twice, or for a delivery given up, is not heard', () => {
    const teller = new Teller()
    teller.join()
    teller.events()
    teller.slow()
    teller.publish(IP2, { ConnectionStatus: 'Disconnected' })
    const id = teller.events()[0]?.id as number
    teller.finish(id)
    teller.finish(id, { is: 'answered', status: 412 })
    teller.finish(99, { is: 'broken' })
    expect(teller.eventing.size).toBe(1)
    teller.publish(IP2, { ConnectionStatus: 'Connected' })
    expect(teller.events().map(({ seq }) => seq)).toEqual([2])
  })
})
