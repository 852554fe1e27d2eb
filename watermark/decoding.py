"""From what windows show of the tile to the mark it carries, with a bound on its being chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from watermark.bounds import ALL_MARKS, needed_total, tail_of
from watermark.carriers import Carriers
from watermark.code_words import MORE_PATHS, PATHS, first_valid
from watermark.known_marks import KnownMarks
from watermark.lattice import frequencies
from watermark.payload import Payload
from watermark.polar import Bits, decode, decode_each
from watermark.spectrum import Lines
from watermark.synchronisation import Sighting

P_ACCEPT = 5e-11
"""A mark is reported only if the bound on its being chance, all attempts of the file counted, is at most
this.
"""

P_ACCEPT_KNOWN = 3e-11
"""The same for a mark that is chosen from a list; both together keep an unmarked hour below 1e-9."""

_TOGETHER = 8  # lists that are made side by side: most of a short one is overhead, and more would leave the cache
_NEAR_CYCLES = 4.0  # how far a carrier's reliability is learnt from
_PRIOR_CARRIERS = 4.0  # the mean of all weighs as much as this many carriers close by
_LEAST_WEIGHT = 0.15


class Decoded(NamedTuple):
    """A mark, the bound on its being chance, and the sightings whose sum showed it."""

    mark: int
    p_false: float
    sightings: Sequence[Sighting]


class Decoder:
    """Decodes sums of sightings and counts how often it tried, for every attempt is another chance of error."""

    def __init__(self, carriers: Carriers, payload: Payload, known: KnownMarks) -> None:
        self.attempts = 0
        self._known = known
        self._carriers = carriers
        self._payload = payload
        # Left and right are alike to lenses, codecs and scalers, across and along are not.
        place = np.abs(frequencies()).astype(np.float64)
        distance = place[carriers.data][:, None] - place[carriers.sync][None, :]
        self._near = np.exp(-(distance**2).sum(axis=2) / (2 * _NEAR_CYCLES**2))

    def decode(self, sightings: Sequence[Sighting], *, thorough: bool) -> Decoded | None:
        """The mark that the weighted sum of the sightings shows; None if check or bound fails.

        thorough: whether more paths are worth it where the first ones show nothing.
        """
        data = self._data(sightings)
        for paths in (PATHS, MORE_PATHS) if thorough else (PATHS,):
            decoded = self._first(decode(self._soft(data), paths), data, sightings)
            if decoded is not None:
                return decoded
        return self._among_known(data, sightings)

    def first_of(self, groups: Sequence[Sequence[Sighting]]) -> Decoded | None:
        """What `decode` makes of the first group of which it makes something, the others not counted as attempts."""
        for start in range(0, len(groups), _TOGETHER):
            some = groups[start : start + _TOGETHER]
            data = [self._data(group) for group in some]
            lists = decode_each(np.stack([self._soft(each) for each in data]), PATHS)
            for words, each, group in zip(lists, data, some, strict=True):
                decoded = self._first(words, each, group) or self._among_known(each, group)
                if decoded is not None:
                    return decoded
        return None

    def _first(self, words: Sequence[Bits], data: Lines, sightings: Sequence[Sighting]) -> Decoded | None:
        """The best word that is no chance and whose check holds; one more attempt."""
        self.attempts += 1
        amplitudes = np.abs(data)
        needed = needed_total(amplitudes, P_ACCEPT, ALL_MARKS * self.attempts)
        word = first_valid(words, self._soft(data), needed, self._payload)
        if word is None:
            return None
        p_false = min(P_ACCEPT, tail_of(amplitudes, word.agreeing, ALL_MARKS * self.attempts))
        return Decoded(word.mark, p_false, sightings)

    def _among_known(self, data: Lines, sightings: Sequence[Sighting]) -> Decoded | None:
        """That of the known marks which the sum shows; the attempt has been counted."""
        if not self._known:
            return None
        mark, agreeing = self._known.best(self._soft(data))
        p_false = tail_of(np.abs(data), agreeing, float(len(self._known) * self.attempts))
        return Decoded(mark, p_false, sightings) if p_false <= P_ACCEPT_KNOWN else None

    def _data(self, sightings: Sequence[Sighting]) -> Lines:
        """complex128[512]: the data carriers of the weighted sum, each as far as it is to be believed."""
        total = np.sum([s.score * s.still for s in sightings], axis=0)
        data: Lines = total[self._carriers.data] * self._reliability(total)
        return data

    def _soft(self, data: Lines) -> npt.NDArray[np.float64]:
        """float64[512]: positive where a code bit is rather 0."""
        soft: npt.NDArray[np.float64] = (data * np.exp(-1j * self._carriers.theta[self._carriers.data])).real
        return soft

    def _reliability(self, total: Lines) -> npt.NDArray[np.float64]:
        """float64[512] > 0: how clearly the synchronisation carriers near each data carrier agree with the key.

        What a codec or a scaler took from some frequencies it took from both kinds alike, so the known ones tell how
        far to believe the others. Only synchronisation carriers enter, so the bound of `watermark.bounds` stands.
        """
        known = (total * np.exp(-1j * self._carriers.theta))[self._carriers.sync].real
        mean = float(known.mean())
        near = (self._near @ known + _PRIOR_CARRIERS * mean) / (self._near.sum(axis=1) + _PRIOR_CARRIERS)
        if mean <= 0:
            return np.ones(len(near))
        weights: npt.NDArray[np.float64] = np.maximum(near / mean, _LEAST_WEIGHT)
        return weights
