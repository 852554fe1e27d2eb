"""Signed streams, made once: the trust of the session, an ordinary stream, and what it takes to make more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import override_settings

from compliance.keys.purposes import ProcessRole
from compliance.provenance.live import LiveSession, LiveVerifier
from compliance.provenance.manifest import ManifestInput
from tests.provenance.conftest import Installation
from tests.provenance.live.media import make_stream


class Numbers:
    """The stream's numbers in memory; a room keeps them in the database."""

    def __init__(self, last: int = 0) -> None:
        self.recorded = [last]

    def last(self) -> int:
        return self.recorded[-1]

    def record(self, sequence: int) -> None:
        self.recorded.append(sequence)


@dataclass(frozen=True)
class Stream:
    """What a viewer receives."""

    init: bytes
    segments: tuple[bytes, ...]


@pytest.fixture(scope="session")
def media() -> tuple[bytes, list[bytes]]:
    return make_stream(6)


@pytest.fixture(scope="session")
def other_media() -> tuple[bytes, list[bytes]]:
    return make_stream(6, shade=150)


@pytest.fixture(scope="session")
def begin(installation: Installation, tsa_url: str, given: ManifestInput) -> Callable[..., LiveSession]:
    """A session of the gate, not yet on air."""

    def make(sequences: Any = None, **changes: Any) -> LiveSession:
        parts = {
            "given": given,
            "custody": installation.custody(ProcessRole.GATE),
            "tsa_url": tsa_url,
            "sequences": sequences or Numbers(),
        }
        return LiveSession(**{**parts, **changes})

    return make


def signed_stream(session: LiveSession, media: tuple[bytes, list[bytes]], keys: Any) -> Stream:
    """``media`` as ``session`` signs it."""
    with override_settings(AVOW_KEYS_DIR=keys):
        init = session.sign_init(media[0])
    first = session.sequences.last() + 1
    return Stream(init, tuple(session.sign_segment(one, first + at) for at, one in enumerate(media[1])))


@pytest.fixture(scope="session")
def stream(begin: Callable[..., LiveSession], media: tuple[bytes, list[bytes]], installation: Installation) -> Stream:
    return signed_stream(begin(), media, installation.keys)


@pytest.fixture(scope="session")
def other_stream(
    begin: Callable[..., LiveSession], other_media: tuple[bytes, list[bytes]], installation: Installation
) -> Stream:
    return signed_stream(begin(), other_media, installation.keys)


@pytest.fixture
def verifier(installation: Installation) -> LiveVerifier:
    return LiveVerifier(installation.pki.anchor_paths(), sandboxed=False)
