/** The table is full: new mappings are refused, those that exist can be renewed and removed. */
import { afterEach, describe, expect, test } from 'vitest'
import { kernelView, tableView } from '../support/kernel.ts'
import { type Lab, makeLab, WAN } from '../support/lab.ts'
import { askMap } from '../support/natpmp.ts'
import { sleep } from '../support/process.ts'
import { defaultUci, startDaemon } from '../support/server.ts'
import { disagreements, ENGINES } from './agreement.ts'

const TOTAL = 50
const OUT_OF_RESOURCES = 4 // RFC 6886 §3.5

describe.each(ENGINES)('on %s', engine => {
  let lab: Lab
  afterEach(() => lab?.close())

  const limits = (more: Record<string, number>) => defaultUci({ limits: { requests_per_second: 100000, ...more } })
  const fill = async (count: number) => {
    for (let n = 0; n < count; n++)
      expect(await askMap(lab.a, { transport: 'udp', internal: 6000 + n, external: 6000 + n })).toMatchObject({
        result: 0,
      })
  }

  test(`total: mapping ${TOTAL + 1} is refused, all others renewed; a place that becomes free is given away`, async () => {
    lab = await makeLab()
    const server = await startDaemon(lab, { engine, uci: limits({ total: TOTAL, per_host: TOTAL }) })
    await fill(TOTAL)
    for (const host of [lab.a, lab.b]) {
      expect(await askMap(host, { transport: 'udp', internal: 7000 })).toMatchObject({
        result: OUT_OF_RESOURCES,
        internal: 7000,
        external: 0,
        lifetime: 0,
      })
    }
    await fill(TOTAL)
    await askMap(lab.a, { transport: 'udp', internal: 6000, lifetime: 0 })
    expect(await askMap(lab.b, { transport: 'udp', internal: 7000 })).toMatchObject({ result: 0 })
    expect(await tableView(server)).toHaveLength(TOTAL)
    expect((await disagreements(lab, server, [])).filter(text => !text.startsWith('invented'))).toEqual([])
  })

  test('per_host: one host is full, the other is served', async () => {
    lab = await makeLab()
    await startDaemon(lab, { engine, uci: limits({ per_host: 5 }) })
    await fill(5)
    expect(await askMap(lab.a, { transport: 'tcp', internal: 7000 })).toMatchObject({ result: OUT_OF_RESOURCES })
    expect(await askMap(lab.b, { transport: 'tcp', internal: 7000 })).toMatchObject({ result: 0 })
  })

  test('the kernel has no room because somebody else filled the map: whatever is answered, all agree afterwards', async () => {
    lab = await makeLab()
    const server = await startDaemon(lab, { engine, uci: limits({ total: TOTAL, per_host: TOTAL }) })
    await fill(3)
    const size = await sizeOf(lab)
    for (let round = 0; round < 5; round++) {
      server.process.signal('SIGSTOP')
      const foreign = Array.from({ length: size - 3 }, (_, n) => `9.9.9.9 . udp . ${n + 1} : 192.168.88.200 . ${n + 1}`)
      await lab.router.must(['nft', '-f', '-'], { input: `add element inet portico dnat4 { ${foreign.join(', ')} }\n` })
      const answer = askMap(lab.b, { transport: 'udp', internal: 7000 + round })
      await sleep(20)
      server.process.signal('SIGCONT')
      const { result, external } = await answer
      const granted = (await tableView(server)).some(
        held => held.internal === `${lab.b.ip}:${7000 + round}` && held.external === `${WAN}:${external}`,
      )
      expect(granted).toBe(result === 0)
      await sleep(200)
      expect((await disagreements(lab, server, [])).filter(text => !text.startsWith('invented'))).toEqual([])
      expect((await kernelView(lab)).forward.filter(({ external }) => external.startsWith('9.9.9.9'))).toEqual([])
    }
    await fill(3)
  })
})

/** How many elements the kernel lets into the map. */
async function sizeOf(lab: Lab): Promise<number> {
  const { nftables } = JSON.parse(await lab.router.must(['nft', '-j', 'list', 'map', 'inet', 'portico', 'dnat4'])) as {
    nftables: readonly { map?: { size?: number } }[]
  }
  const size = nftables.find(({ map }) => map !== undefined)?.map?.size
  if (size === undefined) throw new Error('the map has no size: it is unbounded')
  return size
}
