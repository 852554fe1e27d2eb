// Records the consented minute, take by take. Nothing is sent before the person says so.
(() => {
  'use strict'
  const PICTURE = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 25, max: 30 } }
  // As it sounds in the room: what cleans the sound also hides noise from the meter and bends the voice.
  const SOUND = { echoCancellation: false, noiseSuppression: false, autoGainControl: false }
  const KINDS = ['video/webm;codecs=vp8,opus', 'video/webm', 'video/mp4']
  const AIM_DB = 20
  const OVAL = { x: 0.39, y: 0.18, width: 0.22, height: 0.52 } // shares of the picture, as the guide is drawn

  const root = document.querySelector('[data-capture]')
  if (!root) return
  const say = root.querySelector('[data-said]')
  const trouble = root.querySelector('[data-trouble]')
  const form = root.querySelector('[data-send]')
  const preview = root.querySelector('[data-preview]')
  const startButton = root.querySelector('[data-start]')
  const submit = root.querySelector('[data-submit]')
  const words = root.dataset
  const takes = new Map()
  let stream = null
  let running = null

  const complain = (text) => { trouble.textContent = text; trouble.hidden = !text }
  const announce = (text) => { if (say.textContent !== text) say.textContent = text }

  // --- camera and microphone ---
  const openCamera = async () => {
    complain('')
    const kind = window.MediaRecorder && KINDS.find((one) => MediaRecorder.isTypeSupported(one))
    if (!navigator.mediaDevices || !kind) return complain(words.textUnsupported)
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: PICTURE, audio: SOUND })
    } catch (error) {
      return complain(error.name === 'NotAllowedError' ? words.textCameraDenied : words.textNoCamera)
    }
    preview.srcObject = stream
    await preview.play()
    startButton.hidden = true
    root.classList.add('is-live')
    watchLight()
    watchSound()
    for (const step of steps) step.ready(kind)
    steps[0].recordButton.focus()
  }

  // --- meters: shown all the time, put into words only when the word changes ---
  const show = (name, value, word) => {
    root.querySelector(`[data-meter="${name}"]`).value = value
    const place = root.querySelector(`[data-word="${name}"]`)
    if (place.textContent !== word) place.textContent = word
  }

  const watchLight = () => {
    const canvas = document.createElement('canvas')
    canvas.width = 64
    canvas.height = 36
    const pen = canvas.getContext('2d', { willReadFrequently: true })
    setInterval(() => {
      if (!preview.videoWidth) return
      pen.drawImage(preview, preview.videoWidth * OVAL.x, preview.videoHeight * OVAL.y,
        preview.videoWidth * OVAL.width, preview.videoHeight * OVAL.height, 0, 0, 64, 36)
      const { data } = pen.getImageData(0, 0, 64, 36)
      let sum = 0
      let glaring = 0
      for (let at = 0; at < data.length; at += 4) {
        const luma = 0.2126 * data[at] + 0.7152 * data[at + 1] + 0.0722 * data[at + 2]
        sum += luma
        glaring += luma > 245 ? 1 : 0
      }
      const count = data.length / 4
      const mean = sum / count
      const word = mean < 60 ? words.textDark : mean > 190 || glaring / count > 0.25 ? words.textBright : words.textLightGood
      show('light', mean, word)
    }, 250)
  }

  const watchSound = () => {
    const context = new AudioContext()
    const analyser = context.createAnalyser()
    analyser.fftSize = 2048
    context.createMediaStreamSource(stream).connect(analyser)
    const wave = new Float32Array(analyser.fftSize)
    const past = [] // decibels of the last ten seconds
    setInterval(() => {
      analyser.getFloatTimeDomainData(wave)
      let power = 0
      let peak = 0
      for (const value of wave) { power += value * value; peak = Math.max(peak, Math.abs(value)) }
      const level = Math.max(-90, 10 * Math.log10(power / wave.length + 1e-9))
      past.push(level)
      if (past.length > 100) past.shift()
      const sorted = [...past].sort((a, b) => a - b)
      const voice = sorted[Math.floor(sorted.length * 0.9)]
      const gap = voice - sorted[Math.floor(sorted.length * 0.1)]
      show('loudness', level, peak > 0.98 ? words.textLoud : voice < -36 ? words.textQuiet : words.textLoudnessGood)
      show('noise', gap, voice < -40 ? words.textSpeak : gap < AIM_DB ? words.textNoisy : words.textNoiseGood)
    }, 100)
  }

  // --- one take ---
  class Step {
    constructor (element) {
      this.element = element
      this.key = element.dataset.step
      this.least = Number(element.dataset.least)
      this.most = Number(element.dataset.most)
      const part = (name) => element.querySelector(`[data-${name}]`)
      this.state = part('state')
      this.bar = part('time')
      this.recordButton = part('record')
      this.doneButton = part('done')
      this.lookButton = part('look')
      this.player = part('take')
      this.recordButton.addEventListener('click', () => this.record())
      this.doneButton.addEventListener('click', () => this.stop())
      this.lookButton.addEventListener('click', () => this.look())
    }

    ready (kind) {
      this.kind = kind
      this.recordButton.disabled = false
    }

    record () {
      if (running) return
      running = this
      this.forget()
      const pieces = []
      this.recorder = new MediaRecorder(stream, { mimeType: this.kind, videoBitsPerSecond: 6e6, audioBitsPerSecond: 128e3 })
      this.recorder.addEventListener('dataavailable', (event) => { if (event.data.size) pieces.push(event.data) })
      this.recorder.addEventListener('stop', () => this.keep(new Blob(pieces, { type: this.kind.split(';')[0] })))
      this.recorder.start(1000)
      this.began = performance.now()
      this.clock = setInterval(() => this.tick(), 100)
      this.element.classList.add('is-recording')
      this.state.textContent = words.textRecording
      announce(words.textRecording)
      this.doneButton.hidden = false
      this.doneButton.disabled = true
      lock(true)
      this.doneButton.focus()
    }

    tick () {
      const seconds = (performance.now() - this.began) / 1000
      this.bar.value = seconds
      this.state.textContent = `${words.textRecording} ${seconds.toFixed(0)} s`
      // A little more than the least: the first picture comes a moment after the button.
      if (seconds > this.least + 0.7 && this.doneButton.disabled) {
        this.doneButton.disabled = false
        this.doneButton.focus()
        if (!this.element.querySelector('blockquote')) this.stop() // silent takes end by themselves
      }
      if (seconds > this.most) this.stop()
    }

    stop () {
      if (running !== this || this.recorder.state === 'inactive') return
      clearInterval(this.clock)
      this.recorder.stop()
    }

    keep (blob) {
      running = null
      takes.set(this.key, blob)
      this.element.classList.remove('is-recording')
      this.element.classList.add('is-recorded')
      this.state.textContent = words.textRecorded
      announce(words.textRecorded)
      this.doneButton.hidden = true
      this.lookButton.hidden = false
      this.recordButton.textContent = words.textAgain
      lock(false)
      const next = steps.find((step) => !takes.has(step.key))
      const target = next ? next.recordButton : submit
      target.focus()
    }

    look () {
      this.address = this.address || URL.createObjectURL(takes.get(this.key))
      this.player.src = this.address
      this.player.hidden = false
      this.player.play()
    }

    forget () {
      takes.delete(this.key)
      this.player.hidden = true
      this.player.removeAttribute('src')
      this.lookButton.hidden = true
      this.element.classList.remove('is-recorded')
      if (this.address) URL.revokeObjectURL(this.address)
      this.address = null
      this.bar.value = 0
    }
  }

  const steps = Array.from(root.querySelectorAll('[data-step]'), (element) => new Step(element))
  const lock = (busy) => {
    for (const step of steps) step.recordButton.disabled = busy
    submit.disabled = busy || takes.size < steps.length
  }

  // --- sending ---
  const send = () => {
    const data = new FormData(form)
    for (const [key, blob] of takes) data.append(key, blob, key)
    const request = new XMLHttpRequest()
    const bar = root.querySelector('[data-sent]')
    request.open('POST', form.action)
    request.responseType = 'json'
    request.upload.addEventListener('progress', (event) => {
      bar.hidden = false
      bar.max = event.total
      bar.value = event.loaded
    })
    const failed = (text) => { bar.hidden = true; lock(false); complain(text); trouble.scrollIntoView() }
    request.addEventListener('error', () => failed(words.textFailed))
    request.addEventListener('load', () => {
      const answer = request.response
      if (request.status === 201 && answer) location.assign(answer.location)
      else failed(answer && answer.text ? `${answer.text} (${answer.code})` : words.textFailed)
    })
    complain('')
    lock(true)
    announce(words.textSending)
    request.send(data)
  }

  startButton.addEventListener('click', openCamera)
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    if (takes.size === steps.length && !running) send()
  })
  window.addEventListener('beforeunload', (event) => { if (running) event.preventDefault() })
})()
