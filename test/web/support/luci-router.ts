/**
 * A router as LuCI's pages see it: the app's own files, the stand-in for LuCI's loader or LuCI's own (`LUCI`), rpcd's
 * `uci` object over configuration in memory, and an answer for every other ubus method. rpcd's ACL is enforced: what
 * the app's own acl.d file does not allow is refused as on the router, and noted.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseUci, writeUci } from '../../../src/wire/uci.ts'
import { root } from '../../support/root.ts'
import type { Answer } from './browser.ts'
import { isReal, luciFile, luciPage } from './luci-tree.ts'
import { parsePo } from './po.ts'

export const APP = join(root, 'openwrt/luci-app-portico')
const STAND_IN = join(root, 'test/web/support/luci')
const ADMIN = '/cgi-bin/luci/admin'
const SESSION = 'e'.repeat(32)

type Values = Readonly<Record<string, unknown>>
type Reply = readonly [status: number, data?: unknown]

/** A ubus method that is not `uci`: `[0, data]`, or a status; `[4]` where there is no such object. */
export type Ubus = (object: string, method: string, args: Values) => Reply | Promise<Reply>

export interface Call {
  readonly object: string
  readonly method: string
  readonly args: Values
}

interface Request {
  readonly id: number
  readonly method: string
  readonly params: readonly [string, string, string, Values]
}

interface Section {
  type: string
  name: string
  anonymous: boolean
  options: Record<string, string | string[]>
}

export interface RouterOptions {
  readonly ubus: Ubus
  /** Texts of configuration files by name. */
  readonly configs: Readonly<Record<string, string>>
  readonly language?: 'en' | 'de' | 'zh_Hans'
  /** A session that may look and not touch. */
  readonly readonly?: boolean
  /** As older LuCI: what is set to its default is written, not taken away. */
  readonly old?: boolean
  /** Runs after `uci apply`, with the files as they are then. */
  readonly onApply?: (configs: Readonly<Record<string, string>>) => Promise<void>
  /** The page polls by itself; else `LuciPage.poll` does it. */
  readonly polling?: boolean
}

export class LuciRouter {
  /** Every call that the ACL allowed, in order. */
  readonly calls: Call[] = []
  /** What the ACL refused. */
  readonly denied: string[] = []
  readonly #options: RouterOptions
  readonly #configs = new Map<string, Section[]>()
  /** Changes that rpcd holds for the session until they are applied, as `uci changes` tells them. */
  readonly #held: Record<string, string[][]> = {}
  #added = 0
  /** Statuses of rpcd's answers to `uci apply`. */
  readonly applied: number[] = []
  /** A session that has ended may nothing. */
  expired = false
  /** A router that is away answers nothing that is of use. */
  away = false
  /** What rpcd answers to every change of the configuration, such as 9 where the storage is full. */
  refusal = 0
  ubus: Ubus

  constructor(options: RouterOptions) {
    this.#options = options
    this.ubus = options.ubus
    for (const [name, text] of Object.entries(options.configs)) this.#configs.set(name, sectionsOf(name, text))
  }

  /** The configuration as a file would have it. */
  config(name: string): string {
    const sections = this.#configs.get(name) ?? []
    return writeUci(
      sections.map(({ type, name, anonymous, options }) => ({
        type,
        name,
        anonymous,
        options: new Map(
          Object.entries(options).map(([key, value]) => [
            key,
            { name: key, value, places: [{ line: 1, column: 1, byte: 0 }] },
          ]),
        ),
      })) as Parameters<typeof writeUci>[0],
    )
  }

  /** Calls that change something, as `object.method`. */
  get changes(): readonly Call[] {
    return this.calls.filter(({ object, method }) =>
      object === 'uci' ? !['get', 'changes'].includes(method) : ['remove', 'pin'].includes(method),
    )
  }

