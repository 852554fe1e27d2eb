"""What the key decides: the phase and the role of every frequency, and where the tile stands in each time
slot.
"""

from __future__ import annotations

import hashlib
import hmac
import math

import numpy as np
import numpy.typing as npt

from watermark.keys import Key
from watermark.lattice import SHIFT_GRID, carrier_count, frequencies
from watermark.payload import Payload
from watermark.polar import CODE_BITS, encode

SLOT_S = 8.0
"""Seconds after which the tile moves, so that the average of a long take does not show it.

Shorter slots are lost at low bitrates: where nothing moves, a codec spends no bits on replacing the old tile.
"""

SLOTS = 64
"""Length of the sequence of moves, after which it repeats."""

Phases = npt.NDArray[np.float64]
Amplitudes = npt.NDArray[np.complex128]


class Carriers:
    """The secret geometry of one key.

    Attributes: `theta` float64[K] phases in radians; `data` int64[512] and `sync` int64[K-512] carrier
    indices; `hops` uint8[SLOTS, 2] shifts (x, y) in 1/64 tile, from which those of a mark follow.
    """

    def __init__(self, key: Key) -> None:
        count = carrier_count()
        raw = np.frombuffer(key.derive("carrier phases", 4 * count), dtype=">u4")
        self.theta: Phases = raw.astype(np.float64) * (2 * np.pi / 2**32)
        draw = np.frombuffer(key.derive("carrier roles", 8 * count), dtype=">u8")
        order = np.argsort(draw, kind="stable")
        self.data, self.sync = order[:CODE_BITS], order[CODE_BITS:]
        moves = np.frombuffer(key.derive("time slots", 2 * SLOTS), dtype=np.uint8)
        self.hops = (moves % SHIFT_GRID).reshape(SLOTS, 2)
        self._beginnings = key.derive("beginnings", 32)

    def phases(self, payload: Payload, mark: int) -> Phases:
        """float64[K]: the phases that carry `mark`; a code bit 1 turns its carrier by half a cycle."""
        out = self.theta.copy()
        out[self.data] += np.pi * encode(payload.bits(mark))
        return out

    def hops_of(self, mark: int) -> npt.NDArray[np.uint8]:
        """uint8[SLOTS, 2]: where the tile of `mark` stands in each slot.

        Every mark begins elsewhere, so that the average of the first seconds of many releases shows nothing. From there
        the moves are those of the key, by which a reader that knows no mark yet still adds up slots.
        """
        # HMAC as a random function of the mark; bytes 0 .. 255 fall on 64 places evenly.
        start = hmac.new(self._beginnings, mark.to_bytes(8, "big"), hashlib.sha256).digest()[:2]
        return (self.hops + np.frombuffer(start, dtype=np.uint8)) % SHIFT_GRID

    def unmoved(self, amplitudes: Amplitudes, t_s: float, mark: int) -> Amplitudes:
        """complex128[K] amplitudes seen at a time, with the shift of the mark's time slot taken out."""
        hop = self.hops_of(mark)[math.floor(t_s / SLOT_S) % SLOTS] / SHIFT_GRID
        still: Amplitudes = amplitudes * np.exp(-2j * np.pi * (frequencies() @ hop))
        return still
