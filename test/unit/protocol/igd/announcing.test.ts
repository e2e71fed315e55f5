import { describe, expect, test } from 'vitest'
import type { Ip } from '../../../../src/base/ip.ts'
import type { Door, Outgoing } from '../../../../src/protocol/igd/discovery.ts'
import { SSDP_TTL } from '../../../../src/wire/ssdp.ts'
import { Finder, GUEST, LAN, LINK, offer, personality, read, SITE, search, settled } from '../../../support/ssdp.ts'

const MOVED: Door = { device: 'br-lan', address: '192.168.1.2' as Ip }
const ROWS = 11

/** Sets in the order in which they left: `time kind xRows from boot`, times in ms since `start`. */
function film(sent: readonly Outgoing[], start = 0): string[] {
  const sets: { text: string; rows: number }[] = []
  for (const { at, from, bytes } of sent) {
    const { start: line, fields } = read(bytes)
    expect(line).toBe('NOTIFY * HTTP/1.1')
    const next = fields['NEXTBOOTID.UPNP.ORG']
    const boot = next === undefined ? fields['BOOTID.UPNP.ORG'] : `${fields['BOOTID.UPNP.ORG']}->${next}`
    const text = `${at - start} ${fields['NTS']} ${from} ${boot}`
    const last = sets.at(-1)
    if (last?.text === text) last.rows++
    else sets.push({ text, rows: 1 })
  }
  for (const { rows } of sets) expect(rows).toBe(ROWS)
  return sets.map(({ text }) => text)
}

/** The same without times. */
const scenes = (sent: readonly Outgoing[]): string[] => film(sent).map(text => text.replace(/^\d+ ssdp:/, ''))
const times = (sent: readonly Outgoing[], start = 0): number[] =>
  film(sent, start).map(text => Number.parseInt(text, 10))

