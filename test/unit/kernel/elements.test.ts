import { describe, expect, test } from 'vitest'
import { joined as joinedParts } from '../../../src/base/bytes.ts'
import { Malformed } from '../../../src/base/fail.ts'
import type { Ip, Mac, Port } from '../../../src/base/ip.ts'
import { ipBytes } from '../../../src/base/ip.ts'
import { utf8Encode } from '../../../src/base/text.ts'
import type { Instant, Seconds } from '../../../src/base/time.ts'
import type { Lease, Mapping, Remote } from '../../../src/core/mapping.ts'
import { ORDINARY } from '../../../src/core/mapping.ts'
import { ElementWriter, endpointKey, isRare } from '../../../src/kernel/elements.ts'
import { bodyEndsOf, endpointsOf, mappingOf, takenOf } from '../../../src/kernel/elements-read.ts'
import { bodyKeyOf, bodySetOf } from '../../../src/kernel/kinds.ts'
import type { BodySet, MappingSet } from '../../../src/kernel/ruleset.ts'
import { BODY_SETS, SETS as KERNEL_SETS, text, tlv } from '../../../src/kernel/ruleset.ts'
import { commentOf } from '../../../src/kernel/userdata.ts'
import { Writer } from '../../../src/wire/netlink-attributes.ts'
import type { Element } from '../../../src/wire/nftables.ts'
import { element, elements } from '../../../src/wire/nftables.ts'
import type { SeenElement } from '../../../src/wire/nftables-elements.ts'
import { eachElement } from '../../../src/wire/nftables-elements.ts'
import { hexBytes, hexOf } from '../../support/vectors.ts'

const NOW = 5_000_000 as Instant
const lease = (lifetime: number, left = lifetime * 1000): Lease => ({
  lifetime: lifetime as Seconds,
  expires: (NOW + left) as Instant,
})

const plain: Mapping = {
  transport: 'tcp',
  external: { ip: '11.22.33.44' as Ip, port: 8080 as Port },
  internal: { ip: '192.168.88.10' as Ip, port: 80 as Port },
  owner: { via: 'nat-pmp', client: '192.168.88.10' as Ip },
  lease: lease(3600),
  label: 'web',
  mac: 'aa:bb:cc:0d:0e:0f' as Mac,
  ...ORDINARY,
}

const KINDS: readonly (readonly [string, Mapping])[] = [
  ['a mapping with all there is', plain],
  ['udp', { ...plain, transport: 'udp' }],
  ['no label, no link address', { ...plain, label: '', mac: undefined }],
  ['static, for ever', { ...plain, owner: { via: 'operator' }, lease: 'forever' }],
  ['a lease partly over', { ...plain, lease: lease(3600, 1234) }],
  ['a lease that ends later than it is long', { ...plain, lease: lease(3600, 3_600_700) }],
  ['a lease of 136 years', { ...plain, lease: lease(4_294_967_295) }],
  ['for another host', { ...plain, owner: { via: 'upnp', client: '10.9.8.7' as Ip } }],
  ['asked by IPv6', { ...plain, owner: { via: 'upnp', client: '2001:db8::1:ffff' as Ip } }],
  ['a label in many tongues', { ...plain, label: 'Spielstunde äöü €𝄞 :' }],
  ['a label with quotes', { ...plain, label: 'a "b" c' }],
  ['the longest label', { ...plain, label: 'x'.repeat(64) }],
  ['the longest with quotes', { ...plain, label: '"'.repeat(64), owner: { via: 'upnp', client: 'fe80::1' as Ip } }],
  ['a label that looks like the comment', { ...plain, label: 'upnp 1.2.3.4: x' }],
  ['highest ports and addresses', { ...plain, external: { ip: '255.255.255.255' as Ip, port: 65535 as Port } }],
]

const joined = (...parts: readonly Uint8Array[]) => joinedParts(parts)

