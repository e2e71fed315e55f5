/**
 * Flows end with their mapping, on the real kernel: this process is the router (a namespace of its own), with a host
 * on the LAN and one in the world. The translations are plain nft rules, so that nothing else of ours is in play.
 */
import { execFileSync } from 'node:child_process'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Ip, Port } from '../../src/base/ip.ts'
import type { Instant } from '../../src/base/time.ts'
import type { Mapping, Transport } from '../../src/core/mapping.ts'
import { ORDINARY } from '../../src/core/mapping.ts'
import type { Conntrack } from '../../src/kernel/conntrack.ts'
import { openConntrack } from '../../src/kernel/conntrack.ts'
import { createNodePlatform } from '../../src/platform/node.ts'
import type { Heard } from '../support/agent.ts'
import { type Echo, Host } from '../support/host.ts'
import { addNamespaces, newLabName, removeNamespace } from '../support/netns.ts'
import { must } from '../support/process.ts'
import { supportFile } from '../support/root.ts'

const WAN = '11.22.33.44'
const HOST = '192.168.1.10'
const OTHER = '192.168.1.11'
const RULES = `
flush ruleset
table ip lab {
  map forward { type inet_proto . inet_service : ipv4_addr . inet_service; }
  chain in {
    type nat hook prerouting priority dstnat
    iifname wan0 ip daddr ${WAN} dnat ip to meta l4proto . th dport map @forward
  }
  chain out {
    type nat hook postrouting priority srcnat
    oifname wan0 ip saddr ${HOST} udp sport 5000 snat to ${WAN}:6000
    oifname wan0 masquerade
  }
}
add element ip lab forward {
  tcp . 4001 : ${HOST} . 4000, udp . 4001 : ${HOST} . 4000, tcp . 4002 : ${HOST} . 4000, udp . 4002 : ${OTHER} . 4000
}
`
const complaints: string[] = []
let conntrack: Conntrack
let lan: Host
let world: Host
/** Of UDP, on the LAN host's port 4000; the agents take all their servers and flows with them when they end. */
let echo: Echo

const sh = (line: string) => execFileSync('ip', line.split(' '), { stdio: ['ignore', 'pipe', 'pipe'] })
const unmap = (key: string) => must(['nft', 'delete', 'element', 'ip', 'lab', 'forward', `{ ${key} }`])
const entries = async () => Number(await must(['conntrack', '-C']))

function mapping(transport: Transport, external: number, ip: string, internal: number): Mapping {
  return {
    transport,
    external: { ip: WAN as Ip, port: external as Port },
    internal: { ip: ip as Ip, port: internal as Port },
    owner: { via: 'nat-pmp', client: ip as Ip },
    lease: 'forever',
    label: '',
    mac: undefined,
    ...ORDINARY,
  }
}

beforeAll(async () => {
  const name = newLabName()
  await addNamespaces([`${name}-lan`, `${name}-world`])
  lan = new Host('lan', `${name}-lan`, HOST, supportFile('agent.py'))
  world = new Host('world', `${name}-world`, '11.22.33.1', supportFile('agent.py'))
  for (const [device, address, host, far] of [
    ['lan0', '192.168.1.1', lan, HOST],
    ['wan0', WAN, world, '11.22.33.1'],
  ] as const) {
    sh(`link add ${device} type veth peer name eth0 netns ${host.netns}`)
    sh(`addr add ${address}/24 dev ${device}`)
    sh(`link set ${device} up`)
    sh(`-n ${host.netns} addr add ${far}/24 dev eth0`)
    sh(`-n ${host.netns} link set eth0 up`)
    sh(`-n ${host.netns} link set lo up`)
  }
  sh(`-n ${lan.netns} addr add ${OTHER}/24 dev eth0`)
  sh(`-n ${lan.netns} route add default via 192.168.1.1`)
  execFileSync('sysctl', ['-q', '-w', 'net.ipv4.ip_forward=1'])
  echo = await lan.udpEcho(4000)
  await lan.tcpEcho(4000)
  await world.udpEcho(7000)
  conntrack = await openConntrack(await createNodePlatform(), (_severity, topic, message, detail) =>
    complaints.push(`${topic}: ${message} ${JSON.stringify(detail)}`),
  )
})

