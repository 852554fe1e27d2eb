"""How unlikely a score is by chance, as a bound that holds for every picture.

A score is T = sum_k a_k cos(t_k) / sqrt(sum_k a_k**2 / 2), where a_k >= 0 come from the picture and t_k is
the angle between what the picture holds at carrier k and the carrier's secret phase. For a picture that was
not made with the key the t_k are independent and uniform whatever the picture is. E exp(s a cos t) = I0(s a)
<= exp(s**2 a**2 / 4), so T is sub-Gaussian with variance proxy 1 and P(T >= x) <= exp(-x**2 / 2) (Chernoff).
Trying N alternatives multiplies the bound by N, however they depend on each other.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from watermark.payload import MARK_BITS

Amplitudes = npt.NDArray[np.float64]

_SLOPES = np.linspace(1.0, 1.6, 13)  # times the s that would be best if all cosines were Gaussian
_LARGEST = 500.0


def tail(score: float, alternatives: float) -> float:
    """Bound on the probability that the best of `alternatives` scores reaches `score` by chance; <= 1."""
    if score <= 0:
        return 1.0
    return min(1.0, math.exp(min(0.0, math.log(alternatives) - score * score / 2)))


def tail_of(amplitudes: Amplitudes, total: float, alternatives: float) -> float:
    """Bound on the probability that the best of `alternatives` sums of a_k cos(t_k) reaches `total` by chance; <= 1.

    amplitudes: float64[n] of a_k >= 0. As `tail`, but with E exp(s a cos t) = I0(s a) itself in place of its bound
    exp(s**2 a**2 / 4): near the threshold, where every carrier must agree well, a tenth of that or less. Every s > 0
    gives a bound; a few near the best are tried.
    """
    if total <= 0:
        return 1.0
    slopes = 2 * total / float((amplitudes**2).sum()) * _SLOPES
    exponent = float((_log_i0(slopes[:, None] * amplitudes).sum(axis=1) - slopes * total).min())
    return min(1.0, math.exp(min(0.0, math.log(alternatives) + exponent)))


def needed_total(amplitudes: Amplitudes, p: float, alternatives: float) -> float:
    """The sum of a_k cos(t_k) from which on `tail_of` says at most p, or a little more than that."""
    energy = float((amplitudes**2).sum())
    if energy == 0:
        return math.inf
    least = math.log(alternatives) - math.log(p)
    slopes = 2 * math.sqrt(least / energy) * _SLOPES
    return float(((_log_i0(slopes[:, None] * amplitudes).sum(axis=1) + least) / slopes).min())


def _log_i0(x: Amplitudes) -> Amplitudes:
    """ln I0, without overflow: I0(x) <= exp(x) far beyond where `np.i0` ends."""
    bounded: Amplitudes = np.where(x < _LARGEST, np.log(np.i0(np.minimum(x, _LARGEST))), x)
    return bounded


def needed_score(p: float, alternatives: float) -> float:
    """The score at which `tail` falls to p."""
    return math.sqrt(2 * (math.log(alternatives) - math.log(p)))


ALL_MARKS = 2.0**MARK_BITS
"""A decoder that looks for any mark has this many alternatives, whether it lists them or not."""
