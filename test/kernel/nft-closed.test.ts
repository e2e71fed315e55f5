/** The table of networks that are cut off: what nft would write, there while something is closed, and only then. */
import { readFileSync } from 'node:fs'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { KernelError } from '../../src/base/fail.ts'
import { addClosing, CLOSED_TABLE, ClosedTable } from '../../src/kernel/closed-table.ts'
import type { ForeignChange } from '../../src/kernel/watch.ts'
import { openWatch } from '../../src/kernel/watch.ts'
import { messages } from '../../src/wire/netlink.ts'
import { Writer } from '../../src/wire/netlink-attributes.ts'
import type { NftMessage } from '../../src/wire/nftables.ts'
import { Batch, decode, FAMILY, nameOf, request } from '../../src/wire/nftables.ts'
import type { Opened } from '../support/nft-kernel.ts'
import { nft, nftFile, openFirewall } from '../support/nft-kernel.ts'
import { sentByNft } from '../support/nft-mnl.ts'
import { sleep, until } from '../support/process.ts'

const FILE = readFileSync(new URL('../vectors/nft/portico-closed.nft', import.meta.url), 'utf8')
const CLOSING = { closed: ['br-lan'], near: ['br-lan', 'br-guest'] }

let opened: Opened
beforeAll(async () => {
  opened = await openFirewall()
})
afterEach(() => void nftFile(`table inet ${CLOSED_TABLE} {}\ndelete table inet ${CLOSED_TABLE}`))

/** What was closed, each time that the kernel was told so. */
let confirmed: string[] = []
const fresh = () =>
  new ClosedTable(opened.exchange, opened.platform, ({ closed }) => void confirmed.push(closed.join()))
const isThere = () => nft('list', 'tables').includes(CLOSED_TABLE)
const listing = () => nft('list', 'table', 'inet', CLOSED_TABLE)

describe('the table', () => {
  test('is to nft the table of the file', async () => {
    await fresh().set(CLOSING)
    const ours = listing()
    nft('delete', 'table', 'inet', CLOSED_TABLE)
    nftFile(FILE)
    expect(ours).toBe(listing())
    expect(ours.match(/admin-prohibited/g)).toHaveLength(1)
  })

  test('is said in the bytes of nft', () => {
    const batch = new Batch(new Writer(true))
    addClosing(batch, CLOSING, true)
    const ours = messages(batch.finish(1), true)
      .filter(({ type }) => nameOf(type) !== undefined)
      .map(message => textOf(decode(message, true)))
    expect(ours).toHaveLength(8)
    expect(ours).toEqual(sentByNft(FILE).map(textOf))
  })

  test('is there while something is closed, and a change is one commit', async () => {
    const table = fresh()
    const before = await generation()
    confirmed = []
    await table.begin()
    await table.set({ closed: [], near: ['br-lan'] })
    expect([await generation(), isThere()]).toEqual([before, false])
    await table.set(CLOSING)
    await table.set(CLOSING)
    await table.set({ ...CLOSING, near: ['br-lan', 'br-iot'] })
    expect(await generation()).toBe(before + 2)
    expect(listing()).toContain('br-iot')
    expect(listing()).not.toContain('br-guest')
    await table.set({ closed: [], near: ['br-lan'] })
    expect([await generation(), isThere()]).toEqual([before + 3, false])
    expect(confirmed).toEqual(['br-lan', 'br-lan'])
  })

  test('of a process that was killed goes with the next start', async () => {
    await fresh().set(CLOSING)
    const next = fresh()
    expect(await next.begin()).toBe(true)
    expect(isThere()).toBe(false)
    expect(await next.begin()).toBe(false)
  })

  test('is the one of before when the answer of the kernel was lost, and nobody is named for it', async () => {
    const table = fresh()
    await table.set(CLOSING)
    const before = listing()
    const { exchange } = opened
    const batch = exchange.batch.bind(exchange)
    exchange.batch = async (doing, what) => {
      exchange.batch = batch
      await batch(doing, what)
      throw new KernelError(doing, 'ENOBUFS', 'replies were lost')
    }
    await expect(table.set({ closed: [], near: [] })).rejects.toThrow('replies were lost')
    expect(isThere()).toBe(false)
    expect([await table.restore(), listing()]).toEqual([[], before])
  })
})

const TAMPERING: readonly (readonly [what: string, command: string, difference: string])[] = [
  ['the whole ruleset flushed', 'flush ruleset', 'table missing portico_closed'],
  ['the table deleted', `delete table inet ${CLOSED_TABLE}`, 'table missing portico_closed'],
  ['its rules flushed', `flush table inet ${CLOSED_TABLE}`, 'table altered portico_closed'],
  ['a rule before ours', `insert rule inet ${CLOSED_TABLE} forward accept`, 'table altered portico_closed'],
]

describe('somebody else', () => {
  test.each(['add element inet portico_closed near { wan0 }', 'flush set inet portico_closed closed'])(
    'cannot say: %s',
    async command => {
      await fresh().set(CLOSING)
      const before = listing()
      expect(() => nftFile(command)).toThrow('busy')
      expect(listing()).toBe(before)
    },
  )

  test.each(TAMPERING)('%s: noticed, told and mended', async (_what, command, difference) => {
    const table = fresh()
    await table.set(CLOSING)
    confirmed = []
    const before = listing()
    const noticed: (ForeignChange | 'unknown')[] = []
    const watch = await openWatch(opened.platform, { writers: [opened.exchange], changed: by => noticed.push(by) })
    nftFile(command)
    await until('a notice', async () => noticed.length > 0 || undefined)
    expect(noticed[0]).toMatchObject({ process: 'nft' })
    const told = (await table.restore()).map(({ where, is, what }) => `${where} ${is} ${what}`)
    expect([told, listing()]).toEqual([[difference], before])
    expect(await table.restore()).toEqual([])
    // Flows may have been handed to a flow table meanwhile.
    expect(confirmed).toEqual(['br-lan'])
    await sleep(20)
    expect(noticed).toHaveLength(1) // not of what we did ourselves
    watch.close()
  })

  test('has a table of this name while nothing is closed: it is left alone', async () => {
    const table = fresh()
    await table.begin()
    nftFile(FILE)
    expect([await table.restore(), isThere()]).toEqual([[], true])
  })
})

const textOf = ({ name, family, body }: NftMessage): string =>
  JSON.stringify({ name, family, body }, (_key, value) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
  )

/** Number of the last commit, as the kernel counts them. */
async function generation(): Promise<number> {
  const reply = await opened.exchange.ask('asking', sequence =>
    request('getGeneration', 0, sequence, FAMILY.unspecified, {}, true),
  )
  const seen = decode(reply, true)
  return seen.name === 'newGeneration' ? (seen.body.id ?? 0) : 0
}
