"""The development CA: profile, renewal, what it never touches, and who may run it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from django.core.management import CommandError, call_command

from compliance.keys import services
from compliance.keys.errors import KeyAccessDenied
from compliance.keys.purposes import KeyPurpose, ProcessRole
from compliance.keys.rolesecrets import secret_path
from compliance.provenance import profile
from compliance.provenance.ca import ensure_development_ca
from compliance.provenance.custodial import CustodialKey
from compliance.provenance.errors import CertificateProblem
from compliance.provenance.pki import Pki, to_pem
from tests.provenance.conftest import Installation

NOW = datetime.now(UTC)


@pytest.fixture
def fresh(tmp_path: Path) -> Installation:
    services.initialise(secrets_dir=tmp_path / "secrets", keys_dir=tmp_path / "keys")
    return Installation(tmp_path / "keys", tmp_path / "secrets", Pki(tmp_path / "keys" / "pki"))


def ensure(installation: Installation, now: datetime = NOW) -> list[str]:
    return ensure_development_ca(custody=installation.custody(ProcessRole.SETUP), pki=installation.pki, now=now)


def chain(installation: Installation, purpose: KeyPurpose) -> list[x509.Certificate]:
    return installation.pki.chain(purpose, installation.custody(ProcessRole.WEB).key_id(purpose))


def extension(certificate: x509.Certificate, kind: type[x509.ExtensionType]) -> x509.Extension[Any]:
    return certificate.extensions.get_extension_for_class(kind)


def test_the_claim_certificate_follows_the_profile(fresh: Installation) -> None:
    ensure(fresh)
    leaf, issuing = chain(fresh, KeyPurpose.CLAIM)
    (root,) = fresh.pki.anchors()
    leaf.verify_directly_issued_by(issuing)
    issuing.verify_directly_issued_by(root)
    assert leaf.public_key() == fresh.custody(ProcessRole.GATE).public_key(KeyPurpose.CLAIM)
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc <= timedelta(days=366)
    usage = extension(leaf, x509.KeyUsage)
    assert usage.critical and usage.value.digital_signature and not usage.value.key_cert_sign
    purposes = extension(leaf, x509.ExtendedKeyUsage)
    assert list(purposes.value) == [profile.CLAIM_SIGNING, ExtendedKeyUsageOID.EMAIL_PROTECTION]
    assert extension(leaf, x509.BasicConstraints).value.ca is False
    assert extension(leaf, x509.AuthorityKeyIdentifier) and extension(leaf, x509.SubjectKeyIdentifier)
    assert isinstance(root.public_key(), ec.EllipticCurvePublicKey) and root.public_key().key_size == 384  # type: ignore[union-attr]


def test_the_time_stamping_certificate_can_do_nothing_else(fresh: Installation) -> None:
    ensure(fresh)
    purposes = extension(chain(fresh, KeyPurpose.TSA)[0], x509.ExtendedKeyUsage)
    assert purposes.critical
    assert list(purposes.value) == [ExtendedKeyUsageOID.TIME_STAMPING]


def test_a_second_run_changes_nothing(fresh: Installation) -> None:
    assert ensure(fresh) == ["root", "issuing", "anchor", "claim", "tsa"]
    before = {path: path.read_bytes() for path in fresh.pki.directory.rglob("*.pem")}
    assert ensure(fresh) == []
    assert {path: path.read_bytes() for path in fresh.pki.directory.rglob("*.pem")} == before


def test_leaves_are_renewed_before_they_end_and_the_issuer_before_them(fresh: Installation) -> None:
    ensure(fresh)
    assert ensure(fresh, NOW + timedelta(days=200)) == []
    assert ensure(fresh, NOW + timedelta(days=320)) == ["claim", "tsa"]
    assert ensure(fresh, NOW + timedelta(days=4 * 365)) == ["issuing", "claim", "tsa"]
    leaf, issuing = chain(fresh, KeyPurpose.CLAIM)
    assert leaf.not_valid_after_utc <= issuing.not_valid_after_utc


def test_a_rotated_key_gets_a_certificate_and_the_former_keeps_its_own(fresh: Installation) -> None:
    ensure(fresh)
    former = fresh.custody(ProcessRole.WEB).key_id(KeyPurpose.CLAIM)
    services.rotate(purpose=KeyPurpose.CLAIM, secrets_dir=fresh.secrets, keys_dir=fresh.keys)
    assert ensure(fresh) == ["claim"]
    assert fresh.pki.chain(KeyPurpose.CLAIM, former)[0].public_key() != chain(fresh, KeyPurpose.CLAIM)[0].public_key()


def test_a_chain_from_another_authority_is_never_touched(fresh: Installation) -> None:
    ensure(fresh)
    key = ec.generate_private_key(ec.SECP384R1())
    gate = fresh.custody(ProcessRole.GATE)
    public = gate.public_key(KeyPurpose.CLAIM)
    assert isinstance(public, ec.EllipticCurvePublicKey)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "A public CA")])
    bought = to_pem([profile.issue(profile.CLAIM, public, profile.Issuer(name, key), NOW)])
    path = fresh.pki.chain_path(KeyPurpose.CLAIM, gate.key_id(KeyPurpose.CLAIM))
    path.write_bytes(bought)
    assert ensure(fresh, NOW + timedelta(days=360)) == ["tsa"]
    assert path.read_bytes() == bought


@pytest.mark.parametrize("role", [ProcessRole.GATE, ProcessRole.WORKER, ProcessRole.WEB])
def test_attack_another_role_issues_itself_a_certificate(fresh: Installation, role: ProcessRole) -> None:
    with pytest.raises(KeyAccessDenied):
        ensure_development_ca(custody=fresh.custody(role), pki=fresh.pki)
    assert not list(fresh.pki.directory.rglob("*.pem"))


def test_a_custodial_key_gives_nothing_away(fresh: Installation) -> None:
    key = CustodialKey(fresh.custody(ProcessRole.SETUP), KeyPurpose.CA_ROOT)
    for take in (key.private_numbers, lambda: key.private_bytes(None, None, None)):  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            take()


def test_problems_with_certificates_are_named(fresh: Installation) -> None:
    key = fresh.custody(ProcessRole.WEB).public_key(KeyPurpose.CLAIM)

    def problem(now: datetime = NOW) -> str:
        with pytest.raises(CertificateProblem) as refusal:
            fresh.pki.usable_chain(KeyPurpose.CLAIM, key, now)
        return refusal.value.code

    assert problem() == "certificate_missing"
    with pytest.raises(CertificateProblem, match="no_trust_anchors"):
        fresh.pki.anchors()
    ensure(fresh)
    assert problem(NOW + timedelta(days=400)) == "certificate_expired"
    assert problem(NOW - timedelta(days=1)) == "certificate_expired"
    path = fresh.pki.chain_path(KeyPurpose.CLAIM, fresh.custody(ProcessRole.WEB).key_id(KeyPurpose.CLAIM))
    path.write_bytes(to_pem(chain(fresh, KeyPurpose.TSA)))
    assert problem() == "certificate_of_another_key"
    path.write_text("not a certificate")
    assert problem() == "certificate_unreadable"


def test_the_command_makes_and_shows_certificates(fresh: Installation, settings: Any) -> None:
    settings.AVOW_KEYS_DIR = fresh.keys
    settings.AVOW_ROLE, settings.AVOW_SECRET_FILE = "worker", fresh.secrets / "worker.secret"
    with pytest.raises(CommandError, match="key_not_for_role"):
        call_command("provenance", "init", stdout=StringIO())
    settings.AVOW_ROLE, settings.AVOW_SECRET_FILE = "setup", secret_path(fresh.secrets, ProcessRole.SETUP)
    out = StringIO()
    call_command("provenance", "init", stdout=out)
    call_command("provenance", "init", stdout=out)
    call_command("provenance", "show", stdout=out)
    assert "wrote root" in out.getvalue() and "in date" in out.getvalue() and "anchor" in out.getvalue()
