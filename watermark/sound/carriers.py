"""What the key decides in sound: which cells of each slot carry which bit, and the sign of every cell."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from watermark.keys import Key
from watermark.payload import Payload
from watermark.polar import CODE_BITS, encode
from watermark.sound.grid import BANDS, CELLS, CYCLE_ROWS, SLOTS

Signs = npt.NDArray[np.int8]


class SoundCarriers:
    """The secret signs and roles of one key.

    Attributes: `signs` int8[SLOTS, CELLS] of +-1, cells ordered by row, then band; `data` int64[SLOTS, 512],
    the cell that carries each code bit in each slot; `sync` int64[SLOTS, CELLS - 512], the cells whose sign
    is the same for every mark.
    """

    def __init__(self, key: Key) -> None:
        signs, orders = [], []
        for slot in range(SLOTS):
            raw = np.frombuffer(key.derive(f"sound signs {slot}", CELLS // 8), dtype=np.uint8)
            signs.append(1 - 2 * np.unpackbits(raw).astype(np.int8))
            draw = np.frombuffer(key.derive(f"sound roles {slot}", 4 * CELLS), dtype=">u4")
            orders.append(np.argsort(draw, kind="stable"))
        self.signs: Signs = np.stack(signs)
        order = np.stack(orders)
        self.data, self.sync = order[:, :CODE_BITS], order[:, CODE_BITS:]

    def cells(self, payload: Payload, mark: int) -> Signs:
        """int8[CYCLE_ROWS, BANDS]: +1 where `mark` raises a cell, -1 where it lowers it."""
        out = self.signs.copy()
        code = 1 - 2 * encode(payload.bits(mark)).astype(np.int8)
        np.put_along_axis(out, self.data, np.take_along_axis(out, self.data, axis=1) * code, axis=1)
        return out.reshape(CYCLE_ROWS, BANDS)

    def sync_cells(self) -> Signs:
        """int8[CYCLE_ROWS, BANDS]: the signs of the synchronisation cells, 0 elsewhere."""
        out = np.zeros_like(self.signs)
        np.put_along_axis(out, self.sync, np.take_along_axis(self.signs, self.sync, axis=1), axis=1)
        return out.reshape(CYCLE_ROWS, BANDS)
