"""From cells to marks: soft bits, the decoder, and how surely a mark is there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from watermark.bounds import ALL_MARKS, tail
from watermark.keys import Key
from watermark.payload import Payload
from watermark.polar import CODE_BITS, decode, encode
from watermark.sound.carriers import Signs, SoundCarriers
from watermark.sound.grid import BANDS, CELLS, CYCLE_ROWS, SLOTS, Floats
from watermark.sound.synchronisation import Cells

_LIST_SIZE = 32  # reads at a score lower by 0.6 than a list of eight would, for a quarter more time


@dataclass(frozen=True)
class Agreement:
    """For each of R rows, float64[R]: the sum over its data cells, and over its synchronisation cells, of value times
    wanted sign, and of the squares of the values.
    """

    data: Floats
    data_energy: Floats
    sync: Floats
    sync_energy: Floats

    def score(self, rows: npt.NDArray[np.bool_] | slice = slice(None)) -> float:
        """The score of the data cells of some rows, see `watermark.bounds`."""
        return _ratio(float(self.data[rows].sum()), float(self.data_energy[rows].sum()))


class Reader:
    """Reads the marks of one key; counts how often it has tried."""

    def __init__(self, key: Key) -> None:
        self.carriers = SoundCarriers(key)
        self._payload = Payload(key)
        self._attempts = 0
        bits = np.full((SLOTS, CELLS), CODE_BITS, dtype=np.int64)
        np.put_along_axis(bits, self.carriers.data, np.arange(CODE_BITS)[None], axis=1)
        self._bit = bits.reshape(CYCLE_ROWS, BANDS)
        self._signs = self.carriers.signs.reshape(CYCLE_ROWS, BANDS)

    def decode(self, cells: Cells) -> tuple[int, float] | None:
        """The mark that the cells show and the bound on its being chance; None if there is no valid word."""
        self._attempts += 1
        bits = self._bit[cells.rows].reshape(-1)
        signed = (cells.values * self._signs[cells.rows]).reshape(-1).astype(np.float64)
        soft = np.bincount(bits, signed, minlength=CODE_BITS + 1)[:CODE_BITS].astype(np.float64)
        energy = float(np.square(signed[bits < CODE_BITS]).sum())
        for word in decode(soft, _LIST_SIZE):
            mark = self._payload.mark(word)
            if mark is not None:
                score = _ratio(float(soft @ (1.0 - 2.0 * encode(word))), energy)
                return mark, tail(score, ALL_MARKS * self._attempts)
        return None

    def signs(self, mark: int) -> Signs:
        """int8[CYCLE_ROWS, BANDS]: what `mark` does to each cell."""
        return self.carriers.cells(self._payload, mark)

    def agreement(self, cells: Cells, signs: Signs) -> Agreement:
        """How the rows agree with the signs of a mark."""
        agree = (cells.values * signs[cells.rows]).astype(np.float64)
        energy = np.square(agree)
        data = self._bit[cells.rows] < CODE_BITS
        return Agreement(
            (agree * data).sum(axis=1),
            (energy * data).sum(axis=1),
            (agree * ~data).sum(axis=1),
            (energy * ~data).sum(axis=1),
        )


def _ratio(total: float, energy: float) -> float:
    return total / float(np.sqrt(energy)) if energy > 0 else 0.0
