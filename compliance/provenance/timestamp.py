"""Making RFC 3161 time-stamp responses (pure but for custody): what the development TSA answers."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from compliance.keys.custody import Custody
from compliance.keys.purposes import KeyPurpose
from compliance.provenance.custodial import sign_der

POLICY = "1.3.6.1.4.1.32473.3161.1"
"""Time-stamping policy of the development TSA, under the number that RFC 5612 reserves for examples.

Not an OID from a UUID: encypher-c2pa calls tokens with arcs that large malformed.
"""
_DIGEST_SIZES = {"sha256": 32, "sha384": 48, "sha512": 64}
_ACCURACY_S = 1


class _Refusal(core.Sequence):  # type: ignore[misc]
    """TimeStampResp without a token, which RFC 3161 section 2.4.2 allows and asn1crypto's class does not."""

    _fields = [("status", tsp.PKIStatusInfo)]  # noqa: RUF012 - asn1crypto's own way to declare fields


@dataclass(frozen=True, slots=True)
class TimeStampingUnit:
    """The TSA key through custody, with its chain (leaf first)."""

    custody: Custody
    chain: list[x509.Certificate]

    def respond(self, request: bytes, now: datetime | None = None) -> bytes:
        """DER TimeStampResp for a DER TimeStampReq; a refusal carries RFC 3161's failure information."""
        try:
            asked = tsp.TimeStampReq.load(request, strict=True)
            imprint, version = asked["message_imprint"], asked["version"].native
            algorithm, digest = (
                imprint["hash_algorithm"]["algorithm"].native,
                imprint["hashed_message"].native,
            )
            policy = asked["req_policy"].native
        except (ValueError, TypeError, KeyError):
            return _refuse("bad_data_format")
        if _DIGEST_SIZES.get(algorithm) != len(digest):
            return _refuse("bad_alg")
        if version != "v1":
            return _refuse("bad_request")
        if policy not in (None, POLICY):
            return _refuse("unaccepted_policy")
        token = self._token(asked, now or datetime.now(UTC))
        status = tsp.PKIStatusInfo({"status": "granted"})
        return _der(tsp.TimeStampResp({"status": status, "time_stamp_token": token}))

    def _token(self, asked: Any, now: datetime) -> cms.ContentInfo:
        info = tsp.TSTInfo(
            {
                "version": "v1",
                "policy": POLICY,
                "message_imprint": asked["message_imprint"],
                "serial_number": secrets.randbits(63),
                "gen_time": now.replace(microsecond=0),
                "accuracy": {"seconds": _ACCURACY_S},
                "nonce": asked["nonce"],
            }
        )
        content = _der(info)
        signed = cms.SignedData(
            {
                "version": "v3",
                "digest_algorithms": [{"algorithm": "sha256"}],
                "encap_content_info": {
                    "content_type": "tst_info",
                    "content": core.ParsableOctetString(content),
                },
                "certificates": self._certificates() if asked["cert_req"].native else None,
                "signer_infos": [self._signer_info(content, now)],
            }
        )
        return cms.ContentInfo({"content_type": "signed_data", "content": signed})

    def _signer_info(self, content: bytes, now: datetime) -> cms.SignerInfo:
        leaf = asn1_x509.Certificate.load(_certificate_der(self.chain[0]))
        attributes = cms.CMSAttributes(
            [
                _attribute("content_type", "tst_info"),
                _attribute("signing_time", cms.Time({"utc_time": now.replace(microsecond=0)})),
                _attribute("message_digest", hashlib.sha256(content).digest()),
                _attribute("signing_certificate_v2", _signing_certificate(leaf)),
            ]
        )
        signed = sign_der(self.custody, KeyPurpose.TSA, _der(attributes))
        return cms.SignerInfo(
            {
                "version": "v1",
                "sid": {"issuer_and_serial_number": {"issuer": leaf.issuer, "serial_number": leaf.serial_number}},
                "digest_algorithm": {"algorithm": "sha256"},
                "signed_attrs": attributes,
                "signature_algorithm": {"algorithm": "sha256_ecdsa"},
                "signature": signed,
            }
        )

    def _certificates(self) -> list[asn1_x509.Certificate]:
        return [asn1_x509.Certificate.load(_certificate_der(one)) for one in self.chain]


def _signing_certificate(leaf: asn1_x509.Certificate) -> tsp.SigningCertificateV2:
    """ESSCertIDv2 (RFC 5816): binds the signature to this certificate and no other of the same key."""
    identifier = tsp.ESSCertIDv2(
        {
            "hash_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}),
            "cert_hash": hashlib.sha256(leaf.dump()).digest(),
        }
    )
    return tsp.SigningCertificateV2({"certs": [identifier]})


def _attribute(name: str, value: Any) -> cms.CMSAttribute:
    return cms.CMSAttribute({"type": name, "values": [value]})


def _refuse(reason: str) -> bytes:
    status = tsp.PKIStatusInfo({"status": "rejection", "fail_info": {reason}})
    return _der(_Refusal({"status": status}))


def _certificate_der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def _der(value: Any) -> bytes:
    return bytes(value.dump())
