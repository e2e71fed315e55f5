/** The wall clock jumps (NTP sets it after the start, an owner sets it wrongly): leases, epoch and table do not notice. */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { compiled } from '../support/compile.ts'
import { kernelView, tableView } from '../support/kernel.ts'
import { type Lab, makeLab } from '../support/lab.ts'
import { askAddress, askMap } from '../support/natpmp.ts'
import { monotonic, sleep, until } from '../support/process.ts'
import { defaultUci, type Engine, type Server, startDaemon } from '../support/server.ts'
import { searchFor, upnpUci } from '../support/upnp.ts'
import { ENGINES } from './agreement.ts'

const YEAR = 365 * 86400

/** porticod is linked statically and cannot be deceived; stock qjs runs the same bundle on the same C code. */
const DYNAMIC = ENGINES.map((engine): Engine => (engine === 'quickjs' ? 'qjs' : engine))

describe.each(DYNAMIC)('on %s', engine => {
  let lab: Lab
  let library: string
  beforeAll(async () => {
    library = await compiled('wall-clock', 'shared')
  })
  afterEach(() => lab?.close())

  test.each([
    ['ten years forward', 10 * YEAR],
    ['ten years back', -10 * YEAR],
    ['one hour forward, and back again', 3600],
  ])('%s', async (_name, jump) => {
    lab = await makeLab()
    const offset = join(lab.directory, 'offset')
    writeFileSync(offset, '0')
    const server = await startDaemon(lab, {
      engine,
      uci: defaultUci(),
      environment: { LD_PRELOAD: library, WALL_CLOCK_OFFSET: offset },
    })
    await askMap(lab.a, { transport: 'udp', internal: 4000, external: 4000, lifetime: 3600 })
    await askMap(lab.a, { transport: 'udp', internal: 4001, external: 4001, lifetime: 6 })
    const [granted, before] = [monotonic(), await askAddress(lab.a)]
    const year = await lastYear(server)

    writeFileSync(offset, String(jump))
    if (jump === 3600) {
      await sleep(500)
      writeFileSync(offset, '0')
    } else {
      // The jump reaches the daemon: a new line of its journal bears the new year.
      await askMap(lab.b, { transport: 'udp', internal: 4002, external: 4002 })
      expect(await lastYear(server)).not.toBe(year)
    }
    await sleep(1500)
    const after = await askAddress(lab.a)
    expect(Math.abs(after.epoch - before.epoch - (monotonic() - granted))).toBeLessThanOrEqual(1.5)
    const left = 3600 - (monotonic() - granted)
    const long = (await tableView(server)).find(({ external }) => external.endsWith(':4000'))
    expect(Math.abs((long?.expires ?? 0) - left)).toBeLessThan(3)
    await until(
      'the short lease ends',
      async () => ((await tableView(server)).some(({ external }) => external.endsWith(':4001')) ? undefined : true),
      8000,
    )
    expect(Math.abs(monotonic() - granted - 6)).toBeLessThan(1)
    expect((await kernelView(lab)).forward.some(({ external }) => external.endsWith(':4001'))).toBe(false)
  })
})

describe.each(DYNAMIC)('BOOTID on %s', engine => {
  let lab: Lab
  let library: string
  beforeAll(async () => {
    library = await compiled('wall-clock', 'shared')
  })
  afterEach(() => lab?.close())

  /** A reboot leaves nothing in the run directory; `offset` is how far the wall clock is off then. */
  async function boot(leaseFile: string | undefined, offset: number): Promise<Server> {
    rmSync(join(lab.directory, 'run'), { recursive: true, force: true })
    const file = join(lab.directory, 'offset')
    writeFileSync(file, String(offset))
    const more = leaseFile === undefined ? '' : `config portico 'system'\n\toption lease_file '${leaseFile}'\n`
    const environment = { LD_PRELOAD: library, WALL_CLOCK_OFFSET: file }
    return startDaemon(lab, { engine, uci: upnpUci({ more }), environment })
  }
  async function bootId(): Promise<number> {
    const [answer] = await searchFor(lab.a, 'upnp:rootdevice')
    return Number(answer?.fields['BOOTID.UPNP.ORG'])
  }

  test('rises over reboots with a clock that begins in the past, where leases are on flash', async () => {
    lab = await makeLab()
    const seen: number[] = []
    for (const offset of [0, -YEAR, -YEAR, -3 * YEAR]) {
      const server = await boot(join(lab.directory, 'flash', 'leases'), offset)
      seen.push(await bootId())
      await server.stop()
    }
    expect([...new Set(seen)].sort((a, b) => a - b)).toEqual(seen)
  })

  test('in RAM it is above the one before the reboot as soon as the clock is set', async () => {
    lab = await makeLab()
    const before = await boot(undefined, 0)
    const first = await bootId()
    await before.stop()
    await boot(undefined, -YEAR)
    expect(await bootId()).not.toBe(first)
    writeFileSync(join(lab.directory, 'offset'), '0')
    // The next thing that it does by itself: answers to a search leave one by one.
    await until('a greater BOOTID', async () => (await bootId()) > first || undefined, 20_000)
  })
})

/** The year in the last line of the journal. */
async function lastYear(server: Server): Promise<string> {
  const lines = (await server.json('/log print')) as readonly { readonly time: string }[]
  const year = /\b(19|20)\d\d\b/.exec(lines.at(-1)?.time ?? '')?.[0]
  if (year === undefined) throw new Error(`no year in ${JSON.stringify(lines.at(-1))}`)
  return year
}
