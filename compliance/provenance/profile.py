"""Certificate profiles of the development CA (pure): C2PA specification 2.4 section 14.5, RFC 5280, RFC 3161.

The claim leaf carries two extended key usages: the C2PA one, which conforming products want, and
emailProtection, which validators without the C2PA list still accept.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CLAIM_SIGNING = x509.ObjectIdentifier("1.3.6.1.4.1.62558.2.1")
ORGANISATION = "Avow development"
ROOT_DAYS = 20 * 365
ISSUING_DAYS = 5 * 365
LEAF_DAYS = 365
"""Below the 366 days that the C2PA certificate policy allows for a claim signing certificate."""
CLOCK_SKEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Profile:
    """What distinguishes one kind of certificate from another."""

    common_name: str
    days: int
    authority: bool
    path_length: int | None
    usages: tuple[x509.ObjectIdentifier, ...]
    usages_critical: bool

    @property
    def subject(self) -> x509.Name:
        return x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANISATION),
                x509.NameAttribute(NameOID.COMMON_NAME, self.common_name),
            ]
        )


ROOT = Profile("Avow development root", ROOT_DAYS, True, 1, (), False)
ISSUING = Profile("Avow development issuing CA", ISSUING_DAYS, True, 0, (), False)
CLAIM = Profile(
    "Avow claim signer", LEAF_DAYS, False, None, (CLAIM_SIGNING, ExtendedKeyUsageOID.EMAIL_PROTECTION), False
)
TSA = Profile("Avow time-stamping unit", LEAF_DAYS, False, None, (ExtendedKeyUsageOID.TIME_STAMPING,), True)


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who signs: a name and a key object (custodial), which for a root is the subject's own."""

    name: x509.Name
    key: ec.EllipticCurvePrivateKey


def issue(profile: Profile, subject_key: ec.EllipticCurvePublicKey, issuer: Issuer, now: datetime) -> x509.Certificate:
    """A certificate of ``profile`` for ``subject_key``, valid from five minutes before ``now``."""
    builder = x509.CertificateBuilder(
        subject_name=profile.subject,
        issuer_name=issuer.name,
        public_key=subject_key,
        serial_number=x509.random_serial_number(),
        not_valid_before=now - CLOCK_SKEW,
        not_valid_after=now - CLOCK_SKEW + timedelta(days=profile.days),
    )
    builder = (
        builder.add_extension(x509.BasicConstraints(profile.authority, profile.path_length), critical=True)
        .add_extension(_key_usage(profile), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(subject_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
    )
    if profile.usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(profile.usages), critical=profile.usages_critical)
    return builder.sign(issuer.key, hashes.SHA384())


def _key_usage(profile: Profile) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not profile.authority,
        content_commitment=not profile.authority,
        key_cert_sign=profile.authority,
        crl_sign=profile.authority,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
