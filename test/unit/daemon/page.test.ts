/** The page at the presentation URL: what it shows to whom, and that text stays text. */
import { describe, expect, test } from 'vitest'
import type { Ip, Mac, Port } from '../../../src/base/ip.ts'
import { utf8Decode } from '../../../src/base/text.ts'
import type { Mapping } from '../../../src/core/mapping.ts'
import { Rate } from '../../../src/core/rate.ts'
import type { Uplink } from '../../../src/core/uplink.ts'
import type { PageWorld } from '../../../src/daemon/page.ts'
import { page } from '../../../src/daemon/page.ts'
import { type Language, languageOf, Words } from '../../../src/daemon/page-texts.ts'
import { ago, bytes, duration } from '../../../src/daemon/page-words.ts'
import type { Counted } from '../../../src/kernel/traffic.ts'
import type { Fields } from '../../../src/wire/http.ts'
import { redirect } from '../../support/gateway.ts'
import { map, type WishWords } from '../../support/mappings.ts'
import { A, A6, B, DOWN, policy, Router, type RouterOptions, up } from '../../support/router.ts'

const MAC = '02:00:00:00:00:0a' as Mac
const NONE: Counted = { packetsIn: 0, bytesIn: 0, packetsOut: 0, bytesOut: 0 }

class Shown {
  readonly router: Router
  world: PageWorld
  constructor(router: Router) {
    this.router = router
    const { engine, journal, clock } = router
    this.world = {
      now: () => clock.now(),
      name: () => 'Portico',
      engine,
      journal,
      rate: new Rate(),
      redirects: () => [],
      traffic: async () => new Map(),
    }
  }
  static async start(options: RouterOptions = {}): Promise<Shown> {
    return new Shown(await Router.start(options))
  }
  /** The page as this host sees it. */
  async to(ip: Ip, mac?: Mac, language?: string): Promise<string> {
    const fields: Fields = language === undefined ? [] : [['accept-language', language]]
    const answer = await page({ method: 'GET', path: '/', fields }, { ip, device: 'br-lan', mac }, this.world)
    return utf8Decode(answer?.body ?? new Uint8Array(0))
  }
  ask(words: WishWords) {
    return this.router.engine.submit(map({ via: 'upnp', exact: true, ...words }))
  }
}

/** The text between the tags. */
const words = (text: string) =>
  text
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .replaceAll('&apos;', "'")
const tags = (text: string) => new Set([...text.matchAll(/<\/?([a-z0-9]+)/gi)].map(match => match[1]))

const OUR_TAGS =
  'html head meta title link body header img span bdi main h1 p b section div h2 table thead tr th tbody td small progress footer a'
const HOSTILE = [
  '<img src=x onerror=alert(1)>',
  '<script>alert(1)</script>',
  ']]><svg onload=alert(1)>',
  '"><b onclick=alert(1)>',
  "'><a href=javascript:alert(1)>",
  '<!-- <iframe>',
  '&lt;b&gt;&#60;i>',
]

