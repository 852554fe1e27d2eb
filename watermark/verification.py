"""The gate's question: is *this* mark in every part of the clip? It costs little, for nothing is searched."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import av
import numpy as np
import numpy.typing as npt
import torch

from watermark.bounds import tail
from watermark.carriers import Carriers
from watermark.errors import MarkMissing
from watermark.geometry import Geometry
from watermark.keys import Key
from watermark.lattice import TILE_AT_REFERENCE
from watermark.payload import Payload
from watermark.residual import windows
from watermark.spectrum import Lines, carrier_lines
from watermark.synchronisation import SHIFTS, mark_score, settled_mark_score, whiten

P_PRESENT = 1e-6
"""A slice counts as marked if chance explains its score with at most this probability."""

_ROUNDING_S = 0.05  # windows end with a frame, so a slice may fall short of its length by one


@dataclass(frozen=True)
class SliceScore:
    """How surely the mark is in one slice: seconds of the clip, and the bound on its being chance."""

    from_s: float
    to_s: float
    p_false: float


@dataclass(frozen=True)
class MarkVerification:
    """The mark is in every slice; `slices` follow each other without a gap."""

    mark: str
    key_id: str
    slices: tuple[SliceScore, ...]


def verify_mark(
    frames: Iterable[av.VideoFrame],
    key: Key,
    expected_mark: int,
    *,
    slice_s: float = 2.0,
    device: torch.device | str = "cpu",
) -> MarkVerification:
    """Checks that `expected_mark` is in every slice of about `slice_s` seconds (at least 1) of the frames.

    The frames may have been scaled and re-encoded, not cut. A shorter rest at the end is judged with the
    slice before it. Raises `MarkMissing` with the first stretch without the mark, `BadMark`, `BadMedia`.
    """
    carriers = Carriers(key)
    phases = carriers.phases(Payload(key), expected_mark)
    scores: list[SliceScore] = []
    slices: list[_Slice] = []  # those that may still change: a rest at the end joins the one before it
    for window in windows(frames, device=device, tile_at_reference=TILE_AT_REFERENCE, fine=False):
        view = window.view()
        lines = whiten(*carrier_lines(view.residual, view.tile, Geometry()))
        amplitudes = carriers.unmoved(lines, (window.from_s + window.to_s) / 2, expected_mark)
        part = _Slice(window.from_s, window.to_s, (amplitudes,))
        if slices and slices[-1].length_s < slice_s - _ROUNDING_S:
            slices[-1] = slices[-1].followed_by(part)
        else:
            scores += [one.score(carriers, phases) for one in slices[:-1]]
            slices = [*slices[-1:], part]
    if len(slices) > 1 and slices[-1].length_s < slice_s / 2:
        slices[-2:] = [slices[-2].followed_by(slices[-1])]
    scores += [one.score(carriers, phases) for one in slices]
    _insist(scores)
    return MarkVerification(f"{expected_mark:016x}", key.id, tuple(scores))


@dataclass(frozen=True)
class _Slice:
    from_s: float
    to_s: float
    windows: tuple[Lines, ...]

    @property
    def length_s(self) -> float:
        return self.to_s - self.from_s

    def followed_by(self, other: _Slice) -> _Slice:
        return _Slice(self.from_s, other.to_s, self.windows + other.windows)

    def score(self, carriers: Carriers, phases: npt.NDArray[np.float64]) -> SliceScore:
        """The best of its windows and of their sum, the shifts of their time slots taken out.

        The tile is expected where the slot puts it, which is one chance; in a clip that does not begin with its
        take it stands elsewhere, which is another `SHIFTS` chances.
        """
        trials = list(self.windows)
        if len(trials) > 1:
            trials.append(np.sum(trials, axis=0))
        here = max(settled_mark_score(amplitudes, carriers, phases) for amplitudes in trials)
        elsewhere = max(mark_score(amplitudes, carriers, phases) for amplitudes in trials)
        p_false = 2 * min(tail(here, len(trials)), tail(elsewhere, float(SHIFTS * len(trials))))
        return SliceScore(self.from_s, self.to_s, min(1.0, p_false))


def _insist(slices: Sequence[SliceScore]) -> None:
    if not slices:
        raise MarkMissing("no_picture", "There are no frames in which a mark could be.", from_s=0.0, to_s=0.0)
    missing = [i for i, part in enumerate(slices) if part.p_false > P_PRESENT]
    if not missing:
        return
    last = missing[0]
    while last + 1 in missing:
        last += 1
    from_s, to_s = slices[missing[0]].from_s, slices[last].to_s
    raise MarkMissing(
        "mark_missing",
        f"The expected mark is not in the picture from {from_s:.2f} s to {to_s:.2f} s.",
        from_s=from_s,
        to_s=to_s,
    )
