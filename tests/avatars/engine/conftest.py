"""A model of the drawn presenter, built once, and speeches with known sounds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from avatars.engine import AvatarCard, ConsentEvidence
from avatars.engine.stages import NoStages
from avatars.engine.warp_engine import Made, WarpEngine
from avatars.speech import Phone, Speech

CONSENT = ConsentEvidence("0b9c7c1e-8a53-4a2e-9d0c-6a3a5a1f7a10", "ab" * 32, ("face", "voice"))


@dataclass(frozen=True)
class Built:
    """A model file, what its builder made, the footage it was made of and the progress it reported."""

    path: Path
    made: Made
    clip: Path
    progress: tuple[float, ...]

    @property
    def card(self) -> AvatarCard:
        return self.made.card


def say(*sounds: tuple[str, float]) -> Speech:
    """A speech of (phone, seconds), silent to the ear: the engine is driven by phones alone."""
    phones, now = [], 0.0
    for symbol, seconds in sounds:
        phones.append(Phone(symbol, now, now + seconds))
        now += seconds
    samples = np.zeros(round(now * 16000), np.float32)
    return Speech(samples, 16000, tuple(phones), (), "", "en")


@pytest.fixture(scope="session")
def built(presenter_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    out = tmp_path_factory.mktemp("model") / "person.avatar"
    seen: list[float] = []
    made = WarpEngine().make(presenter_clip, CONSENT, out, lambda share, _step: seen.append(share), None, NoStages())
    return Built(out, made, presenter_clip, tuple(seen))
