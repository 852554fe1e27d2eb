"""The fixtures of the road: a brand with its people, and a grant."""

from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.db import connection

from compliance.consent import guards as consent_guards
from compliance.ledger import guards as ledger_guards
from tests.road import tsa_url, world

__all__ = ["tsa_url", "world"]


@pytest.fixture
def emptied(transactional_db: None) -> Iterator[None]:
    """A live server's database is emptied afterwards, which the guards of consent and ledger rightly refuse."""
    yield
    with consent_guards.lifted(connection), ledger_guards.lifted(connection):
        call_command("flush", interactive=False, verbosity=0)
