"""The full audit of the stored log, which believes nothing but the leaves, the keys and the signatures.

Every stored value is compared with what it should be given its *stored* children. So each lie is named once,
where it is, and if there is none, then by induction the roots are those of the leaves. An edited leaf is
named by its number, exchanged or rewritten entries by the smallest subtree that does not fit, a head by its
size.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.db.models import Exists
from django.utils.translation import gettext as _

from compliance.errors import VerificationFailed
from compliance.ledger import guards, merkle
from compliance.ledger.checkpoint import TreeHead, open_checkpoint
from compliance.ledger.errors import LedgerError, LogInconsistent
from compliance.ledger.leaf import parse
from compliance.ledger.merkle import CompactRange, NodeId
from compliance.ledger.models import Checkpoint, LogEntry, Node
from compliance.ledger.note import VerifierKey

CHUNK = 2000
MAX_FINDINGS = 100


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong: machine code, where (entries or checkpoint), a sentence for a person."""

    code: str
    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.code} [{self.where}] {self.text}"


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What was read, and everything that does not hold (at most the first 100 findings)."""

    size: int
    root: bytes
    checkpoints: int
    findings: tuple[Finding, ...]

    def require_clean(self) -> None:
        """Raises LogInconsistent (``audit_failed``) naming the first finding."""
        if self.findings:
            raise LogInconsistent("audit_failed", str(self.findings[0]), findings=len(self.findings))


def audit_log(*, keys: Sequence[VerifierKey], kept: Iterable[str] = ()) -> AuditReport:
    """Audit the log with its ``keys``; ``kept`` are signed checkpoints saved outside the database.

    Only a kept checkpoint can show that the newest entries were cut off together with their heads, or that
    everything was signed anew by a holder of the key. Runs beside a working sequencer; O(log n) memory.
    """
    audit = _Audit(keys)
    audit.check_guards()
    audit.open_stored_heads()
    audit.open_kept_heads(kept)
    audit.check_entries()
    audit.check_end()
    return AuditReport(audit.tree.size, audit.tree.root(), audit.stored_heads, tuple(audit.findings[:MAX_FINDINGS]))


@dataclass(slots=True)
class _Audit:
    """One pass over the log; ``tree`` holds stored hashes, ``heads`` what is yet to be compared with them."""

    keys: Sequence[VerifierKey]
    tree: CompactRange = field(default_factory=CompactRange)
    heads: dict[int, list[TreeHead]] = field(default_factory=dict)
    stored_heads: int = 0
    signed_size: int = 0
    sound_size: int = 0
    findings: list[Finding] = field(default_factory=list)

    def find(self, code: str, where: str, text: str) -> None:
        self.findings.append(Finding(code, where, text))

    def check_guards(self) -> None:
        for name in sorted(guards.missing(connection)):
            self.find("guard_missing", name, _("A trigger that keeps the log append-only is gone."))

    def open_stored_heads(self) -> None:
        for stored in Checkpoint.objects.order_by("size").iterator(chunk_size=CHUNK):
            self.stored_heads += 1
            self.signed_size = stored.size
            where = f"checkpoint {stored.size}"
            head = self._open(stored.note, where)
            if head and (head.size, head.root) != (stored.size, bytes(stored.root)):
                self.find("checkpoint_edited", where, _("The row says something else than its signed note."))

    def open_kept_heads(self, kept: Iterable[str]) -> None:
        for number, note in enumerate(kept, start=1):
            self._open(note, f"kept checkpoint {number}")

    def _open(self, note: str, where: str) -> TreeHead | None:
        try:
            head = open_checkpoint(note, self.keys)
        except VerificationFailed as error:
            self.find(error.code, where, error.text)
            return None
        self.heads.setdefault(head.size, []).append(head)
        return head

    def check_entries(self) -> None:
        """Read up to the newest signed size; stop at a gap, after which no hash can be recomputed."""
        while self.tree.size < self.signed_size and len(self.findings) < MAX_FINDINGS:
            first, end = self.tree.size, min(self.tree.size + CHUNK, self.signed_size)
            nodes = _stored_nodes(first, end)
            for entry in LogEntry.objects.filter(index__gte=first, index__lt=end).order_by("index"):
                if entry.index != self.tree.size:
                    break
                self._check_entry(entry)
                self._grow(bytes(entry.leaf_hash), nodes)
                self._check_heads()
            if self.tree.size != end:
                self._name_gap()
                break

    def _name_gap(self) -> None:
        after = LogEntry.objects.filter(index__gt=self.tree.size).order_by("index").first()
        last = after.index - 1 if after else self.signed_size - 1
        self.find("entries_missing", _entries(self.tree.size, last), _("Entries that were logged are gone."))

    def _check_entry(self, entry: LogEntry) -> None:
        leaf = bytes(entry.leaf)
        if merkle.leaf_hash(leaf) != bytes(entry.leaf_hash):
            self.find("entry_edited", f"entry {entry.index}", _("These bytes are not the ones that were logged."))
        if _columns(entry) != _said(leaf):
            self.find("columns_edited", f"entry {entry.index}", _("The columns contradict the entry's bytes."))

    def _grow(self, value: bytes, stored: Mapping[int, bytes]) -> None:
        """Append a stored leaf hash, going on with the *stored* inner nodes after comparing each."""
        node = NodeId(0, self.tree.size)
        self.tree.size += 1
        while node.index & 1:
            computed = merkle.node_hash(self.tree.hashes.pop(), value)
            node = NodeId(node.level + 1, node.index >> 1)
            value = stored.get(node.position, computed)
            where = _entries(node.begin, node.end - 1)
            if node.position not in stored:
                self.find("node_missing", where, _("A stored node of the tree is gone."))
            elif value != computed:
                self.find("entries_changed", where, _("Edited, exchanged or reordered after they were logged."))
        self.tree.hashes.append(value)

    def _check_heads(self) -> None:
        heads, root = self.heads.pop(self.tree.size, []), self.tree.root()
        for head in heads:
            if head.root != root:
                where = _entries(self.sound_size, head.size - 1)
                self.find("head_mismatch", where, _("A signed head says that other entries were logged here."))
        if heads and all(head.root == root for head in heads):
            self.sound_size = self.tree.size

    def check_end(self) -> None:
        unsigned = LogEntry.objects.filter(index__gte=self.signed_size)
        newer_head = Checkpoint.objects.filter(size__gt=self.signed_size)
        if unsigned.exclude(Exists(newer_head)).exists():
            self.find("entries_unsigned", f"entry {self.signed_size}", _("There are entries that no head covers."))
        for size in sorted(size for size in self.heads if size > self.signed_size):
            self.find("log_cut_off", f"checkpoint {size}", _("A kept head covers entries that are gone."))


def _entries(first: int, last: int) -> str:
    return f"entry {first}" if first == last else f"entries {first}-{last}"


def _stored_nodes(first: int, end: int) -> dict[int, bytes]:
    """Inner nodes completed by the entries from ``first`` up to ``end``, by position.

    They lie between the leaves, but for ancestors of ``first`` that the leaves complete.
    """
    between = range(NodeId(0, first).position, NodeId(0, end).position)
    wanted = Node.objects.filter(position__gte=between.start, position__lt=between.stop)
    ancestors = [node.position for node in _completed_ancestors(first, end)]
    found = wanted | Node.objects.filter(position__in=ancestors)
    return {position: bytes(value) for position, value in found.values_list("position", "hash")}


def _completed_ancestors(first: int, end: int) -> list[NodeId]:
    """Nodes that begin before ``first`` and end within the range: one per level at most."""
    nodes = (NodeId(level, (first >> level)) for level in range(1, end.bit_length()))
    return [node for node in nodes if node.begin < first and node.end <= end]


def _columns(entry: LogEntry) -> tuple[object, ...]:
    organisation = None if entry.organisation_id is None else str(entry.organisation_id)
    return (str(entry.entry_id), entry.event, str(entry.subject_id), organisation)


def _said(leaf: bytes) -> tuple[Any, ...]:
    try:
        content = parse(leaf)
    except LedgerError:
        return ()
    return tuple(content.get(name) for name in ("id", "event", "subject", "organisation"))
