"""The canonical picture of the mouth that a network corrects, and where it lies in a frame."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avatars.engine.geometry import LIPS, OUTER, Complex, Reals
from avatars.engine.warp import Map, Region
from avatars.media import Planes

PATCH = (128, 96)
"""Its width and height, pixels."""
_UNITS = 0.95  # its width in distances between the outer eye corners
_INK = 16  # sub-pixel places of an outline

Patch = NDArray[np.float32]


def corners_of(neutral: Complex) -> Complex:
    """Left top, right top and left bottom of the picture about a person's closed lips, complex [3], canonical units.

    `neutral`: see `geometry.ShapeModel`.
    """
    half = _UNITS / 2 * (1 + 1j * PATCH[1] / PATCH[0])
    top = complex(neutral[:LIPS].mean()) - half
    return np.array([top, top + _UNITS, top + 1j * _UNITS * PATCH[1] / PATCH[0]])


@dataclass(frozen=True)
class Place:
    """Where the picture lies in a frame: `matrix` float64 [2, 3] takes its pixels to luma pixels of the frame."""

    matrix: Reals

    @classmethod
    def at(cls, corners: Complex) -> Place:
        """`corners`: those of `corners_of` in the frame, complex [3], luma pixels."""
        width, height = PATCH
        mine = np.array([[-0.5, -0.5], [width - 0.5, -0.5], [-0.5, height - 0.5]], np.float32)
        there = np.stack([corners.real, corners.imag], axis=1).astype(np.float32)
        return cls(np.asarray(cv2.getAffineTransform(mine, there)))

    def points(self, points: Complex) -> Complex:
        """Luma pixels of the frame -> pixels of the picture."""
        back = cv2.invertAffineTransform(self.matrix)
        turned = back[:, :2] @ np.stack([points.real, points.imag]) + back[:, 2:]
        return np.asarray(turned[0] + 1j * turned[1])

    def cut(self, planes: Planes) -> Patch:
        """The picture, float32 [3, h, w]: luma and colour on 0..255."""
        return np.stack([_cut(plane, matrix) for plane, matrix in zip(planes, self._by_plane(), strict=True)])

    def cut_map(self, values: Map, region: Region) -> Map:
        """`values`, float32 on the luma grid of `region` and zero elsewhere, as they lie in the picture."""
        how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        moved = _from(self.matrix, region.left, region.top)
        return np.asarray(cv2.warpAffine(values, moved, PATCH, flags=how)).astype(np.float32)

    def add(self, change: Patch, share: float, planes: Planes, region: Region) -> None:
        """Add `share` of a change of the picture, float32 [3, h, w], to the frame's planes, inside `region`."""
        where = (region.luma, region.chroma, region.chroma)
        for plane, matrix, part, there in zip(planes, self._by_plane(), change, where, strict=True):
            old = plane[there]
            corner = (there[1].start, there[0].start)
            there_too = cv2.warpAffine(part, _from(matrix, *corner), old.shape[::-1], flags=cv2.INTER_LINEAR)
            plane[there] = np.clip(np.rint(old + np.float32(share) * there_too), 0, 255).astype(np.uint8)

    def _by_plane(self) -> tuple[Reals, Reals, Reals]:
        """Onto each plane: a pixel of colour covers two by two of luma."""
        colour = self.matrix / 2
        colour[:, 2] -= 0.25
        return self.matrix, colour, colour


def outlines(lips: Complex) -> Patch:
    """The lips, and what is between them, drawn: float32 [2, h, w], 0..1. `lips`: complex [LIPS], picture pixels."""
    drawn = np.zeros((2, PATCH[1], PATCH[0]), np.uint8)
    for picture, ring in zip(drawn, (lips[: len(OUTER)], lips[len(OUTER) : LIPS]), strict=True):
        corners = np.round(np.stack([ring.real, ring.imag], axis=1) * _INK).astype(np.int32)
        cv2.fillPoly(picture, [corners], 255, lineType=cv2.LINE_AA, shift=_INK.bit_length() - 1)
    return np.asarray(drawn, np.float32) / np.float32(255)


def _cut(plane: NDArray[np.uint8], matrix: Reals) -> Map:
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    cut = cv2.warpAffine(plane, matrix, PATCH, flags=how, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cut).astype(np.float32)


def _from(matrix: Reals, left: int, top: int) -> Reals:
    """The same place counted from another corner of the frame."""
    moved = matrix.copy()
    moved[:, 2] -= left, top
    return moved
