// A small Media Source player for a live room: nothing is shown whose signature was not verified.
//
//   const player = new LivePlayer(video, 'high/media.m3u8', { verify })
//   player.addEventListener('state', (event) => ...)    // event.detail: { state, reason }
//   player.addEventListener('segment', (event) => ...)  // event.detail: { sequence, date, verdict, accepted }
//   player.start()
//
// `verify.init(bytes)` and `verify.segment(bytes, { afterSeek })` return, or promise, what is to be said about the bytes,
// and throw when they must not be shown; `afterSeek`: the player left segments out itself. An init's verdict with `slate: true` makes the state `slate` while it is on screen.
// States: idle, loading, playing, slate, stalled, unverified, blocked (the browser wants a click first), ended, failed.
// The page needs `media-src blob:` in its content security policy. Reasons are codes; the words are the page's.

const EDGE_TARGETS = 3 // start so many target durations before the live edge (RFC 8216, 6.3.3)
const LATE_TARGETS = 8 // further behind than this, jump to the edge
const AHEAD_S = 20 // a paused player does not load on and on
const KEEP_S = 10 // played media that stays for a short step back
const TICK_MS = 250
const LONGEST_PAUSE_MS = 5000
const FETCH_MS = 10000
const REFUSALS = new Set(['init_unverified', 'segment_unverified', 'init_unreadable', 'segment_unreadable'])

/** Read a media playlist: { target, ended, entries: [{ sequence, url, duration, map, period, date }] }. */
export function parsePlaylist (text, base) {
  const list = { target: 1, ended: false, entries: [] }
  if (!text.startsWith('#EXTM3U')) throw new PlayerError('playlist_unreadable')
  let sequence = 0
  let period = 0
  let map = null
  let date = null
  let duration = 0
  for (const line of text.split('\n').map((row) => row.trim())) {
    const [tag, value = ''] = line.startsWith('#') ? line.split(/:(.*)/s) : ['', line]
    if (tag === '#EXT-X-TARGETDURATION') list.target = Number(value)
    else if (tag === '#EXT-X-MEDIA-SEQUENCE') sequence = Number(value)
    else if (tag === '#EXT-X-DISCONTINUITY-SEQUENCE') period = Number(value)
    else if (tag === '#EXT-X-DISCONTINUITY') period += 1
    else if (tag === '#EXT-X-MAP') map = new URL(/URI="([^"]+)"/.exec(value)?.[1] ?? '', base).href
    else if (tag === '#EXT-X-PROGRAM-DATE-TIME') date = new Date(value)
    else if (tag === '#EXTINF') duration = parseFloat(value)
    else if (tag === '#EXT-X-ENDLIST') list.ended = true
    else if (tag === '' && value) {
      list.entries.push({ sequence: sequence++, url: new URL(value, base).href, duration, map, period, date })
    }
  }
  return list
}

export class PlayerError extends Error {
  constructor (reason) {
    super(reason)
    this.reason = reason
  }
}

/** Bytes of the first box at `path`, e.g. ['moov', 'trak'], below `bytes`; null when absent (ISO/IEC 14496-12, 4.2). */
function findBox (bytes, path) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 0; at + 8 <= bytes.length;) {
    const size = view.getUint32(at)
    const kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8))
    if (size < 8 || at + size > bytes.length) return null
    if (kind === path[0]) {
      const content = bytes.subarray(at + 8, at + size)
      return path.length > 1 ? findBox(content, path.slice(1)) : content
    }
    at += size
  }
  return null
}

const viewOf = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** What the player must know of an init segment: MIME type with codecs, ticks per second of the picture track. */
export function describeInit (bytes) {
  const media = findBox(bytes, ['moov', 'trak', 'mdia'])
  const header = media && findBox(media, ['mdhd'])
  const table = media && findBox(media, ['minf', 'stbl', 'stsd'])
  const entry = table && findBox(table.subarray(8), ['avc1'])
  const avcc = entry && findBox(entry.subarray(78), ['avcC'])
  if (!header || !avcc) throw new PlayerError('init_unreadable')
  const profile = Array.from(avcc.subarray(1, 4), (byte) => byte.toString(16).padStart(2, '0')).join('')
  return { mime: `video/mp4; codecs="avc1.${profile},mp4a.40.2"`, timescale: viewOf(header).getUint32(12) }
}

/** Decode time of a segment's first picture in ticks: tfdt of its first track fragment. */
export function decodeTime (bytes) {
  const tfdt = findBox(bytes, ['moof', 'traf', 'tfdt'])
  if (!tfdt) throw new PlayerError('segment_unreadable')
  const view = viewOf(tfdt)
  return view.getUint8(0) === 1 ? Number(view.getBigUint64(4)) : view.getUint32(4)
}

export class LivePlayer extends EventTarget {
  #video
  #address
  #verify
  #state = 'idle'
  #stopping = new AbortController()
  #source = null
  #buffer = null
  #init = null // { map, mime, timescale, verdict } of the init segment appended last
  #next = null // sequence number wanted next
  #period = null
  #skipped = true // segments were left out before the next one
  #refused = null // reason while the newest segment was refused
  #ended = false
  #target = 1
  #shown = [] // { from, to, sequence, date, verdict, slate } in the element's time

