/** Every page draws itself in every language, says the truth about a daemon that is silent, and executes nobody's text. */

import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Browser, openBrowser } from './support/browser.ts'
import { type LuciPage, openLuci } from './support/luci-page.ts'
import { APP } from './support/luci-router.ts'
import { CHECKS, CONFIGS, HOSTS, JOURNAL, LEASES, MAPPINGS, STATUS } from './support/luci-world.ts'
import { parsePo } from './support/po.ts'

const PAGES = [
  '/view/portico/mappings',
  '/view/portico/devices',
  '/view/portico/permissions',
  '/view/portico/settings',
  '/view/portico/journal',
  '/view/portico/check',
  '/status/81_portico',
] as const

let browser: Browser
beforeAll(async () => {
  browser = await openBrowser()
})
afterAll(() => browser.close())

describe('every page', () => {
  test.each(PAGES)('%s draws itself without an error or a call that the ACL does not allow', async path => {
    const luci = await openLuci(browser, path)
    expect(await luci.page.getAttribute('body', 'data-ready')).toBe('yes')
    await luci.poll()
    expect(luci.errors).toEqual([])
    expect(luci.router.denied).toEqual([])
    expect(luci.router.changes).toEqual([])
    await luci.close()
  })

  test.each(PAGES)('%s opens while the daemon is not there', async path => {
    const silent = (object: string) => (object === 'portico' ? ([4] as const) : ([0, {}] as const))
    const luci = await openLuci(browser, path, { ubus: silent })
    expect(await luci.page.getAttribute('body', 'data-ready')).toBe('yes')
    await luci.poll()
    expect(luci.errors).toEqual([])
    await luci.close()
  })

  test.each(PAGES.flatMap(path => (['de', 'zh_Hans'] as const).map(language => [path, language] as const)))(
    '%s speaks %s and no English',
    async (path, language) => {
      const luci = await openLuci(browser, path, { language })
      const text = await luci.page.innerText('#view')
      const english = parsePo(readFileSync(`${APP}/po/${language}/portico.po`, 'utf8'))
        .filter(({ id, texts }) => id.length > 12 && !texts.includes(id) && !id.includes('%'))
        .map(({ id }) => id)
      expect(english.filter(each => text.includes(each))).toEqual([])
      expect(luci.errors).toEqual([])
      await luci.close()
    },
  )
})

/** Runs where it becomes an element, an attribute or a script; as text it is only ugly. */
const EVIL = `<img src=x onerror="window.owned=1"><script>window.owned=1</script><b>bold</b>"'&lt;`

describe('text of strangers', () => {
  const evilHost = { '02:00:00:00:00:0A': { ipaddrs: ['192.168.1.10'], ip6addrs: ['2001:db8::a'], name: EVIL } }
  const world = {
    mappings: MAPPINGS.map(each => ({ ...each, comment: EVIL, remote_address: EVIL })),
    hosts: { ...HOSTS, ...evilHost },
    leases: { ...LEASES, dhcp_leases: [{ hostname: EVIL, macaddr: '02:00:00:00:00:16', ipaddr: '192.168.1.22' }] },
    journal: JOURNAL.map(each => ({
      ...each,
      comment: EVIL,
      because: EVIL,
      text: EVIL,
      what: each.number === 1 ? EVIL : each.what,
    })),
    checks: CHECKS.map(each => ({ ...each, what: EVIL, mend: EVIL })),
    status: { ...STATUS, uplink: { state: 'up', address: EVIL, told: 'x', reach: 'public' } },
    why: { allowed: false, because: EVIL },
    done: { ok: false, why: 'new', because: EVIL },
  }
  const configs = {
    ...CONFIGS,
    portico: `${CONFIGS.portico}
config permission
	option action '${EVIL.replaceAll("'", "'\\''")}'
	option mac '02:00:00:00:00:0a'
	option comment '${EVIL.replaceAll("'", "'\\''")}'

config mapping
	option protocol 'tcp'
	option external_port '8443'
	option internal_address '${EVIL.replaceAll("'", "'\\''")}'
	option comment '${EVIL.replaceAll("'", "'\\''")}'
`,
  }

  test.each(PAGES)('%s makes no element of it', async path => {
    const luci = await openLuci(browser, path, { world, configs })
    await luci.poll()
    expect(await madeOf(luci)).toEqual({ owned: false, elements: 0, shown: true })
    await luci.close()
  })

  test('nor do the dialogs, refusals and answers of a page', async () => {
    const luci = await openLuci(browser, '/view/portico/mappings', { world })
    await luci.page.locator('.cbi-button-remove:visible').first().click()
    await luci.page.waitForSelector('.alert-message')
    // A mapping for one remote host cannot be pinned, so without one.
    luci.world.mappings = luci.world.mappings.map(({ remote_address: _, ...rest }) => rest as (typeof MAPPINGS)[number])
    await luci.page.mouse.move(0, 0)
    await luci.poll()
    await luci.page.locator('.cbi-button-neutral:visible').first().click()
    expect(await luci.page.inputValue('.modal input')).toBe(EVIL)
    expect(await madeOf(luci)).toEqual({ owned: false, elements: 0, shown: true })
    await luci.close()
  })

  test('nor does the dialog of a rule, with devices to choose from', async () => {
    const luci = await openLuci(browser, '/view/portico/permissions', { world, configs })
    await luci.page.click('tr[data-sid] .cbi-button-edit')
    await luci.page.waitForSelector('.modal')
    expect(await madeOf(luci)).toEqual({ owned: false, elements: 0, shown: true })
    await luci.close()
  })

  test('nor does the answer to a question', async () => {
    const luci = await openLuci(browser, '/view/portico/check', { world })
    await luci.page.click('text=Ask >> nth=-1')
    await luci.page.waitForSelector('text=Refused')
    expect(await madeOf(luci)).toEqual({ owned: false, elements: 0, shown: true })
    await luci.close()
  })
})

/** Whether a script ran, how many elements came from the text, and that the text is there at all. */
const madeOf = ({ page }: LuciPage) =>
  page.evaluate(`({
    owned: 'owned' in window,
    elements: document.querySelectorAll(':is(#view, .alert-message, .modal) :is(img, script, b)').length,
    shown: [document.body.innerText, ...Array.from(document.querySelectorAll('option'), each => each.textContent)]
      .some(text => text.includes('<img src=x')),
  })`)
