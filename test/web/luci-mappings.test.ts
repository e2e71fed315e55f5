/** The live table: rows stay where they are, buttons do what they say, and the numbers are right. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Browser, openBrowser } from './support/browser.ts'
import { type LuciPage, openLuci, rowsOf } from './support/luci-page.ts'
import { MAPPINGS, type Mapping, STATUS } from './support/luci-world.ts'

const PATH = '/view/portico/mappings'

let browser: Browser
beforeAll(async () => {
  browser = await openBrowser()
})
afterAll(() => browser.close())

const row = (luci: LuciPage, text: string) => luci.page.locator('tbody tr', { hasText: text })
const away = (luci: LuciPage) => luci.page.mouse.move(5, 5)
const named = (comment: string, rest: Partial<Mapping> = {}): Mapping => ({
  ...(MAPPINGS[1] as Mapping),
  id: `*${comment}`,
  comment,
  ...rest,
})

describe('what it shows', () => {
  test('host, address, ports, protocol, who asked, remaining time and traffic, static ones first', async () => {
    const luci = await openLuci(browser, PATH)
    expect((await rowsOf(luci.page)).map(cells => cells.slice(0, 5))).toEqual([
      ['camera 192.168.1.20', 'TCP 8443 → 443 IPv4', 'Fixed by you camera', 'never', '17.5 MiB'],
      ['xbox 192.168.1.30', 'UDP 3074 IPv4', 'UPnP Xbox Live', '59 min', '49.9 MiB'],
      ['mediacenter 192.168.1.11', 'TCP 32400 IPv4', 'UPnP Plex', 'never', '2.0 GiB'],
      ['nas 192.168.1.10', 'TCP 51413 IPv4', 'NAT-PMP Transmission', '1 h 55 min', '700.0 MiB'],
      ['xbox 2001:db8:1::30', 'UDP 50000 IPv6', 'UPnP', '9 min', '117.2 KiB'],
    ])
    await luci.close()
  })

  test.each([
    ['a public address', STATUS.uplink, 'The world reaches you at 11.22.33.44.'],
    [
      'carrier-grade NAT',
      { ...STATUS.uplink, address: '100.64.1.2', told: '100.64.1.2', reach: 'shared' },
      'carrier-grade NAT',
    ],
    [
      'a router before this one',
      { ...STATUS.uplink, address: '192.168.0.2', told: '192.168.0.2', reach: 'private' },
      'another router',
    ],
    ['no connection', { state: 'down', device: 'eth1', why: 'no address' }, 'No connection'],
  ])('says what becomes of the internet: %s', async (_, uplink, words) => {
    const luci = await openLuci(browser, PATH, { world: { status: { ...STATUS, uplink } } })
    expect(await luci.page.innerText('#view')).toContain(words)
    await luci.close()
  })

  test('says that it is off', async () => {
    const services = STATUS.services.map(service => ({ ...service, enabled: false }))
    const luci = await openLuci(browser, PATH, { world: { status: { ...STATUS, services }, mappings: [] } })
    expect(await luci.page.innerText('#view')).toContain('Portico is off')
    expect(await luci.page.innerText('#view')).toContain('No port is open.')
    await luci.close()
  })

  test('fetches more than one page of them', async () => {
    const many = Array.from({ length: 2300 }, (_, n) => named(`game ${n}`, { dst_port: 2000 + n }))
    const luci = await openLuci(browser, PATH, { world: { mappings: many } })
    expect(await luci.page.locator('tbody tr').count()).toBe(2300)
    const offsets = luci.router.calls.filter(({ method }) => method === 'mappings').map(({ args }) => args['offset'])
    expect(offsets).toEqual([0, 1000, 2000])
    await luci.close()
  })

  test('works the rate out of two answers, and draws the last ones', async () => {
    const luci = await openLuci(browser, PATH)
    for (const [time, bytes] of [
      [2, 2048],
      [4, 10_240],
    ] as const) {
      luci.world.time = 93_784 + time
      luci.world.mappings = MAPPINGS.map(each => ({ ...each, bytes: Number(each['bytes']) + bytes }))
      await luci.poll()
    }
    // 8192 bytes in 2 seconds.
    expect(await row(luci, 'Xbox Live').innerText()).toContain('4.0 KiB/s')
    const points = await row(luci, 'Xbox Live').locator('polyline').getAttribute('points')
    expect(points?.split(' ')).toHaveLength(2)
    await luci.close()
  })

  test('says a rate below one kibibyte in whole bytes', async () => {
    const luci = await openLuci(browser, PATH)
    luci.world.time += 3
    luci.world.mappings = MAPPINGS.map(each => ({ ...each, bytes: Number(each['bytes']) + 1000 }))
    await luci.poll()
    // 333.33… bytes a second.
    expect(await row(luci, 'Xbox Live').innerText()).toMatch(/\n333 B\/s\s/)
    await luci.close()
  })

  test('shows no rate where nothing is counted, nor a negative one when a counter begins anew', async () => {
    const luci = await openLuci(browser, PATH)
    luci.world.time += 2
    luci.world.mappings = MAPPINGS.map(each =>
      each.id === '*C02' ? { ...each, bytes: 10 } : { ...each, bytes: undefined },
    )
    await luci.poll()
    const text = await luci.page.innerText('tbody')
    expect(text).not.toContain('/s')
    expect((await rowsOf(luci.page))[0]?.[4]).toBe('–')
    await luci.close()
  })
})

describe('it never jumps', () => {
  test('rows, and what is typed, are the same elements after many polls', async () => {
    const luci = await openLuci(browser, PATH)
    await luci.page.evaluate(`for (const each of document.querySelectorAll('tbody tr')) each.mark = 'kept'`)
    await luci.page.focus('#view input')
    for (const letter of 'xbox') {
      await luci.page.keyboard.type(letter)
      luci.world.time += 3
      luci.world.mappings = luci.world.mappings.map(each => ({
        ...each,
        bytes: Number(each['bytes']) + 1000,
        timeout: 100,
      }))
      await luci.poll()
    }
    expect(await luci.page.inputValue('#view input')).toBe('xbox')
    expect(await luci.page.evaluate('document.activeElement.tagName')).toBe('INPUT')
    expect(await luci.page.evaluate(`[...document.querySelectorAll('tbody tr')].map(each => each.mark)`)).toEqual(
      Array(5).fill('kept'),
    )
    expect((await rowsOf(luci.page)).map(([device]) => device)).toEqual(['xbox 192.168.1.30', 'xbox 2001:db8:1::30'])
    await luci.close()
  })

  test('while the pointer is over it, what is new waits and what has ended stays, greyed', async () => {
    const luci = await openLuci(browser, PATH)
    const target = row(luci, 'Transmission')
    await target.hover()
    const before = await target.boundingBox()
    luci.world.mappings = [named('new game', { dst_port: 2000 }), ...MAPPINGS.filter(({ id }) => id !== '*C02')]
    await luci.poll()
    expect(await target.boundingBox()).toEqual(before)
    expect(await row(luci, 'Xbox Live').getAttribute('class')).toContain('portico-ended')
    expect(await row(luci, 'Xbox Live').locator('button:enabled').count()).toBe(0)
    expect(await row(luci, 'new game').count()).toBe(0)
    expect(await luci.page.innerText('#view')).toContain('1 new row waits')
    await away(luci)
    await expect.poll(() => row(luci, 'new game').count()).toBe(1)
    expect(await row(luci, 'Xbox Live').count()).toBe(0)
    await luci.close()
  })

  test('while the focus is inside, the focused button stays focused and where it is', async () => {
    const luci = await openLuci(browser, PATH)
    const button = row(luci, 'Transmission').getByText('Remove')
    await button.focus()
    luci.world.mappings = [named('new game', { dst_port: 2000 }), ...MAPPINGS]
    await luci.poll()
    expect(await row(luci, 'new game').count()).toBe(0)
    expect(await luci.page.evaluate(`document.activeElement.closest('tr').textContent`)).toContain('Transmission')
    await luci.close()
  })

  test('a mapping that comes back while the pointer is over it can be removed again', async () => {
    const luci = await openLuci(browser, PATH)
    await row(luci, 'Plex').hover()
    luci.world.mappings = MAPPINGS.filter(({ id }) => id !== '*C02')
    await luci.poll()
    luci.world.mappings = MAPPINGS
    await luci.poll()
    expect(await row(luci, 'Xbox Live').getByText('Remove').isEnabled()).toBe(true)
    await luci.close()
  })
})

describe('what it does', () => {
  test('Remove calls remove with the id of its row, and the row goes', async () => {
    const luci = await openLuci(browser, PATH)
    luci.world.done = { ok: true }
    await row(luci, 'Xbox Live').getByText('Remove').click()
    luci.world.mappings = MAPPINGS.filter(({ id }) => id !== '*C02')
    await expect
      .poll(() => luci.router.changes)
      .toEqual([{ object: 'portico', method: 'remove', args: { id: '*C02' } }])
    await away(luci)
    await luci.poll()
    expect(await row(luci, 'Xbox Live').count()).toBe(0)
    await luci.close()
  })

  test('a removal that is refused says why, and the button works again', async () => {
    const luci = await openLuci(browser, PATH, { world: { done: { ok: false, why: 'kernel' } } })
    await row(luci, 'Xbox Live').getByText('Remove').click()
    await luci.page.waitForSelector('.alert-message')
    expect(await luci.page.innerText('.alert-message')).toContain('The kernel refused.')
    await expect.poll(() => row(luci, 'Xbox Live').getByText('Remove').isEnabled()).toBe(true)
    await luci.close()
  })

  test('a removal that never reached the daemon says so in one line', async () => {
    const luci = await openLuci(browser, PATH)
    luci.router.ubus = () => [4]
    await row(luci, 'Xbox Live').getByText('Remove').click()
    await luci.page.waitForSelector('.alert-message')
    expect(await luci.page.innerText('.alert-message p')).toBe(
      'RPC call to portico/remove failed with error -32000: Object not found',
    )
    await luci.close()
  })

  test('Pin asks first, then calls pin with the comment', async () => {
    const luci = await openLuci(browser, PATH)
    await row(luci, 'Transmission').getByText('Pin').click()
    expect(await luci.page.innerText('.modal')).toContain('TCP 51413 stays open to 192.168.1.10:51413')
    expect(await luci.page.inputValue('.modal input')).toBe('Transmission')
    await luci.page.fill('.modal input', 'torrents')
    await luci.page.click('.modal .important')
    await expect
      .poll(() => luci.router.changes)
      .toEqual([{ object: 'portico', method: 'pin', args: { id: '*1A2B', comment: 'torrents' } }])
    await luci.close()
  })

  test('Cancel pins nothing', async () => {
    const luci = await openLuci(browser, PATH)
    await row(luci, 'Transmission').getByText('Pin').click()
    await luci.page.click('.modal >> text=Cancel')
    expect(await luci.page.locator('.modal').isVisible()).toBe(false)
    expect(luci.router.changes).toEqual([])
    await luci.close()
  })

  test.each([
    ['a static one neither', 'camera', []],
    ['an IPv6 pinhole cannot be pinned', '50000', ['Remove']],
    ['what is open to one host only cannot be pinned', 'one host', ['Remove']],
    ['any other both', 'Plex', ['Pin', 'Remove']],
  ])('offers what the daemon would do: %s', async (_, text, buttons) => {
    const one = named('one host', { remote_address: '198.51.100.7', dst_port: 7000 })
    const luci = await openLuci(browser, PATH, { world: { mappings: [...MAPPINGS, one] } })
    expect(await row(luci, text).locator('button:visible').allInnerTexts()).toEqual(buttons)
    await luci.close()
  })

  test('the filter finds names, addresses, ports and comments, and says when it finds nothing', async () => {
    const luci = await openLuci(browser, PATH)
    for (const [text, count] of [
      ['NAS', 1],
      ['192.168.1.3', 1],
      ['32400', 1],
      ['plex', 1],
      ['nat-pmp', 1],
      ['', 5],
      ['nothing', 0],
    ] as const) {
      await luci.page.fill('#view input', text)
      expect([text, (await rowsOf(luci.page)).length]).toEqual([text, count])
    }
    expect(await luci.page.innerText('#view')).toContain('Nothing fits the filter.')
    await luci.close()
  })
})

describe('the box on the status page', () => {
  test('shows ten of many, and leads to the rest', async () => {
    const many = Array.from({ length: 12 }, (_, n) => named(`game ${n}`, { dst_port: 2000 + n }))
    const luci = await openLuci(browser, '/status/81_portico', { world: { mappings: many } })
    expect(await luci.page.locator('tbody tr').count()).toBe(10)
    expect(await luci.page.innerText('#view')).toContain('All 12 open ports')
    expect(await luci.page.getAttribute('#view a', 'href')).toBe('/cgi-bin/luci/admin/services/portico/mappings')
    await luci.close()
  })

  test('has what the page has: address, asker, end, traffic, rate, and what can be done', async () => {
    const luci = await openLuci(browser, '/status/81_portico')
    luci.world.time += 5
    luci.world.mappings = luci.world.mappings.map(each => ({ ...each, bytes: Number(each['bytes']) + 10_240 }))
    await luci.poll()
    expect((await rowsOf(luci.page)).find(([device]) => device?.startsWith('nas'))).toEqual([
      'nas 192.168.1.10',
      'TCP 51413 IPv4',
      'NAT-PMP Transmission',
      '1 h 55 min',
      expect.stringMatching(/^7\d\d\.\d MiB 2\.0 KiB\/s$/),
      'Pin Remove',
    ])
    expect(await row(luci, 'Transmission').locator('svg polyline').getAttribute('points')).toMatch(/,/)
    await row(luci, 'Xbox Live').getByText('Remove').click()
    await expect.poll(() => luci.router.changes).toMatchObject([{ object: 'portico', method: 'remove' }])
    await luci.close()
  })

  test('keeps its rows through the polls of the status page', async () => {
    const luci = await openLuci(browser, '/status/81_portico')
    await luci.page.evaluate(`document.querySelector('tbody tr').mark = 'kept'`)
    await luci.poll()
    expect(await luci.page.evaluate(`document.querySelector('tbody tr').mark`)).toBe('kept')
    await luci.close()
  })

  test('says so when the service went while it was shown, and goes on when it is back', async () => {
    const luci = await openLuci(browser, '/status/81_portico')
    const answering = luci.router.ubus
    luci.router.ubus = () => [4]
    await luci.poll()
    expect(await luci.page.innerText('#view')).toContain('Portico does not answer.')
    expect(await rowsOf(luci.page)).toEqual([])
    luci.router.ubus = answering
    await luci.poll()
    expect(await luci.page.innerText('#view')).toContain('The world reaches you')
    expect(await rowsOf(luci.page)).toHaveLength(5)
    await luci.close()
  })

  test('is not there while Portico is off', async () => {
    const services = STATUS.services.map(service => ({ ...service, enabled: false }))
    const luci = await openLuci(browser, '/status/81_portico', { world: { status: { ...STATUS, services } } })
    expect(await luci.page.innerText('#view')).toBe('')
    await luci.close()
  })
})
