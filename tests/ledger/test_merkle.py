"""RFC 9162 §2.1: known roots, every size 0-130, any two sizes, and every single-bit lie."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.ledger import merkle
from compliance.ledger.errors import ProofInvalid
from compliance.ledger.merkle import NodeId

LEAVES = [f"leaf {i}".encode() for i in range(131)]
HASHES = [merkle.leaf_hash(leaf) for leaf in LEAVES]

# The vectors of the certificate-transparency reference code: eight inputs, the root after each.
CT_INPUTS = [
    bytes.fromhex(h)
    for h in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
CT_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def rfc_root(hashes: list[bytes]) -> bytes:
    """MTH as the RFC writes it, recursively: the second implementation that the first is compared with."""
    if not hashes:
        return hashlib.sha256().digest()
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return hashlib.sha256(b"\x01" + rfc_root(hashes[:k]) + rfc_root(hashes[k:])).digest()


def rfc_path(m: int, hashes: list[bytes]) -> list[bytes]:
    """PATH of RFC 9162 §2.1.3.1."""
    if len(hashes) == 1:
        return []
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    if m < k:
        return [*rfc_path(m, hashes[:k]), rfc_root(hashes[k:])]
    return [*rfc_path(m - k, hashes[k:]), rfc_root(hashes[:k])]


def rfc_subproof(m: int, hashes: list[bytes], whole: bool) -> list[bytes]:
    """SUBPROOF of RFC 9162 §2.1.4.1."""
    if m == len(hashes):
        return [] if whole else [rfc_root(hashes)]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    if m <= k:
        return [*rfc_subproof(m, hashes[:k], whole), rfc_root(hashes[k:])]
    return [*rfc_subproof(m - k, hashes[k:], False), rfc_root(hashes[:k])]


def stored_nodes(hashes: list[bytes]) -> dict[NodeId, bytes]:
    tree = merkle.CompactRange()
    nodes = {NodeId(0, i): value for i, value in enumerate(hashes)}
    nodes.update(tree.extend(hashes))
    return nodes


NODES = stored_nodes(HASHES)


def inclusion(index: int, size: int) -> list[bytes]:
    return merkle.hashes_of(merkle.inclusion_spans(index, size), NODES)


def consistency(old: int, new: int) -> list[bytes]:
    return merkle.hashes_of(merkle.consistency_spans(old, new), NODES)


ROOTS = [merkle.root_of(HASHES[:size]) for size in range(131)]


def test_reference_vectors() -> None:
    roots = [merkle.root_of(map(merkle.leaf_hash, CT_INPUTS[: n + 1])).hex() for n in range(8)]
    assert roots == CT_ROOTS
    assert merkle.EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_every_root_to_130_equals_the_recursive_definition() -> None:
    assert [rfc_root(HASHES[:size]) for size in range(131)] == ROOTS


def test_every_inclusion_proof_to_130_equals_the_definition_and_verifies() -> None:
    for size in range(1, 131):
        for index in range(size):
            proof = inclusion(index, size)
            assert proof == rfc_path(index, HASHES[:size])
            merkle.verify_inclusion(leaf=HASHES[index], index=index, size=size, proof=proof, root=ROOTS[size])


def test_every_consistency_proof_to_130_verifies() -> None:
    for new in range(131):
        for old in range(new + 1):
            merkle.verify_consistency(
                old_size=old,
                new_size=new,
                old_root=ROOTS[old],
                new_root=ROOTS[new],
                proof=consistency(old, new),
            )


def test_consistency_proofs_equal_the_definition() -> None:
    for new in range(1, 66):
        for old in range(1, new + 1):
            assert consistency(old, new) == rfc_subproof(old, HASHES[:new], True)


def test_positions_are_a_bijection_and_leaves_are_even() -> None:
    ids = [NodeId(level, index) for level in range(7) for index in range(128 >> level)]
    positions = [node.position for node in ids]
    assert len(set(positions)) == len(positions)
    assert [NodeId.at(position) for position in positions] == ids
    assert [NodeId(0, i).position for i in range(4)] == [0, 2, 4, 6]


sizes = st.integers(1, 130)


@st.composite
def cases(draw: st.DrawFn) -> tuple[int, int]:
    size = draw(sizes)
    return draw(st.integers(0, size - 1)), size


def flip(value: bytes, bit: int) -> bytes:
    changed = bytearray(value)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@given(cases(), st.integers(0, 10_000), st.integers(0, 255))
def test_bit_flip_in_leaf_proof_or_root_is_rejected(case: tuple[int, int], which: int, bit: int) -> None:
    index, size = case
    values = [HASHES[index], *inclusion(index, size), ROOTS[size]]
    values[which % len(values)] = flip(values[which % len(values)], bit)
    with pytest.raises(ProofInvalid):
        merkle.verify_inclusion(leaf=values[0], index=index, size=size, proof=values[1:-1], root=values[-1])


@given(cases(), st.integers(0, 140))
def test_proof_for_another_index_is_rejected(case: tuple[int, int], other: int) -> None:
    index, size = case
    if other == index:
        return
    with pytest.raises(ProofInvalid):
        merkle.verify_inclusion(
            leaf=HASHES[index], index=other, size=size, proof=inclusion(index, size), root=ROOTS[size]
        )


@given(sizes, sizes, st.integers(0, 10_000), st.integers(0, 255))
def test_bit_flip_in_consistency_proof_or_roots_is_rejected(a: int, b: int, which: int, bit: int) -> None:
    old, new = sorted((a, b))
    values = [ROOTS[old], *consistency(old, new), ROOTS[new]]
    values[which % len(values)] = flip(values[which % len(values)], bit)
    with pytest.raises(ProofInvalid):
        merkle.verify_consistency(
            old_size=old, new_size=new, old_root=values[0], new_root=values[-1], proof=values[1:-1]
        )


@given(sizes, sizes, sizes)
def test_consistency_proof_for_other_sizes_is_rejected(a: int, b: int, c: int) -> None:
    old, new = sorted((a, b))
    if c in (old, 0) or c > new or old == new:
        return
    with pytest.raises(ProofInvalid):
        merkle.verify_consistency(
            old_size=c, new_size=new, old_root=ROOTS[old], new_root=ROOTS[new], proof=consistency(old, new)
        )


@given(cases(), st.lists(st.binary(min_size=32, max_size=32), max_size=3))
def test_padded_or_shortened_proof_is_rejected(case: tuple[int, int], extra: list[bytes]) -> None:
    index, size = case
    proof = inclusion(index, size)
    for wrong in ([*proof, *extra] if extra else proof[:-1], [b"\0" * 31, *proof[1:]]):
        if wrong == proof:
            continue
        with pytest.raises(ProofInvalid):
            merkle.verify_inclusion(leaf=HASHES[index], index=index, size=size, proof=wrong, root=ROOTS[size])


def test_inner_node_offered_as_leaf_is_rejected() -> None:
    """Second preimage: an inner node's children, concatenated, are no leaf, for the prefixes differ."""
    inner = HASHES[0] + HASHES[1]
    with pytest.raises(ProofInvalid, match="root_mismatch"):
        merkle.verify_inclusion(
            leaf=merkle.leaf_hash(inner),
            index=0,
            size=1,
            proof=[],
            root=merkle.node_hash(HASHES[0], HASHES[1]),
        )


