/** Link addresses of hosts against the real kernel, in a namespace of its own. */
import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Ip } from '../../src/base/ip.ts'
import type { Neighbours } from '../../src/kernel/neighbours.ts'
import { openNeighbours } from '../../src/kernel/neighbours.ts'
import { createNodePlatform } from '../../src/platform/node.ts'
import type { Platform } from '../../src/platform/platform.ts'
import { addNamespaces, newLabName, removeNamespace } from '../support/netns.ts'
import { must, until } from '../support/process.ts'

const ip = (text: string) => text as Ip
const sh = (line: string) => execFileSync('ip', line.split(' '), { stdio: ['ignore', 'pipe', 'pipe'] })
const eventually = (what: string, holds: () => boolean) =>
  until(what, async () => (holds() ? true : undefined), 10_000, 5)

const complaints: string[] = []
const seen: string[] = []
const log = (_severity: string, topic: string, message: string) => complaints.push(`${topic}: ${message}`)
let host: string
let platform: Platform
let neighbours: Neighbours
let lan: number

beforeAll(async () => {
  host = `${newLabName()}-host`
  await addNamespaces([host])
  sh('link set lo up')
  sh(`link add lan0 type veth peer name eth0 address 02:00:00:00:00:0a netns ${host}`)
  sh('addr add 192.168.1.1/24 dev lan0')
  sh('link set lan0 up')
  sh(`-n ${host} addr add 192.168.1.10/24 dev eth0`)
  sh(`-n ${host} addr add 192.168.1.11/24 dev eth0`)
  sh(`-n ${host} link set eth0 up`)
  sh('addr add 2001:db8::1/64 dev lan0 nodad')
  sh(`-n ${host} addr add 2001:db8::10/64 dev eth0 nodad`)
  lan = indexOf('lan0')
  sh('neigh add 192.168.1.50 lladdr 02:00:00:00:00:50 dev lan0 nud reachable')
  sh('neigh add 192.168.1.51 dev lan0 nud failed')
  platform = await createNodePlatform()
  neighbours = await openNeighbours(platform, log, (host, mac) => seen.push(`${host} ${mac}`))
})

afterAll(() => {
  neighbours.close()
  removeNamespace(host)
  expect(complaints).toEqual([])
})

test('what the kernel knows at the start is known', () => {
  expect(neighbours.mac(ip('192.168.1.50'), lan)).toBe('02:00:00:00:00:50')
  expect(neighbours.mac(ip('192.168.1.51'), lan)).toBeUndefined()
  expect(neighbours.mac(ip('192.168.1.50'), lan + 1)).toBeUndefined()
})

test('a host that asks for the router is known when its first datagram is here', async () => {
  expect(neighbours.mac(ip('192.168.1.10'), lan)).toBeUndefined()
  const server = createSocket('udp4')
  const arrived = new Promise<void>(resolve => server.once('message', () => resolve()))
  await new Promise<void>(resolve => server.bind(5351, '192.168.1.1', resolve))
  await must(['python3', '-c', SEND], { netns: host })
  await arrived
  await eventually('known', () => neighbours.mac(ip('192.168.1.10'), lan) === '02:00:00:00:00:0a')
  server.close()
})

test.each(['192.168.1.11', '2001:db8::10'].map(ip))('%s, which has not spoken, is found by asking', async address => {
  seen.length = 0
  expect(neighbours.mac(address, lan)).toBeUndefined()
  await neighbours.resolve(address, lan)
  await eventually('found', () => neighbours.mac(address, lan) === '02:00:00:00:00:0a')
  expect(seen).toEqual([`${address} 02:00:00:00:00:0a`])
  await neighbours.resolve(address, lan) // of one that is known there is nothing new
  expect(seen).toHaveLength(1)
})

test('an address that nobody has stays unknown, and is found when somebody gets it', async () => {
  const address = ip('2001:db8::12')
  await neighbours.resolve(address, lan)
  await until('given up', async () => sh('neigh show 2001:db8::12 dev lan0').toString().includes('FAILED') || undefined)
  expect(neighbours.mac(address, lan)).toBeUndefined()
  sh(`-n ${host} addr add 2001:db8::12/64 dev eth0 nodad`)
  await neighbours.resolve(address, lan)
  await eventually('found', () => neighbours.mac(address, lan) === '02:00:00:00:00:0a')
})

test('on a link that is none nobody can be asked', async () => {
  await expect(neighbours.resolve(ip('2001:db8::13'), 4711)).rejects.toThrow('ENODEV')
})

test('another machine with the same address is told apart', async () => {
  sh('neigh replace 192.168.1.50 lladdr 02:00:00:00:00:99 dev lan0 nud reachable')
  await eventually('changed', () => neighbours.mac(ip('192.168.1.50'), lan) === '02:00:00:00:00:99')
})

test('who is seen anew is told once, of either family', async () => {
  seen.length = 0
  sh('neigh replace 192.168.1.70 lladdr 02:00:00:00:00:70 dev lan0 nud reachable')
  sh('neigh replace 192.168.1.70 lladdr 02:00:00:00:00:70 dev lan0 nud stale')
  sh('neigh replace 2001:db8::70 lladdr 02:00:00:00:00:70 dev lan0 nud reachable')
  sh('neigh replace 192.168.1.70 lladdr 02:00:00:00:00:71 dev lan0 nud stale')
  sh('neigh replace 2001:db8::70 lladdr 02:00:00:00:00:71 dev lan0 nud reachable')
  await eventually('the last', () => neighbours.mac(ip('2001:db8::70'), lan) === '02:00:00:00:00:71')
  expect(seen.filter(each => / 02:00:00:00:00:7[01]$/.test(each))).toEqual([
    '192.168.1.70 02:00:00:00:00:70',
    '2001:db8::70 02:00:00:00:00:70',
    '192.168.1.70 02:00:00:00:00:71',
    '2001:db8::70 02:00:00:00:00:71',
  ])
})

test('a host that does not answer any more, or is deleted, is forgotten', async () => {
  sh('neigh replace 192.168.1.60 lladdr 02:00:00:00:00:60 dev lan0 nud reachable')
  await eventually('known', () => neighbours.mac(ip('192.168.1.60'), lan) !== undefined)
  sh('neigh change 192.168.1.60 dev lan0 nud failed')
  await eventually('failed', () => neighbours.mac(ip('192.168.1.60'), lan) === undefined)
  sh('neigh del 192.168.1.50 dev lan0')
  await eventually('deleted', () => neighbours.mac(ip('192.168.1.50'), lan) === undefined)
})

test('all are forgotten when the link goes down', async () => {
  const entries = Array.from(
    { length: 200 },
    (_, i) => `neigh replace 192.168.1.${i + 50} lladdr 02:00:00:00:01:0a dev lan0`,
  )
  await must(['ip', '-batch', '-'], { input: entries.map(each => `${each} nud reachable\n`).join('') })
  await eventually('all are known', () => neighbours.mac(ip('192.168.1.249'), lan) !== undefined)
  expect(neighbours.size).toBeGreaterThan(199)
  sh('link set lan0 down')
  await eventually('none is known', () => neighbours.size === 0)
})

/** /sys belongs to another namespace; ip(8) does not. */
function indexOf(device: string): number {
  const [link] = JSON.parse(execFileSync('ip', ['-j', 'link', 'show', device], { encoding: 'utf8' })) as [
    { ifindex: number },
  ]
  return link.ifindex
}

const SEND = `
import socket
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'hello', ('192.168.1.1', 5351))
`
