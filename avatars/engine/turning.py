"""What the turn of the head does to the lower face.

A similarity takes away place, size and tilt of a head, but not its turning left, right, up and down: a nod moves the
lips towards the eyes in the picture, a turn narrows the mouth. Both show in the points that speech does not move as
well, so a regression from those tells how much of what the lips did was the head.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avatars.engine.geometry import Complex, Reals, Similarity, flat

TURNS = 4
_MOST_SD = 3.0  # further out is a slipped mesh
_RIDGE = 1e-2


@dataclass(frozen=True)
class Turning:
    """`rest`: complex [STABLE], canonical stable points of the usual head. `axes`: float64 [TURNS, 2 * STABLE], how
    they leave it, per standard deviation. `carried`: complex [TURNS, POINTS], what each takes the lower face along by.
    """

    rest: Complex
    axes: Reals
    carried: Complex

    def effect(self, stable: Complex) -> Complex:
        """Canonical stable points [n, STABLE] -> how far the turn has moved each point, complex [n, POINTS]."""
        return np.asarray(self._turns(stable) @ self.carried)

    def _turns(self, stable: Complex) -> Reals:
        return np.asarray(np.clip(flat(stable - self.rest) @ self.axes.T, -_MOST_SD, _MOST_SD))


def learn_turning(stable: Complex, points: Complex, opening: Reals) -> Turning:
    """Principal components of the stable points, and a ridge regression of the others on them.

    The opening takes part in the regression, so that a jaw that drops while the head nods is not taken for the nod.

    Args:
        stable: complex [n, STABLE], canonical; points: complex [n, POINTS], canonical, the same frames.
        opening: float64 [n], canonical units.
    """
    rest = np.asarray(stable.mean(axis=0))
    moved = flat(stable - rest)
    _left, sizes, axes = np.linalg.svd(moved, full_matrices=False)
    spread = np.maximum(sizes[:TURNS] / np.sqrt(len(moved)), 1e-9)
    axes = axes[:TURNS] / spread[:, None]
    features = np.column_stack([np.ones_like(opening), opening, opening**2, moved @ axes.T])
    scale = np.maximum(features.std(axis=0), 1e-6)
    scale[0] = 1.0
    penalty = _RIDGE * len(points) * np.diag([0.0] + [1.0] * (features.shape[1] - 1))
    normal = features / scale
    weights = np.linalg.solve(normal.T @ normal + penalty, normal.T @ points) / scale[:, None]
    return Turning(rest, axes, weights[3:])


def settled(stable: Complex, reference: Complex, seen: NDArray[np.bool_]) -> Complex:
    """Stable points of every frame in canonical units, complex [n, STABLE]; NaN where `seen` is false."""
    placed = np.full(stable.shape, np.nan + 0j)
    for index in np.flatnonzero(seen):
        placed[index] = Similarity.between(stable[index], reference)(stable[index])
    return placed