@given(st.lists(st.binary(max_size=40), max_size=70), st.data())
def test_any_tree_extends_any_of_its_prefixes(leaves: list[bytes], data: st.DataObject) -> None:
    hashes = [merkle.leaf_hash(leaf) for leaf in leaves]
    old = data.draw(st.integers(0, len(hashes)))
    proof = merkle.hashes_of(merkle.consistency_spans(old, len(hashes)), stored_nodes(hashes))
    merkle.verify_consistency(
        old_size=old,
        new_size=len(hashes),
        old_root=rfc_root(hashes[:old]),
        new_root=rfc_root(hashes),
        proof=proof,
    )


@pytest.mark.parametrize(("index", "size"), [(0, 0), (-1, 4), (4, 4), (0, merkle.MAX_SIZE + 1)])
def test_impossible_index_is_refused(index: int, size: int) -> None:
    with pytest.raises(ProofInvalid, match="index_outside_tree"):
        merkle.inclusion_spans(index, size)


def test_shrinking_tree_is_refused() -> None:
    with pytest.raises(ProofInvalid, match="sizes_not_ordered"):
        merkle.consistency_spans(5, 4)


def test_largest_tree_has_short_proofs() -> None:
    assert len(merkle.inclusion_spans(merkle.MAX_SIZE - 1, merkle.MAX_SIZE)) == 62
    assert len(merkle.nodes_needed(merkle.inclusion_spans(0, merkle.MAX_SIZE - 1))) < 62 * 62
