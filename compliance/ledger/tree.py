"""The stored tree: reads of complete nodes, and what follows from them. O(log n) rows per question."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.utils.translation import gettext_lazy as _

from compliance.ledger import merkle
from compliance.ledger.errors import LogInconsistent
from compliance.ledger.merkle import CompactRange, NodeId
from compliance.ledger.models import LogEntry, Node


def read_nodes(wanted: Iterable[NodeId]) -> dict[NodeId, bytes]:
    """Hashes of complete nodes in two queries.

    Raises LogInconsistent (``tree_node_missing``) when the database lacks one that must be there.
    """
    nodes = set(wanted)
    leaves = [node.index for node in nodes if node.level == 0]
    inner = [node.position for node in nodes if node.level > 0]
    found = {
        NodeId(0, index): bytes(value)
        for index, value in LogEntry.objects.filter(index__in=leaves).values_list("index", "leaf_hash")
    }
    for position, value in Node.objects.filter(position__in=inner).values_list("position", "hash"):
        found[NodeId.at(position)] = bytes(value)
    if lost := nodes - set(found):
        raise LogInconsistent(
            "tree_node_missing", _("Parts of the log are missing from the database."), nodes=sorted(lost)
        )
    return found


def compact_range(size: int) -> CompactRange:
    """The tree of the first ``size`` entries, ready to grow."""
    peaks = merkle.peaks(size)
    nodes = read_nodes(peaks)
    return CompactRange(size, [nodes[peak] for peak in peaks])


def inclusion_proof(index: int, size: int) -> list[bytes]:
    """Raises ProofInvalid (``index_outside_tree``) or LogInconsistent."""
    return inclusion_proofs([index], size)[index]


def inclusion_proofs(indices: Sequence[int], size: int) -> dict[int, list[bytes]]:
    """Proofs of many entries under one head, still in two queries; raises as ``inclusion_proof``."""
    spans = {index: merkle.inclusion_spans(index, size) for index in indices}
    nodes = read_nodes(node for wanted in spans.values() for node in merkle.nodes_needed(wanted))
    return {index: merkle.hashes_of(wanted, nodes) for index, wanted in spans.items()}


def consistency_proof(old: int, new: int) -> list[bytes]:
    """Raises ProofInvalid (``sizes_not_ordered``) or LogInconsistent."""
    spans = merkle.consistency_spans(old, new)
    return merkle.hashes_of(spans, read_nodes(merkle.nodes_needed(spans)))
