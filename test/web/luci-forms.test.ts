/** Permissions and settings: what the forms show, refuse and write, in the order in which the owner put it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fileNames, load } from '../../src/config/load.ts'
import { defaultsOf, optionsOf, type SectionId } from '../../src/config/options.ts'
import { type Browser, openBrowser } from './support/browser.ts'
import { choices, choose, type LuciPage, openLuci, rowsOf, typeOwn } from './support/luci-page.ts'
import { CONFIGS } from './support/luci-world.ts'

let browser: Browser
beforeAll(async () => {
  browser = await openBrowser()
})
afterAll(() => browser.close())

const loaded = (luci: LuciPage) => {
  const { config, problems } = load(
    { portico: new TextEncoder().encode(luci.router.config('portico')) },
    fileNames('/etc/config'),
  )
  return { config, errors: problems.filter(({ weight }) => weight === 'error') }
}

const RULES = ['first', 'second', 'third', 'fourth']
const permissions = RULES.map(
  comment => `config permission\n\toption action 'allow'\n\toption dst_port '5000'\n\toption comment '${comment}'\n`,
).join('\n')
const CONFIG = { ...CONFIGS, portico: `config portico 'limits'\n\n${permissions}` }

const comments = (luci: LuciPage) => luci.page.locator('td[data-name="comment"]').allInnerTexts()
const handle = (luci: LuciPage, comment: string) =>
  luci.page.locator('tr[data-sid]', { hasText: comment }).locator('.drag-handle')
const line = (luci: LuciPage, comment: string) => luci.page.locator('tr[data-sid]', { hasText: comment })
/** As a touch screen may do it: what had the focus keeps it. */
const pressSave = (luci: LuciPage) => luci.page.evaluate(`document.querySelector('.modal .important').click()`)
const field = (luci: LuciPage, name: string) => luci.page.locator(`.modal [data-name="${name}"]`)

