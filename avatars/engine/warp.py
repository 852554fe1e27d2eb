"""Piecewise-affine warps: a mesh of triangles carries a picture from one shape to another.

A smooth (Gaussian, thin-plate) warp cannot close a mouth, because its kernel is wider than the gap between the
lips; triangles along the lips can.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avatars.engine.geometry import Complex, Triangles

Map = NDArray[np.float32]
_SUBPIXEL = 4


@dataclass(frozen=True)
class Region:
    """An even-aligned rectangle of a picture, in luma pixels."""

    left: int
    top: int
    width: int
    height: int

    @classmethod
    def around(cls, points: Complex, width: int, height: int) -> Region:
        """The smallest even rectangle that holds `points`, inside a picture of `width` x `height`."""
        left = 2 * int(np.clip(points.real.min() // 2, 0, width // 2 - 1))
        top = 2 * int(np.clip(points.imag.min() // 2, 0, height // 2 - 1))
        right = 2 * int(np.clip(points.real.max() // 2 + 1, left // 2 + 1, width // 2))
        bottom = 2 * int(np.clip(points.imag.max() // 2 + 1, top // 2 + 1, height // 2))
        return cls(left, top, right - left, bottom - top)

    @property
    def luma(self) -> tuple[slice, slice]:
        return np.s_[self.top : self.top + self.height, self.left : self.left + self.width]

    @property
    def chroma(self) -> tuple[slice, slice]:
        return np.s_[self.top // 2 : (self.top + self.height) // 2, self.left // 2 : (self.left + self.width) // 2]


def inverse_map(
    target: Complex, source: Complex, triangles: Triangles, region: Region, step: int
) -> tuple[Map, Map, NDArray[np.bool_]]:
    """Where each pixel of `region` comes from.

    Args:
        target, source: complex [P], the mesh in the picture to draw and in the picture to read, luma pixels.
        triangles: int32 [n, 3]; later ones are drawn over earlier ones.
        region: the part to draw.
        step: 1 for every luma pixel, 2 for every second (the chroma grid).

    Returns:
        x and y to read at, float32 [h / step, w / step] in luma pixels of the source, and whether a triangle
        covers the pixel (elsewhere x and y are those of the pixel itself).
    """
    owner = _owners(target, triangles, region, step)
    affine = _affines(target[triangles], source[triangles])
    rows, columns = owner.shape
    centre = (step - 1) / 2
    x = (np.arange(columns, dtype=np.float32) * step + (region.left + centre))[None, :]
    y = (np.arange(rows, dtype=np.float32) * step + (region.top + centre))[:, None]
    table = np.concatenate([affine, [[1, 0, 0, 0, 1, 0]]]).astype(np.float32)
    a, b, c, d, e, f = (table[:, column][owner] for column in range(6))
    return a * x + b * y + c, d * x + e * y + f, owner < len(triangles)


def _owners(target: Complex, triangles: Triangles, region: Region, step: int) -> NDArray[np.int16]:
    """Number of the triangle that covers each grid point; len(triangles) where none does."""
    owner = np.full((region.height // step, region.width // step), len(triangles), np.int16)
    x = ((target.real - region.left + 0.5) / step - 0.5) * (1 << _SUBPIXEL)
    y = ((target.imag - region.top + 0.5) / step - 0.5) * (1 << _SUBPIXEL)
    corners = np.round(np.stack([x, y], axis=1)).astype(np.int32)[triangles]
    for number, corner in enumerate(corners):
        cv2.fillConvexPoly(owner, corner, number, shift=_SUBPIXEL)
    return owner


def _affines(target: Complex, source: Complex) -> NDArray[np.float64]:
    """Affine maps target -> source per triangle, float64 [n, 6]; the identity for triangles without area."""
    one, two = target[:, 1] - target[:, 0], target[:, 2] - target[:, 0]
    area = one.real * two.imag - one.imag * two.real
    flat = np.abs(area) < 1e-3
    area = np.where(flat, 1.0, area)
    first, second = source[:, 1] - source[:, 0], source[:, 2] - source[:, 0]
    x = (first * two.imag - second * one.imag) / area
    y = (second * one.real - first * two.real) / area
    shift = source[:, 0] - x * target[:, 0].real - y * target[:, 0].imag
    x, y, shift = np.where(flat, 1, x), np.where(flat, 1j, y), np.where(flat, 0, shift)
    return np.stack([x.real, y.real, shift.real, x.imag, y.imag, shift.imag], axis=1)


def fine_from_coarse(x: Map, y: Map, region: Region) -> tuple[Map, Map]:
    """A map on every second pixel (`step=2`) -> the same map on every pixel of `region`.

    Displacements are enlarged, not places, so that a part that does not move stays exactly where it is.
    """
    size = (region.width, region.height)
    coarse_x = np.arange(x.shape[1], dtype=np.float32)[None, :] * 2 + (region.left + 0.5)
    coarse_y = np.arange(x.shape[0], dtype=np.float32)[:, None] * 2 + (region.top + 0.5)
    fine_x = np.arange(region.width, dtype=np.float32)[None, :] + region.left
    fine_y = np.arange(region.height, dtype=np.float32)[:, None] + region.top
    return (
        cv2.resize(x - coarse_x, size, interpolation=cv2.INTER_LINEAR) + fine_x,
        cv2.resize(y - coarse_y, size, interpolation=cv2.INTER_LINEAR) + fine_y,
    )
