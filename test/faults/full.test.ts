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

  test('somebody else has put what a client asks for into the map: whatever is answered, all agree afterwards', async () => {
    lab = await makeLab()
    const server = await startDaemon(lab, { engine, uci: limits({}) })
    for (let port = 7000; port < 7010; port++) {
      server.process.signal('SIGSTOP')
      await lab.router.must([
        'nft',
        `add element inet portico dnat4 { ${WAN} . udp . ${port} : 192.168.88.200 . ${port} }`,
      ])
      const answer = askMap(lab.b, { transport: 'udp', internal: port, external: port })
      await sleep(20)
      server.process.signal('SIGCONT')
      const { result, external } = await answer
      await sleep(200)
      const held = await tableView(server)
      expect(held.some(each => each.internal === `${lab.b.ip}:${port}` && each.external === `${WAN}:${external}`)).toBe(
        result === 0,
      )
      expect((await disagreements(lab, server, [])).filter(text => !text.startsWith('invented'))).toEqual([])
      expect((await kernelView(lab)).forward.filter(({ internal }) => internal.startsWith('192.168.88.200'))).toEqual(
        [],
      )
    }
  })
})
