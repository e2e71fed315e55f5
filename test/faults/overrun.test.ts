/**
 * More notices than the sockets hold, while the daemon stands still (SIGSTOP): the kernel drops some (ENOBUFS). Awake
 * again it must not trust what it saw, but read the state anew, in the same process.
 */
import { readdirSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Lab, makeLab, moveWan, WAN } from '../support/lab.ts'
import { askAddress, askMap } from '../support/natpmp.ts'
import { until } from '../support/process.ts'
import { expectReach } from '../support/reach.ts'
import type { Server } from '../support/server.ts'
import { disagreements, ENGINES, start } from './agreement.ts'

describe.each(ENGINES)('on %s', engine => {
  let lab: Lab
  let server: Server
  beforeEach(async () => {
    lab = await makeLab()
    server = await start(lab, engine)
    await lab.a.udpEcho(4000)
    for (const port of [4000, 4001, 4002]) await askMap(lab.a, { transport: 'udp', internal: port, external: port })
  })
  afterEach(() => lab?.close())

  test('of nf_tables notices: our table is gone, and the notice of it lost', async () => {
    server.process.signal('SIGSTOP')
    await lab.router.must(['python3', '-c', NOISE], { timeout: 60_000 })
    await lab.router.must(['nft', 'delete', 'table', 'inet', 'portico'])
    expect(await dropped(lab, NETLINK_NETFILTER)).toBeGreaterThan(0)
    server.process.signal('SIGCONT')
    await until('it is rebuilt', async () =>
      (await disagreements(lab, server, [])).every(text => text.startsWith('invented')) ? true : undefined,
    )
    await expectReach(lab, 'udp', 4000, lab.a)
    expect(server.process.status).toBeUndefined()
  })

  test('of link and address notices: the WAN address has changed, and the notice of it lost', async () => {
    server.process.signal('SIGSTOP')
    await lab.router.must(['ip', '-batch', '-'], { input: comings(12_000), timeout: 60_000 })
    await moveWan(lab, WAN, '11.22.33.77')
    expect(await dropped(lab, NETLINK_ROUTE)).toBeGreaterThan(0)
    server.process.signal('SIGCONT')
    await until('it knows the new address', async () =>
      (await askAddress(lab.a)).address === '11.22.33.77' ? true : undefined,
    )
    expect(await lab.world.udpAsk(['11.22.33.77', 4000], 'knock')).toMatchObject({ got: 'reply' })
    expect((await disagreements(lab, server, [])).filter(text => !text.startsWith('invented'))).toEqual([])
    expect(server.process.status).toBeUndefined()
  })

  test('again and again, of both kinds: each time all agree, and no descriptor is left over', async () => {
    const sizes: number[] = []
    for (let times = 0; times < 3; times++) {
      server.process.signal('SIGSTOP')
      await lab.router.must(['python3', '-c', NOISE], { timeout: 60_000 })
      await lab.router.must(['nft', 'flush', 'map', 'inet', 'portico', 'dnat4'])
      const address = `11.22.33.${80 + times}`
      await lab.router.must(['ip', '-batch', '-'], { input: comings(12_000), timeout: 60_000 })
      await moveWan(lab, times === 0 ? WAN : `11.22.33.${79 + times}`, address)
      server.process.signal('SIGCONT')
      await until('it has moved', async () => ((await askAddress(lab.a)).address === address ? true : undefined))
      await until('all agree', async () =>
        (await disagreements(lab, server, [])).every(text => text.startsWith('invented')) ? true : undefined,
      )
      expect(await lab.world.udpAsk([address, 4000], 'knock')).toMatchObject({ got: 'reply' })
      sizes.push(descriptors(server.pid))
    }
    console.log(`${engine}: descriptors after each of 3: ${sizes.join(', ')}`)
    expect(sizes.at(-1)).toBe(sizes[0])
    expect(server.process.status).toBeUndefined()
  })
})

const NETLINK_ROUTE = 0
const NETLINK_NETFILTER = 12

/** An address that comes and goes, so many notices. */
const comings = (count: number): string =>
  'address add 10.78.0.1/32 dev lo\naddress del 10.78.0.1/32 dev lo\n'.repeat(count / 2)

const descriptors = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length

/** A foreign table that comes and goes, each time a transaction with its notices (nft(8) would take half a minute). */
const NOISE = `
import socket, struct
def message(kind, flags, family, resource, body=b''):
    size = 20 + len(body)
    return struct.pack('=IHHII', size, kind, flags, 0, 0) + struct.pack('=BBH', family, 0, socket.htons(resource)) + body
name = struct.pack('=HH', 10, 1) + b'noise' + bytes(3)  # NFTA_TABLE_NAME
begin, end = message(16, 1, 0, 10), message(17, 1, 0, 10)  # NFNL_MSG_BATCH_BEGIN and _END, NFNL_SUBSYS_NFTABLES
add = begin + message(0xa00, 0x401, 1, 0, name) + end  # NFT_MSG_NEWTABLE, inet
delete = begin + message(0xa02, 1, 1, 0, name) + end  # NFT_MSG_DELTABLE
kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
for n in range(6000):
    kernel.send(add)
    kernel.send(delete)
`

/** Messages that the kernel could not deliver to sockets of this protocol in the namespace (/proc/net/netlink). */
async function dropped(lab: Lab, protocol: number): Promise<number> {
  const lines = (await lab.router.must(['cat', '/proc/net/netlink'])).trim().split('\n').slice(1)
  return lines
    .map(line => line.trim().split(/\s+/))
    .filter(fields => Number(fields[1]) === protocol)
    .reduce((sum, fields) => sum + Number(fields[8]), 0)
}
