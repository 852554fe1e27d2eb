"""The gate's question: is *this* mark in all of the sound? No speed is searched for, and silence is excused."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass

import numpy as np
import numpy.typing as npt

from watermark.bounds import tail
from watermark.errors import MarkMissing
from watermark.keys import Key
from watermark.sound.grid import CELL_S, HIGH_HZ, LOW_HZ, Floats
from watermark.sound.reading import Agreement, Reader
from watermark.sound.spectrogram import Spectrogram, spectrograms
from watermark.sound.synchronisation import Synchroniser, cells_at
from watermark.sound.timeline import likelihoods, stretches
from watermark.sound.whitening import evened, whitened

P_PRESENT = 1e-6
"""A slice counts as marked if chance explains its score with at most this probability."""

AUDIBLE = 1e-6
"""Mean square of the samples, within the marked bands, from which on sound must carry the mark: -60 dB."""

AUDIBLE_SHARE = 1e-4
"""The same, as a share of the loud moments of the half minute around: codecs keep nothing of sound 40 dB below."""

_PIECE_S, _LONGEST_S = 20.0, 36.0
_SPAN_S = 8.0
_STARTS = 2
_EVENING = 0.5
_SHARE_OF_SYNC = 0.5
_SILENCE_S = 1.0
_LOUD_PERCENTILE = 95
_WEAKER = 0.4  # of the mean agreement: what still counts as marked
_CHANGE_COST = 4.0  # nats; sound with the mark falls that low with less than 1e-9
_BARE_S = 0.6

Stretch = tuple[float, float]
Evidence = tuple[Floats, Floats]


@dataclass(frozen=True)
class SoundSlice:
    """How surely the mark is in one slice: seconds of the clip, and the bound on its being chance."""

    from_s: float
    to_s: float
    p_false: float


@dataclass(frozen=True)
class SoundVerification:
    """The mark is in every slice. silent: stretches of a second or more too soft to carry anything, in seconds; they
    are excused, and whoever relies on the mark should know them.
    """

    mark: str
    key_id: str
    slices: tuple[SoundSlice, ...]
    silent: tuple[tuple[float, float], ...]


def verify_sound(
    blocks: Iterable[npt.NDArray[np.float32]], sample_rate: int, key: Key, mark: int, *, slice_s: float = 3.0
) -> SoundVerification:
    """Checks that `mark` is in every slice with about `slice_s` seconds (at least 1) of audible sound.

    blocks: float32[channels, n]. The sound may have been re-encoded and resampled, not played faster or slower. A
    slice lasts until it has enough that can be heard; a rest with less is judged with the slice before it. Raises
    `MarkMissing` with the first stretch without the mark, `BadMark`, `BadMedia`.
    """
    verifier = _Verifier(key, mark)
    slices: list[_Slice] = []
    silent: list[Stretch] = []
    bare: list[Stretch] = []
    for piece in spectrograms(blocks, sample_rate, least_s=_LONGEST_S - _PIECE_S, most_s=_LONGEST_S):
        rows = verifier.read(piece)
        judged = rows.slices(slice_s)
        slices = _followed(slices, [one for one, _ in judged], slice_s)
        bare += rows.bare([evidence for _, evidence in judged])
        silent += rows.silent()
    _insist(slices, bare)
    scores = tuple(SoundSlice(one.from_s, one.to_s, one.p_false) for one in slices)
    return SoundVerification(f"{mark:016x}", key.id, scores, tuple(_long(silent)))


@dataclass(frozen=True)
class _Slice:
    """agree, energy: sums over the audible data cells; choices: how many alignments they are the best of."""

    from_s: float
    to_s: float
    audible_s: float
    agree: float
    energy: float
    choices: float

    @property
    def p_false(self) -> float:
        return tail(self.agree / np.sqrt(self.energy), self.choices) if self.energy > 0 else 1.0

    def followed_by(self, other: _Slice) -> _Slice:
        return _Slice(
            self.from_s,
            other.to_s,
            self.audible_s + other.audible_s,
            self.agree + other.agree,
            self.energy + other.energy,
            self.choices * other.choices,
        )


@dataclass(frozen=True)
class _Rows:
    """Rows of cells of a piece: their times, whether they are audible, and their agreement under each alignment."""

    from_s: Floats
    audible: npt.NDArray[np.bool_]
    agreements: Sequence[Agreement]
    end_s: float

    def slices(self, slice_s: float) -> list[tuple[_Slice, Evidence]]:
        """Slices of `slice_s` audible seconds from the first row to the last; none where all is silent. With each, the
        agreement and energy of its rows' data cells under its best alignment.
        """
        heard = np.cumsum(self.audible)
        if not heard[-1]:
            return []
        rows = max(1.0, slice_s) / CELL_S
        inner = [int(np.searchsorted(heard, rows * i)) + 1 for i in range(1, max(1, int(heard[-1] // rows)))]
        return [self._slice(a, b) for a, b in itertools.pairwise([0, *inner, len(heard)])]

    def _slice(self, begin: int, end: int) -> tuple[_Slice, Evidence]:
        rows = np.zeros(len(self.audible), dtype=bool)
        rows[begin:end] = self.audible[begin:end]
        best = max(self.agreements, key=lambda a: _settled_score(a, rows), default=None)
        to_s = self.from_s[end] if end < len(self.from_s) else self.end_s
        agree, energy = (np.zeros(len(rows)), np.zeros(len(rows))) if best is None else (best.data, best.data_energy)
        settled = best is not None and _settled_score(best, rows) > 0
        found = _Slice(
            float(self.from_s[begin]),
            float(to_s),
            float(rows.sum()) * CELL_S,
            float(agree[rows].sum()) if settled else 0.0,
            float(energy[rows].sum()),
            len(self.agreements),
        )
        return found, (np.where(rows, agree, 0.0)[begin:end], np.where(rows, energy, 0.0)[begin:end])

    def bare(self, evidence: Sequence[Evidence]) -> list[Stretch]:
        """Audible stretches within slices that do not carry the mark as the others do, which a slice's sum hides."""
        if not evidence:
            return []
        agree, energy = (np.concatenate(part) for part in zip(*evidence, strict=True))
        mean = _WEAKER * agree.sum() / max(1e-9, energy.sum())
        marked = likelihoods(agree, energy, max(0.0, float(mean)))
        times = np.append(self.from_s, self.end_s)
        return [
            (float(times[one.begin]), float(times[one.end]))
            for one in stretches(np.stack([marked, np.zeros_like(marked)]), _CHANGE_COST)
            if one.state == 1 and self.audible[one.begin : one.end].sum() * CELL_S >= _BARE_S
        ]

    def silent(self) -> list[Stretch]:
        """Stretches that nobody hears."""
        borders = np.flatnonzero(np.diff(self.audible.astype(np.int8), prepend=1, append=1))
        times = np.append(self.from_s, self.end_s)[borders].reshape(-1, 2)
        return [(float(a), float(b)) for a, b in times]


