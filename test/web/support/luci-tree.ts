/**
 * LuCI's own client code in place of the stand-in, where the environment variable `LUCI` names it: a checkout of
 * openwrt/luci, or the `/www` of a router. What the templates, the dispatcher and its controllers do is played here.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const LUCI = process.env['LUCI'] ?? ''
export const isReal = LUCI !== ''

const PLACES = ['modules/luci-base/htdocs', 'modules/luci-mod-status/htdocs', 'themes/luci-theme-bootstrap/htdocs', '.']

/** A file of LuCI's by its place on the router, such as `/luci-static/resources/luci.js`. */
export function luciFile(path: string): string | undefined {
  const found = PLACES.map(place => join(LUCI, place, path)).find(existsSync)
  return found === undefined ? undefined : readFileSync(found, 'utf8')
}

export interface Shown {
  /** `admin/services/portico/mappings` */
  readonly at: string
  /** `portico/mappings` */
  readonly view: string
  readonly language: string
  readonly readonly: boolean
  readonly session: string
  /** Polls run when the test says so. */
  readonly still: boolean
  readonly translations: {
    readonly words: Readonly<Record<string, string | readonly string[]>>
    readonly plural: string
  }
}

/** What `header.ut`, `view.ut` and `footer.ut` make of a page, with bootstrap's theme. */
export function luciPage(shown: Shown): string {
  const { language, view, still } = shown
  return `<!DOCTYPE html>
<html lang="${language}">
<head>
<meta charset="utf-8"><title>OpenWrt</title><link rel="icon" href="data:,">
<script>
  const query = matchMedia('(prefers-color-scheme: dark)')
  const dark = ({ matches }) => document.documentElement.setAttribute('data-darkmode', matches)
  query.addEventListener('change', dark)
  dark(query)
</script>
<link rel="stylesheet" href="/luci-static/bootstrap/cascade.css">
<link rel="stylesheet" media="only screen and (max-device-width: 854px)" href="/luci-static/bootstrap/mobile.css">
<script src="/luci-static/resources/cbi.js"></script>
<script>${catalogue(shown.translations)}</script>
</head>
<body class="lang_${language}">
<header>
<a class="brand" href="/">OpenWrt</a>
<ul class="nav" id="topmenu" style="display:none"></ul>
<div id="indicators" class="pull-right"></div>
</header>
<div id="maincontent" class="container">
<div id="tabmenu" style="display:none"></div>
<script src="/luci-static/resources/luci.js"></script>
<script>
  L = new LuCI(${inline(environment(shown))})
  ${still ? 'L.require("poll").then(poll => { poll.start = () => false })' : ''}
</script>
<div id="view">
<div class="spinning">Loading view…</div>
<script>
  L.require('ui').then(ui => { ui.instantiateView('${view}') })
</script>
</div>
</div>
<footer><ul class="breadcrumb pull-right" id="modemenu" style="display:none"></ul></footer>
<script>L.require('menu-bootstrap')</script>
<script>${WATCH}</script>
</body>
</html>`
}

const inline = (value: unknown): string => JSON.stringify(value).replaceAll('<', '\\u003c')

/** Words are known by a hash of them, which LuCI's own function makes; plurals by it and the number of the form. */
const catalogue = ({ words, plural }: Shown['translations']): string => `
  window.TR = { '00000000': 'plural=${plural === 'none' ? '0' : '(n != 1)'};' }
  for (const [id, text] of Object.entries(${inline(words)}))
    if (typeof text === 'string') TR[sfh(id)] = text
    else text.forEach((form, n) => { TR[sfh(id + '\\u0002' + n)] = form })`

/** The page is ready when the view is drawn; polls are left to the test. */
const WATCH = `
  const look = () => {
    const view = document.getElementById('view')
    if (view.querySelector(':scope > .spinning') !== null) return
    if (view.childElementCount === 0 && document.querySelector('.alert-message') === null) return
    observer.disconnect()
    document.body.dataset.ready = 'yes'
  }
  const observer = new MutationObserver(look)
  observer.observe(document.body, { childList: true, subtree: true })
  window.pollNow = async () => {
    const poll = await L.require('poll')
    await Promise.all(poll.queue.map(async entry => {
      if (!entry.r) return
      entry.r = false
      try { await entry.fn() } finally { entry.r = true }
    }))
  }`

function environment({ at, view, readonly, session }: Shown): unknown {
  const path = at.split('/')
  return {
    media: '/luci-static/bootstrap',
    resource: '/luci-static/resources',
    scriptname: '/cgi-bin/luci',
    pathinfo: `/${at}`,
    documentroot: '/www',
    requestpath: path,
    dispatchpath: path,
    pollinterval: 5,
    ubuspath: '/ubus/',
    sessionid: session,
    token: 'f'.repeat(32),
    nodespec: { satisfied: true, readonly, title: 'Portico', action: { type: 'view', path: view } },
    // Seconds; LuCI has at least one of each.
    apply_rollback: 90,
    apply_holdoff: 0.05,
    apply_timeout: 1,
    apply_display: 0.05,
  }
}
