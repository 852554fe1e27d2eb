"""Sounds that several tests share; synthesis is what costs, so it is done once."""

from __future__ import annotations

import numpy as np
import pytest

from tests.watermark.sound import sounds
from watermark import Key
from watermark.sound import SoundPattern, embed_sound, make_sound_pattern

MARK = 0x00C0FFEE12345678
OTHER_MARK = 0xFEDCBA9876543210
RATE = 48_000


def marked(samples: sounds.Sound, pattern: SoundPattern, rate: int = RATE, start_s: float = 0.0) -> sounds.Sound:
    return np.concatenate(list(embed_sound([samples], pattern, rate, start_s=start_s)), axis=1)


@pytest.fixture(scope="session")
def sound_pattern(key: Key) -> SoundPattern:
    return make_sound_pattern(key, MARK)


@pytest.fixture(scope="session")
def talk() -> sounds.Sound:
    """Ten seconds of Chinese with pauses, 48 kHz mono."""
    return sounds.speech("zh", 10.0)


@pytest.fixture(scope="session")
def tune() -> sounds.Sound:
    return sounds.music(10.0)


@pytest.fixture(scope="session")
def marked_talk(talk: sounds.Sound, sound_pattern: SoundPattern) -> sounds.Sound:
    return marked(talk, sound_pattern)


@pytest.fixture(scope="session")
def marked_tune(tune: sounds.Sound, sound_pattern: SoundPattern) -> sounds.Sound:
    return marked(tune, sound_pattern, start_s=12.3)
