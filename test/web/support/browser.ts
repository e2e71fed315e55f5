/**
 * Debian's Chromium without a window, driven through its debugging pipe: no port is opened. Pages get everything they
 * ask for from the test, so a page that wants the network finds none.
 */
import { existsSync } from 'node:fs'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'

export type { Browser, BrowserContext, Page }

export const CHROMIUM = '/usr/bin/chromium'

/** Root runs the tests, and Chromium's sandbox refuses root; /dev/shm is small in containers. */
export const FLAGS = [
  '--no-sandbox',
  '--disable-dev-shm-usage',
  '--disable-gpu',
  '--font-render-hinting=none',
  '--disable-lcd-text',
]

export async function openBrowser(): Promise<Browser> {
  if (!existsSync(CHROMIUM)) throw new Error(`${CHROMIUM} is missing: tools/setup.sh web`)
  return chromium.launch({
    executablePath: CHROMIUM,
    args: FLAGS,
  })
}

export interface Answer {
  readonly status?: number
  readonly type: string
  readonly body: string | Uint8Array
  readonly headers?: Readonly<Record<string, string>>
}

export interface Opened {
  readonly page: Page
  /** Uncaught errors and `console.error` of the page; a test expects it to be empty. */
  readonly errors: string[]
  close(): Promise<void>
}

export interface PageOptions {
  /** Every request of the page; `undefined` is 404. */
  readonly answer: (path: string, body: string | null) => Answer | undefined | Promise<Answer | undefined>
  readonly locale?: string
  readonly width?: number
  readonly height?: number
}

/** A page in a profile of its own, with every request answered by the test. Opens nothing yet. */
export async function openPage(browser: Browser, options: PageOptions): Promise<Opened> {
  const { answer, locale = 'en-US', width = 1120, height = 800 } = options
  const context = await browser.newContext({ locale, viewport: { width, height }, timezoneId: 'UTC' })
  const page = await context.newPage()
  const errors: string[] = []
  page.on('pageerror', error => errors.push(String(error)))
  page.on('console', message => {
    if (message.type() === 'error') errors.push(message.text())
  })
  await page.route('**/*', async route => {
    const request = route.request()
    const found = await answer(new URL(request.url()).pathname, request.postData())
    if (found === undefined) return route.fulfill({ status: 404, contentType: 'text/plain', body: 'not found' })
    const { status = 200, type, body, headers = {} } = found
    const bytes = typeof body === 'string' ? body : Buffer.from(body)
    return route.fulfill({ status, headers: { ...headers, 'content-type': type }, body: bytes })
  })
  return { page, errors, close: () => context.close() }
}
