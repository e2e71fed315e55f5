/** Groups on a port that others use too, and TCP that is bound to a device: what UPnP needs. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Background } from '../support/process.ts'
import { Background as Program, sleep, until } from '../support/process.ts'
import { ENGINES, loopbackUp, play, QUICKJS, starter } from './engines.ts'
import { askFrom, ip, neighbour, pythonIn, tellGroup } from './machines.ts'

const GROUPS = ['239.255.255.250', 'ff02::c', 'ff05::c']

let lan: Background
let guest: Background
beforeAll(async () => {
  loopbackUp()
  lan = await neighbour('lan0', '10.9.0')
  guest = await neighbour('guest0', '10.7.0')
})
afterAll(async () => {
  await lan.kill()
  await guest.kill()
})

const started: Background[] = []
const begin = starter(started)

describe.each(ENGINES)('%s', engine => {
  test('hears each group that it joined on a device, and who spoke', async () => {
    const program = await begin(engine, ['groups', '6400', 'lan0', ...GROUPS])
    for (const group of GROUPS) await tellGroup(lan, group, 6400, 'M-one')
    for (const group of GROUPS) {
      const from = group.includes(':') ? 'fe80::2' : '10.9.0.2'
      await program.waitFor(`lan0 ${group} heard M-one of ${from}`)
    }
    expect(program.output.match(/heard/g)).toHaveLength(GROUPS.length)
  })

  test('several devices, their own addresses and another program share the port', async () => {
    const stranger = new Program(['python3', '-c', STRANGER])
    started.push(stranger)
    await stranger.waitFor('there')
    const groups = await begin(engine, ['groups', '6401', 'lan0', ...GROUPS])
    const others = await begin(engine, ['groups', '6401', 'guest0', ...GROUPS])
    await begin(engine, ['shared', '10.9.0.1', '6401', 'lan0'])
    expect(await askFrom(lan, '10.9.0.2', '10.9.0.1', 6401)).toBe('hi')
    await tellGroup(lan, GROUPS[0] as string, 6401, 'M-two')
    await tellGroup(guest, GROUPS[0] as string, 6401, 'M-three')
    await groups.waitFor('lan0 239.255.255.250 heard M-two of 10.9.0.2')
    await others.waitFor('guest0 239.255.255.250 heard M-three of 10.7.0.2')
    await stranger.waitFor('heard M-two')
  })

  test('a link-local group is that of its device', async () => {
    const program = await begin(engine, ['groups', '6402', 'lan0', 'ff02::c'])
    await begin(engine, ['groups', '6402', 'guest0', 'ff02::c'])
    await tellGroup(guest, 'ff02::c', 6402, 'M-not')
    await tellGroup(lan, 'ff02::c', 6402, 'M-yes')
    await program.waitFor('M-yes')
    expect(program.output).not.toContain('M-not')
  })

  test('what is sent to a group does not come back', async () => {
    const program = await begin(engine, ['groups', '6403', 'lan0', '239.255.255.250'])
    await play(engine, ['udp-send', '10.9.0.1', '6404', 'lan0', '239.255.255.250', '6403'])
    await tellGroup(lan, '239.255.255.250', 6403, 'M-end')
    await program.waitFor('M-end')
    expect(program.output).not.toContain('hello')
  })

  test('a stream to a link-local address, and who is on the other side', async () => {
    const program = await begin(engine, ['listen', 'fe80::1,6405,lan0'])
    expect(await pythonIn(lan, talkTo('fe80::1', 6405))).toBe('end of it')
    await program.waitFor('peer fe80::2')
  })

  test('dials from an address of ours by a device', async () => {
    const other = new Program(['nsenter', '-t', String(lan.pid), '-n', 'python3', '-c', SERVER])
    started.push(other)
    await other.waitFor('there')
    expect((await play(engine, ['dial', '10.9.0.2,6406,lan0', '10.9.0.1', '5000'])).stdout).toContain('end hello')
    expect((await play(engine, ['dial', 'fe80::2,6406,lan0', 'fe80::1', '5000'])).stdout).toContain('end hello')
    await other.waitFor('heard 10.9.0.1')
    await other.waitFor('heard fe80::1')
  })

  test.each([
    ['nobody there', '10.9.0.2,6499,lan0', '10.9.0.1', 'ECONNREFUSED'],
    ['an address that is not ours', '10.9.0.2,6499,lan0', '10.9.0.77', 'EADDRNOTAVAIL'],
  ])('a dial that fails says why: %s', async (_, where, from, code) => {
    const { stdout } = await play(engine, ['dial', where, from, '5000'])
    expect(stdout).toContain(`refused ${code}`)
    expect(stdout).not.toContain('inside')
  })

  test('a dial that hangs is given up, and keeps nothing running', async () => {
    // Nobody has the address, and the kernel would ask for its link address for three seconds.
    ip('neigh', 'replace', '10.9.0.99', 'lladdr', '02:00:00:00:00:99', 'dev', 'lan0')
    const before = Date.now()
    const { stdout, status } = await play(engine, ['dial', '10.9.0.99,6406,lan0', '10.9.0.1', '300'])
    expect(stdout).toContain('given up')
    expect(stdout).not.toContain('refused')
    expect(status).toBe(0)
    expect(Date.now() - before).toBeLessThan(20_000)
  })
})

describe.each(QUICKJS)('%s', engine => {
  test('a group is heard by its device alone, whoever else joined it', async () => {
    const program = await begin(engine, ['groups', '6410', 'lan0', '239.255.255.250', 'ff05::c'])
    const node = await begin('node', ['groups', '6410', 'lan0', '239.255.255.250', 'ff05::c'])
    await begin(engine, ['groups', '6410', 'guest0', '239.255.255.250', 'ff05::c'])
    for (const group of ['239.255.255.250', 'ff05::c']) await tellGroup(guest, group, 6410, 'M-not')
    for (const group of ['239.255.255.250', 'ff05::c']) await tellGroup(lan, group, 6410, 'M-yes')
    await program.waitFor('ff05::c heard M-yes')
    expect(program.output).not.toContain('M-not')
    // Node cannot say IP_MULTICAST_ALL=0: there the source decides.
    await node.waitFor('239.255.255.250 heard M-not of 10.7.0.2')
  })

  test('datagrams that begin otherwise wake nobody', async () => {
    const program = await begin(engine, ['groups', '6411', 'lan0', ...GROUPS, '--', 'M-'])
    const switches = () => Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(execStatus(program.pid))?.[1])
    await sleep(100)
    const before = switches()
    for (const group of GROUPS) await tellGroup(lan, group, 6411, 'NOTIFY')
    await sleep(100)
    expect(switches() - before).toBe(0)
    for (const group of GROUPS) await tellGroup(lan, group, 6411, 'M-yes')
    await until('three', async () => (program.output.match(/M-yes/g)?.length === 3 ? true : undefined))
    expect(program.output).not.toContain('NOTIFY')
  })

  test('a listener on a device accepts nothing that came in by another one', async () => {
    await begin(engine, ['listen', '10.9.0.1,6412,lan0'])
    expect(await pythonIn(lan, talkTo('10.9.0.1', 6412))).toBe('end of it')
    expect(await pythonIn(guest, talkTo('10.9.0.1', 6412))).toBe('ConnectionRefusedError')
  })

  test('a device that does not exist is refused by name', async () => {
    expect((await play(engine, ['groups', '6413', 'none0', 'ff02::c'])).stdout).toContain('refused ENODEV')
    expect((await play(engine, ['listen', '10.9.0.1,6413,none0'])).stdout).toContain('refused ENODEV')
    expect((await play(engine, ['dial', '10.9.0.2,6413,none0', '-', '5000'])).stdout).toContain('refused ENODEV')
  })
})

function execStatus(pid: number): string {
  return readFileSync(`/proc/${pid}/status`, 'utf8')
}

/** `end of it` is an order of the scene `listen`: say it back and end. */
const talkTo = (address: string, port: number) => `
import socket
try:
    s = socket.create_connection(('${address}${address.startsWith('fe80') ? '%eth0' : ''}', ${port}), 2)
    s.sendall(b'end of it')
    print(s.recv(100).decode())
except OSError as e:
    print(type(e).__name__)
`

/** Another program that searches: it holds the port on all addresses. */
const STRANGER = `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('', 6401))
s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton('239.255.255.250') + socket.inet_aton('10.9.0.1'))
print('there', flush=True)
while True:
    print('heard', s.recv(100).decode(), flush=True)
`

/** Echoes one piece to each that connects, by IPv4 or IPv6. */
const SERVER = `
import socket
s = socket.create_server(('::', 6406), family=socket.AF_INET6, dualstack_ipv6=True)
print('there', flush=True)
while True:
    c, peer = s.accept()
    c.sendall(c.recv(100))
    c.close()
    print('heard', peer[0].replace('::ffff:', '').split('%')[0], flush=True)
`
