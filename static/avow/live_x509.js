// Certificates of the claim signer: X.509 (RFC 5280) as far as our own profile goes, ECDSA on P-256 and P-384.

import { ascii, concat, hex, same, sha256 } from './live_formats.js'

const MAX_CHAIN = 5
const OID = {
  basicConstraints: '551d13', keyUsage: '551d0f', extendedKeyUsage: '551d25',
  harmless: ['551d0e', '551d23'], commonName: '550403',
  claimSigning: '2b0601040183e85e0201', emailProtection: '2b06010505070304',
  curves: { '2a8648ce3d030107': ['P-256', 32], '2b81040022': ['P-384', 48] },
  hashes: { '2a8648ce3d040302': 'SHA-256', '2a8648ce3d040303': 'SHA-384' },
}

const der = (bytes, at = 0) => {
  let size = bytes[at + 1]
  let start = at + 2
  if (size > 127) {
    const count = size & 127
    if (count < 1 || count > 3) throw new Error('a DER length that is not taken')
    size = bytes.subarray(start, start + count).reduce((sum, byte) => sum * 256 + byte, 0)
    start += count
  }
  if (!(start + size <= bytes.length)) throw new Error('DER is cut off')
  return { tag: bytes[at], whole: bytes.subarray(at, start + size), value: bytes.subarray(start, start + size) }
}

const sequence = (node) => {
  const found = []
  for (let at = 0; at < node.value.length; at += found[found.length - 1].whole.length) found.push(der(node.value, at))
  return found
}

const moment = (node) => {
  const [, year, ...rest] = ascii(node.value).match(/^(\d{2}|\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/)
  const full = node.tag === 0x18 ? Number(year) : Number(year) + (Number(year) < 50 ? 2000 : 1900)
  const [month, day, hour, minute, second] = rest.map(Number)
  return Date.UTC(full, month - 1, day, hour, minute, second)
}

const commonName = (name) => {
  const parts = sequence(der(name)).flatMap(sequence).map(sequence)
  const found = parts.find(([kind]) => hex(kind.value) === OID.commonName)
  return found ? new TextDecoder().decode(found[1].value) : ''
}

export const certificate = (bytes) => {
  const outer = der(bytes)
  const [tbs, algorithm, signature] = sequence(outer)
  const fields = sequence(tbs).filter((field) => field.tag !== 0xa0)
  const [, , issuer, validity, subject, spki] = fields
  const [notBefore, notAfter] = sequence(validity).map(moment)
  const curve = OID.curves[hex(sequence(sequence(spki)[0])[1].value)]
  if (!curve) throw new Error('a key of a kind that is not taken')
  const found = {
    bytes: outer.whole, tbs: tbs.whole, issuer: issuer.whole, subject: subject.whole, spki: spki.whole,
    notBefore, notAfter, curve, commonName: commonName(subject.whole),
    hash: OID.hashes[hex(sequence(algorithm)[0].value)], signature: signature.value.subarray(1),
    authority: false, pathLength: Infinity, usage: 0, purposes: [],
  }
  const extensions = fields.find((field) => field.tag === 0xa3)
  if (extensions) sequence(der(extensions.value)).forEach((extension) => readExtension(found, sequence(extension)))
  return found
}

const readExtension = (found, parts) => {
  const kind = hex(parts[0].value)
  const content = der(parts[parts.length - 1].value)
  if (kind === OID.basicConstraints) {
    const [authority, pathLength] = sequence(content)
    found.authority = Boolean(authority && authority.value[0])
    if (pathLength) found.pathLength = pathLength.value[0]
  } else if (kind === OID.keyUsage) {
    found.usage = content.value[1]
  } else if (kind === OID.extendedKeyUsage) {
    found.purposes = sequence(content).map((one) => hex(one.value))
  } else if (parts.length === 3 && parts[1].value[0] && !OID.harmless.includes(kind)) {
    throw new Error(`a critical extension that is not understood: ${kind}`)
  }
}

/** ECDSA signature from DER to `r || s`, each of `width` bytes. */
const rawSignature = (bytes, width) => concat(sequence(der(bytes)).map((node) => {
  const digits = node.value[0] === 0 ? node.value.subarray(1) : node.value
  if (digits.length > width) throw new Error('a signature of the wrong size')
  return concat([new Uint8Array(width - digits.length), digits])
}))

const issuedBy = async (subject, issuer, depth) => {
  if (!same(subject.issuer, issuer.subject) || !issuer.authority || !(issuer.usage & 4)) return false
  if (issuer.pathLength < depth) return false
  const [namedCurve, width] = issuer.curve
  const key = await crypto.subtle.importKey('spki', issuer.spki, { name: 'ECDSA', namedCurve }, false, ['verify'])
  const signature = rawSignature(subject.signature, width)
  return crypto.subtle.verify({ name: 'ECDSA', hash: subject.hash }, key, signature, subject.tbs)
}

/** Throws unless the signer's certificate is a claim signer's and leads, all in date, to a trusted one. */
export const checkChain = async (chain, others, trusted, now) => {
  const signer = chain[0]
  const purpose = signer.purposes.some((one) => one === OID.claimSigning || one === OID.emailProtection)
  if (signer.authority || !(signer.usage & 0x80) || !purpose) throw new Error('not the certificate of a claim signer')
  let current = signer
  for (let depth = 0; depth < MAX_CHAIN; depth++) {
    if (now < current.notBefore || now > current.notAfter) throw new Error('a certificate is out of date')
    if (trusted.has(hex(await sha256(current.bytes)))) return
    let issuer = null
    for (const one of [...chain, ...others]) if (!issuer && await issuedBy(current, one, depth)) issuer = one
    if (!issuer) throw new Error('the certificates do not lead to a trusted one')
    current = issuer
  }
  throw new Error('too many certificates')
}
