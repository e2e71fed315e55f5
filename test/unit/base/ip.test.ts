import { describe, expect, test } from 'vitest'
import type { Ip } from '../../../src/base/ip.ts'
import {
  compareIp,
  inRange,
  ipBytes,
  ipFrom,
  ipv4Number,
  isLinkLocal,
  isMulticast,
  macFrom,
  parseIp,
  parseIpRange,
  parseIpv4,
  parseMac,
  parsePort,
  port,
  prefixRange,
} from '../../../src/base/ip.ts'

const ip = (text: string) => text as Ip

describe('parseIpv4() is strict', () => {
  test.each([
    ['192.168.1.1', '192.168.1.1'],
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['256.1.1.1', undefined],
    ['1.2.3', undefined],
    ['1.2.3.4.5', undefined],
    ['01.2.3.4', undefined],
    [' 1.2.3.4', undefined],
    ['1.2.3.4\n', undefined],
    ['1.2.3.-4', undefined],
    ['0x1.2.3.4', undefined],
    ['', undefined],
  ])('%j -> %j', (text, expected) => {
    expect(parseIpv4(text)).toBe(expected)
  })
})

describe('parseIp() gives RFC 5952 text', () => {
  test.each([
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['fe80:0:0:0:1:2:3:4', 'fe80::1:2:3:4'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['::ffff:192.0.2.1', '::ffff:c000:201'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
    ['1:2:3:4:5:6:7', undefined],
    ['1:2:3:4:5:6:7:8:9', undefined],
    ['1::2::3', undefined],
    ['12345::', undefined],
    ['fe80::1%eth0', undefined],
    [':::', undefined],
    [':1:2:3:4:5:6:7', undefined],
    ['::1.2.3', undefined],
    ['1.2.3.4::', undefined],
  ])('%j -> %j', (text, expected) => {
    expect(parseIp(text)).toBe(expected)
  })
})

describe('bytes of an address', () => {
  test.each(['10.200.3.255', '2001:db8:1:2:3:4:5:6', '::', 'fe80::1'])('%s survives both ways', text => {
    const bytes = ipBytes(ip(text))
    expect(ipFrom(bytes, 0, bytes.length as 4 | 16)).toBe(text)
  })

  test('ipv4Number() is positive above 2^31 too', () => {
    expect(ipv4Number(ip('203.0.113.7'))).toBe(0xcb007107)
  })

  test('ipFrom() refuses to read past the end', () => {
    expect(() => ipFrom(new Uint8Array(5), 2, 4)).toThrow('needs 4 bytes')
  })
})

describe('parseIpRange()', () => {
  test.each([
    ['192.168.1.77/24', '192.168.1.0', '192.168.1.255'],
    ['192.168.1.5', '192.168.1.5', '192.168.1.5'],
    ['10.0.0.9-10.0.0.20', '10.0.0.9', '10.0.0.20'],
    ['0.0.0.0/0', '0.0.0.0', '255.255.255.255'],
    ['10.1.2.3/32', '10.1.2.3', '10.1.2.3'],
    ['172.16.5.4/12', '172.16.0.0', '172.31.255.255'],
    ['2001:db8::/61', '2001:db8::', '2001:db8:0:7:ffff:ffff:ffff:ffff'],
  ])('%s is %s to %s', (text, first, last) => {
    expect(parseIpRange(text)).toEqual({ first, last })
  })

  test.each(['10.0.0.20-10.0.0.9', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/08', '1.2.3.4-', '1.2.3.4-::1', 'lan', ''])(
    'refuses %j',
    text => {
      expect(parseIpRange(text)).toBeUndefined()
    },
  )

  test('inRange() holds at both ends and not beyond', () => {
    const range = prefixRange(ip('192.168.1.0'), 24)
    expect(['192.168.1.0', '192.168.1.255'].map(text => inRange(ip(text), range))).toEqual([true, true])
    expect(['192.168.0.255', '192.168.2.0', '::1'].map(text => inRange(ip(text), range))).toEqual([false, false, false])
  })

  test('compareIp() orders as numbers, not as text', () => {
    const mixed = ['10.0.0.10', '9.0.0.1', '::1', '10.0.0.9', 'fe80::2', 'fe80::10'].map(ip)
    expect([...mixed].sort(compareIp)).toEqual(['9.0.0.1', '10.0.0.9', '10.0.0.10', '::1', 'fe80::2', 'fe80::10'])
  })
})

describe('ports and link addresses', () => {
  test.each([
    ['1', 1],
    ['65535', 65535],
    ['0', undefined],
    ['65536', undefined],
    ['70610', undefined],
    ['+80', undefined],
    ['0x50', undefined],
    ['1e3', undefined],
    [' 80', undefined],
    ['080', undefined],
    ['-1', undefined],
  ])('parsePort(%j) -> %j', (text, expected) => {
    expect(parsePort(text)).toBe(expected)
  })

  test('port(0) is no port', () => {
    expect(port(0)).toBeUndefined()
    expect(port(5351)).toBe(5351)
  })

  test('a link address is lower case with colons', () => {
    expect(parseMac('AA-bb-CC-00-11-22')).toBe('aa:bb:cc:00:11:22')
    expect(parseMac('aa:bb:cc:00:11')).toBeUndefined()
    expect(macFrom(Uint8Array.of(2, 0, 10, 171, 205, 239))).toBe('02:00:0a:ab:cd:ef')
  })
})

describe('kinds of addresses', () => {
  test.each([
    ['fe80::1', true, false],
    ['febf::1', true, false],
    ['fec0::1', false, false],
    ['fe8::1', false, false],
    ['ff02::c', false, true],
    ['ff05::c', false, true],
    ['ff::1', false, false],
    ['239.255.255.250', false, true],
    ['224.0.0.1', false, true],
    ['240.0.0.1', false, false],
    ['223.255.255.255', false, false],
  ])('%s: link-local %s, multicast %s', (text, link, group) => {
    expect([isLinkLocal(text as Ip), isMulticast(text as Ip)]).toEqual([link, group])
  })
})
