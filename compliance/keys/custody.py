"""The only door to private keys. What stands behind it is chosen by settings.

``AVOW_CUSTODY`` names a class with a ``from_settings()`` that returns a :class:`Custody`; the default opens
sealed files. A PKCS#11 token or a cloud KMS plugs in by another class, and no caller changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self, cast

from cryptography.exceptions import InvalidTag
from django.conf import settings
from django.utils.module_loading import import_string

from compliance.keys import material, sealing
from compliance.keys.errors import KeyAccessDenied, KeyCorrupt
from compliance.keys.keystore import KeyStore
from compliance.keys.purposes import ALGORITHMS, KeyAlgorithm, KeyPurpose, ProcessRole, may_use
from compliance.keys.rolesecrets import read_secret


class Custody(Protocol):
    """Private keys of one process role. All methods raise KeyMissing or KeyCorrupt on a damaged store."""

    @property
    def role(self) -> ProcessRole: ...

    def sign(self, purpose: KeyPurpose, data: bytes) -> bytes:
        """Signature with the current key: 64 bytes (Ed25519, or ES256 raw ``r || s``), 96 for ES384.

        Raises KeyAccessDenied when the role has no right to ``purpose`` or no usable secret.
        """

    def secret(self, purpose: KeyPurpose, key_id: str | None = None) -> bytes:
        """32 bytes of a secret-kind key, the current one unless ``key_id`` is given; raises as ``sign``."""

    def open_sealed(self, purpose: KeyPurpose, sealed: bytes, about: bytes) -> bytes:
        """What `seal_for` has sealed; raises as ``sign``, and KeyCorrupt when it does not open."""

    def key_id(self, purpose: KeyPurpose) -> str:
        """Id (16 hex digits) of the current key; open to every role."""

    def key_ids(self, purpose: KeyPurpose) -> list[str]:
        """Ids of all versions, so that a verifier can try what older ones signed or marked."""

    def public_key(self, purpose: KeyPurpose, key_id: str | None = None) -> material.PublicKey:
        """Public key of the current, or the named, version; open to every role."""


@dataclass(frozen=True, slots=True)
class FileCustody:
    """Custody over sealed files. Nothing is opened before it is needed, and nothing is kept afterwards."""

    role: ProcessRole
    store: KeyStore
    secret_file: Path | None

    @classmethod
    def from_settings(cls) -> Self:
        """Custody over ``AVOW_KEYS_DIR`` for ``AVOW_ROLE``; opens no file yet."""
        secret_file = settings.AVOW_SECRET_FILE
        return cls(
            role=ProcessRole(settings.AVOW_ROLE),
            store=KeyStore(Path(settings.AVOW_KEYS_DIR)),
            secret_file=Path(secret_file) if secret_file else None,
        )

    def sign(self, purpose: KeyPurpose, data: bytes) -> bytes:
        self._require_right(purpose)
        if ALGORITHMS[purpose] in (KeyAlgorithm.SECRET_256, KeyAlgorithm.HPKE_P256):
            raise KeyAccessDenied("key_cannot_sign", f"The {purpose} key is not made for signing and signs nothing.")
        return material.sign(ALGORITHMS[purpose], self._open(purpose, self.key_id(purpose)), data)

    def secret(self, purpose: KeyPurpose, key_id: str | None = None) -> bytes:
        self._require_right(purpose)
        if ALGORITHMS[purpose] is not KeyAlgorithm.SECRET_256:
            raise KeyAccessDenied("key_not_exportable", f"The {purpose} key signs; its private half is not given out.")
        return self._open(purpose, key_id or self.key_id(purpose))

    def open_sealed(self, purpose: KeyPurpose, sealed: bytes, about: bytes) -> bytes:
        self._require_right(purpose)
        key_id, _, rest = sealed.partition(b".")
        if ALGORITHMS[purpose] is not KeyAlgorithm.HPKE_P256:
            raise KeyAccessDenied("key_cannot_open", f"The {purpose} key opens nothing.")
        try:
            return material.open_sealed(self._open(purpose, key_id.decode("ascii")), rest, about)
        except (InvalidTag, ValueError) as error:
            text = f"What was sealed for the {purpose} key does not open. Enter it anew."
            raise KeyCorrupt("sealed_corrupt", text) from error

    def key_id(self, purpose: KeyPurpose) -> str:
        return self.store.current_id(purpose)

    def key_ids(self, purpose: KeyPurpose) -> list[str]:
        return self.store.ids(purpose)

    def public_key(self, purpose: KeyPurpose, key_id: str | None = None) -> material.PublicKey:
        return self.store.public_key(purpose, key_id or self.key_id(purpose))

    def _require_right(self, purpose: KeyPurpose) -> None:
        if not may_use(self.role, purpose):
            raise KeyAccessDenied(
                "key_not_for_role",
                f"A process of role “{self.role}” may not use the {purpose} key. "
                "Send the job to the process that holds it.",
            )

    def _open(self, purpose: KeyPurpose, key_id: str) -> bytes:
        if self.secret_file is None:
            raise KeyAccessDenied(
                "role_secret_not_set", f"Role “{self.role}” needs AVOW_SECRET_FILE to name its secret file."
            )
        secret = read_secret(self.secret_file, self.role)
        return sealing.unseal(self.store.sealed(purpose, key_id), self.role, secret)[1]


def open_custody() -> Custody:
    """The custody of this process, as ``AVOW_CUSTODY``, ``AVOW_ROLE`` and ``AVOW_SECRET_FILE`` say."""
    return cast(Custody, import_string(settings.AVOW_CUSTODY).from_settings())


def public_key(purpose: KeyPurpose, key_id: str | None = None) -> material.PublicKey:
    """Public key of the current, or the named, version: what a verifier needs; open to every role."""
    return open_custody().public_key(purpose, key_id)


def key_id(purpose: KeyPurpose) -> str:
    """Id of the current key of ``purpose``."""
    return open_custody().key_id(purpose)


def seal_for(purpose: KeyPurpose, plain: bytes, about: bytes) -> bytes:
    """Seal to the current key of ``purpose``: its id, a full stop, HPKE's bytes. Any role may, only a holder opens it.

    ``about`` is bound to it: sealed bytes copied to another place do not open there.
    """
    custody = open_custody()
    current = custody.key_id(purpose)
    return current.encode() + b"." + material.seal_to(custody.public_key(purpose, current), plain, about)
