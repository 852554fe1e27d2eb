// Bytes, boxes, CBOR and COSE of a signed live stream, read strictly; see live_verify.js.

const MAX_BOXES = 10000
const MAX_DEPTH = 16
const ALG = 1

export const ED25519 = -8
export const ES256 = -7

const CODES = {
  init_damaged: 'livevideo.init.invalid',
  init_has_media: 'livevideo.init.invalid',
  manifest_absent: 'livevideo.manifest.invalid',
  manifest_not_trusted: 'livevideo.manifest.invalid',
  session_keys_absent: 'livevideo.sessionkey.invalid',
  session_keys_damaged: 'livevideo.sessionkey.invalid',
  signer_binding_wrong: 'livevideo.sessionkey.invalid',
  browser_cannot_verify: 'browser.unsupported',
}

/** Why a stream or a segment does not hold: the standard's `code`, our `reason`, `detail` for the console. */
export class LiveInvalid extends Error {
  constructor(reason, detail = '') {
    super(`${reason}: ${detail}`)
    this.reason = reason
    this.code = CODES[reason] || 'livevideo.segment.invalid'
    this.detail = detail
  }
}

export const refuse = (reason, detail) => { throw new LiveInvalid(reason, detail) }

/** A parse error of any part becomes the refusal that its caller names. */
export const reading = (reason, read) => {
  try {
    return read()
  } catch (error) {
    if (error instanceof LiveInvalid) throw error
    return refuse(reason, error.message)
  }
}

// --- bytes ---
const text = (bytes) => new TextDecoder('utf-8', { fatal: true }).decode(bytes)
export const ascii = (bytes) => String.fromCharCode(...bytes)
export const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
export const same = (one, other) => one.length === other.length && one.every((byte, index) => byte === other[index])
export const view = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
export const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))