  /** Pages are `/view/portico/mappings` and `/status/81_portico`. */
  async answer(path: string, body: string | null): Promise<Answer | undefined> {
    if (this.away) return { status: 502, type: 'text/html', body: 'Bad Gateway' }
    if (path === '/ubus' || path.startsWith('/ubus/')) return json(await this.#ubusd(JSON.parse(body ?? '{}')))
    if (path.startsWith('/view/')) return html(this.#page({ view: path.slice('/view/'.length) }))
    if (path.startsWith('/status/')) return html(this.#page({ includes: path.slice('/status/'.length) }))
    if (path.startsWith('/stand-in/')) return file(join(STAND_IN, path.slice('/stand-in/'.length)))
    // What LuCI runs to learn from which address it is visited.
    if (path === '/cgi-bin/cgi-exec') return json({})
    if (path.startsWith(`${ADMIN}/`)) return this.#dispatch(path.slice(ADMIN.length + 1), body)
    return file(join(APP, 'htdocs', path)) ?? (isReal ? fileOfLuci(path) : undefined)
  }

  /** uhttpd takes one request, or a list of them. */
  #ubusd(request: Request | Request[]): Promise<unknown> {
    return Array.isArray(request) ? Promise.all(request.map(each => this.#rpc(each))) : this.#rpc(request)
  }

  async #rpc({ id, method: verb, params }: Request): Promise<unknown> {
    if (verb === 'list') return { jsonrpc: '2.0', id, result: {} }
    const [session, object, method, args] = params
    const denied = { jsonrpc: '2.0', id, error: { code: -32002, message: 'Access denied' } }
    if (this.expired || session !== SESSION) return denied
    const own = ofLuci(`${object}.${method}`, args)
    if (own !== undefined) return { jsonrpc: '2.0', id, result: own }
    if (!isAllowed(object, method, args, this.#options.readonly === true)) {
      this.denied.push(`${object}.${method}`)
      return denied
    }
    this.calls.push({ object, method, args })
    if (object === 'uci') return { jsonrpc: '2.0', id, result: await this.#uci(method, args) }
    // uhttpd puts the session among the arguments, whatever the object.
    const result = await this.ubus(object, method, { ...args, ubus_rpc_session: SESSION })
    if (result[0] === 4) return { jsonrpc: '2.0', id, error: { code: -32000, message: 'Object not found' } }
    return { jsonrpc: '2.0', id, result }
  }

  /** What LuCI asks its own dispatcher for: the menu, and to apply changes with a way back. */
  async #dispatch(path: string, body: string | null): Promise<Answer | undefined> {
    if (path === 'menu') return json(menuTree())
    if (this.expired) return { status: 403, type: 'text/html', body: '', headers: { 'X-LuCI-Login-Required': 'yes' } }
    if (path === 'ubus') return json(await this.#ubusd(JSON.parse(body ?? '{}')))
    const method = { 'uci/apply_rollback': 'apply', 'uci/apply_unchecked': 'apply', 'uci/confirm': 'confirm' }[path]
    if (method === undefined) return undefined
    const args = { rollback: path === 'uci/apply_rollback' }
    this.calls.push({ object: 'uci', method, args })
    const [status] = await this.#uci(method, args)
    if (status === 5) return { status: 204, type: 'text/plain', body: '' }
    if (status !== 0) return { status: 403, type: 'text/plain', body: 'Permission denied' }
    return args.rollback ? json({ token: 'a'.repeat(32) }) : { type: 'text/plain', body: 'OK' }
  }

  async #uci(method: string, args: Values): Promise<Reply> {
    const config = String(args['config'] ?? '')
    const sections = this.#configs.get(config)
    if (method === 'apply') return this.#apply()
    if (method === 'confirm') return [0]
    if (method === 'changes') return [0, { changes: this.#held }]
    if (sections === undefined) return [4]
    if (method !== 'get' && this.refusal !== 0) return [this.refusal]
    if (method !== 'get') this.#held[config] = [...(this.#held[config] ?? []), [method, String(args['section'])]]
    const section = sections.find(({ name }) => name === args['section'])
    switch (method) {
      case 'get':
        return [0, { values: Object.fromEntries(sections.map((each, index) => [each.name, shown(each, index)])) }]
      case 'add':
        return [0, { section: this.#add(sections, args) }]
      case 'set':
        // rpcd says nothing where there is no such section.
        if (section !== undefined) Object.assign(section.options, args['values'])
        return [0]
      case 'delete':
        return remove(sections, section, args['options'] as string[] | null)
      case 'order':
        return order(sections, args['sections'] as string[])
      default:
        return [3]
    }
  }

  /** Where the session holds no changes there is nothing to apply: UBUS_STATUS_NO_DATA. */
  async #apply(): Promise<Reply> {
    const changed = Object.keys(this.#held)
    for (const config of changed) delete this.#held[config]
    if (changed.length > 0) await this.#options.onApply?.(this.#texts())
    this.applied.push(changed.length > 0 ? 0 : 5)
    return [this.applied.at(-1) as number]
  }

  #add(sections: Section[], args: Values): string {
    const name =
      args['name'] === undefined ? `cfg${(++this.#added).toString(16).padStart(6, '0')}` : String(args['name'])
    const options = { ...(args['values'] as Record<string, string>) }
    sections.push({ type: String(args['type']), name, anonymous: args['name'] === undefined, options })
    return name
  }

  #texts(): Record<string, string> {
    return Object.fromEntries([...this.#configs.keys()].map(name => [name, this.config(name)]))
  }

  #page({ view, includes }: { view?: string; includes?: string }): string {
    const { language = 'en', readonly = false, old = false, polling = false } = this.#options
    if (isReal)
      return luciPage({
        at: view === undefined ? 'admin/status/overview' : `admin/services/${view}`,
        view: view ?? 'status/index',
        language: language === 'zh_Hans' ? 'zh-cn' : language,
        readonly,
        session: SESSION,
        still: !polling,
        translations: translations(language),
      })
    const tabs = view === undefined ? '' : tabsOf(view, translations(language).words)
    const data = view === undefined ? `data-includes="${includes}"` : `data-view="${view}"`
    return `<!DOCTYPE html>
<html lang="${language === 'zh_Hans' ? 'zh-Hans' : language}">
<head><meta charset="utf-8"><title>OpenWrt</title><link rel="stylesheet" href="/stand-in/theme.css"><link rel="icon" href="data:,"></head>
<body ${data}${readonly ? ' data-readonly' : ''}${old ? ' data-luci="old"' : ''}${polling ? ' data-poll="on"' : ''}>
<header><span class="brand">OpenWrt</span><nav>${menuOf(language, view === undefined)}</nav></header>
<div id="maincontent">${tabs}<div id="view"></div></div>
<div id="modal_overlay"></div>
<script type="application/json" id="translations">${JSON.stringify(translations(language)).replaceAll('<', '\\u003c')}</script>
<script type="module" src="/stand-in/luci.js"></script>
</body></html>`
  }
}

/** What LuCI itself asks rpcd for, by the rights of luci-base and luci-mod-status; undefined for all else. */
function ofLuci(name: string, { path, config }: Values): Reply | undefined {
  if (name === 'session.access') return [0, { access: true }]
  if (name === 'uci.get') return CONFIGS_OF_LUCI.includes(String(config)) ? [0, { values: {} }] : undefined
  if (name !== 'file.list') return ASKED_BY_LUCI.includes(name) ? [0, {}] : undefined
  return path === '/www/luci-static/resources/view/status/include'
    ? [0, { entries: [{ name: '81_portico.js', type: 'file' }] }]
    : [4]
}

const CONFIGS_OF_LUCI = ['network', 'wireless', 'luci']
const ASKED_BY_LUCI = [
  'luci.getFeatures',
  'luci-rpc.getBoardJSON',
  'luci-rpc.getNetworkDevices',
  'luci-rpc.getWirelessDevices',
  'network.get_proto_handlers',
]

interface Acl {
  readonly read: Grants
  readonly write: Grants
}

interface Grants {
  readonly ubus: Readonly<Record<string, readonly string[]>>
  readonly uci: readonly string[]
}

export function readAcl(): Acl {
  const text = readFileSync(join(APP, 'root/usr/share/rpcd/acl.d/luci-app-portico.json'), 'utf8')
  return (JSON.parse(text) as { 'luci-app-portico': Acl })['luci-app-portico']
}

/** `uci` itself is LuCI's own matter (luci-base); which files is the app's. */
function isAllowed(object: string, method: string, args: Values, readonly: boolean): boolean {
  const { read, write } = readAcl()
  const granted = readonly ? [read] : [read, write]
  if (object !== 'uci') return granted.some(({ ubus }) => ubus[object]?.includes(method))
  if (readonly && !['get', 'changes'].includes(method)) return false
  if (['apply', 'confirm', 'changes'].includes(method)) return true
  return (method === 'get' ? read : write).uci.includes(String(args['config']))
}

function sectionsOf(name: string, text: string): Section[] {
  const file = parseUci(new TextEncoder().encode(text), `/etc/config/${name}`)
  return file.sections.map(({ type, name, anonymous, options }) => ({
    type,
    name,
    anonymous,
    options: Object.fromEntries(
      [...options.values()].map(({ name, value }) => [name, typeof value === 'string' ? value : [...value]]),
    ),
  }))
}

const shown = ({ type, name, anonymous, options }: Section, index: number) => ({
  ...options,
  '.type': type,
  '.name': name,
  '.anonymous': anonymous,
  '.index': index,
})

function remove(sections: Section[], section: Section | undefined, options: readonly string[] | null): Reply {
  if (section === undefined) return [0]
  if (options === null) sections.splice(sections.indexOf(section), 1)
  else for (const option of options) delete section.options[option]
  return [0]
}

/** Only the sections that are named change places; names of sections that are gone are passed over. */
function order(sections: Section[], names: readonly string[]): Reply {
  const place = (section: Section) => names.indexOf(section.name)
  sections.sort((a, b) => place(a) - place(b))
  return [0]
}

function translations(language: string): { words: Record<string, string | readonly string[]>; plural: string } {
  if (language === 'en') return { words: {}, plural: 'two' }
  const entries = parsePo(readFileSync(join(APP, `po/${language}/portico.po`), 'utf8'))
  return {
    words: Object.fromEntries(
      entries.map(({ id, plural, texts }) => [id, plural === undefined ? (texts[0] ?? id) : texts]),
    ),
    plural: language === 'zh_Hans' ? 'none' : 'two',
  }
}

interface MenuEntry {
  readonly title: string
  readonly order: number
  readonly action: { readonly type: string; readonly path?: string }
}

export const readMenu = (): Readonly<Record<string, MenuEntry>> =>
  JSON.parse(readFileSync(join(APP, 'root/usr/share/luci/menu.d/luci-app-portico.json'), 'utf8'))

/** `admin/menu`, of our part alone; what the user may see is `satisfied`. */
function menuTree(): unknown {
  const root = { satisfied: true, children: {} as Record<string, Node> }
  const node = (path: readonly string[]) =>
    path.reduce<Node>((at, name) => {
      at.children[name] ??= { title: name, satisfied: true, children: {} }
      return at.children[name]
    }, root)
  for (const [path, { title, order }] of Object.entries(readMenu()))
    Object.assign(node(path.split('/')), { title, order })
  return root
}

interface Node {
  title?: string
  satisfied: boolean
  children: Record<string, Node>
}

function tabsOf(view: string, words: Readonly<Record<string, string | readonly string[]>>): string {
  const tabs = Object.values(readMenu()).filter(({ action }) => action.type === 'view')
  const item = ({ title, action }: MenuEntry) =>
    `<li${action.path === view ? ' class="active"' : ''}>${String(words[title] ?? title)}</li>`
  return `<ul class="tabs">${tabs.map(item).join('')}</ul>`
}

const MENU: Readonly<Record<string, readonly string[]>> = {
  en: ['Status', 'System', 'Services', 'Network', 'Logout'],
  de: ['Status', 'System', 'Dienste', 'Netzwerk', 'Abmelden'],
  zh_Hans: ['状态', '系统', '服务', '网络', '退出'],
}

function menuOf(language: string, isStatus: boolean): string {
  const active = isStatus ? 0 : 2
  return (MENU[language] ?? [])
    .map((word, n) => `<span${n === active ? ' class="active"' : ''}>${word}</span>`)
    .join('')
}

const TYPES: Readonly<Record<string, string>> = { js: 'text/javascript', css: 'text/css' }
const typeOf = (path: string) => TYPES[path.split('.').at(-1) ?? ''] ?? 'text/plain'

function file(path: string): Answer | undefined {
  return existsSync(path) ? { type: typeOf(path), body: readFileSync(path, 'utf8') } : undefined
}

function fileOfLuci(path: string): Answer | undefined {
  const body = luciFile(path)
  return body === undefined ? undefined : { type: typeOf(path), body }
}

const html = (body: string): Answer => ({ type: 'text/html', body })
const json = (value: unknown): Answer => ({ type: 'application/json', body: JSON.stringify(value) })
