/**
 * One switch for a device. What the page writes is read by the daemon's own loader and judged by the daemon's own
 * policy: off must leave the device no port at all, on the ports from 1024 up, and nothing may change for others.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Ip, Mac, Port } from '../../src/base/ip.ts'
import { fileNames, load } from '../../src/config/load.ts'
import { resolvePolicy } from '../../src/config/resolve.ts'
import { allowedPorts } from '../../src/core/permission.ts'
import { type Browser, openBrowser } from './support/browser.ts'
import { type LuciPage, openLuci, rowsOf } from './support/luci-page.ts'
import { CONFIGS } from './support/luci-world.ts'

const PATH = '/view/portico/devices'
const NAS = '02:00:00:00:00:0a'
const PLEX = '02:00:00:00:00:0b'
const LAPTOP = '02:00:00:00:00:15'
const ADDRESS: Readonly<Record<string, string>> = {
  [NAS]: '192.168.1.10',
  [PLEX]: '192.168.1.11',
  [LAPTOP]: '192.168.1.21',
}

let browser: Browser
beforeAll(async () => {
  browser = await openBrowser()
})
afterAll(() => browser.close())

/** The external ports that the daemon would give the device for one of its high ports: `1024-3388 3390-65535`. */
function portsOf(
  config: string,
  mac: string,
  service: 'upnp' | 'nat-pmp' = 'upnp',
  transport: 'tcp' | 'udp' = 'tcp',
): string {
  const loaded = load({ portico: new TextEncoder().encode(config) }, fileNames('/etc/config'))
  if (loaded.config === undefined) throw new Error(JSON.stringify(loaded.problems))
  const { policy } = resolvePolicy(loaded.config, { internal: [], externals: [] } as never, undefined)
  const internal = { ip: ADDRESS[mac] as Ip, port: 40_000 as Port }
  const ranges = allowedPorts(policy, { service, transport, internal, mac: mac as Mac, devices: ['br-lan'] })
  const sorted = [...ranges]
    .sort((a, b) => a.first - b.first)
    .map(({ first, last }) => [first, last] as [number, number])
  const joined: [number, number][] = []
  for (const [first, last] of sorted) {
    const before = joined.at(-1)
    if (before !== undefined && first <= before[1] + 1) before[1] = Math.max(before[1], last)
    else joined.push([first, last])
  }
  return joined.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(' ')
}

const everyWay = (config: string, mac: string): readonly string[] => [
  portsOf(config, mac),
  portsOf(config, mac, 'nat-pmp'),
  portsOf(config, mac, 'upnp', 'udp'),
]

const box = (luci: LuciPage, mac: string) => luci.page.locator(`input[data-mac="${mac}"]`)
const sections = (luci: LuciPage) =>
  luci.router
    .config('portico')
    .split('\n\n')
    .filter(text => text.includes('config permission'))
    .map(text => text.replace(/\s+/g, ' ').trim())

const ENABLED = `config portico 'upnp'
	option enabled '1'

config portico 'nat_pmp'
	option enabled '1'

config portico 'limits'
	option default_action '@'
`
const config = (defaultAction: string, rules = '') => ({
  ...CONFIGS,
  portico: `${ENABLED.replace('@', defaultAction)}\n${rules}`,
})

const HIGH = '1024-3388 3390-65535'

