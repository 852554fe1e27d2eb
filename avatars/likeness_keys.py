"""One data key per grant: everything stored of the person under that grant is sealed with it, and goes with it.

The data key, 32 random bytes, lies in the database, wrapped with AES-256-GCM under HKDF-SHA256 (RFC 5869) of the
custody's `likeness` key and the grant's id. When the grant ends the wrapped key is erased; the row stays and says so,
and no second key is ever made for that grant.
"""

from __future__ import annotations

import base64
import os
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from avatars.errors import LikenessGone, LikenessUnreadable
from avatars.models import LikenessKey
from compliance.consent.models import Grant
from compliance.keys.custody import open_custody
from compliance.keys.purposes import KeyPurpose
from compliance.ledger.events import Event
from compliance.ledger.services import record

_INFO = b"avow-likeness-key-1"
_NONCE_BYTES = 12


def key_to_seal(grant_id: UUID) -> bytes:
    """The grant's data key; made at its first use.

    Raises:
        LikenessGone: likeness_key_destroyed.
        LikenessUnreadable: likeness_key_damaged.
        KeyAccessDenied, KeyMissing, KeyCorrupt: this process cannot use the custody's `likeness` key.
    """
    row = LikenessKey.objects.filter(pk=grant_id).first()
    return _unwrapped(row or _made(grant_id))


def key_to_open(grant_id: UUID) -> bytes:
    """The grant's data key, where there is one. Raises as `key_to_seal`, and LikenessGone: likeness_key_missing."""
    row = LikenessKey.objects.filter(pk=grant_id).first()
    if row is None:
        text = _("The key to what is stored of this person is not there. Restore the database, or build again.")
        raise LikenessGone("likeness_key_missing", text)
    return _unwrapped(row)


def destroy_key_of_grant(grant_id: UUID, reason: str) -> int:
    """Withdrawal step: what is stored of the person under the grant can be read by nobody from now on.

    Returns how many keys were there, 0 or 1. A grant that never had one gets none later.
    """
    with transaction.atomic():
        LikenessKey.objects.get_or_create(pk=grant_id, defaults={"destroyed_at": timezone.now()})
        row = LikenessKey.objects.select_for_update().get(pk=grant_id)
        if not row.wrapped:
            return 0
        LikenessKey.objects.filter(pk=grant_id).update(wrapped="", destroyed_at=timezone.now())
        record(
            event=Event.AVATARS_KEY_DESTROYED,
            subject_id=grant_id,
            organisation_id=Grant.objects.values_list("grantee_id", flat=True).get(pk=grant_id),
            actor_id=None,
            data={"reason": reason[:200]},
        )
    return 1


# --- wrapping ---
def _made(grant_id: UUID) -> LikenessKey:
    master, nonce = open_custody().key_id(KeyPurpose.LIKENESS), os.urandom(_NONCE_BYTES)
    sealed = nonce + _wrapping(grant_id, master).encrypt(nonce, AESGCM.generate_key(256), _about(grant_id, master))
    fields = {"master": master, "wrapped": base64.b64encode(sealed).decode()}
    row, _created = LikenessKey.objects.get_or_create(pk=grant_id, defaults=fields)
    return row


def _unwrapped(row: LikenessKey) -> bytes:
    if not row.wrapped:
        text = _("The consent has ended, and the key to what was stored of this person under it was destroyed.")
        raise LikenessGone("likeness_key_destroyed", text)
    try:
        sealed = base64.b64decode(row.wrapped, validate=True)
        about = _about(row.grant_id, row.master)
        return _wrapping(row.grant_id, row.master).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], about)
    except (InvalidTag, ValueError) as error:
        text = _("The key to what is stored of this person is damaged. Restore the database from a backup.")
        raise LikenessUnreadable("likeness_key_damaged", text) from error


def _wrapping(grant_id: UUID, master: str) -> AESGCM:
    secret = open_custody().secret(KeyPurpose.LIKENESS, master)
    return AESGCM(HKDF(algorithm=hashes.SHA256(), length=32, salt=grant_id.bytes, info=_INFO).derive(secret))


def _about(grant_id: UUID, master: str) -> bytes:
    return b"%b %b %b" % (_INFO, str(grant_id).encode(), master.encode())
