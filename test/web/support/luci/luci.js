/**
 * The loader: `L`, the globals of a view, `'require …'` and the page around it. What to show is in the page's
 * `data-view` (`portico/mappings`) or `data-includes` (`81_portico`).
 */
import { baseclass, isClass } from './class.js'
import { append, content, create } from './dom.js'
import { form } from './form.js'
import { declare, onEnd } from './rpc.js'
import { uci } from './uci.js'
import { ui } from './ui.js'

const RESOURCES = '/luci-static/resources'

/* ---- text ---- */

const UNITS = ['', 'K', 'M', 'G', 'T', 'P', 'E']
const HTML = { '&': '&#38;', '<': '&#60;', '>': '&#62;', '"': '&#34;', "'": '&#39;' }

const WITHIN = /%(?:'.|0| )?-?(\d+)?(?:\.(\d+))?([%bcdufosxXqhjtm])/g

/**
 * `%s` text, `%d` whole number, `%h` text made safe for HTML, `%1024.1m` a number with a binary unit before its B.
 * LuCI knows more letters, and flags before them: a percent sign before one of those is an error here.
 */
String.prototype.format = function format(...args) {
  return this.replace(WITHIN, (all, width, digits, kind) => {
    if (kind === '%') return '%'
    const value = args.shift()
    switch (kind) {
      case 's':
        return String(value)
      case 'd':
        return Math.floor(Number(value) || 0).toFixed(0)
      case 'h':
        return ['object', 'function', 'undefined'].includes(typeof value)
          ? ''
          : String(value).replace(/[&<>"']/g, char => HTML[char])
      case 'm':
        return magnitude(Number(value) || 0, Number(width) || 1000, Number(digits ?? 2))
      default:
        throw new TypeError(`${all} in a format`)
    }
  })
}

/** Below the base the number comes as it is, with all its digits. */
function magnitude(value, base, digits) {
  let unit = 0
  let rest = value
  for (; rest > base && unit < UNITS.length - 1; unit++) rest /= base
  return unit === 0 ? `${rest} ` : `${rest.toFixed(digits)} ${UNITS[unit]}${base === 1024 ? 'i' : ''}`
}

/** Translations of the page's language: msgid -> msgstr, and for plurals msgid -> [msgstr, ...]. */
const { words, plural } = JSON.parse(document.getElementById('translations').textContent)
const first = text => (Array.isArray(text) ? text[0] : text)

window._ = text => first(words[text]) ?? text
window.N_ = (count, one, many) => {
  const forms = words[one]
  if (!Array.isArray(forms)) return count === 1 ? one : many
  return forms[plural === 'none' ? 0 : count === 1 ? 0 : 1]
}
window.E = create

/* ---- L ---- */

const toArray = value => {
  if (value === null || value === undefined) return []
  if (Array.isArray(value)) return value
  if (typeof value === 'object') return [value]
  const text = String(value).trim()
  return text === '' ? [] : text.split(/\s+/)
}

window.L = {
  url: (...parts) => `/cgi-bin/luci/${parts.join('/')}`,
  toArray,
  /** Whether the session may write what the view's ACL names. */
  hasViewPermission: () => document.body.dataset.readonly === undefined,
  isObject: value => typeof value === 'object' && value !== null,
  resolveDefault: (promise, fallback) => Promise.resolve(promise).catch(() => fallback),
  bind: (fn, self, ...args) => fn.bind(self, ...args),
  dom: { append, content, create },
}

/* ---- poll ---- */

/** Seconds between polls are those of the view; `window.pollNow` lets a test not wait for them. */
const polls = []
const poll = {
  add(run, seconds) {
    const entry = { run, seconds, busy: false }
    polls.push(entry)
    setInterval(() => document.body.dataset.poll === 'on' && step(entry), seconds * 1000)
    return true
  },
}

async function step(entry) {
  if (entry.busy) return
  entry.busy = true
  try {
    await entry.run()
  } finally {
    entry.busy = false
  }
}

onEnd(() => {
  document.body.dataset.poll = 'off'
  ui.showModal(window._('Session expired'), [create('p', {}, [window._('A new login is required.')])])
  throw new Error('Login session is expired')
})

window.pollNow = () => Promise.all(polls.map(step))

/* ---- view ---- */

const view = baseclass.extend({
  load() {},
  render() {},

  __init__() {
    const place = document.getElementById('view')
    content(place, create('div', { class: 'spinning' }, 'Loading view…'))
    this.shown = Promise.resolve(this.load())
      .then(data => this.render(data))
      .then(nodes => {
        content(place, nodes)
        append(place, this.addFooter())
      })
  },

  /** With a form its `readonly` counts, else the rights of the page; the buttons are there in any case. */
  addFooter() {
    const maps = form.maps()
    const readonly = maps.length > 0 ? maps.every(map => map.readonly) : !window.L.hasViewPermission()
    const button = (kind, title, name) => {
      const click = ui.createHandlerFn({ run: event => this[name](event, '0') }, 'run')
      return create('button', { class: `btn cbi-button cbi-button-${kind}`, click, disabled: readonly || null }, [
        title,
      ])
    }
    const buttons = []
    if (this.handleSaveApply) buttons.push(button('apply', window._('Save & Apply'), 'handleSaveApply'))
    if (this.handleSave) buttons.push(button('save', window._('Save'), 'handleSave'))
    if (this.handleReset) buttons.push(button('reset', window._('Reset'), 'handleReset'))
    return buttons.length === 0 ? [] : [create('div', { class: 'cbi-page-actions' }, buttons)]
  },

  handleSave() {
    return Promise.all(form.maps().map(map => map.save()))
  },

  handleSaveApply(event, mode) {
    return this.handleSave(event).then(() => {
      ui.changes.apply(mode === '0')
    })
  },

  handleReset() {
    return Promise.all(form.maps().map(map => map.reset()))
  },
})

/* ---- modules ---- */

const BUILT_IN = { baseclass, view, form, poll, rpc: { declare }, ui, uci, dom: window.L.dom }
const modules = new Map()

/** A module is a function body; `'require a.b as c';` at its beginning names what it is given, and it returns a class. */
async function load(name) {
  if (name in BUILT_IN) return BUILT_IN[name]
  if (!modules.has(name)) modules.set(name, evaluate(name))
  return modules.get(name)
}

async function evaluate(name) {
  const path = `${RESOURCES}/${name.replaceAll('.', '/')}.js`
  const response = await fetch(path)
  if (!response.ok) throw new Error(`${path}: ${response.status}`)
  const source = await response.text()
  const needed = requirements(source)
  const given = await Promise.all(needed.map(({ module }) => load(module)))
  const factory = new Function(
    'window',
    'document',
    'L',
    ...needed.map(({ as }) => as),
    `${source}\n//# sourceURL=${path}`,
  )
  const Class = factory.call(window, window, document, window.L, ...given)
  if (!isClass(Class)) throw new TypeError(`${name} does not return a class`)
  return new Class()
}

/** The strings at the beginning, comments between them or not: `'use strict'` and `'require …'`, until another one. */
function requirements(source) {
  const found = []
  for (const [, text] of source.matchAll(/\/\*[\s\S]*?\*\/|\/\/.*|['"]([^'"]*)['"]/g)) {
    if (text === undefined || /^use[ \t]+strict$/.test(text)) continue
    const match = /^require[ \t]+(\S+)(?:[ \t]+as[ \t]+([a-zA-Z_]\S*))?$/.exec(text)
    if (match === null) break
    found.push({ module: match[1], as: match[2] ?? match[1].replace(/\W/g, '_') })
  }
  return found
}

/* ---- the page ---- */

async function showView(path) {
  const shown = await load(`view.${path.replaceAll('/', '.')}`)
  await shown.shown
}

/** As LuCI's status page does: load all, render all, and put what comes into their boxes, again and again. */
async function showIncludes(names) {
  const place = document.getElementById('view')
  const boxes = []
  for (const name of names) {
    const include = await load(`view.status.include.${name}`)
    const inner = create('div')
    const outer = create('div', { class: 'cbi-section', style: 'display:none' }, [
      create('div', { class: 'cbi-title' }, [create('h3', {}, [include.title])]),
      inner,
    ])
    place.appendChild(outer)
    boxes.push({ include, inner, outer })
  }
  const turn = async () => {
    const data = await Promise.all(
      boxes.map(box =>
        box.include.load().catch(() => {
          box.failed = true
        }),
      ),
    )
    for (const [n, { include, inner, outer, failed }] of boxes.entries()) {
      // One that failed once is not asked again; a `render` that throws takes the whole page with it.
      const nodes = failed ? null : include.render(data[n])
      // Nothing to show: what was there stays.
      if (nodes === null || nodes === undefined) continue
      outer.style.display = ''
      content(inner, nodes)
    }
  }
  await turn()
  poll.add(turn, 5)
}

try {
  const { view: path, includes } = document.body.dataset
  if (path) await showView(path)
  if (includes) await showIncludes(includes.split(' '))
  document.body.dataset.ready = 'yes'
} catch (error) {
  console.error(error)
  document.body.dataset.ready = 'failed'
  document.body.append(String(error?.stack ?? error))
}
