/** kill -9 at random moments under load: afterwards table, kernel and clients agree; nothing lost, nothing invented. */
import { afterEach, describe, expect, test } from 'vitest'
import { type Lab, makeLab } from '../support/lab.ts'
import { monotonic, sleep } from '../support/process.ts'
import type { Engine } from '../support/server.ts'
import { disagreements, ENGINES, expectCleanCounts, figures, pause, resume, start, startClients } from './agreement.ts'

/** QuickJS is what runs on routers. */
const KILLS: Readonly<Record<Engine, number>> = { quickjs: 200, node: 50, qjs: 20 }

describe.each(ENGINES)('on %s', engine => {
  let lab: Lab
  afterEach(() => lab?.close())

  test(`killed ${KILLS[engine]} times under load`, { timeout: 600_000 }, async () => {
    lab = await makeLab()
    let server = await start(lab, engine)
    const clients = await startClients(lab)
    const starts: number[] = []
    let mappings = 0
    for (let kill = 1; kill <= KILLS[engine]; kill++) {
      await sleep(5 + Math.random() * 150)
      await server.kill()
      // Half of the time nobody asks until all is compared; the other half the load goes on over the restart.
      const quiet = kill % 2 === 0
      if (quiet) await pause(clients)
      const from = monotonic()
      server = await start(lab, engine)
      starts.push((monotonic() - from) * 1000)
      if (!quiet) {
        await sleep(Math.random() * 50)
        await pause(clients)
        await sleep(50)
      }
      const found = await disagreements(lab, server, clients)
      expect(found, `after kill ${kill}, ${quiet ? 'quiet' : 'under load'}; log:\n${server.output}`).toEqual([])
      mappings += ((await clients[0]?.load.known())?.keys ?? []).filter(({ external }) => external !== null).length
      await resume(clients)
    }
    await pause(clients)
    const answers = await expectCleanCounts(clients)
    expect(answers).toBeGreaterThan(KILLS[engine] * 10)
    console.log(
      `${engine}: ${KILLS[engine]} kills, ${answers} requests answered, on average ${(mappings / KILLS[engine]).toFixed(0)} mappings of the first host at the restart; restart to ready: ${figures(starts)}`,
    )
  })
})