describe('announcements', () => {
  test('check 1: at the start a goodbye, then three sets of alive, some hundred milliseconds apart', () => {
    const finder = new Finder()
    finder.serve(LAN)
    finder.pass(10)
    const sent = finder.take()
    expect(scenes(sent)).toEqual([
      'byebye 192.168.1.1 1000',
      'alive 192.168.1.1 1000',
      'alive 192.168.1.1 1000',
      'alive 192.168.1.1 1000',
    ])
    const [first = 999, ...later] = times(sent)
    expect(first).toBeLessThan(100)
    for (const [index, at] of later.entries()) {
      const gap = at - (index === 0 ? first : (later[index - 1] as number))
      expect(gap).toBeGreaterThanOrEqual(200)
      expect(gap).toBeLessThan(400)
    }
  })

  test('IGD:1 alone begins with alive', () => {
    const finder = new Finder({ offer: offer({ personalities: [personality(1)] }) })
    finder.serve(LAN)
    finder.pass(10)
    const starts = finder.messages().map(({ fields }) => fields['NTS'])
    expect([starts[0], starts.length]).toEqual(['ssdp:alive', 30])
  })

  test('check 2: every alive has all its fields, and is shorter than 512 bytes', () => {
    const finder = new Finder()
    finder.serve(LAN, LINK)
    finder.pass(10)
    const alive = finder.take().filter(({ bytes }) => read(bytes).fields['NTS'] === 'ssdp:alive')
    expect(alive).toHaveLength(2 * 3 * ROWS)
    for (const { bytes } of alive) {
      expect(bytes.length).toBeLessThan(512)
      expect(Object.keys(read(bytes).fields)).toEqual([
        'HOST',
        'CACHE-CONTROL',
        'LOCATION',
        'NT',
        'NTS',
        'SERVER',
        'USN',
        'BOOTID.UPNP.ORG',
        'CONFIGID.UPNP.ORG',
      ])
    }
  })

  test('check 3: one message for each row, no USN twice, the highest version only', () => {
    const finder = new Finder()
    finder.serve(LAN)
    finder.pass(0.1)
    finder.take()
    finder.pass(0.4)
    const usns = finder.messages().map(({ fields }) => fields['USN'] as string)
    expect([usns.length, new Set(usns).size]).toEqual([ROWS, ROWS])
    expect(usns.filter(usn => /(GatewayDevice|WANIPConnection):1$/.test(usn))).toEqual([])
  })

  test('checks 5, 6 and 7: each from its own address, to its own group, with its own LOCATION', () => {
    const finder = new Finder()
    finder.serve(LAN, GUEST, LINK, SITE)
    finder.pass(10)
    const seen = new Set<string>()
    for (const { device, from, to, port, bytes } of finder.take()) {
      const { fields } = read(bytes)
      if (fields['NTS'] === 'ssdp:alive') {
        seen.add([device, from, to, port, fields['HOST'], fields['LOCATION']].join(' '))
      }
    }
    expect([...seen].sort()).toEqual([
      'br-lan 192.168.1.1 239.255.255.250 1900 239.255.255.250:1900 http://192.168.1.1:5000/igd2.xml',
      'br-lan fd00:1::1 ff05::c 1900 [ff05::c]:1900 http://[fd00:1::1]:5000/igd2.xml',
      'br-lan fe80::1 ff02::c 1900 [ff02::c]:1900 http://[fe80::1]:5000/igd2.xml',
      'br-media 10.7.0.1 239.255.255.250 1900 239.255.255.250:1900 http://10.7.0.1:5000/igd2.xml',
    ])
  })

  test('check 4: they are meant for two hops', () => expect(SSDP_TTL).toBe(2))

  test('check 8: nothing leaves by a device that is not served', () => {
    const finder = settled([LAN])
    finder.pass(7200)
    expect(new Set(finder.take().map(({ device }) => device))).toEqual(new Set(['br-lan']))
  })

  test('check 9: sets come again before half of max-age, at times that differ, under the same BOOTID', () => {
    const finder = settled()
    const start = finder.now
    finder.pass(86_400)
    const sent = finder.take()
    expect(new Set(scenes(sent))).toEqual(new Set(['alive 192.168.1.1 1000']))
    const gaps = times(sent, start).map((at, index, all) => at - (all[index - 1] ?? 0))
    expect(gaps.length).toBeGreaterThan(96)
    for (const gap of gaps.slice(1)) {
      expect(gap).toBeGreaterThanOrEqual(540_000)
      expect(gap).toBeLessThan(900_000)
    }
    expect(new Set(gaps).size).toBeGreaterThan(50)
  })

  test('check 10: at the end a goodbye for every row on every link, at once, and then silence', () => {
    const finder = settled([LAN, GUEST, LINK])
    finder.discovery.stop(finder.now)
    expect(scenes(finder.take())).toEqual(['byebye 192.168.1.1 1000', 'byebye 10.7.0.1 1000', 'byebye fe80::1 1000'])
    expect(finder.discovery.wakeAt).toBeUndefined()
    finder.pass(7200)
    expect(finder.take()).toEqual([])
  })

  test('check 11: a BOOTID is what the start was given, cut to 31 bits', () => {
    expect(new Finder({ bootId: 1001 }).discovery.bootId).toBe(1001)
    expect(new Finder({ bootId: 2 ** 31 + 5 }).discovery.bootId).toBe(5)
  })

  test('check 12: other descriptions say goodbye under the old CONFIGID and return under the new', () => {
    const finder = settled()
    finder.discovery.offer(offer({ configId: 4712 }), finder.now)
    finder.pass(10)
    const said = finder.messages().map(({ fields }) => {
      return [fields['NTS'], fields['BOOTID.UPNP.ORG'], fields['CONFIGID.UPNP.ORG']].join(' ')
    })
    expect([...new Set(said)]).toEqual(['ssdp:byebye 1000 4711', 'ssdp:byebye 1001 4712', 'ssdp:alive 1001 4712'])
    finder.unicast(search('upnp:rootdevice'))
    expect(finder.messages()[0]?.fields['CONFIGID.UPNP.ORG']).toBe('4712')
  })

  test('check 13: with another address, goodbye from the old one, then all anew under a greater BOOTID', () => {
    const finder = settled()
    finder.serve(MOVED)
    finder.pass(10)
    expect(scenes(finder.take())).toEqual([
      'byebye 192.168.1.1 1000',
      'byebye 192.168.1.2 1001',
      'alive 192.168.1.2 1001',
      'alive 192.168.1.2 1001',
      'alive 192.168.1.2 1001',
    ])
    finder.unicast(search('upnp:rootdevice'), '192.168.1.100' as Ip, MOVED)
    const [answer] = finder.messages()
    expect([answer?.fields['LOCATION'], answer?.fields['BOOTID.UPNP.ORG']]).toEqual([
      'http://192.168.1.2:5000/igd2.xml',
      '1001',
    ])
  })

  test('a new network: the others hear of the next BOOTID, and all announce themselves', () => {
    const finder = settled()
    finder.serve(LAN, GUEST)
    expect(scenes(finder.take())).toEqual(['update 192.168.1.1 1000->1001'])
    finder.pass(10)
    const said = scenes(finder.take())
    expect(said.filter(each => each === 'alive 192.168.1.1 1001')).toHaveLength(3)
    expect(said.filter(each => each === 'alive 10.7.0.1 1001')).toHaveLength(3)
    expect(said.filter(each => each === 'byebye 10.7.0.1 1001')).toHaveLength(1)
    expect(said).toHaveLength(7)
  })

  test('a network that goes says goodbye there, and nothing elsewhere', () => {
    const finder = settled([LAN, GUEST])
    finder.serve(LAN)
    finder.pass(10)
    expect(scenes(finder.take())).toEqual(['byebye 10.7.0.1 1000'])
  })

  test('of two addresses of one device one goes: the other is announced anew', () => {
    const finder = settled([LAN, SITE])
    finder.serve(LAN)
    finder.pass(10)
    expect(scenes(finder.take())).toEqual([
      'byebye fd00:1::1 1000',
      'update 192.168.1.1 1000->1001',
      'alive 192.168.1.1 1001',
      'alive 192.168.1.1 1001',
      'alive 192.168.1.1 1001',
    ])
  })

  test('the same doors again change nothing', () => {
    const finder = settled([LAN, GUEST])
    const { wakeAt } = finder.discovery
    finder.serve(GUEST, LAN)
    expect([finder.take(), finder.discovery.wakeAt]).toEqual([[], wakeAt])
  })

  test('a start that is interrupted by a new network still begins with a goodbye', () => {
    const finder = new Finder()
    finder.serve(LAN)
    finder.serve(LAN, GUEST)
    finder.take()
    finder.pass(10)
    expect(
      scenes(finder.take())
        .filter(each => each.startsWith('byebye'))
        .sort(),
    ).toEqual(['byebye 10.7.0.1 1001', 'byebye 192.168.1.1 1001'])
  })

  test('a return after all networks were gone is a new BOOTID', () => {
    const finder = settled()
    finder.serve()
    finder.take()
    finder.serve(LAN)
    finder.pass(10)
    expect(scenes(finder.take())[0]).toBe('byebye 192.168.1.1 1001')
  })

  test('a greater BOOTID, once the clock is right: all hear of it, and then announce themselves', () => {
    const finder = settled([LAN, GUEST])
    finder.discovery.raise(5000, finder.now)
    expect(scenes(finder.take())).toEqual(['update 192.168.1.1 1000->5000', 'update 10.7.0.1 1000->5000'])
    finder.pass(10)
    const said = scenes(finder.take())
    expect(said.filter(each => each === 'alive 192.168.1.1 5000')).toHaveLength(3)
    expect(said.filter(each => each === 'alive 10.7.0.1 5000')).toHaveLength(3)
    expect(said).toHaveLength(6)
  })

  test('a greater BOOTID during the start: the goodbye is not forgotten', () => {
    const finder = new Finder()
    finder.serve(LAN)
    finder.discovery.raise(5000, finder.now)
    finder.take()
    finder.pass(10)
    expect(scenes(finder.take())[0]).toBe('byebye 192.168.1.1 5000')
  })

  test('after the last of 31 bits comes 0', () => {
    const finder = settled([LAN], { bootId: 2 ** 31 - 1 })
    finder.serve(MOVED)
    expect(finder.discovery.bootId).toBe(0)
  })

  test('waking early, twice or late sends nothing twice', () => {
    const finder = new Finder()
    finder.serve(LAN)
    finder.discovery.wake(finder.now)
    const due = finder.discovery.wakeAt as typeof finder.now
    finder.discovery.wake(due)
    finder.discovery.wake(due)
    expect(scenes(finder.take())).toEqual(['byebye 192.168.1.1 1000'])
    finder.now = 5_000_000 as typeof finder.now
    finder.discovery.wake(finder.now)
    finder.discovery.wake(finder.now)
    expect(scenes(finder.take())).toEqual(['alive 192.168.1.1 1000'])
  })
})
