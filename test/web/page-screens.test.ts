/**
 * Pictures of the page at the presentation URL, from a running daemon. `SCREENS=1` makes them anew; without it they are
 * only looked after.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { addIpv6 } from '../support/ipv6.ts'
import { type Lab, makeLab, WAN } from '../support/lab.ts'
import { root } from '../support/root.ts'
import { startUpnp } from '../support/upnp.ts'
import { mapByUpnp, openOnLan, PAGE } from './support/lan-browser.ts'

const FOLDER = join(root, 'docs/screens')
const MOST_BYTES = 60_000
const MAKE = process.env['SCREENS'] === '1'
const PICTURES = [
  { name: 'page-light', colorScheme: 'light', width: 760, height: 800 },
  { name: 'page-dark', colorScheme: 'dark', width: 760, height: 800 },
  { name: 'page-phone', colorScheme: 'light', width: 360, height: 680 },
] as const

if (MAKE) describe('pictures', pictures)

function pictures(): void {
  let lab: Lab
  let browser: Browser

  beforeAll(async () => {
    lab = await makeLab()
    await addIpv6(lab)
    await lab.router.must(['sysctl', '-q', 'net.netfilter.nf_conntrack_acct=1'])
    await startUpnp(lab, 'quickjs', { upnp: { show_dummy_rule: '0' } })
    await lab.a.tcpEcho(22_000)
    await mapByUpnp(lab, 22_000, 'syncthing-22000')
    await mapByUpnp(lab, 3074, 'Teredo', { NewProtocol: 'UDP', NewLeaseDuration: 14_400 })
    await mapByUpnp(lab, 8123, 'Home Assistant', { NewEnabled: 0 })
    for (let i = 0; i < 3; i++) await mapByUpnp(lab, 80, 'nginx')
    const flow = await lab.world.tcpFlow([WAN, 22_000])
    for (let i = 0; i < 40; i++) await flow.ask('x'.repeat(1000 + 20 * i))
    browser = await openOnLan(lab)
  })
  afterAll(async () => {
    await browser?.close()
    await lab?.close()
  })

  test.each(PICTURES)('$name', async ({ name, colorScheme, width, height }) => {
    mkdirSync(FOLDER, { recursive: true })
    const context = await browser.newContext({ viewport: { width, height }, colorScheme })
    const page = await context.newPage()
    await page.goto(PAGE)
    const path = join(FOLDER, `${name}.png`)
    await page.screenshot({ path })
    await context.close()
    // A palette is a third of the size, and nobody sees it.
    execFileSync('pngquant', ['--force', '--output', path, '64', path])
  })
}

test.each(PICTURES)('$name is there, and small', ({ name }) => {
  expect(statSync(join(FOLDER, `${name}.png`)).size).toBeLessThan(MOST_BYTES)
})
