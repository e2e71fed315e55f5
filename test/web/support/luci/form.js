/**
 * `L.form`: a map of sections of options over the configuration. Saving reads every option and hands all of it to rpcd,
 * whichever button it was: a row that was added or removed, and a dialog, too.
 */
import { baseclass } from './class.js'
import { content, create as E } from './dom.js'
import { DummyValue, Flag, ListValue, MultiValue, Value } from './form-options.js'
import { GridSection, NamedSection, TableSection } from './form-sections.js'
import { uci } from './uci.js'
import { ui } from './ui.js'

const maps = new Set()

const Map_ = baseclass.extend({
  __init__(config, title, description) {
    Object.assign(this, { config, title, description, readonly: false, children: [], fields: new Map() })
  },

  section(Kind, ...rest) {
    const section = new Kind(this, ...rest)
    this.children.push(section)
    return section
  },

  fieldOf(id) {
    return this.fields.get(id)
  },

  async load() {
    await uci.load(this.config)
    for (const section of this.children) await section.load()
  },

  async render() {
    await this.load()
    this.root = E('div', { class: 'cbi-map', id: `cbi-${this.config}` })
    maps.add(this)
    return this.reset()
  },

  /** Drawn again from what was loaded; nothing is loaded. */
  reset() {
    this.fields.clear()
    const nodes = []
    if (this.title) nodes.push(E('h2', { name: 'content' }, this.title))
    if (this.description) nodes.push(E('div', { class: 'cbi-map-descr' }, this.description))
    content(this.root, [...nodes, ...this.children.map(section => section.render())])
    if (this.readonly) {
      for (const each of this.root.querySelectorAll('input, select, button')) each.disabled = true
      for (const each of this.root.querySelectorAll('.cbi-dropdown')) each.setAttribute('disabled', '')
    }
    this.refresh()
    return this.root
  },

  /** Shows what is active and hides the rest. */
  refresh() {
    for (const [id, { option, sid }] of this.fields) {
      const field = this.root.querySelector(`[data-field="${id}"]`)
      if (field !== null) field.classList.toggle('hidden', !option.isActive(sid))
    }
  },

  /**
   * `then` runs when the form was read and before rpcd gets it. `silent`: a mistake is not told. After a mistake the
   * form is not drawn again.
   */
  async save(then, silent = false) {
    try {
      for (const section of this.children) await section.parse()
      await then?.()
      await uci.save()
      await this.load()
    } catch (error) {
      if (!silent) {
        const dismiss = E('button', { class: 'btn', click: ui.hideModal }, [window._('Dismiss')])
        ui.showModal(window._('Save error'), [E('p', {}, [error.message]), E('div', { class: 'right' }, [dismiss])])
      }
      throw error
    }
    this.reset()
  },
})

export const form = {
  Map: Map_,
  NamedSection,
  TableSection,
  GridSection,
  Value,
  ListValue,
  MultiValue,
  Flag,
  DummyValue,
  /** For the page: what Save saves. */
  maps: () => [...maps].filter(map => document.getElementById('maincontent').contains(map.root)),
}
