// Verifies a live stream in the page: C2PA verifiable segment info (specification 2.4, chapter 19), by WebCrypto.
//
//   const stream = await LiveVerification.create(initBytes, { trustedCertificateSha256, certificates, texts })
//   const verdict = await stream.verifySegment(segmentBytes)     // { ok, sequence, signedAt, code, reason, text }
//
// What this proves and what not: docs/c2pa-live.md. Nothing is fetched, nothing is guessed: what is not understood
// does not hold.

import {
  ES256, LiveInvalid, Tag, ascii, boxes, byteString, cborOf, checkKind, child, children, contentHash, coseHolds,
  coseKey, decode, hex, importKey, reading, refuse, same, sha256, sign1, superbox, view,
} from './live_formats.js'
import { certificate, checkChain } from './live_x509.js'

export { LiveInvalid }

const C2PA_UUID = 'd8fec3d61b0e483c92975828877ec481'
const UUID_HEAD = `\0\0\0\0manifest\0${'\0'.repeat(8)}`
const SCHEME = 'urn:c2pa:verifiable-segment-info'
const SCHEME_OFFSET = 12
const SESSION_KEYS = 'c2pa.session-keys'
const HARD_BINDING = 'c2pa.hash.bmff.v3'
const ASSERTIONS = 'self#jumbf=c2pa.assertions/'
const CLOCK_SKEW_MS = 5 * 60 * 1000
const KID = 4
const IAT = 6
const X5CHAIN = 33

// --- the init segment ---
const manifestOf = (bytes) => {
  const all = reading('init_damaged', () => boxes(bytes))
  const kinds = all.map((box) => box.kind)
  if (kinds[0] !== 'ftyp' || !kinds.includes('moov')) refuse('init_damaged', 'no ftyp and moov')
  if (kinds.includes('mdat') || kinds.includes('moof')) refuse('init_has_media')
  const isC2pa = (box) => box.kind === 'uuid' && hex(bytes.subarray(box.payload, box.payload + 16)) === C2PA_UUID
  const found = all.filter(isC2pa)
  if (!found.length) refuse('manifest_absent')
  return reading('manifest_not_trusted', () => {
    const at = found[0].payload + 16
    const store = bytes.subarray(at + UUID_HEAD.length, found[0].end)
    if (found.length > 1 || ascii(bytes.subarray(at, at + UUID_HEAD.length)) !== UUID_HEAD) {
      throw new Error('not one manifest store')
    }
    const [outer, ...others] = boxes(store)
    const root = checkKind(superbox(store, outer.start, outer.end), 'c2pa')
    const manifests = children(store, root)
    const alone = outer.kind === 'jumb' && root.label === 'c2pa' && !others.length && manifests.length === 1
    if (!alone) throw new Error('not one manifest')
    const bound = all.filter((box) => !isC2pa(box) && box.kind !== 'ftyp' && box.kind !== 'mfra')
    return { store, manifest: checkKind(manifests[0], 'c2ma'), bound }
  })
}

const isCount = (value) => Number.isSafeInteger(value) && value >= 0

/** The assertions that the signed claim lists, by label, each with the hash it states. */
const listed = (claim) => new Map(claim.get('created_assertions').map((one) => {
  const url = one.get('url')
  if (!url.startsWith(ASSERTIONS)) throw new Error('an assertion elsewhere')
  return [url.slice(ASSERTIONS.length), one.get('hash')]
}))

const checkAssertions = async (store, manifest, claim) => {
  const stated = listed(claim)
  const assertions = child(store, manifest, 'c2pa.assertions', 'c2as')
  if (claim.get('alg') !== 'sha256' || children(store, assertions).length !== stated.size) {
    throw new Error('assertions that nothing lists')
  }
  for (const [label, hash] of stated) {
    if (!same(hash, await sha256(child(store, assertions, label).body))) throw new Error(`${label} was changed`)
  }
  return (label) => (stated.has(label) ? decode(cborOf(store, child(store, assertions, label))) : null)
}

const checkBinding = async (bytes, bound, binding) => {
  const allowed = ['/uuid', '/ftyp', '/mfra']
  const [uuid] = binding.get('exclusions').filter((one) => one.get('xpath') === '/uuid')
  const data = uuid && uuid.get('data')
  const exact = data && data.length === 1 && data[0].get('offset') === 8 && hex(data[0].get('value')) === C2PA_UUID
  const fits = binding.get('exclusions').every((one) => allowed.includes(one.get('xpath')))
  if (!exact || !fits || binding.get('alg') !== 'sha256') throw new Error('a binding with other exclusions')
  if (!same(binding.get('hash'), await contentHash(bytes, bound))) throw new Error('the init segment was changed')
}

