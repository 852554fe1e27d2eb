"""Which mark holds when: the likeliest sequence of marks and of nothing, given how well each agrees over time."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from watermark.sound.grid import Floats

BIN_S = 0.2


@dataclass(frozen=True)
class Stretch:
    """From bin `begin` to bin `end` (not included) the state `state` holds."""

    state: int
    begin: int
    end: int


def stretches(evidence: Floats, change_cost: float) -> list[Stretch]:
    """The stretches of the most likely path through float64[states, bins] of log-likelihoods (Viterbi).

    change_cost: in nats; how much evidence a change of state takes.
    What has equal evidence everywhere, as silence has, is counted to the stretch before it.
    """
    states, bins = evidence.shape
    total = evidence[:, 0].copy()
    origin = np.zeros((bins, states), dtype=np.int64)
    for i in range(1, bins):
        best = int(np.argmax(total))
        change = total[best] - change_cost > total
        origin[i] = np.where(change, best, np.arange(states))
        total = np.where(change, total[best] - change_cost, total) + evidence[:, i]
    path = np.zeros(bins, dtype=np.int64)
    path[-1] = int(np.argmax(total))
    for i in range(bins - 1, 0, -1):
        path[i - 1] = origin[i, path[i]]
    borders = [0, *(np.flatnonzero(np.diff(path)) + 1).tolist(), bins]
    return [Stretch(int(path[a]), a, b) for a, b in itertools.pairwise(borders)]


def likelihoods(agree: Floats, energy: Floats, mean: float) -> Floats:
    """Log-likelihood ratios, for each element, of a mark against none, of normal values.

    agree: sums of value times sign; energy: sums of squared values; mean: what agree / energy is on average where
    the mark is.
    """
    return agree * mean - energy * (mean * mean / 2)
