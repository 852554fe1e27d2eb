"""Signed notes, checkpoints and .tlog-proof texts: vectors of the C2SP pages, round trips, strictness."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from compliance.ledger import merkle
from compliance.ledger.checkpoint import TreeHead, open_checkpoint, sign_checkpoint
from compliance.ledger.errors import NoteMalformed, SignatureInvalid
from compliance.ledger.note import Note, NoteSignature, VerifierKey, open_note, parse_note, sign_note
from compliance.ledger.tlog_proof import TlogProof

C2SP_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
C2SP_NOTE = (
    "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Zt"
    "g1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEY = VerifierKey("log.example/1", PRIVATE.public_key().public_bytes_raw())
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
OTHER_KEY = VerifierKey("log.example/1", OTHER.public_key().public_bytes_raw())
LEAVES = [f"{i}".encode() for i in range(11)]
HASHES = [merkle.leaf_hash(leaf) for leaf in LEAVES]
HEAD = TreeHead("log.example/1", 11, merkle.root_of(HASHES))
CHECKPOINT = sign_checkpoint(HEAD, KEY, PRIVATE.sign)


def proof_text(index: int) -> str:
    nodes = {merkle.NodeId(0, i): value for i, value in enumerate(HASHES)}
    nodes.update(merkle.CompactRange().extend(HASHES))
    hashes = merkle.hashes_of(merkle.inclusion_spans(index, 11), nodes)
    return TlogProof(index, tuple(hashes), CHECKPOINT, LEAVES[index]).to_text()


def test_c2sp_example_verifies_and_round_trips() -> None:
    key = VerifierKey.from_vkey(C2SP_VKEY)
    assert key.to_vkey() == C2SP_VKEY
    assert open_note(C2SP_NOTE, [key]).to_text() == C2SP_NOTE


def test_c2sp_example_changed_by_one_letter_is_rejected() -> None:
    with pytest.raises(SignatureInvalid, match="signature_invalid"):
        open_note(C2SP_NOTE.replace("message", "massage"), [VerifierKey.from_vkey(C2SP_VKEY)])


def test_note_text_may_contain_blank_lines() -> None:
    note = sign_note("one\n\ntwo\n", KEY, PRIVATE.sign)
    assert open_note(note, [KEY]).text == "one\n\ntwo\n"


def test_unknown_signatures_are_ignored_but_known_ones_must_hold() -> None:
    witness = NoteSignature("witness.example", b"abcd", b"x" * 72)
    parsed = parse_note(CHECKPOINT)
    cosigned = Note(parsed.text, (witness, *parsed.signatures)).to_text()
    assert open_checkpoint(cosigned, [KEY]) == HEAD
    broken = Note(parsed.text, (*parsed.signatures, NoteSignature(KEY.name, KEY.key_id, b"\0" * 64))).to_text()
    with pytest.raises(SignatureInvalid, match="signature_invalid"):
        open_checkpoint(broken, [KEY])


def test_checkpoint_signed_with_another_key_is_rejected() -> None:
    forged = sign_checkpoint(HEAD, OTHER_KEY, OTHER.sign)
    with pytest.raises(SignatureInvalid, match="note_not_signed_by_known_key"):
        open_checkpoint(forged, [KEY])


def test_checkpoint_signed_only_by_a_trusted_stranger_is_rejected() -> None:
    stranger = VerifierKey("witness.example", OTHER.public_key().public_bytes_raw())
    note = sign_note(HEAD.to_text(), stranger, OTHER.sign)
    with pytest.raises(SignatureInvalid, match="note_not_signed_by_known_key"):
        open_checkpoint(note, [KEY, stranger])


def test_key_store_that_signs_with_the_wrong_key_is_caught() -> None:
    with pytest.raises(SignatureInvalid, match="signature_invalid"):
        sign_checkpoint(HEAD, KEY, OTHER.sign)


def test_origin_must_be_the_keys_name() -> None:
    with pytest.raises(NoteMalformed, match="origin_mismatch"):
        sign_checkpoint(TreeHead("other.example", 11, HEAD.root), KEY, PRIVATE.sign)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "log.example/1\n11\n",
        CHECKPOINT[:-1],
        CHECKPOINT + "\n",
        CHECKPOINT.replace("\n\n", "\n"),
        CHECKPOINT.replace("— ", "- "),
        CHECKPOINT.replace("— ", "—  "),
        CHECKPOINT + "— x\n",
        CHECKPOINT.replace("11\n", "11\r\n"),
        CHECKPOINT + "\x00",
        CHECKPOINT + "— a b" + "c" * 300_000 + "\n",
        CHECKPOINT + "— a+b AAAAAAAA\n",
        CHECKPOINT + "— a AAAA\n",
        CHECKPOINT + "— a AAAAAAA=\n" * 70,
        CHECKPOINT + "— a AAAAAAB=\n",
    ],
    ids=range(16),
)
def test_malformed_note_is_refused(text: str) -> None:
    with pytest.raises(NoteMalformed):
        parse_note(text)


@pytest.mark.parametrize(
    "text",
    [
        "log\n011\n" + HEAD.to_text().split("\n")[2] + "\n",
        "log\n-1\nAAAA\n",
        "log\n1\nAAAA\n",
        "log\n٣\nAAAA\n",
        HEAD.to_text() + "extension\n",
        "\n11\n" + HEAD.to_text().split("\n")[2] + "\n",
        HEAD.to_text()[:-1],
        "log\n0\n" + HEAD.to_text().split("\n")[2] + "\n",
        HEAD.to_text().replace("11\n", "9223372036854775807\n"),
    ],
    ids=range(9),
)
def test_malformed_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NoteMalformed):
        TreeHead.parse(text)


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "a+b",
        C2SP_VKEY + " ",
        C2SP_VKEY.replace("530d903a", "530d903b"),
        C2SP_VKEY.replace("530d903a", "530D903A"),
        C2SP_VKEY.replace("+Aek", "+Bek"),
        C2SP_VKEY[:-4],
        C2SP_VKEY.replace("example.com/foo", "example.com/bar"),
    ],
)
def test_malformed_vkey_is_refused(vkey: str) -> None:
    with pytest.raises(NoteMalformed):
        VerifierKey.from_vkey(vkey)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u2003b", "a\n"])
def test_impossible_key_name_is_refused(name: str) -> None:
    with pytest.raises(NoteMalformed, match="key_name_malformed"):
        VerifierKey(name, bytes(32))


@pytest.mark.parametrize("index", range(11))
def test_proof_text_round_trips_and_verifies(index: int) -> None:
    text = proof_text(index)
    proof = TlogProof.parse(text)
    assert proof.to_text() == text
    assert proof.verify(proof.extra or b"", [KEY]) == HEAD


def test_proof_without_extra_round_trips() -> None:
    lone = TlogProof(0, (), sign_checkpoint(TreeHead(KEY.name, 1, HASHES[0]), KEY, PRIVATE.sign))
    assert TlogProof.parse(lone.to_text()) == lone
    lone.verify(LEAVES[0], [KEY])


def test_proof_of_another_leaf_is_rejected() -> None:
    with pytest.raises(merkle.ProofInvalid, match="root_mismatch"):
        TlogProof.parse(proof_text(3)).verify(LEAVES[4], [KEY])


@pytest.mark.parametrize(
    "change",
    [
        ("c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v2"),
        ("index 3", "index 03"),
        ("index 3", "number 3"),
        ("index 3\n", ""),
        ("extra ", "extra  "),
        ("\n\n", "\n"),
        ("index 3\n", "index 3\nAAAA\n"),
        ("index 3\n", "index 3\n" + "A" * 43 + "=\n" + ("A" * 43 + "=\n") * 62),
    ],
)
def test_malformed_proof_is_refused(change: tuple[str, str]) -> None:
    with pytest.raises(NoteMalformed):
        TlogProof.parse(proof_text(3).replace(*change, 1)).verify(LEAVES[3], [KEY])


@given(st.integers(0, 10), st.data())
def test_any_changed_character_of_a_proof_is_rejected(index: int, data: st.DataObject) -> None:
    text = proof_text(index)
    at = data.draw(st.integers(0, len(text) - 1))
    changed = text[:at] + data.draw(st.characters(codec="utf-8").filter(lambda c: c != text[at])) + text[at + 1 :]
    with pytest.raises((NoteMalformed, SignatureInvalid, merkle.ProofInvalid)):
        proof = TlogProof.parse(changed)
        proof.verify(proof.extra or b"", [KEY])


@given(st.text(max_size=200))
def test_parsers_raise_nothing_but_their_own_errors(text: str) -> None:
    for parse in (parse_note, TreeHead.parse, TlogProof.parse, VerifierKey.from_vkey):
        try:
            parse(text)
        except NoteMalformed:
            continue