describe('permissions', () => {
  test('stand in the order of the file, and say who, what and where', async () => {
    const luci = await openLuci(browser, '/view/portico/permissions')
    expect((await rowsOf(luci.page)).map(cells => cells.slice(0, 7))).toEqual([
      ['refuse', 'any', 'any', '22', 'any', 'TCP and UDP', 'no ssh'],
      ['allow', 'mediacenter', 'any', '32400', 'any', 'TCP and UDP', 'Plex'],
    ])
    await luci.close()
  })

  test.each([
    ['third', 'first', 'above', ['third', 'first', 'second', 'fourth']],
    ['first', 'fourth', 'below', ['second', 'third', 'fourth', 'first']],
    ['fourth', 'second', 'below', ['first', 'second', 'fourth', 'third']],
  ])('dragged, %s goes to %s, %s, and stays there when saved', async (from, to, where, order) => {
    const luci = await openLuci(browser, '/view/portico/permissions', { configs: CONFIG })
    const { height = 0 } = (await line(luci, to).boundingBox()) ?? {}
    await handle(luci, from).dragTo(line(luci, to), {
      targetPosition: { x: 40, y: where === 'above' ? 3 : height - 3 },
    })
    expect(await comments(luci)).toEqual(order)
    await luci.apply()
    expect(loaded(luci).config?.permissions.map(({ comment }) => comment)).toEqual(order)
    expect(luci.router.changes.map(({ method }) => method)).toContain('order')
    await luci.close()
  })

  test('a click on a title sorts nothing: the order is the policy', async () => {
    const luci = await openLuci(browser, '/view/portico/permissions', { configs: CONFIG })
    await luci.page.click('th:has-text("Comment")')
    expect(await comments(luci)).toEqual(RULES)
    await luci.apply()
    expect(loaded(luci).config?.permissions.map(({ comment }) => comment)).toEqual(RULES)
    await luci.close()
  })

  test('a new rule that is dismissed is none', async () => {
    const luci = await openLuci(browser, '/view/portico/permissions', { configs: CONFIG })
    await luci.page.click('text=Add rule')
    await luci.page.click('.modal >> text=Dismiss')
    await luci.apply()
    expect(loaded(luci).config?.permissions.map(({ comment }) => comment)).toEqual(RULES)
    await luci.close()
  })

  test('a new rule is written as the form says, last', async () => {
    const luci = await openLuci(browser, '/view/portico/permissions', { configs: CONFIG })
    await luci.page.click('text=Add rule')
    await field(luci, 'action').locator('select').selectOption('deny')
    await typeOwn(field(luci, 'mac'), '02:00:00:00:00:0a')
    await field(luci, 'dst_port').locator('input').fill('8000-8100')
    await field(luci, 'protocol').locator('select').selectOption('udp')
    await choose(field(luci, 'service'), 'upnp')
    await field(luci, 'comment').locator('input').fill("no 'games'")
    await luci.page.click('.modal .important')
    await luci.apply()
    const { config, errors } = loaded(luci)
    expect(errors).toEqual([])
    expect(config?.permissions.at(-1)).toMatchObject({
      action: 'deny',
      mac: '02:00:00:00:00:0a',
      dst_port: { first: 8000, last: 8100 },
      protocol: 'udp',
      service: ['upnp'],
      comment: "no 'games'",
      disabled: false,
    })
    await luci.close()
  })

  test.each([
    ['Enter', (luci: LuciPage) => luci.page.keyboard.press('Enter')],
    ['a step to the next field', (luci: LuciPage) => luci.page.keyboard.press('Tab')],
    ['a click beside it', (luci: LuciPage) => luci.page.click('.modal h4')],
    ['nothing but Save', () => Promise.resolve()],
  ])('a device that is typed below those offered is kept after %s', async (_, leave) => {
    const luci = await openLuci(browser, '/view/portico/permissions', { configs: CONFIG })
    await luci.page.click('text=Add rule')
    await field(luci, 'mac').locator('.cbi-dropdown').click()
    await choices(field(luci, 'mac')).locator('.create-item-input').fill('02:00:00:00:00:0a')
    await leave(luci)
    await pressSave(luci)
    await expect.poll(() => luci.page.locator('.modal').isVisible()).toBe(false)
    await luci.apply()
    expect(loaded(luci).config?.permissions.at(-1)?.mac).toBe('02:00:00:00:00:0a')
    await luci.close()
  })

  test('a device is chosen, and chosen no more', async () => {
    const luci = await openLuci(browser, '/view/portico/permissions', { configs: CONFIG })
    for (const [n, [choice, mac]] of [
      ['li:has-text("mediacenter")', expect.any(String)] as const,
      ['li[placeholder]', undefined] as const,
    ].entries()) {
      await luci.page.click(n === 0 ? 'text=Add rule' : 'tr[data-sid]:last-child .cbi-button-edit')
      await field(luci, 'mac').locator('.cbi-dropdown').click()
      await choices(field(luci, 'mac')).locator(choice).click()
      await luci.page.click('.modal .important')
      await luci.apply()
      expect(loaded(luci).config?.permissions.at(-1)?.mac).toEqual(mac)
    }
    await luci.close()
  })

  test('what was mistyped there is not saved, with or without a look at it', async () => {
    const luci = await openLuci(browser, '/view/portico/permissions', { configs: CONFIG })
    await luci.page.click('text=Add rule')
    await field(luci, 'mac').locator('.cbi-dropdown').click()
    await choices(field(luci, 'mac')).locator('.create-item-input').fill('02:00:00:00:00:0')
    await pressSave(luci)
    await expect.poll(() => luci.page.locator('.modal .important').isEnabled()).toBe(true)
    await luci.page.click('.modal h4')
    await luci.page.click('.modal .important')
    await expect.poll(() => luci.page.locator('.modal .important').isEnabled()).toBe(true)
    expect(luci.router.changes).toEqual([])
    await luci.close()
  })

  test.each([
    ['mac', 'not a mac'],
    ['dst_port', '70000'],
    ['dst_port', '200-100'],
    ['dst_port', '0'],
    ['internal_port', '0-1024'],
    ['mac', '03:00:00:00:00:0a'],
    ['internal_address', 'nas'],
    ['interface', 'two words'],
  ])('a rule with %s %s is not taken', async (name, value) => {
    const luci = await openLuci(browser, '/view/portico/permissions', { configs: CONFIG })
    await luci.page.click('text=Add rule')
    await typeOwn(field(luci, name), value)
    await luci.page.click('.modal .important')
    await expect.poll(() => luci.page.locator('.modal .important').isEnabled()).toBe(true)
    expect(await luci.page.locator('.modal').isVisible()).toBe(true)
    expect(luci.router.changes).toEqual([])
    await luci.close()
  })

  test('a rule is edited, ignored and deleted', async () => {
    const luci = await openLuci(browser, '/view/portico/permissions', { configs: CONFIG })
    await line(luci, 'second').locator('.cbi-button-edit').click()
    await field(luci, 'dst_port').locator('input').fill('6000')
    await luci.page.click('.modal .important')
    await line(luci, 'third').locator('input[type="checkbox"]').check()
    await line(luci, 'fourth').locator('.cbi-button-remove').click()
    await luci.apply()
    expect(
      loaded(luci).config?.permissions.map(({ comment, dst_port, disabled }) => [comment, dst_port?.first, disabled]),
    ).toEqual([
      ['first', 5000, false],
      ['second', 6000, false],
      ['third', 5000, true],
    ])
    await luci.close()
  })

  test.each(['yes', 'on', 'true', 'enabled', '1'])(
    'a rule that is ignored by %s stays ignored when something else is saved',
    async word => {
      const ignored = permissions.replace(
        "option comment 'second'",
        `option comment 'second'\n\toption disabled '${word}'`,
      )
      const luci = await openLuci(browser, '/view/portico/permissions', { configs: { ...CONFIG, portico: ignored } })
      expect(await line(luci, 'second').locator('input[type="checkbox"]').isChecked()).toBe(true)
      await line(luci, 'fourth').locator('.cbi-button-remove').click()
      await luci.apply()
      expect(loaded(luci).config?.permissions.map(({ disabled }) => disabled)).toEqual([false, true, false])
      await luci.close()
    },
  )

  test('a choice that is a sentence is not cut off', async () => {
    const luci = await openLuci(browser, '/view/portico/permissions')
    const [shown, needed] = await luci.page.locator('[data-name="default_action"] select').evaluate(select => {
      const whole = select.cloneNode(true) as typeof select
      whole.style.width = 'max-content'
      select.after(whole)
      return [select, whole].map(each => each.getBoundingClientRect().width) as [number, number]
    })
    expect(shown).toBeGreaterThanOrEqual(needed)
    await luci.close()
  })

  test('what happens where no rule fits', async () => {
    const luci = await openLuci(browser, '/view/portico/permissions', { configs: { ...CONFIG, portico: permissions } })
    await luci.page.locator('[data-name="default_action"] select').selectOption('deny')
    await luci.apply()
    expect(loaded(luci).config?.limits.default_action).toBe('deny')
    await luci.close()
  })
})

