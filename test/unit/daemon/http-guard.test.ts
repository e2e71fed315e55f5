/** Who is answered by HTTP: rows of S11 without a socket. */
import { describe, expect, test } from 'vitest'
import type { Ip, Port } from '../../../src/base/ip.ts'
import { guard } from '../../../src/daemon/http-guard.ts'
import type { HttpRequest } from '../../../src/wire/http.ts'

const OWN = { address: '192.168.1.1' as Ip, port: 5000 as Port }
const OWN6 = { address: 'fe80::1' as Ip, port: 5000 as Port }
const OWN80 = { address: '192.168.1.1' as Ip, port: 80 as Port }

const asking = (fields: Readonly<Record<string, string>>): HttpRequest => ({
  method: 'GET',
  target: '/',
  minor: 1,
  fields: Object.entries(fields),
  body: new Uint8Array(0),
  keepAlive: true,
})

const statusFor = (fields: Readonly<Record<string, string>>, own = OWN, isPage = false) =>
  guard(asking(fields), own, isPage)?.status ?? 200

describe('guard() wants our own address and port as Host', () => {
  test.each([
    ['192.168.1.1:5000', OWN, 200],
    ['192.168.1.1', OWN, 403],
    ['192.168.1.1', OWN80, 200],
    ['192.168.1.1:80', OWN80, 200],
    ['192.168.1.1:5001', OWN, 403],
    ['192.168.1.1:05000', OWN, 200],
    ['192.168.1.2:5000', OWN, 403],
    ['192.168.001.1:5000', OWN, 403],
    ['192.168.1.1.:5000', OWN, 403],
    ['router.lan:5000', OWN, 403],
    ['localhost:5000', OWN, 403],
    ['192.168.1.1:5000@evil.example', OWN, 403],
    ['evil.example:5000', OWN, 403],
    ['', OWN, 403],
    ['[fe80::1]:5000', OWN6, 200],
    ['[FE80:0::1]:5000', OWN6, 200],
    ['[fe80::1%br-lan]:5000', OWN6, 200],
    ['[fe80::1%25eth0]:5000', OWN6, 200],
    ['[fe80::2]:5000', OWN6, 403],
    ['fe80::1:5000', OWN6, 403],
    ['[::ffff:192.168.1.1]:5000', OWN, 403],
  ])('%s', (host, own, status) => {
    expect(statusFor({ host }, own)).toBe(status)
  })

  test('none at all', () => {
    expect(statusFor({})).toBe(400)
  })
})

describe('guard() refuses what the page of a stranger makes a browser send', () => {
  const host = '192.168.1.1:5000'
  test.each([
    ['a program', {}, 200, 200],
    ["Node's fetch", { 'sec-fetch-mode': 'cors' }, 200, 200],
    ['an address typed by hand', { 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate' }, 200, 200],
    ['our own page', { 'sec-fetch-site': 'same-origin', referer: 'http://192.168.1.1:5000/' }, 200, 200],
    ['our own page by its Referer alone', { referer: 'http://192.168.1.1:5000/page?x=1' }, 200, 200],
    ['our own Origin', { origin: 'http://192.168.1.1:5000' }, 200, 200],
    ['a link from elsewhere', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }, 403, 200],
    ['a link from elsewhere, by its Referer alone', { referer: 'http://evil.example/' }, 403, 200],
    ['an image elsewhere', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }, 403, 403],
    ['another port of ours', { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'cors' }, 403, 403],
    ['a foreign Origin', { origin: 'http://evil.example' }, 403, 403],
    ['Origin null', { origin: 'null' }, 403, 403],
    ['an Origin that begins like ours', { origin: 'http://192.168.1.1:5000.evil.example' }, 403, 403],
    ['an Origin of another scheme', { origin: 'https://192.168.1.1:5000' }, 403, 403],
    ['a Referer that begins like ours', { referer: 'http://192.168.1.1:5000@evil.example/' }, 403, 200],
  ])('%s', (_, fields, status, statusOfPage) => {
    expect([statusFor({ host, ...fields }), statusFor({ host, ...fields }, OWN, true)]).toEqual([status, statusOfPage])
  })
})
