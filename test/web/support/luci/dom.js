/** `L.dom`, and with it `E`. */

const isNode = value => value instanceof Node

/** An array's members become nodes or text; a plain string is HTML. So LuCI has it, and so must its stand-in. */
export function append(node, children) {
  if (Array.isArray(children)) {
    for (const child of children) node.appendChild(isNode(child) ? child : document.createTextNode(`${child}`))
  } else if (isNode(children)) {
    node.appendChild(children)
  } else if (typeof children === 'function') {
    append(node, children(node))
  } else if (children !== null && children !== undefined) {
    node.innerHTML = `${children}`
  }
  return node.lastChild
}

export function content(node, children) {
  node.replaceChildren()
  return append(node, children)
}

/** `E('div', { class: 'x', click: fn }, [ 'text' ])`; attributes may be left out, `null` ones are. */
export function create(tag, attributes, children) {
  const hasAttributes =
    typeof attributes === 'object' && attributes !== null && !Array.isArray(attributes) && !isNode(attributes)
  const inside = hasAttributes ? children : (children ?? attributes)
  if (Array.isArray(tag)) {
    const fragment = document.createDocumentFragment()
    append(fragment, tag)
    return fragment
  }
  const node = document.createElement(tag)
  for (const [name, value] of Object.entries(hasAttributes ? attributes : {})) setAttribute(node, name, value)
  append(node, inside)
  return node
}

function setAttribute(node, name, value) {
  if (value === null || value === undefined) return
  if (typeof value === 'function') node.addEventListener(name, value)
  else if (typeof value === 'object') node.setAttribute(name, JSON.stringify(value))
  else node.setAttribute(name, value)
}
