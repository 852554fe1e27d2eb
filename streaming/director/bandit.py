"""Which block to try: Thompson sampling over approved blocks, with fading memory and a floor of exploration.

Thompson 1933, with normal rewards as in Agrawal and Goyal 2013; discounting for changing audiences: Raj and
Kalyani 2017. A bandit chooses among what legal approved; it writes nothing and knows nothing of single viewers.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BanditSettings:
    """`fading` 0.9..1: weight kept of the past at each reward. `exploration` 0..1: share of choices at random.

    `draws`: samples by which the propensity of a choice is estimated (standard error <= 0.5 / sqrt(draws)).
    """

    fading: float = 0.98
    exploration: float = 0.05
    draws: int = 128


@dataclass(slots=True)
class Arm:
    """What is known of one block: faded number of rewards, their sum and the sum of their squares."""

    seen: float = 0.0
    total: float = 0.0
    squares: float = 0.0


# The prior counts as one reward at the common mean; one block's rewards differ at least so much.
_PRIOR = 1.0
_LEAST_SPREAD = 0.03
_FIRST_SPREAD = 0.25
_Posterior = Mapping[str, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Pick:
    """The choice, whether it was exploration, and how likely each option was to be chosen."""

    choice: str
    explored: bool
    propensities: Mapping[str, float]
    sampled: Mapping[str, float]


def learn(arms: Mapping[str, Arm], item_id: str, reward: float, settings: BanditSettings) -> None:
    """Fade every arm once and add `reward` (0..1) to one of them."""
    for arm in arms.values():
        arm.seen *= settings.fading
        arm.total *= settings.fading
        arm.squares *= settings.fading
    arm = arms[item_id]
    arm.seen, arm.total, arm.squares = arm.seen + 1, arm.total + reward, arm.squares + reward * reward


def means(arms: Mapping[str, Arm]) -> dict[str, float]:
    """Expected reward of each block, drawn to the mean of all while little is known of it (1/2 at the start)."""
    seen = sum(arm.seen for arm in arms.values())
    common = (sum(arm.total for arm in arms.values()) + 0.5 * _PRIOR) / (seen + _PRIOR)
    return {name: (arm.total + common * _PRIOR) / (arm.seen + _PRIOR) for name, arm in arms.items()}


def pick(arms: Mapping[str, Arm], options: Sequence[str], settings: BanditSettings, rng: random.Random) -> Pick:
    """Choose among `options` (not empty); the same generator state gives the same choice."""
    posterior = _posterior(arms)
    explored = rng.random() < settings.exploration
    sampled = _sample(posterior, options, rng)
    choice = rng.choice(options) if explored else max(options, key=lambda name: sampled[name])
    wins = dict.fromkeys(options, 0)
    for _ in range(settings.draws):
        drawn = _sample(posterior, options, rng)
        wins[max(options, key=lambda name: drawn[name])] += 1
    floor = settings.exploration / len(options)
    share = (1 - settings.exploration) / settings.draws
    propensities = {name: round(floor + share * wins[name], 4) for name in options}
    return Pick(choice, explored, propensities, {name: round(value, 4) for name, value in sampled.items()})


def _sample(
    posterior: Mapping[str, tuple[float, float]], options: Sequence[str], rng: random.Random
) -> dict[str, float]:
    """One draw of each block's mean."""
    return {name: rng.gauss(*posterior[name]) for name in options}


def _posterior(arms: Mapping[str, Arm]) -> _Posterior:
    """Mean and deviation of each block's expected reward: normal, with the spread common to all blocks.

    A block's reward is already a mean over its viewers, so a normal fits better than coin tosses would.
    """
    spread, expected = _spread(arms), means(arms)
    return {name: (expected[name], spread / (arm.seen + _PRIOR) ** 0.5) for name, arm in arms.items()}


def _spread(arms: Mapping[str, Arm]) -> float:
    """Standard deviation of rewards around the mean of their own block, over all blocks."""
    seen = sum(arm.seen for arm in arms.values())
    within = sum(arm.squares - arm.total * arm.total / arm.seen for arm in arms.values() if arm.seen > 0)
    known = max(seen - len(arms), 0.0)
    return max(math.sqrt((within + _FIRST_SPREAD**2) / (known + 1)), _LEAST_SPREAD)
