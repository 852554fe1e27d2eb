"""A log to play with: entries, a sequencer, an attacker with full rights on the database."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.db import connection

from compliance.ledger import guards
from compliance.ledger.events import Event
from compliance.ledger.models import OutboxEntry
from compliance.ledger.sequencer import sequence_once
from compliance.ledger.services import record
from tests.unguarded import lifted


@pytest.fixture
def log(
    as_role: Callable[[str], AbstractContextManager[None]],
) -> Callable[..., list[OutboxEntry]]:
    """``log(5)`` records five entries; ``log(5, batch=2)`` also numbers them, two per signed head."""

    def fill(count: int, *, batch: int = 0, **fields: Any) -> list[OutboxEntry]:
        values: dict[str, Any] = {
            "event": Event.RELEASE_ASSET_RELEASED,
            "subject_id": uuid.uuid4(),
            "organisation_id": None,
            "actor_id": None,
            "data": {},
        } | fields
        made = [record(**values | {"data": {**values["data"], "number": number}}) for number in range(count)]
        if batch:
            with as_role("sequencer"):
                while sequence_once(batch):
                    pass
        return made

    return fill


@pytest.fixture
def tamper() -> Iterator[Callable[..., None]]:
    """Run SQL as the database's owner: the guards are dropped first, as an attacker would."""

    def execute(sql: str, parameters: list[Any] | None = None) -> None:
        with lifted(guards, connection), connection.cursor() as cursor:
            cursor.execute(sql, parameters or [])

    yield execute
