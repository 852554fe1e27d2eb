"""Sign a finished video: assemble in the sandbox, finish with the key, read back, only then let it appear.

Whatever fails, nothing is left at the destination: all work happens in a folder of its own that goes away,
and the last step is a rename.
"""

from __future__ import annotations

import base64
import io
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from django.utils.translation import gettext as _

from compliance.keys.custody import Custody
from compliance.keys.purposes import KeyPurpose
from compliance.provenance import finisher, manifest
from compliance.provenance.errors import SigningFailed
from compliance.provenance.pki import Pki, to_pem
from compliance.provenance.selectors import read_provenance
from compliance.provenance.store import locate_store
from compliance.provenance.tsa import TimeStamp, request_time_stamp
from compliance.provenance.unchanged import check_only_manifest_added, check_signable
from compliance.sandbox import Limits, run_sandboxed
from compliance.storage import sha256_file

_SPARE_MB = 64


@dataclass(frozen=True, slots=True)
class SignedFile:
    """The manifest's label, lower-case hex SHA-256 of the whole file, and the time-stamp's time (UTC)."""

    manifest_label: str
    sha256: str
    tsa_time: datetime


def sign_file(src: Path, dst: Path, given: manifest.ManifestInput, custody: Custody, tsa_url: str) -> SignedFile:
    """Write ``src`` with a signed, time-stamped manifest to ``dst``, only when it reads back Trusted.

    Raises ContainerInvalid (``src`` cannot be signed), CertificateProblem, KeyAccessDenied, TsaUnavailable,
    SandboxFailure, or SigningFailed when the result is not what was asked for.
    """
    pki = Pki.from_settings()
    key = custody.public_key(KeyPurpose.CLAIM)
    chain = pki.usable_chain(KeyPurpose.CLAIM, key, datetime.now(UTC))
    check_signable(src)
    with tempfile.TemporaryDirectory(prefix=".signing-", dir=dst.parent) as folder:
        work = Path(folder) / "signed.mp4"
        _assemble(src, work, given, chain, pki)
        check_only_manifest_added(src, work)
        plan = _plan(given, chain, custody, _stamper(tsa_url, pki))
        finished = finisher.finish(work, plan)
        _read_back(work, given, finished, pki)
        digest = sha256_file(work)
        work.replace(dst)
    return SignedFile(finished.label, digest, finished.time)


def _assemble(src: Path, work: Path, given: manifest.ManifestInput, chain: list[x509.Certificate], pki: Pki) -> None:
    order = {
        "definition": manifest.definition(given),
        "chain": to_pem(chain).decode(),
        "anchors": to_pem(pki.anchors()).decode(),
        "ingredients": [
            {
                "title": one.title,
                "relationship": manifest.relationship(number),
                "label": manifest.ingredient_id(number),
                "data": base64.b64encode(one.data).decode(),
            }
            for number, one in enumerate(given.ingredients)
        ],
    }
    limits = Limits(file_mb=(src.stat().st_size >> 20) + _SPARE_MB)
    run_sandboxed(
        "compliance.provenance.assemble", str(src), str(work), stdin=json.dumps(order).encode(), limits=limits
    )


def _plan(
    given: manifest.ManifestInput,
    chain: list[x509.Certificate],
    custody: Custody,
    stamp: Callable[[bytes], TimeStamp],
) -> finisher.Plan:
    return finisher.Plan(
        assertions=manifest.assertions(given),
        byte_string=finisher.ByteString(manifest.SOFT_BINDING_LABEL, given.mark_placeholder, given.mark),
        chain=chain,
        sign=lambda data: custody.sign(KeyPurpose.CLAIM, data),
        stamp=stamp,
        origins=tuple(_origin(number, one) for number, one in enumerate(given.ingredients)),
    )


def _origin(number: int, ingredient: manifest.Ingredient) -> finisher.Origin:
    location = locate_store(io.BytesIO(ingredient.data))
    if location is None:
        raise SigningFailed("ingredient_unsigned", _("What this file was made from carries no credentials."))
    return finisher.Origin(manifest.ingredient_id(number), manifest.relationship(number), location.data)


def _stamper(tsa_url: str, pki: Pki) -> Callable[[bytes], TimeStamp]:
    return lambda message: request_time_stamp(tsa_url, message, anchors=pki.anchors())


def _read_back(work: Path, given: manifest.ManifestInput, finished: finisher.Finished, pki: Pki) -> None:
    report = read_provenance(work, pki=pki)
    found = (report.state, report.manifest_label, report.mark, report.receipt_id, report.receipt_hash)
    wanted = (
        "trusted",
        finished.label,
        given.mark.hex(),
        given.receipt.receipt_id,
        given.receipt.receipt_hash,
    )
    if found != wanted or not report.time:
        raise SigningFailed(
            "signed_file_not_trusted",
            _("The signed file did not read back as ours. It was discarded; see the log for the reason."),
            codes=report.codes,
            reason=report.reason,
        )
