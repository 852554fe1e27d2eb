"""When each sound is made, how loud and how high: durations after Klatt (1976), tones after Chao (1968)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from avatars.speech.model import FloatArray, Voice
from avatars.speech.phones import INVENTORY, SILENCE, Manner, is_vowel
from avatars.speech.script import Clause, Script, Syllable

FRAME_S = 0.005
_LEAD_MS, _TAIL_MS = 120.0, 220.0
_PAUSES_MS = {"comma": 210.0, "stop": 420.0, "question": 420.0}

# Pitch targets of a tone over its voiced part: (share of the time, Chao level 1..5).
_TONES: dict[int, tuple[tuple[float, float], ...]] = {
    1: ((0.0, 4.7), (1.0, 4.8)),
    2: ((0.0, 2.7), (0.35, 2.6), (1.0, 4.8)),
    3: ((0.0, 2.3), (0.5, 1.1), (1.0, 1.2)),
    4: ((0.0, 5.0), (0.2, 4.9), (1.0, 1.5)),
}
_FINAL_THIRD = ((0.0, 2.3), (0.45, 1.0), (0.65, 1.1), (1.0, 2.7))
# The neutral tone takes its level from the tone before it.
_NEUTRAL = {0: 2.5, 1: 2.4, 2: 2.9, 3: 3.8, 4: 1.3, 5: 2.0}
_MIDDLE_LEVEL = 3.0
_TONE_STRETCH = {0: 1.0, 1: 1.0, 2: 1.05, 3: 1.08, 4: 0.94, 5: 0.66}
_VOICELESS = frozenset(["p", "t", "k", "f", "s", "sh", "th", "ch", "h"])


@dataclass(frozen=True, slots=True)
class PlannedPhone:
    """A phone on the frame grid. `aspiration`: frames of breath at its end; `loudness`: linear;
    `voiced_closure`: a stop that hums before it opens; `word`: -1 in pauses."""

    symbol: str
    start: int
    frames: int
    aspiration: int
    loudness: float
    voiced_closure: bool
    word: int

    @property
    def end(self) -> int:
        return self.start + self.frames


@dataclass(frozen=True, slots=True)
class Plan:
    """Contiguous phones on frames of `FRAME_S`; `pitch`: semitones from `Voice.pitch_hz`, per frame."""

    phones: tuple[PlannedPhone, ...]
    pitch: FloatArray

    @property
    def frames(self) -> int:
        return self.phones[-1].end


@dataclass
class _Builder:
    phones: list[PlannedPhone]
    knots: list[tuple[float, float]]
    rate: float

    @property
    def now(self) -> int:
        return self.phones[-1].end if self.phones else 0

    def pause(self, milliseconds: float) -> None:
        frames = max(4, round(milliseconds / self.rate / (FRAME_S * 1000)))
        self.phones.append(PlannedPhone(SILENCE, self.now, frames, 0, 0.0, False, -1))

    def add(
        self, symbol: str, milliseconds: float, aspiration_ms: float, loudness: float, hum: bool, word: int
    ) -> None:
        aspiration = round(aspiration_ms / self.rate / (FRAME_S * 1000))
        least = 6 if INVENTORY[symbol].manner in (Manner.STOP, Manner.AFFRICATE, Manner.VOWEL) else 4
        frames = max(least, round(milliseconds / self.rate / (FRAME_S * 1000))) + aspiration
        self.phones.append(PlannedPhone(symbol, self.now, frames, aspiration, loudness, hum, word))


def plan(script: Script, voice: Voice) -> Plan:
    """Times and pitch for a whole script, pauses included."""
    builder = _Builder([], [], voice.rate)
    builder.pause(_LEAD_MS)
    for index, clause in enumerate(script.clauses):
        _place_clause(builder, clause, voice)
        last = index == len(script.clauses) - 1
        builder.pause(_TAIL_MS if last else _PAUSES_MS[clause.ending])
    return Plan(tuple(builder.phones), _pitch_track(builder))


def _place_clause(builder: _Builder, clause: Clause, voice: Voice) -> None:
    first_knot, start = len(builder.knots), builder.now
    nucleus = _nucleus(clause)
    previous_tone = 0
    for index, syllable in enumerate(clause.syllables):
        last = index == len(clause.syllables) - 1
        begin = builder.now
        _place_syllable(builder, clause, index)
        voiced_from = _voice_onset(builder.phones, begin)
        span = (voiced_from, builder.now)
        if syllable.tone:
            builder.knots += _tone_knots(syllable.tone, previous_tone, span, last, voice.pitch_range)
        else:
            builder.knots += _accent_knots(clause, index, nucleus, span, voice.pitch_range)
        previous_tone = syllable.tone
    _decline(builder.knots, first_knot, (start, builder.now), clause, voice.pitch_range)


def _place_syllable(builder: _Builder, clause: Clause, index: int) -> None:
    syllable = clause.syllables[index]
    last = index == len(clause.syllables) - 1
    stretch = _stretch(clause, index)
    loudness = 10 ** (_loudness_db(clause, index) / 20)
    peak = next((at for at, phone in enumerate(syllable.phones) if is_vowel(phone)), -1)
    for at, symbol in enumerate(syllable.phones):
        before = builder.phones[-1].symbol
        milliseconds = INVENTORY[symbol].duration_ms * _phone_factor(syllable, at, peak, stretch, last)
        aspiration = _aspiration_ms(syllable, at, peak, before)
        hum = not syllable.tone and before != SILENCE
        builder.add(symbol, milliseconds, aspiration, loudness, hum, syllable.word)


def _stretch(clause: Clause, index: int) -> float:
    """Lengthening of a syllable's vowel by its place, tone or stress."""
    syllable, last = clause.syllables[index], index == len(clause.syllables) - 1
    final = 1.32 if last else 1.0
    if syllable.tone:
        ends_word = last or clause.syllables[index + 1].word != syllable.word
        return _TONE_STRETCH[syllable.tone] * final * (1.0 if ends_word else 0.93)
    return (0.72, 1.0, 0.86)[syllable.stress] * final * 1.02


