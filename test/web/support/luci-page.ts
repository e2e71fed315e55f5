/** A page of the LuCI app with a router behind it, ready when it has drawn itself. */
import { expect } from 'vitest'
import { type Browser, type Opened, openPage } from './browser.ts'
import { LuciRouter, type RouterOptions } from './luci-router.ts'
import { CONFIGS, household, recorded, type World } from './luci-world.ts'

export interface LuciPage extends Opened {
  readonly router: LuciRouter
  readonly world: World
  /** All polls of the page, now: tests do not wait for seconds. */
  poll(): Promise<void>
  /** Save & Apply, and until rpcd has it. */
  apply(): Promise<void>
}

export interface Wanted extends Partial<Omit<RouterOptions, 'ubus'>> {
  readonly world?: Partial<World>
  readonly ubus?: RouterOptions['ubus']
  readonly width?: number
  readonly height?: number
}

export async function openLuci(browser: Browser, path: string, wanted: Wanted = {}): Promise<LuciPage> {
  const world = { ...household(), ...wanted.world }
  const router = new LuciRouter({ ...wanted, configs: wanted.configs ?? CONFIGS, ubus: wanted.ubus ?? recorded(world) })
  const { width, height, language } = wanted
  const opened = await openPage(browser, {
    answer: (path, body) => router.answer(path, body),
    ...(width === undefined ? {} : { width }),
    ...(height === undefined ? {} : { height }),
    locale: language === 'de' ? 'de-DE' : language === 'zh_Hans' ? 'zh-CN' : 'en-GB',
  })
  const { page } = opened
  await page.goto(`http://router.test${path}`)
  const ready = () => page.waitForSelector('body[data-ready]', { timeout: 20_000 })
  await ready()
  return {
    ...opened,
    router,
    world,
    poll: () => page.evaluate('window.pollNow()') as Promise<void>,
    /** LuCI loads the page again, unless there was nothing to apply. */
    async apply() {
      const before = router.applied.length
      await page.evaluate('window.isBefore = true')
      await page.click('.cbi-button-apply')
      await expect.poll(() => router.applied.length).toBeGreaterThan(before)
      if (router.applied.at(-1) === 0) await page.waitForFunction('!window.isBefore')
      await ready()
    },
  }
}

/** The texts of a table's rows that are shown, one cell after the other, lines joined. */
export const rowsOf = (page: LuciPage['page'], table = '#view table'): Promise<string[][]> =>
  page.evaluate(`Array.from(document.querySelectorAll('${table} tr'))
    .filter(row => row.querySelector('td') !== null && row.style.display !== 'none')
    .map(row => Array.from(row.querySelectorAll('td'), cell => cell.innerText.replace(/\\s+/g, ' ').trim()))`)

/** What the daemon says of a service, with its name as the pages write it. */
export const withNames = (text: string): string => text.replace(/\bnat-pmp\b/, 'NAT-PMP').replace(/\bupnp\b/, 'UPnP')

type Field = ReturnType<LuciPage['page']['locator']>

/** In an open drop-down: its list, and not the copy that shows what is chosen. */
export const choices = (field: Field): Field => field.locator('ul:not(.preview)')

/** Types into a field, whether it is one for text or a drop-down with a place for words of one's own, and leaves it. */
export async function typeOwn(field: Field, text: string): Promise<void> {
  const input = field.locator('input[type="text"]').first()
  await input.waitFor({ state: 'attached' })
  if ((await field.locator('.cbi-dropdown').count()) > 0) await field.locator('.cbi-dropdown').click()
  await input.fill(text)
  await input.press('Tab')
}

/** Chooses one of several in a drop-down. */
export async function choose(field: Field, value: string): Promise<void> {
  await field.locator('.cbi-dropdown').click()
  await choices(field).locator(`li[data-value="${value}"]`).click()
  await field.locator('.cbi-dropdown > .open').click()
}