class _Verifier:
    def __init__(self, key: Key, mark: int) -> None:
        self._reader = Reader(key)
        self._signs = self._reader.signs(mark)
        self._synchroniser = Synchroniser(self._reader.carriers)

    def read(self, piece: Spectrogram) -> _Rows:
        white = whitened(evened(piece, _EVENING), 1.0, 1.0)
        rate = piece.frames_per_s
        count = max(1, int(len(white) / (CELL_S * rate)))
        agreements = []
        for begin, end in _spans(len(white), round(_SPAN_S * rate)):
            for found in self._synchroniser.peaks(white[begin:end], rate, 1.0, 1.0, _STARTS):
                cells = cells_at(white, rate, found._replace(start=found.start + begin))
                agreement = self._reader.agreement(cells, self._signs)
                place = np.minimum((cells.frames / rate / CELL_S).astype(np.int64), count - 1)
                sums = (np.bincount(place, x, minlength=count).astype(np.float64) for x in astuple(agreement))
                agreements.append(Agreement(*sums))
        from_s = piece.from_s + np.arange(count, dtype=np.float64) * CELL_S
        return _Rows(from_s, _audible(piece, count), agreements, piece.from_s + len(white) / rate)


def _settled_score(agreement: Agreement, rows: npt.NDArray[np.bool_]) -> float:
    """Score of the data cells; 0 if they agree less than half as well as the synchronisation cells, which agree with
    *every* mark of the key.
    """
    data, energy = float(agreement.data[rows].sum()), float(agreement.data_energy[rows].sum())
    sync, sync_energy = float(agreement.sync[rows].sum()), float(agreement.sync_energy[rows].sum())
    if energy <= 0 or data * sync_energy < _SHARE_OF_SYNC * sync * energy:
        return 0.0
    return data / float(np.sqrt(energy))


def _spans(frames: int, length: int) -> Iterator[tuple[int, int]]:
    """The whole, then parts of it, for sound that was cut and joined."""
    yield 0, frames
    if frames > 1.5 * length:
        for begin in range(0, frames - length // 2, length // 2):
            yield begin, min(frames, begin + length)


def _audible(piece: Spectrogram, rows: int) -> npt.NDArray[np.bool_]:
    inside = (piece.frequencies >= LOW_HZ) & (piece.frequencies <= HIGH_HZ)
    power = piece.power[:, inside].sum(axis=1)
    row = np.minimum((np.arange(len(power)) / piece.frames_per_s / CELL_S).astype(np.int64), rows - 1)
    mean = np.bincount(row, power, minlength=rows) / np.maximum(1, np.bincount(row, minlength=rows))
    return np.asarray(mean > max(AUDIBLE, AUDIBLE_SHARE * float(np.percentile(mean, _LOUD_PERCENTILE))))


def _followed(slices: list[_Slice], more: list[_Slice], slice_s: float) -> list[_Slice]:
    """All slices in order; one too short to be judged is joined with the one before it."""
    out = list(slices)
    for one in more:
        if out and min(out[-1].audible_s, one.audible_s) < max(1.0, slice_s) - CELL_S:
            out[-1] = out[-1].followed_by(one)
        else:
            out.append(one)
    return out


def _long(silent: Sequence[Stretch]) -> Iterator[Stretch]:
    """What is more than a pause."""
    return ((begin, end) for begin, end in _joined(silent) if end - begin >= _SILENCE_S)


def _joined(stretches: Sequence[Stretch]) -> list[Stretch]:
    """Stretches that meet become one."""
    joined: list[Stretch] = []
    for begin, end in stretches:
        if joined and begin - joined[-1][1] < 2 * CELL_S:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((begin, end))
    return joined


def _insist(slices: Sequence[_Slice], bare: Sequence[Stretch]) -> None:
    missing = _joined([(one.from_s, one.to_s) for one in slices if one.p_false > P_PRESENT]) or list(bare)
    if not missing:
        return
    from_s, to_s = missing[0]
    raise MarkMissing(
        "mark_missing",
        f"The expected mark is not in the sound from {from_s:.2f} s to {to_s:.2f} s.",
        from_s=from_s,
        to_s=to_s,
    )
