/**
 * The firewall of the kernel by itself, on either engine, in the namespace that it is started in: commands come as
 * lines of JSON on standard input, answers go to standard output. Leases are given as lifetimes.
 */
import type { Ip, Mac, Port } from '../../src/base/ip.ts'
import type { Clock, Instant, Seconds } from '../../src/base/time.ts'
import { after } from '../../src/base/time.ts'
import type { Change, Mapping } from '../../src/core/mapping.ts'
import { ORDINARY } from '../../src/core/mapping.ts'
import { openConntrack } from '../../src/kernel/conntrack.ts'
import { Exchange } from '../../src/kernel/exchange.ts'
import { KernelFirewall } from '../../src/kernel/firewall.ts'
import { probe } from '../../src/kernel/probe.ts'
import type { Settings } from '../../src/kernel/ruleset.ts'
import type { Traffic } from '../../src/kernel/traffic.ts'
import { openTraffic } from '../../src/kernel/traffic.ts'
import type { Platform } from '../../src/platform/platform.ts'
import { Writer } from '../../src/wire/netlink-attributes.ts'
import { Batch, FAMILY } from '../../src/wire/nftables.ts'

export type Command =
  | { readonly do: 'build'; readonly settings: Settings; readonly mappings: readonly Mapping[] }
  | { readonly do: 'apply'; readonly changes: readonly Change[] }
  /** A table with `count` mappings, each of a host of its own. */
  | { readonly do: 'buildMany'; readonly settings: Settings; readonly count: number; readonly ip: Ip }
  /** All mappings go to another external address. */
  | { readonly do: 'moveAll'; readonly ip: Ip }
  /** Totals of these mappings, in their order. */
  | { readonly do: 'traffic'; readonly mappings: readonly Mapping[] }
  | { readonly do: 'forget'; readonly mapping: Mapping }
  /** Wake-ups by notices of flows that ended, so far. */
  | { readonly do: 'heard' }
  /** A batch of so many messages that the kernel refuses, each with a reply of its own. */
  | { readonly do: 'refused'; readonly count: number }
  | { readonly do: 'verify' }
  | { readonly do: 'adopt' }
  | { readonly do: 'restore' }

main()

async function main(): Promise<void> {
  const platform = await createPlatform()
  platform.onFault(error => platform.stdout(`fault ${error}\n`))
  const socket = await platform.netlink({ family: 'netfilter', groups: [], extendedAck: true })
  const exchange = new Exchange(socket, platform)
  const features = await probe(exchange, platform)
  const { clock } = platform
  const log = (_severity: string, topic: string, message: string, detail?: { readonly why?: unknown }) =>
    platform.stdout(`log ${topic}: ${message} ${detail?.why}\n`)
  const conntrack = await openConntrack(platform, log)
  const firewall = new KernelFirewall({
    exchange,
    machine: platform,
    clock,
    features,
    endFlows: removed => conntrack.end(removed),
  })
  const counting = countingDatagrams(platform)
  const traffic = await openTraffic(counting.platform, log, firewall)
  traffic.follow({ translated: true, pinholes: true })
  const refused = (count: number) => exchange.batch('a refused batch', refusedBatch(count, platform.littleEndian))
  const parts = { firewall, clock, traffic, heard: counting.heard, refused }
  platform.stdout(`ready ${platform.engine}\n`)
  for (let line = await platform.readLine(); line !== undefined; line = await platform.readLine()) {
    const began = clock.now()
    let answer: unknown
    try {
      answer = await perform(JSON.parse(line) as Command, parts)
    } catch (error) {
      answer = { error: String(error) }
    }
    platform.stdout(`${JSON.stringify({ ms: clock.now() - began, answer: answer ?? null })}\n`)
  }
  platform.exit(0)
}

async function createPlatform(): Promise<Platform> {
  const { process } = globalThis as { process?: { versions?: { node?: string } } }
  if (process?.versions?.node !== undefined) return (await import('../../src/platform/node.ts')).createNodePlatform()
  return (await import('../../src/platform/quickjs.ts')).createQuickjsPlatform()
}

