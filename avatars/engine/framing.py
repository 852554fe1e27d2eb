"""Which part of the footage fills a picture of the asked size."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from avatars.engine.errors import FramingImpossible
from avatars.engine.geometry import Complex, Reals
from avatars.media import Plane, Planes

SMALLEST, LARGEST = 128, 4096
_HAIR = 0.40  # of the face outline's height, above it: the outline ends at the forehead
_CHIN = 0.10
_HEADROOM = 0.16  # of the picture's height, above the hair, where the footage has it: the label goes there


@dataclass(frozen=True)
class Frame:
    """A crop of the footage, even-aligned pixels, and the size it is shown at."""

    left: int
    top: int
    width: int
    height: int
    out_width: int
    out_height: int

    def points(self, points: Complex) -> Complex:
        """Footage pixels -> picture pixels, centres on centres."""
        x = (points.real - self.left + 0.5) * self.out_width / self.width - 0.5
        y = (points.imag - self.top + 0.5) * self.out_height / self.height - 0.5
        return np.asarray(x + 1j * y)

    def planes(self, planes: Planes) -> Planes:
        """Crop and scale the planes of one frame; the result may be written to."""
        y, u, v = planes
        return (self._plane(y, 1), self._plane(u, 2), self._plane(v, 2))

    def _plane(self, plane: Plane, share: int) -> Plane:
        top, left = self.top // share, self.left // share
        part = plane[top : top + self.height // share, left : left + self.width // share]
        size = (self.out_width // share, self.out_height // share)
        if part.shape == size[::-1]:
            return part.copy()
        how = cv2.INTER_AREA if size[0] < part.shape[1] else cv2.INTER_CUBIC
        return cv2.resize(part, size, interpolation=how).astype(np.uint8, copy=False)


def frame_for(boxes: Reals, size: tuple[int, int], out_width: int, out_height: int) -> Frame:
    """The largest crop of the asked aspect that holds the whole face, with room above it where there is any.

    Args:
        boxes: float64 [n, 4], face outline (left, top, right, bottom) over the base.
        size: width and height of the footage.
        out_width, out_height: even, 128..4096.

    Raises:
        FramingImpossible: framing_size, framing_impossible.
    """
    for side in (out_width, out_height):
        if side % 2 or not SMALLEST <= side <= LARGEST:
            raise FramingImpossible(
                "framing_size", f"Width and height must be even numbers from {SMALLEST} to {LARGEST} pixels."
            )
    scale = min(size[0] / out_width, size[1] / out_height)
    width, height = (2 * int(side * scale / 2) for side in (out_width, out_height))
    left, top = float(np.nanmin(boxes[:, 0])), float(np.nanmin(boxes[:, 1]))
    right, bottom = float(np.nanmax(boxes[:, 2])), float(np.nanmax(boxes[:, 3]))
    tall = bottom - top
    if width < right - left or height < (1 + _CHIN) * tall:
        raise FramingImpossible(
            "framing_impossible",
            f"The face does not fit into {out_width} x {out_height}. Please choose a picture format closer to "
            f"that of the recording ({size[0]} x {size[1]}).",
        )
    wish = top - _HAIR * tall - _HEADROOM * height
    wish = max(wish, bottom + _CHIN * tall - height)
    return Frame(
        left=_place((left + right - width) / 2, size[0] - width),
        top=_place(wish, size[1] - height),
        width=width,
        height=height,
        out_width=out_width,
        out_height=out_height,
    )


def _place(wish: float, room: int) -> int:
    return 2 * int(min(max(wish, 0.0), room) / 2)
