/**
 * The announcements of RFC 6886 §3.2.1, captured on the LAN. A series lasts 127.75 s, so both engines announce at the
 * same time, each in its own lab, and what else there is to see happens in further labs meanwhile.
 */
import { describe, expect, test } from 'vitest'
import type { Seen } from '../support/agent.ts'
import type { Sniffer } from '../support/host.ts'
import { GUEST, LAN, type Lab, makeLab, moveWan, WAN } from '../support/lab.ts'
import { ANNOUNCE_PORT, addressReply, askAddress, askMap, EXTERNAL_ADDRESS, PORT } from '../support/natpmp.ts'
import { sleep, until } from '../support/process.ts'
import { defaultUci, type Engine, type Server, startDaemon } from '../support/server.ts'
import { ENGINES } from './under-test.ts'

const OTHER_WAN = '11.22.33.55'

/** Seconds from the first announcement (RFC 6886 §3.2.1: 250 ms, doubling). */
const SCHEDULE = [0, 0.25, 0.75, 1.75, 3.75, 7.75, 15.75, 31.75, 63.75, 127.75]

interface Watched {
  readonly lab: Lab
  readonly server: Server
  readonly sniffer: Sniffer
}

/** A lab with ears on host b, then the daemon. */
async function watch(engine: Engine, uci = defaultUci()): Promise<Watched> {
  const lab = await makeLab()
  const sniffer = await lab.b.sniff('eth0', [ANNOUNCE_PORT])
  return { lab, sniffer, server: await startDaemon(lab, { engine, uci }) }
}

const addressOf = ({ hex }: Seen) => addressReply(hex).address

function expectSchedule(series: readonly Seen[], count: number): void {
  const start = series[0]?.at ?? 0
  const gaps = series.map(({ at }) => at - start)
  expect(gaps).toHaveLength(count)
  for (const [n, gap] of gaps.entries()) {
    const due = SCHEDULE[n] ?? Number.NaN
    // A busy machine is late by more when it has been waited for longer; the next gap is twice as long anyway.
    expect(Math.abs(gap - due), `announcement ${n + 1} at ${gap}`).toBeLessThan(Math.max(0.2, due * 0.1))
  }
}

