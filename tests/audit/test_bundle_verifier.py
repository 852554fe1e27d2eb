"""The stand-alone verifier, as a stranger runs it: an isolated interpreter, one file, no site packages.

Every attack is named after what the attacker does, and must be answered with the check that catches it.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance.audit import verify_bundle as verifier
from compliance.audit.bundle import build_bundle
from compliance.errors import BadInput
from compliance.ledger import merkle
from compliance.ledger.events import Event
from compliance.ledger.leaf import Opening
from tests.audit.evidence_case import (
    LOG_KEY,
    PERMIT,
    RECEIPT,
    Case,
    digest,
    entry,
    pack,
    private,
    public64,
    raw_zip,
    unpack,
)

SOURCE = Path(verifier.__file__)


VKEY = LOG_KEY.to_vkey()


@pytest.fixture
def check(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Run the verifier on bundle bytes; returns its JSON with ``exit`` and the names of failed checks."""

    def run(bundle: bytes, *options: str) -> dict[str, Any]:
        path = tmp_path / "bundle.zip"
        path.write_bytes(bundle)
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(SOURCE), str(path), "--json", *options],
            capture_output=True,
            cwd=tmp_path,
            env={},
            check=False,
        )
        assert not done.stderr, done.stderr.decode()
        answer: dict[str, Any] = json.loads(done.stdout)
        answer["exit"] = done.returncode
        answer["failed"] = [c["check"] for c in answer.get("checks", []) if c["status"] == "FAIL"]
        return answer

    return run


# --- honest bundles ---------------------------------------------------------------------------------------
def test_honest_bundle_holds_with_a_pinned_key(check: Callable[..., Any]) -> None:
    answer = check(Case().bundle(), "--log-key", VKEY)
    assert (answer["exit"], answer["result"], answer["failed"]) == (0, "holds", [])
    assert answer["log_key_pinned"] is True
    passed = {c["check"] for c in answer["checks"] if c["status"] == "PASS"}
    assert {
        "asset",
        "checkpoint",
        "entry 4",
        "receipt",
        "permit",
        "mark",
        "consistency",
        "consent logged",
        "avatar approved",
        "script approved",
        "permit in force",
        "decision",
    } <= passed


def test_key_from_the_bundle_is_said_to_be_unpinned(check: Callable[..., Any]) -> None:
    answer = check(Case().bundle())
    assert (answer["exit"], answer["log_key_pinned"]) == (0, False)
    assert any("pin it" in c["reason"] for c in answer["checks"] if c["check"] == "log key")


def test_text_output_has_one_line_per_check(tmp_path: Path) -> None:
    path = tmp_path / "b.zip"
    path.write_bytes(Case().bundle())
    done = subprocess.run([sys.executable, "-I", "-S", str(SOURCE), str(path)], capture_output=True, check=False)
    lines = done.stdout.decode().splitlines()
    assert {line.split()[0] for line in lines} == {"PASS", "NOTE", "RESULT"}
    assert "real" not in done.stdout.decode().lower().split()


def test_same_evidence_gives_the_same_bytes() -> None:
    assert Case().bundle() == Case().bundle()


def test_bundle_carries_the_verifier_and_a_bilingual_readme() -> None:
    members = unpack(Case().bundle())
    assert members["verify_bundle.py"] == SOURCE.read_bytes()
    assert "证据包" in members["README.txt"].decode()
    assert "offline" in members["verify_bundle.py"].decode()


def test_verifier_imports_nothing_but_the_standard_library() -> None:
    roots = {
        line.split()[1].split(".")[0]
        for line in SOURCE.read_text().splitlines()
        if line.startswith(("import ", "from "))
    }
    assert roots <= set(sys.stdlib_module_names) | {"__future__"}


def test_asset_may_come_from_a_file(tmp_path: Path) -> None:
    evidence = Case().evidence()
    path = tmp_path / "clip"
    path.write_bytes(Case().asset)
    assert build_bundle(replace(evidence, asset=path)) == build_bundle(evidence)


