import { describe, expect, test } from 'vitest'
import type { Ip } from '../../../src/base/ip.ts'
import { barredHost, internalDeviceOf } from '../../../src/kernel/hosts.ts'
import { LinkTable } from '../../../src/kernel/link-table.ts'

const ip = (text: string) => text as Ip

function home(): LinkTable {
  const table = new LinkTable()
  const link = { up: true, carrier: true, loopback: false, pointToPoint: false, mac: undefined }
  const address = { bits: 24, peer: undefined, broadcast: undefined, scope: 'universe', secondary: false } as const
  table.setAll(
    ['br-lan', 'guest', 'wan'].map((name, i) => ({ ...link, index: i + 2, name })),
    ['192.168.1.1', '192.168.2.1', '11.22.33.44'].map((own, i) => ({
      ...address,
      index: i + 2,
      ip: ip(own),
      deprecated: false,
      usable: true,
    })),
  )
  return table
}

const INTERNAL = ['br-lan', 'guest']

describe('barredHost()', () => {
  test.each([
    ['192.168.1.7', 'br-lan', undefined],
    ['192.168.2.7', undefined, undefined],
    ['192.168.2.7', 'br-lan', '192.168.2.7 is not on the network of br-lan'],
    ['11.22.33.7', 'wan', '11.22.33.7 is not on the network of wan'],
    ['11.22.33.7', undefined, '11.22.33.7 is on no internal network'],
    ['192.168.1.1', 'br-lan', '192.168.1.1 is the router itself'],
    ['11.22.33.44', 'br-lan', '11.22.33.44 is the router itself'],
    ['192.168.1.255', 'br-lan', '192.168.1.255 is the network or broadcast address of a subnet'],
    ['192.168.1.0', 'br-lan', '192.168.1.0 is the network or broadcast address of a subnet'],
    ['0.0.0.0', 'br-lan', '0.0.0.0 is no address of a host'],
    ['127.0.0.1', 'br-lan', '127.0.0.1 is no address of a host'],
    ['224.0.0.1', 'br-lan', '224.0.0.1 is no address of a host'],
    ['255.255.255.255', 'br-lan', '255.255.255.255 is no address of a host'],
  ])('%s by %s: %s', (host, device, why) => {
    expect(barredHost(ip(host), device, INTERNAL, home())).toBe(why)
  })
})

describe('internalDeviceOf()', () => {
  test.each([
    ['192.168.1.7', 'br-lan'],
    ['192.168.2.7', 'guest'],
    ['11.22.33.7', undefined],
    ['8.8.8.8', undefined],
  ])('%s is on %s', (host, device) => {
    expect(internalDeviceOf(ip(host), INTERNAL, home())).toBe(device)
  })
})