const checkClaim = async (store, manifest, trust) => {
  const message = sign1(decode(cborOf(store, child(store, manifest, 'c2pa.signature', 'c2cs'))))
  const chain = [message.headers.get(X5CHAIN) ?? message.unprotected.get(X5CHAIN)].flat().map(certificate)
  if (chain[0].curve[0] !== 'P-256') throw new Error('a claim signed with another algorithm than ES256')
  const key = await importKey('spki', chain[0].spki, ES256)
  const claim = cborOf(store, child(store, manifest, 'c2pa.claim.v2', 'c2cl'))
  if (!await coseHolds(message, claim, key, ES256)) throw new Error('the claim signature does not verify')
  await checkChain(chain, trust.others, trust.pins, trust.now)
  const stated = decode(claim)
  // The manifest's name stands outside of what is hashed; the claim names it where it says where its signature is.
  const named = stated.get('signature') === `self#jumbf=/c2pa/${manifest.label}/c2pa.signature`
  if (!named) throw new Error('the manifest was renamed')
  return { claim: stated, signer: chain[0] }
}

const sessionKey = async (entry, signer) => {
  const found = await coseKey(entry.get('key'))
  const created = entry.get('createdAt')
  const notBefore = created instanceof Tag && created.number === 0 ? Date.parse(created.value) : NaN
  const notAfter = notBefore + 1000 * entry.get('validityPeriod')
  const minimum = entry.get('minSequenceNumber')
  if (!(notAfter > notBefore) || !isCount(minimum) || !isCount(entry.get('validityPeriod'))) {
    throw new Error('terms that are not understood')
  }
  const binding = sign1(entry.get('signerBinding'))
  if (binding.payload !== null || !await coseHolds(binding, byteString(signer.bytes), found.key, found.number)) {
    refuse('signer_binding_wrong')
  }
  return { ...found, notBefore, notAfter, minimum }
}

const sessionKeys = async (assertion, signer) => {
  if (!assertion) refuse('session_keys_absent')
  try {
    const keys = await Promise.all(assertion.get('keys').map((entry) => sessionKey(entry, signer)))
    if (!keys.length) throw new Error('no key')
    return new Map(keys.map((key) => [key.kid, key]))
  } catch (error) {
    if (error instanceof LiveInvalid) throw error
    return refuse('session_keys_damaged', error.message)
  }
}

/** What the signer states about the stream, for the page to show and to compare with what it expects. */
const statements = (manifestId, claim, assertion, signer) => {
  const [mark] = assertion('c2pa.soft-binding')?.get('blocks') ?? []
  const [action] = assertion('c2pa.actions.v2')?.get('actions') ?? []
  return Object.freeze({
    manifestId,
    title: claim.get('dc:title') ?? '',
    signer: signer.commonName,
    receiptId: assertion('org.avow.consent-receipt')?.get('receiptId') ?? '',
    mark: mark ? hex(mark.get('value')) : '',
    digitalSourceType: action?.get('digitalSourceType') ?? '',
  })
}

const verifyInit = async (bytes, trust) => {
  const { store, manifest, bound } = manifestOf(bytes)
  try {
    const { claim, signer } = await checkClaim(store, manifest, trust)
    const assertion = await checkAssertions(store, manifest, claim)
    await checkBinding(bytes, bound, assertion(HARD_BINDING))
    const keys = await sessionKeys(assertion(SESSION_KEYS), signer)
    return { keys, statements: statements(manifest.label, claim, assertion, signer) }
  } catch (error) {
    if (error instanceof LiveInvalid) throw error
    return refuse('manifest_not_trusted', error.message)
  }
}

// --- a media segment ---
const isSignature = (bytes, box) => {
  const at = box.start + SCHEME_OFFSET
  const end = at + SCHEME.length
  return box.kind === 'emsg' && box.end >= end && ascii(bytes.subarray(at, end)) === SCHEME
}

const messageOf = (bytes, box) => {
  const expected = `\0\0\0\0${SCHEME}\0fseg\0`
  const start = box.payload + expected.length
  const fits = ascii(bytes.subarray(box.payload, start)) === expected && box.end - start > 16
  if (!fits) throw new Error('not an event message of this form')
  if (view(bytes).getUint32(start + 4) !== 0) throw new Error('a presentation time delta')
  return bytes.subarray(start + 16, box.end)
}

const exclusionsFit = (found) => {
  const [only] = found
  const [data] = only.get('data')
  return found.length === 1 && only.size === 2 && only.get('xpath') === '/emsg' && only.get('data').length === 1
    && data.size === 2 && data.get('offset') === SCHEME_OFFSET && ascii(data.get('value')) === SCHEME
}

const statementOf = (message) => {
  const signed = sign1(decode(message))
  const stated = decode(signed.payload)
  const bound = stated.get('bmffHash')
  const [number, iat] = [stated.get('sequenceNumber'), signed.headers.get(IAT)]
  const kid = signed.unprotected.get(KID) ?? signed.headers.get(KID)
  if (bound.get('alg') !== 'sha256' || bound.has('merkle') || !exclusionsFit(bound.get('exclusions'))) {
    throw new Error('a hash that leaves out other things')
  }
  if (!isCount(number) || !(kid instanceof Uint8Array) || (iat !== undefined && typeof iat !== 'number')) {
    throw new Error('a part of the statement is missing')
  }
  const signedAt = iat === undefined ? null : iat * 1000
  const manifestId = stated.get('manifestId')
  return { signed, sequence: number, manifestId, hash: bound.get('hash'), kid: hex(kid), signedAt }
}

