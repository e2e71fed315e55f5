/** A watcher that cannot read for a while loses notices; what it knows afterwards must be right all the same. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Watched } from '../support/links-watch.ts'
import { Background, must, until } from '../support/process.ts'
import { root } from '../support/root.ts'

const porticod = join(root, 'build/host/porticod')
const bundle = join(root, 'build/test-support/links-watch.mjs')
const ENGINES = { quickjs: [porticod, '--bundle', bundle], node: ['node', bundle] } as const

beforeAll(async () => {
  if (!existsSync(porticod)) await must(['make', '-s', 'host'], { directory: root, timeout: 600_000 })
  await must(['node', join(root, 'tools/build.mjs'), 'test/support/links-watch.ts', bundle], { directory: root })
  await must(['ip', 'link', 'set', 'lo', 'up'])
}, 600_000)

describe.each(['quickjs', 'node'] as const)('on %s', engine => {
  test('20,000 changes while it does not read overrun the socket of a watcher', async () => {
    const watcher = new Background(ENGINES[engine])
    await watcher.waitFor('"because":"ready"')

    watcher.signal('SIGSTOP')
    const lines: string[] = []
    for (let i = 0; i < 10_000; i++) lines.push('addr add 11.60.0.1/32 dev lo', 'addr del 11.60.0.1/32 dev lo')
    lines.push('addr add 11.60.0.2/32 dev lo')
    await must(['ip', '-batch', '-'], { input: lines.join('\n'), timeout: 60_000 })
    const start = process.hrtime.bigint()
    watcher.signal('SIGCONT')

    const state = await until('the last address is known', async () => ask(watcher, '11.60.0.2'), 30_000)
    const ms = Number((process.hrtime.bigint() - start) / 1_000_000n)
    console.log(
      `20,001 changes unread: ${state.overruns} overrun(s), right within ${ms} ms, told ${state.changes} time(s), ${state.engine}`,
    )
    expect(state.overruns).toBeGreaterThan(0)
    expect(state.addresses).not.toContain('lo 11.60.0.1')
    expect(state.complaints).toEqual([])

    await must(['ip', 'addr', 'add', '11.60.0.3/32', 'dev', 'lo'])
    const later = await until('still following', async () => ask(watcher, '11.60.0.3'))
    expect(later.changes).toBeGreaterThan(state.changes)
    await watcher.stop()
    await must(['ip', 'addr', 'flush', 'dev', 'lo', 'to', '11.60.0.0/24'])
  })

  test('a burst of 200 addresses is told in few calls', async () => {
    const watcher = new Background(ENGINES[engine])
    await watcher.waitFor('"because":"ready"')
    const batch = (what: 'add' | 'del') =>
      must(['ip', '-batch', '-'], {
        input: Array.from({ length: 200 }, (_, i) => `addr ${what} 11.50.0.${i + 1}/32 dev lo`).join('\n'),
      })
    await batch('add')
    const state = await until('the last one', async () => ask(watcher, '11.50.0.200'))
    console.log(`200 addresses added in a burst: changed() called ${state.changes} times, ${state.engine}`)
    expect(state.addresses.filter(each => each.startsWith('lo 11.50.'))).toHaveLength(200)
    expect(state.changes).toBeLessThan(200)
    await watcher.stop()
    await batch('del')
  })
})

/** The watcher's state, once it knows the address. */
async function ask(watcher: Background, address: string): Promise<Watched | undefined> {
  const start = watcher.output.length
  watcher.write('\n')
  const [line] = await watcher.waitFor(/\{"because":"asked".*\}\n/, 10_000, start)
  const state = JSON.parse(line) as Watched
  return state.addresses.includes(`lo ${address}`) ? state : undefined
}
