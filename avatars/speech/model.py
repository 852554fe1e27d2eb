"""What a synthesiser takes and gives. All times are seconds from the first sample."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from avatars.speech.errors import VoiceOutOfRange

FloatArray = NDArray[np.float64]

# Name -> lowest and highest value for which the formant model still sounds like speech.
VOICE_RANGES: dict[str, tuple[float, float]] = {
    "pitch_hz": (60.0, 400.0),
    "pitch_range": (0.0, 20.0),
    "rate": (0.5, 2.0),
    "formant_scale": (0.8, 1.4),
    "breathiness": (0.0, 1.0),
}


@dataclass(frozen=True, slots=True)
class Phone:
    """One speech sound; `symbol` is a key of `phones.INVENTORY` ("sil" for a pause)."""

    symbol: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Word:
    """A stretch of the text as written ("¥199", "大家", "price") and when it is heard."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Speech:
    """A spoken text.

    `samples`: float32 mono in [-1, 1], shape (n,). `phones` are contiguous and cover exactly n / rate
    seconds; `words` are in time order, do not overlap and leave the pauses out.
    """

    samples: NDArray[np.float32]
    rate: int
    phones: tuple[Phone, ...]
    words: tuple[Word, ...]
    text: str
    language: str

    @property
    def duration_s(self) -> float:
        return float(len(self.samples) / self.rate)


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice of the formant model.

    `pitch_hz`: middle of the pitch range, 60..400 Hz. `pitch_range`: semitones between the lowest and the
    highest tone, 0..20. `rate`: speed, 0.5..2, 1 = ordinary. `formant_scale`: vocal tract, 0.8..1.4, 1 =
    adult man, about 1.15 = adult woman. `breathiness`: 0..1. Raises `VoiceOutOfRange`.
    """

    pitch_hz: float = 118.0
    pitch_range: float = 9.0
    rate: float = 1.0
    formant_scale: float = 1.0
    breathiness: float = 0.15

    def __post_init__(self) -> None:
        for name, (low, high) in VOICE_RANGES.items():
            value = float(getattr(self, name))
            if not (math.isfinite(value) and low <= value <= high):
                raise VoiceOutOfRange.of(name, value, low, high)


class Synthesiser(Protocol):
    """A source of timed speech; the built-in one is `avatars.speech.FormantSynthesiser`.

    An engine that knows no phone times must align before it returns: pictures are driven by phones.
    `speak` raises a `SpeechError` for a text or language it refuses.
    """

    @property
    def name(self) -> str: ...

    @property
    def languages(self) -> tuple[str, ...]: ...

    def speak(self, text: str, language: str, voice: Voice) -> Speech: ...
