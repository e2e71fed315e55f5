/** Every view draws itself, in three languages, without an error and without a call that its ACL does not allow. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Browser, openBrowser, openPage } from './support/browser.ts'
import { LuciRouter } from './support/luci-router.ts'
import { CONFIGS, household, recorded } from './support/luci-world.ts'

const PAGES = [
  '/view/portico/mappings',
  '/view/portico/devices',
  '/view/portico/permissions',
  '/view/portico/settings',
  '/view/portico/journal',
  '/view/portico/check',
  '/status/81_portico',
]

let browser: Browser
beforeAll(async () => {
  browser = await openBrowser()
})
afterAll(() => browser.close())

describe('every page', () => {
  test.each(PAGES)('%s draws itself', async path => {
    const router = new LuciRouter({ ubus: recorded(household()), configs: CONFIGS })
    const opened = await openPage(browser, { answer: (path, body) => router.answer(path, body) })
    await opened.page.goto(`http://router.test${path}`)
    await opened.page.waitForSelector('body[data-ready]', { timeout: 10_000 })
    await opened.page.screenshot({ path: `/tmp/luci${path.replaceAll('/', '-')}.png` })
    expect(opened.errors).toEqual([])
    expect(router.denied).toEqual([])
    await opened.close()
  })
})
