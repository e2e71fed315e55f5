/**
 * What a large change costs the kernel. For each element of a batch it makes a notice of 8 KB for whoever listens to
 * nf_tables, and keeps all of them until the commit: our own ear must be off while we speak much (kernel/exchange.ts).
 * A router with 128 MB of memory does not survive it otherwise.
 */
import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, test } from 'vitest'
import { type Lab, makeLab, moveWan, WAN } from '../support/lab.ts'
import { sleep, until } from '../support/process.ts'
import { expectReach } from '../support/reach.ts'
import { defaultUci, startDaemon } from '../support/server.ts'
import { ENGINES } from './agreement.ts'

/** A thousand sections, as many as there may be, for both transports each. */
const COUNT = 2000

describe.each(ENGINES)('on %s', engine => {
  let lab: Lab
  afterEach(() => lab?.close())

  test(`${COUNT} mappings move to a new WAN address, and the kernel needs no more than 25 MB for it`, async () => {
    lab = await makeLab()
    await lab.a.udpEcho(5000)
    const server = await startDaemon(lab, { engine, uci: defaultUci({ more: mappings() }) })
    await expectReach(lab, 'udp', 5000, lab.a)
    await sleep(1000)
    const before = unreclaimable()
    let most = before
    const watch = setInterval(() => {
      most = Math.max(most, unreclaimable())
    }, 3)
    await moveWan(lab, WAN, '11.22.33.77')
    await until('they have moved', async () => (server.output.includes(`moved ${COUNT} mappings`) ? true : undefined))
    await sleep(500)
    clearInterval(watch)
    console.log(`${engine}: ${COUNT} mappings moved; slab grew by ${((most - before) / 1024).toFixed(0)} MB at most`)
    expect(most - before).toBeLessThan(25 * 1024)
    expect(await lab.world.udpAsk(['11.22.33.77', 5000], 'knock')).toMatchObject({ got: 'reply' })
  })
})

/** KB of kernel memory that cannot be had back, of the whole machine: nothing else runs beside these tests. */
const unreclaimable = (): number => Number(/SUnreclaim:\s+(\d+)/.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1])

const mappings = (): string =>
  Array.from(
    { length: COUNT / 2 },
    (_, n) => `
config mapping
	option protocol 'both'
	option external_port '${5000 + n}'
	option internal_address '192.168.88.10'
	option internal_port '${5000 + n}'
`,
  ).join('')
