/**
 * `L.form`: a map of sections of options over the configuration. An option is active while its dependencies hold;
 * saving checks every active one, writes what changed, and removes what is inactive.
 */
import { baseclass } from './class.js'
import { append, content, create as E } from './dom.js'
import { uci } from './uci.js'
import { ui } from './ui.js'
import { isValid } from './validation.js'

const list = value => (value === null || value === undefined ? [] : [value].flat())
const isEmpty = value =>
  value === null || value === undefined || value === '' || (Array.isArray(value) && value.length === 0)

const fits = (value, wanted) => (wanted instanceof RegExp ? wanted.test(value) : value === wanted)

/* ---- options ---- */

const AbstractValue = baseclass.extend({
  __init__(map, section, option, title, description) {
    Object.assign(this, {
      map,
      section,
      option,
      title,
      description,
      deps: [],
      choices: [],
      rmempty: true,
      optional: false,
    })
  },

  value(key, label) {
    this.choices.push([key, label ?? key])
  },

  depends(name, wanted) {
    this.deps.push(typeof name === 'object' ? name : { [name]: wanted })
  },

  /** The section as the form has it, not the one that the value lives in. */
  cbid(sid) {
    return `cbid.${this.map.config}.${sid}.${this.option}`
  },

  load(sid) {
    return uci.get(this.map.config, this.ucisection ?? sid, this.ucioption ?? this.option)
  },

  cfgvalue(sid, ...given) {
    this.data ??= {}
    if (given.length > 0) this.data[sid] = given[0]
    return this.data[sid] ?? null
  },

  /** HTML, since a grid puts it into its cell as it is. */
  textvalue(sid) {
    const value = this.cfgvalue(sid) ?? this.default
    return value === null || value === undefined ? null : '%h'.format(list(value).join(' '))
  },

  /** A short name is looked for in the section that the value lives in. */
  isActive(sid) {
    if (this.deps.length === 0) return true
    return this.deps.some(each =>
      Object.entries(each).every(([name, wanted]) => {
        const id = name.includes('.') ? `cbid.${name}` : `cbid.${this.map.config}.${this.ucisection ?? sid}.${name}`
        const field = this.map.fieldOf(id)
        return field?.option.isActive(field.sid) === true && fits(field.option.formvalue(field.sid), wanted)
      }),
    )
  },

  validate() {
    return true
  },

  error(sid) {
    const value = this.formvalue(sid)
    if (isEmpty(value)) return this.rmempty || this.optional ? undefined : `Option "${this.title}" must not be empty.`
    if (this.datatype && !list(value).every(each => isValid(this.datatype, each)))
      return `Option "${this.title}" is invalid.`
    const said = this.validate(sid, value)
    return said === true ? undefined : String(said)
  },

  parse(sid) {
    if (!this.isActive(sid)) return this.retain ? undefined : this.remove(sid)
    const error = this.error(sid)
    if (error !== undefined) throw new TypeError(error)
    const value = this.formvalue(sid)
    if (isEmpty(value)) return this.remove(sid)
    if (JSON.stringify(value) !== JSON.stringify(this.cfgvalue(sid))) return this.write(sid, value)
  },

  write(sid, value) {
    return uci.set(this.map.config, this.ucisection ?? sid, this.ucioption ?? this.option, value)
  },

  remove(sid) {
    return uci.unset(this.map.config, this.ucisection ?? sid, this.ucioption ?? this.option)
  },

  formvalue(sid) {
    return this.map.fieldOf(this.cbid(sid))?.read() ?? null
  },

  /** The widget, known to the map by its id while it is on the page. */
  widget(sid) {
    const { node, read } = this.input(sid, this.cfgvalue(sid) ?? this.default)
    const frame = E('div', { id: this.cbid(sid), 'data-name': this.option }, [node])
    this.map.fields.set(this.cbid(sid), { option: this, sid, read, frame })
    frame.addEventListener('change', event => {
      this.map.refresh()
      if (typeof this.onchange === 'function') this.onchange(event, sid, read())
    })
    return frame
  },
})