beforeEach(async () => {
  await must(['nft', '-f', '-'], { input: RULES })
  await must(['conntrack', '-F'])
})

afterAll(async () => {
  conntrack.close()
  await lan.close()
  await world.close()
  removeNamespace(lan.netns)
  removeNamespace(world.netns)
  expect(complaints).toEqual([])
})

test('a TCP flow through a removed mapping stops, others go on', async () => {
  const ended = await world.tcpFlow([WAN, 4001])
  const other = await world.tcpFlow([WAN, 4002])
  expect(heard(await ended.ask('one'))).toContain('one')
  expect(heard(await other.ask('one'))).toContain('one')

  await unmap('tcp . 4001')
  expect(heard(await ended.ask('two'))).toContain('two') // the rule alone does not end a flow
  expect(await conntrack.endFlows([mapping('tcp', 4001, HOST, 4000)])).toEqual({ ended: 1 })

  expect(heard(await ended.ask('three', 500))).toBeUndefined()
  expect(heard(await other.ask('two'))).toContain('two')
})

test('a UDP flow through a removed mapping stops, others go on', async () => {
  const flow = await world.udpFlow()
  const before = await echo.received()
  expect(heard(await flow.ask([WAN, 4001], 'one'))).toContain('one')
  expect(heard(await flow.ask([WAN, 4002], 'other'))).toContain('other')

  await unmap('udp . 4001')
  expect(heard(await flow.ask([WAN, 4001], 'two'))).toContain('two')
  expect(await conntrack.endFlows([mapping('udp', 4001, HOST, 4000)])).toEqual({ ended: 1 })

  expect(heard(await flow.ask([WAN, 4001], 'three', 500))).toBeUndefined()
  expect(heard(await flow.ask([WAN, 4002], 'other again'))).toContain('other again')
  expect((await echo.received()) - before).toBe(4)
})

test('an outbound flow that left under the mapped port ends too, one under another port does not', async () => {
  const mapped = await lan.udpFlow({ from_ip: HOST, from_port: 5000 })
  const free = await lan.udpFlow({ from_ip: HOST, from_port: 5001 })
  expect(heard(await mapped.ask([world.ip, 7000], 'out'))).toContain(`${WAN}:6000`)
  expect(heard(await free.ask([world.ip, 7000], 'out'))).toContain(`${WAN}:5001`)
  expect(await conntrack.endFlows([mapping('udp', 6000, HOST, 5000)])).toEqual({ ended: 1 })
  const left = await must(['conntrack', '-L', '-p', 'udp'])
  expect(left).toContain('sport=5001')
  expect(left).not.toContain('sport=5000')
})

test('mappings of one host, of several hosts, and none at all: only their own flows end', async () => {
  const flow = await world.udpFlow()
  const all = [mapping('udp', 4001, HOST, 4000), mapping('udp', 4002, OTHER, 4000)]
  const idle = (host: string, first: number, count: number) =>
    Array.from({ length: count }, (_, i) => mapping('udp', first + i, host, first + i))
  for (const [name, removed, ended] of [
    ['none', [], 0],
    ['one without flows', idle(HOST, 30_000, 1), 0],
    ['some of one host', [...idle(HOST, 30_000, 10), all[0] as Mapping], 1],
    ['some of three hosts', [...idle('192.168.1.12', 30_000, 10), ...all], 2],
    ['the right addresses, another protocol', [mapping('tcp', 4001, HOST, 4000)], 0],
    ['the right external port, another host', [mapping('udp', 4001, OTHER, 4000)], 0],
  ] as const) {
    await must(['conntrack', '-F'])
    expect(heard(await flow.ask([WAN, 4001], name))).toContain(name)
    expect(heard(await flow.ask([WAN, 4002], name))).toContain(name)
    const before = await entries()
    expect([name, await conntrack.endFlows(removed)]).toEqual([name, { ended }])
    expect([name, before - (await entries())]).toEqual([name, ended])
  }
})