describe('the list', () => {
  test('has leases, neighbours, holders of ports and devices that a rule names, each once', async () => {
    const rules = `config permission
	option action 'deny'
	option mac '02:00:00:00:00:99'
`
    const luci = await openLuci(browser, PATH, { configs: config('high_ports', rules) })
    expect((await rowsOf(luci.page)).map(cells => cells.slice(0, 3))).toEqual([
      ['02:00:00:00:00:99 02:00:00:00:00:99', '', '–'],
      ['camera 02:00:00:00:00:14', '192.168.1.20', '–'],
      ['laptop 02:00:00:00:00:15', '192.168.1.21', '–'],
      ['mediacenter 02:00:00:00:00:0b', '192.168.1.11 2001:db8:1::11', '1'],
      ['nas 02:00:00:00:00:0a', '192.168.1.10', '1'],
      ['phone 02:00:00:00:00:16', '192.168.1.22', '–'],
      ['xbox 02:00:00:00:00:0c', '192.168.1.30 2001:db8:1::30', '2'],
    ])
    expect(await box(luci, '02:00:00:00:00:99').isChecked()).toBe(false)
    await luci.close()
  })

  test('changes nothing before it is saved, and Reset takes a click back', async () => {
    const luci = await openLuci(browser, PATH)
    await box(luci, NAS).uncheck()
    await luci.page.click('.cbi-button-reset')
    expect(await box(luci, NAS).isChecked()).toBe(true)
    await luci.page.click('.cbi-button-save')
    await luci.poll()
    expect(luci.router.changes).toEqual([])
    await luci.close()
  })
})

describe('off', () => {
  test('is one deny at the very top, and no port is left', async () => {
    const luci = await openLuci(browser, PATH)
    const before = luci.router.config('portico')
    await box(luci, NAS).uncheck()
    await luci.apply()
    expect(sections(luci)[0]).toBe(
      `config permission option action 'deny' option mac '${NAS}' option comment 'nas (Devices)'`,
    )
    const after = luci.router.config('portico')
    expect(everyWay(after, NAS)).toEqual(['', '', ''])
    expect(portsOf(after, LAPTOP)).toBe(portsOf(before, LAPTOP))
    expect(await box(luci, NAS).isChecked()).toBe(false)
    await luci.close()
  })

  test('beats a rule of the owner that allows the device one port', async () => {
    const one = rule({ action: 'allow', mac: PLEX, dst_port: '443' })
    const luci = await openLuci(browser, PATH, { configs: config('high_ports', one) })
    expect(portsOf(luci.router.config('portico'), PLEX)).toBe('443 1024-3388 3390-65535')
    await box(luci, PLEX).uncheck()
    await luci.apply()
    expect(portsOf(luci.router.config('portico'), PLEX)).toBe('')
    expect(sections(luci)).toHaveLength(2)
    await luci.close()
  })
})

describe('on', () => {
  test('takes the deny away where the default allows, and the file is as it was', async () => {
    const luci = await openLuci(browser, PATH)
    const before = luci.router.config('portico')
    await box(luci, NAS).uncheck()
    await luci.apply()
    await box(luci, NAS).check()
    await luci.apply()
    expect(luci.router.config('portico')).toBe(before)
    await luci.close()
  })

  test('is one allow for the ports from 1024 up where the default refuses, and off takes it away again', async () => {
    const luci = await openLuci(browser, PATH, { configs: config('deny') })
    expect(await box(luci, NAS).isChecked()).toBe(false)
    await box(luci, NAS).check()
    await luci.apply()
    expect(sections(luci)).toEqual([
      `config permission option action 'allow' option mac '${NAS}' option comment 'nas (Devices)' option dst_port '1024-65535' option internal_port '1024-65535'`,
    ])
    expect(everyWay(luci.router.config('portico'), NAS)).toEqual(Array(3).fill('1024-65535'))
    expect(portsOf(luci.router.config('portico'), LAPTOP)).toBe('')
    await box(luci, NAS).uncheck()
    await luci.apply()
    expect(sections(luci)).toEqual([])
    await luci.close()
  })

  test('stands right before the rule that would refuse, and rules before it keep deciding', async () => {
    const rules = `config permission
	option action 'deny'
	option dst_port '5000'
	option comment 'nobody'

config permission
	option action 'deny'
	option internal_address '192.168.1.0/24'
	option comment 'no device'
`
    const luci = await openLuci(browser, PATH, { configs: config('high_ports', rules) })
    expect(await box(luci, NAS).isChecked()).toBe(false)
    await box(luci, NAS).check()
    await luci.apply()
    expect(sections(luci).map(text => /comment '([^']*)'/.exec(text)?.[1])).toEqual([
      'nobody',
      'nas (Devices)',
      'no device',
    ])
    expect(portsOf(luci.router.config('portico'), NAS)).toBe('1024-4999 5001-65535')
    expect(portsOf(luci.router.config('portico'), LAPTOP)).toBe('')
    await luci.close()
  })
})