def _phone_factor(syllable: Syllable, at: int, peak: int, stretch: float, last: bool) -> float:
    phones, symbol = syllable.phones, syllable.phones[at]
    if at == peak:
        shortened = (
            0.8 if not syllable.tone and phones[at + 1 : at + 2] and phones[at + 1] in _VOICELESS else 1.0
        )
        medial_glide = 0.85 if at and phones[at - 1] in ("y", "w", "yw") and syllable.tone else 1.0
        return stretch * shortened * medial_glide
    if at > peak >= 0:
        return (1.25 if last else 1.0) * (1.1 if syllable.tone else 0.92)
    clustered = at + 1 < len(phones) and not is_vowel(phones[at + 1])
    weak = 0.85 if syllable.tone == 5 or (not syllable.tone and syllable.stress == 0) else 1.0
    return weak * (0.8 if clustered and not syllable.tone else 1.0) * (1.0 if symbol != "h" else 1.1)


def _aspiration_ms(syllable: Syllable, at: int, peak: int, before: str) -> float:
    full = INVENTORY[syllable.phones[at]].aspiration_ms
    if syllable.tone:
        return full
    if at > peak >= 0 or (before == "s" and at > 0):
        return 0.0
    return full if syllable.stress else full * 0.5


def _loudness_db(clause: Clause, index: int) -> float:
    syllable = clause.syllables[index]
    fall = -2.5 * index / max(len(clause.syllables) - 1, 1)
    if syllable.tone:
        return fall + (-4.0 if syllable.tone == 5 else -1.0 if syllable.tone == 3 else 0.0)
    return fall + (-3.0, 0.5, -1.0)[syllable.stress]


def _voice_onset(phones: list[PlannedPhone], begin: int) -> int:
    """First frame of a syllable that carries pitch."""
    for phone in phones:
        if phone.start >= begin and INVENTORY[phone.symbol].voicing >= 0.5:
            return phone.start
    return begin


def _tone_knots(
    tone: int, previous: int, span: tuple[int, int], last: bool, pitch_range: float
) -> Iterator[tuple[float, float]]:
    if tone == 5:
        targets: tuple[tuple[float, float], ...] = ((0.5, _NEUTRAL[previous]),)
    else:
        targets = _FINAL_THIRD if tone == 3 and last else _TONES[tone]
    # The first tenth belongs to the transition from the syllable before.
    start, length = span[0] + 0.1 * (span[1] - span[0]), 0.85 * (span[1] - span[0])
    for share, level in targets:
        yield start + share * length, (level - _MIDDLE_LEVEL) / 4 * pitch_range


def _nucleus(clause: Clause) -> int:
    """The syllable of the last English stress, which carries the tune of the sentence; -1: none."""
    stressed = [index for index, one in enumerate(clause.syllables) if one.stress == 1 and not one.tone]
    return stressed[-1] if stressed else -1


def _accent_knots(
    clause: Clause, index: int, nucleus: int, span: tuple[int, int], pitch_range: float
) -> Iterator[tuple[float, float]]:
    syllable, last = clause.syllables[index], index == len(clause.syllables) - 1
    middle, unit = span[0] + 0.45 * (span[1] - span[0]), pitch_range / 9
    rising = clause.ending == "question" and not clause.open_question
    if index == nucleus:
        yield span[0], -0.5 * unit
        yield middle, (-2.0 if rising else 3.2) * unit
    elif syllable.stress == 1:
        yield middle, 2.4 * unit
    elif syllable.stress == 0 and index != nucleus + 1:
        yield middle, -0.6 * unit
    if last:
        ends = 5.0 if rising else 0.5 if clause.ending == "comma" else -4.0
        yield span[1] - 2, ends * unit


def _decline(
    knots: list[tuple[float, float]], first: int, span: tuple[int, int], clause: Clause, pitch_range: float
) -> None:
    """Tilt a clause's knots: statements sink, Mandarin questions lift their end and the whole register."""
    unit = pitch_range / 9
    asks = clause.ending == "question" and not clause.open_question and bool(clause.syllables[-1].tone)
    start, end = (2.0, 2.2) if asks else (1.6, -0.4) if clause.ending == "comma" else (1.6, -1.8)
    for index in range(first, len(knots)):
        at, level = knots[index]
        share = (at - span[0]) / max(span[1] - span[0], 1)
        knots[index] = (at, level + unit * (start + (end - start) * share))


def _pitch_track(builder: _Builder) -> FloatArray:
    times, levels = zip(*_in_order(builder.knots), strict=True) if builder.knots else ((0.0,), (0.0,))
    track = np.interp(np.arange(builder.now), times, levels)
    kernel = np.hanning(11)[1:-1]
    padded = np.pad(track, 4, mode="edge")
    return np.asarray(np.convolve(padded, kernel / kernel.sum(), mode="valid"), dtype=np.float64)


def _in_order(knots: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Knots with strictly rising times: of two at one time the first stays."""
    ordered = sorted(knots, key=lambda knot: knot[0])
    return [ordered[0], *(second for first, second in pairwise(ordered) if second[0] > first[0])]