/** The element as the tables write it, attribute by attribute: slow and plain. */
function slowly(set: MappingSet, mapping: Mapping, littleEndian: boolean): string {
  const { transport, external, internal, lease } = mapping
  const protocol = Uint8Array.of(transport === 'tcp' ? 6 : 17, 0, 0, 0)
  const endpoint = (of: Mapping['external']) => joined(ipBytes(of.ip), protocol, port(of.port))
  const target = (of: Mapping['external']) => joined(ipBytes(of.ip), port(of.port))
  const times =
    lease === 'forever'
      ? {}
      : { timeout: Math.max(lease.lifetime * 1000, lease.expires - NOW), expiration: lease.expires - NOW }
  const pinhole = (): Element => ({
    ...times,
    key: {
      value: joined(
        remoteBytes(mapping, 16),
        port(mapping.remote.port === 'any' ? 0 : mapping.remote.port),
        endpoint(internal),
      ),
    },
    userdata: joined(tlv(0, text(commentOf(mapping))), tlv(0x80, metadata(mapping))),
  })
  const value: Record<MappingSet, Element> = {
    dnat4: {
      ...times,
      key: { value: endpoint(external) },
      data: { value: target(internal) },
      userdata: joined(tlv(0, text(commentOf(mapping))), tlv(0x80, metadata(mapping))),
    },
    snat4: { ...times, key: { value: endpoint(internal) }, data: { value: target(external) } },
    taken: { ...times, key: { value: joined(protocol, port(external.port)) } },
    dnat4from: {
      ...times,
      key: { value: joined(remoteBytes(mapping, 4), endpoint(external)) },
      data: { value: target(internal) },
      userdata: joined(tlv(0, text(commentOf(mapping))), tlv(0x80, metadata(mapping))),
    },
    idle4: {
      ...times,
      key: { value: endpoint(external) },
      data: { value: target(internal) },
      userdata: joined(tlv(0, text(commentOf(mapping))), tlv(0x80, metadata(mapping))),
    },
    pinhole6: pinhole(),
    idle6: pinhole(),
  }
  const to = new Writer(littleEndian)
  to.attribute(3, element, value[set])
  return hexOf(to.done())
}

const remoteBytes = ({ remote }: Mapping, size: number): Uint8Array =>
  remote.ip === 'any' ? new Uint8Array(size) : ipBytes(remote.ip)

const port = (n: number) => Uint8Array.of(n >> 8, n & 255, 0, 0)

function metadata({ owner, internal, mac, label, state, pinhole, remote }: Mapping): Uint8Array {
  const client = owner.via === 'operator' || owner.client === internal.ip ? undefined : ipBytes(owner.client)
  const quoted = label.includes('"')
  const keptApart = state !== 'on' && pinhole === undefined && remote.ip !== 'any'
  const flags =
    (mac === undefined ? 0 : 1) |
    (client?.length === 4 ? 2 : client?.length === 16 ? 4 : 0) |
    (quoted ? 8 : 0) |
    (state === 'on' ? 0 : 16) |
    (pinhole === undefined ? 0 : 32) |
    (keptApart ? (ipBytes(remote.ip as Ip).length === 4 ? 64 : 128) : 0)
  const via = { operator: 0, 'nat-pmp': 1, upnp: 2 }[owner.via]
  const link = mac === undefined ? '' : mac.replaceAll(':', '')
  return joined(
    Uint8Array.of(1, via, flags),
    hexBytes(link),
    client ?? new Uint8Array(0),
    state === 'on' ? NONE : Uint8Array.of(state === 'disabled' ? 1 : 2),
    pinhole === undefined ? NONE : Uint8Array.of(pinhole >> 8, pinhole & 255),
    keptApart ? ipBytes(remote.ip as Ip) : NONE,
    utf8Encode(quoted ? label : ''),
  )
}

const NONE = new Uint8Array(0)
const SETS: readonly MappingSet[] = ['dnat4', 'snat4', 'taken']

const hole = { ip: '2001:db8::10' as Ip, port: 8080 as Port }
const open: Mapping = {
  ...plain,
  external: hole,
  internal: hole,
  owner: { via: 'upnp', client: hole.ip },
  pinhole: 1,
}
const one = (ip: string, port: number | 'any' = 'any'): Remote => ({ ip: ip as Ip, port: port as Port | 'any' })

