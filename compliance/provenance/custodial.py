"""A private key object that signs through custody, for libraries that want a key and must not have one."""

from __future__ import annotations

from typing import NoReturn, Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

from compliance.keys.custody import Custody
from compliance.keys.purposes import KeyPurpose


def sign_der(custody: Custody, purpose: KeyPurpose, data: bytes) -> bytes:
    """ECDSA signature as ASN.1 DER (RFC 3279 section 2.2.3), the form of X.509 and CMS."""
    raw = custody.sign(purpose, data)
    half = len(raw) // 2
    return encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))


class CustodialKey(ec.EllipticCurvePrivateKey):
    """An elliptic-curve key of which only ``sign`` and the public half exist here."""

    def __init__(self, custody: Custody, purpose: KeyPurpose) -> None:
        public = custody.public_key(purpose)
        if not isinstance(public, ec.EllipticCurvePublicKey):
            raise TypeError(f"the {purpose} key is not an elliptic-curve key")
        self._custody, self._purpose, self._public = custody, purpose, public

    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self._public

    @property
    def curve(self) -> ec.EllipticCurve:
        return self._public.curve

    @property
    def key_size(self) -> int:
        return self._public.key_size

    def sign(
        self,
        data: bytes | bytearray | memoryview[int],
        signature_algorithm: ec.EllipticCurveSignatureAlgorithm,
    ) -> bytes:
        """DER signature; custody binds the hash to the curve, so only that hash may be asked for."""
        asked = signature_algorithm.algorithm
        if isinstance(asked, Prehashed) or asked.digest_size * 8 != self.key_size:
            raise ValueError(f"the {self._purpose} key signs with its own hash only")
        return sign_der(self._custody, self._purpose, bytes(data))

    def exchange(self, algorithm: ec.ECDH, peer_public_key: ec.EllipticCurvePublicKey) -> NoReturn:
        self._refuse()

    def private_numbers(self) -> NoReturn:
        self._refuse()

    def private_bytes(
        self,
        encoding: serialization.Encoding,
        format: serialization.PrivateFormat,
        encryption_algorithm: serialization.KeySerializationEncryption,
    ) -> NoReturn:
        self._refuse()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self

    def _refuse(self) -> NoReturn:
        raise TypeError(f"the {self._purpose} key stays in custody")
