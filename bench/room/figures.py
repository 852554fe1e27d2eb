"""Quantiles, and a number of trials that says what it is worth."""

from __future__ import annotations

import math
from collections.abc import Sequence


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all do not exceed (nearest rank); of few it is the largest."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
