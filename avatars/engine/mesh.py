"""The triangles of the lower face that carry pictures from one shape to another."""

from __future__ import annotations

import numpy as np

from avatars.engine.geometry import LIPS, MOUTH, OUTER, Complex, ShapeModel, Triangles, triangulate, with_gap

_OPEN = 0.7  # of the person's widest: triangles of a closed mouth would have none between the lips


def skin_triangles(shape: ShapeModel, border: Complex) -> Triangles:
    """Over all points and a fixed `border` after them."""
    return _inside_first(triangulate(np.concatenate([_opened(shape), border])))


def lip_triangles(shape: ShapeModel) -> Triangles:
    """Over the first MOUTH points."""
    return _inside_first(triangulate(_opened(shape)[:MOUTH]))


def _opened(shape: ShapeModel) -> Complex:
    wide = _OPEN * shape.opening_max
    return with_gap(shape.neutral + shape.displacement(wide, 0.0), wide)


def _inside_first(triangles: Triangles) -> Triangles:
    """Draw the inside of the mouth before the lips: it has no area when they meet."""
    inside = np.all((triangles >= len(OUTER)) & (triangles < LIPS), axis=1)
    return np.concatenate([triangles[inside], triangles[~inside]])