def test_statements_nobody_signed_are_noted(check: Callable[..., Any]) -> None:
    notes = [c["reason"] for c in check(Case().bundle())["checks"] if c["check"] == "unsigned"]
    assert "statements/c2pa.json" in notes[0]
    assert "statements/permit.json" not in notes[0]


def test_withdrawal_after_the_release_is_noted_not_failed(check: Callable[..., Any]) -> None:
    case = Case()
    case.after = [(Event.CONSENT_GRANT_WITHDRAWN, {"grant": digest(case.grant)})]
    answer = check(case.bundle(), "--log-key", VKEY)
    assert answer["exit"] == 0
    assert any("withdrawn" in c["reason"] for c in answer["checks"] if c["check"] == "later")


def test_opened_commitment_is_checked(check: Callable[..., Any]) -> None:
    case = Case()
    case.openings = [Opening(0, "principal", b"s" * 32, "Ada")]
    assert check(case.bundle())["exit"] == 0
    case.openings = [Opening(0, "principal", b"s" * 32, "Bob")]
    assert check(case.bundle())["failed"] == ["opening 1"]


@pytest.mark.parametrize("lost", ["grant", "receipt", "permit", "decision"])
def test_bundle_without_a_required_statement_is_not_written(lost: str) -> None:
    evidence = Case().evidence()
    rest = {name: content for name, content in evidence.statements.items() if name != lost}
    with pytest.raises(BadInput, match="bundle_incomplete"):
        build_bundle(replace(evidence, statements=rest))


def test_bundle_before_the_log_numbered_the_release_is_not_written() -> None:
    with pytest.raises(BadInput, match="bundle_incomplete"):
        build_bundle(replace(Case().evidence(), release_index=99))


@pytest.mark.parametrize("name", ["../x.mp4", "a b.mp4", "视频.mp4", "", ".hidden", "a\\b"])
def test_name_the_verifier_would_refuse_is_not_written(name: str) -> None:
    with pytest.raises(BadInput, match="bundle_name_unusable"):
        build_bundle(replace(Case().evidence(), asset_name=name))


# --- attacks on the content ---------------------------------------------------------------------------------
def attacked(change: Callable[[dict[str, bytes]], None]) -> bytes:
    members = unpack(Case().bundle())
    change(members)
    return bytes(pack(members))


def swap(members: dict[str, bytes], one: str, other: str) -> None:
    members[one], members[other] = members[other], members[one]


def edit(name: str, old: bytes, new: bytes) -> Callable[[dict[str, bytes]], None]:
    def change(members: dict[str, bytes]) -> None:
        assert old in members[name]
        members[name] = members[name].replace(old, new)

    return change


def forge_checkpoint(members: dict[str, bytes]) -> None:
    case = Case()
    case.log_key = private(9)
    forged = unpack(case.bundle())
    for name in forged:
        if name.startswith("ledger/"):
            members[name] = forged[name]