export const concat = (parts) => {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

// --- boxes (ISO/IEC 14496-12, and JUMBF, ISO 19566-5) ---
export const boxes = (bytes, start = 0, end = bytes.length) => {
  const found = []
  const data = view(bytes)
  for (let at = start; at < end; at = found[found.length - 1].end) {
    if (end - at < 8 || found.length === MAX_BOXES) throw new Error('boxes do not fit')
    let size = data.getUint32(at)
    let payload = at + 8
    if (size === 1) {
      if (end - at < 16) throw new Error('cut off')
      size = Number(data.getBigUint64(at + 8))
      payload = at + 16
    } else if (size === 0) {
      size = end - at
    }
    if (at + size > end || at + size < payload) throw new Error('a box is cut off')
    found.push({ kind: ascii(bytes.subarray(at + 4, at + 8)), start: at, payload, end: at + size })
  }
  return found
}

export const superbox = (bytes, start, end) => {
  const [description, ...content] = boxes(bytes, start + 8, end)
  const labelled = description && description.kind === 'jumd' && bytes[description.payload + 16] & 2
  if (!labelled) throw new Error('a superbox without a label')
  const label = bytes.subarray(description.payload + 17, description.end)
  if (!label.includes(0)) throw new Error('a label without an end')
  const head = hex(bytes.subarray(description.payload, description.payload + 17))
  return { label: text(label.subarray(0, label.indexOf(0))), head, body: bytes.subarray(start + 8, end), content }
}

export const children = (bytes, parent) => parent.content
  .filter((box) => box.kind === 'jumb').map((box) => superbox(bytes, box.start, box.end))

/** A part of the store that no hash covers must be exactly what its place asks for: `kind`, requestable, labelled. */
export const checkKind = (box, kind) => {
  const expected = `${hex(new TextEncoder().encode(kind))}00110010800000aa00389b7103`
  if (box.head !== expected) throw new Error(`${box.label} is of another kind`)
  return box
}

export const child = (bytes, parent, label, kind = null) => {
  const found = children(bytes, parent).filter((one) => one.label === label)
  if (found.length !== 1) throw new Error(`${found.length} boxes named ${label}`)
  return kind ? checkKind(found[0], kind) : found[0]
}

export const cborOf = (bytes, box) => {
  const found = box.content.filter((one) => one.kind === 'cbor')
  if (found.length !== 1) throw new Error(`${box.label} has no content`)
  return bytes.subarray(found[0].payload, found[0].end)
}

/** SHA-256 over `boxes` of `bytes`, each after its 8-byte offset (specification 18.6.2). */
export const contentHash = (bytes, hashed) => sha256(concat(hashed.flatMap((box) => {
  const offset = new Uint8Array(8)
  view(offset).setBigUint64(0, BigInt(box.start))
  return [offset, bytes.subarray(box.start, box.end)]
})))

// --- CBOR (RFC 8949): definite lengths, no repeated keys, nothing left over ---
export class Tag {
  constructor(number, value) {
    this.number = number
    this.value = value
  }
}

class CborReader {
  constructor(bytes) {
    this.bytes = bytes
    this.at = 0
  }

  take(size) {
    if (size > this.bytes.length - this.at) throw new Error('CBOR is cut off')
    this.at += size
    return this.bytes.subarray(this.at - size, this.at)
  }

  argument(short) {
    if (short < 24) return short
    if (short > 27) throw new Error('an indefinite or reserved length')
    const raw = this.take(1 << (short - 24))
    const value = raw.reduce((sum, byte) => sum * 256 + byte, 0)
    if (!Number.isSafeInteger(value)) throw new Error('a number too large')
    return value
  }

  item(depth = 0) {
    if (depth > MAX_DEPTH) throw new Error('nested too deeply')
    const [head] = this.take(1)
    const major = head >> 5
    if (major === 7) return this.simple(head & 31)
    const argument = this.argument(head & 31)
    switch (major) {
      case 0: return argument
      case 1: return -1 - argument
      case 2: return this.take(argument)
      case 3: return text(this.take(argument))
      case 4: return this.array(argument, depth)
      case 5: return this.map(argument, depth)
      default: return new Tag(argument, this.item(depth + 1))
    }
  }

  simple(short) {
    if (short === 20 || short === 21) return short === 21
    if (short === 22) return null
    if (short === 27) return view(this.take(8)).getFloat64(0)
    throw new Error('a simple value that is not taken')
  }

  array(size, depth) {
    const items = []
    for (let index = 0; index < size; index++) items.push(this.item(depth + 1))
    return items
  }

  map(size, depth) {
    const found = new Map()
    for (let index = 0; index < size; index++) {
      const key = this.item(depth + 1)
      if (!['number', 'string'].includes(typeof key) || found.has(key)) throw new Error('a repeated or unusable key')
      found.set(key, this.item(depth + 1))
    }
    return found
  }
}

export const decode = (bytes) => {
  const reader = new CborReader(bytes)
  const value = reader.item()
  if (reader.at !== bytes.length) throw new Error('bytes after the end')
  return value
}

const head = (major, size) => {
  if (size < 24) return Uint8Array.of(major << 5 | size)
  if (size < 256) return Uint8Array.of(major << 5 | 24, size)
  if (size < 65536) return Uint8Array.of(major << 5 | 25, size >> 8, size & 255)
  return Uint8Array.of(major << 5 | 26, size >>> 24, size >> 16 & 255, size >> 8 & 255, size & 255)
}
export const byteString = (bytes) => concat([head(2, bytes.length), bytes])

// --- COSE (RFC 9052) ---
const SIGNATURE1 = new TextEncoder().encode('Signature1')
const toBeSigned = (protectedBytes, payload) => concat(
  [head(4, 4), head(3, SIGNATURE1.length), SIGNATURE1, byteString(protectedBytes), head(2, 0), byteString(payload)])

export const sign1 = (value) => {
  if (!(value instanceof Tag) || value.number !== 18 || !Array.isArray(value.value)) throw new Error('no COSE_Sign1')
  const [protectedBytes, unprotected, payload, signature] = value.value
  if (value.value.length !== 4 || !(unprotected instanceof Map) || !(signature instanceof Uint8Array)) {
    throw new Error('no COSE_Sign1')
  }
  const headers = decode(protectedBytes)
  return { protectedBytes, headers, unprotected, payload, signature }
}

const ALGORITHMS = {
  [ED25519]: { key: { name: 'Ed25519' }, verify: { name: 'Ed25519' } },
  [ES256]: { key: { name: 'ECDSA', namedCurve: 'P-256' }, verify: { name: 'ECDSA', hash: 'SHA-256' } },
}

/** A public key of the COSE algorithm `number`; an algorithm that the browser lacks is told as such. */
export const importKey = async (format, data, number) => {
  const algorithm = ALGORITHMS[number]
  try {
    return await crypto.subtle.importKey(format, data, algorithm.key, false, ['verify'])
  } catch (error) {
    if (error.name === 'NotSupportedError') return refuse('browser_cannot_verify', algorithm.key.name)
    throw error
  }
}

/** Whether `message` is signed over `payload` by `key`, with exactly that key's algorithm. */
export const coseHolds = async (message, payload, key, number) => {
  if (message.headers.get(ALG) !== number || message.signature.length !== 64) return false
  const signed = toBeSigned(message.protectedBytes, payload)
  return crypto.subtle.verify(ALGORITHMS[number].verify, key, message.signature, signed)
}

export const coseKey = async (found) => {
  const [kty, kid, curve, x, y] = [1, 2, -1, -2, -3].map((label) => found.get(label))
  const number = kty === 1 && curve === 6 ? ED25519 : kty === 2 && curve === 1 ? ES256 : null
  if (!number || !(kid instanceof Uint8Array) || !kid.length || (found.get(3) ?? number) !== number) {
    throw new Error('not a key that is understood')
  }
  const raw = number === ED25519 ? x : concat([Uint8Array.of(4), x, y])
  if (raw.length !== (number === ED25519 ? 32 : 65)) throw new Error('a key of the wrong length')
  return { kid: hex(kid), number, key: await importKey('raw', raw, number) }
}
