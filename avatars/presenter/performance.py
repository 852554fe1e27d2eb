"""What the presenter does, frame by frame: the consented minute of `docs/` as numbers.

Still, then a spoken statement, then silence with small motion, then a read text: the takes that an avatar
is built from. All angles are degrees, all lengths picture units.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import cycle

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import resample_poly

from avatars.presenter import script
from avatars.speech import LANGUAGES, Phone, UnsupportedLanguage, Voice, estimate_duration_s, mouth_track, speak

FPS = 25
AUDIO_RATE = 48000
VOICE = Voice(pitch_hz=196.0, formant_scale=1.13, breathiness=0.2)

_STILL_S, _IDLE_S, _END_S = 3.0, 12.0, 0.5
# Shorter clips are rehearsals: no statement and no silence, only speech.
_WHOLE_MINUTE_S = 60.0
_ROOM_NOISE = 10 ** (-66 / 20)
_BLINK = np.array([0.35, 0.85, 1.0, 0.9, 0.55, 0.25, 0.08])

Track = NDArray[np.float64]


class ClipTooShort(ValueError):
    """The length asked for leaves no time for a single frame of speech."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of the clip; `kind`: still, statement, idle or read; `text`: what is said in it."""

    kind: str
    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Motion:
    """Per frame, (n,): head `yaw`, `pitch`, `roll` (degrees), `shift_x`, `shift_y` (units), `brows` 0..1,
    `blink` 0..1 (1 = closed), `gaze_x`, `gaze_y` and `breath` (units)."""

    yaw: Track
    pitch: Track
    roll: Track
    shift_x: Track
    shift_y: Track
    brows: Track
    blink: Track
    gaze_x: Track
    gaze_y: Track
    breath: Track


@dataclass(frozen=True, slots=True)
class Performance:
    """`samples`: float32 mono at `AUDIO_RATE`; `opening` 0..1, `width` -1..1 and `motion` per frame."""

    segments: tuple[Segment, ...]
    samples: NDArray[np.float32]
    phones: tuple[Phone, ...]
    opening: Track
    width: Track
    motion: Motion

    @property
    def frames(self) -> int:
        return len(self.opening)


def rehearse(seconds: float, language: str, seed: int) -> Performance:
    """The performance of `seconds` (2 or more) in `language` ("zh" or "en"), the same for the same seed.

    Raises `ClipTooShort` and `UnsupportedLanguage`.
    """
    if language not in LANGUAGES:
        raise UnsupportedLanguage.of(language, LANGUAGES)
    if seconds < 2:
        raise ClipTooShort(f"A clip needs at least 2 seconds, not {seconds:g}.")
    random = np.random.default_rng(seed)
    frames = round(seconds * FPS)
    segments = _segments(frames / FPS, language)
    samples, phones = _sound(segments, frames, language, random)
    lips = mouth_track(phones, FPS, frames)
    motion = _motion(segments, samples, frames, random)
    return Performance(segments, samples, phones, lips.opening, lips.width, motion)


def _segments(seconds: float, language: str) -> tuple[Segment, ...]:
    whole = seconds >= _WHOLE_MINUTE_S
    still = _STILL_S if whole else min(_STILL_S, 0.1 * seconds)
    statement = script.STATEMENT[language] if whole else ""
    spoken = _spoken_s(statement, language)
    window = seconds - still - spoken - (_IDLE_S if whole else 0.0) - min(_END_S, 0.1 * seconds)
    text = _fill(script.READING[language], language, window)
    idle = _IDLE_S + window - _spoken_s(text, language) if whole else 0.0
    segments, at = [], 0.0
    for kind, length, said in (
        ("still", still, ""),
        ("statement", spoken, statement),
        ("idle", idle, ""),
        ("read", _spoken_s(text, language), text),
    ):
        if length > 0:
            segments.append(Segment(kind, round(at, 6), round(at + length, 6), said))
            at += length
    return tuple(segments)


def _spoken_s(text: str, language: str) -> float:
    return estimate_duration_s(text, language, VOICE) if text else 0.0


