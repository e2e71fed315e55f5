/**
 * The options of `L.form`. One is active while it is on the page and its dependencies hold; its `parse` writes what
 * changed and removes what is empty, inactive or, in newer LuCI, its default.
 */
import { baseclass } from './class.js'
import { combobox, multiple } from './combobox.js'
import { append, create as E } from './dom.js'
import { uci } from './uci.js'
import { isValid } from './validation.js'

const list = value => (value === null || value === undefined ? [] : [value].flat())
const isEmpty = value =>
  value === null || value === undefined || value === '' || (Array.isArray(value) && value.length === 0)

/** Older LuCI writes what is set to its default; newer takes the option away. */
const keepsDefaults = () => document.body.dataset.luci === 'old'

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
      retain: false,
      default: null,
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
    return this.data[sid]
  },

  /** HTML, since a grid puts it into its cell as it is. */
  textvalue(sid) {
    const value = this.cfgvalue(sid) ?? this.default
    return value === null || value === undefined ? null : '%h'.format(list(value).join(' '))
  },

  /** What is not on the page is not active: a row that was added just now, or the cell of a grid. */
  isActive(sid) {
    return this.map.fieldOf(this.cbid(sid)) !== undefined && this.isWanted(sid)
  },

  /** A short name is looked for in the section of the form. */
  isWanted(sid) {
    if (this.deps.length === 0) return true
    return this.deps.some(each =>
      Object.entries(each).every(([name, wanted]) => {
        const id = name.includes('.') ? `cbid.${name}` : `cbid.${this.map.config}.${sid}.${name}`
        const field = this.map.fieldOf(id)
        return field?.option.isActive(field.sid) === true && field.option.formvalue(field.sid) === wanted
      }),
    )
  },

  validate() {
    return true
  },

  isValid(sid) {
    return (this.getUIElement(sid)?.isValid() ?? true) && this.error(sid) === undefined
  },

  error(sid) {
    return this.mistake(sid, this.formvalue(sid))
  },

  mistake(sid, value) {
    if (isEmpty(value) && !this.rmempty && !this.optional) return `Option "${this.title}" must not be empty.`
    if (this.datatype && !list(value).every(each => each === '' || isValid(this.datatype, each)))
      return `Option "${this.title}" is invalid.`
    const said = this.validate(sid, list(value).join(' '))
    return said === true ? undefined : `Option "${this.title}" contains an invalid input value. ${said}`
  },

  parse(sid) {
    if (!this.isActive(sid)) return this.retain ? undefined : this.remove(sid)
    if (!this.isValid(sid)) throw new TypeError(this.error(sid) ?? `Option "${this.title}" is invalid.`)
    const value = this.formvalue(sid)
    const isDefault = value === this.default && (this.rmempty || this.optional) && !keepsDefaults()
    if (isEmpty(value) || isDefault) return this.remove(sid)
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

  /** The widget behind the node; only a drop-down has one here. */
  getUIElement(sid) {
    return this.map.fieldOf(this.cbid(sid))?.element ?? null
  },

  renderWidget(sid, _index, value) {
    this.made = this.input(sid, value ?? this.default)
    return this.made.node
  },

  /** The widget, known to the map by its id while it is on the page. */
  widget(sid) {
    const node = this.renderWidget(sid, 0, this.cfgvalue(sid))
    const { read, element } = this.made
    const frame = E('div', { id: this.cbid(sid), 'data-name': this.option }, [node])
    this.map.fields.set(this.cbid(sid), { option: this, sid, read, element, frame })
    frame.addEventListener('change', event => {
      this.map.refresh()
      if (typeof this.onchange === 'function') this.onchange(event, sid, read())
    })
    return frame
  },
})

export const Value = AbstractValue.extend({
  /** A text field, or a drop-down where there are choices. */
  input(sid, value) {
    const text = list(value).join(' ')
    const isInvalid = typed => this.mistake(sid, typed) !== undefined
    if (this.choices.length > 0) {
      const { title, placeholder } = this
      const element = combobox(text, this.choices, { placeholder, title, isInvalid })
      return { node: element.node, element, read: element.getValue }
    }
    const node = E('input', {
      type: 'text',
      class: 'cbi-input-text',
      placeholder: this.placeholder,
      'aria-label': this.title,
    })
    node.value = text
    node.addEventListener('input', () => node.classList.toggle('cbi-input-invalid', isInvalid(node.value.trim())))
    return { node, read: () => node.value.trim() }
  },
})

export const ListValue = AbstractValue.extend({
  input(_sid, value) {
    const options = this.choices.map(([key, label]) => E('option', { value: key }, [label]))
    const node = E('select', { class: 'cbi-input-select', 'aria-label': this.title }, options)
    // What is not among the choices shows as the first of them.
    if (this.choices.some(([key]) => key === value)) node.value = value
    return { node, read: () => node.value }
  },
})

export const MultiValue = AbstractValue.extend({
  input(_sid, value) {
    const chosen = list(value).flatMap(each => each.split(/\s+/))
    const { node, getValue } = multiple(chosen, this.choices, { placeholder: this.placeholder, title: this.title })
    return { node, read: getValue }
  },
})

export const Flag = AbstractValue.extend({
  __init__(...args) {
    AbstractValue.prototype.__init__.apply(this, args)
    Object.assign(this, { enabled: '1', disabled: '0', default: '0' })
  },

  input(_sid, value) {
    const node = E('input', { type: 'checkbox', 'aria-label': this.title })
    node.checked = value === '1'
    return { node, read: () => (node.checked ? '1' : '0') }
  },

  textvalue(sid) {
    return (this.cfgvalue(sid) ?? this.default) === '1' ? window._('Yes') : window._('No')
  },

  /** Written whether or not it changed, or taken away, as LuCI does. */
  parse(sid) {
    if (!this.isActive(sid)) return this.retain ? undefined : this.remove(sid)
    const said = this.validate(sid, this.formvalue(sid))
    if (said !== true) throw new TypeError(String(said))
    const value = this.formvalue(sid)
    return value === this.default && (this.rmempty || this.optional) ? this.remove(sid) : this.write(sid, value)
  },
})

export const DummyValue = AbstractValue.extend({
  input(_sid, value) {
    const node = E('output')
    append(node, this.rawhtml ? value : [value ?? ''])
    return { node, read: () => String(value) }
  },
  error() {},
  write() {},
  remove() {},
})