test('calls that come together are done together, and each is told its own count', async () => {
  const flow = await world.udpFlow()
  await flow.ask([WAN, 4001], 'one')
  await flow.ask([WAN, 4002], 'two')
  const idle = Array.from({ length: 50 }, (_, i) => conntrack.endFlows([mapping('udp', 20_000 + i, HOST, 20_000)]))
  const one = conntrack.endFlows([mapping('udp', 4001, HOST, 4000)])
  const two = conntrack.endFlows([mapping('udp', 4001, HOST, 4000), mapping('udp', 4002, OTHER, 4000)])
  expect(await Promise.all(idle)).toEqual(idle.map(() => ({ ended: 0 })))
  expect([await one, await two]).toEqual([{ ended: 1 }, { ended: 2 }])
})

test('what no flow table carries does not end with what one does', async () => {
  const flow = await world.udpFlow()
  await flow.ask([WAN, 4001], 'one')
  const before = await entries()
  conntrack.endOffloaded(() => true)
  // Done together with that, or after it.
  expect(await conntrack.endFlows([mapping('udp', 4002, OTHER, 4000)])).toEqual({ ended: 0 })
  expect(await entries()).toBe(before)
})

test('with a timer, searches have pauses, and what comes meanwhile is done after them', async () => {
  let now = 1000
  let rearmed = 0
  const clock = {
    now() {
      now += 10 // every look at the clock takes 10 ms
      return now as Instant
    },
  }
  const paced = await openConntrack(
    { ...(await createNodePlatform()), clock },
    (_severity, topic, message) => complaints.push(`${topic}: ${message}`),
    () => {
      rearmed++
    },
  )
  const flow = await world.udpFlow()
  await flow.ask([WAN, 4001], 'one')
  await flow.ask([WAN, 4002], 'two')
  const first = paced.endFlows([mapping('udp', 4001, HOST, 4000)])
  expect(paced.wakeAt).toBeGreaterThan(now) // others may follow
  expect(rearmed).toBe(1)
  paced.wake(paced.wakeAt as Instant)
  expect(await first).toEqual({ ended: 1 })
  expect(paced.wakeAt).toBeUndefined()

  const later = paced.endFlows([mapping('udp', 4002, OTHER, 4000)])
  const due = paced.wakeAt as Instant
  expect(due).toBeGreaterThan(now)
  expect(rearmed).toBe(2)
  paced.wake((due - 1) as Instant)
  expect(paced.wakeAt).toBe(due)
  expect(await must(['conntrack', '-L', '-p', 'udp'])).toContain('dport=4002')
  paced.wake(due)
  expect(await later).toEqual({ ended: 1 })
  paced.close()
})

test('10,000 flows of one mapping among 20,000 entries', async () => {
  await must(['python3', '-c', MANY, '4001', '10000'], { netns: world.netns, timeout: 60_000 })
  await must(['python3', '-c', MANY, '4002', '10000'], { netns: world.netns, timeout: 60_000 })
  const before = await entries()
  expect(before).toBeGreaterThanOrEqual(20_000)
  const times: string[] = []
  const timed = async (what: string, removed: readonly Mapping[], ended: number) => {
    const start = process.hrtime.bigint()
    const result = await conntrack.endFlows(removed)
    times.push(`${what} ${(Number(process.hrtime.bigint() - start) / 1e6).toFixed(1)} ms`)
    expect([what, result]).toEqual([what, { ended }])
  }
  const idle = (i: number) => mapping('udp', 30_000 + i, `192.168.1.${100 + (i % 100)}`, 30_000)
  await timed('one mapping without flows', [idle(0)], 0)
  await timed(
    '1,000 mappings of 100 hosts without flows',
    Array.from({ length: 1000 }, (_, i) => idle(i)),
    0,
  )
  await timed('one mapping with 10,000 flows', [mapping('udp', 4001, HOST, 4000)], 10_000)
  console.log(`${before} conntrack entries: ${times.join(', ')}`)
  expect(before - (await entries())).toBeGreaterThanOrEqual(10_000)
  expect(await entries()).toBeGreaterThanOrEqual(10_000)
})

/** What came back as text; `undefined` when nothing did. */
const heard = (answer: Heard): string | undefined => (answer.got === 'reply' ? answer.text : undefined)

/** One datagram from each of so many ports. */
const MANY = `
import socket, sys
port, count = int(sys.argv[1]), int(sys.argv[2])
for source in range(20000, 20000 + count):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(('11.22.33.1', source))
    s.sendto(b'x', ('11.22.33.44', port))
    s.close()
`
