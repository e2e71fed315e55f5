/** `L.ui`: one modal dialog, notifications, and the way from saved changes to applied ones. */
import { append, content, create as E } from './dom.js'
import { declare } from './rpc.js'

const callApply = declare({ object: 'uci', method: 'apply', params: ['timeout', 'rollback'] })
const callConfirm = declare({ object: 'uci', method: 'confirm' })

export const ui = {
  showModal(title, children, ...classes) {
    const dialog = E('div', { class: ['modal', ...classes].join(' '), role: 'dialog', 'aria-modal': 'true' })
    append(dialog, E('h4', {}, [title]))
    for (const child of [children].flat()) append(dialog, child instanceof Node ? child : [child])
    content(document.getElementById('modal_overlay'), dialog)
    document.body.classList.add('modal-overlay-active')
    return dialog
  },

  hideModal() {
    document.body.classList.remove('modal-overlay-active')
    content(document.getElementById('modal_overlay'), [])
  },

  addNotification(title, children, ...classes) {
    const message = E('div', { class: ['alert-message', 'fade-in', ...classes].join(' ') })
    if (title !== null) append(message, E('h4', {}, [title]))
    append(message, children)
    document.getElementById('maincontent').prepend(message)
    return message
  },

  createHandlerFn(self, handler, ...args) {
    return event => (typeof handler === 'string' ? self[handler] : handler).apply(self, [...args, event])
  },

  changes: {
    async apply(checked) {
      await callApply(checked ? 90 : 0, checked)
      if (checked) await callConfirm()
      document.dispatchEvent(new CustomEvent('uci-applied'))
    },
  },
}
