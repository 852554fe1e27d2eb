"""From a decoder's list to the mark: the word that is no chance and whose check holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from watermark.payload import Payload
from watermark.polar import Bits, encode

PATHS, MORE_PATHS = 32, 2048
"""Of the list decoder: six milliseconds, and twelve times as much."""


class Word(NamedTuple):
    """A mark, and the sum of the soft bits by the signs of its code word."""

    mark: int
    agreeing: float


def first_valid(words: Sequence[Bits], soft: npt.NDArray[np.float64], needed: float, payload: Payload) -> Word | None:
    """The first of uint8[96] words, best first, that agrees with float64[512] soft bits by `needed`, its check held.

    The bound comes first: of a list of thousands, few words reach it, and no others' check of 32 bits is tried.
    """
    if _agreement(words[0], soft) < needed:
        return None
    for bits, agreeing in zip(words, _agreement(np.stack(words), soft), strict=True):
        if agreeing < needed:
            return None  # the words are in order, so none of the others reaches it
        mark = payload.mark(bits)
        if mark is not None:
            return Word(mark, float(agreeing))
    return None


def _agreement(words: Bits, soft: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """float64[...]: the sum of the soft bits by the signs of the code words of uint8[..., 96]."""
    agreeing: npt.NDArray[np.float64] = (1.0 - 2.0 * encode(words)) @ soft
    return agreeing
