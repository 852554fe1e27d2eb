"""From cells to marks: soft bits, the decoder, and how surely a mark is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

from watermark.bounds import ALL_MARKS, needed_score, tail
from watermark.code_words import MORE_PATHS, PATHS, first_valid
from watermark.keys import Key
from watermark.known_marks import KnownMarks
from watermark.payload import Payload
from watermark.polar import CODE_BITS, decode
from watermark.sound.carriers import Signs, SoundCarriers
from watermark.sound.grid import BANDS, CELLS, CYCLE_ROWS, SLOTS, Floats
from watermark.sound.synchronisation import Cells

P_ACCEPT = 5e-12
"""A mark is reported only if the bound on its being chance, all attempts counted, is at most this; the same holds by
itself for marks that are chosen from a list.
"""

_NEAR_BANDS = 1.0  # standard deviation over which a band's reliability is learnt
_PRIOR_BANDS = 1.0  # the mean of all weighs as much as this many bands
_LEAST_WEIGHT = 0.1


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
    """Reads the marks of one key; counts how often it has tried. known: marks that were given out, `KnownMarks`."""

    def __init__(self, key: Key, known: Sequence[int] = ()) -> None:
        self.carriers = SoundCarriers(key)
        self._payload = Payload(key)
        self._known = KnownMarks(known, self._payload)
        self._attempts = 0
        bits = np.full((SLOTS, CELLS), CODE_BITS, dtype=np.int64)
        np.put_along_axis(bits, self.carriers.data, np.arange(CODE_BITS)[None], axis=1)
        self._bit = bits.reshape(CYCLE_ROWS, BANDS)
        self._signs = self.carriers.signs.reshape(CYCLE_ROWS, BANDS)

    def decode(self, cells: Cells) -> tuple[int, float] | None:
        """The mark that the cells show and the bound on its being chance, at most `P_ACCEPT`; None if none is shown."""
        bits = self._bit[cells.rows]
        signed = (cells.values * self._signs[cells.rows]).astype(np.float64)
        signed *= _reliability(signed, bits == CODE_BITS)
        data = bits < CODE_BITS
        soft = np.bincount(bits[data], signed[data], minlength=CODE_BITS).astype(np.float64)
        energy = float(np.square(signed[data]).sum())
        for paths in (PATHS, MORE_PATHS):
            self._attempts += 1
            needed = needed_score(P_ACCEPT, ALL_MARKS * self._attempts) * float(np.sqrt(energy))
            word = first_valid(decode(soft, paths), soft, needed, self._payload)
            if word is not None:
                return word.mark, tail(_ratio(word.agreeing, energy), ALL_MARKS * self._attempts)
        return self._among_known(soft, energy)

    def _among_known(self, soft: Floats, energy: float) -> tuple[int, float] | None:
        if not self._known:
            return None
        mark, agreeing = self._known.best(soft)
        p_false = tail(_ratio(agreeing, energy), float(len(self._known) * self._attempts))
        return (mark, p_false) if p_false <= P_ACCEPT else None

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


def _reliability(signed: Floats, sync: npt.NDArray[np.bool_]) -> Floats:
    """float64[BANDS] > 0: how clearly the synchronisation cells of each band agree with the key.

    Noise, music and codecs take some bands and leave others. Only synchronisation cells enter, whose signs are
    independent of those of the data cells, so the bound of `watermark.bounds` stands.

    signed: float64[R, BANDS], values by their secret signs; sync: bool[R, BANDS], which of them carry no bit.
    """
    agree, energy = (np.where(sync, values, 0.0).sum(axis=0) for values in (signed, np.square(signed)))
    if agree.sum() <= 0:
        return np.ones(BANDS)
    mean, prior = agree.sum() / energy.sum(), _PRIOR_BANDS * energy.mean()
    agree, energy = (gaussian_filter1d(values, _NEAR_BANDS, mode="nearest") for values in (agree, energy))
    weights: Floats = np.maximum((agree + mean * prior) / (energy + prior) / mean, _LEAST_WEIGHT)
    return weights
