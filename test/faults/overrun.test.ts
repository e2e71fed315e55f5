/**
 * More notices than the sockets hold, while the daemon stands still (SIGSTOP): the kernel drops some (ENOBUFS). Awake
 * again it must not trust what it saw, but read the state anew. On Node an overrun aborts the process inside the package
 * `netlink` (see src/platform/node-netlink.ts): there the next start, which the init system brings about, must do it.
 */
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

  const wakeUp = async () => {
    server.process.signal('SIGCONT')
    if (engine !== 'node') return
    expect(await server.process.ended).toBe(ABORTED)
    server = await start(lab, engine)
  }

  test('of nf_tables notices: our table is gone, and the notice of it lost', async () => {
    server.process.signal('SIGSTOP')
    await lab.router.must(['nft', '-i'], { input: noise(10_000), timeout: 60_000 })
    await lab.router.must(['nft', '-f', '-'], { input: 'delete table inet portico\ndelete table inet noise\n' })
    expect(await dropped(lab, NETLINK_NETFILTER)).toBeGreaterThan(0)
    await wakeUp()
    if (engine === 'node') {
      // Table and process went together, so nothing was left to adopt; the epoch tells clients to ask again.
      expect((await askAddress(lab.a)).epoch).toBeLessThan(5)
      await askMap(lab.a, { transport: 'udp', internal: 4000, external: 4000 })
    }
    await until('it is rebuilt', async () =>
      (await disagreements(lab, server, [])).every(text => text.startsWith('invented')) ? true : undefined,
    )
    await expectReach(lab, 'udp', 4000, lab.a)
    expect(server.process.status).toBeUndefined()
  })

  test('of link and address notices: the WAN address has changed, and the notice of it lost', async () => {
    server.process.signal('SIGSTOP')
    const many = Array.from({ length: 6000 }, (_, n) => `10.77.${n >> 8}.${n & 255}/32 dev lo`)
    await lab.router.must(['ip', '-batch', '-'], {
      input: many.map(each => `address add ${each}\n`).join(''),
      timeout: 60_000,
    })
    await moveWan(lab, WAN, '11.22.33.77')
    expect(await dropped(lab, NETLINK_ROUTE)).toBeGreaterThan(0)
    await wakeUp()
    await until('it knows the new address', async () =>
      (await askAddress(lab.a)).address === '11.22.33.77' ? true : undefined,
    )
    expect(await lab.world.udpAsk(['11.22.33.77', 4000], 'knock')).toMatchObject({ got: 'reply' })
    expect((await disagreements(lab, server, [])).filter(text => !text.startsWith('invented'))).toEqual([])
  })
})

/** 128 + SIGABRT */
const ABORTED = 134
const NETLINK_ROUTE = 0
const NETLINK_NETFILTER = 12

/** A foreign table and so many changes of it, each a transaction with a notice of its own. */
function noise(count: number): string {
  const changes = Array.from(
    { length: count },
    (_, n) => `add element inet noise s { 10.${n >> 16}.${(n >> 8) & 255}.${n & 255} }`,
  )
  return ['add table inet noise', 'add set inet noise s { type ipv4_addr; }', ...changes, 'quit', ''].join('\n')
}

/** Messages that the kernel could not deliver to sockets of this protocol in the namespace (/proc/net/netlink). */
async function dropped(lab: Lab, protocol: number): Promise<number> {
  const lines = (await lab.router.must(['cat', '/proc/net/netlink'])).trim().split('\n').slice(1)
  return lines
    .map(line => line.trim().split(/\s+/))
    .filter(fields => Number(fields[1]) === protocol)
    .reduce((sum, fields) => sum + Number(fields[8]), 0)
}
