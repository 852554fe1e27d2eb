"""Merkle trees of RFC 9162 §2.1 (SHA-256), without storage and without Django.

A *complete node* is named by ``(level, index)``: it is the root over the leaves ``index << level`` up to,
not including, ``(index + 1) << level``. It never changes once its last leaf is there, so it is stored once;
everything else (roots, ragged right edges, proofs) is folded from at most 2·log2(n) complete nodes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from compliance.ledger.errors import ProofInvalid

HASH_SIZE = 32
MAX_SIZE = 1 << 62
"""Largest tree: positions of nodes (see ``NodeId.position``) must fit a signed 64-bit column."""
EMPTY_ROOT = hashlib.sha256(b"").digest()
"""Root of the tree without leaves (RFC 9162 §2.1.1)."""


@dataclass(frozen=True, slots=True, order=True)
class NodeId:
    """A complete subtree of ``2**level`` leaves, the ``index``-th of its level."""

    level: int
    index: int

    @property
    def begin(self) -> int:
        return self.index << self.level

    @property
    def end(self) -> int:
        return (self.index + 1) << self.level

    @property
    def position(self) -> int:
        """In-order number, one integer per node: leaf ``i`` has ``2*i``, others lie between their halves."""
        return (((self.index << 1) | 1) << self.level) - 1

    @classmethod
    def at(cls, position: int) -> NodeId:
        """Inverse of ``position``."""
        level = (~position & (position + 1)).bit_length() - 1
        return cls(level, (position + 1) >> (level + 1))


class Span(NamedTuple):
    """Leaves ``begin`` up to, not including, ``end``; a node of the tree, ragged only at the right edge."""

    begin: int
    end: int


def leaf_hash(leaf: bytes) -> bytes:
    """``SHA-256(0x00 || leaf)``, RFC 9162 §2.1.1."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """``SHA-256(0x01 || left || right)``, RFC 9162 §2.1.1."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def peaks(size: int) -> list[NodeId]:
    """The complete nodes that cover a tree of ``size`` leaves, left to right, largest first."""
    return complete_nodes(Span(0, size))


def complete_nodes(span: Span) -> list[NodeId]:
    """The complete nodes that cover ``span``, left to right; ``span.begin`` must be aligned to its size."""
    found, begin = [], span.begin
    while begin < span.end:
        level = (span.end - begin).bit_length() - 1
        found.append(NodeId(level, begin >> level))
        begin += 1 << level
    return found


def fold(hashes: Sequence[bytes]) -> bytes:
    """Hash over complete nodes given left to right, largest first (the right edge of RFC 9162 §2.1.1)."""
    if not hashes:
        return EMPTY_ROOT
    accumulated = hashes[-1]
    for left in reversed(hashes[:-1]):
        accumulated = node_hash(left, accumulated)
    return accumulated


@dataclass(slots=True)
class CompactRange:
    """A growing tree held as its peaks only: O(log n) memory, amortised O(1) hashes per leaf."""

    size: int = 0
    hashes: list[bytes] = field(default_factory=list)

    def append(self, leaf: bytes) -> Iterator[tuple[NodeId, bytes]]:
        """Add one *leaf hash*; yields the inner nodes (level >= 1) that it completes, bottom up."""
        node, value = NodeId(0, self.size), leaf
        self.size += 1
        while node.index & 1:
            value = node_hash(self.hashes.pop(), value)
            node = NodeId(node.level + 1, node.index >> 1)
            yield node, value
        self.hashes.append(value)

    def extend(self, leaves: Iterable[bytes]) -> list[tuple[NodeId, bytes]]:
        """Add many leaf hashes; returns all inner nodes completed, in order of completion."""
        return [completed for leaf in leaves for completed in self.append(leaf)]

    def root(self) -> bytes:
        return fold(self.hashes)


def _split(size: int) -> int:
    """The largest power of two smaller than ``size`` (RFC 9162 §2.1.1, *k*)."""
    return 1 << ((size - 1).bit_length() - 1)


def inclusion_spans(index: int, size: int) -> list[Span]:
    """What an inclusion proof is made of, the leaf's sibling first (RFC 9162 §2.1.3.1).

    Raises ProofInvalid (``index_outside_tree``) unless ``0 <= index < size``.
    """
    _require_index(index, size)
    spans, begin, end = [], 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            spans.append(Span(middle, end))
            end = middle
        else:
            spans.append(Span(begin, middle))
            begin = middle
    return spans[::-1]


