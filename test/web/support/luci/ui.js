/** `L.ui`: one modal dialog, notifications, and the way from saved changes to applied ones. Titles are HTML. */
import { append, content, create as E } from './dom.js'

/** LuCI asks its own dispatcher to apply, which asks rpcd. */
const dispatch = what => fetch(`/cgi-bin/luci/admin/uci/${what}`, { method: 'POST' })

export const ui = {
  showModal(title, children, ...classes) {
    const dialog = E('div', { class: ['modal', ...classes].join(' '), role: 'dialog', 'aria-modal': 'true' })
    append(dialog, E('h4', {}, title))
    append(dialog, children)
    content(document.getElementById('modal_overlay'), dialog)
    document.body.classList.add('modal-overlay-active')
    return dialog
  },

  /** The dialog is only hidden: what was in it stays in the document. */
  hideModal() {
    document.body.classList.remove('modal-overlay-active')
  },

  addNotification(title, children, ...classes) {
    const message = E('div', { class: ['alert-message', 'fade-in', ...classes].join(' ') })
    if (title !== null) append(message, E('h4', {}, title))
    append(message, children)
    document.getElementById('maincontent').prepend(message)
    return message
  },

  /** The element that was clicked is disabled until the handler's promise is settled. */
  createHandlerFn(self, handler, ...args) {
    const run = typeof handler === 'string' ? self[handler] : handler
    if (typeof run !== 'function') return null
    return event => {
      const target = event.currentTarget
      target.disabled = true
      target.blur()
      Promise.resolve(run.apply(self, [...args, event]))
        .catch(() => {})
        .finally(() => {
          target.disabled = false
        })
    }
  },

  changes: {
    /** The page is loaded again, unless there was nothing to apply. */
    async apply(checked) {
      const { status } = await dispatch(checked ? 'apply_rollback' : 'apply_unchecked')
      if (status === 204) return
      if (checked) await dispatch('confirm')
      location.reload()
    },
  },
}