  constructor (video, address, { verify }) {
    super()
    if (typeof verify?.init !== 'function' || typeof verify?.segment !== 'function') {
      throw new TypeError('LivePlayer needs verify.init and verify.segment')
    }
    this.#video = video
    this.#address = new URL(address, document.baseURI).href
    this.#verify = verify
  }

  get state () { return this.#state }

  /** What is on screen now: { sequence, date, verdict, slate }, with `date` moved to the current picture; or null. */
  get current () {
    const now = this.#video.currentTime
    const found = this.#shown.find((part) => part.from <= now && now < part.to)
    if (!found) return null
    const { sequence, verdict, slate, from } = found
    return { sequence, verdict, slate, date: found.date && new Date(found.date.getTime() + (now - from) * 1000) }
  }

  /** Play until `stop`. Resolves when the stream has ended, the player was stopped or cannot go on. */
  async start () {
    const signal = this.#stopping.signal
    const watch = setInterval(() => this.#look(), TICK_MS)
    try {
      this.#say('loading')
      await this.#open()
      await this.#load(signal)
    } catch (error) {
      if (!signal.aborted) this.#say('failed', error.reason ?? 'player_failed')
      if (!signal.aborted && !error.reason) throw error
    } finally {
      if (signal.aborted || this.#state === 'failed') clearInterval(watch)
      else signal.addEventListener('abort', () => clearInterval(watch))
    }
  }

  stop () {
    this.#stopping.abort()
    this.#say('idle')
  }

  /** Go to the live edge: after a pause, or when the page offers a button for it. */
  toEdge () {
    const ranges = this.#video.buffered
    if (!ranges.length) return
    const last = ranges.length - 1
    const edge = ranges.end(last) - EDGE_TARGETS * this.#target
    this.#video.currentTime = Math.max(ranges.start(last), edge)
  }

  async #open () {
    const Source = window.ManagedMediaSource ?? window.MediaSource
    if (!Source) throw new PlayerError('media_source_missing')
    this.#source = new Source()
    this.#video.disableRemotePlayback = true // a managed source opens only then; another device would not verify
    const address = URL.createObjectURL(this.#source)
    this.#video.src = address
    await once(this.#source, 'sourceopen', this.#stopping.signal)
    URL.revokeObjectURL(address)
  }

  async #load (signal) {
    let known = null
    for (let failures = 0; !signal.aborted && !this.#ended;) {
      const list = await this.#playlist(signal)
      failures = list ? 0 : failures + 1
      if (list) await this.#take(list, signal)
      const newest = list?.entries.at(-1)?.sequence ?? known
      const wait = list && newest !== known ? this.#target : this.#target / 2
      known = newest
      await pause(Math.min(LONGEST_PAUSE_MS, wait * 1000 * 2 ** Math.min(failures, 4)), signal)
    }
  }

  async #playlist (signal) {
    const bytes = await this.#fetch(this.#address, signal)
    if (!bytes) return null
    try {
      return parsePlaylist(new TextDecoder().decode(bytes), this.#address)
    } catch (error) {
      if (error.reason) return null // half a file of a careless proxy: ask again
      throw error
    }
  }

  async #take (list, signal) {
    this.#target = list.target
    const edge = Math.max(0, list.entries.length - EDGE_TARGETS)
    const lost = list.entries.length && (this.#next === null || this.#next < list.entries[0].sequence ||
      this.#next > list.entries.at(-1).sequence + 1)
    if (lost) {
      this.#next = list.entries[edge].sequence
      this.#skipped = true
    }
    for (const entry of list.entries) {
      if (entry.sequence < this.#next || signal.aborted) continue
      if (this.#ahead() > AHEAD_S) return
      if (!await this.#show(entry, signal)) return
      this.#next = entry.sequence + 1
    }
    if (list.ended) this.#finish()
  }

  /** Fetch, verify and append one segment; false when it could not be had now and is to be asked for again. */
  async #show (entry, signal) {
    try {
      if (this.#init?.map !== entry.map && !await this.#begin(entry.map, signal)) return false
      const bytes = await this.#fetch(entry.url, signal)
      if (!bytes) return false
      const verdict = await this.#checked('segment', bytes, { afterSeek: this.#skipped })
      await this.#append(entry, bytes, verdict)
      this.#refused = null
      this.#skipped = false
      this.#tell('segment', { sequence: entry.sequence, date: entry.date, verdict, accepted: true })
    } catch (error) {
      if (!REFUSALS.has(error.reason)) throw error
      this.#refused = error.reason
      this.#skipped = true
      this.#tell('segment', { sequence: entry.sequence, date: entry.date, verdict: error.cause, accepted: false })
      this.#look()
    }
    return true
  }

  async #begin (map, signal) {
    const bytes = await this.#fetch(map, signal)
    if (!bytes) return false
    this.#init = null // what follows a refused init is refused too
    const verdict = await this.#checked('init', bytes)
    const { mime, timescale } = describeInit(bytes)
    if (!this.#source.constructor.isTypeSupported(mime)) throw new PlayerError('codec_unsupported')
    if (!this.#buffer) this.#buffer = this.#source.addSourceBuffer(mime)
    else this.#buffer.changeType(mime)
    await this.#feed(bytes)
    this.#init = { map, timescale, verdict }
    return true
  }

  async #checked (kind, bytes, options) {
    try {
      return await this.#verify[kind](bytes, options)
    } catch (cause) {
      throw Object.assign(new PlayerError(`${kind}_unverified`), { cause })
    }
  }

  async #append (entry, bytes, verdict) {
    const time = decodeTime(bytes) / this.#init.timescale
    const end = bufferedEnd(this.#buffer)
    if (this.#period !== entry.period) {
      this.#buffer.timestampOffset = end - time // media time starts anew: go on where the last picture ended
      this.#period = entry.period
    }
    const from = time + this.#buffer.timestampOffset
    await this.#feed(bytes)
    const slate = this.#init.verdict?.slate === true
    this.#shown.push({ from, to: from + entry.duration, sequence: entry.sequence, date: entry.date, verdict, slate })
    if (this.#video.paused && this.#state === 'loading') this.#play(from)
    await this.#trim()
  }

  async #feed (bytes) {
    for (let attempt = 0; ; attempt++) {
      try {
        this.#buffer.appendBuffer(bytes)
        break
      } catch (error) {
        if (error.name !== 'QuotaExceededError' || attempt) throw error
        await this.#trim(0)
      }
    }
    await settled(this.#buffer)
  }

  async #trim (keep = KEEP_S) {
    const until = this.#video.currentTime - keep
    this.#shown = this.#shown.filter((part) => part.to > until)
    if (!this.#buffer.buffered.length || this.#buffer.buffered.start(0) >= until - KEEP_S) return
    this.#buffer.remove(0, until)
    await settled(this.#buffer)
  }

  async #play (from) {
    if (this.#video.currentTime < from) this.#video.currentTime = from
    try {
      await this.#video.play()
    } catch {
      if (this.#video.paused) this.#say('blocked', 'click_needed')
    }
  }

  #finish () {
    this.#ended = true
    if (this.#source.readyState === 'open') this.#source.endOfStream()
  }

  #ahead () { return this.#buffer ? bufferedEnd(this.#buffer) - this.#video.currentTime : 0 }

  /** Several times a second: leave gaps and delays behind, and say what is the case. */
  #look () {
    const video = this.#video
    if (this.#stopping.signal.aborted || this.#state === 'failed') return
    if (this.#buffer && !video.paused && !video.seeking) this.#recover()
    const part = this.current
    if (video.ended) this.#say('ended')
    else if (this.#refused) this.#say('unverified', this.#refused)
    else if (video.paused) return
    else if (video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA) {
      if (this.#state !== 'loading') this.#say('stalled', 'buffer_empty')
    } else if (part) this.#say(part.slate ? 'slate' : 'playing')
  }

  #recover () {
    const video = this.#video
    const ranges = video.buffered
    for (let index = 0; index < ranges.length; index++) {
      const inside = ranges.start(index) <= video.currentTime && video.currentTime < ranges.end(index) - 0.1
      if (inside) break
      if (ranges.start(index) > video.currentTime) {
        video.currentTime = ranges.start(index) // a gap: a segment was refused, or nobody was on air
        return
      }
    }
    if (!this.#ended && this.#ahead() > LATE_TARGETS * this.#target) this.toEdge()
  }

  /** Bytes of a resource; null when it cannot be had now. */
  async #fetch (address, signal) {
    try {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(FETCH_MS)])
      const cache = address === this.#address ? 'no-store' : 'default'
      const answer = await fetch(address, { signal: limit, cache })
      return answer.ok ? new Uint8Array(await answer.arrayBuffer()) : null
    } catch {
      return null
    }
  }

  #say (state, reason = null) {
    if (this.#state === state) return
    this.#state = state
    this.#tell('state', { state, reason })
  }

  #tell (name, detail) { this.dispatchEvent(new CustomEvent(name, { detail })) }
}

const bufferedEnd = (buffer) => buffer.buffered.length ? buffer.buffered.end(buffer.buffered.length - 1) : 0

function once (target, name, signal) {
  return new Promise((resolve, reject) => {
    target.addEventListener(name, resolve, { once: true })
    signal.addEventListener('abort', () => reject(new PlayerError('stopped')), { once: true })
  })
}

function settled (buffer) {
  return new Promise((resolve, reject) => {
    const stop = new AbortController()
    const done = () => { stop.abort(); resolve() }
    const fail = () => { stop.abort(); reject(new PlayerError('media_refused')) }
    buffer.addEventListener('updateend', done, { signal: stop.signal })
    buffer.addEventListener('error', fail, { signal: stop.signal })
  })
}

function pause (ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => { clearTimeout(timer); resolve() }, { once: true })
  })
}
