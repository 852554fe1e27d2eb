"""Recording: what goes into a leaf, what never does, and how the log forgets."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import rfc8785
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from compliance.ledger import selectors, services
from compliance.ledger.errors import CommitmentErased, CommitmentMismatch, EntryNotLoggable, NotInLog
from compliance.ledger.events import Event
from compliance.ledger.leaf import Leaf
from compliance.ledger.models import CommitmentSalt, LogEntry, OutboxEntry

pytestmark = pytest.mark.django_db


def give(**fields: Any) -> OutboxEntry:
    values: dict[str, Any] = {
        "event": Event.CONSENT_GRANT_GIVEN,
        "subject_id": uuid.UUID(int=1),
        "organisation_id": uuid.UUID(int=2),
        "actor_id": None,
        "data": {},
    } | fields
    return services.record(**values)


def test_leaf_is_canonical_json_with_exactly_these_fields() -> None:
    entry = give(data={"b": [1, None, "ü"], "a": True})
    content = json.loads(bytes(entry.leaf))
    assert set(content) == {"v", "id", "event", "subject", "organisation", "time", "data", "commitments"}
    assert content["event"] == "consent:grant:given"
    assert content["subject"] == str(uuid.UUID(int=1))
    assert rfc8785.dumps(content) == bytes(entry.leaf)


def test_actor_and_personal_values_appear_only_as_commitments() -> None:
    actor = uuid.uuid4()
    entry = give(actor_id=actor, personal={"name": "李雷"})
    leaf = bytes(entry.leaf).decode()
    assert str(actor) not in leaf
    assert "李雷" not in leaf
    commitments = json.loads(leaf)["commitments"]
    salt = bytes(CommitmentSalt.objects.get(entry_id=entry.entry_id, name="name").salt)
    assert commitments["name"] == hashlib.sha256(salt + "李雷".encode()).hexdigest()
    assert set(commitments) == {"actor", "name"}


def test_same_value_committed_twice_cannot_be_linked() -> None:
    first, second = (json.loads(bytes(give(personal={"name": "x"}).leaf)) for _ in range(2))
    assert first["commitments"]["name"] != second["commitments"]["name"]


@pytest.mark.parametrize(
    "data",
    [
        {"x": float("nan")},
        {"x": float("inf")},
        {"x": 2**53},
        {"x": b"bytes"},
        {"x": uuid.uuid4()},
        {1: "x"},
        {"x": datetime.now(tz=UTC)},
        {"x": {"set"}},
        {"x": 6.9e16},
        {"x": "\ud800"},
        {"x": [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]},
    ],
    ids=range(11),
)
def test_data_without_one_canonical_form_is_refused(data: dict[Any, Any]) -> None:
    with pytest.raises(EntryNotLoggable, match="ledger_data_not_json"):
        give(data=data)
    assert not OutboxEntry.objects.exists()


def test_oversized_data_is_refused() -> None:
    with pytest.raises(EntryNotLoggable, match="ledger_data_too_large"):
        give(data={"x": "y" * 70_000})


def test_actor_cannot_be_smuggled_in_as_personal_value() -> None:
    with pytest.raises(EntryNotLoggable, match="ledger_name_reserved"):
        give(personal={"actor": "somebody"})


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**53) + 1, 2**53 - 1)
        | st.text(st.characters(codec="utf-8"))
        | st.floats(-(2.0**53) + 1, 2.0**53 - 1),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
def test_every_json_value_reads_back_as_it_was_recorded(value: Any) -> None:
    leaf = Leaf(
        uuid.UUID(int=0),
        Event.RELEASE_TAKE_ORDERED,
        uuid.UUID(int=1),
        None,
        datetime.now(tz=UTC),
        {"v": value},
        {},
    )
    content = json.loads(leaf.to_bytes())
    assert content["data"]["v"] == value
    assert rfc8785.dumps(content) == leaf.to_bytes()


def test_rolled_back_act_leaves_no_entry_and_no_salt() -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        give(actor_id=uuid.uuid4())
        raise RuntimeError
    assert not OutboxEntry.objects.exists()
    assert not CommitmentSalt.objects.exists()


def test_opening_a_commitment(log: Callable[..., Any]) -> None:
    actor = uuid.uuid4()
    log(1, batch=1, actor_id=actor, personal={"name": "Ada"})
    opening = services.open_commitment(index=0, name="name", value="Ada")
    commitments = json.loads(bytes(LogEntry.objects.get().leaf))["commitments"]
    assert hashlib.sha256(opening.salt + b"Ada").hexdigest() == commitments["name"]
    assert opening.to_json() == {"index": 0, "name": "name", "salt": opening.salt.hex(), "value": "Ada"}
    assert selectors.actor_of(LogEntry.objects.get()) == actor


def test_commitment_opened_to_another_value_is_rejected(log: Callable[..., Any]) -> None:
    log(1, batch=1, personal={"name": "Ada"})
    with pytest.raises(CommitmentMismatch, match="commitment_mismatch"):
        services.open_commitment(index=0, name="name", value="Bob")


def test_actor_exchanged_in_the_salt_table_is_noticed(log: Callable[..., Any]) -> None:
    log(1, batch=1, actor_id=uuid.uuid4())
    CommitmentSalt.objects.update(person_id=uuid.uuid4())
    with pytest.raises(CommitmentMismatch):
        selectors.actor_of(LogEntry.objects.get())


@pytest.mark.parametrize(("index", "name"), [(9, "name"), (0, "nothing")])
def test_opening_what_is_not_there(log: Callable[..., Any], index: int, name: str) -> None:
    log(1, batch=1, personal={"name": "Ada"})
    with pytest.raises(NotInLog):
        services.open_commitment(index=index, name=name, value="Ada")


def test_erasure_by_subject_unlinks_values_and_is_logged(log: Callable[..., Any]) -> None:
    subject = uuid.uuid4()
    log(2, batch=2, subject_id=subject, actor_id=uuid.uuid4(), personal={"name": "Ada"})
    before = bytes(LogEntry.objects.get(index=0).leaf)
    assert services.erase_salts(subject_id=subject) == 4
    with pytest.raises(CommitmentErased, match="commitment_erased"):
        services.open_commitment(index=0, name="name", value="Ada")
    assert selectors.actor_of(LogEntry.objects.get(index=0)) is None
    assert bytes(LogEntry.objects.get(index=0).leaf) == before
    waiting = OutboxEntry.objects.get()
    assert (waiting.event, waiting.subject_id) == (Event.LEDGER_SALTS_ERASED, subject)


def test_erasure_by_person_reaches_all_subjects_and_does_not_name_the_person(log: Callable[..., Any]) -> None:
    person, other = uuid.uuid4(), uuid.uuid4()
    log(1, actor_id=person)
    log(1, actor_id=person)
    log(1, actor_id=other)
    assert services.erase_salts_of_person(person_id=person) == 2
    assert CommitmentSalt.objects.filter(person_id=other).count() == 1
    assert str(person) not in bytes(OutboxEntry.objects.latest("id").leaf).decode()


def test_event_names_have_three_parts_and_are_unique() -> None:
    for event in Event:
        assert event.value == f"{event.source}:{event.subject}:{event.action}"
        assert event.name == event.value.replace(":", "_").upper()
