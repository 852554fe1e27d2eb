// What a live player reads of playlists, init segments and segments; nothing here is trusted before it is verified.

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