const rule = (options: Readonly<Record<string, string>>) =>
  `config permission\n${Object.entries(options)
    .map(([name, value]) => `\toption ${name} '${value}'\n`)
    .join('')}\n`

/** How the switch of the NAS stands, against what the daemon would do: all high ports, some ports, or none. */
const STATES: readonly (readonly [string, string, string, boolean, boolean])[] = [
  ['nothing but the default', 'high_ports', '', true, false],
  ['a default that allows all', 'allow', '', true, false],
  ['a default that refuses', 'deny', '', false, false],
  ['a deny for its address', 'high_ports', rule({ action: 'deny', internal_address: '192.168.1.10' }), false, false],
  [
    'a deny for a range with it',
    'high_ports',
    rule({ action: 'deny', internal_address: '192.168.1.5-192.168.1.15' }),
    false,
    false,
  ],
  [
    'a deny for a range without it',
    'high_ports',
    rule({ action: 'deny', internal_address: '192.168.1.11-192.168.1.15' }),
    true,
    false,
  ],
  [
    'a deny for another prefix',
    'high_ports',
    rule({ action: 'deny', internal_address: '192.168.2.0/24' }),
    true,
    false,
  ],
  ['a deny in capital letters', 'high_ports', rule({ action: 'deny', mac: '02:00:00:00:00:0A' }), false, false],
  ['a deny that is disabled', 'high_ports', rule({ action: 'deny', mac: NAS, disabled: 'yes' }), true, false],
  ['a deny for UPnP only', 'high_ports', rule({ action: 'deny', mac: NAS, service: 'upnp' }), true, false],
  ['an allow for one port, else refused', 'deny', rule({ action: 'allow', mac: NAS, dst_port: '8080' }), false, true],
  ['an allow for another device', 'deny', rule({ action: 'allow', mac: LAPTOP }), false, false],
  ['an allow for everybody', 'deny', rule({ action: 'allow' }), true, false],
  ['an allow for a wider range of ports', 'deny', rule({ action: 'allow', dst_port: '1000-65535' }), true, false],
  ['an allow before a deny', 'high_ports', rule({ action: 'allow', mac: NAS }) + rule({ action: 'deny' }), true, false],
  ['a deny before an allow', 'deny', rule({ action: 'deny', mac: NAS }) + rule({ action: 'allow' }), false, false],
]

describe('the switch says what the daemon does', () => {
  test.each(STATES)('%s', async (_, defaultAction, rules, on, some) => {
    const luci = await openLuci(browser, PATH, { configs: config(defaultAction, rules) })
    const row = luci.page.locator('tr', { has: box(luci, NAS) })
    expect([await box(luci, NAS).isChecked(), (await row.innerText()).includes('Single ports')]).toEqual([on, some])
    const ways = everyWay(luci.router.config('portico'), NAS)
    if (on) expect(ways.some(ports => ports.endsWith('-65535'))).toBe(true)
    else if (!some) expect(ways).toEqual(['', '', ''])
    await luci.close()
  })

  test.each(STATES)(
    'and turning it off leaves no port, turning it on again the high ones: %s',
    async (_, defaultAction, rules, on) => {
      const luci = await openLuci(browser, PATH, { configs: config(defaultAction, rules) })
      const laptop = portsOf(luci.router.config('portico'), LAPTOP)
      if (on) {
        await box(luci, NAS).uncheck()
        await luci.apply()
        expect(everyWay(luci.router.config('portico'), NAS)).toEqual(['', '', ''])
      }
      await box(luci, NAS).check()
      await luci.apply()
      const ports = portsOf(luci.router.config('portico'), NAS, 'nat-pmp')
      expect([HIGH, '1024-65535', '1-65535', '1000-65535']).toContain(ports)
      expect(portsOf(luci.router.config('portico'), LAPTOP)).toBe(laptop)
      await luci.close()
    },
  )
})
