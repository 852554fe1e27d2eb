"""What writes to the log, and what makes it forget."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from compliance.ledger.errors import (
    CommitmentErased,
    CommitmentMismatch,
    EntryNotLoggable,
    NotInLog,
)
from compliance.ledger.events import Event
from compliance.ledger.leaf import SALT_BYTES, Leaf, Opening, commit, parse
from compliance.ledger.models import CommitmentSalt, LogEntry, OutboxEntry

ACTOR = "actor"
"""Name of the commitment to the id of the account that acted."""
_NOTHING: Mapping[str, str] = MappingProxyType({})


def record(
    *,
    event: Event,
    subject_id: UUID,
    organisation_id: UUID | None,
    actor_id: UUID | None,
    data: Mapping[str, Any],
    personal: Mapping[str, str] = _NOTHING,
) -> OutboxEntry:
    """Log ``event`` in the caller's transaction: it becomes an entry if, and only if, that commits.

    ``data`` is public for ever and must name no person; ``personal`` values and the actor leave only salted
    commitments. Raises EntryNotLoggable (``ledger_data_not_json``, ``ledger_data_too_large``,
    ``ledger_name_reserved``).
    """
    if ACTOR in personal:
        raise EntryNotLoggable(
            "ledger_name_reserved", _("“actor” is the name of the account's commitment: choose another.")
        )
    values = dict(personal) if actor_id is None else {**personal, ACTOR: str(actor_id)}
    salts = {name: secrets.token_bytes(SALT_BYTES) for name in values}
    leaf = Leaf(
        id=uuid.uuid4(),
        event=event,
        subject=subject_id,
        organisation=organisation_id,
        time=timezone.now(),
        data=data,
        commitments={name: commit(salts[name], value) for name, value in values.items()},
    )
    entry = OutboxEntry(
        entry_id=leaf.id,
        leaf=leaf.to_bytes(),
        event=event.value,
        subject_id=subject_id,
        organisation_id=organisation_id,
        recorded_at=leaf.time,
    )
    with transaction.atomic(savepoint=False):
        entry.save(force_insert=True)
        _keep_salts(leaf, salts, actor_id)
    return entry


def _keep_salts(leaf: Leaf, salts: Mapping[str, bytes], actor_id: UUID | None) -> None:
    if salts:
        CommitmentSalt.objects.bulk_create(
            CommitmentSalt(
                entry_id=leaf.id,
                name=name,
                salt=salt,
                subject_id=leaf.subject,
                person_id=actor_id if name == ACTOR else None,
            )
            for name, salt in salts.items()
        )


@transaction.atomic
def erase_salts(*, subject_id: UUID) -> int:
    """Forget every personal value in entries about ``subject_id``; the entries stay and still verify.

    Returns the number of commitments that can no longer be opened by anybody. The erasure is itself logged.
    """
    erased, _by_model = CommitmentSalt.objects.filter(subject_id=subject_id).delete()
    _log_erasure(subject_id, erased)
    return erased


@transaction.atomic
def erase_salts_of_person(*, person_id: UUID) -> int:
    """Forget that the account ``person_id`` acted, in all entries; returns the number of commitments.

    Logged under a fresh id, because naming the account in the log would undo what was asked for.
    """
    erased, _by_model = CommitmentSalt.objects.filter(person_id=person_id).delete()
    _log_erasure(uuid.uuid4(), erased)
    return erased


def _log_erasure(subject_id: UUID, erased: int) -> None:
    record(
        event=Event.LEDGER_SALTS_ERASED,
        subject_id=subject_id,
        organisation_id=None,
        actor_id=None,
        data={"commitments": erased},
    )


def open_commitment(*, index: int, name: str, value: str) -> Opening:
    """Prove to anybody that ``value`` is what entry ``index`` committed to as ``name``.

    Raises NotInLog (``entry_not_in_log``, ``commitment_not_in_entry``), CommitmentErased
    (``commitment_erased``) or CommitmentMismatch (``commitment_mismatch``).
    """
    entry = LogEntry.objects.filter(index=index).first()
    if entry is None:
        raise NotInLog("entry_not_in_log", _("The log has no entry with this number yet."), index=index)
    commitments = parse(bytes(entry.leaf)).get("commitments", {})
    if name not in commitments:
        raise NotInLog("commitment_not_in_entry", _("The entry commits to nothing of this name."), name=name)
    kept = CommitmentSalt.objects.filter(entry_id=entry.entry_id, name=name).first()
    if kept is None:
        raise CommitmentErased("commitment_erased", _("This was erased on request; nobody can open it any more."))
    opening = Opening(index=index, name=name, salt=bytes(kept.salt), value=value)
    if commit(opening.salt, value) != commitments[name]:
        raise CommitmentMismatch("commitment_mismatch", _("This is not the value that was committed to."))
    return opening
