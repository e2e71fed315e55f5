/** A session that may only look, one that ends, and a router that does not take what is saved. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Browser, openBrowser } from './support/browser.ts'
import { openLuci, rowsOf } from './support/luci-page.ts'
import { CONFIGS, MAPPINGS } from './support/luci-world.ts'

const PAGES = ['mappings', 'devices', 'permissions', 'settings', 'journal', 'check'] as const
const NAS = '02:00:00:00:00:0a'

let browser: Browser
beforeAll(async () => {
  browser = await openBrowser()
})
afterAll(() => browser.close())

const configs = {
  ...CONFIGS,
  portico: `${CONFIGS.portico}
config interface
	option interface 'lan'
	option type 'internal'

config mapping
	option protocol 'tcp'
	option external_port '8443'
	option internal_address '192.168.1.20'
`,
}

describe('a session that may only look', () => {
  /** A filter, a question and a way to another tab change nothing. */
  const HARMLESS = '.portico-tools *, .cbi-tabmenu *, .cbi-button-edit'

  test.each(PAGES)('sees %s and can change nothing there', async page => {
    const luci = await openLuci(browser, `/view/portico/${page}`, { configs, readonly: true })
    const enabled = await luci.page.evaluate(`[...document.querySelectorAll('#view :is(button, input, select)')]
      .filter(each => !each.disabled && !each.matches('${HARMLESS}') && !each.closest('.cbi-dropdown[disabled]'))
      .filter(each => each.type !== 'hidden').map(each => each.outerHTML)`)
    expect(enabled).toEqual([])
    const open = await luci.page.evaluate(
      `[...document.querySelectorAll('#view .cbi-dropdown')].filter(each => !each.hasAttribute('disabled')).length`,
    )
    expect(open).toBe(0)
    await luci.poll()
    expect([luci.errors, luci.router.denied, luci.router.changes]).toEqual([[], [], []])
    await luci.close()
  })

  test('opens a rule, and cannot save it', async () => {
    const luci = await openLuci(browser, '/view/portico/permissions', { configs, readonly: true })
    const edit = luci.page.locator('tr[data-sid] .cbi-button-edit').first()
    if (await edit.isEnabled()) {
      await edit.click()
      expect(await luci.page.locator('.modal .important').isEnabled()).toBe(false)
    }
    expect(luci.router.changes).toEqual([])
    await luci.close()
  })

  test('a row that had ended and came back cannot be removed', async () => {
    const luci = await openLuci(browser, '/view/portico/mappings', { readonly: true })
    await luci.page.hover('tbody tr >> nth=2')
    luci.world.mappings = MAPPINGS.filter(({ id }) => id !== '*C02')
    await luci.poll()
    luci.world.mappings = MAPPINGS
    await luci.poll()
    expect(await luci.page.locator('tbody button:enabled').count()).toBe(0)
    await luci.close()
  })
})

describe('a session that ends', () => {
  test.each([...PAGES.map(page => `/view/portico/${page}`), '/status/81_portico'])(
    '%s stays, and LuCI asks for a new login where it polls',
    async path => {
      const luci = await openLuci(browser, path)
      const text = await luci.page.innerText('#view h2, #view h3')
      luci.router.expired = true
      await luci.poll()
      expect(await luci.page.innerText('#view h2, #view h3')).toBe(text)
      const polls = !['devices', 'permissions', 'settings'].some(page => path.endsWith(page))
      expect(await luci.page.locator('.modal h4', { hasText: 'Session expired' }).isVisible()).toBe(polls)
      await luci.close()
    },
  )

  test('a button says why it did nothing', async () => {
    const luci = await openLuci(browser, '/view/portico/mappings')
    luci.router.expired = true
    await luci.page.locator('.cbi-button-remove:visible').first().click()
    await luci.page.waitForSelector('.alert-message >> text=The port was not closed')
    expect(await luci.page.locator('.modal h4', { hasText: 'Session expired' }).isVisible()).toBe(true)
    await luci.close()
  })
})

describe('a configuration that cannot be written', () => {
  test('the switch of a device says so, and stands as it was', async () => {
    const luci = await openLuci(browser, '/view/portico/devices')
    luci.router.refusal = 9
    const box = luci.page.locator(`input[data-mac="${NAS}"]`)
    await box.uncheck()
    await luci.page.click('.cbi-button-save')
    await luci.page.waitForSelector('.alert-message >> text=The change was not saved')
    luci.router.refusal = 0
    await luci.apply()
    expect(luci.router.config('portico')).toContain(`option mac '${NAS}'`)
    expect(await box.isChecked()).toBe(false)
    await luci.close()
  })

  test.each(['settings', 'permissions'])('%s says so', async page => {
    const luci = await openLuci(browser, `/view/portico/${page}`)
    luci.router.refusal = 9
    if (page === 'settings') await luci.page.locator('[data-name="_on"] input[type="checkbox"]').uncheck()
    else await luci.page.locator('[data-name="default_action"] select').selectOption('deny')
    await luci.page.click('.cbi-button-save')
    await luci.page.waitForSelector('.modal >> text=Save error')
    await luci.close()
  })
})

describe('a router that is away for a while', () => {
  test.each([
    ['/view/portico/mappings', 'Portico does not answer.', 'The world reaches you'],
    ['/status/81_portico', 'Portico does not answer.', 'The world reaches you'],
    ['/view/portico/check', 'Portico does not answer.', 'NAT-PMP and UPnP are on'],
    ['/view/portico/journal', 'qBittorrent', 'qBittorrent'],
  ])('%s says so, and goes on when it is back', async (path, meanwhile, afterwards) => {
    const luci = await openLuci(browser, path)
    luci.router.away = true
    await luci.poll()
    expect(await luci.page.innerText('#view')).toContain(meanwhile)
    luci.router.away = false
    await luci.poll()
    expect(await luci.page.innerText('#view')).toContain(afterwards)
    // Chromium itself says that an answer was none.
    expect(luci.errors.filter(error => !error.startsWith('Failed to load resource'))).toEqual([])
    await luci.close()
  })
})

describe('Reset', () => {
  test.each([
    ['permissions', '[data-name="default_action"] select', 'deny', 'high_ports'],
    ['settings', '[data-name="_system_log_level"] select', 'debug', 'info'],
  ])('on %s takes a choice back', async (page, field, choice, before) => {
    const luci = await openLuci(browser, `/view/portico/${page}`)
    await luci.page.locator(field).selectOption(choice, { force: true })
    await luci.page.click('.cbi-button-reset')
    await expect.poll(() => luci.page.locator(field).inputValue()).toBe(before)
    expect(luci.router.changes).toEqual([])
    await luci.close()
  })
})

describe('a page left to itself', () => {
  test.each(['/view/portico/mappings', '/status/81_portico'])('%s follows what changes', async path => {
    const luci = await openLuci(browser, path, { polling: true })
    expect(await rowsOf(luci.page)).toHaveLength(5)
    luci.world.mappings = MAPPINGS.slice(0, 2)
    await expect.poll(async () => (await rowsOf(luci.page)).length).toBe(2)
    expect(luci.errors).toEqual([])
    await luci.close()
  })

  test('the field of a dialog has the focus', async () => {
    const luci = await openLuci(browser, '/view/portico/mappings', { polling: true })
    await luci.page.locator('tbody tr', { hasText: 'Plex' }).getByText('Pin').click()
    expect(await luci.page.evaluate('document.activeElement.value')).toBe('Plex')
    await luci.close()
  })
})
