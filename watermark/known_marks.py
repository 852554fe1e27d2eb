"""Marks that were given out: whoever holds the list needs less of a picture to tell which of them it carries.

A reader that knows no mark chooses among 2**64; with a registry's list it chooses among thousands, and the same bound
asks for a T of about 8.5 in place of 11. To compare with every code word of the list is the best decoder there is.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from watermark.payload import Payload
from watermark.polar import encode

MOST = 20_000
"""So many marks may be known: each weighs two kilobytes, and all are compared for every place that is tried."""


class KnownMarks:
    """At most `MOST` marks of one key, the first of those given; their code words are made when first asked for."""

    def __init__(self, marks: Iterable[int], payload: Payload) -> None:
        self._marks = list(dict.fromkeys(marks))[:MOST]
        self._payload = payload

    def __len__(self) -> int:
        return len(self._marks)

    def best(self, soft: npt.NDArray[np.float64]) -> tuple[int, float]:
        """The mark whose code word agrees best with float64[512] soft bits (positive for 0), and their sum by its
        signs. There must be at least one mark.
        """
        agreeing = self._signs @ soft.astype(np.float32)
        place = int(agreeing.argmax())
        return self._marks[place], float(self._signs[place].astype(np.float64) @ soft)

    @functools.cached_property
    def _signs(self) -> npt.NDArray[np.float32]:
        """float32[n, 512] of +-1."""
        bits = np.stack([self._payload.bits(mark) for mark in self._marks])
        return 1 - 2 * encode(bits).astype(np.float32)
