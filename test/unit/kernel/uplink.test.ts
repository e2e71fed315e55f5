import { describe, expect, test } from 'vitest'
import type { Ip } from '../../../src/base/ip.ts'
import { LinkTable } from '../../../src/kernel/link-table.ts'
import { uplinkOf } from '../../../src/kernel/uplink.ts'
import type { DefaultRoute, Link, LinkAddress } from '../../../src/wire/rtnetlink.ts'

const ip = (text: string) => text as Ip

interface Wan {
  readonly link?: Partial<Link>
  readonly addresses?: readonly (Partial<LinkAddress> & { readonly ip: Ip })[]
  readonly gateway?: Ip
}

function router(wan: Wan): LinkTable {
  const table = new LinkTable()
  const plain = { up: true, carrier: true, loopback: false, pointToPoint: false, mac: undefined }
  const free = { bits: 24, peer: undefined, broadcast: undefined, scope: 'universe', usable: true } as const
  const addresses = (wan.addresses ?? []).map(each => ({
    ...free,
    secondary: false,
    deprecated: false,
    index: 3,
    ...each,
  }))
  table.setAll(
    [
      { ...plain, index: 2, name: 'br-lan' },
      { ...plain, index: 3, name: 'wan', ...wan.link },
    ],
    [{ ...free, secondary: false, deprecated: false, index: 2, ip: ip('192.168.1.1') }, ...addresses],
  )
  const routes: DefaultRoute[] = [{ family: 4, index: 3, gateway: wan.gateway, metric: 0 }]
  table.setRoutes(routes, [])
  return table
}

const wan = { device: 'wan', forced: undefined }

describe('uplinkOf(): no uplink, and why', () => {
  test.each([
    [
      'no interface is named',
      { device: undefined, forced: undefined },
      {},
      'no external interface is configured or up',
    ],
    ['the device is missing', { device: 'wan9', forced: undefined }, {}, 'there is no device wan9'],
    ['the device is down', wan, { link: { up: false } }, 'wan is switched off'],
    ['no cable', wan, { link: { carrier: false } }, 'wan has no carrier'],
    ['no address', wan, {}, 'wan has no IPv4 address'],
    ['only IPv6', wan, { addresses: [{ ip: ip('2001:db8::1'), bits: 64 }] }, 'wan has no IPv4 address'],
    ['only 0.0.0.0', wan, { addresses: [{ ip: ip('0.0.0.0') }] }, 'wan has no IPv4 address'],
    [
      'an address that is not usable',
      wan,
      { addresses: [{ ip: ip('11.0.0.2'), usable: false }] },
      'wan has no IPv4 address',
    ],
    ['forced, but no address of its own', { device: 'wan', forced: ip('11.0.0.9') }, {}, 'wan has no IPv4 address'],
    [
      'a forced address that no host can have',
      { device: 'wan', forced: ip('224.0.0.1') },
      { addresses: [{ ip: ip('11.0.0.2') }] },
      'forced address 224.0.0.1 is not an address of a host',
    ],
  ])('%s', (_name, role, state, why) => {
    expect(uplinkOf(role, router(state))).toEqual({ is: 'down', device: role.device, why })
  })
})

describe('uplinkOf(): which address', () => {
  const first = { ip: ip('11.0.0.2') }
  const second = { ip: ip('11.0.0.3'), secondary: true }
  const other = { ip: ip('11.0.1.2') }
  test.each([
    ['the only one', wan, { addresses: [first] }, '11.0.0.2', '11.0.0.2'],
    ['the first of several subnets', wan, { addresses: [first, other] }, '11.0.0.2', '11.0.0.2'],
    [
      'the one in the subnet of the gateway, as masquerade has it',
      wan,
      { addresses: [first, other], gateway: ip('11.0.1.1') },
      '11.0.1.2',
      '11.0.1.2',
    ],
    ['the primary before the secondary', wan, { addresses: [second, first] }, '11.0.0.2', '11.0.0.2'],
    [
      'a deprecated one only when there is no other',
      wan,
      { addresses: [{ ...first, deprecated: true }, other], gateway: ip('11.0.0.1') },
      '11.0.1.2',
      '11.0.1.2',
    ],
    ['a deprecated one rather than none', wan, { addresses: [{ ...first, deprecated: true }] }, '11.0.0.2', '11.0.0.2'],
    [
      'a wider scope before link-local',
      wan,
      { addresses: [{ ip: ip('169.254.3.4'), scope: 'link' as const }, other] },
      '11.0.1.2',
      '11.0.1.2',
    ],
    [
      'our end of a point-to-point link',
      wan,
      { addresses: [{ ip: ip('11.22.33.44'), bits: 32, peer: ip('11.22.33.1') }] },
      '11.22.33.44',
      '11.22.33.44',
    ],
    [
      'the forced one, secondary or not',
      { device: 'wan', forced: ip('11.0.0.3') },
      { addresses: [first, second] },
      '11.0.0.3',
      '11.0.0.3',
    ],
    [
      'the own one in the kernel, the forced one for clients, when another router has it',
      { device: 'wan', forced: ip('11.9.9.9') },
      { addresses: [{ ip: ip('10.0.0.2') }] },
      '10.0.0.2',
      '11.9.9.9',
    ],
  ])('%s', (_name, role, state, address, told) => {
    const uplink = uplinkOf(role, router(state))
    expect(uplink).toEqual({ ...uplink, is: 'up', device: 'wan', address, told })
  })
})

describe('uplinkOf(): how far the world reaches', () => {
  test.each([
    ['11.22.33.44', undefined, 'public'],
    ['192.168.178.20', undefined, 'private'],
    ['100.100.1.2', undefined, 'shared'],
    ['192.168.178.20', '11.22.33.44', 'public'],
  ])('%s, forced %s: %s', (own, forced, reach) => {
    const role = { device: 'wan', forced: forced === undefined ? undefined : ip(forced) }
    const uplink = uplinkOf(role, router({ addresses: [{ ip: ip(own) }] }))
    expect(uplink).toEqual({ ...uplink, is: 'up', reach })
  })
})