def consistency_spans(old: int, new: int) -> list[Span]:
    """What a consistency proof from ``old`` to ``new`` leaves is made of (RFC 9162 §2.1.4.1).

    Raises ProofInvalid (``sizes_not_ordered``) unless ``0 <= old <= new``.
    """
    _require_order(old, new)
    if old in (0, new):
        return []
    spans, begin, end, whole = [], 0, new, True
    while old != end:
        middle = begin + _split(end - begin)
        if old <= middle:
            spans.append(Span(middle, end))
            end = middle
        else:
            spans.append(Span(begin, middle))
            begin, whole = middle, False
    if not whole:
        spans.append(Span(begin, end))
    return spans[::-1]


def nodes_needed(spans: Iterable[Span]) -> list[NodeId]:
    """Every complete node to read so that ``hashes_of(spans, ...)`` can be computed."""
    return [node for span in spans for node in complete_nodes(span)]


def hashes_of(spans: Iterable[Span], nodes: Mapping[NodeId, bytes]) -> list[bytes]:
    """The hash of each span, from the nodes that ``nodes_needed`` named; KeyError when one is absent."""
    return [fold([nodes[node] for node in complete_nodes(span)]) for span in spans]


def verify_inclusion(*, leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf with *leaf hash* ``leaf`` is number ``index`` of the tree (RFC 9162 §2.1.3.2).

    Raises ProofInvalid with code ``index_outside_tree``, ``proof_wrong_length``, ``hash_wrong_length`` or
    ``root_mismatch``.
    """
    _require_index(index, size)
    _require_hashes([leaf, *proof, root])
    _require_length(proof, len(inclusion_spans(index, size)))
    position, last, value = index, size - 1, leaf
    for sibling in proof:
        if position & 1 or position == last:
            value = node_hash(sibling, value)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            value = node_hash(value, sibling)
        position, last = position >> 1, last >> 1
    _require_root(value, root)


def verify_consistency(
    *, old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the tree of ``new_size`` extends the tree of ``old_size`` (RFC 9162 §2.1.4.2).

    Any tree extends the empty tree, which has the fixed root ``EMPTY_ROOT``. Raises ProofInvalid as
    ``verify_inclusion`` does, or with ``sizes_not_ordered``.
    """
    _require_order(old_size, new_size)
    _require_hashes([old_root, new_root, *proof])
    _require_length(proof, len(consistency_spans(old_size, new_size)))
    if old_size == 0:
        return _require_root(EMPTY_ROOT, old_root)
    if old_size == new_size:
        return _require_root(new_root, old_root)
    path = list(proof) if old_size & (old_size - 1) else [old_root, *proof]
    position, last = old_size - 1, new_size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old_value = new_value = path[0]
    for sibling in path[1:]:
        if position & 1 or position == last:
            old_value, new_value = node_hash(sibling, old_value), node_hash(sibling, new_value)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            new_value = node_hash(new_value, sibling)
        position, last = position >> 1, last >> 1
    _require_root(old_value, old_root)
    _require_root(new_value, new_root)
    return None


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Root over *leaf hashes*, in O(log n) memory."""
    tree = CompactRange()
    tree.extend(leaves)
    return tree.root()


def _require_index(index: int, size: int) -> None:
    if not 0 <= index < size <= MAX_SIZE:
        raise ProofInvalid("index_outside_tree", "The entry number lies outside the tree.", index=index, size=size)


def _require_order(old: int, new: int) -> None:
    if not 0 <= old <= new <= MAX_SIZE:
        raise ProofInvalid("sizes_not_ordered", "The older tree is larger than the newer one.", old=old, new=new)


def _require_hashes(hashes: Iterable[bytes]) -> None:
    if any(len(value) != HASH_SIZE for value in hashes):
        raise ProofInvalid("hash_wrong_length", "A hash in the proof does not have 32 bytes.")


def _require_length(proof: Sequence[bytes], expected: int) -> None:
    if len(proof) != expected:
        raise ProofInvalid(
            "proof_wrong_length", "The proof has too few or too many hashes.", have=len(proof), need=expected
        )


def _require_root(computed: bytes, claimed: bytes) -> None:
    if computed != claimed:
        raise ProofInvalid("root_mismatch", "The proof leads to another root: something was changed.")