CONTENT_ATTACKS: dict[str, tuple[Callable[[dict[str, bytes]], None], set[str]]] = {
    "edited_leaf": (edit("ledger/000000000002.json", b"approved", b"rejected"), {"entry 2", "avatar approved"}),
    "swapped_asset": (lambda m: m.update({"asset/release.mp4": b"another film"}), {"asset"}),
    "swapped_proof": (
        lambda m: swap(m, "ledger/000000000001.tlog-proof", "ledger/000000000002.tlog-proof"),
        {"entry 1", "entry 2"},
    ),
    "reordered_entries": (
        lambda m: swap(m, "ledger/000000000001.json", "ledger/000000000002.json"),
        {"entry 1", "entry 2"},
    ),
    "forged_checkpoint": (forge_checkpoint, {"checkpoint"}),
    "edited_checkpoint": (edit("ledger/checkpoint.txt", b"\n5\n", b"\n6\n"), {"checkpoint"}),
    "proof_removed": (lambda m: m.pop("ledger/000000000001.tlog-proof") and None, {"bundle"}),
    "edited_receipt": (edit("statements/receipt.json", b"face", b"body"), {"receipt", "receipt holds terms"}),
    "edited_grant": (edit("statements/grant.json", b"face", b"body"), {"receipt names grant", "permit names grant"}),
    "edited_permit_mark": (
        edit("statements/permit.json", b"00112233445566aa", b"00112233445566ab"),
        {"permit", "mark", "release names permit"},
    ),
    "edited_decision": (edit("statements/decision.json", b"allow_with_duties", b"allow"), {"decision"}),
    "edited_consistency": (edit("ledger/consistency.json", b'"hashes": [', b'"hashes": ["AAAA",'), {"consistency"}),
    "signature_dropped": (edit("statements/permit.json", b'"alg": "Ed25519"', b'"alg": "none"'), {"permit"}),
    "statement_key_replaced": (
        lambda m: m.update({"keys.json": m["keys.json"].replace(public64(PERMIT), public64(private(8)))}),
        {"permit"},
    ),
}


@pytest.mark.parametrize("attack", CONTENT_ATTACKS)
def test_attack_on_the_content_is_named(check: Callable[..., Any], attack: str) -> None:
    change, expected = CONTENT_ATTACKS[attack]
    answer = check(attacked(change), "--log-key", VKEY)
    if expected == {"bundle"}:
        assert answer["exit"] == 2
        return
    assert answer["exit"] == 1
    assert expected <= set(answer["failed"])


def test_change_without_mending_the_manifest_is_named_by_file(check: Callable[..., Any]) -> None:
    members = unpack(Case().bundle())
    members["asset/release.mp4"] += b"x"
    assert "file asset/release.mp4" in check(pack(members, relist=False))["failed"]


def test_unlisted_member_is_named(check: Callable[..., Any]) -> None:
    members = unpack(Case().bundle()) | {"files/extra.txt": b"x"}
    assert check(pack(members, relist=False))["failed"] == ["manifest"]


def test_checkpoint_of_another_log_is_refused_by_the_pinned_key(check: Callable[..., Any]) -> None:
    case = Case()
    case.log_key = private(9)
    assert check(case.bundle())["exit"] == 0
    assert check(case.bundle(), "--log-key", VKEY)["failed"] == ["checkpoint"]


# --- attacks with valid signatures: parts that do not belong together -----------------------------------------
def permit_for_another_grant(case: Any) -> None:
    case.permit["grant_digest"] = "c" * 64


def receipt_for_another_grant(case: Any) -> None:
    case.receipt = case.receipt | {"grant_digest": "c" * 64}


def receipt_with_other_terms(case: Any) -> None:
    case.receipt = case.receipt | {"instrument": {"terms": "wider"}}


def permit_expired(case: Any) -> None:
    case.released_at += timedelta(hours=1)


def released_before_permit(case: Any) -> None:
    case.released_at -= timedelta(hours=1)


def withdrawn_before_release(case: Any) -> None:
    case.before = [(Event.CONSENT_GRANT_WITHDRAWN, {"grant": digest(case.grant)})]


def script_rejected_after_approval(case: Any) -> None:
    case.approvals.append(("script", "b" * 64, "rejected"))


def avatar_never_approved(case: Any) -> None:
    del case.approvals[0]


def script_approved_only_as_avatar(case: Any) -> None:
    case.approvals[1] = ("avatar", "b" * 64, "approved")


def logged_mark_differs(case: Any) -> None:
    case.release = {"mark": "ffffffffffffffff"}


def logged_permit_differs(case: Any) -> None:
    case.release = {"permit": "d" * 64}


def logged_grant_differs(case: Any) -> None:
    case.release = {"grant": "d" * 64}


