/**
 * The drop-down that LuCI makes of a `Value` with choices. A word of one's own is typed below them: it is validated
 * when a key is released or the field is left, and taken by Enter alone. What is left there is forgotten.
 */
import { append, create as E } from './dom.js'

/** While it is open, what is chosen is shown by a copy of the list, with whatever is in it, and the list hangs below. */
function open(box) {
  const list = box.querySelector('ul')
  const preview = list.cloneNode(true)
  preview.classList.add('preview')
  list.classList.add('dropdown')
  list.after(preview)
  box.setAttribute('open', '')
}

function close(box) {
  box.querySelector('ul.preview')?.remove()
  box.querySelector('ul').classList.remove('dropdown')
  box.removeAttribute('open')
}

/** Here, as in LuCI, whatever is clicked elsewhere closes what is open. */
window.addEventListener('click', () => document.querySelectorAll('.cbi-dropdown[open]').forEach(close))

/** `isInvalid(text)`; `title` is the stand-in's own, for the checks of accessibility. */
export function combobox(value, choices, { placeholder, isInvalid, title }) {
  const item = (key, label) => E('li', { 'data-value': key }, [label?.cloneNode?.(true) ?? label ?? key])
  const none = append(E('ul'), E('li', { placeholder: '' }, placeholder ?? [window._('unspecified')]))
  const own = E('input', { type: 'text', class: 'create-item-input', placeholder: '-- custom --', 'aria-label': title })
  const list = E('ul', {}, [none, ...choices.map(([key, label]) => item(key, label))])
  const last = append(list, E('li', { 'data-value': '-' }, own))
  const node = E('div', { class: 'cbi-dropdown', tabindex: '0' }, [list, E('span', { class: 'open' }, ['▾'])])

  const items = () => Array.from(list.children).filter(each => each !== last)
  const find = key => items().find(each => each.getAttribute('data-value') === key)
  const select = chosen => {
    for (const each of items()) each.toggleAttribute('selected', each === chosen)
    close(node)
    node.dispatchEvent(new Event('change', { bubbles: true }))
  }
  const take = text => {
    list.querySelector('[created]:not([selected])')?.remove()
    const taken = find(text) ?? item(text)
    if (!taken.parentNode) {
      taken.setAttribute('created', '')
      list.insertBefore(taken, last)
    }
    select(taken)
  }
  const validate = () => own.classList.toggle('cbi-input-invalid', own.value !== '' && isInvalid(own.value))

  node.addEventListener('click', event => {
    const clicked = event.target.closest('li')
    if (node.hasAttribute('disabled')) return
    if (!node.hasAttribute('open')) open(node)
    else if (clicked === last) own.focus()
    else if (clicked) select(clicked)
    else close(node)
    event.preventDefault()
    event.stopPropagation()
  })
  for (const event of ['keyup', 'blur']) own.addEventListener(event, validate)
  own.addEventListener('keydown', event => {
    if (event.key !== 'Enter') return
    event.preventDefault()
    if (own.classList.contains('cbi-input-invalid')) return
    if (own.value.trim() !== '') take(own.value.trim())
    own.value = ''
    own.blur()
  })
  // Only what the user does is told to the form: a choice, not the letters on the way.
  own.addEventListener('change', event => event.stopPropagation())

  if (value !== '' && !find(value)) list.insertBefore(item(value), last)
  ;(find(value) ?? none).setAttribute('selected', '')
  return {
    node,
    getValue: () => list.querySelector('[selected]').getAttribute('data-value') ?? '',
    setValue: text => (text === '' ? select(none) : take(text)),
    isValid: () => !own.classList.contains('cbi-input-invalid'),
  }
}

/** The one of a `MultiValue`: what is chosen is chosen no more by another click, and no word of one's own has a place. */
export function multiple(values, choices, { placeholder, title }) {
  const item = ([key, label]) =>
    E('li', { 'data-value': key, selected: values.includes(key) ? '' : null }, [
      E('form', {}, [E('input', { type: 'checkbox', tabindex: '-1', 'aria-label': title })]),
      E('label', {}, [label]),
    ])
  const list = E('ul', {}, choices.map(item))
  const more = E('span', { class: 'more' }, placeholder ?? window._('-- Please choose --'))
  const node = E('div', { class: 'cbi-dropdown', multiple: '', tabindex: '0' }, [
    list,
    more,
    E('span', { class: 'open' }, ['▾']),
  ])
  const chosen = () => [...list.querySelectorAll('[selected]')].map(each => each.getAttribute('data-value'))
  const show = () => node.toggleAttribute('empty', chosen().length === 0)

  node.addEventListener('click', event => {
    const clicked = event.target.closest('ul.dropdown > li')
    event.preventDefault()
    event.stopPropagation()
    if (node.hasAttribute('disabled')) return
    if (!node.hasAttribute('open')) return open(node)
    if (clicked === null) return close(node)
    clicked.toggleAttribute('selected')
    show()
    node.dispatchEvent(new Event('change', { bubbles: true }))
  })
  show()
  return { node, getValue: chosen }
}
