/** The sections of `L.form`: one by its name, and all of a type, as a table of fields or a grid of texts. */
import { baseclass } from './class.js'
import { append, create as E } from './dom.js'
import { uci } from './uci.js'
import { ui } from './ui.js'

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

  async load() {
    for (const sid of this.sids()) for (const option of this.children) option.cfgvalue(sid, await option.load(sid))
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

export const NamedSection = AbstractSection.extend({
  __init__(map, sid, type, title, description) {
    AbstractSection.prototype.__init__.call(this, map, type, title, description)
    this.sid = sid
  },

  sids() {
    return [this.sid]
  },

  /** Of a section that the file lacks, only the title. */
  render() {
    const fields = this.sids().flatMap(sid => this.children.map(option => [option.tab, this.field(option, sid)]))
    const node = E('div', { class: 'cbi-section' }, this.heading())
    if (!uci.get(this.map.config, this.sid)) return node
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

export const TableSection = AbstractSection.extend({
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
      {
        class: 'tr cbi-section-table-titles',
        click: this.sortable ? ui.createHandlerFn(this, 'handleSort') : null,
      },
      this.columns().map(option =>
        E('th', { class: 'th', 'data-sortable-row': this.sortable ? '' : null }, option.title),
      ),
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
          E('button', { class: 'btn cbi-button cbi-button-add', click: ui.createHandlerFn(this, 'handleAdd') }, [
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
        E(
          'button',
          { class: 'btn cbi-button cbi-button-remove', click: ui.createHandlerFn(this, 'handleRemove', sid) },
          [window._('Delete')],
        ),
      )
    return buttons
  },

  /** By its handle only. */
  makeSortable(row) {
    let held = false
    row.addEventListener('mousedown', event => {
      held = event.target.classList.contains('drag-handle')
    })
    row.addEventListener('dragstart', event => {
      if (!held) return event.preventDefault()
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

  handleAdd() {
    uci.add(this.map.config, this.type)
    return this.map.save(null, true)
  },

  handleRemove(sid) {
    uci.remove(this.map.config, sid)
    return this.map.save(null, true)
  },

  /** A click on a title sorts the rows by that column, in the configuration as well (23.05 and later). */
  handleSort(event) {
    const title = event.target.closest('th[data-sortable-row]')
    if (title === null) return
    const column = [...title.parentNode.children].indexOf(title)
    const key = row => row.children[column].textContent
    const rows = [...title.closest('table').querySelectorAll('tr[data-sid]')]
    rows.sort((a, b) => key(a).localeCompare(key(b)))
    rows.forEach((row, n) => {
      row.parentNode.append(row)
      if (n > 0) uci.move(this.map.config, row.dataset.sid, rows[n - 1].dataset.sid, true)
    })
  },
})

let dragged

/** Cells show text; what may be edited in place is `editable`, and the rest opens in a dialog. */
export const GridSection = TableSection.extend({
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
    const edit = E(
      'button',
      { class: 'btn cbi-button cbi-button-edit', click: ui.createHandlerFn(this, 'edit', sid) },
      [window._('Edit')],
    )
    return this.sortable ? [handle, edit, ...rest] : [edit, handle, ...rest].filter(each => each !== undefined)
  },

  handleAdd() {
    const sid = uci.add(this.map.config, this.type)
    this.map.addedSection = sid
    return this.edit(sid)
  },

  /**
   * A form of its own, in which every option is a copy: another instance of its class with the same own properties.
   * What is not taken leaves the dialog open, and nothing is said but by the field.
   */
  async edit(sid) {
    const map = new this.map.constructor(this.map.config)
    const section = map.section(NamedSection, sid, this.type)
    map.readonly = this.map.readonly
    for (const option of this.children) {
      if (option.modalonly === false) continue
      const copy = section.option(option.constructor, option.option, option.title, option.description)
      const kept = Object.entries(option).filter(([name]) => !OF_ITS_PLACE.includes(name))
      Object.assign(copy, Object.fromEntries(kept))
    }
    const node = await map.render()
    const button = (kind, title, run) =>
      E('button', { class: `btn cbi-button ${kind}`, click: ui.createHandlerFn({ run }, 'run') }, [window._(title)])
    const close = isSaving => {
      const { addedSection } = this.map
      if (addedSection !== undefined && !isSaving) uci.remove(this.map.config, addedSection)
      delete this.map.addedSection
      ui.hideModal()
    }
    const save = async () => {
      await map.save(null, true)
      await this.map.load()
      this.map.reset()
      close(true)
    }
    const buttons = [
      button('', 'Dismiss', () => close(false)),
      ' ',
      button('cbi-button-positive important', 'Save', save),
    ]
    ui.showModal(this.modaltitle ?? '', [node, E('div', { class: 'right' }, buttons)], 'cbi-modal')
  },
})

const OF_ITS_PLACE = ['map', 'section', 'option', 'title', 'description']
