/**
 * The pictures of docs/guide.md. `SCREENS=1` makes them anew; without it they are only looked after: all there, small,
 * and used.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { root } from '../support/root.ts'
import { type Browser, openBrowser } from './support/browser.ts'
import { type LuciPage, openLuci, typeOwn } from './support/luci-page.ts'
import { CONFIGS, household, MAPPINGS, STATUS } from './support/luci-world.ts'

const FOLDER = join(root, 'docs/screens')
const MOST_BYTES = 80_000
const MAKE = process.env['SCREENS'] === '1'

interface Picture {
  readonly name: string
  readonly path: string
  readonly language?: 'de' | 'zh_Hans'
  readonly height: number
  readonly width?: number
  readonly configs?: typeof CONFIGS
  readonly dark?: true
  readonly prepare?: (luci: LuciPage) => Promise<void>
}

/** A minute of traffic, so that graphs have a shape. */
async function traffic(luci: LuciPage): Promise<void> {
  for (let n = 1; n <= 20; n++) {
    luci.world.time = 93_784 + n * 3
    luci.world.mappings = luci.world.mappings.map((each, k) => ({
      ...each,
      bytes:
        Number(each['bytes']) + Math.round(60_000 * (k % 3) * (1.4 + Math.sin(n / (1.5 + k)) + Math.cos((n * n) / 40))),
    }))
    await luci.poll()
  }
}

const shared = { ...STATUS, uplink: { ...STATUS.uplink, address: '100.64.7.12', told: '100.64.7.12', reach: 'shared' } }

const DEVICES = {
  ...CONFIGS,
  portico: `${CONFIGS.portico}
config permission
	option action 'deny'
	option mac '02:00:00:00:00:14'
	option comment 'camera (Devices)'
`,
}

const PICTURES: readonly Picture[] = [
  { name: 'open-ports', path: '/view/portico/mappings', height: 640, prepare: traffic },
  {
    name: 'pin',
    path: '/view/portico/mappings',
    height: 480,
    async prepare(luci) {
      await traffic(luci)
      await luci.page.locator('tbody tr', { hasText: 'Transmission' }).getByText('Pin').click()
    },
  },
  {
    name: 'carrier-grade-nat',
    path: '/view/portico/mappings',
    height: 330,
    async prepare(luci) {
      luci.world.status = shared
      luci.world.mappings = MAPPINGS.slice(1, 2)
      await luci.poll()
    },
  },
  { name: 'devices', path: '/view/portico/devices', height: 720, configs: DEVICES },
  { name: 'permissions', path: '/view/portico/permissions', height: 640 },
  { name: 'settings', path: '/view/portico/settings', height: 800 },
  {
    name: 'settings-services',
    path: '/view/portico/settings',
    height: 760,
    width: 900,
    prepare: ({ page }) => page.click('.cbi-tabmenu [data-tab="services"]'),
  },
  {
    name: 'settings-danger',
    path: '/view/portico/settings',
    height: 720,
    async prepare({ page }) {
      await page.click('text=Add network')
      await typeOwn(page.locator('td[data-name="interface"]'), 'wan')
      await page.locator('td[data-name="type"] select').selectOption('internal')
    },
  },
  { name: 'journal', path: '/view/portico/journal', height: 690 },
  { name: 'check', path: '/view/portico/check', height: 780, width: 900 },
  { name: 'overview', path: '/status/81_portico', height: 540, prepare: traffic },
  { name: 'open-ports-de', path: '/view/portico/mappings', language: 'de', height: 640, prepare: traffic },
  { name: 'open-ports-zh', path: '/view/portico/mappings', language: 'zh_Hans', height: 640, prepare: traffic },
  { name: 'open-ports-dark', path: '/view/portico/mappings', height: 640, prepare: traffic, dark: true },
  { name: 'phone', path: '/view/portico/mappings', height: 760, width: 400, prepare: traffic },
]

if (MAKE) describe('pictures', pictures)

function pictures(): void {
  let browser: Browser
  beforeAll(async () => {
    mkdirSync(FOLDER, { recursive: true })
    browser = await openBrowser()
  })
  afterAll(() => browser.close())

  test.each(PICTURES)('$name', async ({ name, path, prepare, dark, ...rest }) => {
    const luci = await openLuci(browser, path, { ...rest, world: household() })
    if (dark) await luci.page.emulateMedia({ colorScheme: 'dark' })
    await prepare?.(luci)
    await luci.page.evaluate('scrollTo(0, 0)')
    await luci.page.screenshot({ path: join(FOLDER, `${name}.png`) })
    expect(luci.errors).toEqual([])
    await luci.close()
  })
}

describe('docs/screens', () => {
  const guide = existsSync(join(root, 'docs/guide.md')) ? readFileSync(join(root, 'docs/guide.md'), 'utf8') : ''

  test.each(PICTURES.map(({ name }) => name))('%s is there, small, and in the guide', name => {
    expect(statSync(join(FOLDER, `${name}.png`)).size).toBeLessThan(MOST_BYTES)
    expect(guide).toContain(`screens/${name}.png`)
  })

  test('every picture of the guide is there', () => {
    const named = [...guide.matchAll(/\(screens\/([\w-]+\.png)\)/g)].map(([, name]) => name as string)
    expect(named.filter(name => !readdirSync(FOLDER).includes(name))).toEqual([])
  })
})
