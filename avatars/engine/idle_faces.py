"""The face in every frame of the base, freed from where the head is and where it turns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from avatars.engine.geometry import Complex, Reals, ShapeModel, Similarity, gap
from avatars.engine.turning import Turning

_CALM_FRAMES = 2.0  # an idle face changes slowly; what changes faster is the tremor of the mesh


@dataclass(frozen=True)
class IdleFaces:
    """`level`: complex [n, POINTS], canonical, of a head that does not turn; `turned`: complex [n, POINTS], what its
    turn adds; `eyes`: complex [n, EYES], footage pixels; `places`: from canonical units to footage pixels.
    """

    level: Complex
    turned: Complex
    eyes: Complex
    places: tuple[Similarity, ...]

    @classmethod
    def of(cls, points: Complex, stable: Complex, eyes: Complex, shape: ShapeModel, turning: Turning) -> IdleFaces:
        """`points` complex [n, POINTS], `stable` complex [n, STABLE], `eyes` complex [n, EYES]: footage pixels."""
        to_face = [shape.canonical(one) for one in stable]
        turned = turning.effect(np.stack([to(one) for to, one in zip(to_face, stable, strict=True)]))
        faces = np.stack([to(one) for to, one in zip(to_face, points, strict=True)]) - turned
        return cls(_calmed(faces), _calmed(turned), eyes, tuple(to.inverse() for to in to_face))

    @property
    def opening(self) -> Reals:
        """How far the lips of each frame are apart by themselves, canonical units, float64 [n]."""
        return gap(self.level)

    def in_footage(self, index: int, level: Complex) -> Complex:
        """Canonical points of a head that does not turn -> pixels of frame `index`."""
        return self.places[index](level + self.turned[index])


def _calmed(points: Complex) -> Complex:
    smooth = (gaussian_filter1d(part, _CALM_FRAMES, axis=0, mode="nearest") for part in (points.real, points.imag))
    real, imaginary = smooth
    return np.asarray(real + 1j * imaginary)
