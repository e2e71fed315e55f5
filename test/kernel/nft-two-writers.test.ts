/** Two writers, one kernel: what we build and what nft builds from a file must be the same to the kernel and to nft. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Ip, Port } from '../../src/base/ip.ts'
import type { Instant } from '../../src/base/time.ts'
import type { Mapping } from '../../src/core/mapping.ts'
import { addTable } from '../../src/kernel/ruleset.ts'
import { addRules } from '../../src/kernel/ruleset-rules.ts'
import { addSettings } from '../../src/kernel/ruleset-state.ts'
import { messages } from '../../src/wire/netlink.ts'
import { Writer } from '../../src/wire/netlink-attributes.ts'
import type { NftMessage } from '../../src/wire/nftables.ts'
import { Batch, decode, nameOf } from '../../src/wire/nftables.ts'
import type { Opened } from '../support/nft-kernel.ts'
import { nft, nftFile, openFirewall, SETTINGS, sample, WAN } from '../support/nft-kernel.ts'
import { sentByNft } from '../support/nft-mnl.ts'

const FILE = readFileSync(new URL('../vectors/nft/portico.nft', import.meta.url), 'utf8')
const EPOCH = 123_456 as Instant

let opened: Opened
const mappings = (): Mapping[] => [
  sample(opened.platform.clock, { mac: undefined }),
  sample(opened.platform.clock, {
    transport: 'udp',
    external: { ip: WAN, port: 5000 as Port },
    internal: { ip: '192.168.88.11' as Ip, port: 5001 as Port },
    owner: { via: 'operator' },
    lease: 'forever',
    label: '',
    mac: undefined,
  }),
  ...rare(),
]

/** One for a single remote host, one that is off, and pinholes. */
function rare(): Mapping[] {
  const host = '192.168.88.12' as Ip
  const make = (changes: Partial<Mapping>, port: number) =>
    sample(opened.platform.clock, {
      external: { ip: WAN, port: port as Port },
      internal: { ip: host, port: (port + 1) as Port },
      owner: { via: 'upnp', client: host },
      mac: undefined,
      ...changes,
    })
  const six = '2001:db8::10' as Ip
  const pinhole = (changes: Partial<Mapping>, port: number) => {
    const internal = { ip: six, port: port as Port }
    return make({ external: internal, internal, owner: { via: 'upnp', client: six }, ...changes }, port)
  }
  const one = { ip: '2001:db8:f::1' as Ip, port: 4000 as Port }
  return [
    make({ label: 'one', remote: { ip: '198.51.100.7' as Ip, port: 'any' } }, 9000),
    make({ label: 'off', transport: 'udp', state: 'disabled' }, 9002),
    pinhole({ label: 'any', pinhole: 1 }, 8080),
    pinhole({ label: 'one', transport: 'udp', pinhole: 2, remote: one }, 8081),
    pinhole({ label: 'off', transport: 'udp', pinhole: 3, state: 'suspended', remote: { ...one, ip: 'any' } }, 8081),
  ]
}

beforeAll(async () => {
  opened = await openFirewall()
})

describe('the table that we build', () => {
  test('is to nft the table of the file', async () => {
    await opened.firewall.build(SETTINGS, mappings(), EPOCH)
    const ours = listing()
    nft('delete', 'table', 'inet', 'portico')
    nftFile(FILE)
    expect(ours).toEqual(listing())
    expect(ours.length).toBeGreaterThan(20)
    nft('delete', 'table', 'inet', 'portico')
  })

  test('survives nft: what it lists, it can load, and lists the same again', async () => {
    await opened.firewall.build(SETTINGS, mappings(), EPOCH)
    const text = nft('list', 'table', 'inet', 'portico')
    nft('delete', 'table', 'inet', 'portico')
    nftFile(text)
    expect(withoutTime(nft('list', 'table', 'inet', 'portico'))).toBe(withoutTime(text))
    nft('delete', 'table', 'inet', 'portico')
  })

  test('reads well', async () => {
    await opened.firewall.build(SETTINGS, mappings(), EPOCH)
    const text = withoutTime(nft('list', 'table', 'inet', 'portico'))
    expect(text).toContain(
      '11.22.33.44 . tcp . 8080 counter packets 0 bytes 0 timeout 1h comment "nat-pmp 192.168.88.10: web" : 192.168.88.10 . 80',
    )
    expect(text).toContain('iifname @external dnat ip to ip daddr . meta l4proto . th dport map @dnat4')
    expect(text).not.toMatch(/unknown|garbage|@nh|@th/)
    await opened.firewall.remove()
  })
})

describe('the messages that we send', () => {
  test('say what nft says for the same file', () => {
    const theirs = sentByNft(FILE).map(body)
    const ours = built().map(body)
    expect(ours.filter(each => each.includes('newRule')).length).toBe(17)
    for (const message of ours) expect(theirs).toContainEqual(message)
  })
})

/** Our own messages without elements of mappings and state, which carry a TLV more than nft's. */
function built(): NftMessage[] {
  const batch = new Batch(new Writer(true))
  addTable(batch, SETTINGS.capacity, true)
  addSettings(batch, 'add', SETTINGS)
  addRules(batch, 'add', SETTINGS.markBit, opened.features, true)
  return messages(batch.finish(1), true)
    .filter(({ type }) => nameOf(type) !== undefined)
    .map(message => decode(message, true))
    .filter(({ name, body }) => name !== 'deleteTable' && !(name === 'newTable' && !('userdata' in body)))
}

/**
 * A message as text, its attributes in their order, so that equal text means equal bytes; left out are the numbers by
 * which a batch refers to its own sets, and what nft says beyond need: NFT_BITWISE_BOOL, which is the default, and TLVs
 * that only nft's own typeof reads.
 */
function body({ name, family, body }: NftMessage): string {
  const text = (key: string, value: unknown) => {
    if (key === 'setId' || key === 'id') return undefined
    if (value instanceof Uint8Array) return Buffer.from(name === 'newSet' ? withoutTypes(value) : value).toString('hex')
    return value
  }
  return JSON.stringify({ name, family, body }, text).replaceAll('"op":0,"length"', '"length"')
}

/** Userdata without NFTNL_UDATA_SET_KEY_TYPEOF, _DATA_TYPEOF and _DATA_INTERVAL. */
function withoutTypes(userdata: Uint8Array): Uint8Array {
  const kept: number[] = []
  for (let at = 0; at < userdata.length; at += 2 + (userdata[at + 1] as number)) {
    if (![3, 4, 6].includes(userdata[at] as number))
      kept.push(...userdata.subarray(at, at + 2 + (userdata[at + 1] as number)))
  }
  return Uint8Array.from(kept)
}

/** `nft -j list table`, without handles and the time that passes. */
function listing(): unknown[] {
  const text = execFileSync('nft', ['-j', 'list', 'table', 'inet', 'portico'], { encoding: 'utf8' })
  const { nftables } = JSON.parse(text, (key, value) => (key === 'handle' || key === 'expires' ? undefined : value))
  return nftables
    .map((each: unknown) => JSON.stringify(each, (_key, value) => (Array.isArray(value) ? ordered(value) : value)))
    .sort()
}

const ordered = (list: unknown[]): unknown[] =>
  list.every(item => JSON.stringify(item).includes('concat') || typeof item === 'string')
    ? [...list].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
    : list

const withoutTime = (text: string): string => text.replaceAll(/ expires [0-9dhms]+/g, '')
