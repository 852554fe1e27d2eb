// Which rendition a live player takes: by hand, or by what arrives in time.
//
//   const choice = new RenditionChoice([{ name: 'high', bandwidth: 3e6 }, { name: 'low', bandwidth: 8e5 }], 'high')
//   choice.observe(bytes, seconds)                  // one download
//   choice.next({ ahead, target })                  // name to take from now on; ahead: seconds buffered
//   choice.byHand = 'low'                           // or null: automatic again
//
// Renditions come best first; `bandwidth`: bits per second that the worst second needs. Down at once when the connection
// does not carry it or the buffer runs dry; up only after calm seconds with room to spare, and after a step up that did
// not last, ever later: a viewer sees few changes instead of many.

const SPARE = 0.8 // of the measured rate is counted on
const ROOM_UP = 1.5 // times its bandwidth before a better one is tried
const DRY_TARGETS = 1 // less than so many target durations ahead is running dry
const CALM = 10 // downloads without trouble before a step up
const CALM_LONGEST = 120
const HALF_LIVES = [2, 8] // downloads; the slower of a quick and a slow average counts

export class RenditionChoice {
  byHand = null
  #renditions
  #at
  #rates = HALF_LIVES.map(() => null)
  #calm = 0
  #needed = CALM
  #tried = false // the last step was up and has not lasted yet

  constructor (renditions, first = renditions[0].name) {
    if (!renditions.length) throw new TypeError('RenditionChoice needs a rendition')
    this.#renditions = renditions
    this.#at = Math.max(0, renditions.findIndex((one) => one.name === first))
  }

  get name () { return this.#renditions[this.#at].name }

  /** Bits per second that may be counted on; null before the first download. */
  get rate () { return this.#rates.includes(null) ? null : SPARE * Math.min(...this.#rates) }

  /** A download of so many bytes took so many seconds; no bytes: it did not come. */
  observe (bytes, seconds) {
    const rate = 8 * bytes / Math.max(seconds, 0.001)
    this.#rates = this.#rates.map((mean, index) => {
      const keep = 0.5 ** (1 / HALF_LIVES[index])
      return mean === null ? rate : keep * mean + (1 - keep) * rate
    })
    this.#calm += 1
  }

  /** The name of the rendition to take next. */
  next ({ ahead, target }) {
    const by = this.#renditions.findIndex((one) => one.name === this.byHand)
    if (by >= 0) this.#go(by)
    else if (this.rate !== null) this.#adapt(ahead < DRY_TARGETS * target)
    return this.name
  }

  #adapt (dry) {
    const here = this.#renditions[this.#at]
    const better = this.#renditions[this.#at - 1]
    const tooMuch = this.rate < here.bandwidth && this.#at < this.#renditions.length - 1
    if (tooMuch && (dry || this.rate < SPARE * here.bandwidth)) {
      if (this.#tried) this.#needed = Math.min(CALM_LONGEST, 2 * this.#needed)
      this.#go(this.#at + 1)
    } else if (this.#calm >= this.#needed) {
      if (this.#tried) this.#needed = CALM // it lasted
      this.#tried = false
      if (better && !dry && this.rate > ROOM_UP * better.bandwidth) {
        this.#go(this.#at - 1)
        this.#tried = true
      }
    }
  }

  #go (index) {
    if (index === this.#at) return
    this.#at = index
    this.#calm = 0
    this.#tried = false
  }
}
