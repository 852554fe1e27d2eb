"""One packaged session that many tests look at."""

from __future__ import annotations

import pytest

from tests.streaming.packager.scenes import SPEC, Session, session


@pytest.fixture(scope="session")
def packaged() -> Session:
    """Two renditions, 2.4 s: two whole segments and a short one."""
    return session(SPEC, 60)
