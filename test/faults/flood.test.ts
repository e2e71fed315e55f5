/** One host floods: the daemon lives, its memory stays bounded, others are answered. */
import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, test } from 'vitest'
import { compiled } from '../support/compile.ts'
import { LAN, type Lab, makeLab } from '../support/lab.ts'
import { askMap, PORT } from '../support/natpmp.ts'
import { sleep } from '../support/process.ts'
import { defaultUci, startDaemon } from '../support/server.ts'
import { disagreements, ENGINES, median, quantile } from './agreement.ts'

const RATE = 50_000
const SECONDS = 5

describe.each(ENGINES)('on %s', engine => {
  let lab: Lab
  afterEach(() => lab?.close())

  test(`${RATE} requests a second for ${SECONDS} s from one host`, async () => {
    const flood = await compiled('flood')
    lab = await makeLab()
    const server = await startDaemon(lab, { engine, uci: defaultUci() })
    await askMap(lab.a, { transport: 'udp', internal: 4000, external: 4000 })
    const calm = await lab.a.latency([LAN, PORT], 1)
    const before = resident(server.pid)
    let most = before
    const watch = setInterval(() => {
      most = Math.max(most, resident(server.pid))
    }, 50)
    const run = lab.b.run([flood, LAN, String(PORT), String(RATE), String(SECONDS)])
    await sleep(500)
    const { ms, lost } = await lab.a.latency([LAN, PORT], SECONDS - 1)
    const { sent, seconds, answers } = JSON.parse((await run).stdout) as {
      sent: number
      seconds: number
      answers: number
    }
    await sleep(500)
    clearInterval(watch)
    const after = resident(server.pid)
    console.log(
      `${engine}: flood of ${(sent / seconds).toFixed(0)} requests/s for ${seconds.toFixed(1)} s, ${answers} answered; ` +
        `another host: ${ms.length} answers, ${lost} lost, median ${median(ms).toFixed(2)} ms, p99 ${quantile(ms, 0.99).toFixed(2)} ms ` +
        `(calm: median ${median(calm.ms).toFixed(2)} ms, p99 ${quantile(calm.ms, 0.99).toFixed(2)} ms); ` +
        `resident ${mib(before)} before, ${mib(most)} at most, ${mib(after)} after`,
    )
    expect(sent / seconds).toBeGreaterThan(RATE * 0.8)
    expect(server.process.status).toBeUndefined()
    expect(most - before).toBeLessThan(16 << 20)
    // Asked fifty times a second, below the limit for one host: what is lost was lost to the flood.
    expect(ms.length).toBeGreaterThan(100)
    expect(lost).toBeLessThanOrEqual(ms.length / 50)
    expect(quantile(ms, 0.99)).toBeLessThan(250)
    expect(await askMap(lab.a, { transport: 'udp', internal: 4000, external: 4000 })).toMatchObject({
      result: 0,
      external: 4000,
    })
    expect((await disagreements(lab, server, [])).filter(text => !text.startsWith('invented'))).toEqual([])
    expect(server.output.split('\n').length, 'no log line per packet').toBeLessThan(2000)
  })
})

/** Bytes in memory (VmRSS). */
function resident(pid: number): number {
  const kib = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kib) * 1024
}

const mib = (bytes: number): string => `${(bytes / (1 << 20)).toFixed(1)} MiB`
