"""How far a drawn mouth opens and widens when it is read like footage, and what to draw so that it does as commanded.

The face mesh reads small gaps as closed, narrow mouths as smaller than they are, half of a widening that only the
lips show, and lips in another frame's face a little beside where they were drawn. The person's range was read by the
same mesh, so a model is played against it once: a sweep over openings and widths is drawn, read and inverted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from scipy.ndimage import gaussian_filter1d

from avatars.engine.geometry import LIPS, Complex, Reals

WIDTHS = np.linspace(-1.6, 1.6, 5)  # what may be drawn for a commanded -1..1
OPENINGS = np.linspace(0.0, 1.2, 25)
_SMOOTH = 1.0


@dataclass(frozen=True)
class Response:
    """`drawn` float64 [widths, openings]: the opening to draw, in shares of the range, for each commanded one, by the
    width that is drawn. `widths` float64 [widths]: how wide each of `WIDTHS` is read. `astray` complex [2, LIPS],
    canonical units: how far the lips are read from where a face of that opening and width has them, when closed, and
    what the widest opening adds.
    """

    drawn: Reals
    widths: Reals
    astray: Complex
    SHAPE: ClassVar[tuple[int, int]] = (len(WIDTHS), len(OPENINGS))

    @classmethod
    def plain(cls) -> Response:
        """Draws what is commanded."""
        return cls(np.tile(OPENINGS, (len(WIDTHS), 1)), WIDTHS.copy(), np.zeros((2, LIPS), complex))

    def to_draw(self, opening: float, width: float) -> tuple[float, float]:
        """The opening and the width to draw for a commanded opening 0..1 and width -1..1. Closed stays closed."""
        wide = float(np.interp(width, self.widths, WIDTHS))
        if opening <= 0:
            return 0.0, wide
        by_width = [float(np.interp(opening, OPENINGS, row)) for row in self.drawn]
        return float(np.interp(wide, WIDTHS, by_width)), wide

    def aim(self, opening: float) -> Complex:
        """What to add to the lips of a drawn opening so that they are read in their place, complex [LIPS]."""
        return np.asarray(-(self.astray[0] + min(opening, 1.0) * self.astray[1]))


def calibrate(seen: Reals, narrower: float, wider: float) -> Response:
    """Invert what is seen, float64 [widths, openings, 2]: of each drawn width and opening, the opening as the mesh
    reads it, in shares of the range, and the distance of the mouth's corners. `narrower`, `wider`: what a width of -1
    and of 1 take away and add.

    NaN (no face found) counts as unknown; a width with too few readings draws what is commanded.
    """
    drawn = np.stack([_inverted(row) for row in seen[..., 0]])
    return replace(Response.plain(), drawn=drawn, widths=_widths(seen[..., 1], narrower, wider))


def astray(openings: Reals, slips: Complex) -> Complex:
    """How `slips`, complex [n, LIPS], grow with the drawn `openings`, float64 [n], by least squares: `Response.astray`.

    Readings without a face are NaN and have no say.
    """
    known = np.isfinite(slips).all(axis=1)
    if np.count_nonzero(known) < len(OPENINGS):
        return Response.plain().astray
    terms = np.stack([np.ones_like(openings), openings], axis=1)[known]
    return np.asarray(np.linalg.lstsq(terms.astype(complex), slips[known])[0])


def _widths(seen: Reals, narrower: float, wider: float) -> Reals:
    """Rising readings of `WIDTHS` from float64 [widths, openings], zero for the width at rest."""
    if not np.isfinite(seen).any(axis=1).all():
        return WIDTHS.copy()
    change = np.nanmean(seen, axis=1)
    change -= change[len(WIDTHS) // 2]
    share = change / np.where(change > 0, max(wider, 1e-3), max(narrower, 1e-3))
    # what is not read at all must not be drawn without bounds: at least a third of a widening is believed to show
    steps = np.maximum(np.diff(share), np.diff(WIDTHS) / 3)
    rising = np.concatenate([[0.0], np.cumsum(steps)])
    return np.asarray(rising - rising[len(WIDTHS) // 2])


def _inverted(seen: Reals) -> Reals:
    known = np.isfinite(seen)
    if np.count_nonzero(known) < len(OPENINGS) // 2:
        return OPENINGS.copy()
    filled = np.interp(OPENINGS, OPENINGS[known], seen[known])
    smooth = gaussian_filter1d(filled, _SMOOTH, mode="nearest")
    rising = np.maximum.accumulate(smooth) + 1e-6 * np.arange(len(OPENINGS))
    inverse = np.interp(OPENINGS, rising, OPENINGS)
    return np.asarray(np.clip(inverse, 0.0, OPENINGS[-1]))