const flag = (luci: LuciPage, name: string) => luci.page.locator(`[data-name="${name}"] input[type="checkbox"]`)
const enabled = (luci: LuciPage) => {
  const { config } = loaded(luci)
  return [config?.upnp.enabled, config?.nat_pmp.enabled]
}
const services = (upnp: string, natPmp: string) => ({
  ...CONFIGS,
  portico: `config portico 'upnp'\n\toption enabled '${upnp}'\n\nconfig portico 'nat_pmp'\n\toption enabled '${natPmp}'\n`,
})

describe('settings', () => {
  test('as shipped all is off; the toggle turns both services on', async () => {
    const luci = await openLuci(browser, '/view/portico/settings', { configs: services('0', '0') })
    expect(await flag(luci, '_on').isChecked()).toBe(false)
    expect(await flag(luci, '_upnp').isVisible()).toBe(false)
    await flag(luci, '_on').check()
    expect(await flag(luci, '_upnp').isVisible()).toBe(true)
    await luci.apply()
    expect(enabled(luci)).toEqual([true, true])
    await luci.close()
  })

  test('it turns them on in a file that has no sections at all', async () => {
    const luci = await openLuci(browser, '/view/portico/settings', { configs: { ...CONFIGS, portico: '' } })
    await flag(luci, '_on').check()
    await luci.apply()
    expect(enabled(luci)).toEqual([true, true])
    await luci.close()
  })

  test('off is off for both', async () => {
    const luci = await openLuci(browser, '/view/portico/settings', { configs: services('1', '1') })
    await flag(luci, '_on').uncheck()
    await luci.apply()
    expect(enabled(luci)).toEqual([false, false])
    await luci.close()
  })

  test('one service alone', async () => {
    const luci = await openLuci(browser, '/view/portico/settings', { configs: services('1', '1') })
    await flag(luci, '_upnp').uncheck()
    await luci.apply()
    expect(enabled(luci)).toEqual([false, true])
    await luci.close()
  })

  /** Said in the file although it is the default, and in other words than LuCI's. */
  const explicit = {
    ...CONFIGS,
    portico: `config portico 'upnp'
	option enabled '1'
	option nat_traversal 'yes'
	option show_all_mappings '0'

config portico 'nat_pmp'
	option enabled '1'

config portico 'limits'
	option default_action 'high_ports'

config portico 'system'
	option log_level 'info'

config interface
	option interface 'lan'
	option type 'internal'
	option disabled 'off'

config permission
	option action 'allow'
	option protocol 'both'
	option disabled '0'

config mapping
	option protocol 'both'
	option external_port '8443'
	option internal_address '192.168.1.20'
	option disabled 'yes'
`,
  }

  test.each(
    [CONFIGS, explicit].flatMap(configs =>
      ['settings', 'permissions'].flatMap(page => [true, false].map(old => [page, old, configs] as const)),
    ),
  )('saving without a change changes nothing: %s, in an old LuCI: %s', async (page, old, configs) => {
    const luci = await openLuci(browser, `/view/portico/${page}`, { configs, old })
    const before = luci.router.config('portico')
    await luci.apply()
    expect(luci.router.config('portico')).toBe(before)
    expect(luci.router.changes.map(({ method }) => method)).toEqual(['apply'])
    await luci.close()
  })

  test('limits: the placeholders are the defaults of the daemon, and what is written is what was typed', async () => {
    const luci = await openLuci(browser, '/view/portico/settings')
    await luci.page.click('text=Limits')
    for (const name of ['per_host', 'total', 'min_lease', 'max_lease', 'requests_per_second'] as const) {
      const input = luci.page.locator(`[data-name="${name}"] input`)
      expect([name, await input.getAttribute('placeholder')]).toEqual([name, String(defaultsOf('limits')[name])])
    }
    await luci.page.fill('[data-name="per_host"] input', '16')
    await luci.apply()
    expect(loaded(luci).config?.limits.per_host).toBe(16)
    await luci.close()
  })

  test.each([
    ['per_host', '0'],
    ['total', '999999'],
    ['max_lease', 'a day'],
    ['min_lease', '1.5'],
  ])('limits: %s %s is not taken', async (name, value) => {
    const luci = await openLuci(browser, '/view/portico/settings')
    await luci.page.click('text=Limits')
    await luci.page.fill(`[data-name="${name}"] input`, value)
    await luci.page.click('.cbi-button-save')
    await luci.page.waitForSelector('.modal >> text=Save error')
    expect(luci.router.changes).toEqual([])
    await luci.close()
  })

  test.each([
    ['wan', 'internal', 'Danger: this network leads to the internet'],
    ['eth1', 'internal', 'Danger: this network leads to the internet'],
    ['wan6', 'internal', 'Careful: the firewall masquerades this network'],
    ['lan', 'external', 'does not seem to lead to the internet'],
    ['nowhere', 'internal', 'no such network'],
    ['lan', 'internal', ''],
    ['br-guest', 'internal', ''],
    ['wan', 'external', ''],
  ])('roles: %s as %s is told: %s', async (network, type, words) => {
    const luci = await openLuci(browser, '/view/portico/settings')
    await luci.page.click('text=Add network')
    await typeOwn(luci.page.locator('td[data-name="interface"]'), network)
    await luci.page.locator('td[data-name="type"] select').selectOption(type)
    const said = await luci.page.innerText('.portico-warning')
    if (words === '') expect(said).toBe('')
    else expect(said).toContain(words)
    await luci.apply()
    expect(loaded(luci).config?.interfaces.map(row => [row.interface, row.type])).toEqual([[network, type]])
    await luci.close()
  })

  test('a row of Networks is whole from the start, since LuCI hands it to rpcd at once', async () => {
    const luci = await openLuci(browser, '/view/portico/settings')
    for (const rows of [1, 2, 3]) {
      await luci.page.click('text=Add network')
      await expect.poll(() => luci.page.locator('td[data-name="interface"]').count()).toBe(rows)
    }
    const { config, errors } = loaded(luci)
    expect(errors).toEqual([])
    expect(config?.interfaces.map(row => [row.interface, row.type])).toEqual([
      ['lan', 'internal'],
      ['guest', 'internal'],
      ['wan', 'external'],
    ])
    await luci.close()
  })

  test('a row of Networks shows its role, and the address that it tells', async () => {
    const luci = await openLuci(browser, '/view/portico/settings')
    await luci.page.click('text=Add network')
    await typeOwn(luci.page.locator('td[data-name="interface"]'), 'wan')
    await expect.poll(() => luci.page.innerText('.portico-warning')).toContain('Danger')
    for (const field of ['td[data-name="type"] select', 'td[data-name="forced_ip"] input[type="text"]'])
      expect([field, ((await luci.page.locator(field).boundingBox())?.width ?? 0) > 100]).toEqual([field, true])
    const beyond = await luci.page.evaluate(
      `Math.max(...Array.from(document.querySelectorAll('#view table'), each => each.scrollWidth - each.parentNode.clientWidth))`,
    )
    expect(beyond).toBeLessThanOrEqual(0)
    await luci.close()
  })

  test('a row is not added beside a mistake, which is said', async () => {
    const luci = await openLuci(browser, '/view/portico/settings')
    await luci.page.click('text=Limits')
    await luci.page.fill('[data-name="per_host"] input', '0')
    await luci.page.click('text=Add network')
    await luci.page.waitForSelector('.modal >> text=Ports for one device')
    await luci.page.click('.modal >> text=Dismiss')
    await luci.page.fill('[data-name="per_host"] input', '16')
    await luci.apply()
    expect(loaded(luci).config?.interfaces).toEqual([])
    await luci.close()
  })

  test('without netifd the page opens, and a network is typed', async () => {
    const luci = await openLuci(browser, '/view/portico/settings', { ubus: () => [4] })
    await luci.page.click('text=Add network')
    await typeOwn(luci.page.locator('td[data-name="interface"]'), 'eth0')
    await luci.apply()
    expect(loaded(luci).config?.interfaces.map(row => row.interface)).toEqual(['eth0'])
    await luci.close()
  })

  describe('every option of the option table', () => {
    /** Where the form has another name for it; the services' switches are tested above. */
    const nameOf = (section: string, option: string) => {
      if (option === 'enabled') return section === 'upnp' ? '_upnp' : '_nat_pmp'
      if (section === 'limits') return option
      return `_${section}_${option}`
    }
    const settingsOf = (id: SectionId) =>
      Object.entries(optionsOf(id)).filter(([option]) => option !== 'default_action' && option !== 'enabled')
    const control = (luci: LuciPage, name: string) => luci.page.locator(`[data-name="${name}"]`)

    test.each(['upnp', 'nat_pmp', 'limits', 'system'] as const)('%s is written as it was chosen', async id => {
      const luci = await openLuci(browser, '/view/portico/settings')
      // The interval is asked for where a file is named, so in the order of the table.
      for (const [option, { kind, example, default: usual }] of settingsOf(id)) {
        const at = control(luci, nameOf(id, option))
        const tab = await at.evaluate(node => node.closest('[data-tab]')?.getAttribute('data-tab'))
        await luci.page.click(`.cbi-tabmenu [data-tab="${tab}"]`)
        if (kind.name === 'flag') await at.locator('input[type="checkbox"]').setChecked(usual !== true)
        else if (kind.name === 'choice') await at.locator('select').selectOption(example)
        else await typeOwn(at, example)
      }
      await luci.apply()
      const { config, errors } = loaded(luci)
      expect(errors).toEqual([])
      for (const [option, { kind, example, default: usual }] of settingsOf(id)) {
        const wanted = kind.name === 'flag' ? usual !== true : kind.read(example)
        expect([option, config?.[id][option as never]]).toEqual([option, wanted])
      }
      await luci.close()
    })

    test('the placeholders are what holds where nothing is set', async () => {
      const luci = await openLuci(browser, '/view/portico/settings', { configs: { ...CONFIGS, portico: '' } })
      for (const id of ['upnp', 'nat_pmp', 'limits', 'system'] as const) {
        for (const [option, { kind, default: usual }] of settingsOf(id)) {
          const at = control(luci, nameOf(id, option))
          if (kind.name === 'flag') {
            expect([option, await at.locator('input[type="checkbox"]').isChecked()]).toEqual([option, usual])
          } else if (kind.name === 'choice') {
            expect([option, await at.locator('select').inputValue()]).toEqual([option, usual])
          } else if (usual !== undefined) {
            const shown = await at.locator('input[type="text"]').first().getAttribute('placeholder')
            expect([option, shown]).toEqual([option, kind.print(usual)])
          }
        }
      }
      await luci.close()
    })

    test.each([
      ['interface', 'settings', 'Add network'],
      ['mapping', 'settings', 'Add port'],
      ['permission', 'permissions', 'Add rule'],
    ] as const)('%s has a place for each', async (id, page, button) => {
      const luci = await openLuci(browser, `/view/portico/${page}`)
      await luci.page.click(`text=${button}`)
      for (const option of Object.keys(optionsOf(id))) {
        await expect.poll(async () => [option, (await control(luci, option).count()) > 0]).toEqual([option, true])
      }
      await luci.close()
    })

    test.each([
      ['services', '_upnp_presentation_url', 'not an address'],
      ['services', '_upnp_friendly_name', 'x'.repeat(64)],
      ['services', '_upnp_friendly_name', 'é'.repeat(32)],
      ['services', '_upnp_http_port', '70000'],
      ['services', '_upnp_http_port', '0'],
      ['advanced', '_system_mark', '3'],
      ['advanced', '_system_lease_file', 'leases'],
      ['advanced', '_system_lease_file', '/etc/leases'],
      ['advanced', '_system_lease_file', '/etc/config/leases'],
    ])('%s: %s %s is not taken', async (tab, name, value) => {
      const luci = await openLuci(browser, '/view/portico/settings')
      await luci.page.click(`.cbi-tabmenu [data-tab="${tab}"]`)
      await typeOwn(control(luci, name), value)
      await luci.page.click('.cbi-button-save')
      await luci.page.waitForSelector('.modal >> text=Save error')
      expect(luci.router.changes).toEqual([])
      await luci.close()
    })
  })

  test('fixed ports are added and removed', async () => {
    const luci = await openLuci(browser, '/view/portico/settings')
    await luci.page.click('text=Add port')
    await field(luci, 'external_port').locator('input').fill('8443')
    await typeOwn(field(luci, 'internal_address'), '192.168.1.20')
    await field(luci, 'internal_port').locator('input').fill('443')
    await luci.page.click('.modal .important')
    await luci.apply()
    expect(loaded(luci).config?.mappings).toMatchObject([
      { protocol: 'tcp', external_port: 8443, internal_address: '192.168.1.20', internal_port: 443 },
    ])
    await line(luci, '8443').locator('.cbi-button-remove').click()
    await luci.apply()
    expect(loaded(luci).config?.mappings).toEqual([])
    await luci.close()
  })
})