def permit_signed_with_another_key(case: Any) -> None:
    case.permit_key = private(8)


def receipt_signed_with_the_permit_key(case: Any) -> None:
    case.receipt_key = PERMIT


LINK_ATTACKS: dict[Callable[[Any], None], set[str]] = {
    permit_for_another_grant: {"permit names grant"},
    receipt_for_another_grant: {"receipt names grant"},
    receipt_with_other_terms: {"receipt holds terms"},
    permit_expired: {"permit in force"},
    released_before_permit: {"permit in force"},
    withdrawn_before_release: {"consent logged"},
    script_rejected_after_approval: {"script approved"},
    avatar_never_approved: {"avatar approved"},
    script_approved_only_as_avatar: {"script approved"},
    logged_mark_differs: {"mark"},
    logged_permit_differs: {"release names permit"},
    logged_grant_differs: {"release names grant"},
    permit_signed_with_another_key: {"permit"},
    receipt_signed_with_the_permit_key: {"receipt"},
}


@pytest.mark.parametrize("attack", LINK_ATTACKS, ids=lambda attack: attack.__name__)
def test_parts_that_do_not_belong_together_are_named(check: Callable[..., Any], attack: Callable[[Any], None]) -> None:
    case = Case()
    attack(case)
    answer = check(case.bundle(), "--log-key", VKEY)
    assert answer["exit"] == 1
    assert set(answer["failed"]) == LINK_ATTACKS[attack]


def test_pinned_statement_keys_are_used(check: Callable[..., Any]) -> None:
    right = {name: public64(key).decode() for name, key in (("receipt", RECEIPT), ("permit", PERMIT))}
    options = [f"--{name}-key={value}" for name, value in right.items()]
    assert check(Case().bundle(), *options)["exit"] == 0
    assert check(Case().bundle(), f"--permit-key={right['receipt']}")["failed"] == ["permit"]


# --- attacks on the container -----------------------------------------------------------------------------------
def members_of() -> list[tuple[zipfile.ZipInfo, bytes]]:
    return [(entry(name), data) for name, data in unpack(Case().bundle()).items()]


def with_extra(name: str, data: bytes = b"x", mode: int = 0o100644) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile warns of duplicate names, which is what we want here
        return bytes(raw_zip([*members_of(), (entry(name, mode), data)]))


def without(name: str) -> bytes:
    members = unpack(Case().bundle())
    del members[name]
    return bytes(pack(members))


def gap_between_members() -> bytes:
    """Hidden bytes between the members and the directory, all offsets mended."""
    bundle = Case().bundle()
    end = bytearray(bundle[-22:])
    start = int.from_bytes(end[16:20], "little")
    end[16:20] = (start + 6).to_bytes(4, "little")
    return bundle[:start] + b"hidden" + bundle[start:-22] + bytes(end)


def local_header_with_another_name() -> bytes:
    asset = Case().asset
    return Case().bundle().replace(b"asset/release.mp4" + asset, b"asset/Release.mp4" + asset, 1)


