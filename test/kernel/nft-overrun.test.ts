/**
 * Replies and notices that do not fit the sockets: what the kernel was told and what it holds agree again afterwards, in
 * the same process. The watcher of links has `links-overrun.test.ts`, the whole daemon `test/faults/overrun.test.ts`.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Ip, Port } from '../../src/base/ip.ts'
import type { Seconds } from '../../src/base/time.ts'
import type { Mapping } from '../../src/core/mapping.ts'
import { ORDINARY } from '../../src/core/mapping.ts'
import type { Counted } from '../../src/kernel/traffic.ts'
import type { Lab } from '../support/lab.ts'
import { makeLab, WAN } from '../support/lab.ts'
import type { Worker } from '../support/nft-lab.ts'
import { ENGINES, SETTINGS, startWorker } from '../support/nft-lab.ts'
import { sleep } from '../support/process.ts'

const ip = WAN as Ip

describe.each([...ENGINES, 'Node alone'] as const)('%s', engine => {
  let lab: Lab
  let worker: Worker
  const hears = engine !== 'Node alone'
  beforeAll(async () => {
    lab = await makeLab()
    worker = await startWorker(lab, engine)
  })
  afterAll(() => lab?.close())

  const nft = (input: string) => lab.router.must(['nft', '-f', '-'], { input, timeout: 60_000 })

  test('a batch of 20,000 messages that are all refused: told as lost, and the next request is answered', async () => {
    await worker.ask({ do: 'buildMany', settings: SETTINGS, count: 100, ip })
    const before = await dropped(lab)
    for (let times = 0; times < 3; times++) {
      await expect(worker.ask({ do: 'refused', count: 20_000 })).rejects.toThrow('ENOBUFS')
      expect(await worker.ask({ do: 'verify' })).toEqual([])
    }
    expect(await dropped(lab)).toBeGreaterThan(before)
    await worker.ask({ do: 'moveAll', ip: '11.22.33.77' as Ip })
    expect(await worker.ask({ do: 'verify' })).toEqual([])
  })

  const whileOthersChange = () =>
    test('50,000 elements are read while others change them, and it stands still meanwhile', async () => {
      await worker.ask({ do: 'buildMany', settings: SETTINGS, count: 50_000, ip })
      for (let times = 0; times < 2; times++) {
        const restored = worker.ask<readonly unknown[]>({ do: 'restore' })
        await sleep(100 * times)
        worker.process.signal('SIGSTOP')
        const [transport, port] = times % 2 === 0 ? ['udp', 2000 + 10 * times] : ['tcp', 2001 + 10 * times]
        await nft(`delete element inet portico dnat4 { ${WAN} . ${transport} . ${port} }`)
        await nft(`add table inet noise\ndelete table inet noise`)
        worker.process.signal('SIGCONT')
        // Before the change or after it, as the kernel had it at one moment.
        expect((await restored).length).toBeLessThanOrEqual(1)
        await worker.ask({ do: 'restore' })
        expect(await worker.ask({ do: 'verify' })).toEqual([])
      }
      expect(worker.process.status).toBeUndefined()
    }, 240_000)
  if (hears) whileOthersChange() // without the addon it is the same code

  test('the ends of 20,000 flows that nobody reads: what was counted stays, and counting goes on', async () => {
    const own: Mapping = {
      transport: 'udp',
      external: { ip, port: 8080 as Port },
      internal: { ip: lab.a.ip as Ip, port: 5000 as Port },
      owner: { via: 'nat-pmp', client: lab.a.ip as Ip },
      lease: { lifetime: 3600 as Seconds, expires: 0 as never },
      label: 'test',
      mac: undefined,
      ...ORDINARY,
    }
    await worker.ask({ do: 'build', settings: SETTINGS, mappings: [own] })
    const packets = async () => {
      await sleep(1100) // a reading serves for a second
      return (await worker.ask<Counted[]>({ do: 'traffic', mappings: [own] }))[0]?.packetsIn ?? 0
    }
    await lab.router.must(['conntrack', '-F'])
    const flow = () => lab.world.must(['python3', '-c', FLOWS, WAN, '8080', '1'])
    await flow()
    const first = await packets()
    expect(first).toBe(1)

    worker.process.signal('SIGSTOP')
    await lab.world.must(['python3', '-c', FLOWS, WAN, '8080', '20000'], { timeout: 60_000 })
    expect(Number(await lab.router.must(['conntrack', '-C']))).toBeGreaterThan(19_000)
    await lab.router.must(['conntrack', '-F'])
    if (hears) expect(await dropped(lab)).toBeGreaterThan(0)
    worker.process.signal('SIGCONT')

    const after = await packets()
    expect(after).toBeGreaterThanOrEqual(first)
    expect(after).toBeLessThanOrEqual(first + 20_000)
    await flow()
    expect(await packets()).toBe(after + 1)
    if (hears) {
      const heard = await worker.ask<number>({ do: 'heard' })
      await lab.router.must(['conntrack', '-F'])
      await sleep(200)
      expect(await worker.ask<number>({ do: 'heard' })).toBe(heard + 1)
    }
    expect(worker.process.status).toBeUndefined()
  })
})

/** One datagram each from so many ports. */
const FLOWS = `
import socket, sys
for n in range(int(sys.argv[3])):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(('', 20000 + n))
    s.sendto(b'x', (sys.argv[1], int(sys.argv[2])))
    s.close()
`

/** Messages that the kernel could not deliver to sockets of NETLINK_NETFILTER (12) that are open now. */
async function dropped(lab: Lab): Promise<number> {
  const lines = (await lab.router.must(['cat', '/proc/net/netlink'])).trim().split('\n').slice(1)
  return lines
    .map(line => line.trim().split(/\s+/))
    .filter(fields => fields[1] === '12')
    .reduce((sum, fields) => sum + Number(fields[8]), 0)
}
