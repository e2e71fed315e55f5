/** The firewall of the kernel on Node's platform, in the network namespace of the test, and samples for it. */
import { execFileSync } from 'node:child_process'
import type { Ip, Mac, Port } from '../../src/base/ip.ts'
import type { Clock, Seconds } from '../../src/base/time.ts'
import { after } from '../../src/base/time.ts'
import type { Mapping, Transport } from '../../src/core/mapping.ts'
import { ORDINARY } from '../../src/core/mapping.ts'
import { Exchange } from '../../src/kernel/exchange.ts'
import { KernelFirewall } from '../../src/kernel/firewall.ts'
import { probe } from '../../src/kernel/probe.ts'
import type { Features, Settings } from '../../src/kernel/ruleset.ts'
import { createNodePlatform } from '../../src/platform/node.ts'
import type { NetlinkSocket, Platform } from '../../src/platform/platform.ts'

export const WAN = '11.22.33.44' as Ip

export const SETTINGS: Settings = {
  internal: ['br-lan', 'br-dmz'],
  external: ['wan0'],
  external6: ['wan0', '6in4-wan6'],
  markBit: 0x4000_0000,
  guarded: [
    { transport: 'udp', port: 5351 as Port },
    { transport: 'tcp', port: 5000 as Port },
  ],
  capacity: 'unbounded',
}

export interface Opened {
  readonly platform: Platform
  readonly exchange: Exchange
  readonly features: Features
  readonly firewall: KernelFirewall
  /** Mappings whose flows were to be ended, in order. */
  readonly ended: Mapping[]
  /** Another daemon on the same kernel, by a socket of its own. */
  another(features?: Partial<Features>): Promise<Opened>
}

let node: Platform | undefined

export async function openFirewall(
  forced: Partial<Features> = {},
  through: (socket: NetlinkSocket) => NetlinkSocket = socket => socket,
): Promise<Opened> {
  node ??= await createNodePlatform()
  const platform = node
  const socket = through(await platform.netlink({ family: 'netfilter', groups: [], extendedAck: true }))
  const exchange = new Exchange(socket, platform)
  const features = { ...(await probe(exchange, platform)), ...forced }
  const ended: Mapping[] = []
  const endFlows = (removed: readonly Mapping[]) => void ended.push(...removed)
  const firewall = new KernelFirewall({ exchange, machine: platform, clock: platform.clock, features, endFlows })
  return { platform, exchange, features, firewall, ended, another: more => openFirewall({ ...forced, ...more }) }
}

export const sample = (clock: Clock, changes: Partial<Mapping> = {}): Mapping => ({
  transport: 'tcp',
  external: { ip: WAN, port: 8080 as Port },
  internal: { ip: '192.168.88.10' as Ip, port: 80 as Port },
  owner: { via: 'nat-pmp', client: '192.168.88.10' as Ip },
  lease: leaseOf(clock, 3600),
  label: 'web',
  mac: '02:00:00:00:00:0a' as Mac,
  ...ORDINARY,
  ...changes,
})

export const leaseOf = (clock: Clock, length: number) => {
  const lifetime = length as Seconds
  return { lifetime, expires: after(clock.now(), lifetime) }
}

/** `count` mappings, each of another host and port. */
export function many(clock: Clock, count: number, ip: Ip = WAN, first = 0): Mapping[] {
  return Array.from({ length: count }, (_, i) => {
    const n = first + i
    const host = `192.168.${88 + ((n / 200) | 0)}.${10 + (n % 200)}` as Ip
    return sample(clock, {
      transport: n % 2 === 0 ? 'tcp' : 'udp',
      external: { ip, port: (1024 + n) as Port },
      internal: { ip: host, port: (2000 + (n % 50_000)) as Port },
      owner: { via: 'nat-pmp', client: host },
    })
  })
}

export const add = (mapping: Mapping) => ({ act: 'add', mapping }) as const
export const remove = (mapping: Mapping) => ({ act: 'remove', mapping }) as const
export const replace = (was: Mapping, mapping: Mapping) => ({ act: 'replace', was, mapping }) as const

export const nft = (...words: string[]): string => execFileSync('nft', words, { encoding: 'utf8', maxBuffer: 1 << 27 })
export const nftFile = (text: string): string => execFileSync('nft', ['-f', '-'], { input: text, encoding: 'utf8' })

/** An element of a set or map as `nft -j` tells it. */
export interface NftElement {
  readonly key: string
  readonly value: string | undefined
  /** Seconds. */
  readonly timeout: number | undefined
  readonly expires: number | undefined
  readonly comment: string | undefined
  readonly counter: boolean
}

const KIND: Readonly<Record<string, string>> = { dnat4: 'map', snat4: 'map', dnat4from: 'map', idle4: 'map' }

/** Elements of a set by key, `11.22.33.44 tcp 8080`. */
export function elementsOf(set: string): Map<string, NftElement> {
  const { nftables } = JSON.parse(nft('-j', 'list', KIND[set] ?? 'set', 'inet', 'portico', set)) as {
    nftables: Listed[]
  }
  const listed = nftables.map(({ set, map }) => set ?? map).find(found => found !== undefined)
  return new Map((listed?.elem ?? []).map(item => readElement(item)).map(element => [element.key, element]))
}

interface Listed {
  readonly set?: { readonly elem?: readonly unknown[] }
  readonly map?: { readonly elem?: readonly unknown[] }
}

interface Elem {
  readonly val: unknown
  readonly timeout?: number
  readonly expires?: number
  readonly comment?: string
  readonly counter?: unknown
}

function readElement(item: unknown): NftElement {
  const [left, right] = Array.isArray(item) ? item : [item, undefined]
  const elem: Elem = (left as { elem?: Elem }).elem ?? { val: left }
  return {
    key: words(elem.val),
    value: right === undefined ? undefined : words(right),
    timeout: elem.timeout,
    expires: elem.expires,
    comment: elem.comment,
    counter: elem.counter !== undefined,
  }
}

function words(value: unknown): string {
  const { concat } = value as { concat?: unknown[] }
  return concat === undefined ? String(value) : concat.join(' ')
}

export const keyOf = (transport: Transport, { ip, port }: Mapping['external']): string => `${ip} ${transport} ${port}`