describe.concurrent.each(ENGINES)('on %s', engine => {
  test('check 48: at start ten announcements, each gap twice the one before, with a fresh epoch, on the LAN only', {
    timeout: 200_000,
  }, async ({ expect }) => {
    const { lab, sniffer } = await watch(engine)
    const outside = await Promise.all([
      lab.world.sniff('eth0', [ANNOUNCE_PORT]),
      lab.guest.sniff('eth0', [ANNOUNCE_PORT]),
    ])
    await sleep(135_000)
    const series = await sniffer.seen()
    expectSchedule(series, SCHEDULE.length)
    const first = addressReply((series[0] as Seen).hex)
    for (const [n, seen] of series.entries()) {
      expect(seen).toMatchObject({ from: [LAN, PORT], to: ['224.0.0.1', ANNOUNCE_PORT], ttl: 1 })
      const { result, address, epoch } = addressReply(seen.hex)
      expect({ result, address }).toEqual({ result: 0, address: WAN })
      expect(Math.abs(epoch - first.epoch - (SCHEDULE[n] as number))).toBeLessThanOrEqual(1)
    }
    for (const each of outside) expect(await each.seen()).toEqual([])
    await lab.close()
  })

  test('check 49, check 52: a new WAN address in the midst of a series ends it and starts one with the new address', async ({
    expect,
  }) => {
    const { lab, sniffer } = await watch(engine)
    await until('two announcements', async () => ((await sniffer.seen()).length >= 2 ? true : undefined))
    await moveWan(lab, WAN, OTHER_WAN)
    const fresh = async () => (await sniffer.seen()).filter(seen => addressOf(seen) === OTHER_WAN)
    await until(
      'five announcements of the new address',
      async () => ((await fresh()).length >= 5 ? true : undefined),
      20_000,
    )
    const all = await sniffer.seen()
    expectSchedule((await fresh()).slice(0, 5), 5)
    const turn = all.findIndex(seen => addressOf(seen) === OTHER_WAN)
    expect(all.slice(turn).map(addressOf)).toEqual(all.slice(turn).map(() => OTHER_WAN))
    expect(await askAddress(lab.a)).toMatchObject({ result: 0, address: OTHER_WAN })
    await lab.close()
  })

  test('check 51, check 60: the epoch starts anew when the table was lost, and goes on when it was not', async ({
    expect,
  }) => {
    const { lab, sniffer, server } = await watch(engine)
    await askMap(lab.a, { transport: 'udp', internal: 4000, external: 4000 })
    await sleep(4000)
    const before = await askAddress(lab.a)
    await server.kill()
    const adopted = await startDaemon(lab, { engine })
    expect((await askAddress(lab.a)).epoch).toBeGreaterThanOrEqual(before.epoch)
    await adopted.kill()
    await lab.router.must(['nft', 'delete', 'table', 'inet', 'portico'])
    const count = (await sniffer.seen()).length
    await startDaemon(lab, { engine })
    expect((await askAddress(lab.a)).epoch).toBeLessThan(3)
    await until('a new series', async () => ((await sniffer.seen()).length >= count + 3 ? true : undefined))
    const series = (await sniffer.seen()).slice(count)
    expectSchedule(series.slice(0, 3), 3)
    expect(addressReply((series[0] as Seen).hex).epoch).toBeLessThan(3)
    await lab.close()
  })

  test('check 53: with the service off the port is closed and nothing is announced; on again, it serves', async ({
    expect,
  }) => {
    const { lab, sniffer, server } = await watch(engine, defaultUci({ natPmp: { enabled: '0' } }))
    const closed = () => lab.a.udpAsk([LAN, PORT], EXTERNAL_ADDRESS, 500)
    expect(await closed()).toMatchObject({ got: 'refused' })
    await sleep(1500)
    expect(await sniffer.seen()).toEqual([])

    server.configure(defaultUci())
    server.process.signal('SIGHUP')
    await until('it serves', async () => ((await closed()).got === 'reply' ? true : undefined))
    await until('it announces', async () => ((await sniffer.seen()).length >= 3 ? true : undefined))

    server.configure(defaultUci({ natPmp: { enabled: '0' } }))
    server.process.signal('SIGHUP')
    await until('it is closed', async () => ((await closed()).got === 'refused' ? true : undefined))
    const count = (await sniffer.seen()).length
    await sleep(2500)
    expect(await sniffer.seen()).toHaveLength(count)
    await lab.close()
  })

  test('check 48: every internal network hears it, from its own gateway address', async ({ expect }) => {
    const roles = ['lan', 'guest'].map(
      name => `config interface\n\tlist service 'nat_pmp'\n\toption interface '${name}'\n\toption type 'internal'\n`,
    )
    const more = `${roles.join('\n')}\nconfig interface\n\tlist service 'nat_pmp'\n\toption interface 'wan'\n\toption type 'external'\n`
    const lab = await makeLab({ guestInput: 'accept' })
    const sniffers = await Promise.all([lab.b.sniff('eth0', [ANNOUNCE_PORT]), lab.guest.sniff('eth0', [ANNOUNCE_PORT])])
    await startDaemon(lab, { engine, uci: defaultUci({ more }) })
    for (const [n, gateway] of [LAN, GUEST].entries()) {
      const sniffer = sniffers[n] as Sniffer
      await until(`three announcements from ${gateway}`, async () =>
        (await sniffer.seen()).length >= 3 ? true : undefined,
      )
      for (const seen of await sniffer.seen())
        expect(seen).toMatchObject({ from: [gateway, PORT], to: ['224.0.0.1', ANNOUNCE_PORT], ttl: 1 })
      expectSchedule((await sniffer.seen()).slice(0, 3), 3)
    }
    expect(await askAddress(lab.guest, GUEST)).toMatchObject({ result: 0, address: WAN })
    await lab.close()
  })
})