/** Those that only few mappings have elements of. */
const RARE: readonly (readonly [string, BodySet, Mapping])[] = [
  ['for one host', 'dnat4from', { ...plain, remote: one('198.51.100.7') }],
  ['for one host, for ever', 'dnat4from', { ...plain, remote: one('198.51.100.7'), lease: 'forever' }],
  ['disabled', 'idle4', { ...plain, state: 'disabled' }],
  ['suspended, for one host', 'idle4', { ...plain, state: 'suspended', remote: one('198.51.100.7') }],
  ['disabled, for one IPv6 host', 'idle4', { ...plain, state: 'disabled', remote: one('2001:db8:f::7'), label: '"' }],
  ['a pinhole', 'pinhole6', open],
  ['a pinhole for one host', 'pinhole6', { ...open, remote: one('2001:db8:f::7'), pinhole: 65535 }],
  ['a pinhole for one port', 'pinhole6', { ...open, transport: 'udp', remote: one('any', 65535), mac: undefined }],
  ['a pinhole for one endpoint', 'pinhole6', { ...open, remote: one('2001:db8:f::7', 4000), label: '"x"' }],
  ['a pinhole that another asked for', 'pinhole6', { ...open, owner: { via: 'upnp', client: '2001:db8::11' as Ip } }],
  ['a suspended pinhole', 'idle6', { ...open, state: 'suspended', remote: one('any', 1), pinhole: 256 }],
]

describe.each([
  ['little endian', true],
  ['big endian', false],
])('elements, %s', (_order, littleEndian) => {
  const writer = new ElementWriter(littleEndian)
  const write = (set: MappingSet, mapping: Mapping) => {
    const to = new Writer(littleEndian, 16)
    if (isRare(set)) writer.putRare(to, 3, set, mapping, mapping.lease, NOW)
    else writer.put(to, 3, set, mapping, mapping.lease, NOW)
    return to.done()
  }

  test.each(KINDS)('%s: the template says what the tables say', (_what, mapping) => {
    for (const set of SETS) {
      const expected = slowly(set, mapping, littleEndian)
      expect(hexOf(write(set, mapping))).toBe(expected)
      expect(hexOf(write(set, mapping))).toBe(expected) // once more, from memory
    }
  })

  test('the key alone, for a deletion', () => {
    const to = new Writer(littleEndian)
    writer.key(to, 3, 'dnat4', plain)
    const expected = new Writer(littleEndian)
    expected.attribute(3, element, { key: { value: hexBytes('0b16212c060000001f900000') } })
    expect(hexOf(to.done())).toBe(hexOf(expected.done()))
  })

  test.each(KINDS)('%s: comes back from the kernel as it was', (_what, mapping) => {
    const { lease: is, ...rest } = read(write('dnat4', mapping), 12, 8, littleEndian, s => mappingOf(s, NOW)) as Mapping
    const { lease: was, ...expected } = mapping
    expect(rest).toEqual(expected)
    if (is === 'forever' || was === 'forever') expect(is).toBe(was)
    else expect(is.expires).toBe(was.expires)
  })

  test.each(RARE)('%s: as the tables say, and back again', (_what, set, mapping) => {
    const bytes = write(set, mapping)
    expect(hexOf(bytes)).toBe(slowly(set, mapping, littleEndian))
    const { keyLength, data } = KERNEL_SETS[set]
    const back = read(bytes, keyLength, data?.[1] ?? 0, littleEndian, seen => {
      expect(bodyEndsOf(set, seen)?.from).toBe(bodyKeyOf(mapping))
      return mappingOf(seen, NOW, set)
    })
    expect(back).toEqual(mapping)
    const key = new Writer(littleEndian, 16)
    if (isRare(set)) writer.keyRare(key, 3, set, mapping)
    expect(hexOf(key.done())).toContain(keyIn(bytes, littleEndian))
    expect(bodySetOf(mapping)).toBe(set)
  })

  const alike = (set: BodySet) =>
    BODY_SETS.filter(other => other !== set && KERNEL_SETS[other].keyLength === KERNEL_SETS[set].keyLength)
  test.each(RARE.filter(([, set]) => alike(set).length > 0))('%s: elsewhere it is none of ours', (...row) => {
    const [, set, mapping] = row
    const { keyLength, data } = KERNEL_SETS[set]
    for (const other of alike(set)) {
      const length = data?.[1] ?? 0
      expect(read(write(set, mapping), keyLength, length, littleEndian, seen => mappingOf(seen, NOW, other))).toBe(
        undefined,
      )
    }
  })

  test('endpoints and ports of the other sets', () => {
    const internal = endpointKey('tcp', plain.internal)
    const external = endpointKey('tcp', plain.external)
    expect(read(write('snat4', plain), 12, 8, littleEndian, endpointsOf)).toEqual({ from: internal, to: external })
    expect(read(write('dnat4', plain), 12, 8, littleEndian, endpointsOf)).toEqual({ from: external, to: internal })
    expect(read(write('taken', plain), 8, 0, littleEndian, takenOf)).toBe(8080)
    expect(read(write('taken', { ...plain, transport: 'udp' }), 8, 0, littleEndian, takenOf)).toBe(0x1_0000 + 8080)
  })
})