const Value = AbstractValue.extend({
  input(sid, value) {
    const id = `choices.${this.cbid(sid)}`
    const node = E('input', {
      type: 'text',
      class: 'cbi-input-text',
      placeholder: this.placeholder,
      list: this.choices.length > 0 ? id : null,
      'aria-label': this.title,
    })
    node.value = list(value).join(' ')
    node.addEventListener('input', () => node.classList.toggle('cbi-input-invalid', this.error(sid) !== undefined))
    const choices = E(
      'datalist',
      { id },
      this.choices.map(([key, label]) => E('option', { value: key }, [label])),
    )
    return { node: E('span', {}, [node, choices]), read: () => node.value.trim() }
  },
})

const ListValue = AbstractValue.extend({
  input(_sid, value) {
    const options = this.choices.map(([key, label]) => E('option', { value: key }, [label]))
    const node = E('select', { class: 'cbi-input-select', 'aria-label': this.title }, options)
    if (value !== null && value !== undefined) node.value = value
    return { node, read: () => node.value }
  },
})

const MultiValue = AbstractValue.extend({
  input(_sid, value) {
    const chosen = list(value).flatMap(each => each.split(/\s+/))
    const boxes = this.choices.map(([key]) => {
      const box = E('input', { type: 'checkbox', value: key })
      box.checked = chosen.includes(key)
      return box
    })
    const node = E(
      'span',
      { class: 'cbi-multi' },
      this.choices.map(([, label], n) => E('label', {}, [boxes[n], ' ', label])),
    )
    return { node, read: () => boxes.filter(box => box.checked).map(box => box.value) }
  },
})

const Flag = AbstractValue.extend({
  default: '0',

  __init__(...args) {
    AbstractValue.prototype.__init__.apply(this, args)
    this.default = '0'
  },

  input(_sid, value) {
    const node = E('input', { type: 'checkbox', 'aria-label': this.title })
    node.checked = value === '1'
    return { node, read: () => (node.checked ? '1' : '0') }
  },

  textvalue(sid) {
    return (this.cfgvalue(sid) ?? this.default) === '1' ? window._('Yes') : window._('No')
  },

  /** Written whether or not it changed, as LuCI does. */
  parse(sid) {
    if (!this.isActive(sid)) return this.retain ? undefined : this.remove(sid)
    const value = this.formvalue(sid)
    return value === this.default && (this.rmempty || this.optional) ? this.remove(sid) : this.write(sid, value)
  },
})

const DummyValue = AbstractValue.extend({
  input(_sid, value) {
    const node = E('output')
    append(node, this.rawhtml ? value : [value ?? ''])
    return { node, read: () => null }
  },
  error() {},
  parse() {},
})

/* ---- sections ---- */

const AbstractSection = baseclass.extend({
  __init__(map, type, title, description) {
    Object.assign(this, { map, type, title, description, children: [], tabs: [] })
  },

  tab(name, title) {
    this.tabs.push({ name, title })
  },

  option(Kind, name, title, description) {
    const option = new Kind(this.map, this, name, title, description)
    this.children.push(option)
    return option
  },

  taboption(tab, ...rest) {
    const option = this.option(...rest)
    option.tab = tab
    return option
  },

  load() {
    for (const sid of this.sids()) for (const option of this.children) option.cfgvalue(sid, option.load(sid))
  },

  shownOptions() {
    return this.children
  },

  async parse() {
    for (const sid of this.sids()) for (const option of this.shownOptions()) await option.parse(sid)
  },

  heading() {
    const nodes = []
    if (this.title) nodes.push(E('h3', {}, this.title))
    if (this.description) nodes.push(E('div', { class: 'cbi-section-descr' }, this.description))
    return nodes
  },

  /** Title, widget and description of one option below each other, as forms and dialogs show them. */
  field(option, sid) {
    const parts = [option.widget(sid)]
    if (option.description) parts.push(E('div', { class: 'cbi-value-description' }, option.description))
    return E('div', { class: 'cbi-value', 'data-field': option.cbid(sid) }, [
      E('label', { class: 'cbi-value-title' }, option.title),
      E('div', { class: 'cbi-value-field' }, parts),
    ])
  },
})

