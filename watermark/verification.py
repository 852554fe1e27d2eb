"""The gate's question: is *this* mark in every part of the clip? It costs little, for nothing is searched."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import av
import numpy as np
import torch

from watermark.bounds import tail
from watermark.carriers import Carriers
from watermark.errors import MarkMissing
from watermark.keys import Key
from watermark.lattice import TILE_AT_REFERENCE, carrier_count
from watermark.payload import Payload
from watermark.residual import windows
from watermark.spectrum import Geometry, carrier_lines
from watermark.synchronisation import SHIFTS, best_shift, whiten

P_PRESENT = 1e-6
"""A slice counts as marked if chance explains its score with at most this probability."""


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
    everything = np.arange(carrier_count())
    slices: list[SliceScore] = []
    for window in windows(frames, device=device, tile_at_reference=TILE_AT_REFERENCE):
        amplitudes = whiten(*carrier_lines(window.residual, window.tile, Geometry()))
        score, _ = best_shift(amplitudes, phases, everything)
        part = SliceScore(window.from_s, window.to_s, tail(score, SHIFTS))
        if slices and slices[-1].to_s - slices[-1].from_s < slice_s - 0.05:
            slices[-1] = _together(slices[-1], part)
        else:
            slices.append(part)
    if len(slices) > 1 and slices[-1].to_s - slices[-1].from_s < slice_s / 2:
        slices[-2:] = [_together(slices[-2], slices[-1])]
    _insist(slices)
    return MarkVerification(f"{expected_mark:016x}", key.id, tuple(slices))


def _together(first: SliceScore, second: SliceScore) -> SliceScore:
    """One slice of two; twice the better bound, for there were two chances."""
    return SliceScore(first.from_s, second.to_s, min(1.0, 2 * min(first.p_false, second.p_false)))


def _insist(slices: list[SliceScore]) -> None:
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
