import { describe, expect, test } from 'vitest'
import type { Ip, Mac } from '../../../../src/base/ip.ts'
import { seconds } from '../../../../src/base/time.ts'
import { EVENT_LIMITS } from '../../../../src/protocol/igd/subscriptions.ts'
import type { Fields } from '../../../../src/wire/http.ts'
import { HOST, OTHER, OWN, renewal, Teller, wish } from '../../../support/gena.ts'

const at = (url: string) => wish({ callback: `<${url}>` })

describe('a subscription is granted', () => {
  test('check 52: with a new SID and at least 1800 seconds', () => {
    const teller = new Teller()
    const answers = [teller.ask(wish()), teller.ask(wish())]
    for (const answer of answers) {
      expect(answer.status).toBe(200)
      if (answer.status !== 200) continue
      expect(answer.sid).toMatch(/^uuid:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
      expect([answer.timeout, answer.isNew]).toEqual([1800, true])
    }
    expect(new Set(answers.map(answer => (answer.status === 200 ? answer.sid : ''))).size).toBe(2)
  })
  test.each<[why: string, timeout: string | undefined, granted: number]>([
    ['what was asked', 'Second-3600', 3600],
    ['a short one', 'Second-1', 1800],
    ['a long one', 'Second-4294967295', 86_400],
    ['check 59: infinite', 'Second-infinite', 1800],
    ['none', undefined, 1800],
    ['nonsense', 'tomorrow', 1800],
  ])('for a time that is clamped: %s', (_why, timeout, granted) => {
    const answer = new Teller().ask(wish({ timeout }))
    expect(answer.status === 200 && answer.timeout).toBe(granted)
  })
  test.each<[why: string, callback: string, from: string, to: string]>([
    ['check 56: the first URL that fits', `<http://${OTHER}:49152/a><http://${HOST}:49152/b>`, HOST, `${HOST}:49152/b`],
    ['and no later one, while it answers', `<http://${HOST}:49152/a><http://${HOST}:49153/b>`, HOST, `${HOST}:49152/a`],
    ['an IPv6 subscriber on the link', '<http://[fe80::7]:49152/a>', 'fe80::7', '[fe80::7]:49152/a'],
    ['an IPv4 address written as IPv6', `<http://[::ffff:${HOST}]:49152/a>`, HOST, `${HOST}:49152/a`],
    ['port 1024', `<http://${HOST}:1024/a>`, HOST, `${HOST}:1024/a`],
  ])('to %s', (_why, callback, from, to) => {
    const teller = new Teller()
    const answer = teller.ask(wish({ callback }), from as Ip)
    expect(answer.status).toBe(200)
    if (answer.status === 200) teller.eventing.opened(answer.sid, teller.now)
    expect(teller.events().map(event => event.to)).toEqual([to])
  })
})

describe('a subscription is refused', () => {
  test.each<[why: string, status: number, fields: Fields]>([
    ['check 53: without CALLBACK', 412, wish({ callback: undefined })],
    ['check 53: without NT', 412, wish({ nt: undefined })],
    ['check 53: with another NT', 412, wish({ nt: 'upnp:events' })],
    ['check 54: with SID and CALLBACK', 400, [...wish({ nt: undefined }), ['sid', 'uuid:x']]],
    ['check 54: with SID and NT', 400, [...wish({ callback: undefined }), ['sid', 'uuid:x']]],
    ['with two CALLBACKs', 400, [...wish(), ['callback', `<http://${HOST}:49152/>`]]],
    ['with an empty CALLBACK', 412, wish({ callback: '' })],
    ['with a CALLBACK without brackets', 412, wish({ callback: `http://${HOST}:49152/` })],
    ['S12, check 55: for another host', 412, at(`http://${OTHER}:49152/`)],
    ['S12, check 55: for a host of the world', 412, at('http://203.0.113.9:49152/')],
    [
      'S12: with a second URL that is no better',
      412,
      wish({ callback: `<http://${OTHER}:49152/><http://10.0.0.1:9999/>` }),
    ],
    ['S12, check 55: for a name', 412, at('http://host.example:49152/')],
    ['S12: for localhost', 412, at('http://127.0.0.1:49152/')],
    ['S12: with an IPv6 zone', 412, at('http://[fe80::7%25br-lan]:49152/')],
    ['S12, check 55: for ourselves', 412, at(`http://${OWN}:5000/`)],
    ['S12: for our own port at the subscriber', 412, at(`http://${HOST}:5000/`)],
    ['S12: for a privileged port', 412, at(`http://${HOST}:1023/`)],
    ['S12: for the port of http, unsaid', 412, at(`http://${HOST}/`)],
    ['S12: with a long path', 412, at(`http://${HOST}:49152/${'a'.repeat(250)}`)],
    [
      'S12: behind nine bad URLs',
      412,
      wish({ callback: `${'<http://10.0.0.1:9999/>'.repeat(9)}<http://${HOST}:49152/>` }),
    ],
    ['check 55: by https', 412, at(`https://${HOST}:49152/`)],
  ])('%s', (_why, status, fields) => {
    const teller = new Teller()
    expect(teller.ask(fields).status).toBe(status)
    teller.pass(10)
    expect([teller.eventing.size, teller.deliveries]).toEqual([0, []])
  })

  test('S12: from a device that is not internal, or a host that is not on its link', () => {
    const teller = new Teller()
    expect(teller.ask(wish(), HOST, 'WANIPConnection:2', 'wan').status).toBe(412)
    expect(teller.ask(at('http://203.0.113.9:49152/'), '203.0.113.9' as Ip).status).toBe(412)
    expect(teller.ask(at(`http://${OWN}:49152/`), OWN).status).toBe(412)
  })

  test('check 67: the 129th is one too many, the 17th of one device too', () => {
    const teller = new Teller()
    const ask = (host: number) => teller.ask(at(`http://192.168.1.${host}:49152/`), `192.168.1.${host}` as Ip).status
    for (let i = 0; i < EVENT_LIMITS.total; i++) expect(ask(10 + (i >> 4))).toBe(200)
    expect(ask(99)).toBe(503)
    expect(ask(10)).toBe(503)
    teller.pass(1800)
    expect(Array.from({ length: 17 }, () => ask(10))).toEqual([...new Array<number>(16).fill(200), 503])
  })

  test('S12: of a device under all of its addresses, also those by which it becomes known only later', () => {
    const teller = new Teller()
    const ask = (host: number) => teller.ask(at(`http://192.168.1.${host}:49152/`), `192.168.1.${host}` as Ip).status
    const known = (host: number) => teller.devices.set(`192.168.1.${host}` as Ip, '02:00:00:00:00:0a' as Mac)
    expect(Array.from({ length: 10 }, (_, n) => ask(10 + n))).toEqual(new Array<number>(10).fill(200))
    for (let n = 0; n < 40; n++) known(10 + n)
    expect(Array.from({ length: 7 }, (_, n) => ask(30 + n))).toEqual([...new Array<number>(6).fill(200), 503])
    teller.devices.clear()
    known(99)
    expect([ask(99), ask(98)]).toEqual([503, 200])
  })

  test('S12: of a thousand subscriptions as many are granted as the limits say', () => {
    const teller = new Teller()
    const statuses = Array.from({ length: 1000 }, (_, i) => {
      const host = 2 + (i % 250)
      return teller.ask(at(`http://192.168.1.${host}:49152/`), `192.168.1.${host}` as Ip).status
    })
    expect(statuses.filter(status => status === 200)).toHaveLength(EVENT_LIMITS.total)
    expect(statuses.filter(status => status === 503)).toHaveLength(1000 - EVENT_LIMITS.total)
    expect(teller.eventing.size).toBe(EVENT_LIMITS.total)
  })
})

function later(teller: Teller, sid: string, seconds: number): number {
  teller.pass(seconds)
  return teller.ask(renewal(sid)).status
}

describe('a renewal', () => {
  test('check 57: keeps the SID, begins the time anew, and tells nothing', () => {
    const teller = new Teller()
    const sid = teller.join()
    teller.events()
    teller.pass(1700)
    expect(teller.ask(renewal(sid))).toEqual({ status: 200, sid, timeout: seconds(1800), isNew: false })
    teller.pass(1700)
    expect(teller.ask(renewal(sid, 'Second-3000'))).toEqual({ status: 200, sid, timeout: seconds(3000), isNew: false })
    teller.publish('WANIPConnection:2', { ConnectionStatus: 'Disconnected' })
    expect(teller.events().map(({ seq }) => seq)).toEqual([1])
  })
  test.each<[why: string, status: number, ask: (teller: Teller, sid: string) => number]>([
    ['check 58: of an unknown SID', 412, teller => teller.ask(renewal('uuid:nobody')).status],
    ['of an empty SID', 412, teller => teller.ask(renewal('')).status],
    ['check 60: after its end', 412, (teller, sid) => later(teller, sid, 1800)],
    ['with CALLBACK', 400, (teller, sid) => teller.ask([...renewal(sid), ['callback', `<http://${HOST}:1/>`]]).status],
    ['by another host', 412, (teller, sid) => teller.ask(renewal(sid), OTHER).status],
    ['at another service', 412, (teller, sid) => teller.ask(renewal(sid), HOST, 'Layer3Forwarding:1').status],
    ['with two SIDs', 400, (teller, sid) => teller.ask([...renewal(sid), ['sid', sid]]).status],
    ['just before its end', 200, (teller, sid) => later(teller, sid, 1799)],
  ])('%s', (_why, status, ask) => {
    const teller = new Teller()
    expect(ask(teller, teller.join())).toBe(status)
  })
})

describe('an end', () => {
  test('check 61: is answered once, then 412', () => {
    const teller = new Teller()
    const sid = teller.join()
    expect(teller.leave([['sid', sid]]).status).toBe(200)
    expect(teller.leave([['sid', sid]]).status).toBe(412)
    teller.events()
    teller.publish('WANIPConnection:2', { ConnectionStatus: 'Disconnected' })
    expect([teller.events(), teller.eventing.size]).toEqual([[], 0])
  })
  test.each<[why: string, status: number, end: (teller: Teller, sid: string) => number]>([
    ['without SID', 412, teller => teller.leave([]).status],
    [
      'with NT',
      400,
      (teller, sid) =>
        teller.leave([
          ['sid', sid],
          ['nt', 'upnp:event'],
        ]).status,
    ],
    [
      'with CALLBACK',
      400,
      (teller, sid) =>
        teller.leave([
          ['sid', sid],
          ['callback', '<>'],
        ]).status,
    ],
    ['of another host', 412, (teller, sid) => teller.leave([['sid', sid]], OTHER).status],
    ['at another service', 412, (teller, sid) => teller.leave([['sid', sid]], HOST, 'WANIPConnection:1').status],
  ])('%s is refused, and nothing ends', (_why, status, end) => {
    const teller = new Teller()
    expect(end(teller, teller.join())).toBe(status)
    expect(teller.eventing.size).toBe(1)
  })
})
