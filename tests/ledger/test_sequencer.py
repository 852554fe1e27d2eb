"""Sequencing: order, proofs from storage, every crash, and guards that refuse to forget."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.db.models import QuerySet

from compliance.errors import AvowError
from compliance.keys.errors import KeyAccessDenied
from compliance.ledger import guards, merkle, selectors, sequencer, signing, tree
from compliance.ledger.auditor import audit_log
from compliance.ledger.checkpoint import open_checkpoint
from compliance.ledger.errors import LogInconsistent, NotInLog
from compliance.ledger.events import Event
from compliance.ledger.models import Checkpoint, LogEntry, Node, OutboxEntry
from compliance.ledger.sequencer import sequence_once
from compliance.ledger.tlog_proof import TlogProof
from tests.unguarded import lifted

AsRole = Callable[[str], AbstractContextManager[None]]
Log = Callable[..., list[OutboxEntry]]
pytestmark = pytest.mark.django_db


def audited() -> int:
    report = audit_log(keys=signing.log_keys())
    report.require_clean()
    return report.size


def test_entries_are_numbered_in_the_order_of_recording(log: Log) -> None:
    made = log(7, batch=3)
    assert list(LogEntry.objects.values_list("index", "entry_id")) == [(i, e.entry_id) for i, e in enumerate(made)]
    assert [c.size for c in Checkpoint.objects.all()] == [3, 6, 7]
    assert not OutboxEntry.objects.exists()
    assert audited() == 7


def test_empty_outbox_makes_no_checkpoint(as_role: AsRole) -> None:
    with as_role("sequencer"):
        assert sequence_once() == 0
    assert not Checkpoint.objects.exists()


@pytest.mark.parametrize("role", ["web", "worker", "gate", "scheduler"])
def test_no_other_process_can_sequence(log: Log, as_role: AsRole, role: str) -> None:
    log(1)
    with as_role(role), pytest.raises(KeyAccessDenied):
        sequence_once()
    assert (OutboxEntry.objects.count(), LogEntry.objects.count()) == (1, 0)


def test_checkpoints_are_signed_by_the_logs_key(log: Log) -> None:
    log(5, batch=2)
    for stored in Checkpoint.objects.all():
        head = open_checkpoint(stored.note, [signing.log_key()])
        assert (head.size, head.root) == (stored.size, bytes(stored.root))
        assert head.origin == settings.AVOW_LOG_ORIGIN


def test_every_proof_from_storage_verifies_for_every_size(log: Log) -> None:
    log(37, batch=5)
    leaves = [bytes(entry.leaf_hash) for entry in LogEntry.objects.all()]
    roots = [merkle.root_of(leaves[:size]) for size in range(38)]
    for size in (1, 2, 3, 8, 21, 32, 37):
        for index in range(size):
            proof = selectors.inclusion(index, size)
            merkle.verify_inclusion(leaf=leaves[index], index=index, size=size, proof=proof, root=roots[size])
        for old in range(size + 1):
            proof = selectors.consistency(old, size)
            merkle.verify_consistency(
                old_size=old, new_size=size, old_root=roots[old], new_root=roots[size], proof=proof
            )


def test_proofs_cost_three_queries_however_long_the_log(log: Log, django_assert_num_queries: Any) -> None:
    log(60, batch=60)
    with django_assert_num_queries(3):
        selectors.inclusion(17)


def test_proof_text_verifies_offline(log: Log) -> None:
    log(11, batch=4)
    for index in range(11):
        proof = TlogProof.parse(selectors.proof_text(index))
        assert proof.extra is not None
        assert proof.verify(proof.extra, [signing.log_key()]).size == 11


@pytest.mark.parametrize(("index", "size"), [(5, None), (-1, None), (3, 9), (3, 3), (0, 0)])
def test_proof_outside_the_log_is_refused(log: Log, index: int, size: int | None) -> None:
    log(5, batch=5)
    with pytest.raises(NotInLog):
        selectors.inclusion(index, size)


def test_selectors_find_entries_by_event_and_subject(log: Log) -> None:
    subject = uuid.uuid4()
    log(2, subject_id=subject, event=Event.RELEASE_PERMIT_ISSUED)
    log(1, batch=9, subject_id=subject)
    found = selectors.entry_for(event=Event.RELEASE_PERMIT_ISSUED, subject_id=subject)
    assert found is not None and found.index == 1
    assert [entry.index for entry in selectors.entries_for_subject(subject)] == [0, 1, 2]
    assert selectors.entry_for(event=Event.RELEASE_PERMIT_REVOKED, subject_id=subject) is None
    assert selectors.checkpoint_holding(2).size == 3


# --- crashes --------------------------------------------------------------------------------------------
STEPS = {
    "before_reading": (sequencer, "_become_only_writer"),
    "before_the_tree": (sequencer, "_verified_tree"),
    "before_entries": (sequencer, "_append"),
    "between_entries_and_nodes": (Node.objects, "bulk_create"),
    "before_signing": (sequencer, "sign_checkpoint"),
    "at_the_checkpoint_row": (Checkpoint.objects, "create"),
    "before_the_outbox_is_emptied": (QuerySet, "delete"),
}


@pytest.mark.parametrize("step", STEPS)
def test_crash_at_any_step_loses_and_doubles_nothing(
    log: Log, as_role: AsRole, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    log(4, batch=4)
    made = log(5)

    def die(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as patched, as_role("sequencer"):
        patched.setattr(*STEPS[step], die)
        with pytest.raises(RuntimeError):
            sequence_once()
    assert (LogEntry.objects.count(), OutboxEntry.objects.count(), Checkpoint.objects.count()) == (4, 5, 1)
    with as_role("sequencer"):
        assert sequence_once() == 5
    assert audited() == 9
    assert list(LogEntry.objects.values_list("entry_id", flat=True))[4:] == [entry.entry_id for entry in made]


def test_late_commit_with_an_earlier_outbox_id_is_not_skipped(log: Log, as_role: AsRole) -> None:
    """PostgreSQL gives ids at insert, not at commit: id 1 may become visible after id 2 was already moved."""
    late = log(1)[0]
    fields = {f.name: getattr(late, f.name) for f in OutboxEntry._meta.fields}
    with lifted(guards, connection):
        OutboxEntry.objects.all().delete()
    log(2, batch=5)
    OutboxEntry.objects.create(**fields)
    with as_role("sequencer"):
        assert sequence_once() == 1
    assert LogEntry.objects.get(entry_id=late.entry_id).index == 2


# --- a log that was tampered with is not continued -------------------------------------------------------
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE ledger_node SET hash = (SELECT root FROM ledger_checkpoint) WHERE position = 1",
        "UPDATE ledger_logentry SET leaf_hash = (SELECT root FROM ledger_checkpoint) WHERE index = 2",
        "UPDATE ledger_checkpoint SET root = (SELECT hash FROM ledger_node WHERE position = 1)",
        "DELETE FROM ledger_node",
        "DELETE FROM ledger_checkpoint",
        "DELETE FROM ledger_logentry WHERE index = 2",
    ],
    ids=["node", "leaf_hash", "root", "nodes_gone", "checkpoints_gone", "entry_gone"],
)
def test_sequencer_does_not_sign_over_a_tampered_log(
    log: Log, as_role: AsRole, tamper: Callable[..., None], sql: str
) -> None:
    log(3, batch=3)
    log(1)
    tamper(sql.replace("index =", '"index" ='))
    with as_role("sequencer"), pytest.raises(LogInconsistent):
        sequence_once()
    assert OutboxEntry.objects.count() == 1


# --- guards ---------------------------------------------------------------------------------------------
REFUSED = {
    "entry_edited": "UPDATE ledger_logentry SET event = 'x'",
    "entry_deleted": 'DELETE FROM ledger_logentry WHERE "index" = 0',
    "node_edited": "UPDATE ledger_node SET hash = hash",
    "node_deleted": "DELETE FROM ledger_node",
    "checkpoint_edited": "UPDATE ledger_checkpoint SET note = ''",
    "checkpoint_deleted": "DELETE FROM ledger_checkpoint",
    "waiting_entry_edited": "UPDATE ledger_outboxentry SET event = 'x'",
    "waiting_entry_deleted": "DELETE FROM ledger_outboxentry",
}


@pytest.mark.parametrize("attack", REFUSED)
def test_database_refuses_to_rewrite_history(log: Log, attack: str) -> None:
    log(3, batch=3)
    log(1)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(REFUSED[attack])
    assert audited() == 3


@pytest.mark.parametrize("table", [*guards.APPEND_ONLY, guards.OUTBOX])
def test_database_refuses_to_be_emptied(log: Log, table: str) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("only PostgreSQL has TRUNCATE")
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {table} CASCADE")


def test_replacing_a_row_does_not_get_past_the_guards(log: Log) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("INSERT OR REPLACE is SQLite's")
    log(2, batch=2)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("INSERT OR REPLACE INTO ledger_node SELECT position, %s FROM ledger_node", [bytes(32)])
    assert audited() == 2


def test_missing_guard_is_reported_and_stops_the_sequencer(log: Log, as_role: AsRole) -> None:
    log(2, batch=2)
    guards.remove(connection)
    try:
        codes = {finding.code for finding in audit_log(keys=signing.log_keys()).findings}
        with as_role("sequencer"), pytest.raises(CommandError):
            call_command("ledger", "sequence", "--once")
    finally:
        guards.install(connection)
    assert codes == {"guard_missing"}


def test_tree_read_refuses_when_a_node_is_gone(log: Log, tamper: Callable[..., None]) -> None:
    log(4, batch=4)
    tamper("DELETE FROM ledger_node WHERE position = 1")
    with pytest.raises(LogInconsistent, match="tree_node_missing"):
        tree.inclusion_proof(3, 4)


# --- commands -------------------------------------------------------------------------------------------
def test_command_refuses_a_process_without_the_key(log: Log) -> None:
    log(1)
    with pytest.raises(CommandError, match="key_not_for_role"):
        call_command("ledger", "sequence", "--once")


def test_commands_print_checkpoint_and_proof(log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises((CommandError, AvowError)):
        call_command("ledger", "checkpoint")
    log(3, batch=3)
    call_command("ledger", "checkpoint")
    assert open_checkpoint(capsys.readouterr().out, [signing.log_key()]).size == 3
    call_command("ledger", "proof", "1")
    assert TlogProof.parse(capsys.readouterr().out).index == 1
    with pytest.raises(CommandError, match="entry_not_in_log"):
        call_command("ledger", "proof", "3")


def test_evidence_proves_chosen_entries_under_one_head(log: Log) -> None:
    log(17, batch=6)
    found = selectors.evidence([9, 2])
    assert [proof.index for proof in found.proofs] == [2, 9]
    for proof in found.proofs:
        assert proof.checkpoint == found.checkpoint
        assert proof.verify(proof.extra or b"", [signing.log_key()]).size == 17
    assert found.since is not None
    old = open_checkpoint(found.since.old, [signing.log_key()])
    new = open_checkpoint(found.checkpoint, [signing.log_key()])
    merkle.verify_consistency(
        old_size=old.size, new_size=new.size, old_root=old.root, new_root=new.root, proof=found.since.hashes
    )
    assert found.vkeys == (signing.log_key().to_vkey(),)


def test_evidence_of_the_newest_batch_needs_no_consistency_proof(log: Log) -> None:
    log(4, batch=4)
    assert selectors.evidence([3]).since is None


def test_evidence_for_an_entry_that_is_not_there_is_refused(log: Log) -> None:
    log(4, batch=4)
    with pytest.raises(NotInLog, match="entry_not_in_log"):
        selectors.evidence([1, 4])