CONTAINER_ATTACKS: dict[str, tuple[Callable[[], bytes], str]] = {
    "not_a_zip": (lambda: b"%PDF-1.7", "not_a_bundle"),
    "empty_file": (lambda: b"", "not_a_bundle"),
    "truncated_zip": (lambda: Case().bundle()[:-700], "zip_damaged"),
    "truncated_to_the_header": (lambda: Case().bundle()[:40], "zip_damaged"),
    "duplicate_member": (lambda: with_extra("statements/permit.json"), "zip_duplicate_member"),
    "duplicate_but_for_case": (lambda: with_extra("STATEMENTS/permit.json"), "zip_duplicate_member"),
    "traversal_name": (lambda: with_extra("../../etc/passwd"), "zip_unsafe_name"),
    "absolute_name": (lambda: with_extra("/etc/passwd"), "zip_unsafe_name"),
    "windows_name": (lambda: with_extra("C:\\evil"), "zip_unsafe_name"),
    "hidden_name": (lambda: with_extra("files/.profile"), "zip_unsafe_name"),
    "directory_member": (lambda: with_extra("files/", b""), "zip_unsafe_name"),
    "symbolic_link": (lambda: with_extra("files/link", b"/etc/passwd", 0o120777), "zip_not_a_file"),
    "zip_bomb": (
        lambda: raw_zip([*members_of(), (entry("files/bomb"), bytes(50_000_000))], zipfile.ZIP_DEFLATED),
        "zip_not_stored",
    ),
    "oversized_statement": (
        lambda: pack(unpack(Case().bundle()) | {"statements/grant.json": b" " * 17_000_000}),
        "member_too_large",
    ),
    "too_many_members": (lambda: raw_zip([(entry(f"files/{i}"), b"") for i in range(2001)]), "zip_too_many_members"),
    "program_in_front": (lambda: b"#!/bin/sh\n" + Case().bundle(), "not_a_bundle"),
    "archive_in_front": (lambda: raw_zip([(entry("a"), b"a")]) + Case().bundle(), "zip_hidden_data"),
    "data_behind": (lambda: Case().bundle() + b"hidden", "zip_hidden_data"),
    "data_between": (gap_between_members, "zip_hidden_data"),
    "local_header_with_another_name": (local_header_with_another_name, "zip_ambiguous"),
    "missing_permit": (lambda: without("statements/permit.json"), "member_missing"),
    "missing_asset": (lambda: without("asset/release.mp4"), "member_missing"),
    "missing_manifest": (
        lambda: raw_zip([m for m in members_of() if m[0].filename != "MANIFEST.json"]),
        "member_missing",
    ),
    "missing_release_entry": (lambda: without("ledger/000000000004.json"), "member_missing"),
    "unknown_format": (
        lambda: attacked(edit("MANIFEST.json", b"avow-evidence/1", b"avow-evidence/9")),
        "format_unknown",
    ),
    "name_twice_in_an_object": (
        lambda: attacked(edit("statements/grant.json", b'"grant_id"', b'"terms": 1, "grant_id"')),
        "json_malformed",
    ),
    "not_a_number": (lambda: attacked(edit("statements/grant.json", b"0.25", b"NaN")), "json_malformed"),
    "deeply_nested_json": (
        lambda: attacked(lambda m: m.update({"statements/grant.json": b"[" * 200_000})),
        "json_malformed",
    ),
    "binary_note": (lambda: attacked(lambda m: m.update({"ledger/checkpoint.txt": b"\xff\xfe"})), "text_malformed"),
}


@pytest.mark.parametrize("attack", CONTAINER_ATTACKS)
def test_attack_on_the_container_is_refused(check: Callable[..., Any], attack: str) -> None:
    build, code = CONTAINER_ATTACKS[attack]
    answer = check(build())
    assert (answer["exit"], answer.get("code")) == (2, code)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    assert verifier.main([str(tmp_path / "nothing.zip")]) == 2


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_changed_byte_is_noticed(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    bundle = bytearray(HONEST)
    at = data.draw(st.integers(0, len(bundle) - 1))
    bundle[at] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path_factory.getbasetemp() / "flipped.zip"
    path.write_bytes(bundle)
    assert _quietly(["--log-key", VKEY, str(path)]) != 0 or _only_cosmetic(bytes(bundle))


HONEST = Case().bundle()


def _quietly(arguments: list[str]) -> int:
    with redirect_stdout(io.StringIO()):
        return verifier.main(arguments)


def _only_cosmetic(bundle: bytes) -> bool:
    """ZIP dates and version numbers, and the exporter's own words in the manifest, are nobody's statement."""
    changed, honest = unpack(bundle), unpack(HONEST)
    return all(changed[name] == honest[name] for name in honest if name != "MANIFEST.json")


# --- the verifier's own cryptography, against other implementations -------------------------------------------
RFC8032 = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe"
        "24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302a"
        "eeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed2"
        "8dc027beceea1ec40a",
    ),
]


