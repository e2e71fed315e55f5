/** The journal and the check: what happened, and what to mend. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Browser, openBrowser } from './support/browser.ts'
import { openLuci, rowsOf, withNames } from './support/luci-page.ts'
import { CHECKS, JOURNAL } from './support/luci-world.ts'

let browser: Browser
beforeAll(async () => {
  browser = await openBrowser()
})
afterAll(() => browser.close())

describe('the journal', () => {
  test('says who opened, who was refused and by which rule, newest first', async () => {
    const luci = await openLuci(browser, '/view/portico/journal')
    expect((await rowsOf(luci.page)).map(cells => cells.slice(1))).toEqual([
      ['closed', 'laptop 192.168.1.21, UPnP', 'TCP 6881', 'qBittorrent by its client'],
      ['ended', 'phone 192.168.1.22, NAT-PMP', 'UDP 40000', 'FaceTime'],
      ['refused', 'camera 192.168.1.20, UPnP', 'TCP 80', 'No rule fits, and without one port 80 stays closed.'],
      ['refused', 'laptop 192.168.1.21, UPnP', 'TCP 22', 'Rule 1: no ssh'],
      ['opened', 'nas 192.168.1.10, NAT-PMP', 'TCP 51413', 'Transmission'],
      ['opened', 'xbox 192.168.1.30, UPnP', 'UDP 3074', 'Xbox Live'],
      ['connection', '', '', 'external interface eth1 has 11.22.33.44'],
    ])
    await luci.close()
  })

  test('filters by kind and by words, both at once', async () => {
    const luci = await openLuci(browser, '/view/portico/journal')
    await luci.page.selectOption('#view select', 'refused')
    expect((await rowsOf(luci.page)).map(cells => cells[3])).toEqual(['TCP 80', 'TCP 22'])
    await luci.page.fill('#view input', 'laptop')
    expect((await rowsOf(luci.page)).map(cells => cells[3])).toEqual(['TCP 22'])
    await luci.page.selectOption('#view select', '')
    expect(await rowsOf(luci.page)).toHaveLength(2)
    await luci.close()
  })

  test('asks only for what it does not have, and keeps its filter', async () => {
    const luci = await openLuci(browser, '/view/portico/journal')
    await luci.page.fill('#view input', 'nas')
    luci.world.journal = [...JOURNAL, { ...(JOURNAL[2] as (typeof JOURNAL)[number]), number: 8, age: 0 }]
    await luci.poll()
    await luci.poll()
    const asked = luci.router.calls.filter(({ method }) => method === 'journal').map(({ args }) => args['after'])
    expect(asked).toEqual([0, 7, 8])
    expect(await rowsOf(luci.page)).toHaveLength(2)
    await luci.close()
  })

  test('begins anew when the daemon does', async () => {
    const luci = await openLuci(browser, '/view/portico/journal')
    luci.world.journal = [
      { ...(JOURNAL[1] as (typeof JOURNAL)[number]), number: 1, age: 1, comment: 'after the restart' },
    ]
    await luci.poll()
    expect((await rowsOf(luci.page)).map(cells => cells[4])).toEqual(['after the restart'])
    await luci.close()
  })

  test('who reads it is not pushed away by what is new', async () => {
    const luci = await openLuci(browser, '/view/portico/journal')
    await luci.page.hover('tbody tr >> nth=2')
    luci.world.journal = [...JOURNAL, { ...(JOURNAL[2] as (typeof JOURNAL)[number]), number: 8, age: 0 }]
    await luci.poll()
    expect(await rowsOf(luci.page)).toHaveLength(7)
    await luci.page.mouse.move(5, 5)
    await expect.poll(async () => (await rowsOf(luci.page)).length).toBe(8)
    await luci.close()
  })
})

describe('the check', () => {
  test('gives every precondition its colour, what is the case, and the mending step', async () => {
    const luci = await openLuci(browser, '/view/portico/check')
    const seen = await luci.page.evaluate(
      `Array.from(document.querySelectorAll('[data-check]'), each => [each.dataset.check, each.dataset.state, each.querySelector('.portico-dot').className])`,
    )
    expect(seen).toEqual(CHECKS.map(({ name, state }) => [name, state, `portico-dot ${state}`]))
    for (const { name, what, mend } of CHECKS) {
      const text = await luci.page.innerText(`[data-check="${name}"]`)
      expect(text).toContain(withNames(what))
      expect(text.includes('What to do:')).toBe(mend !== undefined)
    }
    await luci.close()
  })

  test('follows what changes', async () => {
    const luci = await openLuci(browser, '/view/portico/check')
    luci.world.checks = CHECKS.map(check => ({ ...check, state: 'green' }))
    await luci.poll()
    expect(await luci.page.locator('[data-state="green"]').count()).toBe(CHECKS.length)
    await luci.close()
  })

  test('says that the daemon does not answer, and how to start it', async () => {
    const luci = await openLuci(browser, '/view/portico/check', {
      ubus: object => (object === 'portico' ? [4] : [0, {}]),
    })
    expect(await luci.page.innerText('[data-check="running"]')).toContain('Start the service')
    await luci.close()
  })

  test.each([
    ['a rule that refuses', { allowed: false, because: 'permission 0 (no ssh)', rule: 0 }, 'Refused: Rule 1: no ssh'],
    ['a rule that allows', { allowed: true, because: 'permission 4', rule: 4 }, 'Allowed: Rule 5'],
    ['the default', { allowed: true, because: 'default policy: high-ports' }, 'Allowed: no rule fits'],
  ])('asks the rules: %s', async (_, why, words) => {
    const luci = await openLuci(browser, '/view/portico/check', { world: { why } })
    await luci.page.selectOption('#view select >> nth=0', '192.168.1.21')
    await luci.page.fill('#view input[type="number"]', '22')
    await luci.page.click('.cbi-button-action')
    await expect.poll(() => luci.page.innerText('#view')).toContain(words)
    expect(luci.router.calls.at(-1)).toEqual({
      object: 'portico',
      method: 'why',
      args: {
        service: 'upnp',
        protocol: 'tcp',
        dst_port: 22,
        internal_address: '192.168.1.21',
        internal_port: 22,
        mac: '02:00:00:00:00:15',
      },
    })
    await luci.close()
  })
})