def _fill(sentences: tuple[str, ...], language: str, window: float) -> str:
    """As many sentences as fit into `window` seconds; if not even one does, as much of it as fits."""
    text, too_long = "", 0
    for sentence in cycle(sentences):
        if _spoken_s(text + sentence, language) <= window:
            text, too_long = text + sentence, 0
        else:
            too_long += 1
        if too_long == len(sentences):
            break
    if text:
        return text
    pieces = sentences[0].split(" ") if " " in sentences[0] else list(sentences[0])
    joint = " " if " " in sentences[0] else ""
    for count in range(len(pieces), 0, -1):
        part = joint.join(pieces[:count])
        if any(char.isalnum() for char in part) and _spoken_s(part, language) <= window:
            return part
    raise ClipTooShort(f"{window:.1f} seconds of speech are too few for one word.")


def _sound(
    segments: tuple[Segment, ...], frames: int, language: str, random: np.random.Generator
) -> tuple[NDArray[np.float32], tuple[Phone, ...]]:
    """The whole sound track over a faint room, and the phones at their place in it."""
    samples = random.standard_normal(frames * AUDIO_RATE // FPS) * _ROOM_NOISE
    phones: list[Phone] = []
    for segment in segments:
        if not segment.text:
            continue
        speech = speak(segment.text, language, VOICE)
        up = resample_poly(speech.samples.astype(np.float64), AUDIO_RATE // speech.rate, 1)
        start = round(segment.start_s * AUDIO_RATE)
        samples[start : start + len(up)] += up[: len(samples) - start]
        phones += [
            replace(one, start_s=one.start_s + segment.start_s, end_s=one.end_s + segment.start_s)
            for one in speech.phones
        ]
    return np.clip(samples, -0.95, 0.95).astype(np.float32), tuple(phones)


def _motion(
    segments: tuple[Segment, ...], samples: NDArray[np.float32], frames: int, random: np.random.Generator
) -> Motion:
    life = _liveliness(segments, frames)
    energy = _energy(samples, frames)

    def drift(amount: float, seconds: float) -> Track:
        noise = random.standard_normal(frames + 200)
        smooth = gaussian_filter1d(noise, seconds * FPS)[100 : 100 + frames]
        return np.asarray(smooth / (smooth.std() + 1e-9) * amount * life, dtype=np.float64)

    nod = gaussian_filter1d(energy, 3) - gaussian_filter1d(energy, 25)
    yaw = drift(2.6, 0.9)
    return Motion(
        yaw=yaw,
        pitch=drift(1.3, 0.8) + 3.0 * nod,
        roll=drift(0.9, 1.1) - 0.12 * yaw,
        shift_x=drift(3.2, 1.4) + 0.9 * yaw,
        shift_y=drift(1.6, 1.2) + 5.0 * nod,
        brows=np.clip(drift(0.3, 0.5) + 2.2 * np.maximum(nod, 0), 0, 1),
        blink=_blinks(frames, random),
        gaze_x=np.round(drift(0.5, 0.5) * 2) / 2 - 0.25 * np.round(yaw),
        gaze_y=np.round(drift(0.25, 0.6) * 2) / 2,
        breath=1.1 * np.sin(2 * np.pi * np.arange(frames) / (FPS * 4.1)),
    )


def _liveliness(segments: tuple[Segment, ...], frames: int) -> Track:
    """How freely the head moves: held while still, a little in silence, most while speaking."""
    amounts = {"still": 0.25, "statement": 0.9, "idle": 0.55, "read": 1.0}
    life = np.full(frames, 0.4)
    for segment in segments:
        life[round(segment.start_s * FPS) : round(segment.end_s * FPS)] = amounts[segment.kind]
    return np.asarray(gaussian_filter1d(life, 0.4 * FPS), dtype=np.float64)


def _energy(samples: NDArray[np.float32], frames: int) -> Track:
    power = samples.astype(np.float64).reshape(frames, -1) ** 2
    return np.asarray(np.sqrt(power.mean(axis=1)) / 0.15, dtype=np.float64)


def _blinks(frames: int, random: np.random.Generator) -> Track:
    blink = np.zeros(frames + len(_BLINK))
    at = round(random.uniform(0.6, 1.6) * FPS)
    while at < frames:
        blink[at : at + len(_BLINK)] = _BLINK
        at += round(random.uniform(1.8, 4.6) * FPS)
    return blink[:frames]