test('golden bytes on a big-endian machine', () => {
  const to = new Writer(false)
  new ElementWriter(false).put(to, 1, 'dnat4', { ...plain, label: '', mac: undefined }, plain.lease, NOW)
  expect(hexOf(to.done())).toBe(
    ['00648001', '000c0004', '00000000', '0036ee80', '000c0005', '00000000', '0036ee80'].join('') +
      ['00148001', '00100001', '0b16212c', '06000000', '1f900000'].join('') +
      ['00108002', '000c0001', 'c0a8580a', '00500000'].join('') +
      ['00210006', '0016', hexOf(utf8Encode('nat-pmp 192.168.88.10')), '00', '8003010100', '000000'].join(''),
  )
})

describe('comments', () => {
  test.each([
    ['nat-pmp 192.168.88.10: web', plain],
    ['nat-pmp 192.168.88.10', { ...plain, label: '' }],
    ['upnp 10.9.8.7: web', { ...plain, owner: { via: 'upnp', client: '10.9.8.7' as Ip } }],
    ['static 192.168.88.10: web', { ...plain, owner: { via: 'operator' } }],
    ["nat-pmp 192.168.88.10: 'x'", { ...plain, label: '"x"' }],
    [`nat-pmp 192.168.88.10: ${'ä'.repeat(32)}`, { ...plain, label: 'ä'.repeat(100) }],
  ] as readonly (readonly [string, Mapping])[])('%s', (comment, mapping) => {
    expect(commentOf(mapping)).toBe(comment)
  })
})

describe('what somebody else put there', () => {
  const userdata = (hex: string): Uint8Array => {
    const to = new Writer(true)
    to.attribute(1, element, {
      key: { value: hexBytes('0b16212c060000001f900000') },
      data: { value: hexBytes('c0a8580a00500000') },
      userdata: hexBytes(hex),
    })
    return to.done()
  }
  test.each([
    ['no userdata', ''],
    ['a comment alone', '00026100'],
    ['metadata of another version', '8003630100'],
    ['an owner that we do not know', '8003010900'],
    ['metadata that is too short', '80020101'],
  ])('%s: no mapping of ours', (_what, hex) => {
    expect(read(userdata(hex), 12, 8, true, seen => mappingOf(seen, NOW))).toBeUndefined()
  })
  test.each([
    ['a TLV beyond the end', '8009010100'],
    ['a link address that is cut off', '8005010101aabb'],
  ])('%s: malformed', (_what, hex) => {
    expect(() => read(userdata(hex), 12, 8, true, seen => mappingOf(seen, NOW))).toThrow(Malformed)
  })
  test('another protocol', () => {
    const to = new Writer(true)
    to.attribute(1, element, {
      key: { value: hexBytes('0b16212c840000001f900000') },
      data: { value: new Uint8Array(8) },
    })
    expect(read(to.done(), 12, 8, true, endpointsOf)).toBeUndefined()
  })
})

/** The key of an element, as hexadecimal text. */
function keyIn(bytes: Uint8Array, littleEndian: boolean): string {
  const found = elements.decode(inMessage(bytes, littleEndian), littleEndian, 4).elements?.[0]?.key?.value
  return found === undefined ? 'none' : hexOf(found)
}

function inMessage(bytes: Uint8Array, littleEndian: boolean): Uint8Array {
  const list = new Writer(littleEndian)
  list.put(Uint8Array.of(1, 0, 0, 0))
  const at = list.reserve(4)
  list.put(bytes)
  list.view.setUint16(at, list.length - at, littleEndian)
  list.view.setUint16(at + 2, 3, littleEndian)
  return list.done()
}

/** Puts one element into a message and reads it as a dump is read. */
function read<T>(
  bytes: Uint8Array,
  key: number,
  data: number,
  littleEndian: boolean,
  use: (seen: SeenElement) => T,
): T | undefined {
  const payload = inMessage(bytes, littleEndian)
  expect(elements.decode(payload, littleEndian, 4).elements).toHaveLength(1)
  let found: T | undefined
  eachElement(payload, littleEndian, key, data, seen => {
    found = use(seen)
  })
  return found
}
