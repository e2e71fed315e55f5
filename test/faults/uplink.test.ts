/** The WAN address changes, the link goes down and comes back: every mapping moves along, or waits. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { kernelView, tableView } from '../support/kernel.ts'
import { type Lab, makeLab, moveWan, WAN, WORLD } from '../support/lab.ts'
import { askAddress, askMap } from '../support/natpmp.ts'
import { monotonic, sleep, until } from '../support/process.ts'
import type { Server } from '../support/server.ts'
import { disagreements, ENGINES, figures, pause, resume, start, startClients } from './agreement.ts'

const MOVES = 10
const addressOf = (n: number) => (n === 0 ? WAN : `11.22.33.${100 + n}`)

describe.each(ENGINES)('on %s', engine => {
  let lab: Lab
  let server: Server
  beforeEach(async () => {
    lab = await makeLab()
    server = await start(lab, engine)
    await lab.a.udpEcho(4000)
  })
  afterEach(() => lab?.close())

  const knock = (address: string) => lab.world.udpAsk([address, 4000], 'knock', 300)

  test(`the WAN address changes ${MOVES} times under load: every mapping moves with it`, async () => {
    await askMap(lab.a, { transport: 'udp', internal: 4000, external: 4000 })
    const clients = await startClients(lab, { rate: 300 })
    const times: number[] = []
    for (let n = 1; n <= MOVES; n++) {
      await sleep(200)
      const from = monotonic()
      await moveWan(lab, addressOf(n - 1), addressOf(n))
      await until(
        'the world gets in by the new address',
        async () => ((await knock(addressOf(n))).got === 'reply' ? true : undefined),
        5_000,
        5,
      )
      times.push((monotonic() - from) * 1000)
      expect((await knock(addressOf(n - 1))).got).not.toBe('reply')
      expect(await askAddress(lab.a)).toMatchObject({ result: 0, address: addressOf(n) })
      await pause(clients)
      await sleep(50)
      const found = (await disagreements(lab, server, clients)).filter(
        text => !text.startsWith('invented: udp 192.168.88.10:4000'),
      )
      expect(found, `after move ${n}; log:\n${server.output}`).toEqual([])
      const { forward } = await kernelView(lab)
      expect(forward.filter(({ external }) => !external.startsWith(`${addressOf(n)}:`))).toEqual([])
      await resume(clients)
    }
    console.log(
      `${engine}: ${MOVES} changes of the WAN address under load: through by the new one after ${figures(times)}, the change itself included`,
    )
  })

  test('the link goes down and up: no new mapping meanwhile, the old ones work again', async () => {
    await askMap(lab.a, { transport: 'udp', internal: 4000, external: 4000 })
    for (let n = 0; n < 5; n++) {
      await lab.router.must(['ip', 'link', 'set', 'wan0', 'down'])
      await until('result 3', async () => ((await askAddress(lab.a)).result === 3 ? true : undefined))
      expect(await askMap(lab.a, { transport: 'udp', internal: 4001 })).toMatchObject({
        result: 3,
        external: 0,
        lifetime: 0,
      })
      await lab.router.must(['ip', 'link', 'set', 'wan0', 'up'])
      await lab.router.must(['ip', 'route', 'replace', 'default', 'via', WORLD])
      await until('the world gets in', async () => ((await knock(WAN)).got === 'reply' ? true : undefined))
    }
    expect((await tableView(server)).map(({ external }) => external)).toEqual([`${WAN}:4000`])
    expect(await disagreements(lab, server, [])).toEqual(['invented: udp 192.168.88.10:4000'])
  })

  test('the device vanishes and a new one comes (PPPoE redials): served again, with what the table held', async () => {
    await askMap(lab.a, { transport: 'udp', internal: 4000, external: 4000 })
    await lab.router.must(['ip', 'link', 'delete', 'wan0'])
    await until('result 3', async () => ((await askAddress(lab.a)).result === 3 ? true : undefined))
    await lab.router.must([
      'ip',
      'link',
      'add',
      'wan0',
      'type',
      'veth',
      'peer',
      'name',
      'eth0',
      'netns',
      lab.world.netns,
    ])
    await lab.world.must(['ip', '-batch', '-'], { input: `link set eth0 up\naddress add ${WORLD}/24 dev eth0\n` })
    await lab.router.must(['ip', '-batch', '-'], {
      input: `link set wan0 up\naddress add ${WAN}/24 dev wan0\nroute add default via ${WORLD}\n`,
    })
    await until('the world gets in', async () => ((await knock(WAN)).got === 'reply' ? true : undefined))
    expect(await askAddress(lab.a)).toMatchObject({ result: 0, address: WAN })
  })
})
