"""Reads of the log for the other apps, the pages and the commands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from compliance.ledger import tree
from compliance.ledger.errors import NotInLog
from compliance.ledger.events import Event
from compliance.ledger.models import Checkpoint, CommitmentSalt, LogEntry, OutboxEntry
from compliance.ledger.services import ACTOR, open_commitment
from compliance.ledger.signing import log_keys
from compliance.ledger.tlog_proof import TlogProof


@dataclass(frozen=True, slots=True)
class Consistency:
    """An older signed head and the hashes that prove that a newer log contains that log unchanged."""

    old: str
    hashes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class LogEvidence:
    """Entries (leaf in each proof's ``extra``) proven under one signed ``checkpoint``, and the keys to check it.

    ``since`` proves that the log did not change between the head that first held the oldest of ``proofs``
    and ``checkpoint``; None when they are the same head.
    """

    checkpoint: str
    proofs: tuple[TlogProof, ...]
    since: Consistency | None
    vkeys: tuple[str, ...]


def entry_for(*, event: Event, subject_id: UUID) -> LogEntry | None:
    """The latest entry of this kind about the subject; None while it still waits for its number."""
    return LogEntry.objects.filter(subject_id=subject_id, event=event.value).order_by("-index").first()


def entries_for_subject(subject_id: UUID) -> list[LogEntry]:
    """All entries about the subject, in log order."""
    return list(LogEntry.objects.filter(subject_id=subject_id).order_by("index"))


def entries_for_subjects(subject_ids: Sequence[UUID]) -> list[LogEntry]:
    """All entries about any of the subjects, in log order: what an evidence bundle holds."""
    return list(LogEntry.objects.filter(subject_id__in=subject_ids).order_by("index"))


def entry_at(index: int) -> LogEntry:
    """Raises NotInLog (``entry_not_in_log``)."""
    entry = LogEntry.objects.filter(index=index).first()
    if entry is None:
        raise NotInLog("entry_not_in_log", _("The log has no entry with this number yet."), index=index)
    return entry


def waiting_count() -> int:
    """Entries recorded but not yet numbered."""
    return OutboxEntry.objects.count()


def latest_checkpoint() -> Checkpoint | None:
    """The newest signed head; None before the first entry."""
    return Checkpoint.objects.order_by("-size").first()


def inclusion(index: int, size: int | None = None) -> list[bytes]:
    """Inclusion proof of entry ``index`` in the tree of ``size`` (default: the newest signed head).

    Raises NotInLog (``entry_not_in_log``) when that tree does not hold the entry.
    """
    newest = _newest().size
    if not 0 <= index < (newest if size is None else size) <= newest:
        raise NotInLog("entry_not_in_log", _("The log has no entry with this number yet."), index=index)
    return tree.inclusion_proof(index, newest if size is None else size)


def consistency(old: int, new: int) -> list[bytes]:
    """Consistency proof between two sizes; raises NotInLog (``size_not_in_log``)."""
    if not 0 <= old <= new <= _newest().size:
        raise NotInLog("size_not_in_log", _("The log has not had this size."), old=old, new=new)
    return tree.consistency_proof(old, new)


def proof(index: int, *, checkpoint: Checkpoint | None = None) -> TlogProof:
    """Offline proof of entry ``index`` under ``checkpoint`` (default: the newest), leaf in ``extra``.

    Raises NotInLog (``entry_not_in_log``).
    """
    checkpoint = checkpoint or _newest()
    hashes = inclusion(index, checkpoint.size)
    return TlogProof(index, tuple(hashes), checkpoint.note, bytes(entry_at(index).leaf))


def proof_text(index: int) -> str:
    """``.tlog-proof`` text of entry ``index``; raises NotInLog (``entry_not_in_log``)."""
    return proof(index).to_text()


def evidence(indices: Sequence[int]) -> LogEvidence:
    """Everything a bundle needs to prove the entries ``indices`` to a stranger, in log order.

    Raises NotInLog (``log_empty``, ``entry_not_in_log``); an empty ``indices`` proves the newest head only.
    """
    newest = _newest()
    wanted = sorted(set(indices))
    leaves = dict(LogEntry.objects.filter(index__in=wanted).values_list("index", "leaf"))
    if lost := set(wanted) - set(leaves):
        raise NotInLog("entry_not_in_log", _("The log has no entry with this number yet."), index=min(lost))
    hashes = tree.inclusion_proofs(wanted, newest.size)
    proofs = (TlogProof(i, tuple(hashes[i]), newest.note, bytes(leaves[i])) for i in wanted)
    since = _since(checkpoint_holding(wanted[0]), newest) if wanted else None
    return LogEvidence(newest.note, tuple(proofs), since, tuple(key.to_vkey() for key in log_keys()))


def _since(old: Checkpoint, new: Checkpoint) -> Consistency | None:
    if old.size == new.size:
        return None
    return Consistency(old.note, tuple(tree.consistency_proof(old.size, new.size)))


def checkpoint_holding(index: int) -> Checkpoint:
    """The first signed head that holds entry ``index``; raises NotInLog (``entry_not_in_log``)."""
    checkpoint = Checkpoint.objects.filter(size__gt=index).order_by("size").first()
    if checkpoint is None:
        raise NotInLog("entry_not_in_log", _("The log has no entry with this number yet."), index=index)
    return checkpoint


def actor_of(entry: LogEntry) -> UUID | None:
    """Who acted, checked against the commitment; None where nobody did or it was erased.

    Raises CommitmentMismatch when the kept salt was tampered with.
    """
    kept = CommitmentSalt.objects.filter(entry_id=entry.entry_id, name=ACTOR).first()
    if kept is None or kept.person_id is None:
        return None
    open_commitment(index=entry.index, name=ACTOR, value=str(kept.person_id))
    return kept.person_id


def _newest() -> Checkpoint:
    checkpoint = latest_checkpoint()
    if checkpoint is None:
        raise NotInLog("log_empty", _("The log is still empty."))
    return checkpoint