const readSegment = (bytes) => {
  const root = reading('segment_damaged', () => boxes(bytes))
  const signatures = root.filter((box) => isSignature(bytes, box))
  if (!signatures.length) refuse('segment_unsigned')
  if (signatures.length > 1) refuse('segment_signed_twice')
  const statement = reading('signature_damaged', () => statementOf(messageOf(bytes, signatures[0])))
  return { statement, hashed: root.filter((box) => box !== signatures[0]) }
}

/** The certificate in Base64, or nothing: a list of anchors may hold kinds of keys that we do not take. */
const certificateOrNone = (base64) => {
  try {
    return [certificate(Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)))]
  } catch {
    return []
  }
}

/** One session of a stream: its init segment, then its segments in order. A new init needs a new object. */
export class LiveVerification {
  #init
  #texts
  #maxAgeMs
  #now
  #history = { numbers: new Map(), latest: null }
  #queue = Promise.resolve()

  constructor(init, { texts = {}, maxAgeSeconds = null, now = Date.now }) {
    this.#init = init
    this.#texts = texts
    this.#maxAgeMs = maxAgeSeconds === null ? Infinity : 1000 * maxAgeSeconds
    this.#now = now
  }

  /**
   * Verify the init segment; throws LiveInvalid when it does not hold.
   * trustedCertificateSha256: hex digests of the certificates that are trusted; the only input that trust comes from.
   * certificates: further certificates (Base64 of DER), for example the root that signatures leave out.
   * texts: a sentence per reason, in the viewer's language. maxAgeSeconds: refuse older segments (for the live edge).
   * after: the verification of the session before this one, so that nothing signed long before is shown after it.
   */
  static async create(initBytes, options) {
    if (!globalThis.crypto || !crypto.subtle) refuse('browser_cannot_verify', 'WebCrypto needs HTTPS')
    const others = (options.certificates || []).flatMap(certificateOrNone)
    const pins = new Set(options.trustedCertificateSha256.map((one) => one.toLowerCase()))
    const now = (options.now || Date.now)()
    const made = new LiveVerification(await verifyInit(new Uint8Array(initBytes), { others, pins, now }), options)
    if (options.after) made.#history = options.after.#history
    return made
  }

  /** What the signed manifest states: manifestId, title, signer, receiptId, mark (hex), digitalSourceType. */
  get statements() {
    return this.#init.statements
  }

  /** Judge the next segment: `{ ok, sequence, signedAt, code, reason, text }`. Calls are answered in their order. */
  verifySegment(bytes, { afterSeek = false } = {}) {
    const verdict = this.#queue.then(() => this.#judge(new Uint8Array(bytes), afterSeek))
    this.#queue = verdict
    return verdict
  }

  async #judge(bytes, afterSeek) {
    const verdict = { ok: false, sequence: null, signedAt: null, code: '', reason: '', text: '' }
    try {
      const statement = await this.#check(bytes)
      verdict.sequence = statement.sequence
      verdict.signedAt = statement.signedAt === null ? null : new Date(statement.signedAt)
      this.#checkOrder(statement, afterSeek)
      return { ...verdict, ok: true }
    } catch (error) {
      const known = error instanceof LiveInvalid ? error : new LiveInvalid('signature_damaged', error.message)
      return { ...verdict, code: known.code, reason: known.reason, text: this.#texts[known.reason] || known.reason }
    }
  }

  async #check(bytes) {
    const { statement, hashed } = readSegment(bytes)
    if (statement.manifestId !== this.#init.statements.manifestId) refuse('manifest_of_another')
    const key = this.#init.keys.get(statement.kid) || refuse('key_unknown')
    if (!await coseHolds(statement.signed, statement.signed.payload, key.key, key.number)) refuse('signature_wrong')
    this.#checkTime(statement.signedAt ?? this.#now(), key)
    if (!same(await contentHash(bytes, hashed), statement.hash)) refuse('content_changed')
    if (statement.sequence < key.minimum) refuse('sequence_too_low')
    return statement
  }

  #checkTime(signedAt, key) {
    const now = this.#now()
    if (signedAt < key.notBefore || signedAt > now + CLOCK_SKEW_MS) refuse('key_not_yet_valid')
    if (signedAt > key.notAfter) refuse('key_expired')
    if (now - signedAt > this.#maxAgeMs) refuse('not_live')
  }

  /** Numbers rise by one within a session; signing times do not go back, whatever the session. */
  #checkOrder({ sequence, manifestId, signedAt }, afterSeek) {
    const history = this.#history
    const last = history.numbers.get(manifestId) ?? null
    if (last !== null && sequence <= last) refuse('sequence_repeated')
    if (signedAt !== null && signedAt < history.latest - CLOCK_SKEW_MS) refuse('signed_earlier')
    history.latest = signedAt ?? history.latest
    history.numbers.set(manifestId, sequence)
    if (last !== null && sequence > last + 1 && !afterSeek) refuse('sequence_gap')
  }
}
