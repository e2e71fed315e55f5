import { describe, expect, test } from 'vitest'
import type { Ip, IpRange } from '../../../src/base/ip.ts'
import { parseIpRange } from '../../../src/base/ip.ts'
import { isGlobalIpv6, isUnicast, reachesWorld, reachOf } from '../../../src/kernel/special.ts'

describe('reachOf()', () => {
  test.each([
    ['11.22.33.44', 'public'],
    ['9.255.255.255', 'public'],
    ['10.0.0.0', 'private'],
    ['10.255.255.255', 'private'],
    ['11.0.0.0', 'public'],
    ['100.63.255.255', 'public'],
    ['100.64.0.0', 'shared'],
    ['100.127.255.255', 'shared'],
    ['100.128.0.0', 'public'],
    ['169.253.255.255', 'public'],
    ['169.254.0.1', 'private'],
    ['172.15.255.255', 'public'],
    ['172.16.0.0', 'private'],
    ['172.31.255.255', 'private'],
    ['172.32.0.0', 'public'],
    ['192.0.0.2', 'shared'],
    ['192.0.1.0', 'public'],
    ['192.0.2.5', 'private'],
    ['192.88.99.1', 'public'],
    ['192.167.255.255', 'public'],
    ['192.168.0.0', 'private'],
    ['192.169.0.0', 'public'],
    ['198.17.255.255', 'public'],
    ['198.18.0.1', 'private'],
    ['198.19.255.255', 'private'],
    ['198.20.0.0', 'public'],
    ['198.51.100.7', 'private'],
    ['203.0.113.7', 'private'],
    ['223.255.255.255', 'public'],
    ['240.0.0.1', 'private'],
    ['0.0.0.0', undefined],
    ['0.1.2.3', undefined],
    ['127.0.0.1', undefined],
    ['224.0.0.1', undefined],
    ['239.255.255.255', undefined],
    ['255.255.255.255', undefined],
  ])('%s is %s', (ip, reach) => {
    expect(reachOf(ip as Ip)).toBe(reach)
  })
})

describe('isUnicast()', () => {
  test.each([
    ['192.168.1.7', true],
    ['2001:db8::1', true],
    ['fe80::1', true],
    ['0.0.0.0', false],
    ['127.0.0.1', false],
    ['224.0.0.1', false],
    ['255.255.255.255', false],
    ['::', false],
    ['::1', false],
    ['ff02::1', false],
  ])('%s: %s', (ip, unicast) => {
    expect(isUnicast(ip as Ip)).toBe(unicast)
  })
})

describe('isGlobalIpv6()', () => {
  test.each([
    ['2001:db8::1', true],
    ['2000::', true],
    ['3fff:ffff::1', true],
    ['2a02:1234::7', true],
    ['fd00::1', false],
    ['fe80::1', false],
    ['ff02::1', false],
    ['::1', false],
    ['::ffff:192.0.2.1', false],
    ['4000::', false],
    ['192.0.2.1', false],
  ])('%s: %s', (ip, global) => {
    expect(isGlobalIpv6(ip as Ip)).toBe(global)
  })
})

describe('reachesWorld()', () => {
  test.each([
    ['0.0.0.0/0', true],
    ['0.0.0.0/1', true],
    ['128.0.0.0/1', true],
    ['8.0.0.0/7', true],
    ['11.0.0.0/8', true],
    ['10.0.0.0/8', false],
    ['10.0.0.0/7', true],
    ['127.0.0.0/8', false],
    ['192.168.0.0/16', false],
    ['224.0.0.0/4', false],
    ['240.0.0.0/4', false],
    ['::/0', true],
    ['::/1', true],
    ['8000::/1', false],
    ['2000::/3', true],
    ['3fff::/16', true],
    ['4000::/2', false],
    ['fc00::/7', false],
    ['ff00::/8', false],
  ])('%s: %s', (range, world) => {
    expect(reachesWorld(parseIpRange(range) as IpRange)).toBe(world)
  })
})
