"""How far a drawn mouth opens when it is read like footage, and what to draw so that it opens as commanded.

The face mesh reads small gaps as closed and narrow mouths as smaller than they are. The person's range was read by the
same mesh, so a model is played against it once: a sweep over openings and widths is drawn, read and inverted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.ndimage import gaussian_filter1d

from avatars.engine.geometry import Reals

WIDTHS = np.linspace(-1.0, 1.0, 5)
OPENINGS = np.linspace(0.0, 1.2, 25)
_SMOOTH = 1.0


@dataclass(frozen=True)
class Response:
    """`drawn` float64 [widths, openings]: the opening to draw, in shares of the range, for each commanded one."""

    drawn: Reals
    SHAPE: ClassVar[tuple[int, int]] = (len(WIDTHS), len(OPENINGS))

    @classmethod
    def plain(cls) -> Response:
        """Draws what is commanded."""
        return cls(np.tile(OPENINGS, (len(WIDTHS), 1)))

    def to_draw(self, opening: float, width: float) -> float:
        """The opening to draw for a commanded opening 0..1 and width -1..1. Closed stays closed."""
        if opening <= 0:
            return 0.0
        by_width = [float(np.interp(opening, OPENINGS, row)) for row in self.drawn]
        return float(np.interp(width, WIDTHS, by_width))


def calibrate(read: Callable[[float, float], float]) -> Response:
    """Invert what `read(drawn opening, width)` gives: the opening as the mesh sees it, in shares of the range.

    NaN from `read` (no face found) counts as unknown; a width with too few readings draws what is commanded.
    """
    rows = [_inverted(np.array([read(float(opening), float(width)) for opening in OPENINGS])) for width in WIDTHS]
    return Response(np.stack(rows))


def _inverted(seen: Reals) -> Reals:
    known = np.isfinite(seen)
    if np.count_nonzero(known) < len(OPENINGS) // 2:
        return OPENINGS.copy()
    filled = np.interp(OPENINGS, OPENINGS[known], seen[known])
    smooth = gaussian_filter1d(filled, _SMOOTH, mode="nearest")
    rising = np.maximum.accumulate(smooth) + 1e-6 * np.arange(len(OPENINGS))
    inverse = np.interp(OPENINGS, rising, OPENINGS)
    return np.asarray(np.clip(inverse, 0.0, OPENINGS[-1]))
