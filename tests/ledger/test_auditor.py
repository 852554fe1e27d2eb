"""Tamper tests as the database's owner: each change is named by the audit, with its place."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import CommandError, call_command
from django.db import connection

from compliance.ledger import auditor, merkle, selectors, signing
from compliance.ledger.auditor import Finding, audit_log
from compliance.ledger.checkpoint import TreeHead, sign_checkpoint
from compliance.ledger.errors import LogInconsistent
from compliance.ledger.models import Checkpoint, LogEntry, Node, OutboxEntry
from compliance.ledger.note import VerifierKey

Log = Callable[..., list[OutboxEntry]]
Tamper = Callable[..., None]
pytestmark = pytest.mark.django_db
ENTRY = 'ledger_logentry SET {} WHERE "index" = {}'


def findings(**options: Any) -> list[tuple[str, str]]:
    return [(f.code, f.where) for f in audit_log(keys=signing.log_keys(), **options).findings]


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditor, "CHUNK", 5)


@pytest.mark.parametrize("count", [0, 1, 4, 5, 6, 13, 33])
def test_untouched_log_is_clean_at_any_size(log: Log, count: int) -> None:
    log(count, batch=4)
    report = audit_log(keys=signing.log_keys())
    assert report.findings == ()
    assert (report.size, report.checkpoints) == (count, -(-count // 4))
    assert report.root == merkle.root_of(bytes(e.leaf_hash) for e in LogEntry.objects.all())


def test_edited_leaf_is_named_by_number(log: Log, tamper: Tamper) -> None:
    log(13, batch=4)
    leaf = bytes(LogEntry.objects.get(index=6).leaf).replace(b'"number":6', b'"number":7')
    tamper("UPDATE " + ENTRY.format("leaf = %s", 6), [leaf])
    assert findings() == [("entry_edited", "entry 6")]


def test_leaf_edited_together_with_its_hash_is_named_by_its_pair(log: Log, tamper: Tamper) -> None:
    log(13, batch=4)
    leaf = bytes(LogEntry.objects.get(index=6).leaf).replace(b'"number":6', b'"number":7')
    tamper("UPDATE " + ENTRY.format("leaf = %s, leaf_hash = %s", 6), [leaf, merkle.leaf_hash(leaf)])
    assert findings() == [("entries_changed", "entries 6-7")]


def rewrite(tamper: Tamper, index: int) -> None:
    """Edit one leaf and everything computed from it, as an owner of the database without the key would."""
    leaf = bytes(LogEntry.objects.get(index=index).leaf).replace(b'"v":1', b'"v":2')
    tamper("UPDATE " + ENTRY.format("leaf = %s, leaf_hash = %s", index), [leaf, merkle.leaf_hash(leaf)])
    for node, value in merkle.CompactRange().extend(bytes(e.leaf_hash) for e in LogEntry.objects.all()):
        tamper("UPDATE ledger_node SET hash = %s WHERE position = %s", [value, node.position])


def test_leaf_edited_with_the_whole_tree_is_caught_by_the_signed_heads(log: Log, tamper: Tamper) -> None:
    log(13, batch=4)
    rewrite(tamper, 6)
    assert findings() == [
        ("head_mismatch", "entries 4-7"),
        ("head_mismatch", "entries 4-11"),
        ("head_mismatch", "entries 4-12"),
    ]


def test_tree_and_heads_rewritten_without_the_key_is_caught_by_the_signature(log: Log, tamper: Tamper) -> None:
    log(4, batch=4)
    rewrite(tamper, 2)
    root = merkle.root_of(bytes(e.leaf_hash) for e in LogEntry.objects.all())
    private = Ed25519PrivateKey.generate()
    key = VerifierKey(signing.log_key().name, private.public_key().public_bytes_raw())
    note = sign_checkpoint(TreeHead(key.name, 4, root), key, private.sign)
    tamper("UPDATE ledger_checkpoint SET root = %s, note = %s", [root, note])
    assert findings() == [("note_not_signed_by_known_key", "checkpoint 4")]


def test_everything_rewritten_with_the_key_is_caught_by_a_kept_checkpoint(
    log: Log, tamper: Tamper, as_role: Callable[[str], Any]
) -> None:
    log(4, batch=4)
    kept = Checkpoint.objects.get().note
    rewrite(tamper, 2)
    root = merkle.root_of(bytes(e.leaf_hash) for e in LogEntry.objects.all())
    with as_role("sequencer"):
        signer = signing.log_signer()
        note = sign_checkpoint(TreeHead(signer.key.name, 4, root), signer.key, signer.sign)
    tamper("UPDATE ledger_checkpoint SET root = %s, note = %s", [root, note])
    assert findings() == []
    assert findings(kept=[kept]) == [("head_mismatch", "entries 0-3")]


def test_exchanged_entries_are_named(log: Log, tamper: Tamper) -> None:
    log(13, batch=13)
    for before, after in ((2, 1000), (9, 2), (1000, 9)):
        tamper(f'UPDATE ledger_logentry SET "index" = {after} WHERE "index" = {before}')
    assert findings() == [("entries_changed", "entries 2-3"), ("entries_changed", "entries 8-9")]


def test_deleted_entry_in_the_middle_is_named(log: Log, tamper: Tamper) -> None:
    log(13, batch=4)
    tamper('DELETE FROM ledger_logentry WHERE "index" IN (6, 7)')
    assert ("entries_missing", "entries 6-7") in findings()


def test_entries_renumbered_over_a_deleted_one_are_named(log: Log, tamper: Tamper) -> None:
    log(8, batch=8)
    tamper('DELETE FROM ledger_logentry WHERE "index" = 3')
    for index in range(4, 8):
        tamper(f'UPDATE ledger_logentry SET "index" = {index - 1} WHERE "index" = {index}')
    found = findings()
    assert found[0] == ("entries_changed", "entries 2-3")
    assert ("entries_missing", "entry 7") in found


def test_entries_cut_off_at_the_end_are_named(log: Log, tamper: Tamper) -> None:
    log(13, batch=4)
    tamper('DELETE FROM ledger_logentry WHERE "index" >= 11')
    assert ("entries_missing", "entries 11-12") in findings()


def test_log_rolled_back_with_its_heads_is_caught_by_a_kept_checkpoint(log: Log, tamper: Tamper) -> None:
    log(13, batch=4)
    newest = selectors.latest_checkpoint()
    assert newest is not None
    tamper('DELETE FROM ledger_logentry WHERE "index" >= 8')
    tamper("DELETE FROM ledger_checkpoint WHERE size > 8")
    tamper("DELETE FROM ledger_node WHERE position > 15")
    assert findings() == []
    assert findings(kept=[newest.note]) == [("log_cut_off", "checkpoint 13")]


def test_forged_entry_at_the_end_is_named(log: Log, tamper: Tamper) -> None:
    log(4, batch=4)
    rest = "leaf, leaf_hash, event, subject_id, organisation_id, recorded_at"
    forged = OutboxEntry._meta.get_field("entry_id").get_db_prep_value(uuid.uuid4(), connection)
    tamper(
        f'INSERT INTO ledger_logentry ("index", entry_id, {rest}) '
        f'SELECT 4, %s, {rest} FROM ledger_logentry WHERE "index" = 3',
        [forged],
    )
    assert findings() == [("entries_unsigned", "entry 4")]


def test_changed_look_up_columns_are_named(log: Log, tamper: Tamper) -> None:
    log(4, batch=4)
    tamper("UPDATE " + ENTRY.format("event = 'release:asset:quarantined'", 1))
    assert findings() == [("columns_edited", "entry 1")]


def test_changed_and_missing_nodes_are_named(log: Log, tamper: Tamper) -> None:
    log(8, batch=8)
    first = bytes(Node.objects.get(position=1).hash)
    tamper("UPDATE ledger_node SET hash = %s WHERE position = 5", [first])
    tamper("DELETE FROM ledger_node WHERE position = 9")
    assert findings() == [
        ("entries_changed", "entries 2-3"),
        ("entries_changed", "entries 0-3"),
        ("node_missing", "entries 4-5"),
    ]


def test_checkpoint_row_that_contradicts_its_note_is_named(log: Log, tamper: Tamper) -> None:
    log(4, batch=2)
    tamper("UPDATE ledger_checkpoint SET size = 3 WHERE size = 2")
    assert findings() == [("checkpoint_edited", "checkpoint 3")]


def test_leaf_that_is_no_json_any_more_is_named_not_a_crash(log: Log, tamper: Tamper) -> None:
    log(2, batch=2)
    tamper("UPDATE " + ENTRY.format("leaf = %s", 1), [b"\xff{"])
    assert findings() == [("entry_edited", "entry 1"), ("columns_edited", "entry 1")]


def test_report_raises_with_the_first_finding(log: Log, tamper: Tamper) -> None:
    log(2, batch=2)
    tamper("UPDATE " + ENTRY.format("leaf = %s", 0), [b"{}"])
    report = audit_log(keys=signing.log_keys())
    with pytest.raises(LogInconsistent, match="entry 0"):
        report.require_clean()
    assert isinstance(report.findings[0], Finding)


def test_verify_command_with_a_kept_checkpoint_and_a_pinned_key(
    log: Log, tamper: Tamper, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log(4, batch=2)
    kept = tmp_path / "checkpoint"
    kept.write_text(Checkpoint.objects.get(size=4).note)
    call_command("ledger", "verify", "--against", str(kept), "--log-key", signing.log_key().to_vkey())
    assert "4 entries, 2 checkpoints" in capsys.readouterr().out
    tamper("UPDATE " + ENTRY.format("leaf = %s", 3), [b"{}"])
    with pytest.raises(CommandError, match="audit_failed"):
        call_command("ledger", "verify")
    assert "entry 3" in capsys.readouterr().err
