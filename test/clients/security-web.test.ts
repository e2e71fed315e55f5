/**
 * What can be done to the HTTP server: rows S11, S12, S14 and S15 of the list of attacks. That fields of a browser and
 * foreign Hosts are refused for a description is in upnp-basic.test.ts; here they come with calls that would open a
 * port. All texts of a callback: test/unit/protocol/igd/subscribing.test.ts; of bad XML: test/unit/wire/xml.test.ts.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  calls,
  codeOf,
  drip,
  exchange,
  expectHealthy,
  hold,
  most,
  onward,
  processor,
  resident,
  sized,
  statuses,
  upload,
} from '../support/attack.ts'
import { kernelView } from '../support/kernel.ts'
import { LAN, type Lab, makeLab, WAN } from '../support/lab.ts'
import { must, sleep } from '../support/process.ts'
import type { Server } from '../support/server.ts'
import { addMapping, HTTP_PORT, request, soap, startUpnp, statusOf } from '../support/upnp.ts'
import { ENGINES } from './under-test.ts'

/** More is no leak: an engine collects when it likes. Node keeps what it once had. */
const FLAT = { quickjs: 4, node: 64, qjs: 4 }

describe.each(ENGINES)('on %s', engine => {
  let lab: Lab
  let server: Server
  let calm: number

  beforeAll(async () => {
    lab = await makeLab()
    server = await startUpnp(lab, engine, { limits: { requests_per_second: 1000 } })
    await must(['ip', '-n', lab.a.netns, '-batch', '-'], { input: addresses(100) })
    for (let n = 0; n < 3; n++) await expectHealthy(server, lab.a)
    calm = resident(server.pid)
  })
  afterAll(() => lab?.close())

  /** Those that the server has not closed. */
  const connections = async () => {
    const shown = await lab.router.must(['ss', '-Htn', 'state', 'established', 'sport', '=', `:${HTTP_PORT}`])
    return shown.split('\n').filter(line => line !== '')
  }
  const forwards = async (): Promise<number> => (await kernelView(lab)).forward.length

  describe('S11: a call that a browser was made to send opens nothing', () => {
    const call = () => addMapping(lab.a.ip, 4100, 4100)
    const with_ = (line: string) => call().replace('\r\n', `\r\n${line}\r\n`)
    const host = (name: string) => call().replace(/Host: [^\r]*/, `Host: ${name}`)
    const type = (name: string) =>
      call().replace(/Content-Type: [^\r]*\r\n/, name === '' ? '' : `Content-Type: ${name}\r\n`)
    const rows: readonly (readonly [string, () => string, number])[] = [
      ['a name that was bound to us', () => host(`evil.example:${HTTP_PORT}`), 403],
      ['a name that begins like us', () => host(`${LAN}.evil.example:${HTTP_PORT}`), 403],
      ['the WAN address', () => host(`${WAN}:${HTTP_PORT}`), 403],
      ['another port', () => host(`${LAN}:80`), 403],
      ['a user before our name', () => host(`${LAN}:${HTTP_PORT}@evil.example`), 403],
      ['no Host', () => call().replace(/Host: [^\r]*\r\n/, ''), 400],
      ['two Hosts', () => with_('Host: evil.example'), 400],
      [
        'an absolute target for another',
        () => host('evil.example').replace('POST /', `POST http://${LAN}:${HTTP_PORT}/`),
        403,
      ],
      ['a foreign Origin', () => with_('Origin: http://evil.example'), 403],
      ['an Origin with our name before its own', () => with_(`Origin: http://${LAN}:${HTTP_PORT}.evil.example`), 403],
      ['Origin null', () => with_('Origin: null'), 403],
      ['a foreign Referer', () => with_('Referer: http://evil.example/x'), 403],
      ['cross-site', () => with_('Sec-Fetch-Site: cross-site'), 403],
      ['same-site, which a neighbouring port is', () => with_('Sec-Fetch-Site: same-site'), 403],
      ['text/plain', () => type('text/plain'), 415],
      ['a form', () => type('application/x-www-form-urlencoded'), 415],
      ['a form with files', () => type('multipart/form-data; boundary=x'), 415],
      ['text/plain that names XML', () => type('text/plain; charset=text/xml'), 415],
      ['no content type', () => type(''), 415],
      ['no SOAPAction', () => call().replace(/SOAPAction: [^\r]*\r\n/, ''), 400],
      ['GET', () => call().replace('POST', 'GET'), 405],
      ['a preflight', () => with_('Access-Control-Request-Method: POST').replace('POST', 'OPTIONS'), 405],
    ]
    test('each is refused, none gets a word of CORS, and the good one is granted', async () => {
      const answers = await exchange(
        lab.a,
        rows.map(([, text]) => text()),
      )
      const seen = rows.map(([what], n) => [what, statusOf(answers[n]?.text ?? '')])
      expect(seen).toEqual(rows.map(([what, , status]) => [what, status]))
      for (const { text } of answers) expect(text).not.toMatch(/access-control/i)
      expect(await forwards()).toBe(0)
      expect(await statuses(lab.a, [call()])).toEqual([200])
      expect(await forwards()).toBe(1)
    })
  })

  describe('S12: events for somebody else (CVE-2020-12695)', () => {
    const ask = (callback: string) =>
      request('SUBSCRIBE', '/evt/IPConn', { CALLBACK: callback, NT: 'upnp:event', TIMEOUT: 'Second-300' })
    test('a callback elsewhere is 412, whatever stands beside it, and nobody is called', async () => {
      const [neighbour, outside] = await Promise.all([lab.b.tcpEcho(7000), lab.world.tcpEcho(7000)])
      const own = `http://${lab.a.ip}`
      const rows = {
        'a neighbour': `<http://${lab.b.ip}:7000/>`,
        'the world': `<http://${lab.world.ip}:7000/>`,
        'a name': '<http://evil.example:7000/>',
        localhost: '<http://127.0.0.1:7000/>',
        'the router': `<http://${LAN}:${HTTP_PORT}/evt/IPConn>`,
        'our own port': `<${own}:${HTTP_PORT}/>`,
        'a system port': `<${own}:22/>`,
        'an IPv6 zone': '<http://[fe80::1%25eth0]:7000/>',
        'a decimal address': '<http://3232258058:7000/>',
        'a hexadecimal one': '<http://0xc0a8580a:7000/>',
        'a mapped one': `<http://[::ffff:${lab.b.ip}]:7000/>`,
        'a user name': `<${own}:7000@${lab.b.ip}:7000/>`,
        'a long path': `<${own}:7000/${'x'.repeat(4000)}>`,
        'no brackets': `${own}:7000/`,
        'another scheme': `<file:///etc/passwd>`,
        https: `<https://${lab.a.ip}:7000/>`,
        'line breaks': `<${own}:7000/%0d%0aX:%20y${'\t'}>`,
      }
      const answers = await statuses(lab.a, Object.values(rows).map(ask))
      expect(Object.fromEntries(Object.keys(rows).map((what, n) => [what, answers[n]]))).toEqual(
        Object.fromEntries(Object.keys(rows).map(what => [what, 412])),
      )
      // Two URLs: the good one is used, the other one never called.
      const both = await statuses(lab.a, [ask(`<http://${lab.b.ip}:7000/><${own}:7100/>`)])
      expect(both).toEqual([200])
      await statuses(lab.a, [addMapping(lab.a.ip, 4101, 4101)])
      await sleep(600)
      expect([await neighbour.received(), await outside.received()]).toEqual([0, 0])
      await Promise.all([neighbour.close(), outside.close()])
    })

    test('of 1000 subscriptions a few are granted, the rest is 503; others still can', async () => {
      const asked = Array.from({ length: 1000 }, (_, n) => ask(`<http://${lab.b.ip}:${8000 + n}/>`))
      const before = resident(server.pid)
      const answers = await statuses(lab.b, asked)
      const count = (status: number) => answers.filter(each => each === status).length
      expect([count(200), count(503)]).toEqual([16, 984])
      expect(await statuses(lab.a, [ask(`<http://${lab.a.ip}:7101/>`)])).toEqual([200])
      expect(resident(server.pid) - before).toBeLessThan(FLAT[engine])
      await expectHealthy(server, lab.a)
    })

    test('a device with forty addresses more has as many subscriptions as before', async () => {
      const asked = Array.from({ length: 40 }, (_, n) => {
        const ip = `192.168.88.${100 + n}`
        return [ask(`<http://${ip}:7100/>`), ip] as const
      })
      const answers = await statuses(lab.a, asked)
      // Two are of the rows before, by its first address.
      expect(answers.filter(status => status === 200).length).toBeLessThanOrEqual(14)
      expect(answers.slice(-20)).toEqual(new Array<number>(20).fill(503))
    })
  })

  describe('S14: those who take what they can', () => {
    test('2 GB announced and 20 MB sent: the connection is cut, memory stays', async () => {
      const head = (length: string) =>
        request('POST', '/ctl/IPConn', { 'Content-Length': length, 'Content-Type': 'text/xml' })
      const chunked = request('POST', '/ctl/IPConn', { 'Transfer-Encoding': 'chunked' })
      const before = resident(server.pid)
      for (const [text, status] of [
        [head('2147483648'), 413],
        [head('20971520'), 413],
        [head('99999999999999999999'), 400],
        [`${chunked}7fffffff\r\n`, 413],
        [`GET /${'x'.repeat(100)}`, 414],
        [`GET / HTTP/1.1\r\nHost: ${LAN}:${HTTP_PORT}\r\nX: `, 431],
      ] as const) {
        let said = { text: '', sent: 0 }
        const memory = await most(server.pid, async () => {
          said = await upload(lab.a, text, 'x', 20 << 20)
        })
        // The refusal may be lost behind the reset that cuts the connection (RFC 9112 §9.6).
        if (said.text !== '') expect([status, 400, 413]).toContain(statusOf(said.text))
        expect(said.sent, text.slice(0, 40)).toBeLessThan(20 << 20)
        expect(memory - before).toBeLessThan(FLAT[engine])
      }
      console.log(
        `S14 on ${engine}: resident ${before.toFixed(1)} MiB before, ${resident(server.pid).toFixed(1)} after 6 x 20 MB`,
      )
      await expectHealthy(server, lab.a)
    })

    test.each([
      ['from one host, silent', '', undefined],
      ['from one host, half a head', `POST /ctl/IPConn HTTP/1.1\r\nHost: ${LAN}:${HTTP_PORT}\r\n`, undefined],
      ['from 38 addresses, half a head', `POST /ctl/IPConn HTTP/1.1\r\nHost: ${LAN}:${HTTP_PORT}\r\n`, '192.168.88.'],
    ])('300 half-open connections %s: a good client is served within a second', async (_, text, from) => {
      const greedy = hold(lab.a, 300, text, from)
      for (let n = 0; n < 5; n++) await expectHealthy(server, lab.b)
      await greedy
      await expectHealthy(server, lab.b)
      // One device, whatever addresses it takes: the last ones of it are left, none of the others.
      expect((await connections()).length).toBeLessThanOrEqual(16)
      expect(resident(server.pid) - calm).toBeLessThan(FLAT[engine])
      await (await greedy).kill()
      await sleep(200)
    })

    test('eight connections that ask without rest: others are served within a second, and requests_per_second holds for it', async () => {
      const kept = (text: string) => text.replace('Connection: close\r\n', '')
      const event = { CALLBACK: `<http://${lab.a.ip}:7100/>`, NT: 'upnp:event' }
      const texts = [request('GET', '/rootDesc.xml'), request('SUBSCRIBE', '/evt/IPConn', event)].map(kept)
      const storm = Promise.all(texts.flatMap(text => Array.from({ length: 4 }, () => calls(lab.a, 500, text))))
      const meanwhile = async () => {
        for (let n = 0; n < 5; n++) await expectHealthy(server, lab.b)
      }
      const [tallies] = await Promise.all([storm, meanwhile()])
      // What is more than one host may ask in a second is refused, and the next moment it is served again.
      const { '200': served = 0, '503': refused = 0 } = tallies[0]?.tally ?? {}
      expect([served > 0, served + refused]).toEqual([true, 500])
      expect(resident(server.pid) - calm).toBeLessThan(FLAT[engine])
    })

    test('a head that drips is cut after 10 s, and costs no processor', async () => {
      const before = processor(server.pid)
      const { text, ms } = await drip(lab.a, `GET /rootDesc.xml HTTP/1.1\r\nHost: ${LAN}:${HTTP_PORT}\r\nX: `, 0.25)
      expect(statusOf(text)).toBe(408)
      expect(ms).toBeGreaterThan(9000)
      expect(ms).toBeLessThan(13_000)
      expect(processor(server.pid) - before).toBeLessThan(1)
    })

    test('pipelined, kept alive, expected: each request is answered in order, a hundred of one connection', async () => {
      const get = `GET /rootDesc.xml HTTP/1.1\r\nHost: ${LAN}:${HTTP_PORT}\r\n\r\n`
      const many = await onward(lab.a, [get.repeat(150)])
      expect(many.text.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(100)
      const call = soap('GetExternalIPAddress').replace('Connection: close', 'Expect: 100-continue')
      const end = call.indexOf('\r\n\r\n') + 4
      const { text } = await onward(lab.a, [call.slice(0, end), call.slice(end) + request('GET', '/rootDesc.xml')])
      expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 100', 'HTTP/1.1 200', 'HTTP/1.1 200'])
      expect(text).toContain(`<NewExternalIPAddress>${WAN}<`)
      const smuggled = request(
        'POST',
        '/ctl/IPConn',
        { 'Content-Length': '5', 'Transfer-Encoding': 'chunked' },
        '0\r\n\r\n',
      )
      expect(statusOf((await onward(lab.a, [smuggled + get])).text)).toBe(400)
    })
  })

  describe('S15, bad input: XML', () => {
    const laughs = `<!DOCTYPE lolz [<!ENTITY lol "lol">${Array.from({ length: 9 }, (_, n) => `<!ENTITY l${n + 1} "${`&l${n === 0 ? 'ol' : n};`.repeat(10)}">`).join('')}]>`
    const good = () => addMapping(lab.a.ip, 4115, 4115)
    const bodied = (change: (body: string) => string): string => {
      const [head = '', body = ''] = good().split('\r\n\r\n')
      return sized(`${head}\r\n\r\n${change(body)}`)
    }
    test('none of it opens a port, takes time, or stays in memory', async () => {
      const port = '<NewExternalPort>4115</NewExternalPort>'
      const rows: Readonly<Record<string, readonly [text: string, said: number]>> = {
        'billion laughs': [bodied(body => body.replace('?>', `?>${laughs}`).replace('>test<', '>&l9;<')), 400],
        'an external entity': [
          bodied(body =>
            body.replace('?>', '?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>').replace('>test<', '>&x;<'),
          ),
          400,
        ],
        'an empty document type': [bodied(body => body.replace('?>', '?><!DOCTYPE a>')), 400],
        'an entity that nobody declared': [bodied(body => body.replace('>test<', '>&x;<')), 402],
        '15,000 levels': [bodied(() => '<a>'.repeat(15_000)), 400],
        '100,000 levels': [bodied(() => '<a>'.repeat(100_000)), 413],
        'levels in an argument': [
          bodied(body => body.replace('>test<', `>${'<b>'.repeat(2000)}${'</b>'.repeat(2000)}<`)),
          400,
        ],
        'many arguments': [bodied(body => body.replace(port, `${port}${'<x/>'.repeat(10_000)}`)), 400],
        'many attributes': [
          bodied(body =>
            body.replace('<s:Body', `<s:Body ${Array.from({ length: 4000 }, (_, n) => `a${n}=""`).join(' ')}`),
          ),
          400,
        ],
        'an argument twice': [bodied(body => body.replace(port, port + port)), 402],
        'an argument missing': [bodied(body => body.replace(port, '')), 402],
        'a body that breaks off': [bodied(body => body.slice(0, -30)), 402],
        'no XML': [bodied(() => 'hello'), 402],
        nothing: [bodied(() => ''), 402],
        zeros: [bodied(() => '\0'.repeat(60_000)), 402],
        'not UTF-8': [bodied(body => body.replace('>test<', '>\xff\xfe<')), 402],
        'two envelopes': [bodied(body => body + body), 400],
        'no Body': [bodied(body => body.replaceAll('s:Body', 's:Head')), 402],
        'an unknown action': [sized(good().replaceAll('AddPortMapping', 'AddNothing')), 401],
        'an action that is a property of objects': [sized(good().replaceAll('AddPortMapping', 'constructor')), 401],
        'an action of another service': [sized(good().replaceAll('AddPortMapping', 'GetTotalBytesSent')), 401],
        'another action than SOAPAction says': [good().replace('#AddPortMapping"', '#GetStatusInfo"'), 401],
      }
      const before = [resident(server.pid), processor(server.pid)] as const
      const answers = await exchange(
        lab.a,
        Object.values(rows).map(([text]) => text),
      )
      const seen = Object.keys(rows).map((what, n) => {
        const text = answers[n]?.text ?? ''
        return [what, codeOf(text) ?? statusOf(text)]
      })
      expect(Object.fromEntries(seen)).toEqual(
        Object.fromEntries(Object.entries(rows).map(([what, [, said]]) => [what, said])),
      )
      for (const { ms } of answers) expect(ms).toBeLessThan(1500)
      expect((await kernelView(lab)).forward.map(({ external }) => external)).not.toContain(`${WAN}:4115`)
      expect(resident(server.pid) - before[0]).toBeLessThan(FLAT[engine])
      expect(processor(server.pid) - before[1]).toBeLessThan(3)
      expect(await statuses(lab.a, [good()])).toEqual([200])
    })
  })

  test('after all of it the log is short', () => {
    expect(server.output.split('\n').length).toBeLessThan(80)
  })
})

/** Forty more addresses of one host. */
const addresses = (first: number): string =>
  Array.from({ length: 40 }, (_, n) => `address add 192.168.88.${first + n}/24 dev eth0\n`).join('')
