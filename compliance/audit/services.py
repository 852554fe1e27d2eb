"""Export the evidence of one release."""

from __future__ import annotations

import tempfile
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.utils import timezone
from django.utils.translation import gettext as _

from compliance import storage
from compliance.audit import selectors
from compliance.audit.bundle import Evidence, StatementKeys, write_bundle
from compliance.consent.record import instrument
from compliance.errors import Unavailable
from compliance.keys.custody import open_custody
from compliance.keys.purposes import KeyPurpose
from compliance.ledger.events import Event
from compliance.ledger.selectors import entry_for, evidence
from compliance.release.models import Release, Review

Json = dict[str, Any]
# Bundles of ordinary clips are built in memory; longer ones on disk.
_IN_MEMORY = 64 * 1024 * 1024


def export_bundle(*, release: Release) -> bytes:
    """The evidence bundle of a release as ZIP bytes; see docs/evidence-bundle.md.

    Raises:
        Unavailable: the log has not numbered the release yet; try again in a second.
    """
    entry = entry_for(event=Event.RELEASE_ASSET_RELEASED, subject_id=release.id)
    if entry is None:
        text = _("The public log has not taken up this release yet. Try again in a moment.")
        raise Unavailable("release_not_in_log_yet", text)
    with storage.local_copy(release.file) as asset, tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as target:
        write_bundle(
            target,
            Evidence(
                asset=asset,
                asset_name=f"{release.id}.mp4",
                statements=_statements(release),
                log=evidence([item.index for item in selectors.log_of(release)]),
                release_index=entry.index,
                keys=StatementKeys(_public_keys(KeyPurpose.RECEIPT), _public_keys(KeyPurpose.PERMIT)),
                created_at=timezone.now(),
            ),
        )
        target.seek(0)
        return target.read()


def _statements(release: Release) -> dict[str, Any]:
    return {
        "grant": instrument(release.grant),
        "receipt": release.grant.receipt,
        "permit": release.permit.envelope,
        "decision": release.decision,
        "reviews": [_review(review) for review in selectors.reviews_behind(release)],
        "measurement": release.measurement,
        "c2pa": release.credentials,
        "aigc": release.aigc,
    }


def _review(review: Review) -> Json:
    """The approved content and the decision; who decided is a commitment in the log, not a name here."""
    return {
        "id": str(review.id),
        "kind": review.kind,
        "digest": review.digest,
        "content": review.content,
        "decision": review.state,
        "decided_at": review.decided_at.isoformat() if review.decided_at else None,
        "comment": review.comment,
    }


def _public_keys(purpose: KeyPurpose) -> dict[str, bytes]:
    """Every version, so that what an older key signed still verifies."""
    custody = open_custody()
    keys = ((key_id, custody.public_key(purpose, key_id)) for key_id in custody.key_ids(purpose))
    return {key_id: key.public_bytes_raw() for key_id, key in keys if isinstance(key, Ed25519PublicKey)}
