"""What moves in front of the mark: where the camera or what it shows wanders, a frame's neighbours foretell its picture
but not the tile, which stands still.

Other frames are laid onto a frame along the dense optical flow between them (Kroeger et al., Fast Optical Flow using
Dense Inverse Search, ECCV 2016, as OpenCV has it), and what they foretell is taken away from it. The picture goes, the
tile stays, for theirs was moved along. Where nothing moved the tile goes with the picture, so those places count for
nothing. No key takes part, so the bounds of `watermark.bounds` hold as for any other weighting of the picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Plane = npt.NDArray[np.float32]

_OTHERS = 4  # that foretell a frame: more gain next to nothing
_FLOW_SHORT_SIDE = 360  # pixels at which motion is looked for; more detail takes longer and shows no more
_FAR_PX = 2.0  # a motion from which the tile counts as left behind: a quarter of one of its middle waves
_STILL = 0.25  # share of a picture that must have been left behind to be worth the price
_NEAR, _WIDE = (9, 9), (15, 15)  # pixels over which errors, and motion, are averaged
_NOISE = 2.0  # grey levels, squared: an error below which one frame foretells as well as another


class Foreign(NamedTuple):
    """What of a frame does not belong to the picture that moves through it.

    rest: float32[h, w] grey levels, the frame less what others foretell; moved: float32[h, w] in 0 .. 1, how far the
    picture has left the tile behind there, hence how much of the tile the rest holds.
    """

    rest: Tensor
    moved: Tensor


def compensated(frames: Sequence[Tensor], beside: Sequence[Tensor]) -> Iterator[Foreign]:
    """For each of `frames` what the others and those `beside` do not foretell; nothing at all if the picture stands.

    frames, beside: lumas [h, w] on 0 .. 255 of one second or so.
    """
    together = [*frames, *beside]
    if len(together) < 2 or any(luma.shape != together[0].shape for luma in together):
        return
    flow = _Flow([luma.float().cpu().numpy() for luma in together])
    if not flow.moves():
        return
    for index, frame in enumerate(frames):
        rest, moved = _foreign(flow, index)
        yield Foreign(torch.from_numpy(rest).to(frame.device), torch.from_numpy(moved).to(frame.device))


class _Flow:
    """Dense motion between some pictures."""

    def __init__(self, pictures: Sequence[Plane]) -> None:
        rows, columns = pictures[0].shape
        shrink = min(1.0, _FLOW_SHORT_SIDE / min(rows, columns))
        small = round(columns * shrink), round(rows * shrink)
        self.pictures = pictures
        self._small = [cv2.resize(p, small, interpolation=cv2.INTER_AREA).round().astype(np.uint8) for p in pictures]
        self._search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def moves(self) -> bool:
        """Whether so much moves that it is worth a closer look: most cameras stand on a tripod."""
        return float(_left_behind(self.between(0, len(self.pictures) // 2)).mean()) >= _STILL

    def between(self, index: int, other: int) -> Plane:
        """float32[h, w, 2]: how far each pixel of one picture lies from where another has it, (x, y) in pixels."""
        found = self._search.calc(self._small[index], self._small[other], None)  # type: ignore[call-overload]
        rows, columns = self.pictures[0].shape
        growth = columns / found.shape[1]
        if growth != 1:
            found = cv2.resize(found, (columns, rows), interpolation=cv2.INTER_LINEAR) * growth
        return np.asarray(found, np.float32)


def _left_behind(motion: Plane) -> Plane:
    """float32[h, w] in 0 .. 1: how far apart the tile of one picture and that of another, moved along, are."""
    square = cv2.blur(motion[..., 0] ** 2 + motion[..., 1] ** 2, _WIDE)
    return np.asarray(1 - np.exp(-square / _FAR_PX**2), np.float32)


def _foreign(flow: _Flow, index: int) -> tuple[Plane, Plane]:
    """Of one picture the rest and where the picture moved; the more an other moved and the better it does nearby, the
    more it has to say.
    """
    picture = flow.pictures[index]
    x, y = np.meshgrid(*(np.arange(side, dtype=np.float32) for side in reversed(picture.shape)))
    foretold, apart, total = (np.zeros_like(picture) for _ in range(3))
    for other in _others(index, len(flow.pictures)):
        motion = flow.between(index, other)
        found_at = x + motion[..., 0], y + motion[..., 1]
        laid = cv2.remap(flow.pictures[other], *found_at, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        far = _left_behind(motion)
        weight = far / (cv2.blur((picture - laid) ** 2, _NEAR) + _NOISE)
        foretold += weight * laid
        apart += weight * far
        total += weight
    total = np.maximum(total, 1e-6)
    return picture - foretold / total, apart / total


def _others(index: int, count: int) -> list[int]:
    """Some of the other pictures, spread over all."""
    others = [other for other in range(count) if other != index]
    places = np.linspace(0, len(others) - 1, min(_OTHERS, len(others))).round().astype(int)
    return [others[place] for place in places]