const NamedSection = AbstractSection.extend({
  __init__(map, sid, type, title, description) {
    AbstractSection.prototype.__init__.call(this, map, type, title, description)
    this.sid = sid
  },

  sids() {
    return uci.get(this.map.config, this.sid) === null ? [] : [this.sid]
  },

  render() {
    const fields = this.sids().flatMap(sid => this.children.map(option => [option.tab, this.field(option, sid)]))
    const node = E('div', { class: 'cbi-section' }, this.heading())
    if (this.tabs.length === 0)
      append(
        node,
        fields.map(([, field]) => field),
      )
    else append(node, this.panes(fields))
    return node
  },

  panes(fields) {
    const panes = this.tabs.map(({ name }) =>
      E(
        'div',
        { class: 'cbi-tabcontainer', 'data-tab': name },
        fields.filter(([tab]) => tab === name).map(([, field]) => field),
      ),
    )
    const menu = E(
      'ul',
      { class: 'cbi-tabmenu' },
      this.tabs.map(({ name, title }) => {
        const link = E('a', { href: '#' }, title)
        link.addEventListener('click', event => {
          event.preventDefault()
          show(name)
        })
        return E('li', { 'data-tab': name }, [link])
      }),
    )
    const show = chosen => {
      for (const pane of panes) pane.hidden = pane.dataset.tab !== chosen
      for (const item of menu.children) item.className = item.dataset.tab === chosen ? 'cbi-tab' : 'cbi-tab-disabled'
    }
    show(this.tabs[0].name)
    return [menu, ...panes]
  },
})

const TableSection = AbstractSection.extend({
  sids() {
    return uci.sections(this.map.config, this.type).map(section => section['.name'])
  },

  /** Those that stand in the table and are saved with it. */
  shownOptions() {
    return this.children
  },

  columns() {
    return this.children.filter(option => option.modalonly !== true)
  },

  cell(option, sid) {
    return E('td', { class: 'td cbi-value-field', 'data-title': option.title, 'data-name': option.option }, [
      option.widget(sid),
    ])
  },

  render() {
    const head = E(
      'tr',
      { class: 'tr cbi-section-table-titles' },
      this.columns().map(option => E('th', { class: 'th' }, option.title)),
    )
    append(head, E('th', { class: 'th cbi-section-actions' }))
    const body = this.sids().map(sid => this.row(sid))
    const table = E('table', { class: 'table cbi-section-table' }, [head, ...body])
    if (body.length === 0)
      append(
        table,
        E('tr', { class: 'tr placeholder' }, [
          E('td', { class: 'td', colspan: 99 }, [E('em', {}, [window._('This section contains no values yet')])]),
        ]),
      )
    const node = E('div', { class: 'cbi-section cbi-tblsection', 'data-type': this.type }, [...this.heading(), table])
    if (this.addremove)
      append(
        node,
        E('div', { class: 'cbi-section-create' }, [
          E('button', { class: 'btn cbi-button cbi-button-add', click: () => this.handleAdd() }, [
            this.addbtntitle ?? window._('Add'),
          ]),
        ]),
      )
    return node
  },

  row(sid) {
    const row = E(
      'tr',
      { class: 'tr cbi-section-table-row', 'data-sid': sid, draggable: this.sortable ? 'true' : null },
      this.columns().map(option => this.cell(option, sid)),
    )
    append(row, E('td', { class: 'td cbi-section-actions' }, [E('div', {}, this.actions(sid))]))
    if (this.sortable) this.makeSortable(row)
    return row
  },

  actions(sid) {
    const buttons = []
    if (this.sortable)
      buttons.push(E('button', { class: 'btn cbi-button drag-handle', title: window._('Drag to reorder') }, ['☰']))
    if (this.addremove)
      buttons.push(
        E('button', { class: 'btn cbi-button cbi-button-remove', click: () => this.handleRemove(sid) }, [
          window._('Delete'),
        ]),
      )
    return buttons
  },

  makeSortable(row) {
    row.addEventListener('dragstart', event => {
      dragged = row
      event.dataTransfer.setData('text', 'drag')
    })
    row.addEventListener('dragover', event => event.preventDefault())
    row.addEventListener('drop', event => {
      event.preventDefault()
      if (dragged === undefined || dragged === row) return
      const { top, height } = row.getBoundingClientRect()
      const after = event.clientY > top + height / 2
      row.parentNode.insertBefore(dragged, after ? row.nextElementSibling : row)
      uci.move(this.map.config, dragged.dataset.sid, row.dataset.sid, after)
      dragged = undefined
    })
  },

  async handleAdd() {
    uci.add(this.map.config, this.type)
    await this.map.save(true)
  },

  async handleRemove(sid) {
    uci.remove(this.map.config, sid)
    await this.map.save(true)
  },
})

