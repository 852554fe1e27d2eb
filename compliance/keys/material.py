"""Key material: generate, load, sign, seal, identify (pure; no files, no Django).

Signatures: Ed25519 gives 64 bytes (RFC 8032); P-256 with SHA-256 and P-384 with SHA-384 give raw ``r || s``
of 64 and 96 bytes, the form COSE wants (RFC 9053 section 2.1).

Sealing to a public key: HPKE (RFC 9180), base mode, DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM; the sealed
bytes are the encapsulated key followed by the ciphertext.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from cryptography.hazmat.primitives import hashes, hpke, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from compliance.keys.purposes import KeyAlgorithm

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey

SECRET_BYTES = 32
_SUITE = hpke.Suite(hpke.KEM.P256, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
_CURVES: dict[KeyAlgorithm, tuple[ec.EllipticCurve, hashes.HashAlgorithm]] = {
    KeyAlgorithm.P256: (ec.SECP256R1(), hashes.SHA256()),
    KeyAlgorithm.P384: (ec.SECP384R1(), hashes.SHA384()),
    KeyAlgorithm.HPKE_P256: (ec.SECP256R1(), hashes.SHA256()),
}


def generate(algorithm: KeyAlgorithm) -> bytes:
    """Fresh private material: PKCS#8 DER of an asymmetric key, or 32 random bytes."""
    if algorithm is KeyAlgorithm.SECRET_256:
        return secrets.token_bytes(SECRET_BYTES)
    if algorithm is KeyAlgorithm.ED25519:
        key: PrivateKey = ed25519.Ed25519PrivateKey.generate()
    else:
        key = ec.generate_private_key(_CURVES[algorithm][0])
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def load_private(algorithm: KeyAlgorithm, material: bytes) -> PrivateKey:
    """The private key in ``material`` (PKCS#8 DER); raises ValueError when it is not of ``algorithm``."""
    key = serialization.load_der_private_key(material, password=None)
    check_public(algorithm, key.public_key())
    if not isinstance(key, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
        raise ValueError(f"unsupported private key type {type(key).__name__}")
    return key


def check_public(algorithm: KeyAlgorithm, key: object) -> PublicKey:
    """``key`` itself, once it is known to be of ``algorithm``; raises ValueError otherwise."""
    if algorithm is KeyAlgorithm.ED25519 and isinstance(key, ed25519.Ed25519PublicKey):
        return key
    curve = _CURVES.get(algorithm)
    if curve and isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == curve[0].name:
        return key
    raise ValueError(f"not a {algorithm} key")


def public_pem(algorithm: KeyAlgorithm, material: bytes) -> bytes | None:
    """SubjectPublicKeyInfo PEM of private ``material``; None for a plain secret."""
    if algorithm is KeyAlgorithm.SECRET_256:
        return None
    return (
        load_private(algorithm, material)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def sign(algorithm: KeyAlgorithm, material: bytes, data: bytes) -> bytes:
    """Signature over ``data`` as raw bytes (see the module's head for the form)."""
    key = load_private(algorithm, material)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(data)
    size = (key.curve.key_size + 7) // 8
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(_CURVES[algorithm][1])))
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def seal_to(key: PublicKey, plain: bytes, about: bytes) -> bytes:
    """`plain` for the holder of `key`'s private half alone; `about` must be named again to open it."""
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return _SUITE.encrypt(plain, key, about)


def open_sealed(material: bytes, sealed: bytes, about: bytes) -> bytes:
    """What `seal_to` has sealed; raises InvalidTag or ValueError when key, bytes or `about` are others."""
    key = load_private(KeyAlgorithm.HPKE_P256, material)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return _SUITE.decrypt(sealed, key, about)


def identify(algorithm: KeyAlgorithm, material: bytes) -> str:
    """Key id, 16 hex digits: from the public key, or from an HMAC that tells nothing about a secret."""
    if algorithm is KeyAlgorithm.SECRET_256:
        return hmac.new(material, b"avow key id", hashlib.sha256).hexdigest()[:16]
    return identify_public(load_private(algorithm, material).public_key())


def identify_public(key: PublicKey) -> str:
    """Key id of a public key: the first 16 hex digits of SHA-256 over its SubjectPublicKeyInfo DER."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()[:16]
