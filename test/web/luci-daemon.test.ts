/**
 * The pages and the real daemon: `portico` calls go by ubus to porticod in a router of namespaces, Save & Apply writes
 * its configuration and reloads it, and clients ask by NAT-PMP and UPnP. ubusd is a double, LuCI a stand-in.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LAN, type Lab, makeLab, WAN } from '../support/lab.ts'
import { askMap } from '../support/natpmp.ts'
import { until } from '../support/process.ts'
import { expectNoReach, expectReach } from '../support/reach.ts'
import { type Server, startDaemon } from '../support/server.ts'
import { type Table, Ubusd } from '../support/ubusd.ts'
import { httpRaw, soap, statusOf, upnpUci } from '../support/upnp.ts'
import { type Browser, openBrowser } from './support/browser.ts'
import { type LuciPage, openLuci, rowsOf, withNames } from './support/luci-page.ts'
import type { Ubus } from './support/luci-router.ts'

const EVIL = `<img src=x onerror="window.owned=1">`
const NETWORKS: Table = {
  interface: [
    { interface: 'lan', up: true, l3_device: 'br-lan', 'ipv4-address': [{ address: LAN, mask: 24 }] },
    {
      interface: 'wan',
      up: true,
      l3_device: 'wan0',
      'ipv4-address': [{ address: WAN, mask: 24 }],
      route: [{ target: '0.0.0.0', mask: 0, nexthop: '11.22.33.1' }],
    },
  ],
}

let browser: Browser
let lab: Lab
let bus: Ubusd
let server: Server
let mac: string

beforeAll(async () => {
  ;[browser, lab] = await Promise.all([openBrowser(), makeLab()])
  bus = new Ubusd(join(lab.directory, 'ubus.sock'))
  await bus.start()
  // The init script does it on a router: without it the kernel does not count.
  await lab.router.must(['sysctl', '-q', '-w', 'net.netfilter.nf_conntrack_acct=1'])
  server = await startDaemon(lab, { uci: upnpUci(), environment: { PORTICO_UBUS: bus.path } })
  await until('the object is there', async () => bus.listed('portico'))
  const [link] = JSON.parse(await lab.a.must(['ip', '-json', 'link', 'show', 'eth0'])) as [{ address: string }]
  mac = link.address
  await Promise.all([lab.a.tcpEcho(4100), lab.b.tcpEcho(4100)])
})
afterAll(async () => {
  await server?.stop()
  await bus?.stop()
  await Promise.all([lab?.close(), browser?.close()])
})

/** rpcd, with the daemon behind it; what only OpenWrt's own programs know is told by the test. */
const ubus: Ubus = async (object, method, args) => {
  if (object === 'network.interface') return [0, NETWORKS]
  if (method === 'getHostHints') return [0, { [mac.toUpperCase()]: { ipaddrs: [lab.a.ip], name: 'nas.lan' } }]
  if (object !== 'portico') return [0, {}]
  const { status, data } = await bus.call(object, method, args as Table)
  return status === 0 ? [0, data] : [status]
}

const files = () =>
  Object.fromEntries(
    ['portico', 'network', 'firewall'].map(name => [name, readFileSync(join(server.uciDirectory, name), 'utf8')]),
  )

const open = (page: string): Promise<LuciPage> =>
  openLuci(browser, page, {
    ubus,
    configs: files(),
    async onApply(configs) {
      server.configure(configs)
      server.process.signal('SIGHUP')
    },
  })

const rows = async () => ((await bus.call('portico', 'mappings', {})).data?.['mappings'] ?? []) as Table[]
const ask = (port: number) => askMap(lab.a, { transport: 'tcp', internal: 4100, external: port, lifetime: 3600 })

