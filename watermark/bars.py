"""A picture set between plain bars: where it lies, and it alone as the frame that it was when it was marked."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from watermark.geometry import Geometry
from watermark.lattice import REFERENCE_SHORT_SIDE, TILE_AT_REFERENCE
from watermark.residual import Window

_PLAIN = 12  # grey levels between which a bar stays over all frames, whatever a codec does to black
_OF_USUAL = 0.1  # of the spread within a usual line, which a line of the picture reaches
_NARROWEST = 0.02  # of the side; a thinner border disturbs no search
_SMALLEST = 0.25  # of either side: 16:9 on a standing screen has 0.316; less shows too few tiles


class Box(NamedTuple):
    """Rows `top` to `bottom` and columns `left` to `right` of a picture, the last ones excluded, in pixels of the fine
    scale.
    """

    top: int
    bottom: int
    left: int
    right: int


@dataclass(frozen=True)
class Inset:
    """The part of a picture that lies between bars, of a frame of `height` times `width` pixels of the fine scale."""

    box: Box
    height: int
    width: int

    def fits(self, window: Window) -> bool:
        """Whether the window's frames have the size of that in which the bars were seen."""
        return window.fine[0].shape == (self.height, self.width)

    def cut_out(self, window: Window) -> Window:
        """The frames that the window has in detail, cut to the box and scaled as if there was nothing around it."""
        top, bottom, left, right = self.box
        parts = [fine[top:bottom, left:right].float() for fine in window.fine]
        rows, columns = parts[0].shape
        scale = REFERENCE_SHORT_SIDE / min(rows, columns)
        size = round(rows * scale), round(columns * scale)
        tile = TILE_AT_REFERENCE * size[1] / (columns * scale), TILE_AT_REFERENCE * size[0] / (rows * scale)
        lumas = tuple(_scaled(part, size) for part in parts)
        fine = tuple(_scaled(part, (2 * size[0], 2 * size[1])) for part in parts)
        return replace(window, lumas=lumas, beside=(), fine=fine, tile=tile)

    def in_whole(self, geometry: Geometry) -> Geometry:
        """What was found of the part, as it is to be said of the whole picture."""
        top, bottom, left, right = self.box
        smaller = min(bottom - top, right - left) / min(self.height, self.width)
        return replace(
            geometry,
            scale_x=geometry.scale_x * smaller,
            scale_y=geometry.scale_y * smaller,
            tilt_x=geometry.tilt_x * self.width / (right - left),
            tilt_y=geometry.tilt_y * self.height / (bottom - top),
        )


def inset(windows: Sequence[Window]) -> Inset | None:
    """Where the picture lies if plain bars that never change stand around it; None if there are none to speak of."""
    frames = [fine for window in windows for fine in window.fine]
    if any(fine.shape != frames[0].shape for fine in frames):
        return None
    height, width = frames[0].shape
    high = functools.reduce(torch.maximum, frames)
    low = functools.reduce(torch.minimum, frames)
    top, bottom = _between(high.amax(dim=1).int() - low.amin(dim=1))
    left, right = _between(high.amax(dim=0).int() - low.amin(dim=0))
    box = Box(top, bottom, left, right)
    shares = (bottom - top) / height, (right - left) / width
    plain = min(shares) >= _SMALLEST and min(shares) <= 1 - _NARROWEST
    return Inset(box, height, width) if plain else None


def _between(spread: Tensor) -> tuple[int, int]:
    """The first line that is not plain, and the one after the last, by how far the grey levels of each line spread."""
    busy = spread > _PLAIN
    if bool(busy.any()):
        # A codec's ringing beside the edge is no picture yet.
        busy &= spread > _OF_USUAL * spread[busy].median()
    places = busy.nonzero()
    return (int(places[0]), int(places[-1]) + 1) if len(places) else (0, 0)


def _scaled(part: Tensor, size: tuple[int, int]) -> Tensor:
    """uint8[h, w] of that size."""
    scaled = F.interpolate(part[None, None], size=size, mode="bicubic", align_corners=False, antialias=True)
    return scaled[0, 0].round().clamp(0, 255).to(torch.uint8)
