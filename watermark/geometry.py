"""What was done to a picture since it was marked, as a map from tiles to pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Geometry:
    """How a picture was changed since it was marked, as far as the tile shows it.

    scale_x, scale_y: size of the tile relative to that of an uncut frame of this size (a centre cut to 80 % gives
    1.25); angle: of the picture in degrees, counter-clockwise; flip: mirrored left to right, before turning; shear:
    by which the tile's upright axis leans, in widths a height; tilt_x, tilt_y: of a perspective, how much nearer the
    right (lower) border is than the centre, as a share of the distance; inverted: dark and bright were exchanged.
    """

    scale_x: float = 1.0
    scale_y: float = 1.0
    angle: float = 0.0
    flip: bool = False
    shear: float = 0.0
    tilt_x: float = 0.0
    tilt_y: float = 0.0
    inverted: bool = False

    @property
    def scale(self) -> float:
        """Geometric mean of the two scales."""
        return math.sqrt(self.scale_x * self.scale_y)

    @property
    def crop(self) -> float:
        """The share of the marked frame's area that is left, if the picture was cut and not set into another; <= 1."""
        return 1.0 / max(1.0, self.scale_x) / max(1.0, self.scale_y)

    @property
    def upright(self) -> bool:
        """Whether the tile's axes are the picture's."""
        return self.angle == self.shear == self.tilt_x == self.tilt_y == 0.0


def pixels_per_tile(tile: tuple[float, float], geometry: Geometry) -> Matrix:
    """float64[2, 2]: from (x, y) in tiles to (x, y) in pixels, y down, at the centre of the picture.

    tile: width and height in pixels of the tile at scale 1.
    """
    turn = -math.radians(geometry.angle)  # rows grow downwards
    c, s = math.cos(turn), math.sin(turn)
    grown = np.diag([tile[0] * geometry.scale_x * (-1.0 if geometry.flip else 1.0), tile[1] * geometry.scale_y])
    lean = np.array([[1.0, geometry.shear], [0.0, 1.0]])
    matrix: Matrix = np.array([[c, -s], [s, c]]) @ lean @ grown
    return matrix


def cycles_per_pixel(tile: tuple[float, float], geometries: Sequence[Geometry]) -> Matrix:
    """float64[N, 2, 2]: from (u, v) in cycles per tile to (x, y) in cycles per pixel, perspective left aside.

    The transposed inverses of `pixels_per_tile`, for thousands of geometries at once.
    """
    fields = np.array([(g.scale_x, g.scale_y, g.angle, g.flip, g.shear) for g in geometries], dtype=np.float64)
    scale_x, scale_y, angle, flip, shear = fields.reshape(-1, 5).T
    turn = -np.radians(angle)
    c, s = np.cos(turn), np.sin(turn)
    width, height = tile[0] * scale_x * (1 - 2 * flip), tile[1] * scale_y
    along_u = np.stack([c + shear * s, s - shear * c], axis=-1) / width[:, None]
    along_v = np.stack([-s, c], axis=-1) / height[:, None]
    return np.stack([along_u, along_v], axis=-1)
