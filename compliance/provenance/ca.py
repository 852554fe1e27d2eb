"""The development certificate authority: made on first run, renewed when close to its end.

Work of the ``setup`` role, which alone opens the CA keys. An installation with certificates from a public CA
puts its chain at ``pki/claim/<key id>.pem``; a chain that this CA did not issue is never touched.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from compliance.keys import files
from compliance.keys.custody import Custody
from compliance.keys.purposes import KeyPurpose
from compliance.provenance import profile
from compliance.provenance.custodial import CustodialKey
from compliance.provenance.pki import Pki, load_certificates, to_pem

RENEW_LEAF_BEFORE = timedelta(days=60)
RENEW_ISSUING_BEFORE = timedelta(days=profile.LEAF_DAYS + 30)
"""An issuing certificate must outlive every leaf that it signs."""
_LEAVES = {KeyPurpose.CLAIM: profile.CLAIM, KeyPurpose.TSA: profile.TSA}
_PUBLIC_MODE = 0o644


def ensure_development_ca(*, custody: Custody, pki: Pki, now: datetime | None = None) -> list[str]:
    """Make or renew what is missing or close to its end; returns what was written, by name.

    Raises KeyAccessDenied outside the ``setup`` role and KeyMissing before ``keys init``.
    """
    moment = now or datetime.now(UTC)
    written: list[str] = []
    with files.exclusive(pki.directory):
        root = _authority(pki, "root", custody, moment, written)
        issuing = _authority(pki, "issuing", custody, moment, written)
        if files.create_once(pki.directory / "anchors" / "development-root.pem", to_pem([root]), mode=_PUBLIC_MODE):
            written.append("anchor")
        for purpose in _LEAVES:
            if _leaf_is_due(pki, purpose, custody, issuing, moment):
                _issue_leaf(pki, purpose, custody, issuing, moment)
                written.append(purpose.value)
    return written


def _authority(pki: Pki, name: str, custody: Custody, now: datetime, written: list[str]) -> x509.Certificate:
    path = pki.directory / f"{name}.pem"
    if path.exists():
        (certificate,) = load_certificates(path)
        if name == "root" or certificate.not_valid_after_utc - now > RENEW_ISSUING_BEFORE:
            return certificate
    issuer = profile.Issuer(profile.ROOT.subject, CustodialKey(custody, KeyPurpose.CA_ROOT))
    if name == "root":
        certificate = profile.issue(profile.ROOT, issuer.key.public_key(), issuer, now)
    else:
        subject_key = CustodialKey(custody, KeyPurpose.CA_ISSUING).public_key()
        certificate = profile.issue(profile.ISSUING, subject_key, issuer, now)
    files.replace(path, to_pem([certificate]), mode=_PUBLIC_MODE)
    written.append(name)
    return certificate


def _leaf_is_due(pki: Pki, purpose: KeyPurpose, custody: Custody, issuing: x509.Certificate, now: datetime) -> bool:
    path = pki.chain_path(purpose, custody.key_id(purpose))
    if not path.exists():
        return True
    leaf = load_certificates(path)[0]
    ours = leaf.issuer == issuing.subject
    return ours and leaf.not_valid_after_utc - now < RENEW_LEAF_BEFORE


def _issue_leaf(pki: Pki, purpose: KeyPurpose, custody: Custody, issuing: x509.Certificate, now: datetime) -> None:
    subject_key = custody.public_key(purpose)
    assert isinstance(subject_key, ec.EllipticCurvePublicKey)
    issuer = profile.Issuer(issuing.subject, CustodialKey(custody, KeyPurpose.CA_ISSUING))
    leaf = profile.issue(_LEAVES[purpose], subject_key, issuer, now)
    path = pki.chain_path(purpose, custody.key_id(purpose))
    files.replace(path, to_pem([leaf, issuing]), mode=_PUBLIC_MODE)