interface Parts {
  readonly firewall: KernelFirewall
  readonly clock: Clock
  readonly traffic: Traffic
  heard(): number
  refused(count: number): unknown
}

function perform(command: Command, { firewall, clock, traffic, heard, refused }: Parts): unknown {
  const begun = (mapping: Mapping) => withLease(mapping, clock)
  const begunChange = (change: Change): Change => {
    const mapping = begun(change.mapping)
    return change.act === 'replace' ? { ...change, mapping, was: begun(change.was) } : { ...change, mapping }
  }
  switch (command.do) {
    case 'build':
      return firewall.build(command.settings, command.mappings.map(begun), clock.now())
    case 'apply':
      return firewall.apply(command.changes.map(begunChange))
    case 'buildMany':
      return firewall.build(command.settings, many(command.count, command.ip).map(begun), clock.now())
    case 'moveAll':
      return firewall.apply([...firewall.mappings()].map(was => moved(was, command.ip)))
    case 'traffic':
      return traffic.read(command.mappings).then(totals => [...totals.values()])
    case 'forget':
      return traffic.forget(command.mapping)
    case 'heard':
      return heard()
    case 'refused':
      return refused(command.count)
    case 'verify':
      return firewall.verify()
    case 'restore':
      return firewall.restore()
    case 'adopt':
      return firewall.adopt().then(adopted => ({
        ...adopted,
        mappings: adopted?.mappings.length,
        states: adopted?.mappings.map(kindOf).sort(),
      }))
  }
}

const kindOf = ({ state, remote, pinhole }: Mapping): string => `${state} ${remote.ip} ${remote.port} ${pinhole}`

/** The platform, and how many datagrams its sockets that join groups have delivered. */
function countingDatagrams(platform: Platform): { platform: Platform; heard(): number } {
  let heard = 0
  const counting: Platform = {
    ...platform,
    async netlink(options) {
      const socket = await platform.netlink(options)
      if (options.groups.length === 0) return socket
      return {
        portId: socket.portId,
        send: datagram => socket.send(datagram),
        take: (each, overrun) =>
          socket.take(datagram => {
            heard++
            each(datagram)
          }, overrun),
        drain: () => socket.drain(),
        hear: on => socket.hear(on),
        close: () => socket.close(),
      }
    },
  }
  return { platform: counting, heard: () => heard }
}

/** Elements are taken out of a table that does not exist. */
function refusedBatch(count: number, littleEndian: boolean): Batch {
  const batch = new Batch(new Writer(littleEndian))
  for (let n = 0; n < count; n++) {
    batch.add('deleteElements', 0, FAMILY.inet, { table: 'nowhere', set: 'state' })
  }
  return batch
}

/** With a lease that begins now. */
function withLease(mapping: Mapping, clock: Clock): Mapping {
  if (mapping.lease === 'forever') return mapping
  const { lifetime } = mapping.lease
  return { ...mapping, lease: { lifetime, expires: after(clock.now(), lifetime) } }
}

const moved = (was: Mapping, ip: Ip): Change => ({
  act: 'replace',
  was,
  mapping: { ...was, external: { ip, port: was.external.port } },
})

const many = (count: number, ip: Ip): Mapping[] =>
  Array.from({ length: count }, (_, n) => {
    const host = `10.${n >> 8}.${n & 255}.7` as Ip
    return {
      transport: n % 2 === 0 ? 'udp' : 'tcp',
      external: { ip, port: (2000 + n) as Port },
      internal: { ip: host, port: (1000 + n) as Port },
      owner: { via: 'nat-pmp', client: host },
      lease: { lifetime: 3600 as Seconds, expires: 0 as Instant },
      label: 'NAT-PMP',
      mac: '02:00:00:00:00:07' as Mac,
      ...ORDINARY,
    }
  })
