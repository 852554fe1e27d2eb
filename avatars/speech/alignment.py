"""When was what said? The words of a recording are known; the timed built-in voice says the same words, and dynamic
time warping carries its times over (Sakoe and Chiba 1978, with the asymmetric steps of Itakura 1975).

Needs no acoustic model. Its error is stated in docs/speech.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct
from scipy.signal import resample_poly

from avatars.speech.errors import AlignmentFailed
from avatars.speech.model import FloatArray, Phone, Speech, Voice, Word
from avatars.speech.synthesiser import FormantSynthesiser

_RATE, _HOP, _WINDOW = 16000, 160, 400
_HOP_S = _HOP / _RATE
_BANDS, _CEPSTRA = 32, 13
_STEPS = 4  # reference frames that one frame of the recording may pass: 0, 1, 2 or 3
_STEP_COST = np.array([0.35, 0.0, 0.12, 0.5], np.float32)  # in mean distances; standing still in a pause is free
_BAND_S = 12.0  # how far the recording may run ahead of or behind an even pace
_QUIET_DB = 32.0  # below the loud parts of the recording
_NOTHING_DB = -20.0  # of a frame's energy; speech as loud as the built-in voice's has about 28
_PAUSE_COST = 0.55
_SHORTEST_PHONE_S = 0.015
SLOWEST, FASTEST = 2.5, 0.4
"""Seconds of sound per second of the built-in voice: nobody says the same words slower or faster."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """Phones and words on the recording's own clock. `cost`: mean distance along the path. It does not tell right
    words from wrong ones (measured), so nothing is concluded from it."""

    phones: tuple[Phone, ...]
    words: tuple[Word, ...]
    cost: float


def align(samples: NDArray[np.float32], rate: int, text: str, language: str) -> Alignment:
    """Times of every phone and word of `text` in a recording, float32 mono [n] at `rate` Hz.

    Raises:
        SpeechError: the built-in voice cannot speak the text.
        AlignmentFailed: alignment_no_sound, alignment_text_differs.
    """
    reference = FormantSynthesiser().speak(text, language, Voice())
    heard, quiet = _features(samples, rate)
    said, _ = _features(reference.samples, reference.rate)
    if len(heard) < 10 or quiet.all():
        raise AlignmentFailed("alignment_no_sound", "Nothing can be heard in the recording.")
    pause = _pauses(reference, len(said))
    pace = int((~quiet).sum()) / max(1, int((~pause).sum()))
    if not FASTEST <= pace <= SLOWEST:
        raise AlignmentFailed(
            "alignment_text_differs",
            "The recording is far too long or too short for the text. Check that it is the right one.",
            pace=round(pace, 2),
        )
    path, cost = _path(heard, said, quiet, pause)
    return _carried(reference, path, len(samples) / rate, cost)


def timed(samples: NDArray[np.float32], rate: int, text: str, language: str) -> Speech:
    """A recording of `text` as Speech, with the times that `align` finds. Raises what `align` raises."""
    found = align(samples, rate, text, language)
    return Speech(np.ascontiguousarray(samples, np.float32), rate, found.phones, found.words, text, language)


def phones_within(words: Sequence[Word], language: str, duration_s: float) -> tuple[Phone, ...]:
    """Phones for words whose times are known: each word's phones share its time as the built-in voice shares it.

    `words` in time order. Raises a `SpeechError` for a word without a reading.
    """
    voice, phones, now = FormantSynthesiser(), list[Phone](), 0.0
    for word in words:
        if word.start_s - now > 1e-6:
            phones.append(Phone("sil", now, word.start_s))
        spoken = [one for one in voice.speak(word.text, language, Voice()).phones if one.symbol != "sil"]
        length = spoken[-1].end_s - spoken[0].start_s
        scale = (word.end_s - max(now, word.start_s)) / length
        start = max(now, word.start_s) - spoken[0].start_s * scale
        phones += [Phone(one.symbol, start + one.start_s * scale, start + one.end_s * scale) for one in spoken]
        now = word.end_s
    if duration_s - now > 1e-6:
        phones.append(Phone("sil", now, duration_s))
    return tuple(phones)


# --- what is compared ---
def _features(samples: NDArray[np.float32], rate: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Normalised cepstra with their movement, float32 [frames, 26], and which frames are quiet."""
    sound = samples if rate == _RATE else resample_poly(samples, _RATE, rate)
    count = max(1, 1 + (len(sound) - _WINDOW) // _HOP)
    padded = np.pad(np.asarray(sound, np.float64), (0, max(0, _WINDOW - len(sound))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP][:count]
    power = np.abs(np.fft.rfft(frames * np.hamming(_WINDOW), 512)) ** 2
    level = 10 * np.log10(power.sum(axis=1) + 1e-9)
    quiet = level < max(np.percentile(level, 95) - _QUIET_DB, _NOTHING_DB)
    loud = np.maximum(np.log(power @ _mel_bands().T + 1e-9), np.log(power.sum(axis=1).max() * 1e-7 + 1e-9))
    cepstra = dct(loud, axis=1, norm="ortho")[:, :_CEPSTRA]
    voiced = cepstra[~quiet] if (~quiet).any() else cepstra
    normal = (cepstra - voiced.mean(axis=0)) / (voiced.std(axis=0) + 1e-6)
    moving = np.gradient(normal, axis=0) * 2 if len(normal) > 1 else np.zeros_like(normal)
    return np.concatenate([normal, moving], axis=1).astype(np.float32) / np.sqrt(2 * _CEPSTRA), quiet


def _mel_bands() -> FloatArray:
    """Triangles even on the mel scale of O'Shaughnessy (1987), 100 Hz to 7 kHz: [bands, 257]."""
    low, high = (2595 * np.log10(1 + hertz / 700) for hertz in (100.0, 7000.0))
    edges = 700 * (10 ** (np.linspace(low, high, _BANDS + 2) / 2595) - 1)
    hertz = np.linspace(0, _RATE / 2, 257)
    up = (hertz - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    down = (edges[2:, None] - hertz) / (edges[2:] - edges[1:-1])[:, None]
    return np.asarray(np.maximum(0, np.minimum(up, down)))


def _pauses(reference: Speech, frames: int) -> NDArray[np.bool_]:
    """Which frames of the reference lie in a pause."""
    centres = (np.arange(frames) + 0.5) * _HOP_S
    pause = np.zeros(frames, np.bool_)
    for phone in reference.phones:
        if phone.symbol == "sil":
            pause |= (centres >= phone.start_s) & (centres < phone.end_s)
    return pause


# --- the path ---
def _path(
    heard: NDArray[np.float32], said: NDArray[np.float32], quiet: NDArray[np.bool_], pause: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], float]:
    """For each frame of the recording the reference frame it sounds like, rising, and the mean distance."""
    rows, columns = len(heard), len(said)
    half = max(round(_BAND_S / _HOP_S), 2 * abs(rows - columns) // 3)
    wide = min(columns, 2 * half + 1)
    lefts = np.clip(np.arange(rows) * columns // rows - half, 0, columns - wide)
    came_from = np.zeros((rows, wide), np.int8)
    cost = np.full(columns + _STEPS, np.inf, np.float32)  # cost[_STEPS + column]
    cost[_STEPS - 1] = 0.0
    standing = np.where(pause, 0.0, _STEP_COST[0]).astype(np.float32)
    distances = np.zeros((rows, wide), np.float32)
    for row in range(rows):
        left, right = int(lefts[row]), int(lefts[row]) + wide
        local = np.linalg.norm(said[left:right] - heard[row], axis=1)
        if quiet[row]:
            local = np.where(pause[left:right], 0.0, np.minimum(local, _PAUSE_COST))
        ways = np.stack(
            [cost[_STEPS + left - step : _STEPS + right - step] + _STEP_COST[step] for step in range(_STEPS)]
        )
        ways[0] += standing[left:right] - _STEP_COST[0]
        best = np.argmin(ways, axis=0)
        came_from[row], distances[row] = best, local
        cost[:] = np.inf
        cost[_STEPS + left : _STEPS + right] = ways[best, np.arange(wide)] + local
    return _traced(cost[_STEPS:], came_from, lefts, distances, quiet)


def _traced(
    cost: NDArray[np.float32],
    came_from: NDArray[np.int8],
    lefts: NDArray[np.int64],
    distances: NDArray[np.float32],
    quiet: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], float]:
    """Follow the cheapest path back from its end, which lies in the last frames of the reference."""
    rows, columns = len(lefts), len(cost)
    last = np.arange(max(0, columns - 60), columns)
    path = np.zeros(rows, np.int64)
    path[-1] = last[int(np.argmin(cost[last]))]
    for row in range(rows - 1, 0, -1):
        path[row - 1] = max(0, path[row] - came_from[row, path[row] - lefts[row]])
    along = distances[np.arange(rows), path - lefts]
    return path, float(along[~quiet].mean())


# --- times ---
def _carried(reference: Speech, path: NDArray[np.int64], duration_s: float, cost: float) -> Alignment:
    """The reference's times on the recording's clock: where the path first reaches them."""
    at = np.searchsorted(path, np.arange(path[-1] + 2)) * _HOP_S

    def moved(second: float) -> float:
        place = second / _HOP_S
        low = int(np.clip(np.floor(place), 0, len(at) - 1))
        high = min(low + 1, len(at) - 1)
        return float(at[low] + (at[high] - at[low]) * (place - low))

    edges = [0.0, *(moved(phone.end_s) for phone in reference.phones[:-1]), duration_s]
    edges = _apart(edges, duration_s)
    pairs = zip(reference.phones, edges[:-1], edges[1:], strict=True)
    phones = tuple(Phone(phone.symbol, start, end) for phone, start, end in pairs)
    where = {phone.start_s: new.start_s for phone, new in zip(reference.phones, phones, strict=True)}
    until = {phone.end_s: new.end_s for phone, new in zip(reference.phones, phones, strict=True)}
    words = tuple(Word(word.text, where[word.start_s], until[word.end_s]) for word in reference.words)
    return Alignment(phones, words, round(cost, 3))


def _apart(edges: list[float], duration_s: float) -> list[float]:
    """Edges that rise by at least a moment each and stay inside the recording."""
    least = min(_SHORTEST_PHONE_S, duration_s / len(edges))
    values = np.asarray(edges) - least * np.arange(len(edges))
    values = np.clip(np.maximum.accumulate(values), 0.0, max(0.0, duration_s - least * (len(edges) - 1)))
    moved = values + least * np.arange(len(edges))
    moved[-1] = duration_s
    return [float(value) for value in moved]
