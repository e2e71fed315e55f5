/** `L.uci`: the configuration as it was loaded, changes on top, and their way to rpcd. */
import { declare } from './rpc.js'

const callGet = declare({ object: 'uci', method: 'get', params: ['config'], expect: { values: {} } })
const callAdd = declare({
  object: 'uci',
  method: 'add',
  params: ['config', 'type', 'name', 'values'],
  expect: { section: '' },
})
const callSet = declare({ object: 'uci', method: 'set', params: ['config', 'section', 'values'] })
const callDelete = declare({ object: 'uci', method: 'delete', params: ['config', 'section', 'options'] })
const callOrder = declare({ object: 'uci', method: 'order', params: ['config', 'sections'] })

/** Of a config: `values` as loaded; `list` as the page has it, in order, each { sid, type, named, isNew, options }. */
const loaded = new Map()

const optionsOf = section => Object.fromEntries(Object.entries(section).filter(([name]) => !name.startsWith('.')))
const find = (config, sid) => loaded.get(config)?.list.find(section => section.sid === sid)

const shown = (section, index) => ({
  ...section.options,
  '.name': section.sid,
  '.type': section.type,
  '.anonymous': !section.named,
  '.index': index,
})

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
    const all = (loaded.get(config)?.list ?? [])
      .filter(section => type === undefined || section.type === type)
      .map(shown)
    if (typeof each === 'function') for (const section of all) each(section, section['.name'])
    return all
  },

  get(config, sid, option) {
    const section = find(config, sid)
    if (section === undefined) return null
    return option === undefined ? shown(section) : section.options[option]
  },

  set(config, sid, option, value) {
    const section = find(config, sid)
    if (section === undefined || option.startsWith('.')) return
    if (value === null || value === undefined || value === '') delete section.options[option]
    else section.options[option] = value
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
    loaded.get(config).list.push({ sid, type, named: name !== undefined, isNew: true, options: {} })
    return sid
  },

  remove(config, sid) {
    const state = loaded.get(config)
    state.list = state.list.filter(section => section.sid !== sid)
  },

  /** Before `other`, or behind it; to the end without it. */
  move(config, sid, other, after) {
    const { list } = loaded.get(config)
    const section = find(config, sid)
    if (section === undefined) return false
    list.splice(list.indexOf(section), 1)
    const at = list.findIndex(each => each.sid === other)
    list.splice(at < 0 ? list.length : at + (after ? 1 : 0), 0, section)
    loaded.get(config).moved = true
    return true
  },

  async save() {
    const configs = [...loaded.keys()]
    for (const config of configs) await write(config)
    uci.unload(configs)
    await uci.load(configs)
  },
}

async function read(config) {
  const values = await callGet(config)
  const list = Object.values(values)
    .sort((a, b) => a['.index'] - b['.index'])
    .map(section => ({
      sid: section['.name'],
      type: section['.type'],
      named: !section['.anonymous'],
      isNew: false,
      options: optionsOf(section),
    }))
  loaded.set(config, { values, list, moved: false })
}

async function write(config) {
  const { values, list, moved } = loaded.get(config)
  for (const sid of Object.keys(values)) if (find(config, sid) === undefined) await callDelete(config, sid)
  for (const section of list) {
    if (section.isNew) {
      section.sid = await callAdd(config, section.type, section.named ? section.sid : undefined, section.options)
      continue
    }
    const before = optionsOf(values[section.sid])
    const changed = Object.entries(section.options).filter(
      ([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name]),
    )
    const gone = Object.keys(before).filter(name => !(name in section.options))
    if (gone.length > 0) await callDelete(config, section.sid, gone)
    if (changed.length > 0) await callSet(config, section.sid, Object.fromEntries(changed))
  }
  if (moved)
    await callOrder(
      config,
      list.map(section => section.sid),
    )
}
