/**
 * `L.uci`: what was loaded, and beside it what the page added, changed, took away and moved, until `save` hands all of
 * it to rpcd. Two things are as LuCI has them, and a trap: `sections` still shows an option that was unset, and `get`
 * of a whole section shows none of its changes.
 */
import { declare } from './rpc.js'

const callGet = declare({ object: 'uci', method: 'get', params: ['config'], expect: { values: {} }, reject: true })
const callAdd = declare({
  object: 'uci',
  method: 'add',
  params: ['config', 'type', 'name', 'values'],
  expect: { section: '' },
  reject: true,
})
const callSet = declare({ object: 'uci', method: 'set', params: ['config', 'section', 'values'], reject: true })
const callDelete = declare({ object: 'uci', method: 'delete', params: ['config', 'section', 'options'], reject: true })
const callOrder = declare({ object: 'uci', method: 'order', params: ['config', 'sections'], reject: true })

/** By config: sections as loaded, and as added here; changed options and unset ones by section; removed sections. */
const loaded = new Map()
let added = 0

const isGone = value => value === null || value === undefined

export const uci = {
  async load(configs) {
    const wanted = [configs].flat().filter(config => !loaded.has(config))
    await Promise.all(wanted.map(read))
    return wanted
  },

  unload(configs) {
    for (const config of [configs].flat()) loaded.delete(config)
  },

  sections(config, type, each) {
    const state = loaded.get(config)
    if (state === undefined) return []
    const old = [...state.values.values()]
      .filter(section => !state.removed.has(section['.name']))
      .map(section => ({ ...section, ...state.changed.get(section['.name']) }))
    const all = [...old, ...[...state.created.values()].map(section => ({ ...section }))]
      .filter(section => type === undefined || section['.type'] === type)
      .sort((a, b) => a['.index'] - b['.index'])
    all.forEach((section, index) => {
      section['.index'] = index
    })
    if (typeof each === 'function') for (const section of all) each(section, section['.name'])
    return all
  },

  get(config, sid, option) {
    const state = loaded.get(config)
    const fresh = state?.created.get(sid)
    if (isGone(option)) return fresh ?? state?.values.get(sid)
    if (fresh !== undefined) return fresh[option]
    if (state === undefined || state.removed.has(sid) || state.unset.get(sid)?.has(option)) return undefined
    return state.changed.get(sid)?.[option] ?? state.values.get(sid)?.[option]
  },

  set(config, sid, option, value) {
    const state = loaded.get(config)
    if (state === undefined || option.startsWith('.')) return
    const fresh = state.created.get(sid)
    if (fresh !== undefined) {
      // An empty text is kept here, and nowhere else.
      if (isGone(value)) delete fresh[option]
      else fresh[option] = value
      return
    }
    const old = state.values.get(sid)
    if (old === undefined || state.removed.has(sid)) return
    const unset = state.unset.get(sid) ?? new Set()
    if (isGone(value) || value === '') {
      if (option in old || option in (state.changed.get(sid) ?? {})) state.unset.set(sid, unset.add(option))
      return
    }
    unset.delete(option)
    state.changed.set(sid, { ...state.changed.get(sid), [option]: value })
  },

  unset(config, sid, option) {
    uci.set(config, sid, option, null)
  },

  add(config, type, name) {
    const sid =
      name ??
      `new${Math.floor(Math.random() * 0xffffff)
        .toString(16)
        .padStart(6, '0')}`
    loaded.get(config).created.set(sid, {
      '.type': type,
      '.name': sid,
      '.create': name,
      '.anonymous': name === undefined,
      '.index': 1000 + added++,
    })
    return sid
  },

  remove(config, sid) {
    const state = loaded.get(config)
    if (state.created.delete(sid)) return
    state.changed.delete(sid)
    state.unset.delete(sid)
    state.removed.add(sid)
  },

  /** Before `other`, or behind it; to the end without it. */
  move(config, sid, other, after) {
    const order = uci.sections(config).map(section => section['.name'])
    if (!order.includes(sid)) return false
    order.splice(order.indexOf(sid), 1)
    const at = isGone(other) ? order.length : order.indexOf(other)
    if (at < 0) return false
    order.splice(isGone(other) ? at : at + (after ? 1 : 0), 0, sid)
    order.forEach((name, index) => {
      uci.get(config, name)['.index'] = index
    })
    loaded.get(config).moved = true
    return true
  },

  /** All at once, then the order; what was changed is loaded again. */
  async save() {
    const touched = [...loaded].filter(([, state]) => isTouched(state))
    const fresh = touched.flatMap(([config, { created }]) => [...created.values()].map(section => [config, section]))
    const names = await Promise.all([
      ...fresh.map(([config, section]) => callAdd(config, section['.type'], section['.create'], optionsOf(section))),
      ...touched.flatMap(([config, state]) => changes(config, state)),
    ])
    fresh.forEach(([, section], n) => {
      section['.name'] = names[n]
    })
    for (const [config, { moved, values, created }] of touched) {
      if (!moved) continue
      const all = [...created.values(), ...values.values()].sort((a, b) => a['.index'] - b['.index'])
      // With those that were removed, too: rpcd passes over them.
      await callOrder(
        config,
        all.map(section => section['.name']),
      )
    }
    const configs = touched.map(([config]) => config)
    uci.unload(configs)
    await uci.load(configs)
  },
}

const optionsOf = section => Object.fromEntries(Object.entries(section).filter(([name]) => !name.startsWith('.')))

const isTouched = ({ created, changed, unset, removed, moved }) =>
  moved || [created, changed, unset, removed].some(each => each.size > 0)

/** `set`, then `delete`: an option that was set and then unset is in both. */
function changes(config, { changed, unset, removed }) {
  return [
    ...[...changed].map(([sid, values]) => callSet(config, sid, values)),
    ...[...unset].filter(([, names]) => names.size > 0).map(([sid, names]) => callDelete(config, sid, [...names])),
    ...[...removed].map(sid => callDelete(config, sid, null)),
  ]
}

async function read(config) {
  const values = await callGet(config)
  loaded.set(config, {
    values: new Map(Object.entries(values)),
    created: new Map(),
    changed: new Map(),
    unset: new Map(),
    removed: new Set(),
    moved: false,
  })
}