@pytest.mark.parametrize(("key", "message", "signature"), RFC8032)
def test_rfc8032_vectors(key: str, message: str, signature: str) -> None:
    verifier.verify_ed25519(bytes.fromhex(key), bytes.fromhex(message), bytes.fromhex(signature))


@settings(max_examples=40, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=80), st.integers(0, 767))
def test_signatures_are_judged_as_openssl_judges_them(seed: bytes, message: bytes, bit: int) -> None:
    private = Ed25519PrivateKey.from_private_bytes(seed)
    blob = bytearray(private.public_key().public_bytes_raw() + private.sign(message))
    verifier.verify_ed25519(bytes(blob[:32]), message, bytes(blob[32:]))
    blob[bit // 8] ^= 1 << bit % 8
    with pytest.raises(verifier.Failed):
        verifier.verify_ed25519(bytes(blob[:32]), message, bytes(blob[32:]))
    with pytest.raises(InvalidSignature):
        Ed25519PublicKey.from_public_bytes(bytes(blob[:32])).verify(bytes(blob[32:]), message)


def test_signature_with_an_unreduced_scalar_is_refused() -> None:
    key, message, signature = (bytes.fromhex(part) for part in RFC8032[1])
    scalar = int.from_bytes(signature[32:], "little") + verifier.ORDER
    with pytest.raises(verifier.Failed, match="canonical"):
        verifier.verify_ed25519(key, message, signature[:32] + scalar.to_bytes(32, "little"))


@pytest.mark.parametrize("key", [bytes([1]) + bytes(31), bytes(32), b"\xec" + b"\xff" * 30 + b"\x7f"])
def test_key_of_small_order_is_refused(key: bytes) -> None:
    """With such a key one signature fits many messages."""
    with pytest.raises(verifier.Failed):
        verifier.verify_ed25519(key, b"x", bytes([1]) + bytes(63))


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(codec="utf-8"))
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(json_values)
def test_canonical_json_equals_another_implementation(value: Any) -> None:
    assert verifier.canonical(value) == rfc8785.dumps(value)


@pytest.mark.parametrize("value", [0.0, -0.0, 1e21, 1e20, 123456789.5, 1e-6, 1e-7, 5e-324, 1.7976931348623157e308, 0.1])
def test_canonical_numbers(value: float) -> None:
    assert verifier.canonical(value) == rfc8785.dumps(value)


def test_merkle_proofs_are_judged_as_the_log_judges_them() -> None:
    leaves = [bytes([i]) for i in range(40)]
    hashes = [merkle.leaf_hash(leaf) for leaf in leaves]
    nodes = {merkle.NodeId(0, i): value for i, value in enumerate(hashes)}
    nodes.update(merkle.CompactRange().extend(hashes))
    roots = [merkle.root_of(hashes[:size]) for size in range(41)]
    for size in range(1, 41):
        for index in range(size):
            proof = merkle.hashes_of(merkle.inclusion_spans(index, size), nodes)
            verifier.verify_inclusion(leaves[index], index, size, proof, roots[size])
            for wrong in (proof[:-1], [*proof, roots[1]], proof[::-1]):
                if wrong != proof:
                    with pytest.raises(verifier.Failed):
                        verifier.verify_inclusion(leaves[index], index, size, wrong, roots[size])
        for old in range(1, size + 1):
            proof = merkle.hashes_of(merkle.consistency_spans(old, size), nodes)
            verifier.verify_consistency(old, size, roots[old], roots[size], proof)
            for wrong in (proof[:-1], [*proof, roots[1]]):
                if wrong != proof:
                    with pytest.raises(verifier.Failed):
                        verifier.verify_consistency(old, size, roots[old], roots[size], wrong)
