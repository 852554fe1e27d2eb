"""The frequencies that carry the mark, in cycles per tile.

The tile is a square that repeats over the frame; its side is a fixed fraction of the frame's short side, so
that plain resizing never changes the number of tiles. A mark is a real tile: one cosine per frequency of a
half plane.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from watermark.polar import CODE_BITS

REFERENCE_SHORT_SIDE = 360
"""Short side in pixels to which a picture is scaled before it is read."""

TILE_AT_REFERENCE = 128.0
"""Side of the tile in pixels when the short side is `REFERENCE_SHORT_SIDE`."""

RING_INNER, RING_OUTER = 5, 23
"""Cycles per tile. Below, pictures are too strong; above, codecs and scalers are."""

SHIFT_GRID = 64
"""Positions per tile side on which shifts are searched; more than twice `RING_OUTER`."""


@functools.cache
def frequencies() -> npt.NDArray[np.int64]:
    """int64[K, 2] of (u, v), v >= 1, within the ring.

    The axes are left out: borders, captions and block edges put their energy there.
    """
    v, u = np.mgrid[1 : RING_OUTER + 1, -RING_OUTER : RING_OUTER + 1]
    radius = u**2 + v**2
    inside = (u != 0) & (radius >= RING_INNER**2) & (radius <= RING_OUTER**2)
    return np.stack([u[inside], v[inside]], axis=1)


@functools.cache
def amplitudes() -> npt.NDArray[np.float64]:
    """float64[K]: how strong each carrier is, of RMS 1: in inverse proportion to its frequency.

    Every octave then holds the same energy, as in natural pictures; a mark with the spectrum of its host is the hardest
    to tell from it (power-spectrum condition, Su and Girod 1999). Slow waves also cost less structural similarity and
    outlive the quantisers on plain walls.
    """
    falling = 1 / np.hypot(*frequencies().T)
    strength: npt.NDArray[np.float64] = falling / np.sqrt(np.mean(falling**2))
    return strength


def block_share(tile: float, block: int) -> float:
    """How much of the mark's energy lies within squares of `block` pixels when a tile has `tile` pixels; 0 .. 1.

    The rest moves the mean of a whole square.
    """
    means = np.sinc(frequencies() * (block / tile))
    return float(np.mean(amplitudes() ** 2 * (1 - np.prod(means, axis=1) ** 2)))


def carrier_count() -> int:
    """K: how many frequencies carry; `CODE_BITS` of them a code bit each, the others the synchronisation."""
    return len(frequencies())


def sync_count() -> int:
    """How many carriers are known to the detector before it decodes."""
    return carrier_count() - CODE_BITS


@functools.cache
def mirror() -> npt.NDArray[np.int64]:
    """int64[K]: for each (u, v) the index of (-u, v), where it lands when the picture is flipped left to
    right.
    """
    place = {(int(u), int(v)): i for i, (u, v) in enumerate(frequencies())}
    return np.array([place[(-int(u), int(v))] for u, v in frequencies()])
