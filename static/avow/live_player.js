// A small Media Source player for a live room: nothing is shown whose signature was not verified.
//
//   const player = new LivePlayer(video, 'high/media.m3u8', { verify })
//   const player = new LivePlayer(video, [{ name: 'high', address: 'high/media.m3u8', bandwidth: 3e6 }, ...], { verify })
//   player.addEventListener('state', (event) => ...)    // event.detail: { state, reason }
//   player.addEventListener('segment', (event) => ...)  // event.detail: { sequence, date, verdict, accepted }
//   player.addEventListener('rendition', (event) => ...) // event.detail: { name }: what is appended from now on
//   player.start()
//   player.choose('low')                                 // or 'auto': live_renditions.js
//
// `verify.init(bytes)` and `verify.segment(bytes, { afterSeek })` return, or promise, what is to be said about the bytes,
// and throw when they must not be shown; `afterSeek`: the player left segments out itself. An init's verdict with `slate: true` makes the state `slate` while it is on screen.
// States: idle, loading, playing, slate, stalled, unverified, blocked (the browser wants a click first), ended, failed.
// Renditions share sequence numbers and media time, as `streaming.packager` cuts them; a change appends the verified init
// segment of the other one first.
// The page needs `media-src blob:` in its content security policy. Reasons are codes; the words are the page's.

import { PlayerError, decodeTime, describeInit, parsePlaylist } from './live_media.js'
import { RenditionChoice } from './live_renditions.js'

const EDGE_TARGETS = 3 // start so many target durations before the live edge (RFC 8216, 6.3.3)
const LATE_TARGETS = 8 // further behind than this, jump to the edge
const AHEAD_S = 20 // a paused player does not load on and on
const KEEP_S = 10 // played media that stays for a short step back
const TICK_MS = 250
const LONGEST_PAUSE_MS = 5000
const FETCH_MS = 10000
const APPENDS = 3 // Chromium now and then takes the first segment after a change of size and does not buffer it
const JUST_S = 0.1
const REFUSALS = new Set(['init_unverified', 'segment_unverified', 'init_unreadable', 'segment_unreadable'])

export class LivePlayer extends EventTarget {
  #video
  #addresses // playlist by rendition's name
  #choice
  #rendition = null // name of the one whose segments are appended
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

  constructor (video, renditions, { verify, first }) {
    super()
    if (typeof verify?.init !== 'function' || typeof verify?.segment !== 'function') {
      throw new TypeError('LivePlayer needs verify.init and verify.segment')
    }
    this.#video = video
    const given = typeof renditions === 'string' ? [{ name: '', address: renditions, bandwidth: 0 }] : renditions
    this.#addresses = new Map(given.map(({ name, address }) => [name, new URL(address, document.baseURI).href]))
    this.#choice = new RenditionChoice(given, first)
    this.#verify = verify
  }

  get state () { return this.#state }

  /** Name of the rendition that is loaded, which may run ahead of what is on screen. */
  get rendition () { return this.#rendition }

  /** Stay with one rendition, or `auto`: by what arrives in time. */
  choose (name) {
    if (name !== 'auto' && !this.#addresses.has(name)) throw new TypeError(`there is no rendition ${name}`)
    this.#choice.byHand = name === 'auto' ? null : name
  }

  /** What is on screen now: { sequence, date, verdict, slate, rendition }, with `date` moved to the current picture; or null. */
  get current () {
    const now = this.#video.currentTime
    const found = this.#shown.find((part) => part.from <= now && now < part.to)
    if (!found) return null
    const { sequence, verdict, slate, rendition, from } = found
    return { sequence, verdict, slate, rendition, date: found.date && new Date(found.date.getTime() + (now - from) * 1000) }
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
      this.#turn()
      const list = await this.#playlist(signal)
      failures = list ? 0 : failures + 1
      if (list) await this.#take(list, signal)
      if (this.#wanted() !== this.#rendition) continue
      const newest = list?.entries.at(-1)?.sequence ?? known
      const wait = list && newest !== known ? this.#target : this.#target / 2
      known = newest
      await pause(Math.min(LONGEST_PAUSE_MS, wait * 1000 * 2 ** Math.min(failures, 4)), signal)
    }
  }

  #wanted () { return this.#choice.next({ ahead: this.#ahead(), target: this.#target }) }

  /** Follow the choice; numbers and media time go on. */
  #turn () {
    const name = this.#wanted()
    if (name === this.#rendition) return
    if (this.#rendition !== null) this.#skipped = true // what its stream had since it was left was not asked for
    this.#rendition = name
    this.#tell('rendition', { name })
  }

  async #playlist (signal) {
    const address = this.#addresses.get(this.#rendition)
    const bytes = await this.#fetch(address, signal, 'no-store')
    if (!bytes) return null
    try {
      return parsePlaylist(new TextDecoder().decode(bytes), address)
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
      if (this.#wanted() !== this.#rendition) return
    }
    if (list.ended) this.#finish()
  }

  /** Fetch, verify and append one segment; false when it could not be had now and is to be asked for again. */
  async #show (entry, signal) {
    try {
      if (this.#init?.map !== entry.map && !await this.#begin(entry.map, signal)) return false
      const bytes = await this.#measured(entry, signal)
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
    this.#init = { map, mime, bytes, timescale, verdict }
    return true
  }

  /** A segment, and what its download says of the connection. */
  async #measured (entry, signal) {
    const begun = performance.now()
    const bytes = await this.#fetch(entry.url, signal)
    const seconds = (performance.now() - begun) / 1000
    if (bytes || seconds > entry.duration) this.#choice.observe(bytes?.length ?? 0, seconds)
    return bytes
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
    await this.#put(bytes, from, entry.duration)
    const slate = this.#init.verdict?.slate === true
    const [to, rendition] = [from + entry.duration, this.#rendition]
    this.#shown.push({ from, to, sequence: entry.sequence, date: entry.date, verdict, slate, rendition })
    if (this.#video.paused && this.#state === 'loading') this.#play(from)
    await this.#trim()
  }

  /** Append a verified segment until it is buffered; what never is leaves a gap, which is jumped. */
  async #put (bytes, from, duration) {
    for (let attempt = 1; ; attempt++) {
      await this.#feed(bytes)
      if (holds(this.#buffer.buffered, from + duration / 2) || attempt === APPENDS) return
      this.#buffer.changeType(this.#init.mime)
      await this.#feed(this.#init.bytes)
    }
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
      const inside = ranges.start(index) <= video.currentTime && video.currentTime < ranges.end(index) - JUST_S
      if (inside) break
      if (ranges.start(index) > video.currentTime) {
        video.currentTime = ranges.start(index) // a gap: a segment was refused, or nobody was on air
        return
      }
    }
    if (!this.#ended && this.#ahead() > LATE_TARGETS * this.#target) this.toEdge()
  }

  /** Bytes of a resource; null when it cannot be had now. */
  async #fetch (address, signal, cache = 'default') {
    try {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(FETCH_MS)])
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

const holds = (ranges, moment) =>
  Array.from({ length: ranges.length }, (_, index) => index).some((index) => ranges.start(index) <= moment && moment < ranges.end(index))

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
