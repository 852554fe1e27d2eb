"""From a feeling to a movement of this person's face, inside what the footage shows of it.

A smile is projected onto the ways in which the person's own mouth was seen to move and clipped there; brows move as
far as they were seen to. So nothing is asked of the warp that the face has not done.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avatars.engine.geometry import INNER, LIPS, MODES, MOUTH, OUTER, Complex, Reals, ShapeModel, Triangles

_CORNER_UP, _CORNER_OUT = 0.035, 0.02  # of the outer-eye distance, at a full smile
_MOST_SD = 1.5
_STRETCH = 2.0  # a smile that this face hardly knows is enlarged so far, and no mode beyond `_MOST_SD`
_UPRIGHT = 0.65  # of a look aside: further up or down the lids would have to go along
_ROWS, _COLUMNS = 5, 9


@dataclass(frozen=True)
class Feeling:
    """`width`: change of mouth width, canonical units; `modes`: standard deviations; `brows`: lift at the inner and
    the outer ends, canonical units, positive upwards; `look`: how far the irises move, canonical units, to the right
    and downwards.
    """

    width: float
    modes: tuple[float, ...]
    brows: tuple[float, float]
    look: complex = 0j

    @property
    def moves_mouth(self) -> bool:
        return bool(self.width or any(self.modes))

    def displacement(self, shape: ShapeModel) -> Complex:
        """Movement of every point of the lower face."""
        return shape.displacement(0.0, self.width) + shape.carriage(np.array(self.modes))


NO_FEELING = Feeling(0.0, (0.0,) * MODES, (0.0, 0.0))


@dataclass(frozen=True)
class Smile:
    """What a full smile is for this person."""

    width: float
    modes: Reals


def smile_of(shape: ShapeModel) -> Smile:
    """Corners up and out, as near as this person's own movements come to it (least squares)."""
    lips = shape.neutral[:LIPS]
    middle, half = lips.mean(), float(np.ptp(lips.real)) / 2
    side = np.clip((lips.real - middle.real) / half, -1, 1)
    wanted = np.zeros(MOUTH, complex)
    wanted[:LIPS] = _CORNER_OUT * side - 1j * _CORNER_UP * np.abs(side) ** 1.5
    basis = np.stack([shape.effect[1, :MOUTH], *shape.modes[:, :MOUTH]])
    real = np.concatenate([basis.real, basis.imag], axis=1)
    amounts = np.linalg.lstsq(real.T, np.concatenate([wanted.real, wanted.imag]), rcond=1e-3)[0]
    width = float(np.clip(amounts[0], 0.0, max(0.0, shape.width_high - shape.width_rest)))
    stretch = min(_STRETCH, _MOST_SD / max(1e-6, float(np.abs(amounts[1:]).max())))
    return Smile(width, stretch * amounts[1:])


def felt(face: Reals, smile: Smile, shape: ShapeModel) -> Feeling:
    """One row of `MannerTrack.faces` as movement."""
    share, brow, worry, _articulation, aside, up = map(float, face)
    if max(map(abs, (share, brow, worry, aside, up))) < 1e-3:
        return NO_FEELING
    lift = np.clip([brow + worry, brow - 0.3 * worry], -1, 1) * shape.brow_room
    modes = tuple(float(value) for value in share * smile.modes)
    look = shape.gaze_room * complex(np.clip(aside, -1, 1), -_UPRIGHT * np.clip(up, -1, 1))
    return Feeling(max(share, 0.0) * smile.width, modes, (float(lift[0]), float(lift[1])), look)


def brow_field(shape: ShapeModel, lifts: tuple[float, float]) -> tuple[Complex, Complex]:
    """A grid over the brows and where each of its corners is read from, both canonical: complex [rows * columns].

    Rows: upper lids (still), brows, two of the forehead, hairline (still). The outer columns are still.
    """
    brows = shape.brows
    left, right = float(brows.real.min()) - 0.18, float(brows.real.max()) + 0.18
    brow, lid = float(brows.imag.mean()), 0.35 * float(brows.imag.mean())
    top = brow - 0.42
    heights = np.array([lid, brow + 0.02, brow - 0.06, brow - 0.22, top])
    share = np.array([0.0, 1.0, 0.9, 0.4, 0.0])
    xs = np.linspace(left, right, _COLUMNS)
    corners = xs[None, :] + 1j * heights[:, None]
    inner = np.exp(-((xs / 0.2) ** 2))
    lift = inner * lifts[0] + (1 - inner) * lifts[1]
    lift[[0, -1]] = 0.0
    lift[[1, -2]] *= 0.6
    return corners.ravel(), (1j * share[:, None] * lift[None, :]).ravel()


def _grid_triangles() -> Triangles:
    cells = []
    for row in range(_ROWS - 1):
        for column in range(_COLUMNS - 1):
            a = row * _COLUMNS + column
            b, c, d = a + 1, a + _COLUMNS, a + _COLUMNS + 1
            cells += [(a, b, c), (b, d, c)]
    return np.asarray(cells, np.int32)


BROW_TRIANGLES = _grid_triangles()

assert len(OUTER) + len(INNER) == LIPS
