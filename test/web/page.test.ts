/** The page at the presentation URL, in a browser on a device of the LAN, from the running daemon. */
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { addIpv6 } from '../support/ipv6.ts'
import { LAN, type Lab, makeLab } from '../support/lab.ts'
import { sleep } from '../support/process.ts'
import { expectReach } from '../support/reach.ts'
import type { Engine, Server } from '../support/server.ts'
import { httpRaw, request, startUpnp, statusOf } from '../support/upnp.ts'
import { mapByUpnp, openOnLan, PAGE } from './support/lan-browser.ts'

const ENGINES: readonly Engine[] = ['quickjs', 'node']

const HOSTILE = ['<img src=x onerror="document.title=1">', '<script>document.title=2</script>', ']]><svg onload=x()>']
const SIZES = [
  ['desktop', 1000, 800],
  ['phone', 360, 740],
] as const

interface Seen {
  readonly title: string
  readonly language: string
  readonly text: string
  readonly names: readonly string[]
  readonly requests: readonly string[]
  readonly complaints: readonly string[]
  readonly width: number
  readonly ground: string
  readonly tags: readonly string[]
  readonly unlabelled: number
}

describe.each(ENGINES)('on %s', engine => {
  let lab: Lab
  let server: Server
  let browser: Browser

  beforeAll(async () => {
    lab = await makeLab()
    await addIpv6(lab)
    await lab.router.must(['sysctl', '-q', 'net.netfilter.nf_conntrack_acct=1'])
    server = await startUpnp(lab, engine, { upnp: { show_dummy_rule: '0' } })
    browser = await openOnLan(lab)
  })
  afterAll(async () => {
    await browser?.close()
    await lab?.close()
  })

  test('the description names it, and it is there', async () => {
    const description = await httpRaw(lab.a, LAN, request('GET', '/rootDesc.xml'))
    expect(description).toContain('<presentationURL>/</presentationURL>')
    expect(statusOf(await httpRaw(lab.a, LAN, request('GET', '/')))).toBe(200)
  })

  test('before anything is asked for, it says how programs ask', async () => {
    const seen = await look(browser, 'light', SIZES[0])
    expect(seen.text).toContain('No program on this device has asked for a port.')
    expect(seen.text).toContain('11.22.33.44')
    expect(seen.complaints).toEqual([])
  })

  describe('with mappings, hostile ones too', () => {
    beforeAll(async () => {
      await lab.a.tcpEcho(22000)
      expect(statusOf(await mapByUpnp(lab, 22000, 'syncthing-22000'))).toBe(200)
      expect(statusOf(await mapByUpnp(lab, 51413, 'Transmission at 51413', { NewEnabled: 0 }))).toBe(200)
      for (const [at, label] of HOSTILE.entries()) expect(statusOf(await mapByUpnp(lab, 40_001 + at, label))).toBe(200)
      for (let i = 0; i < 3; i++) expect(statusOf(await mapByUpnp(lab, 80, 'nginx <b>80</b>'))).toBe(500)
      await expectReach(lab, 'tcp', 22_000, lab.a)
    })

    const rows = SIZES.flatMap(size => (['light', 'dark'] as const).map(scheme => [scheme, size[0], size] as const))
    test.each(rows)(
      '%s, %s: text is text, nothing is asked of anybody, nothing is wider than the screen',
      async (scheme, _name, size) => {
        const seen = await look(browser, scheme, size)
        for (const label of [...HOSTILE, 'nginx <b>80</b>', 'syncthing-22000']) expect(seen.names).toContain(label)
        expect(seen.title).toBe('Open ports – Portico')
        expect(seen.tags.filter(tag => ['SCRIPT', 'svg', 'IFRAME', 'B', 'IMG'].includes(tag))).toEqual([
          'IMG',
          'B',
          'B',
        ])
        expect(seen.requests).toEqual(['/', '/page.css', '/page.svg'])
        expect(seen.complaints).toEqual([])
        expect(seen.width).toBeLessThanOrEqual(size[1])
        expect(seen.unlabelled).toBe(0)
        expect(seen.ground).toBe(scheme === 'light' ? 'rgb(244, 243, 239)' : 'rgb(18, 20, 22)')
      },
    )

    test('what is left, what is switched off, and why something was refused', async () => {
      const { text } = await look(browser, 'light', SIZES[0])
      expect(text).toMatch(/1 h 59 min|2 h 00 min/)
      expect(text).toContain('Switched off by its program')
      expect(text).toContain('Open TCP port 80 for nginx <b>80</b> by UPnP (3 times)')
      expect(text).toContain("The router's rules do not allow it.")
      expect(text).toContain('4 open ports, 1 idle')
      // The knock of the world and its echo, with their TCP around them.
      expect(text).toMatch(/↓ \d+ B \d+ packets\s*↑ \d+ B \d+ packets/)
    })

    test('what a flow carried that began and ended unseen', async () => {
      const carried = async () => {
        await sleep(1100) // a reading of the kernel serves for a second
        const { text } = await look(browser, 'light', SIZES[0])
        return Number(/↓ \d+ B (\d+) packets/.exec(text)?.[1])
      }
      const before = await carried()
      await expectReach(lab, 'tcp', 22_000, lab.a)
      await lab.router.must(['conntrack', '-F'])
      expect(await carried()).toBeGreaterThan(before)
    })

    test.each([
      ['de-DE', 'de', '4 offene Ports, 1 ruhend', 'TCP-Port 80 öffnen für nginx <b>80</b> per UPnP (3-mal)'],
      ['zh-CN', 'zh-Hans', '4 个开放的端口，1 个停用', '开放 TCP 端口 80，用于 nginx <b>80</b>，通过 UPnP（3 次）'],
    ])('in the language of the browser: %s', async (locale, language, open, refused) => {
      for (const size of SIZES) {
        const seen = await look(browser, 'light', size, locale)
        expect(seen.language).toBe(language)
        for (const text of [open, refused]) expect(seen.text).toContain(text)
        expect(seen.names).toContain('syncthing-22000')
        expect([seen.complaints, seen.unlabelled]).toEqual([[], 0])
        expect(seen.width).toBeLessThanOrEqual(size[1])
      }
    })

    test('a neighbour sees nothing of it (S34)', async () => {
      const answer = await httpRaw(lab.b, LAN, request('GET', '/'))
      expect(statusOf(answer)).toBe(200)
      expect(answer).not.toContain('syncthing')
      expect(answer).not.toContain(lab.a.ip)
      expect(answer).not.toContain('nginx')
    })

    test('no page of a stranger may frame it or read it', async () => {
      const answer = await httpRaw(lab.a, LAN, request('GET', '/'))
      expect(answer).toContain("frame-ancestors 'none'")
      expect(answer).not.toMatch(/access-control-allow/i)
    })

    test('the daemon has not complained', () => {
      expect(server.output).not.toMatch(/,(warning|error) |a fault of this program/)
    })
  })

  /** As one who opens the page sees it. */
  async function look(
    of: Browser,
    scheme: 'light' | 'dark',
    [, width, height]: (typeof SIZES)[number],
    locale = 'en-US',
  ): Promise<Seen> {
    const context = await of.newContext({ viewport: { width, height }, colorScheme: scheme, locale })
    const page = await context.newPage()
    const requests: string[] = []
    const complaints: string[] = []
    page.on('request', asked => requests.push(asked.url().replace(PAGE, '/')))
    page.on('console', message => complaints.push(message.text()))
    page.on('pageerror', error => complaints.push(String(error)))
    page.on('dialog', dialog => complaints.push(dialog.message()))
    await page.goto(PAGE, { waitUntil: 'load' })
    const found = await page.evaluate(LOOK)
    await context.close()
    return { ...(found as Omit<Seen, 'requests' | 'complaints'>), requests: [...new Set(requests)].sort(), complaints }
  }
})

/** Runs in the page. */
const LOOK = `(() => ({
  title: document.title,
  language: document.documentElement.lang,
  text: document.body.innerText,
  names: [...document.querySelectorAll('bdi')].map(each => each.textContent),
  width: document.documentElement.scrollWidth,
  ground: getComputedStyle(document.body).backgroundColor,
  tags: [...document.querySelectorAll('*')].map(each => each.tagName),
  unlabelled: [...document.querySelectorAll('td')].filter(each => !each.dataset.label).length,
}))()`
