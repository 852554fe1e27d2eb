"""The one writer of the log: numbers what waits in the outbox, extends the tree, signs its head.

A batch is one transaction. Whatever dies, wherever, either all of it happened or none: no entry is lost,
doubled or numbered without a signature over it. The tree is recomputed from its stored peaks and compared
with the last signed head before anything is added, so a log whose database was tampered with stops instead
of forking.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from compliance.ledger.checkpoint import TreeHead, sign_checkpoint
from compliance.ledger.errors import LogInconsistent
from compliance.ledger.merkle import EMPTY_ROOT, CompactRange, leaf_hash
from compliance.ledger.models import Checkpoint, LogEntry, Node, OutboxEntry
from compliance.ledger.signing import LogSigner, log_signer
from compliance.ledger.tree import compact_range

DEFAULT_LIMIT = 1024
# Any number, as long as nothing else in this database uses it: "avow-log" in ASCII.
_ADVISORY_LOCK = int.from_bytes(b"avow-log", "big")


def sequence_once(limit: int = DEFAULT_LIMIT, *, signer: LogSigner | None = None) -> int:
    """Move up to ``limit`` waiting entries into the log and sign the new head; returns how many were moved.

    Raises LogInconsistent (``head_mismatch``, ``tree_node_missing``) instead of signing a fork, and
    KeyAccessDenied in a process that does not hold the log's key.
    """
    if not OutboxEntry.objects.exists():
        return 0
    signer = signer or log_signer()
    with transaction.atomic(durable=True):
        _become_only_writer()
        waiting = list(OutboxEntry.objects.order_by("id")[:limit])
        if waiting:
            tree = _verified_tree()
            _append(tree, waiting)
            _sign_head(tree, signer)
            OutboxEntry.objects.filter(id__in=[entry.id for entry in waiting]).delete()
    return len(waiting)


def _become_only_writer() -> None:
    """Until the transaction ends. On SQLite it began IMMEDIATE, which already excludes every other writer."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ADVISORY_LOCK])


def _verified_tree() -> CompactRange:
    """The tree under the last signed head, recomputed from stored nodes."""
    head = Checkpoint.objects.order_by("-size").first()
    size, root = (head.size, bytes(head.root)) if head else (0, EMPTY_ROOT)
    tree = compact_range(size)
    if tree.root() != root or LogEntry.objects.filter(index__gte=size).exists():
        raise LogInconsistent(
            "head_mismatch",
            _("The stored log is not the one signed last; nothing was added. Run “manage.py ledger verify”."),
            size=size,
        )
    return tree


def _append(tree: CompactRange, waiting: Sequence[OutboxEntry]) -> None:
    entries = [_numbered(entry, index) for index, entry in enumerate(waiting, start=tree.size)]
    completed = tree.extend(bytes(entry.leaf_hash) for entry in entries)
    LogEntry.objects.bulk_create(entries)
    Node.objects.bulk_create(Node(position=node.position, hash=value) for node, value in completed)


def _numbered(entry: OutboxEntry, index: int) -> LogEntry:
    leaf = bytes(entry.leaf)
    return LogEntry(
        index=index,
        entry_id=entry.entry_id,
        leaf=leaf,
        leaf_hash=leaf_hash(leaf),
        event=entry.event,
        subject_id=entry.subject_id,
        organisation_id=entry.organisation_id,
        recorded_at=entry.recorded_at,
    )


def _sign_head(tree: CompactRange, signer: LogSigner) -> None:
    head = TreeHead(signer.key.name, tree.size, tree.root())
    Checkpoint.objects.create(
        size=head.size,
        root=head.root,
        note=sign_checkpoint(head, signer.key, signer.sign),
        created_at=timezone.now(),
    )
