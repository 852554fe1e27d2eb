// Small comforts only: every page works without this file.
(() => {
  'use strict'

  // A file may be dropped anywhere on its zone; the chosen name is shown.
  const describe = (input) => {
    const zone = input.closest('.drop')
    const name = zone && zone.querySelector('.drop__name')
    if (!name) return
    name.textContent = Array.from(input.files)
      .map((file) => `${file.name} (${(file.size / 1048576).toFixed(1)} MB)`).join(', ')
  }
  document.addEventListener('change', (event) => {
    if (event.target.matches('.drop input[type="file"]')) describe(event.target)
  })
  for (const kind of ['dragover', 'dragleave', 'drop']) {
    document.addEventListener(kind, (event) => {
      const zone = event.target instanceof Element && event.target.closest('.drop')
      if (!zone) return
      event.preventDefault()
      zone.classList.toggle('is-over', kind === 'dragover')
      const input = zone.querySelector('input[type="file"]')
      if (kind === 'drop' && event.dataTransfer.files.length) {
        input.files = event.dataTransfer.files
        input.dispatchEvent(new Event('change', { bubbles: true }))
      }
    })
  }

  // Copy a digest.
  const revealCopyButtons = (root) => {
    if (navigator.clipboard) root.querySelectorAll('[data-copy]').forEach((button) => { button.hidden = false })
  }
  document.addEventListener('DOMContentLoaded', () => revealCopyButtons(document))
  document.addEventListener('htmx:load', (event) => revealCopyButtons(event.target))

  document.addEventListener('click', async (event) => {
    const target = event.target instanceof Element ? event.target : null
    const copy = target && target.closest('[data-copy]')
    if (copy) {
      await navigator.clipboard.writeText(copy.dataset.copy)
      const before = copy.textContent
      copy.textContent = copy.dataset.copied
      setTimeout(() => { copy.textContent = before }, 1600)
    }
    // A link to a confirmation page opens the dialog of the same purpose where there is one.
    const opener = target && target.closest('[data-dialog]')
    const dialog = opener && document.getElementById(opener.dataset.dialog)
    if (dialog) { event.preventDefault(); dialog.showModal() }
    if (target && target.closest('[data-dialog-close]')) target.closest('dialog').close()
    // A click elsewhere closes an open menu.
    document.querySelectorAll('details[data-menu][open]').forEach((menu) => {
      if (!menu.contains(target)) menu.open = false
    })
  })
  document.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return
    document.querySelectorAll('details[data-menu][open]').forEach((menu) => {
      menu.open = false
      menu.querySelector('summary').focus()
    })
  })

  // Upload progress of htmx forms: <progress data-upload hidden>.
  document.addEventListener('htmx:xhr:progress', (event) => {
    const bar = event.target.querySelector && event.target.querySelector('progress[data-upload]')
    if (!bar || !event.detail.lengthComputable) return
    bar.hidden = false
    bar.max = event.detail.total
    bar.value = event.detail.loaded
  })

  // A passkey that was cancelled or refused by the browser is told to the person, not only to the console.
  document.addEventListener('allauth.error', (event) => {
    const place = document.querySelector('[data-passkey-error]')
    if (!place) return
    place.hidden = false
    place.focus()
    event.preventDefault()
  })
})()
