/** A page of the LuCI app with a router behind it, ready when it has drawn itself. */
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
  await page.waitForSelector('body[data-ready]', { timeout: 20_000 })
  return {
    ...opened,
    router,
    world,
    poll: () => page.evaluate('window.pollNow()') as Promise<void>,
    async apply() {
      const applied = page.evaluate(
        `new Promise(done => document.addEventListener('uci-applied', () => done(), { once: true }))`,
      )
      await page.click('.cbi-button-apply')
      await applied
    },
  }
}

/** The texts of a table's rows that are shown, one cell after the other, lines joined. */
export const rowsOf = (page: LuciPage['page'], table = '#view table'): Promise<string[][]> =>
  page.evaluate(`Array.from(document.querySelectorAll('${table} tr'))
    .filter(row => row.querySelector('td') !== null && row.style.display !== 'none')
    .map(row => Array.from(row.querySelectorAll('td'), cell => cell.innerText.replace(/\\s+/g, ' ').trim()))`)

/** What the daemon says of a service, with its name as the pages write it. */
export const withNames = (text: string): string => text.replace('nat-pmp', 'NAT-PMP').replace('upnp', 'UPnP')

/** Types into a field, whether it is one for text or a drop-down with a place for words of one's own, and leaves it. */
export async function typeOwn(field: ReturnType<LuciPage['page']['locator']>, text: string): Promise<void> {
  const choices = field.locator('.cbi-dropdown')
  await field.locator('input[type="text"]').waitFor({ state: 'attached' })
  if ((await choices.count()) > 0) await choices.click()
  const input = field.locator('input[type="text"]')
  await input.fill(text)
  await input.press('Tab')
}