describe('a port that a client opened', () => {
  test('is shown, counted, removed by its button, and closed for the world', async () => {
    expect((await ask(4100)).result).toBe(0)
    const luci = await open('/view/portico/mappings')
    const row = luci.page.locator('tbody tr', { hasText: '4100' })
    expect((await rowsOf(luci.page))[0]?.slice(0, 2)).toEqual(['nas 192.168.88.10', 'TCP 4100 IPv4'])
    expect(await luci.page.innerText('#view')).toContain(`The world reaches you at ${WAN}.`)
    await expectReach(lab, 'tcp', 4100, lab.a)
    await expect
      .poll(async () => {
        await luci.poll()
        return (await rowsOf(luci.page))[0]?.[4]
      })
      .toMatch(/^[1-9]\d* B/)
    await row.getByText('Remove').click()
    await expect.poll(rows).toEqual([])
    await expectNoReach(lab, 'tcp', 4100)
    await luci.page.mouse.move(5, 5)
    await luci.poll()
    expect(await rowsOf(luci.page)).toEqual([])
    expect(luci.errors).toEqual([])
    await luci.close()
  })

  test('is pinned: it stands in the configuration and never ends', async () => {
    expect((await ask(4100)).result).toBe(0)
    const luci = await open('/view/portico/mappings')
    await luci.page.locator('tbody tr', { hasText: '4100' }).getByText('Pin').click()
    await luci.page.fill('.modal input', 'kept')
    await luci.page.click('.modal .important')
    await expect
      .poll(async () => (await rows()).map(row => [row['service'], row['comment'], row['timeout']]))
      .toEqual([['static', 'kept', undefined]])
    await luci.page.mouse.move(5, 5)
    await luci.poll()
    expect((await rowsOf(luci.page))[0]?.slice(2, 4)).toEqual(['Fixed by you kept', 'never'])
    expect(files()['portico']).toContain("option comment 'kept'")
    await luci.close()
    // Under Settings it goes again.
    const settings = await open('/view/portico/settings')
    await settings.page.locator('tr[data-sid]', { hasText: 'kept' }).locator('.cbi-button-remove').click()
    await settings.apply()
    await expect.poll(async () => (await rows()).filter(row => row['service'] === 'static')).toEqual([])
    await settings.close()
  })

  test('has a hostile description, by UPnP, and is shown as what it is', async () => {
    const description = EVIL.replaceAll('<', '&lt;').replaceAll('>', '&gt;')
    const wish = soap('AddPortMapping', {
      NewRemoteHost: '',
      NewExternalPort: 4200,
      NewProtocol: 'TCP',
      NewInternalPort: 4100,
      NewInternalClient: lab.a.ip,
      NewEnabled: 1,
      NewPortMappingDescription: description,
      NewLeaseDuration: 3600,
    })
    expect(statusOf(await httpRaw(lab.a, LAN, wish))).toBe(200)
    for (const page of ['/view/portico/mappings', '/view/portico/journal', '/status/81_portico']) {
      const luci = await open(page)
      expect([page, (await luci.page.innerText('#view')).includes(EVIL)]).toEqual([page, true])
      expect(await luci.page.evaluate(`[document.querySelectorAll('img').length, 'owned' in window]`)).toEqual([
        0,
        false,
      ])
      await luci.close()
    }
  })
})

describe('the switch of a device', () => {
  test('off closes what it has and refuses the next, which the journal tells; on lets it in again', async () => {
    expect((await ask(4300)).result).toBe(0)
    const luci = await open('/view/portico/devices')
    const box = luci.page.locator(`input[data-mac="${mac}"]`)
    expect(await box.isChecked()).toBe(true)
    await box.uncheck()
    await luci.apply()
    await expect.poll(rows).toEqual([])
    expect((await ask(4300)).result).toBe(2)

    const journal = await open('/view/portico/journal')
    await journal.page.selectOption('#view select', 'refused')
    expect((await rowsOf(journal.page))[0]?.slice(1)).toEqual([
      'refused',
      'nas 192.168.88.10, NAT-PMP',
      'TCP 4300',
      'Rule 1: nas (Devices)',
    ])
    await journal.close()

    await box.check()
    await luci.apply()
    await expect.poll(async () => (await ask(4300)).result).toBe(0)
    await luci.close()
  })
})

describe('settings and check', () => {
  test('the toggle switches the daemon off and on', async () => {
    const services = async () => {
      const { services } = (await bus.call('portico', 'status', {})).data as { services: Table[] }
      return services.map(({ enabled }) => enabled)
    }
    const luci = await open('/view/portico/settings')
    const toggle = luci.page.locator('[data-name="_on"] input')
    await toggle.uncheck()
    await luci.apply()
    await expect.poll(services).toEqual([false, false])
    await toggle.check()
    await luci.apply()
    await expect.poll(services).toEqual([true, true])
    await luci.close()
  })

  test('every check of the daemon has a title, a colour and, unless green, a step', async () => {
    const luci = await open('/view/portico/check')
    const { checks } = (await bus.call('portico', 'check', {})).data as { checks: Table[] }
    for (const { name, state, what, mend } of checks) {
      const text = await luci.page.innerText(`[data-check="${String(name)}"]`)
      expect(text).not.toMatch(new RegExp(`^${String(name)}\\b`))
      expect(text).toContain(withNames(String(what)))
      expect([name, text.includes('What to do:')]).toEqual([name, state !== 'green'])
      if (state !== 'green') expect(text).toContain(String(mend))
    }
    expect(checks.length).toBeGreaterThan(5)
    await luci.close()
  })

  test('the rules answer before anybody asks for a port', async () => {
    const luci = await open('/view/portico/check')
    const answer = async (port: number) => {
      await luci.page.fill('#view input[type="number"]', String(port))
      await luci.page.click('.cbi-button-action')
      await expect.poll(() => luci.page.innerText('#view')).toMatch(/Allowed:|Refused:/)
      return luci.page.innerText('#view')
    }
    expect(await answer(22)).toContain('Refused: No rule fits, and without one port 22 stays closed.')
    await expect.poll(() => answer(8080)).toContain('Allowed: no rule fits')
    await luci.close()
  })
})