let dragged

/** Cells show text; what may be edited in place is `editable`, and the rest opens in a dialog. */
const GridSection = TableSection.extend({
  shownOptions() {
    return this.children.filter(option => option.editable === true)
  },

  cell(option, sid) {
    if (option.editable === true) return TableSection.prototype.cell.call(this, option, sid)
    const text = option.textvalue(sid)
    return E(
      'td',
      { class: 'td cbi-value-field', 'data-title': option.title, 'data-name': option.option },
      text ?? E('em', {}, [window._('none')]),
    )
  },

  actions(sid) {
    const [handle, ...rest] = TableSection.prototype.actions.call(this, sid)
    const edit = E('button', { class: 'btn cbi-button cbi-button-edit', click: () => this.edit(sid) }, [
      window._('Edit'),
    ])
    return this.sortable ? [handle, edit, ...rest] : [edit, handle, ...rest].filter(each => each !== undefined)
  },

  async handleAdd() {
    const sid = uci.add(this.map.config, this.type)
    this.load()
    this.edit(sid, true)
  },

  edit(sid, isNew = false) {
    const fields = E(
      'div',
      { class: 'cbi-map' },
      this.children.map(option => this.field(option, sid)),
    )
    const close = () => {
      ui.hideModal()
      this.map.reset()
    }
    const dismiss = () => {
      if (isNew) uci.remove(this.map.config, sid)
      close()
    }
    const save = async () => {
      for (const option of this.children) await option.parse(sid)
      close()
    }
    ui.showModal(
      this.modaltitle ?? '',
      [
        fields,
        E('div', { class: 'right' }, [
          E('button', { class: 'btn', click: dismiss }, [window._('Dismiss')]),
          ' ',
          E(
            'button',
            {
              class: 'btn cbi-button cbi-button-positive important',
              click: () => save().catch(error => ui.addNotification(null, E('p', {}, [error.message]))),
            },
            [window._('Save')],
          ),
        ]),
      ],
      'cbi-modal',
    )
  },
})

/* ---- map ---- */

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

  async render() {
    await uci.load(this.config)
    this.root = E('div', { class: 'cbi-map', id: `cbi-${this.config}` })
    maps.add(this)
    this.reset()
    return this.root
  },

  reset() {
    this.fields.clear()
    for (const section of this.children) section.load()
    const nodes = []
    if (this.title) nodes.push(E('h2', { name: 'content' }, this.title))
    if (this.description) nodes.push(E('div', { class: 'cbi-map-descr' }, this.description))
    content(this.root, [...nodes, ...this.children.map(section => section.render())])
    if (this.readonly) for (const each of this.root.querySelectorAll('input, select, button')) each.disabled = true
    this.refresh()
  },

  /** Shows what is active and hides the rest. */
  refresh() {
    for (const [id, { option, sid }] of this.fields) {
      const field = document.querySelector(`[data-field="${id}"]`) ?? this.root.querySelector(`[data-field="${id}"]`)
      if (field !== null) field.classList.toggle('hidden', !option.isActive(sid))
    }
  },

  /** `silent`: only into the page's own copy, not to rpcd. */
  async save(silent = false) {
    try {
      for (const section of this.children) await section.parse()
    } catch (error) {
      if (silent) return this.reset()
      ui.addNotification(null, E('p', {}, [error.message]))
      throw error
    }
    if (!silent) await uci.save()
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
  maps: () => [...maps].filter(map => map.root.isConnected),
}
