"""Where certificate chains and trust anchors lie, and reading them. Public data only.

<AVOW_KEYS_DIR>/pki/root.pem, issuing.pem       the development CA
<AVOW_KEYS_DIR>/pki/claim/<key id>.pem          chain of the claim key: leaf first, root left out
<AVOW_KEYS_DIR>/pki/tsa/<key id>.pem            chain of the time-stamping key
<AVOW_KEYS_DIR>/pki/anchors/*.pem               what we trust: our root, and any list an operator adds
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from django.conf import settings
from django.utils.translation import gettext as _

from compliance.keys.material import PublicKey, identify_public
from compliance.keys.purposes import KeyPurpose
from compliance.provenance.errors import CertificateProblem


@dataclass(frozen=True, slots=True)
class Pki:
    """The certificate directory."""

    directory: Path

    @classmethod
    def from_settings(cls) -> Pki:
        return cls(Path(settings.AVOW_KEYS_DIR) / "pki")

    def chain_path(self, purpose: KeyPurpose, key_id: str) -> Path:
        return self.directory / purpose.value / f"{key_id}.pem"

    def anchor_paths(self) -> list[Path]:
        """Files of trusted certificates; raises CertificateProblem when there is none."""
        paths = sorted((self.directory / "anchors").glob("*.pem"))
        if not paths:
            raise CertificateProblem(
                "no_trust_anchors", _("No trust anchors are installed. Run “manage.py provenance init”.")
            )
        return paths

    def anchors(self) -> list[x509.Certificate]:
        return [certificate for path in self.anchor_paths() for certificate in load_certificates(path)]

    def chain(self, purpose: KeyPurpose, key_id: str) -> list[x509.Certificate]:
        """The chain installed for one key, leaf first; raises CertificateProblem when it is not there."""
        path = self.chain_path(purpose, key_id)
        if not path.exists():
            raise CertificateProblem(
                "certificate_missing",
                _("There is no certificate for the current %(purpose)s key. Run “manage.py provenance init”.")
                % {"purpose": purpose},
            )
        return load_certificates(path)

    def usable_chain(self, purpose: KeyPurpose, key: PublicKey, now: datetime) -> list[x509.Certificate]:
        """The chain for ``key``, once its leaf is of that key and every certificate is in date at ``now``."""
        chain = self.chain(purpose, identify_public(key))
        if chain[0].public_key() != key:
            raise CertificateProblem(
                "certificate_of_another_key",
                _("The installed certificate belongs to another key. Install the right one."),
            )
        for certificate in chain:
            if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
                raise CertificateProblem(
                    "certificate_expired",
                    _("The signing certificate is out of date. Run “manage.py provenance init” to renew it."),
                    subject=certificate.subject.rfc4514_string(),
                )
        return chain


def load_certificates(path: Path) -> list[x509.Certificate]:
    """All certificates of a PEM file; raises CertificateProblem when it holds none or is damaged."""
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except ValueError as error:
        raise CertificateProblem(
            "certificate_unreadable", _("%(path)s is not a PEM certificate file.") % {"path": path}
        ) from error


def to_pem(certificates: list[x509.Certificate]) -> bytes:
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)
