"""One product, one policy, one moment at which its price and stock hold."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from streaming.dialogue.facts import ProductFacts
from streaming.dialogue.guard import Guard, GuardContext
from streaming.dialogue.policy import LiveSpeechPolicy

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="session")
def facts() -> ProductFacts:
    return ProductFacts.from_json((DATA / "cream.json").read_text("utf-8"))


@pytest.fixture(scope="session")
def policy() -> LiveSpeechPolicy:
    return LiveSpeechPolicy.from_json((DATA / "policy.json").read_text("utf-8"))


@pytest.fixture(scope="session")
def guard(policy: LiveSpeechPolicy) -> Guard:
    return Guard(policy)


@pytest.fixture(scope="session")
def now() -> datetime:
    return datetime(2026, 11, 22, 4, tzinfo=UTC)


@pytest.fixture(scope="session")
def context(facts: ProductFacts, now: datetime) -> GuardContext:
    return GuardContext((facts,), now)
