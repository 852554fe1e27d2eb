// The viewer's page of a live room: player, verifier and the panel that says what was checked.

import { LivePlayer } from './live_player.js'
import { LiveVerification } from './live_verify.js'

const byId = (id) => document.getElementById(id)
const words = byId('live-words').dataset
const video = byId('live-video')
const options = JSON.parse(byId('live-options').textContent)
const place = byId('live').dataset

const OLDEST_S = 120 // the playlist lists twenty seconds; a viewer who paused may be behind
let stream = null

const verify = {
  init: async (bytes) => {
    stream = await LiveVerification.create(bytes, { ...options, after: stream, maxAgeSeconds: place.onAir ? OLDEST_S : null })
    const statements = stream.statements
    return { ...statements, slate: statements.digitalSourceType.endsWith('/digitalCreation') }
  },
  segment: async (bytes, seek) => {
    const verdict = await stream.verifySegment(bytes, seek)
    if (!verdict.ok) throw Object.assign(new Error(verdict.reason), verdict)
    return { ...verdict, ...stream.statements }
  }
}

const small = Math.min(screen.width, screen.height) < 500
const player = new LivePlayer(video, small ? place.low : place.playlist, { verify })

const badge = (kind, text) => {
  byId('live-badge').className = `badge badge--${kind}`
  byId('live-badge').textContent = text
}

player.addEventListener('state', ({ detail: { state, reason } }) => {
  byId('live-state').textContent = words[state] || state
  if (state === 'unverified') {
    badge('danger', words.invalid)
    byId('live-verdict').textContent = options.texts[reason] || words.unverified
  }
})

const tell = () => {
  const now = player.current
  if (!now?.verdict?.ok) return
  badge('ok', words.valid)
  byId('live-verdict').textContent = words.says
  byId('live-sequence').textContent = now.verdict.sequence
  byId('live-signed').textContent = now.verdict.signedAt ? now.verdict.signedAt.toLocaleTimeString() : '—'
  byId('live-signer').textContent = now.verdict.signer || '—'
  byId('live-mark').textContent = now.verdict.mark || '—'
}
setInterval(tell, 500)

byId('live-play').addEventListener('click', () => { video.paused ? video.play() : video.pause() })
byId('live-edge').addEventListener('click', () => player.toEdge())
byId('live-sound').addEventListener('click', () => {
  video.muted = !video.muted
  byId('live-sound').setAttribute('aria-pressed', String(!video.muted))
  byId('live-sound').textContent = video.muted ? words.on : words.off
})

byId('live-ask')?.addEventListener('submit', async (event) => {
  event.preventDefault()
  const form = event.target
  const answer = await fetch(form.action, { method: 'POST', body: new FormData(form) }).catch(() => null)
  byId('live-sent').textContent = answer?.ok ? words.kept : words.lost
  if (answer?.ok) form.reset()
})

player.start()
