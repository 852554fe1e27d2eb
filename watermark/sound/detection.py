"""Reading marks from sound, knowing the key but neither the original nor what was done to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from watermark.bounds import tail
from watermark.keys import Key
from watermark.sound.grid import Floats, Singles
from watermark.sound.reading import Reader
from watermark.sound.spectrogram import Spectrogram, spectrograms
from watermark.sound.speed_search import search
from watermark.sound.synchronisation import Alignment, Synchroniser, cells_at
from watermark.sound.timeline import BIN_S, likelihoods, stretches
from watermark.sound.whitening import evened, whitened

MIN_SYNC = 4.2
"""Score of a start that is worth a decoding: few without a mark reach it, few that can be read stay below."""

_PIECE_S = 20.0
_LONGEST_S = 36.0  # even at the highest tempo less than a cycle, so that no cell is read twice
_SPANS_S = (10.0, 5.0)  # lengths in which a piece is read if the whole does not settle it
_STARTS = 4
_VIEWS = ((0.5, 1.0), (1.4, 4.0))  # exponents of `evened` and doubts of `whitened`: as it is; under music or noise
_SEARCH_S = 12.0
_EXPLAINED = 0.7
_EXPLAINED_ROWS, _EXPLAINED_SCORE = 50, 3.5
_JOIN_GAP_S = 2.5
_CHANGE_COST = 9.0  # nats: a change of mark every few minutes


@dataclass(frozen=True)
class SoundDetection:
    """A mark found in a stretch of time.

    mark: 16 hexadecimal digits; from_s, to_s: seconds of the clip; track: "sound"; p_false: upper bound on the
    probability that sound without this key shows it by chance; tempo, pitch: factors by which the sound was made
    faster and higher; seconds: for each second from `from_s`, the same bound for the mark named, from that second
    alone.
    """

    mark: str
    from_s: float
    to_s: float
    track: str
    p_false: float
    tempo: float
    pitch: float
    seconds: tuple[float, ...]


def detect_sound(
    blocks: Iterable[npt.NDArray[np.float32]],
    sample_rate: int,
    key: Key,
    *,
    search_speed: bool = True,
    known: Sequence[int] = (),
) -> list[SoundDetection]:
    """All marks of `key` in the blocks float32[channels, n], in order of time; empty when there is none.

    search_speed: also look for sound played faster, slower, higher or lower; known: marks that were given out, as
    `watermark.detect_frames` takes them. Memory does not grow with the length of the sound, except for a few numbers
    for each second in which a mark is found. Raises `BadMedia`, and `BadMark` for known marks outside 64 bits.
    """
    detector = _Detector(key, search_speed=search_speed, known=known)
    found: list[SoundDetection] = []
    for piece in spectrograms(blocks, sample_rate, least_s=_LONGEST_S - _PIECE_S, most_s=_LONGEST_S):
        found += detector.read(piece)
    return _joined(found)


@dataclass(frozen=True)
class _Reading:
    """A mark decoded from a part of a piece, and how the whole piece agrees with it.

    bins: int64[R], bin of each row in the piece; evidence: float64[R], log-likelihood ratios; agree and energy:
    float64[R] of the data cells.
    """

    mark: int
    p_false: float
    alignment: Alignment
    bins: npt.NDArray[np.int64]
    evidence: Floats
    agree: Floats
    energy: Floats
    explained: npt.NDArray[np.bool_]


class _Detector:
    """Reads pieces in order; remembers which speeds worked."""

    def __init__(self, key: Key, *, search_speed: bool, known: Sequence[int]) -> None:
        self._reader = Reader(key, known)
        self._synchroniser = Synchroniser(self._reader.carriers)
        self._search_speed = search_speed
        self._speeds = [(1.0, 1.0)]
        self._pieces = self._next_search = 0

    def read(self, piece: Spectrogram) -> list[SoundDetection]:
        """The marks of a piece, in order of time."""
        index, self._pieces = self._pieces, self._pieces + 1
        views = [(evened(piece, exponent), doubt) for exponent, doubt in _VIEWS]
        for sound, doubt in views:
            for speed in self._speeds:
                if readings := self._read_as(sound, doubt, *speed):
                    return _detections(piece, readings)
        # Later pieces of long sound that shows nothing are searched ever less.
        if not self._search_speed or index < self._next_search:
            return []
        self._next_search = 2 * index + 1
        for sound, doubt in views:
            for found in search(_loudest(sound, _SEARCH_S), self._synchroniser, doubt):
                if readings := self._read_as(sound, doubt, found.tempo, found.pitch):
                    self._speeds.insert(0, (found.tempo, found.pitch))
                    return _detections(piece, readings)
        return []

    def _read_as(self, piece: Spectrogram, doubt: float, tempo: float, pitch: float) -> list[_Reading]:
        """Reads the whole and then shorter spans of what is not yet explained: the mark may change within it."""
        white = whitened(piece, tempo, pitch, doubt)
        explained = np.zeros(len(white), dtype=bool)
        readings: list[_Reading] = []
        for begin, end in _spans(len(white), piece.frames_per_s):
            if explained[begin:end].mean() >= _EXPLAINED:
                continue
            part = white[begin:end]
            for found in self._synchroniser.peaks(part, piece.frames_per_s, tempo, pitch, _STARTS):
                if found.score < MIN_SYNC:
                    break
                decoded = self._reader.decode(cells_at(part, piece.frames_per_s, found))
                if decoded is None:
                    continue
                reading = self._reading(piece, white, found._replace(start=found.start + begin), decoded)
                readings.append(reading)
                explained |= reading.explained
                break
        return readings

    def _reading(
        self, piece: Spectrogram, white: Singles, alignment: Alignment, decoded: tuple[int, float]
    ) -> _Reading:
        mark, p_false = decoded
        cells = cells_at(white, piece.frames_per_s, alignment)
        agreement = self._reader.agreement(cells, self._reader.signs(mark))
        agree, energy = agreement.data + agreement.sync, agreement.data_energy + agreement.sync_energy
        window = np.ones(min(_EXPLAINED_ROWS, len(agree)))
        local = np.convolve(agree, window, "same") / np.sqrt(np.convolve(energy, window, "same") + 1e-9)
        shown = local >= _EXPLAINED_SCORE
        if not shown.any():
            shown[:] = True  # so weak that it takes the whole to see it
        mean = float(agree[shown].sum() / max(1e-9, energy[shown].sum()))
        nearest = np.clip(np.searchsorted(cells.frames, np.arange(len(white))), 0, len(shown) - 1)
        return _Reading(
            mark=mark,
            p_false=p_false,
            alignment=alignment,
            bins=(cells.frames / piece.frames_per_s / BIN_S).astype(np.int64),
            evidence=likelihoods(agree, energy, mean),
            agree=agreement.data,
            energy=agreement.data_energy,
            explained=shown[nearest],
        )


def _spans(frames: int, frames_per_s: float) -> Iterator[tuple[int, int]]:
    """The whole, and overlapping parts of it."""
    yield 0, frames
    for seconds in _SPANS_S:
        length = round(seconds * frames_per_s)
        if length >= frames:
            continue
        for begin in range(0, frames - length // 2, length // 2):
            yield max(0, min(begin, frames - length)), min(frames, begin + length)


def _loudest(piece: Spectrogram, seconds: float) -> Spectrogram:
    """The part of about `seconds` in which there is most sound, as the ear counts it."""
    length = round(seconds * piece.frames_per_s)
    if len(piece.power) <= 1.25 * length:
        return piece
    loudness = np.sqrt(piece.power).sum(axis=1).cumsum()
    begin = int(np.argmax(loudness[length:] - loudness[:-length]))
    return piece.part(begin, begin + length)


def _detections(piece: Spectrogram, readings: Sequence[_Reading]) -> list[SoundDetection]:
    marks = sorted({reading.mark for reading in readings})
    seconds = len(piece.power) / piece.frames_per_s
    evidence = np.zeros((len(marks) + 1, max(1, round(seconds / BIN_S))))
    for state, mark in enumerate(marks, 1):
        rows = [_binned(r.evidence, r.bins, evidence.shape[1]) for r in readings if r.mark == mark]
        evidence[state] = np.max(rows, axis=0)
    found = []
    for stretch in stretches(evidence, _CHANGE_COST):
        if stretch.state:
            own = [r for r in readings if r.mark == marks[stretch.state - 1]]
            to_s = min(seconds, stretch.end * BIN_S)
            found.append(_detection(piece, own, stretch.begin * BIN_S, to_s))
    return found


def _binned(values: Floats, bins: npt.NDArray[np.int64], count: int) -> Floats:
    return np.bincount(np.minimum(bins, count - 1), values, minlength=count).astype(np.float64)


def _detection(piece: Spectrogram, readings: Sequence[_Reading], begin_s: float, end_s: float) -> SoundDetection:
    best = min(readings, key=lambda r: r.p_false)
    first = int(piece.from_s + begin_s)
    count = max(1, int(np.ceil(piece.from_s + end_s - 1e-6)) - first)
    per_second = []
    for reading in readings:
        second = (piece.from_s + (reading.bins + 0.5) * BIN_S).astype(np.int64) - first
        inside = (second >= 0) & (second < count)
        agree = np.bincount(second[inside], reading.agree[inside], minlength=count)
        energy = np.bincount(second[inside], reading.energy[inside], minlength=count)
        per_second.append(agree / np.sqrt(energy + 1e-9))
    scores = np.max(per_second, axis=0)
    return SoundDetection(
        mark=f"{best.mark:016x}",
        from_s=piece.from_s + begin_s,
        to_s=piece.from_s + end_s,
        track="sound",
        p_false=best.p_false,
        tempo=best.alignment.tempo,
        pitch=best.alignment.pitch,
        seconds=tuple(tail(float(score), len(readings)) for score in scores),
    )


def _joined(detections: Sequence[SoundDetection]) -> list[SoundDetection]:
    """Stretches of one mark that follow each other across pieces become one."""
    found: list[SoundDetection] = []
    for one in detections:
        last = found[-1] if found else None
        if last is None or last.mark != one.mark or one.from_s - last.to_s > _JOIN_GAP_S:
            found.append(one)
            continue
        known = dict(enumerate(last.seconds, int(last.from_s)))
        for second, p in enumerate(one.seconds, int(one.from_s)):
            known[second] = min(p, known.get(second, 1.0))
        seconds = tuple(known.get(s, 1.0) for s in range(int(last.from_s), max(known) + 1))
        found[-1] = replace(last, to_s=one.to_s, p_false=min(last.p_false, one.p_false), seconds=seconds)
    return found