describe('the list', () => {
  test.each(HOSTILE)('the description %s is text', async label => {
    const shown = await Shown.start()
    await shown.ask({ label })
    const text = await shown.to(A)
    const escaped = label.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
    expect(text.replaceAll('&quot;', '"').replaceAll(/&apos;|&#39;/g, "'")).toContain(`<bdi>${escaped}</bdi>`)
    for (const tag of tags(text)) expect(OUR_TAGS.split(' ')).toContain(tag)
    expect(text).not.toMatch(/<[^>]* on\w+=/)
  })

  test("shows its own, with what leads where, and nobody else's (S34)", async () => {
    const shown = await Shown.start()
    await shown.ask({ label: 'mine', external: 4001, internal: 5001, transport: 'tcp' })
    await shown.ask({ label: 'other', external: 4002, host: B })
    const mine = words(await shown.to(A))
    expect(mine).toContain('TCP 4001 mine UPnP port 5001 192.168.1.100')
    expect(mine).toContain('1 open port 1 of 64 allowed')
    expect(mine).not.toContain('other')
    expect(mine).not.toContain(B)
    expect(words(await shown.to('192.168.1.102' as Ip))).toContain('No program on this device has asked for a port.')
  })

  test('shows what the same device has by IPv6, to whoever has its link address', async () => {
    const shown = await Shown.start()
    await shown.router.engine.submit({
      ask: 'pinhole',
      owner: { via: 'upnp', client: A6 },
      device: 'br-lan',
      mac: MAC,
      transport: 'udp',
      internal: { ip: A6, port: 6881 as Port },
      remote: { ip: 'any', port: 'any' },
      lifetime: 600 as never,
      label: '',
    })
    expect(words(await shown.to(A, MAC))).toContain(`UDP 6881 No name given UPnP, IPv6 port 6881 ${A6}`)
    expect(words(await shown.to(A, '02:00:00:00:00:0b' as Mac))).not.toContain('6881')
    expect(words(await shown.to(A))).not.toContain('6881')
  })

  test('shows how much time is left, and that it gets less', async () => {
    const shown = await Shown.start()
    await shown.ask({ lifetime: 7200 })
    expect(words(await shown.to(A))).toContain('2 h 00 min')
    await shown.router.pass(3660)
    const text = await shown.to(A)
    expect(words(text)).toContain('59 min')
    expect(text).toContain('<progress max="7200" value="3540"')
  })

  test('shows the traffic, where it is counted', async () => {
    const shown = await Shown.start()
    await shown.ask({ external: 4001, internal: 4001 })
    expect(words(await shown.to(A))).toContain('–')
    const traffic = (counted: Counted) => async (mappings: readonly Mapping[]) =>
      new Map(mappings.map(mapping => [mapping, counted]))
    shown.world = { ...shown.world, traffic: traffic(NONE) }
    expect(words(await shown.to(A))).toContain('None yet')
    shown.world = {
      ...shown.world,
      traffic: traffic({ packetsIn: 1204, bytesIn: 1_234_567, packetsOut: 1, bytesOut: 60 }),
    }
    expect(words(await shown.to(A))).toContain('↓ 1.23 MB 1,204 packets ↑ 60 B 1 packet')
  })

  test('says which are not in use, and for whom they are', async () => {
    const shown = await Shown.start()
    await shown.router.engine.submit({
      ...map({ via: 'upnp', exact: true }),
      enabled: false,
      remote: { ip: '198.51.100.1' as Ip, port: 'any' },
    })
    const text = words(await shown.to(A))
    expect(text).toContain('0 open ports, 1 idle')
    expect(text).toContain('Switched off by its program')
    expect(text).toContain('only from 198.51.100.1')
  })

  test('has static mappings and redirects of the firewall, without an end', async () => {
    const statics = [
      { transport: 'udp' as const, external: 51820 as Port, internal: { ip: A, port: 51820 as Port }, label: 'tunnel' },
    ]
    const shown = await Shown.start({ statics })
    shown.world = { ...shown.world, redirects: () => [redirect(443, A), redirect(8080, B, 'not mine')] }
    const text = words(await shown.to(A))
    expect(text).toContain("UDP 51820 tunnel Router's owner port 51820 192.168.1.100 No end")
    expect(text).toContain('TCP 443 web Firewall rule port 8443 192.168.1.100 No end')
    expect(text).toContain('0 of 64 allowed')
    expect(text).not.toContain('not mine')
  })

  test('says so when nothing is opened on request', async () => {
    const shown = await Shown.start({ policy: { ...policy(), forwarding: { 'nat-pmp': false, upnp: false } } })
    expect(words(await shown.to(A))).toContain('the router does not open any on request')
  })
})

describe('the external address', () => {
  const rows: readonly (readonly [what: string, uplink: Uplink, expected: string])[] = [
    ['public', up('203.0.113.7'), '203.0.113.7 Public address.'],
    ['private', { ...up('192.168.0.2'), reach: 'private' } as Uplink, '192.168.0.2 Private address.'],
    ['shared', { ...up('100.64.0.2'), reach: 'shared' } as Uplink, '100.64.0.2 Shared address.'],
    ['none', DOWN, 'none No connection.'],
    ['forced', up('192.168.0.2', '198.51.100.1'), "The router's own address is 192.168.0.2 ."],
  ]
  test.each(rows)('%s', async (_what, uplink, expected) => {
    expect(words(await (await Shown.start({ uplink })).to(A))).toContain(expected)
  })
})

describe('what was refused', () => {
  test('and why, the latest first; the same again is counted', async () => {
    const shown = await Shown.start()
    for (let i = 0; i < 3; i++) await shown.ask({ external: 80, internal: 80, transport: 'tcp', label: 'web' })
    await shown.router.pass(60)
    await shown.router.from(A).map('udp', 22, 22)
    const text = words(await shown.to(A))
    expect(text).toContain(
      "Open TCP port 80 for web by UPnP (3 times) 1 min ago The router's rules do not allow it. default policy: internal port 80 is a web interface",
    )
    expect(text.indexOf('UDP port 22')).toBeLessThan(text.indexOf('TCP port 80'))
  })
  test('without a word of who has the port (S34)', async () => {
    const shown = await Shown.start()
    await shown.ask({ external: 4001, host: B })
    await shown.ask({ external: 4001 })
    const text = words(await shown.to(A))
    expect(text).toContain('Another device has this port.')
    expect(text).not.toContain(B)
    expect(words(await shown.to(B))).not.toContain('Refused')
  })
  test('a hostile description is text here too', async () => {
    const shown = await Shown.start()
    await shown.ask({ external: 80, label: '<script>alert(1)</script>' })
    expect(await shown.to(A)).toContain('&lt;script&gt;alert(1)&lt;/script&gt;')
  })
  test('a rule is named, its comment as text', async () => {
    const shown = await Shown.start({ policy: policy([{ action: 'deny', comment: '<b>no games</b>' }]) })
    await shown.ask({})
    expect(await shown.to(A)).toContain('permission 0 (&lt;b&gt;no games&lt;/b&gt;)')
  })
  test('no more than the last eight', async () => {
    const shown = await Shown.start()
    for (let port = 100; port < 120; port++) await shown.ask({ external: port })
    const text = await shown.to(A)
    expect(text.match(/<li>/g)).toHaveLength(8 + 3)
    expect(text).toContain('port 119')
  })
})

describe('page()', () => {
  const ask = async (path: string, method = 'GET') =>
    page({ method, path, fields: [] }, { ip: A, device: 'br-lan', mac: undefined }, (await Shown.start()).world)
  const fields = async (path: string, method = 'GET') =>
    Object.fromEntries(((await ask(path, method))?.fields ?? []).map(([name, value]) => [name, value]))

  test('its policy lets nothing in but its own style and sign', async () => {
    const { 'Content-Security-Policy': allowed } = await fields('/')
    expect(allowed).toBe(
      "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    )
  })
  test('its files are what they say', async () => {
    expect((await fields('/'))['Content-Type']).toBe('text/html; charset=utf-8')
    expect((await fields('/page.css'))['Content-Type']).toBe('text/css; charset=utf-8')
    expect((await fields('/page.svg'))['Content-Type']).toBe('image/svg+xml')
    expect((await fields('/page.svg'))['X-Content-Type-Options']).toBe('nosniff')
  })
  test('nothing else is there, and nothing can be sent', async () => {
    expect(await ask('/page.js')).toBeUndefined()
    expect((await ask('/', 'POST'))?.status).toBe(405)
    expect((await ask('/', 'HEAD'))?.status).toBe(200)
  })
  test('who asks too much gets 503', async () => {
    const shown = await Shown.start({ policy: policy([], { requestsPerSecond: 1 }) })
    const from = { ip: A, device: 'br-lan', mac: undefined }
    const statuses: (number | undefined)[] = []
    for (let i = 0; i < 3; i++)
      statuses.push((await page({ method: 'GET', path: '/', fields: [] }, from, shown.world))?.status)
    expect(statuses).toEqual([200, 200, 503])
  })
  test('what cannot be made is 500, and no rejection', async () => {
    const shown = await Shown.start()
    const world = { ...shown.world, traffic: () => Promise.reject(new Error('no')) }
    const answer = await page(
      { method: 'GET', path: '/', fields: [] },
      { ip: A, device: 'br-lan', mac: undefined },
      world,
    )
    expect(answer?.status).toBe(500)
  })
})

describe('words', () => {
  const EN = new Words('en')
  test('lengths of time', () => {
    expect([0, 59.9, 60, 3599, 3600, 3900, 86_399, 86_400, 604_800].map(duration)).toEqual([
      '0 s',
      '59 s',
      '1 min',
      '59 min',
      '1 h 00 min',
      '1 h 05 min',
      '23 h 59 min',
      '1 d 0 h',
      '7 d 0 h',
    ])
    expect([ago(1, EN), ago(42, EN)]).toEqual(['just now', '42 s ago'])
  })
  test('amounts', () => {
    const amount = (n: number) => bytes(n, EN)
    expect([0, 999, 1000, 9_994, 9_996, 99_960, 999_499, 999_500, 45_000_000, 731e9, 2e15].map(amount)).toEqual([
      '0 B',
      '999 B',
      '1.00 kB',
      '9.99 kB',
      '10.0 kB',
      '100 kB',
      '999 kB',
      '1.00 MB',
      '45.0 MB',
      '731 GB',
      '2.00 PB',
    ])
    expect([0, 999, 1000, 1_234_567].map(n => EN.grouped(n))).toEqual(['0', '999', '1,000', '1,234,567'])
  })
})

describe('languages', () => {
  test.each<[string | undefined, Language]>([
    [undefined, 'en'],
    ['', 'en'],
    ['de', 'de'],
    ['de-AT,de;q=0.9,en;q=0.8', 'de'],
    ['fr-FR,fr;q=0.9,de;q=0.5,en;q=0.3', 'de'],
    ['en-GB,en;q=0.9,de;q=0.8', 'en'],
    ['zh-CN,zh;q=0.9', 'zh-Hans'],
    ['ZH-Hans-CN', 'zh-Hans'],
    ['de;q=0.2, zh;q=0.7', 'zh-Hans'],
    ['de;q=0,zh;q=0', 'en'],
    ['de ; q = 1.000 , en', 'de'],
    ['*', 'en'],
    ['deutsch', 'en'],
    ['de;q=2', 'en'],
    ['de;q=', 'en'],
    ['d\u00eb,<script>', 'en'],
    [`${'x,'.repeat(16)}de`, 'en'],
  ])('Accept-Language %s is %s', (accept, language) => expect(languageOf(accept)).toBe(language))

  const rows = async (language: string) => {
    const shown = await Shown.start({
      policy: policy([
        { action: 'deny', external: { first: 7000 as Port, last: 7000 as Port }, comment: 'no' },
        { action: 'allow' },
      ]),
    })
    await shown.ask({ label: '<b>{0}</b>', external: 5000, internal: 80 })
    await shown.ask({ external: 7000, internal: 7000, label: 'game' })
    shown.world = {
      ...shown.world,
      traffic: async all =>
        new Map(all.map(each => [each, { packetsIn: 1204, bytesIn: 1234, packetsOut: 1, bytesOut: 0 }])),
    }
    return shown.to(A, undefined, language)
  }

  test('German', async () => {
    const text = await rows('de')
    expect(text).toContain('<html lang="de">')
    const said = words(text)
    expect(said).toContain('Offene Ports dieses Geräts')
    expect(said).toContain('1 offener Port')
    expect(said).toContain('1 von 64 erlaubten')
    expect(said).toContain('↓ 1,23 kB 1.204 Pakete ↑ 0 B 1 Paket')
    expect(said).toContain(
      'UDP-Port 7000 öffnen für game per UPnP gerade eben Die Regeln des Routers erlauben es nicht.',
    )
  })
  test('Chinese', async () => {
    const said = words(await rows('zh-CN'))
    expect(said).toContain('对本设备开放的端口')
    expect(said).toContain('已用 1 个，上限 64 个')
    expect(said).toContain('↓ 1.23 kB 1,204 个数据包 ↑ 0 B 1 个数据包')
    expect(said).toContain('路由器规则不允许。')
  })
  test.each(['en', 'de', 'zh'])(
    'in %s a description is text, even one that looks like a place for a value',
    async language => {
      const text = await rows(language)
      expect(text).toContain('<bdi>&lt;b&gt;{0}&lt;/b&gt;</bdi>')
      for (const tag of tags(text)) expect([...OUR_TAGS.split(' '), 'ul', 'li', 'time']).toContain(tag)
      // Every place for a value has one.
      expect(text.replaceAll('{0}&lt;', '')).not.toMatch(/\{\d\}|undefined/)
    },
  )
  test('is told in the head, and that it depends on who asks', async () => {
    const world = (await Shown.start()).world
    const request = { method: 'GET', path: '/', fields: [['accept-language', 'de']] as Fields }
    const answer = await page(request, { ip: A, device: 'br-lan', mac: undefined }, world)
    expect(answer?.fields).toContainEqual(['Content-Language', 'de'])
    expect(answer?.fields).toContainEqual(['Vary', 'Accept-Language'])
  })
})
