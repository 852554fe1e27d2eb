"""How one person forms sounds: a regression from timed phones to their lips, learnt from the consented minute.

The phone table knows an average mouth. What a person does instead, with which lead and how far, is in the footage:
each frame's lips are regressed on the phones around it (ridge, Hoerl and Kennard 1970). Phones depend on no voice, so
what is learnt from the person's own speech serves any synthesiser; sounds the minute did not hold keep the table.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from avatars.engine.geometry import MODES, Reals
from avatars.speech import INVENTORY, Phone, mouth_track

SYMBOLS = tuple(sorted(INVENTORY))
TARGETS = 2 + MODES  # opening and width in shares of the person's range, then the modes
_TRAITS = 6
_STEP_S, _BLUR_S = 0.01, 0.025
_AROUND = tuple(range(-28, 29, 4))  # steps before and after the frame that are looked at
FEATURES = len(_AROUND) * (len(SYMBOLS) + _TRAITS)
_RIDGE = 700.0
_LEAST_SPOKEN_S = 12.0  # less speech than this teaches noise
_FAMILIAR_S = 0.25  # a sound heard for less than this is taken from the table


@dataclass(frozen=True)
class Habits:
    """The regression. `mean`, `scale` float64 [FEATURES]; `weights` [FEATURES, TARGETS]; `usual` [TARGETS];
    `heard_s` [len(SYMBOLS)]: seconds of each sound in the footage. Empty arrays when nothing was learnt.
    """

    mean: Reals
    scale: Reals
    weights: Reals
    usual: Reals
    heard_s: Reals

    @classmethod
    def none(cls) -> Habits:
        """Nothing is known of the person: the table alone."""
        empty = np.zeros(0)
        return cls(empty, empty, np.zeros((0, TARGETS)), np.zeros(TARGETS), np.zeros(len(SYMBOLS)))

    @property
    def learnt(self) -> bool:
        return len(self.mean) > 0

    def lips(self, phones: tuple[Phone, ...], fps: float, frames: int) -> tuple[Reals, Reals, Reals]:
        """Opening [n], width [n] and modes [n, MODES] at the centre of each of `frames` frames."""
        table = mouth_track(phones, fps, frames)
        if not self.learnt:
            return table.opening, table.width, np.zeros((frames, MODES))
        seen = (features(phones, fps, frames) - self.mean) / self.scale
        own = seen @ self.weights + self.usual
        known = self._familiar(phones, fps, frames)
        return (
            known * own[:, 0] + (1 - known) * table.opening,
            known * own[:, 1] + (1 - known) * table.width,
            known[:, None] * own[:, 2:],
        )

    def _familiar(self, phones: tuple[Phone, ...], fps: float, frames: int) -> Reals:
        """1 where the sounds around a frame were heard in the footage, 0 where they were not."""
        heard = self.heard_s >= _FAMILIAR_S
        track, centres = _spread(phones, fps, frames)
        return np.asarray(np.clip(gaussian_filter1d(track @ heard.astype(float), 4, axis=0)[centres], 0, 1))


def learn_habits(phones: tuple[Phone, ...], fps: float, targets: Reals, good: NDArray[np.bool_]) -> Habits:
    """Fit the regression on footage whose sounds are timed.

    Args:
        targets: float64 [n, TARGETS] per frame.
        good: bool [n], frames to learn from.
    """
    spoken = sum(phone.end_s - phone.start_s for phone in phones if phone.symbol != "sil")
    if spoken < _LEAST_SPOKEN_S or np.count_nonzero(good) < 10 * fps:
        return Habits.none()
    seen, wanted = features(phones, fps, len(targets))[good], targets[good]
    mean, spread = seen.mean(axis=0), seen.std(axis=0)
    scale = np.where(spread > 1e-3, spread, np.inf)  # a sound that never came has no say
    normal = (seen - mean) / scale
    usual = wanted.mean(axis=0)
    weights = np.linalg.solve(
        normal.T @ normal + _RIDGE * len(wanted) / 1000 * np.eye(normal.shape[1]), normal.T @ (wanted - usual)
    )
    heard = np.zeros(len(SYMBOLS))
    for phone in phones:
        heard[SYMBOLS.index(phone.symbol)] += phone.end_s - phone.start_s
    return Habits(mean, np.where(np.isfinite(scale), scale, 1e12), weights, usual, heard)


def features(phones: tuple[Phone, ...], fps: float, frames: int) -> Reals:
    """What sounds around each frame: float64 [frames, FEATURES], one block per moment in `_AROUND`."""
    track, centres = _spread(phones, fps, frames)
    whole = np.concatenate([track, track @ _traits()], axis=1)
    moments = [whole[np.clip(centres + offset, 0, len(whole) - 1)] for offset in _AROUND]
    return np.concatenate(moments, axis=1)


def _spread(phones: tuple[Phone, ...], fps: float, frames: int) -> tuple[Reals, NDArray[np.int64]]:
    """Which phone sounds, softened over time, float64 [steps, SYMBOLS], and the step of each frame's centre."""
    steps = max(math.ceil(frames / fps / _STEP_S), 1)
    track = np.zeros((steps, len(SYMBOLS)))
    for phone in phones:
        start = round(phone.start_s / _STEP_S)
        track[start : max(start + 1, round(phone.end_s / _STEP_S)), SYMBOLS.index(phone.symbol)] = 1
    centres = np.minimum(((np.arange(frames) + 0.5) / fps / _STEP_S).astype(np.int64), steps - 1)
    return gaussian_filter1d(track, _BLUR_S / _STEP_S, axis=0), centres


def _traits() -> Reals:
    """What the table says of each sound, float64 [SYMBOLS, _TRAITS]: rare sounds lean on their like."""
    rows = []
    for symbol in SYMBOLS:
        sound = INVENTORY[symbol]
        end = sound.mouth_to or sound.mouth
        rows.append(
            (
                sound.mouth.opening,
                end.opening,
                sound.mouth.width,
                sound.mouth.closed,
                symbol == "sil",
                sound.voicing >= 1,
            )
        )
    return np.asarray(rows, np.float64)
