// The viewer's page of a live room: player, verifier and the panel that says what was checked.

import { LivePlayer } from './live_player.js'
import { LiveVerification } from './live_verify.js'

const byId = (id) => document.getElementById(id)
const words = byId('live-words').dataset
const video = byId('live-video')
const options = JSON.parse(byId('live-options').textContent)
const whys = JSON.parse(byId('live-whys').textContent)
const place = byId('live').dataset

const OLDEST_S = 120 // the playlist lists twenty seconds; a viewer who paused may be behind
const RECONNECT_MS = 1000 // then twice as long each time, at most half a minute
const ANSWER_MS = 5000
const STATE_MS = 5000
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

const renditions = JSON.parse(byId('live-renditions').textContent)
  .map(({ name, bandwidth }) => ({ name, bandwidth, address: new URL(`${name}/media.m3u8`, new URL(place.media, document.baseURI)) }))
const small = Math.min(screen.width, screen.height) < 500
const player = new LivePlayer(video, renditions, { verify, first: renditions.at(small ? -1 : 0).name })

const quality = byId('live-quality')
quality.addEventListener('change', () => player.choose(quality.value))
player.addEventListener('rendition', ({ detail: { name } }) => {
  const [auto] = quality.options
  const taken = Array.from(quality.options).find((option) => option.value === name)
  auto.textContent = `${auto.dataset.text} (${taken.textContent})`
})

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
for (const [event, next] of [['play', words.pause], ['pause', words.play]]) {
  video.addEventListener(event, () => { byId('live-play').textContent = next })
}
byId('live-edge').addEventListener('click', () => player.toEdge())
byId('live-sound').addEventListener('click', () => {
  video.muted = !video.muted
  byId('live-sound').setAttribute('aria-pressed', String(!video.muted))
  byId('live-sound').textContent = video.muted ? words.on : words.off
})

// --- what the room says by itself: over the socket, and by asking while there is none ---
let socket = null
let asked = 0
const waiting = new Map() // id of a comment -> what to do with the answer

const explain = (why) => { byId('live-why').textContent = whys[why] || '' }

const hear = (state) => {
  explain(state.why)
  const notice = state.showing === 'host' && state.effort > 0 ? words.reduced : ''
  byId('live-notice').textContent = notice
  byId('live-notice').hidden = !notice
  byId('live-question').textContent = state.quote || ''
  byId('live-quote').hidden = !state.quote
}

const connect = (delay) => {
  const address = new URL(place.socket, document.baseURI)
  address.protocol = address.protocol.replace('http', 'ws')
  socket = new WebSocket(address)
  socket.addEventListener('open', () => { delay = RECONNECT_MS })
  socket.addEventListener('message', ({ data }) => {
    const message = JSON.parse(data)
    if (message.type === 'state') hear(message)
    else waiting.get(message.id)?.(message)
  })
  socket.addEventListener('close', () => {
    socket = null
    for (const answer of waiting.values()) answer(null)
    setTimeout(() => connect(Math.min(2 * delay, 30 * RECONNECT_MS)), delay * (1 + Math.random()))
  })
}

const ask = async () => {
  if (socket?.readyState === WebSocket.OPEN) return
  const answer = await fetch(place.state).catch(() => null)
  if (answer?.ok) hear(await answer.json())
}

const overSocket = (text) => new Promise((resolve) => {
  if (socket?.readyState !== WebSocket.OPEN) return resolve(null)
  const id = String(++asked)
  const limit = setTimeout(() => done(null), ANSWER_MS)
  const done = (message) => { clearTimeout(limit); waiting.delete(id); resolve(message) }
  waiting.set(id, done)
  socket.send(JSON.stringify({ type: 'comment', id, text }))
})

const overPost = async (form) => {
  const answer = await fetch(form.action, { method: 'POST', body: new FormData(form) }).catch(() => null)
  return { type: answer?.ok ? 'kept' : 'refused' }
}

byId('live-ask')?.addEventListener('submit', async (event) => {
  event.preventDefault()
  const form = event.target
  const answer = await overSocket(form.elements.text.value) || await overPost(form)
  const refusals = { rate_limited: words.slow, room_off_air: words.offAir }
  byId('live-sent').textContent = answer.type === 'kept' ? words.kept : refusals[answer.code] || words.lost
  if (answer.type === 'kept') form.reset()
})

if (place.onAir) {
  connect(RECONNECT_MS)
  ask()
  setInterval(ask, STATE_MS)
}
explain(place.why)
if (!place.onAir && place.why === 'consent') byId('live-state').textContent = words.ended // nothing is left to play
else player.start()
